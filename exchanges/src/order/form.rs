//! The short way to the fields of an order: a query or a form that says each of them once, in plain text.

use crate::catalogue::beginning_bit;
use crate::order::read::{Piece, Reader, is_called};
use crate::order::{OrderEntry, What};
use crate::parts::BodyKind;
use crate::scan::until;

/// Where the fields of an order stand, and how many digits of each are decimals though it is written without a point.
pub(super) type Found = [Option<(Piece, u8)>; What::ALL.len()];

impl Reader<'_, '_> {
    /// Finds the fields of an order that is the request. False if it is not that simple, or odd in any way: then they have to
    /// be read one by one.
    pub(super) fn form(&self, entry: &OrderEntry, found: &mut Found) -> bool {
        if !entry.flat || !matches!(self.parts.kind, BodyKind::None | BodyKind::Form) {
            return false;
        }
        let fields = entry.fields.items();
        let mut seen = 0_u16;
        for param in self.parts.params {
            let begins = param.begins;
            if begins == 0 {
                return false;
            }
            if beginning_bit(begins) & entry.begins == 0 {
                continue;
            }
            for field in fields.iter().filter(|field| field.place.begins == begins) {
                let name = self.parts.name(param).as_bytes();
                match is_called(name, field.place.name.text()) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(_) => return false,
                }
                let value = self.parts.value(param).as_bytes();
                let plain = until(value, [b'%', b'+', 0x7f]) == value.len();
                let bit = 1 << field.what as u8;
                if !plain || seen & bit != 0 {
                    return false;
                }
                seen |= bit;
                // What is empty is not there.
                if !value.is_empty() {
                    found[field.what as usize] = Some((Piece::of_form(param), field.decimals));
                }
            }
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::json::Names;
    use crate::parts::{Parts, Request, Scratch};

    /// A throw of dice, the same at each run.
    fn throw(dice: &mut u64, below: usize) -> usize {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        (*dice % below as u64) as usize
    }

    #[test]
    fn what_is_found_the_short_way_is_found_the_long_way() {
        let (mut dice, mut short, mut long) = (0x9e37_79b9_7f4a_7c15, 0, 0);
        let (mut scratch, mut own, mut names) =
            (Scratch::default(), Vec::with_capacity(10_000), Names::new());
        for exchange in crate::catalogue() {
            let lines =
                exchange.endpoints.iter().flat_map(|line| line.orders.iter().map(move |entry| (line, entry)));
            for ((endpoint, entry), _) in lines.flat_map(|pair| (0..40).map(move |round| (pair, round))) {
                let mut texts = [String::new(), String::new()];
                for field in entry.fields.iter() {
                    let mut name = field.place.name.text().to_owned();
                    match throw(&mut dice, 30) {
                        0 => name = name.to_uppercase(),
                        1 => name.push_str("[0]"),
                        2 => name.push('x'),
                        3 => name.truncate(1),
                        4 => name.insert_str(1, "%5B"),
                        5..9 => continue,
                        _ => {}
                    }
                    let values = ["1", "1", "1.50", "BUY", "true", "", "a%42", "a+b", "a=b", "LIMIT"];
                    let value = values[throw(&mut dice, values.len())];
                    let text = &mut texts[usize::from(throw(&mut dice, 20) == 0)];
                    text.push_str(if text.is_empty() { "" } else { "&" });
                    text.push_str(&format!("{name}={value}"));
                }
                let [body, query] = texts;
                let url = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") };
                let request = Request { method: "POST", url: &url, headers: &[], body: Some(&body) };
                let Ok(parts) = Parts::of(exchange, &request, &mut scratch) else { continue };
                own.clear();
                let mut reader = Reader { parts: &parts, endpoint, own: &mut own, names: &mut names };
                let mut found: Found = [None; What::ALL.len()];
                if !reader.form(entry, &mut found) {
                    long += 1;
                    continue;
                }
                short += 1;
                let mut other: Found = [None; What::ALL.len()];
                assert_eq!(reader.fields(entry, None, &mut other), Ok(()), "{url} {body}");
                for what in What::ALL {
                    let text = |found: &Found| {
                        let (piece, decimals) = found[what as usize]?;
                        Some((reader.text(piece).unwrap().to_owned(), decimals))
                    };
                    let reduces = |found: &Found| text(found).is_some_and(|(text, _)| entry.reduces(&text));
                    match what {
                        What::Reduce => assert_eq!(reduces(&found), reduces(&other), "{url} {body}"),
                        _ => assert_eq!(text(&found), text(&other), "{url} {body} {what:?}"),
                    }
                }
            }
        }
        assert!(short > 5_000 && long > 5_000, "{short} {long}");
    }
}
