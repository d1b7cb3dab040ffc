//! Clients that mean no good, or do not know better: they harm themselves alone.

use crate::client::{Client, PIPES, code_of, id_of, sign};
use crate::host::{Host, Setting};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::io::{IoSlice, Write as _};
use std::os::fd::AsRawFd as _;

#[test]
fn a_line_that_never_ends_takes_no_memory_and_can_end_after_all() {
    let Some(host) = Host::start(40, Setting::default()) else { return };
    let mut client = host.client();
    assert_eq!(id_of(&client.ask(&sign(1))), 1);
    let part = vec![b'x'; 1 << 20];
    client.try_to_say(&part).unwrap();
    assert_eq!(code_of(&client.hear().unwrap()), "bad_request", "at once, and not only in the end");
    let before = host.resident();
    for _ in 0..64 {
        client.try_to_say(&part).unwrap();
    }
    assert_eq!(id_of(&host.client().ask(&sign(2))), 2, "others are answered meanwhile");
    let after = host.resident();
    assert!(after < before + 512, "{before} kB before, {after} kB after 64 MiB");
    client.say("\n");
    assert_eq!(id_of(&client.ask(&sign(3))), 3);
}

#[test]
fn two_hundred_lines_that_never_end_take_no_more_than_their_places() {
    let Some(host) = Host::start(41, Setting::default()) else { return };
    assert_eq!(id_of(&host.client().ask(&sign(1))), 1);
    let before = host.resident();
    let part = vec![b'x'; 1 << 16];
    let mut clients: Vec<Client> = (0..200).map(|_| host.client()).collect();
    for client in &mut clients {
        client.try_to_say(&part).unwrap();
    }
    assert_eq!(id_of(&host.client().ask(&sign(2))), 2);
    let after = host.resident();
    assert!(after < before + 256 * 80 + 1024, "{before} kB before, {after} kB after");
}

#[test]
fn a_client_that_goes_inside_a_line_or_before_its_answers_harms_nobody() {
    let Some(host) = Host::start(42, Setting::default()) else { return };
    let mut other = host.client();
    for pipes in [false, true] {
        for text in [sign(1), sign(1) + "\n", (sign(1) + "\n").repeat(2000), "\n".repeat(5000)] {
            let mut client = host.client();
            if pipes {
                client.take_pipes();
                // A pipe has no room for all of it.
                let [_, Some(to)] = client.pipes.as_ref().unwrap() else { unreachable!() };
                let _ = nix::unistd::write(to, text.as_bytes());
            } else {
                client.socket.set_nonblocking(true).unwrap();
                let _ = (&client.socket).write(text.as_bytes());
            }
            drop(client);
            let answer = other.ask(&sign(2));
            assert_eq!((id_of(&answer), answer.contains("request")), (2, true), "{answer}");
        }
        let mut client = host.client();
        if pipes {
            client.take_pipes();
        }
        client.say("{\"v\":1");
        client.stop_sending();
        let answer = client.hear().unwrap();
        assert!(answer.contains("the input ended inside a line"), "{answer}");
        assert_eq!(client.hear(), None);
    }
}

#[test]
fn a_client_that_asks_for_pipes_once_more_loses_its_place_and_nobody_hears_its_answers() {
    let Some(host) = Host::start(43, Setting::default()) else { return };
    let mut other = host.client();
    // With a question before it, the answer to which goes with the pipes.
    let mut client = host.client();
    client.say(&format!("{}\n{PIPES}\n", sign(41)));
    let together = client.receive_pipes();
    assert_eq!(together.lines().count(), 2, "{together}");
    assert!(client.has_pipes());
    client.say(&format!("{}\n{PIPES}\n", sign(42)));
    assert_eq!(client.hear(), None);
    // What was to be told to that client is told to nobody.
    for id in 1..4 {
        assert_eq!(id_of(&other.ask(&sign(id))), id);
    }
    // Twice in one row: one pair, and it works.
    let mut client = host.client();
    client.say(&format!("{PIPES}\n{PIPES}\n"));
    client.receive_pipes();
    assert_eq!(id_of(&client.ask(&sign(4))), 4);
}

#[test]
fn a_client_without_room_for_the_pipes_loses_its_place_and_nobody_hears_its_answers() {
    let Some(host) = Host::start(44, Setting::default()) else { return };
    let client = host.client();
    client.socket.set_nonblocking(true).unwrap();
    let row = (sign(41) + "\n").repeat(30) + PIPES + "\n";
    // Nothing is taken, so that at some time there is room for a part of the answers alone.
    for _ in 0..200 {
        let _ = (&client.socket).write(row.as_bytes());
        let mut other = host.client();
        for id in 1..3 {
            let answer = other.ask(&sign(id));
            assert_eq!((id_of(&answer), answer.contains("request")), (id, true), "{answer}");
        }
    }
}

#[test]
fn what_comes_over_the_socket_beside_pipes_ends_the_client() {
    let Some(host) = Host::start(45, Setting::default()) else { return };
    let mut client = host.client();
    client.take_pipes();
    assert_eq!(id_of(&client.ask(&sign(1))), 1, "the control");
    client.socket.write_all(b"junk").unwrap();
    assert_eq!(client.hear(), None);
    assert_eq!(id_of(&host.client().ask(&sign(2))), 2);
}

#[test]
fn the_end_of_the_socket_is_the_end_of_the_pipes() {
    let Some(host) = Host::start(46, Setting::default()) else { return };
    let mut client = host.client();
    client.take_pipes();
    assert_eq!(id_of(&client.ask(&sign(1))), 1, "the control");
    client.socket.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(client.hear(), None);
    host.wait_for_descriptors(5);
}

#[test]
fn descriptors_that_a_client_sends_do_not_stay_in_the_service() {
    let Some(host) = Host::start(47, Setting::default()) else { return };
    let mut client = host.client();
    assert_eq!(id_of(&client.ask(&sign(1))), 1);
    let before = host.descriptors();
    let secret = std::fs::File::open("/etc/passwd").unwrap();
    let fds = [secret.as_raw_fd(); 200];
    for id in 2..12 {
        let line = sign(id) + "\n";
        let rights = [ControlMessage::ScmRights(&fds)];
        let parts = [IoSlice::new(line.as_bytes())];
        sendmsg::<()>(client.socket.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None).unwrap();
        assert_eq!(id_of(&client.hear().unwrap()), id);
        assert_eq!(host.descriptors(), before);
    }
}
