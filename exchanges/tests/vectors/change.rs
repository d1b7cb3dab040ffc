//! Requests made from others: without authentication, without a parameter, or with one byte changed.

use crate::harness::{Http, Vector, apart, schemes};
use signbox_exchanges::{BodyKind, Exchange, Parts, Place, Scheme, Source};
use std::collections::BTreeSet;

/// Takes everything out of a request that authentication put there.
pub(crate) fn bare(exchange: &Exchange, vector: &Vector, signed: &Http) -> Option<Http> {
    let (places, body, carried) = apart(exchange, signed, |parts| {
        let places: Vec<Place> = schemes(exchange, vector, parts).flat_map(places).collect();
        (places, parts.body.to_owned(), parts.body != parts.sent.unwrap_or(""))
    })?;
    let mut left = signed.clone();
    if carried {
        left.headers
            .retain(|name, _| exchange.carrier.is_none_or(|carrier| !carrier.eq_ignore_ascii_case(name)));
        left.body = Some(body);
    }
    for place in places {
        if let Place::Header(name) = place {
            left.headers.retain(|header, _| !header.eq_ignore_ascii_case(&name));
        }
        while let Some(without) = apart(exchange, &left, |parts| without(parts, &left, place)).flatten() {
            left = without;
        }
    }
    left.body = left.body.filter(|body| !body.is_empty());
    Some(left)
}

/// Every place that a scheme writes to, but for the values that it only suggests.
pub(crate) fn places(scheme: &Scheme) -> impl Iterator<Item = Place> {
    let passphrase = scheme.passphrase.map(|(place, _)| place);
    let fields = scheme.headers.iter().chain(scheme.must.iter()).map(|field| field.place);
    let values =
        [scheme.key, scheme.uid, scheme.time.map(|time| time.place), scheme.nonce.map(|nonce| nonce.place)];
    scheme.signature.iter().copied().chain(fields).chain(values.into_iter().flatten()).chain(passphrase)
}

/// The request without the parameter or member at `place`, if there is one.
fn without(parts: &Parts<'_>, http: &Http, place: Place) -> Option<Http> {
    let (name, only) = match place {
        Place::Query(name) => (name, Some(Source::Query)),
        Place::Body(name) => (name, Some(Source::Body)),
        Place::Params(name) => (name, None),
        Place::Header(_) | Place::Headers => return None,
    };
    let param = parts.param(&name).filter(|param| only.is_none_or(|source| source == param.source))?;
    let mut left = http.clone();
    if param.source == Source::Query {
        let query = without_pair(parts.query, parts.written(param));
        let mark = if query.is_empty() { "" } else { "?" };
        left.url = format!("{}{}{mark}{query}", parts.origin, parts.path);
    } else if parts.kind == BodyKind::Form {
        left.body = Some(without_pair(parts.body, parts.written(param)));
    } else {
        left.body = Some(without_member(parts.body, &name, parts.value(param)));
    }
    Some(left)
}

fn without_pair(text: &str, pair: &str) -> String {
    text.split('&').filter(|other| *other != pair && !other.is_empty()).collect::<Vec<_>>().join("&")
}

/// Cuts a member out of the text of a JSON object, with the comma that it needs no more.
fn without_member(text: &str, name: &str, value: &str) -> String {
    let start = value.as_ptr() as usize - text.as_ptr() as usize;
    let quoted = text[..start].ends_with('"');
    let mut end = start + value.len() + usize::from(quoted);
    let mut from = text[..start].rfind(&format!("\"{name}\"")).unwrap();
    let before = text[..from].trim_end();
    let after = text[end..].trim_start();
    if before.ends_with(',') {
        from = before.len() - 1;
    } else if let Some(rest) = after.strip_prefix(',') {
        end = text.len() - rest.trim_start().len();
    }
    format!("{}{}", &text[..from], &text[end..])
}

/// Every parameter of a request, and what it holds.
pub(crate) fn parameters(exchange: &Exchange, http: &Http) -> Vec<(String, String)> {
    let all = apart(exchange, http, |parts| {
        let params = parts.params.iter();
        params.map(|param| (parts.name(param).to_owned(), parts.value(param).to_owned())).collect()
    });
    all.unwrap_or_default()
}

/// The same request with another last letter of its path.
pub(crate) fn flipped_path(exchange: &Exchange, http: &Http) -> Option<Http> {
    apart(exchange, http, |parts| {
        let rest = &http.url[parts.origin.len() + parts.path.len()..];
        Some(Http { url: format!("{}{}{rest}", parts.origin, flip(parts.path)?), ..http.clone() })
    })?
}

/// The same request with another value of the first parameter that is none of the authentication.
pub(crate) fn flipped_param(
    exchange: &Exchange,
    vector: &Vector,
    http: &Http,
    source: Source,
) -> Option<Http> {
    apart(exchange, http, |parts| {
        let taken: BTreeSet<&str> = schemes(exchange, vector, parts)
            .flat_map(places)
            .filter_map(|place| place.name().map(|name| name.text()))
            .collect();
        let fits = |value: &str| {
            !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let found = parts.params.iter().find(|param| {
            param.source == source && !taken.contains(parts.name(param)) && fits(parts.value(param))
        })?;
        let (value, text) =
            (parts.value(found), if source == Source::Query { parts.query } else { parts.body });
        let at = value.as_ptr() as usize - text.as_ptr() as usize;
        let text = format!("{}{}{}", &text[..at], flip(value)?, &text[at + value.len()..]);
        let mut other = http.clone();
        match source {
            Source::Query => other.url = format!("{}{}?{text}", parts.origin, parts.path),
            Source::Body if parts.body != parts.sent.unwrap_or("") => {
                other.headers.retain(|name, _| {
                    exchange.carrier.is_none_or(|carrier| !carrier.eq_ignore_ascii_case(name))
                });
                other.body = Some(text);
            }
            Source::Body => other.body = Some(text),
        }
        Some(other)
    })?
}

/// The text with its last letter or digit changed into another.
fn flip(text: &str) -> Option<String> {
    let at = text.rfind(|letter: char| letter.is_ascii_alphanumeric())?;
    let other = match text.as_bytes()[at] {
        b'9' | b'z' | b'Z' => (text.as_bytes()[at] - 1) as char,
        b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y' => (text.as_bytes()[at] + 1) as char,
        _ => return None,
    };
    Some(format!("{}{other}{}", &text[..at], &text[at + 1..]))
}
