//! One request against the limits of its key: the first that it breaks, or what it will count for.

use super::counts::{Count, Counts};
use super::limits::{Limit, Limits, MOST_SAID, words_key};
use super::orders::{self, Decimal, Does, Order, OrderKind, decimal};
use core::cell::{Ref, RefCell};
use core::fmt::{self, Write as _};
use signbox_exchanges::{Class, Endpoint, Exchange, Fit, OrderScratch, Parts};

/// The limits of one source, and what was counted under them.
#[derive(Debug, Default)]
pub struct Bound {
    /// The limits.
    pub limits: Limits,
    /// Where they stand, if not in the record.
    pub place: Option<String>,
    counts: Counts,
}

/// What a decision knows besides the request and the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The time, in nanoseconds since 1970.
    pub now_ns: u64,
    /// The price that the request states as the market's: a number, or `SYMBOL:NUMBER` words.
    pub reference: Option<&'a str>,
}

/// What deciding needs; kept by the caller so that it does not allocate. The default is without room, for keys without limits.
#[derive(Debug, Default)]
pub struct Work {
    orders: Option<OrderScratch>,
    pending: Vec<Pending>,
    said: Said,
}

/// What a request adds to a sum if it is signed.
#[derive(Clone, Copy, Debug)]
struct Pending {
    bound: usize,
    key: u64,
    amount: Decimal,
}

/// The rule that a limit refuses by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nobody should use the key.
    Canary,
    /// The host is not listed.
    HostNotListed,
    /// An order is for a symbol that is not listed.
    SymbolNotListed,
    /// An order has a side that is not listed.
    SideNotListed,
    /// An order has a type that is not listed.
    TypeNotListed,
    /// An order is for more than the largest quantity.
    OverQuantity,
    /// An order is for more than the largest price times quantity.
    OverNotional,
    /// A price is too far from the reference, or there is no reference.
    OutOfBand,
    /// The orders of the day would be for more than they may together.
    OverDay,
    /// Too many requests in too short a time.
    OverRate,
    /// The key is not used at this time of the week.
    OutsideHours,
    /// The key is not used any more.
    AfterUntil,
    /// A withdrawal is for an address that is not listed.
    AddressNotListed,
    /// The withdrawals of the day would be more than they may be together.
    OverWithdrawDay,
    /// There are limits on what the request says, and the catalogue does not know where it says it, or it does not.
    UnreadableOrder,
    /// The signature does not cover what the limit is on.
    NotEnforceable,
    /// The signature would also be good where limits are, and was not asked for there.
    FitsLimited,
}

impl Broken {
    /// Every rule.
    pub const ALL: [Broken; 17] = [
        Broken::Canary,
        Broken::HostNotListed,
        Broken::SymbolNotListed,
        Broken::SideNotListed,
        Broken::TypeNotListed,
        Broken::OverQuantity,
        Broken::OverNotional,
        Broken::OutOfBand,
        Broken::OverDay,
        Broken::OverRate,
        Broken::OutsideHours,
        Broken::AfterUntil,
        Broken::AddressNotListed,
        Broken::OverWithdrawDay,
        Broken::UnreadableOrder,
        Broken::NotEnforceable,
        Broken::FitsLimited,
    ];

    /// The rule's name.
    pub fn name(self) -> &'static str {
        match self {
            Broken::Canary => "canary",
            Broken::HostNotListed => "host-not-listed",
            Broken::SymbolNotListed => "symbol-not-listed",
            Broken::SideNotListed => "side-not-listed",
            Broken::TypeNotListed => "type-not-listed",
            Broken::OverQuantity => "over-quantity",
            Broken::OverNotional => "over-notional",
            Broken::OutOfBand => "out-of-band",
            Broken::OverDay => "over-day",
            Broken::OverRate => "over-rate",
            Broken::OutsideHours => "outside-hours",
            Broken::AfterUntil => "after-until",
            Broken::AddressNotListed => "address-not-listed",
            Broken::OverWithdrawDay => "over-withdraw-day",
            Broken::UnreadableOrder => "unreadable-order",
            Broken::NotEnforceable => "not-enforceable",
            Broken::FitsLimited => "fits-limited",
        }
    }
}

