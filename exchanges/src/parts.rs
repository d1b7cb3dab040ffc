//! A request taken apart: URL, query, body and headers become named fields, or the request is refused.
//!
//! Nothing is normalised. What two readers could read in two ways (a name twice, `//`, `..`, an
//! escaped letter in a path, bytes behind a JSON value) is refused, so that the decision and the
//! exchange see the same request.

use crate::catalogue::{Exchange, Method, Name, beginning, hash};
use crate::json::{self, Cursor, Names, Value, Wrong};
use crate::scan::until;
use crate::scheme::Place;
use base64ct::{Base64, Encoding as _};
use core::ops::Range;

/// An HTTP request as the caller wrote it, signed with a placeholder or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`, `PUT`, `DELETE` or `PATCH`.
    pub method: &'a str,
    /// The whole URL, or the part that begins with the path.
    pub url: &'a str,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, if there is one.
    pub body: Option<&'a str>,
}

/// What a [`Request`] consists of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The HTTP method.
    pub method: Method,
    /// `https://host`, or nothing when the URL begins with the path.
    pub origin: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query, without its `?`.
    pub query: &'a str,
    /// Whether there is a `?`, be there a query behind it or not.
    pub marked: bool,
    /// The body; empty when there is none. Where the exchange reads it from a header, that.
    pub body: &'a str,
    /// The body as it is sent.
    pub sent: Option<&'a str>,
    /// How the body is written.
    pub kind: BodyKind,
    /// The headers, as given.
    pub headers: &'a [(&'a str, &'a str)],
    /// The parameters of the query, then of the form or of the top level of a JSON object.
    pub params: &'a [Param],
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// There is none.
    None,
    /// `name=value&name=value`.
    Form,
    /// A JSON object.
    Object,
    /// A JSON list.
    List,
}

/// A named field of the query or of the body.
#[derive(Clone, Debug)]
pub struct Param {
    /// Where it stands.
    pub source: Source,
    /// Whether its value, in a query or a form, holds a `=` or a `;`, at which it could be cut in two.
    pub cuttable: bool,
    /// What its name begins with; see [`beginning`].
    pub(crate) begins: u16,
    /// A hash of the name, so that names that differ are mostly told apart without reading them.
    pub(crate) hash: u32,
    name: Range<u32>,
    value: Range<u32>,
}

/// Where a [`Param`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the query.
    Query,
    /// In the body.
    Body,
}

/// The memory that taking apart needs; kept by the caller so that it does not allocate.
#[derive(Debug)]
pub struct Scratch {
    params: Vec<Param>,
    names: Names,
    carried: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch {
            params: Vec::with_capacity(MOST_PARAMS),
            names: Names::new(),
            carried: Vec::with_capacity(LONGEST_CARRIED),
        }
    }
}

impl Param {
    /// Whether some readers could take its name for one that begins so.
    pub(crate) fn may_begin(&self, begins: u16) -> bool {
        self.begins == begins || self.begins == 0 || begins == 0
    }

    /// Where the name and the value stand in the query or the body.
    pub(crate) fn places(&self) -> (Range<usize>, Range<usize>) {
        let wide = |range: &Range<u32>| range.start as usize..range.end as usize;
        (wide(&self.name), wide(&self.value))
    }
}

