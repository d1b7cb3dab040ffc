//! JSON taken apart in place: strict, without allocation, and with duplicate names refused.
//!
//! A signer decides on what it reads, so two readers must never see two things: names are plain
//! text without escapes, a name stands once in its object, and nothing follows the value. The
//! process that holds secrets reads request lines, key records and request bodies with this.

use crate::catalogue::hash;
use crate::scan::until;
use core::ops::Range;

/// What is wrong with a text, in the words of an error message.
pub type Wrong = &'static str;

/// A string as it stands in the text, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it stands.
    pub span: Range<usize>,
    /// Whether it holds a backslash and must go through [`unescape`] to be read.
    pub escaped: bool,
}

/// A value that was read whole and found well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    String(Text),
    /// A number, as written.
    Number(Range<usize>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An object or a list, with its brackets.
    Nested(Range<usize>),
}

/// What reads the value of a member, given its name.
pub type Member<'m, 'a> = dyn FnMut(&mut Cursor<'a>, Range<usize>) -> Result<(), Wrong> + 'm;

/// Reads one text from front to back.
#[derive(Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    names: &'a mut Names,
}

/// The names of the objects that are open, each as its hash and its place, to find the one that stands twice; kept by the caller
/// so that reading does not allocate.
#[derive(Debug, Default)]
pub struct Names(Vec<(u32, u32)>);

impl Names {
    /// Room for every name that a text of the permitted size may hold at once.
    pub fn new() -> Self {
        Names(Vec::with_capacity(MOST_NAMES))
    }
}

impl<'a> Cursor<'a> {
    /// Starts at the front of `bytes`, which the caller has checked to be UTF-8.
    pub fn new(bytes: &'a [u8], names: &'a mut Names) -> Self {
        names.0.clear();
        Cursor { bytes, at: 0, depth: 0, names }
    }

    /// Reads an object. `member` is handed each name and must read its value.
    pub fn object(&mut self, member: &mut Member<'_, 'a>) -> Result<(), Wrong> {
        self.open(b'{', "not a JSON object")?;
        let opened = self.names.0.len();
        if !self.took(b'}') {
            loop {
                self.skip_space();
                let name = self.string()?;
                if name.escaped {
                    return Err("a JSON name with an escape");
                }
                self.remember(opened, &name.span)?;
                self.expect(b':', "a JSON name without a value")?;
                member(self, name.span)?;
                if self.took(b'}') {
                    break;
                }
                self.expect(b',', "JSON members without a comma")?;
            }
        }
        self.names.0.truncate(opened);
        self.depth -= 1;
        Ok(())
    }

    /// Reads a list. `item` is called for each value and must read it.
    pub fn list(&mut self, item: &mut dyn FnMut(&mut Self) -> Result<(), Wrong>) -> Result<(), Wrong> {
        self.open(b'[', "not a JSON list")?;
        if !self.took(b']') {
            loop {
                item(self)?;
                if self.took(b']') {
                    break;
                }
                self.expect(b',', "JSON items without a comma")?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads any value.
    pub fn value(&mut self) -> Result<Value, Wrong> {
        self.skip_space();
        let start = self.at;
        match self.bytes.get(start) {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => {
                self.object(&mut |cursor, _| cursor.value().map(drop))?;
                Ok(Value::Nested(start..self.at))
            }
            Some(b'[') => {
                self.list(&mut |cursor| cursor.value().map(drop))?;
                Ok(Value::Nested(start..self.at))
            }
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number()?)),
            Some(_) => Err("not JSON"),
            None => Err("JSON that ends early"),
        }
    }

    /// Reads any value, and says from where to where it stands.
    pub fn span(&mut self) -> Result<(usize, usize), Wrong> {
        self.skip_space();
        let start = self.at;
        self.value()?;
        Ok((start, self.at))
    }

    /// The byte that the next value begins with.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.bytes.get(self.at).copied()
    }

