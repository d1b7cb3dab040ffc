//! The seccomp program: exactly which system calls, on which descriptors and keys, reach the kernel.
//!
//! Arguments are compared by their low 32 bits. That is what the kernel does as well: descriptor, keyctl
//! operation and serial are ints, and it drops the rest of the register before it looks. To compare the upper half
//! too would refuse nothing that the kernel could do, and a sign-extended int would not pass.
//!
//! Linux 6.14 lets the numbers 335 and 336 of x86-64 (uretprobe, uprobe) pass every filter, for probes that
//! root sets. Called from anywhere else the first kills with SIGILL, and the second does nothing.

use std::ops::Range;

use seccompiler::sock_filter;

use crate::error::Error;
use crate::walls::Doors;

#[cfg(test)]
mod tests;

#[cfg(not(target_endian = "little"))]
compile_error!("the filter reads the low half of an argument where little-endian machines have it");

/// Writes the filter for a signer that may read the keys `serials`, keep its records in the open `files`, and talk over
/// what `doors` says.
///
/// The architecture comes first, since `int 0x80` has other numbers for the same calls; then a balanced tree over the
/// call's number, since the kernel runs the filter for every number once when it is installed; then a
/// balanced tree over the serials, with a few compares at each leaf.
pub(crate) fn program(serials: &[i32], files: &Range<i32>, doors: Doors) -> Result<Vec<sock_filter>, Error> {
    let mut program = vec![load(ARCHITECTURE_AT)];
    only(&mut program, AUDIT_ARCH);
    program.push(load(NUMBER_AT));
    let mut calls = vec![
        (number(libc::SYS_keyctl), reading(serials)?),
        (number(libc::SYS_clock_gettime), always(libc::SYS_clock_gettime)),
        (number(libc::SYS_exit_group), always(libc::SYS_exit_group)),
    ];
    match doors {
        Doors::Ends => {
            calls.push((number(libc::SYS_read), on_descriptors(libc::SYS_read, &[0])));
            calls.push((number(libc::SYS_write), writing(files)?));
        }
        Doors::Listener => calls.extend(listening()),
    }
    if !files.is_empty() {
        for call in ON_FILES {
            calls.push((number(call), on_files(call, files)?));
        }
    }
    calls.sort_by_key(|call| call.0);
    choose(&mut program, &calls);
    if program.len() > LONGEST { Err(Error::TooManyKeys(serials.len())) } else { Ok(program) }
}

type Block = (u32, Vec<sock_filter>);

fn always(call: libc::c_long) -> Vec<sock_filter> {
    let mut block = Vec::new();
    only(&mut block, number(call));
    block.push(ALLOW);
    block
}

fn on_descriptors(call: libc::c_long, allowed: &[u32]) -> Vec<sock_filter> {
    let mut block = Vec::new();
    only(&mut block, number(call));
    block.push(load(argument_at(0)));
    one_of(&mut block, allowed);
    block
}

/// `write` of 1, 2 and the files.
fn writing(files: &Range<i32>) -> Result<Vec<sock_filter>, Error> {
    let mut block = on_descriptors(libc::SYS_write, &[1, 2]);
    if !files.is_empty() {
        let (first, end) = bounds(files)?;
        // In the place of the KILL that follows the compares.
        let at = block.len() - 2;
        block.splice(at..at + 1, [jump(libc::BPF_JGE, first, 0, 1), jump(libc::BPF_JGE, end, 0, 1), KILL]);
        // Those that matched jump over two instructions more.
        for compare in &mut block[at - 2..at] {
            compare.jt += 2;
        }
    }
    Ok(block)
}

/// What it takes to let clients in, to talk to them, and to give them pipes: each on descriptors above 2 alone, but for the
/// listening socket, which is descriptor 0. Of `write`, 1 and 2 too.
fn listening() -> Vec<Block> {
    let above = |call, least| {
        // Negative numbers are no descriptors.
        with_argument(
            call,
            0,
            &[jump(libc::BPF_JGE, 1 << 31, 1, 0), jump(libc::BPF_JGE, least, 1, 0), KILL, ALLOW],
        )
    };
    let equal = |call, at, value| with_argument(call, at, &[jump(libc::BPF_JEQ, value, 1, 0), KILL, ALLOW]);
    let mut credentials = Vec::new();
    only(&mut credentials, number(libc::SYS_getsockopt));
    credentials.push(load(argument_at(1)));
    only(&mut credentials, libc::SOL_SOCKET as u32);
    credentials.push(load(argument_at(2)));
    one_of(&mut credentials, &[libc::SO_PEERCRED as u32]);
    let mut calls = vec![
        (libc::SYS_read, above(libc::SYS_read, 3)),
        (libc::SYS_write, above(libc::SYS_write, 1)),
        (libc::SYS_close, above(libc::SYS_close, 3)),
        (libc::SYS_sendmsg, above(libc::SYS_sendmsg, 3)),
        (libc::SYS_epoll_ctl, above(libc::SYS_epoll_ctl, 3)),
        (libc::SYS_epoll_pwait, above(libc::SYS_epoll_pwait, 3)),
        (libc::SYS_accept4, equal(libc::SYS_accept4, 0, 0)),
        (libc::SYS_pipe2, equal(libc::SYS_pipe2, 1, (libc::O_CLOEXEC | libc::O_NONBLOCK) as u32)),
        (libc::SYS_getsockopt, credentials),
    ];
    // The C library's choice.
    #[cfg(target_arch = "x86_64")]
    calls.push((libc::SYS_epoll_wait, above(libc::SYS_epoll_wait, 3)));
    calls.into_iter().map(|(call, block)| (number(call), block)).collect()
}

