//! Finding the values of an order in a request, wherever they stand and however they are written.

use crate::catalogue::{Endpoint, beginning};
use crate::json::{self, Cursor, Names, Wrong, members, spaces, value_len};
use crate::order::{OrderPlace, Within};
use crate::parts::{BodyKind, Param, Parts, Source};
use crate::scan::until;
use core::ops::Range;

/// What looks into one request.
pub(super) struct Reader<'r, 'p> {
    pub(super) parts: &'r Parts<'p>,
    pub(super) endpoint: &'r Endpoint,
    /// What had to be decoded; it never grows beyond its capacity.
    pub(super) own: &'r mut Vec<u8>,
    pub(super) names: &'r mut Names,
}

/// A text of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    of: Of,
    start: u32,
    end: u32,
    written: Written,
}

/// A name that is looked for in a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'n> {
    /// A parameter, and what leads from it further in.
    name: &'n str,
    /// How long the parameter's name is.
    first: usize,
    /// What it begins with.
    begins: u16,
}

impl<'n> From<&'n str> for Wanted<'n> {
    fn from(name: &'n str) -> Self {
        let first = name.split('.').next().unwrap_or(name);
        Wanted { name, first: first.len(), begins: beginning(first.as_bytes()) }
    }
}

impl From<&OrderPlace> for Wanted<'static> {
    fn from(place: &OrderPlace) -> Self {
        Wanted { name: place.name.text(), first: place.first.into(), begins: place.begins }
    }
}

/// What a [`Piece`] is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Query,
    Body,
    Path,
    Own,
}

/// How a [`Piece`] is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// As it is meant.
    Plain,
    /// Percent-encoded, with `+` for a space.
    Form,
    /// Percent-encoded.
    Path,
    /// As a JSON value.
    Json,
}

impl Piece {
    /// The value of a parameter of a query or a form, in which nothing has to be decoded.
    pub(super) fn of_form(param: &Param) -> Piece {
        let of = match param.source {
            Source::Query => Of::Query,
            Source::Body => Of::Body,
        };
        Piece::new(of, param.places().1, Written::Plain)
    }

    fn new(of: Of, range: Range<usize>, written: Written) -> Piece {
        // A request is at most one line long, and what is decoded of it not much longer, so its places fit 32 bits.
        Piece { of, start: range.start as u32, end: range.end as u32, written }
    }

