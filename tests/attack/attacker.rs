//! The attacker: one attempt per run, as whoever started it, and what came of it on the output.
//!
//! `attacker ACTION PID-OR-SERIAL [WORD...]` prints `LEAK` when it got the secret (the bytes that the last
//! word gives in hexadecimal), what it could do, or the name of the error that stopped it. It also plays
//! the other parts: who provisions a key, the bot, and whoever is left in the bot's old session.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod parts;
mod race;

use std::ffi::{CString, c_long};
use std::fs::{self, File};
use std::io::{IoSliceMut, Read, stdin};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.split_first().unwrap() {
        (&"provision", program) => parts::provision(program),
        (&"add", _) => parts::add_key(),
        (&"bot", arguments) => parts::bot(arguments),
        (&"witness", program) => parts::witness(program),
        (&"obey", _) => parts::obey(),
        (&"race", [starts, first, program @ ..]) => race::race(starts.parse().unwrap(), first, program),
        (&"traced", program) => race::traced(program),
        (&"without-new-privileges", program) => {
            nix::sys::prctl::set_no_new_privs().unwrap();
            parts::become_program(program);
        }
        (&"keep", [path]) => {
            std::io::copy(&mut stdin(), &mut File::create(path).unwrap()).unwrap();
        }
        _ => println!("{}", attempt(&words)),
    }
}

/// Tries one thing, and names what happened.
pub(crate) fn attempt(words: &[&str]) -> String {
    let number = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let last = words.last().copied().unwrap_or_default();
    let outcome = match words[0] {
        "attach" => attached(number).map(|()| "attached".to_owned()),
        "seize" => seized(number),
        "peek" => peek(number, &unhex(last)),
        "readv" => readv(number, &unhex(last)),
        "mem" => mem(number, &unhex(last)),
        "proc" => read_proc(number, last),
        "take-descriptor" => take_descriptor(number),
        "raise-core-limit" => raise_core_limit(number),
        _ => key_attempt(words, number),
    };
    outcome.unwrap_or_else(|errno| format!("{errno:?}"))
}

// --- Attempts on a process ---

fn attached(pid: i32) -> Result<(), Errno> {
    let pid = Pid::from_raw(pid);
    ptrace::attach(pid)?;
    waitpid(pid, Some(WaitPidFlag::__WALL))?;
    ptrace::detach(pid, None)
}

fn seized(pid: i32) -> Result<String, Errno> {
    let pid = Pid::from_raw(pid);
    ptrace::seize(pid, ptrace::Options::empty())?;
    ptrace::interrupt(pid)?;
    waitpid(pid, Some(WaitPidFlag::__WALL))?;
    ptrace::detach(pid, None)?;
    Ok("seized".to_owned())
}

/// Looks through all writable memory, a word at a time.
fn peek(pid: i32, secret: &[u8]) -> Result<String, Errno> {
    let target = Pid::from_raw(pid);
    ptrace::attach(target)?;
    waitpid(target, Some(WaitPidFlag::__WALL))?;
    let mut found = false;
    for (start, end) in areas(pid, "rw")? {
        let mut bytes = Vec::new();
        for at in (start..end).step_by(8) {
            match ptrace::read(target, at as ptrace::AddressType) {
                Ok(word) => bytes.extend_from_slice(&word.to_ne_bytes()),
                Err(_) => break,
            }
        }
        found |= holds(&bytes, secret);
    }
    ptrace::detach(target, None)?;
    Ok(verdict(found))
}

fn readv(pid: i32, secret: &[u8]) -> Result<String, Errno> {
    let read = |start: usize, len: usize| {
        let mut bytes = vec![0; len];
        let remote = [RemoteIoVec { base: start, len }];
        process_vm_readv(Pid::from_raw(pid), &mut [IoSliceMut::new(&mut bytes)], &remote).map(|_| bytes)
    };
    // Without the map: whether it may at all does not depend on the address.
    let Ok(areas) = areas(pid, "r") else { return read(0x1000, 8).map(|_| "read".to_owned()) };
    let found = areas.iter().filter_map(|(start, end)| read(*start, end - start).ok());
    Ok(verdict(found.into_iter().any(|bytes| holds(&bytes, secret))))
}

fn mem(pid: i32, secret: &[u8]) -> Result<String, Errno> {
    let file = File::open(format!("/proc/{pid}/mem")).map_err(errno)?;
    let found = areas(pid, "r")?.iter().any(|(start, end)| {
        let mut bytes = vec![0; end - start];
        file.read_exact_at(&mut bytes, *start as u64).is_ok() && holds(&bytes, secret)
    });
    Ok(verdict(found))
}

