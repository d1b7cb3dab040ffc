//! `signbox demo`: everything that it claims is so, for root and for an ordinary user, and it leaves nothing behind.

#![allow(clippy::unwrap_used)]

#[path = "common/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "common/signer.rs"]
mod signer;

use operator::{Ran, command, feed, signbox};
use signer::stage;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

#[test]
fn everything_is_as_claimed() {
    if !stage() {
        return;
    }
    as_claimed(&signbox(&["demo"]));
    let left = signbox_keyring::find("signbox:binance:demo");
    assert!(matches!(left, Err(signbox_keyring::Error::NoSuchKey(_))), "{left:?}");
}

#[test]
fn everything_is_as_claimed_for_an_ordinary_user() {
    if !stage() || !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = std::env::temp_dir().join(format!("signbox-demo-{}", std::process::id()));
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_signbox")).parent().unwrap();
    for name in ["signbox", "signbox-signer"] {
        fs::copy(programs.join(name), place.join(name)).unwrap();
    }
    let mut demo = Command::new(place.join("signbox"));
    demo.arg("demo").uid(ORDINARY).gid(ORDINARY).current_dir("/");
    let ran = feed(demo, "");
    fs::remove_dir_all(place).unwrap();
    as_claimed(&ran);
    assert!(ran.stdout.contains(&format!("user {ORDINARY}")), "{}", ran.stdout);
    for attack in ["environ", "/proc/PID/mem", "process_vm_readv", "ptrace"] {
        let line = ran.stdout.lines().find(|line| line.contains("FOUND") && line.contains(attack)).unwrap();
        assert!(line.contains("EACCES") || line.contains("EPERM"), "{line}");
    }
}

#[test]
fn who_has_seen_enough_may_stop_reading() {
    if !stage() {
        return;
    }
    let mut demo = command(&["demo"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(demo.stdout.take());
    assert!(signer::wait(&mut demo).success());
}

fn as_claimed(ran: &Ran) {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    assert!(!ran.stdout.contains('✗'), "{}", ran.stdout);
    for told in [
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        "denied: 'withdraw' is not granted",
        "(rule fits-ungranted)",
        "revoked: 'binance/demo' was revoked",
        "Everything is as claimed.",
    ] {
        assert!(words(&ran.stdout).contains(&words(told)), "{told}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"));
}

/// The text however it was wrapped.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// No one's.
const ORDINARY: u32 = 61_234;
