#![allow(clippy::unwrap_used)]

use super::super::{Decision, Grants, Rule, decide, limits::DAY_NS};
use super::*;
use signbox_exchanges::{Request, Scratch, exchange};

/// A key with limits, and what its signer has counted.
struct Key {
    exchange: &'static Exchange,
    bounds: Vec<Bound>,
    work: Work,
    scratch: Scratch,
    now_ns: u64,
    reference: Option<String>,
}

impl Key {
    fn with(id: &str, limits: &[(&str, &str)]) -> Key {
        let mut bound = Bound::default();
        for (name, text) in limits {
            bound.limits.set(name, text).unwrap_or_else(|mistake| panic!("{mistake}"));
        }
        Key {
            exchange: exchange(id).unwrap(),
            bounds: vec![bound],
            work: Work::new(),
            scratch: Scratch::default(),
            now_ns: NOON,
            reference: None,
        }
    }

    fn under(mut self, place: &str, limits: &[(&str, &str)]) -> Key {
        let mut bound = Bound::of(place.to_owned());
        for (name, text) in limits {
            bound.limits.set(name, text).unwrap();
        }
        self.bounds.push(bound);
        self
    }

    fn stating(mut self, reference: &str) -> Key {
        self.reference = Some(reference.to_owned());
        self
    }

    fn decided(&mut self, method: &str, url: &str, body: Option<&str>) -> Result<Decision, &'static str> {
        let request = Request { method, url, headers: &[], body };
        let parts = Parts::of(self.exchange, &request, &mut self.scratch)?;
        settle(&mut self.bounds, self.now_ns);
        let facts = Facts { now_ns: self.now_ns, reference: self.reference.as_deref() };
        decide(self.exchange, &parts, all(), &self.bounds, &facts, &mut self.work)
    }

    fn rule(&mut self, method: &str, url: &str, body: Option<&str>) -> &'static str {
        self.decided(method, url, body).map_or_else(|why| why, |decision| decision.rule.name())
    }

    /// The rule on a spot order.
    fn order(&mut self, body: &str) -> &'static str {
        self.rule("POST", "/api/v3/order", Some(body))
    }

    /// Signs if it may, as the signer does: what leaves is counted.
    fn sign(&mut self, method: &str, url: &str, body: Option<&str>) -> &'static str {
        let Ok(decision) = self.decided(method, url, body) else { return "bad_request" };
        if decision.rule.permits() {
            let facts = Facts { now_ns: self.now_ns, reference: None };
            count(&mut self.bounds, decision.endpoint, &facts, &self.work);
        }
        decision.rule.name()
    }

    fn buy(&mut self, symbol: &str, quantity: &str, price: &str) -> &'static str {
        let body =
            format!("symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}");
        self.sign("POST", "/api/v3/order", Some(&body))
    }
}

fn all() -> Grants {
    let words = Grants::WORDS.iter();
    words.fold(Grants::NONE, |grants, word| grants.and(word).unwrap())
}

/// A Sunday.
const NOON: u64 = 1_795_348_800_000_000_000;
const SECOND: u64 = 1_000_000_000;
const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=64000";
const MARKET: &str = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.5";
const SPEND: &str = "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=1000";

#[test]
fn symbols_sides_and_types_are_listed() {
    for (limits, rule) in [
        (("symbols", "BTCUSDT"), "granted"),
        (("symbols", "btc*"), "granted"),
        (("symbols", "*"), "granted"),
        (("symbols", "ETHUSDT BTCUSD BTCUSDT2"), "symbol-not-listed"),
        (("sides", "buy sell"), "granted"),
        (("sides", "sell"), "side-not-listed"),
        (("types", "limit"), "granted"),
        (("types", "market other"), "type-not-listed"),
    ] {
        assert_eq!(Key::with("binance", &[limits]).order(LIMIT), rule, "{limits:?}");
    }
    let mut key = Key::with("binance", &[("types", "market")]);
    assert_eq!(key.order(MARKET), "granted");
    assert_eq!(key.order(&LIMIT.replace("LIMIT", "STOP_LOSS_LIMIT")), "type-not-listed");
    for missing in ["symbol=BTCUSDT&", "side=BUY&", "type=LIMIT&"] {
        let mut key =
            Key::with("binance", &[("symbols", "*"), ("sides", "buy sell"), ("types", "limit market other")]);
        assert_eq!(key.order(&LIMIT.replace(missing, "")), "unreadable-order", "{missing}");
    }
}

