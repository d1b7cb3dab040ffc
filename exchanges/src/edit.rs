//! Queries, forms and JSON objects with one value more, less or other, and everything else untouched.

use crate::catalogue::Exchange;
use crate::json;
use crate::mac::HEX_DIGITS;
use crate::parts::{BodyKind, Param, Parts, Source, letters_digits_and};
use crate::scan::until;
use crate::scheme::{Fresh, Place, Scheme};
use crate::signed::Error;
use crate::text::{TOO_LONG, escape};
use core::ops::Range;

/// The copying of a request's query and body, and where a signature stood in them.
pub(crate) struct Edit<'a> {
    exchange: &'a Exchange,
    scheme: &'static Scheme,
    parts: &'a Parts<'a>,
    /// Where a parameter was left out, and the name of the one behind it.
    left: [Option<(Source, Option<&'a str>)>; 2],
}

impl<'a> Edit<'a> {
    pub(crate) fn of(exchange: &'a Exchange, scheme: &'static Scheme, parts: &'a Parts<'a>) -> Self {
        Edit { exchange, scheme, parts, left: [None; 2] }
    }

    /// Copies both, without the signatures that stand in them.
    pub(crate) fn copy(mut self, query: &mut String, body: &mut String) -> Result<Self, Error> {
        self.copy_one(Source::Query, query)?;
        self.copy_one(Source::Body, body)?;
        Ok(self)
    }

    fn copy_one(&mut self, source: Source, out: &mut String) -> Result<(), Error> {
        let text = if source == Source::Query { self.parts.query } else { self.parts.body };
        if source == Source::Body && self.parts.kind != BodyKind::Form {
            return push(out, text);
        }
        let encode = self.exchange.encode && needs_encoding(text);
        let signed = self.signature_in(source);
        if signed.is_none() && !encode {
            return push(out, text);
        }
        let mut params = self.parts.params.iter().filter(|param| param.source == source).peekable();
        if let (false, Some(signed), Some(last)) = (encode, signed, params.clone().last()) {
            // Where it mostly stands: at the end.
            if core::ptr::eq(signed, last) {
                self.left[usize::from(source == Source::Body)] = Some((source, None));
                let before = &text[..text.len() - self.parts.written(last).len()];
                return push(out, before.strip_suffix('&').unwrap_or(before));
            }
        }
        while let Some(param) = params.next() {
            if signed.is_some_and(|signed| core::ptr::eq(signed, param)) {
                let next = params.peek().map(|next| self.parts.name(next));
                self.left[usize::from(source == Source::Body)] = Some((source, next));
                continue;
            }
            if !out.is_empty() {
                push(out, "&")?;
            }
            if encode {
                let written = self.parts.written(param);
                let name = self.parts.name(param);
                push(out, name)?;
                push(out, &written[name.len()..written.len() - self.parts.value(param).len()])?;
                push_encoded(out, self.parts.value(param), &SIGNED_AS_IS)?;
            } else {
                push(out, self.parts.written(param))?;
            }
        }
        Ok(())
    }

    /// The parameter of this text that is a signature.
    fn signature_in(&self, source: Source) -> Option<&'a Param> {
        let stands = |place: &Place| match (place, source) {
            (Place::Query(name), Source::Query)
            | (Place::Body(name), Source::Body)
            | (Place::Params(name), _) => Some(*name),
            _ => None,
        };
        let mut names = self.scheme.signature.iter().filter_map(stands);
        names.find_map(|name| self.parts.param(&name).filter(|param| param.source == source))
    }

    /// Puts the signature back where one was left out; says whether there was one.
    pub(crate) fn put_back(
        &self,
        place: &Place,
        value: &str,
        query: &mut String,
        body: &mut String,
    ) -> Result<bool, Error> {
        let (name, wanted) = match *place {
            Place::Query(name) => (name, Some(Source::Query)),
            Place::Body(name) => (name, Some(Source::Body)),
            Place::Params(name) => (name, None),
            Place::Header(_) | Place::Headers => return Ok(false),
        };
        let fits = |(source, _): &&(Source, Option<&str>)| wanted.is_none_or(|wanted| wanted == *source);
        let Some((source, next)) = self.left.iter().flatten().find(fits) else { return Ok(false) };
        let text = if *source == Source::Query { query } else { body };
        match next.and_then(|next| find_param(text, next)) {
            None => put_param(text, &name, value, false)?,
            Some((at, _)) => {
                let from = text.len();
                push(text, &name)?;
                push(text, "=")?;
                push_encoded(text, value, &PLAIN)?;
                push(text, "&")?;
                rotate(text, at, from)?;
            }
        }
        Ok(true)
    }
}

/// Where a parameter begins, and where its value stands.
fn find_param(text: &str, name: &str) -> Option<(usize, Range<usize>)> {
    let mut at = 0;
    for field in text.split('&') {
        let (known, value) = field.split_once('=').unwrap_or((field, ""));
        if known == name {
            return Some((at, at + field.len() - value.len()..at + field.len()));
        }
        at += field.len() + 1;
    }
    None
}