/// The limit and the number or word that broke it, for a person: kept here and not in what is handed on, which would take
/// more of the signer's stack than there is.
#[derive(Debug, Default)]
struct Said(RefCell<String>);

impl Said {
    #[cold]
    #[inline(never)]
    fn put(&self, bound: Option<&Bound>, broken: Broken, said: fmt::Arguments<'_>) -> Broken {
        let mut text = self.0.borrow_mut();
        text.clear();
        // What is too long ends where it is too long.
        let mut room = Room(&mut text);
        let _ = room.write_fmt(said);
        if let Some(place) = bound.and_then(|bound| bound.place.as_ref()) {
            let _ = write!(room, ", by {place}");
        }
        broken
    }
}

/// A text that does not grow beyond [`LONGEST_SAID`].
struct Room<'a>(&'a mut String);

impl fmt::Write for Room<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut room = text.len().min(LONGEST_SAID - self.0.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.0.push_str(&text[..room]);
        if room == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl Work {
    /// What the last decision says of the limit that it refused by.
    pub fn said(&self) -> Ref<'_, str> {
        Ref::map(self.said.0.borrow(), String::as_str)
    }

    /// With all the room that there can be need for.
    pub fn new() -> Work {
        Work {
            orders: Some(OrderScratch::default()),
            pending: Vec::with_capacity(MOST_PENDING),
            said: Said(RefCell::new(String::with_capacity(LONGEST_SAID))),
        }
    }
}

/// The first limit that a request breaks. Fails if its reference cannot be read.
#[inline(never)]
pub(super) fn breach(
    exchange: &Exchange,
    parts: &Parts<'_>,
    endpoint: Option<&Endpoint>,
    elsewhere: Option<Fit>,
    bounds: &[Bound],
    facts: &Facts<'_>,
    work: &mut Work,
) -> Result<Option<Broken>, &'static str> {
    work.pending.clear();
    if let Some(text) = facts.reference {
        check_reference(text)?;
    }
    let Work { orders, pending, said } = work;
    let asked = Asked { exchange, parts, endpoint, bounds, facts, said };
    let found = asked.where_and_when().or_else(|| asked.enforceable());
    let found = found.or_else(|| asked.orders(orders.as_mut(), pending));
    let elsewhere = || {
        elsewhere.map(|fit| {
            said.put(
                None,
                Broken::FitsLimited,
                format_args!(
                    "'{}' is limited, and a signature over these parameters would also be good for {fit}, for which nobody \
                     has asked",
                    fit.class
                ),
            )
        })
    };
    Ok(found.or_else(elsewhere).or_else(|| asked.rates()))
}

/// The first limit that a login breaks: when and how often it may be, and whether there are limits that it would pass by.
#[inline(never)]
pub(super) fn breach_of_login(
    exchange: &Exchange,
    parts: &Parts<'_>,
    bounds: &[Bound],
    facts: &Facts<'_>,
    work: &mut Work,
) -> Option<Broken> {
    work.pending.clear();
    let asked = Asked { exchange, parts, endpoint: None, bounds, facts, said: &work.said };
    let passed_by = || {
        bounds.iter().find_map(|bound| {
            let limits = &bound.limits;
            let about_requests =
                |limit: &Limit| limit.does().is_some() || matches!(limit, Limit::RateOf(_) | Limit::Hosts);
            let limit = limits.there().filter(about_requests).find(|limit| !limits.accepts(*limit))?;
            asked.breach(
                bound,
                Broken::NotEnforceable,
                format_args!("'{limit}' is limited, and nobody is asked for what comes over a connection after its login"),
            )
        })
    };
    asked.when().or_else(passed_by).or_else(|| asked.rates())
}

/// The classes that have limits of their own, so that a signature must not be good for them by the way: one bit for each.
pub(super) fn limited(bounds: &[Bound], endpoint: Option<&Endpoint>) -> u8 {
    let own = endpoint.map_or(0, |endpoint| 1 << endpoint.class as u8);
    bounds.iter().fold(0, |classes, Bound { limits, .. }| {
        // The endpoint's own rate counts the request anyway.
        classes | limits.of_classes() | limits.rates_of_classes() & !own
    })
}

