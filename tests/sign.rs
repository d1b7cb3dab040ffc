//! `signbox sign` and `signbox check`: the real program, signer and kernel, and what curl really sends.

#![allow(clippy::unwrap_used)]

#[path = "common/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "common/signer.rs"]
mod signer;

use operator::{Ran, signbox, signbox_reading};
use serde_json::{Value, json};
use signer::{put, stage};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

#[test]
fn a_request_in_arguments_is_signed_and_printed_in_one_line() {
    if !staged() {
        return;
    }
    let ran = sign(&["POST", "https://api.binance.com/api/v3/order", "--body", ORDER]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.stdout.matches('\n').count(), 1);
    assert!(ran.stdout.starts_with("{\"method\":\"POST\",\"url\":\"https://"), "{}", ran.stdout);
    let signed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(signed["body"], format!("{ORDER}&signature={SIGNATURE}"));
    assert_eq!(signed["headers"], json!({"X-MBX-APIKEY": "published"}));
}

#[test]
fn headers_are_signed_along() {
    if !staged() {
        return;
    }
    let ran =
        sign(&["POST", "/api/v3/order", "-d", ORDER, "-H", "X-One: 1: 2", "--header", "Content-Length:119"]);
    let signed: Value = serde_json::from_str(&ran.stdout).unwrap();
    let length = signed["body"].as_str().unwrap().len().to_string();
    let headers = json!({"X-MBX-APIKEY": "published", "X-One": "1: 2", "Content-Length": length});
    assert_eq!(signed["headers"], headers);
    for (header, why) in
        [("X-One", "no colon"), ("X One: 1", "not an HTTP token"), ("x-one: 2", "stands twice")]
    {
        let ran = sign(&["POST", "/api/v3/order", "-H", "X-One: 1", "-H", header]);
        assert!(ran.code == Some(1) && ran.stderr.contains(why) && ran.stdout.is_empty(), "{ran:?}");
    }
}

#[test]
fn a_request_on_standard_input_is_signed_as_the_same_one_in_arguments() {
    if !staged() {
        return;
    }
    let request = json!({"method": "POST", "url": "/api/v3/order", "headers": {}, "body": ORDER});
    let input = serde_json::to_string_pretty(&request).unwrap();
    let ran = signbox_reading(&input, &["sign", "--max-skew", "off", "binance/main"]);
    assert_eq!(ran.stdout, sign(&["POST", "/api/v3/order", "--body", ORDER]).stdout);
}

