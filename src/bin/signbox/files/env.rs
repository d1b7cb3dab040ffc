//! `.env` files: `NAME=value`, a line each, as shells and dotenv libraries read them.

use super::{Field, Odd, Writing, closing, indent_before, line_of};

/// Whether every line is a variable, a comment or nothing.
pub(super) fn fits(text: &[u8]) -> bool {
    fields(text).is_ok_and(|fields| !fields.is_empty())
}

/// All variables.
pub(super) fn fields(text: &[u8]) -> Result<Vec<Field>, Odd> {
    let mut fields: Vec<Field> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let odd = |why| Odd { line: line_of(text, start), why };
        let line_end = end_of_line(text, at);
        let line = &text[at..line_end];
        let blank = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if matches!(line.get(blank), None | Some(b'#')) {
            at = line_end + 1;
            continue;
        }
        at += blank;
        if let Some(rest) = text[at..].strip_prefix(b"export ") {
            at = text.len() - rest.len();
        }
        let equals = text[at..line_end].iter().position(|byte| *byte == b'=');
        let equals = at + equals.ok_or(odd("neither a variable nor a comment"))?;
        let name =
            std::str::from_utf8(&text[at..equals]).map_err(|_| odd("a name that is not UTF-8"))?.trim();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(odd("a name that is none"));
        }
        let space = text[equals + 1..line_end].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let begin = equals + 1 + space;
        let (value, writing, end) = match text.get(begin).filter(|_| begin < line_end) {
            Some(b'"') => {
                let end = closing(text, begin + 1, b'"').ok_or(odd("a quote without its end"))?;
                (begin + 1..end, Writing::Double, end + 1)
            }
            Some(b'\'') => {
                let end = text[begin + 1..].iter().position(|byte| *byte == b'\'');
                let end = begin + 1 + end.ok_or(odd("a quote without its end"))?;
                (begin + 1..end, Writing::Single, end + 1)
            }
            _ => {
                let value = &text[begin..line_end];
                let comment = value.windows(2).position(|pair| pair == b" #" || pair == b"\t#");
                let value = value[..comment.unwrap_or(value.len())].trim_ascii_end();
                (begin..begin + value.len(), Writing::Bare, begin + value.len())
            }
        };
        let line_end = end_of_line(text, end);
        let behind = text[end..line_end].trim_ascii_start();
        if !behind.is_empty() && !behind.starts_with(b"#") {
            return Err(odd("something stands behind the value"));
        }
        if fields.iter().any(|other| other.name == name) {
            return Err(odd("a variable stands twice"));
        }
        let (indent, line) = (indent_before(text, at), line_of(text, start));
        // What stands before the name, `export` too, is written again before a new one.
        let indent = if indent.is_empty() { start..at } else { indent };
        fields.push(Field { inside: Vec::new(), name: name.to_owned(), value, writing, indent, end, line });
        at = line_end + 1;
    }
    Ok(fields)
}

fn end_of_line(text: &[u8], at: usize) -> usize {
    text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |newline| at + newline)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_dotenv_reads_them() {
        let text = b"# keys\nA=plain # of Binance\n\n export B=\"a \\\" # b\" # more\nC='it is'\nD=\nE=a#b\r\nP=\"-----BEGIN\nx\n-----END\"\n";
        let told: Vec<_> = fields(text)
            .unwrap()
            .into_iter()
            .map(|field| (field.name, String::from_utf8(text[field.value].to_vec()).unwrap(), field.line))
            .collect();
        let told: Vec<_> = told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), *c)).collect();
        assert_eq!(
            told,
            [
                ("A", "plain", 2),
                ("B", "a \\\" # b", 4),
                ("C", "it is", 5),
                ("D", "", 6),
                ("E", "a#b", 7),
                ("P", "-----BEGIN\nx\n-----END", 8),
            ]
        );
    }

    #[test]
    fn what_is_no_variable_is_refused_with_its_line() {
        for text in ["A=1\nnothing", "A=1\nA=2", "\nA=\"x", "\nA=\"x\" y", "\n=x", "\nA B=x"] {
            assert_eq!(fields(text.as_bytes()).map(|_| ()).map_err(|odd| odd.line), Err(2), "{text}");
        }
        assert!(fits(b"A=1\n# x\n") && !fits(b"") && !fits(b"#!/bin/sh\necho"));
    }
}
