//! A strict reader for the few shapes of DER that private keys come in, and their envelope, PKCS#8.

use super::pem::{DAMAGED, Label};

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

/// The parts of a PKCS#8 key.
pub(super) struct Pkcs8<'a> {
    /// The identifier and the parameters.
    pub(super) algorithm: &'a [u8],
    /// The key, in the algorithm's own form.
    pub(super) key: &'a [u8],
    /// The public key that version 2 may carry.
    pub(super) public: Option<&'a [u8]>,
}

impl<'a> Der<'a> {
    /// The content of the next element, which must have this tag. Lengths of up to 65535 bytes, in the shortest form.
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], &'static str> {
        let (length, rest) = match self.0 {
            [found, short @ 0..=0x7f, rest @ ..] if *found == tag => (usize::from(*short), rest),
            [found, 0x81, length @ 0x80..=0xff, rest @ ..] if *found == tag => (usize::from(*length), rest),
            [found, 0x82, high @ 1..=0xff, low, rest @ ..] if *found == tag => {
                (usize::from(*high) << 8 | usize::from(*low), rest)
            }
            _ => return Err(DAMAGED),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(content)
    }

    /// As [`Der::take`], for an element that may be missing.
    pub(super) fn may_take(&mut self, tag: u8) -> Result<Option<&'a [u8]>, &'static str> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// The next element, a number that is not negative, without leading zeroes.
    pub(super) fn number(&mut self) -> Result<&'a [u8], &'static str> {
        match self.take(INTEGER)? {
            [0, 0..=0x7f, ..] | [0x80..=0xff, ..] | [] => Err(DAMAGED),
            [0, number @ ..] | number => Ok(number),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), &'static str> {
        if self.0.is_empty() { Ok(()) } else { Err("something stands behind the end of the key") }
    }
}

/// The content of the one element that `bytes` are.
pub(super) fn only(bytes: &[u8], tag: u8) -> Result<&[u8], &'static str> {
    let mut der = Der(bytes);
    let content = der.take(tag)?;
    der.end()?;
    Ok(content)
}

/// The content of a bit string of whole bytes.
pub(super) fn bits(content: &[u8]) -> Result<&[u8], &'static str> {
    content.strip_prefix(&[0]).ok_or(DAMAGED)
}

impl<'a> Pkcs8<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut der = Der(only(bytes, SEQUENCE)?);
        let version = der.number()?;
        let algorithm = der.take(SEQUENCE)?;
        let key = der.take(OCTETS)?;
        der.may_take(CONTEXT_0)?; // attributes, which say nothing of the key
        let public = if version == [1] { der.may_take(0x81)?.map(bits).transpose()? } else { None };
        der.end()?;
        match version {
            [] | [1] => Ok(Pkcs8 { algorithm, key, public }),
            _ => Err(DAMAGED),
        }
    }

    /// The key, if PEM or the lack of it allows PKCS#8 and the algorithm is this one.
    pub(super) fn read_as(label: Label, bytes: &'a [u8], algorithm: &[u8]) -> Result<Self, &'static str> {
        if !matches!(label, Label::Private | Label::None) {
            return Err(DAMAGED);
        }
        let key = Pkcs8::read(bytes)?;
        if key.algorithm == algorithm {
            Ok(key)
        } else {
            Err("the key is not for the algorithm that it was taken for")
        }
    }
}

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const BITS: u8 = 0x03;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const CONTEXT_0: u8 = 0xa0;
pub(super) const CONTEXT_1: u8 = 0xa1;
