//! What was signed signs to the same, whatever headers the request came with.
//!
//! The input is that of `common`; behind the URL stand headers, a line each, an empty line, and the body.
#![no_main]

mod common;

use common::{Input, clock, credentials};
use libfuzzer_sys::fuzz_target;
use signbox::policy::{Facts, Grants, Work, decide};
use signbox_exchanges::{Exchange, Keyed, Parts, Request, Scratch, Signed};

fuzz_target!(|data: &[u8]| {
    let Some(Input { exchange, method, url, rest, .. }) = Input::of(data) else { return };
    let rest = rest.unwrap_or("");
    let (head, body) = match rest.strip_prefix('\n') {
        Some(body) => ("", Some(body)),
        None => rest.split_once("\n\n").map_or((rest, None), |(head, body)| (head, Some(body))),
    };
    let headers =
        head.lines().filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned()));
    let mut keyed = Keyed::default();
    let given = Http { url: url.to_owned(), headers: headers.collect(), body: body.map(str::to_owned) };
    let Some(first) = sign(exchange, method, &given, &mut keyed) else { return };
    let second = sign(exchange, method, &first, &mut keyed);
    if second.is_none() && repeats(exchange, method, &first) {
        return;
    }
    assert_eq!(second.as_ref(), Some(&first), "{}", exchange.id);
});

/// Whether a name stands in the query and in the body: what is wanted in the body was sent in the query.
fn repeats(exchange: &Exchange, method: &str, given: &Http) -> bool {
    let request = Request { method, url: &given.url, headers: &[], body: given.body.as_deref() };
    let mut scratch = Scratch::default();
    Parts::of(exchange, &request, &mut scratch).is_ok_and(|parts| parts.repeated(&[]).is_some())
}

#[derive(PartialEq, Debug)]
struct Http {
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// The request as it is to be sent.
fn sign(exchange: &Exchange, method: &str, given: &Http, keyed: &mut Keyed) -> Option<Http> {
    let headers: Vec<(&str, &str)> = given.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let request = Request { method, url: &given.url, headers: &headers, body: given.body.as_deref() };
    let mut scratch = Scratch::default();
    let parts = Parts::of(exchange, &request, &mut scratch).ok()?;
    // With every grant: what could be read in two ways is refused nonetheless.
    let all = Grants::WORDS.into_iter().fold(Grants::NONE, |grants, word| grants.and(word).expect("a word"));
    assert!(decide(exchange, &parts, all, &[], &Facts::default(), &mut Work::default()).ok()?.rule.permits());
    let (credentials, mut signed) = (credentials(exchange), Signed::with_capacity(0));
    exchange.sign(&parts, &credentials, keyed, &clock(), &mut signed).ok()?;
    let mut headers = given.headers.clone();
    for (name, value) in signed.headers(&credentials) {
        match headers.iter_mut().find(|(header, _)| header.eq_ignore_ascii_case(&name)) {
            Some((_, known)) => value.clone_into(known),
            None => headers.push((name.text().to_owned(), value.to_owned())),
        }
    }
    let url = format!("{}{}{}{}", parts.origin, parts.path, signed.mark(&parts), signed.query);
    let body = (!signed.body.is_empty() || given.body.is_some()).then_some(signed.body);
    Some(Http { url, headers, body })
}
