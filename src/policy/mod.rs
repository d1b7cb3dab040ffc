//! What a key was granted, and the decision on one request.
//!
//! One pure function, [`decide`], stands behind `sign`, `check` and `signbox check`. Deny beats
//! everything: a request is signed only if no rule refuses it. Limits, rates and the ledger join
//! here, each as one more rule in [`decide`].

use core::fmt;
use signbox_exchanges::{Class, Endpoint, Exchange, Name, Parts, Shape};

/// What a key may be used for; fixed in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants(u16);

impl Grants {
    /// Nothing.
    pub const NONE: Grants = Grants(0);

    /// What a bare secret may be used for: `read trade cancel`.
    pub const DEFAULT: Grants = Grants::NONE.with(0).with(1).with(2);

    /// The words of grants, in the order they are listed in.
    pub const WORDS: [&'static str; 9] =
        ["read", "trade", "cancel", "transfer", "withdraw", "admin", "unknown", "raw", "login"];

    /// These grants and the one that `word` names; nothing if no grant is called so.
    pub fn and(self, word: &str) -> Option<Grants> {
        Self::WORDS.iter().position(|known| *known == word).map(|bit| self.with(bit))
    }

    /// Whether requests of this class may be signed.
    pub fn has(self, class: Class) -> bool {
        let bit = match class {
            Class::Read => 0,
            Class::Trade => 1,
            Class::Cancel => 2,
            Class::Transfer => 3,
            Class::Withdraw => 4,
            Class::Admin => 5,
        };
        self.0 & (1 << bit) != 0
    }

    /// Whether the grant that `word` names is among these.
    pub fn holds(self, word: &str) -> bool {
        Grants::NONE.and(word).is_some_and(|grant| self.0 & grant.0 != 0)
    }

    /// The words of these grants.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, word)| word)
    }

    const fn with(self, bit: usize) -> Grants {
        Grants(self.0 | 1 << bit)
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words().enumerate() {
            f.write_str(if at > 0 { " " } else { "" })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// What was decided on a request, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// The endpoint in the catalogue, if it is there.
    pub endpoint: Option<&'static Endpoint>,
    /// The rule that decided.
    pub rule: Rule,
}

/// A rule that permits or refuses.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// The endpoint's class is granted.
    Granted,
    /// The endpoint is not in the catalogue, and `unknown` is granted.
    UnknownGranted,
    /// The endpoint is not in the catalogue.
    UnknownEndpoint,
    /// The endpoint's class is not granted.
    ClassNotGranted(Class),
    /// The signature does not cover the path, and at another endpoint, whose class is not granted,
    /// the same parameters would be a valid request.
    FitsUngranted(&'static Shape),
}

impl Rule {
    /// The rule's name, as errors and `check` give it.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::Granted => "granted",
            Rule::UnknownGranted => "unknown-granted",
            Rule::UnknownEndpoint => "unknown-endpoint",
            Rule::ClassNotGranted(_) => "class-not-granted",
            Rule::FitsUngranted(_) => "fits-ungranted",
        }
    }

    /// Whether the request may be signed.
    pub fn permits(&self) -> bool {
        matches!(self, Rule::Granted | Rule::UnknownGranted)
    }
}

impl Decision {
    /// The class of the request, or `unknown`.
    pub fn class(&self) -> &'static str {
        self.endpoint.map_or("unknown", |endpoint| endpoint.class.word())
    }

    /// The decision in words for a person: what was asked for, what is missing, which rule says so.
    pub fn explained<'a>(
        &'a self,
        key: &'a str,
        exchange: &'a Exchange,
        parts: &'a Parts<'a>,
    ) -> Explained<'a> {
        Explained { decision: self, key, exchange, parts }
    }
}

/// A [`Decision`] in words.
#[derive(Debug)]
pub struct Explained<'a> {
    decision: &'a Decision,
    key: &'a str,
    exchange: &'a Exchange,
    parts: &'a Parts<'a>,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explained { decision, key, exchange, parts } = self;
        // A path can be as long as a line; an error should not be.
        let (method, path) = (parts.method, parts.path.get(..120).unwrap_or(parts.path));
        match decision.rule {
            Rule::Granted | Rule::UnknownGranted => write!(f, "{method} {path} may be signed")?,
            Rule::UnknownEndpoint => write!(
                f,
                "the catalogue of {} does not know {method} {path}, and 'unknown' is not granted to '{key}'",
                exchange.id
            )?,
            Rule::ClassNotGranted(class) => {
                write!(f, "'{class}' is not granted to '{key}', and {method} {path} is of that class")?;
            }
            Rule::FitsUngranted(shape) => write!(
                f,
                "'{}' is not granted to '{key}', and a signature over these parameters would also be good for {}: \
                 {} does not sign the path",
                shape.class, shape.endpoint, exchange.id
            )?,
        }
        write!(f, " (rule {})", decision.rule.name())
    }
}

