//! What is signed with, and what comes out: credentials, the clock, the signed request, and errors.

use crate::catalogue::Name;
use crate::edit;
use crate::parts::Parts;
use crate::text::Lists;
use crate::time::{Skew, Stamp};
use core::fmt;

/// What a signature is made with. Lives in the locked page.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The API key; without one, the request must carry it.
    pub key: Option<&'a str>,
    /// The secret as the exchange shows it.
    pub secret: &'a [u8],
    /// The passphrase; without one, the request must carry it where the exchange wants one.
    pub passphrase: Option<&'a str>,
    /// The account number, client id or memo that some exchanges want.
    pub uid: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a request could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request is not one this exchange can be sent.
    Request(&'static str),
    /// The header, parameter or member of this name is not as the exchange wants it.
    Field(Name, &'static str),
    /// Its time or nonce is too old, too far ahead, or used.
    Stale(&'static str),
    /// The secret is not written as the exchange writes it.
    Secret(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Request(why) | Error::Stale(why) | Error::Secret(why) => f.write_str(why),
            Error::Field(name, why) => write!(f, "'{name}' {why}"),
        }
    }
}

/// A clock reading and what is known of the key's past.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds since 1970.
    pub now_ns: u64,
    /// The highest time or nonce used with the key so far, in the scheme's unit; 0 for none.
    pub last: u64,
    /// How far from now the time in a request may lie.
    pub skew: Skew,
    /// Bytes that no other request gets, for a nonce that is no time. They are no secret.
    pub unique: [u8; 18],
}

/// A signed request: what to send in the place of what was given. Kept and reused by the caller.
#[derive(Debug, Default)]
pub struct Signed {
    /// The query, without `?`.
    pub query: String,
    /// The body.
    pub body: String,
    /// The time or nonce.
    pub stamp: Stamp,
    pub(crate) headers: Headers,
    pub(crate) nonce: String,
    pub(crate) signature: String,
    pub(crate) text: Vec<u8>,
    pub(crate) lists: Lists,
}

impl Signed {
    /// Room for the largest request, so that signing does not allocate.
    pub fn with_capacity(bytes: usize) -> Self {
        let text = || String::with_capacity(4 * bytes.max(4096));
        Signed {
            query: text(),
            body: text(),
            headers: Headers { set: Vec::with_capacity(MOST_HEADERS), texts: text() },
            nonce: String::with_capacity(64),
            signature: String::with_capacity(1024),
            text: Vec::with_capacity(16 * bytes.max(4096)),
            lists: Lists::new(),
            stamp: Stamp::default(),
        }
    }

    /// The signature, as it is sent.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// What stands between path and query.
    pub fn mark(&self, parts: &Parts<'_>) -> &'static str {
        if self.query.is_empty() && !parts.marked { "" } else { "?" }
    }

    /// The headers to set, each in the place of one of the same name.
    pub fn headers<'a>(&'a self, credentials: &Credentials<'a>) -> impl Iterator<Item = (Name, &'a str)> {
        let credentials = *credentials;
        self.headers.set.iter().filter_map(move |(name, value)| {
            self.headers.value(value, &credentials).map(|value| (*name, value))
        })
    }
}

/// The headers that signing sets.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    set: Vec<(Name, HeaderValue)>,
    texts: String,
}

/// What a header is set to. A passphrase is not copied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeaderValue {
    Key,
    Uid,
    Passphrase,
    Text(usize, usize),
}

impl Headers {
    pub(crate) fn clear(&mut self) {
        self.set.clear();
        self.texts.clear();
    }

    fn value<'a>(&'a self, value: &HeaderValue, credentials: &Credentials<'a>) -> Option<&'a str> {
        match *value {
            HeaderValue::Key => credentials.key,
            HeaderValue::Uid => credentials.uid,
            HeaderValue::Passphrase => credentials.passphrase,
            HeaderValue::Text(from, to) => Some(&self.texts[from..to]),
        }
    }

    /// The value that a header was set to.
    pub(crate) fn get<'a>(&'a self, name: &str, credentials: &Credentials<'a>) -> Option<&'a str> {
        let found = self.set.iter().find(|(set, _)| set.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| self.value(value, credentials))
    }

    pub(crate) fn put(&mut self, name: Name, value: HeaderValue) {
        assert!(self.set.len() < MOST_HEADERS, "no scheme sets more headers than there is room for");
        self.set.push((name, value));
    }

    pub(crate) fn put_text(&mut self, name: Name, text: &str) -> Result<(), Error> {
        let from = self.texts.len();
        edit::push(&mut self.texts, text)?;
        self.put(name, HeaderValue::Text(from, self.texts.len()));
        Ok(())
    }
}

const MOST_HEADERS: usize = 14;
