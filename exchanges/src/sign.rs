//! The engine: the only place where a secret meets a message.

use crate::catalogue::{Digest, Encoding, Exchange, Place, Scheme, SecretEncoding, Time, Token};
use crate::parts::{BodyKind, Parts, Source};
use crate::scan::until;
use crate::time::{Skew, Stamp};
use base64ct::{Base64, Encoding as _};
use core::fmt;
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384, Sha512};

/// What a signature is made with. Lives in the locked page.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The API key; without one, the request must carry it.
    pub key: Option<&'a str>,
    /// The secret as the exchange shows it.
    pub secret: &'a [u8],
    /// The passphrase; without one, the request must carry it where the exchange wants one.
    pub passphrase: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// The state of an HMAC that has taken in its key: as secret as the key, and made once for all requests
/// that are signed between two reads of it.
#[derive(Clone, Default)]
pub struct Keyed(State);

#[derive(Clone, Default)]
enum State {
    #[default]
    None,
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed(..)")
    }
}

/// Why a request could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request is not one this exchange can be sent.
    Request(&'static str),
    /// Its time or nonce is too old, too far ahead, or used.
    Stale(&'static str),
    /// The secret is not written as the exchange writes it.
    Secret(&'static str),
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
    signature: Text,
    sorting: String,
    key: Option<&'static str>,
    passphrase: Option<&'static str>,
    time: Option<&'static str>,
    signed: Option<&'static str>,
}

impl Signed {
    /// Room for the largest request, so that signing does not allocate.
    pub fn with_capacity(bytes: usize) -> Self {
        Signed {
            query: String::with_capacity(bytes),
            body: String::with_capacity(bytes),
            sorting: String::with_capacity(bytes),
            ..Signed::default()
        }
    }

    /// The headers to set, each in the place of one of the same name.
    pub fn headers<'a>(&'a self, credentials: &Credentials<'a>) -> [Option<(&'static str, &'a str)>; 4] {
        [
            self.key.zip(credentials.key),
            self.passphrase.zip(credentials.passphrase),
            self.time.map(|name| (name, self.stamp.text())),
            self.signed.map(|name| (name, self.signature.as_str())),
        ]
    }
}

impl Exchange {
    /// Signs a request that was taken apart and permitted, into `out`.
    ///
    /// A signature that the request carries is dropped, its API key replaced by the record's, and
    /// its time checked; what is missing is added. Nothing else is touched. `keyed` must have been made for no
    /// other credentials than these.
    pub fn sign(
        &self,
        parts: &Parts<'_>,
        credentials: &Credentials<'_>,
        keyed: &mut Keyed,
        clock: &Clock,
        out: &mut Signed,
    ) -> Result<(), Error> {
        let scheme = self.scheme(parts)?;
        out.query.clear();
        out.body.clear();
        copy(scheme, parts, Source::Query, credentials.key, &mut out.query);
        copy(scheme, parts, Source::Body, credentials.key, &mut out.body);
        (out.key, out.passphrase) = (None, scheme.passphrase);
        match scheme.key {
            Place::Header(name) => out.key = Some(name),
            Place::Query(name) | Place::Params(name) | Place::Body(name) => {
                if parts.param(name).is_none() {
                    append(&mut out.query, name, credentials.key.ok_or(Error::Request(NO_KEY))?);
                }
            }
        }
        (out.stamp, out.time) = stamp(&scheme.time, parts, clock)?;
        if out.stamp.minted {
            place_time(&scheme.time, parts.kind, out)?;
        }
        keyed.take_in(scheme.digest, self.secret, credentials.secret)?;
        out.signature = message(self, scheme, parts, keyed, out);
        out.signed = None;
        match scheme.signature {
            Place::Header(name) => out.signed = Some(name),
            Place::Query(name) => append(&mut out.query, name, out.signature.as_str()),
            Place::Params(name) | Place::Body(name) => {
                let text = if out.body.is_empty() { &mut out.query } else { &mut out.body };
                append(text, name, out.signature.as_str());
            }
        }
        Ok(())
    }

    /// The scheme for a request, if what it carries can be signed at all.
    fn scheme(&self, parts: &Parts<'_>) -> Result<&'static Scheme, Error> {
        let has_body = parts.kind != BodyKind::None;
        let fits = |scheme: &&Scheme| {
            (scheme.methods.is_empty() || scheme.methods.contains(&parts.method))
                && scheme.with_body.is_none_or(|with_body| with_body == has_body)
        };
        let scheme = self.schemes.iter().find(fits);
        let scheme = scheme.ok_or(Error::Request("this exchange does not sign a body with this method"))?;
        if !parts.query.is_empty() && !signs(scheme.message, is_query) {
            return Err(Error::Request(
                "this exchange does not sign the query; put the parameters in the body",
            ));
        }
        if has_body && !signs(scheme.message, |token| matches!(token, Token::Body)) {
            return Err(Error::Request(
                "this exchange does not sign a body; put the parameters in the query",
            ));
        }
        Ok(scheme)
    }

    /// Whether a secret is written as this exchange writes its secrets.
    pub fn check_secret(&self, secret: &[u8]) -> Result<(), &'static str> {
        with_key(self.secret, secret, |_| ()).map_err(|_| NOT_BASE64)
    }
}

fn is_query(token: &Token) -> bool {
    matches!(token, Token::Query | Token::MarkedQuery | Token::QueryAnd)
}

fn signs(tokens: &[Token], wanted: fn(&Token) -> bool) -> bool {
    tokens.iter().any(|token| match token {
        Token::Hash(_, inner) | Token::Sorted(inner) => signs(inner, wanted),
        token => wanted(token),
    })
}

/// Copies the query or the body, but for a signature that stands in it; an API key that stands in it
/// becomes the record's.
fn copy(scheme: &Scheme, parts: &Parts<'_>, source: Source, key: Option<&str>, out: &mut String) {
    let text = if source == Source::Query { parts.query } else { parts.body };
    let stands = |place: &Place| match *place {
        Place::Query(name) if source == Source::Query => Some(name),
        Place::Params(name) => Some(name),
        Place::Body(name) if source == Source::Body => Some(name),
        _ => None,
    };
    let (signature, key_name) = (stands(&scheme.signature), stands(&scheme.key));
    let is_form = source == Source::Query || parts.kind == BodyKind::Form;
    let there = |name: Option<&str>| name.is_some_and(|name| parts.param(name).is_some());
    if !is_form || !(there(signature) || there(key_name)) {
        out.push_str(text);
        return;
    }
    for param in parts.params.iter().filter(|param| param.source == source) {
        let name = Some(parts.name(param));
        if name == signature {
            continue;
        }
        match key.filter(|_| name == key_name) {
            Some(key) => append(out, parts.name(param), key),
            None => {
                if !out.is_empty() {
                    out.push('&');
                }
                out.push_str(parts.written(param));
            }
        }
    }
}

/// The request's time checked, or a new one; and the header it goes to, if it goes to one.
fn stamp(time: &Time, parts: &Parts<'_>, clock: &Clock) -> Result<(Stamp, Option<&'static str>), Error> {
    let found = |name: &str, source: Option<Source>| {
        let param = parts.param(name).filter(|param| source.is_none_or(|source| param.source == source));
        param.map(|param| parts.value(param))
    };
    let (given, header) = match time.place {
        Place::Header(name) => (parts.header(name), Some(name)),
        Place::Query(name) => (found(name, Some(Source::Query)), None),
        Place::Body(name) => (found(name, Some(Source::Body)), None),
        Place::Params(name) => (found(name, None), None),
    };
    let stamp = match given {
        Some(text) => Stamp::check(time, text, clock.now_ns, clock.last, clock.skew).map_err(Error::Stale)?,
        None => Stamp::mint(time, clock.now_ns, clock.last),
    };
    Ok((stamp, header))
}

/// Writes a minted time into the query or the body.
fn place_time(time: &Time, kind: BodyKind, out: &mut Signed) -> Result<(), Error> {
    let Signed { query, body, stamp, .. } = out;
    match time.place {
        Place::Header(_) => {}
        Place::Query(name) => append(query, name, stamp.text()),
        Place::Params(name) => append(if body.is_empty() { query } else { body }, name, stamp.text()),
        Place::Body(name) => match kind {
            BodyKind::List => return Err(Error::Request("a JSON list has no place for the nonce")),
            BodyKind::Object => {
                let empty = body[1..].trim_start().starts_with('}');
                insert(body, 1, &["\"", name, "\":\"", stamp.text(), if empty { "\"" } else { "\"," }]);
            }
            BodyKind::None => insert(body, 0, &[name, "=", stamp.text()]),
            BodyKind::Form => insert(body, 0, &[name, "=", stamp.text(), "&"]),
        },
    }
    Ok(())
}

fn insert(text: &mut String, at: usize, pieces: &[&str]) {
    for piece in pieces.iter().rev() {
        text.insert_str(at, piece);
    }
}

fn append(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push('&');
    }
    text.push_str(name);
    text.push('=');
    // Base64 has three characters that a parameter must escape; hexadecimal has none.
    if until(value.as_bytes(), [b'+', b'/', b'=']) == value.len() {
        return text.push_str(value);
    }
    for piece in value.split_inclusive(['+', '/', '=']) {
        let (plain, escaped) = match piece.as_bytes().last() {
            Some(b'+') => (&piece[..piece.len() - 1], "%2B"),
            Some(b'/') => (&piece[..piece.len() - 1], "%2F"),
            Some(b'=') => (&piece[..piece.len() - 1], "%3D"),
            _ => (piece, ""),
        };
        text.push_str(plain);
        text.push_str(escaped);
    }
}

