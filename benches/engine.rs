//! What signing costs inside the engine, as multiples of the bare cryptography that it cannot do without.
//!
//! `cargo bench --bench engine [-- EXCHANGE...]`. Pure: no kernel, no walls. The requests are orders from the catalogue's
//! vectors, each as a library sends it (signed with a placeholder) and without any authentication. The yardstick is HMAC over
//! the very pre-image: it is rebuilt here from what the engine returned, and its signature must be the engine's. It takes in
//! the key each time, as the engine does here; digests inside the pre-image (Kraken, Gate) and a passphrase that travels as its
//! own HMAC (KuCoin) belong to it. Both sides take turns in one run, since the machine may change its speed; printed are the
//! median of the rounds, and what four fifths of them lie between.

#![allow(missing_docs, clippy::print_stdout, clippy::expect_used)]

use base64ct::{Base64, Encoding as _};
use hmac::digest::{Digest, KeyInit};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};
use signbox_exchanges::{
    Clock, Credentials, Exchange, Keyed, Parts, Request, Scratch, Signed, Skew, exchange,
};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// The exchanges, each with the comment of its vector.
const MOST_USED: [(&str, &str); 20] = [
    ("binance", "binance/hmac/create_order"),
    ("bybit", "bybit/hmac/create_order"),
    ("okx", "okx/default/create_order"),
    ("kraken", "kraken/hmac/create_order"),
    ("coinbase", "coinbase/legacy-hmac/create_order"),
    ("coinbaseexchange", "coinbaseexchange/hmac/create_order"),
    ("kucoin", "kucoin/default/create_order"),
    ("gate", "gate/default/create_order"),
    ("htx", "htx/default/create_order"),
    ("bitget", "bitget/default/create_order"),
    ("mexc", "mexc/default/create_order"),
    ("bitstamp", "bitstamp/default/create_order"),
    ("gemini", "gemini/hmac/nested"),
    ("bitfinex", "bitfinex/default/create_order"),
    ("cryptocom", "cryptocom/default/create_order"),
    ("deribit", "deribit/default/create_order"),
    ("krakenfutures", "krakenfutures/hmac/create_order"),
    ("bitmex", "bitmex/default/create_order"),
    ("phemex", "phemex/default/create_order"),
    ("bingx", "bingx/default/create_order"),
];
/// What authentication puts into queries, forms and JSON objects.
const OWN: [&str; 11] = [
    "signature",
    "Signature",
    "sig",
    "sign",
    "timestamp",
    "Timestamp",
    "nonce",
    "api_key",
    "AccessKeyId",
    "SignatureMethod",
    "SignatureVersion",
];
const GOAL: f64 = 2.5;
const ROUNDS: usize = 100;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    // `cargo test` starts benches too, without `--bench`.
    let calls = if std::env::args().any(|argument| argument == "--bench") { 200 } else { 5 };
    println!(
        "{:<17} {:>5} {:>8} {:>8}  {:<22} {:<22}",
        "", "bytes", "bare ns", "sign ns", "sign / bare, given", "not given"
    );
    let mut over = Vec::new();
    for (id, comment) in
        MOST_USED.iter().filter(|(id, _)| wanted.is_empty() || wanted.iter().any(|it| it == id))
    {
        let case = Case::read(id, comment);
        let [given, fresh] =
            [case.given.clone(), case.unauthenticated()].map(|http| case.measure(&http, calls));
        let [a, b] = [&given, &fresh].map(Measured::ratio);
        println!(
            "{id:<17} {:>5} {:>8.0} {:>8.0}  {a:<22} {b:<22}",
            given.bytes,
            given.bare_ns(),
            given.sign_ns()
        );
        over.extend(
            [(&given, ""), (&fresh, " (not given)")]
                .iter()
                .filter(|it| it.0.median() > GOAL)
                .map(|it| format!("{id}{} {:.2}", it.1, it.0.median())),
        );
    }
    let over = if over.is_empty() { "none".to_owned() } else { over.join(", ") };
    println!("over {GOAL}: {over}");
    if wanted.is_empty() {
        private_keys(if calls > 5 { 20 } else { 1 });
    }
}

/// A request and what it is signed with.
struct Case {
    exchange: &'static Exchange,
    vector: Value,
    given: Http,
}

