//! What is missing or bent is refused by its name.

use super::*;

/// What signing says about a request with a bogus key that `change` was let loose on.
fn said(id: &str, http: &Http, change: impl FnOnce(&mut Bogus)) -> String {
    let exchange = signbox_exchanges::exchange(id).unwrap();
    let mut key = keys(exchange).remove(0);
    assert!(
        matches!(run(exchange, grants(ALL), &key, http), Outcome::Signed | Outcome::BadRequest(_)),
        "{id}"
    );
    change(&mut key);
    match run(exchange, grants(ALL), &key, http) {
        Outcome::BadRequest(why) => why,
        outcome => panic!("{id}: {outcome:?}: {http:?}"),
    }
}

#[test]
fn what_the_key_lacks_is_named() {
    for (id, http, name) in [
        ("bitmart", Http::new("GET", "/spot/v1/wallet", None), "uid"),
        ("coinmate", Http::new("POST", "/api/balances", None), "uid"),
    ] {
        let why = said(id, &http, |key| key.uid = None);
        assert!(why.contains(name) && why.contains("signbox add"), "{id}: {why}");
    }
    let why = said("kucoin", &Http::new("GET", "/api/v1/accounts", None), |key| key.passphrase = None);
    assert!(why.starts_with("'KC-API-PASSPHRASE' "), "{why}");
}

