//! The real signer on the real kernel: a fresh session, keys in it, a running signer.

#![allow(dead_code)] // no ring uses all of it

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use signbox_keyring::{Key, Keyring, add, description, join_fresh_session};

/// Gives this thread, and the signers it starts, a session without keys. If this machine cannot run the
/// signer, says so and returns false.
pub(crate) fn stage() -> bool {
    let cannot = match join_fresh_session() {
        Ok(()) => {
            put("kraken/probe", "c2VjcmV0");
            let output = command(&["kraken/probe"]).stdin(Stdio::null()).output().unwrap();
            (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
        }
        Err(error) => Some(error.to_string()),
    };
    let Some(why) = cannot else { return true };
    skip(&format!("the signer cannot run here: {why}"));
    false
}

/// Says that a test did not run; with `SIGNBOX_TEST_KERNEL=require` that is a failure.
pub(crate) fn skip(why: &str) {
    let required = std::env::var("SIGNBOX_TEST_KERNEL").as_deref() == Ok("require");
    assert!(!required, "skipped: {why}");
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Puts a key into this thread's session, or a new payload into the key that is there.
pub(crate) fn put(handle: &str, payload: &str) -> Key {
    let (exchange, label) = handle.split_once('/').unwrap();
    add(Keyring::Session, &description(exchange, label), payload.as_bytes(), &mut [0; 32_767]).unwrap()
}

/// A signer that is not started yet.
pub(crate) fn command(arguments: &[&str]) -> Command {
    // Beside the other program; `dash`, which runs the rustc wrapper, drops a variable with '-' in its name.
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_signbox")).with_file_name("signbox-signer"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running signer. Whoever waits for it waits half a minute at most.
pub(crate) struct Signer {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Signer {
    pub(crate) fn start(arguments: &[&str]) -> Signer {
        let mut child = command(arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (send, answers) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if send.send(String::from_utf8(std::mem::take(&mut line)).unwrap()).is_err() {
                    break;
                }
            }
        });
        Signer { child, input, answers }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next answer, without its newline; nothing if there will be none.
    pub(crate) fn answer(&mut self) -> Option<String> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => Some(line.strip_suffix('\n').expect("an answer ends with a newline").to_owned()),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the signer does not answer"),
        }
    }

    /// Ends the input and waits for the end of the program.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.input = None;
        wait(&mut self.child)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a program.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "the signer does not end");
        thread::sleep(Duration::from_millis(2));
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
