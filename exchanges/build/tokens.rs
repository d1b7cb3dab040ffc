// The tokens of a scheme.toml: what a message or a header is made of.

use super::tables::Tables;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum TokenEntry {
    Word(String),
    Inner(BTreeMap<String, Vec<TokenEntry>>),
}

pub(crate) fn place(tables: &mut Tables, text: &str) -> Result<String, String> {
    let (kind, name) = match text.split_once(':') {
        Some(("header", name)) => ("Header", name),
        Some(("query", name)) => ("Query", name),
        Some(("params", name)) => ("Params", name),
        Some(("body", name)) => ("Body", name),
        None if text == "headers" => return Ok("Place::Headers".into()),
        _ => {
            return Err(format!(
                "'{text}' is not headers, header:NAME, query:NAME, params:NAME or body:NAME"
            ));
        }
    };
    Ok(format!("Place::{kind}({})", tables.name(name)))
}

impl TokenEntry {
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, TokenEntry::Word(known) if known == word)
    }

    pub(crate) fn word(&self) -> &str {
        match self {
            TokenEntry::Word(word) => word,
            TokenEntry::Inner(_) => "",
        }
    }

    pub(crate) fn is_literal(&self) -> bool {
        matches!(self, TokenEntry::Word(word) if word.starts_with('='))
    }

    /// Whether the query is what its text begins with.
    pub(crate) fn opens_with_query(&self) -> bool {
        match self {
            TokenEntry::Word(word) => word.trim_end_matches('&') == "query",
            TokenEntry::Inner(map) => map.iter().any(|(function, inner)| {
                let kept = ["decoded", "sorted", "upper", "json", "then&"].contains(&function.as_str());
                kept && inner.first().is_some_and(TokenEntry::opens_with_query)
            }),
        }
    }

    /// Whether parameters are what its text begins with.
    pub(crate) fn opens_with_parameters(&self) -> bool {
        match self {
            TokenEntry::Word(word) => ["query", "body"].contains(&word.trim_end_matches('&')),
            TokenEntry::Inner(map) => map.iter().any(|(function, inner)| {
                let kept = ["decoded", "sorted", "form", "rawform", "then&"].contains(&function.as_str());
                kept && inner.first().is_some_and(TokenEntry::opens_with_parameters)
            }),
        }
    }

    /// Whether a function of this name is anywhere in it.
    pub(crate) fn holds(&self, name: &str) -> bool {
        match self {
            TokenEntry::Word(_) => false,
            TokenEntry::Inner(map) => map
                .iter()
                .any(|(function, inner)| function == name || inner.iter().any(|token| token.holds(name))),
        }
    }

    pub(crate) fn holds_word(&self, wanted: &str) -> bool {
        match self {
            TokenEntry::Word(word) => word == wanted,
            TokenEntry::Inner(map) => map.values().flatten().any(|token| token.holds_word(wanted)),
        }
    }

    /// Whether the query, or the body, is anywhere in it.
    pub(crate) fn speaks_of(&self, part: &str) -> bool {
        match self {
            TokenEntry::Word(word) => {
                word.trim_matches(['?', '&']) == part
                    || ((word.starts_with("field") || word.starts_with("number:")) && part == "body")
            }
            TokenEntry::Inner(map) => map.values().flatten().any(|token| token.speaks_of(part)),
        }
    }

    pub(crate) fn copy(&self) -> TokenEntry {
        match self {
            TokenEntry::Word(word) => TokenEntry::Word(word.clone()),
            TokenEntry::Inner(map) => TokenEntry::Inner(
                map.iter()
                    .map(|(name, inner)| (name.clone(), inner.iter().map(TokenEntry::copy).collect()))
                    .collect(),
            ),
        }
    }
}

/// A header's value that the next token follows without anything between may only hold digits: otherwise it could be the
/// beginning of what follows.
pub(crate) fn close(message: &mut [TokenEntry], until: usize) {
    for at in 0..until {
        let followed = message.get(at + 1).is_some_and(|next| !next.is_literal());
        match &mut message[at] {
            TokenEntry::Word(word) if followed && word.starts_with("header:") => {
                *word = word.replacen("header", "digits", 1)
            }
            TokenEntry::Word(_) => {}
            TokenEntry::Inner(map) => map.values_mut().for_each(|inner| {
                let all = inner.len();
                close(inner, all);
            }),
        }
    }
}

