//! A key's payload: the bare secret, or one JSON object that also holds the key, the passphrase and
//! what the secret may be used for.

use crate::policy::Grants;
use core::ops::Range;
use signbox_exchanges::json::{self, Cursor, Names, Text, Value};
use signbox_exchanges::{Credentials, Skew};

/// The longest payload that is accepted, in bytes: as much as the locked page is read into.
pub const LONGEST: usize = 4096;

/// Where the parts of a payload stand in it, and what it says about its use.
///
/// Holds no secret itself: [`Record::credentials`] borrows them from the payload.
#[derive(Clone, Debug)]
pub struct Record {
    secret: Range<usize>,
    key: Option<Range<usize>>,
    passphrase: Option<Range<usize>>,
    uid: Option<Range<usize>>,
    limits: Range<usize>,
    /// What the secret may be used for.
    pub grants: Grants,
    /// How far the time of a request may be from the clock, if the record says.
    pub skew: Option<Skew>,
    /// The users who may use a group key; empty if the record names none.
    users: ([u32; MOST_USERS], usize),
}

impl Record {
    /// Reads a payload. Escapes in its strings are replaced in place.
    ///
    /// Fails with what is wrong, never with a piece of the payload.
    pub fn parse(payload: &mut [u8], names: &mut Names) -> Result<Record, &'static str> {
        let mut record = Record {
            secret: 0..0,
            key: None,
            passphrase: None,
            uid: None,
            limits: 0..0,
            grants: Grants::DEFAULT,
            skew: None,
            users: ([0; MOST_USERS], 0),
        };
        if payload.len() > LONGEST {
            return Err("the key's payload is longer than 4096 bytes");
        }
        if core::str::from_utf8(payload).is_err() {
            return Err("the key's payload is not UTF-8");
        }
        if payload.first() == Some(&b'{') {
            record.parse_object(payload, names)?;
        } else {
            // A file ends with a newline, a secret never does.
            record.secret = 0..payload.trim_ascii_end().len();
            if payload.first().is_some_and(u8::is_ascii_whitespace) {
                return Err("the secret begins with white space");
            }
        }
        let secret = &payload[record.secret.clone()];
        // A private key may have the lines of a Windows file.
        let lines = secret.starts_with(b"-----BEGIN");
        if secret.iter().any(|b| *b == 0 || *b == b'\r' && !lines) {
            return Err("the secret holds a control character");
        }
        if record.secret.is_empty() {
            return Err("the secret is empty");
        }
        Ok(record)
    }

    /// The secret and what goes with it.
    pub fn credentials<'a>(&self, payload: &'a [u8]) -> Credentials<'a> {
        let text = |span: &Range<usize>| core::str::from_utf8(&payload[span.clone()]).unwrap_or("");
        Credentials {
            key: self.key.as_ref().map(text),
            secret: &payload[self.secret.clone()],
            passphrase: self.passphrase.as_ref().map(text),
            uid: self.uid.as_ref().map(text),
        }
    }

    /// The limits of its use, as the JSON object that the record holds; empty if it holds none. Nobody has looked into it yet.
    pub fn limits<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        &payload[self.limits.clone()]
    }

    /// The users the record names, by number.
    pub fn users(&self) -> &[u32] {
        &self.users.0[..self.users.1]
    }

    /// Whether this user may use the key.
    pub fn permits_user(&self, uid: u32) -> bool {
        self.users.1 == 0 || self.users().contains(&uid)
    }

    fn parse_object(&mut self, payload: &mut [u8], names: &mut Names) -> Result<(), &'static str> {
        let (mut secret, mut key, mut passphrase, mut uid) = (None, None, None, None);
        let (mut allow, mut users) = (None, None);
        let mut cursor = Cursor::new(payload, names);
        cursor.object(&mut |cursor, name| {
            match (&payload[name], cursor.value()?) {
                (b"secret", Value::String(text)) => secret = Some(text),
                (b"key", Value::String(text)) => key = Some(text),
                (b"passphrase", Value::String(text)) => passphrase = Some(text),
                (b"uid", Value::String(text)) => uid = Some(text),
                (b"allow", Value::Nested(list)) => allow = Some(list),
                (b"users", Value::Nested(list)) => users = Some(list),
                (b"skew", Value::Number(number)) => self.skew = Some(Skew::Seconds(whole(&payload[number])?)),
                (b"skew", Value::String(text)) if &payload[text.span.clone()] == b"off" => {
                    self.skew = Some(Skew::Off)
                }
                (b"limits", Value::Nested(object)) if payload[object.start] == b'{' => self.limits = object,
                (b"limits", _) => return Err("the record's limits is not an object"),
                (b"secret" | b"key" | b"passphrase" | b"uid", _) => {
                    return Err("a field of the record is not a string");
                }
                (b"allow" | b"users", _) => return Err("a field of the record is not a list"),
                (b"skew", _) => return Err("the record's skew is neither seconds nor \"off\""),
                _ => return Err("the record has an unknown field"),
            }
            Ok(())
        })?;
        cursor.end()?;
        if let Some(list) = allow {
            self.grants = grants(&payload[list], names)?;
        }
        if let Some(list) = users {
            self.users = uids(&payload[list], names)?;
        }
        let mut read = |text: Text| {
            let Text { span, escaped } = text;
            let len = if escaped { json::unescape(&mut payload[span.clone()]) } else { span.len() };
            span.start..span.start + len
        };
        self.secret = secret.map(&mut read).ok_or("the record has no secret")?;
        self.key = key.map(&mut read);
        self.passphrase = passphrase.map(&mut read);
        self.uid = uid.map(&mut read);
        let odd = |span: &Option<Range<usize>>| {
            span.as_ref().is_some_and(|span| payload[span.clone()].iter().any(u8::is_ascii_control))
        };
        if odd(&self.key) || odd(&self.passphrase) || odd(&self.uid) {
            return Err("the record's key, passphrase or uid holds a control character");
        }
        Ok(())
    }
}

