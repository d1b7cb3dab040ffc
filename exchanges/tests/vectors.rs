//! Every vector of the catalogue against the engine: the data decides, this file expects nothing.
//!
//! The other tests hold whatever the exchange: signing twice changes nothing, a request without authentication
//! comes back complete, and a signature depends on what the scheme says it covers, and on nothing else.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "vectors/change.rs"]
mod change;
#[path = "vectors/harness.rs"]
mod harness;

use change::{bare, flipped_param, flipped_path, parameters, places};
use harness::{Http, Vector, apart, catalog, exceptions, same, schemes, sign, signing};
use signbox_exchanges::{Binds, Exchange, Place, Scheme, Source, Unit, When, catalogue, exchange};
use std::collections::BTreeSet;

#[test]
fn every_exchange_matches_its_vectors() {
    let exceptions = exceptions();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (exchange, vectors) in signing() {
        for vector in vectors {
            count += 1;
            let place = format!("{}: {}", exchange.id, vector.comment);
            let got = sign(exchange, &vector, &vector.request, vector.now_ms).map(|outcome| outcome.http);
            let fits = match (&got, &vector.signed, &vector.error) {
                (Ok(got), Some(want), None) => same(got, want),
                (Err(got), None, Some(want)) => got == want,
                _ => false,
            };
            let excepted = vector.id().is_some_and(|id| exceptions.contains(id));
            if fits && excepted {
                wrong.push(format!("{place}\n  comes out right, but is in exceptions.txt"));
            } else if !fits && !excepted {
                let want = (vector.signed.as_ref().map(|http| format!("{http:?}"))).or(vector.error).unwrap();
                wrong.push(format!("{place}\n  got  {got:?}\n  want {want}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_exchange_that_is_signed_for_says_where_keys_are_deleted() {
    for exchange in catalogue() {
        assert_eq!(exchange.keys_page.is_some(), exchange.unsignable.is_none(), "{}", exchange.id);
    }
    // Of these the very page is known, and whom to write to.
    for id in [
        "binance",
        "bitfinex",
        "bitget",
        "bitmex",
        "bitstamp",
        "bybit",
        "coinbase",
        "cryptocom",
        "deribit",
        "gate",
        "gemini",
        "htx",
        "kraken",
        "krakenfutures",
        "kucoin",
        "mexc",
        "okx",
    ] {
        let exchange = exchange(id).unwrap();
        assert!(exchange.has_keys_page() && exchange.support.is_some(), "{id}");
    }
    assert!(!exchange("bit2c").unwrap().has_keys_page(), "a home page");
}

#[test]
fn no_line_of_the_sources_was_lost() {
    let exceptions = exceptions();
    let mut ids = BTreeSet::new();
    let mut sent = String::new();
    for folder in std::fs::read_dir(catalog()).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(folder.join("vectors.json")) else { continue };
        let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
        ids.extend(vectors.iter().filter_map(Vector::id).map(str::to_owned));
        sent.extend(vectors.iter().filter_map(|vector| Some(format!("{:?}\n", vector.signed.as_ref()?))));
    }
    ids.extend(exceptions.iter().filter(|id| !id.ends_with("/*")).cloned());
    for line in std::fs::read_to_string(catalog().join("ids.txt"))
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (name, value) = line.split_once(' ').unwrap();
        if name.starts_with("published/") {
            assert!(
                sent.contains(value) || exceptions.contains(name),
                "{name} is neither a vector nor an exception"
            );
            continue;
        }
        let here = ids.iter().filter(|id| id.split('/').next() == Some(name)).count();
        let none = exceptions.contains(&format!("{name}/*"));
        let want = if none { 0 } else { value.parse().unwrap() };
        assert_eq!(here, want, "ids of {name} in vectors.json and exceptions.txt");
    }
}

/// The vectors that come out right, with their exchange and the signed request.
fn sound() -> impl Iterator<Item = (&'static Exchange, Vector, Http)> {
    let all =
        signing().flat_map(|(exchange, vectors)| vectors.into_iter().map(move |vector| (exchange, vector)));
    all.filter_map(|(exchange, vector)| {
        let signed = vector.signed.clone().filter(|_| !vector.comment.contains("nothing is signed"))?;
        let got = sign(exchange, &vector, &vector.request, vector.now_ms).ok()?;
        same(&got.http, &signed).then_some((exchange, vector, signed))
    })
}

#[test]
fn signing_what_was_signed_changes_nothing() {
    let mut wrong = Vec::new();
    for (exchange, vector, signed) in sound() {
        match sign(exchange, &vector, &signed, vector.now_ms) {
            Ok(again) if same(&again.http, &signed) => {}
            Ok(again) => {
                wrong.push(format!("{}: {}\n  {:?}\n  {signed:?}", exchange.id, vector.comment, again.http))
            }
            Err(why) => wrong.push(format!("{}: {}: {why}", exchange.id, vector.comment)),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_request_without_authentication_comes_back_complete() {
    let (mut wrong, mut exact) = (Vec::new(), 0);
    // A clock of 1970 has too few digits to tell its unit.
    for (exchange, vector, signed) in sound().filter(|(_, vector, _)| vector.now_ms > 1_000_000_000_000) {
        let place = format!("{}: {}", exchange.id, vector.comment);
        let bare = bare(exchange, &vector, &signed).unwrap();
        let got = match sign(exchange, &vector, &bare, vector.now_ms) {
            Ok(got) => got.http,
            Err(why) => {
                wrong.push(format!("{place}: {why}\n  {bare:?}"));
                continue;
            }
        };
        let there = parameters(exchange, &got);
        let lost: Vec<_> =
            parameters(exchange, &bare).into_iter().filter(|one| !there.contains(one)).collect();
        if !lost.is_empty() {
            wrong.push(format!("{place}: lost {lost:?}\n  {got:?}"));
        }
        match sign(exchange, &vector, &got, vector.now_ms) {
            Ok(again) if same(&again.http, &got) => {}
            Ok(again) => wrong.push(format!("{place}: not stable\n  {got:?}\n  {:?}", again.http)),
            Err(why) => wrong.push(format!("{place}: not signed again: {why}\n  {got:?}")),
        }
        if apart(exchange, &signed, |parts| schemes(exchange, &vector, parts).all(exact_scheme)).unwrap() {
            exact += 1;
            let empty = |http: &Http| Http {
                body: http.body.clone().filter(|body| !body.is_empty()),
                ..http.clone()
            };
            if !same(&empty(&got), &empty(&signed)) {
                wrong.push(format!("{place}: not exact\n  got  {got:?}\n  want {signed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(exact > 100, "only {exact} requests have one form");
}

/// Whether a request has one form when it is signed at a clock of milliseconds: nothing is put among parameters.
fn exact_scheme(scheme: &Scheme) -> bool {
    let header = |place: Place| matches!(place, Place::Header(_) | Place::Headers);
    let coarse = [Unit::Seconds, Unit::Millis, Unit::IsoMillis, Unit::IsoSeconds, Unit::IsoPlain];
    places(scheme).all(header)
        && scheme.defaults.iter().all(|field| header(field.place))
        && scheme.nonce.is_none()
        && scheme.time.is_none_or(|time| time.after == 0 && !time.optional && coarse.contains(&time.unit))
}

#[test]
fn a_signature_depends_on_what_it_covers_and_on_nothing_else() {
    let (mut wrong, mut flips) = (Vec::new(), 0);
    for (exchange, vector, signed) in sound() {
        let Ok(first) = sign(exchange, &vector, &signed, vector.now_ms) else { continue };
        let binds = binds(exchange, &vector, &signed);
        for (part, bound, other) in [
            ("path", binds.path, flipped_path(exchange, &signed)),
            ("query", binds.query, flipped_param(exchange, &vector, &signed, Source::Query)),
            ("body", binds.body, flipped_param(exchange, &vector, &signed, Source::Body)),
        ] {
            // What the exchange cannot be sent, or what another scheme signs, says nothing here.
            let other = other.filter(|other| {
                schemes_of(exchange, &vector, other) == schemes_of(exchange, &vector, &signed)
            });
            let Some(Ok(second)) = other.map(|other| sign(exchange, &vector, &other, vector.now_ms)) else {
                continue;
            };
            let Some(bound) = bound else { continue };
            flips += 1;
            if (first.signatures != second.signatures) != bound {
                wrong.push(format!(
                    "{}: {}: {part}, bound: {bound}\n  {:?}",
                    exchange.id, vector.comment, second.http
                ));
            }
        }
        let Some(bare) = bare(exchange, &vector, &signed) else { continue };
        let at = |now_ms| sign(exchange, &vector, &bare, now_ms).map(|outcome| outcome.signatures);
        if let (Ok(now), Ok(then)) = (at(vector.now_ms), at(vector.now_ms + 1_000_000)) {
            flips += 1;
            if binds.time.is_some_and(|bound| (now != then) != bound) {
                wrong.push(format!("{}: {}: time, bound: {:?}", exchange.id, vector.comment, binds.time));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(flips > 1000, "only {flips} flips");
}

/// What the signature covers, as far as all schemes that may have signed say the same.
struct Bound {
    path: Option<bool>,
    query: Option<bool>,
    body: Option<bool>,
    time: Option<bool>,
}

fn binds(exchange: &Exchange, vector: &Vector, http: &Http) -> Bound {
    let all = apart(exchange, http, |parts| {
        schemes(exchange, vector, parts).map(|scheme| scheme.binds).collect::<Vec<_>>()
    });
    let all = all.unwrap_or_default();
    let agreed = |part: fn(&Binds) -> bool| {
        let first = part(all.first()?);
        all.iter().all(|binds| part(binds) == first).then_some(first)
    };
    // A time that must stand in the request twice is not minted anew.
    let twice = |scheme: &&Scheme| {
        scheme.time.is_some_and(|time| scheme.must.iter().any(|field| field.place == time.place))
    };
    let given = apart(exchange, http, |parts| schemes(exchange, vector, parts).any(|scheme| twice(&scheme)));
    // Where a parameter says what is meant, the path may be anything.
    let named = exchange.endpoints.iter().all(|line| matches!(line.when, When::Equals(..)));
    Bound {
        path: agreed(|binds| binds.path).filter(|_| !named),
        query: agreed(|binds| binds.query),
        body: agreed(|binds| binds.body),
        time: agreed(|binds| binds.time).filter(|_| given == Some(false)),
    }
}

fn schemes_of(exchange: &Exchange, vector: &Vector, http: &Http) -> Vec<*const Scheme> {
    apart(exchange, http, |parts| schemes(exchange, vector, parts).map(std::ptr::from_ref).collect())
        .unwrap_or_default()
}