/// The tokens with those of `payload` in the place of that word.
pub(crate) fn expand(tokens: &[TokenEntry], payload: &[TokenEntry]) -> Vec<TokenEntry> {
    let mut all = Vec::new();
    for token in tokens {
        match token {
            TokenEntry::Word(word) if word == "payload" => all.extend(payload.iter().map(TokenEntry::copy)),
            TokenEntry::Word(_) => all.push(token.copy()),
            TokenEntry::Inner(map) => all.push(TokenEntry::Inner(
                map.iter().map(|(name, inner)| (name.clone(), expand(inner, payload))).collect(),
            )),
        }
    }
    all
}

pub(crate) fn tokens(tables: &mut Tables, entries: &[TokenEntry]) -> Result<String, String> {
    let list: Result<Vec<String>, String> = entries.iter().map(|entry| token(tables, entry)).collect();
    Ok(tables.list("TOKENS", list?))
}

fn token(tables: &mut Tables, entry: &TokenEntry) -> Result<String, String> {
    let word = match entry {
        TokenEntry::Word(word) => word.as_str(),
        TokenEntry::Inner(map) => match map.iter().collect::<Vec<_>>()[..] {
            [(name, inner)] => {
                let function = match name.as_str() {
                    "md5" => "Md5",
                    "sha256" => "Sha256",
                    "sha384" => "Sha384",
                    "sha512" => "Sha512",
                    "keccak256" => "Keccak256",
                    "hex" => "Hex",
                    "base64" => "Base64",
                    "base64url" => "Base64Url",
                    "upper" => "Upper",
                    "decoded" => "Decoded",
                    "sorted" => "Sorted",
                    "json" => "Json",
                    "after#" => "After(b'#')",
                    "after0" => "After(0)",
                    "then&" => "AndThen",
                    "tagged" => "Tagged",
                    "unhex" => "Unhex",
                    "be64" => "Be64",
                    "word" => "Word",
                    "msgpack" => "Msgpack",
                    "form" => "Form",
                    "rawform" => "RawForm",
                    "commas" => "Commas",
                    "flat" => "Flat",
                    "ordered" => "Ordered",
                    other => return Err(format!("message: no function is called '{other}'")),
                };
                return Ok(format!("Token::Of(Function::{function}, {})", tokens(tables, inner)?));
            }
            _ => return Err("message: one function to a table".into()),
        },
    };
    Ok(match word {
        "method" => "Token::Method".into(),
        "host" => "Token::Host".into(),
        "origin" => "Token::Origin".into(),
        "path" => "Token::Path".into(),
        "path/last" => "Token::LastSegment".into(),
        "query" => "Token::Query".into(),
        "?query" => "Token::MarkedQuery".into(),
        "query&" => "Token::QueryAnd".into(),
        "body" => "Token::Body".into(),
        "time" => "Token::Time".into(),
        "nonce" => "Token::Nonce".into(),
        "key" => "Token::Key".into(),
        "uid" => "Token::Uid".into(),
        "name" => "Token::EndpointName".into(),
        "signature" => "Token::Signature".into(),
        _ => match (word.strip_prefix('='), word.split_once(':'), word.split_once('+')) {
            (Some(text), ..) => format!("Token::Literal({})", tables.name(text)),
            (_, Some(("digits", name)), _) => format!("Token::Digits({})", tables.name(name)),
            (_, Some(("header", name)), _) => format!("Token::Header({})", tables.name(name)),
            (_, Some(("number", name)), _) => format!("Token::Number({})", tables.name(name)),
            (_, Some(("field?", name)), _) => format!("Token::OptionalField({})", tables.name(name)),
            (_, Some(("field", name)), _) => format!("Token::Field({})", tables.name(name)),
            (.., Some(("time", later))) => {
                let later: u32 = later.parse().map_err(|_| format!("message: '{word}' adds no number"))?;
                format!("Token::TimeLater({later})")
            }
            _ => return Err(format!("message: no token is called '{word}'")),
        },
    })
}
