//! What is still possible behind the walls, and that everything else ends the process.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod attacks;
mod common;

use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use attacks::{ATTACKS, Place};
use common::{call, child, outcome, said, say, skip, waiting};
use signbox_sandbox::{Choice, Doors, Memory, enter, filter_system_calls, install_panic_hook, prepare};

fn main() -> ExitCode {
    common::main(
        named![
            every_attack_succeeds_without_walls_and_kills_the_process_behind_them,
            every_other_system_call_number_kills_the_process,
            the_five_system_calls_work_behind_the_walls,
            the_end_is_straight_and_keeps_its_code,
            a_panic_says_where_and_never_what,
            a_thousand_keys_can_be_listed,
            files_of_records_are_kept_behind_the_walls_and_no_other_file_is,
            a_listener_does_what_it_needs_to,
            a_listener_does_nothing_else,
            every_attack_kills_a_listener_too,
            every_call_that_is_not_a_listeners_kills_it,
            the_kernel_says_that_all_walls_are_up,
        ],
        named![attack, number, work, leave, panics, many, records, listen, hold],
    )
}

fn every_attack_succeeds_without_walls_and_kills_the_process_behind_them() {
    for (name, _) in ATTACKS {
        let control = outcome(&format!("attack:open:{name}"));
        match control.code {
            Some(0) => {}
            Some(MISSING) => skip(&format!("{name}: not in this kernel, even without walls")),
            _ => panic!("control: {name} must succeed without walls: {control:?}"),
        }
        let walled = outcome(&format!("attack:walled:{name}"));
        assert_eq!(walled.signal, Some(libc::SIGSYS), "{name}: {walled:?}");
        assert_eq!(walled.out, "walls are up", "{name}");
    }
}

fn attack() {
    let detail = common::detail();
    let (mode, name) = detail.split_once(':').unwrap();
    let attack = ATTACKS.iter().find(|attack| attack.0 == name).unwrap().1;
    if mode == "open" {
        let place = Place::make();
        say("no walls");
        signbox_sandbox::exit(verdict(attack(&place)));
    }
    prepare().unwrap();
    let doors = if mode == "listener" { Doors::Listener } else { Doors::Ends };
    Memory::map(Choice::Auto).unwrap().run(|_| {
        let place = Place::make();
        enter(&[place.listed], &(0..0), doors).unwrap();
        say("walls are up");
        signbox_sandbox::exit(verdict(attack(&place)));
    });
}

fn verdict(result: i64) -> i32 {
    match result {
        0.. => 0,
        missing if missing == -i64::from(libc::ENOSYS) => MISSING,
        error => i32::try_from(-error).unwrap_or(1),
    }
}

const MISSING: i32 = 200;

fn every_other_system_call_number_kills_the_process() {
    let five =
        [libc::SYS_read, libc::SYS_write, libc::SYS_keyctl, libc::SYS_clock_gettime, libc::SYS_exit_group];
    for number in (0..=480).filter(|number| !five.contains(number)) {
        let ended = outcome(&format!("number:{number}"));
        let passed =
            UPROBES.contains(&number) && (ended.signal == Some(libc::SIGILL) || ended.out == "nothing done");
        assert!(passed || ended.signal == Some(libc::SIGSYS), "{number}: {ended:?}");
    }
}

fn number() {
    let detail = common::detail();
    let (doors, number) = match detail.strip_prefix("listener:") {
        Some(number) => (Doors::Listener, number),
        None => (Doors::Ends, detail.as_str()),
    };
    let number = number.parse().unwrap();
    filter_system_calls(&[1], &(0..0), doors).unwrap_or_else(|error| panic!("{error:?}"));
    let result = call(number, [0; 6]);
    say(if result == -i64::from(libc::ENXIO) { "nothing done" } else { "done" });
}

/// uretprobe and uprobe, which the kernel lets pass every filter (Linux 6.14): the first kills whoever
/// calls it from anywhere but a probe that root has set, the second does nothing then.
#[cfg(target_arch = "x86_64")]
const UPROBES: [libc::c_long; 2] = [335, 336];
#[cfg(not(target_arch = "x86_64"))]
const UPROBES: [libc::c_long; 0] = [];

fn the_five_system_calls_work_behind_the_walls() {
    let mut process = child("work").spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"ping").unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "ping and the payload");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "to the operator");
}

