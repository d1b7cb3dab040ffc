//! What is left of a secret where an attacker might look: in memory, in registers, in cores, in `/proc`.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::attack::bot::{Talk, is_alive, signed, wait_until_idle};
use crate::attack::cores::Cores;
use crate::attack::place::Place;
use crate::attack::scan::{Scan, maps, scan};
use crate::attack::secret::{Made, Needles};
use crate::attack::target::Naive;
use crate::attack::{is_root, skip};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn root_finds_nothing_in_all_readable_memory_of_an_idle_signer() {
    if !is_root() {
        return;
    }
    let mut seed = 0xa7_0010;
    for memory in ["auto", "mlock"] {
        for make in [Made::kraken, Made::coinbase, Made::binance, Made::revolutx, Made::bybit] {
            seed += 16;
            let made = make(seed);
            let place = Place::new();
            let bot = signed(&place, 62_109, &made, &["--memory", memory]);
            let needles = Needles::of(&made.forms(), 16);
            let what = format!("{} with memory {memory}", made.handle);
            let seen = scan(bot.signer, &needles);
            assert_eq!(seen.found, [], "{what}");
            assert_all_was_read(&seen, memory, &what, made.areas());
            // The bot has the signed request, and with it the passphrase.
            let needles = Needles::of(&made.forms_without_passphrase(), 16);
            let seen = scan(bot.pid(), &needles);
            assert_eq!(seen.found, [], "the bot of {what}");

            let naive = Naive::start(&place, 62_109, &made);
            let seen = scan(naive.pid(), &Needles::of(&made.forms(), 16));
            let mut forms: Vec<_> = made.forms().iter().map(|form| form.0).collect();
            forms.sort_unstable();
            forms.dedup();
            assert_eq!(seen.names(), forms, "the control of {what}");
        }
    }
}

