//! Where a signature does not cover the path, the parameters of a dangerous endpoint are refused in every request,
//! however they are written.

use super::listed::{Line, lines};
use super::*;
use signbox_exchanges::{Class, Function, Scheme, Token};
use std::collections::BTreeSet;

#[test]
fn what_a_dangerous_endpoint_needs_is_signed_nowhere_else() {
    let (mut wrong, mut count, mut exchanges) = (Vec::new(), 0, BTreeSet::new());
    for exchange in signable().filter(|exchange| exchange.schemes.iter().any(|scheme| !scheme.binds.path)) {
        let (lines, keys) = (lines(exchange), keys(exchange));
        for words in [USUAL, "read", "read cancel transfer", "read trade cancel transfer admin"] {
            let grants = grants(words);
            let dangerous: BTreeSet<&Vec<String>> = lines
                .iter()
                .filter(|line| !grants.has(line.class) && !line.key_only)
                .flat_map(|line| &line.needs)
                .filter(|needs| !needs.is_empty())
                .collect();
            for host in hosts(&lines, grants) {
                let own: BTreeSet<&String> = host.needs.iter().flatten().collect();
                for needs in dangerous.iter().filter(|needs| {
                    !needs.iter().all(|need| own.iter().any(|known| known.eq_ignore_ascii_case(need)))
                }) {
                    for (form, what, http) in written(&host, needs) {
                        // What the signature does not cover proves nothing; there the path must be signed, or nothing is.
                        let binds = http.apart(exchange, |parts| Ok(exchange.binds_of(parts)));
                        let Ok(binds) = binds else { continue };
                        let (query, body) = (http.url.contains('?'), http.body.is_some());
                        if (query && !binds.query) || (body && !binds.body) {
                            continue;
                        }
                        let signers = signers(exchange, &http);
                        // Behind a path, a JSON text is none any more; but cut at each '&' it is still a form.
                        let json = |body: &String| body.starts_with(['{', '[']) && !body.contains('&');
                        let text_fits = has_twin(exchange, &signers) && !http.body.as_ref().is_some_and(json);
                        if binds.path && !text_fits {
                            continue;
                        }
                        // A cut that nobody can make is none.
                        let possible = |scheme: &Scheme| match form {
                            Form::Plain => true,
                            Form::Decoded => scheme.decodes,
                            Form::Flattened => scheme.flattens,
                            Form::Continued => body_goes_on(scheme),
                        };
                        if !signers.iter().any(|scheme| possible(scheme)) {
                            continue;
                        }
                        count += 1;
                        exchanges.insert(exchange.id.text());
                        let signed = |key| run(exchange, grants, key, &http).name() == "signed";
                        if permitted(exchange, grants, &http) && keys.iter().any(signed) {
                            wrong.push(format!("{}: {words}: {what}: {needs:?}\n  {http:?}", exchange.id));
                        }
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 100_000 && exchanges.len() > 25, "only {count} requests to {exchanges:?}");
}

/// Whoever may use the one could always have a signature for the other: so it takes both grants.
#[test]
fn what_demands_the_same_as_a_withdrawal_needs_that_grant() {
    let granted = grants("read trade cancel transfer admin");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        let lines = lines(exchange);
        let withdrawals = lines.iter().filter(|line| line.class == Class::Withdraw && !line.key_only);
        let shapes: BTreeSet<&Vec<String>> =
            withdrawals.flat_map(|line| &line.needs).filter(|needs| !needs.is_empty()).collect();
        for line in lines.iter().filter(|line| granted.has(line.class) && !line.key_only) {
            for needs in &line.needs {
                if !shapes.iter().any(|shape| {
                    shape.iter().all(|need| needs.iter().any(|known| known.eq_ignore_ascii_case(need)))
                }) {
                    continue;
                }
                let line = Line { needs: vec![needs.clone()], ..line.clone() };
                for http in line.honest() {
                    count += 1;
                    if permitted(exchange, granted, &http) {
                        wrong.push(format!("{}: {line:?}\n  {http:?}", exchange.id));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 0);
}

/// The schemes that may sign a request, but for its method.
fn signers(exchange: &Exchange, http: &Http) -> Vec<&'static Scheme> {
    let fits = |scheme: &&Scheme, parts: &Parts<'_>| {
        (scheme.paths.is_empty() || scheme.paths.iter().any(|start| parts.path.starts_with(start.text())))
            && scheme.with_body.is_none_or(|wanted| wanted.is(parts.kind))
            && scheme.with_query.is_none_or(|wanted| wanted != parts.query.is_empty())
    };
    let all = exchange.schemes.items().iter();
    http.apart(exchange, |parts| Ok(all.filter(|scheme| fits(scheme, parts)).collect())).unwrap()
}

/// Whether the exchange has a scheme that takes a text of one of these for its own, and does not cover the path: both
/// make their signature in the same way, and the text of the twin is nothing but parameters.
fn has_twin(exchange: &Exchange, signers: &[&Scheme]) -> bool {
    let parameters = |message: &[Token]| match message {
        [Token::Query | Token::Body, ..] => true,
        [Token::Of(Function::Sorted | Function::Decoded, inner), rest @ ..] => {
            // CoinEx has more fixed text behind it, which no other text of it ends with.
            matches!(inner.items(), [Token::Query | Token::Body])
                && (rest.is_empty() || rest.last() == Some(&Token::Time))
        }
        _ => false,
    };
    exchange.schemes.iter().filter(|twin| !twin.binds.path && parameters(&twin.message)).any(|twin| {
        signers.iter().any(|one| one.binds.path && one.kind == twin.kind && one.algorithm == twin.algorithm)
    })
}

/// Whether the text that is signed goes from the query right into a body that may be JSON, so that the beginning of a
/// value can be left behind in the query.
fn body_goes_on(scheme: &Scheme) -> bool {
    let adjacent = |pair: &[Token]| matches!(pair, [Token::Query | Token::QueryAnd, Token::Body]);
    !scheme.binds.path && scheme.bodies.json && scheme.message.windows(2).any(adjacent)
}

/// Endpoints that the grants open: the first of each method and class, and some more.
fn hosts(lines: &[Line], grants: Grants) -> Vec<Line> {
    let mut kinds = BTreeSet::new();
    let open = lines.iter().filter(|line| grants.has(line.class) && !line.key_only && line.when.is_none());
    let (mut first, rest): (Vec<&Line>, Vec<&Line>) =
        open.partition(|line| kinds.insert((line.method.word(), line.class)));
    first.extend(rest.iter().step_by(rest.len().div_ceil(3).max(1)));
    first.into_iter().cloned().collect()
}

/// Where a way of writing parameters makes anything of them.
#[derive(Clone, Copy)]
enum Form {
    /// Everywhere.
    Plain,
    /// Where what is signed is percent-decoded.
    Decoded,
    /// Where the members of an object are signed as a form.
    Flattened,
    /// Where the body follows the query and may be JSON.
    Continued,
}

/// A request to `host` with these parameters, in every way that somebody who hides them would write it.
fn written(host: &Line, needs: &[String]) -> Vec<(Form, &'static str, Http)> {
    let form = |name: fn(&str) -> String| {
        needs.iter().map(|need| format!("{}=1", name(need))).collect::<Vec<_>>().join("&")
    };
    let json = |name: fn(&str) -> String| {
        let members = needs.iter().map(|need| format!("\"{}\":\"1\"", name(need)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let (plain, object) = (form(str::to_owned), json(str::to_owned));
    let mut all = Vec::new();
    let mut put = |form, what, query: &str, body: &str| {
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{mark}{query}", host.filled());
        all.push((
            form,
            what,
            Http::new(host.method.word(), &url, Some(body).filter(|body| !body.is_empty())),
        ));
    };
    put(Form::Plain, "query", &plain, "");
    put(Form::Plain, "form", "", &plain);
    put(Form::Plain, "object", "", &object);
    put(Form::Plain, "inside an object", "", &format!("{{\"x\":{object}}}"));
    put(Form::Plain, "list", "", &format!("[{object}]"));
    put(Form::Plain, "list inside", "", &format!("{{\"x\":[{object}]}}"));
    put(Form::Plain, "spaces", "", &object.replace("\":", "\" : ").replace(',', " ,\n"));
    put(Form::Plain, "lists inside", "", &object.replace("\"1\"", "[\"1\"]"));
    for (in_json, what, name) in [
        (Form::Plain, "upper case", (|name| name.to_uppercase()) as fn(&str) -> String),
        (Form::Plain, "other case", |name| format!("{}{}", name[..1].to_uppercase(), &name[1..])),
        (Form::Flattened, "behind a dot", |name| format!("x.{name}")),
        (Form::Flattened, "behind something", |name| format!("x{name}")),
        (Form::Flattened, "a list", |name| format!("{name}[]")),
        (Form::Flattened, "an encoded list", |name| format!("{name}%5B%5D")),
        (Form::Flattened, "a numbered list", |name| format!("{name}[0]")),
    ] {
        put(Form::Plain, what, &form(name), "");
        put(Form::Plain, what, "", &form(name));
        put(in_json, what, "", &json(name));
    }
    let (first, rest) = plain.split_once('&').unwrap_or((&plain, ""));
    put(Form::Plain, "split", first, rest);
    put(Form::Plain, "split the other way", rest, first);
    let (_, left) = object.split_once(',').unwrap_or(("", "}"));
    put(Form::Plain, "split, with an object", first, &format!("{{{left}"));
    for at in 1..needs[0].len() {
        put(Form::Plain, "a name cut in two", &plain[..at], &plain[at..]);
        put(Form::Plain, "a name cut in two behind a name", &format!("x=1&{}", &plain[..at]), &plain[at..]);
        put(Form::Plain, "a name cut in two behind a value", &format!("x={}", &plain[..at]), &plain[at..]);
    }
    let last = plain.strip_suffix("=1").unwrap_or(&plain);
    put(Form::Plain, "a name at the end", last, "");
    put(Form::Plain, "a name at the end of the form", "", last);
    let encoded = plain.replace('&', "%26");
    for hidden in
        [encoded.clone(), encoded.replace('=', "%3D"), encoded.replace('=', "%3d").replace("%26", "%3b")]
    {
        put(Form::Decoded, "encoded", &format!("x=1%26{hidden}"), "");
        put(Form::Decoded, "encoded", "", &format!("x=1%26{hidden}"));
    }
    put(Form::Plain, "inside a value", &format!("x={plain}"), "");
    put(Form::Plain, "inside a value", "", &format!("x={plain}"));
    put(Form::Plain, "behind semicolons", &format!("x=1;{}", plain.replace('&', ";")), "");
    put(Form::Plain, "behind semicolons", "", &format!("x=1;{}", plain.replace('&', ";")));
    for (form, cut) in [(Form::Plain, "&"), (Form::Flattened, "\\u0026"), (Form::Flattened, "\\u0026amp;")] {
        let inside = format!("1{cut}{}{cut}y=1", plain.replace('&', cut));
        put(form, "inside a JSON string", "", &format!("{{\"x\":\"{inside}\"}}"));
        put(form, "inside a JSON name", "", &format!("{{\"{inside}\":1}}"));
        put(form, "inside a JSON string of a list", "", &format!("[\"{inside}\"]"));
    }
    put(Form::Continued, "JSON inside a value", &format!("x={object}"), "");
    put(Form::Continued, "JSON inside a value", "", &format!("x={object}"));
    all
}

/// Nothing that is added to a request that is refused opens it.
#[test]
fn no_parameter_opens_what_is_refused() {
    let mut random = Random(0x5eed);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        let lines = lines(exchange);
        // What a condition asks for may well make another request of it.
        let conditions: BTreeSet<&str> =
            lines.iter().filter_map(|line| Some(line.when.as_ref()?.0.as_str())).collect();
        let mut names: Vec<&str> = exchange.shape_names.iter().map(|shape| shape.name.text()).collect();
        names.extend([
            "x",
            "symbol",
            "id",
            "recvWindow",
            "timestamp",
            "nonce",
            "sign",
            "signature",
            "test",
            "a[]",
            "dryRun",
        ]);
        names.retain(|name| !conditions.contains(name));
        let refused: Vec<&Line> = lines.iter().filter(|line| !grants(USUAL).has(line.class)).collect();
        for line in refused.iter().step_by(refused.len().div_ceil(60).max(1)) {
            for http in line.honest() {
                for _ in 0..4 {
                    let mut more = http.clone();
                    for _ in 0..=random.below(3) {
                        let name = names[random.below(names.len())];
                        let value = ["1", "true", "{}", "a%26b", "", "\u{e9}"][random.below(6)];
                        more = added(&more, name, value, random.below(3));
                    }
                    count += 1;
                    if permitted(exchange, grants(USUAL), &more) {
                        wrong.push(format!("{}: {line:?}\n  {more:?}", exchange.id));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 8_000, "only {count} requests");
}

/// The request with one more parameter: in the query, in the form, or in the object.
fn added(http: &Http, name: &str, value: &str, place: usize) -> Http {
    let mut more = http.clone();
    match (&http.body, place) {
        (_, 0) => more.url += &format!("{}{name}={value}", if http.url.contains('?') { "&" } else { "?" }),
        (None, 1) => more.body = Some(format!("{name}={value}")),
        (None, _) => more.body = Some(format!("{{\"{name}\":\"{value}\"}}")),
        (Some(body), _) => match body.strip_suffix('}') {
            Some(object) => more.body = Some(format!("{object},\"{name}\":\"{value}\"}}")),
            None => more.body = Some(format!("{body}&{name}={value}")),
        },
    }
    more
}