impl<'a> Parts<'a> {
    /// Takes `request`, which is for `exchange`, apart, or says what is odd about it.
    pub fn of(
        exchange: &Exchange,
        request: &Request<'a>,
        scratch: &'a mut Scratch,
    ) -> Result<Parts<'a>, Wrong> {
        let method = Method::of(request.method).ok_or("method is not GET, POST, PUT, DELETE or PATCH")?;
        check_headers(request.headers)?;
        let (origin, path, query) = split_url(request.url)?;
        check_host(origin, exchange)?;
        check_path(path)?;
        let Scratch { params, names, carried } = scratch;
        let body = match exchange.carrier.and_then(|name| find_header(request.headers, &name)) {
            None => request.body.unwrap_or(""),
            Some(text) => decode(text, carried)?,
        };
        params.clear();
        fields(query, Source::Query, params)?;
        let kind = match body.as_bytes().first() {
            None => BodyKind::None,
            Some(b'{') => {
                members(body, params, names)?;
                BodyKind::Object
            }
            Some(b'[') => {
                let mut cursor = Cursor::new(body.as_bytes(), names);
                cursor.value()?;
                cursor.end()?;
                BodyKind::List
            }
            Some(_) => {
                fields(body, Source::Body, params)?;
                BodyKind::Form
            }
        };
        let marked = request.url.len() > origin.len() + path.len();
        Ok(Parts {
            method,
            origin,
            path,
            query,
            marked,
            body,
            sent: request.body,
            kind,
            headers: request.headers,
            params,
        })
    }

    /// The name of a parameter.
    pub fn name(&self, param: &Param) -> &'a str {
        self.text(param.source, &param.name)
    }

    /// The value of a parameter, as written; of a JSON string without its quotes.
    pub fn value(&self, param: &Param) -> &'a str {
        self.text(param.source, &param.value)
    }

    /// The parameters whose name has this beginning, or may have it.
    pub(crate) fn like(&self, begins: u16) -> impl Iterator<Item = &'a Param> {
        self.params.iter().filter(move |param| param.may_begin(begins))
    }

    /// The first parameter of this name.
    pub fn param(&self, name: &str) -> Option<&'a Param> {
        let hash = hash(name.as_bytes());
        self.params.iter().find(|param| param.hash == hash && self.name(param) == name)
    }

    /// The value of the parameter of this name; in a JSON body a dot leads into an object.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        // Not a member that is called so: it would stand in for the one that counts.
        if name.contains('.') && self.kind == BodyKind::Object {
            return json::find(self.body, name).map(|span| self.body[span].trim_matches('"'));
        }
        self.param(name).map(|param| self.value(param))
    }

    /// The value of a header; names are compared without case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        find_header(self.headers, name)
    }

    /// The host of the URL with its port, or the exchange's first.
    pub fn host(&self, exchange: &Exchange) -> &'a str {
        authority(self.origin).unwrap_or_else(|| exchange.hosts.items()[0].text())
    }

    /// Whether the URL names this host, in whatever case and with whatever port.
    pub(crate) fn is_at_host(&self, wanted: &str) -> bool {
        let host = self.origin.split_once("://").map(|(_, authority)| without_port(authority));
        host.is_some_and(|host| host.eq_ignore_ascii_case(wanted))
    }

    /// The value that the request has at a place of a scheme.
    pub(crate) fn at(&self, place: &Place) -> Option<&'a str> {
        let (name, source) = match place {
            Place::Header(name) => return self.header(name),
            Place::Query(name) => (name, Some(Source::Query)),
            Place::Body(name) => (name, Some(Source::Body)),
            Place::Params(name) => (name, None),
            Place::Headers => return None,
        };
        let hash = hash(name.as_bytes());
        let here = |param: &&Param| param.hash == hash && source.is_none_or(|source| param.source == source);
        let found = self.params.iter().filter(here).find(|param| self.name(param) == name.text());
        found.map(|param| self.value(param))
    }

    /// A parameter of the query or of a form as it is written, `name=value`.
    pub fn written(&self, param: &Param) -> &'a str {
        self.text(param.source, &(param.name.start..param.value.end))
    }

    /// A name that stands twice, other than the permitted ones. Once in the query and once in the body with the same
    /// value is not twice: some libraries send parameters in both.
    pub fn repeated(&self, permitted: &[Name]) -> Option<&'a str> {
        let mut seen = 0_u64;
        self.params.iter().enumerate().find_map(|(at, param)| {
            // Most names differ from all before them in these bits.
            let bit = 1 << (param.hash >> 26);
            if seen & bit == 0 {
                seen |= bit;
                return None;
            }
            let same = |other: &&Param| other.hash == param.hash && self.name(other) == self.name(param);
            let harmless =
                |other: &Param| other.source != param.source && self.value(other) == self.value(param);
            let twice = self.params[..at].iter().filter(same).find(|other| !harmless(other));
            let name = twice.map(|_| self.name(param));
            name.filter(|name| !permitted.iter().any(|known| known.text() == *name))
        })
    }

    fn text(&self, source: Source, span: &Range<u32>) -> &'a str {
        let whole = match source {
            Source::Query => self.query,
            Source::Body => self.body,
        };
        &whole[span.start as usize..span.end as usize]
    }
}

