//! What an order says: symbol, side, amounts, an address, wherever an exchange has them.
//!
//! Limits are checked on what is read here, so whatever could be read in two ways is an error and never ignored: an
//! amount that is not a number, a field that stands twice with two values, a name in odd case, a batch that is no list.
//! Nothing here allocates.

mod closed;
mod cuts;
mod entry;
mod form;
mod read;

use crate::catalogue::{Endpoint, Exchange, Method};
use crate::decimal::Decimal;
use crate::json::{Names, Wrong};
use crate::parts::{BodyKind, Parts, Source};
use crate::scheme::Scheme;
pub use entry::{Condition, Fixed, OrderEntry, OrderField, OrderPlace, Says, Within};
use form::Found;
use read::{Piece, Reader};

/// One order, withdrawal or transfer that a request asks for.
///
/// What is not there is `None`: a limit on it cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// What is asked for.
    pub does: Does,
    /// The market, as the exchange calls it.
    pub symbol: Option<&'a str>,
    /// Whether it buys or sells; nothing if that is another word than those the catalogue knows.
    pub side: Option<Side>,
    /// What kind of order it is, if it says.
    pub kind: Option<OrderKind>,
    /// How much of the base currency, or how many contracts; never below zero.
    pub quantity: Option<Decimal>,
    /// The price, which may be below zero.
    pub price: Option<Decimal>,
    /// How much of the quote currency, instead of a quantity; never below zero.
    pub quote: Option<Decimal>,
    /// The price that triggers it.
    pub stop: Option<Decimal>,
    /// The currency that is moved.
    pub currency: Option<&'a str>,
    /// How much of it; never below zero.
    pub amount: Option<Decimal>,
    /// Where it goes.
    pub address: Option<&'a str>,
    /// On which network.
    pub network: Option<&'a str>,
    /// The memo or tag of the address.
    pub tag: Option<&'a str>,
    /// Whether it can only make a position smaller.
    pub reduce: bool,
    /// Whether `quantity` counts contracts.
    pub contracts: bool,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Places an order.
    Place,
    /// Changes one.
    Amend,
    /// Sends funds away.
    Withdraw,
    /// Moves funds between the customer's own accounts.
    Transfer,
}

impl Does {
    /// The word in the catalogue.
    pub fn word(self) -> &'static str {
        match self {
            Does::Place => "place",
            Does::Amend => "amend",
            Does::Withdraw => "withdraw",
            Does::Transfer => "transfer",
        }
    }
}

/// Whether an order buys or sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It buys.
    Buy,
    /// It sells.
    Sell,
}

impl Side {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

/// What kind of order it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// At a price or a better one.
    Limit,
    /// At whatever price there is.
    Market,
    /// Any other.
    Other,
}

impl OrderKind {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            OrderKind::Limit => "limit",
            OrderKind::Market => "market",
            OrderKind::Other => "other",
        }
    }
}

/// A field of an [`Order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// [`Order::symbol`]
    Symbol,
    /// [`Order::side`]
    Side,
    /// [`Order::kind`]
    Type,
    /// [`Order::quantity`]
    Quantity,
    /// [`Order::price`]
    Price,
    /// [`Order::quote`]
    Quote,
    /// [`Order::stop`]
    Stop,
    /// [`Order::reduce`]
    Reduce,
    /// [`Order::currency`]
    Currency,
    /// [`Order::amount`]
    Amount,
    /// [`Order::address`]
    Address,
    /// [`Order::network`]
    Network,
    /// [`Order::tag`]
    Tag,
}

impl What {
    /// Every field.
    pub const ALL: [What; 13] = [
        What::Symbol,
        What::Side,
        What::Type,
        What::Quantity,
        What::Price,
        What::Quote,
        What::Stop,
        What::Reduce,
        What::Currency,
        What::Amount,
        What::Address,
        What::Network,
        What::Tag,
    ];

    /// The word in the catalogue.
    pub fn word(self) -> &'static str {
        match self {
            What::Symbol => "symbol",
            What::Side => "side",
            What::Type => "type",
            What::Quantity => "quantity",
            What::Price => "price",
            What::Quote => "quote",
            What::Stop => "stop",
            What::Reduce => "reduce",
            What::Currency => "currency",
            What::Amount => "amount",
            What::Address => "address",
            What::Network => "network",
            What::Tag => "tag",
        }
    }
}

