//! Why a wall could not be raised, in words that say what to do about it.

use std::fmt;
use std::io;

/// What keeps the signer from starting; each is final, and none holds a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The process would still be dumpable, hence readable for others of the same user.
    Dumpable(io::Error),
    /// The limit on core files could not be set.
    CoreLimit(io::Error),
    /// `/proc/self/status` is missing, or not what Linux writes.
    Status(io::Error),
    /// A process of this number traces us.
    Traced(i32),
    /// There is more than this one thread; walls hold per thread.
    Threads(u64),
    /// The parent asked for a personality such as one without address randomisation.
    Personality(u32),
    /// One of the descriptors 0, 1, 2 is closed.
    Closed(i32),
    /// Inherited descriptors could not be closed.
    Descriptors(io::Error),
    /// Signal handling could not be reset.
    Signals(io::Error),
    /// `PR_SET_NO_NEW_PRIVS` failed.
    NewPrivileges(io::Error),
    /// `PR_SET_MDWE` failed on a kernel that has it.
    ExecutableMemory(io::Error),
    /// `memfd_secret` was asked for, and the kernel refuses it.
    Secretmem(io::Error),
    /// The limit on locked memory is too low.
    LockLimit(io::Error),
    /// The mapping for secrets could not be made.
    Memory(io::Error),
    /// The capability sets could not be read or emptied.
    Capabilities(caps::errors::CapsError),
    /// A capability is left after dropping all of them.
    CapabilitiesLeft,
    /// The kernel has no landlock, or it is not switched on.
    NoLandlock,
    /// The kernel's landlock is older than this crate accepts.
    OldLandlock(u32),
    /// Landlock's rules could not be made or enforced.
    Landlock(landlock::RulesetError),
    /// A number that cannot be a key's serial; negative ones name whole keyrings.
    Serial(i32),
    /// Not the number of a file that was opened for records: those are above 2.
    File(i32),
    /// More keys than one filter can list.
    TooManyKeys(usize),
    /// The seccomp filter could not be installed.
    Filter(seccompiler::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dumpable(_) => f.write_str("cannot make the process non-dumpable"),
            Self::CoreLimit(_) => f.write_str("cannot limit core files"),
            Self::Status(_) => {
                f.write_str("cannot read /proc/self/status to look for a tracer; is /proc mounted?")
            }
            Self::Traced(pid) => {
                write!(f, "process {pid} traces this one; start it without debugger or strace")
            }
            Self::Threads(count) => {
                write!(f, "{count} threads are running; the walls have to go up before the second")
            }
            Self::Personality(flags) => write!(
                f,
                "started with personality {flags:#x} (by 'setarch' or a debugger); start it plainly"
            ),
            Self::Closed(fd) => {
                write!(f, "file descriptor {fd} is closed; open 0, 1 and 2, if need be on /dev/null")
            }
            Self::Descriptors(_) => f.write_str("cannot close inherited file descriptors"),
            Self::Signals(_) => f.write_str("cannot reset signal handling"),
            Self::NewPrivileges(_) => f.write_str("cannot set no_new_privs"),
            Self::ExecutableMemory(_) => f.write_str("cannot forbid new executable memory"),
            Self::Secretmem(_) => f.write_str(
                "this kernel refuses memfd_secret (it needs Linux 6.5, or the boot option secretmem.enable=1); \
                 use '--memory auto' or '--memory mlock'",
            ),
            Self::LockLimit(_) => {
                f.write_str("cannot lock memory: raise RLIMIT_MEMLOCK (LimitMEMLOCK= in systemd)")
            }
            Self::Memory(_) => f.write_str("cannot map the memory for secrets"),
            Self::Capabilities(_) => f.write_str("cannot drop capabilities; start it without any"),
            Self::CapabilitiesLeft => {
                f.write_str("a capability is left after dropping all; start it without any")
            }
            Self::NoLandlock => f.write_str(
                "this kernel has no landlock; refusing to start (needs Linux 6.1 with landlock among the \
                 security modules: see /sys/kernel/security/lsm)",
            ),
            Self::OldLandlock(abi) => write!(
                f,
                "this kernel's landlock is too old (ABI {abi}, needed is 2: Linux 6.1); refusing to start"
            ),
            Self::Landlock(_) => f.write_str("cannot enforce landlock; refusing to start"),
            Self::Serial(serial) => write!(f, "{serial} is not a key's serial number"),
            Self::File(fd) => write!(f, "descriptor {fd} is not one of a file that was opened for records"),
            Self::TooManyKeys(count) => {
                write!(f, "{count} keys are too many for one signer; share them among several")
            }
            Self::Filter(_) => f.write_str("cannot install the seccomp filter; refusing to start"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Dumpable(e)
            | Self::CoreLimit(e)
            | Self::Status(e)
            | Self::Descriptors(e)
            | Self::Signals(e)
            | Self::NewPrivileges(e)
            | Self::ExecutableMemory(e)
            | Self::Secretmem(e)
            | Self::LockLimit(e)
            | Self::Memory(e) => Some(e),
            Self::Capabilities(e) => Some(e),
            Self::Landlock(e) => Some(e),
            Self::Filter(e) => Some(e),
            Self::Traced(_)
            | Self::Threads(_)
            | Self::Personality(_)
            | Self::Closed(_)
            | Self::CapabilitiesLeft
            | Self::NoLandlock
            | Self::OldLandlock(_)
            | Self::Serial(_)
            | Self::File(_)
            | Self::TooManyKeys(_) => None,
        }
    }
}