fn grants(list: &[u8], names: &mut Names) -> Result<Grants, &'static str> {
    let mut grants = Grants::NONE;
    Cursor::new(list, names).list(&mut |cursor| match cursor.value()? {
        Value::String(word) => {
            let word = core::str::from_utf8(&list[word.span]).unwrap_or("");
            grants = grants.and(word).ok_or("the record's allow names an unknown grant")?;
            Ok(())
        }
        _ => Err("the record's allow is not a list of words"),
    })?;
    Ok(grants)
}

fn uids(list: &[u8], names: &mut Names) -> Result<([u32; MOST_USERS], usize), &'static str> {
    let (mut uids, mut len) = ([0; MOST_USERS], 0);
    Cursor::new(list, names).list(&mut |cursor| match cursor.value()? {
        Value::Number(number) => {
            *uids.get_mut(len).ok_or("the record names more than 32 users")? = whole(&list[number])?;
            len += 1;
            Ok(())
        }
        _ => Err("the record's users is not a list of user numbers"),
    })?;
    // An empty list must not mean everybody.
    if len == 0 { Err("the record's users is empty") } else { Ok((uids, len)) }
}

fn whole(number: &[u8]) -> Result<u32, &'static str> {
    let number = core::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
    number.ok_or("the record holds a number that is not whole or too large")
}

const MOST_USERS: usize = 32;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(payload: &str) -> Result<(Record, Vec<u8>), &'static str> {
        let mut payload = payload.as_bytes().to_vec();
        Record::parse(&mut payload, &mut Names::new()).map(|record| (record, payload))
    }

    #[test]
    fn a_bare_secret_has_the_default_grants() {
        for payload in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            let (record, payload) = parse(payload).unwrap();
            assert_eq!(record.credentials(&payload).secret, b"s3cret");
            assert_eq!(record.grants, Grants::DEFAULT);
            assert!(record.permits_user(1000) && record.skew.is_none());
        }
    }

    #[test]
    fn a_record_holds_everything_that_goes_with_the_secret() {
        let (record, payload) = parse(
            r#"{"key":"k\u0065y","secret":"a\/b\n","passphrase":"p\"q","allow":["read","withdraw"],"users":[1000,1001],"skew":5,"uid":"memo"}"#,
        )
        .unwrap();
        let credentials = record.credentials(&payload);
        assert_eq!((credentials.key, credentials.passphrase), (Some("key"), Some("p\"q")));
        assert_eq!(credentials.uid, Some("memo"));
        assert_eq!(credentials.secret, b"a/b\n");
        assert_eq!(record.grants.to_string(), "read withdraw");
        assert_eq!(record.skew, Some(Skew::Seconds(5)));
        assert!(record.permits_user(1001) && !record.permits_user(0));
    }

    #[test]
    fn limits_are_handed_on_as_they_are_written() {
        let (record, payload) = parse(r#"{"limits":{"band":"2%"},"secret":"a\/b"}"#).unwrap();
        assert_eq!(record.limits(&payload), br#"{"band":"2%"}"#);
        let (record, payload) = parse("s3cret").unwrap();
        assert_eq!(record.limits(&payload), b"");
    }

    #[test]
    fn a_record_may_grant_nothing() {
        assert_eq!(parse(r#"{"secret":"s","allow":[]}"#).unwrap().0.grants, Grants::NONE);
    }

    #[test]
    fn a_mistake_in_a_record_is_refused_and_not_shown() {
        for payload in [
            "",
            "\n",
            " s",
            "s\0",
            "{",
            "{}",
            r#"{"secret":""}"#,
            r#"{"secret":1}"#,
            r#"{"secret":"HUSH","secret":"b"}"#,
            r#"{"secret":"HUSH","other":1}"#,
            r#"{"secret":"HUSH"} x"#,
            r#"{"secret":"HUSH","allow":["everything"]}"#,
            r#"{"secret":"HUSH","allow":"read"}"#,
            r#"{"secret":"HUSH","allow":[1]}"#,
            r#"{"secret":"HUSH","users":[]}"#,
            r#"{"secret":"HUSH","users":["alice"]}"#,
            r#"{"secret":"HUSH","users":[-1]}"#,
            r#"{"secret":"HUSH","limits":[]}"#,
            r#"{"secret":"HUSH","limits":"HUSH"}"#,
            r#"{"secret":"HUSH","skew":"on"}"#,
            r#"{"secret":"HUSH","skew":1.5}"#,
            r#"{"secret":"HUSH","key":"a\nb"}"#,
            r#"{"secret":"HUSH","passphrase":null}"#,
        ] {
            let why = parse(payload).expect_err(payload);
            assert!(!why.contains("HUSH"), "{why}");
        }
        assert!(parse(&"s".repeat(LONGEST + 1)).is_err());
    }
}
