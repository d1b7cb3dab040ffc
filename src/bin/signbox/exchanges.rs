//! `signbox exchanges`: the catalogue for people: what a signature covers, and what each endpoint does.

use crate::cli::Exchanges;
use crate::error::Error;
use crate::output::print;
use crate::{keys, show};
use serde_json::{Value, json};
use signbox_exchanges::{
    Binds, Class, Endpoint, Exchange, KeyKind, Name, SecretEncoding, Shape, When, catalogue, exchange,
};
use std::fmt::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &Exchanges) -> Result<ExitCode, Error> {
    let text = match &args.id {
        Some(id) => {
            let exchange = exchange(id).ok_or_else(|| {
                Error::new(format_args!(
                    "no exchange is called '{id}'; 'signbox exchanges' lists those there are"
                ))
            })?;
            if args.json { format!("{:#}\n", in_full(exchange)) } else { detail(exchange) }
        }
        None if args.json => {
            format!("{:#}\n", Value::from(catalogue().iter().map(in_brief).collect::<Vec<_>>()))
        }
        None => overview(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn overview() -> String {
    let signable = catalogue().iter().filter(|exchange| exchange.unsignable.is_none());
    let rows: Vec<_> = signable
        .map(|exchange| {
            let binds: Vec<_> = exchange.binds.names().collect();
            let count = endpoints(exchange).count();
            [
                exchange.id.to_string(),
                exchange.name.to_string(),
                binds.join(" "),
                count.to_string(),
                notes(exchange).join("; "),
            ]
        })
        .collect();
    let mut text = keys::table(["ID", "NAME", "A SIGNATURE COVERS", "ENDPOINTS", "NOTES"], &rows);
    text.push_str(
        "\npath not covered: a signature is not tied to its path, so parameters that would fit an endpoint that is not \
         granted are refused.\nnothing covered: one signature is good for everything, so every class that can do harm must \
         be granted.\n'signbox exchanges ID' shows one in full; signbox-exchanges(7) says what a signature leaves open.\n\n\
         cannot be signed for:\n",
    );
    for exchange in catalogue() {
        if let Some(why) = exchange.unsignable {
            let _ = writeln!(text, "  {}: {why}", exchange.id);
        }
    }
    text
}

/// What is worth knowing about an exchange before its key is added.
fn notes(exchange: &Exchange) -> Vec<&'static str> {
    let mut notes: Vec<&str> = exchange.historical.map(Name::text).into_iter().collect();
    if exchange.signs_nothing() {
        notes.push("nothing covered");
    } else if exchange.schemes.iter().any(|scheme| !scheme.binds.path) {
        notes.push("path not covered");
    }
    notes.extend(exchange.logs_in.then_some("a signature is a login"));
    notes.extend(exchange.passphrase.then_some("has a passphrase"));
    notes.extend(exchange.uid.then_some("has a uid"));
    notes
}

fn detail(exchange: &Exchange) -> String {
    let mut text = format!("{} ({})\n", exchange.name, exchange.id);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    if let Some(why) = exchange.historical {
        line("closed", &why);
    }
    if !exchange.aliases.is_empty() {
        line("also called", &exchange.aliases.texts().join(" "));
    }
    if let Some(why) = exchange.unsignable {
        line("not signed", &why);
        return text;
    }
    line("hosts", &exchange.hosts.texts().join(" "));
    line("delete keys", &keys_page(exchange));
    if let Some(place) = exchange.support {
        line("write to", &place);
    }
    line("secret", &secrets(exchange).join("; or "));
    line("passphrase", if exchange.passphrase { "yes" } else { "no" });
    line("uid", if exchange.uid { "yes" } else { "no" });
    line("a signature", &show::covered(&exchange.binds));
    for (paths, binds) in exceptions(exchange) {
        line("", &format!("at {paths}: {}", show::covered(&binds)));
    }
    if exchange.logs_in {
        line(
            "",
            "also good for a login, with every right that the key has at the exchange, whatever was granted",
        );
    }
    if exchange.signs_nothing() {
        let words: Vec<_> = exchange.dangers().map(Class::word).collect();
        line("", "not tied to a request: one is good for every endpoint with every parameter, so nothing is");
        line("", &format!("signed unless all of these are granted: {}", words.join(", ")));
    } else if exchange.schemes.iter().any(|scheme| !scheme.binds.path) {
        line(
            "",
            "not tied to its path: parameters that fit an ungranted endpoint are refused; a cancellation",
        );
        line("", "is not told apart from a read");
    }
    for (at, login) in logins(exchange).iter().enumerate() {
        line(if at == 0 { "logins" } else { "" }, login);
    }
    if !exchange.signs_nothing() && exchange.shapeless().next().is_some() {
        let _ = writeln!(
            text,
            "\ncannot be told apart, as they need no parameter: a signature over none is good for each"
        );
        for shape in exchange.shapeless() {
            let _ = writeln!(text, "  {}  ({})", shape.endpoint, shape.class);
        }
    }
    for class in Class::ALL {
        let lines: Vec<_> = endpoints(exchange).filter(|endpoint| endpoint.class == class).collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{class} ({})", lines.len());
            for endpoint in lines {
                let _ = writeln!(
                    text,
                    "  {:<6} {}{}",
                    endpoint.method.to_string(),
                    endpoint.path,
                    remarks(endpoint)
                );
            }
        }
    }
    text
}

/// Where an API key of this exchange is deleted, in words.
pub(crate) fn keys_page(exchange: &Exchange) -> String {
    match exchange.keys_page {
        Some(page) if exchange.has_keys_page() => page.to_string(),
        Some(home) => format!("log in at {home}, API management"),
        None => "log in there, API management".to_owned(),
    }
}

/// The names of the logins, each once, and the request that one is.
fn logins(exchange: &Exchange) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for login in exchange.logins.iter() {
        let name = match login.rest {
            Some(rest) => format!("{}: sign {rest}", login.name),
            None => login.name.to_string(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Where a signature covers something else than at most endpoints.
fn exceptions(exchange: &Exchange) -> Vec<(String, Binds)> {
    let mut known = Vec::new();
    for scheme in exchange.schemes.iter().filter(|scheme| scheme.binds != exchange.binds) {
        let paths = scheme.paths.texts().join(" and ");
        let one = (if paths.is_empty() { "some others".to_owned() } else { paths }, scheme.binds);
        if !known.contains(&one) {
            known.push(one);
        }
    }
    known
}

/// What may be stored as the secret.
fn secrets(exchange: &Exchange) -> Vec<&'static str> {
    let words = |kind: &KeyKind| match kind {
        KeyKind::Hmac if exchange.secret == SecretEncoding::Base64 => "base64",
        KeyKind::Hmac => "text, as it is shown",
        KeyKind::Ed25519 => "an Ed25519 private key",
        KeyKind::Rsa => "an RSA private key (PEM)",
        KeyKind::P256 => "a P-256 private key (PEM)",
        KeyKind::Secp256k1 => "a secp256k1 private key (0x and 64 hexadecimal digits)",
    };
    // What the exchange shows comes before what its customers make.
    let (shown, made): (Vec<&KeyKind>, Vec<&KeyKind>) =
        exchange.kinds.iter().partition(|kind| **kind == KeyKind::Hmac);
    shown.into_iter().chain(made).map(words).collect()
}

fn remarks(endpoint: &Endpoint) -> String {
    let when = match endpoint.when {
        When::Always => String::new(),
        When::Present(name) => format!("  with {name}"),
        When::Equals(name, value) => format!("  with {name}={value}"),
    };
    format!("{when}{}", if endpoint.key_only { "  (sent with the key, not signed)" } else { "" })
}

fn in_brief(exchange: &Exchange) -> Value {
    json!({
        "id": exchange.id.text(),
        "name": exchange.name.text(),
        "aliases": exchange.aliases.texts(),
        "hosts": exchange.hosts.texts(),
        "logins": logins(exchange),
        "keys_page": exchange.keys_page.map(Name::text),
        "support": exchange.support.map(Name::text),
        "historical": exchange.historical.map(Name::text),
        "unsignable": exchange.unsignable.map(Name::text),
        "passphrase": exchange.passphrase,
        "uid": exchange.uid,
        "secrets": secrets(exchange),
        "binds": exchange.binds.names().collect::<Vec<_>>(),
        "endpoint_count": endpoints(exchange).count(),
    })
}

fn in_full(exchange: &Exchange) -> Value {
    let mut value = in_brief(exchange);
    let shapeless =
        |shape: &Shape| json!({"endpoint": shape.endpoint.to_string(), "class": shape.class.word()});
    value["shapeless"] = exchange.shapeless().map(shapeless).collect();
    let endpoint = |endpoint: &Endpoint| {
        let when = match endpoint.when {
            When::Always => Value::Null,
            When::Present(name) => json!({"name": name.to_string()}),
            When::Equals(name, value) => json!({"name": name.to_string(), "value": value.to_string()}),
        };
        json!({
            "method": endpoint.method.to_string(),
            "path": endpoint.path.to_string(),
            "class": endpoint.class.word(),
            "when": when,
            "key_only": endpoint.key_only,
        })
    };
    let exception =
        |(paths, binds): (String, Binds)| json!({"at": paths, "binds": binds.names().collect::<Vec<_>>()});
    value["exceptions"] = exceptions(exchange).into_iter().map(exception).collect();
    value["endpoints"] = endpoints(exchange).map(endpoint).collect();
    value
}

/// In the order of their paths; the catalogue has them in that of a hash.
fn endpoints(exchange: &Exchange) -> impl Iterator<Item = &'static Endpoint> {
    let all = exchange.endpoints.items().iter().chain(exchange.templates.items());
    let mut sorted: Vec<_> = all.collect();
    // Those with a condition come before the one without, and stay in their order.
    sorted.sort_by_key(|endpoint| (endpoint.path.text(), endpoint.method));
    sorted.into_iter()
}
