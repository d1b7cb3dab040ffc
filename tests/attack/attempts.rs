//! The table of what a signer that was taken over might try, each as one system call.

use nix::libc::{self, c_long};

use crate::attack::inject::Taken;

/// A name, the number of the call, its arguments, and what it gives where nothing stops it.
pub(crate) type Attempt = (&'static str, c_long, fn(&mut At) -> Vec<u64>, Control);

/// What the same call gives in a process without walls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Control {
    /// It works.
    Works,
    /// The kernel does look at it, and refuses for this or another reason of its own.
    Reached(&'static [i32]),
    /// It ends the process as it should.
    Ends,
}
use Control::{Ends, Reached, Works};

/// Where an attempt is made.
pub(crate) struct At {
    pub(crate) process: Taken,
    pub(crate) pid: u64,
    /// The key that the process was started with, and another one in its session.
    pub(crate) key: i32,
    pub(crate) other: i32,
}

impl At {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u64 {
        self.process.put(bytes)
    }

    /// An iovec, and what it points to.
    fn buffer(&mut self) -> u64 {
        let words = [self.put(b"from the inside\n"), 16];
        self.words(&words)
    }

    fn words(&mut self, words: &[u64]) -> u64 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.put(&bytes)
    }

    fn arguments_of_true(&mut self) -> (u64, u64) {
        let program = self.put(b"/bin/true\0");
        (program, self.words(&[program, 0]))
    }
}

