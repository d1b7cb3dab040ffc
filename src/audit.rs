//! The audit log of a key, as its signers write it: one line of JSON for each decision, bound to all lines before it by a hash.
//!
//! The hash of a line is SHA-256 over the hash of the line before (32 bytes, zero at first) and the line up to `,"hash":`.
//! `signbox audit` reads it. No secret gets here, and of a signature no more than its hash. Nothing is allocated: lines are
//! written into a buffer of the caller's, which has room for [`LONGEST`] bytes more.

use crate::policy::Decision;
use crate::protocol::{put, put_escaped};
use sha2::{Digest as _, Sha256};
use signbox_exchanges::{Exchange, Order, OrderScratch, Parts, civil};
use std::time::Duration;

/// The end of a log: what the next line is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The number of the last line.
    pub n: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// A request and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// `sign`, `check` or `login`.
    pub event: &'static str,
    /// The exchange of the key.
    pub exchange: &'a Exchange,
    /// The request.
    pub parts: &'a Parts<'a>,
    /// What was decided, if it could be read.
    pub decision: Option<&'a Decision>,
    /// `signed`, `permitted` or `refused`.
    pub outcome: &'static str,
    /// The rule, or the reason for which nothing was decided or signed.
    pub rule: &'static str,
    /// What is sent, if it was signed: query, body, and signature if it has one.
    pub sent: Option<(&'a str, &'a str, &'a str)>,
    /// What there is to be warned of.
    pub alert: Option<&'static str>,
    /// Of what was asked for, only hashes.
    pub hashes: bool,
}

impl Chain {
    /// Appends a line whose members `rest` writes, each with a comma before it.
    pub fn line(&mut self, out: &mut Vec<u8>, now_ns: u64, event: &str, rest: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        put(out, format_args!("{{\"n\":{},\"time\":\"", self.n + 1));
        put_time(out, now_ns);
        put(out, format_args!("\",\"event\":\"{event}\""));
        rest(out);
        let hash = Sha256::new_with_prefix(self.hash).chain_update(&out[start..]).finalize();
        (self.n, self.hash) = (self.n + 1, hash.into());
        out.extend_from_slice(b",\"hash\":\"");
        put_hex(out, &self.hash);
        out.extend_from_slice(b"\"}\n");
    }

    /// Appends the line of a request.
    pub fn decision(&mut self, out: &mut Vec<u8>, now_ns: u64, line: &Line<'_>, scratch: &mut OrderScratch) {
        self.line(out, now_ns, line.event, |out| {
            if line.hashes {
                line.put_request_hash(out)
            } else {
                line.put_request(out, scratch)
            }
            if let Some((_, _, signature)) = line.sent.filter(|(.., signature)| !signature.is_empty()) {
                put_hash(out, "signature", &[signature]);
            }
            put(out, format_args!(",\"decision\":\"{}\",\"rule\":\"{}\"", line.outcome, line.rule));
            if let Some(alert) = line.alert {
                put(out, format_args!(",\"alert\":\"{alert}\""));
            }
        });
    }

    /// What a signature over the head of the log is made over.
    pub fn head_text(&self) -> [u8; HEAD_TEXT] {
        let mut text = [0; HEAD_TEXT];
        let (prefix, hash) = text.split_at_mut(HEAD_PREFIX.len());
        prefix.copy_from_slice(HEAD_PREFIX);
        hash.copy_from_slice(&self.hash);
        text
    }
}

impl Line<'_> {
    fn put_request(&self, out: &mut Vec<u8>, scratch: &mut OrderScratch) {
        let endpoint = self.decision.and_then(|decision| decision.endpoint);
        let class = self.decision.map_or("unknown", |decision| decision.class());
        put(out, format_args!(",\"class\":\"{class}\",\"endpoint\":\""));
        match endpoint {
            Some(endpoint) => put_escaped(out, format_args!("{} {}", endpoint.method, endpoint.path)),
            None if self.event == "login" => {
                let login = self.decision.and_then(|decision| decision.login);
                put_escaped(out, format_args!("login {}", login.map_or("?", |login| login.name.text())));
            }
            None => put_escaped(out, format_args!("{} {}", self.parts.method, cut(self.parts.path))),
        }
        out.push(b'"');
        if let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.orders.is_empty()) {
            let (mut count, start) = (0, out.len());
            let read = self.exchange.orders(self.parts, endpoint, scratch, &mut |order| {
                count += 1;
                if count <= MOST_ORDERS {
                    out.extend_from_slice(if count == 1 { b",\"orders\":[" } else { b"," });
                    put_order(out, order);
                }
                Ok(())
            });
            match read {
                // What cannot be read as a whole is not told in part.
                Err(_) => out.truncate(start),
                Ok(()) if count > 0 => out.push(b']'),
                Ok(()) => {}
            }
            if read.is_ok() && count > MOST_ORDERS {
                put(out, format_args!(",\"more\":{}", count - MOST_ORDERS));
            }
        }
        let (query, body) = self.query_and_body();
        if !query.is_empty() {
            put_hash(out, "query", &[query]);
        }
        if !body.is_empty() {
            put_hash(out, "body", &[body]);
        }
    }

    fn put_request_hash(&self, out: &mut Vec<u8>) {
        let (query, body) = self.query_and_body();
        let mark = if query.is_empty() { "" } else { "?" };
        put_hash(out, "request", &[self.parts.method.word(), " ", self.parts.path, mark, query, "\n", body]);
    }

    /// As they are sent or, of what is not, as they were given.
    fn query_and_body(&self) -> (&str, &str) {
        let given = (self.parts.query, self.parts.body);
        self.sent.map_or(given, |(query, body, _)| (query, body))
    }
}

