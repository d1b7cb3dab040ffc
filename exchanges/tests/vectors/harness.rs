//! A vector, the engine's answer to it, and what the tests ask about a request.

use serde::Deserialize;
use signbox_exchanges::{
    Clock, Credentials, Error, Exchange, Keyed, Parts, Place, Request, Scheme, Scratch, Signed, Skew,
    catalogue,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) comment: String,
    pub(crate) key: Option<String>,
    pub(crate) secret: String,
    pub(crate) passphrase: Option<String>,
    pub(crate) uid: Option<String>,
    pub(crate) now_ms: u64,
    pub(crate) request: Http,
    pub(crate) signed: Option<Http>,
    pub(crate) error: Option<String>,
}

#[derive(Deserialize, PartialEq, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<String>,
}

impl Vector {
    /// The id of the line that the vector was made from, if it was made from one.
    pub(crate) fn id(&self) -> Option<&str> {
        let (_, rest) = self.comment.strip_prefix("ccxt ")?.split_once(" id ")?;
        Some(rest.split(':').next().unwrap_or(rest))
    }

    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials {
            key: self.key.as_deref(),
            secret: self.secret.as_bytes(),
            passphrase: self.passphrase.as_deref(),
            uid: self.uid.as_deref(),
        }
    }
}

pub(crate) fn catalog() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog")
}

/// The exchanges that can sign, each with its vectors.
pub(crate) fn signing() -> impl Iterator<Item = (&'static Exchange, Vec<Vector>)> {
    catalogue()
        .iter()
        .filter(|exchange| exchange.unsignable.is_none())
        .map(|exchange| (exchange, vectors(exchange)))
}

fn vectors(exchange: &Exchange) -> Vec<Vector> {
    let place = catalog().join(exchange.id.text()).join("vectors.json");
    let text = std::fs::read_to_string(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let vectors: Vec<Vector> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    assert!(!vectors.is_empty(), "{}: no vector", place.display());
    vectors
}

/// The ids in `exceptions.txt`; `x/*` stands for all of `x`.
pub(crate) fn exceptions() -> BTreeSet<String> {
    let text = std::fs::read_to_string(catalog().join("exceptions.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once("  ").unwrap_or_else(|| panic!("no reason: {line}")).0.to_owned())
        .collect()
}

/// What came of a request: how it is sent, and the text at each place of the signature.
pub(crate) struct Outcome {
    pub(crate) http: Http,
    pub(crate) signatures: Vec<String>,
}

pub(crate) fn sign(
    exchange: &Exchange,
    vector: &Vector,
    given: &Http,
    now_ms: u64,
) -> Result<Outcome, String> {
    let headers: Vec<(&str, &str)> = given.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let request =
        Request { method: &given.method, url: &given.url, headers: &headers, body: given.body.as_deref() };
    let mut scratch = Scratch::default();
    let parts = Parts::of(exchange, &request, &mut scratch)?;
    let credentials = vector.credentials();
    exchange.check_body(&parts)?;
    if exchange.endpoint(&parts).is_some_and(|endpoint| endpoint.key_only) {
        return Ok(Outcome { http: given.clone(), signatures: Vec::new() });
    }
    let clock = Clock { now_ns: now_ms * 1_000_000, last: 0, skew: Skew::Seconds(60), unique: [7; 18] };
    let mut signed = Signed::with_capacity(0);
    exchange.sign(&parts, &credentials, &mut Keyed::default(), &clock, &mut signed).map_err(|error| {
        match error {
            Error::Request(_) | Error::Field(..) => "bad_request".to_owned(),
            Error::Stale(_) => "stale".to_owned(),
            Error::Secret(_) => "unavailable".to_owned(),
        }
    })?;
    let mut merged = given.headers.clone();
    for (name, value) in signed.headers(&credentials) {
        let spelled = merged.keys().find(|header| header.eq_ignore_ascii_case(&name)).cloned();
        merged.insert(spelled.unwrap_or_else(|| name.text().to_owned()), value.to_owned());
    }
    let mark = signed.mark(&parts);
    let body = (!signed.body.is_empty() || given.body.is_some()).then(|| signed.body.clone());
    let url = format!("{}{}{mark}{}", parts.origin, parts.path, signed.query);
    let http = Http { method: given.method.clone(), url, headers: merged, body };
    let mut signatures = Vec::new();
    for scheme in schemes(exchange, vector, &parts) {
        let inside = scheme.headers.iter().map(|field| field.place);
        let places = scheme.signature.iter().copied().filter(|place| *place != Place::Headers);
        signatures.extend(places.chain(inside).filter_map(|place| value_at(exchange, &http, place)));
    }
    Ok(Outcome { http, signatures })
}

/// The schemes that may have signed a request; all but for the method are told apart.
pub(crate) fn schemes<'a>(
    exchange: &'a Exchange,
    vector: &Vector,
    parts: &Parts<'a>,
) -> impl Iterator<Item = &'static Scheme> + use<'a> {
    let kind = exchange.kind(&vector.credentials());
    let (path, kind_of_body) = (parts.path, parts.kind);
    exchange.schemes.items().iter().filter(move |scheme| {
        scheme.kind == kind
            && (scheme.paths.is_empty() || scheme.paths.iter().any(|start| path.starts_with(start.text())))
            && scheme.with_body.is_none_or(|wanted| wanted.is(kind_of_body))
    })
}

/// Lets a closure look at a request that was taken apart.
pub(crate) fn apart<R>(exchange: &Exchange, http: &Http, look: impl FnOnce(&Parts<'_>) -> R) -> Option<R> {
    let headers: Vec<(&str, &str)> = http.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let request =
        Request { method: &http.method, url: &http.url, headers: &headers, body: http.body.as_deref() };
    let mut scratch = Scratch::default();
    Parts::of(exchange, &request, &mut scratch).ok().map(|parts| look(&parts))
}

fn value_at(exchange: &Exchange, http: &Http, place: Place) -> Option<String> {
    apart(exchange, http, |parts| match place {
        Place::Header(name) => parts.header(&name).map(str::to_owned),
        Place::Headers => None,
        Place::Query(name) | Place::Params(name) | Place::Body(name) => {
            parts.param(&name).map(|param| parts.value(param).to_owned())
        }
    })?
}

fn lower(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

pub(crate) fn same(got: &Http, want: &Http) -> bool {
    got.method == want.method
        && got.url == want.url
        && got.body == want.body
        && lower(&got.headers) == lower(&want.headers)
}
