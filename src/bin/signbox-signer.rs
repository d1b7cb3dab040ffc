//! The sandboxed program: finds its keys, raises its walls, answers lines until end of input.
//!
//! No option framework: this is the process that holds secrets, and its options are few.

#![forbid(unsafe_code)]

use signbox::signer::{self, Options};
use signbox_exchanges::Skew;
use signbox_sandbox::Choice;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (code, text) = match parse(std::env::args().skip(1)) {
        Ok(Asked::Serve(options)) => match signer::serve(&options) {
            Err(why) => (1, format!("signbox-signer: {why}\n")),
        },
        Ok(Asked::Connect(service)) => match signer::connect(&service) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(why) => (1, format!("signbox-signer: {why}\n")),
        },
        Ok(Asked::Say(text)) => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::from(u8::from(printed.is_err()));
        }
        Err(why) => (2, format!("signbox-signer: {why}\n{USAGE}")),
    };
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(code)
}

enum Asked {
    Serve(Options),
    Connect(String),
    Say(&'static str),
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut options = Options {
        handles: Vec::new(),
        claim: false,
        run: false,
        linked_static: cfg!(target_feature = "crt-static"),
        memory: Choice::Auto,
        skew: None,
        state: None,
        service: None,
        peer: None,
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let mut value = || joined.clone().or_else(|| arguments.next()).ok_or(format!("{name} needs a value"));
        match name {
            "--memory" => options.memory = value()?.parse().map_err(|error| format!("--memory: {error}"))?,
            "--max-skew" => options.skew = Some(skew(&value()?)?),
            "--state" => options.state = Some(value()?.into()),
            "--service" => options.service = Some(value()?),
            "--connect" => return connection(value()?, arguments.next()),
            "--peer" => options.peer = Some(peer(&value()?)?),
            _ if joined.is_some() => return Err(format!("unknown option '{argument}'")),
            "--claim" => options.claim = true,
            "--run" => options.run = true,
            "--help" | "-h" => return Ok(Asked::Say(USAGE)),
            "--version" | "-V" => {
                return Ok(Asked::Say(concat!("signbox-signer ", env!("CARGO_PKG_VERSION"), "\n")));
            }
            _ if name.starts_with('-') => return Err(format!("unknown option '{argument}'")),
            _ => options.handles.push(argument),
        }
    }
    if options.handles.is_empty() && options.service.is_none() {
        return Err("no key is named".to_owned());
    }
    Ok(Asked::Serve(options))
}

fn connection(service: String, more: Option<String>) -> Result<Asked, String> {
    match more {
        None => Ok(Asked::Connect(service)),
        Some(more) => Err(format!("--connect takes nothing beside it: '{more}'")),
    }
}

fn peer(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("--peer: '{text}' is no user's number; 'signbox setup' sets it for a service"))
}

fn skew(text: &str) -> Result<Skew, String> {
    match text {
        "off" => Ok(Skew::Off),
        _ => text
            .parse()
            .map(Skew::Seconds)
            .map_err(|_| format!("--max-skew: '{text}' is neither seconds nor 'off'")),
    }
}

const USAGE: &str = "\
usage: signbox-signer [--claim] [--memory auto|secretmem|mlock] [--max-skew SECONDS|off] [--state DIR] [--run]
                      EXCHANGE/LABEL...
       signbox-signer --connect BOT
       signbox-signer --service BOT [--peer UID] [OPTION...] [EXCHANGE/LABEL...]
       signbox-signer --help | --version

Signs HTTP requests with keys from the kernel keyring: one JSON line in on descriptor 0, one out on 1.
Started by a bot; people use signbox. signbox-signer(1) and signbox-protocol(7) say the rest.

example: printf '%s\\n' '{\"v\":1,\"id\":1,\"op\":\"hello\"}' | signbox-signer binance/main
";
