//! The operator's program, run to its end in the session of the test's thread.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// What a run of `signbox` left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `signbox` with nothing to read.
pub(crate) fn signbox(arguments: &[&str]) -> Ran {
    signbox_reading("", arguments)
}

/// Runs `signbox` with this on standard input.
pub(crate) fn signbox_reading(input: &str, arguments: &[&str]) -> Ran {
    feed(command(arguments), input)
}

/// `signbox`, not started yet.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signbox"));
    command.args(arguments);
    command
}

/// Runs a command to its end.
pub(crate) fn feed(mut command: Command, input: &str) -> Ran {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // Who refuses early need not have read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}
