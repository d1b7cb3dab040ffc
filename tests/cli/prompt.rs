//! What a person at a terminal sees of `signbox add`, and what is left of it in memory.

use crate::stage::{Stage, skip};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{Uid, dup};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::process::Child;
use std::thread;

const SECRET: &str = "aSecretThatNobodyElseWrites";
const PUBLIC: &str = "anApiKeyThatLiesInTheArguments";

#[test]
fn the_secret_is_not_shown_and_the_echo_comes_back() {
    in_a_session(|stage| {
        let mut at = Terminal::start(stage, &["add", "binance/main", "--key", "K"]);
        at.read_until("Secret of binance/main (not shown): ");
        assert!(!at.echoes(), "the echo is still on");
        at.type_in(&format!("{SECRET}\n"));
        at.read_until("readable by");
        at.ends_with(0);
        assert!(at.echoes(), "the echo is still off");
        assert!(!at.seen.contains(SECRET) && at.seen.contains("stored binance/main"), "{}", at.seen);
        let shown = stage.run(&["show", "binance/main"], None, None);
        assert!(shown.out.contains("read trade cancel"), "{}{}", shown.out, shown.err);
    });
}

#[test]
fn ctrl_c_ends_the_question_and_brings_the_echo_back() {
    in_a_session(|stage| {
        let mut at = Terminal::start(stage, &["add", "binance/main", "--key", "K"]);
        at.read_until("not shown): ");
        at.type_in("half a sec\x1a\x03"); // Ctrl-Z before it is passed over
        at.read_until("nothing was stored");
        at.ends_with(130);
        assert!(at.echoes(), "the echo is still off");
        assert_eq!(stage.run(&["list"], None, None).out, "");
    });
}

#[test]
fn a_signal_from_outside_brings_the_echo_back_too() {
    in_a_session(|stage| {
        let mut at = Terminal::start(stage, &["add", "binance/main", "--key", "K"]);
        at.read_until("not shown): ");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(at.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        at.ends_with(143);
        assert!(at.echoes(), "the echo is still off");
    });
}

#[test]
fn several_lines_and_an_empty_one_are_refused() {
    for (typed, said) in [
        ("one\ntwo\n", "more than one line was typed"),
        ("\n", "the secret is empty"),
        ("\x04", "nothing was typed"),
        ("a\x1b[Db\n", "the secret holds a control character"),
        (" a\n", "the secret begins or ends with a space"),
    ] {
        in_a_session(|stage| {
            let mut at = Terminal::start(stage, &["add", "binance/main", "--key", "K"]);
            at.read_until("not shown): ");
            at.type_in(typed);
            at.read_until(said);
            at.ends_with(1);
            assert!(at.echoes(), "the echo is still off");
            assert_eq!(stage.run(&["list"], None, None).out, "");
        });
    }
}

#[test]
fn what_was_typed_lies_in_no_memory_that_others_can_read() {
    if !Uid::effective().is_root() {
        return skip("reading the memory of a process that is not dumpable needs root");
    }
    in_a_session(|stage| {
        let mut at = Terminal::start(stage, &["add", "okx/main", "--key", PUBLIC]);
        at.read_until("Secret of okx/main (not shown): ");
        at.type_in(&format!("{SECRET}\n"));
        at.read_until("Passphrase of okx/main (not shown): ");
        let pid = at.child.id();
        let status = fs::metadata(format!("/proc/{pid}/mem")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&status), 0, "the process is dumpable");
        let (found, secret_memory) = search_memory(pid, SECRET.as_bytes());
        assert!(
            !search_memory(pid, PUBLIC.as_bytes()).0.is_empty(),
            "the search does not find what is there"
        );
        if secret_memory {
            assert_eq!(found, Vec::<String>::new(), "the secret is in memory that root can read");
        } else {
            skip("no memfd_secret here: the locked page can be read by root");
            assert!(found.len() <= 1, "{found:?}");
        }
        at.type_in("the passphrase\n");
        at.read_until("stored okx/main");
        at.ends_with(0);
    });
}

/// The mappings that hold `needle`, and whether there is one that cannot be read.
fn search_memory(pid: u32, needle: &[u8]) -> (Vec<String>, bool) {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_ok()
            && bytes.windows(needle.len()).any(|window| window == needle)
        {
            found.push(line.to_owned());
        }
    }
    (found, maps.contains("secretmem"))
}

fn in_a_session(act: impl FnOnce(&Stage) + Send) {
    thread::scope(|scope| {
        scope.spawn(|| act(&Stage::enter(false, false).unwrap())).join().unwrap();
    });
}

/// `signbox` on a terminal of its own.
struct Terminal {
    child: Child,
    ours: File,
    theirs: OwnedFd,
    seen: String,
}

impl Terminal {
    fn start(stage: &Stage, args: &[&str]) -> Terminal {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut command = stage.command("setsid");
        command.args(["--ctty", "signbox"]).args(args);
        let end = || dup(&slave).unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Terminal { child, ours: master.into(), theirs: slave, seen: String::new() }
    }

    fn type_in(&mut self, text: &str) {
        self.ours.write_all(text.as_bytes()).unwrap();
    }

    /// Reads what is shown until it ends with `text` somewhere in it.
    fn read_until(&mut self, text: &str) {
        let mut bytes = [0; 1024];
        while !self.seen.contains(text) {
            let read = self.ours.read(&mut bytes).unwrap();
            assert!(read > 0, "'{text}' did not come: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    fn ends_with(&mut self, code: i32) {
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "{}", self.seen);
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.theirs).unwrap().local_flags.contains(LocalFlags::ECHO)
    }
}
