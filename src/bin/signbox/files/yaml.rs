//! The part of YAML that configurations of bots use: `name: value`, a line each, in objects by their indentation.

use super::{Field, Odd, Writing, closing};

/// The members of all objects whose value stands in their line.
pub(super) fn fields(text: &[u8]) -> Result<Vec<Field>, Odd> {
    let mut fields: Vec<Field> = Vec::new();
    // The open objects: how far each is indented, and its name.
    let mut open: Vec<(usize, String)> = Vec::new();
    // Lines that are indented further belong to a text of several lines.
    let mut block: Option<usize> = None;
    let mut at = 0;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let start = at;
        at += line.len() + 1;
        let odd = |why| Odd { line: number + 1, why };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut indent = line.iter().take_while(|byte| **byte == b' ').count();
        let rest = &line[indent..];
        if rest.is_empty() || rest.starts_with(b"#") || block.is_some_and(|limit| indent > limit) {
            continue;
        }
        block = None;
        if rest.starts_with(b"\t") {
            return Err(odd("a tab that indents"));
        }
        if rest.starts_with(b"---") || rest.starts_with(b"%") {
            continue;
        }
        let (mut items, dash) = (0, indent);
        while line[indent..].starts_with(b"- ") {
            indent += 2 + line[indent + 2..].iter().take_while(|byte| **byte == b' ').count();
            items += 1;
        }
        // A list may stand as far left as its name.
        open.retain(|(depth, _)| if items > 0 { *depth <= dash } else { *depth < indent });
        if items > 0 {
            // Each item is an object of its own.
            open.push((indent - 1, format!("{}", number + 1)));
        }
        let rest = &line[indent..];
        let Some(colon) =
            (0..rest.len()).find(|at| rest[*at] == b':' && matches!(rest.get(at + 1), None | Some(b' ')))
        else {
            continue;
        };
        let name = std::str::from_utf8(&rest[..colon]).map_err(|_| odd("a name that is not UTF-8"))?;
        let name = name.trim().trim_matches(['"', '\'']).to_owned();
        let space = rest[colon + 1..].iter().take_while(|byte| **byte == b' ').count();
        let begin = colon + 1 + space;
        let (value, writing, end) = match rest.get(begin) {
            None | Some(b'#') => {
                open.push((indent, name));
                continue;
            }
            Some(b'|' | b'>') => {
                block = Some(indent);
                (begin..begin, Writing::Bare, begin)
            }
            Some(b'"') => {
                let end = closing(rest, begin + 1, b'"').ok_or(odd("a quote without its end in its line"))?;
                (begin + 1..end, Writing::Json, end + 1)
            }
            Some(b'\'') => {
                let mut end = begin + 1;
                loop {
                    match (rest.get(end), rest.get(end + 1)) {
                        (None, _) => return Err(odd("a quote without its end in its line")),
                        (Some(b'\''), Some(b'\'')) => end += 2,
                        (Some(b'\''), _) => break,
                        _ => end += 1,
                    }
                }
                (begin + 1..end, Writing::Doubled, end + 1)
            }
            // An object or a list in one line, a name for a value, or one of these.
            Some(b'{' | b'[' | b'&' | b'*' | b'!') => continue,
            Some(_) => {
                let value = &rest[begin..];
                let comment = value.windows(2).position(|pair| pair == b" #");
                let value = value[..comment.unwrap_or(value.len())].trim_ascii_end();
                (begin..begin + value.len(), Writing::Bare, begin + value.len())
            }
        };
        let inside: Vec<String> = open.iter().map(|(_, name)| name.clone()).collect();
        if fields.iter().any(|other| other.name == name && other.inside == inside) {
            return Err(odd("a name stands twice in an object"));
        }
        let place = |at: usize| start + indent + at;
        let (value, end) = (place(value.start)..place(value.end), place(end));
        let indent = start..start + indent;
        fields.push(Field { inside, name, value, writing, indent, end, line: number + 1 });
    }
    Ok(fields)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_indentation() {
        let text = b"# x\nconnector: binance\n\nkeys:\n  kraken: # mine\n    api_key: k  # the key\n    secret: \"s\\\"1\"\n  okx:\n    secret: 'it''s'\nlist:\n  - name: a\n    secret: x\n  - name: b\nleft:\n- name: c\nflow: {secret: no}\npem: |\n  secret: no\nlast: 1\n";
        let told: Vec<_> = fields(text)
            .unwrap()
            .into_iter()
            .map(|field| {
                let value = String::from_utf8(text[field.value].to_vec()).unwrap();
                format!("{}.{}={value}:{}", field.inside.join("."), field.name, field.line)
            })
            .collect();
        assert_eq!(
            told,
            [
                ".connector=binance:2",
                "keys.kraken.api_key=k:6",
                "keys.kraken.secret=s\\\"1:7",
                "keys.okx.secret=it''s:9",
                "list.11.name=a:11",
                "list.11.secret=x:12",
                "list.13.name=b:13",
                "left.15.name=c:15",
                ".pem=:17",
                ".last=1:19",
            ]
        );
    }

    #[test]
    fn what_cannot_be_rewritten_is_refused_with_its_line() {
        for text in ["a: 1\na: 2", "\n\tb: 1", "\na: \"x", "\na: 'x"] {
            assert_eq!(fields(text.as_bytes()).map(|_| ()).map_err(|odd| odd.line), Err(2), "{text}");
        }
    }
}