    fn part(self, range: Range<usize>, written: Written) -> Piece {
        let start = self.range().start;
        Piece::new(self.of, start + range.start..start + range.end, written)
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Reader<'_, '_> {
    /// The bytes of a piece, as they are written.
    pub(super) fn bytes(&self, piece: Piece) -> &[u8] {
        let whole = match piece.of {
            Of::Query => self.parts.query.as_bytes(),
            Of::Body => self.parts.body.as_bytes(),
            Of::Path => self.parts.path.as_bytes(),
            Of::Own => self.own,
        };
        &whole[piece.range()]
    }

    /// The text of a piece.
    pub(super) fn text(&self, piece: Piece) -> Result<&str, Wrong> {
        let whole = match piece.of {
            Of::Query => self.parts.query,
            Of::Body => self.parts.body,
            Of::Path => self.parts.path,
            Of::Own => return core::str::from_utf8(self.bytes(piece)).map_err(|_| NOT_UTF8),
        };
        whole.get(piece.range()).ok_or(NOT_UTF8)
    }

    /// The text that stands at a place, if there is one that is not empty.
    pub(super) fn text_at(
        &mut self,
        place: &OrderPlace,
        item: Option<Piece>,
    ) -> Result<Option<Piece>, Wrong> {
        let found = match (place.within, item) {
            (Within::Path, _) => {
                let found = placeholder(self.endpoint.path.text(), self.parts.path, &place.name);
                found.map(|range| Piece::new(Of::Path, range, Written::Path))
            }
            (Within::Order, Some(item)) => self.down(item, &place.name)?,
            _ => return self.text_of_request(place.into()),
        };
        found.map_or(Ok(None), |piece| self.plain(piece))
    }

    /// The list at the first of these places that there is.
    pub(super) fn list<'n>(&mut self, places: impl Iterator<Item = &'n str>) -> Result<Piece, Wrong> {
        let mut known = None;
        for name in places {
            for source in [Source::Query, Source::Body] {
                let found = match name {
                    "" if source == Source::Body => self.whole(),
                    "" => None,
                    // Only a number leads into a list.
                    name if source == Source::Body
                        && self.parts.kind == BodyKind::List
                        && !name.starts_with(|first: char| first.is_ascii_digit()) =>
                    {
                        None
                    }
                    name => self.of_request(source, name.into())?,
                };
                let Some(found) = found else { continue };
                if known.replace(found).is_some() {
                    return Err("two lists of orders");
                }
            }
        }
        let list = known.ok_or("no list of orders where it should be")?;
        let list = if self.is_text(list) { self.open(list)? } else { list };
        if self.bytes(list).first() == Some(&b'[') { Ok(list) } else { Err("orders that are not a list") }
    }

    /// Hands each item of a list to `each`.
    pub(super) fn items(
        &mut self,
        list: Piece,
        each: &mut dyn FnMut(&mut Self, Piece) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let (mut at, mut count) = (1, 0);
        while let Some(range) = next_item(self.bytes(list), &mut at) {
            count += 1;
            if count > MOST_ORDERS {
                return Err("more than 100 orders");
            }
            let item = list.part(range, Written::Json);
            if !matches!(self.bytes(item).first(), Some(b'{' | b'[')) {
                return Err("a list of orders with something else in it");
            }
            each(self, item)?;
        }
        if count == 0 { Err("an empty list of orders") } else { Ok(()) }
    }

    /// The text of a field of the query or the body; in both it must be the same.
    fn text_of_request(&mut self, wanted: Wanted<'_>) -> Result<Option<Piece>, Wrong> {
        let mut known = None;
        for source in [Source::Query, Source::Body] {
            let Some(found) = self.of_request(source, wanted)? else { continue };
            let Some(text) = self.plain(found)? else { continue };
            match known {
                Some(other) if self.bytes(other) != self.bytes(text) => return Err(TWICE),
                _ => known = Some(text),
            }
        }
        Ok(known)
    }

    fn of_request(&mut self, source: Source, wanted: Wanted<'_>) -> Result<Option<Piece>, Wrong> {
        if source == Source::Body && self.parts.kind == BodyKind::List {
            return self.whole().map_or(Ok(None), |whole| self.down(whole, wanted.name));
        }
        let nothing = match source {
            Source::Query => self.parts.query.is_empty(),
            Source::Body => self.parts.kind == BodyKind::None,
        };
        if nothing {
            return Ok(None);
        }
        let mut known: Option<Piece> = None;
        for param in self.parts.like(wanted.begins) {
            let first = &wanted.name[..wanted.first];
            if param.source != source || !is_called(self.parts.name(param).as_bytes(), first)? {
                continue;
            }
            let (name, value) = param.places();
            let found = match source {
                Source::Query => Piece::new(Of::Query, value, Written::Form),
                Source::Body if self.parts.kind == BodyKind::Form => {
                    Piece::new(Of::Body, value, Written::Form)
                }
                // The place of a truth value is not kept, so the value behind the name and the colon.
                Source::Body => {
                    let body = self.parts.body.as_bytes();
                    let colon = name.end + 1 + spaces(&body[name.end + 1..]);
                    let start = colon + 1 + spaces(&body[colon + 1..]);
                    Piece::new(Of::Body, start..start + value_len(&body[start..]), Written::Json)
                }
            };
            match known {
                Some(other) if self.bytes(other) != self.bytes(found) => return Err(TWICE),
                _ => known = Some(found),
            }
        }
        match (known, wanted.name.get(wanted.first + 1..)) {
            (Some(piece), Some(rest)) => self.down(piece, rest),
            (known, _) => Ok(known),
        }
    }

    /// The body, if it is JSON.
    fn whole(&self) -> Option<Piece> {
        let is_json = matches!(self.parts.kind, BodyKind::Object | BodyKind::List);
        let end = self.parts.body.trim_end_matches([' ', '\t', '\n', '\r']).len();
        is_json.then_some(Piece::new(Of::Body, 0..end, Written::Json))
    }

    /// The value that a path leads to from a value.
    fn down(&mut self, from: Piece, path: &str) -> Result<Option<Piece>, Wrong> {
        let mut at = from;
        for step in path.split('.') {
            if self.is_text(at) {
                at = self.open(at)?;
            }
            let bytes = self.bytes(at);
            let found = match bytes.first() {
                Some(b'{') => member(bytes, step)?,
                Some(b'[') => {
                    let wanted: usize = step.parse().map_err(|_| "a list where there should be an object")?;
                    item(bytes, wanted)
                }
                _ if bytes == b"null" => None,
                _ => return Err("a value where there should be an object"),
            };
            let Some(range) = found else { return Ok(None) };
            at = at.part(range, Written::Json);
        }
        Ok(Some(at))
    }

    /// Whether a piece is a text, in which more may stand.
    fn is_text(&self, piece: Piece) -> bool {
        piece.written != Written::Json || self.bytes(piece).first() == Some(&b'"')
    }

    /// The JSON value that a text holds.
    fn open(&mut self, piece: Piece) -> Result<Piece, Wrong> {
        let piece = match piece.written {
            Written::Form => self.decode(piece, true)?,
            _ => self.plain(piece)?.ok_or("an empty text where there should be JSON")?,
        };
        let bytes = match piece.of {
            Of::Query => self.parts.query.as_bytes(),
            Of::Body => self.parts.body.as_bytes(),
            Of::Path => self.parts.path.as_bytes(),
            Of::Own => self.own,
        };
        let mut cursor = Cursor::new(&bytes[piece.range()], self.names);
        let (start, end) = cursor.span()?;
        cursor.end()?;
        Ok(piece.part(start..end, Written::Json))
    }

    /// A value as text; nothing for an empty one, and for `null`.
    fn plain(&mut self, piece: Piece) -> Result<Option<Piece>, Wrong> {
        let bytes = self.bytes(piece);
        let text = match (piece.written, bytes) {
            // Nothing to decode, and no control character.
            (Written::Form, bytes) if until(bytes, [b'%', b'+', 0x7f]) == bytes.len() => {
                let text = Piece { written: Written::Plain, ..piece };
                return Ok((text.start < text.end).then_some(text));
            }
            (Written::Json, [b'"', inside @ .., b'"']) => {
                let text = piece.part(1..1 + inside.len(), Written::Plain);
                if inside.contains(&b'\\') { self.unescape(text)? } else { text }
            }
            (Written::Json, b"null") => return Ok(None),
            (Written::Json, [b'{' | b'[', ..]) => {
                return Err("an object or a list where there should be a value");
            }
            (Written::Form | Written::Path, bytes) if bytes.iter().any(|byte| b"%+".contains(byte)) => {
                self.decode(piece, false)?
            }
            _ => Piece { written: Written::Plain, ..piece },
        };
        let bytes = self.bytes(text);
        if until(bytes, [0x7f]) < bytes.len() {
            return Err("a field with a control character");
        }
        if text.of == Of::Own {
            self.text(text)?;
        }
        Ok((text.start < text.end).then_some(text))
    }

    fn unescape(&mut self, piece: Piece) -> Result<Piece, Wrong> {
        let start = self.own.len();
        self.room(piece.range().len())?;
        match piece.of {
            // Only in a body and in what was decoded there is JSON.
            Of::Body => self.own.extend_from_slice(&self.parts.body.as_bytes()[piece.range()]),
            _ => self.own.extend_from_within(piece.range()),
        }
        let len = json::unescape(&mut self.own[start..]);
        self.own.truncate(start + len);
        Ok(Piece::new(Of::Own, start..start + len, Written::Plain))
    }

    /// What a percent-encoded text stands for. A `+` may be a space or not: between the strings of a JSON text it can
    /// only be a space, and elsewhere it is refused.
    fn decode(&mut self, piece: Piece, json: bool) -> Result<Piece, Wrong> {
        let start = self.own.len();
        self.room(piece.range().len())?;
        let (mut left, mut in_string, mut escaped) = (piece, false, false);
        while left.start < left.end {
            let given = self.bytes(left);
            let (byte, len) = match *given {
                [b'%', high, low, ..] => match (digit(high), digit(low)) {
                    (Some(high), Some(low)) => (high << 4 | low, 3),
                    _ => return Err("a value with a broken percent-escape"),
                },
                [b'+', ..] if piece.written == Written::Path => (b'+', 1),
                [b'+', ..] if json && !in_string => (b' ', 1),
                [b'+', ..] => return Err("a value with a '+', which could be a space; write %2B or %20"),
                [byte, ..] => (byte, 1),
                [] => break,
            };
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ => {}
            }
            self.own.push(byte);
            left.start += len;
        }
        let piece = Piece::new(Of::Own, start..self.own.len(), Written::Plain);
        self.text(piece)?;
        Ok(piece)
    }