/// Moves what stands from `from` on to `at`.
fn rotate(text: &mut String, at: usize, from: usize) -> Result<(), Error> {
    if !text.is_char_boundary(at) || !text.is_char_boundary(from) {
        return Err(TOO_LONG);
    }
    let mut bytes = core::mem::take(text).into_bytes();
    let moved = bytes.len() - from;
    bytes[at..].rotate_right(moved);
    *text = String::from_utf8(bytes).map_err(|_| TOO_LONG)?;
    Ok(())
}

/// Adds a parameter to a query or a form.
pub(crate) fn put_param(text: &mut String, name: &str, value: &str, front: bool) -> Result<(), Error> {
    let from = text.len();
    if from > 0 && !front {
        push(text, "&")?;
    }
    push(text, name)?;
    push(text, "=")?;
    push_encoded(text, value, &PLAIN)?;
    if from > 0 && front {
        push(text, "&")?;
        return rotate(text, 0, from);
    }
    Ok(())
}

/// Replaces the value of a parameter; says whether it was there.
pub(crate) fn replace_param(text: &mut String, name: &str, value: &str) -> Result<bool, Error> {
    let Some((_, old)) = find_param(text, name) else { return Ok(false) };
    let bare = !text[..old.start].ends_with('=');
    replace(text, old, |text| {
        push(text, if bare { "=" } else { "" })?;
        push_encoded(text, value, &PLAIN)
    })?;
    Ok(true)
}

/// Sets a member of a JSON object, which is made if there is none: where it stands, if it is there, or in front.
pub(crate) fn put_member(
    text: &mut String,
    name: &str,
    value: &str,
    quoted: bool,
    there: bool,
) -> Result<(), Error> {
    if text.is_empty() {
        push(text, "{}")?;
    }
    let found = if there { json::find(text, name) } else { None };
    let put_value = |text: &mut String| {
        if !quoted {
            return push(text, value);
        }
        push(text, "\"")?;
        push_json(text, value)?;
        push(text, "\"")
    };
    if let Some(old) = found {
        return replace(text, old, put_value);
    }
    let empty = text[1..].trim_start().starts_with('}');
    let from = text.len();
    push(text, "\"")?;
    push(text, name)?;
    push(text, "\":")?;
    put_value(text)?;
    push(text, if empty { "" } else { "," })?;
    rotate(text, 1, from)
}

/// Puts what `write` appends in the place of a part of the text.
fn replace(
    text: &mut String,
    old: Range<usize>,
    write: impl FnOnce(&mut String) -> Result<(), Error>,
) -> Result<(), Error> {
    let from = text.len();
    write(text)?;
    let len = text.len() - from;
    rotate(text, old.start, from)?;
    text.drain(old.start + len..old.end + len);
    Ok(())
}

/// Whether a value that stands in a request is the wanted one, as it is or percent-encoded.
pub(crate) fn same(given: &str, wanted: &[u8]) -> bool {
    if given.as_bytes() == wanted {
        return true;
    }
    let mut rest = given.as_bytes();
    wanted.iter().all(|byte| match rest {
        [first, after @ ..] if first == byte && *byte != b'%' => {
            rest = after;
            true
        }
        [b'%', high, low, after @ ..] if escape(*byte).eq_ignore_ascii_case(&[b'%', *high, *low]) => {
            rest = after;
            true
        }
        _ => false,
    }) && rest.is_empty()
}

/// Appends, if there is room: a text must not grow beyond what was set aside for it.
pub(crate) fn push(text: &mut String, more: &str) -> Result<(), Error> {
    if text.capacity() - text.len() < more.len() {
        return Err(TOO_LONG);
    }
    text.push_str(more);
    Ok(())
}

/// Appends with percent-escapes for every byte that is not `plain`; escapes that are there stay.
fn push_encoded(text: &mut String, value: &str, plain: &[bool; 256]) -> Result<(), Error> {
    if all_plain(value) {
        return push(text, value);
    }
    let mut rest = value;
    while !rest.is_empty() {
        let len = rest.bytes().take_while(|byte| plain[usize::from(*byte)]).count();
        push(text, &rest[..len])?;
        let Some(first) = rest[len..].chars().next() else { break };
        let mut bytes = [0; 4];
        for byte in first.encode_utf8(&mut bytes).bytes() {
            let escape = escape(byte);
            push(text, core::str::from_utf8(&escape).map_err(|_| TOO_LONG)?)?;
        }
        rest = &rest[len + first.len_utf8()..];
    }
    Ok(())
}

fn push_json(text: &mut String, value: &str) -> Result<(), Error> {
    if until(value.as_bytes(), [b'"', b'\\']) == value.len() {
        return push(text, value);
    }
    for piece in value.split_inclusive(['"', '\\']) {
        match piece.strip_suffix(['"', '\\']) {
            None => push(text, piece)?,
            Some(before) => {
                push(text, before)?;
                push(text, "\\")?;
                push(text, &piece[before.len()..])?;
            }
        }
    }
    Ok(())
}

