//! The limits of a key: what its record and the owner's file say beyond grants, read into fixed room.
//!
//! One grammar for both: a limit has a name, and a text of words. Nothing here knows a request; [`bounds`](super::bounds)
//! holds one against them. Limits are no secret, so a signer keeps what it has read of a record, and reads again only what
//! has changed: behind the walls nothing here allocates, since every list was given its room before.

mod times;
mod words;

use super::Grants;
use super::orders::{self, Decimal, Does};
use core::fmt;
use core::ops::Range;
use signbox_exchanges::json::{Cursor, Names, Value};
use signbox_exchanges::{Class, Exchange};
pub(super) use times::{DAY_NS, Hours};
pub(super) use words::{Amount, Destination, Rate, key as words_key};

/// The name of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The grants that are left; in the file alone.
    Allow,
    /// The hosts that requests may be for.
    Hosts,
    /// The symbols that orders may be for.
    Symbols,
    /// The sides that orders may have.
    Sides,
    /// The types that orders may have.
    Types,
    /// The largest quantity of one order.
    Quantity,
    /// The largest price times quantity of one order.
    Notional,
    /// How far a price may be from the reference that the request states.
    Band,
    /// Price times quantity of all orders of a day.
    NotionalDay,
    /// Requests in a time, cancels aside.
    Rate,
    /// Requests of one class in a time.
    RateOf(Class),
    /// The times of the week.
    Hours,
    /// The end.
    Until,
    /// The addresses that withdrawals may go to.
    WithdrawTo,
    /// What may be withdrawn in a day.
    WithdrawDay,
    /// The limits that may be there although the exchange's signature cannot enforce them.
    AcceptUnenforced,
    /// What the audit log holds of a request.
    Audit,
    /// What there is a warning for.
    Alert,
    /// That counts must survive the signer.
    Ledger,
}

impl Limit {
    /// Every limit, in the order they are listed in.
    pub const ALL: [Limit; 24] = [
        Limit::Allow,
        Limit::Hosts,
        Limit::Symbols,
        Limit::Sides,
        Limit::Types,
        Limit::Quantity,
        Limit::Notional,
        Limit::Band,
        Limit::NotionalDay,
        Limit::Rate,
        Limit::RateOf(Class::Read),
        Limit::RateOf(Class::Trade),
        Limit::RateOf(Class::Cancel),
        Limit::RateOf(Class::Transfer),
        Limit::RateOf(Class::Withdraw),
        Limit::RateOf(Class::Admin),
        Limit::Hours,
        Limit::Until,
        Limit::WithdrawTo,
        Limit::WithdrawDay,
        Limit::AcceptUnenforced,
        Limit::Audit,
        Limit::Alert,
        Limit::Ledger,
    ];

