//! How values are written in files: read into the caller's memory, and written anew.

use crate::placeholder;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Without quotes.
    Bare,
    /// Between double quotes, with the escapes of JSON.
    Json,
    /// Between double quotes, where a backslash that begins no escape stands for itself, and over several lines if need be.
    Double,
    /// Between single quotes, as it is.
    Single,
    /// The same, and two quotes are one, as in YAML.
    Doubled,
}

impl Writing {
    /// Writes what a value stands for into `out`, and returns its length.
    pub(crate) fn read(self, raw: &[u8], out: &mut [u8]) -> Result<usize, &'static str> {
        let mut length = 0;
        let mut put = |bytes: &[u8]| {
            let room =
                out.get_mut(length..length + bytes.len()).ok_or("the value is too long for a secret")?;
            room.copy_from_slice(bytes);
            length += bytes.len();
            Ok::<(), &'static str>(())
        };
        let mut rest = raw;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match (self, *first) {
                (Writing::Json | Writing::Double, b'\\') => {
                    let (escape, after) = rest.split_first().ok_or("a backslash at the end of a value")?;
                    rest = after;
                    match escape {
                        b'n' => put(b"\n")?,
                        b'r' => put(b"\r")?,
                        b't' => put(b"\t")?,
                        b'b' => put(&[8])?,
                        b'f' => put(&[12])?,
                        b'"' | b'\\' | b'/' => put(&[*escape])?,
                        b'u' => {
                            let mut bytes = [0; 4];
                            put(unicode(&mut rest)?.encode_utf8(&mut bytes).as_bytes())?;
                            bytes.fill(0);
                        }
                        b'$' | b'`' | b'\'' if self == Writing::Double => put(&[*escape])?,
                        _ if self == Writing::Double => put(&[b'\\', *escape])?,
                        _ => return Err("an escape that JSON does not have"),
                    }
                }
                (Writing::Doubled, b'\'') => {
                    rest = rest.strip_prefix(b"'").ok_or("a quote inside a value")?;
                    put(b"'")?;
                }
                (_, byte) => put(&[byte])?,
            }
        }
        Ok(length)
    }

    /// The text that stands for a value which is no secret, between its quotes; nothing if it cannot be written so.
    pub(crate) fn write(self, value: &str) -> Option<String> {
        let escaped = |value: &str| {
            let mut text = String::new();
            for letter in value.chars() {
                match letter {
                    '\n' => text.push_str("\\n"),
                    '"' | '\\' => text.extend(['\\', letter]),
                    _ => text.push(letter),
                }
            }
            text
        };
        match self {
            Writing::Json | Writing::Double => Some(escaped(value)),
            Writing::Bare => (!value
                .contains(|letter: char| letter.is_whitespace() || "#\"'".contains(letter)))
            .then(|| value.to_owned()),
            Writing::Single | Writing::Doubled => (!value.contains('\'')).then(|| value.to_owned()),
        }
    }
}

/// The character that four digits behind `\u` stand for, or eight in two escapes.
fn unicode(rest: &mut &[u8]) -> Result<char, &'static str> {
    const ODD: &str = "a '\\u' without four digits, or half a character";
    let mut unit = || {
        let (digits, after) = rest.split_first_chunk::<4>().ok_or(ODD)?;
        *rest = after;
        let digits = std::str::from_utf8(digits).map_err(|_| ODD)?;
        u32::from_str_radix(digits, 16).map_err(|_| ODD)
    };
    let first = unit()?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).ok_or(ODD);
    }
    *rest = rest.strip_prefix(b"\\u").ok_or(ODD)?;
    let mut unit = || {
        let (digits, after) = rest.split_first_chunk::<4>().ok_or(ODD)?;
        *rest = after;
        let digits = std::str::from_utf8(digits).map_err(|_| ODD)?;
        u32::from_str_radix(digits, 16).map_err(|_| ODD)
    };
    let second = unit()?.checked_sub(0xdc00).ok_or(ODD)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second).ok_or(ODD)
}

/// Whether a value, as it is written, cannot be a secret: nothing, a placeholder, or a hint what to put there.
pub(crate) fn is_no_secret(raw: &[u8]) -> bool {
    let starts =
        |text: &str| raw.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()));
    let hints = [
        "your",
        "my_",
        "xxx",
        "***",
        "...",
        "<",
        "${",
        "$(",
        "{{",
        "%(",
        "changeme",
        "change_me",
        "enter",
        "insert",
        "paste",
        "example",
        "none",
        "null",
        "todo",
        "redacted",
    ];
    raw.trim_ascii().is_empty()
        || hints.iter().any(|hint| starts(hint))
        || raw.starts_with(b"$") && raw[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        || placeholder::is_one(raw)
        || is_escaped_placeholder(raw)
}

/// A placeholder whose line ends are written as `\n`.
fn is_escaped_placeholder(raw: &[u8]) -> bool {
    let mut room = [0; 4096];
    let read = Writing::Double.read(raw, &mut room);
    let is_one = read.is_ok_and(|length| placeholder::is_one(&room[..length]));
    room.fill(0);
    is_one
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(writing: Writing, raw: &str) -> Result<String, &'static str> {
        let mut room = [0; 64];
        writing
            .read(raw.as_bytes(), &mut room)
            .map(|length| String::from_utf8(room[..length].to_vec()).unwrap())
    }

    #[test]
    fn a_value_is_read_as_programs_read_it() {
        for (writing, raw, value) in [
            (Writing::Json, r#"a\/b\"\\\n\u00e9\ud83d\ude00"#, "a/b\"\\\né😀"),
            (Writing::Double, r"a\n\$b\d", "a\n$b\\d"),
            (Writing::Single, r"a\n", r"a\n"),
            (Writing::Doubled, "it''s", "it's"),
            (Writing::Bare, "a/b+c==", "a/b+c=="),
        ] {
            assert_eq!(read(writing, raw).as_deref(), Ok(value));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (writing, raw) in [
            (Writing::Json, r"a\d"),
            (Writing::Json, "a\\"),
            (Writing::Json, r"\u12"),
            (Writing::Json, r"\ud83d"),
            (Writing::Json, r"\ud83dA"),
            (Writing::Doubled, "it's"),
        ] {
            assert!(read(writing, raw).is_err(), "{raw}");
        }
        assert!(read(Writing::Bare, &"x".repeat(65)).is_err());
    }

    #[test]
    fn a_value_that_is_written_is_read_again() {
        for value in ["plain", "two\nlines", "q\"\\"] {
            for writing in [Writing::Json, Writing::Double] {
                assert_eq!(read(writing, &writing.write(value).unwrap()).as_deref(), Ok(value));
            }
        }
        assert_eq!((Writing::Bare.write("a b"), Writing::Single.write("a'b")), (None, None));
    }

    #[test]
    fn a_hint_is_no_secret() {
        for hint in
            ["", " ", "your_exchange_secret", "YOUR-SECRET", "<secret>", "${SECRET}", "$SECRET", "xxxx"]
        {
            assert!(is_no_secret(hint.as_bytes()), "{hint}");
        }
        assert!(is_no_secret(placeholder::WORD.as_bytes()));
        assert!(!is_no_secret(b"$ecret!word-with-more") && !is_no_secret(b"FAKEsecret"));
    }
}
