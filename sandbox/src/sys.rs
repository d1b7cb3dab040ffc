//! Raw calls that neither std nor nix has a safe name for, one each; nothing here decides anything.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

use nix::errno::Errno;

/// `close_range`: closes every descriptor from `first` on.
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: takes three numbers. Callers close descriptors that nothing in this process has opened.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) })
}

/// `F_GETFD`: whether the descriptor is open.
pub(crate) fn is_open(fd: i32) -> bool {
    // SAFETY: `F_GETFD` only asks for a descriptor's flags, and any number may be asked about.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// `personality`: asks for all its bits; nix drops those it has no name for.
pub(crate) fn personality() -> u32 {
    // SAFETY: 0xffffffff asks and changes nothing; the call cannot fail.
    unsafe { libc::personality(0xffff_ffff) as u32 }
}

/// `madvise`: gives back the pages of the program's own code and constants; those that are used again come back.
pub(crate) fn give_back_code() -> io::Result<()> {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    let page = page_size();
    let (start, end) = (&raw const __executable_start as usize, &raw const etext as usize);
    let (start, len) = (start & !(page - 1), (end & !(page - 1)).saturating_sub(start & !(page - 1)));
    // SAFETY: the linker puts only what is never written between the two symbols: private pages of the file that are
    // as they were, and the same when they are read again.
    check(unsafe { libc::madvise(start as *mut _, len, libc::MADV_DONTNEED) })
}

/// `PR_SET_MDWE`: no mapping becomes executable from here on.
pub(crate) fn refuse_exec_gain() -> io::Result<()> {
    let flags = libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN);
    // SAFETY: takes numbers and touches no memory of ours.
    check(unsafe { libc::prctl(libc::PR_SET_MDWE, flags, NONE, NONE, NONE) })
}

/// `PR_SET_SPECULATION_CTRL`: switches one kind of speculation off, for good.
pub(crate) fn disable_speculation(kind: libc::c_ulong) -> io::Result<()> {
    // SAFETY: takes numbers and touches no memory of ours.
    check(unsafe { libc::prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, NONE, NONE) })
}

/// `PR_GET_SPECULATION_CTRL`: the state of one kind of speculation, negative where it is not known.
pub(crate) fn speculation(kind: libc::c_ulong) -> i32 {
    // SAFETY: takes numbers and touches no memory of ours.
    unsafe { libc::prctl(PR_GET_SPECULATION_CTRL, kind, NONE, NONE, NONE) }
}

/// `sigaction`: gives a signal its default meaning.
pub(crate) fn default_signal(signal: i32) -> io::Result<()> {
    // SAFETY: `SIG_DFL` runs no code of ours.
    check(unsafe { libc::signal(signal, libc::SIG_DFL) } as i64)
}

/// `sigaction`: makes the kernel drop a signal.
pub(crate) fn ignore_signal(signal: i32) -> io::Result<()> {
    // SAFETY: `SIG_IGN` runs no code of ours.
    check(unsafe { libc::signal(signal, libc::SIG_IGN) } as i64)
}

/// `sigaltstack`: no alternate signal stack.
pub(crate) fn no_signal_stack() -> io::Result<()> {
    let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: the kernel reads `none`, which outlives the call; no handler is left that could need the stack.
    check(unsafe { libc::sigaltstack(&none, std::ptr::null_mut()) })
}

/// `memfd_secret`: a file whose pages only this process sees, and only through a mapping.
pub(crate) fn memfd_secret() -> io::Result<OwnedFd> {
    // SAFETY: takes one number.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just opened `fd` for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `mlock2`: keeps pages out of swap from when they are first touched, and touches none.
pub(crate) fn mlock_on_fault(start: NonNull<c_void>, len: usize) -> nix::Result<()> {
    // SAFETY: changes no content, whatever the range is.
    Errno::result(unsafe { libc::mlock2(start.as_ptr(), len, libc::MLOCK_ONFAULT) }).map(drop)
}

/// `accept4`: the next client of a listening socket, in a descriptor that does not block.
pub fn accept(listener: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (listener, none) = (listener.as_raw_fd(), std::ptr::null_mut());
    // SAFETY: no address is asked for, so nothing of ours is written to.
    let fd = unsafe { libc::accept4(listener, none, std::ptr::null_mut(), flags) };
    // SAFETY: the kernel has just opened `fd` for us, and nobody else knows it.
    Errno::result(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `sendmsg` with `SCM_RIGHTS`: sends `text` and two descriptors over a socket. Returns how much of `text` was sent; the
/// descriptors go with its first byte. Allocates nothing.
pub fn send_descriptors(
    socket: BorrowedFd<'_>,
    text: &[u8],
    descriptors: [BorrowedFd<'_>; 2],
) -> nix::Result<usize> {
    #[repr(C)]
    struct Rights {
        header: libc::cmsghdr,
        descriptors: [i32; 2],
    }
    let length = size_of::<Rights>();
    let mut rights = Rights {
        header: libc::cmsghdr {
            cmsg_len: length as _,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        descriptors: descriptors.map(|fd| fd.as_raw_fd()),
    };
    let mut part = libc::iovec { iov_base: text.as_ptr().cast_mut().cast(), iov_len: text.len() };
    // SAFETY: an all-zero `msghdr` is a valid one: no name, no parts, no control message.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut rights).cast();
    message.msg_controllen = length as _;
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // `cmsghdr` is 16 bytes long, so the descriptors stand where `CMSG_DATA` would have them.
    // SAFETY: the kernel reads `part`, the text and `rights`, which outlive the call.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) };
    Errno::result(sent).map(|sent| sent.unsigned_abs())
}

/// The size of a page.
pub(crate) fn page_size() -> usize {
    // SAFETY: asks the C library for a number it got from the kernel at exec.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("Linux has a page size")
}

/// `exit_group`, and nothing before it.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: ends the process without running any of its code.
    unsafe { libc::_exit(code) }
}

fn check(result: impl Into<i64>) -> io::Result<()> {
    if result.into() == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// For the arguments of prctl, which are longs, and must be 0 where they are not used.
const NONE: libc::c_ulong = 0;

// include/uapi/linux/prctl.h; libc has them for some targets only.
const PR_GET_SPECULATION_CTRL: i32 = 52;
const PR_SET_SPECULATION_CTRL: i32 = 53;
const PR_SPEC_FORCE_DISABLE: libc::c_ulong = 1 << 3;