    /// The limit of this name.
    pub fn of(name: &str) -> Option<Limit> {
        Limit::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Allow => "allow",
            Limit::Hosts => "hosts",
            Limit::Symbols => "symbols",
            Limit::Sides => "sides",
            Limit::Types => "types",
            Limit::Quantity => "quantity",
            Limit::Notional => "notional",
            Limit::Band => "band",
            Limit::NotionalDay => "notional-day",
            Limit::Rate => "rate",
            Limit::RateOf(Class::Read) => "rate-read",
            Limit::RateOf(Class::Trade) => "rate-trade",
            Limit::RateOf(Class::Cancel) => "rate-cancel",
            Limit::RateOf(Class::Transfer) => "rate-transfer",
            Limit::RateOf(Class::Withdraw) => "rate-withdraw",
            Limit::RateOf(Class::Admin) => "rate-admin",
            Limit::Hours => "hours",
            Limit::Until => "until",
            Limit::WithdrawTo => "withdraw-to",
            Limit::WithdrawDay => "withdraw-day",
            Limit::AcceptUnenforced => "accept-unenforced",
            Limit::Audit => "audit",
            Limit::Alert => "alert",
            Limit::Ledger => "ledger",
        }
    }

    /// What its text looks like, for whoever has mistaken it.
    pub fn form(self) -> &'static str {
        match self {
            Limit::Allow => "'read trade cancel'",
            Limit::Hosts => "'api.binance.com api1.binance.com'",
            Limit::Symbols => "'BTCUSDT ETHUSDT' or 'BTC*'",
            Limit::Sides => "'buy', 'sell' or 'buy sell'",
            Limit::Types => "words out of 'limit market other'",
            Limit::Quantity => "'0.5', or 'BTCUSDT:0.5 ETHUSDT:2 10' with a bare number for the rest",
            Limit::Notional => "'1000', or 'BTCUSDT:5000 ETHUSDT:2000 100' with a bare number for the rest",
            Limit::Band => "'2%'",
            Limit::NotionalDay => {
                "'50000', or 'BTCUSDT:50000 10000' with a bare number for the rest together"
            }
            Limit::Rate | Limit::RateOf(_) => "'10/s', '300/min' or both, with units s, min, h or d",
            Limit::Hours => "'mon-fri 08:00-18:00 UTC', several separated by ';'",
            Limit::Until => "'2026-12-31' or '2026-12-31 18:00 UTC'",
            Limit::WithdrawTo => "'BTC/bitcoin:ADDRESS' or 'XRP/*:ADDRESS#TAG'",
            Limit::WithdrawDay => "'USDT:1000 BTC:0.1'",
            Limit::AcceptUnenforced => "names of limits, such as 'notional symbols'",
            Limit::Audit => "'full' or 'hashes'",
            Limit::Alert => "words out of 'use new-symbol new-endpoint'",
            Limit::Ledger => "'required'",
        }
    }

    /// What it looks at, if that is something that an order or a withdrawal says.
    pub(super) fn does(self) -> Option<Does> {
        match self {
            Limit::Symbols
            | Limit::Sides
            | Limit::Types
            | Limit::Quantity
            | Limit::Notional
            | Limit::Band
            | Limit::NotionalDay => Some(Does::Place),
            Limit::WithdrawTo | Limit::WithdrawDay => Some(Does::Withdraw),
            _ => None,
        }
    }

    /// Its place in [`Limit::ALL`], as a bit.
    fn bit(self) -> u32 {
        1 << match self {
            Limit::Allow => 0,
            Limit::Hosts => 1,
            Limit::Symbols => 2,
            Limit::Sides => 3,
            Limit::Types => 4,
            Limit::Quantity => 5,
            Limit::Notional => 6,
            Limit::Band => 7,
            Limit::NotionalDay => 8,
            Limit::Rate => 9,
            Limit::RateOf(Class::Read) => 10,
            Limit::RateOf(Class::Trade) => 11,
            Limit::RateOf(Class::Cancel) => 12,
            Limit::RateOf(Class::Transfer) => 13,
            Limit::RateOf(Class::Withdraw) => 14,
            Limit::RateOf(Class::Admin) => 15,
            Limit::Hours => 16,
            Limit::Until => 17,
            Limit::WithdrawTo => 18,
            Limit::WithdrawDay => 19,
            Limit::AcceptUnenforced => 20,
            Limit::Audit => 21,
            Limit::Alert => 22,
            Limit::Ledger => 23,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a limit: which one, and what would be right. Never a piece of what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The limit, if its name was one.
    pub limit: Option<Limit>,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "limit '{limit}': {}; write {}", self.why, limit.form()),
            None => {
                f.write_str(self.why)?;
                f.write_str("; there are")?;
                for (at, limit) in Limit::ALL.iter().enumerate() {
                    write!(f, "{} {limit}", if at > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

/// Where a text stands in the texts of its [`Limits`].
pub(super) type Span = Range<u16>;

/// The limits of one source: of a record, or of one heading of the file.
#[derive(Debug)]
pub struct Limits {
    /// All that was said, for those who ask, and for the spans below.
    texts: String,
    said: Vec<(Limit, Span)>,
    /// One bit for each limit that is there.
    there: u32,
    allow: Grants,
    hosts: Vec<Span>,
    symbols: Vec<Span>,
    sides: u8,
    types: u8,
    quantity: Vec<Amount>,
    notional: Vec<Amount>,
    notional_day: Vec<Amount>,
    band: Option<Decimal>,
    rates: Vec<Rate>,
    hours: Vec<Hours>,
    until_ns: u64,
    withdraw_to: Vec<Destination>,
    withdraw_day: Vec<Amount>,
    unenforced: u32,
    audit: u8,
    alert: u8,
    ledger: u8,
    /// The limits as the record wrote them, when they are a record's.
    written: Vec<u8>,
    written_wrong: Option<Mistake>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits::for_times(1)
    }
}

impl Limits {
    /// With the room for all that there can be, or for none.
    fn for_times(one: usize) -> Limits {
        Limits {
            texts: String::with_capacity(one * LONGEST_TEXTS),
            said: Vec::with_capacity(one * MOST_SAID),
            there: 0,
            allow: Grants::NONE,
            hosts: Vec::with_capacity(one * MOST_WORDS),
            symbols: Vec::with_capacity(one * MOST_WORDS),
            sides: 0,
            types: 0,
            quantity: Vec::with_capacity(one * MOST_WORDS),
            notional: Vec::with_capacity(one * MOST_WORDS),
            notional_day: Vec::with_capacity(one * MOST_WORDS),
            band: None,
            rates: Vec::with_capacity(one * MOST_RATES),
            hours: Vec::with_capacity(one * MOST_WORDS),
            until_ns: 0,
            withdraw_to: Vec::with_capacity(one * MOST_WORDS),
            withdraw_day: Vec::with_capacity(one * MOST_WORDS),
            unenforced: 0,
            audit: 0,
            alert: 0,
            ledger: 0,
            written: Vec::with_capacity(one * crate::record::LONGEST),
            written_wrong: None,
        }
    }

    /// None, and no room for any: to be exchanged for others before a record is read into them.
    pub fn without_room() -> Limits {
        Limits::for_times(0)
    }

    /// Whether limits can be read into these.
    pub fn has_room(&self) -> bool {
        self.written.capacity() > 0
    }

    /// Reads one text of one limit into these. A limit may have several texts, which count as one.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Mistake> {
        let limit = Limit::of(name).ok_or(Mistake { limit: None, why: UNKNOWN })?;
        self.set_limit(limit, text).map_err(|why| Mistake { limit: Some(limit), why })
    }

    /// Whether there is no limit.
    pub fn is_empty(&self) -> bool {
        self.there == 0
    }

    /// Reads the limits of a record, a JSON object, in the place of what was here; nothing is done if that was the same.
    ///
    /// After a mistake there are no limits that one could go by: the record cannot be used.
    pub fn set_all(&mut self, object: &[u8], names: &mut Names) -> Result<(), Mistake> {
        if self.written == object {
            return self.written_wrong.map_or(Ok(()), Err);
        }
        self.clear();
        let read = self.read(object, names);
        self.written_wrong = read.err();
        if object.len() <= self.written.capacity() {
            self.written.extend_from_slice(object);
        }
        read
    }

    /// Whether this limit is there.
    pub fn has(&self, limit: Limit) -> bool {
        self.there & limit.bit() != 0
    }

    /// The limits that are there, in the order in which they were given, each with a text.
    pub fn texts(&self) -> impl Iterator<Item = (Limit, &str)> {
        self.said.iter().map(|(limit, span)| (*limit, self.text(span)))
    }

    /// How many bytes they take when they are listed.
    pub fn texts_len(&self) -> usize {
        self.texts.len()
    }

    /// The limits that a signature of this exchange cannot hold a request to, and that nobody has accepted as such, with
    /// the reason.
    pub fn unenforceable(&self, exchange: &Exchange) -> Option<(Limit, &'static str)> {
        let mut there = self.there().filter(|limit| !self.accepts(*limit));
        there.find_map(|limit| Some((limit, unenforceable(exchange, limit)?)))
    }

    /// Those that were accepted as such, with the reason.
    pub fn unenforced(&self, exchange: &Exchange) -> impl Iterator<Item = (Limit, &'static str)> {
        let there = self.there().filter(|limit| self.accepts(*limit));
        there.filter_map(move |limit| Some((limit, unenforceable(exchange, limit)?)))
    }

    /// The classes of which all is refused, since there are limits on what the catalogue cannot read.
    pub fn unread(&self, exchange: &Exchange) -> impl Iterator<Item = Class> {
        [Class::Trade, Class::Withdraw].into_iter().filter(move |class| {
            let limited = orders::does(*class).is_some_and(|does| self.limits(does));
            let all = exchange.endpoints.iter().chain(exchange.templates.iter());
            let mut own = all.filter(|endpoint| endpoint.class == *class).peekable();
            limited && own.peek().is_some() && own.all(|endpoint| endpoint.orders.is_empty())
        })
    }

    /// Whether this limit may be there without being enforced.
    pub(super) fn accepts(&self, limit: Limit) -> bool {
        self.unenforced & limit.bit() != 0
    }

    /// Whether something that orders, or withdrawals, say is limited.
    pub(super) fn limits(&self, does: Does) -> bool {
        self.there & of_what_is_said(does) != 0
    }

    /// The classes of which something that orders, or withdrawals, say is limited: one bit for each.
    pub(super) fn of_classes(&self) -> u8 {
        set_of(|class| orders::does(class).is_some_and(|does| self.limits(does)))
    }

    /// The classes that have a rate of their own.
    pub(super) fn rates_of_classes(&self) -> u8 {
        set_of(|class| self.has(Limit::RateOf(class)))
    }

    /// The limits that are there.
    pub(super) fn there(&self) -> impl Iterator<Item = Limit> {
        Limit::ALL.into_iter().filter(|limit| self.has(*limit))
    }

    pub(super) fn text(&self, span: &Span) -> &str {
        self.texts.get(usize::from(span.start)..usize::from(span.end)).unwrap_or("")
    }

    /// The grants that are left of these.
    pub(super) fn narrow(&self, grants: Grants) -> Grants {
        if self.has(Limit::Allow) { grants.both(self.allow) } else { grants }
    }

    pub(super) fn lists_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|span| self.text(span).eq_ignore_ascii_case(host))
    }

    pub(super) fn lists_symbol(&self, symbol: &str) -> bool {
        self.symbols.iter().any(|span| words::fits(self.text(span), symbol))
    }

    pub(super) fn sides(&self) -> u8 {
        self.sides
    }

    pub(super) fn types(&self) -> u8 {
        self.types
    }

    pub(super) fn band(&self) -> Option<&Decimal> {
        self.band.as_ref()
    }

    /// Whether the audit log holds no more of a request than hashes.
    pub(super) fn audits_hashes(&self) -> bool {
        self.audit & 0b10 != 0
    }

    /// Whether the key is one that nobody should use.
    pub(super) fn is_canary(&self) -> bool {
        self.alert & 0b001 != 0
    }

    /// Whether there is a warning when a symbol is used for the first time.
    pub(super) fn alerts_symbols(&self) -> bool {
        self.alert & 0b010 != 0
    }

    /// Whether there is a warning when an endpoint is used for the first time.
    pub(super) fn alerts_endpoints(&self) -> bool {
        self.alert & 0b100 != 0
    }

    pub(super) fn rates(&self) -> &[Rate] {
        &self.rates
    }

    pub(super) fn hours(&self) -> &[Hours] {
        &self.hours
    }

    /// The first nanosecond at which the key is not used any more.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns
    }

    pub(super) fn destinations(&self) -> &[Destination] {
        &self.withdraw_to
    }

    /// The amount that a limit has for this symbol or currency: the one that names it, else that of the longest beginning,
    /// else the bare one.
    pub(super) fn amount(&self, limit: Limit, of: Option<&str>) -> Option<&Amount> {
        let amounts = match limit {
            Limit::Quantity => &self.quantity,
            Limit::Notional => &self.notional,
            Limit::NotionalDay => &self.notional_day,
            _ => &self.withdraw_day,
        };
        let fits = |amount: &&Amount| {
            let word = self.text(&amount.of);
            word.is_empty() || of.is_some_and(|of| words::fits(word, of))
        };
        // A word with a star is longer than what it stands for, and must not win over the same without one.
        let rank = |amount: &&Amount| {
            let word = self.text(&amount.of);
            let start = word.trim_end_matches('*');
            (start.len(), start.len() == word.len())
        };
        let known = amounts.iter().filter(fits).max_by_key(rank)?;
        if of.is_some() {
            return Some(known);
        }
        // What does not say its symbol may be of any that has a word of its own: it must be within the least. A sum it
        // would have to be added to cannot be told.
        match limit {
            Limit::NotionalDay => Some(known).filter(|_| amounts.len() == 1),
            _ => amounts.iter().min_by_key(|amount| amount.most),
        }
    }

    fn clear(&mut self) {
        self.texts.clear();
        self.said.clear();
        (self.there, self.unenforced, self.sides, self.types) = (0, 0, 0, 0);
        (self.audit, self.alert, self.ledger) = (0, 0, 0);
        (self.allow, self.band, self.until_ns) = (Grants::NONE, None, 0);
        for list in [&mut self.hosts, &mut self.symbols] {
            list.clear();
        }
        for list in [&mut self.quantity, &mut self.notional, &mut self.notional_day, &mut self.withdraw_day] {
            list.clear();
        }
        self.rates.clear();
        self.hours.clear();
        self.withdraw_to.clear();
        self.written.clear();
    }

    fn read(&mut self, object: &[u8], names: &mut Names) -> Result<(), Mistake> {
        if object.is_empty() {
            return Ok(());
        }
        let mut mistake = None;
        let mut cursor = Cursor::new(object, names);
        let read = cursor.object(&mut |cursor, name| {
            let name = core::str::from_utf8(&object[name]).unwrap_or("");
            let mut take = |value: Value| {
                let set = match value {
                    _ if Limit::of(name).is_none() => Err(UNKNOWN),
                    Value::String(text) if text.escaped => Err("a backslash in its text"),
                    Value::String(text) => {
                        let text = core::str::from_utf8(&object[text.span]).unwrap_or("");
                        match Limit::of(name) {
                            Some(Limit::Allow) => {
                                Err("in a record it stands beside the limits, not among them")
                            }
                            _ => {
                                return self.set(name, text).map_err(|wrong| {
                                    mistake = Some(wrong);
                                    wrong.why
                                });
                            }
                        }
                    }
                    _ => Err("neither a text nor a list of texts"),
                };
                set.inspect_err(|why| mistake = Some(Mistake { limit: Limit::of(name), why }))
            };
            if cursor.peek() == Some(b'[') {
                let mut count = 0;
                cursor.list(&mut |cursor| {
                    count += 1;
                    take(cursor.value()?)
                })?;
                // An empty list must not mean that there is no limit.
                if count == 0 { take(Value::String(EMPTY)) } else { Ok(()) }
            } else {
                take(cursor.value()?)
            }
        });
        let read = read.and_then(|()| cursor.end());
        read.map_err(|why| mistake.unwrap_or(Mistake { limit: None, why }))
    }

    fn set_limit(&mut self, limit: Limit, text: &str) -> Result<(), &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("there is nothing in it");
        }
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err("a character that is not printable ASCII");
        }
        let again = self.has(limit);
        self.there |= limit.bit();
        let start = self.texts.len();
        if start + text.len() > LONGEST_TEXTS || self.said.len() == MOST_SAID {
            return Err("the limits are too long together");
        }
        self.texts.push_str(text);
        self.said.push((limit, span(start..start + text.len())));
        if let Limit::Hours = limit {
            for part in text.split(';') {
                push(&mut self.hours, Hours::of(part)?)?;
            }
            return Ok(());
        }
        match limit {
            Limit::Until if again => return Err("it stands twice"),
            Limit::Until => {
                self.until_ns = times::until(text)?;
                return Ok(());
            }
            Limit::Band if again => return Err("it stands twice"),
            Limit::Band => {
                self.band = Some(words::percent(text)?);
                return Ok(());
            }
            _ => {}
        }
        let mut at = start;
        for word in text.split(' ') {
            let place = at..at + word.len();
            at = place.end + 1;
            if !word.is_empty() {
                self.word(limit, word, place)?;
            }
        }
        Ok(())
    }

    fn word(&mut self, limit: Limit, word: &str, place: Range<usize>) -> Result<(), &'static str> {
        let Limits { texts, .. } = self;
        match limit {
            Limit::Allow => {
                self.allow = self.allow.and(word).ok_or("a word that is no grant")?;
                Ok(())
            }
            Limit::Hosts => push(&mut self.hosts, span(words::host(word, place)?)),
            Limit::Symbols => {
                words::symbol(word)?;
                push(&mut self.symbols, span(place))
            }
            Limit::Sides => words::one_of(word, &["buy", "sell"], &mut self.sides),
            Limit::Types => words::one_of(word, &["limit", "market", "other"], &mut self.types),
            Limit::Quantity => words::amount(word, place, true, texts, &mut self.quantity),
            Limit::Notional => words::amount(word, place, true, texts, &mut self.notional),
            Limit::NotionalDay => words::amount(word, place, true, texts, &mut self.notional_day),
            Limit::WithdrawDay => words::amount(word, place, false, texts, &mut self.withdraw_day),
            Limit::WithdrawTo => push(&mut self.withdraw_to, Destination::of(word, place)?),
            Limit::Rate => Rate::push(None, word, &mut self.rates),
            Limit::RateOf(class) => Rate::push(Some(class), word, &mut self.rates),
            Limit::Audit => words::one_of(word, &["full", "hashes"], &mut self.audit),
            Limit::Alert => words::one_of(word, &["use", "new-symbol", "new-endpoint"], &mut self.alert),
            Limit::Ledger => words::one_of(word, &["required"], &mut self.ledger),
            Limit::AcceptUnenforced => {
                let named = Limit::of(word).filter(|named| *named != Limit::AcceptUnenforced);
                self.unenforced |= named.ok_or("a word that is no limit")?.bit();
                Ok(())
            }
            Limit::Hours | Limit::Until | Limit::Band => unreachable!("they are no lists of words"),
        }
    }
}