#[test]
fn what_is_odd_about_standard_input_is_refused() {
    if !staged() {
        return;
    }
    for (input, why) in [
        ("", "not one JSON object"),
        ("{} {}", "not one JSON object"),
        ("{}},\"op\":\"hello\"", "not one JSON object"),
        ("[]", "'request' is not an object"),
        ("{}", "missing field 'request.method'"),
        (r#"{"method":"GET","url":"/a","method":"POST"}"#, "bad_request"),
        (r#"{"method":"GET","url":"/a","headers":{"X":"1","X":"2"}}"#, "bad_request"),
        (r#"{"method":"GET","url":"/a","key":"kraken/main"}"#, "unknown field"),
    ] {
        let ran = signbox_reading(input, &["sign", "binance/main"]);
        assert!(ran.code == Some(1) && ran.stderr.contains(why) && ran.stdout.is_empty(), "{input}: {ran:?}");
    }
}

#[test]
fn a_refusal_is_a_sentence_on_standard_error() {
    if !staged() {
        return;
    }
    let ran = sign(&["POST", "/sapi/v1/capital/withdraw/apply", "--body", "coin=BTC&address=a&amount=1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.starts_with("signbox: 'withdraw' is not granted to 'binance/main'"), "{}", ran.stderr);
    let ran = signbox(&["sign", "binance/none", "GET", "/api/v3/account"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("no key 'signbox:binance:none'"), "{ran:?}");
    let ran = signbox(&["sign", "binance/main", "GET"]);
    assert_eq!(ran.code, Some(2), "a method without a URL is wrong usage");
}

#[test]
fn check_says_what_would_happen_and_exits_accordingly() {
    if !staged() {
        return;
    }
    let check = |arguments: &[&str]| signbox(&[&["check", "binance/main"], arguments].concat());
    for (arguments, code, line) in [
        (["GET", "/api/v3/account"], 0, "allowed (read, GET /api/v3/account): "),
        (
            ["POST", "/sapi/v1/capital/withdraw/apply"],
            1,
            "refused (withdraw, POST /sapi/v1/capital/withdraw/apply): ",
        ),
        (["GET", "/api/v3/account?coin=BTC&address=a&amount=1"], 1, "refused (read, GET /api/v3/account): "),
        (["GET", "/api/v3/nothing"], 1, "refused (unknown, not in the catalogue): "),
        (["GET", "/api//v3/account"], 1, "refused: "),
    ] {
        let ran = check(&arguments);
        assert!(ran.code == Some(code) && ran.stdout.starts_with(line) && ran.stderr.is_empty(), "{ran:?}");
        assert_eq!(ran.stdout.matches('\n').count(), 1);
    }
    let ran = check(&["--json", "GET", "/api/v3/nothing"]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &answer["check"]["rule"]), (Some(1), &json!("unknown-endpoint")));
}

#[test]
fn curl_sends_exactly_what_was_signed() {
    if !staged() || !has_curl() {
        return;
    }
    let time = "OK-ACCESS-TIMESTAMP: 2020-12-08T09:08:57.715Z";
    let json_body =
        "{\"instId\":\"a \\\\ \\\" b\",\t\"clOrdId\":\"\u{20ac}\\u0041\",\r\n \"tag\":\"@/etc/passwd\"}\n";
    for (handle, arguments) in [
        ("binance/main", vec!["POST", "/api/v3/order", "--body", ORDER]),
        ("binance/main", vec!["DELETE", "/api/v3/order?symbol=LTCBTC&orderId=7&timestamp=1"]),
        ("okx/main", vec!["POST", "/api/v5/trade/order", "--body", json_body, "-H", time]),
        ("okx/main", vec!["POST", "/api/v5/trade/batch-orders", "--body", "[{\"a\":1}]", "-H", time]),
        (
            "okx/main",
            vec!["POST", "/api/v5/trade/order", "-d", "{}", "-H", time, "-H", "content-type: text/plain"],
        ),
        (
            "okx/main",
            vec![
                "POST",
                "/api/v5/trade/cancel-all-after",
                "-H",
                time,
                "-H",
                "X-Quote: \"\\n\"",
                "-H",
                "X-Empty:",
            ],
        ),
        ("okx/main", vec!["GET", "/api/v5/account/balance?ccy=%5BBTC%5D,[ETH],{1-9}", "-H", time]),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let url = origin.clone() + arguments[1];
        let arguments = [&["--max-skew", "off", handle, arguments[0], &url], &arguments[2..]].concat();
        let server = thread::spawn(move || received(&listener));
        let config = signbox(&[&["sign", "--curl"], &arguments[..]].concat());
        assert_eq!((config.code, config.stderr.as_str()), (Some(0), ""));
        let mut curl = Command::new("curl");
        curl.args(["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", "--config", "-"]);
        let ran = operator::feed(curl, &config.stdout);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "done"), "{} {}", ran.stderr, config.stdout);

        let signed = signbox(&[&["sign"], &arguments[..]].concat());
        let signed: Value = serde_json::from_str(&signed.stdout).unwrap();
        let got = server.join().unwrap();
        let target = signed["url"].as_str().unwrap().strip_prefix(&origin).unwrap();
        assert_eq!(got.first, format!("{} {target} HTTP/1.1", signed["method"].as_str().unwrap()));
        assert_eq!(got.body, signed["body"].as_str().unwrap_or(""));
        for (name, value) in signed["headers"].as_object().unwrap() {
            let line = format!("{name}: {}", value.as_str().unwrap());
            assert!(got.headers.iter().any(|header| *header == line.trim_end()), "{line} {got:?}");
        }
        let types = got.headers.iter().filter(|header| header.to_lowercase().starts_with("content-type:"));
        assert!(types.count() == usize::from(!got.body.is_empty()), "{got:?}");
        if got.body.starts_with('[') {
            assert!(got.headers.contains(&"Content-Type: application/json".to_owned()), "{got:?}");
        }
    }
}

/// What a server sees of a request.
#[derive(Debug)]
struct Received {
    first: String,
    headers: Vec<String>,
    body: String,
}

fn received(listener: &TcpListener) -> Received {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end_matches("\r\n") {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let first = lines.remove(0);
    let length = lines.iter().find_map(|line| line.strip_prefix("Content-Length: "));
    // A server that waits for a length is not left waiting.
    assert!(length.is_some() || !first.starts_with("POST"), "{first} {lines:?}");
    let mut body = vec![0; length.map_or(0, |digits| digits.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone").unwrap();
    Received { first, headers: lines, body: String::from_utf8(body).unwrap() }
}

fn sign(arguments: &[&str]) -> Ran {
    signbox(&[&["sign", "--max-skew", "off", "binance/main"], arguments].concat())
}

fn staged() -> bool {
    let staged = stage();
    if staged {
        put("binance/main", &json!({"key": "published", "secret": SECRET}).to_string());
        put("okx/main", r#"{"key":"k","secret":"s","passphrase":"p \" \\ p"}"#);
    }
    staged
}

fn has_curl() -> bool {
    let there = Command::new("curl").arg("--version").output().is_ok();
    let required = std::env::var("SIGNBOX_TEST_KERNEL").as_deref() == Ok("require");
    assert!(there || !required, "there is no curl here");
    there
}

// Binance Open Platform, "Request Security".
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const ORDER: &str = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
