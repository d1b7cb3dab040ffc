//! Tokens become text: the message that is signed, and headers that are made of tokens.

use crate::binary;
use crate::catalogue::{Exchange, Name};
use crate::json::{self, Cursor, Names};
use crate::mac::{HEX_DIGITS, base64, hex};
use crate::parts::Parts;
use crate::scan;
use crate::scheme::{Function, Place, Scheme, Token};
use crate::sign::{Credentials, Error, Headers};
use crate::time::Stamp;
use core::ops::Range;
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

/// Text in the making, with room that was made before the walls: it must not grow beyond that.
pub(crate) struct Room<'a> {
    pub(crate) text: &'a mut Vec<u8>,
    pub(crate) lists: &'a mut Lists,
}

/// What reading and sorting take, made before the walls too.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    names: Names,
    /// Fields to be sorted: where the name stands, and where the field or the value.
    fields: Vec<Field>,
}

type Field = (Range<usize>, Range<usize>);

impl Lists {
    pub(crate) fn new() -> Self {
        Lists { names: Names::new(), fields: Vec::with_capacity(MOST_FIELDS) }
    }
}

impl Room<'_> {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.text.capacity() - self.text.len() < bytes.len() {
            return Err(TOO_LONG);
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    /// Makes the text longer, by zeroes.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        if self.text.capacity() - self.text.len() < bytes {
            return Err(TOO_LONG);
        }
        self.text.resize(self.text.len() + bytes, 0);
        Ok(())
    }

    /// Puts what `work` makes of the text from `from` on in its place; it has `room` bytes for that.
    fn rewrite(
        &mut self,
        from: usize,
        room: usize,
        work: impl FnOnce(&[u8], &mut Writer<'_>, &mut Lists) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let end = self.text.len();
        self.grow(room)?;
        let (before, after) = self.text.split_at_mut(end);
        let mut writer = Writer { bytes: after, len: 0 };
        self.lists.fields.clear();
        work(&before[from..], &mut writer, self.lists)?;
        let len = writer.len;
        self.text.copy_within(end..end + len, from);
        self.text.truncate(from + len);
        Ok(())
    }
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
        let set = self.headers.get(name, self.credentials);
        let value = set.or_else(|| self.parts.header(&name)).unwrap_or("");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if value.bytes().all(plain) { Ok(value) } else { Err(Error::Field(name, "holds an odd character")) }
    }

    /// A parameter's value, as text; nothing if it is missing or null and may be.
    fn field(&self, name: Name, optional: bool, room: &mut Room<'_>) -> Result<(), Error> {
        // The body may have got it only now, so the text is read and not the request's parts.
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

/// A place of fixed length that is written from front to back.
pub(crate) struct Writer<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) len: usize,
}

