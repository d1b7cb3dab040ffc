//! Every signbox key this process can see, where it stands, and who else can have it.

use linux_keyutils::KeyRingIdentifier;

use crate::proc_keys::{self, Line};
use crate::{Error, Key, MASK_GROUP, handle_of, session, sys};

/// A key in one place; a key with links in two places is two entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// What it is called: [`handle_of`] gives exchange and label.
    pub description: String,
    /// Where it stands.
    pub place: Place,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its mask.
    pub permissions: u32,
    /// How long it lives, rounded down as `/proc/keys` shows it (`58s`, `3d`); `None` if it has no timeout, or
    /// none that can be seen.
    pub expires: Option<String>,
    /// Whether every process of the user can have it, in whatever session.
    pub open_to_user: bool,
    /// Whether it can be used.
    pub state: State,
}

/// Where a key stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the session keyring.
    Session,
    /// In this process's own keyring.
    Process,
    /// In the user keyring.
    User,
    /// In the persistent keyring.
    Persistent,
    /// Nowhere that this process can reach, but readable by its group.
    Group,
}

/// Whether a key can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It can.
    Live,
    /// Its timeout has passed.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

const USER_MAY_LINK: u32 = 0x0010_0000;
const USER_MAY_READ: u32 = 0x0002_0000;
const DEPTH: u32 = 6; // the kernel's own limit for keyrings in keyrings

/// Lists the signbox keys in the session, process, user and persistent keyring, and the group keys.
///
/// Looking changes nothing: no keyring is made, no life prolonged. Where `/proc/keys` is hidden, as in containers,
/// timeouts are not told, and group and persistent keys not found.
pub fn list() -> Result<Vec<Entry>, Error> {
    let lines = proc_keys::read()?;
    let mut entries = Vec::new();
    for (place, ring, open) in places(&lines)? {
        walk(&lines, ring, place, open, DEPTH, &mut entries);
    }
    for line in lines.iter().filter(|line| line.permissions == MASK_GROUP && line.uid == 0) {
        // Root sees its group keys in its own user keyring; they are group keys all the same.
        match entries.iter_mut().find(|entry| entry.key == line.key) {
            Some(known) => known.place = Place::Group,
            None => entries.extend(entry(line, Place::Group, false)),
        }
    }
    Ok(entries)
}

/// The keyrings to look into, and whether every process of the user can look into them too.
fn places(lines: &[Line]) -> Result<Vec<(Place, i32, bool)>, Error> {
    let mut places = Vec::new();
    match session::session() {
        Ok(session) => {
            let open = session.kind != session::SessionKind::Anonymous || !session.ours;
            places.push((Place::Session, session.serial, open));
        }
        Err(Error::Revoked(_) | Error::Expired(_) | Error::NoSuchKey(_) | Error::NotPossessed(_)) => {}
        Err(error) => return Err(error),
    }
    places
        .extend(sys::keyring_id(KeyRingIdentifier::Process as i32).map(|ring| (Place::Process, ring, false)));
    places.extend(sys::keyring_id(KeyRingIdentifier::User as i32).map(|ring| (Place::User, ring, true)));
    places.extend(proc_keys::persistent(lines).map(|ring| (Place::Persistent, ring, true)));
    Ok(places)
}

fn walk(lines: &[Line], ring: i32, place: Place, open: bool, depth: u32, entries: &mut Vec<Entry>) {
    for key in session::links(ring).unwrap_or_default() {
        let Some(line) = proc_keys::line(lines, key).cloned().or_else(|| described(key)) else {
            continue;
        };
        // The kernel's own keyrings have a place of their own.
        if line.kind == "keyring" && !line.description.starts_with('_') && depth > 0 {
            let open = open || line.permissions & USER_MAY_LINK != 0;
            walk(lines, key.serial(), place, open, depth - 1, entries);
        } else if !line.invalidated {
            entries.extend(entry(&line, place, open));
        }
    }
}

/// What can be told of a key that `/proc/keys` does not show.
fn described(key: Key) -> Option<Line> {
    let d = key.describe().ok()?;
    Some(Line {
        key,
        revoked: false,
        invalidated: false,
        usage: 0,
        timeout: "perm".to_owned(),
        permissions: d.permissions,
        uid: d.uid,
        gid: d.gid,
        kind: d.kind,
        description: d.description,
        text: String::new(),
    })
}

/// Whether the key can be used.
pub(crate) fn state(line: &Line) -> State {
    match line.timeout.as_str() {
        _ if line.revoked => State::Revoked,
        "expd" => State::Expired,
        _ => State::Live,
    }
}

fn entry(line: &Line, place: Place, open: bool) -> Option<Entry> {
    handle_of(&line.description).filter(|_| line.kind == "user")?;
    let state = state(line);
    Some(Entry {
        key: line.key,
        description: line.description.clone(),
        place,
        uid: line.uid,
        gid: line.gid,
        permissions: line.permissions,
        expires: (state == State::Live && line.timeout != "perm").then(|| line.timeout.clone()),
        open_to_user: open || line.permissions & USER_MAY_READ != 0,
        state,
    })
}
