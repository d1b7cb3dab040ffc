//! What a program that was taken over might try, each as one system call that succeeds without walls.
#![allow(dead_code)] // each test program uses its part

use std::net::TcpListener;
use std::os::fd::IntoRawFd;

use crate::common::{call, key};

/// Does it; 0 or more is success, else minus the error number. Nothing here may allocate.
pub(crate) type Attack = fn(&Place) -> i64;

/// What attacks need, made before the walls go up.
pub(crate) struct Place {
    /// The key that the walls list, and another one.
    pub(crate) listed: i32,
    other: i32,
    /// A listening port of this machine, and a socket that could connect to it.
    port: u16,
    socket: i32,
    /// Two ends of a pipe with a byte in it, at 3 and 5 or above.
    readable: i32,
    writable: i32,
    page: *mut u8,
    pid: usize,
}

impl Place {
    pub(crate) fn make() -> Self {
        let (readable, writable) = pipe();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _ = listener.into_raw_fd(); // open for as long as the process is
        let family = libc::AF_INET as usize;
        let kind = libc::SOCK_STREAM as usize;
        let socket = call(libc::SYS_socket, [family, kind, 0, 0, 0, 0]) as i32;
        let page = Box::leak(Box::new([0_u8; 8192])).as_mut_ptr();
        let page = page.wrapping_add(page.align_offset(4096));
        let (listed, other) = (key("signbox-test:listed", b"l"), key("signbox-test:other", b"o"));
        Self { listed, other, port, socket, readable, writable, page, pid: std::process::id() as usize }
    }
}

fn pipe() -> (i32, i32) {
    let mut ends = [0_i32; 2];
    assert_eq!(call(libc::SYS_pipe2, [ends.as_mut_ptr() as usize, 0, 0, 0, 0, 0]), 0);
    // 5 by name; the reading end is 3, the first free one.
    assert_eq!(call(libc::SYS_dup3, [ends[1] as usize, 5, 0, 0, 0, 0]), 5);
    assert_eq!(call(libc::SYS_write, [5, c"x".as_ptr() as usize, 1, 0, 0, 0]), 1);
    (ends[0], 5)
}

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("read descriptor 3", |at| read(at.readable)),
    ("write descriptor 5", |at| write(at.writable)),
    ("read descriptor 1", |_| reached(read(1), libc::EBADF)),
    ("write descriptor 0", |_| reached(write(0), libc::EBADF)),
    ("open a file", |_| open(c"/etc/passwd", libc::O_RDONLY)),
    ("open a directory", |_| open(c"/", libc::O_DIRECTORY)),
    ("open its own memory", |_| open(c"/proc/self/mem", libc::O_RDONLY)),
    ("stat", |_| {
        let mut buffer = [0_u8; 512];
        let path = c"/".as_ptr() as usize;
        let here = libc::AT_FDCWD as usize;
        call(libc::SYS_newfstatat, [here, path, buffer.as_mut_ptr() as usize, 0, 0, 0])
    }),
    ("chmod", |_| {
        let path = c"/dev/null".as_ptr() as usize;
        let changed = call(libc::SYS_fchmodat, [libc::AT_FDCWD as usize, path, 0o666, 0, 0, 0]);
        reached(changed, libc::EPERM)
    }),
    ("open a TCP socket", |_| socket(libc::AF_INET, libc::SOCK_STREAM)),
    ("open a UDP socket", |_| socket(libc::AF_INET, libc::SOCK_DGRAM)),
    ("open a unix socket", |_| socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    ("open a netlink socket", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("connect a socket", connect),
    ("be traced", |_| call(libc::SYS_ptrace, [0; 6])),
    ("fork", |_| forked(call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0, 0]))),
    ("clone3", |_| {
        let mut arguments = [0_u64; 11];
        arguments[4] = libc::SIGCHLD as u64;
        forked(call(libc::SYS_clone3, [arguments.as_ptr() as usize, 88, 0, 0, 0, 0]))
    }),
    ("run a program", |_| {
        let program = c"/bin/true".as_ptr();
        let arguments = [program, std::ptr::null()];
        call(libc::SYS_execve, [program as usize, arguments.as_ptr() as usize, 0, 0, 0, 0])
    }),
    ("set up io_uring", |_| {
        let mut parameters = [0_u8; 120];
        call(libc::SYS_io_uring_setup, [1, parameters.as_mut_ptr() as usize, 0, 0, 0, 0])
    }),
    ("read another key", |at| keyctl(libc::KEYCTL_READ, at.other)),
    ("read the session keyring", |_| keyctl(libc::KEYCTL_READ, -3)),
    ("read the process keyring", |_| keyctl(libc::KEYCTL_READ, -2)),
    ("describe the listed key", |at| keyctl(libc::KEYCTL_DESCRIBE, at.listed)),
    ("revoke the listed key", |at| keyctl(libc::KEYCTL_REVOKE, at.listed)),
    ("invalidate the listed key", |at| keyctl(libc::KEYCTL_INVALIDATE, at.listed)),
    ("open the listed key to all", |at| {
        let operation = libc::KEYCTL_SETPERM as usize;
        call(libc::SYS_keyctl, [operation, at.listed as usize, 0x3f3f_3f3f, 0, 0, 0])
    }),
    ("add a key", |_| {
        let (kind, name) = (c"user".as_ptr() as usize, c"signbox-test:added".as_ptr() as usize);
        call(libc::SYS_add_key, [kind, name, name, 1, -2_isize as usize, 0])
    }),
    ("request a key", |_| {
        let (kind, name) = (c"user".as_ptr() as usize, c"signbox-test:other".as_ptr() as usize);
        call(libc::SYS_request_key, [kind, name, 0, 0, 0, 0])
    }),
    ("map memory", |_| map(libc::PROT_READ | libc::PROT_WRITE)),
    ("map executable memory", |_| map(libc::PROT_READ | libc::PROT_EXEC)),
    ("make memory executable", |at| {
        let mode = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as usize;
        call(libc::SYS_mprotect, [at.page as usize, 4096, mode, 0, 0, 0])
    }),
    ("grow the heap", |_| call(libc::SYS_brk, [0; 6])),
    ("make an anonymous file", |_| call(libc::SYS_memfd_create, [c"x".as_ptr() as usize, 0, 0, 0, 0, 0])),
    ("become dumpable", |_| call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1, 0, 0, 0, 0])),
    ("send a signal", |at| call(libc::SYS_kill, [at.pid, 0, 0, 0, 0, 0])),
    ("read memory of a process", |at| {
        let parts = [libc::iovec { iov_base: at.page.cast(), iov_len: 8 }; 2];
        let (local, remote) = (&raw const parts[0] as usize, &raw const parts[1] as usize);
        call(libc::SYS_process_vm_readv, [at.pid, local, 1, remote, 1, 0])
    }),
    ("ask seccomp", |_| {
        let action = libc::SECCOMP_RET_ALLOW;
        let operation = libc::SECCOMP_GET_ACTION_AVAIL as usize;
        call(libc::SYS_seccomp, [operation, 0, &raw const action as usize, 0, 0, 0])
    }),
    ("ask landlock", |_| call(libc::SYS_landlock_create_ruleset, [0, 0, 1, 0, 0, 0])),
    ("make a namespace", |_| call(libc::SYS_unshare, [libc::CLONE_FS as usize, 0, 0, 0, 0, 0])),
    ("change the user", |_| call(libc::SYS_setresuid, [usize::MAX, usize::MAX, usize::MAX, 0, 0, 0])),
    ("open a process", |_| call(libc::SYS_pidfd_open, [std::process::id() as usize, 0, 0, 0, 0, 0])),
    ("set a signal stack", |_| call(libc::SYS_sigaltstack, [0; 6])),
    ("duplicate a descriptor", |_| call(libc::SYS_dup, [0; 6])),
    ("close a descriptor", |_| call(libc::SYS_close, [0; 6])),
    ("sleep", |_| {
        let none = [0_u64; 2];
        call(libc::SYS_nanosleep, [none.as_ptr() as usize, 0, 0, 0, 0, 0])
    }),
    ("end one thread", |_| call(libc::SYS_exit, [0; 6])),
    #[cfg(target_arch = "x86_64")]
    ("a system call by its x32 number", |_| {
        // The kernel may not have x32; without walls the call then fails, and the process lives.
        call(0x4000_0000 | libc::SYS_getpid, [0; 6]).max(0)
    }),
    #[cfg(target_arch = "x86_64")]
    ("a read by its x32 number", |at| {
        let place = at.page as usize;
        call(0x4000_0000 | libc::SYS_read, [0, place, 0, 0, 0, 0]).max(0)
    }),
    #[cfg(target_arch = "x86_64")]
    ("a system call of i386", |_| i386(20, 0)), // getpid
    #[cfg(target_arch = "x86_64")]
    ("a system call of i386 with an allowed number", |_| {
        // fgetxattr without a name; exit_group on x86-64
        reached(i386(231, 0), libc::EFAULT)
    }),
];

