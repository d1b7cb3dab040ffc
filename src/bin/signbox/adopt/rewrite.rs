//! The file anew: placeholders where secrets stood, handles beside them, and every other byte as it was.

use super::{File, Taking, is_encrypted};
use crate::add;
use crate::files::{Field, Format, Odd, Writing, is_no_secret, words};
use crate::placeholder::WORD;
use std::ops::Range;

/// The text with each account's placeholder and handle.
pub(super) fn with_placeholders(
    format: Format,
    file: &File<'_>,
    placed: &[(&Taking<'_>, &str)],
) -> Result<Vec<u8>, Odd> {
    let File { text, fields, password } = *file;
    let mut edits = Vec::new();
    for (taking, placeholder) in placed {
        let secret = &fields[taking.account.secret];
        let mut replace = |field: &Field, value: &str| {
            let odd = |why| Odd { line: field.line, why };
            let why = "is not a string, and so nothing can be put in its place";
            let raw = &text[field.value.clone()];
            // What was encrypted is encrypted again, or hummingbot could not read it.
            let hidden = match password.filter(|_| is_encrypted(raw)) {
                None => value.to_owned(),
                Some(password) => {
                    let hidden = add::in_locked_memory(|_| password.encrypt(raw, value));
                    hidden.map_err(|_| odd("there is no locked memory"))?.map_err(odd)?
                }
            };
            edits.push(written(format, field, &hidden).ok_or(odd(why))?);
            // Once more elsewhere, such as in a comment.
            if raw.len() >= 8 {
                let again = text.windows(raw.len()).enumerate().filter(|(_, window)| *window == raw);
                let again = again.map(|(at, _)| at).filter(|at| *at != field.value.start);
                edits.extend(again.map(|at| (at..at + raw.len(), WORD.to_owned())));
            }
            Ok(())
        };
        replace(secret, placeholder)?;
        if let Some(at) = taking.passphrase {
            replace(&fields[at], WORD)?;
        }
        match taking.account.handle.map(|at| &fields[at]) {
            Some(field) => edits.extend(written(format, field, &taking.handle)),
            None => edits.extend(handle(format, text, secret, &taking.handle)),
        }
    }
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let mut new = Vec::with_capacity(text.len() + 4096);
    let mut at = 0;
    for (place, value) in edits {
        if place.start < at {
            continue; // one that stands twice
        }
        new.extend_from_slice(&text[at..place.start]);
        new.extend_from_slice(value.as_bytes());
        at = place.end;
    }
    new.extend_from_slice(&text[at..]);
    check(format, &new, file, placed)?;
    Ok(new)
}

/// The text as it was, with nothing where secrets of any kind stood.
pub(super) fn without_secrets(text: &[u8], fields: &[Field]) -> Vec<u8> {
    let secret = |field: &&Field| {
        let told = words(&field.name);
        let told = told.iter().any(|word| SECRET_WORDS.iter().any(|known| word.contains(known)));
        told && !is_no_secret(&text[field.value.clone()])
    };
    let mut clean = text.to_vec();
    let mut at = 0;
    let found: Vec<&Field> = fields.iter().filter(secret).collect();
    while at < text.len() {
        let here = found.iter().map(|field| &text[field.value.clone()]).find(|raw| {
            let long = raw.len() >= 4 || found.iter().any(|field| field.value.start == at);
            long && text[at..].starts_with(raw)
        });
        let length = here.map_or(0, |raw| raw.len());
        clean[at..at + length].fill(b'*');
        at += length.max(1);
    }
    clean
}

/// Where a value goes, and how it is written there.
fn written(format: Format, field: &Field, value: &str) -> Option<(Range<usize>, String)> {
    let place = field.value.clone();
    let lines = value.contains('\n');
    match field.writing {
        Writing::Bare if format == Format::Json => None,
        Writing::Bare => Some((
            place,
            Writing::Bare.write(value).or_else(|| Some(format!("\"{}\"", Writing::Double.write(value)?)))?,
        )),
        // There is no line end between these quotes.
        Writing::Doubled if lines => {
            Some((place.start - 1..place.end + 1, format!("\"{}\"", Writing::Json.write(value)?)))
        }
        writing => Some((place, writing.write(value)?)),
    }
}

/// The handle as a member, a variable or a comment behind a secret.
fn handle(format: Format, text: &[u8], secret: &Field, handle: &str) -> Option<(Range<usize>, String)> {
    let before = std::str::from_utf8(&text[secret.indent.clone()]).ok()?;
    let name = beside(&secret.name);
    let line_end =
        text[secret.end..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| secret.end + at);
    let returns = if text[..line_end].ends_with(b"\r") { "\r" } else { "" };
    let behind = line_end - returns.len();
    Some(match format {
        Format::Json if before.is_empty() => (secret.end..secret.end, format!(", \"{name}\": \"{handle}\"")),
        Format::Json => {
            let returns = if text.windows(2).any(|pair| pair == b"\r\n") { "\r" } else { "" };
            (secret.end..secret.end, format!(",{returns}\n{before}\"{name}\": \"{handle}\""))
        }
        Format::Env => (behind..behind, format!("{returns}\n{before}{name}={handle}")),
        // Hummingbot takes no member that it does not know.
        Format::Yaml => {
            let before: String =
                before.chars().map(|letter| if letter == '-' { ' ' } else { letter }).collect();
            (behind..behind, format!("{returns}\n{before}# signbox: {handle}"))
        }
    })
}

/// What the handle is called beside a secret of this name.
fn beside(name: &str) -> String {
    let all = words(name);
    let kept = crate::files::role(&all).map_or(0, |(_, before)| before);
    // The letters of the words that stay, and what stands between them.
    let letters: usize = all[..kept].iter().map(|word| word.chars().count()).sum();
    let mut seen = 0;
    let end = name.char_indices().find(|(_, letter)| {
        let over = letter.is_alphanumeric() && seen == letters;
        seen += usize::from(letter.is_alphanumeric());
        over
    });
    let start = &name[..end.map_or(name.len(), |(at, _)| at)];
    match start.chars().last() {
        None if name.chars().any(char::is_lowercase) => "signbox".to_owned(),
        Some(last) if last.is_alphanumeric() => format!("{start}Signbox"),
        _ if name.chars().any(char::is_lowercase) => format!("{start}signbox"),
        _ => format!("{start}SIGNBOX"),
    }
}

/// Reads the new text as the old one was read: the same fields, and no secret where there was one.
fn check(format: Format, new: &[u8], file: &File<'_>, placed: &[(&Taking<'_>, &str)]) -> Result<(), Odd> {
    let fields = file.fields;
    let again = format.fields(new)?;
    for (taking, _) in placed {
        for at in [Some(taking.account.secret), taking.passphrase].into_iter().flatten() {
            let old = &fields[at];
            let same = again.iter().find(|field| {
                field.name == old.name
                    && field.inside.len() == old.inside.len()
                    && (field.inside == old.inside || format == Format::Yaml)
            });
            let other = |raw: &[u8]| is_no_secret(raw) || is_encrypted(raw) && raw != file.raw(at);
            if !same.is_some_and(|field| other(&new[field.value.clone()])) {
                return Err(Odd { line: old.line, why: "cannot be rewritten here" });
            }
        }
    }
    if again.len() < fields.len() {
        return Err(Odd { line: 1, why: "cannot be rewritten here" });
    }
    Ok(())
}

