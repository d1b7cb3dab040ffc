//! A small interpreter of the program, and what must hold for every list of serials.

use super::*;

struct Call {
    arch: u32,
    nr: u32,
    args: [u64; 6],
}

/// Runs the program as the kernel would; gives the verdict and the number of instructions it took.
fn run(program: &[sock_filter], call: &Call) -> (u32, usize) {
    let word = |at: u32| match at {
        0 => call.nr,
        4 => call.arch,
        16.. if at < 64 && at % 8 == 0 => call.args[(at as usize - 16) / 8] as u32,
        _ => panic!("reads at {at}"),
    };
    let (mut at, mut a, mut steps) = (0, 0, 0);
    loop {
        let op = &program[at];
        steps += 1;
        at += 1;
        match u32::from(op.code) {
            0x20 => a = word(op.k),
            0x06 => return (op.k, steps),
            0x05 => at += op.k as usize,
            0x15 => at += usize::from(if a == op.k { op.jt } else { op.jf }),
            0x35 => at += usize::from(if a >= op.k { op.jt } else { op.jf }),
            code => panic!("instruction {code:#x}"),
        }
    }
}

fn allows(program: &[sock_filter], nr: libc::c_long, args: &[u64]) -> bool {
    let mut call = Call { arch: AUDIT_ARCH, nr: nr as u32, args: [0; 6] };
    call.args[..args.len()].copy_from_slice(args);
    match run(program, &call).0 {
        libc::SECCOMP_RET_ALLOW => true,
        libc::SECCOMP_RET_KILL_PROCESS => false,
        other => panic!("{other:#x}"),
    }
}

/// Serials as the kernel makes them: positive, random, here without two in a row so that neighbours are strangers.
fn some_serials(count: usize) -> Vec<i32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut serials = Vec::new();
    while serials.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let serial = (state >> 33) as i32 & !1;
        if serial > 2 && !serials.contains(&serial) {
            serials.push(serial);
        }
    }
    serials
}

const NO_FILES: Range<i32> = 0..0;
const READ: u64 = libc::KEYCTL_READ as u64;
const SIZES: [usize; 12] = [0, 1, 2, 3, 7, 8, 9, 64, 100, 1000, 1500, 2500];

#[test]
fn every_listed_serial_may_be_read_and_no_other() {
    for size in SIZES {
        let serials = some_serials(size);
        let program = program(&serials, &NO_FILES, Doors::Ends).unwrap();
        assert!(program.len() <= LONGEST, "{size} serials take {}", program.len());
        for serial in &serials {
            let serial = *serial as u64;
            assert!(allows(&program, libc::SYS_keyctl, &[READ, serial]), "{serial} of {size}");
            for stranger in [serial - 1, serial + 1, serial ^ 0x8000_0000, serial ^ 0x4000_0001] {
                assert!(!allows(&program, libc::SYS_keyctl, &[READ, stranger]), "{stranger} of {size}");
            }
        }
        for special in -8..=2_i64 {
            assert!(!allows(&program, libc::SYS_keyctl, &[READ, special as u64]), "{special}");
            assert!(!allows(&program, libc::SYS_keyctl, &[READ, special as u32 as u64]), "{special}");
        }
        for extreme in [i32::MAX as u64, u32::MAX as u64, u64::MAX, 1 << 31] {
            assert!(!allows(&program, libc::SYS_keyctl, &[READ, extreme]), "{extreme}");
        }
    }
}

#[test]
fn no_other_operation_reaches_a_listed_key() {
    for size in SIZES {
        let serials = some_serials(size);
        let program = program(&serials, &NO_FILES, Doors::Ends).unwrap();
        for serial in serials.iter().take(20) {
            for operation in (0..64).chain([u64::from(u32::MAX), 1 << 31]).filter(|op| *op != READ) {
                assert!(!allows(&program, libc::SYS_keyctl, &[operation, *serial as u64]));
            }
        }
    }
}