/// What stands for itself in a value that signbox adds.
const PLAIN: [bool; 256] = letters_digits_and(b"-_.~");

/// What an exchange that wants parameters percent-encoded takes as it is, in a value that a client wrote: an escape is
/// one, and a plus may be a space.
const SIGNED_AS_IS: [bool; 256] = letters_digits_and(b"-_.~%+");

/// Whether every byte stands for itself wherever it goes.
fn all_plain(text: &str) -> bool {
    let odd = |byte: u8| !(byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_' | b'.' | b'~'));
    !text.bytes().fold(false, |found, byte| found | odd(byte))
}

fn needs_encoding(text: &str) -> bool {
    let odd = |byte: u8| {
        !(byte.is_ascii_alphanumeric()
            | matches!(byte, b'-' | b'_' | b'.' | b'~' | b'%' | b'+' | b'&' | b'='))
    };
    // Without a branch in a block, the compiler makes vector instructions of this.
    text.as_bytes().chunks(32).any(|block| block.iter().fold(false, |found, byte| found | odd(*byte)))
}

/// Appends a nonce that is no time.
pub(crate) fn push_unique(text: &mut String, fresh: Fresh, unique: [u8; 18]) {
    let mut bytes = unique;
    let len = match fresh {
        Fresh::Letters => 18,
        _ => 16,
    };
    if fresh == Fresh::Uuid {
        bytes[6] = bytes[6] & 0x0f | 0x40; // version 4
        bytes[8] = bytes[8] & 0x3f | 0x80; // variant 1
    }
    for (at, byte) in bytes[..len].iter().enumerate() {
        if fresh == Fresh::Uuid && [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        text.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(HEX_DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut String) -> Result<(), Error>) -> String {
        let mut room = String::with_capacity(256);
        room.push_str(text);
        edit(&mut room).unwrap();
        room
    }

    #[test]
    fn a_parameter_goes_to_the_end_or_the_front_and_is_escaped() {
        assert_eq!(edited("", |text| put_param(text, "a", "1", false)), "a=1");
        assert_eq!(edited("b=2", |text| put_param(text, "a", "x y/+é", false)), "b=2&a=x%20y%2F%2B%C3%A9");
        assert_eq!(edited("b=2", |text| put_param(text, "a", "1", true)), "a=1&b=2");
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        for (text, after) in
            [("a=1&b=22&c=3", "a=1&b=x&c=3"), ("b=", "b=x"), ("b", "b=x"), ("ab=1&b=2", "ab=1&b=x")]
        {
            assert_eq!(edited(text, |text| replace_param(text, "b", "x").map(|there| assert!(there))), after);
        }
        assert_eq!(replace_param(&mut String::from("ab=1"), "b", "x"), Ok(false));
    }

    #[test]
    fn a_member_of_a_json_object_is_set_and_nothing_else_is_touched() {
        for (text, after) in [
            ("", r#"{"n":"a\"b"}"#),
            ("{ }", r#"{"n":"a\"b" }"#),
            (r#"{"x": {"n":1}, "y":[1, 2]}"#, r#"{"n":"a\"b","x": {"n":1}, "y":[1, 2]}"#),
            (r#"{"x":1, "n" : {"deep":"}"} ,"é":2}"#, r#"{"x":1, "n" : "a\"b" ,"é":2}"#),
        ] {
            assert_eq!(edited(text, |text| put_member(text, "n", "a\"b", true, true)), after);
        }
        assert_eq!(edited(r#"{"n":"1"}"#, |text| put_member(text, "n", "7", false, true)), r#"{"n":7}"#);
    }

    #[test]
    fn nothing_grows_beyond_its_room() {
        let mut text = String::from("a=1");
        text.shrink_to_fit();
        let room = text.capacity();
        assert_eq!(put_param(&mut text, "b", &"x".repeat(100), false), Err(TOO_LONG));
        assert_eq!(text.capacity(), room);
    }

    #[test]
    fn a_value_is_the_wanted_one_also_when_it_is_escaped() {
        for (given, wanted, same_) in [
            ("/v1/order", "/v1/order", true),
            ("%2Fv1%2forder", "/v1/order", true),
            ("/v1/orde", "/v1/order", false),
            ("/v1/orders", "/v1/order", false),
            ("/v1/%6Frders", "/v1/order", false),
            ("a%25", "a%", true),
            ("a%", "a%", true),
        ] {
            assert_eq!(same(given, wanted.as_bytes()), same_, "{given}");
        }
    }

    #[test]
    fn fresh_values_have_their_form() {
        let mut text = String::with_capacity(64);
        push_unique(&mut text, Fresh::Uuid, [0xff; 18]);
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        for (fresh, len) in [(Fresh::Hex, 32), (Fresh::Letters, 36)] {
            text.clear();
            push_unique(&mut text, fresh, [0x5a; 18]);
            assert_eq!(text, "5a".repeat(len / 2));
        }
    }
}
