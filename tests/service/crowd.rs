//! Many clients at once: each is answered, and none keeps another waiting.

use crate::attack::place::signer;
use crate::client::{Client, code_of, connect_as, id_of, sign};
use crate::host::{Host, Setting};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn two_hundred_clients_at_once_all_have_their_own_answers_beside_one_who_takes_none() {
    let Some(host) = Host::start(20, Setting::default()) else { return };
    // It asks for more than fits in what the kernel keeps for it, and never listens.
    let mut deaf = host.client();
    deaf.socket.set_nonblocking(true).unwrap();
    let questions = (0..400).map(|id| sign(id) + "\n").collect::<String>().repeat(10);
    let mut rest = questions.as_bytes();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        match nix::unistd::write(&deaf.socket, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::EAGAIN) => thread::sleep(Duration::from_millis(10)),
            Err(errno) => panic!("{errno}"),
        }
    }
    assert!(!rest.is_empty(), "the service does not read on for one who does not listen");
    let mut slow = host.client();
    let mut clients: Vec<Client> = (0..200).map(|_| host.client()).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for byte in (sign(777_777) + "\n").bytes() {
                slow.try_to_say(&[byte]).unwrap();
                thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(id_of(&slow.hear().unwrap()), 777_777);
        });
        for (at, client) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                if at % 2 == 0 {
                    client.take_pipes();
                }
                let ids = at as u32 * 1000..at as u32 * 1000 + 12;
                for id in ids.clone().take(4) {
                    signed(&client.ask(&sign(id)), id);
                }
                client.say(&ids.clone().map(|id| sign(id) + "\n").collect::<String>());
                ids.for_each(|id| signed(&client.hear().unwrap(), id));
            });
        }
    });
    // The one who took none has lost nothing.
    deaf.socket.set_nonblocking(false).unwrap();
    (0..400).for_each(|id| signed(&deaf.hear().unwrap(), id));
}

