//! What a key was granted, and the decision on one request.
//!
//! One pure function, [`decide`], stands behind `sign`, `check` and `signbox check`. Deny beats
//! everything: a request is signed only if no rule refuses it. What is counted, [`count`] counts when a
//! signature leaves, and nothing else does.

mod bounds;
mod counts;
mod file;
mod limits;
mod orders;

pub use bounds::{Bound, Broken, Facts, Work, count, settle};
use core::fmt;
pub use counts::Count;
pub use file::{File, PLACE};
pub use limits::{Limit, Limits, MOST_WORDS, Mistake};
use signbox_exchanges::{Binds, Class, Endpoint, Exchange, Fit, Login, Parts};

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

    /// What is among both.
    pub(crate) fn both(self, other: Grants) -> Grants {
        Grants(self.0 & other.0)
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
    /// The login, if it is none of a request.
    pub login: Option<&'static Login>,
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
    /// It is a login, and `login` is not granted.
    LoginNotGranted,
    /// The signature would be good for a login, which is not granted or would pass the key's limits by.
    FitsLogin,
    /// At another endpoint, whose class is not granted, the same signature would be good: it does not cover
    /// the path, or nothing says where the path ends.
    FitsUngranted(Fit),
    /// The key has limits, the endpoint's list of parameters is closed, and one of the request is not on it.
    UnknownParameter,
    /// A limit is broken.
    Limited(Broken),
}

impl Rule {
    /// The rule's name, as errors and `check` give it.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::Granted => "granted",
            Rule::UnknownGranted => "unknown-granted",
            Rule::UnknownEndpoint => "unknown-endpoint",
            Rule::ClassNotGranted(_) | Rule::LoginNotGranted => "class-not-granted",
            Rule::FitsUngranted(_) | Rule::FitsLogin => "fits-ungranted",
            Rule::UnknownParameter => "unknown-parameter",
            Rule::Limited(broken) => broken.name(),
        }
    }

    /// Whether the request may be signed.
    pub fn permits(&self) -> bool {
        matches!(self, Rule::Granted | Rule::UnknownGranted)
    }

    /// Whether the same request may be signed a little later.
    pub fn passes(&self) -> bool {
        matches!(self, Rule::Limited(Broken::OverRate))
    }
}

impl Decision {
    /// The class of the request, or `login`, or `unknown`.
    pub fn class(&self) -> &'static str {
        if self.login.is_some() {
            return "login";
        }
        self.endpoint.map_or("unknown", |endpoint| endpoint.class.word())
    }

    /// The decision in words for a person: what was asked for, what is missing, which rule says so. `work` is what it was made
    /// with.
    pub fn explained<'a>(
        &'a self,
        key: &'a str,
        exchange: &'a Exchange,
        parts: &'a Parts<'a>,
        work: &'a Work,
    ) -> Explained<'a> {
        Explained { decision: self, key, exchange, parts, work }
    }
}

/// A [`Decision`] in words.
#[derive(Debug)]
pub struct Explained<'a> {
    decision: &'a Decision,
    key: &'a str,
    exchange: &'a Exchange,
    parts: &'a Parts<'a>,
    work: &'a Work,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explained { decision, key, exchange, parts, work } = self;
        // A path can be as long as a line; an error should not be.
        let (method, path) = (parts.method, parts.path.get(..120).unwrap_or(parts.path));
        if let Some(login) = decision.login {
            match decision.rule {
                Rule::Limited(_) => write!(f, "the limits of '{key}' refuse a login: {}", work.said())?,
                Rule::Granted => write!(f, "the login '{}' may be signed", login.name)?,
                _ => write!(
                    f,
                    "'login' is not granted to '{key}', and a login gives a connection all that the API key may do"
                )?,
            }
            return write!(f, " (rule {})", decision.rule.name());
        }
        match decision.rule {
            Rule::LoginNotGranted | Rule::FitsLogin => write!(
                f,
                "the signature of this request would be good for a login of '{key}', and that is not granted, or would pass its \
                 limits by"
            )?,
            Rule::Granted | Rule::UnknownGranted => write!(f, "{method} {path} may be signed")?,
            Rule::UnknownEndpoint => write!(
                f,
                "the catalogue of {} does not know {method} {path}, and 'unknown' is not granted to '{key}'",
                exchange.id
            )?,
            Rule::ClassNotGranted(class) => {
                write!(f, "'{class}' is not granted to '{key}', and {method} {path} is of that class")?;
            }
            Rule::FitsUngranted(fit) => write!(
                f,
                "'{}' is not granted to '{key}', and a signature over these parameters would also be good for {fit}: \
                 {} does not sign {}",
                fit.class,
                exchange.id,
                match exchange.binds_of(parts) {
                    Binds { path: true, .. } => "where the path ends",
                    Binds { query: false, body: false, .. } => "the path, nor the parameters",
                    _ => "the path",
                }
            )?,
            Rule::UnknownParameter => {
                let unknown = decision.endpoint.and_then(|endpoint| parts.unknown(endpoint)).unwrap_or("");
                // Whoever reads it should see a letter that only looks like another.
                let shown = unknown.get(..60).unwrap_or(unknown).escape_default();
                let class = decision.class();
                write!(
                    f,
                    "'{shown}' is not a parameter that {method} {path} is known to take, and it is of class '{class}'"
                )?;
            }
            Rule::Limited(_) => write!(f, "the limits of '{key}' refuse {method} {path}: {}", work.said())?,
        }
        write!(f, " (rule {})", decision.rule.name())
    }
}