#[derive(Clone)]
struct Http {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Case {
    fn read(id: &str, comment: &str) -> Case {
        let place =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("exchanges/catalog").join(id).join("vectors.json");
        let vectors: Vec<Value> =
            serde_json::from_slice(&std::fs::read(place).expect("a vector")).expect("it is a list");
        let fits = |vector: &Value| vector["comment"].as_str().is_some_and(|it| it.contains(comment));
        let vector = vectors.into_iter().find(fits).expect("the vector is there");
        let request = &vector["request"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let headers = request["headers"].as_object().expect("headers");
        let given = Http {
            method: text(&request["method"]).expect("a method"),
            url: text(&request["url"]).expect("a URL"),
            headers: headers.iter().map(|(name, value)| (name.clone(), text(value).expect("text"))).collect(),
            body: text(&request["body"]),
        };
        Case { exchange: exchange(id).expect("it is in the catalogue"), vector, given }
    }

    fn credentials(&self) -> Credentials<'_> {
        let text = |name: &str| self.vector[name].as_str();
        Credentials {
            key: text("key"),
            secret: text("secret").expect("a secret").as_bytes(),
            passphrase: text("passphrase"),
            uid: text("uid"),
        }
    }

    fn clock(&self) -> Clock {
        let now_ns = self.vector["now_ms"].as_u64().expect("a time") * 1_000_000;
        Clock { now_ns, last: 0, skew: Skew::DEFAULT, unique: [7; 18] }
    }

