//! Group keys: root's, readable by one group, found by whoever is in it without possessing anything.
//!
//! A signer that is set-group-id reads such a key; the user who starts it never can. So nobody may be a *member*
//! of that group: the kernel counts supplementary groups too.

use std::ffi::CString;

use linux_keyutils::KeyRingIdentifier;

use crate::add::{check, read_back};
use crate::error::io;
use crate::{Description, Error, Key, KeyName, Keyring, proc_keys, service_of, sys};

/// All for the possessor, view and read for the group, nothing for anyone else.
pub const MASK_GROUP: u32 = 0x3f00_0300;

/// Finds the group key `description` that this process reads by its effective group.
///
/// It must be root's, of that group, with exactly [`MASK_GROUP`]: no user can make such a key, so no user
/// can put another one in its place. `None` if there is none; [`Error::Several`] if there is more than one.
/// If the only one has expired or was revoked, the error says so.
pub fn find_group(description: &str) -> Result<Option<Key>, Error> {
    let gid = sys::effective_gid();
    let mut live = Vec::new();
    let mut dead = None;
    for line in proc_keys::read()? {
        let candidate =
            line.permissions == MASK_GROUP && line.uid == 0 && line.gid == gid && !line.invalidated;
        if !candidate || line.description != description {
            continue;
        }
        // The file may abbreviate; the kernel's own description does not.
        match line.key.describe() {
            Ok(key) if is_group_key(&key, gid) && key.description == description => live.push(line.key),
            Ok(_) | Err(Error::NoSuchKey(_)) => {}
            Err(error) => dead = Some(error),
        }
    }
    match (live.as_slice(), dead) {
        ([key], _) => Ok(Some(*key)),
        ([], None) => Ok(None),
        ([], Some(error)) => Err(renamed(error, description)),
        _ => Err(Error::Several(KeyName::Description(description.to_owned()))),
    }
}

/// Finds all keys of the service called `service` that this process reads by its group, with their descriptions, in their order.
///
/// They must be as [`find_group`] wants them; those that have expired or were revoked are left out.
pub fn keys_of_service(service: &str) -> Result<Vec<(String, Key)>, Error> {
    let gid = sys::effective_gid();
    let mut keys = Vec::new();
    for line in proc_keys::read()? {
        if line.permissions != MASK_GROUP || line.uid != 0 || line.gid != gid || line.invalidated {
            continue;
        }
        let key = match line.key.describe() {
            Ok(key) => key,
            Err(none @ Error::Unavailable(_)) => return Err(none),
            Err(_) => continue,
        };
        if is_group_key(&key, gid) && service_of(&key.description) == Some(service) {
            keys.push((key.description, line.key));
        }
    }
    keys.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    match keys.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Error::Several(KeyName::Description(pair[0].0.clone()))),
        None => Ok(keys),
    }
}

/// As root, adds or updates the group key `description` for `gid`, kept in root's user keyring.
///
/// No other process can read it before it is complete: it is born in this process's own keyring, gets group and
/// mask there, and is linked last. One of the same group that exists is updated in place, so signers that hold
/// its serial use the new payload at once; that **clears its timeout**.
pub fn add_group(description: &str, payload: &[u8], gid: u32, scratch: &mut [u8]) -> Result<Key, Error> {
    if sys::effective_uid() != 0 {
        return Err(Error::NotRoot);
    }
    check(payload, scratch)?;
    let name = KeyName::Description(description.to_owned());
    let Ok(text) = CString::new(description) else {
        return Err(Error::BadDescription(name));
    };
    if let Some(key) = existing(&text, gid) {
        key.raw().update(&payload).map_err(|e| Error::probed(io(e), "update", name.clone()))?;
        read_back(key, &name, payload, scratch)?;
        return Ok(key);
    }
    let opened = Keyring::Process.open()?;
    let failed = |e| Error::probed(io(e), "add", name.clone());
    let key = Key::from(opened.ring().add_key(description, payload).map_err(failed)?);
    let settled = read_back(key, &name, payload, scratch)
        .and_then(|()| key.set_owner(Some(0), Some(gid)))
        .and_then(|()| key.set_permissions(MASK_GROUP))
        .and_then(|()| key.link(Keyring::User));
    if let Err(error) = settled {
        let _ = key.unlink(Keyring::Process);
        return Err(error);
    }
    Ok(key)
}

/// The group key in root's user keyring that an update may go to; possessed afterwards.
fn existing(text: &CString, gid: u32) -> Option<Key> {
    let found = sys::search(KeyRingIdentifier::User as i32, text, KeyRingIdentifier::Process as i32);
    let key = Key::from_serial(found.ok()?);
    if key.describe().is_ok_and(|d| is_group_key(&d, gid)) {
        return Some(key);
    }
    // Left in `@p`, it would be updated there instead of replaced.
    let _ = key.unlink(Keyring::Process);
    None
}

fn is_group_key(key: &Description, gid: u32) -> bool {
    key.kind == "user" && key.uid == 0 && key.gid == gid && key.permissions == MASK_GROUP
}

fn renamed(error: Error, description: &str) -> Error {
    let name = KeyName::Description(description.to_owned());
    match error {
        Error::Expired(_) => Error::Expired(name),
        Error::Revoked(_) => Error::Revoked(name),
        Error::NotPossessed(_) => Error::NotPossessed(name),
        other => other,
    }
}
