//! Attacks on a signer that has just signed and waits, by another user, another process of the same user, and root.
//!
//! Every attack is made on the naive program as well, and succeeds there.
#![allow(clippy::unwrap_used)]

mod attack;
#[path = "attack/remains.rs"]
mod remains;

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use attack::bot::{Talk, User, attempt, signed};
use attack::loader;
use attack::place::Place;
use attack::secret::{Made, hex};
use attack::target::Naive;
use attack::{is_root, skip};

/// What an attacker tries, and what it gives against the naive program; `LEAK` is the secret itself.
const ON_PROCESSES: &[(&str, &str)] = &[
    ("attach", "attached"),
    ("seize", "seized"),
    ("peek", "LEAK"),
    ("readv", "LEAK"),
    ("mem", "LEAK"),
    ("take-descriptor", "taken"),
    ("proc maps", "read"),
    ("proc smaps", "read"),
    ("proc numa_maps", "read"),
    ("proc pagemap", "read"),
    ("proc environ", "read"),
    ("proc auxv", "read"),
    ("proc io", "read"),
    ("proc syscall", "read"),
    ("proc personality", "read"),
    ("proc timers", "read"),
    ("proc fd", "read"),
    ("proc fd/0", "read"),
    ("proc map_files", "read"),
    ("proc exe", "read"),
    ("proc cwd", "read"),
];

#[test]
fn no_other_process_of_the_same_user_reaches_an_idle_signer() {
    reaches_only_the_naive(62_101, 62_101, 0xa7_0001);
}

#[test]
fn no_process_of_another_user_reaches_an_idle_signer() {
    // The control is the user's own process: another user reaches the naive program as little.
    reaches_only_the_naive(62_102, 62_103, 0xa7_0002);
}

fn reaches_only_the_naive(user: u32, attacker: u32, seed: u64) {
    if !is_root() {
        return;
    }
    let (place, made) = (Place::new(), Made::kraken(seed));
    let mut bot = signed(&place, user, &made, &[]);
    let naive = Naive::start(&place, user, &made);
    let secret = hex(made.secret.as_bytes());
    for (action, success) in ON_PROCESSES {
        let try_on = |uid: u32, pid: i32| {
            let (verb, file) = action.split_once(' ').unwrap_or((action, &secret));
            attempt(&place, uid, &[verb, &pid.to_string(), file])
        };
        match try_on(user, naive.pid()).as_str() {
            outcome if outcome == *success => {}
            "ENOENT" => skip(&format!("{action}: this kernel does not have it")),
            other => panic!("{action}: the control gave {other}"),
        }
        let outcome = try_on(attacker, bot.signer);
        assert!(["EPERM", "EACCES", "ENOENT"].contains(&outcome.as_str()), "{action}: {outcome}");
    }
    bot.sign(&made);
}

#[test]
fn the_core_limit_of_a_signer_cannot_be_raised() {
    if !is_root() {
        return;
    }
    let (place, made) = (Place::new(), Made::kraken(0xa7_0003));
    let mut bot = signed(&place, 62_104, &made, &[]);
    let naive = Naive::start(&place, 62_104, &made);
    let raise = |uid: u32, pid: i32| attempt(&place, uid, &["raise-core-limit", &pid.to_string()]);
    assert_eq!(raise(62_104, naive.pid()), "raised", "the control");
    assert_eq!(raise(62_104, bot.signer), "EPERM");
    assert_eq!(raise(62_105, bot.signer), "EPERM");
    let pid = bot.signer;
    assert_eq!(bot.attempts(&format!("raise-core-limit {pid}")), "EPERM", "by the bot");
    bot.sign(&made);
}

#[test]
fn the_bot_itself_reaches_its_idle_signer_as_little() {
    if !is_root() {
        return;
    }
    let (place, made) = (Place::new(), Made::coinbase(0xa7_0004));
    let mut bot = signed(&place, 62_106, &made, &[]);
    let (pid, secret) = (bot.signer, hex(made.secret.as_bytes()));
    for action in ["attach", "seize", "peek", "readv", "mem", "take-descriptor"] {
        let outcome = bot.attempts(&format!("{action} {pid} {secret}"));
        assert!(["EPERM", "EACCES"].contains(&outcome.as_str()), "{action}: {outcome}");
    }
    for file in ["maps", "environ", "fd", "fd/0", "map_files", "auxv"] {
        assert_eq!(bot.attempts(&format!("proc {pid} {file}")), "EACCES", "{file}");
    }
    bot.sign(&made);
}

#[test]
fn nobody_but_root_reaches_a_signer_under_load() {
    if !is_root() {
        return;
    }
    let (place, made) = (Place::new(), Made::kraken(0xa7_0005));
    let (user, other) = (62_107, 62_108);
    let mut bot = signed(&place, user, &made, &[]);
    let (pid, secret) = (bot.signer.to_string(), hex(made.secret.as_bytes()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                bot.sign(&made);
                count += 1;
            }
            count
        });
        let until_here = Ends(&over);
        for _ in 0..15 {
            for uid in [user, other] {
                for action in ["attach", "readv", "mem"] {
                    let outcome = attempt(&place, uid, &[action, &pid, &secret]);
                    assert!(["EPERM", "EACCES"].contains(&outcome.as_str()), "{uid}: {action}: {outcome}");
                }
            }
        }
        drop(until_here);
        assert!(load.join().unwrap() > 100, "there was load");
    });
}

#[test]
fn foreign_code_by_the_dynamic_loader_runs_in_a_naive_program_and_not_in_a_signer() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0xa7_0202), 62_113);
    let Some(library) = loader::library(&place) else { return };
    let directory = library.parent().unwrap().to_str().unwrap();
    let library = library.to_str().unwrap();
    for (variable, value) in [("LD_PRELOAD", library), ("LD_AUDIT", library), ("LD_LIBRARY_PATH", directory)]
    {
        let other = Place::new();
        let markers = other.directory_of(uid);
        let loaded = |pid: i32| markers.join(pid.to_string()).exists();
        let mut naive = Command::new(place.naive());
        // The loader remarks that the library says no version.
        naive.env(variable, value).env(loader::MARKERS, &markers).uid(uid).gid(uid).stderr(Stdio::null());
        let mut naive = Talk::start(&mut naive);
        assert_eq!(naive.ask("00"), "ready", "{variable}");
        assert!(loaded(naive.pid()), "the control: {variable} works on a dynamic program");

        // Only the signer is started with it: the bot is a dynamic program too.
        let user = User { place: &place, uid, keys: vec![("@s", &made, 0)] };
        let (attacker, signer) = (place.attacker(), place.signer());
        let assignments =
            [format!("{variable}={value}"), format!("{}={}", loader::MARKERS, markers.display())];
        let [attacker, signer] = [&attacker, &signer].map(|path| path.to_str().unwrap());
        let bot = [attacker, "bot", "/usr/bin/env", &assignments[0], &assignments[1], signer, &made.handle];
        let mut bot = user.bot_of(&bot);
        bot.hello(&[r#""static":true"#]);
        bot.sign(&made);
        assert!(!loaded(bot.signer), "{variable} ran code in the signer");
    }
}

/// Says that it is over, also by a panic: the load would go on for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[cfg(not(target_arch = "x86_64"))]
fn what_takes_a_process_over_is_written_for_another_architecture() {
    skip("tests/escape.rs, and the look at registers and secret memory, are written for x86-64");
}
