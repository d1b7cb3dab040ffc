//! The words that limits are made of: amounts, rates, destinations, percentages.

use super::{Span, push, span};
use crate::policy::orders::{Decimal, decimal};
use core::ops::Range;
use signbox_exchanges::Class;

/// An amount, and what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Amount {
    /// A symbol, a beginning of symbols with a `*`, or a currency; nothing means the rest.
    pub(crate) of: Span,
    /// The most.
    pub(crate) most: Decimal,
    /// What sums for it are kept under, whatever else the limit says.
    pub(crate) key: u64,
}

/// So many requests in such a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Of what class; nothing means all but cancels.
    pub(crate) class: Option<Class>,
    /// How many at once.
    pub(crate) count: u32,
    /// How long one request is paid back in: rounded up, so that never more than the count fit.
    interval_ns: u64,
    /// Its name, for a refusal.
    pub(crate) unit: &'static str,
}

/// Where a withdrawal may go to.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) currency: Span,
    pub(crate) network: Span,
    pub(crate) address: Span,
    pub(crate) tag: Option<Span>,
}

impl Rate {
    pub(super) fn push(class: Option<Class>, word: &str, rates: &mut Vec<Rate>) -> Result<(), &'static str> {
        let (count, unit) = word.split_once('/').ok_or("a word without a '/'")?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: Option<u32> = count.parse().ok().filter(|count| digits && (1..=1_000_000).contains(count));
        let count = count.ok_or("a count that is no whole number from 1 to 1000000")?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let (unit, seconds) = *unit.ok_or("a unit that is not known")?;
        if rates.iter().any(|rate| rate.class == class && rate.unit == unit) {
            return Err("a unit stands twice");
        }
        let interval_ns = (seconds * 1_000_000_000_u64).div_ceil(u64::from(count));
        push(rates, Rate { class, count, interval_ns, unit })
    }

    /// Whether it is on requests of this class; an endpoint that the catalogue does not list has none.
    pub(crate) fn counts(&self, class: Option<Class>) -> bool {
        match self.class {
            None => class != Some(Class::Cancel),
            own => own == class,
        }
    }

    /// Where it is counted: for each class and unit there is one place.
    pub(crate) fn place(&self) -> usize {
        let unit = UNITS.iter().position(|(name, _)| *name == self.unit).unwrap_or(0);
        self.class.map_or(0, |class| 1 + class as usize) * UNITS.len() + unit
    }

    /// How long one request is paid back in: rounded up, so that never more than the count fit.
    pub(crate) fn interval_ns(&self) -> u64 {
        self.interval_ns
    }
}

impl Destination {
    pub(super) fn of(word: &str, place: Range<usize>) -> Result<Destination, &'static str> {
        let slash = word.find('/').ok_or("a word without a '/'")?;
        let colon = word[slash..].find(':').ok_or("a word without a ':'")? + slash;
        let hash = word[colon..].rfind('#').map(|at| at + colon);
        let end = hash.unwrap_or(word.len());
        if slash == 0 || colon == slash + 1 || end == colon + 1 || hash == Some(word.len() - 1) {
            return Err("a currency, network, address or tag is missing");
        }
        if word[..slash].contains(['*', ':']) {
            return Err("a currency with an odd character");
        }
        let part = |from: usize, to: usize| span(place.start + from..place.start + to);
        Ok(Destination {
            currency: part(0, slash),
            network: part(slash + 1, colon),
            address: part(colon + 1, end),
            tag: hash.map(|hash| part(hash + 1, word.len())),
        })
    }
}

/// Reads `SYMBOL:NUMBER`, or where that is `bare`, a number.
pub(super) fn amount(
    word: &str,
    place: Range<usize>,
    bare: bool,
    texts: &str,
    amounts: &mut Vec<Amount>,
) -> Result<(), &'static str> {
    let (of, number) = match word.rsplit_once(':') {
        Some(("", _)) => return Err("a number for nothing"),
        Some((of, number)) => (of, number),
        None if bare => ("", word),
        None => return Err("a word without a ':'"),
    };
    if !of.is_empty() {
        symbol(of)?;
    }
    let most = decimal(number).filter(|most| !most.is_negative()).ok_or("a number that is no decimal")?;
    let same = |amount: &Amount| {
        let known = texts.get(usize::from(amount.of.start)..usize::from(amount.of.end)).unwrap_or("");
        known.eq_ignore_ascii_case(of)
    };
    if amounts.iter().any(same) {
        return Err(if of.is_empty() { "two bare numbers" } else { "a symbol or currency stands twice" });
    }
    let of_span = span(place.start..place.start + of.len());
    push(amounts, Amount { of: of_span, most, key: key(of) })
}

pub(super) fn percent(text: &str) -> Result<Decimal, &'static str> {
    let number = text.strip_suffix('%').ok_or("no '%' behind it")?;
    decimal(number).filter(|percent| !percent.is_negative()).ok_or("a number that is no decimal")
}

pub(super) fn symbol(word: &str) -> Result<(), &'static str> {
    match word.find('*') {
        Some(at) if at + 1 < word.len() => Err("a '*' that is not at the end"),
        _ => Ok(()),
    }
}

pub(super) fn host(word: &str, place: Range<usize>) -> Result<Range<usize>, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    if word.bytes().all(plain) { Ok(place) } else { Err("a host with an odd character") }
}

pub(super) fn one_of(word: &str, known: &[&str], set: &mut u8) -> Result<(), &'static str> {
    let at = known.iter().position(|known| *known == word).ok_or("a word that is not known")?;
    *set |= 1 << at;
    Ok(())
}

/// Whether a word, perhaps with a `*` at its end, stands for this symbol.
pub(super) fn fits(word: &str, symbol: &str) -> bool {
    match word.strip_suffix('*') {
        None => word.eq_ignore_ascii_case(symbol),
        Some(start) => {
            let bytes = symbol.as_bytes();
            bytes.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
        }
    }
}

/// FNV-1a of a word in lower case.
pub(crate) fn key(word: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    word.bytes().map(|byte| byte.to_ascii_lowercase()).fold(0xcbf2_9ce4_8422_2325, step)
}

const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)];
