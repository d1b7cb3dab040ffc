//! The four keyrings signbox puts keys into, and how to reach each without leaving a trace.

use linux_keyutils::{KeyRing, KeyRingIdentifier};

use crate::error::io;
use crate::{Error, KeyName, proc_keys, session};

/// A keyring of this process or of its user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keyring {
    /// `@s`: given by the login, inherited by children, revoked by a logout.
    Session,
    /// `@p`: this process only; gone at its exit and at exec.
    Process,
    /// `@u`: every process of the user, in every session, until reboot.
    User,
    /// Every process of the user; expires days after its last use.
    Persistent,
}

/// A keyring that this process possesses as long as this value lives.
pub(crate) struct Opened {
    ring: KeyRing,
    through: Option<KeyRing>,
}

impl Keyring {
    /// Opens the keyring; `@p` is made if there is none, the others are only looked up.
    ///
    /// The user and the persistent keyring hang under `@p` meanwhile: without possession of the
    /// keyring a key in it can be neither updated nor read back.
    pub(crate) fn open(self) -> Result<Opened, Error> {
        let failed = |e| Error::probed(io(e), "open", KeyName::Keyring(self));
        let process = || KeyRing::from_special_id(KeyRingIdentifier::Process, true).map_err(failed);
        match self {
            Self::Process => Ok(Opened { ring: process()?, through: None }),
            Self::Session => {
                let ring = KeyRing::from_special_id(KeyRingIdentifier::Session, false).map_err(failed)?;
                Ok(Opened { ring, through: None })
            }
            Self::User => {
                let through = process()?;
                let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false).map_err(failed)?;
                through.link_keyring_id(KeyRingIdentifier::User).map_err(failed)?;
                Ok(Opened { ring, through: Some(through) })
            }
            Self::Persistent => {
                let through = process()?;
                let ring = KeyRing::get_persistent(KeyRingIdentifier::Process).map_err(failed)?;
                Ok(Opened { ring, through: Some(through) })
            }
        }
    }

    /// As [`Keyring::open`], but refuses a session keyring that other users stand in as well.
    pub(crate) fn open_to_write(self) -> Result<Opened, Error> {
        if self == Self::Session {
            let session = session::session()?;
            if !session.ours {
                return Err(Error::SharedSession { uid: session.uid });
            }
        }
        self.open()
    }

    /// The number by which a keyctl call reaches the keyring. The persistent one must be open.
    pub(crate) fn id(self) -> Result<i32, Error> {
        Ok(match self {
            Self::Session => KeyRingIdentifier::Session as i32,
            Self::Process => KeyRingIdentifier::Process as i32,
            Self::User => KeyRingIdentifier::User as i32,
            Self::Persistent => {
                proc_keys::persistent(&proc_keys::read()?).ok_or(Error::NoSuchKey(KeyName::Keyring(self)))?
            }
        })
    }
}

impl Opened {
    pub(crate) fn ring(&self) -> KeyRing {
        self.ring
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(through) = self.through {
            // A keyring that stays linked in `@p` opens nothing that a search could not open again.
            let _ = through.unlink_keyring(self.ring);
        }
    }
}
