//! Headers made of tokens, read backwards: the time and the nonce in one that a library made with a placeholder.

use crate::message::Source;
use crate::scheme::{Function, Token};
use crate::text::Room;
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use core::ops::Range;

/// What a header says; nothing if it does not fit its tokens, and then both are made anew.
#[derive(Default)]
pub(crate) struct Found {
    time: Short,
    nonce: Short,
}

struct Short {
    bytes: [u8; 40],
    len: usize,
}

impl Default for Short {
    fn default() -> Self {
        Short { bytes: [0; 40], len: 0 }
    }
}

impl Short {
    fn text(&self) -> Option<&str> {
        core::str::from_utf8(&self.bytes[..self.len]).ok().filter(|text| !text.is_empty())
    }

    /// Takes over a value, or compares one that stands twice.
    fn take(&mut self, text: &[u8]) -> Option<()> {
        if self.len > 0 {
            return (&self.bytes[..self.len] == text).then_some(());
        }
        self.bytes.get_mut(..text.len())?.copy_from_slice(text);
        self.len = text.len();
        Some(())
    }
}

impl Found {
    /// The time in the header.
    pub(crate) fn time(&self) -> Option<&str> {
        self.time.text()
    }

    /// The nonce in the header.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.nonce.text()
    }
}

/// Reads `given` as what `tokens` could have made.
pub(crate) fn find(source: &Source<'_>, tokens: &[Token], given: &str, room: &mut Room<'_>) -> Found {
    let mut found = Found::default();
    let from = room.text.len();
    let fits = match room.put(given.as_bytes()) {
        Ok(()) => read(source, tokens, from..room.text.len(), room, &mut found).is_some(),
        Err(_) => false,
    };
    if fits { found } else { Found::default() }
}

/// Reads a part of the room's text; what has to be written for that is written behind it, and taken away again.
fn read(
    source: &Source<'_>,
    tokens: &[Token],
    given: Range<usize>,
    room: &mut Room<'_>,
    found: &mut Found,
) -> Option<()> {
    let mut at = given.start;
    for (place, token) in tokens.iter().enumerate() {
        // A value that is not known ends where the fixed text behind it begins.
        let rest = &room.text[at..given.end];
        let unknown = match tokens.get(place + 1) {
            Some(Token::Literal(next)) => {
                let next = next.as_bytes();
                (0..rest.len()).find(|at| next.first() == Some(&rest[*at]) && rest[*at..].starts_with(next))
            }
            _ => Some(rest.len()),
        };
        let behind = room.text.len();
        at += match *token {
            Token::Time => {
                found.time.take(&rest[..unknown?])?;
                unknown?
            }
            Token::Nonce => {
                found.nonce.take(&rest[..unknown?])?;
                unknown?
            }
            Token::TimeLater(_) | Token::Signature | Token::Key | Token::Uid => unknown?,
            Token::Of(function @ (Function::Base64 | Function::Base64Url), inner) => {
                let len = unknown?;
                room.grow(len).ok()?;
                let (before, decoded) = room.text.split_at_mut(behind);
                let encoded = &before[at..at + len];
                let decoded = match function {
                    Function::Base64 => Base64::decode(encoded, decoded),
                    _ => Base64UrlUnpadded::decode(encoded, decoded),
                };
                let end = behind + decoded.ok()?.len();
                read(source, &inner, behind..end, room, found)?;
                len
            }
            known => {
                source.write(&[known], room).ok()?;
                let (before, wanted) = room.text.split_at(behind);
                before[at..given.end].starts_with(wanted).then_some(wanted.len())?
            }
        };
        room.text.truncate(behind);
    }
    (at == given.end).then_some(())
}