/// The memory that reading orders takes; kept by the caller so that it does not allocate.
#[derive(Debug)]
pub struct OrderScratch {
    text: Vec<u8>,
    names: Names,
}

impl Default for OrderScratch {
    fn default() -> Self {
        OrderScratch { text: Vec::with_capacity(MOST_TEXT), names: Names::new() }
    }
}

impl Exchange {
    /// Hands every order, withdrawal and transfer that a request asks for to `each`.
    ///
    /// There are none for an endpoint that the catalogue does not describe so ([`Details::orders`](crate::Details::orders) is empty). Fails for
    /// what could be read in two ways, and with whatever `each` fails with.
    pub fn orders(
        &self,
        parts: &Parts<'_>,
        endpoint: &Endpoint,
        scratch: &mut OrderScratch,
        each: &mut dyn FnMut(&Order<'_>) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let entries = endpoint.orders.items();
        if entries.is_empty() {
            return Ok(());
        }
        let mut before: Option<&Scheme> = None;
        for (_, scheme) in self.schemes_of(parts) {
            // Most exchanges sign the same text with every kind of key.
            if before.is_none_or(|before| before.message != scheme.message) {
                scheme.check_cuts(parts, entries)?;
            }
            before = Some(scheme);
        }
        scratch.text.clear();
        let mut reader = Reader { parts, endpoint, own: &mut scratch.text, names: &mut scratch.names };
        for entries in entries.chunk_by(|one, other| one.list == other.list) {
            match entries[0].each {
                None => reader.legs(entries, None, each)?,
                Some(places) => {
                    let list = reader.list(places.items().iter().map(|name| name.text()))?;
                    reader.items(list, &mut |reader, item| reader.legs(entries, Some(item), each))?;
                }
            }
        }
        Ok(())
    }

    /// Whether a signature over this request covers the part that holds a field of its orders, or would hold it.
    ///
    /// If not, whoever sends the request is free to write something else there.
    pub fn sees(&self, parts: &Parts<'_>, endpoint: &Endpoint, what: What) -> bool {
        let binds = self.binds_of(parts);
        let in_query = |name: &str| {
            parts.params.iter().any(|param| param.source == Source::Query && parts.name(param) == name)
        };
        let in_body = |name: &str| {
            parts.kind == BodyKind::List
                || parts.params.iter().any(|param| param.source == Source::Body && parts.name(param) == name)
        };
        // Where bodies are read and not signed, one can be put behind any request but a GET.
        let read = self.schemes_of(parts).any(|(_, scheme)| scheme.bodies.form || scheme.bodies.json);
        let no_more = binds.body || !read || parts.method == Method::Get;
        let covered = |name: &str| {
            let name = name.split('.').next().unwrap_or(name);
            match (in_query(name), in_body(name)) {
                (true, true) => binds.query && binds.body,
                (true, false) => binds.query && no_more,
                (false, true) => binds.body,
                (false, false) if parts.kind == BodyKind::None => binds.query && no_more,
                (false, false) => binds.body,
            }
        };
        let place = |entry: &OrderEntry, place: &OrderPlace| match (place.within, entry.each) {
            (Within::Path, _) => binds.path,
            (Within::Order, Some(lists)) => {
                lists.iter().all(|list| covered(list) || !(in_query(list) || in_body(list)))
            }
            _ => covered(&place.name),
        };
        !endpoint.key_only
            && endpoint.orders.iter().all(|entry| {
                entry.fields.iter().filter(|field| field.what == what).all(|field| place(entry, &field.place))
                    && entry.when.iter().all(|condition| place(entry, &condition.place))
            })
    }
}

impl Reader<'_, '_> {
    /// Hands the orders of one item of a list, or of the request, to `each`: of each leg, the first entry that speaks.
    fn legs(
        &mut self,
        entries: &[OrderEntry],
        item: Option<Piece>,
        each: &mut dyn FnMut(&Order<'_>) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        for leg in entries.chunk_by(|one, other| one.leg == other.leg) {
            let mark = self.own.len();
            let entry =
                self.entry(leg, item)?.ok_or("an order of a kind that the catalogue does not describe")?;
            match entry.says {
                Says::Order(does) => self.order(entry, does, item, each)?,
                Says::Nothing => {}
                Says::Refused => return Err("a request that could be read in another way"),
            }
            self.own.truncate(mark);
        }
        Ok(())
    }

