//! The files that bots keep their API keys in: JSON, `.env` and YAML as names, values, and where each value stands.
//!
//! A value is a range of the file, and stays there: what may be a secret is never copied here. Only what a file can be
//! rewritten by is read, so what these formats have beyond that is refused.

mod accounts;
mod env;
mod json;
mod names;
mod value;
mod yaml;

pub(crate) use accounts::{Account, Accounts, accounts};
pub(crate) use names::{Role, exchange_called, exchange_in, role, words};
pub(crate) use value::{Writing, is_no_secret};

use crate::error::Error;
use std::ops::Range;
use std::path::Path;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, with comments and commas before a closing bracket if it must be.
    Json,
    /// `NAME=value`, a line each.
    Env,
    /// `name: value`, a line each.
    Yaml,
}

/// A name and its value.
#[derive(Debug)]
pub(crate) struct Field {
    /// The names of the objects that it stands in, the outermost first.
    pub(crate) inside: Vec<String>,
    pub(crate) name: String,
    /// Where the value stands, without its quotes.
    pub(crate) value: Range<usize>,
    pub(crate) writing: Writing,
    /// What stands before the name in its line.
    pub(crate) indent: Range<usize>,
    /// Where the field ends: behind a closing quote.
    pub(crate) end: usize,
    pub(crate) line: usize,
}

/// What is wrong, and in which line. Never shows any of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Odd {
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

impl Format {
    /// How a file is written, by its name, else by its beginning.
    pub(crate) fn of(path: &Path, text: &[u8]) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&[".json", ".jsonc", ".json5"]) {
            return Some(Format::Json);
        }
        if name == ".env" || name.starts_with(".env.") || ends(&[".env"]) {
            return Some(Format::Env);
        }
        if ends(&[".yml", ".yaml"]) {
            return Some(Format::Yaml);
        }
        match text.trim_ascii_start().first()? {
            b'{' => Some(Format::Json),
            _ if env::fits(text) => Some(Format::Env),
            _ => None,
        }
    }

    /// The fields of a file whose value is a text or a number.
    pub(crate) fn fields(self, text: &[u8]) -> Result<Vec<Field>, Odd> {
        match self {
            Format::Json => json::fields(text),
            Format::Env => env::fields(text),
            Format::Yaml => yaml::fields(text),
        }
    }
}

impl Field {
    /// Writes the value, as a program would read it, into `out`, and returns its length.
    pub(crate) fn read(&self, text: &[u8], out: &mut [u8]) -> Result<usize, &'static str> {
        self.writing.read(&text[self.value.clone()], out)
    }

    /// The value of a field that is no secret.
    pub(crate) fn text(&self, text: &[u8]) -> Result<String, Error> {
        let mut room = vec![0; self.value.len()];
        let length = self.read(text, &mut room);
        let length = length.map_err(|why| Error::new(format_args!("line {}: {why}", self.line)))?;
        room.truncate(length);
        String::from_utf8(room).map_err(|_| Error::new(format_args!("line {}: not UTF-8", self.line)))
    }
}

/// Where the quote stands that ends a text, from a place behind the one that begins it; a backslash takes the next byte along.
fn closing(text: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    loop {
        match *text.get(at)? {
            byte if byte == quote => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The line that a place is in, the first being 1.
fn line_of(text: &[u8], at: usize) -> usize {
    1 + text[..at].iter().filter(|byte| **byte == b'\n').count()
}

/// The white space before a place, back to the beginning of its line; nothing if there is more than that.
fn indent_before(text: &[u8], at: usize) -> Range<usize> {
    let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    if text[start..at].iter().all(|byte| matches!(byte, b' ' | b'\t')) { start..at } else { at..at }
}
