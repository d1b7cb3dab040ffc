//! The payload in memory: read in one call, shown to nobody, wiped.

use std::collections::BTreeMap;
use std::io::{Write, stdout};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use signbox_keyring::{Error, Key, Keyring, Secret, add, description};

use crate::props::{PAYLOAD, add_bogus};
use crate::stage::{play, say};

#[test]
fn a_payload_longer_than_the_page_is_refused_and_leaves_nothing() {
    play(61121, |_| {
        let key = add_bogus(Keyring::Session, &description("kraken", "main")).unwrap();
        let mut page = [0xa5; PAYLOAD.len()];
        let mut secret = Secret::empty(&mut page);
        secret.read(key).unwrap();
        drop(secret);
        let mut page = [0xa5; PAYLOAD.len() - 1];
        let mut secret = Secret::empty(&mut page);
        assert!(matches!(secret.read(key), Err(Error::TooLong { length: 22, room: 21 })));
        assert_eq!(secret.expose(), b"");
        drop(secret);
        assert_eq!(page, [0xa5; PAYLOAD.len() - 1]);
    });
}

#[test]
fn a_wipe_and_a_drop_zero_the_bytes_in_use_and_no_others() {
    play(61122, |_| {
        let key = add_bogus(Keyring::Session, &description("kraken", "main")).unwrap();
        let mut page = [0xa5; 64];
        let mut secret = Secret::empty(&mut page);
        secret.read(key).unwrap();
        assert_eq!(secret.expose(), PAYLOAD);
        secret.wipe();
        assert_eq!(secret.expose(), b"");
        secret.read(key).unwrap();
        drop(secret);
        let (used, rest) = page.split_at(PAYLOAD.len());
        assert!(used.iter().all(|&byte| byte == 0) && rest.iter().all(|&byte| byte == 0xa5));

        // The control: without the wipe it would still be there.
        let mut page = [0; 64];
        let mut secret = Secret::empty(&mut page);
        secret.read(key).unwrap();
        std::mem::forget(secret);
        assert!(page.starts_with(PAYLOAD));
    });
}

#[test]
fn debug_shows_nothing_of_a_secret() {
    play(61123, |_| {
        let mut page = [0; 64];
        let mut secret = Secret::empty(&mut page);
        secret.read(add_bogus(Keyring::Session, &description("kraken", "main")).unwrap()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(format!("{secret:#?}"), "Secret(..)");
    });
}

#[test]
fn the_next_read_sees_an_update_and_nothing_of_what_was_there() {
    play(61124, |_| {
        let name = description("kraken", "main");
        let mut page = [0; 64];
        let mut secret = Secret::empty(&mut page);
        let key = add_bogus(Keyring::Session, &name).unwrap();
        secret.read(key).unwrap();
        assert_eq!(add(Keyring::Session, &name, b"short", &mut [0; 8]).unwrap(), key);
        secret.read(key).unwrap();
        assert_eq!(secret.expose(), b"short");
        key.invalidate().unwrap();
        assert!(secret.read(key).is_err());
        assert_eq!(secret.expose(), b"");
        drop(secret);
        assert_eq!(page, [0; 64]);
    });
}

#[test]
fn reading_is_one_keyctl_and_no_other_call_even_when_it_fails() {
    play(61125, |_| {
        let key = add_bogus(Keyring::User, &description("kraken", "main")).unwrap();
        let mut page = [0; 64];
        let mut secret = Secret::empty(&mut page);
        say("behind the filter");
        allow_only_reading_keys_and_writing();
        let read = secret.read(key).is_ok() && secret.expose() == PAYLOAD;
        let missing = matches!(secret.read(Key::from_serial(i32::MAX)), Err(Error::NoSuchKey(_)));
        let text: &[u8] = if read && missing { b"\nSAID:done\n" } else { b"\nSAID:wrong\n" };
        let _ = stdout().write_all(text);
        std::process::exit(0);
    });
}

fn allow_only_reading_keys_and_writing() {
    // keyctl, write, exit_group; exit of Rust's runtime also gives back the signal stack
    let [keyctl, write, exit_group, sigaltstack, munmap]: [i64; 5] =
        if cfg!(target_arch = "x86_64") { [250, 1, 231, 131, 11] } else { [219, 64, 94, 132, 215] };
    let read = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 11).unwrap();
    let mut rules = BTreeMap::from([(keyctl, vec![SeccompRule::new(vec![read]).unwrap()])]);
    rules.extend([write, exit_group, sigaltstack, munmap].map(|call| (call, Vec::new())));
    let architecture = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter =
        SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}