    /// The request as a client sends it that leaves authentication to signbox.
    fn unauthenticated(&self) -> Http {
        let Http { method, url, mut headers, body } = self.given.clone();
        headers.retain(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let pairs = |text: &str| {
            let foreign = |pair: &&str| !OWN.contains(&pair.split('=').next().unwrap_or(""));
            text.split('&').filter(foreign).collect::<Vec<_>>().join("&")
        };
        let url = match url.split_once('?') {
            Some((path, query)) => format!("{path}?{}", pairs(query)),
            None => url,
        };
        let body = body.map(|body| match serde_json::from_str(&body) {
            Ok(Value::Object(mut members)) => {
                members.retain(|name, _| !OWN.contains(&name.as_str()));
                Value::Object(members).to_string()
            }
            _ => pairs(&body),
        });
        Http { method, url, headers, body }
    }

    /// Lets `work` have the request taken apart and a function that signs it.
    fn with<R>(
        &self,
        http: &Http,
        work: impl FnOnce(&Parts<'_>, &mut Signed, &dyn Fn(&mut Signed)) -> R,
    ) -> R {
        let headers: Vec<(&str, &str)> =
            http.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request =
            Request { method: &http.method, url: &http.url, headers: &headers, body: http.body.as_deref() };
        let (mut scratch, mut signed) = (Scratch::default(), Signed::with_capacity(1 << 16));
        let parts = Parts::of(self.exchange, &request, &mut scratch).expect("a good request");
        let (credentials, clock) = (self.credentials(), self.clock());
        let sign = |signed: &mut Signed| {
            let keyed = &mut Keyed::default();
            let done = self.exchange.sign(black_box(&parts), black_box(&credentials), keyed, &clock, signed);
            done.expect("it can be signed");
        };
        sign(&mut signed);
        work(&parts, &mut signed, &sign)
    }

    fn measure(&self, http: &Http, calls: u32) -> Measured {
        self.with(http, |parts, signed, sign| {
            let seen = Seen::of(self, parts, signed);
            let yardstick = seen.yardstick(self);
            let mut tag = [0; 64];
            let len = yardstick.run(&mut tag);
            assert!(seen.holds(&tag[..len]), "{}: the yardstick is not what was signed", self.exchange.id);
            let mut turns = Vec::with_capacity(ROUNDS);
            for _ in 0..ROUNDS {
                let bare = time(calls, || {
                    black_box(yardstick.run(&mut tag));
                });
                turns.push((bare, time(calls, || sign(black_box(signed)))));
            }
            Measured {
                bytes: yardstick.message.len() + yardstick.inner.map_or(0, |(_, text)| text.len()),
                turns,
            }
        })
    }
}

/// The average nanoseconds of a call.
fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    let spent: Duration = start.elapsed();
    spent.as_nanos() as f64 / f64::from(calls)
}

/// The nanoseconds of the yardstick and of the engine, round by round.
struct Measured {
    bytes: usize,
    turns: Vec<(f64, f64)>,
}

impl Measured {
    fn sorted(&self, of: impl Fn(&(f64, f64)) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn bare_ns(&self) -> f64 {
        self.sorted(|(bare, _)| *bare)[ROUNDS / 2]
    }

    fn sign_ns(&self) -> f64 {
        self.sorted(|(_, sign)| *sign)[ROUNDS / 2]
    }

    fn median(&self) -> f64 {
        self.sorted(|(bare, sign)| sign / bare)[ROUNDS / 2]
    }

    fn ratio(&self) -> String {
        let ratios = self.sorted(|(bare, sign)| sign / bare);
        let over = if self.median() > GOAL { " OVER" } else { "" };
        format!("{:.2} [{:.2}-{:.2}]{over}", self.median(), ratios[ROUNDS / 10], ratios[ROUNDS - ROUNDS / 10])
    }
}

/// What a signed request says, by the names of the catalogue's tokens.
struct Seen {
    method: &'static str,
    host: String,
    path: String,
    query: String,
    body: String,
    time: String,
    key: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    fn of(case: &Case, parts: &Parts<'_>, signed: &Signed) -> Seen {
        let credentials = case.credentials();
        let set = signed.headers(&credentials).map(|(name, value)| (name.text(), value));
        let headers = set.chain(parts.headers.iter().copied());
        Seen {
            method: parts.method.word(),
            host: parts.host(case.exchange).to_owned(),
            path: parts.path.strip_prefix("/derivatives").unwrap_or(parts.path).to_owned(),
            query: signed.query.clone(),
            body: signed.body.clone(),
            time: signed.stamp.text().to_owned(),
            key: credentials.key.unwrap_or("").to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    fn header(&self, wanted: &str) -> &str {
        let found = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or("", |(_, value)| value)
    }

    /// Whether the signature stands somewhere in the request.
    fn holds(&self, tag: &[u8]) -> bool {
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = Base64::encode_string(tag);
        let escaped = base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let values = self.headers.iter().map(|(_, value)| value).chain([&self.query, &self.body]);
        values.into_iter().any(|value| [&hex, &base64, &escaped].iter().any(|tag| value.contains(*tag)))
    }

    /// What has to be hashed, written down once more.
    fn yardstick(&self, case: &Case) -> Yardstick {
        let Seen { method, host, path, time, key, .. } = self;
        let unsigned = |text: &str| {
            let pairs = text.split('&').filter(|pair| !pair.to_lowercase().starts_with("sign="));
            pairs.filter(|pair| !pair.to_lowercase().starts_with("signature=")).collect::<Vec<_>>().join("&")
        };
        let (query, body) = (unsigned(&self.query), unsigned(&self.body));
        let marked = if query.is_empty() { String::new() } else { format!("?{query}") };
        let mut sorted: Vec<&str> = query.split('&').collect();
        sorted.sort_unstable();
        let sorted = sorted.join("&");
        let text = match case.exchange.id.text() {
            "binance" | "mexc" | "bingx" => format!("{query}{body}"),
            "bybit" => format!("{time}{key}{}{body}", self.header("X-BAPI-RECV-WINDOW")),
            "okx" | "coinbaseexchange" | "kucoin" | "bitget" => format!("{time}{method}{path}{marked}{body}"),
            "kraken" => format!("{time}{body}"),
            "coinbase" => format!("{time}{method}{path}{body}"),
            "gate" => body,
            "htx" => format!("{method}\n{host}\n{path}\n{sorted}"),
            "bitstamp" => {
                let (kind, nonce) = (self.header("Content-Type"), self.header("X-Auth-Nonce"));
                format!("BITSTAMP {key}{method}{host}{path}{marked}{kind}{nonce}{time}v2{body}")
            }
            "gemini" => self.header("X-GEMINI-PAYLOAD").to_owned(),
            "bitfinex" => format!("/api{path}{time}{body}"),
            "cryptocom" => {
                let body: Value = serde_json::from_str(&body).expect("JSON");
                let word = |name: &str| body[name].as_str().expect("text").to_owned();
                format!("{}{}{key}{}{time}", word("method"), word("id"), flat(&body["params"]))
            }
            "deribit" => format!("{time}\n{time}\n{method}\n{path}{marked}\n{body}\n"),
            "krakenfutures" => format!("{query}{body}{time}{path}"),
            "bitmex" => format!("{method}{path}{marked}{time}{body}"),
            "phemex" => format!("{path}{query}{time}{body}"),
            other => panic!("no pre-image is known for {other}"),
        };
        let mut message = text.clone().into_bytes();
        let mut inner = None;
        match case.exchange.id.text() {
            "kraken" => {
                message = [path.as_bytes(), &Sha256::digest(&text)].concat();
                inner = Some((Inner::Sha256, text));
            }
            "krakenfutures" => {
                message = Sha256::digest(&text).to_vec();
                inner = Some((Inner::Sha256, text));
            }
            "gate" => {
                let hash: String = Sha512::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
                message = format!("{method}\n{path}\n{query}\n{hash}\n{time}").into_bytes();
                inner = Some((Inner::Sha512, text));
            }
            _ => {}
        }
        let secret = case.credentials().secret;
        let (key, digest) = match case.exchange.id.text() {
            "kraken" | "krakenfutures" => {
                (Base64::decode_vec(&String::from_utf8_lossy(secret)).expect("base64"), 512)
            }
            "coinbaseexchange" => {
                (Base64::decode_vec(&String::from_utf8_lossy(secret)).expect("base64"), 256)
            }
            "gate" => (secret.to_vec(), 512),
            "gemini" | "bitfinex" => (secret.to_vec(), 384),
            _ => (secret.to_vec(), 256),
        };
        let passphrase = case.credentials().passphrase.filter(|_| case.exchange.id.text() == "kucoin");
        Yardstick { key, digest, inner, message, passphrase: passphrase.map(str::to_owned) }
    }
}

/// The names and values of a JSON value, objects sorted by name.
fn flat(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}{}", flat(value))).collect()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

enum Inner {
    Sha256,
    Sha512,
}

/// The bare cryptography of a signature.
struct Yardstick {
    key: Vec<u8>,
    digest: u32,
    inner: Option<(Inner, String)>,
    message: Vec<u8>,
    passphrase: Option<String>,
}

impl Yardstick {
    /// Writes the tag, and returns how long it is.
    fn run(&self, tag: &mut [u8; 64]) -> usize {
        match &self.inner {
            Some((Inner::Sha256, text)) => drop(black_box(Sha256::digest(black_box(text)))),
            Some((Inner::Sha512, text)) => drop(black_box(Sha512::digest(black_box(text)))),
            None => {}
        }
        match self.digest {
            256 => self.hmac::<Hmac<Sha256>>(tag),
            384 => self.hmac::<Hmac<Sha384>>(tag),
            _ => self.hmac::<Hmac<Sha512>>(tag),
        }
    }

    fn hmac<M: Mac + KeyInit + Clone>(&self, tag: &mut [u8; 64]) -> usize {
        let mut mac =
            <M as Mac>::new_from_slice(black_box(&self.key)).expect("HMAC takes keys of any length");
        if let Some(passphrase) = &self.passphrase {
            let mut mac = mac.clone();
            mac.update(black_box(passphrase.as_bytes()));
            black_box(mac.finalize().into_bytes());
        }
        mac.update(black_box(&self.message));
        let bytes = mac.finalize().into_bytes();
        tag[..bytes.len()].copy_from_slice(&bytes);
        bytes.len()
    }
}

/// Signatures with private keys: the engine reads the key from its text each time, the crates have it ready.
fn private_keys(calls: u32) {
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let k256 = k256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let message = [b'x'; 200];
    type Raw<'a> = Option<Box<dyn Fn() + 'a>>;
    let kinds: [(&str, &str, &str, Raw<'_>); 4] = [
        (
            "Ed25519",
            "binance",
            "binance/ed25519/create_order",
            Some(Box::new(|| {
                use ed25519_dalek::Signer as _;
                black_box(ed25519.sign(black_box(&message)));
            })),
        ),
        ("RSA", "binance", "binance/rsa/create_order", None),
        (
            "ES256",
            "coinbase",
            "coinbase/es256/create_order",
            Some(Box::new(|| {
                use p256::ecdsa::signature::Signer as _;
                let signature: p256::ecdsa::Signature = p256.sign(black_box(&message));
                black_box(signature);
            })),
        ),
        (
            "secp256k1",
            "hyperliquid",
            "hyperliquid",
            Some(Box::new(|| {
                black_box(k256.sign_prehash_recoverable(black_box(&message[..32])).expect("a digest"));
            })),
        ),
    ];
    for (name, id, comment, raw) in kinds {
        let case = Case::read(id, comment);
        let turns = case.with(&case.given, |_, signed, sign| {
            let turn = |_| {
                let raw = raw.as_ref().map_or(f64::NAN, |raw| time(calls, raw));
                (raw, time(calls, || sign(black_box(signed))))
            };
            (0..ROUNDS).map(turn).collect()
        });
        let measured = Measured { bytes: 0, turns };
        let sign = measured.sign_ns() / 1e3;
        match measured.bare_ns() / 1e3 {
            raw if raw.is_nan() => println!("{name:<10} sign() {sign:.0} us"),
            raw => println!(
                "{name:<10} sign() {sign:.0} us, the crate's signature {raw:.0} us: {}",
                measured.ratio()
            ),
        }
    }
}
