//! A payload in memory: in a page the caller has locked, from the kernel's read to the wipe.
//!
//! [`Secret::read`] runs once per wake-up of the signer, behind its seccomp filter. It makes one system
//! call and allocates nothing, in failure too.

use std::fmt;

use linux_keyutils::KeyError;
use zeroize::Zeroize;

use crate::error::io;
use crate::{Error, Key};

/// A secret payload, or none yet, in the caller's page. Wiped when dropped.
pub struct Secret<'page> {
    page: &'page mut [u8],
    used: usize,
}

impl<'page> Secret<'page> {
    /// Takes a page that holds nothing worth keeping.
    pub fn empty(page: &'page mut [u8]) -> Self {
        Self { page, used: 0 }
    }

    /// Replaces what was there by the payload of `key`, in one `KEYCTL_READ` straight into the page.
    ///
    /// Fails with what the error number says, and is empty then: [`Error::NoSuchKey`], [`Error::Expired`],
    /// [`Error::Revoked`], [`Error::NotPossessed`], [`Error::TooLong`], [`Error::Empty`].
    /// A key that was just removed says [`Error::NotPossessed`] until the kernel has collected it.
    pub fn read(&mut self, key: Key) -> Result<(), Error> {
        self.wipe();
        let room = self.page.len();
        // The kernel reports the full length, and copies nothing, when the page is too short.
        match key.raw().read(&mut self.page) {
            Ok(0) => Err(Error::Empty),
            Ok(length) if length > room => Err(Error::TooLong { length, room }),
            Ok(length) => {
                self.used = length;
                Ok(())
            }
            // No key says EPERM to a reader: that is a filter around the process.
            Err(e @ KeyError::PermissionDenied) => Err(Error::Unavailable(io(e))),
            Err(e) => Err(Error::of(io(e), "read", key.name())),
        }
    }

    /// Zeroes the bytes in use.
    pub fn wipe(&mut self) {
        self.page[..self.used].zeroize();
        self.used = 0;
    }

    /// The payload; nothing after a wipe or a failed read.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.page[..self.used]
    }

    /// The payload, for a reader that replaces escapes in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.page[..self.used]
    }
}

impl Drop for Secret<'_> {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