fn put_order(out: &mut Vec<u8>, order: &Order<'_>) {
    put(out, format_args!("{{\"does\":\"{}\"", order.does.word()));
    let texts = [
        ("symbol", order.symbol),
        ("side", order.side.map(|side| side.word())),
        ("type", order.kind.map(|kind| kind.word())),
        ("currency", order.currency),
        ("address", order.address),
        ("network", order.network),
        ("tag", order.tag),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            put(out, format_args!(",\"{name}\":\""));
            put_escaped(out, format_args!("{}", cut(text)));
            out.push(b'"');
        }
    }
    let numbers = [
        ("quantity", order.quantity),
        ("price", order.price),
        ("quote", order.quote),
        ("stop", order.stop),
        ("amount", order.amount),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            put(out, format_args!(",\"{name}\":\"{number}\""));
        }
    }
    for (name, is_so) in [("reduce", order.reduce), ("contracts", order.contracts)] {
        if is_so {
            put(out, format_args!(",\"{name}\":true"));
        }
    }
    out.push(b'}');
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn put_hash(out: &mut Vec<u8>, name: &str, parts: &[&str]) {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    put(out, format_args!(",\"{name}\":\""));
    put_hex(out, &hash);
    out.push(b'"');
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
}

/// `2026-11-22T09:12:13.123456Z`.
fn put_time(out: &mut Vec<u8>, now_ns: u64) {
    let (days, micros) = (now_ns / NS_PER_DAY, now_ns % NS_PER_DAY / 1_000);
    let (year, month, day) = civil(days);
    let seconds = micros / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let micros = micros % 1_000_000;
    put(out, format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"));
}

/// A time as logs write it.
pub fn written(since_1970: Duration) -> String {
    let mut text = Vec::new();
    put_time(&mut text, u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX));
    String::from_utf8_lossy(&text).into_owned()
}

/// More than one line takes: the fields of the orders that are told, each byte escaped, and hashes.
pub const LONGEST: usize = 64 * 1024;
const MOST_ORDERS: usize = 8;
/// Longer than any address there is.
const LONGEST_TEXT: usize = 120;
const NS_PER_DAY: u64 = 86_400_000_000_000;
const HEAD_PREFIX: &[u8; 19] = b"signbox audit head\n";
const HEAD_TEXT: usize = HEAD_PREFIX.len() + 32;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::{Facts, Grants, Work, decide};
    use signbox_exchanges::{Request, Scratch, exchange};

    fn line(hashes: bool, method: &str, url: &str, body: Option<&str>) -> (Chain, String) {
        let (exchange, mut scratch) = (exchange("binance").unwrap(), Scratch::default());
        let request = Request { method, url, headers: &[], body };
        let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
        let mut work = Work::new();
        let decision = decide(exchange, &parts, Grants::DEFAULT, &[], &Facts::default(), &mut work).unwrap();
        let (outcome, sent) = match decision.rule.permits() {
            true => ("signed", Some((parts.query, parts.body, "c2lnbmF0dXJl"))),
            false => ("refused", None),
        };
        let rule = decision.rule.name();
        let line = Line {
            event: "sign",
            exchange,
            parts: &parts,
            decision: Some(&decision),
            outcome,
            rule,
            sent,
            alert: None,
            hashes,
        };
        let (mut chain, mut out) = (Chain { n: 6, hash: [7; 32] }, Vec::with_capacity(LONGEST));
        chain.decision(&mut out, 1_795_338_733_123_456_789, &line, &mut OrderScratch::default());
        (chain, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_line_says_what_was_asked_for_and_what_became_of_it() {
        let (_, line) = line(
            false,
            "POST",
            "/api/v3/order",
            Some("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.10&price=64000&timestamp=1"),
        );
        let start = "{\"n\":7,\"time\":\"2026-11-22T09:12:13.123456Z\",\"event\":\"sign\",\"class\":\"trade\",\
                     \"endpoint\":\"POST /api/v3/order\",\"orders\":[{\"does\":\"place\",\"symbol\":\"BTCUSDT\",\
                     \"side\":\"buy\",\"type\":\"limit\",\"quantity\":\"0.1\",\"price\":\"64000\"}],\"body\":\"";
        assert!(line.starts_with(start), "{line}");
        assert!(line.contains("\"decision\":\"signed\",\"rule\":\"granted\",\"hash\":\""), "{line}");
        assert!(!line.contains("c2lnbmF0dXJl"), "{line}");
    }

    #[test]
    fn a_hash_binds_a_line_to_the_one_before() {
        let (chain, line) = line(false, "GET", "/api/v3/account?a=%22", None);
        let (text, rest) = line.split_once(",\"hash\":\"").unwrap();
        let hash = Sha256::new_with_prefix([7; 32]).chain_update(text).finalize();
        assert_eq!((chain.n, chain.hash), (7, hash.into()));
        assert_eq!(
            rest,
            format!("{}\"}}\n", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        );
    }

    #[test]
    fn in_privacy_there_are_hashes_alone() {
        let (_, line) =
            line(true, "POST", "/sapi/v1/capital/withdraw/apply", Some("coin=BTC&address=bc1q&amount=1"));
        let asked = "POST /sapi/v1/capital/withdraw/apply\ncoin=BTC&address=bc1q&amount=1";
        let hash: String = Sha256::digest(asked).iter().map(|byte| format!("{byte:02x}")).collect();
        let wanted =
            format!(",\"request\":\"{hash}\",\"decision\":\"refused\",\"rule\":\"class-not-granted\",");
        assert!(line.contains(&wanted), "{line}");
        for told in ["withdraw", "bc1q", "BTC"] {
            assert!(!line.contains(told), "{line}");
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            let mut out = Vec::new();
            put_time(&mut out, seconds * 1_000_000_000);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
