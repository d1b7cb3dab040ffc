//! `signbox run`: starts a signer, then becomes the command, in a session keyring without the keys. Between the signer's
//! standard error and our own stands `signbox watch`.

use crate::cli::Run;
use crate::client;
use crate::error::Error;
use crate::output::remark;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::Value;
use signbox_keyring::{self as keyring, Entry, Place};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};

/// Names, for the command, the descriptor it reads answers from and the one it writes requests to.
const FDS: &str = "SIGNBOX_FDS";

pub(crate) fn run(args: &Run) -> Result<ExitCode, Error> {
    let mut signer = Signer::start(args)?;
    match prepare(args, &mut signer) {
        Ok(fds) => Ok(become_command(args, &fds)),
        Err(error) => {
            signer.tell_its_errors();
            Err(error)
        }
    }
}

/// All that can fail before the command starts; returns what it finds in [`FDS`].
fn prepare(args: &Run, signer: &mut Signer) -> Result<String, Error> {
    signer.greet()?;
    if !args.claim {
        remark_open_keys(&args.handles);
    }
    keyring::join_fresh_session()?;
    // Only now: the watcher never stands in the session that has the keys.
    signer.watch()?;
    signer.hand_over()
}

/// Our ends of a signer that will belong to the command.
struct Signer {
    answers: File,
    /// None if `answers` is a socket, which takes requests too.
    requests: Option<File>,
    /// What it writes to standard error. A socket, as no other process of the user can open one through /proc.
    errors: UnixStream,
}

impl Signer {
    /// Starts it while we still stand in the session that has the keys.
    fn start(args: &Run) -> Result<Signer, Error> {
        let mut command = client::command(&args.handles, &args.signer)?;
        command.arg("--run").args(args.claim.then_some("--claim"));
        // Ctrl-C is for the command; the signer ends when the command has.
        command.process_group(0);
        let (errors, theirs) = UnixStream::pair()?;
        command.stderr(OwnedFd::from(theirs));
        if args.socketpair {
            let (ours, theirs) = UnixStream::pair()?;
            spawn(command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs)))?;
            return Ok(Signer { answers: File::from(OwnedFd::from(ours)), requests: None, errors });
        }
        let child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let answers = OwnedFd::from(child.stdout.expect("it was piped"));
        let requests = OwnedFd::from(child.stdin.expect("it was piped"));
        Ok(Signer { answers: File::from(answers), requests: Some(File::from(requests)), errors })
    }

    /// Waits until it has found its keys and raised its walls, so that what fails does so before the command starts.
    fn greet(&mut self) -> Result<(), Error> {
        let mut requests = self.requests.as_ref().unwrap_or(&self.answers);
        let mut line = String::new();
        let asked = requests.write_all(b"{\"v\":1,\"id\":0,\"op\":\"hello\"}\n");
        // One question has one answer: nothing is left in the buffer.
        let answered = asked.and_then(|()| BufReader::new(&self.answers).read_line(&mut line));
        if !answered.is_ok_and(|length| length > 0) {
            // It has said why, and what it said is told.
            return Err(Error::new("the signer did not start, so the command was not started"));
        }
        let answer: Value = serde_json::from_str(&line)
            .map_err(|error| Error::new(format_args!("the signer's answer is not JSON: {error}")))?;
        let keys = answer["hello"]["keys"].as_array().into_iter().flatten();
        match client::error_in(&answer).or_else(|| keys.filter_map(client::error_in).next()) {
            Some(why) => Err(Error::new(format_args!("{why}; the command was not started"))),
            None => Ok(()),
        }
    }

    /// Starts what hands its standard error on, and ends when it does; it holds nothing else of the signer.
    fn watch(&self) -> Result<(), Error> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("watch").stdin(OwnedFd::from(self.errors.try_clone()?)).stdout(Stdio::null());
        // Ctrl-C is for the command, as above.
        spawn(command.process_group(0)).map(drop)
    }

    /// Lets it end, and hands on what it has written to standard error.
    fn tell_its_errors(self) {
        let Signer { answers, requests, mut errors } = self;
        drop((answers, requests));
        let _ = io::copy(&mut errors, &mut io::stderr());
    }

    /// Leaves these descriptors, and no others, open for the command; returns their numbers.
    fn hand_over(&self) -> Result<String, Error> {
        let requests = self.requests.as_ref().unwrap_or(&self.answers);
        for end in [&self.answers, requests] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::empty())).map_err(io::Error::from)?;
        }
        Ok(format!("{},{}", self.answers.as_raw_fd(), requests.as_raw_fd()))
    }
}

/// No program file says EPERM; AppArmor does, where a program would have to leave its profile and may not.
fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM) => {
            "; under no_new_privs (a unit with NoNewPrivileges=yes) AppArmor forbids it: add AppArmorProfile=unconfined to the unit"
        }
        _ => "",
    }
}

fn spawn(command: &mut Command) -> Result<Child, Error> {
    let failed = |error, program: &Command| {
        Error::new(format_args!(
            "cannot start {}: {error}{}",
            program.get_program().to_string_lossy(),
            hint(&error)
        ))
    };
    command.spawn().map_err(|error| failed(error, command))
}

/// Says which keys the command could still read, in whatever session it stands.
fn remark_open_keys(handles: &[String]) {
    // What cannot be listed cannot be remarked on; the signer has found its keys all the same.
    for entry in keyring::list().unwrap_or_default().iter().filter(|entry| entry.open_to_user) {
        let Some((exchange, label)) = keyring::handle_of(&entry.description) else { continue };
        let handle = format!("{exchange}/{label}");
        if handles.contains(&handle) {
            remark(&format!(
                "signbox: remark: '{handle}' is in {}, where the command can read it; use --claim, or add it with \
                 '--keyring session' in a login session",
                place(entry)
            ));
        }
    }
}

fn place(entry: &Entry) -> &'static str {
    match entry.place {
        Place::User => "the user keyring",
        Place::Persistent => "the persistent keyring",
        _ => "a session keyring that is open to every process of the user",
    }
}

/// Returns only if there is no becoming it; the codes are those of a shell.
fn become_command(args: &Run, fds: &str) -> ExitCode {
    let (program, arguments) = args.command.split_first().expect("clap asks for one");
    let error = Command::new(program).args(arguments).env(FDS, fds).exec();
    remark(&format!("signbox: cannot start '{}': {error}{}", program.to_string_lossy(), hint(&error)));
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}