/// Decides whether a key with `grants` may sign a request.
///
/// Fails when the request could be read in two ways: a parameter that stands twice, or one that the
/// exchange, whose signature does not cover the path, might cut differently.
pub fn decide(exchange: &Exchange, parts: &Parts<'_>, grants: Grants) -> Result<Decision, &'static str> {
    exchange.check_body(parts)?;
    let endpoint = exchange.endpoint(parts);
    if parts.repeated(endpoint.and_then(|endpoint| endpoint.repeats).map(Name::text)).is_some() {
        return Err("a parameter stands twice");
    }
    let present = exchange.shape_of(parts)?;
    let granted = match endpoint {
        Some(endpoint) if grants.has(endpoint.class) => Rule::Granted,
        Some(endpoint) => Rule::ClassNotGranted(endpoint.class),
        None if grants.holds("unknown") => Rule::UnknownGranted,
        None => Rule::UnknownEndpoint,
    };
    // What is sent with the key alone gives nobody a signature to carry elsewhere.
    let signed = !endpoint.is_some_and(|endpoint| endpoint.key_only);
    let refused = exchange.shape_within(&present, endpoint, |class| signed && !grants.has(class));
    let rule = match refused {
        Some(shape) if granted.permits() => Rule::FitsUngranted(shape),
        _ => granted,
    };
    Ok(Decision { endpoint, rule })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use signbox_exchanges::{Request, Scratch, exchange};

    fn rule(
        id: &str,
        grants: &str,
        method: &str,
        url: &str,
        body: Option<&str>,
    ) -> Result<&'static str, &'static str> {
        let exchange = exchange(id).unwrap();
        let grants = grants.split_whitespace().fold(Grants::NONE, |grants, word| grants.and(word).unwrap());
        let mut scratch = Scratch::default();
        let request = Request { method, url, headers: &[], body };
        let parts = Parts::of(&request, &mut scratch)?;
        decide(exchange, &parts, grants).map(|decision| decision.rule.name())
    }

    const USUAL: &str = "read trade cancel";

    #[test]
    fn the_default_grants_are_read_trade_cancel() {
        assert_eq!(Grants::DEFAULT.to_string(), USUAL);
        assert!(Grants::DEFAULT.has(Class::Trade) && !Grants::DEFAULT.has(Class::Withdraw));
        assert_eq!(Grants::NONE.and("everything"), None);
        for class in Class::ALL {
            let granted = Grants::NONE.and(class.word()).unwrap();
            assert!(Class::ALL.into_iter().all(|other| granted.has(other) == (other == class)), "{class}");
        }
    }

    #[test]
    fn a_get_that_carries_coin_address_and_amount_is_refused() {
        let url = "/api/v3/account?coin=BTC&address=bc1q&amount=1&timestamp=1";
        assert_eq!(rule("binance", USUAL, "GET", url, None), Ok("fits-ungranted"));
        let (url, body) = ("/sapi/v1/capital/withdraw/apply", Some("coin=BTC&address=bc1q&amount=1"));
        assert_eq!(rule("binance", "read withdraw", "POST", url, body), Ok("granted"));
    }

    #[test]
    fn no_way_of_cutting_the_signed_text_hides_a_withdrawal() {
        for (url, body) in [
            ("/api/v3/order?coin=BTC", Some("address=bc1q&amount=1")),
            ("/api/v3/order?symbol=X&co", Some("in=BTC&address=bc1q&amount=1")),
            ("/api/v3/order?symbol=co", Some("in=BTC&address=bc1q&amount=1")),
            ("/api/v3/order?xcoin=BTC&address=bc1q&amount=1", None),
            ("/api/v3/order", Some("symbol.coin=BTC&address=bc1q&amount=1")),
            ("/api/v3/order", Some("x%5Dcoin=BTC&address%5B%5D=bc1q&amount[]=1")),
            ("/api/v3/order?amount=1&address=a&coin", None),
        ] {
            assert_eq!(rule("binance", USUAL, "POST", url, body), Ok("fits-ungranted"), "{url} {body:?}");
        }
        for (url, body) in [
            ("/api/v3/order?symbol=coin=BTC&address=bc1q&amount=1", None),
            ("/api/v3/order", Some("{\"a\":\"&coin=BTC&address=bc1q&amount=1\"}")),
            ("/api/v3/order", Some("symbol=A&symbol=B")),
            ("/api/v3/order?symbol=A", Some("symbol=B")),
            ("/api/v3/order?a=1;coin=BTC;address=bc1q;amount=1", None),
        ] {
            assert!(rule("binance", USUAL, "POST", url, body).is_err(), "{url} {body:?}");
        }
    }

    #[test]
    fn a_body_that_could_be_read_as_a_form_and_as_json_is_refused() {
        let body = r#"{"x":"&command=withdraw&amount=1&","command":"returnBalances"}"#;
        assert!(rule("poloniexlegacy", USUAL, "POST", "/tradingApi", Some(body)).is_err());
        let body = r#"{"x":"&new=true&"}"#;
        assert!(rule("kraken", USUAL, "POST", "/0/private/DepositAddresses", Some(body)).is_err());
        assert!(rule("okx", USUAL, "POST", "/api/v5/trade/order", Some("instId=BTC-USDT")).is_err());
        assert_eq!(
            rule("kraken", USUAL, "POST", "/0/private/DepositAddresses", Some("{\"a\":1}")),
            Ok("granted")
        );
    }

    #[test]
    fn what_is_not_in_the_catalogue_is_refused() {
        for url in ["/api/v3/nothing", "/api/v3/ORDER", "/api/v3/order/", "/api/v4/order", "/"] {
            assert_eq!(rule("binance", USUAL, "POST", url, None), Ok("unknown-endpoint"), "{url}");
            assert_eq!(rule("binance", "unknown", "POST", url, None), Ok("unknown-granted"), "{url}");
        }
        assert_eq!(rule("binance", USUAL, "PATCH", "/api/v3/order", None), Ok("unknown-endpoint"));
    }

    #[test]
    fn ordinary_orders_reads_and_cancels_are_signed() {
        for (id, method, url, body) in [
            (
                "binance",
                "POST",
                "/api/v3/order",
                Some("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"),
            ),
            ("binance", "DELETE", "/api/v3/order?symbol=LTCBTC&orderId=7", None),
            ("binance", "GET", "/api/v3/openOrders?symbol=LTCBTC", None),
            ("binance", "GET", "/api/v3/myTrades?symbol=LTCBTC&fromId=7&limit=10", None),
            (
                "kraken",
                "POST",
                "/0/private/AddOrder",
                Some("pair=XBTUSD&type=buy&ordertype=limit&price=1&volume=1"),
            ),
            ("okx", "POST", "/api/v5/trade/order", Some("{\"instId\":\"BTC-USDT\",\"side\":\"buy\"}")),
            ("coinbaseexchange", "GET", "/orders/7", None),
            ("bitfinex", "POST", "/v2/auth/w/order/submit", Some("{\"type\":\"EXCHANGE LIMIT\"}")),
            ("poloniex", "DELETE", "/orders/7", None),
        ] {
            assert_eq!(rule(id, USUAL, method, url, body), Ok("granted"), "{id} {url}");
        }
    }

    #[test]
    fn a_key_that_may_only_read_gets_no_signature_that_fits_an_order() {
        let url = "/api/v3/account?symbol=LTCBTC&side=SELL&type=MARKET&quantity=1";
        assert_eq!(rule("binance", "read", "GET", url, None), Ok("fits-ungranted"));
        assert_eq!(rule("binance", "read", "GET", "/api/v3/openOrders?symbol=LTCBTC", None), Ok("granted"));
    }

    #[test]
    fn withdrawals_are_refused_on_every_exchange() {
        for (id, method, url, body) in [
            ("binance", "POST", "/sapi/v1/capital/withdraw/apply", Some("coin=BTC&address=a&amount=1")),
            ("kraken", "POST", "/0/private/Withdraw", Some("asset=XBT&key=a&amount=1")),
            (
                "okx",
                "POST",
                "/api/v5/asset/withdrawal",
                Some("{\"ccy\":\"BTC\",\"amt\":\"1\",\"dest\":\"4\",\"toAddr\":\"a\"}"),
            ),
            ("coinbaseexchange", "POST", "/withdrawals/crypto", Some("{\"amount\":1}")),
            ("bitfinex", "POST", "/v2/auth/w/withdraw", Some("{\"amount\":\"1\"}")),
            ("bitfinex", "POST", "/v2/auth/w/transfer", Some("{\"amount\":\"1\",\"email_dst\":\"a@b\"}")),
            ("poloniex", "POST", "/wallets/withdraw", Some("{\"amount\":\"1\"}")),
            ("poloniexlegacy", "POST", "/tradingApi", Some("command=withdraw&amount=1")),
            ("bittrex", "GET", "/api/v1.1/account/withdraw?currency=BTC&quantity=1&address=a", None),
        ] {
            assert_eq!(
                rule(id, "read trade cancel transfer admin", method, url, body),
                Ok("class-not-granted"),
                "{id} {url}"
            );
            assert_eq!(rule(id, "withdraw transfer", method, url, body), Ok("granted"), "{id} {url}");
        }
    }
}