/// To be called before a decision: what is owed to a rate is never more than all of it, even if the clock was put back or the
/// rate was another one.
pub fn settle(bounds: &mut [Bound], now_ns: u64) {
    for Bound { limits, counts, .. } in bounds {
        counts.settle(limits.rates(), now_ns);
    }
}

/// Counts a request whose signature leaves.
pub fn count(bounds: &mut [Bound], endpoint: Option<&Endpoint>, facts: &Facts<'_>, work: &Work) {
    for pending in &work.pending {
        if let Some(bound) = bounds.get_mut(pending.bound) {
            bound.counts.add(pending.key, pending.amount, facts.now_ns);
        }
    }
    let class = endpoint.map(|endpoint| endpoint.class);
    for bound in bounds {
        for rate in bound.limits.rates().iter().filter(|rate| rate.counts(class)) {
            bound.counts.count(rate, facts.now_ns);
        }
    }
}

/// A request, and what holds it.
struct Asked<'a> {
    exchange: &'a Exchange,
    parts: &'a Parts<'a>,
    endpoint: Option<&'a Endpoint>,
    bounds: &'a [Bound],
    facts: &'a Facts<'a>,
    said: &'a Said,
}

impl Asked<'_> {
    fn class(&self) -> Option<Class> {
        self.endpoint.map(|endpoint| endpoint.class)
    }

    /// Whether its signature is sent: what carries the key alone gives nobody a signature.
    fn signed(&self) -> bool {
        self.endpoint.is_none_or(|endpoint| !endpoint.key_only)
    }

    /// An `Option` because whoever finds no breach goes on looking.
    fn breach(&self, bound: &Bound, broken: Broken, said: fmt::Arguments<'_>) -> Option<Broken> {
        Some(self.said.put(Some(bound), broken, said))
    }

    fn where_and_when(&self) -> Option<Broken> {
        self.bounds.iter().find_map(|bound| {
            let limits = &bound.limits;
            let canary = limits.is_canary();
            let host = || self.parts.host(self.exchange);
            if !canary && limits.has(Limit::Hosts) && !limits.lists_host(host()) {
                let host = host();
                return self.breach(
                    bound,
                    Broken::HostNotListed,
                    format_args!("the host {host} is not listed"),
                );
            }
            self.when_of(bound)
        })
    }

    fn when(&self) -> Option<Broken> {
        self.bounds.iter().find_map(|bound| self.when_of(bound))
    }

    fn when_of(&self, bound: &Bound) -> Option<Broken> {
        let (limits, now_ns) = (&bound.limits, self.facts.now_ns);
        if limits.is_canary() {
            return self.breach(bound, Broken::Canary, format_args!("nobody should use this key"));
        }
        if limits.has(Limit::Until) && now_ns >= limits.until_ns() {
            return self.breach(bound, Broken::AfterUntil, format_args!("the key's last day is over"));
        }
        let outside = !limits.hours().iter().any(|hours| hours.hold(now_ns));
        // An order can always be taken back.
        if limits.has(Limit::Hours) && outside && self.class() != Some(Class::Cancel) {
            return self.breach(
                bound,
                Broken::OutsideHours,
                format_args!("the key is not used at this time"),
            );
        }
        None
    }

    /// Whether what is limited is what is signed.
    fn enforceable(&self) -> Option<Broken> {
        if !self.signed() {
            return None;
        }
        let nothing = self.exchange.signs_nothing();
        let does = self.class().and_then(orders::does);
        // What cannot be read is refused for that.
        let endpoint = self.endpoint.filter(|endpoint| !endpoint.orders.is_empty());
        if !nothing && endpoint.is_none_or(|endpoint| orders::all_seen(self.exchange, self.parts, endpoint)) {
            return None;
        }
        self.bounds.iter().find_map(|bound| {
            let limits = &bound.limits;
            let about_what = |limit: &Limit| match limit {
                Limit::RateOf(_) => nothing,
                _ if nothing => limit.does().is_some(),
                _ => does.is_some() && limit.does() == does,
            };
            let seen = |limit: Limit| {
                !nothing
                    && endpoint
                        .is_none_or(|endpoint| orders::seen(self.exchange, self.parts, endpoint, limit))
            };
            let limit =
                limits.there().filter(about_what).find(|limit| !limits.accepts(*limit) && !seen(*limit))?;
            self.breach(
                bound,
                Broken::NotEnforceable,
                format_args!("'{limit}' is limited, and {} does not sign what it is on", self.exchange.id),
            )
        })
    }

    /// What the orders or withdrawals say.
    #[inline(never)]
    fn orders(&self, scratch: Option<&mut OrderScratch>, pending: &mut Vec<Pending>) -> Option<Broken> {
        let limited = |does: Does| self.bounds.iter().find(|bound| bound.limits.limits(does));
        let unreadable = |bound: &Bound, why: &str| {
            let why = format_args!("there are limits on what it says, and {why}");
            self.breach(bound, Broken::UnreadableOrder, why)
        };
        let Some(endpoint) = self.endpoint else {
            let bound = limited(Does::Place).or_else(|| limited(Does::Withdraw))?;
            return unreadable(bound, "the catalogue does not know the endpoint");
        };
        let bound = limited(orders::does(endpoint.class)?)?;
        let Some(scratch) = scratch else {
            return unreadable(bound, "there is no room to read it");
        };
        if endpoint.orders.is_empty() {
            return unreadable(bound, "the catalogue cannot read the orders of this endpoint");
        }
        let (mut found, mut count) = (None, 0);
        let read = self.exchange.orders(self.parts, endpoint, scratch, &mut |order| {
            count += 1;
            found = self.bounds.iter().enumerate().find_map(|(at, bound)| {
                let check = Check { bound, at, facts: self.facts, said: self.said, pending: &mut *pending };
                check.order(order).err()
            });
            if found.is_some() { Err("") } else { Ok(()) }
        });
        match read {
            _ if found.is_some() => found,
            Err(why) => unreadable(bound, why),
            Ok(()) if count == 0 => unreadable(bound, "there is no order in it"),
            Ok(()) => None,
        }
    }

    fn rates(&self) -> Option<Broken> {
        self.bounds.iter().find_map(|bound| {
            let rates = bound.limits.rates().iter().filter(|rate| rate.counts(self.class()));
            let waits = rates.filter_map(|rate| Some((bound.counts.wait_ns(rate, self.facts.now_ns)?, rate)));
            let (wait, rate) = waits.max_by_key(|(wait, _)| *wait)?;
            let ms = wait.div_ceil(1_000_000);
            self.breach(
                bound,
                Broken::OverRate,
                format_args!(
                    "more than {}/{}{}{}; wait {}.{:03} s",
                    rate.count,
                    rate.unit,
                    if rate.class.is_some() { " of class " } else { "" },
                    rate.class.map_or("", Class::word),
                    ms / 1_000,
                    ms % 1_000
                ),
            )
        })
    }
}

