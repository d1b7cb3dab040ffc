//! What a signer that was taken over can still do: root makes one perform each attempt, and the kernel ends it.
//!
//! The attempts are a table. Every one is made by the naive program too, where it must come back: what
//! stops it is the signer's walls and nothing else.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used)]

mod attack;
#[path = "attack/attempts.rs"]
mod attempts;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use attack::bot::{HELLO, Talk, wait_until_idle};
use attack::inject::{Outcome, Taken};
use attack::place::Place;
use attack::secret::Made;
use attack::{is_root, remark, skip};
use attempts::{ATTEMPTS, ATTEMPTS_OF_I386, At, Control, READ};
use nix::libc;
use nix::sys::signal::Signal;
use signbox_keyring::{Key, Keyring, add, join_fresh_session};

#[test]
fn every_attempt_of_a_signer_that_was_taken_over_ends_it_and_comes_back_to_a_naive_program() {
    let Some(scene) = Scene::new(0x65_0001) else { return };
    let mut wrong = Vec::new();
    for (name, number, arguments, control) in ATTEMPTS {
        let (_signer, mut at) = scene.signer(&[]);
        let words = arguments(&mut at);
        let outcome = at.process.call(*number, &words);
        if outcome != Outcome::Killed(Signal::SIGSYS) {
            wrong.push(format!("{name}: the signer: {outcome:?}, not killed"));
        }

        let (_naive, mut at) = scene.naive();
        let words = arguments(&mut at);
        let outcome = at.process.call(*number, &words);
        let as_expected = match (control, outcome) {
            (Control::Works, Outcome::Returned(MISSING)) => {
                skip(&format!("{name}: this kernel does not have it"));
                true
            }
            (Control::Works, Outcome::Returned(result)) => result >= 0,
            (Control::Reached(errors), Outcome::Returned(result)) => {
                errors.iter().any(|error| -i64::from(*error) == result)
            }
            (Control::Ends, Outcome::Exited(0)) => true,
            _ => false,
        };
        if !as_expected {
            wrong.push(format!("{name}: the control: {outcome:?}, not {control:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    remark(&format!("{} attempts", ATTEMPTS.len()));
}

#[test]
fn a_system_call_of_another_architecture_ends_the_signer_whatever_its_number() {
    let Some(scene) = Scene::new(0x65_0002) else { return };
    for (name, number, arguments) in ATTEMPTS_OF_I386 {
        let (_signer, mut at) = scene.signer(&[]);
        assert_eq!(at.process.call_i386(*number, *arguments), Outcome::Killed(Signal::SIGSYS), "{name}");
        let (_naive, mut at) = scene.naive();
        let outcome = at.process.call_i386(*number, *arguments);
        assert!(
            matches!(outcome, Outcome::Returned(_) | Outcome::Exited(_)),
            "{name}: the control: {outcome:?}"
        );
    }
}

#[test]
fn a_signer_with_locked_memory_is_behind_the_same_walls() {
    let Some(scene) = Scene::new(0x65_0003) else { return };
    for name in ["open", "fork", "read another key", "mmap", "become dumpable", "io_uring_setup"] {
        let (_, number, arguments, _) = ATTEMPTS.iter().find(|attempt| attempt.0 == name).unwrap();
        let (_signer, mut at) = scene.signer(&["--memory", "mlock"]);
        let words = arguments(&mut at);
        assert_eq!(at.process.call(*number, &words), Outcome::Killed(Signal::SIGSYS), "{name}");
    }
}

#[test]
fn the_five_system_calls_work_behind_the_walls() {
    let Some(scene) = Scene::new(0x65_0004) else { return };
    let (mut signer, mut at) = scene.signer(&[]);

    signer.say("a line");
    let room = at.put(&[0; 16]);
    assert_eq!(at.process.call(libc::SYS_read, &[0, room, 16]), Outcome::Returned(7));
    assert_eq!(at.process.call(libc::SYS_write, &[1, room, 7]), Outcome::Returned(7));
    assert_eq!(signer.hear(), "a line");
    let text = at.put(b"(a write to descriptor 2)\n");
    assert_eq!(at.process.call(libc::SYS_write, &[2, text, 26]), Outcome::Returned(26));

    // Who makes the signer do this has the secret: root and the kernel can always win.
    let room = at.put(&[0; 512]);
    let length = i64::try_from(scene.made.payload().len()).unwrap();
    let words = [READ, at.key as u64, room, 512];
    assert_eq!(at.process.call(libc::SYS_keyctl, &words), Outcome::Returned(length));

    let room = at.put(&[0; 16]);
    assert_eq!(at.process.call(libc::SYS_clock_gettime, &[0, room]), Outcome::Returned(0));
    assert_eq!(at.process.call(libc::SYS_exit_group, &[7]), Outcome::Exited(7));
}

#[test]
fn a_signer_that_was_only_looked_at_goes_on() {
    let Some(scene) = Scene::new(0x65_0005) else { return };
    let (mut signer, at) = scene.signer(&[]);
    at.process.release();
    assert!(signer.ask(&scene.made.question()).contains(r#""request""#));
    assert!(signer.end().success());
}

#[test]
fn the_kernel_says_that_all_walls_of_the_signer_are_up() {
    let Some(scene) = Scene::new(0x65_0006) else { return };
    scene.keys();
    for uid in [UID, 0] {
        let mut signer = scene.start(uid, &[]);
        let hello = signer.ask(HELLO);
        for member in [r#""seccomp":true"#, r#""static":true"#, r#""memory":"secretmem""#] {
            assert!(hello.contains(member), "{member} in {hello}");
        }
        assert!(!hello.contains(r#""landlock":0"#), "{hello}");
        let status = fs::read_to_string(format!("/proc/{}/status", signer.pid())).unwrap();
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t1", "Threads:\t1", "TracerPid:\t0"] {
            assert!(status.contains(line), "{line} in {status}");
        }
        // Who is not root may not empty the bounding set, which without new privileges has no effect.
        let sets: &[&str] =
            if uid == 0 { &["Inh", "Prm", "Eff", "Bnd", "Amb"] } else { &["Inh", "Prm", "Eff", "Amb"] };
        for set in sets {
            assert!(status.contains(&format!("Cap{set}:\t0000000000000000\n")), "{set} of {uid} in {status}");
        }
        let limits = fs::read_to_string(format!("/proc/{}/limits", signer.pid())).unwrap();
        let core: Vec<_> =
            limits.lines().find(|line| line.contains("core file")).unwrap().split_whitespace().collect();
        assert_eq!(core[4..6], ["1", "1"], "{limits}");
        let descriptors = fs::read_dir(format!("/proc/{}/fd", signer.pid())).unwrap().count();
        assert_eq!(descriptors, 3, "nothing is open but 0, 1 and 2");
    }
}

/// Two keys in a session of the test's own, and whom to take over.
struct Scene {
    place: Place,
    signer: PathBuf,
    naive: PathBuf,
    made: Made,
}

impl Scene {
    /// Nothing where the tests cannot run.
    fn new(seed: u64) -> Option<Self> {
        if !is_root() {
            return None;
        }
        join_fresh_session().unwrap();
        let place = Place::new();
        let (signer, naive) = (place.signer(), place.naive());
        Some(Self { place, signer, naive, made: Made::kraken(seed) })
    }

    /// New ones each time: an attempt of the naive program may have ended them.
    fn keys(&self) -> (Key, Key) {
        let add = |name: &str, payload: &[u8]| add(Keyring::Session, name, payload, &mut [0; 1024]).unwrap();
        (add(&self.made.description(), &self.made.payload()), add("signbox:kraken:other", b"another secret"))
    }

    /// A signer that has signed and waits, taken over.
    fn signer(&self, options: &[&str]) -> (Talk, At) {
        let (key, other) = self.keys();
        let mut signer = self.start(UID, options);
        let answer = signer.ask(&self.made.question());
        assert!(answer.contains(r#""request""#), "{answer}");
        let at = take(signer.pid(), key, other);
        (signer, at)
    }

    fn naive(&self) -> (Talk, At) {
        let (key, other) = self.keys();
        let mut naive = Talk::start(&mut self.command(&self.naive, UID));
        assert_eq!(naive.ask("00"), "ready");
        let at = take(naive.pid(), key, other);
        (naive, at)
    }

    fn start(&self, uid: u32, options: &[&str]) -> Talk {
        Talk::start(self.command(&self.signer, uid).args(options).arg(&self.made.handle))
    }

    fn command(&self, program: &Path, uid: u32) -> Command {
        let mut command = Command::new(program);
        command.uid(uid).gid(uid).current_dir(self.place.path());
        command
    }
}

fn take(pid: i32, key: Key, other: Key) -> At {
    wait_until_idle(pid);
    At { process: Taken::idle(pid), pid: pid as u64, key: key.serial(), other: other.serial() }
}

const MISSING: i64 = -(libc::ENOSYS as i64);
const UID: u32 = 62_001;
