//! The man pages against the programs: what is in the one is in the other, and the example in them works.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/exchanges.rs"]
mod exchanges;
#[path = "common/signer.rs"]
mod signer;

use exchanges::{hold, page_parts, place as place_of, signable, unsignable, unsigned};
use serde_json::Value;
use signbox::policy::{Bound, Broken, Facts, File, Grants, Limit, Rule, Work, decide};
use signbox::protocol::Code;
use signbox_exchanges::{
    Algorithm, Class, Clock, Credentials, Digest, Exchange, Keyed, Parts, Place, Request, Scratch, Signed,
    Skew, Token, exchange,
};
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

/// The commands that a help lists, if it lists some.
fn commands(of: &[&str]) -> Option<Words> {
    let list = help("signbox", &[of, &["--help"]].concat());
    let list = list.split_once("Commands:\n")?.1.split_once("\n\n")?.0;
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    Some(words(names.filter(|name| !name.is_empty())))
}

/// The help of a command, whose name may be two words.
fn help_of(name: &str) -> String {
    help("signbox", &name.split(' ').chain(["--help"]).collect::<Vec<_>>())
}

#[test]
fn every_command_and_option_is_in_the_page_and_no_other() {
    let page = page("signbox.1");
    let known: Words = commands(&[])
        .unwrap()
        .into_iter()
        .flat_map(|name| match (name != "help").then(|| commands(&[&name])).flatten() {
            Some(inner) => inner.into_iter().map(|inner| format!("{name} {inner}")).collect(),
            None => Words::from([name]),
        })
        .filter(|name| !name.ends_with(" help"))
        .collect();
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
        let mut words = commands[at + "Nm signbox ".len()..].split_whitespace();
        let mut name = words.next().unwrap().to_owned();
        if name == "audit" {
            name = format!("{name} {}", words.next().unwrap());
        }
        assert!(told.insert(name.clone()), "{name} stands twice");
        let mut here = options(synopsis, "Fl -");
        here.insert("help".to_owned());
        if name != "help" {
            assert_eq!(here, defined(&help_of(&name)), "signbox {name}");
        }
        assert!(here.is_subset(&described), "signbox {name}: {described:?}");
    }
    assert_eq!(told, known);
    let everywhere: Words =
        known.iter().filter(|name| *name != "help").flat_map(|name| defined(&help_of(name))).collect();
    let whole = everywhere.union(&defined(&help("signbox", &["--help"]))).cloned().collect::<Words>();
    assert_eq!(options(&page, "Fl -"), whole, "options in signbox.1");
}

#[test]
fn every_option_of_the_signer_is_in_its_page_and_no_other() {
    let usage = help("signbox-signer", &["--help"]);
    let mut known = options(usage.split("\n\n").next().unwrap(), "--");
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
    let rules = [
        Rule::Granted,
        Rule::UnknownGranted,
        Rule::UnknownEndpoint,
        Rule::ClassNotGranted(Class::Read),
        Rule::UnknownParameter,
        decided("binance", Grants::DEFAULT, "GET", "/api/v3/account?coin=A&address=B&amount=1", None),
    ];
    let mut known = words(rules.map(|rule| rule.name()));
    known.extend(words(Broken::ALL.map(Broken::name)));
    known.insert("user-not-named".to_owned()); // decided by the record, before there is a request to look at
    assert_eq!(tags(between(&page, ".Ss Policy", ".Ss")), known);
}

#[test]
fn the_specification_lists_every_login_and_no_other() {
    let page = page("signbox-protocol.7");
    let section = between(&page, ".Ss login", ".Ss");
    let list = section.rsplit_once(".Bl -tag -width coinbaseexchange\n").unwrap().1;
    let known = || signable().filter(|exchange| !exchange.logins.is_empty());
    assert_eq!(tags(list), words(known().map(|exchange| exchange.id.text())));
    for (exchange, text) in known().zip(list.split(".It Li ").skip(1)) {
        let told = text.lines().filter_map(|line| line.strip_prefix(".Li ")?.strip_suffix(" :"));
        assert_eq!(
            words(told),
            words(exchange.logins.iter().map(|login| login.name.text())),
            "{}",
            exchange.id
        );
        let places = exchange.logins.iter().flat_map(|login| login.scheme.iter()).flat_map(|scheme| {
            let one =
                [scheme.key, scheme.passphrase.map(|(place, _)| place), scheme.time.map(|time| time.place)];
            one.into_iter().flatten().chain(scheme.signature.iter().copied())
        });
        for name in places.filter_map(Place::name) {
            let said = |line: &str| line.split(' ').nth(1) == Some(name.text());
            assert!(text.lines().any(said), "{}: {name}", exchange.id);
        }
    }
}