/// Decides whether a key with `grants` and the limits of `bounds` may sign a request.
///
/// Fails when the request could be read in two ways: a parameter that stands twice, or one that the
/// exchange, whose signature does not cover the path, might cut differently.
pub fn decide(
    exchange: &Exchange,
    parts: &Parts<'_>,
    grants: Grants,
    bounds: &[Bound],
    facts: &Facts<'_>,
    work: &mut Work,
) -> Result<Decision, &'static str> {
    let grants = narrowed(grants, bounds);
    exchange.check_body(parts)?;
    let endpoint = exchange.endpoint(parts);
    if parts.repeated(endpoint.map_or(&[], |endpoint| endpoint.repeats.items())).is_some() {
        return Err("a parameter stands twice");
    }
    let granted = match endpoint {
        Some(endpoint) if grants.has(endpoint.class) => Rule::Granted,
        Some(endpoint) => Rule::ClassNotGranted(endpoint.class),
        None if grants.holds("unknown") => Rule::UnknownGranted,
        None => Rule::UnknownEndpoint,
    };
    if granted.permits() {
        exchange.check_conditions(parts)?;
    }
    // What is sent with the key alone gives nobody a signature to carry elsewhere.
    let signed = !endpoint.is_some_and(|endpoint| endpoint.key_only);
    let limited = bounds::limited(bounds, endpoint);
    let elsewhere = exchange.fits_elsewhere(
        parts,
        endpoint,
        |class| signed && !grants.has(class),
        |class| signed && limited >> class as u8 & 1 == 1,
    )?;
    let rule = match elsewhere.dangerous {
        _ if !granted.permits() => granted,
        _ if signed && exchange.fits_login(parts) && !may_log_in(grants, bounds) => Rule::FitsLogin,
        Some(fit) => Rule::FitsUngranted(fit),
        // Without limits, who may withdraw at all may withdraw whatever else a parameter says.
        None if bounds.iter().all(|bound| bound.limits.is_empty()) => granted,
        None if endpoint.is_some_and(|endpoint| parts.unknown(endpoint).is_some()) => Rule::UnknownParameter,
        None => bounds::breach(exchange, parts, endpoint, elsewhere.limited, bounds, facts, work)?
            .map_or(granted, Rule::Limited),
    };
    Ok(Decision { endpoint, login: None, rule })
}

/// Decides whether a key may sign a login. `parts` has its fields as a body.
///
/// What comes over the connection afterwards nobody asks for: so a limit on what requests say or on how many there are of a
/// class cannot be held, and refuses a login, unless its owner has accepted that.
pub fn decide_login(
    exchange: &Exchange,
    login: &'static Login,
    parts: &Parts<'_>,
    grants: Grants,
    bounds: &[Bound],
    facts: &Facts<'_>,
    work: &mut Work,
) -> Decision {
    let rule = match narrowed(grants, bounds).holds("login") {
        false => Rule::LoginNotGranted,
        true => {
            bounds::breach_of_login(exchange, parts, bounds, facts, work).map_or(Rule::Granted, Rule::Limited)
        }
    };
    Decision { endpoint: None, login: Some(login), rule }
}

/// Whether a login could be had for the asking.
fn may_log_in(grants: Grants, bounds: &[Bound]) -> bool {
    grants.holds("login") && bounds.iter().all(|bound| bound.limits.is_empty())
}

/// What is left of grants.
pub fn narrowed(grants: Grants, bounds: &[Bound]) -> Grants {
    bounds.iter().fold(grants, |grants, bound| bound.limits.narrow(grants))
}