impl Bound {
    /// The record of a key that has no limits as yet: some 50 kB less than one that can have some.
    pub fn without_room() -> Bound {
        Bound { limits: Limits::without_room(), place: None, counts: Counts::without_room() }
    }

    /// A source that is not the record, without limits as yet.
    pub fn of(place: String) -> Bound {
        Bound { place: Some(place), ..Bound::default() }
    }

    /// Whether the audit log holds no more of a request than hashes.
    pub fn audits_hashes(&self) -> bool {
        self.limits.audits_hashes()
    }

    /// Whether there is a warning when a symbol is used for the first time, and when an endpoint is.
    pub fn alerts(&self) -> (bool, bool) {
        (self.limits.alerts_symbols(), self.limits.alerts_endpoints())
    }

    /// What tells this source from the others of a key, whoever asks and whenever.
    pub fn source(&self) -> u64 {
        self.place.as_deref().map_or(0, words_key)
    }

    /// Every count under it, or only those that have changed since [`Bound::handed_on`].
    pub fn counts(&self, only_changed: bool) -> impl Iterator<Item = Count> {
        self.counts.each(only_changed)
    }

    /// What has changed so far was handed on.
    pub fn handed_on(&mut self) {
        self.counts.handed_on();
    }

    /// Takes a count over that another signer of the key has made.
    pub fn take(&mut self, count: Count) {
        self.counts.take(count);
    }

    /// More than its limits take when they are listed, now or when a record has changed.
    pub fn longest_list(&self) -> usize {
        let place = self.place.as_ref().map_or(0, String::len);
        // Each byte of a text may be one that is escaped.
        MOST_SAID * (2 * place + 100) + 2 * self.limits.texts_len().max(crate::record::LONGEST)
    }
}

