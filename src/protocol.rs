//! The line protocol, version 1: a line becomes a question, an answer becomes a line.
//!
//! `signbox-protocol(7)` is the specification. Reading is strict and in place: the strings of a
//! request are ranges of its line, and nothing is allocated.

mod answer;

pub use answer::{
    begin, id_of, put, put_error, put_escaped, write_check, write_error, write_login, write_signed,
    write_unsigned,
};
use core::ops::Range;
use signbox_exchanges::Request;
use signbox_exchanges::json::{self, Cursor, Names, Text, Value};

/// The longest line, in bytes, without its newline.
pub const LONGEST_LINE: usize = 65_536;

/// The most headers a request may have.
pub const MOST_HEADERS: usize = 64;

/// Why a line was not answered as asked. The list is closed: clients may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The line or the request in it is malformed or ambiguous.
    BadRequest,
    /// The signer was not started with this key, or the kernel no longer has it.
    NoSuchKey,
    /// The policy refuses the request.
    Denied,
    /// A rate limit refuses the request for now.
    RateLimited,
    /// The key's timeout has passed.
    Expired,
    /// The key was revoked.
    Revoked,
    /// The key cannot be read or used.
    Unavailable,
    /// The time or nonce of the request is too old, too far ahead, or used.
    Stale,
    /// The line is of another version of the protocol.
    Version,
    /// The signer failed.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 10] = [
        Code::BadRequest,
        Code::NoSuchKey,
        Code::Denied,
        Code::RateLimited,
        Code::Expired,
        Code::Revoked,
        Code::Unavailable,
        Code::Stale,
        Code::Version,
        Code::Internal,
    ];

    /// The code as it stands in an answer.
    pub fn word(self) -> &'static str {
        match self {
            Code::BadRequest => "bad_request",
            Code::NoSuchKey => "no_such_key",
            Code::Denied => "denied",
            Code::RateLimited => "rate_limited",
            Code::Expired => "expired",
            Code::Revoked => "revoked",
            Code::Unavailable => "unavailable",
            Code::Stale => "stale",
            Code::Version => "version",
            Code::Internal => "internal",
        }
    }
}

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// What this signer is and enforces.
    Hello,
    /// Sign a request.
    Sign,
    /// Say whether a request would be signed, and by which rule.
    Check,
    /// Sign a login over a WebSocket.
    Login,
    /// Give this connection to a service two pipes in the place of its socket.
    Pipes,
}

/// A question, as ranges of its line.
#[derive(Debug)]
pub struct Question {
    /// What is asked for.
    pub op: Op,
    /// The id, as written.
    pub id: Range<usize>,
    key: Range<usize>,
    method: Range<usize>,
    url: Range<usize>,
    body: Option<Range<usize>>,
    reference: Option<Range<usize>>,
    login: Option<Range<usize>>,
    fields: Option<Range<usize>>,
}

/// What reading a line needs; kept by the caller so that it does not allocate.
#[derive(Debug)]
pub struct Scratch {
    names: Names,
    headers: Vec<(Range<usize>, Range<usize>)>,
    escaped: Vec<Range<usize>>,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch {
            names: Names::new(),
            headers: Vec::with_capacity(MOST_HEADERS),
            escaped: Vec::with_capacity(MOST_HEADERS + 4),
        }
    }
}

/// A refusal to read a line: the id if there is one, the code, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The id, as written.
    pub id: Option<Range<usize>>,
    /// The code of the answer.
    pub code: Code,
    /// Its text.
    pub text: &'static str,
}

impl Scratch {
    /// How many headers the request of the last line has.
    pub fn headers(&self) -> usize {
        self.headers.len()
    }
}

impl Question {
    /// Reads a line. Escapes in its strings are replaced in place.
    pub fn parse(line: &mut [u8], scratch: &mut Scratch) -> Result<Question, Unreadable> {
        let bad = |id: Option<Range<usize>>, text| Unreadable { id, code: Code::BadRequest, text };
        if core::str::from_utf8(line).is_err() {
            return Err(bad(None, "the line is not UTF-8"));
        }
        let mut fields = Fields::default();
        let Scratch { names, headers, escaped } = scratch;
        headers.clear();
        escaped.clear();
        let mut cursor = Cursor::new(line, names);
        let read = cursor.object(&mut |cursor, name| fields.member(line, cursor, name, headers, escaped));
        if let Err(text) = read.and_then(|()| cursor.end()) {
            return Err(bad(None, text));
        }
        let id = fields.id.clone();
        let question = fields.question(line).map_err(|(code, text)| Unreadable { id, code, text })?;
        unescape(line, question, headers, escaped)
    }