impl Keyed {
    /// Takes in the key, unless that was done.
    fn take_in(&mut self, digest: Digest, encoding: SecretEncoding, secret: &[u8]) -> Result<(), Error> {
        match (digest, &self.0) {
            (Digest::Sha256, State::Sha256(_))
            | (Digest::Sha384, State::Sha384(_))
            | (Digest::Sha512, State::Sha512(_)) => {}
            (Digest::Sha256, _) => self.0 = State::Sha256(with_key(encoding, secret, new)?),
            (Digest::Sha384, _) => self.0 = State::Sha384(with_key(encoding, secret, new)?),
            (Digest::Sha512, _) => self.0 = State::Sha512(with_key(encoding, secret, new)?),
        }
        Ok(())
    }
}

fn new<M: Mac + hmac::digest::KeyInit>(key: &[u8]) -> M {
    <M as Mac>::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The signature of the message that the scheme's tokens make.
fn message(exchange: &Exchange, scheme: &Scheme, parts: &Parts<'_>, keyed: &Keyed, out: &mut Signed) -> Text {
    let Signed { query, body, stamp, sorting, .. } = out;
    let mut source = Message { exchange, parts, query, body, time: stamp.text(), sorting };
    match &keyed.0 {
        State::Sha256(mac) => source.mac(mac.clone(), scheme),
        State::Sha384(mac) => source.mac(mac.clone(), scheme),
        State::Sha512(mac) => source.mac(mac.clone(), scheme),
        State::None => unreachable!("the key was taken in"),
    }
}

/// Hands the key that HMAC takes to `work`: on the stack, which is secret.
fn with_key<R>(encoding: SecretEncoding, secret: &[u8], work: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
    match encoding {
        SecretEncoding::Utf8 => Ok(work(secret)),
        SecretEncoding::Base64 => {
            let mut key = [0; LONGEST_KEY];
            let key = Base64::decode(secret, &mut key).map_err(|_| Error::Secret(NOT_BASE64))?;
            Ok(work(key))
        }
    }
}

/// What the tokens of a message speak of.
struct Message<'a> {
    exchange: &'a Exchange,
    parts: &'a Parts<'a>,
    query: &'a str,
    body: &'a str,
    time: &'a str,
    sorting: &'a mut String,
}

