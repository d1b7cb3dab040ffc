//! Limits over every request of the catalogue's `orders.json`: what is accepted never comes to more than they say, and what
//! they refuse is not opened by adding to it.

use super::*;
use signbox::policy::{Bound, count, settle};
use signbox_exchanges::{Class, Decimal};

#[derive(Deserialize)]
struct Case {
    request: Http,
    orders: Option<Vec<BTreeMap<String, String>>>,
    #[serde(default)]
    unseen: Vec<String>,
}

/// A key that may do everything, within limits.
struct Key {
    exchange: &'static Exchange,
    bounds: Vec<Bound>,
    work: Work,
}

impl Key {
    fn with(exchange: &'static Exchange, limits: &[(&str, &str)]) -> Key {
        let mut bound = Bound::default();
        for (name, text) in limits {
            bound.limits.set(name, text).unwrap_or_else(|mistake| panic!("{}: {mistake}", exchange.id));
        }
        Key { exchange, bounds: vec![bound], work: Work::new() }
    }

    /// The rule that decides; what may be signed is counted.
    fn sign(&mut self, http: &Http) -> &'static str {
        let facts = Facts { now_ns: 1_795_348_800_000_000_000, reference: None };
        let Key { exchange, bounds, work } = self;
        settle(bounds, facts.now_ns);
        let decided = http.apart(exchange, |parts| {
            let decision = decide(exchange, parts, grants(ALL), bounds, &facts, work)?;
            if decision.rule.permits() {
                count(bounds, decision.endpoint, &facts, work);
            }
            Ok(decision.rule.name())
        });
        decided.unwrap_or("bad_request")
    }
}

