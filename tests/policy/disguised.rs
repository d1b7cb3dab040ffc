//! A withdrawal or a transfer in disguise: asked for at its own place in every other way of writing it, and at places that
//! are harmless. What is asked for there may be signed only if the signature is no good for the real thing.

use super::listed::{Line, lines};
use super::*;
use signbox_exchanges::Class;
use std::collections::BTreeSet;

#[test]
fn no_disguise_opens_a_withdrawal_or_a_transfer() {
    let granted = grants(USUAL);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        let key = &keys(exchange)[0];
        for real in real(exchange) {
            for (what, http) in in_its_place(exchange, &real) {
                count += 1;
                let signed = || run(exchange, granted, key, &http).name() == "signed";
                if permitted(exchange, granted, &http) && !is_harmless(exchange, &real, &http) && signed() {
                    wrong.push(format!("{}: {what}: {real:?}\n  {http:?}", exchange.id));
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 100_000, "only {count} disguises");
}

#[test]
fn no_signature_for_something_harmless_is_one_for_a_withdrawal_or_a_transfer() {
    let granted = grants(USUAL);
    let (mut wrong, mut count, mut signed) = (Vec::new(), 0, 0);
    for exchange in signable().filter(|exchange| !binds_nothing(exchange)) {
        let key = &keys(exchange)[0];
        let hosts = hosts(&lines(exchange), granted);
        // Whatever is the same in all that is signed is no signature.
        let bodies = [None, Some("zz=1"), Some("{\"zz\":1}")];
        let plain = hosts.iter().flat_map(|host| bodies.map(|body| Http::new(host.0, &host.1, body)));
        let constant: BTreeSet<String> = plain.flat_map(|http| signatures(exchange, key, &http)).collect();
        for real in real(exchange) {
            let (path, query, body) = taken_apart(&real);
            let texts = texts(query, body);
            let good = understood(query, body).into_iter().flat_map(|(query, body)| {
                let http = put_together(&real.method, path, &query, &body);
                let fits = http.apart(exchange, |parts| exchange.check_body(parts)).is_ok();
                if fits { signatures(exchange, key, &http) } else { Vec::new() }
            });
            let good: BTreeSet<String> = good.filter(|text| !constant.contains(text)).collect();
            if good.is_empty() {
                continue;
            }
            for (method, path) in &hosts {
                for (query, body) in &texts {
                    let http = put_together(method, path, query, body);
                    count += 1;
                    if !permitted(exchange, granted, &http) {
                        continue;
                    }
                    let made = signatures(exchange, key, &http);
                    signed += usize::from(!made.is_empty());
                    if made.iter().any(|made| good.contains(made)) {
                        wrong.push(format!("{}: {real:?}\n  {http:?}", exchange.id));
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 100_000 && signed > 10_000, "only {count} requests, of which {signed} are signed");
}

/// Where a parameter makes the request what it is, a harmless value of it hides no dangerous one.
#[test]
fn no_harmless_condition_hides_a_dangerous_one() {
    let granted = grants(USUAL);
    let (mut wrong, mut count, mut open) = (Vec::new(), 0, 0);
    for exchange in signable() {
        let lines = lines(exchange);
        let conditional = |line: &&Line| line.when.as_ref().is_some_and(|(_, value)| value.is_some());
        for dangerous in lines.iter().filter(|line| moves_funds(line.class)).filter(conditional) {
            let beside = |line: &&Line| {
                (line.method, &line.path) == (dangerous.method, &dangerous.path) && granted.has(line.class)
            };
            let mut classes = BTreeSet::new();
            for harmless in
                lines.iter().filter(conditional).filter(beside).filter(|line| classes.insert(line.class))
            {
                let value = |line: &Line| line.when.as_ref().and_then(|(_, value)| value.clone()).unwrap();
                let name = &dangerous.when.as_ref().unwrap().0;
                let plain = put_together(
                    dangerous.method.word(),
                    &dangerous.path,
                    "",
                    &both(name, &value(harmless), None),
                );
                open += usize::from(permitted(exchange, granted, &plain));
                for hidden in alike(name) {
                    for (first, second) in [(name, &hidden), (&hidden, name)] {
                        let of =
                            |name: &String| if *name == hidden { value(dangerous) } else { value(harmless) };
                        let form = format!("{first}={}&{second}={}", of(first), of(second));
                        let json = both(first, &of(first), Some((second, &of(second))));
                        for (query, body) in [
                            (&*form, ""),
                            ("", &*form),
                            ("", &*json),
                            (&*format!("{first}={}", of(first)), &*format!("{second}={}", of(second))),
                            (&*format!("{first}={}", of(first)), &*both(second, &of(second), None)),
                            ("", &*form.replace('&', ";")),
                            ("", &*format!("x=1;{}", form.replace('&', ";"))),
                            ("", &*format!("{name}={}&x=1;{name}={}", value(harmless), value(dangerous))),
                        ] {
                            count += 1;
                            let http = put_together(dangerous.method.word(), &dangerous.path, query, body);
                            if permitted(exchange, granted, &http) {
                                wrong.push(format!("{}: {dangerous:?}\n  {http:?}", exchange.id));
                            }
                        }
                    }
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 1000 && open > 10, "only {count} requests, and {open} that are open");
}

/// A name as some readers would still take it, without a dot that leads into an object.
fn alike(name: &str) -> Vec<String> {
    let (before, last) =
        name.rsplit_once('.').map_or((String::new(), name), |(before, last)| (format!("{before}."), last));
    let title = format!("{}{}", last[..1].to_uppercase(), &last[1..]);
    let all = [
        last.to_uppercase(),
        title,
        format!("{last}[]"),
        format!("{last}[0]"),
        format!("{last}%5B%5D"),
        format!("{last} "),
        format!("+{last}"),
        format!("%20{last}"),
        format!("%{:02x}{}", last.as_bytes()[0], &last[1..]),
        last.replace('_', "."),
        last.replace('_', "["),
    ];
    all.into_iter().filter(|name| name != last).map(|last| format!("{before}{last}")).collect()
}

/// One member or two of a JSON object, where a dot leads into one inside.
fn both(name: &str, value: &str, other: Option<(&str, &str)>) -> String {
    let last = |name: &str| name.rsplit('.').next().unwrap().to_owned();
    let mut object = format!("\"{}\":\"{value}\"", last(name));
    if let Some((name, value)) = other {
        object += &format!(",\"{}\":\"{value}\"", last(name));
    }
    match name.split_once('.') {
        Some((outer, _)) => format!("{{\"{outer}\":{{{object}}}}}"),
        None => format!("{{{object}}}"),
    }
}

/// Withdrawals and transfers as clients send them: the smallest request of each line, and what the folder's files have.
fn real(exchange: &Exchange) -> Vec<Http> {
    #[derive(Deserialize)]
    struct Case {
        request: Http,
    }
    #[derive(Deserialize)]
    struct Listed {
        attacks: Vec<Http>,
    }
    let cases = read::<Vec<Case>>(exchange, "orders.json").unwrap_or_default();
    let attacks = read::<Listed>(exchange, "requests.json").unwrap().attacks;
    let written = cases.into_iter().map(|case| case.request).chain(attacks);
    let is_real = |http: &Http| {
        let line = http.apart(exchange, |parts| Ok(exchange.endpoint(parts)));
        line.is_ok_and(|line| line.is_some_and(|line| moves_funds(line.class) && !line.key_only))
    };
    let lines = lines(exchange).into_iter().filter(|line| moves_funds(line.class) && !line.key_only);
    let plain = |http: Http| {
        let at = http.url.strip_prefix("https://").map_or(0, |rest| 8 + rest.find('/').unwrap());
        Http { url: http.url[at..].to_owned(), why: None, rule: None, ..http }
    };
    lines.flat_map(|line| line.honest()).chain(written.filter(is_real).map(plain)).collect()
}

fn moves_funds(class: Class) -> bool {
    matches!(class, Class::Withdraw | Class::Transfer)
}

/// Whether a request is for something else than what it was made of: then its signature decides, in the other test.
fn is_harmless(exchange: &Exchange, real: &Http, http: &Http) -> bool {
    let line = |http: &Http| http.apart(exchange, |parts| Ok(exchange.endpoint(parts)));
    let (Ok(Some(own)), Ok(Some(other))) = (line(real), line(http)) else { return false };
    let elsewhere = own.path.text() != other.path.text() || own.method != other.method;
    !moves_funds(other.class) && elsewhere
}

/// The request at its own path, in every other way to write it.
fn in_its_place(exchange: &Exchange, real: &Http) -> Vec<(&'static str, Http)> {
    let (path, query, body) = taken_apart(real);
    let mut all = Vec::new();
    let mut put = |what, http: Http| all.push((what, http));
    for (query, body) in texts(query, body) {
        put("moved", put_together(&real.method, path, &query, &body));
    }
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "post", "HEAD", "OPTIONS", "POST ", "QUERY"] {
        put("method", Http { method: method.into(), ..real.clone() });
    }
    for host in exchange.hosts.iter() {
        let host = if host.starts_with('.') { format!("x{}", host.text()) } else { host.text().to_owned() };
        for origin in [
            format!("https://{host}"),
            format!("https://{host}:443"),
            format!("https://{host}:8443"),
            format!("https://{}", host.to_uppercase()),
            format!("https://{host}."),
            format!("https://{host}.:443"),
            format!("https://a:b@{host}"),
            format!("https://{host}@{host}"),
            format!("HTTPS://{host}"),
            format!("//{host}"),
            host.clone(),
        ] {
            put("host", Http { url: format!("{origin}{}", real.url), ..real.clone() });
        }
    }
    put("host", Http { url: format!("http://127.0.0.1:80{}", real.url), ..real.clone() });
    put("fragment", Http { url: format!("{}#x", real.url), ..real.clone() });
    put("mark", Http { url: format!("{}?", real.url), ..real.clone() });
    for (name, value) in [
        ("X-HTTP-Method-Override", "GET"),
        ("X-HTTP-Method", "GET"),
        ("X-Method-Override", "GET"),
        ("X-Original-URL", "/"),
        ("X-Rewrite-URL", "/"),
        ("X-Forwarded-Path", "/"),
        ("Host", "example.org"),
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/json; charset=utf-7"),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Content-Encoding", "gzip"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "0"),
    ] {
        let mut http = real.clone();
        http.headers.insert(name.into(), value.into());
        put("header", http);
    }
    for path in bent(path) {
        put("path", put_together(&real.method, &path, query, body));
    }
    all
}

/// Other spellings of the path that `endpoints::bent` has not.
fn bent(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, _) in path.match_indices('/') {
        let (before, after) = (&path[..at], &path[at + 1..]);
        for cut in [
            "//",
            "/./",
            "/x/../",
            "/x/%2e%2e/",
            "/%2e/",
            "%2F",
            "%2f",
            "%5c",
            "/;/",
            ";x/",
            "/%00/",
            "/..;/",
            "\\",
        ] {
            all.push(format!("{before}{cut}{after}"));
        }
    }
    for end in
        ["/", "//", "/.", "/..", ";x", ";", "%20", "+", "%2e", "~", ".php", "%09", "\u{200b}", "\u{ff0f}"]
    {
        all.push(format!("{path}{end}"));
    }
    all.push(path.to_uppercase());
    // Where there is no letter, there is no other case, and digits stand for themselves in placeholders.
    all.retain(|bent| bent != path);
    all
}

/// The parameters in other places, under other names, more than once, and inside something else.
fn texts(query: &str, body: &str) -> Vec<(String, String)> {
    let both = |one: &str, other: &str| {
        [one, other].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("&")
    };
    let is_json = body.starts_with(['{', '[']);
    let mut all: Vec<(String, String)> = vec![(query.into(), body.into()), (body.into(), query.into())];
    let form = if is_json { both(query, &as_form(body)) } else { both(query, body) };
    let object = if is_json { body.to_owned() } else { as_object(&form) };
    let one = |text: &str| text.to_owned();
    for form in renamed(&form) {
        all.extend([(one(&form), one("")), (one(""), one(&form)), (one(&form), one(&form))]);
        let cut = form.find('&').map_or(form.len(), |at| at + 1);
        all.push((form[..cut].trim_end_matches('&').to_owned(), one(&form[cut..])));
    }
    for object in renamed_members(&object) {
        all.extend([
            (one(query), one(&object)),
            (one(""), one(&object)),
            (one(&form), one(&object)),
            (format!("x={object}"), one("")),
            (one(""), format!("[{object}]")),
            (one(""), format!("{{\"x\":{object}}}")),
            (one(""), format!("{{\"orders\":[{object}]}}")),
            (one(""), format!("{{\"symbol\":\"X\",{}", &object[1..])),
            (one(""), format!(" {object}")),
            (one(""), format!("{object}{object}")),
            (one(""), format!("{object}&{form}")),
            (one(""), format!("batchOrders=[{object}]")),
            (one(""), format!("data={object}")),
        ]);
    }
    all
}

/// Of these, what an exchange could well understand.
fn understood(query: &str, body: &str) -> Vec<(String, String)> {
    let mut all = vec![(query.to_owned(), body.to_owned())];
    let is_json = body.starts_with(['{', '[']);
    if is_json {
        all.extend([(String::new(), body.to_owned()), (String::new(), body.replace("\":", "\" :"))]);
    }
    let form = match (query.is_empty(), body.is_empty()) {
        _ if is_json => as_form(body),
        (false, false) => format!("{query}&{body}"),
        _ => format!("{query}{body}"),
    };
    if form.is_empty() {
        return all;
    }
    for form in [
        form.clone(),
        form.replace('&', ";"),
        form.replace('&', "&&"),
        format!("x=1&{form}"),
        format!("symbol=X&{form}"),
        format!("{form}&symbol=X&side=buy&type=limit&quantity=1&price=1"),
    ] {
        all.extend([(form.clone(), String::new()), (String::new(), form)]);
    }
    all.push((String::new(), as_object(&form)));
    all
}

/// A form with its names as some readers would still take them.
fn renamed(form: &str) -> Vec<String> {
    let each = |change: &dyn Fn(&str) -> String| {
        let fields = form.split('&').map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            format!("{}={value}", change(name))
        });
        fields.collect::<Vec<_>>().join("&")
    };
    if form.is_empty() {
        return vec![String::new()];
    }
    vec![
        form.to_owned(),
        each(&str::to_uppercase),
        each(&|name| format!("{}{}", name[..1].to_uppercase(), &name[1..])),
        each(&|name| format!("%{:02X}{}", name.as_bytes()[0], &name[1..])),
        each(&|name| format!("{name}[]")),
        each(&|name| format!("{name}%5B0%5D")),
        each(&|name| format!("{name}%20")),
        each(&|name| format!("+{name}")),
        each(&|name| format!("x.{name}")),
        each(&|name| name.replace('a', "\u{430}").replace('o', "\u{43e}")),
        form.replace('&', ";"),
        form.replace('&', "%26"),
        form.replace('&', "&&"),
        format!("{form}&{form}"),
        format!("{form}&{}=2", form.split('=').next().unwrap_or("")),
        format!("x=1&{form}"),
        format!("x={form}"),
        format!("{form}&symbol=X&side=buy&type=limit&quantity=1&price=1"),
        format!("symbol=X&{form}"),
    ]
}

/// The same of the members of an object.
fn renamed_members(object: &str) -> Vec<String> {
    let escaped = object.replacen("{\"", "{\"\\u0078", 1);
    let doubled = object.replacen('{', "{\"x\":1,\"x\":2,", 1);
    vec![
        object.to_owned(),
        object.to_uppercase(),
        escaped,
        doubled,
        object.replace("\":", "\" :"),
        object.replace('a', "\u{430}"),
    ]
}

/// The members of an object as a form, as far as they are plain values.
fn as_form(object: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(object).unwrap_or_default();
    let members = value.as_object().into_iter().flatten();
    let fields = members.map(|(name, value)| {
        format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    fields.collect::<Vec<_>>().join("&")
}

fn as_object(form: &str) -> String {
    let fields = form.split('&').filter(|field| !field.is_empty()).map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        format!("{}:{}", serde_json::json!(name), serde_json::json!(value))
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// Path, query and body.
fn taken_apart(http: &Http) -> (&str, &str, &str) {
    let (path, query) = http.url.split_once('?').unwrap_or((&http.url, ""));
    (path, query, http.body.as_deref().unwrap_or(""))
}

fn put_together(method: &str, path: &str, query: &str, body: &str) -> Http {
    let mark = if query.is_empty() { "" } else { "?" };
    Http::new(method, &format!("{path}{mark}{query}"), Some(body).filter(|body| !body.is_empty()))
}

/// Endpoints that the grants open: the first of each method and class, and those that begin as a dangerous one does.
fn hosts(lines: &[Line], grants: Grants) -> Vec<(&'static str, String)> {
    let mut kinds = BTreeSet::new();
    let open = lines.iter().filter(|line| grants.has(line.class) && !line.key_only && line.when.is_none());
    let (first, rest): (Vec<&Line>, Vec<&Line>) =
        open.partition(|line| kinds.insert((line.method.word(), line.class)));
    let begins = |line: &&&Line| {
        lines.iter().any(|other| {
            moves_funds(other.class) && other.path != line.path && other.path.starts_with(&line.path)
        })
    };
    let near = rest.iter().filter(begins).take(2);
    first.iter().take(5).chain(near).map(|line| (line.method.word(), line.filled())).collect()
}

/// Whatever stands in a signed request and may be its signature: long words that were not in it before, nor in the key.
fn signatures(exchange: &Exchange, key: &Bogus, http: &Http) -> Vec<String> {
    let clock = Clock { now_ns: 1_700_000_000_123_456_789, last: 0, skew: Skew::Off, unique: [7; 18] };
    let credentials = key.credentials();
    let signed = http.apart(exchange, |parts| {
        let mut signed = Signed::with_capacity(0);
        exchange
            .sign(parts, &credentials, &mut Keyed::default(), &clock, &mut signed)
            .map_err(|_| "not signed")?;
        let headers = signed.headers(&credentials).map(|(_, value)| value.to_owned());
        Ok([vec![signed.query.clone(), signed.body.clone()], headers.collect()].concat())
    });
    let known =
        format!("{}\n{}\n{}", http.url, http.body.as_deref().unwrap_or(""), key.key.as_deref().unwrap_or(""));
    let is_part = |byte: char| byte.is_ascii_alphanumeric() || "+/_-%".contains(byte);
    let words = signed.unwrap_or_default();
    let words = words.iter().flat_map(|text| text.split(|byte| !is_part(byte)));
    words.filter(|word| word.len() >= 30 && !known.contains(word)).map(str::to_owned).collect()
}