impl Writer<'_> {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let room = self.bytes.get_mut(self.len..self.len + bytes.len()).ok_or(TOO_LONG)?;
        room.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    fn put_decoded(&mut self, text: &[u8]) -> Result<(), Error> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let mut rest = text;
        while let Some(at) = scan::find(rest, b'%') {
            let [_, high, low, after @ ..] = &rest[at..] else { break };
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                return Err(Error::Request("a parameter value with a broken percent-escape"));
            };
            self.put(&rest[..at])?;
            self.put(&[(high << 4 | low) as u8])?;
            rest = after;
        }
        self.put(rest)
    }

    /// Sorted by name; those of one name stay in order.
    fn put_sorted(&mut self, text: &[u8], lists: &mut Lists) -> Result<(), Error> {
        let mut at = 0;
        while at <= text.len() {
            let len = scan::find(&text[at..], b'&').unwrap_or(text.len() - at);
            let name = scan::find(&text[at..at + len], b'=').unwrap_or(len);
            push_field(&mut lists.fields, at..at + name, at..at + len)?;
            at += len + 1;
        }
        lists.fields.sort_unstable_by_key(|(name, _)| (&text[name.clone()], name.start));
        for (at, (_, field)) in lists.fields.iter().enumerate() {
            self.put(if at > 0 { b"&" } else { b"" })?;
            self.put(&text[field.clone()])?;
        }
        Ok(())
    }

    fn put_json(&mut self, text: &[u8]) -> Result<(), Error> {
        for byte in text {
            match byte {
                b'"' => self.put(b"\\\""),
                b'\\' => self.put(b"\\\\"),
                b'\n' => self.put(b"\\n"),
                b'\r' => self.put(b"\\r"),
                b'\t' => self.put(b"\\t"),
                0..0x20 => {
                    self.put(b"\\u00")?;
                    self.put(&[HEX_DIGITS[usize::from(byte >> 4)], HEX_DIGITS[usize::from(byte & 15)]])
                }
                _ => self.put(&[*byte]),
            }?;
        }
        Ok(())
    }

    fn put_encoded(&mut self, text: &[u8]) -> Result<(), Error> {
        for byte in text {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
                self.put(&[*byte])?;
            } else {
                self.put(&escape(*byte))?;
            }
        }
        Ok(())
    }

    /// A JSON value as text: a string without quotes and escapes, anything else as it is written.
    pub(crate) fn put_value(&mut self, value: &[u8]) -> Result<(), Error> {
        let [b'"', inside @ .., b'"'] = value else { return self.put(value) };
        let from = self.len;
        self.put(inside)?;
        if inside.contains(&b'\\') {
            self.len = from + json::unescape(&mut self.bytes[from..self.len]);
        }
        Ok(())
    }

    fn put_pair(&mut self, name: &[u8], value: &[u8], encode: bool) -> Result<(), Error> {
        if self.len > 0 {
            self.put(b"&")?;
        }
        self.put(name)?;
        self.put(b"=")?;
        let from = self.len;
        self.put_value(value)?;
        if encode {
            // Encoded behind itself, then moved to its place.
            let end = self.len;
            let (before, after) = self.bytes.split_at_mut(end);
            let mut encoded = Writer { bytes: after, len: 0 };
            encoded.put_encoded(&before[from..])?;
            let len = encoded.len;
            self.bytes.copy_within(end..end + len, from);
            self.len = from + len;
        }
        Ok(())
    }

    fn put_form(
        &mut self,
        text: &[u8],
        encode: bool,
        left_out: impl Fn(&[u8]) -> bool,
        names: &mut Names,
    ) -> Result<(), Error> {
        let mut failed = Ok(());
        if text.is_empty() {
            return Ok(());
        }
        each_member(text, names, &mut |name, value| {
            if failed.is_ok() && !left_out(&text[name.clone()]) {
                failed = match text[value.start] {
                    b'[' => self.put_list(&text[name], &text[value], encode),
                    _ => self.put_pair(&text[name], &text[value], encode),
                };
            }
        })?;
        failed
    }

    fn put_list(&mut self, name: &[u8], list: &[u8], encode: bool) -> Result<(), Error> {
        for at in 0.. {
            let Some(item) = item(list, at)? else { break };
            if self.len > 0 {
                self.put(b"&")?;
            }
            self.put(name)?;
            self.put(b"[]=")?;
            let from = self.len;
            self.put_value(&list[item])?;
            if encode
                && self.bytes[from..self.len]
                    .iter()
                    .any(|b| !b.is_ascii_alphanumeric() && !b"-_.~".contains(b))
            {
                return Err(Error::Request("a list item with a character that must be percent-encoded"));
            }
        }
        Ok(())
    }

    fn put_commas(
        &mut self,
        text: &[u8],
        own: impl Fn(&[u8]) -> bool,
        names: &mut Names,
    ) -> Result<(), Error> {
        let mut failed = Ok(());
        let mut put = |name: Range<usize>, value: Range<usize>| -> Result<(), Error> {
            self.put(b",")?;
            self.put(&text[name])?;
            self.put(b"=")?;
            if text[value.start] != b'[' {
                return self.put_value(&text[value]);
            }
            for at in 0.. {
                let Some(item) = item(&text[value.clone()], at)? else { break };
                self.put(if at > 0 { b"," } else { b"" })?;
                self.put_value(&text[value.clone()][item])?;
            }
            Ok(())
        };
        each_member(text, names, &mut |name, value| {
            if failed.is_ok() && !own(&text[name.clone()]) {
                failed = put(name, value);
            }
        })?;
        failed
    }

    fn put_flat(&mut self, value: &[u8], lists: &mut Lists) -> Result<(), Error> {
        match value.first() {
            Some(b'{') => {
                let Lists { names, fields } = &mut *lists;
                let (begin, mut kept) = (fields.len(), Ok(()));
                each_member(value, names, &mut |name, span| kept = kept.and(push_field(fields, name, span)))?;
                kept?;
                lists.fields[begin..].sort_unstable_by_key(|(name, _)| &value[name.clone()]);
                for at in begin..lists.fields.len() {
                    let (name, span) = lists.fields[at].clone();
                    self.put(&value[name])?;
                    self.put_flat(&value[span], lists)?;
                }
                lists.fields.truncate(begin);
                Ok(())
            }
            Some(b'[') => {
                for at in 0.. {
                    let Some(item) = item(value, at)? else { break };
                    self.put_flat(&value[item], lists)?;
                }
                Ok(())
            }
            _ => self.put_value(value),
        }
    }

    /// A JSON value without spaces, its members sorted by name at every depth; of the outermost, some are left out.
    fn put_ordered(
        &mut self,
        value: &[u8],
        leave: &dyn Fn(&[u8]) -> bool,
        names: &mut Names,
    ) -> Result<(), Error> {
        match value.first() {
            Some(b'{') => {
                self.put(b"{")?;
                let mut last = None;
                while let Some((name, span)) = next_member(value, last, leave, names)? {
                    self.put(if last.is_some() { b",\"" } else { b"\"" })?;
                    self.put(name)?;
                    self.put(b"\":")?;
                    self.put_ordered(&value[span], &|_| false, names)?;
                    last = Some(name);
                }
                self.put(b"}")
            }
            Some(b'[') => {
                self.put(b"[")?;
                for at in 0.. {
                    let Some(item) = item(value, at)? else { break };
                    self.put(if at > 0 { b"," } else { b"" })?;
                    self.put_ordered(&value[item], &|_| false, names)?;
                }
                self.put(b"]")
            }
            _ => self.put(value),
        }
    }
}

