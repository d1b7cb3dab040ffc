//! A signer that is killed at any system call: never is more signed than the next one knows of.

use super::{Folder, HANDLE, command, key, order, outcome, skip};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

const HELLO: &str = "{\"v\":1,\"id\":0,\"op\":\"hello\"}\n";
const BUDGET: usize = 6;

#[test]
fn killed_at_any_system_call_no_more_was_signed_than_is_counted() {
    let Some(()) = key(&format!(r#""notional-day":"{BUDGET}""#)) else { return };
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can stop a signer at its system calls");
    }
    let (mut stops, mut signed_by_killed) = (0, 0);
    loop {
        let folder = Folder::new();
        let mut child = command(&["--state", folder.arg(), HANDLE]).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut input = child.stdin.take().unwrap();
        input.write_all(HELLO.as_bytes()).unwrap();
        output.read_line(&mut String::new()).unwrap();
        let ended = {
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            ptrace::attach(pid).unwrap();
            assert_eq!(waitpid(pid, None).unwrap(), WaitStatus::Stopped(pid, Signal::SIGSTOP));
            input.write_all((order(1, "1") + &order(2, "1")).as_bytes()).unwrap();
            run(pid, stops)
        };
        drop(input);
        let mut answers = String::new();
        output.read_to_string(&mut answers).unwrap();
        child.wait().unwrap();
        // A part of a line is no answer: whoever reads it has no signature.
        let whole = answers.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let first = whole.lines().filter(|answer| outcome(answer) == "signed").count();
        let then = count(&folder);
        assert!(first + then <= BUDGET, "{first} were signed before stop {stops}, and {then} after");
        assert!(first + then >= BUDGET - 2, "more was lost than what was under way, at stop {stops}");
        signed_by_killed += first;
        if ended {
            break;
        }
        stops += 1;
    }
    // Lock, read, write and sync of log and ledger, each at its beginning and end.
    assert!(stops > 20, "only {stops} stops");
    assert!(signed_by_killed > 0);
}

/// Lets it go through so many stops and kills it there; true if it came to wait for more input before.
fn run(pid: Pid, stops: usize) -> bool {
    let mut reads = 0;
    for _ in 0..stops {
        ptrace::syscall(pid, None).unwrap();
        assert_eq!(waitpid(pid, None).unwrap(), WaitStatus::Stopped(pid, Signal::SIGTRAP));
        let regs = ptrace::getregs(pid).unwrap();
        // What a call returns is this until it does.
        let begins = regs.rax as i64 == -i64::from(nix::libc::ENOSYS);
        let reads_input = regs.orig_rax as i64 == nix::libc::SYS_read && regs.rdi == 0;
        // First the read that it was attached in, which begins anew.
        reads += usize::from(begins && reads_input);
        if reads == 2 {
            break;
        }
    }
    kill(pid, Signal::SIGKILL).unwrap();
    reads == 2
}

/// How many more orders of 1 a new signer signs.
fn count(folder: &Folder) -> usize {
    let mut signer = folder.signer();
    let orders = (0..BUDGET as u64 + 1).map(|at| order(at, "1"));
    let mut signed = 0;
    for order in orders {
        signer.send(order.as_bytes());
        match outcome(&signer.answer().unwrap()).as_str() {
            "signed" => signed += 1,
            "denied over-day" => break,
            other => panic!("{other}"),
        }
    }
    signed
}
