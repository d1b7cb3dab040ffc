#![allow(clippy::unwrap_used)]

use super::*;

fn one(name: &str, text: &str) -> Result<Limits, String> {
    let mut limits = Limits::default();
    limits.set(name, text).map_err(|mistake| mistake.to_string())?;
    Ok(limits)
}

fn record(object: &str) -> Result<Limits, String> {
    let mut limits = Limits::default();
    limits.set_all(object.as_bytes(), &mut Names::new()).map_err(|mistake| mistake.to_string())?;
    Ok(limits)
}

fn most(limits: &Limits, limit: Limit, of: &str) -> Option<String> {
    limits.amount(limit, Some(of)).map(|amount| amount.most.to_string())
}

#[test]
fn every_limit_has_a_name_a_bit_and_a_place() {
    for (at, limit) in Limit::ALL.into_iter().enumerate() {
        assert_eq!(Limit::of(limit.name()), Some(limit));
        assert_eq!(limit.bit(), 1 << at, "{limit}");
        for does in [Does::Place, Does::Withdraw] {
            assert_eq!(of_what_is_said(does) & limit.bit() != 0, limit.does() == Some(does), "{limit}");
        }
    }
}

#[test]
fn what_a_mistake_is_told_to_be_right_is_right() {
    for limit in Limit::ALL {
        let quoted = limit.form().split('\'').skip(1).step_by(2);
        for text in quoted.filter(|text| !text.starts_with("words") && *text != ";") {
            assert!(one(limit.name(), text).is_ok(), "{limit} {text}");
        }
    }
}

#[test]
fn mistakes_are_refused_with_the_limit_and_what_would_be_right() {
    for (name, text, why) in [
        ("sybmols", "A", "the name of a limit is not known; there are allow, hosts, symbols"),
        ("symbols", "", "limit 'symbols': there is nothing in it; write 'BTCUSDT ETHUSDT' or 'BTC*'"),
        ("symbols", "  ", "there is nothing in it"),
        ("symbols", "B*C", "a '*' that is not at the end"),
        ("symbols", "ΒTC", "not printable ASCII"),
        ("symbols", "A\tB", "not printable ASCII"),
        ("sides", "long", "a word that is not known; write 'buy', 'sell'"),
        ("sides", "BUY", "a word that is not known"),
        ("types", "limit stop", "a word that is not known"),
        ("quantity", "1,5", "a number that is no decimal"),
        ("quantity", "-1", "a number that is no decimal"),
        ("quantity", "1e3", "a number that is no decimal"),
        ("quantity", "0x10", "a number that is no decimal"),
        ("quantity", "1 2", "two bare numbers"),
        ("quantity", "A:1 a:2", "stands twice"),
        ("quantity", ":1", "a number for nothing"),
        ("quantity", "A:", "a number that is no decimal"),
        ("notional", "1000USDT", "a number that is no decimal"),
        ("notional", "0.0000000000000000001", "a number that is no decimal"),
        ("notional-day", "99999999999999999999999999999999999999999", "a number that is no decimal"),
        ("band", "2", "no '%' behind it; write '2%'"),
        ("band", "2 %", "a number that is no decimal"),
        ("band", "-2%", "a number that is no decimal"),
        ("rate", "10", "a word without a '/'"),
        (
            "rate",
            "10/sec",
            "a unit that is not known; write '10/s', '300/min' or both, with units s, min, h or d",
        ),
        ("rate", "0/s", "no whole number from 1"),
        ("rate", "1.5/s", "no whole number from 1"),
        ("rate", "+5/s", "no whole number from 1"),
        ("rate", "1000001/s", "no whole number from 1"),
        ("rate-trade", "1/s 2/s", "a unit stands twice"),
        ("hours", "mon-fri 08:00-18:00", "no 'UTC' at its end"),
        ("hours", "mon-fri 08:00-18:00 UTC;", "nothing between two ';'"),
        ("until", "tomorrow", "no date"),
        ("until", "2026-02-30", "no date"),
        ("withdraw-to", "bc1q", "a word without a '/'"),
        ("withdraw-to", "BTC/bitcoin", "a word without a ':'"),
        ("withdraw-to", "BTC/:bc1q", "is missing"),
        ("withdraw-to", "BTC/bitcoin:", "is missing"),
        ("withdraw-to", "XRP/x:r#", "is missing"),
        ("withdraw-to", "*/x:r", "a currency with an odd character"),
        ("withdraw-day", "100", "a word without a ':'; write 'USDT:1000 BTC:0.1'"),
        ("hosts", "https://api.binance.com", "a host with an odd character"),
        ("allow", "everything", "a word that is no grant"),
        ("accept-unenforced", "notinoal", "a word that is no limit"),
        ("accept-unenforced", "accept-unenforced", "a word that is no limit"),
    ] {
        let told = one(name, text).expect_err(text);
        assert!(told.contains(why), "{name} = {text}: {told}");
    }
    for name in ["band", "until"] {
        let mut limits = Limits::default();
        let text = if name == "band" { "2%" } else { "2026-12-31" };
        limits.set(name, text).unwrap();
        assert_eq!(limits.set(name, text).unwrap_err().why, "it stands twice");
    }
}

