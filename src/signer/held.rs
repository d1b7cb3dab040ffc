//! A key's payload while lines are answered: read when a line first needs it, wiped with the batch.

use super::keys::Slot;
use crate::policy::{Bound, Mistake};
use crate::protocol::Code;
use crate::record::Record;
use signbox_exchanges::Keyed;
use signbox_exchanges::json::Names;
use signbox_keyring::{self as keyring, Secret};
use signbox_sandbox::Deep;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The payload in the locked page, and whose it is.
pub(super) struct Held<'page> {
    pub(super) secret: Secret<'page>,
    pub(super) of: Option<(usize, Record)>,
    pub(super) keyed: Keyed,
    /// For signatures that need more stack than there is here.
    pub(super) deep: &'page mut Deep,
    /// The time at which the lines came, in nanoseconds since 1970.
    pub(super) now_ns: u64,
}

/// Why a key that the signer was started with cannot be used now.
pub(super) enum Trouble<'a> {
    /// The kernel did not give its payload.
    Key(&'a str, keyring::Error),
    /// The payload is not a record.
    Record(&'a str, &'static str),
    /// A limit in the record is mistaken.
    Limits(&'a str, Mistake),
    /// There is no room for its limits.
    Many(&'a str),
    /// The record does not name this user.
    User(&'a str, u32),
}

impl Trouble<'_> {
    pub(super) fn code(&self) -> Code {
        match self {
            Trouble::Key(_, keyring::Error::NoSuchKey(_)) => Code::NoSuchKey,
            Trouble::Key(_, keyring::Error::Expired(_)) => Code::Expired,
            Trouble::Key(_, keyring::Error::Revoked(_)) => Code::Revoked,
            Trouble::Key(..) | Trouble::Record(..) | Trouble::Limits(..) | Trouble::Many(_) => {
                Code::Unavailable
            }
            Trouble::User(..) => Code::Denied,
        }
    }
}

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Key(handle, keyring::Error::NoSuchKey(_)) => {
                write!(f, "'{handle}' is gone from the kernel; add it again and start a new signer")
            }
            Trouble::Key(handle, keyring::Error::Expired(_)) => {
                write!(f, "'{handle}' has expired; add it again")
            }
            Trouble::Key(handle, keyring::Error::Revoked(_)) => {
                write!(f, "'{handle}' was revoked; add it again and start a new signer")
            }
            Trouble::Key(handle, error) => write!(f, "'{handle}' cannot be read: {error}"),
            Trouble::Record(handle, wrong) => write!(f, "'{handle}' cannot be used: {wrong}; add it again"),
            Trouble::Limits(handle, mistake) => {
                write!(f, "'{handle}' cannot be used: in its record, {mistake}; add it again")
            }
            Trouble::Many(handle) => write!(
                f,
                "'{handle}' cannot be used: it has limits, and this signer keeps those of {MOST_LIMITED} other keys; share \
                 the keys among several signers, or give this one --state DIR"
            ),
            Trouble::User(handle, uid) => {
                write!(f, "user {uid} is not among the users of '{handle}' (rule user-not-named)")
            }
        }
    }
}

impl<'page> Held<'page> {
    /// No payload yet.
    pub(super) fn nothing(page: &'page mut [u8], deep: &'page mut Deep) -> Self {
        Held { secret: Secret::empty(page), of: None, keyed: Keyed::default(), deep, now_ns: now_ns() }
    }

    /// The record of a key, read from the kernel unless an earlier line of this batch did. Its limits are the first of
    /// `bounds`, in the place of which one of `spare` is put if they have no room.
    pub(super) fn record<'a>(
        &mut self,
        at: usize,
        slot: &'a Slot,
        uid: u32,
        names: &mut Names,
        bounds: &mut [Bound],
        spare: &mut Vec<Bound>,
    ) -> Result<&Record, Trouble<'a>> {
        if self.of.as_ref().is_none_or(|(held, _)| *held != at) {
            (self.of, self.keyed) = (None, Keyed::default());
            self.secret.read(slot.key).map_err(|error| Trouble::Key(&slot.handle, error))?;
            let record = Record::parse(self.secret.expose_mut(), names);
            let record = record.map_err(|wrong| Trouble::Record(&slot.handle, wrong))?;
            let limits = record.limits(self.secret.expose());
            if let Some(own) = bounds.first_mut() {
                if !limits.is_empty() && !own.limits.has_room() {
                    *own = spare.pop().ok_or(Trouble::Many(&slot.handle))?;
                }
                let read = own.limits.set_all(limits, names);
                read.map_err(|mistake| Trouble::Limits(&slot.handle, mistake))?;
            }
            if ["group", "service"].contains(&slot.mode) && record.users().is_empty() {
                return Err(Trouble::Record(
                    &slot.handle,
                    "the record of a key of a group or service must name its users",
                ));
            }
            self.of = Some((at, record));
        }
        match &self.of {
            Some((_, record)) if record.permits_user(uid) => Ok(record),
            _ => Err(Trouble::User(&slot.handle, uid)),
        }
    }
}

/// How many keys of a signer without a state directory can have limits.
pub(super) const MOST_LIMITED: usize = 64;

fn now_ns() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}