#[test]
fn a_field_that_is_not_what_it_must_be_is_named() {
    for (id, http, name) in [
        ("gemini", Http::new("POST", "/v1/balances", Some(r#"{"request":"/v1/withdraw/btc"}"#)), "request"),
        (
            "whitebit",
            Http::new(
                "POST",
                "/api/v4/trade-account/balance",
                Some(r#"{"request":"/api/v4/main-account/withdraw"}"#),
            ),
            "request",
        ),
        (
            "cryptocom",
            Http::new(
                "POST",
                "/exchange/v1/private/user-balance",
                Some(r#"{"method":"private/create-withdrawal","params":{}}"#),
            ),
            "method",
        ),
        ("kraken", Http::new("POST", "/0/private/Balance", Some("[1]")), "nonce"),
    ] {
        let why = said(id, &http, |_| ());
        assert!(why.starts_with(&format!("'{name}' ")), "{id}: {why}");
    }
}

#[test]
fn a_window_that_is_not_a_number_is_named() {
    let name = "X-BAPI-RECV-WINDOW";
    for odd in ["5000x", "5000symbol=BTC&side=Buy&", "-1", "5e3", " 5000", "5_000"] {
        let mut http = Http::new("GET", "/v5/account/wallet-balance?accountType=UNIFIED", None);
        http.headers.insert(name.to_lowercase(), odd.to_owned());
        let why = said("bybit", &http, |_| ());
        assert!(why.starts_with(&format!("'{name}' ")), "{odd}: {why}");
    }
}

#[test]
fn a_url_for_somebody_else_is_refused_and_the_refusal_says_why() {
    for exchange in signable() {
        let host = exchange.hosts[0].text();
        // A host that begins with a dot stands for all below it.
        let widest =
            exchange.hosts.iter().find(|host| host.starts_with('.')).map_or(host, |host| host.text());
        for (url, why) in [
            ("https://evil.example/x".to_owned(), "not this exchange's"),
            (format!("https://{host}.evil.example/x"), "not this exchange's"),
            (format!("https://evil{}/x", widest.trim_start_matches('.')), "not this exchange's"),
            (format!("https://{host}./x"), "not this exchange's"),
            ("https://127.0.0.1.evil.example/x".to_owned(), "not this exchange's"),
            (format!("http://{host}/x"), "http:// to another machine"),
            (format!("https://a@{host}/x"), "odd host"),
            (format!("https://{host}:443@evil.example/x"), "odd host"),
            (format!("https://{host}\\.evil.example/x"), "odd host"),
            (format!("https://{host}%2eevil.example/x"), "odd host"),
            (format!("https://{host}/x#y"), "fragment"),
            (format!("https://{host}/x?a=1#y"), "fragment"),
            (format!("//{host}/x"), "empty segment"),
            (format!("HTTPS://{host}/x"), "neither with https:// nor with the path"),
            (format!("{host}/x"), "neither with https:// nor with the path"),
        ] {
            let said = Http::new("GET", &url, None).apart(exchange, |_| Ok(()));
            assert!(said.is_err_and(|said| said.contains(why)), "{}: {url}: {said:?}", exchange.id);
        }
        for url in [
            format!("https://{host}/x"),
            format!("https://{}:443/x", host.to_uppercase()),
            "http://127.0.0.1:8080/x".into(),
        ] {
            assert_eq!(
                Http::new("GET", &url, None).apart(exchange, |_| Ok(())),
                Ok(()),
                "{}: {url}",
                exchange.id
            );
        }
    }
}

#[test]
fn a_body_is_what_its_content_type_says() {
    let json = Some(r#"{"nonce":1}"#);
    let form = Some("nonce=1");
    for (said, body, good) in [
        ("application/json", json, true),
        ("application/json; charset=utf-8", json, true),
        ("application/x-www-form-urlencoded", form, true),
        ("text/plain", json, true),
        ("application/json", form, false),
        ("Application/X-WWW-Form-Urlencoded", json, false),
    ] {
        let mut http = Http::new("POST", "/0/private/Balance", body);
        http.headers.insert("content-type".into(), said.into());
        let exchange = signbox_exchanges::exchange("kraken").unwrap();
        let ruled = rule(exchange, grants(ALL), &http);
        assert_eq!(ruled.is_ok(), good, "{said}: {body:?}: {ruled:?}");
        assert!(ruled.is_ok() || ruled.is_err_and(|why| why.starts_with("'Content-Type' says")));
    }
}

#[test]
fn a_body_that_signing_makes_is_what_its_content_type_says() {
    for (said, good) in [("application/x-www-form-urlencoded", true), ("application/json", false)] {
        let exchange = signbox_exchanges::exchange("lbank").unwrap();
        let mut http = Http::new("POST", "/v2/orders_info_no_deal.do", None);
        http.headers.insert("Content-Type".into(), said.into());
        let outcome = run(exchange, grants(ALL), &keys(exchange)[0], &http);
        assert_eq!(matches!(outcome, Outcome::Signed), good, "{said}: {outcome:?}");
        assert!(
            good || matches!(outcome, Outcome::BadRequest(why) if why.starts_with("'Content-Type' says"))
        );
    }
}

/// A request as it is to be sent, signed with a bogus key.
fn sent(exchange: &Exchange, http: &Http) -> Http {
    let (key, mut signed) = (keys(exchange).remove(0), Signed::with_capacity(0));
    let credentials = key.credentials();
    let clock = Clock { now_ns: 1_700_000_000_123_456_789, last: 0, skew: Skew::Off, unique: [7; 18] };
    let url = http.apart(exchange, |parts| {
        let outcome = exchange.sign(parts, &credentials, &mut Keyed::default(), &clock, &mut signed);
        assert_eq!(outcome, Ok(()), "{}: {http:?}", exchange.id);
        Ok(format!("{}{}{}{}", parts.origin, parts.path, signed.mark(parts), signed.query))
    });
    let mut headers = http.headers.clone();
    headers.extend(signed.headers(&credentials).map(|(name, value)| (name.to_string(), value.to_owned())));
    let body = (!signed.body.is_empty()).then_some(signed.body.clone());
    Http { url: url.unwrap(), headers, body, ..http.clone() }
}

#[test]
fn a_content_type_that_signing_adds_is_that_of_the_body() {
    let exchange = signbox_exchanges::exchange("bitstamp").unwrap();
    for (body, wanted) in
        [("amount=1", "application/x-www-form-urlencoded"), (r#"{"amount":1}"#, "application/json")]
    {
        let http = sent(exchange, &Http::new("POST", "/api/v2/buy/btcusd/", Some(body)));
        assert_eq!(http.headers.get("Content-Type").map(String::as_str), Some(wanted), "{body}");
    }
}

#[test]
fn a_form_that_was_nothing_but_a_signature_stays_a_form() {
    let exchange = signbox_exchanges::exchange("bingx").unwrap();
    let http = sent(exchange, &Http::new("POST", "/openApi/spot/v1/trade/order", Some("signature=x")));
    let body = http.body.as_deref().unwrap();
    assert!(!http.url.contains('?') && body.starts_with("timestamp=1700000000123&signature="), "{http:?}");
    assert_eq!(sent(exchange, &http).body, http.body);
}