    /// Fails unless only white space is left.
    pub fn end(&mut self) -> Result<(), Wrong> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err("bytes after the JSON value") }
    }

    fn open(&mut self, bracket: u8, wrong: Wrong) -> Result<(), Wrong> {
        self.expect(bracket, wrong)?;
        self.depth += 1;
        if self.depth > DEEPEST { Err("JSON nested too deep") } else { Ok(()) }
    }

    #[inline(always)]
    fn remember(&mut self, opened: usize, name: &Range<usize>) -> Result<(), Wrong> {
        let text = &self.bytes[name.clone()];
        let hash = hash(text);
        let same = |(known, start): &(u32, u32)| {
            *known == hash
                && self.bytes[*start as usize..].starts_with(text)
                && self.bytes[*start as usize + text.len()] == b'"'
        };
        if self.names.0[opened..].iter().any(same) {
            return Err("a JSON name that stands twice");
        }
        if self.names.0.len() == MOST_NAMES {
            return Err("JSON with too many names");
        }
        // Texts are at most a line long, so their places fit 32 bits.
        self.names.0.push((hash, name.start as u32));
        Ok(())
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Text, Wrong> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err("not a JSON string");
        }
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text { span: start..self.at - 1, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += escape_len(&self.bytes[self.at..])?;
                }
                Some(_) => return Err("a control character in a JSON string"),
                None => return Err("a JSON string that does not end"),
            }
        }
    }

    fn number(&mut self) -> Result<Range<usize>, Wrong> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(start..self.at)
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err("not a JSON number") } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Wrong> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err("not JSON");
        }
        self.at += word.len();
        Ok(value)
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8, wrong: Wrong) -> Result<(), Wrong> {
        if self.took(byte) { Ok(()) } else { Err(wrong) }
    }

    #[inline(always)]
    fn took(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }
}

/// How many bytes at the front of `bytes` stand for themselves inside a JSON string.
#[inline(always)]
fn plain(bytes: &[u8]) -> usize {
    until(bytes, [b'"', b'\\'])
}

/// Where the value of a member of a JSON object stands, with the quotes of a string; a dot in `name` leads into an
/// object. The text was read before and found well-formed.
pub fn find(text: &str, name: &str) -> Option<Range<usize>> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    let found = loop {
        match *bytes.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let end = at + string_len(&bytes[at..]);
                let colon = end + spaces(&bytes[end..]);
                if depth == 1 && bytes.get(colon) == Some(&b':') && &text[at + 1..end - 1] == first {
                    let start = colon + 1 + spaces(&bytes[colon + 1..]);
                    break start..start + value_len(&bytes[start..]);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    };
    match rest {
        None => Some(found),
        Some(rest) => {
            find(&text[found.clone()], rest).map(|inner| found.start + inner.start..found.start + inner.end)
        }
    }
}

/// Where the names and the values of the members of a JSON object stand, from its bracket on; what follows it
/// does not matter. The text was read before and found well-formed.
pub(crate) fn members(object: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = 1;
    core::iter::from_fn(move || {
        at += spaces(&object[at..]);
        if object.get(at) == Some(&b',') {
            at += 1;
            at += spaces(&object[at..]);
        }
        if object.get(at) != Some(&b'"') {
            return None;
        }
        let end = at + string_len(&object[at..]);
        let name = at + 1..end - 1;
        at = end + spaces(&object[end..]) + 1;
        at += spaces(&object[at..]);
        let value = at..at + value_len(&object[at..]);
        at = value.end;
        Some((name, value))
    })
}

/// How long the value is that a well-formed text begins with.
pub(crate) fn value_len(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += string_len(&bytes[at..]);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at + depth,
            b'}' | b']' => depth -= 1,
            b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// How long the string is that a well-formed text begins with, with its quotes.
pub(crate) fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while bytes.get(at).is_some_and(|byte| *byte != b'"') {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// How much white space a text begins with.
pub(crate) fn spaces(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Replaces the escapes of a string that a [`Cursor`] found well-formed, in place, and returns the
/// length of the text, which never grows.
pub fn unescape(text: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let run = plain(&text[from..]);
        text.copy_within(from..from + run, to);
        from += run;
        to += run;
        if from == text.len() {
            break;
        }
        let escape = text[from + 1];
        from += 2;
        let scalar = match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = hex4(&text[from..]);
                from += 4;
                let scalar = if (0xd800..0xdc00).contains(&first) {
                    let second = hex4(&text[from + 2..]);
                    from += 6;
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(scalar).expect("the cursor refuses a lone surrogate")
            }
            itself => char::from(itself),
        };
        let mut utf8 = [0; 4];
        let utf8 = scalar.encode_utf8(&mut utf8).as_bytes();
        text[to..to + utf8.len()].copy_from_slice(utf8);
        to += utf8.len();
    }
    to
}

/// Appends `text` to `out` as the inside of a JSON string.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let run = plain(rest);
        out.extend_from_slice(&rest[..run]);
        let Some(&odd) = rest.get(run) else { return };
        match odd {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', odd]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => {
                let digit = |d: u8| if d < 10 { b'0' + d } else { b'a' + d - 10 };
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(other >> 4), digit(other & 15)]);
            }
        }
        rest = &rest[run + 1..];
    }
}