#[test]
fn the_page_of_the_policy_lists_every_limit_and_no_other() {
    let page = page("signbox-policy.5");
    assert_eq!(tags(between(&page, ".Ss Limits", ".Ss")), words(Limit::ALL.map(Limit::name)));
}

#[test]
fn the_examples_of_the_policy_are_read_and_permit_what_they_show() {
    let page = page("signbox-policy.5");
    let examples = between(&page, ".Sh EXAMPLES", ".Sh");
    let mut keys: Vec<(String, Grants, Bound)> = Vec::new();
    let mut checked = 0;
    for line in examples.lines().filter(|line| line.starts_with("signbox ")) {
        // Words, and what stands between quotes is one.
        let pieces = line.split('\'').enumerate();
        let spaced =
            pieces.map(|(at, piece)| if at % 2 == 1 { piece.replace(' ', "\0") } else { piece.to_owned() });
        let all = spaced.collect::<String>();
        let all: Vec<String> = all.split(' ').map(|word| word.replace('\0', " ")).collect();
        let value = |name: &str| {
            all.windows(2).filter(|pair| pair[0] == name).map(|pair| pair[1].as_str()).collect::<Vec<_>>()
        };
        match all[1].as_str() {
            "add" => {
                let mut bound = Bound::default();
                for limit in value("--limit") {
                    let (name, text) = limit.split_once('=').unwrap();
                    bound.limits.set(name, text).unwrap_or_else(|mistake| panic!("{line}: {mistake}"));
                }
                let exchange = exchange(all[2].split('/').next().unwrap()).unwrap();
                assert_eq!(bound.limits.unenforceable(exchange), None, "{line}");
                let granted = value("--allow");
                let grants = granted.iter().fold(Grants::NONE, |grants, word| grants.and(word).unwrap());
                keys.push((all[2].clone(), if granted.is_empty() { Grants::DEFAULT } else { grants }, bound));
            }
            "check" => {
                let (_, grants, bound) = keys.iter().find(|(handle, ..)| *handle == all[2]).unwrap();
                let exchange = exchange(all[2].split('/').next().unwrap()).unwrap();
                let mut scratch = Scratch::default();
                let body = value("--body")[0];
                let request = Request { method: &all[3], url: &all[4], headers: &[], body: Some(body) };
                let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
                // A Sunday in 2026.
                let facts = Facts {
                    now_ns: 1_795_348_800_000_000_000,
                    reference: value("--reference").first().copied(),
                };
                let bounds = std::slice::from_ref(bound);
                let decided = decide(exchange, &parts, *grants, bounds, &facts, &mut Work::new()).unwrap();
                assert!(decided.rule.permits(), "{line}: {:?}", decided.rule);
                checked += 1;
            }
            other => panic!("signbox {other}"),
        }
    }
    assert_eq!((keys.len(), checked), (5, 2));
    let file =
        examples.rsplit_once(".Bd -literal -offset indent\n").unwrap().1.split_once("\n.Ed").unwrap().0;
    let file = File::parse(file).unwrap();
    assert_eq!(["binance/trend", "kraken/tax", "okx/x"].map(|handle| file.bounds(handle).len()), [2, 2, 1]);
}

/// The rule that decides on a request.
fn decided(id: &str, grants: Grants, method: &str, url: &str, body: Option<&str>) -> Rule {
    let exchange = exchange(id).unwrap();
    let mut scratch = Scratch::default();
    let request = Request { method, url, headers: &[], body };
    let parts = Parts::of(exchange, &request, &mut scratch).unwrap();
    decide(exchange, &parts, grants, &[], &Facts::default(), &mut Work::default()).unwrap().rule
}

#[test]
fn the_page_of_the_exchanges_says_what_the_catalogue_does() {
    for (name, text) in page_parts() {
        hold(EXCHANGES, &format!(".\\\" generated: {name}"), ".\\\" end\n", &text);
    }
    let page = page("signbox-exchanges.7");
    let known = words(signable().map(|exchange| exchange.id.text()));
    assert_eq!(tags(between(&page, ".Sh EXCHANGES", ".Sh")), known);
    let listed = between(&page, ".Sh NOT SIGNED", ".Sh");
    for id in unsignable().values().flatten() {
        assert!(listed.contains(&format!(".Li {id}")), "{id}");
    }
}