/// A name, and where the value stands.
type Member<'t> = (&'t [u8], Range<usize>);

/// The member of a JSON object whose name comes next behind `last`, and where its value stands.
fn next_member<'t>(
    object: &'t [u8],
    last: Option<&[u8]>,
    leave: &dyn Fn(&[u8]) -> bool,
    names: &mut Names,
) -> Result<Option<Member<'t>>, Error> {
    let mut next: Option<(&[u8], Range<usize>)> = None;
    each_member(object, names, &mut |name, span| {
        let name = &object[name];
        let before = next.as_ref().is_none_or(|(known, _)| name < *known);
        if before && last.is_none_or(|last| name > last) && !leave(name) {
            next = Some((name, span));
        }
    })?;
    Ok(next)
}

fn push_field(fields: &mut Vec<Field>, name: Range<usize>, field: Range<usize>) -> Result<(), Error> {
    if fields.len() == MOST_FIELDS {
        return Err(TOO_LONG);
    }
    fields.push((name, field));
    Ok(())
}

/// Whether one of these places has this name.
fn is_at(places: &[Place], name: &[u8]) -> bool {
    places.iter().any(|place| place.name().is_some_and(|known| known.as_bytes() == name))
}

/// The percent-escape of a byte.
pub(crate) fn escape(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Hands the places of name and value of each member of a JSON object to `member`.
fn each_member(
    text: &[u8],
    names: &mut Names,
    member: &mut dyn FnMut(Range<usize>, Range<usize>),
) -> Result<(), Error> {
    let mut cursor = Cursor::new(text, names);
    let read = cursor.object(&mut |cursor, name| {
        let (from, to) = cursor.span()?;
        member(name, from..to);
        Ok(())
    });
    read.map_err(Error::Request)
}

/// Where the item of a JSON list at this place stands. The list was read before and found well-formed.
fn item(list: &[u8], wanted: usize) -> Result<Option<Range<usize>>, Error> {
    let (mut depth, mut at, mut start) = (0_usize, 0, 1);
    let mut in_string = false;
    let mut place = 0;
    while place < list.len() {
        match list[place] {
            b'\\' if in_string => place += 1,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b',' | b']' | b'}' if depth == 1 => {
                if at == wanted {
                    let item = list[start..place].trim_ascii();
                    let from = start + list[start..place].len() - list[start..place].trim_ascii_start().len();
                    return Ok((!item.is_empty()).then(|| from..from + item.len()));
                }
                at += 1;
                start = place + 1;
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        place += 1;
    }
    Ok(None)
}

/// More than the parameters of a request, and the names of a JSON text.
const MOST_FIELDS: usize = 512;
pub(crate) const TOO_LONG: Error = Error::Request("the request is too long to be signed");
const NO_KEY: Error =
    Error::Request("no API key, which is signed too: add the key again with 'signbox add --key'");
const NO_UID: Error = Error::Request(
    "no uid (account number, client id or memo), which is signed: add the key again with 'signbox add --uid'",
);
const NO_TIME: Error = Error::Request("this scheme has no time");
const NO_NAME: Error = Error::Request("the catalogue does not say what the signature calls this endpoint");