#[test]
fn only_five_numbers_of_one_architecture_pass() {
    let program = program(&some_serials(3), &NO_FILES, Doors::Ends).unwrap();
    let five =
        [libc::SYS_read, libc::SYS_write, libc::SYS_keyctl, libc::SYS_clock_gettime, libc::SYS_exit_group];
    for nr in (0..2048).chain([0xffff_ffff, 0x7fff_ffff]) {
        for first in [0, 1, 2, 11] {
            assert!(five.contains(&nr) || !allows(&program, nr, &[first]), "{nr}");
            let x32 = nr | 0x4000_0000;
            assert!(!allows(&program, x32, &[first]), "{x32:#x}");
        }
        // i386, ARM, x86-64 or AArch64 (whichever this is not), none.
        for arch in [0x4000_0003, 0x4000_0028, 0xc000_003e, 0xc000_00b7, 0] {
            let call = Call { arch, nr: nr as u32, args: [0; 6] };
            assert!(arch == AUDIT_ARCH || run(&program, &call).0 != libc::SECCOMP_RET_ALLOW);
        }
    }
    assert!(allows(&program, libc::SYS_clock_gettime, &[]));
    assert!(allows(&program, libc::SYS_exit_group, &[70]));
}

#[test]
fn descriptors_are_compared_as_the_kernel_does() {
    let program = program(&[], &NO_FILES, Doors::Ends).unwrap();
    for fd in 0..2000 {
        assert_eq!(allows(&program, libc::SYS_read, &[fd]), fd == 0, "read {fd}");
        assert_eq!(allows(&program, libc::SYS_write, &[fd]), fd == 1 || fd == 2, "write {fd}");
    }
    for fd in [u64::from(u32::MAX), u64::MAX, 1 << 31] {
        assert!(!allows(&program, libc::SYS_read, &[fd]));
        assert!(!allows(&program, libc::SYS_write, &[fd]));
    }
    // The kernel would read 0 here as well.
    assert!(allows(&program, libc::SYS_read, &[1 << 32]));
    assert!(!allows(&program, libc::SYS_read, &[1 << 32 | 3]));
}

#[test]
fn what_happens_per_request_is_short() {
    let steps = |program: &[sock_filter], nr: libc::c_long, args: &[u64]| {
        let mut call = Call { arch: AUDIT_ARCH, nr: nr as u32, args: [0; 6] };
        call.args[..args.len()].copy_from_slice(args);
        run(program, &call).1
    };
    let one = program(&[0x1234_5678], &NO_FILES, Doors::Ends).unwrap();
    assert!(steps(&one, libc::SYS_read, &[0]) <= 10);
    assert!(steps(&one, libc::SYS_write, &[1]) <= 10);
    assert!(steps(&one, libc::SYS_keyctl, &[READ, 0x1234_5678]) <= 13);
    let serials = some_serials(1000);
    let thousand = program(&serials, &NO_FILES, Doors::Ends).unwrap();
    for serial in &serials {
        assert!(steps(&thousand, libc::SYS_keyctl, &[READ, *serial as u64]) <= 36);
    }
}

#[test]
fn twice_the_same_serial_is_one() {
    assert_eq!(
        program(&[5, 9, 5], &NO_FILES, Doors::Ends).unwrap().len(),
        program(&[9, 5], &NO_FILES, Doors::Ends).unwrap().len()
    );
}

#[test]
fn what_is_no_serial_is_refused() {
    for serial in [0, -1, -8, i32::MIN] {
        assert!(
            matches!(program(&[7, serial], &NO_FILES, Doors::Ends), Err(Error::Serial(bad)) if bad == serial)
        );
    }
}

#[test]
fn more_keys_than_a_filter_can_list_are_refused() {
    let serials = some_serials(3000);
    assert!(matches!(program(&serials, &NO_FILES, Doors::Ends), Err(Error::TooManyKeys(3000))));
}