#[test]
fn amounts_are_held_against_quantity_and_notional() {
    for (limits, rule) in [
        (("quantity", "0.5"), "granted"),
        (("quantity", "0.499999999999999999"), "over-quantity"),
        (("quantity", "BTCUSDT:0.5"), "granted"),
        (("quantity", "BTC*:0.4 9"), "over-quantity"),
        (("quantity", "ETHUSDT:9"), "over-quantity"),
        (("notional", "32000"), "granted"),
        (("notional", "31999.99999999"), "over-notional"),
        (("notional", "ETHUSDT:99999"), "over-notional"),
        (("notional-day", "32000"), "granted"),
        (("notional-day", "31999"), "over-day"),
    ] {
        assert_eq!(Key::with("binance", &[limits]).order(LIMIT), rule, "{limits:?}");
    }
    for (body, rule) in [
        ("symbol=A&side=BUY&type=LIMIT&quantity=1e1&price=5e1", "granted"),
        ("symbol=A&side=BUY&type=LIMIT&quantity=1e1&price=5.1e1", "over-notional"),
        ("symbol=A&side=BUY&type=LIMIT&quantity=0&price=5", "unreadable-order"),
        ("symbol=A&side=BUY&type=LIMIT&quantity=5&price=0", "unreadable-order"),
        ("symbol=A&side=BUY&type=LIMIT&quantity=5&price=-5", "unreadable-order"),
        ("symbol=A&side=BUY&type=LIMIT&quantity=5", "unreadable-order"),
        ("symbol=A&side=BUY&type=LIMIT&price=5", "unreadable-order"),
        ("symbol=A&side=BUY&type=LIMIT&quantity=NaN&price=5", "unreadable-order"),
        (
            "symbol=A&side=BUY&type=LIMIT&quantity=99999999999999999999999999&price=99999999999999999999999999",
            "over-notional",
        ),
        ("symbol=A&side=BUY&type=LIMIT&quantity=0.000000000000000001&price=0.000000000000000001", "granted"),
    ] {
        assert_eq!(Key::with("binance", &[("notional", "500")]).order(body), rule, "{body}");
    }
}

#[test]
fn a_word_for_every_symbol_is_one() {
    let mut key = Key::with("binance", &[("quantity", "BTCUSDT:0.5 *:10")]);
    assert_eq!(key.buy("BTCUSDT", "0.6", "1"), "over-quantity");
    assert_eq!(key.buy("ETHUSDT", "7", "1"), "granted");
}