    /// The handle of the key.
    pub fn key<'a>(&self, line: &'a str) -> &'a str {
        &line[self.key.clone()]
    }

    /// The price that is stated as the market's.
    pub fn reference<'a>(&self, line: &'a str) -> Option<&'a str> {
        self.reference.clone().map(|reference| &line[reference])
    }

    /// The name of the login.
    pub fn login<'a>(&self, line: &'a str) -> Option<&'a str> {
        self.login.clone().map(|login| &line[login])
    }

    /// The fields of the login, a JSON object.
    pub fn fields<'a>(&self, line: &'a str) -> &'a str {
        self.fields.clone().map_or("{}", |fields| &line[fields])
    }

    /// The request, with its headers in `room`.
    pub fn request<'a>(
        &self,
        line: &'a str,
        scratch: &Scratch,
        room: &'a mut [(&'a str, &'a str)],
    ) -> Request<'a> {
        for (place, (name, value)) in room.iter_mut().zip(&scratch.headers) {
            *place = (&line[name.clone()], &line[value.clone()]);
        }
        Request {
            method: &line[self.method.clone()],
            url: &line[self.url.clone()],
            headers: &room[..scratch.headers.len()],
            body: self.body.clone().map(|body| &line[body]),
        }
    }
}

/// The fields of a line as they come; the first problem is kept so that the id is found even so.
#[derive(Default)]
struct Fields {
    version: Option<bool>,
    id: Option<Range<usize>>,
    op: Option<Text>,
    key: Option<Text>,
    request: bool,
    method: Option<Text>,
    url: Option<Text>,
    body: Option<Text>,
    reference: Option<Text>,
    login: Option<Text>,
    fields: Option<Range<usize>>,
    problem: Option<&'static str>,
}

