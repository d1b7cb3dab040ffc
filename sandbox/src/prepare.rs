//! What a process gives up before it may hold a secret: to be dumped, traced, inherited from or interrupted.

use std::fs;
use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;

use crate::error::Error;
use crate::status::Status;
use crate::sys;

/// What [`prepare()`] achieved beyond what it insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prepared {
    /// The process was non-dumpable from its first instruction: its user may not read the file it runs
    /// from, or the file is set-group-id. Otherwise a process of the same user may have opened
    /// `/proc/PID/mem` before this function ran, and no later wall closes that.
    pub born_undumpable: bool,
    /// The limit on core files: 1, or 0 if the parent's hard limit was 0 and may not be raised.
    pub core_limit: u64,
    /// No memory can become executable any more (Linux 6.3).
    pub no_new_executable_memory: bool,
    /// Speculative store bypass is off for good, or the processor has none.
    pub no_store_bypass: bool,
    /// Indirect branches cannot be steered from other processes, for good.
    pub no_branch_steering: bool,
}

/// Makes this process non-dumpable, alone, and deaf, or says what stands in the way.
///
/// To be called first in `main`, with no thread started and no file opened: every descriptor above 2
/// is closed, whoever owns it. A descriptor 0, 1 or 2 that was closed at start is seen here only
/// without Rust's own runtime, which opens `/dev/null` in its place.
pub fn prepare() -> Result<Prepared, Error> {
    let born_undumpable = !prctl::get_dumpable().map_err(|e| Error::Dumpable(e.into()))?;
    // First of all: until then any process of the same user can open our memory, and keep it open.
    prctl::set_dumpable(false).map_err(|e| Error::Dumpable(e.into()))?;
    if prctl::get_dumpable().map_err(|e| Error::Dumpable(e.into()))? {
        return Err(Error::Dumpable(io::ErrorKind::PermissionDenied.into()));
    }
    let core_limit = limit_cores()?;
    let status = Status::read().map_err(Error::Status)?;
    refuse_bad_company(&status)?;
    close_descriptors()?;
    reset_signals(&status).map_err(Error::Signals)?;
    prctl::set_no_new_privs().map_err(|e| Error::NewPrivileges(e.into()))?;
    Ok(Prepared {
        born_undumpable,
        core_limit,
        no_new_executable_memory: refuse_new_executable_memory()?,
        no_store_bypass: no_speculation(STORE_BYPASS),
        no_branch_steering: no_speculation(INDIRECT_BRANCH),
    })
}

/// A limit of 1 byte also stops a core that is piped to a program; 0 does not.
fn limit_cores() -> Result<u64, Error> {
    match setrlimit(Resource::RLIMIT_CORE, 1, 1) {
        Ok(()) => Ok(1),
        // A hard limit of 0 is common on hardened machines, and only root may raise it.
        Err(nix::Error::EPERM) if matches!(getrlimit(Resource::RLIMIT_CORE), Ok((_, 0))) => Ok(0),
        Err(error) => Err(Error::CoreLimit(error.into())),
    }
}

/// Catches the lazy hostile parent, and the honest operator with a debugger.
fn refuse_bad_company(status: &Status) -> Result<(), Error> {
    if status.tracer != 0 {
        return Err(Error::Traced(status.tracer));
    }
    if status.threads != 1 {
        return Err(Error::Threads(status.threads));
    }
    match sys::personality() {
        0 => Ok(()),
        flags => Err(Error::Personality(flags)),
    }
}

fn close_descriptors() -> Result<(), Error> {
    if let Some(fd) = (0..=2).find(|fd| !sys::is_open(*fd)) {
        return Err(Error::Closed(fd));
    }
    // Old container runtimes refuse the call.
    sys::close_from(3).or_else(|_| close_each()).map_err(Error::Descriptors)
}

fn close_each() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        open.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()).filter(|fd| *fd > 2));
    }
    for fd in open {
        // The directory's own descriptor is in the list, and closed by now.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Gives every signal its default meaning, Rust's handlers for SIGSEGV and SIGBUS included: a handler writes
/// all registers to an ordinary stack. A closed pipe is to be an error, not a death: SIGPIPE is ignored.
fn reset_signals(status: &Status) -> io::Result<()> {
    let odd = status.ignored | status.caught;
    for signal in (1..=64).filter(|signal| odd & bit(*signal) != 0) {
        if signal != libc::SIGPIPE && !OF_THE_C_LIBRARY.contains(&signal) {
            sys::default_signal(signal)?;
        }
    }
    if status.ignored & bit(libc::SIGPIPE) == 0 {
        sys::ignore_signal(libc::SIGPIPE)?;
    }
    sys::no_signal_stack()?;
    if status.blocked != 0 {
        SigSet::empty().thread_set_mask()?;
    }
    Ok(())
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn refuse_new_executable_memory() -> Result<bool, Error> {
    match sys::refuse_exec_gain() {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false), // before Linux 6.3
        Err(error) => Err(Error::ExecutableMemory(error)),
    }
}

fn no_speculation(kind: libc::c_ulong) -> bool {
    sys::disable_speculation(kind).is_ok() || NOT_STEERABLE.contains(&sys::speculation(kind))
}

/// For cancelling threads and changing their user; the C library refuses to change them.
const OF_THE_C_LIBRARY: [i32; 2] = [32, 33];

// Documentation/userspace-api/spec_ctrl.rst
const STORE_BYPASS: libc::c_ulong = 0;
const INDIRECT_BRANCH: libc::c_ulong = 1;
/// Not affected; disabled for all; disabled for this process (for good, or not).
const NOT_STEERABLE: [i32; 5] = [0, 1 << 2, 1 << 3, 1 | 1 << 2, 1 | 1 << 3];
