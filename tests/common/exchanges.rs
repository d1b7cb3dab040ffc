//! The catalogue as the documents show it: these parts of them are made here, and held to it by tests.

#![allow(dead_code)] // no ring uses all of it

use serde::Deserialize;
use signbox_exchanges::{
    Binds, Class, Exchange, Fresh, KeyKind, Nonce, Place, Scheme, SecretEncoding, Time, Unit, catalogue,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a signature of an exchange covers, of whatever request it covers least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Covers {
    All,
    Path,
    Parameters,
    Nothing,
}

/// The exchanges that can be signed for.
pub(crate) fn signable() -> impl Iterator<Item = &'static Exchange> {
    catalogue().iter().filter(|exchange| exchange.unsignable.is_none())
}

pub(crate) fn covers(exchange: &Exchange) -> Covers {
    let schemes = &exchange.schemes;
    if exchange.signs_nothing() {
        Covers::Nothing
    } else if schemes.iter().any(|scheme| !scheme.binds.path) {
        Covers::Parameters
    } else if unsigned(exchange).is_empty() {
        Covers::All
    } else {
        Covers::Path
    }
}

/// The parts that may be sent though a signature does not cover them: `query`, `body`.
pub(crate) fn unsigned(exchange: &Exchange) -> Vec<&'static str> {
    #[derive(Deserialize)]
    struct File {
        scheme: Vec<Part>,
    }
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        unsigned: Vec<String>,
    }
    let file = place("exchanges/catalog").join(&*exchange.id).join("scheme.toml");
    let file: File = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let open =
        |part: &&str| file.scheme.iter().any(|scheme| scheme.unsigned.iter().any(|open| open == *part));
    ["query", "body"].into_iter().filter(open).collect()
}

/// The exchanges that a table of the README has in one line, with their aliases.
pub(crate) fn readme_table() -> String {
    let mut text = "| a signature covers | exchanges |\n| --- | --- |\n".to_owned();
    for (covered, words) in [
        (Covers::All, "path and parameters"),
        (Covers::Path, "the path, not all parameters"),
        (Covers::Parameters, "parameters, not the path"),
        (Covers::Nothing, "nothing but a time"),
    ] {
        let ids: Vec<_> =
            signable().filter(|exchange| covers(exchange) == covered).map(with_aliases).collect();
        text += &format!("| {words} | {} |\n", ids.join(", "));
    }
    text
}

fn with_aliases(exchange: &Exchange) -> String {
    let mut text = format!("`{}`", exchange.id);
    if !exchange.aliases.is_empty() {
        text += &format!(" ({})", exchange.aliases.texts().join(", "));
    }
    if exchange.historical.is_some() {
        text.push('†');
    }
    text
}

/// The exchanges that cannot be signed for, by reason.
pub(crate) fn unsignable() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut reasons: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for exchange in catalogue() {
        if let Some(why) = exchange.unsignable {
            reasons.entry(why.text()).or_default().push(exchange.id.text());
        }
    }
    reasons
}

pub(crate) fn readme_unsignable() -> String {
    let lines = unsignable().into_iter().map(|(why, ids)| (ids, why)).collect::<BTreeMap<_, _>>();
    lines.into_iter().map(|(ids, why)| format!("- `{}`: {why}\n", ids.join("`, `"))).collect()
}

/// The parts of signbox-exchanges(7) that the catalogue decides, by name.
pub(crate) fn page_parts() -> Vec<(&'static str, String)> {
    let of = |covered: Covers| ids(signable().filter(|exchange| covers(exchange) == covered));
    let timeless = |exchange: &&Exchange| exchange.schemes.iter().any(|scheme| !scheme.binds.time);
    vec![
        ("all", of(Covers::All)),
        ("path", of(Covers::Path)),
        ("parameters", of(Covers::Parameters)),
        ("nothing", of(Covers::Nothing)),
        ("bare", of(Covers::Nothing)),
        ("unsigned", unsigned_parts()),
        ("timeless", ids(signable().filter(timeless))),
        ("alike", alike()),
        ("encoded", ids(signable().filter(|exchange| exchange.encode))),
        ("exchanges", signable().map(entry).collect()),
        (
            "unsignable",
            unsignable().iter().map(|(why, of)| format!(".It\n{}.\n{why}.\n", words(of))).collect(),
        ),
    ]
}

fn ids(exchanges: impl Iterator<Item = &'static Exchange>) -> String {
    words(&exchanges.map(|exchange| exchange.id.text()).collect::<Vec<_>>())
}

/// Words as a sentence lists them.
fn words(words: &[&str]) -> String {
    let lines: Vec<_> = words.iter().map(|word| format!(".Li {word}")).collect();
    match &lines[..] {
        [some @ .., last] if !some.is_empty() => format!("{}\nand\n{last}\n", some.join(" ,\n")),
        _ => lines.join("\n") + "\n",
    }
}

fn unsigned_parts() -> String {
    let entry = |exchange: &'static Exchange| {
        let parts = unsigned(exchange);
        (!parts.is_empty() && covers(exchange) != Covers::Nothing)
            .then(|| format!(".It Li {}\n{}\n", exchange.id, parts.join(" and ")))
    };
    signable().filter_map(entry).collect()
}

/// The exchanges with dangerous endpoints that need no parameter of their own, and their classes.
fn alike() -> String {
    let entry = |exchange: &'static Exchange| {
        let shapeless: Vec<_> = exchange.shapeless().collect();
        let classes =
            Class::ALL.into_iter().filter(|class| shapeless.iter().any(|shape| shape.class == *class));
        let classes: Vec<_> = classes.map(Class::word).collect();
        (!shapeless.is_empty() && covers(exchange) != Covers::Nothing)
            .then(|| format!(".It Li {}\n{}\n", exchange.id, classes.join(", ")))
    };
    signable().filter_map(entry).collect()
}

