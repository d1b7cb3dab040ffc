//! The limits that a new key gets: read as a signer will read them, and refused where no signature could hold them.

use crate::error::Error;
use crate::output::remark;
use signbox::policy::{Limit, Limits};
use signbox_exchanges::{Exchange, Token};

/// Reads `NAME=TEXT` options, and the names of limits that are accepted though nothing can hold them.
pub(super) fn read(options: &[String], accepted: &[String], exchange: &Exchange) -> Result<Limits, Error> {
    let mut limits = Limits::default();
    for name in accepted {
        limits
            .set(Limit::AcceptUnenforced.name(), name)
            .map_err(|mistake| Error::new(format_args!("--accept-unenforced '{name}': {mistake}")))?;
    }
    for option in options {
        let wrong = |why: &dyn std::fmt::Display| Error::new(format_args!("--limit '{option}': {why}"));
        let (name, text) = option
            .split_once('=')
            .ok_or_else(|| wrong(&"no '='; a limit is NAME=TEXT, as in --limit 'symbols=BTCUSDT'"))?;
        if Limit::of(name) == Some(Limit::Allow) {
            return Err(wrong(&"what a key is granted is said with --allow"));
        }
        limits.set(name, text).map_err(|mistake| wrong(&mistake))?;
    }
    if let Some((limit, why)) = limits.unenforceable(exchange) {
        return Err(Error::new(format_args!(
            "--limit '{limit}' cannot be enforced at {}: {why}; leave it out, or accept that with \
             --accept-unenforced {limit}",
            exchange.name
        )));
    }
    Ok(limits)
}

/// Says what the limits will not do.
pub(super) fn warn(limits: &Limits, exchange: &Exchange) {
    for (limit, why) in limits.unenforced(exchange) {
        remark(&format!("remark: '{limit}' holds only what is asked for: {why}"));
    }
    if limits.has(Limit::Hosts) && !signs_host(exchange) {
        remark(&format!(
            "remark: 'hosts' holds only what is asked for: a signature of {} is not tied to a host",
            exchange.name
        ));
    }
    for class in limits.unread(exchange) {
        remark(&format!(
            "remark: the catalogue cannot read what a request of class '{class}' says at {}, so under these limits all of \
             them are refused",
            exchange.name
        ));
    }
}

fn signs_host(exchange: &Exchange) -> bool {
    exchange.schemes.iter().all(|scheme| scheme.message.iter().any(holds_host))
}

fn holds_host(token: &Token) -> bool {
    match token {
        Token::Host => true,
        Token::Of(_, inner) => inner.iter().any(holds_host),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use signbox_exchanges::exchange;

    fn told(id: &str, options: &[&str]) -> String {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        read(&options, &[], exchange(id).unwrap())
            .map_or_else(|error| error.to_string(), |_| "read".to_owned())
    }

    #[test]
    fn a_mistake_names_the_option_and_what_would_be_right() {
        for (option, why) in [
            ("symbols", "--limit 'symbols': no '='; a limit is NAME=TEXT"),
            ("allow=read", "--limit 'allow=read': what a key is granted is said with --allow"),
            ("band=2", "--limit 'band=2': limit 'band': no '%' behind it; write '2%'"),
            ("price=2", "--limit 'price=2': the name of a limit is not known; there are allow, hosts"),
        ] {
            assert!(told("binance", &[option]).starts_with(why), "{option}: {}", told("binance", &[option]));
        }
        assert_eq!(told("binance", &["band=2%", "symbols=A", "symbols=B"]), "read");
    }

    #[test]
    fn a_limit_that_no_signature_can_hold_has_to_be_accepted() {
        let why = told("coinmate", &["notional=500"]);
        assert!(why.starts_with("--limit 'notional' cannot be enforced at"), "{why}");
        assert!(why.ends_with("accept that with --accept-unenforced notional"), "{why}");
        assert_eq!(told("coinmate", &["notional=500", "accept-unenforced=notional"]), "read");
        let accepted = |name: &str| {
            let read = read(&["notional=500".to_owned()], &[name.to_owned()], exchange("coinmate").unwrap());
            read.map_or_else(|error| error.to_string(), |_| "read".to_owned())
        };
        assert_eq!(accepted("notional"), "read");
        assert!(accepted("price").starts_with("--accept-unenforced 'price': "), "{}", accepted("price"));
    }

    #[test]
    fn few_signatures_are_tied_to_a_host() {
        assert!(signs_host(exchange("htx").unwrap()) && !signs_host(exchange("binance").unwrap()));
    }
}
