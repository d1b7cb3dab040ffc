//! A request never panics the engine, and what is not granted is not signed: under whatever path, however it is written, and
//! however whoever holds the signature cuts what was signed.
//!
//! The input is that of `common`, the body behind the URL.
#![no_main]

mod common;

use common::{Input, clock, credentials};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use signbox::policy::{Facts, Work, decide};
use signbox_exchanges::{
    BodyKind, Exchange, Keyed, NameSet, Parts, Request, Scheme, Scratch, Shape, Signed, WithBody,
};

fuzz_target!(|data: &[u8]| {
    let Some(Input { exchange, method, grants, url, rest }) = Input::of(data) else { return };
    let request = Request { method, url, headers: &[], body: rest };
    let mut scratch = Scratch::default();
    let Ok(parts) = Parts::of(exchange, &request, &mut scratch) else { return };
    let Ok(decision) = decide(exchange, &parts, grants, &[], &Facts::default(), &mut Work::default()) else { return };
    if !decision.rule.permits() {
        return;
    }
    assert!(decision.endpoint.map_or(grants.holds("unknown"), |endpoint| grants.has(endpoint.class)));
    if decision.endpoint.is_some_and(|endpoint| endpoint.key_only) {
        return;
    }
    let (credentials, mut signed) = (credentials(exchange), Signed::with_capacity(0));
    if exchange.sign(&parts, &credentials, &mut Keyed::default(), &clock(), &mut signed).is_err() {
        return;
    }
    let binds = exchange.binds_of(&parts);
    if binds.path {
        return;
    }
    let own = decision.endpoint.map_or_else(Vec::new, |endpoint| names(exchange, &endpoint.needs));
    let ungranted = |shape: &&Shape| {
        let needs = names(exchange, &shape.needs);
        // What needs no parameter, no rule can tell apart.
        !grants.has(shape.class) && !needs.is_empty() && !needs.iter().all(|need| own.contains(need))
    };
    let shapes: Vec<&Shape> = exchange.shapes.iter().filter(ungranted).collect();
    let query = if binds.query { parts.query } else { "" };
    let body = if binds.body { parts.body } else { "" };
    let signers: Vec<&Scheme> = exchange.schemes.iter().filter(|scheme| may_sign(scheme, &parts)).collect();
    let text = format!("{query}{body}");
    // An object is never cut: what stands before the name could be left behind nowhere.
    let whole = matches!(parts.kind, BodyKind::Object | BodyKind::List);
    fits_nothing(exchange, &text, whole, &shapes);
    if signers.iter().any(|scheme| scheme.decodes) {
        fits_nothing(exchange, &decoded(&text), whole, &shapes);
    }
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        let mut inside = Vec::new();
        members(&json, &mut inside);
        for shape in &shapes {
            let needs = names(exchange, &shape.needs);
            let there = |need: &&str| inside.iter().any(|(name, _)| name.eq_ignore_ascii_case(need));
            assert!(!needs.iter().all(there), "{body} is good for {}", shape.endpoint);
        }
        if signers.iter().any(|scheme| scheme.flattens) {
            let form: Vec<String> = inside.iter().map(|(name, value)| format!("{name}={value}")).collect();
            fits_nothing(exchange, &form.join("&"), true, &shapes);
        }
    }
});

/// Whether a scheme may sign a request; its method is not looked at.
fn may_sign(scheme: &Scheme, parts: &Parts<'_>) -> bool {
    let body = |wanted| match wanted {
        WithBody::None => parts.kind == BodyKind::None,
        WithBody::Any => parts.kind != BodyKind::None,
        WithBody::Form => parts.kind == BodyKind::Form,
        WithBody::Json => matches!(parts.kind, BodyKind::Object | BodyKind::List),
    };
    (scheme.paths.is_empty() || scheme.paths.iter().any(|start| parts.path.starts_with(start.text())))
        && scheme.with_body.is_none_or(body)
        && scheme.with_query.is_none_or(|wanted| wanted != parts.query.is_empty())
}

/// Cuts the signed text, unless it must stay `whole`, at every place into a query and a body, as whoever holds the
/// signature can, and looks for all the parameters of a shape.
fn fits_nothing(exchange: &Exchange, text: &str, whole: bool, shapes: &[&Shape]) {
    let end = if whole { 0 } else { text.len() };
    for shape in shapes {
        let needs = names(exchange, &shape.needs);
        if !needs.iter().all(|need| text.contains(need)) {
            continue;
        }
        for cut in (0..=end).filter(|cut| text.is_char_boundary(*cut)) {
            let (query, body) = text.split_at(cut);
            let fields = query.split('&').chain(body.split('&'));
            // The front end of a name can be cut off too, but is a parameter without a value, which no endpoint takes.
            let there = |need: &&str| fields.clone().any(|field| is_named(field, need));
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

/// The members of a JSON value at every depth, with the text of those that are strings.
fn members<'a>(value: &'a Value, out: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                out.push((name, value.as_str().unwrap_or("")));
                members(value, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| members(value, out)),
        _ => {}
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = rest.get(1..3).filter(|_| *first == b'%').and_then(|code| core::str::from_utf8(code).ok());
        (out, rest) = match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => ([out, vec![byte]].concat(), &rest[3..]),
            None => ([out, vec![*first]].concat(), after),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}
