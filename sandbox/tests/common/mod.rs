//! A harness for cases that put up walls: every one is this program started anew, without threads.
#![allow(dead_code)] // each test program uses its part

use std::env;
use std::ffi::CString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, Stdio};

pub(crate) type Cases = [(&'static str, fn())];

/// Names functions by themselves.
#[macro_export]
macro_rules! named {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}

/// Runs the child that the environment names, else all cases that the arguments select.
pub(crate) fn main(cases: &Cases, children: &Cases) -> ExitCode {
    if let Ok(name) = env::var(CHILD) {
        let word = name.split(':').next().unwrap();
        let child = children.iter().find(|child| child.0 == word).expect("a child of this name");
        child.1();
        signbox_sandbox::exit(0);
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let filters: Vec<_> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let chosen = cases
        .iter()
        .filter(|case| filters.is_empty() || filters.iter().any(|filter| case.0.contains(filter.as_str())));
    if arguments.iter().any(|argument| argument == "--list") {
        chosen.for_each(|case| println!("{}: test", case.0));
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    let mut count = 0;
    for (name, case) in chosen {
        count += 1;
        let ok = catch_unwind(AssertUnwindSafe(case)).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += usize::from(!ok);
    }
    println!("\ntest result: {} passed; {failed} failed\n", count - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says loudly that a case did not run; where the kernel is required to have everything, that is a failure.
pub(crate) fn skip(why: &str) {
    eprintln!("\n*** SKIPPED: {why} ***\n");
    assert!(env::var("SIGNBOX_TEST_KERNEL").as_deref() != Ok("require"), "{why}");
}

/// How a child ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// This program again, as the child `name`; what follows a colon is for the child.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(CHILD, name).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the child `name` to its end.
pub(crate) fn outcome(name: &str) -> Ended {
    end(child(name))
}

/// Runs a child to its end.
pub(crate) fn end(mut command: Command) -> Ended {
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        signal: output.status.signal(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a child that must end well, and gives what it said.
pub(crate) fn said(name: &str) -> String {
    let ended = outcome(name);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

/// Starts a child, and gives it with the first line it says.
pub(crate) fn waiting(name: &str) -> (Child, String) {
    let mut child = child(name).spawn().unwrap();
    let mut line = String::new();
    let mut byte = [0];
    while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    (child, line)
}

/// In a child: what its name says after the colon.
pub(crate) fn detail() -> String {
    env::var(CHILD).unwrap().split_once(':').unwrap().1.to_owned()
}

/// In a child: says something, without allocating.
pub(crate) fn say(text: &str) {
    let _ = nix::unistd::write(std::io::stdout(), text.as_bytes());
}

/// In a child: waits until the parent lets go.
pub(crate) fn wait() {
    let _ = std::io::stdout().flush();
    let mut byte = [0_u8];
    // SAFETY: the kernel writes at most one byte to a buffer of one.
    unsafe { libc::read(0, byte.as_mut_ptr().cast(), 1) };
}

/// A system call; minus the error number if it fails.
pub(crate) fn call(number: libc::c_long, arguments: [usize; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: callers pass pointers to memory of theirs that is as long as the call needs.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { -i64::from(nix::errno::Errno::last_raw()) } else { result }
}

/// In a child: becomes an ordinary user, if it is not one.
pub(crate) fn become_nobody() {
    if nix::unistd::geteuid().as_raw() != 0 {
        return;
    }
    assert_eq!(call(libc::SYS_setgroups, [0; 6]), 0);
    assert_eq!(call(libc::SYS_setresgid, [NOBODY, NOBODY, NOBODY, 0, 0, 0]), 0);
    assert_eq!(call(libc::SYS_setresuid, [NOBODY, NOBODY, NOBODY, 0, 0, 0]), 0);
}

/// In a child: an older kernel, for which these calls do not exist.
pub(crate) fn without(calls: &[libc::c_long]) {
    answer(calls, libc::ENOSYS);
}

/// In a child: a kernel that answers these calls with an error.
pub(crate) fn answer(calls: &[libc::c_long], errno: i32) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let arch = env::consts::ARCH.try_into().unwrap();
    let rules = calls.iter().map(|number| (*number, Vec::new())).collect();
    let refuse = SeccompAction::Errno(errno as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// Adds a preparation that runs in the child between fork and exec.
pub(crate) fn before_exec(command: &mut Command, what: fn()) {
    let what = move || {
        what();
        Ok(())
    };
    // SAFETY: the preparations are single system calls that neither allocate nor lock.
    unsafe { command.pre_exec(what) };
}

/// A key of type user in this process's keyring.
pub(crate) fn key(description: &str, payload: &[u8]) -> i32 {
    let description = CString::new(description).unwrap();
    const PROCESS_KEYRING: i32 = -2;
    let serial = call(
        libc::SYS_add_key,
        [
            c"user".as_ptr() as usize,
            description.as_ptr() as usize,
            payload.as_ptr() as usize,
            payload.len(),
            PROCESS_KEYRING as usize,
            0,
        ],
    );
    i32::try_from(serial).unwrap()
}

/// The mapping that holds an address, as the kernel lists it.
pub(crate) fn area(address: usize) -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ranges = maps.lines().map(|line| line.split([' ', '-']).take(2));
    let mut ranges = ranges.map(|mut two| {
        let mut number = || usize::from_str_radix(two.next().unwrap(), 16).unwrap();
        (number(), number())
    });
    ranges.find(|range| range.0 <= address && address < range.1).unwrap()
}

pub(crate) const NOBODY: usize = 65534;
const CHILD: &str = "SIGNBOX_CHILD";
