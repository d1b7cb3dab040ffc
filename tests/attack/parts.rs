//! The other parts in an attack: who provisions a key, the bot, and who is left in the bot's old session.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write, stdin};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use signbox_keyring::{Keyring, add, join_fresh_session};

use crate::{attempt, unhex};

/// In a fresh session: lets a key be added for each line, tells its serial, and at an empty line becomes `program`.
pub(crate) fn provision(program: &[&str]) {
    join_fresh_session().unwrap();
    loop {
        let line = line();
        if line.is_empty() {
            become_program(program);
        }
        // Not by this process: its program file would pin its process keyring, with a link to the key, also
        // after the exec (the kernel opens the file with the credentials of before). A claim sees that link.
        let (mut adding, mut child) = start(Command::new(std::env::current_exe().unwrap()).arg("add"));
        let serial = adding.ask(&line);
        child.wait().unwrap(); // nor does one that nobody waits for let go of its keyring
        say(&serial);
    }
}

/// Adds the key of a line `KEYRING DESCRIPTION HEX SECONDS`.
pub(crate) fn add_key() {
    let line = line();
    let words: Vec<&str> = line.split_whitespace().collect();
    let [ring, description, payload, seconds] = words[..] else { panic!("four words") };
    let ring = if ring == "@u" { Keyring::User } else { Keyring::Session };
    let key = add(ring, description, &unhex(payload), &mut [0; 4096]).unwrap();
    if seconds != "0" {
        key.set_timeout(seconds.parse().unwrap()).unwrap();
    }
    say(&key.serial().to_string());
}

/// Reads no further than the end of the line: the rest is for the program that comes after.
fn line() -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while nix::unistd::read(stdin(), &mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

pub(crate) fn become_program(program: &[&str]) {
    panic!("{}", Command::new(program[0]).args(&program[1..]).exec());
}

/// The bot: has a signer, started by itself or by `signbox run`, and tells its process id. It passes lines to it,
/// attempts itself what a line asks for after `!`, and lets the witness attempt what a line asks for after `?`.
pub(crate) fn bot(arguments: &[&str]) {
    let (mut signer, pid) = match pair_of("SIGNBOX_FDS") {
        Some(signer) => (signer, child_called("signbox-signer")),
        None => {
            let (signer, child) = start(Command::new(arguments[0]).args(&arguments[1..]));
            (signer, child.id())
        }
    };
    let mut witness = pair_of(WITNESS);
    say(&pid.to_string());
    for line in stdin().lines().map(Result::unwrap) {
        if let Some(asked) = line.strip_prefix('!') {
            say(&attempt(&asked.split(' ').collect::<Vec<_>>()));
        } else if let Some(asked) = line.strip_prefix('?') {
            say(&witness.as_mut().unwrap().ask(asked));
        } else {
            say(&signer.ask(&line));
        }
    }
}

/// Starts one who stays in this session and attempts what it is asked to, then becomes `program`.
pub(crate) fn witness(program: &[&str]) {
    let (witness, _) = start(Command::new(std::env::current_exe().unwrap()).arg("obey"));
    let (output, input) = (witness.output.into_inner(), witness.input);
    let numbers = format!("{},{}", output.as_raw_fd(), input.as_raw_fd());
    for end in [OwnedFd::from(output), OwnedFd::from(input)] {
        fcntl(&end, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        std::mem::forget(end);
    }
    panic!("{}", Command::new(program[0]).args(&program[1..]).env(WITNESS, numbers).exec());
}

const WITNESS: &str = "ATTACKER_WITNESS_FDS";

pub(crate) fn obey() {
    for line in stdin().lines().map(Result::unwrap) {
        say(&attempt(&line.split(' ').collect::<Vec<_>>()));
    }
}

fn say(what: &str) {
    println!("{what}");
}

/// Another process, to ask.
struct Pair {
    input: File,
    output: BufReader<File>,
}

fn start(command: &mut Command) -> (Pair, Child) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = File::from(OwnedFd::from(child.stdin.take().unwrap()));
    let output = BufReader::new(File::from(OwnedFd::from(child.stdout.take().unwrap())));
    (Pair { input, output }, child)
}

/// The descriptors that a variable names: where answers come from, where questions go to.
fn pair_of(variable: &str) -> Option<Pair> {
    let numbers = std::env::var(variable).ok()?;
    let (output, input) = numbers.split_once(',').unwrap();
    // SAFETY: whoever set the variable left these descriptors open for us.
    let [output, input] = [output, input].map(|fd| unsafe { File::from_raw_fd(fd.parse().unwrap()) });
    Some(Pair { input, output: BufReader::new(output) })
}

fn child_called(name: &str) -> u32 {
    let me = format!("PPid:\t{}\n", std::process::id());
    let is_it = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|status| status.contains(&me) && status.starts_with(&format!("Name:\t{name}\n")))
    };
    let all = fs::read_dir("/proc").unwrap();
    all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).find(is_it).unwrap()
}

impl Pair {
    /// One line back for one line; nothing if the other side has ended.
    fn ask(&mut self, line: &str) -> String {
        let _ = writeln!(self.input, "{line}");
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}
