//! Texts in the making, in room that was made before the walls, and what functions of a message do to them.

use crate::json::{self, Cursor, Names};
use crate::mac::HEX_DIGITS;
use crate::scan;
use crate::signed::Error;
use core::ops::Range;

/// Text in the making, with room that was made before the walls: it must not grow beyond that.
pub(crate) struct Room<'a> {
    pub(crate) text: &'a mut Vec<u8>,
    pub(crate) lists: &'a mut Lists,
}

/// What reading and sorting take, made before the walls too.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) names: Names,
    /// Fields to be sorted: where the name stands, and where the field or the value.
    pub(crate) fields: Vec<Field>,
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
    pub(crate) fn rewrite(
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

    pub(crate) fn put_decoded(&mut self, text: &[u8]) -> Result<(), Error> {
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
    pub(crate) fn put_sorted(&mut self, text: &[u8], lists: &mut Lists) -> Result<(), Error> {
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

    pub(crate) fn put_json(&mut self, text: &[u8]) -> Result<(), Error> {
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

    pub(crate) fn put_encoded(&mut self, text: &[u8]) -> Result<(), Error> {
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

    pub(crate) fn put_pair(&mut self, name: &[u8], value: &[u8], encode: bool) -> Result<(), Error> {
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

    pub(crate) fn put_form(
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

    pub(crate) fn put_list(&mut self, name: &[u8], list: &[u8], encode: bool) -> Result<(), Error> {
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

    pub(crate) fn put_commas(
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

    pub(crate) fn put_flat(&mut self, value: &[u8], lists: &mut Lists) -> Result<(), Error> {
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
    pub(crate) fn put_ordered(
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn made(
        text: &str,
        work: impl FnOnce(&[u8], &mut Writer<'_>, &mut Lists) -> Result<(), Error>,
    ) -> String {
        let mut room = Vec::with_capacity(1024);
        room.extend_from_slice(text.as_bytes());
        let mut lists = Lists::new();
        let mut room = Room { text: &mut room, lists: &mut lists };
        room.rewrite(0, 512, work).unwrap();
        String::from_utf8(room.text.clone()).unwrap()
    }

    #[test]
    fn fields_are_sorted_by_name_and_then_stay_in_their_order() {
        let sorted = |text| made(text, |text, out, lists| out.put_sorted(text, lists));
        assert_eq!(sorted("b=1&a1=2&a=3&b=0"), "a=3&a1=2&b=1&b=0");
        assert_eq!(sorted(""), "");
        assert_eq!(sorted("a"), "a");
    }

    #[test]
    fn escapes_are_decoded_once_and_a_plus_stays() {
        let decoded = |text| made(text, |text, out, _| out.put_decoded(text));
        assert_eq!(decoded("a%2Fb%c3%A9+%2526"), "a/b\u{e9}+%26");
    }

    #[test]
    fn a_json_object_becomes_a_form() {
        let object = r#"{"b": "x y&\u00e9", "n": -1.50, "t":true, "sign":"old", "l":["a",2]}"#;
        let form = |encode| {
            made(object, |text, out, lists| {
                out.put_form(text, encode, |name| name == b"sign", &mut lists.names)
            })
        };
        assert_eq!(form(false), "b=x y&\u{e9}&n=-1.50&t=true&l[]=a&l[]=2");
        assert_eq!(form(true), "b=x%20y%26%C3%A9&n=-1.50&t=true&l[]=a&l[]=2");
    }

    #[test]
    fn a_json_value_is_written_flat_or_in_order() {
        let value = r#"{"b":[1,{"d":"\"","c":null}], "a":{"z":true , "y":"2"},"skip":1}"#;
        let flat = made(value, |text, out, lists| out.put_flat(text, lists));
        assert_eq!(flat, "ay2ztrueb1cnulld\"skip1");
        let leave = |name: &[u8]| name == b"skip";
        let ordered = made(value, |text, out, lists| out.put_ordered(text, &leave, &mut lists.names));
        assert_eq!(ordered, r#"{"a":{"y":"2","z":true},"b":[1,{"c":null,"d":"\""}]}"#);
        let commas = made(r#"{"k":"K","a":"1","l":["x",2]}"#, |text, out, lists| {
            out.put_commas(text, |name| name == b"k", &mut lists.names)
        });
        assert_eq!(commas, ",a=1,l=x,2");
    }

    #[test]
    fn text_is_escaped_for_json() {
        let json = made("a\"\\\n\t\u{1}\u{e9}", |text, out, _| out.put_json(text));
        assert_eq!(json, "a\\\"\\\\\\n\\t\\u0001\u{e9}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut text = Vec::with_capacity(8);
        let mut lists = Lists::new();
        let mut room = Room { text: &mut text, lists: &mut lists };
        let space = room.text.capacity();
        assert_eq!(room.put(&vec![b'x'; space + 1]), Err(TOO_LONG));
        assert_eq!(room.grow(space + 1), Err(TOO_LONG));
        assert_eq!(room.text.capacity(), space);
    }
}
