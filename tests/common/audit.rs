//! Writes audit logs as signers do, line by line, with keys and times that are the same at each run.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

/// A log that is being written.
pub(crate) struct Writer {
    /// The lines.
    pub(crate) text: Vec<u8>,
    /// The number of the last line.
    pub(crate) n: u64,
    /// The hash of the last line.
    pub(crate) hash: [u8; 32],
    handle: &'static str,
    key: SigningKey,
}

impl Writer {
    /// Begins a log, with the line of the signer that starts.
    pub(crate) fn new(handle: &'static str) -> Writer {
        let mut log =
            Writer { text: Vec::new(), n: 0, hash: [0; 32], handle, key: SigningKey::from_bytes(&[7; 32]) };
        log.start(7);
        log
    }

    /// A signer starts, with a key of its own.
    pub(crate) fn start(&mut self, seed: u8) {
        self.key = SigningKey::from_bytes(&[seed; 32]);
        let (handle, public) = (self.handle, self.public());
        self.line(&format!(
            r#""event":"start","key":"{handle}","pid":{seed},"uid":1000,"version":"0.1.0","public":"{public}""#
        ));
    }

    /// A request is signed, or not.
    pub(crate) fn sign(&mut self, class: &str, endpoint: &str, orders: &str, decision: &str, rule: &str) {
        let orders = if orders.is_empty() { String::new() } else { format!(r#""orders":[{orders}],"#) };
        self.line(&format!(
            r#""event":"sign","class":"{class}","endpoint":"{endpoint}",{orders}"body":"{}","decision":"{decision}","rule":"{rule}""#,
            "ab".repeat(32)
        ));
    }

    /// The signer signs the last line's hash; `event` is `head` or `end`.
    pub(crate) fn head(&mut self, event: &str) {
        let message = [b"signbox audit head\n", &self.hash[..]].concat();
        let signed = Base64::encode_string(&self.key.sign(&message).to_bytes());
        let public = self.public();
        self.line(&format!(r#""event":"{event}","public":"{public}","signed":"{signed}""#));
    }

    /// Any line, one second after the one before.
    pub(crate) fn line(&mut self, members: &str) {
        self.n += 1;
        let (minute, second) = (self.n / 60 % 60, self.n % 60);
        let line =
            format!(r#"{{"n":{},"time":"2026-11-22T09:{minute:02}:{second:02}.123456Z",{members}"#, self.n);
        self.hash = Sha256::new().chain_update(self.hash).chain_update(&line).finalize().into();
        let hash: String = self.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.text.extend(format!("{line},\"hash\":\"{hash}\"}}\n").as_bytes());
    }

    /// The key of the signer that started last.
    pub(crate) fn public(&self) -> String {
        Base64::encode_string(self.key.verifying_key().as_bytes())
    }

    /// A day of a bot: orders, a withdrawal, refusals, questions, an alert, and all of it signed.
    #[allow(dead_code)]
    pub(crate) fn day(&mut self) {
        let order = |symbol: &str, side: &str, quantity: &str, price: &str| {
            format!(
                r#"{{"does":"place","symbol":"{symbol}","side":"{side}","type":"limit","quantity":"{quantity}","price":"{price}"}}"#
            )
        };
        self.sign("read", "GET /api/v3/account", "", "signed", "granted");
        self.sign(
            "trade",
            "POST /api/v3/order",
            &order("BTCUSDT", "buy", "0.1", "64000"),
            "signed",
            "granted",
        );
        self.sign(
            "trade",
            "POST /api/v3/order",
            &order("BTCUSDT", "buy", "0.25", "64100.5"),
            "signed",
            "granted",
        );
        self.sign("trade", "POST /api/v3/order", &order("ETHUSDT", "sell", "2", "3400"), "signed", "granted");
        let market = r#"{"does":"place","symbol":"ETHUSDT","side":"sell","type":"market","quantity":"0.5"}"#;
        self.sign("trade", "POST /api/v3/order", market, "signed", "granted");
        self.sign("cancel", "DELETE /api/v3/order", "", "signed", "granted");
        self.sign(
            "trade",
            "POST /api/v3/order",
            &order("BTCUSDT", "buy", "5", "64000"),
            "refused",
            "over-notional",
        );
        let withdrawal =
            r#"{"does":"withdraw","currency":"USDT","amount":"250","address":"TJRab","network":"TRX"}"#;
        self.sign("withdraw", "POST /sapi/v1/capital/withdraw/apply", withdrawal, "signed", "granted");
        self.sign(
            "withdraw",
            "POST /sapi/v1/capital/withdraw/apply",
            withdrawal,
            "refused",
            "over-withdraw-day",
        );
        self.line(r#""event":"check","class":"read","endpoint":"GET /api/v3/account","decision":"permitted","rule":"granted""#);
        self.line(
            r#""event":"sign","class":"trade","endpoint":"POST /api/v3/order","decision":"signed","rule":"granted","alert":"first-symbol""#,
        );
        self.head("end");
    }
}