impl Fields {
    fn member(
        &mut self,
        line: &[u8],
        cursor: &mut Cursor<'_>,
        name: Range<usize>,
        headers: &mut Vec<(Range<usize>, Range<usize>)>,
        escaped: &mut Vec<Range<usize>>,
    ) -> Result<(), &'static str> {
        if &line[name.clone()] == b"request" && cursor.peek() == Some(b'{') {
            self.request = true;
            return cursor
                .object(&mut |cursor, name| self.request_member(line, cursor, name, headers, escaped));
        }
        match (&line[name], cursor.value()?) {
            (b"v", Value::Number(number)) => self.version = Some(&line[number] == b"1"),
            (b"v", _) => self.version = Some(false),
            (b"id", Value::Number(id)) if id.len() <= LONGEST_ID => self.id = Some(id),
            (b"id", Value::String(id)) if id.span.len() <= LONGEST_ID => {
                self.id = Some(id.span.start - 1..id.span.end + 1);
            }
            (b"id", _) => self.wrong("'id' is not a number or a string of at most 64 bytes"),
            (b"op", Value::String(op)) => self.op = Some(op),
            (b"op", _) => self.wrong("'op' is not a string"),
            (b"key", Value::String(key)) => self.key = Some(key),
            (b"key", _) => self.wrong("'key' is not a string"),
            (b"reference", Value::String(reference)) => self.reference = Some(reference),
            (b"reference", _) => self.wrong("'reference' is not a string"),
            (b"request", _) => self.wrong("'request' is not an object"),
            (b"login", Value::String(login)) => self.login = Some(login),
            (b"login", _) => self.wrong("'login' is not a string"),
            (b"fields", Value::Nested(fields)) if line[fields.start] == b'{' => self.fields = Some(fields),
            (b"fields", _) => self.wrong("'fields' is not an object"),
            _ => self.wrong(
                "the line has an unknown field; known are v, id, op, key, request, reference, login and fields",
            ),
        }
        Ok(())
    }

    fn request_member(
        &mut self,
        line: &[u8],
        cursor: &mut Cursor<'_>,
        name: Range<usize>,
        headers: &mut Vec<(Range<usize>, Range<usize>)>,
        escaped: &mut Vec<Range<usize>>,
    ) -> Result<(), &'static str> {
        if &line[name.clone()] == b"headers" && cursor.peek() == Some(b'{') {
            return cursor.object(&mut |cursor, name| {
                match cursor.value()? {
                    Value::String(_) if headers.len() == MOST_HEADERS => self.wrong("more than 64 headers"),
                    Value::String(value) => {
                        if value.escaped {
                            escaped.push(value.span.clone());
                        }
                        headers.push((name, value.span));
                    }
                    _ => self.wrong("a header is not a string"),
                }
                Ok(())
            });
        }
        match (&line[name], cursor.value()?) {
            (b"method", Value::String(method)) => self.method = Some(method),
            (b"method", _) => self.wrong("'request.method' is not a string"),
            (b"url", Value::String(url)) => self.url = Some(url),
            (b"url", _) => self.wrong("'request.url' is not a string"),
            (b"headers", Value::Null) | (b"body", Value::Null) => {}
            (b"headers", _) => self.wrong("'request.headers' is not an object of strings"),
            (b"body", Value::String(body)) => self.body = Some(body),
            (b"body", _) => self.wrong("'request.body' is neither a string nor null"),
            _ => self.wrong("the request has an unknown field; known are method, url, headers and body"),
        }
        Ok(())
    }

    fn wrong(&mut self, problem: &'static str) {
        self.problem.get_or_insert(problem);
    }

    fn question(self, line: &[u8]) -> Result<Taken, (Code, &'static str)> {
        let missing = |text: &'static str| (Code::BadRequest, text);
        match self.version {
            Some(true) => {}
            Some(false) => return Err((Code::Version, "'v' is not 1, the only version this signer speaks")),
            None => return Err(missing("missing field 'v'")),
        }
        if let Some(problem) = self.problem {
            return Err(missing(problem));
        }
        let id = self.id.ok_or(missing("missing field 'id'"))?;
        let op = match self.op {
            Some(op) => match &line[op.span] {
                b"hello" => Op::Hello,
                b"sign" => Op::Sign,
                b"check" => Op::Check,
                b"login" => Op::Login,
                b"pipes" => Op::Pipes,
                _ => return Err(missing("unknown 'op'; known are hello, sign, check, login and pipes")),
            },
            None => return Err(missing("missing field 'op'")),
        };
        let none = || Text { span: 0..0, escaped: false };
        if op != Op::Login && (self.login.is_some() || self.fields.is_some()) {
            return Err(missing("'login' and 'fields' are for the op login"));
        }
        let other = self.request || self.reference.is_some();
        if op == Op::Hello || op == Op::Pipes {
            if self.key.is_some() || other {
                return Err(missing("'hello' and 'pipes' take neither key nor request nor reference"));
            }
            let (key, method, url) = (none(), none(), none());
            return Ok(Taken {
                op,
                id,
                key,
                method,
                url,
                body: None,
                reference: None,
                login: None,
                fields: None,
            });
        }
        let key = self.key.ok_or(missing("missing field 'key'"))?;
        if op == Op::Login {
            if other {
                return Err(missing("'login' takes neither request nor reference"));
            }
            let (method, url, login, fields) = (none(), none(), self.login, self.fields);
            return Ok(Taken { op, id, key, method, url, body: None, reference: None, login, fields });
        }
        if !self.request {
            return Err(missing("missing field 'request'"));
        }
        let method = self.method.ok_or(missing("missing field 'request.method'"))?;
        let url = self.url.ok_or(missing("missing field 'request.url'"))?;
        let (body, reference) = (self.body, self.reference);
        Ok(Taken { op, id, key, method, url, body, reference, login: None, fields: None })
    }
}

/// A question whose strings may still hold escapes.
struct Taken {
    op: Op,
    id: Range<usize>,
    key: Text,
    method: Text,
    url: Text,
    body: Option<Text>,
    reference: Option<Text>,
    login: Option<Text>,
    fields: Option<Range<usize>>,
}

fn unescape(
    line: &mut [u8],
    taken: Taken,
    headers: &mut [(Range<usize>, Range<usize>)],
    escaped: &[Range<usize>],
) -> Result<Question, Unreadable> {
    let mut plain = |text: Text| {
        let Text { span, escaped } = text;
        if !escaped {
            return span;
        }
        let len = json::unescape(&mut line[span.clone()]);
        // What is left over could be a part of a character.
        line[span.start + len..span.end].fill(b' ');
        span.start..span.start + len
    };
    let question = Question {
        op: taken.op,
        id: taken.id,
        key: plain(taken.key),
        method: plain(taken.method),
        url: plain(taken.url),
        body: taken.body.map(&mut plain),
        reference: taken.reference.map(&mut plain),
        login: taken.login.map(&mut plain),
        fields: taken.fields,
    };
    for span in escaped {
        let read = plain(Text { span: span.clone(), escaped: true });
        for (_, value) in headers.iter_mut().filter(|(_, value)| value == span) {
            *value = read.clone();
        }
    }
    Ok(question)
}

