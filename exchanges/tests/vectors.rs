//! Every vector of the catalogue against the engine: the data decides, this file expects nothing.

#![allow(clippy::unwrap_used, missing_docs)]

use serde::Deserialize;
use signbox_exchanges::{
    Clock, Credentials, Error, Exchange, Keyed, Parts, Request, Scratch, Signed, Skew, catalogue,
};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    comment: String,
    key: Option<String>,
    secret: String,
    passphrase: Option<String>,
    now_ms: u64,
    request: Http,
    signed: Option<Http>,
    error: Option<String>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Http {
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

fn vectors(exchange: &Exchange) -> Vec<Vector> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog").join(exchange.id).join("vectors.json");
    let text = std::fs::read_to_string(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let vectors: Vec<Vector> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    assert!(!vectors.is_empty(), "{}: no vector", place.display());
    vectors
}

fn sign(exchange: &Exchange, vector: &Vector) -> Result<Http, String> {
    let headers: Vec<(&str, &str)> =
        vector.request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = &vector.request;
    let request =
        Request { method: &given.method, url: &given.url, headers: &headers, body: given.body.as_deref() };
    let mut scratch = Scratch::default();
    let parts = Parts::of(&request, &mut scratch)?;
    let credentials = Credentials {
        key: vector.key.as_deref(),
        secret: vector.secret.as_bytes(),
        passphrase: vector.passphrase.as_deref(),
    };
    if let Err(wrong) = exchange.check_body(&parts) {
        return Err(wrong.to_owned());
    }
    let endpoint = exchange.endpoint(&parts);
    if endpoint.is_some_and(|endpoint| endpoint.key_only) {
        return Ok(Http {
            method: given.method.clone(),
            url: given.url.clone(),
            headers: given.headers.clone(),
            body: given.body.clone(),
        });
    }
    let clock = Clock { now_ns: vector.now_ms * 1_000_000, last: 0, skew: Skew::Seconds(60) };
    let mut signed = Signed::with_capacity(0);
    exchange.sign(&parts, &credentials, &mut Keyed::default(), &clock, &mut signed).map_err(|error| {
        match error {
            Error::Request(_) => "bad_request".to_owned(),
            Error::Stale(_) => "stale".to_owned(),
            Error::Secret(_) => "unavailable".to_owned(),
        }
    })?;
    let mut merged: BTreeMap<String, String> = given.headers.clone();
    for (name, value) in signed.headers(&credentials).into_iter().flatten() {
        merged.retain(|header, _| !header.eq_ignore_ascii_case(name));
        merged.insert(name.to_owned(), value.to_owned());
    }
    let mark = if signed.query.is_empty() { "" } else { "?" };
    let body = (!signed.body.is_empty() || given.body.is_some()).then(|| signed.body.clone());
    Ok(Http {
        method: given.method.clone(),
        url: format!("{}{}{mark}{}", parts.origin, parts.path, signed.query),
        headers: merged,
        body,
    })
}

fn lower(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

#[test]
fn every_exchange_matches_its_vectors() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for exchange in catalogue() {
        for vector in vectors(exchange) {
            count += 1;
            let place = format!("{}: {}", exchange.id, vector.comment);
            match (sign(exchange, &vector), &vector.signed, &vector.error) {
                (Ok(got), Some(want), None) => {
                    let same = got.method == want.method
                        && got.url == want.url
                        && got.body == want.body
                        && lower(&got.headers) == lower(&want.headers);
                    if !same {
                        wrong.push(format!("{place}\n  got  {got:?}\n  want {want:?}"));
                    }
                }
                (Err(got), None, Some(want)) if got == *want => {}
                (got, _, want) => wrong.push(format!("{place}\n  got  {got:?}\n  want error {want:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}