// What each exchange signs and refuses stands in its requests.json, and tests/policy/ runs it.
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
        let parts = Parts::of(exchange, &request, &mut scratch)?;
        decide(exchange, &parts, grants, &[], &Facts::default(), &mut Work::default())
            .map(|decision| decision.rule.name())
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
    fn a_request_that_could_be_read_in_two_ways_is_refused() {
        for (id, url, body) in [
            ("binance", "/api/v3/order", "symbol=A&symbol=B"),
            ("binance", "/api/v3/order?symbol=A", "symbol=B"),
            ("kraken", "/0/private/DepositAddresses", r#"{"x":"&new=true&"}"#),
            ("okx", "/api/v5/trade/order", "instId=BTC-USDT"),
        ] {
            assert!(rule(id, USUAL, "POST", url, Some(body)).is_err(), "{id} {url} {body}");
        }
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
    fn a_key_that_may_only_read_gets_no_signature_that_fits_an_order() {
        let url = "/api/v3/account?symbol=LTCBTC&side=SELL&type=MARKET&quantity=1";
        assert_eq!(rule("binance", "read", "GET", url, None), Ok("fits-ungranted"));
        assert_eq!(rule("binance", "read", "GET", "/api/v3/openOrders?symbol=LTCBTC", None), Ok("granted"));
        // As a login over WebSocket it would place orders without another signature.
        let url = "/api/v3/account?apiKey=AK&timestamp=1700000000000";
        assert_eq!(rule("binance", "read", "GET", url, None), Ok("fits-ungranted"));
    }

    /// The rule that decides on Bybit's login.
    fn login_rule(grants: &str, limits: &[(&str, &str)]) -> (&'static str, String) {
        let (exchange, mut scratch) = (exchange("bybit").unwrap(), Scratch::default());
        let request = Request { method: "GET", url: "/", headers: &[], body: Some("{}") };
        let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
        let grants = grants.split_whitespace().fold(Grants::NONE, |grants, word| grants.and(word).unwrap());
        let mut bound = Bound::default();
        for (name, text) in limits {
            bound.limits.set(name, text).unwrap();
        }
        let (bounds, mut work) = ([bound], Work::new());
        let facts = Facts { now_ns: 1_795_348_800_000_000_000, reference: None };
        let decision =
            decide_login(exchange, &exchange.logins[0], &parts, grants, &bounds, &facts, &mut work);
        assert_eq!((decision.class(), decision.endpoint.is_none()), ("login", true));
        (decision.rule.name(), decision.explained("k", exchange, &parts, &work).to_string())
    }

    #[test]
    fn a_login_needs_its_own_grant_and_no_other() {
        assert_eq!(login_rule("login", &[]).0, "granted");
        let (rule, text) = login_rule("read trade cancel transfer withdraw admin unknown raw", &[]);
        assert_eq!(rule, "class-not-granted");
        assert!(text.starts_with("'login' is not granted to 'k'"), "{text}");
        assert_eq!(login_rule("login", &[("allow", "read trade")]).0, "class-not-granted");
    }

    #[test]
    fn a_login_is_refused_where_it_would_pass_a_limit_by() {
        for limit in [
            ("symbols", "BTCUSDT"),
            ("quantity", "1"),
            ("notional-day", "100"),
            ("band", "2%"),
            ("rate-trade", "1/s"),
            ("withdraw-to", "BTC/bitcoin:bc1q"),
            ("hosts", "api.bybit.com"),
        ] {
            assert_eq!(login_rule("login trade", &[limit]).0, "not-enforceable", "{limit:?}");
            let accepted = [limit, ("accept-unenforced", limit.0)];
            assert_eq!(login_rule("login trade", &accepted).0, "granted", "{limit:?}");
        }
        assert_eq!(login_rule("login", &[("until", "2026-01-01")]).0, "after-until");
        assert_eq!(login_rule("login", &[("until", "2027-01-01"), ("rate", "1/s")]).0, "granted");
    }

    #[test]
    fn a_request_that_would_be_a_login_needs_the_grant_for_one() {
        let url = "/api/v3/account?apiKey=K&timestamp=1";
        assert_eq!(rule("binance", USUAL, "GET", url, None), Ok("fits-ungranted"));
        assert_eq!(rule("binance", "read login", "GET", url, None), Ok("granted"));
        assert_eq!(rule("bitmex", "unknown", "GET", "/realtime", None), Ok("fits-ungranted"));
        assert_eq!(rule("bitmex", "unknown login", "GET", "/realtime", None), Ok("unknown-granted"));
    }

    #[test]
    fn a_refusal_names_what_is_missing_and_the_rule() {
        let (exchange, mut scratch) = (exchange("binance").unwrap(), Scratch::default());
        let url = "/api/v3/account?coin=BTC&address=bc1q&amount=1";
        let request = Request { method: "GET", url, headers: &[], body: None };
        let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
        let decision =
            decide(exchange, &parts, Grants::DEFAULT, &[], &Facts::default(), &mut Work::default()).unwrap();
        let text = decision.explained("binance/main", exchange, &parts, &Work::default()).to_string();
        for part in
            ["'withdraw' is not granted to 'binance/main'", "does not sign the path", "(rule fits-ungranted)"]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