/// One source of limits, and an order.
///
/// Not inlined into one another: together they would take more of the signer's stack than one after the other.
struct Check<'a> {
    bound: &'a Bound,
    at: usize,
    facts: &'a Facts<'a>,
    said: &'a Said,
    pending: &'a mut Vec<Pending>,
}

impl Check<'_> {
    fn order(mut self, order: &Order<'_>) -> Result<(), Broken> {
        match order.does {
            Does::Place | Does::Amend => self.placed(order),
            Does::Withdraw => self.withdrawn(order),
            Does::Transfer => Ok(()),
        }
    }

    fn placed(&mut self, order: &Order<'_>) -> Result<(), Broken> {
        let limits = &self.bound.limits;
        // What an amendment does not say stays as it was.
        let amends = order.does == Does::Amend;
        let symbol = order.symbol.unwrap_or("");
        if limits.has(Limit::Symbols) && !(amends && symbol.is_empty()) {
            if symbol.is_empty() {
                return self.unreadable("it says no symbol");
            }
            if !limits.lists_symbol(symbol) {
                return self
                    .refuse(Broken::SymbolNotListed, format_args!("the symbol {symbol} is not listed"));
            }
        }
        if limits.has(Limit::Sides) {
            match order.side {
                Some(side) if limits.sides() & 1 << side as u8 == 0 => {
                    let side = side.word();
                    return self.refuse(Broken::SideNotListed, format_args!("the side {side} is not listed"));
                }
                None if !amends => return self.unreadable("it says no side"),
                _ => {}
            }
        }
        if limits.has(Limit::Types) {
            match order.kind {
                Some(kind) if limits.types() & 1 << kind as u8 == 0 => {
                    let kind = kind.word();
                    return self.refuse(Broken::TypeNotListed, format_args!("the type {kind} is not listed"));
                }
                None if !amends => return self.unreadable("it says no type"),
                _ => {}
            }
        }
        let sized = [Limit::Quantity, Limit::Notional, Limit::NotionalDay, Limit::Band];
        if !sized.into_iter().any(|limit| limits.has(limit)) {
            return Ok(());
        }
        let reference = self.facts.reference.and_then(|text| reference(text, order.symbol));
        self.banded(order, reference)?;
        let sized = [Limit::Quantity, Limit::Notional, Limit::NotionalDay];
        if !sized.into_iter().any(|limit| limits.has(limit)) {
            return Ok(());
        }
        // At some exchanges nothing means everything.
        if order.quantity == Some(Decimal::ZERO) || order.quote == Some(Decimal::ZERO) {
            return self.unreadable("an amount is zero");
        }
        if order.quantity.is_none() && order.quote.is_none() {
            if amends && order.price.is_none() && order.stop.is_none() {
                return Ok(());
            }
            // With a new price, the old quantity is worth another sum.
            if !amends || limits.has(Limit::Notional) || limits.has(Limit::NotionalDay) {
                return self.unreadable("it says no quantity");
            }
            return Ok(());
        }
        self.quantity(order, reference)?;
        self.notional(order, reference)
    }

    #[inline(never)]
    fn banded(&self, order: &Order<'_>, reference: Option<Decimal>) -> Result<(), Broken> {
        let Some(band) = self.bound.limits.band() else { return Ok(()) };
        let Some(price) = order.price else {
            return match order.kind {
                Some(OrderKind::Limit) if order.does == Does::Place => self.unreadable("it says no price"),
                _ => Ok(()),
            };
        };
        let Some(reference) = reference else {
            let why = "prices have to be near a reference, and the request states none";
            return self.refuse(Broken::OutOfBand, format_args!("{why}"));
        };
        let within = || {
            let hundred = decimal("100")?;
            let (price, whole) = (price.checked_mul(hundred)?, reference.checked_mul(hundred)?);
            let part = reference.checked_mul(*band)?;
            Some(price <= whole.checked_add(part)? && whole <= price.checked_add(part)?)
        };
        if within() == Some(true) {
            return Ok(());
        }
        let said = format_args!("the price {price} is more than {band}% from the reference {reference}");
        self.refuse(Broken::OutOfBand, said)
    }

    #[inline(never)]
    fn quantity(&self, order: &Order<'_>, reference: Option<Decimal>) -> Result<(), Broken> {
        let limits = &self.bound.limits;
        if !limits.has(Limit::Quantity) {
            return Ok(());
        }
        let symbol = order.symbol.unwrap_or("its symbol");
        let Some(amount) = limits.amount(Limit::Quantity, order.symbol) else {
            let said = format_args!("no quantity is listed for {symbol}");
            return self.refuse(Broken::OverQuantity, said);
        };
        let most = amount.most;
        if let Some(quantity) = order.quantity.filter(|quantity| *quantity > most) {
            let said = format_args!("a quantity of {quantity} {symbol} is over {most}");
            return self.refuse(Broken::OverQuantity, said);
        }
        let Some(quote) = order.quote else { return Ok(()) };
        // The lower the price, the more that amount buys.
        let price = match order.kind {
            Some(OrderKind::Limit) => order.price,
            _ => reference,
        };
        let Some(price) = price.filter(|price| *price > Decimal::ZERO) else {
            return self.unreadable(
                "it says an amount to spend, for which neither a price nor a reference gives a quantity",
            );
        };
        if most.checked_mul(price).is_some_and(|worth| quote <= worth) {
            return Ok(());
        }
        let said = format_args!("an amount of {quote} at {price} is a quantity of {symbol} over {most}");
        self.refuse(Broken::OverQuantity, said)
    }

    #[inline(never)]
    fn notional(&mut self, order: &Order<'_>, reference: Option<Decimal>) -> Result<(), Broken> {
        let limits = &self.bound.limits;
        if !limits.has(Limit::Notional) && !limits.has(Limit::NotionalDay) {
            return Ok(());
        }
        if order.contracts {
            let said = format_args!("it counts contracts, and the request does not say what one is worth");
            return self.refuse(Broken::NotEnforceable, said);
        }
        let by_quantity = match order.quantity {
            None => None,
            Some(quantity) => {
                // An exchange takes no heed of the price of an order that has none.
                let price = match order.kind {
                    Some(OrderKind::Limit) => order.price.or(reference.filter(|_| order.does == Does::Amend)),
                    Some(OrderKind::Market) => reference,
                    _ => [order.price, order.stop, reference].into_iter().flatten().max(),
                };
                let Some(price) = price.filter(|price| !price.is_negative()) else {
                    return self.unreadable("neither its price nor a stated reference says what it is worth");
                };
                if price == Decimal::ZERO {
                    return self.unreadable("its price is zero");
                }
                Some(quantity.checked_mul(price))
            }
        };
        let worth = match (by_quantity, order.quote) {
            (Some(None), _) => None,
            (Some(Some(worth)), quote) => Some(worth.max(quote.unwrap_or(worth))),
            (None, quote) => quote,
        };
        let Some(worth) = worth else {
            let said = format_args!("price times quantity is beyond all numbers");
            return self.refuse(Broken::OverNotional, said);
        };
        let symbol = order.symbol.unwrap_or("its symbol");
        if limits.has(Limit::Notional) {
            match limits.amount(Limit::Notional, order.symbol) {
                Some(amount) if worth <= amount.most => {}
                Some(amount) => {
                    let said = format_args!("{worth} for {symbol} in one order is over {}", amount.most);
                    return self.refuse(Broken::OverNotional, said);
                }
                None => {
                    let said = format_args!("no price times quantity is listed for {symbol}");
                    return self.refuse(Broken::OverNotional, said);
                }
            }
        }
        if limits.has(Limit::NotionalDay) {
            return self.sum(Limit::NotionalDay, Broken::OverDay, order.symbol, worth);
        }
        Ok(())
    }

    #[inline(never)]
    fn withdrawn(&mut self, order: &Order<'_>) -> Result<(), Broken> {
        let limits = &self.bound.limits;
        let Some(currency) = order.currency.filter(|currency| !currency.is_empty()) else {
            return self.unreadable("it says no currency");
        };
        if limits.has(Limit::WithdrawTo) {
            let Some(address) = order.address.filter(|address| !address.is_empty()) else {
                return self.unreadable("it says no address");
            };
            let network = order.network.unwrap_or("");
            let tag = order.tag.filter(|tag| !tag.is_empty());
            let fits = limits.destinations().iter().any(|known| {
                let known_network = limits.text(&known.network);
                limits.text(&known.currency).eq_ignore_ascii_case(currency)
                    && (known_network == "*" || known_network.eq_ignore_ascii_case(network))
                    && limits.text(&known.address) == address
                    && known.tag.as_ref().map(|tag| limits.text(tag)) == tag
            });
            if !fits {
                let hash = if tag.is_some() { "#" } else { "" };
                let said =
                    format_args!("{currency}/{network}:{address}{hash}{} is not listed", tag.unwrap_or(""));
                return self.refuse(Broken::AddressNotListed, said);
            }
        }
        if limits.has(Limit::WithdrawDay) {
            let Some(amount) = order.amount.filter(|amount| *amount > Decimal::ZERO) else {
                return self.unreadable("it says no amount");
            };
            return self.sum(Limit::WithdrawDay, Broken::OverWithdrawDay, Some(currency), amount);
        }
        Ok(())
    }

    /// Holds what was counted today, what the request has asked for so far, and this amount against a limit for a day.
    #[inline(never)]
    fn sum(&mut self, limit: Limit, broken: Broken, of: Option<&str>, amount: Decimal) -> Result<(), Broken> {
        let name = of.unwrap_or("its symbol");
        let Some(known) = self.bound.limits.amount(limit, of) else {
            return self.refuse(broken, format_args!("no sum for a day is listed for {name}"));
        };
        // Symbols and currencies are different things, though they may have one name.
        let key = if limit == Limit::NotionalDay { known.key } else { !known.key };
        let Some(before) = self.bound.counts.sum(key, self.facts.now_ns) else {
            return self.refuse(broken, format_args!("too many sums were counted today"));
        };
        let at = self.at;
        let pending = self.pending.iter_mut().find(|pending| pending.bound == at && pending.key == key);
        let own = pending.as_ref().map_or(Some(amount), |pending| pending.amount.checked_add(amount));
        match own.and_then(|own| Some((own, own.checked_add(before)?))) {
            Some((own, sum)) if sum <= known.most => {
                if let Some(pending) = pending {
                    pending.amount = own;
                } else if self.pending.len() < self.pending.capacity() {
                    self.pending.push(Pending { bound: at, key, amount });
                } else {
                    return self.refuse(broken, format_args!("too many sums in one request"));
                }
                Ok(())
            }
            _ => {
                let most = known.most;
                let said = format_args!("{amount} for {name}, after {before} today, is over {most} a day");
                self.refuse(broken, said)
            }
        }
    }

    fn refuse(&self, broken: Broken, said: fmt::Arguments<'_>) -> Result<(), Broken> {
        Err(self.said.put(Some(self.bound), broken, said))
    }

    fn unreadable(&self, why: &str) -> Result<(), Broken> {
        self.refuse(Broken::UnreadableOrder, format_args!("there are limits on what it says, and {why}"))
    }
}

