//! What the scenes do with keys: the signer's part, the thief's part, and clearing up.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread::sleep;
use std::time::Duration;

use linux_keyutils::{KeyRing, KeyRingIdentifier};
use signbox_keyring::{Error, Key, Keyring, Secret, add};

/// What the tests hide.
pub(crate) const PAYLOAD: &[u8] = b"bogus-secret-of-a-test";

/// Adds the test payload.
pub(crate) fn add_bogus(keyring: Keyring, description: &str) -> Result<Key, Error> {
    add(keyring, description, PAYLOAD, &mut [0; 64])
}

/// Reads as the signer does, and says whether that was the test payload.
pub(crate) fn read(key: Key) -> Result<(), Error> {
    let mut page = [0; 4096];
    let mut secret = Secret::empty(&mut page);
    secret.read(key)?;
    assert_eq!(secret.expose(), PAYLOAD);
    Ok(())
}

/// What another process of the user does to have a key: takes every keyring of the user into its own, and reads.
pub(crate) fn steal(key: Key) -> Result<(), Error> {
    let process = KeyRing::from_special_id(KeyRingIdentifier::Process, true).unwrap();
    let _ = process.link_keyring_id(KeyRingIdentifier::User);
    let _ = process.link_keyring_id(KeyRingIdentifier::UserSession);
    let _ = KeyRing::get_persistent(KeyRingIdentifier::Process);
    read(key)
}

/// Says in one word how something went.
pub(crate) fn outcome(result: Result<(), Error>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(Error::NoSuchKey(_)) => "no such key",
        Err(Error::NotPossessed(_)) => "not possessed",
        Err(Error::Expired(_)) => "expired",
        Err(Error::Revoked(_)) => "revoked",
        Err(error) => panic!("{error:?}"),
    }
}

/// Leaves nothing of a test user behind; root's keyrings are not the test's to clear.
pub(crate) fn forget_keys() {
    let uid = fs::metadata("/proc/self").unwrap().uid();
    if uid != 0 {
        KeyRing::from_special_id(KeyRingIdentifier::User, false).unwrap().clear().unwrap();
        let persistent = || {
            let keys = fs::read_to_string("/proc/keys").unwrap();
            let name = format!("_persistent.{uid}:");
            keys.lines().find(|line| line.contains(&name)).map(str::to_owned)
        };
        if let Some(line) = persistent() {
            KeyRing::get_persistent(KeyRingIdentifier::Process).unwrap();
            let serial = line.split(' ').next().unwrap();
            let _ = Key::from_serial(i32::from_str_radix(serial, 16).unwrap()).invalidate();
            soon(|| persistent().is_none_or(|left| !left.starts_with(serial)));
        }
    }
}

/// Waits for what the kernel does in its own time.
pub(crate) fn soon(happened: impl Fn() -> bool) {
    for _ in 0..500 {
        if happened() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("it did not happen in five seconds");
}