    fn room(&self, wanted: usize) -> Result<(), Wrong> {
        if self.own.capacity() - self.own.len() < wanted {
            Err("orders that are too long to be read")
        } else {
            Ok(())
        }
    }
}

/// Whether a name is the one that is looked for.
///
/// Fails for one that some readers would take for it: in another case, or with brackets behind it.
pub(super) fn is_called(given: &[u8], wanted: &str) -> Result<bool, Wrong> {
    let wanted = wanted.as_bytes();
    if given == wanted {
        return Ok(true);
    }
    // Brackets may be percent-encoded.
    let mut rest = given;
    for byte in wanted {
        let (found, len) = match rest {
            [b'%', b'5', b'B' | b'b', ..] => (b'[', 3),
            [b'%', b'5', b'D' | b'd', ..] => (b']', 3),
            [byte, ..] => (*byte, 1),
            [] => return Ok(false),
        };
        if !found.eq_ignore_ascii_case(byte) {
            return Ok(false);
        }
        rest = &rest[len..];
    }
    match rest {
        [] if given.contains(&b'%') && wanted.contains(&b'[') => Ok(true),
        [] => Err("a field whose name is in odd case"),
        [b'[', ..] | [b'%', b'5', b'B' | b'b', ..] => Err("a field with brackets behind its name"),
        _ => Ok(false),
    }
}

