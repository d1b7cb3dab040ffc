//! Claiming: afterwards this process is the only one that can reach the key, until it ends.

use std::thread;
use std::time::{Duration, Instant};

use linux_keyutils::{KeyRing, KeyRingIdentifier};

use crate::{Error, Key, Keyring, proc_keys, session};

/// View and search for the possessor: enough to read, too little to hand the key on.
pub const MASK_CLAIMED: u32 = 0x0900_0000;

/// How long the kernel may take to forget a link that was removed (seen: 19 ms).
const PATIENCE: Duration = Duration::from_millis(100);

impl Key {
    /// Makes this process, which must have got the key from [`find`](crate::find()), its only holder.
    ///
    /// From then on no other process of the user, nor the parent, nor root by way of keyctl, can read,
    /// revoke, update or time out the key, and it ends with this process: set a timeout first.
    ///
    /// Fails with [`Error::AlsoHeld`] if somebody else had linked the key before. There is no way back
    /// then: the key stays claimed, that somebody can read it, and the secret must be taken as seen.
    pub fn claim(self) -> Result<(), Error> {
        // In this order: once the mask is set nobody can make a new link, then the old ones go.
        self.set_permissions(MASK_CLAIMED)?;
        for special in [KeyRingIdentifier::Session, KeyRingIdentifier::User, KeyRingIdentifier::UserSession] {
            // Not linked there, or no such keyring: the count below decides.
            let _ = KeyRing::from_special_id(special, false).and_then(|ring| ring.unlink_key(self.raw()));
        }
        if is_in_persistent(self) {
            self.unlink(Keyring::Persistent)?;
        }
        self.wait_until_held_once()
    }

    fn wait_until_held_once(self) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            // The count and the clock in this order: a process that was not run for long looks once more.
            let late = start.elapsed() > PATIENCE;
            match proc_keys::line(&proc_keys::read()?, self) {
                None => return Err(Error::Unseen(self)),
                Some(line) if line.usage == 1 => return Ok(()),
                Some(_) if late => return Err(Error::AlsoHeld(self)),
                Some(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

fn is_in_persistent(key: Key) -> bool {
    proc_keys::read()
        .ok()
        .and_then(|lines| session::links(proc_keys::persistent(&lines)?).ok())
        .is_some_and(|links| links.contains(&key))
}
