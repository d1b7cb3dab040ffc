//! The man pages against the programs: what is in the one is in the other, and the example in them works.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/signer.rs"]
mod signer;

use signbox::policy::Rule;
use signbox::protocol::Code;
use signbox_exchanges::{Class, catalogue};
use signer::{put, skip, stage};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type Words = BTreeSet<String>;

fn place(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man").join(page)
}

fn page(name: &str) -> String {
    std::fs::read_to_string(place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The part of a page between two lines.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.split_once(&format!("{from}\n")).unwrap_or_else(|| panic!("no line '{from}'")).1;
    start.split_once(&format!("\n{to}")).unwrap_or_else(|| panic!("no line '{to}' after '{from}'")).0
}

fn help(program: &str, arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_signbox")).with_file_name(program);
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The long options that stand in a text behind `mark`: `--` in help, `Fl -` in a page.
fn options(text: &str, mark: &str) -> Words {
    let name =
        |rest: &str| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap().to_owned();
    text.split(mark).skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

/// The options that a help text defines: those at the beginning of a line.
fn defined(help: &str) -> Words {
    help.lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .flat_map(|line| options(line, "--").pop_first())
        .collect()
}

fn words(words: impl IntoIterator<Item = impl Into<String>>) -> Words {
    words.into_iter().map(Into::into).collect()
}

#[test]
fn every_command_and_option_is_in_the_page_and_no_other() {
    let page = page("signbox.1");
    let list = help("signbox", &["--help"]);
    let list = list.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let known: Words = list
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    let known: Words = known.into_iter().filter(|name| !name.is_empty()).collect();
    let mut told = Words::new();
    let commands = between(&page, ".Sh COMMANDS", ".Sh ENVIRONMENT");
    let prose = commands.lines().filter(|line| line.starts_with(".It Fl ") || line.starts_with(".Fl "));
    let described: Words = prose.flat_map(|line| options(line, "Fl -")).collect();
    for (at, _) in commands.match_indices("Nm signbox ") {
        let start = commands[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &commands[start..];
        let synopsis = match rest {
            _ if rest.starts_with(".It Nm") => rest.split_once('\n').unwrap().0,
            _ if commands[..start].ends_with(".It Xo\n") => rest.split_once("\n.Xc").unwrap().0,
            _ => continue,
        };
        let name = commands[at + "Nm signbox ".len()..].split([' ', '\n']).next().unwrap();
        assert!(told.insert(name.to_owned()), "{name} stands twice");
        let mut here = options(synopsis, "Fl -");
        here.insert("help".to_owned());
        if name != "help" {
            assert_eq!(here, defined(&help("signbox", &[name, "--help"])), "signbox {name}");
        }
        assert!(here.is_subset(&described), "signbox {name}: {described:?}");
    }
    assert_eq!(told, known);
    let everywhere: Words = known
        .iter()
        .filter(|name| *name != "help")
        .flat_map(|name| defined(&help("signbox", &[name, "--help"])))
        .collect();
    let whole = everywhere.union(&defined(&help("signbox", &["--help"]))).cloned().collect::<Words>();
    assert_eq!(options(&page, "Fl -"), whole, "options in signbox.1");
}

#[test]
fn every_option_of_the_signer_is_in_its_page_and_no_other() {
    let usage = help("signbox-signer", &["--help"]);
    let mut known = options(usage.lines().next().unwrap(), "--");
    known.extend(words(["help", "version"]));
    assert_eq!(options(&page("signbox-signer.1"), "Fl -"), known);
}

/// The tags of a list, `.It Li TAG`.
fn tags(text: &str) -> Words {
    words(
        text.lines()
            .filter_map(|line| line.strip_prefix(".It Li "))
            .map(|tag| tag.split(' ').next().unwrap()),
    )
}

#[test]
fn the_specification_lists_every_code_and_no_other() {
    let page = page("signbox-protocol.7");
    assert_eq!(tags(between(&page, ".Ss Errors", ".Ss")), words(Code::ALL.map(Code::word)));
}

#[test]
fn the_specification_lists_every_rule_and_no_other() {
    let page = page("signbox-protocol.7");
    let shape = &catalogue().iter().find(|exchange| exchange.id == "binance").unwrap().shapes[0];
    let rules = [
        Rule::Granted,
        Rule::UnknownGranted,
        Rule::UnknownEndpoint,
        Rule::ClassNotGranted(Class::Read),
        Rule::FitsUngranted(shape),
    ];
    let mut known = words(rules.map(|rule| rule.name()));
    known.insert("user-not-named".to_owned()); // decided by the record, before there is a request to look at
    assert_eq!(tags(between(&page, ".Ss Policy", ".Ss")), known);
}

#[test]
fn the_specification_lists_every_exchange_and_what_its_signature_covers() {
    let page = page("signbox-protocol.7");
    let section = between(&page, ".Ss Exchanges", ".Ss");
    assert_eq!(tags(section), words(catalogue().iter().map(|exchange| exchange.id)));
    for exchange in catalogue() {
        let row = section.lines().find(|line| line.starts_with(&format!(".It Li {} ", exchange.id))).unwrap();
        let covers: Vec<_> = exchange.binds.names().collect();
        assert!(row.ends_with(&format!(" Ta {}", covers.join(", "))), "{row}");
        let rising = exchange.schemes.iter().any(|scheme| scheme.time.rising);
        assert_eq!(row.contains(" Ta rises Ta "), rising, "{row}");
        for alias in exchange.aliases {
            assert!(section.contains(alias), "{alias}");
        }
        let (_, secrets) = section.split_once("The exchanges\n").unwrap();
        assert_eq!(
            secrets.contains(&format!(".Li {}\n", exchange.id)),
            exchange.passphrase,
            "{}",
            exchange.id
        );
    }
}

#[test]
fn the_pages_are_well_formed() {
    for name in ["signbox.1", "signbox-signer.1", "signbox-protocol.7"] {
        let Ok(output) = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(place(name)).output()
        else {
            return skip("there is no mandoc to check the man pages with");
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_example_in_the_specification_works() {
    if !stage() {
        return;
    }
    let page = page("signbox-protocol.7");
    let example = between(between(&page, ".Sh EXAMPLES", ".Sh"), ".Bd -literal", ".Ed").replace("\\e", "\\");
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("there is no python3 to run the example with");
    }
    put("binance/main", r#"{"key":"FAKEkey","secret":"FAKEsecret"}"#);
    for option in [&[][..], &["--socketpair"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signbox"));
        command.arg("run").args(option).args(["binance/main", "--", "python3", "-c", &example]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let (said, failed) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some("binance/main ['read', 'trade', 'cancel']"), "{option:?} {failed}");
        let signed = lines.next().unwrap();
        assert!(signed.starts_with("GET https://api.binance.com/api/v3/account?timestamp="), "{signed}");
        assert!(lines.next().unwrap().starts_with("denied 'withdraw' is not granted"), "{said}");
        assert!(output.status.success(), "{failed}");
    }
}