fn find_header<'a>(headers: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
    found.map(|(_, value)| *value)
}

/// The body that a header carries.
fn decode<'a>(text: &str, carried: &'a mut Vec<u8>) -> Result<&'a str, Wrong> {
    carried.clear();
    if text.len() > LONGEST_CARRIED {
        return Err("the payload header is too long");
    }
    carried.resize(text.len(), 0);
    let decoded = Base64::decode(text, carried).map_err(|_| "the payload header is not base64")?;
    let decoded = core::str::from_utf8(decoded).map_err(|_| "the payload header is not base64 of UTF-8")?;
    if decoded.starts_with('{') {
        Ok(decoded)
    } else {
        Err("the payload header is not base64 of a JSON object")
    }
}

fn check_headers(headers: &[(&str, &str)]) -> Result<(), Wrong> {
    for (at, (name, value)) in headers.iter().enumerate() {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            return Err("a header name that is not an HTTP token");
        }
        if value.bytes().any(|b| (b < 0x20 && b != b'\t') || b == 0x7f) {
            return Err("a header value with a control character");
        }
        if headers[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err("a header that stands twice");
        }
    }
    Ok(())
}

/// Origin, path and query of a URL.
fn split_url(url: &str) -> Result<(&str, &str, &str), Wrong> {
    let authority_at = if url.starts_with('/') {
        0
    } else if url.starts_with("https://") {
        8
    } else if url.starts_with("http://") {
        7
    } else {
        return Err("url begins neither with https:// nor with the path");
    };
    let bytes = url.as_bytes();
    let path_at = authority_at + until(&bytes[authority_at..], [b'/', b'?', b'#']);
    let authority = &url[authority_at..path_at];
    if authority_at > 0 {
        let odd = |b: u8| !(b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
        if authority.is_empty() || authority.bytes().any(odd) {
            return Err("url with an odd host");
        }
        if authority_at == 7 && !is_loopback(authority) {
            return Err("url is http:// to another machine; use https://");
        }
    }
    let path_end = path_at + until(&bytes[path_at..], [b'?', b'#']);
    let (path, rest) = (&url[path_at..path_end], &url[path_end..]);
    if !path.starts_with('/') {
        return Err("url has no path");
    }
    if path.starts_with("//") {
        return Err("path with an empty segment");
    }
    if rest.contains('#') {
        return Err("url has a fragment");
    }
    match rest.strip_prefix('?') {
        None if !rest.is_empty() => Err("path with an odd character"),
        None => Ok((&url[..path_at], path, "")),
        Some(query) => Ok((&url[..path_at], path, query)),
    }
}

/// What follows the scheme of an origin, if there is one.
fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
}

/// A URL for somebody else's host is a mistake, or a trick on whoever reads it. This machine may stand in for
/// an exchange.
fn check_host(origin: &str, exchange: &Exchange) -> Result<(), Wrong> {
    let Some(authority) = authority(origin) else { return Ok(()) };
    let host = without_port(authority);
    let same = |end: &str, known: &str| end.eq_ignore_ascii_case(known);
    let fits = |known: &str| match known.starts_with('.') {
        true => host.len() > known.len() && same(&host[host.len() - known.len()..], known),
        false => same(host, known),
    };
    if exchange.hosts.iter().any(|known| fits(known)) || is_loopback(authority) {
        return Ok(());
    }
    Err(
        "url is for a host that is not this exchange's ('signbox exchanges NAME' lists them; a path alone will do too)",
    )
}

