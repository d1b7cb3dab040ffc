//! A request never panics the engine; what is not granted is not signed, under whatever path and however it is cut, and
//! what was signed signs to the same.
//!
//! The input: a byte each for exchange, method and grants, then the URL, a newline, and the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signbox::policy::{Grants, decide};
use signbox_exchanges::{
    Clock, Credentials, Exchange, Keyed, NameSet, Parts, Request, Scratch, Signed, Skew, catalogue,
};

fuzz_target!(|data: &[u8]| {
    let [exchange, method, words, text @ ..] = data else { return };
    let Ok(text) = core::str::from_utf8(text) else { return };
    let (url, body) = text.split_once('\n').map_or((text, None), |(url, body)| (url, Some(body)));
    let exchange = &catalogue()[usize::from(*exchange) % catalogue().len()];
    let method = ["GET", "POST", "PUT", "DELETE", "PATCH"][usize::from(*method) % 5];
    let granted = Grants::WORDS.into_iter().enumerate().filter(|(bit, _)| words >> (bit % 8) & 1 == 1);
    let grants = granted.fold(Grants::NONE, |grants, (_, word)| grants.and(word).expect("a word"));

    let mut keyed = Keyed::default();
    let request = Request { method, url, headers: &[], body };
    let Some((url, query, body, headers)) = sign(exchange, &request, grants, &mut keyed) else { return };
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let url = if query.is_empty() { url } else { format!("{url}?{query}") };
    let again = Request { method, url: &url, headers: &headers, body: Some(&body) };
    let (_, query_again, body_again, headers_again) =
        sign(exchange, &again, grants, &mut keyed).expect("it can be signed again");
    assert_eq!((query, body), (query_again, body_again), "{}", exchange.id);
    assert!(headers.iter().zip(&headers_again).all(|(a, b)| a.1 == b.1), "{}", exchange.id);
});

type Out = (String, String, String, Vec<(&'static str, String)>);

/// URL without query, query, body and new headers of a request that may be signed.
fn sign(exchange: &Exchange, request: &Request<'_>, grants: Grants, keyed: &mut Keyed) -> Option<Out> {
    let mut scratch = Scratch::default();
    let parts = Parts::of(request, &mut scratch).ok()?;
    let decision = decide(exchange, &parts, grants).ok()?;
    if !decision.rule.permits() {
        return None;
    }
    assert!(decision.endpoint.map_or(grants.holds("unknown"), |endpoint| grants.has(endpoint.class)));
    if !exchange.binds.path && !decision.endpoint.is_some_and(|endpoint| endpoint.key_only) {
        let own = decision.endpoint.map_or_else(Vec::new, |endpoint| names(exchange, &endpoint.needs));
        fits_nothing_ungranted(exchange, &format!("{}{}", parts.query, parts.body), &own, grants);
    }
    let credentials = Credentials { key: Some("k+y"), secret: b"c2VjcmV0", passphrase: Some("p") };
    let clock = Clock { now_ns: 1_700_000_000_123_456_789, last: 0, skew: Skew::Off };
    let mut signed = Signed::with_capacity(0);
    exchange.sign(&parts, &credentials, keyed, &clock, &mut signed).ok()?;
    let headers = signed.headers(&credentials).into_iter().flatten();
    let headers = headers.map(|(name, value)| (name, value.to_owned())).collect();
    Some((format!("{}{}", parts.origin, parts.path), signed.query, signed.body, headers))
}

/// Cuts the signed text at every place into a query and a body, as whoever holds the signature can, and looks for all the
/// parameters of an endpoint that is not granted.
fn fits_nothing_ungranted(exchange: &Exchange, text: &str, own: &[&str], grants: Grants) {
    for shape in exchange.shapes.iter().filter(|shape| !grants.has(shape.class)) {
        let needs = names(exchange, &shape.needs);
        // What needs no parameter, no rule can tell apart.
        if !needs.iter().all(|need| text.contains(need)) || needs.iter().all(|need| own.contains(need)) {
            continue;
        }
        for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let (query, body) = text.split_at(cut);
            let fields = query.split('&').chain(body.split('&'));
            // The front end of a name can be cut off too, but is a parameter without a value, which no endpoint takes.
            let there = |need: &&str| {
                fields.clone().any(|field| (need.contains('=') && field == *need) || is_named(field, need))
            };
            assert!(!needs.iter().all(there), "{text}, cut at {cut}, is good for {}", shape.endpoint);
        }
    }
}

fn is_named(field: &str, name: &str) -> bool {
    field.split_once('=').is_some_and(|(before, _)| before == name)
}

/// The names that a set stands for.
fn names(exchange: &Exchange, set: &NameSet) -> Vec<&'static str> {
    let inside = |(bit, _): &(usize, _)| set[bit / 64] >> (bit % 64) & 1 == 1;
    exchange.shape_names.iter().enumerate().filter(inside).map(|(_, name)| name.name.text()).collect()
}
