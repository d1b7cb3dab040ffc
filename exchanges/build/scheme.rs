// A scheme.toml as Rust constants. The language is described in catalog/README.md.

use super::tables::Tables;
use super::tokens::{TokenEntry, close, expand, place, tokens};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemeFile {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    keys_page: Option<String>,
    support: Option<String>,
    #[serde(default)]
    pub(crate) often: BTreeSet<String>,
    pub(crate) historical: Option<String>,
    pub(crate) unsignable: Option<String>,
    #[serde(default)]
    passphrase: bool,
    #[serde(default)]
    uid: bool,
    secret: Option<String>,
    placeholder: Option<String>,
    public: Option<String>,
    #[serde(default)]
    bodies: Vec<String>,
    #[serde(default)]
    any_type: bool,
    #[serde(default)]
    logs_in: bool,
    #[serde(default)]
    pub(crate) binds: Vec<String>,
    #[serde(default)]
    encode: bool,
    #[serde(default, rename = "scheme")]
    pub(crate) schemes: Vec<SchemeEntry>,
    #[serde(default, rename = "login")]
    logins: Vec<LoginEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginEntry {
    name: String,
    rest: Option<String>,
    path: Option<String>,
    #[serde(default)]
    fits: Vec<String>,
    #[serde(default)]
    takes: BTreeMap<String, Vec<String>>,
    scheme: Option<SchemeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemeEntry {
    #[serde(default)]
    when: WhenEntry,
    digest: Option<String>,
    algorithm: Option<String>,
    #[serde(default)]
    strip: Vec<String>,
    #[serde(default)]
    leave: Vec<String>,
    #[serde(default)]
    payload: Vec<TokenEntry>,
    message: Vec<TokenEntry>,
    signature: SignatureEntry,
    key: Option<String>,
    uid: Option<String>,
    passphrase: Option<String>,
    time: Option<TimeEntry>,
    nonce: Option<NonceEntry>,
    #[serde(default)]
    headers: BTreeMap<String, Vec<TokenEntry>>,
    #[serde(default)]
    must: BTreeMap<String, Vec<TokenEntry>>,
    #[serde(default)]
    defaults: BTreeMap<String, Vec<TokenEntry>>,
    carrier: Option<String>,
    #[serde(default)]
    carrier_body: bool,
    #[serde(default)]
    unsigned: Vec<String>,
    bodies: Option<Vec<String>>,
    binds: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WhenEntry {
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    path: Vec<String>,
    body: Option<BodyEntry>,
    query: Option<bool>,
    #[serde(default)]
    host: Vec<String>,
    #[serde(default)]
    field: BTreeMap<String, Vec<String>>,
    key: Option<String>,
}

impl WhenEntry {
    /// Whether it asks for more than method, path and key.
    fn conditional(&self) -> bool {
        self.body.is_some() || self.query.is_some() || !self.host.is_empty() || !self.field.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BodyEntry {
    Any(bool),
    Kind(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SignatureEntry {
    Written(String),
    Placed(BTreeMap<String, PlacesEntry>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PlacesEntry {
    One(String),
    More(Vec<String>),
}

impl PlacesEntry {
    fn all(&self) -> Vec<&String> {
        match self {
            PlacesEntry::One(at) => vec![at],
            PlacesEntry::More(all) => all.iter().collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeEntry {
    at: String,
    unit: String,
    #[serde(default)]
    after: u32,
    #[serde(default)]
    rising: bool,
    #[serde(default)]
    text: bool,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NonceEntry {
    at: String,
    #[serde(rename = "as")]
    written: String,
}

/// What the endpoints' part of the build asks about a scheme.
pub(crate) struct Reach {
    pub(crate) methods: Vec<String>,
    pub(crate) paths: Vec<String>,
    pub(crate) key: Option<String>,
    /// Whether it asks for more than method, path and key.
    pub(crate) conditional: bool,
    pub(crate) path_bound: bool,
    pub(crate) method_bound: bool,
    strip: Vec<String>,
    /// Of the path, only the last segment is signed.
    last_segment: bool,
    /// What is signed is `sign=`, not the path.
    named: bool,
}

impl Reach {
    /// What stands for an endpoint in the message.
    pub(crate) fn signed<'t>(&self, path: &'t str, name: Option<&'t str>) -> &'t str {
        let stripped =
            self.strip.iter().fold(path, |path, start| path.strip_prefix(start.as_str()).unwrap_or(path));
        match name {
            Some(name) if self.named => name,
            _ if self.last_segment => stripped.rsplit('/').next().unwrap_or(""),
            _ => stripped,
        }
    }
}

impl SchemeFile {
    pub(crate) fn reaches(&self) -> Vec<Reach> {
        let reach = |entry: &SchemeEntry| {
            let binds = entry.binds.as_ref().unwrap_or(&self.binds);
            let bound = |part: &str| binds.iter().any(|bound| bound == part);
            Reach {
                methods: entry.when.methods.clone(),
                paths: entry.when.path.clone(),
                key: entry.when.key.clone(),
                conditional: entry.when.conditional(),
                path_bound: bound("path"),
                method_bound: bound("method"),
                strip: entry.strip.clone(),
                last_segment: entry.message.iter().any(|token| token.holds_word("path/last")),
                named: entry.message.iter().any(|token| token.holds_word("name")),
            }
        };
        self.schemes.iter().map(reach).collect()
    }

    /// Whether there are JSON bodies, of whatever scheme.
    pub(crate) fn reads_json(&self) -> bool {
        let schemes = self.schemes.iter().filter_map(|entry| entry.bodies.as_ref());
        schemes.chain([&self.bodies]).flatten().any(|kind| kind == "json")
    }

    /// The names of the parameters that signing writes or looks at.
    pub(crate) fn parameters(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for entry in &self.schemes {
            let signature = match &entry.signature {
                SignatureEntry::Written(_) => Vec::new(),
                SignatureEntry::Placed(map) => map.values().flat_map(PlacesEntry::all).collect(),
            };
            let others = [entry.key.as_ref(), entry.uid.as_ref(), entry.time.as_ref().map(|time| &time.at)];
            let nonce = entry.nonce.as_ref().map(|nonce| &nonce.at);
            let fields = entry.must.keys().chain(entry.defaults.keys());
            let places = signature.into_iter().chain(others.into_iter().flatten()).chain(nonce).chain(fields);
            all.extend(places.filter_map(|at| match at.split_once(':') {
                Some(("query" | "body" | "params", name)) => Some(name.to_owned()),
                _ => None,
            }));
        }
        all
    }

    /// The fields of an `Exchange` that come from this file, but for id, endpoints and shapes.
    pub(crate) fn code(&self, tables: &mut Tables) -> Result<String, String> {
        let address = |text: &str| text.starts_with("https://") && !text.contains(char::is_whitespace);
        let mail = |text: &str| text.contains('@') && !text.contains(char::is_whitespace);
        if self.keys_page.as_deref().is_some_and(|page| !address(page)) {
            return Err("keys_page: does not begin with https://".into());
        }
        if self.support.as_deref().is_some_and(|place| !address(place) && !mail(place)) {
            return Err("support: neither begins with https:// nor is a mail address".into());
        }
        let bodies = Bodies::of(&self.bodies)?;
        let mut schemes = Vec::new();
        let (mut carrier, mut carrier_body) = (None, false);
        let mut kinds = BTreeSet::new();
        for entry in &self.schemes {
            let twin = self.schemes.iter().any(|other| entry.is_twin(other, &self.binds));
            schemes.push(entry.code(tables, &self.binds, &bodies, twin)?);
            kinds.insert(format!("KeyKind::{}", kind(entry.when.key.as_deref())?));
            if entry.carrier.is_some() {
                (carrier, carrier_body) = (entry.carrier.as_deref(), entry.carrier_body);
            }
        }
        let logins: Result<Vec<String>, String> = self
            .logins
            .iter()
            .map(|login| login.code(tables, &kinds).map_err(|why| format!("{}: {why}", login.name)))
            .collect();
        let logins = tables.list("LOGINS", logins?);
        let secret = match self.secret.as_deref() {
            Some("utf8") | None => "Utf8",
            Some("base64") => "Base64",
            Some("base64text") => "Base64Text",
            Some("upper") => "Upper",
            Some("md5hex") => "Md5Hex",
            Some(other) => return Err(format!("secret: unknown form '{other}'")),
        };
        let public = match self.public.as_deref() {
            None => "None",
            Some("pem") => "Some(PublicForm::Pem)",
            Some("base64") => "Some(PublicForm::Base64)",
            Some("near") => "Some(PublicForm::Near)",
            Some(other) => return Err(format!("public: unknown form '{other}'")),
        };
        Ok(format!(
            "aliases: {}, name: {}, hosts: {}, keys_page: {}, support: {}, historical: {}, unsignable: {}, passphrase: {}, uid: {}, \
             secret: SecretEncoding::{secret}, placeholder: {}, public: {public}, any_type: {}, logs_in: {}, bodies: {bodies}, binds: {}, encode: {}, carrier: {}, \
             carrier_body: {carrier_body}, kinds: {}, schemes: {}, logins: {logins}",
            tables.names(self.aliases.iter().map(String::as_str)),
            tables.name(&self.name),
            tables.names(self.hosts.iter().map(String::as_str)),
            tables.option(self.keys_page.as_deref()),
            tables.option(self.support.as_deref()),
            tables.option(self.historical.as_deref()),
            tables.option(self.unsignable.as_deref()),
            self.passphrase,
            self.uid,
            tables.option(self.placeholder.as_deref()),
            self.any_type,
            self.logs_in,
            binds(&self.binds)?,
            self.encode,
            tables.option(carrier),
            tables.list("KINDS", kinds.into_iter().collect()),
            tables.list("SCHEMES", schemes),
        ))
    }
}

impl SchemeEntry {
    /// Whether it covers the path and `other`, with the same key, does not and begins with the parameters.
    fn is_twin(&self, other: &SchemeEntry, common: &[String]) -> bool {
        let path_bound =
            |entry: &SchemeEntry| entry.binds.as_deref().unwrap_or(common).iter().any(|part| part == "path");
        let same = (&self.when.key, &self.digest, &self.algorithm)
            == (&other.when.key, &other.digest, &other.algorithm);
        let suffix = self.algorithm.as_deref() == Some("suffix");
        let open = other.message.first().is_some_and(TokenEntry::opens_with_parameters);
        same && !suffix && path_bound(self) && !path_bound(other) && open
    }

    fn code(
        &self,
        tables: &mut Tables,
        common: &[String],
        bodies: &str,
        twin: bool,
    ) -> Result<String, String> {
        let when = &self.when;
        let mut methods = 0_u8;
        for name in &when.methods {
            methods |= 1 << method(name)?.1;
        }
        let kind_code = kind(when.key.as_deref())?;
        let (encoding, places_of_signature) = match &self.signature {
            SignatureEntry::Written(encoding) => (encoding.as_str(), Vec::new()),
            SignatureEntry::Placed(map) => match map.iter().collect::<Vec<_>>()[..] {
                [(encoding, PlacesEntry::One(at))] => (encoding.as_str(), vec![at.clone()]),
                [(encoding, PlacesEntry::More(all))] => (encoding.as_str(), all.clone()),
                _ => return Err("signature: one encoding".into()),
            },
        };
        let encoding = match encoding {
            "hex" => "Hex",
            "HEX" => "UpperHex",
            "base64" => "Base64",
            "base64url" => "Base64Url",
            "base64hex" => "Base64Hex",
            "base58" => "Base58",
            "rsv" => "Rsv",
            other => return Err(format!("signature: unknown encoding '{other}'")),
        };
        let signature: Result<Vec<String>, String> =
            places_of_signature.iter().map(|at| place(tables, at)).collect();
        let signature = tables.list("PLACES", signature?);
        let passphrase = match self.passphrase.as_deref().map(|at| at.split_once(':')) {
            None => "None".into(),
            Some(Some(("header", name))) => format!("Some((Place::Header({}), false))", tables.name(name)),
            Some(Some(("body", name))) => format!("Some((Place::Body({}), false))", tables.name(name)),
            Some(Some(("signed", name))) => format!("Some((Place::Header({}), true))", tables.name(name)),
            Some(_) => return Err("passphrase: header:NAME, body:NAME or signed:NAME".into()),
        };
        let time = match &self.time {
            None => "None".into(),
            Some(time) => format!(
                "Some(Time {{ place: {}, unit: Unit::{}, after: {}, rising: {}, text: {}, optional: {} }})",
                place(tables, &time.at)?,
                unit(&time.unit)?,
                time.after,
                time.rising,
                time.text,
                time.optional
            ),
        };
        let nonce = match &self.nonce {
            None => "None".into(),
            Some(nonce) => {
                let written = match nonce.written.as_str() {
                    "uuid" => "Fresh::Uuid".into(),
                    "hex32" => "Fresh::Hex".into(),
                    "letters36" => "Fresh::Letters".into(),
                    other => format!("Fresh::Time(Unit::{})", unit(other)?),
                };
                format!("Some(Nonce {{ place: {}, fresh: {written} }})", place(tables, &nonce.at)?)
            }
        };
        let mut message = expand(&self.message, &self.payload);
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let value = tokens(tables, &expand(value, &self.payload))?;
            headers.push(format!("Field {{ place: Place::Header({}), value: {value} }}", tables.name(name)));
        }
        let headers = tables.list("FIELDS", headers);
        let (must, defaults) = (self.fields(tables, &self.must)?, self.fields(tables, &self.defaults)?);
        let unsigned = |part: &str| self.unsigned.iter().any(|other| other == part);
        if let Some(odd) = self.unsigned.iter().find(|part| !["query", "body"].contains(&part.as_str())) {
            return Err(format!("unsigned: '{odd}' is neither query nor body"));
        }
        let mut optional = |at: &Option<String>| -> Result<String, String> {
            at.as_ref().map_or(Ok("None".into()), |at| Ok(format!("Some({})", place(tables, at)?)))
        };
        let (key, uid) = (optional(&self.key)?, optional(&self.uid)?);
        let field = match when.field.iter().collect::<Vec<_>>()[..] {
            [] => "None".into(),
            [(name, values)] => {
                format!("Some(({}, {}))", tables.name(name), tables.names(values.iter().map(String::as_str)))
            }
            _ => return Err("when: one field".into()),
        };
        let with_body = match &when.body {
            None => "None",
            Some(BodyEntry::Any(false)) => "Some(WithBody::None)",
            Some(BodyEntry::Any(true)) => "Some(WithBody::Any)",
            Some(BodyEntry::Kind(kind)) if kind == "form" => "Some(WithBody::Form)",
            Some(BodyEntry::Kind(kind)) if kind == "json" => "Some(WithBody::Json)",
            Some(BodyEntry::Kind(kind)) => return Err(format!("when: '{kind}' is no kind of body")),
        };
        let bodies = self.bodies.as_ref().map_or(Ok(bodies.to_owned()), |kinds| Bodies::of(kinds))?;
        let bound = self.binds.as_deref().unwrap_or(common);
        let path_bound = bound.iter().any(|part| part == "path");
        if !path_bound {
            let open = message.windows(2).find(|pair| pair[0].is("nonce") && !pair[1].is_literal());
            if open.is_some() {
                return Err("message: nothing says where the nonce ends, and the path is not signed".into());
            }
            let all = message.len();
            close(&mut message, all);
        }
        // What stands before the path could be the beginning of another one.
        let path_at = message.iter().position(|token| token.is("path")).unwrap_or(0);
        close(&mut message, path_at);
        if let Some(token) = message[..path_at].iter().find(|token| token.word().starts_with("field")) {
            return Err(format!(
                "message: '{}' before the path could be the beginning of another path",
                token.word()
            ));
        }
        // The engine has room for fourteen.
        let places = [self.key.as_ref(), self.uid.as_ref(), self.time.as_ref().map(|time| &time.at)];
        let nonce_at = self.nonce.as_ref().map(|nonce| &nonce.at);
        let fields = self.must.keys().chain(self.defaults.keys());
        let all =
            places_of_signature.iter().chain(places.into_iter().flatten()).chain(nonce_at).chain(fields);
        let in_headers = all.filter(|at| at.starts_with("header:")).count();
        let more =
            self.headers.len() + usize::from(self.passphrase.is_some()) + usize::from(self.carrier.is_some());
        if in_headers + more > 14 {
            return Err("more than 14 headers".into());
        }
        let joined = message.windows(2).any(|pair| pair[0].is("path") && pair[1].opens_with_query());
        Ok(format!(
            "Scheme {{ always: {}, methods: {methods}, paths: {}, with_body: {with_body}, with_query: {:?}, hosts: {}, field: {field}, kind: KeyKind::{kind_code}, \
             algorithm: {}, strip: {}, leave: {}, decodes: {}, flattens: {}, joined: {joined}, twin: {twin}, signs_query: {}, signs_body: {}, message: {}, \
             encoding: Encoding::{encoding}, signature: {signature}, key: {key}, uid: {uid}, passphrase: {passphrase}, \
             time: {time}, nonce: {nonce}, headers: {headers}, must: {must}, defaults: {defaults}, bodies: {bodies}, \
             binds: {} }}",
            when.methods.is_empty() && when.path.is_empty() && !when.conditional(),
            tables.names(when.path.iter().map(String::as_str)),
            when.query,
            tables.names(when.host.iter().map(String::as_str)),
            self.algorithm()?,
            tables.names(self.strip.iter().map(String::as_str)),
            tables.names(self.leave.iter().map(String::as_str)),
            message.iter().any(|token| token.holds("decoded")),
            message.iter().any(|token| token.holds("form") || token.holds("rawform")),
            unsigned("query") || message.iter().any(|token| token.speaks_of("query")),
            unsigned("body") || message.iter().any(|token| token.speaks_of("body")),
            tokens(tables, &message)?,
            binds(bound)?,
        ))
    }

    /// Of a login everything is a member of the object.
    fn check_login(&self) -> Result<(), String> {
        let when = &self.when;
        if when.conditional() || !when.methods.is_empty() || !when.path.is_empty() {
            return Err("when: a login knows only the kind of key".into());
        }
        let SignatureEntry::Placed(signature) = &self.signature else {
            return Err("signature: not placed".into());
        };
        let one = [&self.key, &self.uid, &self.passphrase].into_iter().flatten();
        let more = self.time.iter().map(|time| &time.at).chain(self.nonce.iter().map(|nonce| &nonce.at));
        let fields = self.must.keys().chain(self.defaults.keys());
        let mut all = one.chain(more).chain(fields).chain(signature.values().flat_map(PlacesEntry::all));
        if let Some(odd) = all.find(|at| !at.starts_with("body:")) {
            return Err(format!("'{odd}' is no member of the object"));
        }
        if self.time.as_ref().is_none_or(|time| time.rising) {
            return Err("time: a login has one, and none that must rise".into());
        }
        if !self.headers.is_empty() || self.carrier.is_some() {
            return Err("a login has no headers".into());
        }
        Ok(())
    }

    fn algorithm(&self) -> Result<String, String> {
        let digest = match self.digest.as_deref() {
            Some("md5") => "Digest::Md5",
            Some("sha256") => "Digest::Sha256",
            Some("sha384") => "Digest::Sha384",
            Some("sha512") => "Digest::Sha512",
            Some(other) => return Err(format!("unknown digest '{other}'")),
            None => "",
        };
        match (self.algorithm.as_deref().unwrap_or("hmac"), digest) {
            ("hmac" | "suffix", "") => Err("digest is missing".into()),
            ("hmac", digest) => Ok(format!("Algorithm::Hmac({digest})")),
            ("suffix", digest) => Ok(format!("Algorithm::Suffix({digest})")),
            ("ed25519" | "rsa" | "p256" | "secp256k1", "") => Ok("Algorithm::PrivateKey".into()),
            (other, _) => Err(format!("algorithm '{other}' with digest '{digest}'")),
        }
    }

    fn fields(&self, tables: &mut Tables, map: &BTreeMap<String, Vec<TokenEntry>>) -> Result<String, String> {
        let mut fields = Vec::new();
        for (at, value) in map {
            // These are placed before there is a time.
            if let Some(early) =
                ["time", "nonce", "signature"].iter().find(|word| value.iter().any(|v| v.is(word)))
            {
                return Err(format!("{at}: '{early}' is not known yet"));
            }
            let value = tokens(tables, &expand(value, &self.payload))?;
            fields.push(format!("Field {{ place: {}, value: {value} }}", place(tables, at)?));
        }
        Ok(tables.list("FIELDS", fields))
    }
}

impl LoginEntry {
    fn code(&self, tables: &mut Tables, kinds: &BTreeSet<String>) -> Result<String, String> {
        if self.rest.is_some() == self.scheme.is_some() {
            return Err("a login is a scheme or names the request that it is".into());
        }
        let mut schemes = Vec::new();
        if let Some(scheme) = &self.scheme {
            scheme.check_login()?;
            let kind = format!("KeyKind::{}", kind(scheme.when.key.as_deref())?);
            if !kinds.contains(&kind) {
                return Err("no request is signed with a key of this kind".into());
            }
            let own = ["time".to_owned()];
            schemes.push(scheme.code(tables, &own, "Bodies { form: false, json: true }", false)?);
        }
        let mut takes = Vec::new();
        for (name, values) in &self.takes {
            let values = tables.names(values.iter().map(String::as_str));
            takes.push(format!("Take {{ name: {}, values: {values} }}", tables.name(name)));
        }
        Ok(format!(
            "Login {{ name: {}, scheme: {}, takes: {}, rest: {}, path: {}, fits: {} }}",
            tables.name(&self.name),
            tables.list("SCHEMES", schemes),
            tables.list("TAKES", takes),
            tables.option(self.rest.as_deref()),
            tables.option(self.path.as_deref()),
            tables.names(self.fits.iter().map(String::as_str)),
        ))
    }
}

struct Bodies;

impl Bodies {
    fn of(kinds: &[String]) -> Result<String, String> {
        if let Some(odd) = kinds.iter().find(|kind| !["form", "json"].contains(&kind.as_str())) {
            return Err(format!("bodies: no kind is called '{odd}'"));
        }
        let takes = |kind: &str| kinds.iter().any(|known| known == kind);
        Ok(format!("Bodies {{ form: {}, json: {} }}", takes("form"), takes("json")))
    }
}

fn binds(parts: &[String]) -> Result<String, String> {
    let all = ["method", "path", "query", "body", "time"];
    if let Some(odd) = parts.iter().find(|part| !all.contains(&part.as_str())) {
        return Err(format!("binds: no part is called '{odd}'"));
    }
    let fields: Vec<String> =
        all.iter().map(|part| format!("{part}: {}", parts.iter().any(|bound| bound == part))).collect();
    Ok(format!("Binds {{ {} }}", fields.join(", ")))
}

/// The method as Rust and as the bit it has in a set.
pub(crate) fn method(name: &str) -> Result<(&'static str, u8), String> {
    match name {
        "DELETE" => Ok(("Method::Delete", 0)),
        "GET" => Ok(("Method::Get", 1)),
        "PATCH" => Ok(("Method::Patch", 2)),
        "POST" => Ok(("Method::Post", 3)),
        "PUT" => Ok(("Method::Put", 4)),
        other => Err(format!("'{other}' is not a method")),
    }
}

fn kind(word: Option<&str>) -> Result<&'static str, String> {
    match word {
        None | Some("hmac") => Ok("Hmac"),
        Some("ed25519") => Ok("Ed25519"),
        Some("rsa") => Ok("Rsa"),
        Some("p256") => Ok("P256"),
        Some("secp256k1") => Ok("Secp256k1"),
        Some(other) => Err(format!("when: no kind of key is called '{other}'")),
    }
}

fn unit(word: &str) -> Result<&'static str, String> {
    match word {
        "s" => Ok("Seconds"),
        "ms" => Ok("Millis"),
        "us" => Ok("Micros"),
        "ns" => Ok("Nanos"),
        "iso_ms" => Ok("IsoMillis"),
        "iso_s" => Ok("IsoSeconds"),
        "iso_plain" => Ok("IsoPlain"),
        "s_decimals" => Ok("Decimals"),
        other => Err(format!("time: unknown unit '{other}'")),
    }
}
