//! Turns `catalog/` into Rust constants. A mistake in a file ends the build with its place.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

include!("src/hash.rs");

fn main() {
    println!("cargo::rerun-if-changed=catalog");
    println!("cargo::rerun-if-changed=src/hash.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("catalog");
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .expect("exchanges/catalog is there")
        .map(|entry| entry.expect("exchanges/catalog can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut code = String::from("static CATALOGUE: &[Exchange] = &[\n");
    let mut ids = BTreeSet::new();
    let mut texts = Texts::default();
    for folder in folders {
        exchange(&folder, &mut ids, &mut texts, &mut code);
    }
    writeln!(code, "];\nstatic TEXTS: &str = {:?};", texts.all).expect("a String takes it");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("catalogue.rs");
    fs::write(out, code).expect("OUT_DIR can be written");
}

/// Every text of the catalogue once, one behind the other.
#[derive(Default)]
struct Texts {
    all: String,
    known: BTreeMap<String, usize>,
}

impl Texts {
    fn name(&mut self, text: &str) -> String {
        let all = &mut self.all;
        let at = *self.known.entry(text.to_owned()).or_insert_with(|| {
            all.push_str(text);
            all.len() - text.len()
        });
        format!("Name {{ at: {at}, len: {} }}", text.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeFile {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    hosts: Vec<String>,
    historical: Option<String>,
    #[serde(default)]
    passphrase: bool,
    secret: String,
    bodies: Vec<String>,
    binds: Vec<String>,
    scheme: Vec<SchemeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeEntry {
    #[serde(default)]
    when: WhenEntry,
    digest: String,
    message: Vec<TokenEntry>,
    signature: BTreeMap<String, String>,
    key: String,
    passphrase: Option<String>,
    time: TimeEntry,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WhenEntry {
    #[serde(default)]
    methods: Vec<String>,
    body: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TokenEntry {
    Word(String),
    Inner(BTreeMap<String, Vec<TokenEntry>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeEntry {
    at: String,
    unit: String,
    #[serde(default)]
    rising: bool,
}

fn exchange(folder: &Path, ids: &mut BTreeSet<String>, texts: &mut Texts, code: &mut String) {
    let id = folder.file_name().and_then(|name| name.to_str()).expect("folder names are text");
    let place = folder.join("scheme.toml");
    let fail = |why: &str| -> ! { panic!("{}: {why}", place.display()) };
    let text = fs::read_to_string(&place).unwrap_or_else(|error| fail(&error.to_string()));
    let file: SchemeFile = toml::from_str(&text).unwrap_or_else(|error| fail(&error.to_string()));
    for name in std::iter::once(id).chain(file.aliases.iter().map(String::as_str)) {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if name.is_empty() || !plain {
            fail(&format!("'{name}' is not lower-case letters and digits"));
        }
        if !ids.insert(name.to_owned()) {
            fail(&format!("'{name}' is taken"));
        }
    }
    let parts = ["method", "path", "query", "body", "time"];
    if let Some(odd) = file.binds.iter().find(|part| !parts.contains(&part.as_str())) {
        fail(&format!("binds: no part is called '{odd}'"));
    }
    let binds = |part: &str| file.binds.iter().any(|bound| bound == part);
    let secret = match file.secret.as_str() {
        "utf8" => "Utf8",
        "base64" => "Base64",
        other => fail(&format!("secret: unknown encoding '{other}'")),
    };
    if let Some(odd) = file.bodies.iter().find(|kind| !["form", "json"].contains(&kind.as_str())) {
        fail(&format!("bodies: no kind is called '{odd}'"));
    }
    let takes = |kind: &str| file.bodies.iter().any(|known| known == kind);
    let bodies = format!("Bodies {{ form: {}, json: {} }}", takes("form"), takes("json"));
    let schemes: Vec<String> =
        file.scheme.iter().map(|entry| scheme(entry).unwrap_or_else(|why| fail(&why))).collect();
    if schemes.is_empty() || file.hosts.is_empty() {
        fail("needs a host and a scheme");
    }
    let endpoints = Endpoints::read(&folder.join("endpoints.txt"), binds("path"), binds("method"));
    let parts: Vec<String> = parts.iter().map(|part| format!("{part}: {}", binds(part))).collect();
    writeln!(
        code,
        "Exchange {{ id: {id:?}, aliases: &{:?}, name: {:?}, hosts: &{:?}, historical: {:?}, passphrase: {}, \
         secret: SecretEncoding::{secret}, bodies: {bodies}, binds: Binds {{ {} }}, schemes: &[{}], {} }},",
        file.aliases,
        file.name,
        file.hosts,
        file.historical,
        file.passphrase,
        parts.join(", "),
        schemes.join(", "),
        endpoints.code(texts),
    )
    .expect("a String takes it");
}

fn scheme(entry: &SchemeEntry) -> Result<String, String> {
    let (encoding, signature) = match entry.signature.iter().collect::<Vec<_>>()[..] {
        [(encoding, place)] => (encoding.as_str(), place),
        _ => return Err("signature: one encoding and one place".into()),
    };
    let encoding = match encoding {
        "hex" => "Hex",
        "base64" => "Base64",
        other => return Err(format!("signature: unknown encoding '{other}'")),
    };
    let unit = match entry.time.unit.as_str() {
        "s" => "Seconds",
        "ms" => "Millis",
        "us" => "Micros",
        "iso_ms" => "IsoMillis",
        other => return Err(format!("time: unknown unit '{other}'")),
    };
    let methods: Result<Vec<_>, _> = entry.when.methods.iter().map(|name| method(name)).collect();
    let passphrase = match &entry.passphrase {
        Some(at) => Some(at.strip_prefix("header:").ok_or("passphrase: stands in a header")?),
        None => None,
    };
    Ok(format!(
        "Scheme {{ methods: &[{}], with_body: {:?}, digest: {}, message: {}, encoding: Encoding::{encoding}, \
         signature: {}, key: {}, passphrase: {:?}, time: Time {{ place: {}, unit: Unit::{unit}, rising: {} }} }}",
        methods?.join(", "),
        entry.when.body,
        digest(&entry.digest)?,
        tokens(&entry.message)?,
        place(signature)?,
        place(&entry.key)?,
        passphrase,
        place(&entry.time.at)?,
        entry.time.rising,
    ))
}

fn method(name: &str) -> Result<&'static str, String> {
    match name {
        "DELETE" => Ok("Method::Delete"),
        "GET" => Ok("Method::Get"),
        "PATCH" => Ok("Method::Patch"),
        "POST" => Ok("Method::Post"),
        "PUT" => Ok("Method::Put"),
        other => Err(format!("'{other}' is not a method")),
    }
}

fn digest(name: &str) -> Result<&'static str, String> {
    match name {
        "sha256" => Ok("Digest::Sha256"),
        "sha384" => Ok("Digest::Sha384"),
        "sha512" => Ok("Digest::Sha512"),
        other => Err(format!("unknown digest '{other}'")),
    }
}

fn place(text: &str) -> Result<String, String> {
    let kind = match text.split_once(':') {
        Some(("header", _)) => "Header",
        Some(("query", _)) => "Query",
        Some(("params", _)) => "Params",
        Some(("body", _)) => "Body",
        _ => return Err(format!("'{text}' is not header:NAME, query:NAME, params:NAME or body:NAME")),
    };
    Ok(format!("Place::{kind}({:?})", &text[text.find(':').expect("split above") + 1..]))
}

fn tokens(entries: &[TokenEntry]) -> Result<String, String> {
    let list: Result<Vec<String>, String> = entries.iter().map(token).collect();
    Ok(format!("&[{}]", list?.join(", ")))
}

fn token(entry: &TokenEntry) -> Result<String, String> {
    match entry {
        TokenEntry::Word(word) => Ok(match word.as_str() {
            "method" => "Token::Method".into(),
            "origin" => "Token::Origin".into(),
            "path" => "Token::Path".into(),
            "query" => "Token::Query".into(),
            "?query" => "Token::MarkedQuery".into(),
            "query&" => "Token::QueryAnd".into(),
            "body" => "Token::Body".into(),
            "time" => "Token::Time".into(),
            other => match other.strip_prefix('=') {
                Some(text) => format!("Token::Literal({text:?})"),
                None => return Err(format!("message: no token is called '{other}'")),
            },
        }),
        TokenEntry::Inner(inner) => match inner.iter().collect::<Vec<_>>()[..] {
            [(name, inner)] if name == "sorted" => Ok(format!("Token::Sorted({})", tokens(inner)?)),
            [(name, inner)] => Ok(format!("Token::Hash({}, {})", digest(name)?, tokens(inner)?)),
            _ => Err("message: one function to a table".into()),
        },
    }
}

/// The lines of an `endpoints.txt`: `METHOD PATH CLASS [needs=..] [auth=key] [repeats=..]`.
struct Endpoints {
    lines: Vec<Line>,
    shapes: Vec<Shape>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    path: String,
    method: &'static str,
    unconditional: bool,
    when: Option<(String, Option<String>)>,
    class: &'static str,
    key_only: bool,
    repeats: Option<String>,
    needs: BTreeSet<String>,
}

struct Shape {
    class: &'static str,
    needs: BTreeSet<String>,
    endpoint: String,
}

impl Endpoints {
    fn read(place: &Path, path_bound: bool, method_bound: bool) -> Self {
        let text = fs::read_to_string(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let mut read = Endpoints { lines: Vec::new(), shapes: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(why) = read.line(line, path_bound) {
                panic!("{}:{}: {why}", place.display(), number + 1);
            }
        }
        read.lines.sort();
        for pair in read.lines.windows(2) {
            if (&pair[0].path, &pair[0].when) != (&pair[1].path, &pair[1].when) {
                continue;
            }
            if pair[0].method == pair[1].method {
                panic!("{}: {} {} stands twice", place.display(), pair[0].method, pair[0].path);
            }
            if path_bound && !method_bound && pair[0].class != pair[1].class {
                panic!("{}: {} has two classes and the method is not signed", place.display(), pair[0].path);
            }
        }
        if read.lines.is_empty() {
            panic!("{}: no endpoint", place.display());
        }
        read
    }

    fn line(&mut self, line: &str, path_bound: bool) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let mut next = |what: &str| words.next().ok_or(format!("{what} is missing"));
        let (name, path, class) = (next("the method")?, next("the path")?, next("the class")?);
        let class = match class {
            "read" => "Class::Read",
            "trade" => "Class::Trade",
            "cancel" => "Class::Cancel",
            "transfer" => "Class::Transfer",
            "withdraw" => "Class::Withdraw",
            "admin" => "Class::Admin",
            other => return Err(format!("'{other}' is not a class")),
        };
        let (path, when) = match path.split_once('?') {
            None => (path, None),
            Some((path, condition)) => match condition.split_once('=') {
                None => (path, Some((condition.to_owned(), None))),
                Some((name, value)) => (path, Some((name.to_owned(), Some(value.to_owned())))),
            },
        };
        if !path.starts_with('/') {
            return Err(format!("'{path}' does not begin with a slash"));
        }
        let mut entry = Line {
            path: path.into(),
            method: method(name)?,
            unconditional: when.is_none(),
            when,
            class,
            key_only: false,
            repeats: None,
            needs: BTreeSet::new(),
        };
        let mut needs = None;
        for word in words {
            match word.split_once('=') {
                Some(("auth", "key")) => entry.key_only = true,
                Some(("repeats", name)) => entry.repeats = Some(name.into()),
                Some(("needs", names)) => needs = Some(names),
                _ => return Err(format!("'{word}' is not needs=, auth=key or repeats=")),
            }
        }
        let dangerous = !matches!(class, "Class::Read" | "Class::Cancel");
        if !path_bound && dangerous && !entry.key_only {
            let needs = needs.ok_or("the path is not signed, so it needs 'needs='")?;
            for alternative in needs.split('|') {
                let names = alternative.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
                let needs: BTreeSet<String> = names.collect();
                entry.needs.extend(needs.iter().cloned());
                self.shapes.push(Shape { class, needs, endpoint: format!("{name} {path}") });
            }
        }
        self.lines.push(entry);
        Ok(())
    }

    fn code(&self, texts: &mut Texts) -> String {
        let mut shapes = minimal(&self.shapes);
        let mut names: Vec<&str> = shapes
            .iter()
            .flat_map(|shape| shape.needs.iter().map(String::as_str))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        names.sort_unstable();
        assert!(names.len() <= 192, "NameSet is too small for {} names", names.len());
        // A shape is looked at when the name is there that stands in the fewest shapes.
        let count = |name: &str| shapes.iter().filter(|shape| shape.needs.contains(name)).count();
        let counts: Vec<usize> = names.iter().map(|name| count(name)).collect();
        let place = |name: &str| names.iter().position(|known| *known == name);
        let rarest =
            |shape: &Shape| shape.needs.iter().filter_map(|need| place(need)).min_by_key(|at| counts[*at]);
        shapes.sort_by_key(|shape| rarest(shape));
        let group = |at: usize| {
            let from = shapes.partition_point(|shape| rarest(shape) < Some(at));
            (from, shapes.partition_point(|shape| rarest(shape) <= Some(at)))
        };
        let set = |needs: &BTreeSet<String>| {
            let mut bits = [0_u64; 3];
            for bit in needs.iter().filter_map(|need| place(need)) {
                bits[bit / 64] |= 1 << (bit % 64);
            }
            bits
        };
        let mut named = String::new();
        for (at, name) in names.iter().enumerate() {
            write!(named, "ShapeName {{ name: {}, shapes: {:?} }}, ", texts.name(name), group(at))
                .expect("a String takes it");
        }
        let mut shaped = String::new();
        for Shape { class, needs, endpoint } in &shapes {
            write!(
                shaped,
                "Shape {{ class: {class}, endpoint: {}, needs: {:?} }}, ",
                texts.name(endpoint),
                set(needs)
            )
            .expect("a String takes it");
        }
        let (templates, mut plain): (Vec<&Line>, Vec<&Line>) =
            self.lines.iter().partition(|line| line.path.contains('{'));
        plain.sort_by_key(|line| hash(line.path.as_bytes()));
        let mut list =
            |lines: &[&Line]| lines.iter().map(|line| line.code(texts, set(&line.needs))).collect::<String>();
        format!(
            "endpoints: &[{}], templates: &[{}], shape_names: &[{named}], shapes: &[{shaped}], \
             endpoint_index: &{:?}, {}",
            list(&plain),
            list(&templates),
            index(plain.iter().map(|line| (hash(line.path.as_bytes()) >> 24) as usize)),
            tree(&names),
        )
    }
}

impl Line {
    fn code(&self, texts: &mut Texts, needs: [u64; 3]) -> String {
        let when = match &self.when {
            None => "When::Always".to_owned(),
            Some((name, None)) => format!("When::Present({})", texts.name(name)),
            Some((name, Some(value))) => format!("When::Equals({}, {})", texts.name(name), texts.name(value)),
        };
        let repeats =
            self.repeats.as_ref().map_or("None".to_owned(), |name| format!("Some({})", texts.name(name)));
        format!(
            "Endpoint {{ method: {}, path: {}, hash: {}, when: {when}, class: {}, key_only: {}, repeats: {repeats}, needs: {needs:?} }}, ",
            self.method,
            texts.name(&self.path),
            hash(self.path.as_bytes()),
            self.class,
            self.key_only,
        )
    }
}

/// The shapes that no smaller shape of the same class implies.
fn minimal(shapes: &[Shape]) -> Vec<&Shape> {
    let implied = |at: usize| {
        let shape = &shapes[at];
        shapes.iter().enumerate().any(|(place, other)| {
            let fewer = (other.needs.len(), place) < (shape.needs.len(), at);
            fewer
                && other.class == shape.class
                && !other.needs.is_empty()
                && other.needs.is_subset(&shape.needs)
        })
    };
    (0..shapes.len()).filter(|at| !implied(*at)).map(|at| &shapes[at]).collect()
}

/// Where each first byte begins in a sorted list of them, and the end.
fn index(firsts: impl Iterator<Item = usize>) -> Vec<usize> {
    let firsts: Vec<usize> = firsts.collect();
    (0..=256).map(|byte| firsts.partition_point(|first| *first < byte)).collect()
}

/// The names as a tree by their bytes from the last to the first, children side by side.
fn tree(names: &[&str]) -> String {
    let mut nodes = vec![(0_u8, None, None, (0, 0))];
    let mut endings = vec![String::new()];
    let mut at = 0;
    while at < nodes.len() {
        let ending = endings[at].clone();
        let longer = |name: &str| name.ends_with(&ending) && name.len() > ending.len();
        let mut bytes: BTreeSet<u8> = names
            .iter()
            .filter(|name| longer(name))
            .map(|name| name.as_bytes()[name.len() - ending.len() - 1])
            .collect();
        nodes[at].1 = names.iter().position(|name| *name == ending);
        if at > 0 && names.iter().filter(|name| longer(name)).count() == 1 {
            nodes[at].2 = names.iter().position(|name| longer(name));
            bytes.clear();
        }
        nodes[at].3 = (nodes.len(), nodes.len() + bytes.len());
        for byte in bytes {
            nodes.push((byte, None, None, (0, 0)));
            endings.push(format!("{}{ending}", char::from(byte)));
        }
        at += 1;
    }
    let (from, to) = nodes[0].3;
    let mut ends = [0; 128];
    for (at, node) in nodes.iter().enumerate().take(to).skip(from) {
        ends[usize::from(node.0)] = at;
    }
    let code = |(byte, name, only, children): &(u8, Option<usize>, Option<usize>, (usize, usize))| {
        format!("Node {{ byte: {byte}, name: {name:?}, only: {only:?}, children: {children:?} }}, ")
    };
    format!("shape_ends: &{ends:?}, shape_tree: &[{}]", nodes.iter().map(code).collect::<String>())
}
