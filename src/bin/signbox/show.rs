//! `signbox show`: what is known about a key. What it may be used for stands beside the secret in the kernel, so a
//! signer is asked for it: this program never reads a payload.

use crate::cli::{Show, SignerOptions};
use crate::client::{self, Client, error_in};
use crate::error::Error;
use crate::keys::{self, Handle};
use crate::output::print;
use serde_json::{Value, json};
use signbox_exchanges::Binds;
use signbox_keyring::{Entry, Place, State};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

pub(crate) fn run(args: &Show) -> Result<ExitCode, Error> {
    let service = args.of.name()?;
    let handle = Handle::of(&args.handle, service)?;
    let entries = handle.entries()?;
    // Of a group key only an installed signer can tell.
    if entries.is_empty() && service.is_none() && !signer_has_a_group() {
        return Err(handle.nothing());
    }
    let told = ask_a_signer(&args.handle, service, &entries);
    if let (true, Err(why)) = (entries.is_empty(), &told) {
        return Err(Error::new(why));
    }
    if args.json {
        print(&as_json(&handle, &entries, &told))?
    } else {
        print(&as_text(&handle, &entries, &told))?
    }
    Ok(ExitCode::SUCCESS)
}

/// What a signer says of the key, or why there is nothing to say.
fn ask_a_signer(handle: &str, service: Option<&str>, entries: &[Entry]) -> Result<Value, String> {
    if let Some(dead) = entries.first().filter(|_| entries.iter().all(|entry| entry.state != State::Live)) {
        return Err(format!("it is {}", keys::state(dead.state)));
    }
    let signer = match service {
        Some(service) => Client::connect(service),
        None => Client::start(&[handle.to_owned()], &SignerOptions::default()),
    };
    let answer = signer.and_then(|mut signer| signer.ask("hello", None, None));
    let answer = answer.map_err(|error| error.to_string())?;
    if let Some(error) = error_in(&answer) {
        return Err(error);
    }
    let mut keys = answer["hello"]["keys"].as_array().into_iter().flatten();
    let key = keys.find(|key| key["key"] == handle).cloned().ok_or("its service has no such key")?;
    error_in(&key).map_or(Ok(key), Err)
}

fn signer_has_a_group() -> bool {
    const SET_GROUP_ID: u32 = 0o2000;
    client::signer().is_ok_and(|path| fs::metadata(path).is_ok_and(|file| file.mode() & SET_GROUP_ID != 0))
}

fn as_text(handle: &Handle<'_>, entries: &[Entry], told: &Result<Value, String>) -> String {
    let mut text = format!("{}\n", handle.text);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    line("exchange", &handle.exchange.name);
    for entry in entries {
        line("kept", &format!("{}, as key {}", keys::whereabouts(entry), entry.key.serial()));
        let left = entry.expires.as_ref().map_or_else(String::new, |left| format!(", forgotten in {left}"));
        line("state", &format!("{}{left}", keys::state(entry.state)));
        line("owner", &format!("{}, mask {:08x}", keys::user_name(entry.uid), entry.permissions));
        line("readable by", &keys::readers(entry));
    }
    match told {
        Ok(key) => {
            if key["mode"] == "group" && entries.iter().all(|entry| entry.place != Place::Group) {
                line("kept", "a group key of root, which signers take first");
            }
            let words: Vec<_> = words(&key["allow"]).collect();
            line("may", &if words.is_empty() { "nothing".to_owned() } else { words.join(" ") });
            for limit in key["limits"].as_array().into_iter().flatten() {
                let part = |name: &str| limit[name].as_str().unwrap_or("?");
                let place = match part("place") {
                    "record" => String::new(),
                    place => format!("  ({place})"),
                };
                let held = if limit["enforced"] == false { "  (holds only what is asked for)" } else { "" };
                line("limit", &format!("{} = {}{place}{held}", part("name"), part("text")));
            }
            line("mode", key["mode"].as_str().unwrap_or("?"));
        }
        Err(why) => line("may", &format!("not known: {why}")),
    }
    line("a signature", &covered(&handle.exchange.binds));
    text
}

fn as_json(handle: &Handle<'_>, entries: &[Entry], told: &Result<Value, String>) -> String {
    let (told, error) = match told {
        Ok(key) => (key.clone(), Value::Null),
        Err(why) => (Value::Null, json!(why)),
    };
    let value = json!({
        "key": handle.text,
        "exchange": handle.exchange.id.text(),
        "places": entries.iter().map(keys::to_json).collect::<Vec<_>>(),
        "allow": told["allow"],
        "limits": told["limits"].as_array().cloned().unwrap_or_default(),
        "mode": told["mode"],
        "binds": handle.exchange.binds.names().collect::<Vec<_>>(),
        "error": error,
    });
    format!("{value:#}\n")
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The parts of a request that a signature covers, and those that it does not.
pub(crate) fn covered(binds: &Binds) -> String {
    let bound: Vec<_> = binds.names().collect();
    let free: Vec<_> = ["method", "path", "query", "body", "time"]
        .into_iter()
        .filter(|part| !bound.contains(part))
        .collect();
    let not = if free.is_empty() { String::new() } else { format!(", not {}", free.join(", ")) };
    format!("covers {}{not}", bound.join(", "))
}
