//! What signers remember together: counts that survive them, and a log in which nothing can be changed unseen.
#![allow(clippy::unwrap_used)]

#[path = "ledger/log.rs"]
mod log;
#[path = "common/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "common/signer.rs"]
mod signer;
#[cfg(target_arch = "x86_64")]
#[path = "ledger/stopped.rs"]
mod stopped;

use log::{Log, hash_of};
use signer::{Signer, command, put, skip, stage};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// A state directory that is gone in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("signbox-e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Folder(path)
    }

    pub(crate) fn arg(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("binance:main.audit")
    }

    fn ledger(&self) -> PathBuf {
        self.0.join("binance:main.ledger")
    }

    pub(crate) fn signer(&self) -> Signer {
        Signer::start(&["--state", self.arg(), HANDLE])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const HANDLE: &str = "binance/main";

/// A key with limits, in a session of this thread's own; nothing if this machine cannot run the signer.
pub(crate) fn key(limits: &str) -> Option<()> {
    if !stage() {
        return None;
    }
    put(HANDLE, &format!(r#"{{"key":"AK","secret":"bogus-secret-0042","limits":{{{limits}}}}}"#));
    Some(())
}

/// An order for so much, at a price of 1.
pub(crate) fn order(id: u64, quantity: &str) -> String {
    request(id, &format!("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity={quantity}&price=1"))
}

fn request(id: u64, body: &str) -> String {
    format!(
        "{{\"v\":1,\"id\":{id},\"op\":\"sign\",\"key\":\"{HANDLE}\",\"request\":{{\"method\":\"POST\",\
         \"url\":\"/api/v3/order\",\"headers\":{{}},\"body\":\"{body}\"}}}}\n"
    )
}

/// What becomes of lines that are sent together: `signed`, or the code and the rule.
fn say(signer: &mut Signer, lines: &[String]) -> Vec<String> {
    signer.send(lines.concat().as_bytes());
    lines.iter().map(|_| outcome(&signer.answer().unwrap())).collect()
}

pub(crate) fn outcome(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    if answer["request"].is_object() {
        return "signed".to_owned();
    }
    let (code, text) = (&answer["error"]["code"], answer["error"]["text"].as_str().unwrap_or(""));
    let rule = text.rsplit_once("(rule ").map_or(text, |(_, rule)| rule.trim_end_matches(')'));
    format!("{} {rule}", code.as_str().unwrap())
}

#[test]
fn a_sum_survives_the_signer_and_is_one_for_all_of_them() {
    let Some(()) = key(r#""notional-day":"1000""#) else { return };
    let folder = Folder::new();
    assert_eq!(say(&mut folder.signer(), &[order(1, "400"), order(2, "50")]), ["signed", "signed"]);
    let (mut one, mut other) = (folder.signer(), folder.signer());
    assert_eq!(say(&mut one, &[order(1, "400")]), ["signed"]);
    assert_eq!(say(&mut other, &[order(2, "200"), order(3, "100")]), ["denied over-day", "signed"]);
    assert_eq!(say(&mut one, &[order(4, "51"), order(5, "50")]), ["denied over-day", "signed"]);
    assert_eq!(say(&mut other, &[order(6, "1")]), ["denied over-day"]);
    // The control: in memory, a new signer begins at nothing.
    for _ in 0..2 {
        assert_eq!(say(&mut Signer::start(&[HANDLE]), &[order(1, "1000")]), ["signed"]);
    }
}

#[test]
fn rates_and_nonces_survive_too() {
    let Some(()) = key(r#""rate":"2/h","rate-cancel":"1/h""#) else { return };
    let folder = Folder::new();
    assert_eq!(say(&mut folder.signer(), &[order(1, "1")]), ["signed"]);
    let asked = [order(1, "1"), order(2, "1")];
    assert_eq!(say(&mut folder.signer(), &asked), ["signed", "rate_limited over-rate"]);
    assert_eq!(say(&mut folder.signer(), &[order(1, "1")]), ["rate_limited over-rate"]);
    // What has tripped does not keep an order from being taken back.
    let cancel = order(1, "1").replace("POST", "DELETE").replace("BUY", "BUY&orderId=1");
    assert_eq!(say(&mut folder.signer(), &[cancel]), ["signed"]);

    put("kraken/n", "c2VjcmV0");
    let nonce = |nonce: u64| {
        format!(
            "{{\"v\":1,\"id\":1,\"op\":\"sign\",\"key\":\"kraken/n\",\"request\":{{\"method\":\"POST\",\"url\":\
             \"/0/private/Balance\",\"headers\":{{}},\"body\":\"nonce={nonce}\"}}}}\n"
        )
    };
    let signed = |arguments: &[&str], number| {
        let mut signer = Signer::start(arguments);
        say(&mut signer, &[nonce(number)]).remove(0)
    };
    let kept = ["--max-skew", "off", "--state", folder.arg(), "kraken/n"];
    assert_eq!(signed(&kept, 5), "signed");
    assert!(signed(&kept, 5).starts_with("stale"));
    assert_eq!(signed(&kept, 6), "signed");
    let forgotten = ["--max-skew", "off", "kraken/n"];
    assert_eq!((signed(&forgotten, 5), signed(&forgotten, 5)), ("signed".into(), "signed".into()));
}

#[test]
fn hello_says_where_counts_are_kept_and_a_key_can_ask_for_a_ledger() {
    let Some(()) = key(r#""notional-day":"1000","ledger":"required""#) else { return };
    let folder = Folder::new();
    let hello = "{\"v\":1,\"id\":1,\"op\":\"hello\"}\n";
    let mut signer = Signer::start(&[HANDLE]);
    signer.send(hello.as_bytes());
    assert!(signer.answer().unwrap().contains(r#""counts":"memory""#));
    let refused = say(&mut signer, &[order(1, "1")]).remove(0);
    assert!(refused.starts_with("unavailable ") && refused.contains("--state DIR"), "{refused}");
    let mut signer = folder.signer();
    signer.send(hello.as_bytes());
    let said = signer.answer().unwrap();
    assert!(said.contains(&format!(r#""counts":"{}","audit":""#, folder.arg())), "{said}");
    assert_eq!(say(&mut signer, &[order(1, "1")]), ["signed"]);
}

#[test]
fn more_keys_with_limits_than_there_is_room_for_are_refused_and_not_forgotten() {
    if !stage() {
        return;
    }
    let handles: Vec<String> = (0..65).map(|at| format!("binance/k{at}")).collect();
    for handle in &handles {
        put(handle, r#"{"key":"AK","secret":"bogus-secret-0042","limits":{"symbols":"BTCUSDT"}}"#);
    }
    let lines: Vec<String> = handles.iter().map(|handle| order(1, "1").replace(HANDLE, handle)).collect();
    let others: Vec<String> = lines.iter().map(|line| line.replace("BTCUSDT", "ETHUSDT")).collect();
    let names: Vec<&str> = handles.iter().map(String::as_str).collect();
    let mut signer = Signer::start(&names);
    let told = say(&mut signer, &lines);
    assert!(told[..64].iter().all(|outcome| outcome == "signed"), "{told:?}");
    assert!(told[64].starts_with("unavailable ") && told[64].contains("limits"), "{}", told[64]);
    let told = say(&mut signer, &others);
    assert!(told[..64].iter().all(|outcome| outcome == "denied symbol-not-listed"), "{told:?}");
    let folder = Folder::new();
    let mut signer = Signer::start(&[&["--state", folder.arg()], &names[..]].concat());
    assert!(say(&mut signer, &lines).iter().all(|outcome| outcome == "signed"));
}

#[test]
fn the_log_says_what_was_decided_and_its_hashes_and_seals_hold() {
    let Some(()) = key(r#""notional-day":"100000","symbols":"BTC*""#) else { return };
    let folder = Folder::new();
    let mut signer = folder.signer();
    for at in 0..260 {
        assert_eq!(say(&mut signer, &[order(at, "2")]), ["signed"]);
    }
    let other = request(1, "symbol=ETHUSDT&side=BUY&type=LIMIT&quantity=1&price=1");
    assert_eq!(say(&mut signer, &[other]), ["denied symbol-not-listed"]);
    let check = order(2, "3").replace("\"sign\"", "\"check\"");
    signer.send(check.as_bytes());
    assert!(signer.answer().unwrap().contains(r#""allowed":true"#));
    let twice = request(3, "symbol=BTCUSDT&symbol=BTCUSDT");
    assert!(say(&mut signer, &[twice]).remove(0).starts_with("bad_request"));
    assert!(signer.end().success());

    let log = Log::read(&folder.log());
    let events = log.lines.iter().map(|line| line["event"].as_str().unwrap().to_owned());
    let mut counted = std::collections::BTreeMap::new();
    events.clone().for_each(|event| *counted.entry(event).or_insert(0) += 1);
    assert_eq!(
        counted.into_iter().collect::<Vec<_>>(),
        [
            ("check".to_owned(), 1),
            ("end".to_owned(), 1),
            ("head".to_owned(), 1),
            ("sign".to_owned(), 262),
            ("start".to_owned(), 1)
        ]
    );
    let ended: Vec<_> =
        log.lines.iter().rev().take(4).map(|line| line["rule"].as_str().unwrap_or("")).collect();
    assert_eq!(ended, ["", "bad-request", "granted", "symbol-not-listed"]);
    assert_eq!(log.sealed(), 2);
    // Nothing of the secret, and no signature, only its hash.
    let text = fs::read_to_string(folder.log()).unwrap()
        + &String::from_utf8_lossy(&fs::read(folder.ledger()).unwrap());
    assert!(!text.contains("bogus-secret"));
    let mut signer = folder.signer();
    signer.send(order(1, "7").as_bytes());
    let answer = signer.answer().unwrap();
    let signature = answer.split_once("&signature=").unwrap().1.split('"').next().unwrap();
    drop(signer);
    let text = fs::read_to_string(folder.log()).unwrap();
    assert!(!text.contains(signature) && text.contains(&hash_of(signature.as_bytes())), "{text}");
    // One that was killed has not sealed its last lines, and they hold all the same.
    assert_eq!(Log::read(&folder.log()).sealed(), 2);
}

#[test]
fn what_a_signer_has_written_is_whole_and_any_change_is_found() {
    let Some(()) = key(r#""notional-day":"100""#) else { return };
    let folder = Folder::new();
    let audit = |words: &[&str]| {
        let ran = operator::signbox(&[&["audit"], words, &["--state", folder.arg()]].concat());
        (ran.code, ran.stdout + &ran.stderr)
    };
    let mut signer = folder.signer();
    assert_eq!(say(&mut signer, &[order(1, "60"), order(2, "50")]), ["signed", "denied over-day"]);
    assert_eq!(audit(&["verify"]).0, Some(0));
    assert_eq!(audit(&["rotate", HANDLE]).0, Some(0));
    // It holds the file open, goes on in it, and still knows its counts.
    assert_eq!(say(&mut signer, &[order(3, "30"), order(4, "20")]), ["signed", "denied over-day"]);
    assert!(signer.end().success());
    let (code, told) = audit(&["verify"]);
    assert!(code == Some(0) && told.contains("binance/main: whole"), "{told}");
    assert!(told.contains("files    binance:main.audit.1 binance:main.audit"), "{told}");
    let told = audit(&["report"]).1;
    assert!(told.contains("BTCUSDT buy: 2 orders, quantity 90, price times quantity 90"), "{told}");
    assert!(told.contains("refused      2 requests: over-day 2"), "{told}");
    let refused = audit(&["show", "--refused"]).1;
    assert_eq!(refused.matches("buy limit").count(), 2, "{refused}");

    for name in ["binance:main.audit.1", "binance:main.audit"] {
        let (path, text) = (folder.0.join(name), fs::read(folder.0.join(name)).unwrap());
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let cheaper =
            String::from_utf8(text.clone()).unwrap().replacen("\"quantity\":\"", "\"quantity\":\"0.0", 1);
        let shorter = lines[..lines.len() - 1].concat();
        let swapped = [lines[1], lines[0]].into_iter().chain(lines[2..].iter().copied());
        for edited in [cheaper.into_bytes(), shorter, swapped.collect::<Vec<_>>().concat(), Vec::new()] {
            fs::write(&path, edited).unwrap();
            let (code, told) = audit(&["verify"]);
            assert!(code == Some(1) && told.contains("NOT WHOLE"), "{name}: {told}");
        }
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(audit(&["verify"]).0, Some(0));
    // What was put aside counts as well, and must be kept.
    fs::remove_file(folder.0.join("binance:main.audit.1")).unwrap();
    assert_eq!(audit(&["verify"]).0, Some(1));
}

#[test]
fn lines_of_signers_that_work_at_once_are_in_one_order() {
    let Some(()) = key(r#""notional-day":"120""#) else { return };
    let folder = Folder::new();
    let mut signers: Vec<Signer> = (0..4).map(|_| folder.signer()).collect();
    let orders: String = (0..50).map(|at| order(at, "1")).collect();
    signers.iter_mut().for_each(|signer| signer.send(orders.as_bytes()));
    let answers = signers.iter_mut().flat_map(|signer| {
        let answers: Vec<_> = (0..50).map(|_| outcome(&signer.answer().unwrap())).collect();
        assert!(signer.end().success());
        answers
    });
    assert_eq!(answers.filter(|outcome| outcome == "signed").count(), 120);
    let log = Log::read(&folder.log());
    assert_eq!(log.lines.iter().filter(|line| line["decision"] == "signed").count(), 120);
    assert_eq!(log.lines.iter().filter(|line| line["rule"] == "over-day").count(), 80);
}

#[test]
fn lines_that_were_taken_away_leave_a_gap() {
    let Some(()) = key(r#""notional-day":"1000""#) else { return };
    let folder = Folder::new();
    let mut signer = folder.signer();
    assert_eq!(say(&mut signer, &[order(1, "1")]), ["signed"]);
    let len = fs::metadata(folder.log()).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(folder.log()).unwrap();
    file.set_len(len - 10).unwrap();
    assert_eq!(say(&mut signer, &[order(2, "1")]), ["signed"]);
    let text = fs::read_to_string(folder.log()).unwrap();
    let gap = format!("\"event\":\"gap\",\"expected\":{len},\"found\":{}", len - 10);
    assert!(text.contains(&gap), "{text}");
}

#[test]
fn with_hashes_the_log_says_nothing_of_the_request() {
    let Some(()) = key(r#""audit":"hashes","symbols":"BTCUSDT""#) else { return };
    let folder = Folder::new();
    assert_eq!(say(&mut folder.signer(), &[order(1, "1")]), ["signed"]);
    let text = fs::read_to_string(folder.log()).unwrap();
    assert!(text.contains(r#""request":""#) && text.contains(r#""decision":"signed""#), "{text}");
    assert!(!text.contains("BTCUSDT") && !text.contains("order"), "{text}");
}

#[test]
fn alerts_come_once_for_what_is_new_and_always_for_a_canary() {
    let Some(()) = key(r#""alert":"new-symbol new-endpoint""#) else { return };
    let folder = Folder::new();
    let alerts = |arguments: &[&str], lines: &[String]| {
        let mut child = command(arguments).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), lines.concat().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let told = told.lines().map(|line| {
            let line = line.strip_prefix("signbox-signer: alert: ").unwrap();
            serde_json::from_str::<serde_json::Value>(line).unwrap()["alert"].as_str().unwrap().to_owned()
        });
        told.collect::<Vec<_>>()
    };
    let eth = order(3, "1").replace("BTCUSDT", "ETHUSDT");
    let lines = [order(1, "1"), order(2, "1"), eth];
    let kept = ["--state", folder.arg(), HANDLE];
    assert_eq!(alerts(&kept, &lines), ["first-symbol", "first-symbol"]);
    assert_eq!(alerts(&kept, &lines), [""; 0]);
    let read = order(1, "1").replace("POST", "GET").replace("/order", "/openOrders");
    assert_eq!(alerts(&kept, &[read.clone(), read]), ["first-endpoint"]);
    // In memory, what is new is what this signer has not seen.
    for _ in 0..2 {
        assert_eq!(alerts(&[HANDLE], &lines), ["first-symbol", "first-symbol"]);
    }

    key(r#""alert":"use""#);
    assert_eq!(alerts(&[HANDLE], &lines), ["canary", "canary", "canary"]);
    assert_eq!(say(&mut Signer::start(&[HANDLE]), &[order(1, "1")]), ["denied canary"]);
}

#[test]
fn where_nothing_can_be_written_nothing_is_signed() {
    let Some(()) = key(r#""notional-day":"1000000""#) else { return };
    let folder = Folder::new();
    let small = Mounted::small(&folder);
    let Some(_mounted) = small else { return };
    let mut signer = folder.signer();
    let mut signed = 0;
    // The log grows until the disk is full; from then on nothing is signed, and all of a wake-up's answers say why.
    let refused = loop {
        let outcomes = say(&mut signer, &[order(1, "1"), order(2, "1")]);
        match outcomes.iter().filter(|outcome| *outcome == "signed").count() {
            2 => signed += 2,
            0 => break outcomes,
            _ => panic!("a part of a wake-up was signed: {outcomes:?}"),
        }
        assert!(signed < 10_000);
    };
    assert!(signed > 0);
    assert!(
        refused.iter().all(|why| why.starts_with("unavailable ") && why.contains("No space left")),
        "{refused:?}"
    );
    assert!(say(&mut signer, &[order(3, "1")])[0].starts_with("unavailable "));
    drop(signer);
    // With room again a new signer goes on, from no less than what was signed.
    fs::remove_file(folder.0.join("filler")).unwrap();
    let mut signer = folder.signer();
    let left = 1_000_000 - signed;
    assert_eq!(say(&mut signer, &[order(1, &(left + 1).to_string())]), ["denied over-day"]);
    assert_eq!(say(&mut signer, &[order(1, "1")]), ["signed"]);
    assert!(signer.end().success());
}

/// A file system of a few pages on a state directory.
struct Mounted(String);

impl Mounted {
    fn small(folder: &Folder) -> Option<Mounted> {
        let options = "size=64k,mode=700";
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "signbox-test"])
            .arg(&folder.0)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            skip("only root can mount the small file system that is to be full");
            return None;
        }
        // Room for the ledger and for some lines.
        fs::write(folder.0.join("filler"), vec![0; 32 * 1024]).unwrap();
        Some(Mounted(folder.arg().to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn what_is_no_state_directory_of_ours_is_refused_at_the_start() {
    let Some(()) = key(r#""rate":"1/s""#) else { return };
    let folder = Folder::new();
    let fails = |why: &str| {
        let output =
            command(&["--state", folder.arg(), HANDLE]).stdin(std::process::Stdio::null()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && told.contains(why), "{told}");
    };
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
    fails("is open to others");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(folder.ledger(), [b'x'; 500]).unwrap();
    fs::set_permissions(folder.ledger(), fs::Permissions::from_mode(0o600)).unwrap();
    fails("it is damaged, or no ledger");
    fs::remove_file(folder.ledger()).unwrap();
    assert_eq!(say(&mut folder.signer(), &[order(1, "1")]), ["signed"]);
    fs::remove_file(folder.ledger()).unwrap();
    fails("has lines, and its ledger is gone or empty");
    fs::remove_file(folder.log()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.log()).unwrap();
    fails("cannot use ");
}

#[test]
fn nothing_of_a_killed_signer_stays_locked() {
    let Some(()) = key(r#""notional-day":"1000""#) else { return };
    let folder = Folder::new();
    let mut signer = folder.signer();
    assert_eq!(say(&mut signer, &[order(1, "1")]), ["signed"]);
    drop(signer);
    let mut text = String::new();
    fs::File::open(folder.log()).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(say(&mut folder.signer(), &[order(2, "1")]), ["signed"]);
}
