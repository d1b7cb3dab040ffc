//! What the catalogue tells limits about orders and withdrawals.

use super::limits::Limit;
use signbox_exchanges::{
    Class, Endpoint, Exchange, Method, OrderEntry, Parts, Request, Scratch, What, Within,
};
pub(super) use signbox_exchanges::{Decimal, Does, Order, OrderKind};

/// A decimal number, as a person writes one.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    Decimal::parse(text).ok().filter(|_| !text.contains(['e', 'E']))
}

/// What orders of this class do, if they are such that limits look at.
pub(super) fn does(class: Class) -> Option<Does> {
    match class {
        Class::Trade => Some(Does::Place),
        Class::Withdraw => Some(Does::Withdraw),
        _ => None,
    }
}

/// Whether a signature over this request covers all that a limit looks at.
pub(super) fn seen(exchange: &Exchange, parts: &Parts<'_>, endpoint: &Endpoint, limit: Limit) -> bool {
    looks_at(limit).iter().all(|what| exchange.sees(parts, endpoint, *what))
}

/// Whether it covers whatever the request says, so that there is no need to look at each.
pub(super) fn all_seen(exchange: &Exchange, parts: &Parts<'_>, endpoint: &Endpoint) -> bool {
    let binds = exchange.binds_of(parts);
    let in_path = |entry: &OrderEntry| {
        let fields = entry.fields.iter().map(|field| &field.place);
        fields
            .chain(entry.when.iter().map(|condition| &condition.place))
            .any(|place| place.within == Within::Path)
    };
    binds.query && binds.body && (binds.path || !endpoint.orders.iter().any(in_path))
}

/// Why no signature of this exchange can hold a request to a limit, if so.
pub(super) fn unseen(exchange: &Exchange, limit: Limit) -> Option<&'static str> {
    let wanted = limit.does()?;
    let readable = |endpoint: &&Endpoint| does(endpoint.class) == Some(wanted) && !endpoint.orders.is_empty();
    let mut all = exchange.endpoints.iter().chain(exchange.templates.iter()).filter(readable).peekable();
    all.peek()?;
    let never = all.all(|endpoint| !seen_somehow(exchange, endpoint, limit));
    never.then_some("the exchange does not sign the part of a request that it is on")
}

/// Whether there is a way to write a request so that its signature covers all that a limit looks at.
fn seen_somehow(exchange: &Exchange, endpoint: &Endpoint, limit: Limit) -> bool {
    let path = endpoint.path.text().replace(['{', '}'], "");
    let body = if exchange.bodies.json { "{}" } else { "a=1" };
    [None, Some(body)].into_iter().filter(|body| body.is_none() || endpoint.method != Method::Get).any(
        |body| {
            let request = Request { method: endpoint.method.word(), url: &path, headers: &[], body };
            let mut scratch = Scratch::default();
            Parts::of(exchange, &request, &mut scratch)
                .is_ok_and(|parts| seen(exchange, &parts, endpoint, limit))
        },
    )
}

fn looks_at(limit: Limit) -> &'static [What] {
    match limit {
        Limit::Symbols => &[What::Symbol],
        // Below zero, a quantity can mean to sell.
        Limit::Sides => &[What::Side, What::Quantity],
        Limit::Types => &[What::Type],
        Limit::Quantity => &[What::Symbol, What::Quantity, What::Quote],
        Limit::Notional | Limit::NotionalDay => {
            &[What::Symbol, What::Type, What::Quantity, What::Price, What::Quote, What::Stop]
        }
        Limit::Band => &[What::Type, What::Price],
        Limit::WithdrawTo => &[What::Currency, What::Address, What::Network, What::Tag],
        Limit::WithdrawDay => &[What::Currency, What::Amount],
        _ => &[],
    }
}