fn signed(answer: &str, id: u32) {
    assert!(answer.contains(r#""request":{"method""#), "{answer}");
    assert_eq!(id_of(answer), id);
}

#[test]
fn one_slow_client_has_its_turn_among_a_hundred_who_never_stop() {
    let Some(host) = Host::start(21, Setting::default()) else { return };
    let over = AtomicBool::new(false);
    let mut busy: Vec<Client> = (0..100).map(|_| host.client()).collect();
    let mut slow = host.client();
    thread::scope(|scope| {
        for client in &mut busy {
            let over = &over;
            scope.spawn(move || {
                // Eight are always on their way.
                let questions = (0..8).map(|id| sign(id) + "\n").collect::<String>();
                while !over.load(Ordering::Relaxed) {
                    client.say(&questions);
                    (0..8).for_each(|id| signed(&client.hear().unwrap(), id));
                }
            });
        }
        let until_here = Ends(&over);
        for id in 0..20 {
            let asked = Instant::now();
            signed(&slow.ask(&sign(id)), id);
            assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        }
        drop(until_here);
    });
}

#[test]
fn a_process_with_a_thousand_connections_keeps_nobody_else_out() {
    let Some(host) = Host::start(22, Setting::default()) else { return };
    let mut early = Bridge::start(&host);
    early.ask(1); // before the others come
    let mut hog: Vec<Client> = Vec::new();
    let mut turned_away = 0;
    for _ in 0..1000 {
        let mut client = host.client();
        let patience = Duration::from_millis(if hog.len() < 255 { 1 } else { 5000 });
        client.socket.set_read_timeout(Some(patience)).unwrap();
        let mut room = [0; 512];
        match client.socket.read(&mut room) {
            Ok(count) if count > 0 => {
                let answer = String::from_utf8_lossy(&room[..count]).into_owned();
                assert_eq!(code_of(&answer), "unavailable", "{answer}");
                assert!(answer.contains("all 256 connections are taken"), "{answer}");
                turned_away += 1;
            }
            _ => hog.push(client),
        }
    }
    assert_eq!((hog.len(), turned_away), (255, 745), "all places but one are the hog's");
    // Its first connection is the one that it has used last.
    assert_eq!(id_of(&hog[0].ask(&sign(5))), 5);
    let mut late: Vec<Bridge> = (0..3).map(|_| Bridge::start(&host)).collect();
    for (id, bridge) in late.iter_mut().chain([&mut early]).enumerate() {
        bridge.ask(id as u32);
    }
    // They have the places that the hog had not used for the longest time.
    for client in &mut hog[1..4] {
        assert_eq!(client.hear(), None);
    }
    for at in [0, 4, 254] {
        assert_eq!(id_of(&hog[at].ask(&sign(6))), 6, "connection {at}");
    }
    assert!(host.log().contains("most of them by process"), "{}", host.log());
    assert!(host.log().lines().count() < 40, "no more than a line a second: {}", host.log());
}

#[test]
fn a_crowd_that_has_gone_makes_room_at_once_for_one_of_the_same_process() {
    let Some(host) = Host::start(26, Setting::default()) else { return };
    let stop = |signal| kill(Pid::from_raw(host.pid()), signal).unwrap();
    for round in 0..5 {
        let mut crowd: Vec<Client> = (0..256).map(|_| host.client()).collect();
        assert_eq!(id_of(&crowd[255].ask(&sign(round))), round, "all of them are in");
        // It hears of the next one's coming and of their going in one moment.
        stop(Signal::SIGSTOP);
        let mut next = host.client();
        drop(crowd);
        stop(Signal::SIGCONT);
        assert_eq!(id_of(&next.ask(&sign(round))), round, "round {round}: {}", host.log());
    }
}

#[test]
fn places_that_nobody_takes_take_no_memory_where_the_kernel_gives_out_huge_pages_too() {
    let Some(host) = Host::start(27, Setting::default()) else { return };
    assert_eq!(id_of(&host.client().ask(&sign(1))), 1);
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    assert!(status.contains("THP_enabled:\t0\n"), "{status}");
    // A debug build's own pages among it; the places are 120 MB.
    assert!(host.resident() < 40_000, "{} kB", host.resident());
}

/// A client that is a process of its own.
struct Bridge {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Bridge {
    fn start(host: &Host) -> Bridge {
        let mut command = Command::new(host.place.install(&signer(), "signbox-signer", 0o755, 0));
        command.arg("--connect").arg(&host.path).uid(host.peer).gid(host.peer);
        let mut child = crate::attack::place::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Bridge { child, input, output }
    }

    fn ask(&mut self, id: u32) {
        self.input.write_all(format!("{}\n", sign(id)).as_bytes()).unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        signed(&answer, id);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_thousand_clients_that_come_and_go_leave_no_descriptor_open() {
    let Some(host) = Host::start(23, Setting::default()) else { return };
    assert_eq!(id_of(&host.client().ask(&sign(1))), 1);
    let before = host.descriptors().len().min(IDLE);
    assert_eq!(before, IDLE);
    for at in 0..2000 {
        let mut client = host.client();
        match at % 5 {
            0 => {}
            1 => client.say(&sign(1)), // without its end
            2 => signed(&client.ask(&sign(at)), at),
            3 => client.say(&format!("{}\n", crate::client::PIPES)),
            _ => {
                client.take_pipes();
                signed(&client.ask(&sign(at)), at);
            }
        }
    }
    host.wait_for_descriptors(IDLE);
    assert_eq!(id_of(&host.client().ask(&sign(1))), 1);
    // Strangers, too.
    for _ in 0..50 {
        let path = host.path.clone();
        drop(thread::spawn(move || connect_as(&path, 1)).join().unwrap());
    }
    host.wait_for_descriptors(IDLE);
}

/// What a service has open without clients: 0 to 2, what it waits with, and what tells it to end.
const IDLE: usize = 5;

/// Says that it is over, also by a panic: the load would go on for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
