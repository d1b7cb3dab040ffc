//! Where this process stands: whose session keyring it has, and who else may reach into it.

use std::io;

use linux_keyutils::{Key as RawKey, KeyRingIdentifier, KeySerialId};

use crate::error::io as io_error;
use crate::{Error, Key, KeyName, Keyring, sys};

/// The session keyring of this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionInfo {
    /// Its serial number.
    pub serial: i32,
    /// Its owner.
    pub uid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
    /// Which kind of session keyring that is.
    pub kind: SessionKind,
    /// Whether it belongs to this user. If not, it is shared with other users.
    pub ours: bool,
    /// Whether the user keyring hangs under it, so that plain `keyctl` commands reach keys there.
    pub holds_user_keyring: bool,
}

/// The kinds of session keyring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionKind {
    /// `_ses`: nobody outside the session can link it.
    Anonymous,
    /// Made with a name: every process of the user can link it and have what is in it.
    Named,
    /// `_uid_ses.UID`: the default where no session was made; open to every process of the user.
    UserSession,
}

const SESSION: i32 = KeyRingIdentifier::Session as i32;
const USER: i32 = KeyRingIdentifier::User as i32;
const USER_MAY_LINK: u32 = 0x0010_0000;

/// Describes the session keyring of this process.
pub fn session() -> Result<SessionInfo, Error> {
    let failed = |e| Error::probed(e, "look at", KeyName::Keyring(Keyring::Session));
    let serial = sys::keyring_id(SESSION).map_err(failed)?;
    let ring = Key::from_serial(serial).describe()?;
    let user = sys::keyring_id(USER).ok();
    Ok(SessionInfo {
        serial,
        uid: ring.uid,
        kind: kind_of(&ring.description, ring.permissions),
        name: ring.description,
        ours: ring.uid == sys::effective_uid(),
        holds_user_keyring: links(serial)
            .map_err(failed)?
            .into_iter()
            .any(|link| Some(link.serial()) == user),
    })
}

/// Leaves the session for a new one without name and content; children inherit it.
///
/// It belongs to the calling thread: call it before there are others, then exec.
pub fn join_fresh_session() -> Result<(), Error> {
    sys::join_session_keyring()
        .map(drop)
        .map_err(|e| Error::probed(e, "replace", KeyName::Keyring(Keyring::Session)))
}

/// Tells by name and mask: a keyring that was *named* `_ses` may be linked by the user all the same.
fn kind_of(name: &str, permissions: u32) -> SessionKind {
    if name.starts_with("_uid_ses.") {
        SessionKind::UserSession
    } else if name == "_ses" && permissions & USER_MAY_LINK == 0 {
        SessionKind::Anonymous
    } else {
        SessionKind::Named
    }
}

/// The keys and keyrings directly in a keyring, given by its serial or special id.
pub(crate) fn links(keyring: i32) -> io::Result<Vec<Key>> {
    let ring = RawKey::from_id(KeySerialId::new(keyring));
    let mut bytes = vec![0_u8; 1024];
    loop {
        let length = ring.read(&mut bytes).map_err(io_error)?;
        if length <= bytes.len() {
            let serials = bytes[..length].chunks_exact(size_of::<i32>());
            return Ok(serials
                .filter_map(|s| Some(Key::from_serial(i32::from_ne_bytes(s.try_into().ok()?))))
                .collect());
        }
        bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{SessionKind, kind_of};

    #[test]
    fn a_session_that_was_named_like_an_anonymous_one_counts_as_named() {
        assert_eq!(kind_of("_ses", 0x3f03_0000), SessionKind::Anonymous);
        assert_eq!(kind_of("_ses", 0x3f13_0000), SessionKind::Named);
        assert_eq!(kind_of("desk", 0x3f13_0000), SessionKind::Named);
        assert_eq!(kind_of("_uid_ses.1000", 0x1f3f_0000), SessionKind::UserSession);
    }
}
