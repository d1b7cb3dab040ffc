//! A service that was taken over, and what other processes of the bot's user can do to its clients.

use crate::attack::inject::{Outcome, Taken};
use crate::attack::place::Place;
use crate::attack::remark;
use crate::attack::scan::scan;
use crate::attack::secret::{Made, Needles};
use crate::attempts::{ATTEMPTS, ATTEMPTS_OF_I386, At, READ};
use crate::client::{Client, id_of, sign, sign_with};
use crate::host::{Host, PEER, Setting};
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Of the attempts on a signer, those that a service may make: it reads and writes what its clients have.
const ITS_OWN: &[&str] = &["read descriptor 3", "write descriptor 3", "write descriptor 2^32 + 3"];

#[test]
fn every_attempt_of_a_service_that_was_taken_over_ends_it() {
    let place = Arc::new(Place::new());
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, number, arguments, _) in ATTEMPTS.iter().filter(|attempt| !ITS_OWN.contains(&attempt.0)) {
        // The controls are in tests/escape.rs.
        let Some((_host, _client, mut at)) = taken(100, &place) else { return };
        let words = arguments(&mut at);
        let outcome = at.process.call(*number, &words);
        if outcome != Outcome::Killed(Signal::SIGSYS) {
            wrong.push(format!("{name}: {outcome:?}, not killed"));
        }
        count += 1;
    }
    for (name, number, arguments) in ATTEMPTS_OF_I386 {
        let Some((_host, _client, mut at)) = taken(100, &place) else { return };
        let outcome = at.process.call_i386(*number, *arguments);
        if outcome != Outcome::Killed(Signal::SIGSYS) {
            wrong.push(format!("{name}: {outcome:?}, not killed"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    remark(&format!("{count} attempts"));
}

/// A name, a call, and its arguments for a descriptor of a client.
type Call = (&'static str, i64, fn(&mut At, u64) -> Vec<u64>);

/// What a listener may do, done to what it may not be done to.
const ELSEWHERE: &[Call] = &[
    ("read descriptor 0", libc::SYS_read, |at, _| vec![0, at.put(&[0; 8]), 8]),
    ("read descriptor 2", libc::SYS_read, |at, _| vec![2, at.put(&[0; 8]), 8]),
    ("read descriptor -1", libc::SYS_read, |at, _| vec![u64::MAX, at.put(&[0; 8]), 8]),
    ("accept at a client's socket", libc::SYS_accept4, |_, fd| vec![fd, 0, 0, 0]),
    ("accept by another call", libc::SYS_accept, |_, _| vec![0, 0, 0]),
    ("ask for another option", libc::SYS_getsockopt, |at, fd| {
        vec![fd, SOCKET, libc::SO_PEERSEC as u64, at.put(&[0; 64]), at.put(&[64])]
    }),
    ("ask for a descriptor of the peer", libc::SYS_getsockopt, |at, fd| {
        vec![fd, SOCKET, libc::SO_PEERPIDFD as u64, at.put(&[0; 8]), at.put(&[4])]
    }),
    ("ask for an option of another level", libc::SYS_getsockopt, |at, fd| {
        vec![fd, 6, libc::SO_PEERCRED as u64, at.put(&[0; 64]), at.put(&[64])]
    }),
    ("set an option", libc::SYS_setsockopt, |at, fd| {
        vec![fd, SOCKET, libc::SO_SNDBUF as u64, at.put(&[64]), 4]
    }),
    ("make pipes that block", libc::SYS_pipe2, |at, _| vec![at.put(&[0; 8]), libc::O_CLOEXEC as u64]),
    ("make notification pipes", libc::SYS_pipe2, |at, _| vec![at.put(&[0; 8]), libc::O_EXCL as u64]),
    ("make pipes by another call", libc::SYS_pipe, |at, _| vec![at.put(&[0; 8])]),
    ("receive descriptors", libc::SYS_recvmsg, |at, fd| vec![fd, at.put(&[0; 56]), 0]),
    ("receive", libc::SYS_recvfrom, |at, fd| vec![fd, at.put(&[0; 8]), 8, 0, 0, 0]),
    ("send over descriptor 1", libc::SYS_sendmsg, |at, _| vec![1, at.put(&[0; 56]), 0]),
    ("send many messages", libc::SYS_sendmmsg, |at, fd| vec![fd, at.put(&[0; 64]), 1, 0]),
    ("send to somebody", libc::SYS_sendto, |at, fd| vec![fd, at.put(b"x"), 1, 0, 0, 0]),
    ("close the door", libc::SYS_close, |_, _| vec![0]),
    ("close the log", libc::SYS_close, |_, _| vec![2]),
    ("close all", libc::SYS_close_range, |_, _| vec![3, 1000, 0]),
    ("wait elsewhere", libc::SYS_epoll_pwait2, |at, _| vec![3, at.put(&[0; 16]), 1, 0, 0, 8]),
    ("listen", libc::SYS_listen, |_, fd| vec![fd, 1]),
    ("bind", libc::SYS_bind, |at, fd| vec![fd, at.put(&[1, 0]), 2]),
    ("connect", libc::SYS_connect, |at, fd| vec![fd, at.put(b"\x01\0/run/x\0"), 9]),
    ("shut down", libc::SYS_shutdown, |_, fd| vec![fd, 2]),
    ("find out who listens", libc::SYS_getsockname, |at, _| vec![0, at.put(&[0; 128]), at.put(&[128])]),
    ("map a client's pipe", libc::SYS_mmap, |_, fd| vec![0, 4096, 1, 1, fd, 0]),
];
const SOCKET: u64 = libc::SOL_SOCKET as u64;

#[test]
fn a_listener_does_what_it_may_to_nothing_else() {
    let place = Arc::new(Place::new());
    for (name, number, arguments) in ELSEWHERE {
        let Some((host, _client, mut at)) = taken(101, &place) else { return };
        let words = arguments(&mut at, client_of(&host));
        assert_eq!(at.process.call(*number, &words), Outcome::Killed(Signal::SIGSYS), "{name}");
    }
}

#[test]
fn the_calls_of_a_listener_work_behind_its_walls() {
    let place = Arc::new(Place::new());
    let Some((host, mut client, mut at)) = taken(102, &place) else { return };
    let fd = client_of(&host);
    let text = at.put(b"from the inside\n");
    assert_eq!(at.process.call(libc::SYS_write, &[fd, text, 16]), Outcome::Returned(16));
    assert_eq!(client.hear().as_deref(), Some("from the inside"));
    let again = -i64::from(libc::EAGAIN);
    let room = at.put(&[0; 64]);
    assert_eq!(at.process.call(libc::SYS_read, &[fd, room, 8]), Outcome::Returned(again));
    assert_eq!(at.process.call(libc::SYS_accept4, &[0, 0, 0, 0]), Outcome::Returned(again));
    let length = at.put(&[12]);
    let words = [fd, SOCKET, libc::SO_PEERCRED as u64, room, length];
    assert_eq!(at.process.call(libc::SYS_getsockopt, &words), Outcome::Returned(0));
    let flags = (libc::O_CLOEXEC | libc::O_NONBLOCK) as u64;
    assert_eq!(at.process.call(libc::SYS_pipe2, &[room, flags]), Outcome::Returned(0));
    // Who makes the service do this has the secret: root and the kernel can always win.
    let page = at.put(&[0; 512]);
    let words = [READ, at.key as u64, page, 512];
    assert!(matches!(at.process.call(libc::SYS_keyctl, &words), Outcome::Returned(50..)));
    assert_eq!(at.process.call(libc::SYS_close, &[fd]), Outcome::Returned(0));
    assert_eq!(client.hear(), None);
}

#[test]
fn a_service_has_no_descriptor_of_its_secret_memory_that_it_could_hand_out() {
    let Some(host) = Host::start(103, Setting::default()) else { return };
    let mut client = host.client();
    assert!(client.ask(crate::HELLO).contains(r#""memory":"secretmem""#), "the control");
    assert!(client.ask(&sign(1)).contains("request"));
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap();
    assert!(maps.contains("secretmem"), "the control: {maps}");
    let open = host.descriptors();
    assert!(!open.iter().any(|what| what.contains("secretmem") || what.contains("memfd")), "{open:?}");
    assert_eq!(open.len(), 6, "{open:?}");
}

#[test]
fn nothing_of_a_secret_is_in_the_memory_of_a_service_that_has_signed() {
    let [key, credential] = [Made::binance(0x5e_0001), Made::binance(0x5e_0002)];
    let record = |made: &Made| String::from_utf8(made.payload_for(PEER)).unwrap();
    let credentials = vec![("signbox.binance.other", record(&credential))];
    let setting = Setting { secret: key.secret.clone(), credentials, ..Setting::default() };
    let Some(host) = Host::start(105, setting) else { return };
    let (mut one, mut two) = (host.client(), host.client());
    one.take_pipes();
    for id in 0..20 {
        for handle in ["binance/main", "binance/other"] {
            for client in [&mut one, &mut two] {
                assert!(client.ask(&sign_with(handle, id)).contains(r#""request":{"method""#));
            }
        }
    }
    // The control: what was asked last is still in a buffer.
    let asked = ("a question", sign_with("binance/other", 19).into_bytes());
    let forms = [&key, &credential].map(Made::forms_without_passphrase).concat();
    let scan = scan(host.pid(), &Needles::of(&[forms, vec![asked]].concat(), 16));
    assert_eq!(scan.names(), ["a question"], "{:?}", scan.found);
}

#[test]
fn the_pipes_of_a_service_cannot_be_opened_by_another_process_of_the_bots_user() {
    let Some(host) = Host::start(104, Setting::default()) else { return };
    let mut client = host.client();
    client.take_pipes();
    let [Some(from), Some(to)] = client.pipes.as_ref().unwrap() else { unreachable!() };
    let (own_from, own_to) = nix::unistd::pipe().unwrap();
    for fd in [&own_from, &own_to] {
        std::os::unix::fs::fchown(fd, Some(host.peer), Some(host.peer)).unwrap();
    }
    // The bot: a process of its user, with both kinds of pipes.
    let mut bot = Command::new("sleep");
    let fds = [from.as_raw_fd(), to.as_raw_fd(), own_from.as_raw_fd(), own_to.as_raw_fd()];
    let keep = move || {
        for (fd, place) in fds.into_iter().zip([60, 61, 62, 63]) {
            // SAFETY: takes two numbers.
            nix::errno::Errno::result(unsafe { libc::dup2(fd, place) })?;
        }
        Ok(())
    };
    // SAFETY: the preparation makes system calls alone.
    unsafe { bot.arg("60").uid(host.peer).gid(host.peer).pre_exec(keep) };
    let mut bot = bot.spawn().unwrap();
    sleep(Duration::from_millis(200)); // until it is sleep
    let open = |number: u32, how: &str| {
        let mut other = Command::new("sh");
        let path = format!("/proc/{}/fd/{number}", bot.id());
        let script = if how == "read" { "exec 3<\"$1\"" } else { "exec 3>\"$1\"" };
        let output = other.args(["-c", script, "sh", &path]).uid(host.peer).gid(host.peer).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let outcomes = [open(62, "read"), open(63, "write"), open(60, "read"), open(61, "write")];
    let _ = bot.kill();
    let _ = bot.wait();
    let opened: Vec<bool> = outcomes.iter().map(|outcome| outcome.0).collect();
    assert_eq!(opened[..2], [true, true], "the control: a pipe of the bot's own: {outcomes:?}");
    assert_eq!(opened[2..], [false, false], "{outcomes:?}");
    assert!(outcomes[2..].iter().all(|outcome| outcome.1.contains("Permission denied")), "{outcomes:?}");
    assert_eq!(id_of(&client.ask(&sign(1))), 1);
}

/// A service that has signed and waits, taken over; nothing where that cannot be.
fn taken(at: u32, place: &Arc<Place>) -> Option<(Host, Client, At)> {
    let host = Host::start(at, Setting { place: place.clone(), ..Setting::default() })?;
    let mut client = host.client();
    assert!(client.ask(&sign(1)).contains("request"));
    let pid = host.pid();
    let begun = Instant::now();
    loop {
        let doing = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        let waits = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait];
        if waits.iter().any(|number| doing.starts_with(&format!("{number} "))) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "process {pid} does not wait for clients: {doing}"
        );
        sleep(Duration::from_millis(1));
    }
    let key = host.key.as_ref().unwrap().0.serial();
    Some((host, client, At { process: Taken::idle(pid), pid: pid as u64, key, other: 1 }))
}

/// The number of the key that a service reads for a line, as root sees it go by: nobody else can know it.
pub(crate) fn serial_that_is_read(host: &Host, client: &mut Client, line: &str) -> i32 {
    let pid = Pid::from_raw(host.pid());
    let stopped = || waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap();
    ptrace::attach(pid).unwrap();
    stopped();
    client.say(&format!("{line}\n"));
    let serial = loop {
        ptrace::syscall(pid, None).unwrap();
        stopped();
        let regs = ptrace::getregs(pid).unwrap();
        if regs.orig_rax == libc::SYS_keyctl as u64 {
            break i32::try_from(regs.rsi).unwrap();
        }
    };
    ptrace::detach(pid, None).unwrap();
    client.hear().unwrap();
    serial
}

/// The descriptor of its only client: the last one.
fn client_of(host: &Host) -> u64 {
    let folder = fs::read_dir(format!("/proc/{}/fd", host.pid())).unwrap();
    folder.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).max().unwrap()
}