#[test]
fn a_change_that_says_no_symbol_is_held_to_the_least_of_all() {
    let edit = |limits: &[(&str, &str)], amount: &str| {
        let body = format!(r#"{{"id":1,"amount":"{amount}","price":"2"}}"#);
        Key::with("bitfinex", limits).rule("POST", "/v2/auth/w/order/update", Some(&body))
    };
    for limit in ["quantity", "notional"] {
        assert_eq!(edit(&[(limit, "tBTCUSD:0.4 1000")], "0.5"), format!("over-{limit}"));
        assert_eq!(edit(&[(limit, "tBTCUSD:1 1000")], "0.5"), "granted");
        assert_eq!(edit(&[(limit, "tBTCUSD:1")], "0.5"), format!("over-{limit}"));
    }
    // A sum of which symbol?
    assert_eq!(edit(&[("notional-day", "tBTCUSD:1 1000")], "0.5"), "over-day");
    assert_eq!(edit(&[("notional-day", "1000")], "0.5"), "granted");
}

#[test]
fn a_login_that_trades_without_further_signatures_is_refused_under_limits() {
    let url = "/api/v3/account?apiKey=AK&timestamp=1700000000000";
    assert_eq!(Key::with("binance", &[("symbols", "BTCUSDT")]).rule("GET", url, None), "fits-ungranted");
}

#[test]
fn a_market_order_is_worth_what_the_reference_says() {
    let limits = [("notional", "32000")];
    assert_eq!(Key::with("binance", &limits).order(MARKET), "unreadable-order");
    assert_eq!(Key::with("binance", &limits).stating("64000").order(MARKET), "granted");
    assert_eq!(Key::with("binance", &limits).stating("64001").order(MARKET), "over-notional");
    assert_eq!(
        Key::with("binance", &limits).stating("ETHUSDT:3000 BTCUSDT:64001 1").order(MARKET),
        "over-notional"
    );
    // Its own price is none.
    assert_eq!(Key::with("binance", &limits).order(&format!("{MARKET}&price=1")), "unreadable-order");
    // An amount to spend says it all.
    assert_eq!(Key::with("binance", &limits).order(SPEND), "granted");
    assert_eq!(Key::with("binance", &[("notional", "999")]).order(SPEND), "over-notional");
    // How much that is, only a reference says.
    let limits = [("quantity", "0.02")];
    assert_eq!(Key::with("binance", &limits).order(SPEND), "unreadable-order");
    assert_eq!(Key::with("binance", &limits).stating("50000").order(SPEND), "granted");
    assert_eq!(Key::with("binance", &limits).stating("49999").order(SPEND), "over-quantity");
    for reference in ["", " ", "0", "-5", "x", "A:", "A:x", "1e3", "5 B:0"] {
        let mut key = Key::with("binance", &limits).stating(reference);
        assert!(key.order(SPEND).contains("'reference' is not a decimal"), "{reference}");
    }
}

#[test]
fn a_stop_order_is_worth_the_highest_of_its_prices() {
    let body = "symbol=A&side=BUY&type=STOP_LOSS_LIMIT&quantity=1&price=10&stopPrice=90";
    assert_eq!(Key::with("binance", &[("notional", "90")]).order(body), "granted");
    assert_eq!(Key::with("binance", &[("notional", "89")]).order(body), "over-notional");
    assert_eq!(Key::with("binance", &[("notional", "90")]).stating("91").order(body), "over-notional");
}

#[test]
fn prices_stay_near_the_reference() {
    let limits = [("band", "2%")];
    for (price, rule) in [
        ("64000", "granted"),
        ("65280", "granted"),
        ("65280.00000001", "out-of-band"),
        ("62720", "granted"),
        ("62719.99999999", "out-of-band"),
        ("-64000", "out-of-band"),
    ] {
        let body = LIMIT.replace("price=64000", &format!("price={price}"));
        assert_eq!(Key::with("binance", &limits).stating("64000").order(&body), rule, "{price}");
        assert_eq!(Key::with("binance", &limits).stating("BTCUSDT:64000").order(&body), rule, "{price}");
        assert_eq!(Key::with("binance", &limits).order(&body), "out-of-band", "without a reference");
        assert_eq!(Key::with("binance", &limits).stating("ETHUSDT:64000").order(&body), "out-of-band");
    }
    assert_eq!(Key::with("binance", &limits).order(MARKET), "granted");
    assert_eq!(Key::with("binance", &limits).order(&LIMIT.replace("&price=64000", "")), "unreadable-order");
}

#[test]
fn a_day_has_a_sum_and_ends_at_midnight() {
    let mut key = Key::with("binance", &[("notional-day", "BTCUSDT:100 ETH*:50 10")]);
    assert_eq!(key.buy("BTCUSDT", "1", "60"), "granted");
    assert_eq!(key.buy("BTCUSDT", "1", "41"), "over-day");
    assert_eq!(key.buy("btcusdt", "1", "40"), "granted");
    assert_eq!(key.buy("BTCUSDT", "0.00000001", "1"), "over-day");
    // What one beginning stands for has one sum; so has the rest.
    assert_eq!(key.buy("ETHUSDT", "1", "30"), "granted");
    assert_eq!(key.buy("ETHBTC", "1", "30"), "over-day");
    assert_eq!(key.buy("LTCUSDT", "1", "6"), "granted");
    assert_eq!(key.buy("XRPUSDT", "1", "6"), "over-day");
    key.now_ns = NOON - NOON % DAY_NS + DAY_NS - 1;
    assert_eq!(key.buy("BTCUSDT", "1", "1"), "over-day");
    key.now_ns += 1;
    assert_eq!(key.buy("BTCUSDT", "1", "100"), "granted");
    // A clock that is put back does not bring the day before again.
    key.now_ns -= DAY_NS;
    assert_eq!(key.buy("BTCUSDT", "1", "1"), "over-day");
}

#[test]
fn the_orders_of_one_batch_count_together() {
    let body = |prices: [&str; 2]| {
        let order = |price| {
            format!(r#"{{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"1","price":"{price}"}}"#)
        };
        let list = format!("[{}]", prices.map(order).join(","));
        let escaped: String = list.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("batchOrders={escaped}")
    };
    let mut key = Key::with("binance", &[("notional-day", "100"), ("notional", "60")]);
    let mut sign = |prices| key.sign("POST", "/fapi/v1/batchOrders", Some(&body(prices)));
    assert_eq!(sign(["60", "41"]), "over-day");
    assert_eq!(sign(["61", "1"]), "over-notional");
    assert_eq!(sign(["50", "40"]), "granted");
    assert_eq!(sign(["5", "6"]), "over-day");
    assert_eq!(sign(["5", "5"]), "granted");
}

#[test]
fn what_is_refused_counts_for_nothing() {
    let mut key = Key::with("binance", &[("notional-day", "100"), ("rate", "2/h"), ("symbols", "BTCUSDT")]);
    for _ in 0..9 {
        assert_eq!(key.buy("ETHUSDT", "1", "1"), "symbol-not-listed");
        assert_eq!(key.buy("BTCUSDT", "1", "101"), "over-day");
        assert_eq!(key.rule("POST", "/api/v3/order", Some(LIMIT)), "over-day");
        assert_eq!(key.rule("GET", "/api/v3/account", None), "granted", "asking is free");
    }
    assert_eq!(key.buy("BTCUSDT", "1", "50"), "granted");
    assert_eq!(key.buy("BTCUSDT", "1", "50"), "granted");
    assert_eq!(key.sign("GET", "/api/v3/account", None), "over-rate");
}

#[test]
fn a_tripped_rate_lets_cancels_through() {
    let mut key = Key::with(
        "binance",
        &[("rate", "2/s 3/min"), ("rate-cancel", "1/s"), ("hours", "sat 00:00-01:00 UTC")],
    );
    let cancel = |key: &mut Key| key.sign("DELETE", "/api/v3/order?symbol=A&orderId=1", None);
    assert_eq!(key.sign("GET", "/api/v3/account", None), "outside-hours");
    assert_eq!(cancel(&mut key), "granted");
    assert_eq!(cancel(&mut key), "over-rate");
    let mut key = Key::with("binance", &[("rate", "2/s 3/min")]);
    let read = |key: &mut Key| key.sign("GET", "/api/v3/account", None);
    assert_eq!([read(&mut key), read(&mut key), read(&mut key)], ["granted", "granted", "over-rate"]);
    assert!((0..100).all(|_| cancel(&mut key) == "granted"));
    key.now_ns += SECOND / 2 - 1;
    assert_eq!(read(&mut key), "over-rate");
    key.now_ns += 1;
    assert_eq!(read(&mut key), "granted");
    key.now_ns += SECOND;
    assert!(matches!(key.decided("GET", "/api/v3/account", None).unwrap().rule, Rule::Limited(_)));
    assert_eq!(&*key.work.said(), "more than 3/min; wait 18.500 s");
    key.now_ns += 18_500_000_000;
    assert_eq!(read(&mut key), "granted");
    // A clock that is put back an hour costs a minute and not an hour.
    key.now_ns -= 3_600 * SECOND;
    assert_eq!(read(&mut key), "over-rate");
    key.now_ns += 60 * SECOND;
    assert_eq!(read(&mut key), "granted");
}

#[test]
fn rates_are_of_their_class() {
    let mut key = Key::with("binance", &[("rate-trade", "1/s"), ("rate-read", "2/s")]);
    assert_eq!(key.buy("A", "1", "1"), "granted");
    assert_eq!(key.buy("A", "1", "1"), "over-rate");
    assert_eq!(key.sign("GET", "/api/v3/account", None), "granted");
    // A read whose signature is as good for an order does not go around the rate of orders.
    assert_eq!(key.rule("GET", &format!("/api/v3/account?{MARKET}"), None), "fits-limited");
}

#[test]
fn a_key_has_its_hours_and_its_end() {
    let mut key = Key::with("binance", &[("hours", "mon-fri 08:00-18:00 UTC; sun 11:00-13:00 UTC")]);
    assert_eq!(key.order(LIMIT), "granted");
    key.now_ns += 3_600 * SECOND;
    assert_eq!(key.order(LIMIT), "outside-hours");
    key.now_ns += DAY_NS;
    assert_eq!(key.order(LIMIT), "granted");
    let mut key = Key::with("binance", &[("until", "2026-11-22")]);
    assert_eq!(key.order(LIMIT), "granted");
    key.now_ns += DAY_NS / 2 - 1;
    assert_eq!(key.order(LIMIT), "granted");
    key.now_ns += 1;
    assert_eq!(key.order(LIMIT), "after-until");
    assert_eq!(key.rule("DELETE", "/api/v3/order?symbol=A&orderId=1", None), "after-until");
}

#[test]
fn hosts_are_listed() {
    let mut key = Key::with("binance", &[("hosts", "api.binance.com")]);
    assert_eq!(key.rule("GET", "https://api.binance.com/api/v3/account", None), "granted");
    assert_eq!(key.rule("GET", "https://API.binance.com/api/v3/account", None), "granted");
    assert_eq!(key.rule("GET", "https://fapi.binance.com/fapi/v2/account", None), "host-not-listed");
    assert_eq!(key.rule("GET", "https://api.binance.com:444/api/v3/account", None), "host-not-listed");
}

#[test]
fn withdrawals_go_where_they_may_and_no_further() {
    let url = "/sapi/v1/capital/withdraw/apply";
    let limits = [
        ("withdraw-to", "USDT/TRX:TAddr BTC/*:bc1q XRP/XRP:rAddr#777"),
        ("withdraw-day", "USDT:1000 BTC:0.1 XRP:5"),
    ];
    for (body, rule) in [
        ("coin=USDT&network=TRX&address=TAddr&amount=1000", "granted"),
        ("coin=usdt&network=trx&address=TAddr&amount=1000", "granted"),
        ("coin=USDT&network=TRX&address=taddr&amount=1", "address-not-listed"),
        ("coin=USDT&network=ETH&address=TAddr&amount=1", "address-not-listed"),
        ("coin=USDT&address=TAddr&amount=1", "address-not-listed"),
        ("coin=BTC&address=bc1q&amount=0.1", "granted"),
        ("coin=BTC&network=BTC&address=bc1q&amount=0.1", "granted"),
        ("coin=BTC&network=BTC&address=bc1q&amount=0.10000001", "over-withdraw-day"),
        ("coin=BTC&network=BTC&address=bc1q&amount=0", "unreadable-order"),
        ("coin=BTC&network=BTC&address=bc1q", "unreadable-order"),
        ("coin=XRP&network=XRP&address=rAddr&addressTag=777&amount=5", "granted"),
        ("coin=XRP&network=XRP&address=rAddr&addressTag=778&amount=5", "address-not-listed"),
        ("coin=XRP&network=XRP&address=rAddr&amount=5", "address-not-listed"),
        ("coin=USDT&network=TRX&address=TAddr&addressTag=1&amount=5", "address-not-listed"),
        ("coin=ETH&network=TRX&address=TAddr&amount=5", "address-not-listed"),
        ("network=TRX&address=TAddr&amount=5", "unreadable-order"),
    ] {
        assert_eq!(Key::with("binance", &limits).rule("POST", url, Some(body)), rule, "{body}");
    }
    let mut key = Key::with("binance", &limits);
    let mut send = |amount: &str| {
        key.sign("POST", url, Some(&format!("coin=USDT&network=TRX&address=TAddr&amount={amount}")))
    };
    assert_eq!(
        [send("600"), send("401"), send("400"), send("0.000001")],
        ["granted", "over-withdraw-day", "granted", "over-withdraw-day"]
    );
    // An order of a symbol that is called like a currency has another sum.
    let mut key = Key::with("binance", &[("withdraw-day", "USDT:5"), ("notional-day", "USDT:5")]);
    assert_eq!(key.buy("USDT", "1", "5"), "granted");
    assert_eq!(key.sign("POST", url, Some("coin=USDT&network=TRX&address=x&amount=5")), "granted");
}

#[test]
fn what_cannot_be_read_is_not_signed_under_limits() {
    let withdraw = ("withdraw-day", "USDT:5");
    for (limits, method, url, body, rule) in [
        (("symbols", "*"), "POST", "/api/v3/nothing", None, "unreadable-order"),
        (withdraw, "POST", "/api/v3/nothing", None, "unreadable-order"),
        (("rate", "5/s"), "POST", "/api/v3/nothing", None, "unknown-granted"),
        (("symbols", "*"), "POST", "/sapi/v1/convert/acceptQuote", Some("quoteId=1"), "unreadable-order"),
        (("symbols", "*"), "GET", "/api/v3/account", None, "granted"),
        (("symbols", "*"), "DELETE", "/api/v3/order?symbol=A&orderId=1", None, "granted"),
        (
            ("symbols", "*"),
            "POST",
            "/api/v3/order",
            Some("symbol=A&Symbol=B&side=BUY&type=MARKET&quantity=1"),
            "unreadable-order",
        ),
    ] {
        assert_eq!(
            Key::with("binance", &[limits]).rule(method, url, body),
            rule,
            "{limits:?} {method} {url}"
        );
    }
}

#[test]
fn limits_hold_wherever_the_signature_would_be_good() {
    let limits = [("quantity", "1"), ("withdraw-day", "USDT:5")];
    let order = "symbol=A&side=BUY&type=MARKET&quantity=99";
    for (method, url, body) in [
        ("GET", format!("/api/v3/account?{order}"), None),
        ("POST", "/api/v3/order/test".to_owned(), Some(order.to_owned())),
        ("DELETE", format!("/api/v3/order?orderId=1&{order}"), None),
        ("GET", "/api/v3/account?coin=USDT&address=x&amount=5".to_owned(), None),
        (
            "POST",
            "/api/v3/order".to_owned(),
            Some("symbol=A&side=BUY&type=MARKET&quantity=1&batchOrders=x".to_owned()),
        ),
        (
            "POST",
            "/api/v3/order".to_owned(),
            Some("symbol=A&side=BUY&type=MARKET&quantity=1&coin=USDT&address=x&amount=9".to_owned()),
        ),
    ] {
        assert_eq!(
            Key::with("binance", &limits).rule(method, &url, body.as_deref()),
            "fits-limited",
            "{method} {url}"
        );
    }
    // Not so where the path is signed.
    assert_eq!(
        Key::with("kraken", &limits).rule("POST", "/0/private/Balance", Some("asset=A&key=x&amount=5")),
        "granted"
    );
}

#[test]
fn where_nothing_is_signed_nothing_is_held() {
    let mut key = Key::with("coinmate", &[("symbols", "BTC_EUR")]);
    assert_eq!(key.rule("POST", "/api/balances", Some("clientId=1")), "not-enforceable");
    let mut key = Key::with("coinmate", &[("symbols", "BTC_EUR"), ("accept-unenforced", "symbols")]);
    assert_eq!(key.rule("POST", "/api/balances", Some("clientId=1")), "granted");
    let mut key = Key::with("coinmate", &[("rate", "1/s")]);
    assert_eq!(key.sign("POST", "/api/balances", Some("clientId=1")), "granted");
    assert_eq!(key.sign("POST", "/api/balances", Some("clientId=1")), "over-rate");
}

#[test]
fn every_source_must_permit() {
    let mut key = Key::with("binance", &[("symbols", "BTCUSDT ETHUSDT")])
        .under("the file", &[("symbols", "ETHUSDT LTCUSDT"), ("allow", "read trade")]);
    assert_eq!(key.buy("BTCUSDT", "1", "1"), "symbol-not-listed");
    assert_eq!(key.buy("LTCUSDT", "1", "1"), "symbol-not-listed");
    assert_eq!(key.buy("ETHUSDT", "1", "1"), "granted");
    assert_eq!(key.rule("DELETE", "/api/v3/order?symbol=A&orderId=1", None), "class-not-granted");
    let body = LIMIT.replace("BTCUSDT", "BTC%20%22");
    let decision = key.decided("POST", "/api/v3/order", Some(&body)).unwrap();
    assert!(matches!(decision.rule, Rule::Limited(_)));
    let body = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1";
    assert!(matches!(key.decided("POST", "/api/v3/order", Some(body)).unwrap().rule, Rule::Limited(_)));
    assert_eq!(&*key.work.said(), "the symbol BTCUSDT is not listed, by the file");
    // Sums of two sources are counted in each.
    let mut key =
        Key::with("binance", &[("notional-day", "100")]).under("f", &[("notional-day", "BTCUSDT:30 100")]);
    assert_eq!(
        [
            key.buy("A", "1", "60"),
            key.buy("BTCUSDT", "1", "31"),
            key.buy("BTCUSDT", "1", "30"),
            key.buy("A", "1", "11")
        ],
        ["granted", "over-day", "granted", "over-day"]
    );
}

#[test]
fn a_long_word_in_a_request_is_cut_in_the_refusal() {
    let mut key = Key::with("binance", &[("symbols", "A")]);
    let symbol = "é".repeat(500);
    let body = format!("symbol={symbol}&side=BUY&type=MARKET&quantity=1");
    assert!(matches!(key.decided("POST", "/api/v3/order", Some(&body)).unwrap().rule, Rule::Limited(_)));
    assert!(key.work.said().starts_with("the symbol éé") && key.work.said().len() <= LONGEST_SAID);
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.next(from.len() as u64) as usize]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.next(at as u64 + 1) as usize);
        }
    }
}

