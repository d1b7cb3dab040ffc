//! `signbox-signer --connect`: what a bot spawns in the place of a signer.

use crate::attack::place::spawn;
use crate::client::{id_of, sign};
use crate::host::{Host, Setting};
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2, read, write};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A bridge that is not started yet, of this user.
fn bridge(host: &Host, to: &Path, uid: u32) -> Command {
    let mut command = Command::new(host.place.signer());
    command.arg("--connect").arg(to).uid(uid).gid(uid);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ended(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_bridge_goes_between_and_ends_well_with_its_input() {
    let Some(host) = Host::start(80, Setting::default()) else { return };
    let mut child = spawn(&mut bridge(&host, &host.path, host.peer));
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.as_mut().unwrap());
    // One by one: nothing waits in it for more.
    for id in 0..20 {
        input.write_all(format!("{}\n", sign(id)).as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert_eq!(id_of(&answer), id);
    }
    input.write_all((20..60).map(|id| sign(id) + "\n").collect::<String>().as_bytes()).unwrap();
    drop(input);
    let (code, rest, told) = ended(child);
    let ids: Vec<u32> = rest.lines().map(id_of).collect();
    assert_eq!((code, told.as_str(), ids), (Some(0), "", (20..60).collect()), "the last answers, too");
}

#[test]
fn a_bridge_takes_pipes_that_do_not_block() {
    let Some(host) = Host::start(81, Setting::default()) else { return };
    // As asyncio makes them, of both ends.
    let (from, questions) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
    let (answers, to) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
    let mut command = bridge(&host, &host.path, host.peer);
    let mut child = spawn(command.stdin(from).stdout(to));
    drop(command); // it has a copy of the ends
    std::thread::sleep(std::time::Duration::from_millis(300)); // with nothing to read
    let lines: String = (0..100).map(|id| sign(id) + "\n").collect();
    let mut rest = lines.as_bytes();
    let mut heard = Vec::new();
    let mut room = vec![0; 1 << 16];
    let begun = std::time::Instant::now();
    while heard.iter().filter(|byte| **byte == b'\n').count() < 100 {
        assert!(begun.elapsed().as_secs() < 30, "{}", String::from_utf8_lossy(&heard));
        rest = &rest[write(&questions, rest).unwrap_or(0)..];
        match read(&answers, &mut room) {
            Ok(0) => panic!("it has ended"),
            Ok(count) => heard.extend_from_slice(&room[..count]),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
    let ids: Vec<u32> = String::from_utf8(heard).unwrap().lines().map(id_of).collect();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
    drop(questions);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_bridge_to_nothing_or_to_the_service_of_another_says_so() {
    let Some(host) = Host::start(82, Setting::default()) else { return };
    let told = |to: &Path, uid: u32| {
        let (code, output, told) = ended(spawn(&mut bridge(&host, to, uid)));
        assert_eq!((code, output.as_str()), (Some(1), ""), "{told}");
        assert!(told.starts_with("signbox-signer: ") && told.lines().count() == 1, "{told}");
        told
    };
    let nowhere = host.place.join("nowhere.sock");
    let there = host.path.clone();
    assert!(told(&nowhere, host.peer).contains(&format!("there is no service at {}", nowhere.display())));
    assert!(
        told(Path::new("no-such-bot"), host.peer)
            .contains("there is no service at /run/signbox/no-such-bot.sock")
    );
    // As systemd makes the socket: for one user.
    fs::set_permissions(&there, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(told(&there, host.peer + 1).contains("answers another user"));
    fs::set_permissions(&there, fs::Permissions::from_mode(0o666)).unwrap();
    let file = host.place.join("file");
    drop(std::os::unix::net::UnixListener::bind(&file).unwrap());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(told(&file, host.peer).contains("nothing listens at"));
}

#[test]
fn a_bridge_of_another_user_hands_on_the_refusal_and_fails() {
    let Some(host) = Host::start(83, Setting::default()) else { return };
    let (code, output, told) = ended(spawn(bridge(&host, &host.path, host.peer + 1).stdin(Stdio::piped())));
    assert!(output.contains(r#""code":"denied""#), "{output}");
    // Its input may have ended before the service has answered: then all has gone as it should.
    assert!(code == Some(0) || told.contains("has closed the connection"), "{code:?} {told}");
    let mut open = bridge(&host, &host.path, host.peer + 1);
    let mut child = spawn(&mut open);
    let input = child.stdin.take();
    let (code, output, told) = ended(child);
    assert!(output.contains(r#""code":"denied""#), "{output}");
    assert!(code == Some(1) && told.contains("has closed the connection"), "{code:?} {told}");
    drop(input);
}

#[test]
fn a_bridge_fails_when_the_service_goes() {
    let Some(host) = Host::start(84, Setting::default()) else { return };
    let mut child = spawn(&mut bridge(&host, &host.path, host.peer));
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{}\n", sign(1)).as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
    assert_eq!(id_of(&answer), 1);
    kill(Pid::from_raw(host.pid()), Signal::SIGKILL).unwrap();
    let (code, output, told) = ended(child);
    assert_eq!((code, output.as_str()), (Some(1), ""), "{told}");
    assert!(told.contains(&format!("the service at {}", host.path.display())), "{told}");
    drop(input);
}

#[test]
fn a_bridge_whose_bot_does_not_listen_any_more_ends() {
    let Some(host) = Host::start(85, Setting::default()) else { return };
    let mut child = spawn(&mut bridge(&host, &host.path, host.peer));
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{}\n", sign(1)).as_bytes()).unwrap();
    let (code, _, told) = ended(child);
    assert_eq!(code, Some(1));
    assert!(told.contains("cannot write answers"), "{told}");
    host.wait_for_descriptors(5);
}