/// The cases whose orders are read and signed, with the one class that they are of.
fn cases(exchange: &'static Exchange, wanted: Class) -> Vec<Case> {
    let mut cases: Vec<Case> = read(exchange, "orders.json").unwrap_or_default();
    cases.retain(|case| {
        let class = case.request.apart(exchange, |parts| Ok(exchange.endpoint(parts).map(|line| line.class)));
        let orders = case.orders.as_ref().is_some_and(|orders| !orders.is_empty());
        orders && case.unseen.is_empty() && class == Ok(Some(wanted))
    });
    cases
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[test]
fn withdrawals_of_a_day_never_come_to_more_than_their_sum() {
    let (mut random, mut signed, mut exchanges) = (Random(3), 0, 0);
    for exchange in signable() {
        let cases = cases(exchange, Class::Withdraw);
        let moved = |case: &Case| {
            let [order] = &case.orders.as_ref().unwrap()[..] else { return None };
            Some((
                order.get("currency").filter(|word| is_plain(word))?.to_lowercase(),
                decimal(order.get("amount")?),
            ))
        };
        let mut most: BTreeMap<String, Decimal> = BTreeMap::new();
        for (currency, amount) in cases.iter().filter_map(moved) {
            let known = most.entry(currency).or_insert(amount);
            *known = (*known).max(amount);
        }
        // A little more than twice the largest.
        let factor = decimal("2.5");
        // No limit has more than 64 words.
        let limit: Vec<String> = most
            .iter()
            .take(64)
            .map(|(currency, amount)| format!("{currency}:{}", amount.checked_mul(factor).unwrap()))
            .collect();
        if limit.is_empty() {
            continue;
        }
        let mut key = Key::with(exchange, &[("withdraw-day", &limit.join(" "))]);
        let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
        for _ in 0..40 * limit.len().min(12) {
            let case = &cases[random.below(cases.len())];
            if key.sign(&case.request) != "granted" {
                continue;
            }
            let (currency, amount) =
                moved(case).unwrap_or_else(|| panic!("{}: no sum: {:?}", exchange.id, case.request));
            let sum = sums.entry(currency.clone()).or_insert(Decimal::ZERO);
            *sum = sum.checked_add(amount).unwrap();
            assert!(
                *sum <= most[&currency].checked_mul(factor).unwrap(),
                "{}: {:?}",
                exchange.id,
                case.request
            );
            signed += 1;
        }
        assert!(!sums.is_empty(), "{}: no withdrawal is signed", exchange.id);
        exchanges += 1;
    }
    assert!(signed > 250 && exchanges > 50, "{signed} withdrawals of {exchanges} exchanges");
}

#[test]
fn orders_of_a_day_never_come_to_more_than_their_sum() {
    let (mut random, mut signed, mut exchanges) = (Random(5), 0, 0);
    for exchange in signable() {
        let cases = cases(exchange, Class::Trade);
        let worth = |case: &Case| {
            case.orders.as_ref().unwrap().iter().try_fold(Decimal::ZERO, |sum, order| {
                let number = |name: &str| order.get(name).map(|text| decimal(text));
                let worth = match (number("quantity"), number("price"), number("quote")) {
                    (Some(quantity), Some(price), quote) => {
                        Some(quantity.checked_mul(price)?.max(quote.unwrap_or(Decimal::ZERO)))
                    }
                    (_, _, quote) => quote,
                };
                sum.checked_add(worth.unwrap_or(Decimal::ZERO))
            })
        };
        let Some(largest) = cases.iter().filter_map(worth).filter(|worth| *worth < decimal("1000000")).max()
        else {
            continue;
        };
        let most = largest.checked_mul(decimal("2.5")).unwrap();
        let mut key = Key::with(exchange, &[("notional-day", &most.to_string())]);
        let mut sum = Decimal::ZERO;
        for _ in 0..200 {
            let case = &cases[random.below(cases.len())];
            if key.sign(&case.request) == "granted" {
                sum = sum.checked_add(worth(case).unwrap()).unwrap();
                assert!(sum <= most, "{}: {sum} is over {most}: {:?}", exchange.id, case.request);
                signed += 1;
            }
        }
        exchanges += usize::from(sum > Decimal::ZERO);
    }
    assert!(signed > 300 && exchanges > 15, "{signed} orders of {exchanges} exchanges");
}

#[test]
fn nothing_that_is_added_opens_what_a_limit_refuses() {
    let (mut random, mut tried, mut exchanges) = (Random(7), 0, 0);
    let mut wrong = Vec::new();
    for exchange in signable() {
        let before = tried;
        for (class, limits) in [
            (Class::Withdraw, &[("withdraw-to", "NONE/*:nobody")][..]),
            (Class::Withdraw, &[("withdraw-day", "NONE:1")]),
            (Class::Trade, &[("symbols", "NONE")]),
            (Class::Trade, &[("quantity", "0.000000000000000001")]),
        ] {
            let cases = cases(exchange, class);
            let mut key = Key::with(exchange, limits);
            // An amendment may leave a symbol or a quantity as it was; then there is nothing to refuse.
            let refused: Vec<&Case> =
                cases.iter().filter(|case| key.sign(&case.request) != "granted").collect();
            for case in refused.iter().step_by(refused.len().div_ceil(25).max(1)) {
                let names = names(exchange, case);
                for _ in 0..12 {
                    let mut http = case.request.clone();
                    for _ in 0..=random.below(2) {
                        let name = &names[random.below(names.len())];
                        let value =
                            ["NONE", "nobody", "0", "1", "-1", "true", "", "null", "0.000000000000000001"]
                                [random.below(9)];
                        http = added(&http, name, value, random.below(3));
                    }
                    tried += 1;
                    if key.sign(&http) == "granted" {
                        wrong.push(format!("{}: {limits:?}: {:?}\n  {http:?}", exchange.id, case.request));
                    }
                }
            }
        }
        exchanges += usize::from(tried > before);
    }
    report(&wrong, tried);
    assert!(tried > 10_000 && exchanges > 50, "{tried} requests to {exchanges} exchanges");
}

/// Every name that reading looks at here, and others like it.
fn names(exchange: &Exchange, case: &Case) -> Vec<String> {
    let orders = case.request.apart(exchange, |parts| Ok(exchange.endpoint(parts).unwrap().orders));
    let orders = orders.unwrap();
    let read = orders.iter().flat_map(|entry| {
        let fields = entry.fields.iter().map(|field| field.place.name.text());
        let lists = entry.each.iter().flat_map(|lists| lists.iter()).map(|name| name.text());
        fields.chain(entry.when.iter().map(|condition| condition.place.name.text())).chain(lists)
    });
    let mut all: Vec<String> =
        vec!["x".into(), "symbol".into(), "address".into(), "test".into(), "dryRun".into()];
    for name in read.filter(|name| !name.is_empty()) {
        let first = name.split('.').next().unwrap();
        let title = format!("{}{}", first[..1].to_uppercase(), &first[1..]);
        all.extend([first.to_owned(), first.to_uppercase(), title, format!("{first}[]"), name.to_owned()]);
    }
    all
}

/// The request with one more parameter: in the query, behind the body's others, or before them.
fn added(http: &Http, name: &str, value: &str, place: usize) -> Http {
    let mut more = http.clone();
    let body = http.body.as_deref().unwrap_or("");
    let comma = if body.trim_matches(['{', '}', ' ']).is_empty() { "" } else { "," };
    match (place, body.strip_prefix('{'), body.strip_suffix('}')) {
        (0, ..) => more.url += &format!("{}{name}={value}", if http.url.contains('?') { "&" } else { "?" }),
        (1, Some(rest), _) => more.body = Some(format!("{{\"{name}\":\"{value}\"{comma}{rest}")),
        (_, _, Some(rest)) => more.body = Some(format!("{rest}{comma}\"{name}\":\"{value}\"}}")),
        (1, ..) if !body.is_empty() => more.body = Some(format!("{name}={value}&{body}")),
        _ if !body.is_empty() => more.body = Some(format!("{body}&{name}={value}")),
        _ => more.body = Some(format!("{name}={value}")),
    }
    more
}

/// Where the path is not signed, the parameters of another order beside one's own would be that order at its own path.
#[test]
fn no_order_hides_beside_another_where_the_path_is_not_signed() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable().filter(|exchange| !exchange.binds.path && exchange.binds.body) {
        let all = cases(exchange, Class::Trade);
        for (hidden, case) in all.iter().flat_map(|hidden| all.iter().map(move |case| (hidden, case))) {
            let (orders, own) = (hidden.orders.as_ref().unwrap(), case.orders.as_ref().unwrap());
            let [order] = &orders[..] else { continue };
            let (Some(theirs), Some(text)) = (form(&hidden.request), form(&case.request)) else { continue };
            let most = own
                .iter()
                .map(|own| own.get("quantity").map(|text| decimal(text)))
                .reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)));
            let (Some(Some(most)), Some(quantity)) = (most, order.get("quantity")) else { continue };
            let Ok(sides) = own.iter().map(|own| own.get("side").ok_or(())).collect::<Result<Vec<_>, ()>>()
            else {
                continue;
            };
            // The same but for its quantity, and for another symbol where it has a place of its own for that.
            let mut joined = text.to_owned();
            let mut hides = false;
            for (name, value) in theirs.split('&').filter_map(|pair| pair.split_once('=')) {
                let known =
                    text.split('&').filter_map(|pair| pair.split_once('=')).find(|known| known.0 == name);
                let large = Decimal::parse(value).is_ok_and(|value| value == decimal(quantity));
                match known {
                    None if large => (joined, hides) = (format!("{joined}&{name}=98765432"), true),
                    None => joined = format!("{joined}&{name}={value}"),
                    Some(_) => {}
                }
            }
            let limit = most.to_string();
            let side = if sides.iter().all(|side| *side == sides[0]) { sides[0] } else { "buy sell" };
            let limits = [("quantity", &*limit), ("sides", side)];
            let signed = |http: &Http| Key::with(exchange, &limits).sign(http) == "granted";
            if !hides || !signed(&case.request) {
                continue;
            }
            let mut http = case.request.clone();
            match &mut http.body {
                Some(body) => *body = joined,
                None => http.url = format!("{}?{joined}", http.url.split('?').next().unwrap()),
            }
            count += 1;
            if signed(&http) {
                let (method, url) = (&hidden.request.method, &hidden.request.url);
                wrong.push(format!("{}: {method} {url} hides beside {http:?}", exchange.id));
            }
        }
    }
    report(&wrong, count);
    assert!(count > 100, "only {count} pairs");
}

/// The parameters of a request, if they are a query or a form alone.
fn form(http: &Http) -> Option<&str> {
    let query = http.url.split_once('?').map(|(_, query)| query);
    match (query, http.body.as_deref()) {
        (Some(text), None) | (None, Some(text)) if !text.starts_with(['{', '[']) => Some(text),
        _ => None,
    }
}