    fn entry<'e>(
        &mut self,
        leg: &'e [OrderEntry],
        item: Option<Piece>,
    ) -> Result<Option<&'e OrderEntry>, Wrong> {
        'entries: for entry in leg {
            for condition in entry.when.items() {
                let text = self.text_at(&condition.place, item)?;
                let text = text.map(|text| self.text(text)).transpose()?.unwrap_or("");
                if !condition.values.iter().any(|value| entry::fits(value, text)) {
                    continue 'entries;
                }
            }
            return Ok(Some(entry));
        }
        Ok(None)
    }

    /// The fields of an order, one by one: what does not say that it reduces says nothing about it.
    #[inline(never)]
    fn fields(&mut self, entry: &OrderEntry, item: Option<Piece>, found: &mut Found) -> Result<(), Wrong> {
        *found = [None; What::ALL.len()];
        for field in entry.fields.items() {
            let Some(piece) = self.text_at(&field.place, item)? else { continue };
            let known = &mut found[field.what as usize];
            if field.what == What::Reduce {
                if entry.reduces(self.text(piece)?) {
                    *known = Some((piece, 0));
                }
                continue;
            }
            match known {
                None => *known = Some((piece, field.decimals)),
                Some((other, _)) if self.bytes(*other) == self.bytes(piece) => {}
                Some(_) => return Err(read::TWICE),
            }
        }
        Ok(())
    }

    fn order(
        &mut self,
        entry: &OrderEntry,
        does: Does,
        item: Option<Piece>,
        each: &mut dyn FnMut(&Order<'_>) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let mut found: Found = [None; What::ALL.len()];
        if item.is_some() || !self.form(entry, &mut found) {
            self.fields(entry, item, &mut found)?;
        }
        let reduce = match found[What::Reduce as usize] {
            Some((piece, _)) => entry.reduces(self.text(piece)?),
            None => false,
        };
        let reduce = reduce || entry.fixed(What::Reduce).is_some();
        let text = |what: What| -> Result<Option<&str>, Wrong> {
            match found[what as usize] {
                None => Ok(entry.fixed(what)),
                Some((piece, _)) => self.text(piece).map(Some),
            }
        };
        let number = |what: What| -> Result<Option<Decimal>, Wrong> {
            let Some((piece, decimals)) = found[what as usize] else { return Ok(None) };
            let number = Decimal::parse(self.text(piece)?)?.with_decimals(decimals);
            number.map(Some).ok_or("an amount with too many digits")
        };
        let amount = |what: What| -> Result<Option<Decimal>, Wrong> {
            let amount = number(what)?;
            if amount.is_some_and(Decimal::is_negative) { Err("an amount below zero") } else { Ok(amount) }
        };
        let side_given = found[What::Side as usize];
        let mut side = match side_given {
            Some((piece, _)) => entry.side(self.text(piece)?),
            None => entry.fixed(What::Side).map(|word| if word == "buy" { Side::Buy } else { Side::Sell }),
        };
        let mut quantity =
            if entry.signed_quantity { number(What::Quantity)? } else { amount(What::Quantity)? };
        if let Some(signed) = quantity.filter(|_| entry.signed_quantity) {
            quantity = Some(signed.abs());
            side = match (side, signed.is_negative()) {
                (Some(Side::Buy), true) => return Err("an order that buys less than nothing"),
                (None, true) if side_given.is_none() => Some(Side::Sell),
                (None, false) if side_given.is_none() && signed != Decimal::ZERO => Some(Side::Buy),
                (side, _) => side,
            };
        }
        let kind = match found[What::Type as usize] {
            Some((piece, _)) => Some(entry.kind(self.text(piece)?)),
            None => entry.fixed(What::Type).map(|word| match word {
                "limit" => OrderKind::Limit,
                "market" => OrderKind::Market,
                _ => OrderKind::Other,
            }),
        };
        each(&Order {
            does,
            symbol: text(What::Symbol)?,
            side,
            kind,
            quantity,
            price: number(What::Price)?,
            quote: amount(What::Quote)?,
            stop: number(What::Stop)?,
            currency: text(What::Currency)?,
            amount: amount(What::Amount)?,
            address: text(What::Address)?,
            network: text(What::Network)?,
            tag: text(What::Tag)?,
            reduce,
            contracts: entry.contracts && quantity.is_some(),
        })
    }
}

/// More than a request of the longest kind comes to when it is written out: the list, and then the fields of one order.
const MOST_TEXT: usize = 3 * 65_536;