impl Message<'_> {
    fn mac(&mut self, mut mac: impl Mac, scheme: &Scheme) -> Text {
        self.feed(scheme.message, &mut |bytes| mac.update(bytes));
        Text::encoded(scheme.encoding, &mac.finalize().into_bytes())
    }

    fn feed(&mut self, tokens: &[Token], sink: &mut dyn FnMut(&[u8])) {
        for token in tokens {
            match token {
                Token::Literal(text) => sink(text.as_bytes()),
                Token::Method => sink(self.parts.method.word().as_bytes()),
                Token::Origin if self.parts.origin.is_empty() => {
                    sink(b"https://");
                    sink(self.exchange.hosts[0].as_bytes());
                }
                Token::Origin => sink(self.parts.origin.as_bytes()),
                Token::Path => sink(self.parts.path.as_bytes()),
                Token::Query => sink(self.query.as_bytes()),
                Token::MarkedQuery if self.query.is_empty() => {}
                Token::MarkedQuery => {
                    sink(b"?");
                    sink(self.query.as_bytes());
                }
                Token::QueryAnd if self.query.is_empty() => {}
                Token::QueryAnd => {
                    sink(self.query.as_bytes());
                    sink(b"&");
                }
                Token::Body => sink(self.body.as_bytes()),
                Token::Time => sink(self.time.as_bytes()),
                Token::Hash(Digest::Sha256, inner) => self.hash::<Sha256>(inner, sink),
                Token::Hash(Digest::Sha384, inner) => self.hash::<Sha384>(inner, sink),
                Token::Hash(Digest::Sha512, inner) => self.hash::<Sha512>(inner, sink),
                Token::Sorted(inner) => self.sorted(inner, sink),
            }
        }
    }

    fn hash<D: sha2::Digest>(&mut self, tokens: &[Token], sink: &mut dyn FnMut(&[u8])) {
        let mut digest = D::new();
        self.feed(tokens, &mut |bytes| digest.update(bytes));
        sink(&digest.finalize());
    }

    fn sorted(&mut self, tokens: &[Token], sink: &mut dyn FnMut(&[u8])) {
        let mut joined = core::mem::take(self.sorting);
        joined.clear();
        self.feed(tokens, &mut |bytes| joined.push_str(core::str::from_utf8(bytes).unwrap_or("")));
        // The next field is the smallest one not yet written; there are few, and nothing is allocated.
        let mut last: Option<(&str, usize)> = None;
        let mut first = true;
        loop {
            let fields = joined.split('&').enumerate().map(|(at, field)| (field, at));
            let Some(next) = fields.filter(|field| Some(*field) > last).min() else { break };
            if !first {
                sink(b"&");
            }
            first = false;
            sink(next.0.as_bytes());
            last = Some(next);
        }
        *self.sorting = joined;
    }
}

/// A short text of fixed room: a signature.
#[derive(Clone, Debug)]
struct Text {
    bytes: [u8; 128],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Text { bytes: [0; 128], len: 0 }
    }
}

impl Text {
    fn encoded(encoding: Encoding, tag: &[u8]) -> Text {
        let mut bytes = [0; 128];
        let len = match encoding {
            // A signature is no secret: a table will do.
            Encoding::Hex => {
                for (pair, byte) in bytes.chunks_exact_mut(2).zip(tag) {
                    pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
                    pair[1] = HEX_DIGITS[usize::from(byte & 15)];
                }
                2 * tag.len()
            }
            Encoding::Base64 => {
                Base64::encode(tag, &mut bytes).expect("64 bytes are at most 88 characters").len()
            }
        };
        Text { bytes, len }
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).expect("only ASCII is written")
    }
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
const LONGEST_KEY: usize = 1024;
const NO_KEY: &str = "no API key: store one with 'signbox add --key', or send it in the request";
const NOT_BASE64: &str = "the secret is not valid base64";
