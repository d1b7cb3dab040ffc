//! What a line of a log says, and how it is told in words.

use super::clean;
use serde::Deserialize;

/// A line, as signers write it; what is not there is none of its event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub(super) n: u64,
    pub(super) time: String,
    pub(super) event: String,
    // start
    pub(super) key: Option<String>,
    pub(super) pid: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) version: Option<String>,
    // start, head, end
    pub(super) public: Option<String>,
    // sign, check
    pub(super) class: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) orders: Vec<Order>,
    pub(super) more: u64,
    pub(super) request: Option<String>,
    pub(super) decision: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) alert: Option<String>,
    // head, end
    pub(super) signed: Option<String>,
    // gap
    pub(super) expected: Option<u64>,
    pub(super) found: Option<u64>,
    // rotated
    pub(super) before: Option<String>,
}

/// An order, as the signer has read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Order {
    pub(super) does: String,
    pub(super) symbol: Option<String>,
    pub(super) side: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) quantity: Option<String>,
    pub(super) price: Option<String>,
    pub(super) quote: Option<String>,
    pub(super) stop: Option<String>,
    pub(super) reduce: bool,
    pub(super) contracts: bool,
    pub(super) currency: Option<String>,
    pub(super) amount: Option<String>,
    pub(super) address: Option<String>,
    pub(super) network: Option<String>,
    pub(super) tag: Option<String>,
}

impl Entry {
    /// Reads a line; nothing if it is none of a log.
    pub(super) fn read(line: &[u8]) -> Option<Entry> {
        serde_json::from_slice(line).ok().filter(|entry: &Entry| !entry.event.is_empty())
    }

    /// Reads what stands on a line, and says where it begins: a gap is written behind whatever was cut off.
    pub(super) fn find(line: &[u8]) -> Option<(usize, Entry)> {
        const BEGIN: &[u8] = b"{\"n\":";
        Entry::read(line).map(|entry| (0, entry)).or_else(|| {
            let at = line.windows(BEGIN.len()).rposition(|part| part == BEGIN)?;
            Entry::read(&line[at..]).filter(|entry| entry.event == "gap").map(|entry| (at, entry))
        })
    }

    /// Whether this is a decision on a request.
    pub(super) fn is_decision(&self) -> bool {
        matches!(self.event.as_str(), "sign" | "check" | "login")
    }

    /// Whether a request was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.is_decision() && self.decision.as_deref() == Some("refused")
    }

    /// The time to the second, as people write it.
    pub(super) fn when(&self) -> String {
        clean(self.time.get(..19).unwrap_or(&self.time)).replacen('T', " ", 1)
    }

    /// The line in words, fit for a terminal.
    pub(super) fn words(&self) -> String {
        let text = |part: &Option<String>| clean(part.as_deref().unwrap_or("?"));
        let number = |part: Option<u64>| part.map_or_else(|| "?".to_owned(), |part| part.to_string());
        match self.event.as_str() {
            "sign" | "check" | "login" => self.decided(),
            "start" => format!(
                "a signer starts: process {} of user {}, signbox {}",
                number(self.pid),
                number(self.uid),
                text(&self.version)
            ),
            "head" => "the log up to here is signed".to_owned(),
            "end" => "a signer ends, and has signed the log up to here".to_owned(),
            "gap" => format!(
                "a gap: the log should have had {} bytes and had {}",
                number(self.expected),
                number(self.found)
            ),
            "rotated" => format!("earlier lines stand in {}", text(&self.before)),
            other => format!("{}: an event that this version does not know", clean(other)),
        }
    }

    fn decided(&self) -> String {
        let text = |part: &Option<String>| clean(part.as_deref().unwrap_or("?"));
        let what = match &self.request {
            Some(hash) => format!("request {}", clean(hash.get(..16).unwrap_or(hash))),
            None => format!("{:<8}  {}", text(&self.class), text(&self.endpoint)),
        };
        let orders: Vec<String> = self.orders.iter().map(Order::words).collect();
        let colon = if orders.is_empty() { "" } else { ": " };
        let more = if self.more > 0 { format!("; and {} more", self.more) } else { String::new() };
        let alert =
            self.alert.as_ref().map_or_else(String::new, |alert| format!("  ALERT: {}", clean(alert)));
        let (orders, decision) = (orders.join("; "), text(&self.decision));
        let asked = if self.event == "check" { ", only asked" } else { "" };
        format!("{decision:<9}  {what}{colon}{orders}{more}  ({}{asked}){alert}", text(&self.rule))
    }
}

