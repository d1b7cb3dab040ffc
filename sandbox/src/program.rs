//! Whether the running program's own file gives it the protection that it needs before its first instruction.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// Whether the user who started this program may read, or make readable, the file it runs from.
///
/// A program whose file its user may not read is non-dumpable from its first instruction on. Otherwise a
/// process of the same user can open `/proc/PID/mem` before [`prepare`](crate::prepare()) runs, and no later wall
/// closes that. Any doubt counts as readable: the owner may change the mode, root may read everything, and
/// a read bit for the group counts whoever is in it. To be asked before [`enter`](crate::enter).
pub fn binary_is_readable() -> bool {
    let user = nix::unistd::getuid().as_raw();
    fs::metadata("/proc/self/exe").map_or(true, |file| readable(user, file.uid(), file.mode()))
}

fn readable(user: u32, owner: u32, mode: u32) -> bool {
    user == 0 || user == owner || mode & 0o044 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_another_user_without_read_bits_is_unreadable() {
        assert!(!readable(1000, 0, 0o10_0711));
        assert!(!readable(1000, 0, 0o10_2711));
        assert!(readable(1000, 0, 0o10_0755), "others may read");
        assert!(readable(1000, 0, 0o10_0750), "the group may read");
        assert!(readable(1000, 1000, 0o10_0111), "its owner may change the mode");
        assert!(readable(0, 0, 0o10_0711), "root reads everything");
    }

    #[test]
    fn a_test_program_is_readable() {
        assert!(binary_is_readable());
    }
}
