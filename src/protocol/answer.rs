//! Answers become lines: written straight into the output, which has the room, without allocation.

use super::Code;
use crate::policy::{Decision, Explained};
use core::fmt;
use signbox_exchanges::json;
use signbox_exchanges::{Credentials, Parts, Signed};
use std::io::Write as _;

/// Writes the answer to a question that could not be answered as asked.
pub fn write_error(out: &mut Vec<u8>, id: Option<&[u8]>, code: Code, text: fmt::Arguments<'_>) {
    begin(out, id);
    out.extend_from_slice(b",");
    put_error(out, code, text);
    out.extend_from_slice(b"}\n");
}

/// The id of an answer that was written here.
pub fn id_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(BEGIN)?;
    if *rest.first()? != b'"' {
        return rest.get(..rest.iter().position(|byte| *byte == b',')?);
    }
    let mut at = 1;
    loop {
        match rest.get(at)? {
            b'"' => return rest.get(..=at),
            // An escape takes the character behind it along.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Writes the member `error` of an answer.
pub fn put_error(out: &mut Vec<u8>, code: Code, text: fmt::Arguments<'_>) {
    put(out, format_args!("\"error\":{{\"code\":\"{}\",\"text\":\"", code.word()));
    put_escaped(out, text);
    out.extend_from_slice(b"\"}");
}

/// Appends formatted text.
pub fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes all it is given");
}

/// Appends formatted text as the inside of a JSON string.
pub fn put_escaped(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    struct Escaped<'a>(&'a mut Vec<u8>);
    impl fmt::Write for Escaped<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            json::escape(text, self.0);
            Ok(())
        }
    }
    fmt::Write::write_fmt(&mut Escaped(out), text).expect("a Vec takes all it is given");
}

/// Writes a signed request.
pub fn write_signed(
    out: &mut Vec<u8>,
    id: &[u8],
    parts: &Parts<'_>,
    had_body: bool,
    signed: &Signed,
    credentials: &Credentials<'_>,
) {
    begin_request(out, id, parts);
    out.extend_from_slice(signed.mark(parts).as_bytes());
    json::escape(&signed.query, out);
    out.extend_from_slice(b"\",\"headers\":{");
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let mut first = true;
    for &(name, value) in parts.headers {
        match signed.headers(credentials).find(|(set, _)| same(set, name)) {
            Some((_, new)) => write_header(out, &mut first, name, new),
            // A client that has counted the body would send the wrong length.
            None if name.eq_ignore_ascii_case("content-length") => {
                let mut digits = [0; 20];
                let mut room = &mut digits[..];
                write!(room, "{}", signed.body.len()).expect("twenty digits hold any length");
                let len = 20 - room.len();
                let length = core::str::from_utf8(&digits[..len]).expect("digits are ASCII");
                write_header(out, &mut first, name, length);
            }
            None => write_header(out, &mut first, name, value),
        }
    }
    for (name, value) in signed.headers(credentials) {
        if !parts.headers.iter().any(|(given, _)| same(given, &name)) {
            write_header(out, &mut first, &name, value);
        }
    }
    write_body(out, (had_body || !signed.body.is_empty()).then_some(signed.body.as_str()));
}

/// Writes a request that is sent with its API key and not signed.
pub fn write_unsigned(
    out: &mut Vec<u8>,
    id: &[u8],
    parts: &Parts<'_>,
    had_body: bool,
    key: Option<(&str, &str)>,
) {
    begin_request(out, id, parts);
    out.extend_from_slice(if parts.marked { b"?" } else { b"" });
    json::escape(parts.query, out);
    out.extend_from_slice(b"\",\"headers\":{");
    let (mut first, mut key) = (true, key);
    for (name, value) in parts.headers {
        let new = key.take_if(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        write_header(out, &mut first, name, new.unwrap_or(value));
    }
    if let Some((name, value)) = key {
        write_header(out, &mut first, name, value);
    }
    write_body(out, had_body.then_some(parts.sent.unwrap_or("")));
}

/// Writes the fields of a login, signed.
pub fn write_login(out: &mut Vec<u8>, id: &[u8], signed: &Signed) {
    begin(out, Some(id));
    out.extend_from_slice(b",\"login\":");
    out.extend_from_slice(signed.body.as_bytes());
    out.extend_from_slice(b"}\n");
}

/// Writes what was decided on a request.
pub fn write_check(out: &mut Vec<u8>, id: &[u8], decision: &Decision, explained: &Explained<'_>) {
    begin(out, Some(id));
    let allowed = decision.rule.permits();
    let (class, rule) = (decision.class(), decision.rule.name());
    put(
        out,
        format_args!(
            ",\"check\":{{\"allowed\":{allowed},\"class\":\"{class}\",\"rule\":\"{rule}\",\"endpoint\":"
        ),
    );
    match decision.endpoint {
        Some(endpoint) => put(out, format_args!("\"{} {}\"", endpoint.method, endpoint.path)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"text\":\"");
    put_escaped(out, format_args!("{explained}"));
    out.extend_from_slice(b"\"}}\n");
}

/// Starts an answer: `{"v":1,"id":ID`.
pub fn begin(out: &mut Vec<u8>, id: Option<&[u8]>) {
    out.extend_from_slice(BEGIN);
    out.extend_from_slice(id.unwrap_or(b"null"));
}

fn begin_request(out: &mut Vec<u8>, id: &[u8], parts: &Parts<'_>) {
    begin(out, Some(id));
    out.extend_from_slice(b",\"request\":{\"method\":\"");
    out.extend_from_slice(parts.method.word().as_bytes());
    out.extend_from_slice(b"\",\"url\":\"");
    json::escape(parts.origin, out);
    json::escape(parts.path, out);
}

fn write_header(out: &mut Vec<u8>, first: &mut bool, name: &str, value: &str) {
    out.extend_from_slice(if *first { b"\"" } else { b",\"" });
    *first = false;
    json::escape(name, out);
    out.extend_from_slice(b"\":\"");
    json::escape(value, out);
    out.push(b'"');
}

fn write_body(out: &mut Vec<u8>, body: Option<&str>) {
    match body {
        Some(body) => {
            out.extend_from_slice(b"},\"body\":\"");
            json::escape(body, out);
            out.extend_from_slice(b"\"}}\n");
        }
        None => out.extend_from_slice(b"},\"body\":null}}\n"),
    }
}

const BEGIN: &[u8] = b"{\"v\":1,\"id\":";
