//! How the signer comes to possess a key that somebody else put somewhere.

use std::ffi::{CStr, CString};
use std::os::unix::fs::MetadataExt;
use std::{fs, io};

use linux_keyutils::KeyRingIdentifier;

use crate::{Error, Key, KeyName, Keyring, proc_keys, sys};

const SESSION: i32 = KeyRingIdentifier::Session as i32;
const PROCESS: i32 = KeyRingIdentifier::Process as i32;
const USER: i32 = KeyRingIdentifier::User as i32;

/// Finds the key called `description` and leaves it possessed by this process.
///
/// Looks in the session keyring, the user keyring, and the persistent keyring if there is one, each time
/// with the process keyring as destination. From then on the key can be read whatever becomes of the
/// session, until this process ends. A key of another user, other than root, is passed over.
///
/// Fails with the most telling of what the keyrings said: [`Error::Expired`], [`Error::Revoked`],
/// [`Error::NotPossessed`], and so on to [`Error::NoSuchKey`].
pub fn find(description: &str) -> Result<Key, Error> {
    let name = KeyName::Description(description.to_owned());
    let Ok(text) = CString::new(description) else {
        return Err(Error::BadDescription(name));
    };
    let mut told = Vec::new();
    for keyring in [Keyring::Session, Keyring::User, Keyring::Persistent] {
        match find_in(keyring, &text, &name) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => {}
            Err(error) => told.push(error),
        }
    }
    let best = told.into_iter().max_by_key(telling);
    Err(best.unwrap_or_else(|| nothing_found(name)))
}

fn find_in(keyring: Keyring, text: &CStr, name: &KeyName) -> Result<Option<Key>, Error> {
    let found = match keyring {
        Keyring::Session => sys::search(SESSION, text, PROCESS),
        Keyring::User => sys::search(USER, text, PROCESS),
        Keyring::Process => sys::search(PROCESS, text, PROCESS),
        Keyring::Persistent => {
            // Opening it would make one, and prolong its life, for a key that is not there.
            if proc_keys::read().ok().and_then(|lines| proc_keys::persistent(&lines)).is_none() {
                return Ok(None);
            }
            let _possessed = keyring.open()?;
            sys::search(PROCESS, text, PROCESS)
        }
    };
    match found {
        Ok(serial) => not_of_another(Key::from_serial(serial), name).map(Some),
        Err(e) if e.raw_os_error() == Some(libc::ENOKEY) => Ok(None),
        Err(e) if keyring == Keyring::Session && is_revoked(&e) && session_is_revoked() => {
            Err(Error::Revoked(KeyName::Keyring(keyring)))
        }
        Err(e) => Err(Error::probed(e, "find", name.clone())),
    }
}

/// Several users may stand in one session keyring: none of them shall slip a key to another.
fn not_of_another(key: Key, name: &KeyName) -> Result<Key, Error> {
    let refused = match key.describe() {
        Ok(d) if d.uid == sys::effective_uid() || d.uid == 0 => return Ok(key),
        Ok(d) => Error::OtherOwner { name: name.clone(), uid: d.uid },
        Err(_) => Error::NotPossessed(name.clone()),
    };
    let _ = key.unlink(Keyring::Process);
    Err(refused)
}

/// Which of several reasons helps most: what is known of the key goes before what is not.
fn telling(error: &Error) -> u8 {
    match error {
        Error::Unavailable(_) => 6,
        Error::NotPossessed(_) => 5,
        Error::Expired(_) => 4,
        Error::Revoked(KeyName::Description(_)) => 3,
        Error::OtherOwner { .. } => 2,
        Error::Revoked(_) => 1,
        _ => 0,
    }
}

fn is_revoked(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EKEYREVOKED)
}

fn session_is_revoked() -> bool {
    sys::keyring_id(SESSION).is_err_and(|e| is_revoked(&e))
}

fn nothing_found(name: KeyName) -> Error {
    if group_was_lost() {
        Error::GroupLost(name)
    } else if in_own_user_namespace() {
        Error::OtherUserNamespace(name)
    } else {
        Error::NoSuchKey(name)
    }
}

/// Whether the running program is set-group-id, and yet the process is not in that group.
fn group_was_lost() -> bool {
    const SET_GROUP_ID_AND_GROUP_EXECUTE: u32 = 0o2010;
    fs::metadata("/proc/self/exe").is_ok_and(|exe| {
        exe.mode() & SET_GROUP_ID_AND_GROUP_EXECUTE == SET_GROUP_ID_AND_GROUP_EXECUTE
            && exe.gid() != sys::effective_gid()
    })
}

/// The first user namespace maps every id to itself, in one line.
fn in_own_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| !map.split_whitespace().eq(["0", "0", "4294967295"]))
}
