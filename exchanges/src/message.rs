//! Tokens become text: the message that is signed, and headers that are made of tokens.

use crate::binary;
use crate::catalogue::{Exchange, Name};
use crate::json;
use crate::mac::{HEX_DIGITS, base64, hex};
use crate::parts::{self, Parts};
use crate::scheme::{Function, Place, Scheme, Token};
use crate::signed::{Credentials, Error, Headers};
use crate::text::Room;
use crate::time::Stamp;
use md5::Md5;
use sha2::{Sha256, Sha384, Sha512};

/// What tokens speak of.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) scheme: &'a Scheme,
    pub(crate) parts: &'a Parts<'a>,
    pub(crate) credentials: &'a Credentials<'a>,
    pub(crate) query: &'a str,
    pub(crate) body: &'a str,
    pub(crate) stamp: &'a Stamp,
    pub(crate) nonce: &'a str,
    pub(crate) headers: &'a Headers,
    pub(crate) signature: &'a str,
}

impl Source<'_> {
    /// Appends what `tokens` stand for.
    pub(crate) fn write(&self, tokens: &[Token], room: &mut Room<'_>) -> Result<(), Error> {
        for token in tokens {
            match *token {
                Token::Literal(text) => room.put(text.as_bytes())?,
                Token::Method => room.put(self.parts.method.word().as_bytes())?,
                Token::Host => room.put(self.parts.host(self.exchange).as_bytes())?,
                Token::Origin if self.parts.origin.is_empty() => {
                    room.put(b"https://")?;
                    room.put(self.parts.host(self.exchange).as_bytes())?;
                }
                Token::Origin => room.put(self.parts.origin.as_bytes())?,
                Token::Path => room.put(self.path().as_bytes())?,
                Token::LastSegment => {
                    room.put(self.path().rsplit('/').next().unwrap_or("").as_bytes())?;
                }
                Token::Query => room.put(self.query.as_bytes())?,
                Token::MarkedQuery | Token::QueryAnd if self.query.is_empty() => {}
                Token::MarkedQuery => {
                    room.put(b"?")?;
                    room.put(self.query.as_bytes())?;
                }
                Token::QueryAnd => {
                    room.put(self.query.as_bytes())?;
                    room.put(b"&")?;
                }
                Token::Body => room.put(self.body.as_bytes())?,
                Token::Time => room.put(self.stamp.bytes())?,
                Token::TimeLater(later) => {
                    let unit = self.scheme.time.ok_or(NO_TIME)?.unit;
                    room.put(self.stamp.again(unit, unit, later).bytes())?;
                }
                Token::Nonce => room.put(self.nonce.as_bytes())?,
                Token::Key => room.put(self.key()?.as_bytes())?,
                Token::Uid => room.put(self.uid()?.as_bytes())?,
                Token::EndpointName => {
                    let endpoint = self.exchange.endpoint(self.parts);
                    let name = endpoint.and_then(|endpoint| endpoint.sign).ok_or(NO_NAME)?;
                    room.put(name.as_bytes())?;
                }
                Token::Signature => room.put(self.signature.as_bytes())?,
                Token::Header(name) => room.put(self.header(name)?.as_bytes())?,
                Token::Digits(name) => {
                    let value = self.header(name)?;
                    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err(Error::Field(name, "is not a whole number"));
                    }
                    room.put(value.as_bytes())?;
                }
                Token::Field(name) => self.field(name, false, room)?,
                Token::OptionalField(name) => self.field(name, true, room)?,
                Token::Number(name) => {
                    let from = room.text.len();
                    self.field(name, false, room)?;
                    if !room.text[from..].iter().all(u8::is_ascii_digit) {
                        return Err(Error::Field(name, "is not a whole number"));
                    }
                }
                Token::Of(function, inner) => {
                    let from = room.text.len();
                    self.write(&inner, room)?;
                    self.apply(function, from, room)?;
                }
            }
        }
        Ok(())
    }

    /// The path without what is not signed.
    fn path(&self) -> &str {
        self.scheme
            .strip
            .iter()
            .fold(self.parts.path, |path, start| path.strip_prefix(start.text()).unwrap_or(path))
    }

    /// The API key of the record. Not one that the request carries: with what follows it in the message it could be the
    /// beginning of another request.
    fn key(&self) -> Result<&str, Error> {
        self.credentials.key.ok_or(NO_KEY)
    }

    /// The account number of the record, for the same reason.
    fn uid(&self) -> Result<&str, Error> {
        self.credentials.uid.ok_or(NO_UID)
    }

    /// A header's value as it is sent. It is signed next to other values, so it may not hold what could be taken
    /// for a part of them.
    fn header(&self, name: Name) -> Result<&str, Error> {
        let set = self.headers.get(&name, self.credentials);
        let value = set.or_else(|| self.parts.header(&name)).unwrap_or("");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if value.bytes().all(plain) { Ok(value) } else { Err(Error::Field(name, "holds an odd character")) }
    }

    /// A parameter's value, as text; nothing if it is missing or null and may be.
    fn field(&self, name: Name, optional: bool, room: &mut Room<'_>) -> Result<(), Error> {
        // As it came, where it is still as it came.
        let given = self.parts.param(&name).filter(|param| param.source == parts::Source::Body);
        let given = given.filter(|_| self.body == self.parts.body);
        let given = given.map(|param| self.parts.value(param)).filter(|value| !value.is_empty());
        if let Some(value) = given.filter(|value| !value.contains('\\') && *value != "null") {
            return room.put(value.as_bytes());
        }
        let found = if self.body.starts_with('{') {
            json::find(self.body, &name)
                .map(|span| &self.body[span])
                .filter(|value| !optional || *value != "null")
        } else {
            let fields = self.body.split('&').chain(self.query.split('&'));
            let mut pairs = fields.map(|field| field.split_once('=').unwrap_or((field, "")));
            pairs.find(|(known, _)| *known == name.text()).map(|(_, value)| value)
        };
        let from = room.text.len();
        match found {
            Some(value) => room.put(value.as_bytes())?,
            None if optional => {}
            None => return Err(Error::Field(name, "is missing")),
        }
        let len = room.text.len() - from;
        room.rewrite(from, len, |text, out, _| out.put_value(text))
    }

    fn apply(&self, function: Function, from: usize, room: &mut Room<'_>) -> Result<(), Error> {
        let len = room.text.len() - from;
        match function {
            Function::Md5 => digest::<Md5>(room, from),
            Function::Sha256 => digest::<Sha256>(room, from),
            Function::Sha384 => digest::<Sha384>(room, from),
            Function::Sha512 => digest::<Sha512>(room, from),
            Function::Keccak256 => {
                let hash = crate::asymmetric::keccak256(&room.text[from..]);
                room.text.truncate(from);
                room.put(&hash)
            }
            Function::Hex => room.rewrite(from, 2 * len, |text, out, _| {
                hex(text, HEX_DIGITS, out.bytes);
                out.len = 2 * text.len();
                Ok(())
            }),
            Function::Base64 | Function::Base64Url => {
                room.rewrite(from, len.div_ceil(3) * 4, |text, out, _| {
                    out.len = base64(text, function == Function::Base64Url, out.bytes).len();
                    Ok(())
                })
            }
            Function::Upper => {
                room.text[from..].make_ascii_uppercase();
                Ok(())
            }
            Function::Decoded => room.rewrite(from, len, |text, out, _| out.put_decoded(text)),
            Function::Sorted => room.rewrite(from, len, |text, out, lists| out.put_sorted(text, lists)),
            Function::Json => room.rewrite(from, 6 * len, |text, out, _| out.put_json(text)),
            Function::After(_) if len == 0 => Ok(()),
            Function::After(byte) => room.rewrite(from, len + 1, |text, out, _| {
                out.put(&[byte])?;
                out.put(text)
            }),
            Function::AndThen if len == 0 => Ok(()),
            Function::AndThen => room.put(b"&"),
            Function::Tagged => room.rewrite(from, len + 1, |text, out, _| {
                out.put(&[u8::from(len > 0)])?;
                out.put(text)
            }),
            Function::Unhex => room.rewrite(from, len, |text, out, _| binary::put_unhex(text, out)),
            Function::Be64 => room.rewrite(from, 8, |text, out, _| binary::put_be64(text, out)),
            Function::Word => room.rewrite(from, len + 32, |text, out, _| binary::put_word(text, out)),
            Function::Msgpack => {
                room.rewrite(from, 2 * len + 16, |text, out, _| binary::put_msgpack(text, out))
            }
            // A value grows at most threefold; a list repeats its name.
            Function::Form | Function::RawForm => {
                let signature = |name: &[u8]| is_at(&self.scheme.signature, name);
                let encode = function == Function::Form;
                room.rewrite(from, 8 * len + 64, |text, out, lists| {
                    out.put_form(text, encode, signature, &mut lists.names)
                })
            }
            Function::Commas => {
                let scheme = self.scheme;
                let places = [scheme.key, scheme.time.map(|time| time.place)];
                let own = |name: &[u8]| {
                    is_at(&scheme.signature, name)
                        || places.iter().flatten().any(|place| is_at(&[*place], name))
                };
                room.rewrite(from, 2 * len + 64, |text, out, lists| {
                    out.put_commas(text, own, &mut lists.names)
                })
            }
            Function::Ordered => {
                let leave = |name: &[u8]| self.scheme.leave.iter().any(|known| known.as_bytes() == name);
                room.rewrite(from, len + 64, |text, out, lists| {
                    out.put_ordered(text, &leave, &mut lists.names)
                })
            }
            Function::Flat => room.rewrite(from, len + 64, |text, out, lists| out.put_flat(text, lists)),
        }
    }
}

fn digest<D: sha2::Digest>(room: &mut Room<'_>, from: usize) -> Result<(), Error> {
    let hash = D::digest(&room.text[from..]);
    room.text.truncate(from);
    room.put(&hash)
}

/// Whether one of these places has this name.
fn is_at(places: &[Place], name: &[u8]) -> bool {
    places.iter().any(|place| place.name().is_some_and(|known| known.as_bytes() == name))
}

const NO_KEY: Error =
    Error::Request("no API key, which is signed too: add the key again with 'signbox add --key'");
const NO_UID: Error = Error::Request(
    "no uid (account number, client id or memo), which is signed: add the key again with 'signbox add --uid'",
);
const NO_TIME: Error = Error::Request("this scheme has no time");
const NO_NAME: Error = Error::Request("the catalogue does not say what the signature calls this endpoint");
