//! A signer of our own: started over two pipes, asked line by line.

use crate::cli::SignerOptions;
use crate::error::Error;
use crate::service::Service;
use nix::unistd::{Uid, User};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running signer.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Client {
    /// Starts a signer for these keys.
    pub(crate) fn start(handles: &[String], options: &SignerOptions) -> Result<Client, Error> {
        Client::of(&mut command(handles, options)?)
    }

    /// Connects to a service, by way of the signer's program; root as the user whom it answers.
    pub(crate) fn connect(service: &str) -> Result<Client, Error> {
        let mut command = Command::new(signer()?);
        command.args(["--connect", service]);
        if Uid::effective().is_root() {
            let peer = Service::of(service)?.peer;
            let user = User::from_uid(Uid::from_raw(peer)).ok().flatten();
            command.uid(peer).gid(user.map_or(peer, |user| user.gid.as_raw()));
        }
        Client::of(&mut command)
    }

    fn of(command: &mut Command) -> Result<Client, Error> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| {
            Error::new(format_args!("cannot start {}: {error}", command.get_program().to_string_lossy()))
        })?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.expect("it was piped"));
        Ok(Client { child, input, output, asked: 0 })
    }

    /// The signer's process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks for `op`, with a key and a request where it takes them, and returns the whole answer.
    pub(crate) fn ask(
        &mut self,
        op: &str,
        key: Option<&str>,
        request: Option<&Value>,
    ) -> Result<Value, Error> {
        self.ask_as_written(op, key, request.map(Value::to_string).as_deref(), None)
    }

    /// As [`Client::ask`], with a reference where one is stated, and with the request as JSON text in one line: what is odd about it is for the signer to see.
    pub(crate) fn ask_as_written(
        &mut self,
        op: &str,
        key: Option<&str>,
        request: Option<&str>,
        reference: Option<&str>,
    ) -> Result<Value, Error> {
        self.asked += 1;
        let mut line = format!("{{\"v\":1,\"id\":{},\"op\":{}", self.asked, json!(op));
        let string = |text: Option<&str>| text.map(|text| json!(text).to_string());
        for (name, text) in
            [("key", string(key)), ("reference", string(reference)), ("request", request.map(str::to_owned))]
        {
            line.extend(text.map(|text| format!(",\"{name}\":{text}")));
        }
        line.push_str("}\n");
        let mut answer = String::new();
        // A signer that could not start has said why on standard error.
        let ended = || Error::new("the signer ended without an answer");
        let input = self.input.as_mut().expect("it is taken only when the client goes");
        input.write_all(line.as_bytes()).map_err(|_| ended())?;
        if self.output.read_line(&mut answer)? == 0 {
            return Err(ended());
        }
        serde_json::from_str(&answer)
            .map_err(|error| Error::new(format_args!("the signer's answer is not JSON: {error}")))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input ends the signer.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// The text of an answer's error, if it is one.
pub(crate) fn error_in(answer: &Value) -> Option<String> {
    let error = answer.get("error")?;
    let part = |name: &str| error[name].as_str().unwrap_or("?").to_owned();
    Some(format!("{} ({})", part("text"), part("code")))
}

/// The command that starts a signer.
pub(crate) fn command(handles: &[String], options: &SignerOptions) -> Result<Command, Error> {
    let mut command = Command::new(signer()?);
    if let Some(skew) = &options.max_skew {
        command.args(["--max-skew", skew]);
    }
    if let Some(memory) = &options.memory {
        command.args(["--memory", memory]);
    }
    if let Some(state) = &options.state {
        command.arg("--state").arg(state);
    }
    command.args(handles);
    Ok(command)
}

/// The signer's program: beside this one (a developer's build), else where the package installs it.
pub(crate) fn signer() -> Result<PathBuf, Error> {
    let beside = std::env::current_exe()?.with_file_name("signbox-signer");
    let installed = PathBuf::from("/usr/libexec/signbox/signbox-signer");
    if beside.is_file() {
        return Ok(beside);
    }
    match installed.is_file() {
        true => Ok(installed),
        false if built_by_cargo(&beside) => Ok(beside),
        false => Err(Error::new(format_args!(
            "no signbox-signer, neither at {} nor at {}; build it with 'cargo build --release'",
            beside.display(),
            installed.display()
        ))),
    }
}

/// Whether this is `cargo run`, which builds one program only, and the other one could be built too.
fn built_by_cargo(signer: &Path) -> bool {
    let asked = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let ours = asked("CARGO_PKG_NAME").is_some_and(|name| name == env!("CARGO_PKG_NAME"));
    let (Some(cargo), Some(source), true) = (asked("CARGO"), asked("CARGO_MANIFEST_DIR"), ours) else {
        return false;
    };
    let Some(profile) = signer.parent() else { return false };
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--bin", "signbox-signer", "--manifest-path"]);
    build.arg(Path::new(&source).join("Cargo.toml"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    if let Some(target) = profile.parent() {
        build.arg("--target-dir").arg(target);
    }
    build.status().is_ok_and(|status| status.success()) && signer.is_file()
}