pub(crate) const ATTEMPTS: &[Attempt] = &[
    // Files.
    ("open", libc::SYS_open, |at| vec![at.put(b"/etc/passwd\0"), 0], Works),
    ("openat", libc::SYS_openat, |at| vec![HERE, at.put(b"/etc/passwd\0"), 0], Works),
    ("openat2", libc::SYS_openat2, |at| vec![HERE, at.put(b"/etc/passwd\0"), at.words(&[0; 3]), 24], Works),
    ("open its own memory", libc::SYS_open, |at| vec![at.put(b"/proc/self/mem\0"), 2], Works),
    ("create a file", libc::SYS_creat, |at| vec![at.put(b"/nowhere/x\0"), 0], Reached(&[libc::ENOENT])),
    ("stat", libc::SYS_stat, |at| vec![at.put(b"/\0"), at.put(&[0; 144])], Works),
    ("readlink", libc::SYS_readlink, |at| vec![at.put(b"/proc/self/exe\0"), at.put(&[0; 64]), 64], Works),
    ("chmod", libc::SYS_chmod, |at| vec![at.put(b"/nowhere/x\0"), 0o777], Reached(&[libc::ENOENT])),
    ("fchmod of its input", libc::SYS_fchmod, |_| vec![0, 0o600], Reached(&[0, libc::EPERM])),
    ("chown", libc::SYS_chown, |at| vec![at.put(b"/nowhere/x\0"), 0, 0], Reached(&[libc::ENOENT])),
    ("chdir", libc::SYS_chdir, |at| vec![at.put(b"/\0")], Works),
    ("chroot", libc::SYS_chroot, |at| vec![at.put(b"/\0")], Reached(&[libc::EPERM])),
    ("mount", libc::SYS_mount, |_| vec![0, 0, 0, 0, 0], Reached(&[libc::EFAULT, libc::EPERM])),
    ("open_tree", libc::SYS_open_tree, |at| vec![HERE, at.put(b"/\0"), 0], Works),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, |_| vec![HERE, 0, 0, 0, 0], Reached(&[libc::EFAULT])),
    ("memfd_create", libc::SYS_memfd_create, |at| vec![at.put(b"x\0"), 0], Works),
    ("memfd_secret", libc::SYS_memfd_secret, |_| vec![0], Works),
    // Descriptors.
    ("read descriptor 1", libc::SYS_read, |at| vec![1, at.put(&[0; 16]), 16], Reached(&[libc::EBADF])),
    ("read descriptor 3", libc::SYS_read, |at| vec![3, at.put(&[0; 16]), 16], Reached(&[libc::EBADF])),
    ("write descriptor 0", libc::SYS_write, |at| vec![0, at.put(b"x"), 1], Reached(&[libc::EBADF])),
    ("write descriptor 3", libc::SYS_write, |at| vec![3, at.put(b"x"), 1], Reached(&[libc::EBADF])),
    (
        "write descriptor 2^32 + 3",
        libc::SYS_write,
        |at| vec![(1 << 32) + 3, at.put(b"x"), 1],
        Reached(&[libc::EBADF]),
    ),
    ("write descriptor -1", libc::SYS_write, |at| vec![u64::MAX, at.put(b"x"), 1], Reached(&[libc::EBADF])),
    ("pread64", libc::SYS_pread64, |at| vec![0, at.put(&[0; 16]), 16, 0], Reached(&[libc::ESPIPE])),
    ("pwrite64", libc::SYS_pwrite64, |at| vec![1, at.put(b"x"), 1, 0], Reached(&[libc::ESPIPE])),
    ("readv", libc::SYS_readv, |at| vec![1, at.buffer(), 1], Reached(&[libc::EBADF])),
    ("writev", libc::SYS_writev, |at| vec![1, at.buffer(), 1], Works),
    ("pwritev2", libc::SYS_pwritev2, |at| vec![1, at.buffer(), 1, u64::MAX, u64::MAX, 0], Works),
    ("vmsplice", libc::SYS_vmsplice, |at| vec![1, at.buffer(), 1, 0], Works),
    ("splice", libc::SYS_splice, |_| vec![1, 0, 0, 0, 1, 0], Reached(&[libc::EBADF])),
    ("tee", libc::SYS_tee, |_| vec![1, 0, 1, 0], Reached(&[libc::EBADF])),
    ("sendfile", libc::SYS_sendfile, |_| vec![1, 0, 0, 1], Reached(&[libc::EINVAL, libc::ESPIPE])),
    ("copy_file_range", libc::SYS_copy_file_range, |_| vec![0, 0, 1, 0, 1, 0], Reached(&[libc::EINVAL])),
    ("dup", libc::SYS_dup, |_| vec![0], Works),
    ("dup2", libc::SYS_dup2, |_| vec![1, 9], Works),
    ("dup3", libc::SYS_dup3, |_| vec![1, 9, 0], Works),
    ("fcntl", libc::SYS_fcntl, |_| vec![0, libc::F_DUPFD as u64, 9], Works),
    ("ioctl", libc::SYS_ioctl, |at| vec![0, libc::FIONREAD, at.put(&[0; 8])], Works),
    ("close", libc::SYS_close, |_| vec![2], Works),
    ("pipe2", libc::SYS_pipe2, |at| vec![at.put(&[0; 8]), 0], Works),
    ("poll", libc::SYS_poll, |_| vec![0, 0, 0], Works),
    ("ppoll", libc::SYS_ppoll, |at| vec![0, 0, at.words(&[0; 2]), 0, 8], Works),
    ("select", libc::SYS_select, |at| vec![0, 0, 0, 0, at.words(&[0; 2])], Works),
    ("epoll_create1", libc::SYS_epoll_create1, |_| vec![0], Works),
    ("eventfd2", libc::SYS_eventfd2, |_| vec![0, 0], Works),
    // The network.
    ("open a TCP socket", libc::SYS_socket, |_| vec![2, 1, 0], Works),
    ("open a UDP socket", libc::SYS_socket, |_| vec![2, 2, 0], Works),
    ("open a unix socket", libc::SYS_socket, |_| vec![1, 1, 0], Works),
    ("open a netlink socket", libc::SYS_socket, |_| vec![16, 3, 0], Works),
    ("socketpair", libc::SYS_socketpair, |at| vec![1, 1, 0, at.put(&[0; 8])], Works),
    (
        "connect",
        libc::SYS_connect,
        |at| vec![1, at.put(&[2, 0, 0, 9, 127, 0, 0, 1]), 16],
        Reached(&[libc::ENOTSOCK]),
    ),
    (
        "bind",
        libc::SYS_bind,
        |at| vec![1, at.put(&[2, 0, 0, 0, 127, 0, 0, 1]), 16],
        Reached(&[libc::ENOTSOCK]),
    ),
    ("sendto", libc::SYS_sendto, |at| vec![1, at.put(b"x"), 1, 0, 0, 0], Reached(&[libc::ENOTSOCK])),
    ("sendmsg", libc::SYS_sendmsg, |at| vec![1, at.words(&[0; 7]), 0], Reached(&[libc::ENOTSOCK])),
    ("recvfrom", libc::SYS_recvfrom, |at| vec![0, at.put(&[0; 8]), 8, 0, 0, 0], Reached(&[libc::ENOTSOCK])),
    // Other processes.
    ("ptrace", libc::SYS_ptrace, |_| vec![0], Reached(&[libc::EPERM])),
    (
        "process_vm_readv",
        libc::SYS_process_vm_readv,
        |at| vec![at.pid, at.buffer(), 1, at.buffer(), 1, 0],
        Works,
    ),
    (
        "process_vm_writev",
        libc::SYS_process_vm_writev,
        |at| vec![at.pid, at.buffer(), 1, at.buffer(), 1, 0],
        Works,
    ),
    ("kill", libc::SYS_kill, |at| vec![at.pid, 0], Works),
    ("tgkill", libc::SYS_tgkill, |at| vec![at.pid, at.pid, 0], Works),
    ("tkill", libc::SYS_tkill, |at| vec![at.pid, 0], Works),
    (
        "rt_sigqueueinfo",
        libc::SYS_rt_sigqueueinfo,
        |at| vec![at.pid, 0, at.words(&[0, u64::MAX, 0, 0])],
        Works,
    ),
    ("pidfd_open", libc::SYS_pidfd_open, |at| vec![at.pid, 0], Works),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, |_| vec![u64::MAX, 0, 0], Reached(&[libc::EBADF])),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, |_| vec![u64::MAX, 0, 0, 0], Reached(&[libc::EBADF])),
    ("kcmp", libc::SYS_kcmp, |at| vec![at.pid, at.pid, 0, 0, 1], Works),
    ("prlimit64", libc::SYS_prlimit64, |at| vec![0, libc::RLIMIT_CORE.into(), 0, at.words(&[0; 2])], Works),
    // More of itself.
    ("fork", libc::SYS_fork, |_| vec![], Works),
    ("vfork", libc::SYS_vfork, |_| vec![], Works),
    ("clone", libc::SYS_clone, |_| vec![SIGCHLD, 0, 0, 0, 0], Works),
    ("clone3", libc::SYS_clone3, |at| vec![at.words(&[0, 0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0, 0]), 88], Works),
    (
        "execve",
        libc::SYS_execve,
        |at| {
            let (program, words) = at.arguments_of_true();
            vec![program, words, 0]
        },
        Works,
    ),
    (
        "execveat",
        libc::SYS_execveat,
        |at| {
            let (program, words) = at.arguments_of_true();
            vec![HERE, program, words, 0, 0]
        },
        Works,
    ),
    ("exit of one thread", libc::SYS_exit, |_| vec![0], Ends),
    ("wait4", libc::SYS_wait4, |_| vec![u64::MAX, 0, 1, 0], Reached(&[libc::ECHILD])),
    ("pause at a futex", libc::SYS_futex, |at| vec![at.put(&[0; 8]), 1, 1], Works),
    ("nanosleep", libc::SYS_nanosleep, |at| vec![at.words(&[0, 0]), 0], Works),
    ("clock_nanosleep", libc::SYS_clock_nanosleep, |at| vec![1, 0, at.words(&[0, 0]), 0], Works),
    ("clock_settime", libc::SYS_clock_settime, |at| vec![0, at.words(&[0, 0])], Reached(&[libc::EPERM])),
    ("alarm", libc::SYS_alarm, |_| vec![0], Works),
    ("timer_create", libc::SYS_timer_create, |at| vec![1, 0, at.put(&[0; 8])], Works),
    ("rt_sigaction", libc::SYS_rt_sigaction, |_| vec![11, 0, 0, 8], Works),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask, |_| vec![0, 0, 0, 8], Works),
    ("sigaltstack", libc::SYS_sigaltstack, |_| vec![0, 0], Works),
    // Memory.
    ("mmap", libc::SYS_mmap, |_| vec![0, 4096, 3, PRIVATE, u64::MAX, 0], Works),
    ("mmap of executable memory", libc::SYS_mmap, |_| vec![0, 4096, 7, PRIVATE, u64::MAX, 0], Works),
    ("mprotect to executable", libc::SYS_mprotect, |at| vec![at.process.room(), 4096, 7], Works),
    ("pkey_mprotect", libc::SYS_pkey_mprotect, |at| vec![at.process.room(), 4096, 7, u64::MAX], Works),
    ("mremap", libc::SYS_mremap, |at| vec![at.process.room(), 4096, 8192, 1], Works),
    ("munmap", libc::SYS_munmap, |at| vec![at.process.room(), 4096], Works),
    ("madvise", libc::SYS_madvise, |at| vec![at.process.room(), 4096, libc::MADV_DODUMP as u64], Works),
    ("munlock", libc::SYS_munlock, |at| vec![at.process.room(), 4096], Works),
    ("mincore", libc::SYS_mincore, |at| vec![at.process.room(), 4096, at.put(&[0; 8])], Works),
    ("brk", libc::SYS_brk, |_| vec![0], Works),
    ("userfaultfd", libc::SYS_userfaultfd, |_| vec![1], Works),
    ("shmget", libc::SYS_shmget, |_| vec![0, 0, 0], Reached(&[libc::EINVAL, libc::ENOSYS])),
    // What it is and may.
    ("become dumpable", libc::SYS_prctl, |_| vec![libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0], Works),
    (
        "set who may trace it",
        libc::SYS_prctl,
        |_| vec![PR_SET_PTRACER, u64::MAX],
        Reached(&[0, libc::EINVAL]),
    ),
    ("arch_prctl", libc::SYS_arch_prctl, |at| vec![0x1003, at.put(&[0; 8])], Works),
    ("seccomp", libc::SYS_seccomp, |at| vec![2, 0, at.put(&0x7fff_0000_u32.to_ne_bytes())], Works),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset, |_| vec![0, 0, 1], Works),
    ("setuid", libc::SYS_setuid, |_| vec![0], Reached(&[libc::EPERM])),
    ("setgid", libc::SYS_setgid, |_| vec![0], Reached(&[libc::EPERM])),
    ("setresuid", libc::SYS_setresuid, |_| vec![0, 0, 0], Reached(&[libc::EPERM])),
    ("setgroups", libc::SYS_setgroups, |_| vec![0, 0], Reached(&[libc::EPERM])),
    ("capset", libc::SYS_capset, |at| vec![at.words(&[0x2008_0522]), at.words(&[0; 3])], Works),
    ("personality", libc::SYS_personality, |_| vec![0xffff_ffff], Works),
    ("setrlimit", libc::SYS_setrlimit, |at| vec![libc::RLIMIT_NOFILE.into(), at.words(&[9, 9])], Works),
    ("unshare a user namespace", libc::SYS_unshare, |_| vec![libc::CLONE_NEWUSER as u64], Works),
    ("setns", libc::SYS_setns, |_| vec![u64::MAX, 0], Reached(&[libc::EBADF])),
    ("modify_ldt", libc::SYS_modify_ldt, |at| vec![0, at.put(&[0; 16]), 16], Reached(&[0, libc::ENOSYS])),
    ("getpid", libc::SYS_getpid, |_| vec![], Works),
    ("getrandom", libc::SYS_getrandom, |at| vec![at.put(&[0; 16]), 16, 0], Works),
    ("uname", libc::SYS_uname, |at| vec![at.put(&[0; 400])], Works),
    // Doors that look harmless.
    ("io_uring_setup", libc::SYS_io_uring_setup, |at| vec![1, at.put(&[0; 120])], Works),
    ("io_uring_enter", libc::SYS_io_uring_enter, |_| vec![u64::MAX, 1, 0, 0, 0, 0], Reached(&[libc::EBADF])),
    (
        "io_uring_register",
        libc::SYS_io_uring_register,
        |_| vec![0, 0, 0, 0],
        Reached(&[libc::EOPNOTSUPP, libc::EINVAL]),
    ),
    ("io_setup", libc::SYS_io_setup, |at| vec![1, at.words(&[0])], Works),
    ("bpf", libc::SYS_bpf, |_| vec![0, 0, 0], Reached(&[libc::EPERM, libc::EINVAL])),
    ("perf_event_open", libc::SYS_perf_event_open, |_| vec![0; 5], Reached(&[libc::EFAULT, libc::EACCES])),
    ("fanotify_init", libc::SYS_fanotify_init, |_| vec![0, 0], Reached(&[libc::EPERM, libc::ENOSYS])),
    ("inotify_init1", libc::SYS_inotify_init1, |_| vec![0], Works),
    ("init_module", libc::SYS_init_module, |_| vec![0, 0, 0], Reached(&[libc::EPERM, libc::ENOSYS])),
    ("restart_syscall", libc::SYS_restart_syscall, |_| vec![], Reached(&[libc::EINTR])),
    // Keys.
    ("read another key", libc::SYS_keyctl, |at| vec![READ, at.other as u64, at.put(&[0; 64]), 64], Works),
    ("read the thread keyring", libc::SYS_keyctl, |_| vec![READ, key(-1), 0, 0], Reached(&[libc::ENOKEY])),
    ("read the process keyring", libc::SYS_keyctl, |_| vec![READ, key(-2), 0, 0], Reached(&[libc::ENOKEY])),
    ("read the session keyring", libc::SYS_keyctl, |_| vec![READ, key(-3), 0, 0], Works),
    ("read the user keyring", libc::SYS_keyctl, |_| vec![READ, key(-4), 0, 0], Works),
    ("read the user session keyring", libc::SYS_keyctl, |_| vec![READ, key(-5), 0, 0], Works),
    ("read the key of a request", libc::SYS_keyctl, |_| vec![READ, key(-7), 0, 0], Reached(&[libc::ENOKEY])),
    ("read key 0", libc::SYS_keyctl, |_| vec![READ, 0, 0, 0], Reached(&[libc::EINVAL, libc::ENOKEY])),
    ("describe its key", libc::SYS_keyctl, |at| vec![6, at.key as u64, 0, 0], Works),
    ("revoke its key", libc::SYS_keyctl, |at| vec![3, at.key as u64], Works),
    ("invalidate its key", libc::SYS_keyctl, |at| vec![21, at.key as u64], Works),
    (
        "open its key to all",
        libc::SYS_keyctl,
        |at| vec![5, at.key as u64, 0x3f3f_3f3f],
        Reached(&[libc::EACCES]),
    ),
    ("link its key", libc::SYS_keyctl, |at| vec![8, at.key as u64, key(-1)], Works),
    ("update its key", libc::SYS_keyctl, |at| vec![2, at.key as u64, at.put(b"x"), 1], Works),
    ("time out its key", libc::SYS_keyctl, |at| vec![15, at.key as u64, 1], Works),
    (
        "search for a key",
        libc::SYS_keyctl,
        |at| vec![10, key(-3), at.put(b"user\0"), at.put(b"signbox:kraken:other\0"), 0],
        Works,
    ),
    ("join another session", libc::SYS_keyctl, |_| vec![1, 0], Works),
    ("change the parent's session", libc::SYS_keyctl, |_| vec![18], Reached(&[libc::EPERM])),
    ("find root's persistent keyring", libc::SYS_keyctl, |_| vec![22, 0, key(-3)], Reached(&[libc::EPERM])),
    (
        "compute with its key",
        libc::SYS_keyctl,
        |at| vec![23, at.words(&[0; 2]), 0, 0, 0],
        Reached(&[libc::EOPNOTSUPP, libc::EINVAL, libc::ENOKEY]),
    ),
    (
        "read its key, by another operation's number",
        libc::SYS_keyctl,
        |at| vec![READ + 256, at.key as u64, 0, 0],
        Reached(&[libc::EOPNOTSUPP]),
    ),
    (
        "add_key",
        libc::SYS_add_key,
        |at| vec![at.put(b"user\0"), at.put(b"x\0"), at.put(b"x"), 1, key(-1)],
        Works,
    ),
    (
        "request_key",
        libc::SYS_request_key,
        |at| vec![at.put(b"user\0"), at.put(b"signbox:kraken:other\0"), 0, 0],
        Works,
    ),
    // Numbers that mean something else.
    (
        "read by its x32 number",
        X32 | libc::SYS_read,
        |at| vec![0, at.put(&[0; 8]), 8],
        Reached(&[libc::ENOSYS]),
    ),
    (
        "write by its x32 number",
        X32 | libc::SYS_write,
        |at| vec![1, at.put(b"x"), 1],
        Reached(&[libc::ENOSYS]),
    ),
    ("getpid by its x32 number", X32 | libc::SYS_getpid, |_| vec![], Reached(&[libc::ENOSYS])),
    ("the number -1", -1, |_| vec![], Reached(&[libc::ENOSYS])),
    ("a number that is none", 100_000, |_| vec![], Reached(&[libc::ENOSYS])),
];

/// The same by `int 0x80`: i386 has other numbers for the same calls, and the same numbers for others.
pub(crate) const ATTEMPTS_OF_I386: &[(&str, u64, [u64; 3])] = &[
    ("getpid of i386", 20, [0; 3]),
    ("read of i386", 3, [1, 0, 0]),
    ("what i386 has for the number of read: restart_syscall", 0, [0; 3]),
    ("what i386 has for the number of write: exit", 1, [0; 3]),
    ("what i386 has for the number of exit_group: fgetxattr", 231, [u32::MAX as u64, 0, 0]),
    ("what i386 has for the number of keyctl", 250, [0; 3]),
];

fn key(special: i32) -> u64 {
    special as u64
}

const HERE: u64 = libc::AT_FDCWD as u64;
const SIGCHLD: u64 = libc::SIGCHLD as u64;
const PRIVATE: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
const PR_SET_PTRACER: u64 = 0x5961_6d61;
pub(crate) const READ: u64 = libc::KEYCTL_READ as u64;
const X32: c_long = 0x4000_0000;