/// Being refused by the kernel with this error is also a success: no wall was in the way.
fn reached(result: i64, error: i32) -> i64 {
    if result == -i64::from(error) { 0 } else { result }
}

/// Also for the test of landlock alone.
pub(crate) fn connect(at: &Place) -> i64 {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: at.port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    let length = size_of_val(&address);
    call(libc::SYS_connect, [at.socket as usize, &raw const address as usize, length, 0, 0, 0])
}

fn read(fd: i32) -> i64 {
    let mut byte = 0_u8;
    call(libc::SYS_read, [fd as usize, &raw mut byte as usize, 1, 0, 0, 0])
}

fn write(fd: i32) -> i64 {
    call(libc::SYS_write, [fd as usize, c"x".as_ptr() as usize, 1, 0, 0, 0])
}

fn open(path: &std::ffi::CStr, flags: i32) -> i64 {
    let here = libc::AT_FDCWD as usize;
    call(libc::SYS_openat, [here, path.as_ptr() as usize, flags as usize, 0, 0, 0])
}

fn socket(family: i32, kind: i32) -> i64 {
    call(libc::SYS_socket, [family as usize, kind as usize, 0, 0, 0, 0])
}

fn keyctl(operation: u32, serial: i32) -> i64 {
    call(libc::SYS_keyctl, [operation as usize, serial as usize, 0, 0, 0, 0])
}

fn map(mode: i32) -> i64 {
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
    call(libc::SYS_mmap, [0, 4096, mode as usize, flags, usize::MAX, 0])
}

/// The child ends at once, so that only the parent tells.
fn forked(pid: i64) -> i64 {
    if pid == 0 {
        signbox_sandbox::exit(0);
    }
    pid
}

#[cfg(target_arch = "x86_64")]
fn i386(number: u32, first: u32) -> i64 {
    let result: u32;
    // SAFETY: the calls used here touch no memory; i386 calls clear r8 to r11.
    unsafe {
        std::arch::asm!(
            "push rbx", "mov ebx, {first:e}", "int 0x80", "pop rbx",
            first = in(reg) first, inout("eax") number => result, in("ecx") 0, in("edx") 0,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    i64::from(result as i32)
}
