//! Where less than the whole path is signed, or nothing says where it ends, two endpoints can be one to the signature.

use super::listed::{Line, lines};
use super::*;
use signbox_exchanges::{Class, Method, Scheme, Token};

#[test]
fn endpoints_that_are_one_to_the_signature_have_one_class() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        let lines = lines(exchange);
        for scheme in exchange.schemes.iter().filter(|scheme| scheme.binds.path) {
            let mut classes: BTreeMap<(String, Option<Method>), (Class, String)> = BTreeMap::new();
            for line in lines.iter().filter(|line| !line.key_only && line.when.is_none()) {
                let Some(called) = called(scheme, line) else { continue };
                count += 1;
                let called = (called, Some(line.method).filter(|_| scheme.binds.method));
                let (class, path) = classes.entry(called).or_insert((line.class, line.path.clone()));
                if *class != line.class {
                    wrong.push(format!("{}: {path} and {} {}", exchange.id, line.method, line.path));
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 3000, "only {count} endpoints");
}

/// What stands for the path of a line in what a scheme signs, if that scheme signs it.
fn called(scheme: &Scheme, line: &Line) -> Option<String> {
    let path = line.filled();
    if !scheme.paths.is_empty() && !scheme.paths.iter().any(|start| path.starts_with(start.text())) {
        return None;
    }
    let strip = |path: &str| {
        let all = scheme.strip.iter().map(|start| start.text());
        all.fold(path.to_owned(), |path, start| path.strip_prefix(start).unwrap_or(&path).to_owned())
    };
    if holds(&scheme.message, Token::EndpointName) {
        line.sign.clone()
    } else if holds(&scheme.message, Token::LastSegment) {
        path.rsplit('/').next().map(str::to_owned)
    } else {
        Some(strip(&line.path))
    }
}

fn holds(tokens: &[Token], wanted: Token) -> bool {
    tokens
        .iter()
        .any(|token| *token == wanted || matches!(token, Token::Of(_, inner) if holds(inner, wanted)))
}

#[test]
fn a_path_that_can_be_cut_into_a_dangerous_one_is_refused() {
    let granted = grants(USUAL);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable().filter(|exchange| exchange.schemes.iter().any(|scheme| scheme.joined)) {
        let lines = lines(exchange);
        let signed = |line: &&Line| !line.key_only;
        for host in lines.iter().filter(signed).filter(|line| granted.has(line.class)) {
            for dangerous in lines.iter().filter(signed).filter(|line| !granted.has(line.class)) {
                let wanted = dangerous.filled();
                for url in cut(&like(&host.path, &wanted), &wanted) {
                    let http = Http::new(host.method.word(), &url, None);
                    let joined = http.apart(exchange, |parts| {
                        let fits = |start: &str| parts.path.starts_with(start);
                        Ok(exchange.schemes.iter().any(|scheme| {
                            scheme.joined
                                && (scheme.paths.is_empty() || scheme.paths.iter().any(|start| fits(start)))
                        }))
                    });
                    if joined != Ok(true) {
                        continue;
                    }
                    count += 1;
                    if permitted(exchange, granted, &http) {
                        wrong.push(format!("{}: {} {wanted}\n  {http:?}", exchange.id, dangerous.method));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 10, "only {count} requests");
}

/// The path with its placeholders filled so that it goes on where the wanted one ends.
fn like(path: &str, wanted: &str) -> String {
    let mut there = wanted.split('/');
    let segments = path.split('/').map(|segment| {
        let other = there.next().unwrap_or("1");
        if segment.contains('{') { format!("{other}x") } else { segment.to_owned() }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// URLs whose path and query, one behind the other, are the wanted path and a query.
fn cut(path: &str, wanted: &str) -> Vec<String> {
    match (path.strip_prefix(wanted), wanted.strip_prefix(path)) {
        (Some(rest), _) if !rest.is_empty() => vec![format!("{path}?x=1&y=2"), format!("{path}?&y=2")],
        (_, Some(rest)) if !rest.is_empty() && !rest.contains('/') => {
            vec![format!("{path}?{rest}&y=2"), format!("{path}?{rest}x=1&y=2")]
        }
        _ => Vec::new(),
    }
}