/// Only what the kernel keeps for itself, and secret memory, may have been out of sight.
fn assert_all_was_read(seen: &Scan, memory: &str, what: &str, areas: usize) {
    assert!(seen.read.iter().all(|bytes| *bytes > 1 << 20), "{what}: {:?}", seen.read);
    let mut refused = seen.refused.clone();
    refused.retain(|(name, _)| !name.starts_with("[v"));
    let secretmem = refused.iter().filter(|(name, _)| name.contains("secretmem")).count();
    assert_eq!(refused.len(), secretmem, "{what}: {refused:?}");
    for (_, why) in &refused {
        assert_eq!(*why, [Some(Errno::EIO), Some(Errno::EFAULT)], "{what}");
    }
    match memory {
        "mlock" => assert_eq!(secretmem, 0, "{what}"),
        _ => assert_eq!(secretmem, areas, "{what}: the key area, the stack, and perhaps a deep one"),
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn nothing_is_left_in_the_secret_memory_itself_nor_in_registers_between_requests() {
    use crate::attack::inject::{Outcome, Taken};
    if !is_root() {
        return;
    }
    let mut seed = 0xa7_0100;
    for memory in ["auto", "mlock"] {
        for make in [Made::kraken, Made::coinbase, Made::binance, Made::revolutx, Made::bybit] {
            seed += 16;
            let made = make(seed);
            let (place, what) = (Place::new(), format!("{} with memory {memory}", made.handle));
            signbox_keyring::join_fresh_session().unwrap();
            signbox_keyring::add(
                signbox_keyring::Keyring::Session,
                &made.description(),
                &made.payload(),
                &mut [0; 4096],
            )
            .unwrap();
            let mut command = Command::new(place.signer());
            command.args(["--memory", memory, &made.handle]).uid(62_110).gid(62_110);
            let mut signer = Talk::start(&mut command);
            for _ in 0..3 {
                assert!(signer.ask(&made.question()).contains(r#""request":{"#), "{what}");
            }
            wait_until_idle(signer.pid());
            let secret: Vec<_> =
                maps(signer.pid()).into_iter().filter(|area| area.name.contains("secretmem")).collect();
            let mut process = Taken::idle(signer.pid());
            let pieces = Needles::of(&made.forms(), 8);
            assert_eq!(pieces.find(&process.registers()), [], "{what}: registers");
            // Generic tools cannot read it, but the process can, and root makes it write all of it out.
            let mut inside = Vec::new();
            for area in &secret {
                for page in (area.start..area.end).step_by(4096) {
                    let outcome = process.call(libc::SYS_write, &[1, page as u64, 4096]);
                    assert_eq!(outcome, Outcome::Returned(4096), "{what}");
                    inside.extend(signer.take(4096));
                }
            }
            assert_eq!(pieces.find(&inside), [], "{what}: secret memory");
            assert_eq!(inside.is_empty(), memory == "mlock", "{what}");
            assert!(
                inside.is_empty() || inside.iter().any(|byte| *byte != 0),
                "{what}: it is the stack that was seen"
            );

            let naive = Naive::start(&place, 62_110, &made);
            let process = Taken::idle(naive.pid());
            assert!(pieces.find(&process.registers()).len() >= 3, "the control: r13 and the halves of xmm9");
        }
    }
}

#[test]
fn a_core_of_a_signer_holds_nothing_because_there_is_none() {
    if !is_root() {
        return;
    }
    let (place, made) = (Place::new(), Made::kraken(0xa7_0200));
    let uid = 62_111;
    let directory = place.directory_of(uid);
    let keeper = place.attacker();
    let patterns = [
        ("file", directory.join("file.%p").display().to_string()),
        ("pipe", format!("|{} keep {}/pipe.%p", keeper.display(), directory.display())),
    ];
    for (kind, pattern) in patterns {
        let Some(_cores) = Cores::to(&pattern) else {
            return skip("core_pattern cannot be set here");
        };
        for signal in [Signal::SIGABRT, Signal::SIGSEGV, Signal::SIGSYS, Signal::SIGQUIT, Signal::SIGBUS] {
            let bot = signed(&place, uid, &made, &[]);
            kill(Pid::from_raw(bot.signer), signal).unwrap();
            while is_alive(bot.signer) {
                thread::sleep(Duration::from_millis(1));
            }
            let mut naive = Naive::start(&place, uid, &made);
            // Rust's own handler takes the first SIGSEGV that comes from outside for an accident.
            while is_alive(naive.pid()) {
                let _ = kill(Pid::from_raw(naive.pid()), signal);
                thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(naive.wait().signal(), Some(signal as i32));
            // The program at the end of a pipe may still be writing; by the time it is done, an earlier one was too.
            let core = directory.join(format!("{kind}.{}", naive.pid()));
            assert!(found_in(&core, &made), "the control: a core by {kind} at {signal}");
            let none = directory.join(format!("{kind}.{}", bot.signer));
            assert!(!none.exists(), "a core of the signer by {kind} at {signal}");
        }
    }
}

/// Whether the secret gets into the file within a while.
fn found_in(core: &Path, made: &Made) -> bool {
    let start = Instant::now();
    let needles = Needles::of(&made.forms(), 16);
    while start.elapsed() < Duration::from_secs(10) {
        if fs::read(core).is_ok_and(|bytes| !needles.find(&bytes).is_empty()) {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn gcore_by_root_has_nothing_of_a_signer_and_everything_of_a_naive_program() {
    if !is_root() {
        return;
    }
    if !Command::new("gcore")
        .output()
        .is_ok_and(|output| !output.stderr.is_empty() || !output.stdout.is_empty())
    {
        return skip("gcore(1), of gdb, is not installed");
    }
    let (place, made) = (Place::new(), Made::coinbase(0xa7_0201));
    let needles = Needles::of(&made.forms(), 16);
    let gcore = |pid: i32| {
        let mut command = Command::new("gcore");
        let prefix = place.join("gcore");
        command.arg("-o").arg(&prefix).arg(pid.to_string()).current_dir(place.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let core = fs::read(format!("{}.{pid}", prefix.display()));
        needles.find(&core.unwrap_or_else(|_| panic!("gcore {pid}: {output:?}"))).len()
    };
    for memory in ["auto", "mlock"] {
        let mut bot = signed(&place, 62_112, &made, &["--memory", memory]);
        assert_eq!(gcore(bot.signer), 0, "with memory {memory}");
        bot.sign(&made);
    }
    assert!(gcore(Naive::start(&place, 62_112, &made).pid()) > 0, "the control");
}

#[test]
fn what_is_open_to_everybody_about_a_signer_tells_no_secret() {
    if !is_root() {
        return;
    }
    let (place, made) = (Place::new(), Made::coinbase(0xa7_0203));
    let bot = signed(&place, 62_114, &made, &[]);
    let naive = Naive::start(&place, 62_114, &made);
    let needles = Needles::of(&made.forms(), 8);
    for file in
        ["cmdline", "comm", "stat", "statm", "status", "limits", "wchan", "environ", "auxv", "maps", "stack"]
    {
        for pid in [bot.signer, bot.pid()] {
            // As root, who may read them all.
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert_eq!(needles.find(&text), [], "{file}");
        }
    }
    // Control: the scan does find a secret that was put where secrets must not be.
    let mut careless = Command::new(place.naive());
    careless.env("SECRET", &made.secret).arg(&made.passphrase);
    let mut careless = Talk::start(&mut careless);
    assert_eq!(careless.ask("00"), "ready");
    for file in ["environ", "cmdline"] {
        let text = fs::read(format!("/proc/{}/{file}", careless.pid())).unwrap();
        assert!(!needles.find(&text).is_empty(), "the control: {file}");
    }
    drop(naive);
}