fn without_port(authority: &str) -> &str {
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    authority[..authority.len() - digits].strip_suffix(':').unwrap_or(authority)
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    let v4 = host.parse().is_ok_and(|ip: core::net::Ipv4Addr| ip.is_loopback());
    host == "localhost" || host == "::1" || v4
}

fn check_path(path: &str) -> Result<(), Wrong> {
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        at += bytes[at..].iter().take_while(|byte| IN_PATHS[usize::from(**byte)]).count();
        match &bytes[at..] {
            [] => break,
            [b'/', b'/', ..] => return Err("path with an empty segment"),
            [b'/', b'.'] | [b'/', b'.', b'/', ..] | [b'/', b'.', b'.'] | [b'/', b'.', b'.', b'/', ..] => {
                return Err("path with a dot segment");
            }
            [b'/', ..] => at += 1,
            [b'%', high, low, ..] => {
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err("path with a broken percent-escape");
                };
                let code = high << 4 | low;
                // What need not be escaped, and what ends a segment, has one spelling only.
                if code < 0x20 || code.is_ascii_alphanumeric() || b"-._~/\\%?#;\x7f".contains(&code) {
                    return Err("path with an odd percent-escape");
                }
                at += 3;
            }
            [b'%', ..] => return Err("path with a broken percent-escape"),
            _ => return Err("path with an odd character"),
        }
    }
    Ok(())
}

