//! Endpoints with a closed list of parameters: for a key with limits, whatever they are, what is on the list passes, and
//! whatever else is there is refused and named.

use super::*;
use signbox::policy::Bound;
use signbox_exchanges::{Class, Endpoint};
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Case {
    request: Http,
    orders: Option<serde_json::Value>,
}

/// Decides for a key that may do everything, with a limit that nothing here breaks.
fn decided(exchange: &Exchange, parts: &Parts<'_>) -> Result<Decision, &'static str> {
    let mut bound = Bound::default();
    bound.limits.set("until", "2099-12-31").unwrap();
    let facts = Facts { now_ns: 1_795_348_800_000_000_000, reference: None };
    decide(exchange, parts, grants(ALL), &[bound], &facts, &mut Work::new())
}

fn rule(exchange: &Exchange, http: &Http) -> Result<Rule, &'static str> {
    http.apart(exchange, |parts| decided(exchange, parts).map(|decision| decision.rule))
}

/// The requests of an exchange's `orders.json` to endpoints whose list is closed, which say what they should.
fn cases(exchange: &Exchange) -> Vec<(&'static Endpoint, Http)> {
    let cases: Vec<Case> = read(exchange, "orders.json").unwrap_or_default();
    let good = cases.into_iter().filter(|case| case.orders.is_some()).map(|case| case.request);
    let closed = |http: &Http| {
        let endpoint = http.apart(exchange, |parts| Ok(exchange.endpoint(parts)));
        endpoint.ok().flatten().filter(|endpoint| !endpoint.closed.is_empty())
    };
    good.filter_map(|http| Some((closed(&http)?, http))).collect()
}

#[test]
fn every_withdrawal_that_is_described_has_a_closed_list() {
    let (mut endpoints, mut exchanges) = (0, BTreeSet::new());
    for exchange in signable() {
        for endpoint in exchange.endpoints.iter().chain(exchange.templates.iter()) {
            let says = |entry: &signbox_exchanges::OrderEntry| {
                matches!(entry.says, signbox_exchanges::Says::Order(_))
            };
            let moves = matches!(endpoint.class, Class::Withdraw | Class::Transfer);
            let described = moves && endpoint.orders.iter().any(says);
            assert_eq!(described, !endpoint.closed.is_empty(), "{} {}", exchange.id, endpoint.path);
            if described && endpoint.class == Class::Withdraw {
                exchanges.insert(exchange.id.text());
            }
            endpoints += usize::from(described);
        }
    }
    assert!(endpoints > 200 && exchanges.len() > 55, "{endpoints} endpoints, withdrawals of {exchanges:?}");
}

#[test]
fn what_is_on_the_list_is_permitted() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        for (_, http) in cases(exchange) {
            count += 1;
            let rule = rule(exchange, &http);
            if !rule.is_ok_and(|rule| rule.permits()) {
                wrong.push(format!("{}: {rule:?}: {http:?}", exchange.id));
            }
        }
    }
    report(&wrong, count);
    assert!(count > 200, "only {count} requests");
}

#[test]
fn what_is_not_on_the_list_is_refused_however_it_is_written() {
    let (mut wrong, mut count, mut named) = (Vec::new(), 0, 0);
    for exchange in signable() {
        for (endpoint, http) in cases(exchange) {
            let known = endpoint.closed.texts();
            for name in strange(&known) {
                for more in [in_query(&http, &name), in_body(&http, &name)] {
                    count += 1;
                    match rule(exchange, &more) {
                        Ok(Rule::UnknownParameter) => named += 1,
                        Ok(rule) if rule.permits() => {
                            wrong.push(format!("{}: {name}: {more:?}", exchange.id))
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 20_000 && named > 10_000, "{count} requests, of which {named} by the list");
}

#[test]
fn the_refusal_names_the_parameter_and_shows_letters_that_only_look_like_others() {
    let exchange = signbox_exchanges::exchange("okx").unwrap();
    let body = r#"{"ccy":"BTC","amt":"1","dest":"4","toAddr":"x","toАddr":"y"}"#;
    let http = Http::new("POST", "/api/v5/asset/withdrawal", Some(body));
    let said = http.apart(exchange, |parts| {
        let decision = decided(exchange, parts)?;
        Ok(decision.explained("okx/main", exchange, parts, &Work::default()).to_string())
    });
    assert_eq!(
        said.unwrap(),
        "'to\\u{410}ddr' is not a parameter that POST /api/v5/asset/withdrawal is known to take, and it is of class 'withdraw' \
         (rule unknown-parameter)"
    );
    // Without limits, whoever may withdraw at all may withdraw whatever it says.
    assert!(permitted(exchange, grants(ALL), &http));
}

/// Names that are not on the list, most of them like one that is.
fn strange(known: &[&str]) -> Vec<String> {
    let mut all = vec!["unknownName".to_owned(), "_".to_owned()];
    for name in known {
        let last = name.rsplit('.').next().unwrap();
        let before = &name[..name.len() - last.len()];
        let title = format!("{}{}", last[..1].to_uppercase(), &last[1..]);
        for like in [
            last.to_uppercase(),
            last.to_lowercase(),
            title,
            format!("{last}[]"),
            format!("{last}%5B0%5D"),
            format!("{last} "),
            format!(" {last}"),
            format!("%{:02x}{}", last.as_bytes()[0], &last[1..]),
            format!("{last}\u{200b}"),
            last.replace('a', "\u{430}").replace('o', "\u{43e}"),
            last.replace('_', "-"),
            format!("{last}.{last}"),
        ] {
            all.push(format!("{before}{like}"));
        }
    }
    all.retain(|name| !known.contains(&name.as_str()));
    all
}

fn in_query(http: &Http, name: &str) -> Http {
    let mark = if http.url.contains('?') { "&" } else { "?" };
    Http { url: format!("{}{mark}{name}=1", http.url), ..http.clone() }
}

/// Behind what the body says, in the object inside if the name leads there.
fn in_body(http: &Http, name: &str) -> Http {
    let body = match http.body.as_deref() {
        None => format!("{name}=1"),
        Some(body) if body.starts_with('{') => {
            let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
            let mut at = &mut value;
            let mut rest = name;
            while let Some((outer, inner)) = rest
                .split_once('.')
                .filter(|(outer, _)| at.get(*outer).is_some_and(serde_json::Value::is_object))
            {
                (at, rest) = (&mut at[outer], inner);
            }
            at[rest] = 1.into();
            value.to_string()
        }
        Some(body) => format!("{body}&{name}=1"),
    };
    Http { body: Some(body), ..http.clone() }
}
