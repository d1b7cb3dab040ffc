//! Every login of the catalogue against its vectors: the data decides, this file expects nothing.

#![allow(clippy::unwrap_used, missing_docs)]

use serde::Deserialize;
use serde_json::{Map, Value};
use signbox_exchanges::{
    Clock, Credentials, Error, Exchange, Keyed, Login, Parts, Request, Scratch, Signed, Skew, catalogue,
    exchange,
};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    comment: String,
    key: Option<String>,
    secret: String,
    passphrase: Option<String>,
    now_ms: u64,
    /// Its name; the first for the kind of key if there is none.
    login: Option<String>,
    fields: Map<String, Value>,
    /// The fields that are to be sent.
    signed: Option<Map<String, Value>>,
    /// A code of the protocol, the text of a refusal, or the request that buys a token.
    error: Option<String>,
}

fn vectors() -> Vec<(&'static Exchange, Vector)> {
    let mut all = Vec::new();
    for exchange in catalogue() {
        let place =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("catalog/{}/logins.json", exchange.id));
        assert_eq!(place.exists(), !exchange.logins.is_empty(), "{}", place.display());
        let Ok(text) = std::fs::read_to_string(&place) else { continue };
        let own: Vec<Vector> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        all.extend(own.into_iter().map(|vector| (exchange, vector)));
    }
    all
}

fn credentials(vector: &Vector) -> Credentials<'_> {
    Credentials {
        key: vector.key.as_deref(),
        secret: vector.secret.as_bytes(),
        passphrase: vector.passphrase.as_deref(),
        uid: None,
    }
}

/// The fields that come out, or why none do, and the login.
fn sign(
    exchange: &Exchange,
    vector: &Vector,
    fields: &str,
) -> (Option<&'static Login>, Result<Map<String, Value>, String>) {
    let credentials = credentials(vector);
    let login = match exchange.login(vector.login.as_deref(), exchange.kind(&credentials)) {
        Ok(login) => login,
        Err(why) => return (None, Err(why.to_owned())),
    };
    if let Some(rest) = login.rest {
        return (Some(login), Err(rest.text().to_owned()));
    }
    let mut scratch = Scratch::default();
    let request = Request { method: "GET", url: "/", headers: &[], body: Some(fields) };
    let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
    let clock =
        Clock { now_ns: vector.now_ms * 1_000_000, last: 0, skew: Skew::Seconds(60), unique: [7; 18] };
    let mut out = Signed::with_capacity(0);
    let signed = exchange.sign_login(login, &parts, &credentials, &mut Keyed::default(), &clock, &mut out);
    let signed = signed.map(|()| serde_json::from_str(&out.body).unwrap()).map_err(|error| {
        match error {
            Error::Request(_) | Error::Field(..) => "bad_request",
            Error::Stale(_) => "stale",
            Error::Secret(_) => "unavailable",
        }
        .to_owned()
    });
    (Some(login), signed)
}

#[test]
fn every_login_matches_its_vectors() {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (exchange, vector) in vectors() {
        let fields = Value::Object(vector.fields.clone()).to_string();
        let (login, got) = sign(exchange, &vector, &fields);
        let fits = match (&got, &vector.signed, &vector.error) {
            (Ok(got), Some(want), None) => got == want,
            (Err(got), None, Some(want)) => got == want,
            _ => false,
        };
        let told = vector.signed.is_some() || login.is_some_and(|login| login.rest.is_some());
        if let Some(login) = login.filter(|_| told) {
            seen.insert((exchange.id.text(), std::ptr::from_ref(login) as usize));
        }
        if !fits {
            wrong.push(format!("{}: {}\n  got  {got:?}", exchange.id, vector.comment));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    let all: usize = catalogue().iter().map(|exchange| exchange.logins.len()).sum();
    assert_eq!(seen.len(), all, "a login without a vector");
}

#[test]
fn signing_a_login_again_changes_nothing() {
    for (exchange, vector) in vectors() {
        let Some(signed) = &vector.signed else { continue };
        let (_, again) = sign(exchange, &vector, &Value::Object(signed.clone()).to_string());
        assert_eq!(again.as_ref(), Ok(signed), "{}: {}", exchange.id, vector.comment);
    }
}

fn told(id: &str, url: &str, body: Option<&str>) -> bool {
    let (exchange, mut scratch) = (exchange(id).unwrap(), Scratch::default());
    let request = Request { method: "GET", url, headers: &[], body };
    let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
    exchange.fits_login(&parts)
}

#[test]
fn a_request_whose_signature_is_a_login_is_told() {
    for (id, url, body) in [
        ("binance", "/api/v3/account?apiKey=K", None),
        ("binance", "/api/v3/account?timestamp=1&apiKey=K", None),
        ("binance", "/api/v3/account", Some("apiKey=K")),
        ("binance", "/api/v3/account?api", Some("Key=K")),
        ("okx", "/users/self/verify", None),
        ("bitget", "/user/verify?x=1", None),
        ("coinbaseexchange", "/users/self/verify", None),
        ("bitmex", "/realtime", None),
    ] {
        assert!(told(id, url, body), "{id} {url}");
    }
    for (id, url) in [
        ("binance", "/api/v3/account?timestamp=1"),
        ("binance", "/sapi/v1/margin/apiKey?symbol=A"),
        ("okx", "/api/v5/account/balance"),
        ("kraken", "/users/self/verify"),
    ] {
        assert!(!told(id, url, None), "{id} {url}");
    }
}

#[test]
fn the_path_of_a_login_is_no_endpoint_and_the_request_for_a_token_is_one() {
    for exchange in catalogue() {
        let listed = |method: &str, path: &str| {
            let mut scratch = Scratch::default();
            let request = Request { method, url: path, headers: &[], body: None };
            exchange.endpoint(&Parts::of(exchange, &request, &mut scratch).unwrap()).is_some()
        };
        for login in exchange.logins.iter() {
            let methods = ["GET", "POST", "PUT", "DELETE"];
            let path = login.path.map_or("/", |path| path.text());
            assert!(!methods.iter().any(|method| listed(method, path)), "{}", exchange.id);
            if let Some((method, path)) = login.rest.and_then(|rest| rest.text().split_once(' ')) {
                assert!(listed(method, path), "{}: {method} {path}", exchange.id);
            }
        }
    }
}