fn with_argument(call: libc::c_long, at: u32, rest: &[sock_filter]) -> Vec<sock_filter> {
    let mut block = Vec::new();
    only(&mut block, number(call));
    block.push(load(argument_at(at)));
    block.extend_from_slice(rest);
    block
}

fn on_files(call: libc::c_long, files: &Range<i32>) -> Result<Vec<sock_filter>, Error> {
    let (first, end) = bounds(files)?;
    let mut block = Vec::new();
    only(&mut block, number(call));
    block.push(load(argument_at(0)));
    block.extend([jump(libc::BPF_JGE, first, 0, 1), jump(libc::BPF_JGE, end, 0, 1), KILL, ALLOW]);
    Ok(block)
}

fn bounds(files: &Range<i32>) -> Result<(u32, u32), Error> {
    let number = |fd: i32| u32::try_from(fd).ok().filter(|fd| *fd > 2).ok_or(Error::File(fd));
    Ok((number(files.start)?, number(files.end)?))
}

fn reading(serials: &[i32]) -> Result<Vec<sock_filter>, Error> {
    let mut serials = serials.iter().map(|serial| positive(*serial)).collect::<Result<Vec<_>, _>>()?;
    serials.sort_unstable();
    serials.dedup();
    let mut block = Vec::new();
    only(&mut block, number(libc::SYS_keyctl));
    block.push(load(argument_at(0)));
    only(&mut block, libc::KEYCTL_READ);
    block.push(load(argument_at(1)));
    let leaves: Vec<Block> = serials
        .chunks(SERIALS_PER_LEAF)
        .map(|some| {
            let mut leaf = Vec::with_capacity(some.len() + 2);
            one_of(&mut leaf, some);
            (some[0], leaf)
        })
        .collect();
    choose(&mut block, &leaves);
    Ok(block)
}

/// Zero and below are not keys: -1 to -8 stand for whatever keyring the process has.
fn positive(serial: i32) -> Result<u32, Error> {
    u32::try_from(serial).ok().filter(|serial| *serial > 0).ok_or(Error::Serial(serial))
}

/// Jumps to the last block whose first value is not above the loaded one.
fn choose(program: &mut Vec<sock_filter>, blocks: &[Block]) {
    match blocks {
        [] => program.push(KILL),
        [(_, block)] => program.extend_from_slice(block),
        _ => {
            let (low, high) = blocks.split_at(blocks.len() / 2);
            let at = program.len();
            program.push(jump(libc::BPF_JGE, high[0].0, 0, 0));
            choose(program, low);
            let distance = program.len() - at - 1;
            if let Ok(near) = u8::try_from(distance) {
                program[at].jt = near;
            } else {
                // Conditional jumps reach 255 instructions; the unconditional one has 32 bits.
                program[at].jf = 1;
                let distance = u32::try_from(distance).expect("filters are far below 4 Gi instructions");
                program.insert(at + 1, statement(libc::BPF_JMP | libc::BPF_JA, distance));
            }
            choose(program, high);
        }
    }
}

/// Goes on if the loaded value is this one.
fn only(program: &mut Vec<sock_filter>, value: u32) {
    program.extend([jump(libc::BPF_JEQ, value, 1, 0), KILL]);
}

/// Allows the loaded value if it is among these few, kills otherwise.
fn one_of(program: &mut Vec<sock_filter>, values: &[u32]) {
    let few = u8::try_from(values.len()).expect("a leaf is short");
    program.extend((1..=few).rev().zip(values).map(|(left, value)| jump(libc::BPF_JEQ, *value, left, 0)));
    program.extend([KILL, ALLOW]);
}

fn load(at: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at)
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { jt, jf, ..statement(libc::BPF_JMP | test | libc::BPF_K, k) }
}

const fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k } // every code is below 256
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).expect("system calls have small numbers")
}

/// What a file of records needs: to be locked, read, appended to, and to be on the disk.
const ON_FILES: [libc::c_long; 5] =
    [libc::SYS_flock, libc::SYS_lseek, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_fdatasync];

const ALLOW: sock_filter = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW);
const KILL: sock_filter = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_KILL_PROCESS);

/// Eight compares in a row cost about as much as the three levels of tree they replace, in half the space.
const SERIALS_PER_LEAF: usize = 8;
/// `BPF_MAXINSNS`: enough for some 2700 serials.
const LONGEST: usize = 4096;

// struct seccomp_data, include/uapi/linux/seccomp.h
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const fn argument_at(index: u32) -> u32 {
    16 + 8 * index
}

// include/uapi/linux/audit.h: EM_X86_64 or EM_AARCH64, 64 bits, little endian.
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u32 = 0xc000_00b7;
