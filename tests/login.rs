//! Logins over WebSockets, through the real signer: what is written down of them, and what a key without the grant gets.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "ledger/log.rs"]
mod log;
#[path = "common/signer.rs"]
mod signer;

use log::{Log, hash_of};
use serde_json::{Value, json};
use signer::{Signer, put, stage};
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        Folder(std::env::temp_dir().join(format!("signbox-login-{}-{name}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ask(signer: &mut Signer, key: &str, question: Value) -> Value {
    let mut question = question;
    question["v"] = json!(1);
    question["id"] = json!(1);
    question["key"] = json!(key);
    signer.send(format!("{question}\n").as_bytes());
    serde_json::from_str(&signer.answer().unwrap()).unwrap()
}

#[test]
fn every_login_is_written_down_as_a_decision_and_its_signature_as_a_hash() {
    if !stage() {
        return;
    }
    let folder = Folder::new("log");
    let state = folder.0.to_str().unwrap();
    put("bybit/main", r#"{"key":"FAKEkey","secret":"FAKEsecret","allow":["login"],"limits":{"rate":"2/d"}}"#);
    put("okx/usual", r#"{"key":"FAKEkey","secret":"FAKEsecret","passphrase":"FAKEpass"}"#);
    let mut signer = Signer::start(&["--state", state, "bybit/main", "okx/usual"]);
    let login = json!({"op": "login", "login": "auth"});
    let signed = ask(&mut signer, "bybit/main", login.clone());
    let signature = signed["login"]["signature"].as_str().unwrap().to_owned();
    assert_eq!(
        ask(&mut signer, "bybit/main", json!({"op": "login", "fields": {"expires": "1"}}))["error"]["code"],
        "stale"
    );
    assert!(ask(&mut signer, "bybit/main", login.clone())["login"].is_object());
    assert_eq!(ask(&mut signer, "bybit/main", login.clone())["error"]["code"], "rate_limited");
    assert_eq!(ask(&mut signer, "okx/usual", json!({"op": "login"}))["error"]["code"], "denied");
    assert!(signer.end().success());

    let log = Log::read(&folder.0.join("bybit:main.audit"));
    let told: Vec<_> = log.lines.iter().filter(|line| line["event"] == "login").collect();
    let decisions: Vec<_> =
        told.iter().map(|line| (line["decision"].as_str(), line["rule"].as_str())).collect();
    assert_eq!(
        decisions,
        [
            (Some("signed"), Some("granted")),
            (Some("refused"), Some("stale")),
            (Some("signed"), Some("granted")),
            (Some("refused"), Some("over-rate")),
        ]
    );
    for line in &told {
        assert_eq!((&line["class"], &line["endpoint"]), (&json!("login"), &json!("login auth")));
    }
    assert!(log.sealed() > 0, "a login is sealed as all else");
    assert_eq!(told[0]["signature"], hash_of(signature.as_bytes()));
    let text = std::fs::read_to_string(folder.0.join("bybit:main.audit")).unwrap();
    assert!(!text.contains(&signature) && !text.contains("FAKE"), "{text}");
    let refused = Log::read(&folder.0.join("okx:usual.audit"));
    let refused = refused.lines.iter().find(|line| line["event"] == "login").unwrap();
    assert_eq!((&refused["decision"], &refused["rule"]), (&json!("refused"), &json!("class-not-granted")));
    assert!(refused["signature"].is_null());

    // A new signer counts on: the day's two logins were had.
    let mut signer = Signer::start(&["--state", state, "bybit/main"]);
    assert_eq!(ask(&mut signer, "bybit/main", login)["error"]["code"], "rate_limited");
    assert!(signer.end().success());
}

#[test]
fn a_request_and_a_login_do_not_disturb_each_others_times() {
    if !stage() {
        return;
    }
    // Requests of OKX have milliseconds, its logins seconds.
    put("okx/main", r#"{"key":"K","secret":"s","passphrase":"p","allow":["read","login"]}"#);
    let mut signer = Signer::start(&["okx/main"]);
    let request = json!({"op": "sign", "request": {"method": "GET", "url": "/api/v5/account/balance"}});
    let time =
        |answer: &Value| answer["request"]["headers"]["OK-ACCESS-TIMESTAMP"].as_str().unwrap().to_owned();
    let first = time(&ask(&mut signer, "okx/main", request.clone()));
    let login = ask(&mut signer, "okx/main", json!({"op": "login"}));
    let seconds: u64 = login["login"]["timestamp"].as_str().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(seconds.abs_diff(now) < 60, "{login}");
    let second = time(&ask(&mut signer, "okx/main", request));
    assert!(second > first && second.len() == first.len(), "{first} {second}");
    assert!(signer.end().success());
}

#[test]
fn many_logins_in_one_write_are_answered_in_order() {
    if !stage() {
        return;
    }
    put("deribit/main", r#"{"key":"K","secret":"s","allow":["login"]}"#);
    let mut signer = Signer::start(&["deribit/main"]);
    let line = |id: usize| format!("{{\"v\":1,\"id\":{id},\"op\":\"login\",\"key\":\"deribit/main\"}}\n");
    signer.send((0..500).map(line).collect::<String>().as_bytes());
    for id in 0..500 {
        let answer: Value = serde_json::from_str(&signer.answer().unwrap()).unwrap();
        assert_eq!(answer["id"], id);
        assert_eq!(answer["login"]["signature"].as_str().map(str::len), Some(64), "{answer}");
    }
    assert!(signer.end().success());
}