fn work() {
    prepare().unwrap();
    let serial = common::key("signbox-test:listed", b"the payload");
    Memory::map(Choice::Auto).unwrap().run(|vault| {
        enter(&[serial], &(0..0), Doors::Ends).unwrap();
        let mut line = [0; 64];
        let length = call(libc::SYS_read, [0, line.as_mut_ptr() as usize, line.len(), 0, 0, 0]);
        vault.wiped(|page, _| {
            let arguments = [11, serial as usize, page.as_mut_ptr() as usize, page.len(), 0, 0];
            let key = call(libc::SYS_keyctl, arguments) as usize;
            for part in [&line[..length as usize], b" and ", &page[..key]] {
                nix::unistd::write(std::io::stdout(), part).unwrap();
            }
        });
        nix::unistd::write(std::io::stderr(), b"to the operator").unwrap();
        let mut now = [0_u64; 2];
        assert_eq!(call(libc::SYS_clock_gettime, [0, now.as_mut_ptr() as usize, 0, 0, 0, 0]), 0);
        let vdso = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert!(vdso - Duration::from_secs(now[0]) < Duration::from_secs(5));
        signbox_sandbox::exit(7);
    })
}

fn the_end_is_straight_and_keeps_its_code() {
    for code in [0, 1, 2, 255] {
        assert_eq!(outcome(&format!("leave:exit:{code}")).code, Some(code));
    }
    // Why `exit` exists: what std does at the end is not among the five calls.
    assert_eq!(outcome("leave:std:0").signal, Some(libc::SIGSYS));
}

fn leave() {
    let detail = common::detail();
    let (how, code) = detail.split_once(':').unwrap();
    let code = code.parse().unwrap();
    prepare().unwrap();
    enter(&[], &(0..0), Doors::Ends).unwrap();
    if how == "std" {
        std::thread::spawn(|| ()).join().unwrap();
        std::process::exit(code);
    }
    signbox_sandbox::exit(code);
}

fn a_panic_says_where_and_never_what() {
    let ended = outcome("panics");
    assert_eq!(ended.code, Some(signbox_sandbox::PANIC_CODE), "{ended:?}");
    let line = ended.err.strip_prefix("signbox-signer: panicked at ").unwrap();
    let number = line.strip_suffix('\n').unwrap().strip_prefix("sandbox/tests/walls.rs:").unwrap();
    assert!(number.parse::<u32>().is_ok(), "{ended:?}");
}

fn panics() {
    install_panic_hook();
    prepare().unwrap();
    Memory::map(Choice::Auto).unwrap().run(|_| {
        enter(&[], &(0..0), Doors::Ends).unwrap();
        let secret = std::hint::black_box("a secret");
        panic!("this must not be seen: {secret}");
    });
}

fn a_thousand_keys_can_be_listed() {
    assert_eq!(said("many"), "first and last");
}

fn many() {
    prepare().unwrap();
    // Keys of a signer are few here, the quota is not ours: the rest of the list is made up.
    let (first, last) = (common::key("signbox-test:first", b"1"), common::key("signbox-test:last", b"2"));
    let made_up = (0..998).map(|at| 0x0100_0000 + at * 7919);
    let serials: Vec<i32> = [first].into_iter().chain(made_up).chain([last]).collect();
    enter(&serials, &(0..0), Doors::Ends).unwrap();
    let readable = |serial: i32| call(libc::SYS_keyctl, [11, serial as usize, 0, 0, 0, 0]) == 1;
    say(if readable(first) { "first" } else { "not the first" });
    say(if readable(last) { " and last" } else { " and not the last" });
}

fn files_of_records_are_kept_behind_the_walls_and_no_other_file_is() {
    let worked = outcome("records:3:all");
    assert_eq!((worked.code, worked.out.as_str()), (Some(0), "kept"), "{worked:?}");
    for what in ["flock", "lseek", "pread", "pwrite", "fdatasync", "write"] {
        // Descriptor 5 is open as well, and not one of theirs.
        assert_eq!(outcome(&format!("records:5:{what}")).signal, Some(libc::SIGSYS), "{what}");
    }
    for what in ["read", "ftruncate", "fchmod", "dup", "mmap"] {
        assert_eq!(outcome(&format!("records:open:{what}")).code, Some(0), "control: {what}");
        assert_eq!(outcome(&format!("records:3:{what}")).signal, Some(libc::SIGSYS), "{what}");
    }
}

