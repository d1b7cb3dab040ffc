//! What the catalogue says about an endpoint's orders: where their fields stand, and which words mean what.

use crate::catalogue::{Name, Of};
use crate::decimal::Decimal;
use crate::order::{Does, OrderKind, Side, What};

/// Where the orders of an endpoint say what; see `orders.toml` in the catalogue's README.
#[derive(Debug)]
pub struct OrderEntry {
    /// Entries of one number read the same list.
    pub(crate) list: u8,
    /// Of the entries of one number, the first whose condition holds counts.
    pub(crate) leg: u8,
    /// Where the list of orders stands, if it is not the request that is the order; the first that is there.
    pub each: Option<Of<Name>>,
    /// What it says of a request.
    pub says: Says,
    /// What must hold for it to speak.
    pub when: Of<Condition>,
    /// Where the fields stand.
    pub fields: Of<OrderField>,
    /// Whether each of them is a parameter whose name has a beginning.
    pub(crate) flat: bool,
    /// What their names begin with, as a set of bits.
    pub(crate) begins: u64,
    /// What counts when a field is not there.
    pub fixed: Of<Fixed>,
    /// The values of `side` that mean buy.
    pub buy: Of<Name>,
    /// The values of `side` that mean sell.
    pub sell: Of<Name>,
    /// The values of `type` that mean limit.
    pub limit: Of<Name>,
    /// The values of `type` that mean market.
    pub market: Of<Name>,
    /// The values of `reduce` that mean that it is so.
    pub reducing: Of<Name>,
    /// Names that are no field's, though they hold one.
    pub known: Of<Name>,
    /// Whether a quantity below zero means sell.
    pub signed_quantity: bool,
    /// Whether the quantity counts contracts.
    pub contracts: bool,
}

/// What an entry says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// That it asks for this.
    Order(Does),
    /// That it asks for nothing that a limit is about.
    Nothing,
    /// That it could be read in another way.
    Refused,
}

/// A field and one place where it may stand.
#[derive(Debug)]
pub struct OrderField {
    /// The field.
    pub what: What,
    /// How many digits of the number are decimals, though it is written without a point.
    pub decimals: u8,
    /// The place.
    pub place: OrderPlace,
}

/// Where a value stands.
#[derive(Debug)]
pub struct OrderPlace {
    /// In what.
    pub within: Within,
    /// How long its name is up to the first dot.
    pub(crate) first: u8,
    /// What its name begins with; see [`beginning`](crate::catalogue::beginning).
    pub(crate) begins: u16,
    /// Its name; dots lead into objects, numbers into lists.
    pub name: Name,
}

/// What a name is a name in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// The order: an item of the list if there is one, else the request.
    Order,
    /// The request: its query and its body.
    Request,
    /// The path: a placeholder.
    Path,
}

/// A value that must be one of these; `*` stands for any text, nothing for a field that is not there, and a number for every way to write it.
#[derive(Debug)]
pub struct Condition {
    /// Where it stands.
    pub place: OrderPlace,
    /// The values.
    pub values: Of<Name>,
}

/// A value that the endpoint itself says.
#[derive(Debug)]
pub struct Fixed {
    /// Of which field.
    pub what: What,
    /// The value.
    pub value: Name,
}

impl OrderEntry {
    /// What its field says when it is not there.
    pub(super) fn fixed(&self, what: What) -> Option<&'static str> {
        self.fixed.items().iter().find(|fixed| fixed.what == what).map(|fixed| fixed.value.text())
    }

    /// Whether a value of its field means that it can only make a position smaller.
    pub(super) fn reduces(&self, word: &str) -> bool {
        self.reducing.iter().any(|known| known.text() == word)
    }

    pub(super) fn side(&self, word: &str) -> Option<Side> {
        let one_of = |words: &Of<Name>| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        if one_of(&self.buy) {
            Some(Side::Buy)
        } else if one_of(&self.sell) {
            Some(Side::Sell)
        } else {
            None
        }
    }

    pub(super) fn kind(&self, word: &str) -> OrderKind {
        let one_of = |words: &Of<Name>| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        if one_of(&self.limit) {
            OrderKind::Limit
        } else if one_of(&self.market) {
            OrderKind::Market
        } else {
            OrderKind::Other
        }
    }
}

/// Whether a text is the value that a condition asks for, in which `*` stands for any text; compared without case. A number
/// is itself however it is written.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    matches(pattern, text) || same_number(pattern, text)
}

fn matches(pattern: &str, text: &str) -> bool {
    // What is not there is not any text.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, place));
            at += 1;
        } else if pattern.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&text[place])) {
            (at, place) = (at + 1, place + 1);
        } else if let Some((behind, taken)) = star {
            (at, place) = (behind, taken + 1);
            star = Some((behind, taken + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether both are the same number: a price of `0.00` is `0`.
fn same_number(value: &str, text: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_digit())
        && Decimal::parse(value).is_ok_and(|number| Decimal::parse(text) == Ok(number))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fit) in [
            ("", "", true),
            ("*", "", false),
            ("*", "a", true),
            ("a", "", false),
            ("", "a", false),
            ("LIMIT", "limit", true),
            ("limit", "limit_maker", false),
            ("*-*-*", "BTC-USDT", false),
            ("*-*-*", "BTC-USDT-SWAP", true),
            ("*-*-*", "BTC-USD-230630-30000-C", true),
            ("*viqc*", "viqc", true),
            ("*viqc*", "post,viqc", true),
            ("*viqc*", "post,fciq", false),
            ("*_PERP", "a_PERP_PERP", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn a_number_is_itself_however_it_is_written() {
        for (value, text, fit) in [
            ("0", "0.00", true),
            ("0", "-0", true),
            ("0", "0e5", true),
            ("1", "01", false),
            ("0", "0.1", false),
        ] {
            assert_eq!(fits(value, text), fit, "{value} {text}");
        }
    }
}