#[test]
fn what_can_be_changed_in_a_signed_request_is_what_the_page_says() {
    for exchange in signable() {
        let mut open = BTreeSet::new();
        for secret in secrets(exchange) {
            for endpoint in
                exchange.endpoints.iter().chain(exchange.templates.iter()).filter(|line| !line.key_only)
            {
                let url = endpoint.path.replace(['{', '}'], "");
                let mut same = |part, [one, other]: [(String, Option<&str>); 2]| {
                    let signed = |(url, body): (String, Option<&str>)| {
                        let request =
                            Request { method: endpoint.method.word(), url: &url, headers: &[], body };
                        let signed = signed_with(exchange, &secret, &request)?;
                        Some(signed.replace("zz=2", "zz=1").replace("\"zz\":\"2\"", "\"zz\":\"1\""))
                    };
                    let one = signed(one);
                    if one.is_some() && one == signed(other) {
                        open.insert(part);
                    }
                };
                same("query", [1, 2].map(|value| (format!("{url}?zz={value}"), None)));
                for bodies in [
                    ["zz=1", "zz=2"],
                    ["{\"zz\":\"1\"}", "{\"zz\":\"2\"}"],
                    ["[{\"zz\":\"1\"}]", "[{\"zz\":\"2\"}]"],
                ] {
                    same("body", bodies.map(|body| (url.clone(), Some(body))));
                }
            }
        }
        assert_eq!(open, unsigned(exchange).into_iter().collect(), "{}", exchange.id);
    }
}

/// A secret of each kind that the vectors of an exchange hold, with what goes with it; but for RSA, which takes its time.
fn secrets(exchange: &Exchange) -> Vec<Value> {
    let file = place_of(&format!("exchanges/catalog/{}/vectors.json", exchange.id));
    let vectors: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut kinds = Vec::new();
    let short = |vector: &Value| vector["secret"].as_str().is_some_and(|secret| secret.len() < 1000);
    vectors
        .into_iter()
        .filter(|vector| short(vector))
        .filter(|vector| {
            let kind = exchange.kind(&credentials(vector));
            !kinds.contains(&kind) && {
                kinds.push(kind);
                true
            }
        })
        .collect()
}

fn credentials(vector: &Value) -> Credentials<'_> {
    let text = |name: &str| vector[name].as_str();
    Credentials {
        key: text("key").or(Some("FAKE")),
        secret: text("secret").unwrap().as_bytes(),
        passphrase: text("passphrase").or(Some("FAKE")),
        uid: text("uid").or(Some("FAKE")),
    }
}

/// All that a request becomes, always at the same time; nothing if it is refused.
fn signed_with(exchange: &Exchange, vector: &Value, request: &Request<'_>) -> Option<String> {
    let mut scratch = Scratch::default();
    let parts = Parts::of(exchange, request, &mut scratch).ok()?;
    exchange.check_body(&parts).ok()?;
    let clock = Clock { now_ns: 1_700_000_000_123_000_000, last: 0, skew: Skew::DEFAULT, unique: [7; 18] };
    let (credentials, mut signed) = (credentials(vector), Signed::with_capacity(4096));
    exchange.sign(&parts, &credentials, &mut Keyed::default(), &clock, &mut signed).ok()?;
    let headers: Vec<_> =
        signed.headers(&credentials).map(|(name, value)| format!("{name}: {value}")).collect();
    Some(format!("{} {} {headers:?}", signed.query, signed.body))
}

#[test]
fn the_limits_that_the_page_names_are_those_of_the_catalogue() {
    let page = page("signbox-exchanges.7");
    let section = |title: &str| between(&page, &format!(".Ss {title}"), ".S").to_owned();
    let holds = |text: &str, ids: &Words| {
        let told = words(
            text.split_whitespace()
                .zip(text.split_whitespace().skip(1))
                .filter_map(|(li, id)| (li == ".Li" && exchange(id).is_some()).then_some(id)),
        );
        assert_eq!(told, *ids, "{text}");
    };
    // A digest of text and secret, no HMAC.
    let suffix = |known: &[Digest]| {
        words(
            signable()
                .filter(|exchange| {
                    exchange
                        .schemes
                        .iter()
                        .any(|scheme| matches!(scheme.algorithm, Algorithm::Suffix(d) if known.contains(&d)))
                })
                .map(|exchange| exchange.id.text()),
        )
    };
    let known = suffix(&[Digest::Md5, Digest::Sha256, Digest::Sha384, Digest::Sha512]);
    assert_eq!(suffix(&[Digest::Md5]), known, "the page says that all of them sign with MD5 somewhere");
    holds(&section("Digests that are no HMAC"), &known);
    // The query, then the time, with nothing between them.
    let beside = |exchange: &&Exchange| {
        exchange.schemes.iter().any(|scheme| {
            scheme.time.is_some_and(|time| time.after > 0)
                && scheme
                    .message
                    .windows(2)
                    .any(|pair| matches!(pair, [Token::Query | Token::MarkedQuery, Token::Time]))
        })
    };
    holds(&section("Digits beside the expiry"), &words(signable().filter(beside).map(|e| e.id.text())));
    for scheme in signable().flat_map(|exchange| exchange.schemes.iter()) {
        let header = |place: Place| place.name().is_some_and(|name| &*name == "KC-API-PASSPHRASE");
        assert!(scheme.passphrase.is_none_or(|(place, signed)| !signed || header(place)));
    }
}

