//! A key by its serial number, and everything that can be done to it except reading it.

use linux_keyutils::{KeyError, KeyPermissions, KeySerialId};

use crate::error::io;
use crate::{Error, KeyName, Keyring, sys};

/// A key, known by the number the kernel gave it.
///
/// Holding one says nothing about rights: each operation asks the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(i32);

/// What the kernel tells about a key to whoever may view it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// The type: `user` for every key of signbox.
    pub kind: String,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The mask: possessor, user, group, other, a byte each.
    pub permissions: u32,
    /// What the key is called.
    pub description: String,
}

impl Key {
    /// Takes a serial number as it stands in `/proc/keys` (there in hexadecimal).
    #[must_use]
    pub fn from_serial(serial: i32) -> Self {
        Self(serial)
    }

    /// The serial number.
    #[must_use]
    pub fn serial(self) -> i32 {
        self.0
    }

    /// Tells type, owner, group, mask and description; needs the view right.
    pub fn describe(self) -> Result<Description, Error> {
        let mut text = vec![0; 512];
        loop {
            let length =
                sys::describe(self.0, &mut text).map_err(|e| Error::probed(e, "describe", self.name()))?;
            if length <= text.len() {
                text.truncate(length);
                break;
            }
            text.resize(length, 0);
        }
        parse(&text).ok_or_else(|| Error::BadDescription(self.name()))
    }

    /// Lets the key expire in `seconds`; 0 clears the timeout.
    ///
    /// Updating the payload clears it too, silently: set it again after each [`add`](crate::add()).
    pub fn set_timeout(self, seconds: u32) -> Result<(), Error> {
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        self.done("set the timeout of", self.raw().set_timeout(seconds))
    }

    /// Sets the permission mask.
    pub fn set_permissions(self, mask: u32) -> Result<(), Error> {
        self.done("set the permissions of", self.raw().set_perms(KeyPermissions::from_u32(mask)))
    }

    /// `KEYCTL_CHOWN`: changes owner and group, each only if given. Needs root.
    pub fn set_owner(self, uid: Option<u32>, gid: Option<u32>) -> Result<(), Error> {
        self.done("change the owner of", self.raw().chown(uid, gid))
    }

    /// Ends the key for everyone: from now on every use says [`Error::Revoked`].
    pub fn revoke(self) -> Result<(), Error> {
        self.done("revoke", self.raw().revoke())
    }

    /// Removes the key for everyone, at once: from now on every use says [`Error::NoSuchKey`].
    pub fn invalidate(self) -> Result<(), Error> {
        self.done("invalidate", self.raw().invalidate())
    }

    /// Links the key into `keyring`, displacing a key of the same description there.
    pub fn link(self, keyring: Keyring) -> Result<(), Error> {
        self.done("link", keyring.open_to_write()?.ring().link_key(self.raw()))
    }

    /// Removes the link that `keyring` has; the key is gone when that was the last one.
    pub fn unlink(self, keyring: Keyring) -> Result<(), Error> {
        match keyring.open()?.ring().unlink_key(self.raw()) {
            Err(KeyError::MissingFileOrDirectory) => Err(Error::NotLinked(self.name())),
            other => self.done("unlink", other),
        }
    }

    /// Moves the link from one keyring to the other, with no moment in which neither has it.
    pub fn move_to(self, from: Keyring, to: Keyring) -> Result<(), Error> {
        let (source, target) = (from.open()?, to.open_to_write()?);
        let moved = sys::move_key(self.0, from.id()?, to.id()?);
        drop((source, target)); // they keep the keyrings possessed during the call
        moved.map_err(|e| match e.raw_os_error() {
            Some(libc::ENOENT) => Error::NotLinked(self.name()),
            _ => Error::probed(e, "move", self.name()),
        })
    }

    pub(crate) fn raw(self) -> linux_keyutils::Key {
        linux_keyutils::Key::from_id(KeySerialId::new(self.0))
    }

    pub(crate) fn name(self) -> KeyName {
        KeyName::Serial(self)
    }

    fn done(self, attempt: &'static str, result: Result<(), KeyError>) -> Result<(), Error> {
        result.map_err(|e| Error::probed(io(e), attempt, self.name()))
    }
}

impl From<linux_keyutils::Key> for Key {
    fn from(key: linux_keyutils::Key) -> Self {
        Self(key.get_id().as_raw_id())
    }
}

/// Reads `type;uid;gid;perm;description` and a NUL.
fn parse(text: &[u8]) -> Option<Description> {
    let text = std::str::from_utf8(text.strip_suffix(&[0])?).ok()?;
    let mut parts = text.splitn(5, ';');
    Some(Description {
        kind: parts.next()?.to_owned(),
        uid: id(parts.next()?)?,
        gid: id(parts.next()?)?,
        permissions: u32::from_str_radix(parts.next()?, 16).ok()?,
        description: parts.next()?.to_owned(),
    })
}

/// The kernel prints ids as signed numbers: 4294967294 is `-2`.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse::<i32>().ok().map(|id| u32::from_ne_bytes(id.to_ne_bytes())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::parse;

    #[test]
    fn a_description_may_hold_the_separator() {
        let parsed = parse(b"user;1000;-2;3f010000;a;b\0").unwrap();
        assert_eq!((parsed.uid, parsed.gid, parsed.permissions), (1000, 4_294_967_294, 0x3f01_0000));
        assert_eq!((parsed.kind.as_str(), parsed.description.as_str()), ("user", "a;b"));
    }

    #[test]
    fn half_a_description_is_none() {
        for text in [&b"user;0;0;3f010000\0"[..], b"user;0;0;x;d\0", b"user;0;0;3f010000;d", b""] {
            assert_eq!(parse(text), None);
        }
    }
}