/// The length of the escape at the front of `bytes`, a surrogate pair counting as one.
fn escape_len(bytes: &[u8]) -> Result<usize, Wrong> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => {
            let unit = |at: usize| {
                let digits = bytes.get(at..at + 4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
                digits.map(hex4).ok_or("a JSON escape that is not four hex digits")
            };
            match unit(2)? {
                0xd800..0xdc00 => {
                    let low = bytes.get(6..8) == Some(b"\\u") && (0xdc00..0xe000).contains(&unit(8)?);
                    if low { Ok(12) } else { Err("half a surrogate pair in a JSON string") }
                }
                0xdc00..0xe000 => Err("half a surrogate pair in a JSON string"),
                _ => Ok(6),
            }
        }
        _ => Err("an unknown JSON escape"),
    }
}

fn hex4(digits: &[u8]) -> u32 {
    digits[..4].iter().fold(0, |value, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        value << 4 | u32::from(nibble)
    })
}

const DEEPEST: usize = 16;
const MOST_NAMES: usize = 512;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, Wrong> {
        let mut names = Names::new();
        let mut cursor = Cursor::new(text.as_bytes(), &mut names);
        let value = cursor.value()?;
        cursor.end()?;
        Ok(value)
    }

    #[test]
    fn well_formed_values_are_read() {
        for text in [
            "{}",
            "[]",
            " [1,-2.5e+3,0,\"a\\u00e9\\ud83d\\ude00\"] ",
            "{\"a\":{\"a\":null},\"b\":true}",
            "\"\"",
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let deep = "[".repeat(40);
        for text in [
            "",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1,]",
            "[1 2]",
            "01",
            "1.",
            "-",
            "1e",
            "nul",
            "tru",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"a\nb\"",
            "{} x",
            "{}{}",
            "{\"a\":1,\"a\":2}",
            "{\"b\":{\"a\":1,\"a\":2}}",
            "{\"\\u0061\":1}",
            "{a:1}",
            "'a'",
            "NaN",
            deep.as_str(),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_may_stand_again_in_another_object() {
        assert!(read("[{\"a\":1},{\"a\":2},{\"b\":{\"a\":1},\"a\":1}]").is_ok());
    }

    #[test]
    fn unescape_is_the_inverse_of_escape() {
        for text in ["", "plain", "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}", "é€😀 and \"more\" text after it"]
        {
            let mut written = Vec::new();
            escape(text, &mut written);
            let len = unescape(&mut written);
            assert_eq!(&written[..len], text.as_bytes());
        }
        let mut pair = *b"\\ud83d\\ude00\\u00e9\\/";
        let len = unescape(&mut pair);
        assert_eq!(&pair[..len], "😀é/".as_bytes());
    }

    #[test]
    fn a_member_is_found_at_its_depth_alone() {
        let text = r#"{"x":{"b":1,"a":"in"}, "l":[{"a":2}] ,"a" : "o\"ut","t":true,"n":-1.5e3}"#;
        for (name, value) in [
            ("a", Some(r#""o\"ut""#)),
            ("x.a", Some(r#""in""#)),
            ("x", Some(r#"{"b":1,"a":"in"}"#)),
            ("l", Some(r#"[{"a":2}]"#)),
            ("t", Some("true")),
            ("n", Some("-1.5e3")),
            ("b", None),
            ("x.c", None),
            ("a.b", None),
        ] {
            assert_eq!(find(text, name).map(|span| &text[span]), value, "{name}");
        }
    }
}
