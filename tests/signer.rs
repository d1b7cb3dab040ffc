//! What happens around the lines: how the signer is started, how it ends, and what pipes do to it.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/signer.rs"]
mod signer;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::{Value, json};
use signer::{Signer, command, put, skip, stage, wait};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

const SIGN: &str =
    r#"{"v":1,"id":1,"op":"sign","key":"binance/main","request":{"method":"GET","url":"/api/v3/account"}}"#;
const HELLO: &str = r#"{"v":1,"id":1,"op":"hello"}"#;
const LONGEST: usize = 65_536;

/// A signer for one key, or nothing where it cannot run.
fn one_key() -> Option<Signer> {
    stage().then(|| {
        put("binance/main", r#"{"key":"FAKEkey","secret":"FAKEsecret"}"#);
        Signer::start(&["binance/main"])
    })
}

/// The answer to one line.
fn ask(signer: &mut Signer, line: &str) -> Value {
    signer.send(format!("{line}\n").as_bytes());
    serde_json::from_str(&signer.answer().expect("an answer")).unwrap()
}

/// A line of this many bytes that asks for a signature.
fn line_of(bytes: usize) -> String {
    let line = SIGN.replace("account", "account?note=");
    let padding = "x".repeat(bytes - line.len());
    line.replace("note=", &format!("note={padding}"))
}

#[test]
fn a_start_that_cannot_succeed_says_why_and_ends_with_its_code() {
    if !stage() {
        return;
    }
    put("binance/main", "FAKE");
    for (arguments, code, says) in [
        ("", 2, "no key is named"),
        ("--claim", 2, "no key is named"),
        ("--frob binance/main", 2, "unknown option '--frob'"),
        ("-x binance/main", 2, "unknown option '-x'"),
        ("--claim=yes binance/main", 2, "unknown option '--claim=yes'"),
        ("--memory heap binance/main", 2, "--memory"),
        ("binance/main --memory", 2, "--memory needs a value"),
        ("--max-skew soon binance/main", 2, "--max-skew: 'soon' is neither seconds nor 'off'"),
        ("--max-skew=-1 binance/main", 2, "--max-skew"),
        ("binance", 1, "'binance' is not EXCHANGE/LABEL"),
        ("binance/", 1, "is not EXCHANGE/LABEL"),
        ("binance/a/b", 1, "is not EXCHANGE/LABEL"),
        ("binance/sp*ce", 1, "is not EXCHANGE/LABEL"),
        ("mtgox/main", 1, "no exchange is called 'mtgox'"),
        ("binance/other", 1, "no key 'signbox:binance:other'"),
        ("binanceus/main", 1, "no key 'signbox:binanceus:main'"),
        ("binance/main binance/main", 1, "key 'binance/main' is named twice"),
    ] {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let output = command(&arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.starts_with("signbox-signer: ") && said.contains(says), "{arguments:?}: {said}");
        assert_eq!(said.contains("usage: "), code == 2, "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_need_no_key() {
    for (argument, begins) in [
        ("--help", "usage: "),
        ("-h", "usage: "),
        ("--version", "signbox-signer "),
        ("-V", "signbox-signer "),
    ] {
        let output = command(&[argument]).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{argument}");
        assert!(String::from_utf8(output.stdout).unwrap().starts_with(begins), "{argument}");
    }
}

#[test]
fn a_record_that_is_no_good_does_not_keep_the_others_from_being_used() {
    if !stage() {
        return;
    }
    put("okx/main", r#"{"secret":"FAKE","typo":1}"#);
    put("binance/main", "FAKE");
    let mut signer = Signer::start(&["okx/main", "binance/main"]);
    assert!(ask(&mut signer, SIGN)["request"].is_object());
}

#[test]
fn what_was_signed_signs_to_the_same() {
    if !stage() {
        return;
    }
    put("binance/main", r#"{"key":"k","secret":"FAKE"}"#);
    put("okx/main", r#"{"key":"k","secret":"FAKE","passphrase":"p"}"#);
    put("coinbaseexchange/main", r#"{"key":"k","secret":"c2VjcmV0","passphrase":"p"}"#);
    put("poloniex/main", r#"{"key":"k","secret":"FAKE"}"#);
    put("bittrex/main", r#"{"key":"k+/","secret":"FAKE"}"#);
    let mut signer = Signer::start(&[
        "binance/main",
        "okx/main",
        "coinbaseexchange/main",
        "poloniex/main",
        "bittrex/main",
    ]);
    for (key, method, url, body) in [
        ("binance/main", "POST", "/api/v3/order?symbol=LTCBTC", Some("side=BUY&type=MARKET&quantity=1")),
        ("binance/main", "GET", "/api/v3/account", None),
        (
            "okx/main",
            "POST",
            "https://www.okx.com/api/v5/trade/order",
            Some("{\"note\":\"\\u00e9 \\\"é\\\" \\\\\"}"),
        ),
        ("coinbaseexchange/main", "GET", "/orders?status=open", None),
        ("poloniex/main", "GET", "/orders?symbol=BTC_USDT&limit=5", None),
        ("bittrex/main", "GET", "/api/v1.1/account/getbalances", None),
    ] {
        let ask_for =
            |request: &Value| json!({"v":1,"id":7,"op":"sign","key":key,"request":request}).to_string();
        let first = ask(&mut signer, &ask_for(&json!({"method":method,"url":url,"headers":{},"body":body})));
        assert!(first["request"].is_object(), "{key}: {first}");
        assert_eq!(ask(&mut signer, &ask_for(&first["request"])), first, "{key}");
    }
}

/// The stack is three pages in a release build, and its end is a guard page: the deepest request must fit.
#[test]
fn the_deepest_json_with_the_most_headers_fits_the_stack() {
    if !stage() {
        return;
    }
    put("kraken/main", r#"{"key":"FAKEkey","secret":"c2VjcmV0"}"#);
    let mut signer = Signer::start(&["kraken/main"]);
    let headers: serde_json::Map<String, Value> =
        (0..60).map(|at| (format!("h{at}"), json!("\u{e9}\""))).collect();
    for (deep, signed) in [(15, true), (16, false), (4000, false)] {
        let body = format!("{{\"a\":{}1{}}}", "{\"b\":".repeat(deep), "}".repeat(deep));
        let request =
            json!({"method": "POST", "url": "/0/private/AddOrderBatch", "headers": headers, "body": body});
        let line = json!({"v": 1, "id": 1, "op": "sign", "key": "kraken/main", "request": request});
        let answer = ask(&mut signer, &line.to_string());
        assert_eq!(answer.get("request").is_some(), signed, "{deep} levels: {answer}");
        // The same depth in the line itself.
        let nested = format!("{{\"v\":1,\"id\":1,\"op\":{}1{}}}", "[".repeat(deep), "]".repeat(deep));
        assert_eq!(ask(&mut signer, &nested)["error"]["code"], "bad_request");
    }
    assert!(signer.end().success());
}

/// Behind the walls a heap that has much to give back would end the signer.
#[test]
fn a_signer_with_a_thousand_keys_signs_with_each() {
    if !stage() {
        return;
    }
    let many = if nix::unistd::getuid().is_root() { 1000 } else { 100 };
    let handles: Vec<String> = (0..many).map(|at| format!("binance/k{at}")).collect();
    for handle in &handles {
        put(handle, r#"{"key":"FAKEkey","secret":"FAKEsecret"}"#);
    }
    let mut signer = Signer::start(&handles.iter().map(String::as_str).collect::<Vec<_>>());
    for handle in &handles {
        let answer = ask(&mut signer, &SIGN.replace("binance/main", handle));
        assert!(answer.get("request").is_some(), "{handle}: {answer}");
    }
    assert!(signer.end().success());
}

#[test]
fn a_line_of_65536_bytes_is_answered_and_one_more_byte_is_refused() {
    let Some(mut signer) = one_key() else { return };
    let answer = ask(&mut signer, &line_of(LONGEST));
    assert!(answer["request"]["url"].as_str().is_some_and(|url| url.len() > LONGEST - 200));
    for bytes in [LONGEST + 1, LONGEST + 2, 3 * LONGEST, 20 * LONGEST + 7] {
        let answer = ask(&mut signer, &line_of(bytes));
        assert_eq!(answer["error"]["code"], "bad_request", "{bytes}");
        assert_eq!(answer["id"], Value::Null, "{bytes}");
        assert_eq!(ask(&mut signer, HELLO)["id"], 1, "the signer goes on after {bytes} bytes");
    }
    assert!(ask(&mut signer, &line_of(LONGEST))["request"].is_object());
}

#[test]
fn long_lines_in_a_row_are_each_answered_once() {
    let Some(mut signer) = one_key() else { return };
    let lengths = [LONGEST, LONGEST + 1, 200, LONGEST, LONGEST, 5 * LONGEST, LONGEST - 1, 200, LONGEST + 1];
    let lines: String = lengths.iter().map(|bytes| line_of(*bytes) + "\n").collect();
    signer.send(lines.as_bytes());
    for bytes in lengths {
        let answer: Value = serde_json::from_str(&signer.answer().expect("an answer")).unwrap();
        assert_eq!(answer["request"].is_object(), bytes <= LONGEST, "{bytes}");
    }
    assert!(signer.end().success());
    assert_eq!(signer.answer(), None);
}

#[test]
fn a_line_may_come_in_pieces_and_end_with_a_carriage_return() {
    let Some(mut signer) = one_key() else { return };
    for byte in format!("{HELLO}\r\n").bytes() {
        signer.send(&[byte]);
    }
    assert!(signer.answer().unwrap().starts_with(r#"{"v":1,"id":1,"hello":"#));
}

#[test]
fn bytes_that_are_no_text_are_refused_and_the_signer_goes_on() {
    let Some(mut signer) = one_key() else { return };
    for bytes in [
        &b"\xff\n"[..],
        b"\0\n",
        b"{\"v\":1,\"id\":\"\xc3\",\"op\":\"hello\"}\n",
        b"\xef\xbb\xbf{\"v\":1,\"id\":1,\"op\":\"hello\"}\n",
    ] {
        signer.send(bytes);
        let answer: Value = serde_json::from_str(&signer.answer().expect("an answer")).unwrap();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&Value::Null, &json!("bad_request")),
            "{bytes:?}"
        );
    }
    assert_eq!(ask(&mut signer, HELLO)["id"], 1);
}

#[test]
fn the_end_of_the_input_ends_the_signer_with_0() {
    let Some(mut signer) = one_key() else { return };
    assert_eq!(signer.end().code(), Some(0));
    assert_eq!(signer.answer(), None);
}

#[test]
fn an_input_that_ends_inside_a_line_is_answered_with_an_error() {
    let Some(mut signer) = one_key() else { return };
    signer.send(format!("{HELLO}\n{HELLO}").as_bytes());
    assert_eq!(signer.end().code(), Some(0));
    assert!(signer.answer().unwrap().contains("hello"));
    let last: Value = serde_json::from_str(&signer.answer().unwrap()).unwrap();
    assert_eq!((&last["id"], &last["error"]["code"]), (&Value::Null, &json!("bad_request")));
    assert_eq!(signer.answer(), None);
}

#[test]
fn two_hundred_lines_in_one_write_are_answered_in_order_with_rising_nonces() {
    if !stage() {
        return;
    }
    put("kraken/main", r#"{"key":"k","secret":"c2VjcmV0"}"#);
    let mut signer = Signer::start(&["kraken/main"]);
    let line = |id: u32| json!({"v":1,"id":id,"op":"sign","key":"kraken/main","request":{"method":"POST","url":"/0/private/Balance"}});
    let lines: String = (0..200).map(|id| format!("{}\n", line(id))).collect();
    signer.send(lines.as_bytes());
    let mut last = 0;
    for id in 0..200 {
        let answer: Value = serde_json::from_str(&signer.answer().expect("an answer")).unwrap();
        assert_eq!(answer["id"], id);
        let body = answer["request"]["body"].as_str().unwrap();
        let nonce: u64 = body.strip_prefix("nonce=").unwrap().parse().unwrap();
        assert!(nonce > last, "{nonce} after {last}");
        last = nonce;
    }
}

#[test]
fn minted_timestamps_are_near_the_clock_however_many_come_at_once() {
    let Some(mut signer) = one_key() else { return };
    signer.send(format!("{SIGN}\n").repeat(600).as_bytes());
    let mut last = 0;
    for _ in 0..600 {
        let answer = signer.answer().expect("an answer");
        let time =
            answer.split("timestamp=").nth(1).unwrap().split('&').next().unwrap().parse::<u128>().unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        assert!(time <= now + 250, "{time} at {now}");
        assert!(time >= last, "{time} after {last}");
        last = time;
    }
}

#[test]
fn a_client_that_stops_reading_and_goes_on_gets_every_answer() {
    if !stage() {
        return;
    }
    put("binance/main", "FAKE");
    let mut child = command(&["binance/main"]).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // Far more than both pipes hold: the signer waits for its reader in the middle of an answer.
    let lines = format!("{}\n", line_of(20_000)).repeat(64);
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    let mut answers = String::new();
    output.read_to_string(&mut answers).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(answers.lines().filter(|line| line.contains("&signature=")).count(), 64);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_client_that_closes_its_end_ends_the_signer_with_1_and_no_signal() {
    if !stage() {
        return;
    }
    put("binance/main", "FAKE");
    let mut child = command(&["binance/main"]).spawn().unwrap();
    drop(child.stdout.take());
    // A child of another test holds a copy of our end between its fork and its exec: one answer may still find it open.
    for _ in 0..100 {
        let asked = child.stdin.as_mut().unwrap().write_all(format!("{HELLO}\n").as_bytes());
        if asked.is_err() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(wait(&mut child).code(), Some(1));
}

#[test]
fn descriptors_that_do_not_block_and_are_one_socket_will_do() {
    if !stage() {
        return;
    }
    put("binance/main", "FAKE");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    fcntl(&theirs, FcntlArg::F_SETFL(OFlag::O_NONBLOCK | OFlag::O_RDWR)).unwrap();
    let theirs = std::os::fd::OwnedFd::from(theirs);
    let mut child =
        command(&["binance/main"]).stdin(theirs.try_clone().unwrap()).stdout(theirs).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none(), "it waits for input");
    ours.write_all(format!("{SIGN}\n").as_bytes()).unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    ours.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("&signature="), "{answer}");
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_signer_with_many_keys_says_hello_as_often_as_it_is_asked() {
    if !stage() {
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        return skip("it needs more keys than the quota of a user allows");
    }
    let handles: Vec<String> = (0..200).map(|at| format!("coinbaseexchange/{:k<60}", at)).collect();
    for handle in &handles {
        put(handle, r#"{"secret":"c2VjcmV0","limits":{}}"#);
    }
    let mut signer = Signer::start(&handles.iter().map(String::as_str).collect::<Vec<_>>());
    signer.send(format!("{HELLO}\n").repeat(40).as_bytes());
    for _ in 0..40 {
        let answer: Value = serde_json::from_str(&signer.answer().expect("an answer")).unwrap();
        assert_eq!(answer["hello"]["keys"].as_array().unwrap().len(), 200);
    }
}