/// The fields of `name=value&name=value`.
fn fields(text: &str, source: Source, params: &mut Vec<Param>) -> Result<(), Wrong> {
    if text.is_empty() {
        return Ok(());
    }
    let bytes = text.as_bytes();
    let mut start = 0;
    loop {
        let mut at = start;
        loop {
            at += bytes[at..].iter().take_while(|byte| IN_NAMES[usize::from(**byte)]).count();
            match bytes[at..] {
                [] | [b'=' | b'&', ..] => break,
                [b'%', b'5', b'B' | b'b' | b'D' | b'd', ..] => at += 3,
                [b'%', ..] => return Err("a parameter name with a percent-escape"),
                _ => return Err("a parameter name with an odd character"),
            }
        }
        // One library writes `a=1&&b=2`; an empty field says nothing, wherever it is read.
        let empty = at == start && start > 0 && bytes.get(at) == Some(&b'&');
        if at == start && !empty {
            return Err("a parameter without a name");
        }
        let name = start..at;
        let value_at = at + usize::from(bytes.get(at) == Some(&b'='));
        let (mut at, mut cuttable) = (value_at, false);
        loop {
            at += until(&bytes[at..], [b'&', b'%', b'=', b';', 0x7f]);
            match bytes[at..] {
                [] | [b'&', ..] => break,
                [b'=' | b';', ..] => {
                    cuttable = true;
                    at += 1;
                }
                [b'%', high, low, ..] if hex(high).is_some() && hex(low).is_some() => at += 3,
                [b'%', ..] => return Err("a parameter value with a broken percent-escape"),
                _ => return Err("a parameter value with a control character"),
            }
        }
        push(params, source, bytes, name, value_at..at, cuttable)?;
        if at == bytes.len() {
            return Ok(());
        }
        start = at + 1;
        if start == bytes.len() {
            return Err("a parameter without a name");
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The top level of a JSON object.
fn members(body: &str, params: &mut Vec<Param>, names: &mut Names) -> Result<(), Wrong> {
    let mut cursor = Cursor::new(body.as_bytes(), names);
    cursor.object(&mut |cursor, name| {
        let value = match cursor.value()? {
            Value::String(text) => text.span,
            Value::Number(span) | Value::Nested(span) => span,
            Value::Bool(_) | Value::Null => name.end..name.end,
        };
        push(params, Source::Body, body.as_bytes(), name, value, false)
    })?;
    cursor.end()
}

#[inline(always)]
fn push(
    params: &mut Vec<Param>,
    source: Source,
    text: &[u8],
    name: Range<usize>,
    value: Range<usize>,
    cuttable: bool,
) -> Result<(), Wrong> {
    if params.len() == MOST_PARAMS {
        return Err("more than 256 parameters");
    }
    // A request is at most one line long, so its places fit 32 bits.
    let narrow = |range: Range<usize>| range.start as u32..range.end as u32;
    let bytes = &text[name.clone()];
    let (hash, begins) = (hash(bytes), beginning(bytes));
    params.push(Param { source, cuttable, begins, hash, name: narrow(name), value: narrow(value) });
    Ok(())
}

/// The bytes that stand for themselves in a parameter name.
const IN_NAMES: [bool; 256] = letters_digits_and(b"_.-[]:");

/// The bytes that stand for themselves in a path, but for its slashes.
const IN_PATHS: [bool; 256] = letters_digits_and(b"-._~:,@+=*()!$'");

pub(crate) const fn letters_digits_and(others: &[u8]) -> [bool; 256] {
    let mut known = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        known[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        known[others[at] as usize] = true;
        at += 1;
    }
    known
}

const MOST_PARAMS: usize = 256;
/// A header is no longer than a line.
const LONGEST_CARRIED: usize = 65_536;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn odd(method: &str, url: &str, body: Option<&str>) -> Option<Wrong> {
        let exchange = crate::exchange("kraken").unwrap();
        Parts::of(exchange, &Request { method, url, headers: &[], body }, &mut Scratch::default()).err()
    }

    #[test]
    fn ordinary_requests_are_taken_apart() {
        for (url, body) in [
            ("https://api.kraken.com/0/private/Balance", Some("nonce=1")),
            ("/api/v3/order?symbol=BTCUSDT&a=%5B1%5D&ids%5B%5D=1&flag&note=a b", None),
            ("http://127.0.0.1:8080/x", Some("{\"a\":[{\"b\":1}]}")),
            ("http://[::1]:8080/x/", Some("[1,{\"b\":1}]")),
            ("/orders/client:7%20x", Some("a=\u{e9}")),
            ("/a?b&&c", None),
        ] {
            assert_eq!(odd("POST", url, body), None, "{url} {body:?}");
        }
    }

    #[test]
    fn odd_urls_are_refused() {
        for url in [
            "",
            "x",
            "ftp://a/b",
            "https://",
            "https:///x",
            "https://a",
            "https://a?x=1",
            "https://u@a/x",
            "//a/x",
            "http://a.example/x",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a/%2e%2e/b",
            "/a%2Fb",
            "/%61",
            "/a%",
            "/a%zz",
            "/a;b",
            "/a\\b",
            "/a b",
            "/a?b#c",
            "/a?&b",
            "/a?b&",
            "/a?=1",
            "/a?b&&=c",
            "/a?%61=1",
            "/a?a=%",
            "/a?a=%4",
            "/a?a=\n",
            "/a?a b=1",
            "https://a\\b/x",
        ] {
            assert!(odd("GET", url, None).is_some(), "{url}");
        }
    }

    #[test]
    fn odd_bodies_and_methods_are_refused() {
        for body in ["{", "{}x", "{\"a\":1,\"a\":2}", "[", " {}", "a=1&", "%61=1", "\u{0}", "a=\r\n"] {
            assert!(odd("POST", "/a", Some(body)).is_some(), "{body}");
        }
        for method in ["get", "", "HEAD", "POST "] {
            assert!(odd(method, "/a", None).is_some(), "{method}");
        }
    }

    #[test]
    fn odd_headers_are_refused() {
        for headers in [[("A", "1"), ("a", "2")], [("A", "1\r\nB: 2"), ("C", "")], [("A B", "1"), ("C", "")]]
        {
            let request = Request { method: "GET", url: "/a", headers: &headers, body: None };
            let exchange = crate::exchange("kraken").unwrap();
            assert!(Parts::of(exchange, &request, &mut Scratch::default()).is_err(), "{headers:?}");
        }
    }
}
