//! `signbox audit`: what signers have written down of their decisions, shown, checked, retold and put aside.
//!
//! A log may be anybody's by the time it is read: lines are read up to a length, links are not followed, and nothing of
//! a line reaches the terminal that could be taken for a command to it.

mod chain;
mod entry;
mod files;
mod lines;
mod report;
mod rotate;
mod show;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod times;
mod verify;

use crate::cli::{Audit, AuditCommand};
use crate::error::Error;
use base64ct::{Base64, Encoding as _};
use std::process::ExitCode;
pub(crate) use times::{day, since};

pub(crate) fn run(args: &Audit) -> Result<ExitCode, Error> {
    match &args.command {
        AuditCommand::Show(args) => show::run(args),
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Report(args) => report::run(args),
        AuditCommand::Rotate(args) => rotate::run(args),
    }
}

/// Reads a public key, base64 of 32 bytes.
pub(crate) fn public_key(text: &str) -> Result<[u8; 32], String> {
    from_base64(text).ok_or_else(|| "this is not base64 of the 32 bytes of an audit key".to_owned())
}

/// Reads a hash, 64 hexadecimal digits.
pub(crate) fn hash(text: &str) -> Result<[u8; 32], String> {
    from_hex(text).ok_or_else(|| "a hash has 64 hexadecimal digits, 0-9 and a-f".to_owned())
}

/// So many bytes, and no more, out of base64 as it is written in one way only.
fn from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; 66]; // as many as a signature has, and then some
    let decoded = Base64::decode(text, &mut bytes).ok()?;
    decoded.try_into().ok()
}

fn to_base64(bytes: &[u8; 32]) -> String {
    let mut text = [0; 44];
    Base64::encode(bytes, &mut text).map(str::to_owned).expect("44 characters hold 32 bytes")
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text of a log as it may be shown: what is not printable is escaped.
fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\'' | '"') { shown.push(c) } else { shown.extend(c.escape_debug()) }
    }
    shown
}

/// A number of things: `1 line`, `2 lines`.
fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod texts {
    use super::*;

    #[test]
    fn hashes_and_keys_are_written_in_one_way_only() {
        let text = "0f".repeat(32);
        assert_eq!(to_hex(&hash(&text).unwrap()), text);
        for wrong in [&text[1..], &text.to_uppercase(), &format!("+f{}", &text[2..]), "", &"é".repeat(32)] {
            assert!(hash(wrong).is_err(), "{wrong}");
        }
        let text = Base64::encode_string(&[7; 32]);
        assert_eq!(public_key(&text), Ok([7; 32]));
        for wrong in ["", &text[1..], &Base64::encode_string(&[7; 31]), &Base64::encode_string(&[7; 90])] {
            assert!(public_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_could_steer_a_terminal_is_escaped() {
        assert_eq!(clean("a\u{1b}[2J\rb\u{9b}c\u{202e}d\u{7f}"), r"a\u{1b}[2J\rb\u{9b}c\u{202e}d\u{7f}");
        assert_eq!(clean("it's \"é\" \\"), r#"it's "é" \\"#);
    }
}