/// Does things to one of three files, of which the first two may be used behind the walls.
fn records() {
    let detail = common::detail();
    let (fd, what) = detail.split_once(':').unwrap();
    prepare().unwrap();
    let files: Vec<fs::File> = (0..3)
        .map(|_| {
            let unnamed = fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_TMPFILE).clone();
            unnamed.open(std::env::temp_dir()).unwrap()
        })
        .collect();
    let fds: Vec<i32> = files.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
    assert_eq!(fds, [3, 4, 5]);
    if fd != "open" {
        enter(&[], &(3..5), Doors::Ends).unwrap();
    }
    let fd = fd.parse().unwrap_or(3);
    let mut text = *b"kept";
    let place = text.as_mut_ptr() as usize;
    let calls = [
        ("flock", libc::SYS_flock, [fd, libc::LOCK_EX as usize, 0, 0, 0, 0]),
        ("write", libc::SYS_write, [fd, place, 4, 0, 0, 0]),
        ("pwrite", libc::SYS_pwrite64, [fd, place, 4, 0, 0, 0]),
        ("fdatasync", libc::SYS_fdatasync, [fd, 0, 0, 0, 0, 0]),
        ("lseek", libc::SYS_lseek, [fd, 0, libc::SEEK_END as usize, 0, 0, 0]),
        ("pread", libc::SYS_pread64, [fd, place, 4, 0, 0, 0]),
        ("read", libc::SYS_read, [fd, place, 4, 0, 0, 0]),
        ("ftruncate", libc::SYS_ftruncate, [fd, 0, 0, 0, 0, 0]),
        ("fchmod", libc::SYS_fchmod, [fd, 0o600, 0, 0, 0, 0]),
        ("dup", libc::SYS_dup, [fd, 0, 0, 0, 0, 0]),
        ("mmap", libc::SYS_mmap, [0, 4096, libc::PROT_READ as usize, libc::MAP_SHARED as usize, fd, 0]),
    ];
    let wanted = |name: &str| name == what || what == "all";
    let last = if what == "all" { 6 } else { calls.len() };
    for (name, number, arguments) in calls.into_iter().take(last).filter(|(name, ..)| wanted(name)) {
        assert!(call(number, arguments) >= 0, "{name}");
    }
    say(std::str::from_utf8(&text).unwrap());
    signbox_sandbox::exit(0);
}

fn a_listener_does_what_it_needs_to() {
    let ended = outcome("listen:walled:all");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "done"), "{ended:?}");
}

fn a_listener_does_nothing_else() {
    for (name, ..) in elsewhere(&Listener { client: 0, epoll: 0, address: 0, room: 0 }) {
        let control = outcome(&format!("listen:open:{name}"));
        match control.code {
            Some(0) => {}
            Some(MISSING) => skip(&format!("{name}: not in this kernel, even without walls")),
            _ => panic!("control: {name} must be reached without walls: {control:?}"),
        }
        let walled = outcome(&format!("listen:walled:{name}"));
        assert_eq!((walled.signal, walled.out.as_str()), (Some(libc::SIGSYS), ""), "{name}: {walled:?}");
    }
}

fn every_attack_kills_a_listener_too() {
    // It reads and writes what its clients have.
    let own = ["read descriptor 3", "write descriptor 5"];
    for (name, _) in ATTACKS.iter().filter(|attack| !own.contains(&attack.0)) {
        let walled = outcome(&format!("attack:listener:{name}"));
        assert_eq!(walled.signal, Some(libc::SIGSYS), "{name}: {walled:?}");
        assert_eq!(walled.out, "walls are up", "{name}");
    }
}

fn every_call_that_is_not_a_listeners_kills_it() {
    let mut listed = vec![libc::SYS_keyctl, libc::SYS_clock_gettime, libc::SYS_exit_group];
    listed.extend([libc::SYS_read, libc::SYS_write, libc::SYS_close, libc::SYS_sendmsg, libc::SYS_epoll_ctl]);
    listed.extend([libc::SYS_epoll_pwait, libc::SYS_accept4, libc::SYS_pipe2, libc::SYS_getsockopt]);
    #[cfg(target_arch = "x86_64")]
    listed.push(libc::SYS_epoll_wait);
    for number in (0..=480).filter(|number| !listed.contains(number)) {
        let ended = outcome(&format!("number:listener:{number}"));
        let passed =
            UPROBES.contains(&number) && (ended.signal == Some(libc::SIGILL) || ended.out == "nothing done");
        assert!(passed || ended.signal == Some(libc::SIGSYS), "{number}: {ended:?}");
    }
}