/// Fails for a reference that is no number above zero, or no list of such for symbols.
fn check_reference(text: &str) -> Result<(), &'static str> {
    let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
    let number = |word: &str| {
        let number = word.rsplit_once(':').map_or(word, |(_, number)| number);
        decimal(number).is_some_and(|number| number > Decimal::ZERO)
    };
    if words.peek().is_some() && words.all(number) {
        Ok(())
    } else {
        Err("'reference' is not a decimal number above zero, nor 'SYMBOL:NUMBER' words")
    }
}

/// The reference for a symbol: the number that names it, else the bare one. The lowest or highest of several is not ours
/// to choose, so the first counts.
fn reference(text: &str, symbol: Option<&str>) -> Option<Decimal> {
    let words = || text.split(' ').filter(|word| !word.is_empty());
    let named = words().find_map(|word| {
        let (of, number) = word.rsplit_once(':')?;
        symbol.is_some_and(|symbol| of.eq_ignore_ascii_case(symbol)).then_some(number)
    });
    decimal(named.or_else(|| words().find(|word| !word.contains(':')))?)
}

const LONGEST_SAID: usize = 232;
/// As many as one source can have words of one kind, for some sources.
const MOST_PENDING: usize = 256;

#[cfg(test)]
#[path = "bounds/tests.rs"]
mod tests;