impl Order {
    /// The order in words, fit for a terminal.
    fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut put = |before: &str, part: &Option<String>, behind: &str| {
            if let Some(part) = part {
                words.push(format!("{before}{}{behind}", clean(part)));
            }
        };
        if self.does != "place" || self.side.is_none() {
            put("", &Some(self.does.clone()), "");
        }
        put("", &self.side, "");
        put("", &self.kind, "");
        put("", &self.quantity, if self.contracts { " contracts of" } else { "" });
        put("", &self.symbol, "");
        put("for ", &self.quote, " of its quote currency");
        put("at ", &self.price, "");
        put("stop ", &self.stop, "");
        put("", &self.amount, "");
        put("", &self.currency, "");
        put("to ", &self.address, "");
        put("tag ", &self.tag, "");
        put("on ", &self.network, "");
        if self.reduce {
            words.push("reduce only".to_owned());
        }
        words.join(" ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        Entry::read(line.as_bytes()).unwrap().words()
    }

    #[test]
    fn a_line_is_told_in_words() {
        for (line, words) in [
            (
                r#"{"event":"sign","class":"trade","endpoint":"POST /api/v3/order","orders":[{"does":"place","symbol":"BTCUSDT","side":"buy","type":"limit","quantity":"0.1","price":"64000"}],"decision":"signed","rule":"granted"}"#,
                "signed     trade     POST /api/v3/order: buy limit 0.1 BTCUSDT at 64000  (granted)",
            ),
            (
                r#"{"event":"check","class":"trade","endpoint":"POST /b","orders":[{"does":"amend","symbol":"X","side":"sell","type":"other","quantity":"2","contracts":true,"stop":"5","reduce":true},{"does":"place","side":"buy","type":"market","symbol":"Y","quote":"100"}],"more":3,"decision":"refused","rule":"over-day"}"#,
                "refused    trade     POST /b: amend sell other 2 contracts of X stop 5 reduce only; buy market Y for 100 of its \
                 quote currency; and 3 more  (over-day, only asked)",
            ),
            (
                r#"{"event":"sign","class":"withdraw","endpoint":"POST /w","orders":[{"does":"withdraw","currency":"USDT","amount":"250","address":"TJRab","network":"TRX","tag":"7"}],"decision":"refused","rule":"canary","alert":"canary"}"#,
                "refused    withdraw  POST /w: withdraw 250 USDT to TJRab tag 7 on TRX  (canary)  ALERT: canary",
            ),
            (
                r#"{"event":"sign","request":"0123456789abcdef0123456789abcdef","decision":"signed","rule":"granted"}"#,
                "signed     request 0123456789abcdef  (granted)",
            ),
            (
                r#"{"event":"login","class":"login","endpoint":"login auth","decision":"refused","rule":"not-enforceable"}"#,
                "refused    login     login auth  (not-enforceable)",
            ),
            (
                r#"{"event":"start","pid":7,"uid":1000,"version":"0.1.0","public":null}"#,
                "a signer starts: process 7 of user 1000, signbox 0.1.0",
            ),
            (r#"{"event":"gap","expected":5,"found":9}"#, "a gap: the log should have had 5 bytes and had 9"),
            (r#"{"event":"rotated","before":"a:b.audit.1"}"#, "earlier lines stand in a:b.audit.1"),
            (r#"{"event":"\u001b[2J"}"#, r"\u{1b}[2J: an event that this version does not know"),
            (
                r#"{"event":"sign","class":"unknown","endpoint":"GET /\u001b[2J\n","decision":"refused","rule":"unknown-endpoint"}"#,
                r"refused    unknown   GET /\u{1b}[2J\n  (unknown-endpoint)",
            ),
        ] {
            assert_eq!(told(line), words);
        }
    }

    #[test]
    fn what_is_no_line_of_a_log_is_not_read() {
        for line in
            ["", "x", "[]", "{}", r#"{"event":7}"#, r#"{"event":"sign","n":-1}"#, r#"{"event":"a"} x"#]
        {
            assert!(Entry::read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