#[test]
fn files_are_those_of_the_range_and_only_for_what_they_need() {
    for files in [3..4, 3..5, 5..2005] {
        let program = program(&[7], &files, Doors::Ends).unwrap();
        let fds = (-2..3000_i64).chain([i64::from(i32::MAX), i64::from(i32::MIN)]);
        for fd in fds {
            let ours = i32::try_from(fd).is_ok_and(|fd| files.contains(&fd));
            for call in ON_FILES {
                assert_eq!(allows(&program, call, &[fd as u64]), ours, "{call} {fd}");
            }
            assert_eq!(allows(&program, libc::SYS_write, &[fd as u64]), ours || fd == 1 || fd == 2, "{fd}");
            assert_eq!(allows(&program, libc::SYS_read, &[fd as u64]), fd == 0, "{fd}");
        }
        for call in [libc::SYS_ftruncate, libc::SYS_fchmod, libc::SYS_dup, libc::SYS_mmap, libc::SYS_sendfile]
        {
            assert!(!allows(&program, call, &[files.start as u64]), "{call}");
        }
        assert!(allows(&program, libc::SYS_keyctl, &[READ, 7]));
    }
    for files in [2..4, 0..1, -1..3] {
        assert!(matches!(program(&[7], &files, Doors::Ends), Err(Error::File(_))), "{files:?}");
    }
}

#[test]
fn without_files_nothing_of_theirs_is_allowed() {
    let program = program(&[7], &NO_FILES, Doors::Ends).unwrap();
    for call in ON_FILES {
        assert!((0..10).all(|fd| !allows(&program, call, &[fd])), "{call}");
    }
}

/// What a listener may call beside keyctl, the clock and the end.
const ITS_OWN: [libc::c_long; 9] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_close,
    libc::SYS_sendmsg,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_accept4,
    libc::SYS_pipe2,
    libc::SYS_getsockopt,
];

#[test]
fn a_listener_has_these_calls_of_one_architecture_and_no_other() {
    let program = program(&some_serials(3), &NO_FILES, Doors::Listener).unwrap();
    let mut listed = ITS_OWN.to_vec();
    listed.extend([libc::SYS_keyctl, libc::SYS_clock_gettime, libc::SYS_exit_group]);
    #[cfg(target_arch = "x86_64")]
    listed.push(libc::SYS_epoll_wait);
    for nr in (0..2048).chain([0xffff_ffff, 0x7fff_ffff]) {
        for args in [[0; 3], [3, 0, 0], [4, 1, 17], [5, u64::from(libc::O_CLOEXEC as u32), 0]] {
            assert!(listed.contains(&nr) || !allows(&program, nr, &args), "{nr} {args:?}");
            let x32 = nr | 0x4000_0000;
            assert!(!allows(&program, x32, &args), "{x32:#x}");
        }
        for arch in [0x4000_0003, 0x4000_0028, 0xc000_003e, 0xc000_00b7, 0] {
            let call = Call { arch, nr: nr as u32, args: [3, 0, 0, 0, 0, 0] };
            assert!(arch == AUDIT_ARCH || run(&program, &call).0 != libc::SECCOMP_RET_ALLOW);
        }
    }
    assert!(allows(&program, libc::SYS_clock_gettime, &[]));
    assert!(allows(&program, libc::SYS_exit_group, &[70]));
}

#[test]
fn a_listener_reads_writes_closes_and_waits_above_the_first_three_descriptors() {
    let program = program(&[7], &NO_FILES, Doors::Listener).unwrap();
    let above =
        [libc::SYS_read, libc::SYS_close, libc::SYS_sendmsg, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait];
    for call in above.into_iter().chain(WAITS) {
        for fd in 0..2000 {
            assert_eq!(allows(&program, call, &[fd]), fd > 2, "{call} {fd}");
        }
    }
    for fd in 0..2000 {
        // The log is at 2, and 1 may be the same.
        assert_eq!(allows(&program, libc::SYS_write, &[fd]), fd > 0, "write {fd}");
    }
    for call in above.into_iter().chain([libc::SYS_write]).chain(WAITS) {
        // What is negative to the kernel is no descriptor, but it may be AT_FDCWD or mean something one day.
        for fd in [1 << 31, u64::from(u32::MAX), u64::MAX, -100_i64 as u64, 1 << 32, 1 << 32 | 1 << 31] {
            assert!(!allows(&program, call, &[fd]), "{call} {fd:#x}");
        }
        assert!(allows(&program, call, &[(1 << 31) - 1]), "{call}");
    }
}

