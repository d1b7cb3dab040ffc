//! Every endpoint of the catalogue with the smallest request of its own: only its class opens it.

use super::listed::{Line, lines};
use super::*;
use signbox_exchanges::Class;

/// Every set of classes.
fn subsets() -> Vec<(u8, Grants)> {
    let grants = |bits: u8| {
        let granted = Class::ALL.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        granted.fold(Grants::NONE, |grants, (_, class)| grants.and(class.word()).unwrap())
    };
    (0..64).map(|bits| (bits, grants(bits))).collect()
}

fn bit(class: Class) -> u8 {
    1 << Class::ALL.iter().position(|known| *known == class).unwrap()
}

#[test]
fn an_endpoint_is_open_to_its_class_and_closed_to_every_set_without_it() {
    let subsets = subsets();
    let (mut wrong, mut count, mut alone) = (Vec::new(), 0, 0);
    for exchange in signable() {
        for line in lines(exchange) {
            let mut open = false;
            for http in line.honest() {
                let decided = http.apart(exchange, |parts| {
                    subsets
                        .iter()
                        .map(|(bits, grants)| {
                            Ok((*bits, without_limits(exchange, parts, *grants)?.rule.permits()))
                        })
                        .collect::<Result<Vec<(u8, bool)>, &'static str>>()
                });
                let Ok(decided) = decided else { continue };
                count += decided.len();
                let without = decided.iter().find(|(bits, permits)| *permits && bits & bit(line.class) == 0);
                if let Some((bits, _)) = without {
                    wrong.push(format!("{}: open to {bits:06b}: {line:?}\n  {http:?}", exchange.id));
                }
                let grown =
                    |bits: u8, more: u8| decided[usize::from(bits)].1 && !decided[usize::from(bits | more)].1;
                if (0..64).any(|bits| (0..6).any(|at| grown(bits, 1 << at))) {
                    wrong.push(format!("{}: one more grant closes it: {line:?}\n  {http:?}", exchange.id));
                }
                open |= decided[63].1;
                alone += usize::from(decided[usize::from(bit(line.class))].1);
            }
            if !open {
                wrong.push(format!("{}: closed to all grants: {line:?}", exchange.id));
            }
        }
    }
    report(&wrong, count);
    assert!(count > 500_000 && alone > 8000, "only {count} decisions, {alone} open to the class alone");
}

#[test]
fn where_a_signature_covers_nothing_a_read_needs_every_dangerous_grant() {
    let mut found = Vec::new();
    for exchange in signable().filter(|exchange| binds_nothing(exchange)) {
        found.push(exchange.id.text());
        let lines = lines(exchange);
        let dangerous = |line: &&Line| !matches!(line.class, Class::Read | Class::Cancel) && !line.key_only;
        let classes: Vec<&str> = lines.iter().filter(dangerous).map(|line| line.class.word()).collect();
        for line in lines.iter().filter(|line| line.class == Class::Read && !line.key_only) {
            let http = &line.honest()[0];
            assert!(!permitted(exchange, grants(USUAL), http), "{}: {line:?}", exchange.id);
            for missing in &classes {
                let most: Vec<&str> = ALL.split(' ').filter(|word| word != missing).collect();
                assert!(!permitted(exchange, grants(&most.join(" ")), http), "{}: {line:?}", exchange.id);
            }
            let all = format!("read {}", classes.join(" "));
            assert!(permitted(exchange, grants(&all), http), "{}: {line:?}", exchange.id);
        }
    }
    assert_eq!(found, ["bigone", "btcturk", "coinmate", "ndax"]);
}