/// Opens and reads a file of `/proc/PID`, lists a directory there, or follows a link.
fn read_proc(pid: i32, name: &str) -> Result<String, Errno> {
    let path = format!("/proc/{pid}/{name}");
    if ["exe", "cwd", "fd/0"].contains(&name) {
        return fs::read_link(path).map(|_| "read".to_owned()).map_err(errno);
    }
    if name == "fd" || name == "map_files" {
        return fs::read_dir(path).map(|_| "read".to_owned()).map_err(errno);
    }
    File::open(path).and_then(|mut file| file.read(&mut [0; 64])).map_err(errno)?;
    Ok("read".to_owned())
}

fn take_descriptor(pid: i32) -> Result<String, Errno> {
    // SAFETY: both calls take numbers only.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let process = owned(opened)?;
    // SAFETY: as above.
    let taken = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), 0, 0) };
    owned(taken).map(|_| "taken".to_owned())
}

fn owned(returned: c_long) -> Result<OwnedFd, Errno> {
    let fd = Errno::result(returned)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) })
}

fn raise_core_limit(pid: i32) -> Result<String, Errno> {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the kernel reads `limit`, which outlives the call.
    Errno::result(unsafe { libc::prlimit(pid, libc::RLIMIT_CORE, &limit, std::ptr::null_mut()) })?;
    Ok("raised".to_owned())
}

fn areas(pid: i32, rights: &str) -> Result<Vec<(usize, usize)>, Errno> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(errno)?;
    let chosen = maps.lines().filter(|line| {
        let mut words = line.split_whitespace();
        words.nth(1).unwrap().starts_with(rights) && !line.contains("[v")
    });
    let number = |text: &str| usize::from_str_radix(text, 16).unwrap();
    Ok(chosen
        .map(|line| {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            (number(start), number(end))
        })
        .collect())
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

fn verdict(found: bool) -> String {
    if found { "LEAK" } else { "nothing" }.to_owned()
}

pub(crate) fn unhex(word: &str) -> Vec<u8> {
    (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap()).collect()
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

// --- Attempts on a key ---

const THREAD: i32 = -1;
const SESSION: i32 = -3;
const USER: i32 = -4;
const USER_SESSION: i32 = -5;

fn key_attempt(words: &[&str], serial: i32) -> Result<String, Errno> {
    match words[0] {
        "read" => return read_key(serial),
        // The documented weakness of @u: whoever is the user may link it, and then possesses what is in it.
        "steal" => {
            let _ = keyctl(libc::KEYCTL_LINK, USER, THREAD as usize, 0, 0);
            let _ = keyctl(libc::KEYCTL_LINK, USER_SESSION, THREAD as usize, 0, 0);
            return read_key(serial);
        }
        "search" => {
            let name = CString::new(words[1]).unwrap();
            let (kind, name) = (c"user".as_ptr() as usize, name.as_ptr() as usize);
            let search = |ring| keyctl(libc::KEYCTL_SEARCH, ring, kind, name, 0);
            search(SESSION).or_else(|_| search(USER))
        }
        "describe" => keyctl(libc::KEYCTL_DESCRIBE, serial, 0, 0, 0),
        "link" => keyctl(libc::KEYCTL_LINK, serial, THREAD as usize, 0, 0),
        "open-to-all" => keyctl(libc::KEYCTL_SETPERM, serial, 0x3f3f_3f3f, 0, 0),
        "own" => keyctl(libc::KEYCTL_CHOWN, serial, 0, u32::MAX as usize, 0),
        "revoke" => keyctl(libc::KEYCTL_REVOKE, serial, 0, 0, 0),
        "invalidate" => keyctl(libc::KEYCTL_INVALIDATE, serial, 0, 0, 0),
        "time-out" => keyctl(libc::KEYCTL_SET_TIMEOUT, serial, 1, 0, 0),
        "update" => keyctl(libc::KEYCTL_UPDATE, serial, c"x".as_ptr() as usize, 1, 0),
        "forget" => keyctl(libc::KEYCTL_CLEAR, USER, 0, 0, 0),
        other => panic!("unknown action '{other}'"),
    }?;
    Ok("done".to_owned())
}

fn read_key(serial: i32) -> Result<String, Errno> {
    let mut payload = [0_u8; 4096];
    let length = keyctl(libc::KEYCTL_READ, serial, payload.as_mut_ptr() as usize, payload.len(), 0)?;
    Ok(verdict(length > 0))
}

fn keyctl(operation: u32, serial: i32, a: usize, b: usize, c: usize) -> Result<c_long, Errno> {
    // SAFETY: callers pass numbers, and pointers to memory of theirs that outlives the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, operation, serial, a, b, c) })
}
