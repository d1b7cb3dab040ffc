//! Values as bytes: what wallets sign is not text.

use crate::json::value_len;
use crate::signed::Error;
use crate::text::Writer;

/// Writes the bytes that hexadecimal digits, with or without `0x`, stand for.
pub(crate) fn put_unhex(text: &[u8], out: &mut Writer<'_>) -> Result<(), Error> {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if digits.len() % 2 != 0 {
        return Err(NOT_HEX);
    }
    for pair in digits.chunks_exact(2) {
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NOT_HEX);
        out.put(&[(digit(pair[0])? << 4 | digit(pair[1])?) as u8])?;
    }
    Ok(())
}

/// Writes a whole number as eight bytes, or nothing for no text.
pub(crate) fn put_be64(text: &[u8], out: &mut Writer<'_>) -> Result<(), Error> {
    if text.is_empty() { Ok(()) } else { out.put(&whole(text)?.to_be_bytes()) }
}

/// Writes a word of EIP-712: `true`, `false`, a whole number, or bytes in hexadecimal, zeroes in front.
pub(crate) fn put_word(text: &[u8], out: &mut Writer<'_>) -> Result<(), Error> {
    let mut bytes = [0; 32];
    let len = match text {
        b"true" | b"false" => {
            bytes[0] = u8::from(text == b"true");
            1
        }
        [b'0', b'x', digits @ ..] => {
            let mut writer = Writer { bytes: &mut bytes, len: 0 };
            // A number may have an odd count of digits.
            let (first, rest) = digits.split_at(digits.len() % 2);
            if let [first] = first {
                put_unhex(&[b'0', *first], &mut writer)?;
            }
            put_unhex(rest, &mut writer)?;
            writer.len
        }
        _ => {
            bytes[..8].copy_from_slice(&whole(text)?.to_be_bytes());
            8
        }
    };
    out.put(&[0; 32][len..])?;
    out.put(&bytes[..len])
}

/// Writes a JSON value, which was read before and found well-formed, as MessagePack: members in their order, numbers
/// as short as they go. A number that is not whole has no one form, and is refused.
pub(crate) fn put_msgpack(value: &[u8], out: &mut Writer<'_>) -> Result<(), Error> {
    match value.first() {
        Some(b'{') => {
            put_head(count(value) / 2, 0x80, 0xde, out)?;
            items(value, &mut |item| put_msgpack(item, out))
        }
        Some(b'[') => {
            put_head(count(value), 0x90, 0xdc, out)?;
            items(value, &mut |item| put_msgpack(item, out))
        }
        Some(b'"') => {
            // The length comes first, and only reading tells it: written behind where it will stand.
            let from = out.len;
            out.put(&[0; 5])?;
            out.put_value(value)?;
            let len = out.len - from - 5;
            let head = match len {
                0..32 => [0xa0 | len as u8, 0, 0, 0, 0],
                32..256 => [0xd9, len as u8, 0, 0, 0],
                256..65_536 => [0xda, (len >> 8) as u8, len as u8, 0, 0],
                _ => return Err(Error::Request("a text that is too long to be signed")),
            };
            let head = &head[..[1, 2, 3][usize::from(len >= 32) + usize::from(len >= 256)]];
            out.bytes[from..from + head.len()].copy_from_slice(head);
            out.bytes.copy_within(from + 5..from + 5 + len, from + head.len());
            out.len = from + head.len() + len;
            Ok(())
        }
        Some(b't') => out.put(&[0xc3]),
        Some(b'f') => out.put(&[0xc2]),
        Some(b'n') => out.put(&[0xc0]),
        Some(b'-') => {
            let number = whole(&value[1..])?;
            match i64::try_from(number).map(|number| -number) {
                Ok(number @ -32..=0) => out.put(&[number as u8]),
                Ok(number @ -128..=-33) => out.put(&[0xd0, number as u8]),
                Ok(number @ -32_768..=-129) => put_number(0xd1, &(number as i16).to_be_bytes(), out),
                Ok(number @ -2_147_483_648..=-32_769) => {
                    put_number(0xd2, &(number as i32).to_be_bytes(), out)
                }
                Ok(number) => put_number(0xd3, &number.to_be_bytes(), out),
                Err(_) => Err(NOT_WHOLE),
            }
        }
        _ => match whole(value)? {
            number @ 0..128 => out.put(&[number as u8]),
            number @ 128..256 => out.put(&[0xcc, number as u8]),
            number @ 256..65_536 => put_number(0xcd, &(number as u16).to_be_bytes(), out),
            number @ 65_536..4_294_967_296 => put_number(0xce, &(number as u32).to_be_bytes(), out),
            number => put_number(0xcf, &number.to_be_bytes(), out),
        },
    }
}