/// Where the value of a member of a JSON object stands. The text was read before and found well-formed.
fn member(object: &[u8], wanted: &str) -> Result<Option<Range<usize>>, Wrong> {
    let mut found = None;
    for (name, value) in members(object) {
        if is_called(&object[name], wanted)? {
            found = Some(value);
        }
    }
    Ok(found)
}

/// Where the next item of a JSON list stands, from `at` on, which is moved behind it.
fn next_item(list: &[u8], at: &mut usize) -> Option<Range<usize>> {
    *at += spaces(&list[*at..]);
    if list.get(*at) == Some(&b',') {
        *at += 1;
        *at += spaces(&list[*at..]);
    }
    let len = match list.get(*at) {
        None | Some(b']') => return None,
        Some(_) => value_len(&list[*at..]),
    };
    let start = *at;
    *at += len;
    Some(start..start + len)
}

fn item(list: &[u8], wanted: usize) -> Option<Range<usize>> {
    let (mut at, mut count) = (1, 0);
    while let Some(range) = next_item(list, &mut at) {
        if count == wanted {
            return Some(range);
        }
        count += 1;
    }
    None
}

/// Where the segment of a path stands that is `{name}` in a template, without what stands around it there.
fn placeholder(template: &str, path: &str, name: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for (pattern, segment) in template.split('/').zip(path.split('/')) {
        let around = pattern.split_once('{').and_then(|(before, rest)| {
            let (found, after) = rest.split_once('}')?;
            (found == name).then_some((before.len(), after.len()))
        });
        if let Some((before, after)) = around {
            return (segment.len() >= before + after).then(|| start + before..start + segment.len() - after);
        }
        start += segment.len() + 1;
    }
    None
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

const MOST_ORDERS: usize = 100;
const NOT_UTF8: Wrong = "a field that is not UTF-8";
pub(super) const TWICE: Wrong = "a field that stands twice, with two values";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::parts::{Request, Scratch};

    fn reading<R>(
        url: &str,
        body: Option<&str>,
        room: usize,
        look: impl FnOnce(&mut Reader<'_, '_>) -> R,
    ) -> R {
        let exchange = crate::exchange("kraken").unwrap();
        let mut scratch = Scratch::default();
        let request = Request { method: "POST", url, headers: &[], body };
        let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
        let (mut own, mut names) = (Vec::with_capacity(room), Names::new());
        let endpoint = &exchange.endpoints.items()[0];
        look(&mut Reader { parts: &parts, endpoint, own: &mut own, names: &mut names })
    }

    fn text(url: &str, body: Option<&str>, name: &str) -> Result<Option<String>, Wrong> {
        reading(url, body, 1000, |reader| {
            let found = reader.text_of_request(name.into())?;
            found.map(|piece| reader.text(piece).map(str::to_owned)).transpose()
        })
    }

    fn items(body: &str, places: &[&str]) -> Result<Vec<String>, Wrong> {
        reading("/", Some(body), 1000, |reader| {
            let mut all = Vec::new();
            let list = reader.list(places.iter().copied())?;
            reader.items(list, &mut |reader, item| {
                all.push(String::from_utf8(reader.bytes(item).to_vec()).unwrap());
                Ok(())
            })?;
            Ok(all)
        })
    }

    #[test]
    fn a_value_is_found_wherever_it_stands() {
        for (url, body, name, value) in [
            ("/?a=1", None, "a", Some("1")),
            ("/?a=1", Some("b=2"), "b", Some("2")),
            ("/?a=1", Some("a=1"), "a", Some("1")),
            ("/?a", None, "a", None),
            ("/?a=b%20c", None, "a", Some("b c")),
            ("/", Some("o[p]=1&o%5Bq%5D=2"), "o[p]", Some("1")),
            ("/", Some("o[p]=1&o%5Bq%5D=2"), "o[q]", Some("2")),
            ("/", Some(r#"{"a":{"b":{"c":"x"}},"c":"y"}"#), "a.b.c", Some("x")),
            ("/", Some(r#"{"a":{"b":{"c":"x"}},"c":"y"}"#), "c", Some("y")),
            ("/", Some(r#"{"a":{"b":{"c":"x"}},"c":"y"}"#), "a.c", None),
            ("/", Some(r#"{ "a" : true , "b" : null, "c":"" , "d":-1.5e3 }"#), "a", Some("true")),
            ("/", Some(r#"{ "a" : true , "b" : null, "c":"" , "d":-1.5e3 }"#), "b", None),
            ("/", Some(r#"{ "a" : true , "b" : null, "c":"" , "d":-1.5e3 }"#), "c", None),
            ("/", Some(r#"{ "a" : true , "b" : null, "c":"" , "d":-1.5e3 }"#), "d", Some("-1.5e3")),
            ("/", Some(r#"{"a":null}"#), "a.b", None),
            ("/", Some(r#"[0,"on",null,{"symbol":"tBTCUSD"}]"#), "3.symbol", Some("tBTCUSD")),
            ("/", Some(r#"[0,"on",null,{"symbol":"tBTCUSD"}]"#), "1", Some("on")),
            ("/", Some(r#"[0,"on",null,{"symbol":"tBTCUSD"}]"#), "4", None),
            ("/", Some(r#"{"a":"{\"b\":\"\\u0041\"}"}"#), "a.b", Some("A")),
            ("/", Some("a=%7B%22b%22%3A%5B%7B%22c%22%3A7%7D%5D%7D"), "a.b.0.c", Some("7")),
            ("/?a={\"b\":+\"x\"}", None, "a.b", Some("x")),
            ("/", Some(r#"{"a":" \"x\" "}"#), "a", Some(r#" "x" "#)),
        ] {
            assert_eq!(text(url, body, name), Ok(value.map(str::to_owned)), "{url} {body:?} {name}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_an_error() {
        for (url, body, name) in [
            ("/?a=1", Some("a=2"), "a"),
            ("/?a=1", Some(r#"{"a":2}"#), "a"),
            ("/?a=1&a=2", None, "a"),
            ("/?A=1", None, "a"),
            ("/?a[]=1", None, "a"),
            ("/?a%5B0%5D=1", None, "a"),
            ("/?A%5B0%5D=1", None, "a"),
            ("/?a=1+2", None, "a"),
            ("/?a=%00", None, "a"),
            ("/?a=%ff", None, "a"),
            ("/", Some(r#"{"A":1}"#), "a"),
            ("/", Some(r#"{"a":{"B":1}}"#), "a.b"),
            ("/", Some(r#"{"a":"\u0000"}"#), "a"),
            ("/", Some(r#"{"a":[1]}"#), "a"),
            ("/", Some(r#"{"a":{}}"#), "a"),
            ("/", Some(r#"{"a":[1]}"#), "a.b"),
            ("/", Some(r#"{"a":1}"#), "a.b"),
            ("/", Some(r#"{"a":"{\"b\":1,\"b\":2}"}"#), "a.b"),
            ("/", Some(r#"{"a":"{\"b\":1}x"}"#), "a.b"),
            ("/", Some(r#"{"a":"x"}"#), "a.b"),
            ("/", Some(r#"{"a":""}"#), "a.b"),
            ("/", Some("a=%7B%22b%22%3A%22x+y%22%7D"), "a.b"),
        ] {
            assert!(text(url, body, name).is_err(), "{url} {body:?} {name}");
        }
    }

    #[test]
    fn no_name_is_passed_over_that_could_be_taken_for_the_one_looked_for() {
        let names = [
            "a", "ab", "aB", "AB", "abc", "a[b", "a[b]", "a[", "a%5Bb", "a%5bB]", "ab[", "ab%5b", "a_b", "b",
            "_b",
        ];
        let letters = ["a", "A", "b", "B", "[", "%5B", "%5d", "_", "-", "1"];
        let given = letters.iter().flat_map(|one| letters.iter().map(move |two| format!("{one}{two}")));
        let given: Vec<String> =
            given.flat_map(|two| ["", "b", "]", "%5B", "[0]"].map(|end| format!("{two}{end}"))).collect();
        for name in names.iter().map(|name| (*name).to_owned()).chain(given) {
            let url = format!("/?{name}=1");
            reading(&url, None, 0, |reader| {
                for wanted in names {
                    let passed_over = reader.parts.like(beginning(wanted.as_bytes())).next().is_none();
                    assert!(
                        !passed_over || is_called(name.as_bytes(), wanted) == Ok(false),
                        "{name} {wanted}"
                    );
                }
            });
        }
    }

    #[test]
    fn a_list_is_found_wherever_it_stands() {
        let one = Ok(vec![r#"{"a":1}"#.to_owned()]);
        for (body, place) in [
            (r#"[{"a":1}]"#, ""),
            (" [ {\"a\":1} ] ".trim_start(), ""),
            (r#"{"x":[{"a":1}]}"#, "x"),
            (r#"{"x":{"y":[{"a":1}]}}"#, "x.y"),
            (r#"{"x":"[{\"a\":1}]"}"#, "x"),
            (r#"{"x":"{\"y\": [{\"a\":1}]}"}"#, "x.y"),
            ("x=[{\"a\":1}]", "x"),
            ("x=%7B%22y%22:%5B%7B%22a%22:1%7D%5D%7D", "x.y"),
        ] {
            assert_eq!(items(body, &[place]), one, "{body} {place}");
            assert_eq!(items(body, &["other", place]), one, "{body} {place}");
        }
        assert_eq!(items(r#"[["on",{"a":[1,2]}] , ["oc"]]"#, &[""]).unwrap().len(), 2);
        for (body, places) in [
            (r#"{"x":[{"a":1}],"y":[{"a":1}]}"#, &["x", "y"][..]),
            (r#"{"x":{"a":1}}"#, &["x"]),
            (r#"{"x":[]}"#, &["x"]),
            (r#"{"x":null}"#, &["x"]),
            (r#"{"x":[1]}"#, &["x"]),
            (r#"{"x":"[{"}"#, &["x"]),
            (r#"{"y":1}"#, &["x"]),
            (r#"{"y":1}"#, &[""]),
            ("x=1", &[""]),
        ] {
            assert!(items(body, places).is_err(), "{body}");
        }
    }

    #[test]
    fn nothing_grows_beyond_its_room() {
        for room in 0..12 {
            for body in
                ["a=%41%41%41%41%41%41%41%41%41%41%41%41%41%41", r#"{"a":"\u0041\u0041\u0041\u0041"}"#]
            {
                reading("/", Some(body), room, |reader| {
                    let before = reader.own.capacity();
                    assert!(reader.text_of_request("a".into()).is_err(), "{room}");
                    assert_eq!(reader.own.capacity(), before);
                });
            }
        }
    }

    #[test]
    fn a_placeholder_is_what_stands_in_its_place() {
        for (template, path, name, value) in [
            ("/buy/{market}/", "/buy/btcusd/", "market", Some("btcusd")),
            ("/{a}/x/{b}", "/1/x/2", "b", Some("2")),
            ("/orders/client:{id}", "/orders/client:7", "id", Some("7")),
            ("/orders/{id}", "/orders/7", "no", None),
        ] {
            assert_eq!(placeholder(template, path, name).map(|range| &path[range]), value, "{template}");
        }
    }
}
