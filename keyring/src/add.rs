//! Putting a secret into a keyring, and being sure that it is there before saying so.

use zeroize::Zeroize;

use crate::error::io;
use crate::{Error, Key, KeyName, Keyring};

/// The longest payload a key of type `user` takes; a user other than root has less by quota.
pub const PAYLOAD_MAX: usize = 32_767;

/// Adds or updates the key `description` in `keyring`, reads it back, and leaves it possessed by this process.
///
/// `scratch` is for reading back: locked memory, no shorter than `payload`; it is wiped. Updating a key that is
/// there keeps its serial and mask and **clears its timeout**; an expired key lives again.
///
/// Fails with [`Error::SharedSession`] for a session keyring that belongs to another user, and, besides what the
/// kernel says, with [`Error::TooLong`] and [`Error::Empty`].
pub fn add(keyring: Keyring, description: &str, payload: &[u8], scratch: &mut [u8]) -> Result<Key, Error> {
    check(payload, scratch)?;
    let name = KeyName::Description(description.to_owned());
    if description.contains('\0') {
        return Err(Error::BadDescription(name));
    }
    let opened = keyring.open_to_write()?;
    let failed = |e| match Error::probed(io(e), "add", name.clone()) {
        // Not about possession: a key of that name is there, claimed or protected.
        Error::NotPossessed(name) => Error::Kernel { attempt: "replace", name, source: io(e) },
        error => error,
    };
    let key = Key::from(opened.ring().add_key(description, payload).map_err(failed)?);
    let settled = if keyring == Keyring::Process { Ok(()) } else { key.link(Keyring::Process) };
    match settled.and_then(|()| read_back(key, &name, payload, scratch)) {
        Ok(()) => Ok(key),
        Err(error) => {
            // Better no key than one that nobody here can read.
            let _ = key.unlink(Keyring::Process);
            let _ = opened.ring().unlink_key(key.raw());
            Err(error)
        }
    }
}

pub(crate) fn check(payload: &[u8], scratch: &[u8]) -> Result<(), Error> {
    let room = scratch.len().min(PAYLOAD_MAX);
    match payload.len() {
        0 => Err(Error::Empty),
        length if length > room => Err(Error::TooLong { length, room }),
        _ => Ok(()),
    }
}

/// Compares what the kernel holds with what it was given.
pub(crate) fn read_back(
    key: Key,
    name: &KeyName,
    payload: &[u8],
    mut scratch: &mut [u8],
) -> Result<(), Error> {
    let read = key.raw().read(&mut scratch);
    let same = read.map(|length| scratch.get(..length) == Some(payload));
    scratch.zeroize();
    match same {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::ReadBack(name.clone())),
        Err(e) => Err(Error::probed(io(e), "read back", name.clone())),
    }
}