/// A line that was read, as text.
pub fn text(line: &[u8]) -> &str {
    core::str::from_utf8(line).expect("the line was checked, and what escapes leave behind is blanked")
}

const LONGEST_ID: usize = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Read {
        op: Op,
        id: String,
        url: String,
        headers: Vec<(String, String)>,
        body: Option<String>,
    }

    fn parse(line: &str) -> Result<Read, (bool, Code)> {
        let mut line = line.as_bytes().to_vec();
        let mut scratch = Scratch::default();
        let question = Question::parse(&mut line, &mut scratch)
            .map_err(|refusal| (refusal.id.is_some(), refusal.code))?;
        let mut room = [("", ""); MOST_HEADERS];
        let line = text(&line);
        let request = question.request(line, &scratch, &mut room);
        let headers = request.headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let id = line[question.id.clone()].to_owned();
        let (url, body) = (request.url.to_owned(), request.body.map(str::to_owned));
        Ok(Read { op: question.op, id, url, headers, body })
    }

    #[test]
    fn a_line_is_read_in_place_with_its_escapes_replaced() {
        let Read { op, id, url, headers, body } = parse(
            r#" {"op":"sign","request":{"headers":{"A":"x\/\u00e9","B":""},"body":"{\"a\":1}","method":"POST","url":"\/x"},"key":"a/b","id":"q\"7","v":1} "#,
        )
        .unwrap();
        assert_eq!((op, id.as_str(), url.as_str()), (Op::Sign, "\"q\\\"7\"", "/x"));
        assert_eq!(headers, [("A".to_owned(), "x/é".to_owned()), ("B".to_owned(), String::new())]);
        assert_eq!(body.as_deref(), Some("{\"a\":1}"));
    }

    #[test]
    fn a_bad_line_keeps_its_id_where_it_has_one() {
        for (line, with_id, code) in [
            ("", false, Code::BadRequest),
            ("hello", false, Code::BadRequest),
            ("[]", false, Code::BadRequest),
            ("{}", false, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"hello"} x"#, false, Code::BadRequest),
            (r#"{"v":1,"id":7,"id":8,"op":"hello"}"#, false, Code::BadRequest),
            (r#"{"v":2,"id":7,"op":"hello"}"#, true, Code::Version),
            (r#"{"v":"1","id":7,"op":"hello"}"#, true, Code::Version),
            (r#"{"id":7,"op":"hello"}"#, true, Code::BadRequest),
            (r#"{"v":1,"op":"hello"}"#, false, Code::BadRequest),
            (r#"{"v":1,"id":null,"op":"hello"}"#, false, Code::BadRequest),
            (r#"{"v":1,"id":7}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"dance"}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"hello","key":"a/b"}"#, true, Code::BadRequest),
            (r#"{"v":1,"op":"hello","more":1,"id":7}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"sign","key":"a/b"}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"sign","request":{"method":"GET","url":"/"}}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"sign","key":"a/b","request":{"url":"/"}}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"sign","key":"a/b","request":{"method":"GET"}}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"sign","key":"a/b","request":[]}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"login"}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"login","key":"a/b","login":1}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"login","key":"a/b","fields":[]}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"login","key":"a/b","fields":{"a":1,"a":2}}"#, false, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"login","key":"a/b","reference":"1"}"#, true, Code::BadRequest),
            (r#"{"v":1,"id":7,"op":"hello","fields":{}}"#, true, Code::BadRequest),
            (
                r#"{"v":1,"id":7,"op":"sign","key":"a/b","request":{"method":"GET","url":"/","x":1}}"#,
                true,
                Code::BadRequest,
            ),
            (
                r#"{"v":1,"id":7,"op":"sign","key":"a/b","request":{"method":"GET","url":"/","body":{}}}"#,
                true,
                Code::BadRequest,
            ),
            (
                r#"{"v":1,"id":7,"op":"sign","key":"a/b","request":{"method":"GET","url":"/","headers":{"A":1}}}"#,
                true,
                Code::BadRequest,
            ),
        ] {
            assert_eq!(parse(line).err(), Some((with_id, code)), "{line}");
        }
        let mut headers = String::new();
        for at in 0..65 {
            headers += &format!("\"h{at}\":\"\",");
        }
        let line = format!(
            r#"{{"v":1,"id":7,"op":"sign","key":"a/b","request":{{"method":"GET","url":"/","headers":{{{}}}}}}}"#,
            headers.trim_end_matches(',')
        );
        assert_eq!(parse(&line).err(), Some((true, Code::BadRequest)));
    }
}