#[test]
fn more_than_64_words_are_refused() {
    let words = |count: usize| (0..count).map(|at| format!("S{at}")).collect::<Vec<_>>().join(" ");
    assert!(one("symbols", &words(64)).unwrap().lists_symbol("s63"));
    assert!(one("symbols", &words(65)).unwrap_err().contains("more than 64"));
    assert!(one("hosts", &words(65)).unwrap_err().contains("more than 64"));
    let long = "x".repeat(LONGEST_TEXTS + 1);
    assert!(one("symbols", &long).unwrap_err().contains("too long"));
}

#[test]
fn the_amount_that_names_a_symbol_best_counts() {
    let limits = one("quantity", "BTC*:1 BTCUSDT:0.5 BTCU*:0.7 10").unwrap();
    for (symbol, amount) in [
        ("BTCUSDT", "0.5"),
        ("btcusdt", "0.5"),
        ("BTCUSDC", "0.7"),
        ("BTCEUR", "1"),
        ("BTC", "1"),
        ("ETHUSDT", "10"),
    ] {
        assert_eq!(most(&limits, Limit::Quantity, symbol).as_deref(), Some(amount), "{symbol}");
    }
    assert_eq!(limits.amount(Limit::Quantity, None).unwrap().most.to_string(), "0.5");
    let limits = one("notional", "BTCUSDT:5000").unwrap();
    assert_eq!(most(&limits, Limit::Notional, "ETHUSDT"), None);
    // Where symbols hold a colon, the last one is before the number.
    let limits = one("quantity", "tTESTBTC:TESTUSD:3").unwrap();
    assert_eq!(most(&limits, Limit::Quantity, "tTESTBTC:TESTUSD").as_deref(), Some("3"));
}

