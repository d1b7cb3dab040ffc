//! Every `orders.json` of the catalogue against the engine: what each order of a request says. The data decides.

#![allow(clippy::unwrap_used, missing_docs)]

use serde::Deserialize;
use signbox_exchanges::{Endpoint, Exchange, Order, OrderScratch, Parts, Request, Scratch, What, catalogue};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    comment: Option<String>,
    request: Http,
    orders: Option<Vec<BTreeMap<String, String>>>,
    error: Option<String>,
    /// The fields that are there and that the signature does not cover.
    #[serde(default)]
    unseen: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

/// What was read: the orders, and of their fields those that the signature does not cover.
type Read = (Vec<BTreeMap<String, String>>, BTreeSet<String>);

fn catalog() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog")
}

/// The exchanges whose orders are described, each with its cases.
fn described() -> impl Iterator<Item = (&'static Exchange, Vec<Case>)> {
    catalogue().iter().filter_map(|exchange| {
        let folder = catalog().join(exchange.id.text());
        let place = folder.join("orders.json");
        let there = (folder.join("orders.toml").exists(), place.exists());
        assert_eq!(
            there.0, there.1,
            "{}: orders.toml without orders.json, or the other way round",
            exchange.id
        );
        let text = there.1.then(|| std::fs::read_to_string(&place).unwrap())?;
        let cases: Vec<Case> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        Some((exchange, cases))
    })
}

/// An order as the data writes it: what is not there is left out.
fn written(order: &Order<'_>) -> BTreeMap<String, String> {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let fields = [
        ("does", text(Some(order.does.word()))),
        ("symbol", text(order.symbol)),
        ("side", order.side.map(|side| side.word().to_owned())),
        ("type", order.kind.map(|kind| kind.word().to_owned())),
        ("quantity", order.quantity.map(|number| number.to_string())),
        ("price", order.price.map(|number| number.to_string())),
        ("quote", order.quote.map(|number| number.to_string())),
        ("stop", order.stop.map(|number| number.to_string())),
        ("currency", text(order.currency)),
        ("amount", order.amount.map(|number| number.to_string())),
        ("address", text(order.address)),
        ("network", text(order.network)),
        ("tag", text(order.tag)),
        ("reduce", order.reduce.then(|| "true".to_owned())),
        ("contracts", order.contracts.then(|| "true".to_owned())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn with_endpoint<R>(
    exchange: &Exchange,
    http: &Http,
    look: impl FnOnce(&Parts<'_>, Option<&'static Endpoint>) -> R,
) -> Result<R, String> {
    let headers: Vec<(&str, &str)> = http.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let request =
        Request { method: &http.method, url: &http.url, headers: &headers, body: http.body.as_deref() };
    let mut scratch = Scratch::default();
    let parts = Parts::of(exchange, &request, &mut scratch)?;
    exchange.check_body(&parts)?;
    let endpoint = exchange.endpoint(&parts);
    Ok(look(&parts, endpoint))
}

fn read(exchange: &Exchange, http: &Http) -> Result<Read, String> {
    with_endpoint(exchange, http, |parts, endpoint| {
        let endpoint = endpoint.ok_or("no such endpoint in endpoints.txt")?;
        if let Some(name) = parts.unknown(endpoint) {
            return Err(format!("unknown parameter '{name}'"));
        }
        let (mut orders, mut scratch) = (Vec::new(), OrderScratch::default());
        exchange.orders(parts, endpoint, &mut scratch, &mut |order| {
            orders.push(written(order));
            Ok(())
        })?;
        let there = |what: &What| orders.iter().any(|order| order.contains_key(what.word()));
        let unseen =
            What::ALL.into_iter().filter(there).filter(|what| !exchange.sees(parts, endpoint, *what));
        let unseen = unseen.map(|what| what.word().to_owned()).collect();
        Ok((orders, unseen))
    })?
}

#[test]
fn every_order_says_what_the_data_says() {
    let mut wrong = Vec::new();
    for (exchange, cases) in described() {
        for (at, case) in cases.iter().enumerate() {
            let got = read(exchange, &case.request);
            let fits = match (&got, &case.orders, &case.error) {
                (Ok((orders, unseen)), Some(want), None) => orders == want && *unseen == case.unseen,
                (Err(got), None, Some(want)) => got.contains(want.as_str()) && !want.is_empty(),
                _ => false,
            };
            if !fits {
                let comment = case.comment.as_deref().unwrap_or("");
                let Http { method, url, body, .. } = &case.request;
                let want = (&case.orders, &case.unseen, &case.error);
                wrong.push(format!(
                    "{} case {}: {comment} {method} {url} {body:?}\n  got  {got:?}\n  want {want:?}",
                    exchange.id,
                    at + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_endpoint_whose_orders_are_described_has_a_case() {
    let mut missing = Vec::new();
    for (exchange, cases) in described() {
        let mut entries = BTreeSet::new();
        for case in cases.iter().filter(|case| case.orders.is_some()) {
            let endpoint = with_endpoint(exchange, &case.request, |_, endpoint| endpoint).unwrap();
            entries.extend(endpoint.map(std::ptr::from_ref));
        }
        for endpoint in exchange.endpoints.items().iter().chain(exchange.templates.items()) {
            if !endpoint.orders.is_empty() && !entries.contains(&std::ptr::from_ref(endpoint)) {
                missing.push(format!(
                    "{} {} {} {:?}",
                    exchange.id, endpoint.method, endpoint.path, endpoint.when
                ));
            }
        }
    }
    assert!(missing.is_empty(), "no case for\n{}", missing.join("\n"));
}

/// Numbers that are the same at each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    /// The text with one to three characters changed, put in or taken out.
    fn garbled(&mut self, text: &str) -> String {
        let palette: Vec<char> = "{}[]\",:\\%&=+.;0159eE-/ tn\u{e9}".chars().collect();
        let mut all: Vec<char> = text.chars().collect();
        for _ in 0..=self.throw(3) {
            let at = self.throw(all.len() + 1);
            let odd = palette[self.throw(palette.len())];
            match self.throw(4) {
                0 => all.insert(at, odd),
                1 if at < all.len() => drop(all.remove(at)),
                2 => all.extend_from_within(at..),
                _ if at < all.len() => all[at] = odd,
                _ => {}
            }
        }
        all.into_iter().collect()
    }
}

#[test]
fn garbled_requests_are_read_or_refused() {
    let (mut dice, mut well, mut refused) = (Dice(0x9e37_79b9_7f4a_7c15), 0, 0);
    for (exchange, cases) in described() {
        for case in cases {
            for _ in 0..100 {
                let Http { method, url, headers, body } = &case.request;
                let body = body.as_ref().map(|body| dice.garbled(body));
                let query =
                    url.split_once('?').map(|(path, query)| format!("{path}?{}", dice.garbled(query)));
                let url = query.unwrap_or(url.clone());
                match read(exchange, &Http { method: method.clone(), url, headers: headers.clone(), body }) {
                    Ok(_) => well += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(well > 0 && refused > 0);
}