#[test]
fn no_accepted_sequence_exceeds_a_budget() {
    let mut dice = Dice(7);
    for _ in 0..60 {
        let mut key = Key::with(
            "binance",
            &[("notional-day", "A:1000 700"), ("rate", "5/s 40/min"), ("rate-trade", "4/s")],
        );
        // In hundredths, by day; times of what was signed.
        let (mut sums, mut times): (Vec<(u64, bool, u64)>, Vec<u64>) = (Vec::new(), Vec::new());
        for _ in 0..300 {
            key.now_ns += match dice.next(12) {
                0 => SECOND * 3_600 * dice.next(12),
                1..=3 => SECOND * dice.next(20),
                _ => SECOND / 10 * dice.next(6),
            };
            let (symbol, hundredths, price) =
                (dice.pick(&["A", "a", "B", "C"]), 1 + dice.next(30_000), 1 + dice.next(3));
            let quantity = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            if key.buy(symbol, &quantity, &price.to_string()) == "granted" {
                sums.push((key.now_ns / DAY_NS, symbol.eq_ignore_ascii_case("a"), hundredths * price));
                times.push(key.now_ns);
            }
        }
        assert!(sums.len() > 5);
        for (day, own, _) in &sums {
            let sum: u64 = sums.iter().filter(|one| one.0 == *day && one.1 == *own).map(|one| one.2).sum();
            assert!(sum <= if *own { 100_000 } else { 70_000 });
        }
        for (at, from) in times.iter().enumerate() {
            for (count, unit) in [(5, SECOND), (40, 60 * SECOND), (4, SECOND)] {
                for (more, to) in times[at..].iter().enumerate() {
                    let paid_back = u128::from(to - from) * count / u128::from(unit);
                    assert!((more as u128) < count + paid_back, "{count} in {unit}");
                }
            }
        }
    }
}