/// What a listener has, by number, and a page of room.
struct Listener {
    client: usize,
    epoll: usize,
    /// Where the name of its socket is.
    address: usize,
    room: usize,
}

type Step = (&'static str, libc::c_long, [usize; 6]);

/// What it does, of what it may.
fn own(at: &Listener) -> Vec<Step> {
    let &Listener { client, epoll, room, .. } = at;
    let (level, option) = (libc::SOL_SOCKET as usize, libc::SO_PEERCRED as usize);
    let flags = (libc::O_CLOEXEC | libc::O_NONBLOCK) as usize;
    vec![
        ("wait for events", libc::SYS_epoll_pwait, [epoll, room, 1, 0, 0, 8]),
        ("accept", libc::SYS_accept4, [0, 0, 0, flags, 0, 0]),
        ("ask who connects", libc::SYS_getsockopt, [client, level, option, room, room + 64, 0]),
        ("watch", libc::SYS_epoll_ctl, [epoll, libc::EPOLL_CTL_MOD as usize, client, room + 128, 0, 0]),
        ("read", libc::SYS_read, [client, room, 8, 0, 0, 0]),
        ("write", libc::SYS_write, [client, room, 8, 0, 0, 0]),
        ("write to the log", libc::SYS_write, [2, room, 0, 0, 0, 0]),
        ("make pipes", libc::SYS_pipe2, [room, flags, 0, 0, 0, 0]),
        ("hand something over", libc::SYS_sendmsg, [client, room + 256, 0, 0, 0, 0]),
        ("close", libc::SYS_close, [client, 0, 0, 0, 0, 0]),
    ]
}

/// The same calls and others, on what it may not touch. Without walls they work, or the kernel refuses for a reason of its own.
fn elsewhere(at: &Listener) -> Vec<Step> {
    let &Listener { client, epoll, address, room } = at;
    let level = libc::SOL_SOCKET as usize;
    let option = |option: i32| [client, level, option as usize, room, room + 64, 0];
    vec![
        ("read the door", libc::SYS_read, [0, room, 8, 0, 0, 0]),
        ("read descriptor 1", libc::SYS_read, [1, room, 8, 0, 0, 0]),
        ("read descriptor 2", libc::SYS_read, [2, room, 8, 0, 0, 0]),
        ("write to the door", libc::SYS_write, [0, room, 8, 0, 0, 0]),
        ("close the door", libc::SYS_close, [0; 6]),
        ("close the log", libc::SYS_close, [2, 0, 0, 0, 0, 0]),
        ("hand over at the door", libc::SYS_sendmsg, [0, room + 256, 0, 0, 0, 0]),
        ("hand over to descriptor 1", libc::SYS_sendmsg, [1, room + 256, 0, 0, 0, 0]),
        ("accept elsewhere", libc::SYS_accept4, [client, 0, 0, 0, 0, 0]),
        ("accept by another call", libc::SYS_accept, [0; 6]),
        ("ask for the size of a buffer", libc::SYS_getsockopt, option(libc::SO_SNDBUF)),
        ("ask for the label of the peer", libc::SYS_getsockopt, option(libc::SO_PEERSEC)),
        ("ask for the groups of the peer", libc::SYS_getsockopt, option(libc::SO_PEERGROUPS)),
        ("ask for a handle on the peer", libc::SYS_getsockopt, option(libc::SO_PEERPIDFD)),
        (
            "ask another level",
            libc::SYS_getsockopt,
            [client, 6, libc::SO_PEERCRED as usize, room, room + 64, 0],
        ),
        ("set an option", libc::SYS_setsockopt, [client, level, libc::SO_SNDBUF as usize, room + 64, 4, 0]),
        ("make pipes that block", libc::SYS_pipe2, [room, libc::O_CLOEXEC as usize, 0, 0, 0, 0]),
        ("make pipes that are inherited", libc::SYS_pipe2, [room, libc::O_NONBLOCK as usize, 0, 0, 0, 0]),
        (
            "receive descriptors",
            libc::SYS_recvmsg,
            [client, room + 256, libc::MSG_DONTWAIT as usize, 0, 0, 0],
        ),
        ("receive", libc::SYS_recvfrom, [client, room, 8, libc::MSG_DONTWAIT as usize, 0, 0]),
        ("send", libc::SYS_sendto, [client, room, 8, 0, 0, 0]),
        ("connect", libc::SYS_connect, [client, address, 3, 0, 0, 0]),
        ("bind", libc::SYS_bind, [client, address, 3, 0, 0, 0]),
        ("listen", libc::SYS_listen, [0, 1, 0, 0, 0, 0]),
        ("shut down", libc::SYS_shutdown, [client, 2, 0, 0, 0, 0]),
        ("make a socket", libc::SYS_socket, [1, 1, 0, 0, 0, 0]),
        (
            "open a file",
            libc::SYS_openat,
            [libc::AT_FDCWD as usize, c"/etc/passwd".as_ptr() as usize, 0, 0, 0, 0],
        ),
        ("send a signal", libc::SYS_kill, [std::process::id() as usize, 0, 0, 0, 0, 0]),
        ("wait elsewhere", libc::SYS_epoll_pwait2, [epoll, room, 1, room + 512, 0, 8]),
        ("wait at the log", libc::SYS_epoll_pwait, [2, room, 1, 0, 0, 8]),
        ("watch from the log", libc::SYS_epoll_ctl, [2, 1, client, room + 128, 0, 0]),
        ("duplicate", libc::SYS_dup, [client, 0, 0, 0, 0, 0]),
        ("wait for more", libc::SYS_epoll_create1, [0; 6]),
    ]
}

/// A listener with a client, which does one thing, or all that it needs to.
fn listen() {
    let detail = common::detail();
    let (mode, what) = detail.split_once(':').unwrap();
    prepare().unwrap();
    // Under a name that is no file's.
    let name = SocketAddr::from_abstract_name(format!("signbox-test-{}", std::process::id())).unwrap();
    let door = UnixListener::bind_addr(&name).unwrap();
    let theirs = UnixStream::connect_addr(&name).unwrap();
    let (client, _) = door.accept().unwrap();
    let _next = UnixStream::connect_addr(&name).unwrap();
    (&theirs).write_all(b"question").unwrap();
    assert_eq!(call(libc::SYS_dup3, [door.as_raw_fd() as usize, 0, 0, 0, 0, 0]), 0);
    let epoll = call(libc::SYS_epoll_create1, [0; 6]) as usize;
    let room = Box::leak(Box::new([0_u64; 128])).as_mut_ptr() as usize;
    let at = Listener { client: client.into_raw_fd() as usize, epoll, address: room + 768, room };
    let place = |offset: usize, value: u64| {
        // SAFETY: the room is a kilobyte long, and nobody else has it.
        unsafe { ((room + offset) as *mut u64).write(value) };
    };
    place(64, 64); // a length
    place(128, libc::EPOLLIN as u64); // an event
    place(768, 1); // AF_UNIX, and no name
    let watch = [epoll, libc::EPOLL_CTL_ADD as usize, at.client, room + 128, 0, 0];
    assert_eq!(call(libc::SYS_epoll_ctl, watch), 0);
    let (own, others) = (own(&at), elsewhere(&at));
    if mode == "walled" {
        enter(&[], &(0..0), Doors::Listener).unwrap();
    }
    if what == "all" {
        for (name, number, arguments) in &own {
            let result = call(*number, *arguments);
            assert!(result >= 0, "{name}: {result}");
        }
        say("done");
        signbox_sandbox::exit(0);
    }
    let (_, number, arguments) = others.iter().find(|step| step.0 == what).unwrap();
    let code = match call(*number, *arguments) {
        missing if missing == -i64::from(libc::ENOSYS) => MISSING,
        _ => 0,
    };
    signbox_sandbox::exit(code);
}

fn the_kernel_says_that_all_walls_are_up() {
    let (mut process, said) = waiting("hold:walled");
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t1", "Threads:\t1", "TracerPid:\t0"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    for set in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
        if nix::unistd::geteuid().as_raw() == 0 {
            assert!(status.contains(&format!("Cap{set}:\t0000000000000000\n")), "{status}");
        }
    }
    assert!(said.starts_with("Walls"), "{said}");
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}

/// Says what walls it has, and waits behind them.
fn hold() {
    prepare().unwrap();
    let walls = format!("{:?}\n", enter(&[5], &(0..0), Doors::Ends).unwrap());
    say(&walls);
    common::wait();
    signbox_sandbox::exit(0);
}