#[cfg(target_arch = "x86_64")]
const WAITS: [libc::c_long; 1] = [libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const WAITS: [libc::c_long; 0] = [];

#[test]
fn a_listener_accepts_at_its_door_alone_and_asks_who_connects_and_nothing_else() {
    let program = program(&[7], &NO_FILES, Doors::Listener).unwrap();
    for fd in (0..2000).chain([1 << 31, u64::from(u32::MAX), u64::MAX]) {
        assert_eq!(allows(&program, libc::SYS_accept4, &[fd, 0, 0, 0]), fd == 0, "{fd}");
    }
    let (level, option) = (libc::SOL_SOCKET as u64, libc::SO_PEERCRED as u64);
    for other in (0..512).chain([u64::from(u32::MAX), 1 << 31]) {
        assert_eq!(
            allows(&program, libc::SYS_getsockopt, &[5, other, option]),
            other == level,
            "level {other}"
        );
        assert_eq!(
            allows(&program, libc::SYS_getsockopt, &[5, level, other]),
            other == option,
            "option {other}"
        );
    }
}

#[test]
fn a_listener_makes_pipes_of_one_kind() {
    let program = program(&[7], &NO_FILES, Doors::Listener).unwrap();
    let flags = (libc::O_CLOEXEC | libc::O_NONBLOCK) as u64;
    assert!(allows(&program, libc::SYS_pipe2, &[0, flags]));
    for bit in 0..32 {
        assert!(!allows(&program, libc::SYS_pipe2, &[0, flags ^ 1 << bit]), "{bit}");
    }
    for other in [0, u64::from(u32::MAX), 1 << 31, libc::O_EXCL as u64, libc::O_DIRECT as u64] {
        assert!(!allows(&program, libc::SYS_pipe2, &[0, other]), "{other:#x}");
    }
}

#[test]
fn a_listener_reads_its_keys_and_no_other_and_keeps_its_files() {
    for size in [0, 1, 8, 100, 1000] {
        let serials = some_serials(size);
        let program = program(&serials, &(3..7), Doors::Listener).unwrap();
        for serial in &serials {
            let serial = *serial as u64;
            assert!(allows(&program, libc::SYS_keyctl, &[READ, serial]), "{serial} of {size}");
            assert!(!allows(&program, libc::SYS_keyctl, &[READ, serial + 1]), "{serial} of {size}");
            for operation in (0..64).filter(|op| *op != READ) {
                assert!(!allows(&program, libc::SYS_keyctl, &[operation, serial]), "{operation}");
            }
        }
        for call in ON_FILES {
            for fd in 0..100 {
                assert_eq!(allows(&program, call, &[fd]), (3..7).contains(&fd), "{call} {fd}");
            }
        }
    }
    let without = program(&[7], &NO_FILES, Doors::Listener).unwrap();
    for call in ON_FILES {
        assert!((0..100).all(|fd| !allows(&without, call, &[fd])), "{call}");
    }
}

#[test]
fn what_a_signer_may_do_with_its_ends_a_listener_may_not() {
    let listener = program(&[7], &NO_FILES, Doors::Listener).unwrap();
    let ends = program(&[7], &NO_FILES, Doors::Ends).unwrap();
    assert!(allows(&ends, libc::SYS_read, &[0]) && !allows(&listener, libc::SYS_read, &[0]));
    for call in ITS_OWN {
        assert!(!allows(&ends, call, &[3]), "{call}");
    }
}