#[test]
fn a_record_says_the_same_with_texts_and_lists_of_texts() {
    let limits = record(r#"{"symbols":["BTCUSDT","ETH*  LTCUSDT"],"rate":"10/s 300/min"}"#).unwrap();
    assert!(["BTCUSDT", "ethusdt", "LTCUSDT"].into_iter().all(|symbol| limits.lists_symbol(symbol)));
    assert!(!limits.lists_symbol("BTCUSD") && !limits.lists_symbol("XETH") && !limits.lists_symbol(""));
    assert_eq!(limits.rates().len(), 2);
    let texts: Vec<_> = limits.texts().collect();
    assert_eq!(
        texts,
        [(Limit::Symbols, "BTCUSDT"), (Limit::Symbols, "ETH*  LTCUSDT"), (Limit::Rate, "10/s 300/min")]
    );
    assert!(record("{}").unwrap().is_empty());
    for (object, why) in [
        (r#"{"symbols":5}"#, "neither a text nor a list of texts"),
        (r#"{"symbols":[]}"#, "there is nothing in it"),
        (r#"{"symbols":[5]}"#, "limit 'symbols': neither a text"),
        (r#"{"symbols":"A\u0042"}"#, "a backslash"),
        (r#"{"symbols":"A","symbols":"B"}"#, "a JSON name that stands twice"),
        (r#"{"nonsense":"A"}"#, "the name of a limit is not known"),
        (r#"{"allow":"read"}"#, "in a record it stands beside the limits"),
        (r#"{"quantity":"HUSH"}"#, "limit 'quantity': a number that is no decimal"),
    ] {
        let told = record(object).unwrap_err();
        assert!(told.contains(why) && !told.contains("HUSH"), "{object}: {told}");
    }
}

#[test]
fn a_record_is_read_again_only_when_it_has_changed() {
    let (mut limits, mut names) = (Limits::default(), Names::new());
    let mut set = |object: &str| {
        let read = limits.set_all(object.as_bytes(), &mut names).is_ok();
        (read, limits.lists_symbol("A"), limits.lists_symbol("B"), limits.band().is_some())
    };
    assert_eq!(set(r#"{"symbols":"A","band":"1%"}"#), (true, true, false, true));
    assert_eq!(set(r#"{"symbols":"A","band":"1%"}"#), (true, true, false, true));
    assert_eq!(set(r#"{"symbols":"B"}"#), (true, false, true, false));
    // What is wrong stays wrong.
    assert!(!set(r#"{"symbols":"B","band":"1"}"#).0);
    assert!(!set(r#"{"symbols":"B","band":"1"}"#).0);
    assert_eq!(set(""), (true, false, false, false));
    assert_eq!(set(r#"{"symbols":"A"}"#), (true, true, false, false));
}

#[test]
fn nothing_grows_beyond_the_room_it_has_from_the_start() {
    let limits = Limits::default();
    let rooms = |limits: &Limits| {
        [
            limits.texts.capacity(),
            limits.said.capacity(),
            limits.symbols.capacity(),
            limits.quantity.capacity(),
            limits.rates.capacity(),
            limits.hours.capacity(),
            limits.withdraw_to.capacity(),
            limits.written.capacity(),
        ]
    };
    let before = rooms(&limits);
    let mut limits = limits;
    let words = (0..70).map(|at| format!("S{at}:{at}")).collect::<Vec<_>>().join(" ");
    let rates = "1/s 1/min 1/h 1/d";
    let object = format!(
        r#"{{"rate":"{rates}","rate-read":"{rates}","rate-trade":"{rates}","rate-cancel":"{rates}","rate-transfer":"{rates}","rate-withdraw":"{rates}","rate-admin":"{rates}","quantity":"{words}"}}"#
    );
    assert!(limits.set_all(object.as_bytes(), &mut Names::new()).is_err());
    for _ in 0..200 {
        let _ = limits.set("symbols", "A");
        let _ = limits.set("hours", "00:00-01:00 UTC");
        let _ = limits.set("withdraw-to", "A/b:c");
    }
    assert_eq!(rooms(&limits), before);
}

#[test]
fn a_file_can_take_grants_away_and_never_give_any() {
    let limits = one("allow", "read withdraw").unwrap();
    assert_eq!(limits.narrow(Grants::DEFAULT).to_string(), "read");
    assert_eq!(Limits::default().narrow(Grants::DEFAULT), Grants::DEFAULT);
}

#[test]
fn what_a_signature_cannot_hold_is_found_at_once() {
    let coinmate = signbox_exchanges::exchange("coinmate").unwrap();
    for (name, text) in [("symbols", "A"), ("withdraw-to", "BTC/x:y"), ("rate-trade", "1/s")] {
        let mut limits = one(name, text).unwrap();
        let (limit, why) = limits.unenforceable(coinmate).unwrap();
        assert_eq!(limit.name(), name);
        assert!(why.contains("covers nothing of the request"), "{why}");
        limits.set("accept-unenforced", name).unwrap();
        assert_eq!(limits.unenforceable(coinmate), None);
    }
    for (name, text) in [("rate", "1/s"), ("hours", "00:00-01:00 UTC"), ("until", "2030-01-01")] {
        assert_eq!(one(name, text).unwrap().unenforceable(coinmate), None);
    }
    for id in ["binance", "kraken", "okx", "bybit"] {
        let exchange = signbox_exchanges::exchange(id).unwrap();
        for (name, text) in
            [("symbols", "A"), ("notional", "5"), ("withdraw-day", "A:1"), ("withdraw-to", "BTC/x:y")]
        {
            assert_eq!(one(name, text).unwrap().unenforceable(exchange), None, "{id} {name}");
        }
    }
}