fn put_number(head: u8, bytes: &[u8], out: &mut Writer<'_>) -> Result<(), Error> {
    out.put(&[head])?;
    out.put(bytes)
}

/// The head of a list or an object of this many items.
fn put_head(count: usize, short: u8, long: u8, out: &mut Writer<'_>) -> Result<(), Error> {
    match count {
        0..16 => out.put(&[short | count as u8]),
        16..65_536 => out.put(&[long, (count >> 8) as u8, count as u8]),
        _ => Err(Error::Request("a list that is too long to be signed")),
    }
}

fn count(nested: &[u8]) -> usize {
    let mut count = 0;
    // Counting cannot fail.
    let _ = items(nested, &mut |_| {
        count += 1;
        Ok(())
    });
    count
}

/// Hands each item of a list, or each name and value of an object, to `item`.
fn items(nested: &[u8], item: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let mut rest = &nested[1..nested.len() - 1];
    loop {
        let skip = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || b",:".contains(byte)).count();
        rest = &rest[skip..];
        // A name ends at its quote, and a value where it ends.
        let len = value_len(rest);
        if len == 0 {
            return Ok(());
        }
        item(&rest[..len])?;
        rest = &rest[len..];
    }
}

fn whole(text: &[u8]) -> Result<u64, Error> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok()).ok_or(NOT_WHOLE)
}

const NOT_HEX: Error = Error::Request("a value that is not hexadecimal");
const NOT_WHOLE: Error =
    Error::Request("a number that is not whole, or too large; such values are signed as texts");

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(json: &str) -> Result<Vec<u8>, Error> {
        let mut bytes = [0; 4096];
        let mut out = Writer { bytes: &mut bytes, len: 0 };
        put_msgpack(json.as_bytes(), &mut out)?;
        let len = out.len;
        Ok(bytes[..len].to_vec())
    }

    #[test]
    fn numbers_and_texts_are_as_short_as_they_go() {
        for (json, bytes) in [
            ("0", &[0][..]),
            ("127", &[127]),
            ("128", &[0xcc, 128]),
            ("256", &[0xcd, 1, 0]),
            ("65536", &[0xce, 0, 1, 0, 0]),
            ("100000000000", &[0xcf, 0, 0, 0, 0x17, 0x48, 0x76, 0xe8, 0]),
            ("-1", &[0xff]),
            ("-32", &[0xe0]),
            ("-33", &[0xd0, 0xdf]),
            ("-129", &[0xd1, 0xff, 0x7f]),
            ("true", &[0xc3]),
            ("null", &[0xc0]),
            (r#""a\u0062""#, &[0xa2, b'a', b'b']),
            (
                r#"{ "a" : [1, {"b":false}] , "c":"" }"#,
                &[0x82, 0xa1, b'a', 0x92, 1, 0x81, 0xa1, b'b', 0xc2, 0xa1, b'c', 0xa0],
            ),
            ("[]", &[0x90]),
        ] {
            assert_eq!(packed(json).as_deref(), Ok(bytes), "{json}");
        }
        assert_eq!(
            packed(&format!("\"{}\"", "x".repeat(40))).map(|bytes| bytes[..2].to_vec()),
            Ok(vec![0xd9, 40])
        );
        assert_eq!(
            packed(&format!("[{}1]", "1,".repeat(19))).map(|bytes| bytes[..3].to_vec()),
            Ok(vec![0xdc, 0, 20])
        );
        for json in ["1.5", "1e3", "18446744073709551616", "-9223372036854775809"] {
            assert!(packed(json).is_err(), "{json}");
        }
    }

    #[test]
    fn words_have_32_bytes() {
        for (text, end) in [
            ("true", &[1][..]),
            ("false", &[0]),
            ("258", &[1, 2]),
            ("0x66eee", &[6, 0x6e, 0xee]),
            ("0x1719884eb866cb12b2287399b15f7db5e7d775ea", &[0xd7, 0x75, 0xea]),
        ] {
            let mut bytes = [0; 64];
            let mut out = Writer { bytes: &mut bytes, len: 0 };
            assert_eq!(put_word(text.as_bytes(), &mut out), Ok(()));
            assert_eq!(out.len, 32);
            assert!(bytes[..32].ends_with(end), "{text}");
        }
    }
}
