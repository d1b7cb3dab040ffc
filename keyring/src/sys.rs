//! The raw calls that `linux-keyutils` does not wrap, or wraps without what signbox needs.
//!
//! One call per function, slices in, [`io::Result`] out. Policy belongs to the callers.

use std::ffi::{CStr, c_long};
use std::io;
use std::ptr;

/// `KEYCTL_GET_KEYRING_ID`: the serial behind a special id, never creating what is not there.
pub(crate) fn keyring_id(special: i32) -> io::Result<i32> {
    // SAFETY: the operation takes two numbers and touches no memory of this process.
    serial(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_GET_KEYRING_ID, special, 0) })
}

/// `KEYCTL_JOIN_SESSION_KEYRING`: a new session keyring without a name; returns its serial.
pub(crate) fn join_session_keyring() -> io::Result<i32> {
    // SAFETY: a null name is documented as "an anonymous new keyring"; nothing is dereferenced.
    serial(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, ptr::null::<u8>()) })
}

/// `KEYCTL_DESCRIBE`: writes `type;uid;gid;perm;description` and a NUL; returns the full length.
pub(crate) fn describe(key: i32, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to `buffer`, which outlives the call.
    let length = unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_DESCRIBE, key, buffer.as_mut_ptr(), buffer.len())
    };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

/// `KEYCTL_SEARCH`: finds a `user` key from `keyring` downwards and links it into `destination`.
pub(crate) fn search(keyring: i32, description: &CStr, destination: i32) -> io::Result<i32> {
    // SAFETY: type and description are NUL-terminated strings that outlive the call.
    serial(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_SEARCH,
            keyring,
            c"user".as_ptr(),
            description.as_ptr(),
            destination,
        )
    })
}

/// `KEYCTL_MOVE`: links into `to` and unlinks from `from` in one step, displacing a namesake.
pub(crate) fn move_key(key: i32, from: i32, to: i32) -> io::Result<()> {
    // SAFETY: the operation takes four numbers and touches no memory of this process.
    serial(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_MOVE, key, from, to, 0) }).map(drop)
}

/// `KEYCTL_GET_PERSISTENT`: links a user's persistent keyring into `destination`; for another's one must be root.
pub(crate) fn get_persistent(uid: u32, destination: i32) -> io::Result<i32> {
    // SAFETY: the operation takes two numbers and touches no memory of this process.
    serial(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_GET_PERSISTENT, uid, destination) })
}

/// The effective user id.
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// The effective group id.
pub(crate) fn effective_gid() -> u32 {
    // SAFETY: getegid takes nothing, touches no memory and cannot fail.
    unsafe { libc::getegid() }
}

fn serial(returned: c_long) -> io::Result<i32> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(returned).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
