//! Requests whose signature would also be good for the same text, cut into other fields: no limit holds for them.

use crate::endpoints::{cuts, hides_a_cut};
use crate::json::{Wrong, spaces, string_len};
use crate::order::OrderEntry;
use crate::parts::{BodyKind, Parts, Source};
use crate::scheme::{Function, Scheme, Token};

impl Scheme {
    /// Fails for a request whose signed text could be cut into other fields than those that are read.
    pub(super) fn check_cuts(&self, parts: &Parts<'_>, entries: &[OrderEntry]) -> Result<(), Wrong> {
        let message = self.message.items();
        if parts.kind == BodyKind::Form && !parts.query.is_empty() && joins_query_and_body(message) {
            return Err(
                "parameters in the query and in the body, which are signed here as one text; send them in one of both",
            );
        }
        let json = matches!(parts.kind, BodyKind::Object | BodyKind::List);
        for param in parts.params.iter().filter(|param| !json || param.source == Source::Query) {
            if param.cuttable && parts.value(param).contains(';') {
                return Err("a parameter value with ';', at which it could be cut; write %3B");
            }
            if self.decodes && hides_a_cut(parts.value(param)) {
                return Err(
                    "a parameter value with an encoded '&', '=' or ';', which is signed decoded here; leave it out",
                );
            }
        }
        let holds = |function: Function| json && applies(message, function);
        if holds(Function::RawForm) && strings(parts.body).any(|(text, _)| cuts(text)) {
            return Err(
                "a JSON value with '&', '=', ';' or an escape, which is signed here as part of a form",
            );
        }
        if holds(Function::Commas) && strings(parts.body).any(|(text, _)| text.contains([',', '=', '\\'])) {
            return Err("a JSON value with ',', '=' or an escape, which is signed here between commas");
        }
        if holds(Function::Flat)
            && strings(parts.body).any(|(text, is_name)| hides_a_field(text, is_name, entries))
        {
            return Err(
                "a JSON text that holds the name of a field, which is signed here with nothing around it; leave it out",
            );
        }
        Ok(())
    }
}

/// Whether a text, signed among others with nothing between them, could be cut so that a field appears.
fn hides_a_field(text: &str, is_name: bool, entries: &[OrderEntry]) -> bool {
    let names = || {
        let fields = entries.iter().flat_map(|entry| entry.fields.items());
        fields.filter_map(|field| field.place.name.text().rsplit('.').next())
    };
    let known = || entries.iter().flat_map(|entry| entry.known.iter().map(|name| name.text()));
    let itself = is_name && names().chain(known()).any(|name| name == text);
    !itself && (text.contains('\\') || names().any(|name| text.contains(name)))
}

/// Whether a function is applied anywhere in a message.
fn applies(tokens: &[Token], function: Function) -> bool {
    tokens.iter().any(|token| match token {
        Token::Of(known, inner) => *known == function || applies(inner.items(), function),
        _ => false,
    })
}

/// Whether the query and the body stand in a message side by side, so that nothing says where one ends.
fn joins_query_and_body(tokens: &[Token]) -> bool {
    let side_by_side = |pair: &[Token]| {
        matches!(pair, [Token::Query | Token::MarkedQuery, Token::Body] | [Token::Body, Token::Query])
    };
    let within = |token: &Token| match token {
        Token::Of(_, inner) => joins_query_and_body(inner.items()),
        _ => false,
    };
    tokens.windows(2).any(side_by_side) || tokens.iter().any(within)
}

/// The strings of a JSON text, at any depth, and whether each is a name. The text was read before and found well-formed.
fn strings(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    core::iter::from_fn(move || {
        at += bytes[at..].iter().position(|byte| *byte == b'"')?;
        let inside = at + 1..at + string_len(&bytes[at..]) - 1;
        at = inside.end + 1;
        Some((&text[inside], bytes.get(at + spaces(&bytes[at..])) == Some(&b':')))
    })
}

#[cfg(test)]
mod tests {
    use super::strings;

    #[test]
    fn the_strings_of_a_json_text_are_found_at_any_depth() {
        let text = r#"{"a":"b","c" : ["d\"",{"e":1,"f":"g"}],"h":""}"#;
        let (names, values): (Vec<_>, Vec<_>) = strings(text).partition(|(_, is_name)| *is_name);
        assert_eq!(names.iter().map(|(text, _)| *text).collect::<String>(), "acefh");
        assert_eq!(values.iter().map(|(text, _)| *text).collect::<Vec<_>>(), ["b", r#"d\""#, "g", ""]);
    }
}