#[test]
fn no_trick_with_a_path_opens_a_dangerous_endpoint() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        for line in lines(exchange).iter().filter(|line| !grants(USUAL).has(line.class)) {
            let path = line.filled();
            if GUARDS.contains(&(&exchange.id, &line.path)) {
                continue;
            }
            for bent in bent(&path) {
                for http in line.honest() {
                    count += 1;
                    let http = Http { url: http.url.replacen(&path, &bent, 1), ..http };
                    if permitted(exchange, grants(USUAL), &http) {
                        wrong.push(format!("{}: {line:?}\n  {http:?}", exchange.id));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 50_000, "only {count} tricks");
}

/// Lines that no exchange has: they keep one placeholder from another's fixed name. Spelled otherwise they are a read.
const GUARDS: [(&str, &str); 2] =
    [("gemini", "/v1/approvedAddresses/account/remove"), ("gemini", "/v1/approvedAddresses/account/request")];

/// Other spellings of a path.
fn bent(path: &str) -> Vec<String> {
    let last = path.rfind('/').unwrap();
    let (before, name) = (&path[..last], &path[last + 1..]);
    let escaped = |at: usize| name.as_bytes().get(at).map_or_else(String::new, |byte| format!("%{byte:02x}"));
    let mut all = vec![
        format!("{before}//{name}"),
        format!("/{path}"),
        format!("{before}/./{name}"),
        format!("{before}/x/../{name}"),
        format!("{before}/x/%2e%2e/{name}"),
        format!("{before}/%2E/{name}"),
        format!("{before}%2F{name}"),
        format!("{before}%5C{name}"),
        format!("{before}\\{name}"),
        format!("{before}/;/{name}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/."),
        format!("{path};x=1"),
        format!("{path}%3Bx"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}%0a"),
        format!("{path}%3F"),
        format!("{path}%23"),
        format!("{path}\t"),
        format!("{path} "),
        format!("{path}."),
        format!("{path}.json"),
        format!("{before}/%252e%252e/{name}"),
        format!("{before}/{}{}", escaped(0), name.get(1..).unwrap_or("")),
    ];
    // Where there is no letter, there is no other case.
    all.extend(
        [path.to_uppercase(), format!("{before}/{}", name.to_uppercase())]
            .into_iter()
            .filter(|bent| bent != path),
    );
    all
}

#[test]
fn where_the_method_is_not_signed_another_method_opens_nothing() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        for line in lines(exchange).iter().filter(|line| !grants(USUAL).has(line.class) && !line.key_only) {
            for http in line.honest() {
                for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
                    let http = Http { method: method.into(), ..http.clone() };
                    let bound = http.apart(exchange, |parts| Ok(exchange.binds_of(parts)));
                    if bound.is_err() || bound.is_ok_and(|binds| binds.method || !binds.path) {
                        continue;
                    }
                    count += 1;
                    if permitted(exchange, grants(USUAL), &http) {
                        wrong.push(format!("{}: {line:?}\n  {http:?}", exchange.id));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 1000, "only {count} requests");
}

/// Where a parameter makes a path dangerous, and a milder line speaks without it, no other spelling of the parameter
/// may reach the milder one.
#[test]
fn a_condition_cannot_be_spelled_away() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        let lines = lines(exchange);
        for line in &lines {
            let Some((name, value)) = &line.when else { continue };
            let milder = |other: &&Line| {
                other.path == line.path && other.method == line.method && other.when.is_none()
            };
            let Some(milder) = lines.iter().find(milder).filter(|other| worse(line.class, other.class))
            else {
                continue;
            };
            let most: Vec<&str> = ALL.split(' ').filter(|word| *word != line.class.word()).collect();
            let granted = grants(&most.join(" "));
            for (name, value) in spelled(name, value.as_deref()) {
                let path = line.filled();
                let more: Vec<String> =
                    milder.parameters().iter().map(|(name, value)| format!("&{name}={value}")).collect();
                for (url, body) in [
                    (format!("{path}?{name}={value}{}", more.concat()), None),
                    (path.clone(), Some(format!("{name}={value}{}", more.concat()))),
                    (path.clone(), Some(format!("{{\"{name}\":\"{value}\"}}"))),
                    (path.clone(), Some(format!("{{\"x\":1,\"{name}\":[\"{value}\"]}}"))),
                ] {
                    count += 1;
                    let http = Http::new(line.method.word(), &url, body.as_deref());
                    if permitted(exchange, granted, &http) {
                        wrong.push(format!("{}: {line:?}\n  {http:?}", exchange.id));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 90, "only {count} requests");
}

fn worse(class: Class, other: Class) -> bool {
    let weight = |class| match class {
        Class::Read | Class::Cancel => 0,
        Class::Trade => 1,
        Class::Transfer | Class::Admin => 2,
        Class::Withdraw => 3,
    };
    weight(class) > weight(other)
}

/// A parameter as some reader might still take it.
fn spelled(name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let value_of = value.unwrap_or("1");
    let names = [
        name.to_owned(),
        name.to_uppercase(),
        title,
        format!("{name}[]"),
        format!("{name}%5B%5D"),
        format!("{name}[0]"),
    ];
    let mut all: Vec<_> = names.into_iter().map(|name| (name, value_of.to_owned())).collect();
    if let Some(value) = value {
        let (first, rest) = value.split_at(1);
        let code = first.as_bytes()[0];
        for value in [
            value.to_uppercase(),
            value.to_lowercase(),
            format!("%{code:02x}{rest}"),
            format!("\\u{code:04x}{rest}"),
            format!("{value} "),
        ] {
            all.push((name.to_owned(), value));
        }
    }
    all
}
