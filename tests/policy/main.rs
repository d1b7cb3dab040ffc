//! The policy over the whole catalogue, on the path that a request takes: taken apart, decided, signed.
//!
//! `requests` runs what each exchange's folder says must be signed and must be refused. The other modules ask the
//! same of every endpoint there is: `endpoints` with its own honest request, `disguised` with that written otherwise,
//! `elsewhere` with its parameters put into somebody else's, `odd` with what is missing or bent.

#![allow(clippy::unwrap_used, missing_docs)]

mod budgets;
mod closed;
mod disguised;
mod elsewhere;
mod endpoints;
mod joined;
mod listed;
mod odd;
mod requests;

use serde::Deserialize;
use signbox::policy::{Decision, Facts, Grants, Rule, Work, decide};
use signbox_exchanges::{
    Clock, Credentials, Error, Exchange, KeyKind, Keyed, Parts, Request, Scratch, Signed, Skew, catalogue,
};
use std::collections::BTreeMap;
use std::path::PathBuf;

const USUAL: &str = "read trade cancel";
const ALL: &str = "read trade cancel transfer withdraw admin";

/// A request that a client would send.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Http {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    /// Why it must be refused, in requests.json.
    why: Option<String>,
    /// The rule that refuses it.
    rule: Option<String>,
}

impl Http {
    fn new(method: &str, url: &str, body: Option<&str>) -> Http {
        Http { method: method.into(), url: url.into(), body: body.map(str::to_owned), ..Http::default() }
    }

    /// Lets a closure look at the request, taken apart.
    fn apart<R>(
        &self,
        exchange: &Exchange,
        look: impl FnOnce(&Parts<'_>) -> Result<R, &'static str>,
    ) -> Result<R, &'static str> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request =
            Request { method: &self.method, url: &self.url, headers: &headers, body: self.body.as_deref() };
        let mut scratch = Scratch::default();
        look(&Parts::of(exchange, &request, &mut scratch)?)
    }
}

/// What came of a request.
#[derive(Debug)]
enum Outcome {
    /// Permitted by the policy and, unless it carries the key alone, signed.
    Signed,
    /// A rule refused it.
    Refused(Rule),
    /// It could be read in two ways, or cannot be sent to this exchange.
    BadRequest(String),
    /// Permitted, but not signed with a key of this kind.
    WrongKey,
}

impl Outcome {
    /// The name of the rule that refused, as requests.json gives it.
    fn name(&self) -> &'static str {
        match self {
            Outcome::Signed => "signed",
            Outcome::Refused(rule) => rule.name(),
            Outcome::BadRequest(_) => "bad_request",
            Outcome::WrongKey => "wrong key",
        }
    }

    fn refused(&self) -> bool {
        matches!(self, Outcome::Refused(_) | Outcome::BadRequest(_))
    }
}

/// The rule on a request, without signing.
fn rule(exchange: &Exchange, grants: Grants, http: &Http) -> Result<Rule, &'static str> {
    http.apart(exchange, |parts| without_limits(exchange, parts, grants).map(|decision| decision.rule))
}

fn without_limits(exchange: &Exchange, parts: &Parts<'_>, grants: Grants) -> Result<Decision, &'static str> {
    decide(exchange, parts, grants, &[], &Facts::default(), &mut Work::default())
}

fn permitted(exchange: &Exchange, grants: Grants, http: &Http) -> bool {
    rule(exchange, grants, http).is_ok_and(|rule| rule.permits())
}

/// Runs a request with a bogus key as the signer does.
fn run(exchange: &Exchange, grants: Grants, key: &Bogus, http: &Http) -> Outcome {
    let outcome = http.apart(exchange, |parts| {
        let decision = without_limits(exchange, parts, grants)?;
        if !decision.rule.permits() {
            return Ok(Outcome::Refused(decision.rule));
        }
        if decision.endpoint.is_some_and(|endpoint| endpoint.key_only) {
            return Ok(Outcome::Signed);
        }
        let clock = Clock { now_ns: 1_700_000_000_123_456_789, last: 0, skew: Skew::Off, unique: [7; 18] };
        let mut signed = Signed::with_capacity(0);
        Ok(match exchange.sign(parts, &key.credentials(), &mut Keyed::default(), &clock, &mut signed) {
            Ok(()) => Outcome::Signed,
            Err(Error::Secret(_)) => Outcome::WrongKey,
            Err(error) => Outcome::BadRequest(error.to_string()),
        })
    });
    outcome.unwrap_or_else(|why| Outcome::BadRequest(why.to_owned()))
}

/// A key that nobody has: the first of its kind in an exchange's vectors.
#[derive(Deserialize)]
struct Bogus {
    key: Option<String>,
    secret: String,
    passphrase: Option<String>,
    uid: Option<String>,
}

impl Bogus {
    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            key: Some(self.key.as_deref().unwrap_or("bogus")),
            secret: self.secret.as_bytes(),
            passphrase: self.passphrase.as_deref(),
            uid: self.uid.as_deref(),
        }
    }
}

/// One bogus key for each kind of key that the exchange's vectors know, HMAC first.
fn keys(exchange: &Exchange) -> Vec<Bogus> {
    let mut keys = BTreeMap::new();
    for bogus in read::<Vec<Bogus>>(exchange, "vectors.json").unwrap() {
        let kind = exchange.kind(&bogus.credentials());
        if exchange.check_secret(bogus.secret.as_bytes()).is_ok() {
            keys.entry((kind != KeyKind::Hmac, format!("{kind:?}"))).or_insert(bogus);
        }
    }
    keys.into_values().collect()
}

/// A file of the exchange's folder.
fn read<T: for<'a> Deserialize<'a>>(exchange: &Exchange, name: &str) -> Result<T, String> {
    let text = std::fs::read_to_string(folder(exchange).join(name)).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn folder(exchange: &Exchange) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("exchanges/catalog").join(exchange.id.text())
}

fn signable() -> impl Iterator<Item = &'static Exchange> {
    catalogue().iter().filter(|exchange| exchange.unsignable.is_none())
}

fn grants(words: &str) -> Grants {
    words.split_whitespace().fold(Grants::NONE, |grants, word| grants.and(word).unwrap())
}

/// Whether a signature of this exchange covers anything but the time.
fn binds_nothing(exchange: &Exchange) -> bool {
    !(exchange.binds.path || exchange.binds.query || exchange.binds.body)
}

/// Fails with everything that was found, and not only with the first.
fn report(wrong: &[String], cases: usize) {
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Marsaglia's xorshift: the same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
