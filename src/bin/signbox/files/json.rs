//! JSON as people keep it in configurations: with comments, and with commas before a closing bracket.

use super::{Field, Odd, Writing, indent_before, line_of};
use std::ops::Range;

/// The members of all objects whose value is a text or a number.
pub(super) fn fields(text: &[u8]) -> Result<Vec<Field>, Odd> {
    let mut reader = Reader { text, at: 0, inside: Vec::new(), fields: Vec::new() };
    let read = reader.value(None).and_then(|()| {
        reader.space()?;
        if reader.at == text.len() { Ok(()) } else { Err("something stands behind the end of the JSON") }
    });
    match read {
        Ok(()) => Ok(reader.fields),
        Err(why) => Err(Odd { line: line_of(text, reader.at.min(text.len())), why }),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    inside: Vec<String>,
    fields: Vec<Field>,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn value(&mut self, name: Option<(&str, Range<usize>)>) -> Read<()> {
        self.space()?;
        let start = self.at;
        let (value, writing) = match self.text.get(start) {
            Some(b'{') => return self.object(),
            Some(b'[') => return self.list(),
            Some(b'"') => (self.string()?, Writing::Json),
            Some(byte) if byte.is_ascii_alphanumeric() || b"-+.".contains(byte) => {
                (self.word(), Writing::Bare)
            }
            _ => return Err("no value where one should be"),
        };
        if let Some((name, indent)) = name {
            let line = line_of(self.text, start);
            let (inside, name, end) = (self.inside.clone(), name.to_owned(), self.at);
            self.fields.push(Field { inside, name, value, writing, indent, end, line });
        }
        Ok(())
    }

    fn object(&mut self) -> Read<()> {
        self.at += 1;
        let mut names: Vec<String> = Vec::new();
        loop {
            self.space()?;
            if self.take(b'}') {
                return Ok(());
            }
            let indent = indent_before(self.text, self.at);
            if self.text.get(self.at) != Some(&b'"') {
                return Err("no name in quotes where one should be");
            }
            let name = self.string()?;
            let name =
                std::str::from_utf8(&self.text[name]).map_err(|_| "a name that is not UTF-8")?.to_owned();
            if names.contains(&name) {
                // One of the two would be passed over, and stay.
                return Err("a name stands twice in an object");
            }
            self.space()?;
            if !self.take(b':') {
                return Err("no colon behind a name");
            }
            self.deeper(&name)?;
            let inside = self.inside.pop();
            self.space()?;
            let nested = matches!(self.text.get(self.at), Some(b'{' | b'['));
            self.inside.extend(inside.filter(|_| nested));
            self.value((!nested).then_some((&name, indent)))?;
            if nested {
                self.inside.pop();
            }
            names.push(name);
            self.space()?;
            if !self.take(b',') && self.text.get(self.at) != Some(&b'}') {
                return Err("no comma between two members");
            }
        }
    }

    fn list(&mut self) -> Read<()> {
        self.at += 1;
        for place in 0_usize.. {
            self.space()?;
            if self.take(b']') {
                break;
            }
            self.deeper(&place.to_string())?;
            self.value(None)?;
            self.inside.pop();
            self.space()?;
            if !self.take(b',') && self.text.get(self.at) != Some(&b']') {
                return Err("no comma between two items");
            }
        }
        Ok(())
    }

    fn deeper(&mut self, name: &str) -> Read<()> {
        self.inside.push(name.to_owned());
        if self.inside.len() > DEEPEST { Err("more than 64 levels") } else { Ok(()) }
    }

    /// Passes over a string, and says where it stands without its quotes.
    fn string(&mut self) -> Read<Range<usize>> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.text.get(at) {
                None | Some(b'\n') => return Err("a string without its end"),
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(start..at)
    }

    fn word(&mut self) -> Range<usize> {
        let start = self.at;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-+._".contains(byte);
        self.at += self.text[start..].iter().take_while(|byte| plain(byte)).count();
        start..self.at
    }

    /// Passes over white space and comments.
    fn space(&mut self) -> Read<()> {
        loop {
            let rest = &self.text[self.at..];
            let end = match rest {
                [byte, ..] if byte.is_ascii_whitespace() => Some(1),
                [b'/', b'/', ..] => Some(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
                [b'/', b'*', more @ ..] => {
                    let end =
                        more.windows(2).position(|pair| pair == b"*/").ok_or("a comment without its end")?;
                    Some(end + 4)
                }
                [0xef, 0xbb, 0xbf, ..] if self.at == 0 => Some(3),
                _ => None,
            };
            match end {
                Some(end) => self.at += end,
                None => return Ok(()),
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }
}

const DEEPEST: usize = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_between_comments_and_at_every_depth() {
        let text = br#"{
            // the exchange
            "exchange": { "name": "binance", /* , "secret": "no" */ "secret": "s\"1", },
            "more": [{"uid": 77}, {"deep": {"key": "k"}}],
            "on": true, // "secret": "no"
        }
        "#;
        let told: Vec<_> = fields(text)
            .unwrap()
            .into_iter()
            .map(|field| {
                let value = String::from_utf8(text[field.value].to_vec()).unwrap();
                (field.inside.join("."), field.name, value, field.line)
            })
            .collect();
        let told: Vec<_> = told.iter().map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), *d)).collect();
        assert_eq!(
            told,
            [
                ("exchange", "name", "binance", 3),
                ("exchange", "secret", "s\\\"1", 3),
                ("more.0", "uid", "77", 4),
                ("more.1.deep", "key", "k", 4),
                ("", "on", "true", 5),
            ]
        );
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_line() {
        for (text, line) in [
            ("", 1),
            ("{\n\"a\"\n1}", 3),
            ("{\n\"a\": \"b\n\"}", 2),
            ("{\"a\":1,\n\"a\":2}", 2),
            ("{\"a\":1}\n}", 2),
            ("{\"a\":1 \"b\":2}", 1),
            ("{/*", 1),
            ("{a:1}", 1),
        ] {
            assert_eq!(fields(text.as_bytes()).map(|_| ()).map_err(|odd| odd.line), Err(line), "{text}");
        }
        assert!(fields("[".repeat(80).as_bytes()).is_err());
    }
}
