//! Where the kernel puts cores: for the whole machine, so one test at a time, and back again in the end.

use std::fs::{self, File};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Cores go where the test wants them, and are of any size, until this is dropped.
pub(crate) struct Cores {
    pattern: String,
    limit: (rlim_t, rlim_t),
    _alone: Flock<File>,
}

impl Cores {
    /// Nothing where the pattern cannot be set.
    pub(crate) fn to(pattern: &str) -> Option<Self> {
        let file = File::open(CORE_PATTERN).ok()?;
        let alone = Flock::lock(file, FlockArg::LockExclusive).ok()?;
        let before = fs::read_to_string(CORE_PATTERN).ok()?;
        fs::write(CORE_PATTERN, pattern).ok()?;
        // Left there by a test that was killed, it is nobody's wish.
        let before = if before.contains("signbox-attack") { "core" } else { before.trim_end() };
        let limit = getrlimit(Resource::RLIMIT_CORE).unwrap();
        let cores = Self { pattern: before.to_owned(), limit, _alone: alone };
        // Children inherit it, so that a signer has to lower it itself.
        setrlimit(Resource::RLIMIT_CORE, limit.1, limit.1).unwrap();
        Some(cores)
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::RLIMIT_CORE, self.limit.0, self.limit.1);
        let _ = fs::write(CORE_PATTERN, &self.pattern);
    }
}

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";
