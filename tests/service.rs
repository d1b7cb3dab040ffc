//! The signer as a service: behind a listening socket, under a user of its own, with clients of every kind.
//!
//! A test plays systemd, which hands the socket over as descriptor 0, and the bot's user, who connects.
#![allow(clippy::unwrap_used)]

mod attack;
#[cfg(target_arch = "x86_64")]
#[path = "attack/attempts.rs"]
#[allow(dead_code)] // the controls are for tests/escape.rs
mod attempts;
#[path = "service/bridge.rs"]
mod bridge;
#[path = "service/client.rs"]
mod client;
#[path = "service/credentials.rs"]
mod credentials;
#[path = "service/crowd.rs"]
mod crowd;
#[path = "service/host.rs"]
mod host;
#[path = "service/hostile.rs"]
mod hostile;
#[path = "ledger/log.rs"]
#[allow(dead_code)]
mod log;
#[cfg(target_arch = "x86_64")]
#[path = "service/taken.rs"]
mod taken;

use attack::bot::{HELLO, Talk};
use client::{Client, code_of, id_of, sign};
use host::{Host, Setting};
use nix::libc;
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_service_signs_over_its_socket_and_over_the_pipes_that_it_hands_out() {
    let Some(host) = Host::start(1, Setting::default()) else { return };
    let mut client = host.client();
    let hello = client.ask(HELLO);
    for member in [r#""mode":"service""#, r#""seccomp":true"#, r#""key":"binance/main""#] {
        assert!(hello.contains(member), "{member} in {hello}");
    }
    assert!(hello.contains(&format!(r#""uid":{}"#, host.peer)), "the user whom it answers: {hello}");
    assert!(client.ask(&sign(7)).contains(r#""id":7,"request""#));
    assert!(!client.has_pipes());
    client.take_pipes();
    assert!(client.ask(&sign(8)).contains(r#""id":8,"request""#));
    // Several clients, each by its own way.
    let mut other = host.client();
    assert_eq!(id_of(&other.ask(&sign(9))), 9);
    assert_eq!(id_of(&client.ask(&sign(10))), 10);
}

#[test]
fn questions_in_a_row_are_answered_in_order_also_to_one_who_has_stopped_sending() {
    let Some(host) = Host::start(2, Setting::default()) else { return };
    for pipes in [false, true] {
        let mut client = host.client();
        if pipes {
            client.take_pipes();
        }
        for from in [0, 300] {
            // As many answers as fit nowhere: the service keeps them until they are taken.
            client.say(&(from..from + 300).map(|id| sign(id) + "\n").collect::<String>());
            for id in from..from + 300 {
                assert_eq!(id_of(&client.hear().unwrap()), id);
            }
        }
        client.say(&(0..20).map(|id| sign(id) + "\n").collect::<String>());
        client.stop_sending();
        for id in 0..20 {
            assert_eq!(id_of(&client.hear().unwrap()), id, "pipes: {pipes}");
        }
        assert_eq!(client.hear(), None);
    }
}

#[test]
fn a_service_without_keys_stays_up_and_says_what_to_do() {
    let Some(host) = Host::start(3, Setting { record: None, ..Setting::default() }) else { return };
    let mut client = host.client();
    assert!(client.ask(HELLO).contains(r#""mode":"service""#));
    let answer = client.ask(&sign(1));
    assert_eq!(code_of(&answer), "no_such_key");
    let advice = format!("'sudo signbox add --service {} binance/main'", host.bot);
    assert!(answer.contains(&advice), "{answer}");
    assert_eq!(code_of(&client.ask(&sign(2))), "no_such_key", "and it goes on");
}

#[test]
fn a_key_that_is_revoked_is_refused_at_the_very_next_request() {
    let Some(host) = Host::start(4, Setting::default()) else { return };
    let mut client = host.client();
    assert!(client.ask(&sign(1)).contains("request"), "the control");
    host.key.as_ref().unwrap().0.revoke().unwrap();
    assert_eq!(code_of(&client.ask(&sign(2))), "revoked");
    assert_eq!(code_of(&host.client().ask(&sign(3))), "revoked");
}

#[test]
fn a_key_whose_record_names_somebody_else_or_nobody_is_not_used() {
    for (at, users, code) in [(5, r#","users":[1]"#, "denied"), (6, "", "unavailable")] {
        let Some(host) = Host::start(at, Setting { record: Some(users.to_owned()), ..Setting::default() })
        else {
            return;
        };
        assert_eq!(code_of(&host.client().ask(&sign(1))), code, "{users}");
    }
}

#[test]
fn limits_are_counted_over_all_clients() {
    let record = Some(format!(r#"{},"limits":{{"rate":"3/d"}}"#, host::PEER));
    let Some(host) = Host::start(15, Setting { record, ..Setting::default() }) else { return };
    let (mut one, mut two) = (host.client(), host.client());
    two.take_pipes();
    assert!(one.ask(&sign(1)).contains("request"));
    assert!(two.ask(&sign(1)).contains("request"));
    assert!(one.ask(&sign(2)).contains("request"));
    for client in [&mut one, &mut two, &mut host.client()] {
        assert_eq!(code_of(&client.ask(&sign(3))), "rate_limited");
    }
}

#[test]
fn another_user_is_turned_away_told_why_and_written_down() {
    let Some(host) = Host::start(7, Setting::default()) else { return };
    for other in [host.peer + 1, host.uid, 0] {
        let mut stranger = Client::connect(&host.path, other);
        let answer = stranger.hear().unwrap();
        assert_eq!(code_of(&answer), "denied", "{answer}");
        assert!(answer.contains(&format!("user {} alone, and not user {other}", host.peer)), "{answer}");
        assert_eq!(stranger.hear(), None);
    }
    assert!(host.log().contains("turned away: this service answers user"), "{}", host.log());
    assert!(host.client().ask(&sign(1)).contains("request"), "and the service goes on");
}

#[test]
fn the_end_of_a_service_is_clean_and_seals_its_log() {
    let setting = Setting { state: true, ..Setting::default() };
    let Some(mut host) = Host::start(8, setting) else { return };
    let mut client = host.client();
    for id in 0..3 {
        assert!(client.ask(&sign(id)).contains("request"));
    }
    assert!(client.ask(HELLO).contains(r#""counts":"/"#));
    let log = |host: &Host| log::Log::read(&host.state().join("binance:main.audit"));
    assert_eq!(log(&host).sealed(), 0, "the control: the end seals it");
    assert_eq!(host.end(Signal::SIGTERM), Some(0));
    let log = log(&host);
    assert_eq!(log.lines.iter().filter(|line| line["decision"] == "signed").count(), 3);
    assert!(log.sealed() > 0);
    assert_eq!(client.hear(), None);
}

#[test]
fn a_service_on_a_kernel_without_landlock_stays_up_and_refuses_every_line() {
    let setting = Setting { without: &[libc::SYS_landlock_create_ruleset], ..Setting::default() };
    let Some(mut host) = Host::start(9, setting) else { return };
    let idle = host.client(); // it keeps its connection, and says nothing
    let begun = Instant::now();
    let mut client = host.client();
    client.say(&format!("{HELLO}\n{}\nnonsense\n", sign(2)));
    for id in ["1", "2", "null"] {
        let answer = client.hear().unwrap();
        assert_eq!(code_of(&answer), "unavailable");
        assert!(answer.contains(&format!(r#""id":{id},"#)) && answer.contains("landlock"), "{answer}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(idle);
    assert!(
        host.log().contains("every request is refused until this service is started again"),
        "{}",
        host.log()
    );
    // systemd ends it to start it again: it must not be deaf to that.
    assert_eq!(host.end(Signal::SIGTERM), Some(-1), "by the signal");
}

#[test]
fn a_service_signs_without_the_calls_that_its_unit_denies() {
    // Of @setuid, @chown, @privileged and @resources, what a program like it might call.
    let denied: &[i64] = &[
        libc::SYS_setresgid,
        libc::SYS_setresuid,
        libc::SYS_setgid,
        libc::SYS_setuid,
        libc::SYS_setgroups,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_capset,
        libc::SYS_setrlimit,
        libc::SYS_setpriority,
    ];
    let Some(host) = Host::start(16, Setting { without: denied, ..Setting::default() }) else { return };
    let answer = host.client().ask(&sign(7));
    assert!(answer.contains("signature="), "{answer} {}", host.log());
}

#[test]
fn a_service_without_keyrings_stays_up_and_refuses_every_line() {
    let lacking: &[i64] = &[libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key];
    let setting = Setting { without: lacking, ..Setting::default() };
    let Some(host) = Host::start(12, setting) else { return };
    let answer = host.client().ask(&sign(1));
    assert_eq!(code_of(&answer), "unavailable", "{answer}");
    assert!(
        answer.contains("no keyring calls") && host.log().contains("no keyring calls"),
        "{answer} {}",
        host.log()
    );

    // As a unit has it that hides too much of /proc; the mounts are this thread's own.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    let mount = |words: &[&str]| assert!(Command::new("mount").args(words).status().unwrap().success());
    mount(&["--make-rprivate", "/"]);
    let hidden = host.place.join("hidden");
    fs::write(&hidden, "").unwrap();
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    mount(&["--bind", hidden.to_str().unwrap(), "/proc/keys"]);
    let host = Host::start(13, Setting::default()).unwrap();
    let answer = host.client().ask(&sign(1));
    assert_eq!(code_of(&answer), "unavailable", "{answer}");
    assert!(answer.contains("/proc/keys"), "{answer}");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let (log, _unread) = UnixStream::pair().unwrap();
    log.set_nonblocking(true).unwrap();
    while (&log).write(&[b'x'; 4096]).is_ok() {}
    log.set_nonblocking(false).unwrap();
    let Some(host) = Host::start(14, Setting { log: Some(log.into()), ..Setting::default() }) else { return };
    let mut client = host.client();
    assert!(client.ask(&sign(1)).contains("request"));
    assert_eq!(code_of(&Client::connect(&host.path, 1).hear().unwrap()), "denied");
    assert!(client.ask(&sign(2)).contains("request"), "what it had to say of that is lost");
}

#[test]
fn an_installed_signer_is_no_service_for_another_user() {
    for (at, other, code) in [(10, true, "unavailable"), (11, false, "no_such_key")] {
        let setting = Setting { installed: true, record: None, own_peer: !other, ..Setting::default() };
        let Some(host) = Host::start(at, setting) else { return };
        let answer = host.client().ask(&sign(1));
        assert_eq!(code_of(&answer), code, "{answer}");
        assert_eq!(answer.contains("answers nobody but the user who starts it"), other, "{answer}");
    }
}

#[test]
fn a_service_with_named_keys_takes_those_of_its_user_and_claims_them() {
    if !attack::is_root() {
        return;
    }
    // As systemd starts one for a user at login; here the user is root, in a session of the test's own.
    signbox_keyring::join_fresh_session().unwrap();
    let (place, made) = (attack::place::Place::new(), attack::secret::Made::kraken(0x5e_0003));
    let mut adding = Talk::start(Command::new(place.attacker()).arg("add"));
    let payload = attack::secret::hex(&made.payload());
    let serial = adding.ask(&format!("@s {} {payload} 0", made.description()));
    assert!(adding.end().success());
    let reads = || Talk::start(Command::new(place.attacker()).args(["read", &serial])).hear();
    assert_eq!(reads(), "LEAK", "the control");
    let path = place.join("socket");
    let mut command = Command::new(place.signer());
    command.args(["--service", "main", "--claim", &made.handle]);
    command.stdin(OwnedFd::from(UnixListener::bind(&path).unwrap()));
    let mut service = attack::place::spawn(&mut command);
    let mut client = Client::connect(&path, 0);
    let hello = client.ask(HELLO);
    let signed = client.ask(&made.question());
    let after = reads();
    let _ = (service.kill(), service.wait());
    assert!(hello.contains(r#""mode":"claimed""#), "{hello}");
    assert!(signed.contains(r#""request":{"method""#), "{signed}");
    assert_eq!(after, "EACCES");
}

#[test]
fn what_is_no_listening_socket_is_refused_at_the_start() {
    if !attack::is_root() {
        return;
    }
    let place = attack::place::Place::new();
    let (one, _other) = UnixStream::pair().unwrap();
    let datagrams = UnixDatagram::unbound().unwrap();
    let network = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = fs::File::open("/dev/null").unwrap();
    for input in [one.into(), datagrams.into(), network.into(), file.into()] as [OwnedFd; 4] {
        let mut command = Command::new(place.signer());
        let output = command.args(["--service", "bot"]).stdin(input).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("a listening Unix stream socket"),
            "{output:?}"
        );
    }
}
