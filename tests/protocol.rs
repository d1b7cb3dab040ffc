//! The transcripts of `tests/protocol/`, played to the real signer: the data decides, this file expects nothing.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/signer.rs"]
mod signer;

use signbox_keyring::{Error, Key, Keyring};
use signer::{Signer, put, stage};
use std::collections::HashMap;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn the_signer_answers_as_every_transcript_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|ext| ext == "txt")).collect();
    files.sort();
    assert!(!files.is_empty(), "no transcript");
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !stage() {
            return;
        }
        play(&name, &std::fs::read_to_string(&file).unwrap(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{} answers differ\n{}", wrong.len(), wrong.join("\n"));
}

fn play(file: &str, transcript: &str, wrong: &mut Vec<String>) {
    let mut keys: HashMap<&str, Key> = HashMap::new();
    let mut signer = None;
    let mut unsent = String::new();
    for (at, line) in transcript.lines().enumerate() {
        let place = format!("{file}:{}", at + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (handle, payload) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "" | "#" => {}
            "key" => drop(keys.insert(handle, put(handle, payload))),
            "start" => signer = Some(Signer::start(&rest.split_whitespace().collect::<Vec<_>>())),
            ">" => unsent += &format!("{rest}\n"),
            "<" => {
                let signer = signer.as_mut().unwrap();
                signer.send(std::mem::take(&mut unsent).as_bytes());
                let got = signer.answer().unwrap_or_else(|| panic!("{place}: no answer"));
                if !fits(rest, &got) {
                    wrong.push(format!("{place}\n  want {rest}\n  got  {got}"));
                }
            }
            "!" => change(&place, handle, payload, &keys),
            "exit" => {
                let mut signer = signer.take().unwrap();
                signer.send(std::mem::take(&mut unsent).as_bytes());
                let code = signer.end().code();
                assert_eq!(signer.answer(), None, "{place}: an answer too many");
                assert_eq!(code.map(|code| code.to_string()).as_deref(), Some(rest), "{place}");
            }
            _ => panic!("{place}: unknown word '{word}'"),
        }
    }
    assert!(signer.is_none() && unsent.is_empty(), "{file} does not end with an exit");
}

fn change(place: &str, verb: &str, rest: &str, keys: &HashMap<&str, Key>) {
    let (handle, payload) = rest.split_once(' ').unwrap_or((rest, ""));
    let key = *keys.get(handle).unwrap_or_else(|| panic!("{place}: no key '{handle}'"));
    match verb {
        "revoke" => key.revoke().unwrap(),
        "remove" => key.unlink(Keyring::Session).unwrap(),
        "invalidate" => {
            key.invalidate().unwrap();
            // Until the kernel has collected it, a reader may be told that it is not possessed.
            let serial = format!("{:08x} ", key.serial());
            until(|| !std::fs::read_to_string("/proc/keys").unwrap().contains(&serial));
        }
        "update" => assert_eq!(put(handle, payload), key, "{place}: another key"),
        "expire" => {
            key.set_timeout(1).unwrap();
            until(|| matches!(key.describe(), Err(Error::Expired(_))));
        }
        _ => panic!("{place}: unknown word '{verb}'"),
    }
}

fn until(done: impl Fn() -> bool) {
    while !done() {
        sleep(Duration::from_millis(20));
    }
}

/// Whether an answer is the wanted one; a placeholder stands for one or more of its characters.
fn fits(want: &str, got: &str) -> bool {
    let first = PLACEHOLDERS.iter().filter_map(|(name, more)| Some((want.find(name)?, name.len(), more)));
    let Some((at, len, more)) = first.min_by_key(|(at, ..)| *at) else { return want == got };
    let Some(rest) = got.strip_prefix(&want[..at]) else { return false };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || more.contains(c));
    after.len() < rest.len() && fits(&want[at + len..], after)
}

/// The placeholders, and which characters other than letters and digits they stand for.
const PLACEHOLDERS: [(&str, &str); 4] =
    [("<TIME>", "-:.%"), ("<SIG>", "+/=%"), ("<TOKEN>", "-_."), ("<HERE>", "-.")];
