//! Ending every key of a user at once, by whatever keyring leads to it.

use linux_keyutils::KeyRingIdentifier;

use crate::list::state;
use crate::proc_keys::{self, Line};
use crate::{Error, Key, Keyring, State, handle_of, list, sys};

/// A signbox key that was seen, and what came of revoking it.
#[derive(Debug)]
pub struct Swept {
    /// The key.
    pub key: Key,
    /// What it is called: [`handle_of`] gives exchange and label.
    pub description: String,
    /// Its line in `/proc/keys`; empty where that file is hidden.
    pub line: String,
    /// Nothing if it was revoked now. [`Error::Revoked`] and [`Error::Expired`] if it had ended before, and
    /// [`Error::NotPossessed`] if it stands in a session that no keyring of this process leads to.
    pub outcome: Result<(), Error>,
}

/// Revokes every signbox key of user `uid` that can be reached and that is `wanted`, and tells of those that can only be seen.
///
/// Reached are this session, the user keyring, the persistent one, and every keyring that its user may link: those of named
/// sessions. Not reached is the anonymous session of another login, by nobody. Keys of other users are passed over, also in a
/// session that several stand in. A thread of root that has set its file system uid reaches the keys of that user.
pub fn sweep(uid: u32, wanted: impl Fn(Key) -> bool) -> Result<Vec<Swept>, Error> {
    let mut swept = Vec::new();
    // Root's group keys can be seen by their possessor alone, and after sudo root does not possess its own.
    let own = Key::from_serial(KeyRingIdentifier::User as i32).link(Keyring::Process);
    let mut attempt = |lines: Vec<Line>| {
        for line in lines.into_iter().filter(|line| is_ours(line, uid) && wanted(line.key)) {
            revoke(line, &mut swept);
        }
    };
    let lines = proc_keys::read()?;
    let rings: Vec<Line> = lines.iter().filter(|line| is_ring(line, uid)).cloned().collect();
    attempt(lines);
    for ring in rings {
        // One at a time: a keyring displaces another of the same name.
        if let Some(held) = hold(&ring, uid) {
            attempt(proc_keys::read()?);
            let _ = held.unlink(Keyring::Process);
        }
    }
    if own.is_ok() && uid == sys::effective_uid() {
        attempt_hidden(uid, &wanted, &mut swept);
    }
    Ok(swept)
}

/// Whether `/proc/keys` shows the key, and something holds it; one that was removed is shown for a moment more.
pub fn is_held(key: Key) -> bool {
    proc_keys::read().is_ok_and(|lines| proc_keys::line(&lines, key).is_some_and(|line| line.usage > 0))
}

/// The keys of keyrings here that `/proc/keys` does not show, as in containers.
fn attempt_hidden(uid: u32, wanted: &impl Fn(Key) -> bool, swept: &mut Vec<Swept>) {
    for entry in list().unwrap_or_default() {
        let known = swept.iter().any(|other| other.key == entry.key);
        if !known && entry.uid == uid && wanted(entry.key) {
            let outcome = entry.key.revoke();
            swept.push(Swept {
                key: entry.key,
                description: entry.description,
                line: String::new(),
                outcome,
            });
        }
    }
}

fn revoke(line: Line, swept: &mut Vec<Swept>) {
    match swept.iter_mut().find(|known| known.key == line.key) {
        None => {
            let outcome = match state(&line) {
                State::Live => line.key.revoke(),
                State::Revoked => Err(Error::Revoked(line.key.name())),
                State::Expired => Err(Error::Expired(line.key.name())),
            };
            swept.push(Swept { key: line.key, description: line.description, line: line.text, outcome });
        }
        Some(again) if matches!(again.outcome, Err(Error::NotPossessed(_))) => {
            again.outcome = line.key.revoke()
        }
        Some(_) => {}
    }
}

/// Hangs a keyring under this process's own, so that what is in it is possessed.
fn hold(ring: &Line, uid: u32) -> Option<Key> {
    if ring.permissions & USER_MAY_LINK != 0 {
        return ring.key.link(Keyring::Process).ok().map(|()| ring.key);
    }
    sys::get_persistent(uid, KeyRingIdentifier::Process as i32).ok().map(Key::from_serial)
}

fn is_ours(line: &Line, uid: u32) -> bool {
    line.kind == "user" && line.uid == uid && !line.invalidated && handle_of(&line.description).is_some()
}

/// A keyring that may lead to keys. Those of the kernel itself begin with a dot.
fn is_ring(line: &Line, uid: u32) -> bool {
    let alive = !line.invalidated && !line.revoked && line.timeout != "expd";
    let leads = line.permissions & USER_MAY_LINK != 0 || line.description == format!("_persistent.{uid}");
    line.kind == "keyring" && line.uid == uid && alive && leads && !line.description.starts_with('.')
}

const USER_MAY_LINK: u32 = 0x0010_0000;