#[test]
fn what_a_read_only_key_can_be_made_to_do_is_as_the_page_says() {
    let read = Grants::NONE.and("read").unwrap();
    for (id, harmless, harm) in [
        (
            "binance",
            ("GET", "/api/v3/order?symbol=A&orderId=7"),
            ("DELETE", "/api/v3/order?symbol=A&orderId=7"),
        ),
        ("bitopro", ("GET", "/v3/orders/all/btc_twd"), ("DELETE", "/v3/orders/btc_twd/7")),
        ("cryptomus", ("GET", "/v2/user-api/exchange/orders"), ("DELETE", "/v2/user-api/exchange/orders/7")),
        ("upbit", ("GET", "/v1/accounts"), ("DELETE", "/v1/orders/open")),
        ("zonda", ("GET", "/rest/trading/offer"), ("DELETE", "/rest/trading/offer/BTC-PLN/7/sell/1")),
    ] {
        assert!(
            matches!(decided(id, read, harmless.0, harmless.1, None), Rule::Granted),
            "{id} {harmless:?}"
        );
        let asked = decided(id, read, harm.0, harm.1, None);
        assert!(matches!(asked, Rule::ClassNotGranted(Class::Cancel)), "{id} {harm:?} {asked:?}");
    }
    // Where nothing of the request is signed, a key without every dangerous class signs nothing at all.
    let all = Class::ALL.into_iter().fold(Grants::NONE, |grants, class| grants.and(class.word()).unwrap());
    for (id, method, url) in [
        ("bigone", "GET", "/api/v3/viewer/accounts"),
        ("btcturk", "GET", "/api/v1/users/balances"),
        ("coinmate", "POST", "/api/balances"),
        ("ndax", "GET", "/AP/GetAccountPositions"),
    ] {
        assert!(matches!(decided(id, Grants::DEFAULT, method, url, None), Rule::FitsUngranted(_)), "{id}");
        assert!(matches!(decided(id, all, method, url, None), Rule::Granted), "{id}");
    }
}

#[test]
fn the_pages_are_well_formed() {
    for name in PAGES {
        let Ok(output) = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(place(name)).output()
        else {
            return skip("there is no mandoc to check the man pages with");
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn every_session_of_the_table_is_tried_in_a_virtual_machine_and_no_other() {
    let page = page("signbox-sessions.7");
    let table = between(
        &page,
        ".It Em session Ta Em @s Ta Em keyctl Ta Em add Ta Em add @u Ta Em @u Ta Em group Ta Em service",
        ".El",
    );
    let told: Words = words(table.lines().map(|row| row[".It ".len()..].split(" Ta ").next().unwrap()));
    let script = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm/run")).unwrap();
    let tried = between(&script, "SESSIONS = {", "}");
    let tried: Words = words(tried.lines().map(|line| line.split('"').nth(1).unwrap()));
    assert_eq!(told, tried);
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

#[test]
fn the_bot_that_starts_its_own_signer_works() {
    if !stage() {
        return;
    }
    let page = page("signbox-signer.1");
    let example = between(between(&page, ".Sh EXAMPLES", ".Sh"), ".Bd -literal", ".Ed").replace("\\e", "\\");
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("there is no python3 to run the example with");
    }
    put("kraken/main", r#"{"key":"FAKEkey","secret":"c2VjcmV0"}"#);
    let programs = Path::new(env!("CARGO_BIN_EXE_signbox")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("python3").args(["-c", &example]).env("PATH", path).output().unwrap();
    let (said, failed) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = said.lines().collect();
    assert!(output.status.success() && failed.is_empty(), "{failed}");
    assert!(
        matches!(lines[..], [mode, signed, refused]
        if mode == "open" && signed.contains("'API-Sign': '") && refused.contains("'code': 'denied'")),
        "{lines:?}"
    );
}

/// Every page.
const PAGES: [&str; 7] = [
    "signbox.1",
    "signbox-signer.1",
    "signbox-policy.5",
    "signbox-protocol.7",
    "signbox-exchanges.7",
    "signbox-service.7",
    "signbox-sessions.7",
];
const EXCHANGES: &str = "packaging/man/signbox-exchanges.7";
