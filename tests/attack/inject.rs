//! Root takes over an idle process by ptrace, and makes it perform one system call of root's choice.

use nix::errno::Errno;
use nix::libc::{self, user_regs_struct};
use nix::sys::ptrace::{self, AddressType};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::scan::maps;

/// What came of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned this: minus the number of an error, or a result.
    Returned(i64),
    /// The process ended by itself.
    Exited(i32),
    /// The kernel ended the process.
    Killed(Signal),
}

/// A process that was stopped while it waits for input.
pub(crate) struct Taken {
    pid: Pid,
    regs: user_regs_struct,
    /// Room in the process for what pointers point to.
    room: usize,
    used: usize,
}

impl Taken {
    /// Attaches to a process that waits in `read`.
    pub(crate) fn idle(pid: i32) -> Self {
        // The end of the heap, where nothing is; in a process without one, of its data.
        let all = maps(pid);
        let heap = all.iter().find(|mapping| mapping.name == "[heap]");
        let data =
            || all.iter().rfind(|mapping| mapping.rights.starts_with("rw-p") && mapping.name != "[stack]");
        let room = heap.or_else(data).unwrap().end - PAGE;
        let pid = Pid::from_raw(pid);
        ptrace::attach(pid).unwrap();
        assert_eq!(wait(pid), WaitStatus::Stopped(pid, Signal::SIGSTOP));
        ptrace::setoptions(pid, ptrace::Options::PTRACE_O_EXITKILL).unwrap();
        let regs = ptrace::getregs(pid).unwrap();
        let taken = Self { pid, regs, room, used: 0 };
        let code = taken.peek(regs.rip - 2).to_le_bytes();
        assert_eq!(code[..2], SYSCALL, "it waits behind a syscall instruction");
        taken
    }

    /// The room, a page that is its own.
    pub(crate) fn room(&self) -> u64 {
        self.room as u64
    }

    /// Puts bytes into the process and gives their address.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.room + self.used;
        for (index, chunk) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.poke(at as u64 + 8 * index as u64, i64::from_le_bytes(word));
        }
        self.used += bytes.len().next_multiple_of(16);
        assert!(self.used < PAGE);
        at as u64
    }

    /// Performs a system call at the instruction where the process waits.
    pub(crate) fn call(&mut self, number: i64, arguments: &[u64]) -> Outcome {
        let argument = |at: usize| arguments.get(at).copied().unwrap_or(0);
        self.step(user_regs_struct {
            rax: number as u64,
            rdi: argument(0),
            rsi: argument(1),
            rdx: argument(2),
            r10: argument(3),
            r8: argument(4),
            r9: argument(5),
            ..self.regs
        })
    }

    /// Performs a system call of i386, by an `int 0x80` written over the instruction.
    pub(crate) fn call_i386(&mut self, number: u64, arguments: [u64; 3]) -> Outcome {
        let at = self.regs.rip - 2;
        let mut code = self.peek(at).to_le_bytes();
        code[..2].copy_from_slice(&INT_0X80);
        self.poke(at, i64::from_le_bytes(code));
        let [rbx, rcx, rdx] = arguments;
        self.step(user_regs_struct { rax: number, rbx, rcx, rdx, ..self.regs })
    }

    fn step(&mut self, regs: user_regs_struct) -> Outcome {
        // No system call to restart: the one the process was in is given up.
        let regs = user_regs_struct { rip: self.regs.rip - 2, orig_rax: u64::MAX, ..regs };
        ptrace::setregs(self.pid, regs).unwrap();
        ptrace::step(self.pid, None).unwrap();
        match wait(self.pid) {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {
                Outcome::Returned(ptrace::getregs(self.pid).unwrap().rax as i64)
            }
            WaitStatus::Stopped(pid, signal) => {
                // A signal of the call's own making, such as SIGSEGV: let it have its way.
                ptrace::cont(pid, signal).unwrap();
                match wait(pid) {
                    WaitStatus::Signaled(_, signal, _) => Outcome::Killed(signal),
                    other => panic!("{other:?}"),
                }
            }
            WaitStatus::Exited(_, code) => Outcome::Exited(code),
            WaitStatus::Signaled(_, signal, _) => Outcome::Killed(signal),
            other => panic!("{other:?}"),
        }
    }

    /// The general registers, and everything else that the kernel keeps for the process.
    pub(crate) fn registers(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for set in [libc::NT_PRSTATUS, NT_X86_XSTATE] {
            let mut bytes = vec![0_u8; 16 * 1024];
            let mut place = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
            // SAFETY: the kernel writes at most `iov_len` bytes to `bytes`, and the length to `place`.
            let done = unsafe {
                libc::ptrace(libc::PTRACE_GETREGSET, self.pid.as_raw(), set as usize, &raw mut place)
            };
            Errno::result(done).unwrap();
            all.extend_from_slice(&bytes[..place.iov_len]);
        }
        all
    }

    /// Lets the process go on as if nothing had been.
    pub(crate) fn release(self) {
        ptrace::setregs(self.pid, self.regs).unwrap();
        ptrace::detach(self.pid, None).unwrap();
    }

    fn peek(&self, at: u64) -> i64 {
        ptrace::read(self.pid, at as AddressType).unwrap()
    }

    fn poke(&self, at: u64, word: i64) {
        ptrace::write(self.pid, at as AddressType, word).unwrap();
    }
}

fn wait(pid: Pid) -> WaitStatus {
    waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap()
}

const PAGE: usize = 4096;
const SYSCALL: [u8; 2] = [0x0f, 0x05];
const INT_0X80: [u8; 2] = [0xcd, 0x80];
/// Vector registers and masks; include/uapi/linux/elf.h.
const NT_X86_XSTATE: i32 = 0x202;