#[test]
fn in_whatever_order_requests_come_no_more_than_the_sum_is_signed() {
    let mut dice = Dice(11);
    for _ in 0..40 {
        let mut amounts: Vec<u64> = (0..20).map(|_| 1 + dice.next(40)).collect();
        for _ in 0..5 {
            dice.shuffle(&mut amounts);
            let mut key = Key::with("binance", &[("notional-day", "100"), ("withdraw-day", "USDT:100")]);
            let (mut bought, mut sent) = (0, 0);
            for amount in &amounts {
                if key.buy("A", &amount.to_string(), "1") == "granted" {
                    bought += amount;
                }
                let body = format!("coin=USDT&network=x&address=y&amount={amount}");
                if key.sign("POST", "/sapi/v1/capital/withdraw/apply", Some(&body)) == "granted" {
                    sent += amount;
                }
            }
            assert!((61..=100).contains(&bought) && bought == sent, "{bought} {sent} {amounts:?}");
        }
    }
}

#[test]
fn no_parameter_that_is_added_turns_a_refusal_into_an_acceptance() {
    let mut dice = Dice(13);
    let names = [
        "symbol",
        "Symbol",
        "SYMBOL",
        "symbol[]",
        "symbol%5B%5D",
        "%73ymbol",
        "side",
        "SIDE",
        "type",
        "Type",
        "quantity",
        "Quantity",
        "quantity[0]",
        "qty",
        "newQty",
        "origQty",
        "price",
        "Price",
        "stopPrice",
        "quoteOrderQty",
        "QuoteOrderQty",
        "reduceOnly",
        "closePosition",
        "timeInForce",
        "newClientOrderId",
        "recvWindow",
        "batchOrders",
        "coin",
        "amount",
        "address",
        "network",
        "category",
        "trailingDelta",
        "icebergQty",
        "isIsolated",
        "positionSide",
        "reference",
        "x",
    ];
    let values = [
        "BTCUSDT", "ETHUSDT", "BUY", "SELL", "LIMIT", "MARKET", "0", "0.0001", "1", "64000", "99999999",
        "-1", "1e-9", "true", "false", "", "%20", "[]",
    ];
    // Each breaks one limit, and says all that the limits ask for.
    let refused = [
        LIMIT.replace("BTCUSDT", "ETHUSDT"),
        LIMIT.replace("BUY", "SELL"),
        LIMIT.replace("LIMIT", "STOP_LOSS_LIMIT"),
        LIMIT.replace("quantity=0.5", "quantity=0.51"),
        LIMIT.replace("price=64000", "price=65300"),
        LIMIT.replace("quantity=0.5", "quantity=0.4").replace("price=64000", "price=65200"),
        MARKET.replace("0.5", "0.41"),
        SPEND.replace("1000", "26001"),
    ];
    let limits = [
        ("symbols", "BTCUSDT"),
        ("sides", "buy"),
        ("types", "limit market"),
        ("quantity", "0.5"),
        ("notional", "26000"),
        ("band", "2%"),
    ];
    let mut tried = 0;
    for body in &refused {
        let mut key = Key::with("binance", &limits).stating("64000");
        assert_ne!(key.order(body), "granted", "{body}");
        for _ in 0..1_500 {
            let mut words: Vec<String> = body.split('&').map(str::to_owned).collect();
            for _ in 0..=dice.next(3) {
                words.push(format!("{}={}", dice.pick(&names), dice.pick(&values)));
            }
            if dice.next(2) == 0 {
                dice.shuffle(&mut words);
            }
            let cut = if dice.next(3) == 0 { dice.next(words.len() as u64) as usize } else { 0 };
            let (query, form) = (words[..cut].join("&"), words[cut..].join("&"));
            let url = format!("/api/v3/order{}{query}", if cut > 0 { "?" } else { "" });
            let rule = key.rule("POST", &url, Some(&form));
            assert_ne!(rule, "granted", "{url} {form}");
            tried += 1;
        }
    }
    assert_eq!(tried, 12_000);
}