/// Why a signature of this exchange cannot hold a request to a limit, wherever it goes.
fn unenforceable(exchange: &Exchange, limit: Limit) -> Option<&'static str> {
    match limit {
        Limit::Allow | Limit::AcceptUnenforced | Limit::Until | Limit::Hours | Limit::Rate => None,
        Limit::Audit | Limit::Alert | Limit::Ledger => None,
        // A signature without a host in it is a matter of which key is known where.
        Limit::Hosts => None,
        _ if exchange.signs_nothing() => {
            Some("a signature of this exchange covers nothing of the request, and is good for any other one")
        }
        _ => orders::unseen(exchange, limit),
    }
}

fn set_of(is_in: impl Fn(Class) -> bool) -> u8 {
    Class::ALL.into_iter().filter(|class| is_in(*class)).fold(0, |set, class| set | 1 << class as u8)
}

/// The bits of the limits that look at this, held by a test.
fn of_what_is_said(does: Does) -> u32 {
    match does {
        Does::Withdraw => 0b11 << 18,
        _ => 0b111_1111 << 2,
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), &'static str> {
    // Never more than there is room for: behind the walls nothing may grow.
    if list.len() == list.capacity() {
        return Err("more than 64 of them");
    }
    list.push(item);
    Ok(())
}

fn span(place: Range<usize>) -> Span {
    let end = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    end(place.start)..end(place.end)
}

const UNKNOWN: &str = "the name of a limit is not known";
/// The most words of one limit.
pub const MOST_WORDS: usize = 64;
const MOST_RATES: usize = 28;
pub(super) const MOST_SAID: usize = 128;
/// The longest that the limits of one source are together; more than a payload holds.
const LONGEST_TEXTS: usize = 16 * 1024;
const EMPTY: signbox_exchanges::json::Text = signbox_exchanges::json::Text { span: 0..0, escaped: false };

#[cfg(test)]
#[path = "limits/tests.rs"]
mod tests;