/// One exchange in full.
fn entry(exchange: &'static Exchange) -> String {
    let mut text = format!(".It Li {}\n{}.\n", exchange.id, exchange.name);
    if !exchange.aliases.is_empty() {
        let aliases = words(&exchange.aliases.texts());
        text += &format!("Also called\n{} .\n", aliases.trim_end());
    }
    if let Some(why) = exchange.historical {
        text += &format!("Only for its history: {why}.\n");
    }
    // What the exchange shows comes before what its customers make.
    let (shown, made): (Vec<&KeyKind>, Vec<&KeyKind>) =
        exchange.kinds.iter().partition(|kind| **kind == KeyKind::Hmac);
    let kinds: Vec<_> = shown.into_iter().chain(made).map(|kind| secret(exchange, *kind)).collect();
    let mut with = vec![kinds.join(" or ")];
    with.extend(exchange.passphrase.then(|| "a passphrase".to_owned()));
    with.extend(exchange.uid.then(|| "a uid".to_owned()));
    text += &format!("Key: {}.\n", with.join(", "));
    let times = distinct(exchange.schemes.iter().map(time));
    text += &format!("Time: {}.\n", times.join("; "));
    let covered: Vec<_> = exchange.binds.names().collect();
    text += &format!("Covers {}", covered.join(", "));
    let other = exchange.schemes.iter().filter(|scheme| scheme.binds != exchange.binds);
    for part in distinct(other.map(|scheme| format!("{}: {}", of_which(scheme), listed(scheme.binds)))) {
        text += &format!("; {part}");
    }
    text += ".\n";
    if exchange.logs_in {
        text += "A signature is also good for a login, with every right that the key has there.\n";
    }
    text
}

fn listed(binds: Binds) -> String {
    binds.names().collect::<Vec<_>>().join(", ")
}

/// Which requests a scheme is for, where its paths or its kind of key tell.
fn of_which(scheme: &Scheme) -> String {
    if scheme.paths.is_empty() { "other requests".to_owned() } else { scheme.paths.texts().join(" and ") }
}

fn secret(exchange: &Exchange, kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Hmac if exchange.secret == SecretEncoding::Base64 => "base64",
        KeyKind::Hmac => "text",
        KeyKind::Ed25519 => "Ed25519",
        KeyKind::Rsa => "RSA",
        KeyKind::P256 => "P-256",
        KeyKind::Secp256k1 => "secp256k1",
    }
}

fn time(scheme: &Scheme) -> String {
    let mut text = match &scheme.time {
        None => "none".to_owned(),
        Some(Time { place, unit, after, rising, optional, .. }) => {
            let mut text = format!("{}, {}", place_words(scheme, *place), unit_words(*unit));
            if *after > 0 {
                text += &format!(", {after} s ahead");
            }
            text += if *rising { ", rising" } else { "" };
            text += if *optional { ", not added to what a library has signed without it" } else { "" };
            text
        }
    };
    if let Some(Nonce { place, fresh }) = &scheme.nonce {
        let how = match fresh {
            Fresh::Uuid => "a UUID",
            Fresh::Hex => "32 hexadecimal digits",
            Fresh::Letters => "36 hexadecimal digits",
            Fresh::Time(unit) => unit_words(*unit),
        };
        text += &format!("; nonce: {}, {how}", place_words(scheme, *place));
    }
    text
}

fn place_words(scheme: &Scheme, place: Place) -> String {
    match place {
        Place::Header(name) => format!("header {name}"),
        Place::Query(name) => format!("query {name}"),
        Place::Params(name) => format!("parameter {name}"),
        Place::Body(name) => format!("body {name}"),
        Place::Headers => {
            let name = scheme.headers.first().and_then(|field| field.place.name());
            format!("inside header {}", name.map_or("", |name| name.text()))
        }
    }
}

fn unit_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "s",
        Unit::Millis => "ms",
        Unit::Micros => "us",
        Unit::Nanos => "ns",
        Unit::IsoMillis => "ISO 8601 with milliseconds",
        Unit::IsoSeconds => "ISO 8601",
        Unit::IsoPlain => "ISO 8601 without a zone",
        Unit::Decimals => "s with decimals",
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = Vec::new();
    for text in texts {
        if !known.contains(&text) {
            known.push(text);
        }
    }
    known
}

/// Compares what stands in a file between two lines with what belongs there; with `SIGNBOX_WRITE_DOCS` set, writes it.
pub(crate) fn hold(file: &str, begin: &str, end: &str, text: &str) {
    let path = place(file);
    let whole = fs::read_to_string(&path).unwrap();
    let (before, rest) =
        whole.split_once(&format!("{begin}\n")).unwrap_or_else(|| panic!("{file}: no line '{begin}'"));
    let (there, after) = rest.split_once(end).unwrap_or_else(|| panic!("{file}: no '{end}' after '{begin}'"));
    if there == text {
        return;
    }
    if std::env::var_os("SIGNBOX_WRITE_DOCS").is_some() {
        return fs::write(path, format!("{before}{begin}\n{text}{end}{after}")).unwrap();
    }
    panic!(
        "{file} is not what the catalogue says behind '{begin}'; SIGNBOX_WRITE_DOCS=1 cargo test --test docs --test readme writes it"
    );
}

pub(crate) fn place(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
