//! `signbox exchanges`: the catalogue for people: what a signature covers, and what each endpoint does.

use crate::cli::Exchanges;
use crate::error::Error;
use crate::output::print;
use crate::{keys, show};
use serde_json::{Value, json};
use signbox_exchanges::{Class, Endpoint, Exchange, SecretEncoding, Shape, When, catalogue, exchange};
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
    let rows: Vec<_> = catalogue()
        .iter()
        .map(|exchange| {
            let binds: Vec<_> = exchange.binds.names().collect();
            let count = endpoints(exchange).count();
            let mut notes: Vec<&str> = exchange.historical.into_iter().collect();
            notes.extend((!exchange.binds.path).then_some("path not covered"));
            notes.extend(exchange.passphrase.then_some("has a passphrase"));
            [
                exchange.id.to_owned(),
                exchange.name.to_owned(),
                binds.join(" "),
                count.to_string(),
                notes.join("; "),
            ]
        })
        .collect();
    let mut text = keys::table(["ID", "NAME", "A SIGNATURE COVERS", "ENDPOINTS", "NOTES"], &rows);
    text.push_str(
        "\npath not covered: a signature is not tied to its path, so parameters that would fit an endpoint that is not \
         granted are refused.\n'signbox exchanges ID' shows one in full.\n",
    );
    text
}

fn detail(exchange: &Exchange) -> String {
    let mut text = format!("{} ({})\n", exchange.name, exchange.id);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    if let Some(why) = exchange.historical {
        line("closed", why);
    }
    line("hosts", &exchange.hosts.join(" "));
    if !exchange.aliases.is_empty() {
        line("also called", &exchange.aliases.join(" "));
    }
    line("secret", if exchange.secret == SecretEncoding::Base64 { "base64" } else { "text, as it is shown" });
    line("passphrase", if exchange.passphrase { "yes" } else { "no" });
    line("a signature", &show::covered(exchange));
    if !exchange.binds.path {
        line("", "not tied to its path: parameters that fit an ungranted endpoint are refused");
    }
    if exchange.shapeless().next().is_some() {
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
        "id": exchange.id,
        "name": exchange.name,
        "aliases": exchange.aliases,
        "hosts": exchange.hosts,
        "historical": exchange.historical,
        "passphrase": exchange.passphrase,
        "secret": if exchange.secret == SecretEncoding::Base64 { "base64" } else { "utf8" },
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
    value["endpoints"] = endpoints(exchange).map(endpoint).collect();
    value
}

fn endpoints(exchange: &Exchange) -> impl Iterator<Item = &'static Endpoint> {
    exchange.endpoints.iter().chain(exchange.templates)
}