/// What the names of values have in them that are nobody's business, exchange or not.
const SECRET_WORDS: [&str; 9] =
    ["secret", "password", "passphrase", "passwd", "token", "private", "mnemonic", "seed", "jwt"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handle_is_called_as_the_secret_is() {
        for (secret, name) in [
            ("secret", "signbox"),
            ("apiSecret", "signbox"),
            ("API_SECRET", "SIGNBOX"),
            ("BINANCE_API_SECRET", "BINANCE_SIGNBOX"),
            ("FREQTRADE__EXCHANGE__SECRET", "FREQTRADE__EXCHANGE__SIGNBOX"),
            ("binance_api_secret", "binance_signbox"),
            ("binanceApiSecret", "binanceSignbox"),
        ] {
            assert_eq!(beside(secret), name, "{secret}");
        }
    }

    #[test]
    fn a_copy_has_no_secret_of_any_kind() {
        let text =
            br#"{"exchange": {"name": "binance", "secret": "S3CRETS3CRET"}, "telegram": {"token": "T0KEN"},
            "x": {"password": "your_password", "jwt_secret_key": "J"}} // S3CRETS3CRET Just"#;
        let fields = Format::Json.fields(text).unwrap_or_default();
        let clean = String::from_utf8(without_secrets(text, &fields)).unwrap_or_default();
        assert_eq!(
            clean,
            r#"{"exchange": {"name": "binance", "secret": "************"}, "telegram": {"token": "*****"},
            "x": {"password": "your_password", "jwt_secret_key": "*"}} // ************ Just"#
        );
    }
}
