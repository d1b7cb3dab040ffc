//! `signbox audit report`: what a bot did on a day, in plain words.

use super::entry::{Entry, Order};
use super::files::{Log, logs};
use super::times::today;
use super::{clean, count};
use crate::cli::AuditReport;
use crate::error::Error;
use crate::output::{print, remark};
use signbox_exchanges::Decimal;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(super) fn run(args: &AuditReport) -> Result<ExitCode, Error> {
    let logs = logs(&args.logs.handles, &args.logs.state.state)?;
    let date = args.day.clone().unwrap_or_else(today);
    let mut code = ExitCode::SUCCESS;
    for (at, log) in logs.iter().enumerate() {
        match day(log, &date) {
            Ok(day) => print(&format!("{}{}", if at > 0 { "\n" } else { "" }, day.told(&log.handle, &date)))?,
            Err(error) => {
                remark(&format!("signbox: {error}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn day(log: &Log, date: &str) -> Result<Day, Error> {
    let opened = log.open(Some(date))?;
    let mut day = Day { missing: opened.missing.clone(), ..Day::default() };
    for piece in &opened.pieces {
        let mut lines = piece.lines().map_err(|error| log.cannot("read", &piece.name, &error))?;
        while let Some(line) = lines.next().map_err(|error| log.cannot("read", &piece.name, &error))? {
            match Entry::find(line.bytes) {
                Some((_, entry)) if entry.time.starts_with(date) => day.add(&entry),
                Some(_) => {}
                None => day.unreadable += 1,
            }
        }
    }
    Ok(day)
}

/// What happened on a day.
#[derive(Debug, Default)]
struct Day {
    times: Option<(String, String)>,
    signers: u64,
    signed: u64,
    /// Signed requests by their class.
    classes: Tally<u64>,
    /// Signed requests of which only a hash was written down.
    hashed: u64,
    /// Orders by symbol and side, changes of orders by symbol.
    placed: Tally<Sum>,
    changed: Tally<Sum>,
    /// Withdrawals by where they go, transfers by currency.
    withdrawn: Tally<Sum>,
    moved: Tally<Sum>,
    /// Orders that were too many for a line, and requests of which no order could be read, by their class.
    more: u64,
    unread: Tally<u64>,
    refused: u64,
    rules: Tally<u64>,
    asked: u64,
    would: u64,
    alerts: Tally<u64>,
    /// Bytes that were found beside what was expected, for each gap.
    gaps: Vec<(u64, u64)>,
    unreadable: u64,
    missing: Option<String>,
}

/// What is counted under names; a name is anybody's, so there are only so many.
type Tally<T> = BTreeMap<String, T>;

/// Amounts of a kind.
#[derive(Debug)]
struct Sum {
    count: u64,
    /// Nothing if it is more than can be added up.
    quantity: Option<Decimal>,
    notional: Option<Decimal>,
    /// How many say no quantity, and how many nothing that a notional could be told from.
    unsized_: u64,
    unpriced: u64,
}

impl Day {
    fn add(&mut self, entry: &Entry) {
        let time = clean(entry.time.get(11..19).unwrap_or(&entry.time));
        match &mut self.times {
            Some((_, last)) => *last = time,
            None => self.times = Some((time.clone(), time)),
        }
        let refused = entry.is_refused();
        match entry.event.as_str() {
            "start" => self.signers += 1,
            "gap" => self.gaps.push((entry.expected.unwrap_or(0), entry.found.unwrap_or(0))),
            "check" => {
                self.asked += 1;
                self.would += u64::from(!refused);
            }
            "sign" | "login" if refused => {
                self.refused += 1;
                *under(&mut self.rules, entry.rule.as_deref().unwrap_or("?")) += 1;
            }
            "sign" | "login" => self.sign(entry),
            _ => {}
        }
        if let Some(alert) = &entry.alert {
            *under(&mut self.alerts, alert) += 1;
        }
    }

    fn sign(&mut self, entry: &Entry) {
        self.signed += 1;
        if entry.request.is_some() {
            self.hashed += 1;
            return;
        }
        let class = entry.class.as_deref().unwrap_or("?");
        *under(&mut self.classes, class) += 1;
        if entry.orders.is_empty() && matches!(class, "trade" | "withdraw" | "transfer") {
            *under(&mut self.unread, class) += 1;
        }
        self.more += entry.more;
        for order in &entry.orders {
            let text = |part: &Option<String>, none: &str| part.clone().unwrap_or_else(|| none.to_owned());
            let market = || {
                let contracts = if order.contracts { " (contracts)" } else { "" };
                format!("{}{contracts}", text(&order.symbol, "no symbol"))
            };
            match order.does.as_str() {
                "place" => {
                    let name = format!("{} {}", market(), text(&order.side, "neither buy nor sell"));
                    under(&mut self.placed, &name).order(order);
                }
                "amend" => under(&mut self.changed, &market()).order(order),
                "withdraw" => under(&mut self.withdrawn, &destination(order)).amount(order),
                _ => under(&mut self.moved, &text(&order.currency, "a currency that is not told"))
                    .amount(order),
            }
        }
    }

    /// The day in words.
    fn told(&self, handle: &str, date: &str) -> String {
        let mut text = format!("{handle} on {date} (UTC)\n");
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<13}{value}");
        };
        match &self.times {
            None => line("nothing", "no signer has written anything"),
            Some((first, last)) if first == last => line("at", first),
            Some((first, last)) => {
                line("from", &format!("{first} to {last}, {} started", count(self.signers, "signer")))
            }
        }
        if self.times.is_some() {
            let none = if self.signed == 0 { "nothing".to_owned() } else { count(self.signed, "request") };
            line("signed", &listed(&none, &self.classes));
        }
        if self.hashed > 0 {
            line(
                "",
                &format!(
                    "{} by hash alone: the log does not say what they were (audit=hashes)",
                    count(self.hashed, "request")
                ),
            );
        }
        for (name, sum) in &self.placed {
            line("orders", &format!("{}: {}", clean(name), sum.order_words("order")));
        }
        for (name, sum) in &self.changed {
            line("changes", &format!("{}: {}", clean(name), sum.order_words("change")));
        }
        for (name, sum) in &self.withdrawn {
            line("WITHDRAWALS", &format!("{} {}, {}", sum.total(), clean(name), count(sum.count, "time")));
        }
        for (name, sum) in &self.moved {
            line("transfers", &format!("{} {}, {}", sum.total(), clean(name), count(sum.count, "time")));
        }
        if let Some(logins) = self.classes.get("login") {
            let logins = count(*logins, "login");
            line("LOGINS", &format!("{logins}: what was sent over such a connection is not in the log"));
        }
        if self.more > 0 {
            line("", &format!("and {} in batches, of which the log says no more", count(self.more, "order")));
        }
        if !self.unread.is_empty() {
            let what = count(self.unread.values().sum(), "request");
            line(
                "not read",
                &listed(&format!("{what} whose orders or amounts the log does not have"), &self.unread),
            );
        }
        if self.refused > 0 {
            line("refused", &listed(&count(self.refused, "request"), &self.rules));
        }
        if self.asked > 0 {
            line(
                "asked",
                &format!("{}, of which {} would have been signed", count(self.asked, "question"), self.would),
            );
        }
        if !self.alerts.is_empty() {
            line("ALERTS", &listed(&count(self.alerts.values().sum(), "alert"), &self.alerts));
        }
        for (expected, found) in &self.gaps {
            let what = if found < expected {
                "lines were TAKEN AWAY"
            } else {
                "what a signer had not counted when it was stopped; its lines are counted above"
            };
            line("gap", &format!("{found} bytes where {expected} should have been: {what}"));
        }
        if self.unreadable > 0 {
            line("unreadable", &format!("{}; see 'signbox audit verify'", count(self.unreadable, "line")));
        }
        if let Some(why) = &self.missing {
            line("missing", why);
        }
        text
    }
}

impl Default for Sum {
    fn default() -> Sum {
        Sum {
            count: 0,
            quantity: Some(Decimal::ZERO),
            notional: Some(Decimal::ZERO),
            unsized_: 0,
            unpriced: 0,
        }
    }
}

impl Sum {
    /// Adds an order.
    fn order(&mut self, order: &Order) {
        self.count += 1;
        let (quantity, price) = (number(&order.quantity), number(&order.price));
        let notional = match (number(&order.quote), quantity, price) {
            (Some(quote), ..) => Some(Some(quote)),
            (None, Some(quantity), Some(price)) if !order.contracts => Some(quantity.checked_mul(price)),
            _ => None,
        };
        add(&mut self.quantity, &mut self.unsized_, quantity.map(Some));
        add(&mut self.notional, &mut self.unpriced, notional);
    }

    /// Adds a withdrawal or a transfer.
    fn amount(&mut self, order: &Order) {
        self.count += 1;
        add(&mut self.quantity, &mut self.unsized_, number(&order.amount).map(Some));
    }

    /// The sum, and how much is not in it.
    fn total(&self) -> String {
        let rest = if self.unsized_ > 0 { " and an amount that is not told of" } else { "" };
        format!("{}{rest}", written(self.quantity))
    }

    fn order_words(&self, thing: &str) -> String {
        let mut words = count(self.count, thing);
        if self.unsized_ < self.count {
            let _ = write!(words, ", quantity {}", written(self.quantity));
        }
        if self.unpriced < self.count {
            let _ = write!(words, ", price times quantity {}", written(self.notional));
        }
        if self.unpriced > 0 {
            let _ = write!(words, "; {} without a price", self.unpriced);
        }
        words
    }
}

/// Adds what there is; what cannot be added up any more is no number any more.
fn add(sum: &mut Option<Decimal>, without: &mut u64, value: Option<Option<Decimal>>) {
    match value {
        Some(value) => *sum = sum.zip(value).and_then(|(sum, value)| sum.checked_add(value)),
        None => *without += 1,
    }
}

fn number(text: &Option<String>) -> Option<Decimal> {
    Decimal::parse(text.as_deref()?).ok()
}

fn written(sum: Option<Decimal>) -> String {
    sum.map_or_else(|| "more than can be added up".to_owned(), |sum| sum.to_string())
}

/// `USDT to TJRab tag 7 on TRX`
fn destination(order: &Order) -> String {
    let mut text = order.currency.clone().unwrap_or_else(|| "of a currency that is not told".to_owned());
    for (word, part) in [("to", &order.address), ("tag", &order.tag), ("on", &order.network)] {
        if let Some(part) = part {
            let _ = write!(text, " {word} {part}");
        }
    }
    text
}

/// The place under a name, or that of all names that are too many.
fn under<'a, T: Default>(tally: &'a mut Tally<T>, name: &str) -> &'a mut T {
    let full = tally.len() >= MOST_NAMES && !tally.contains_key(name);
    tally.entry(if full { "(others)" } else { name }.to_owned()).or_default()
}

/// `5 requests: trade 3, read 2`, the most frequent first.
fn listed(what: &str, tally: &Tally<u64>) -> String {
    let mut names: Vec<_> = tally.iter().collect();
    names.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    let names: Vec<_> = names.iter().map(|(name, number)| format!("{} {number}", clean(name))).collect();
    if names.is_empty() { what.to_owned() } else { format!("{what}: {}", names.join(", ")) }
}

const MOST_NAMES: usize = 500;
