//! Keys that systemd hands a service as credentials.

#[cfg(target_arch = "x86_64")]
use crate::attack::bot::{HELLO, attempt};
use crate::client::{code_of, sign, sign_with};
use crate::host::{Host, PEER, SECRET, Setting};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

fn credential(more: &str) -> String {
    format!(r#"{{"key":"KEYNAME","secret":"{SECRET}"{more}}}"#)
}

fn with(record: Option<String>, credentials: Vec<(&'static str, String)>) -> Setting {
    Setting { record, credentials, ..Setting::default() }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_credential_is_a_key_of_the_service_and_of_nobody_else() {
    // A name that is none of ours is left alone.
    let credentials = vec![("signbox.binance.main", credential(PEER)), ("other", "{".to_owned())];
    let Some(host) = Host::start(60, with(None, credentials)) else { return };
    let mut client = host.client();
    let hello = client.ask(HELLO);
    assert!(hello.contains(r#""mode":"service""#) && hello.contains(r#""key":"binance/main""#), "{hello}");
    assert!(client.ask(&sign(1)).contains(r#""request":{"method""#));
    // It is claimed: neither the service's own user nor root has it by its number.
    let serial = crate::taken::serial_that_is_read(&host, &mut client, &sign(1)).to_string();
    for uid in [host.uid, host.peer, 0] {
        for action in ["read", "steal", "describe", "link", "open-to-all", "revoke", "time-out", "update"] {
            assert_eq!(attempt(&host.place, uid, &[action, &serial]), "EACCES", "{action} by {uid}");
        }
    }
    assert!(client.ask(&sign(2)).contains(r#""request":{"method""#));
}

#[test]
fn a_credential_that_is_no_record_is_told_and_nothing_is_signed() {
    let good = ("signbox.binance.main", credential(PEER));
    let cases = [
        (
            61,
            vec![good.clone(), ("signbox.okx.main", "{\"secret\":".to_owned())],
            "the credential signbox.okx.main: ",
        ),
        (62, vec![good.clone(), ("signbox.okx.main", String::new())], "the credential signbox.okx.main: "),
        (
            63,
            vec![good.clone(), ("signbox.okx.main", "x".repeat(100_000))],
            "the credential signbox.okx.main: ",
        ),
        (
            64,
            vec![good.clone(), ("signbox.nowhere.main", credential(PEER))],
            "no exchange is called 'nowhere'",
        ),
        (65, vec![good, ("signbox.binance.a b", credential(PEER))], "is not EXCHANGE/LABEL"),
    ];
    for (at, credentials, why) in cases {
        let Some(host) = Host::start(at, with(None, credentials)) else { return };
        let answer = host.client().ask(&sign(1));
        assert_eq!(code_of(&answer), "unavailable", "{answer}");
        assert!(answer.contains(why) && host.log().contains(why), "{why} in {answer} and {}", host.log());
        assert!(!answer.contains(&SECRET[..8]) && !host.log().contains(&SECRET[..8]));
        assert!(host.is_up());
    }
}

#[test]
fn a_credential_that_names_no_users_is_refused_when_it_is_asked_for() {
    let credentials = vec![("signbox.binance.main", credential(""))];
    let Some(host) = Host::start(66, with(None, credentials)) else { return };
    let answer = host.client().ask(&sign(1));
    assert_eq!(code_of(&answer), "unavailable", "{answer}");
    assert!(answer.contains("must name its users"), "{answer}");
}

#[test]
fn a_key_and_a_credential_serve_side_by_side_but_not_under_one_name() {
    let other = vec![("signbox.binance.other", credential(PEER))];
    let Some(host) = Host::start(67, with(Some(PEER.to_owned()), other)) else { return };
    let mut client = host.client();
    for handle in ["binance/main", "binance/other"] {
        assert!(client.ask(&sign_with(handle, 1)).contains(r#""request":{"method""#), "{handle}");
    }
    let same = vec![("signbox.binance.main", credential(PEER))];
    let Some(host) = Host::start(68, with(Some(PEER.to_owned()), same)) else { return };
    let answer = host.client().ask(&sign(1));
    assert_eq!(code_of(&answer), "unavailable", "{answer}");
    let advice = format!("'sudo signbox remove --service {} binance/main'", host.bot);
    assert!(answer.contains(&advice), "{answer}");
}

#[test]
fn credentials_are_for_services_alone() {
    let credentials = vec![("signbox.binance.main", credential(PEER))];
    // The control: the service has it.
    let Some(host) = Host::start(69, with(None, credentials)) else { return };
    assert!(host.client().ask(&sign(1)).contains(r#""request":{"method""#));
    let mut command = Command::new(host.place.signer());
    command.arg("binance/main").uid(host.peer).gid(host.peer).stdin(Stdio::null());
    let output = command.env("CREDENTIALS_DIRECTORY", host.place.join("credentials")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("binance:main"), "no such key: {output:?}");
}
