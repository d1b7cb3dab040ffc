//! Attacks by whoever starts the program: a race for its memory, and a trace from its first instruction.

use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::libc;
use nix::sys::ptrace;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, dup2_stdin, dup2_stdout, execv, fork, pipe};

/// Starts `program` again and again, tries all the time to open its memory, and tells how often a
/// descriptor was won that still reaches it when it answers `first`.
pub(crate) fn race(starts: usize, first: &str, program: &[&str]) {
    let words: Vec<CString> = program.iter().map(|word| CString::new(*word).unwrap()).collect();
    let won = (0..starts).filter(|_| race_once(first, &words)).count();
    println!("{won}");
}

fn race_once(first: &str, program: &[CString]) -> bool {
    // Whoever may read a program's file may also have it thrown out of memory, which slows its start down.
    if let Ok(file) = File::open(program[0].to_str().unwrap()) {
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
    }
    let ((input, to), (from, output)) = (pipe().unwrap(), pipe().unwrap());
    // SAFETY: there is one thread. A child of vfork would share our memory until it execs, and look like a win.
    let child = match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            dup2_stdin(&input).unwrap();
            dup2_stdout(&output).unwrap();
            drop((input, to, from, output));
            let _ = execv(&program[0], program);
            std::process::exit(1);
        }
        ForkResult::Parent { child } => child,
    };
    drop((input, output));
    let mut to = File::from(to);
    writeln!(to, "{first}").unwrap();
    let path = format!("/proc/{child}/mem");
    let mut opened = VecDeque::new();
    let start = Instant::now();
    while !answered(&from) && start.elapsed() < Duration::from_secs(5) {
        if let Ok(file) = File::open(&path) {
            opened.push_back(file);
            if opened.len() > 64 {
                opened.pop_front();
            }
        }
    }
    // Memory that was given up at exec reads as empty; the memory of the living program has something or EIO.
    let won = opened.iter().any(|file| file.read_at(&mut [0; 8], 0x1000).is_err());
    let mut answer = [0; 1];
    assert_eq!(File::from(from).read(&mut answer).unwrap(), 1, "the program must have started");
    drop(to);
    nix::sys::signal::kill(child, nix::sys::signal::SIGKILL).unwrap();
    waitpid(child, None).unwrap();
    won
}

fn answered(from: &OwnedFd) -> bool {
    let mut waiting: i32 = 0;
    // SAFETY: FIONREAD writes one int.
    unsafe { libc::ioctl(from.as_raw_fd(), libc::FIONREAD, &mut waiting) };
    waiting > 0
}

/// Starts `program` as a tracer does, lets it run after its exec, and goes on as if it had not been.
pub(crate) fn traced(program: &[&str]) {
    let words: Vec<CString> = program.iter().map(|word| CString::new(*word).unwrap()).collect();
    // SAFETY: there is one thread.
    let child = match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            ptrace::traceme().unwrap();
            let _ = execv(&words[0], &words);
            std::process::exit(9);
        }
        ForkResult::Parent { child } => child,
    };
    loop {
        match waitpid(child, None).unwrap() {
            nix::sys::wait::WaitStatus::Exited(_, code) => std::process::exit(code),
            nix::sys::wait::WaitStatus::Stopped(..) => ptrace::cont(child, None).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}
