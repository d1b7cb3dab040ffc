//! The README and its neighbours against the programs: what is printed there can be typed, and does what it says.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/exchanges.rs"]
mod exchanges;
#[path = "common/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "common/signer.rs"]
mod signer;

use exchanges::{hold, readme_table, readme_unsignable};
use nix::pty::{OpenptyResult, openpty};
use operator::{Ran, feed, signbox};
use serde_json::Value;
use signbox::protocol::{LONGEST_LINE, MOST_HEADERS};
use signbox::record;
use signbox_exchanges::exchange;
use signer::{put, skip, stage};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn the_first_signature_is_five_commands() {
    let Some(place) = staged(&["python3", "setsid"]) else { return };
    // Nothing is sent: what the real one sends is looked at in tests/sign.rs.
    place.program("curl", "#!/bin/sh\nexec cat\n");
    place.write("bot.py", &block("bot.py"));
    let commands = block("first signature");
    assert_eq!(commands.lines().count(), 5);
    let seen = place.on_a_terminal(&commands);
    for told in [
        "stored kraken/main",
        "refused (withdraw, POST /0/private/Withdraw)",
        "url = \"https://api.kraken.com/0/private/Balance\"",
        "header = \"API-Key: YOUR_API_KEY\"",
        "POST https://api.kraken.com/0/private/Balance {'API-Key': 'YOUR_API_KEY', 'API-Sign': '",
    ] {
        assert!(seen.contains(told), "{told}: {seen}");
    }
    assert!(!seen.contains(SECRET) && !seen.contains("Traceback"), "{seen}");
    let after = signbox(&["check", "kraken/main", "POST", "/0/private/Balance"]);
    assert!(after.code == Some(1) && after.stderr.contains("revoked"), "{after:?}");
}

#[test]
fn the_bot_of_signbox_run_works_with_pipes_and_with_a_socket() {
    let Some(place) = staged(&["python3"]) else { return };
    place.write("bot.py", &block("bot.py"));
    put("kraken/main", &record_json());
    for option in ["", "--socketpair "] {
        let ran = place.shell(&format!("signbox run {option}kraken/main -- python3 bot.py"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
        assert!(ran.stdout.contains("'API-Sign': '"), "{}", ran.stdout);
    }
}

#[test]
fn a_bot_with_limits_leaves_a_record() {
    let Some(place) = staged(&["python3", "setsid"]) else { return };
    let bot = block("bot.py");
    let (client, _) = bot.split_once("\nsigned = ").unwrap();
    let orders = "for quantity in ('0.001', '0.1'):\n    body = 'symbol=BTCUSDT&side=BUY&type=LIMIT&price=64000&quantity=' + quantity\n    \
                  try:\n        print(sign('binance/trend', 'POST', '/api/v3/order', body=body)['body'])\n    \
                  except PermissionError as why:\n        print(why)\n";
    place.write("trend.py", &format!("{client}\n{orders}"));
    let seen = place.on_a_terminal(&block("limits"));
    for told in [
        "symbol=BTCUSDT&side=BUY&type=LIMIT&price=64000&quantity=0.001&timestamp=",
        "(rule over-notional)",
        "orders       BTCUSDT buy: 1 order, quantity 0.001, price times quantity 64",
        "refused      1 request: over-notional 1",
        "binance/trend: whole",
    ] {
        assert!(seen.contains(told), "{told}: {seen}");
    }
}

#[test]
fn keyctl_puts_keys_in_and_takes_them_out() {
    let Some(place) = staged(&["keyctl"]) else { return };
    place.write("secret.txt", &format!("{SECRET}\n"));
    place.write("record.json", &record_json());
    let ran = place.shell(&format!("set -e\n{}", block("keyctl")));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let shown = |handle| serde_json::from_str::<Value>(&signbox(&["show", "--json", handle]).stdout).unwrap();
    let (bare, tax) = (shown("kraken/bare"), shown("kraken/tax"));
    assert_eq!(bare["allow"], serde_json::json!(["read", "trade", "cancel"]), "{bare}");
    assert_eq!(tax["allow"], serde_json::json!(["read"]), "{tax}");
    // A bare secret comes without the API key, and the bot has to send it.
    let request = ["POST", "/0/private/Balance", "-H", "API-Key: mine"];
    let signed = |handle, count| signbox(&[&["sign", handle], &request[..count]].concat()).stdout;
    for (handle, count, key) in
        [("kraken/bare", 2, None), ("kraken/bare", 4, Some("mine")), ("kraken/tax", 2, Some("YOUR_API_KEY"))]
    {
        let signed: Value = serde_json::from_str(&signed(handle, count)).unwrap();
        assert!(signed["headers"]["API-Sign"].is_string(), "{signed}");
        assert_eq!(signed["headers"]["API-Key"].as_str(), key, "{signed}");
    }

    let ran = place.shell(&block("purge"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let listed = signbox(&["list", "--json"]).stdout;
    assert!(!listed.contains("kraken/bare") && !listed.contains("kraken/tax"), "{listed}");
}

#[test]
fn every_block_is_tested_or_known() {
    let readme = document("README.md");
    let mut tested = Vec::new();
    let mut lines = readme.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let body: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            match before.strip_prefix("<!-- test: ") {
                Some(name) => tested.push(name.trim_end_matches(" -->")),
                None => assert!(line == "```text" || SET_UP.contains(&body.join("\n").as_str()), "{body:?}"),
            }
        }
        before = line;
    }
    assert_eq!(tested, ["first signature", "limits", "record.json", "keyctl", "purge", "bot.py"]);
    let (_, test) = readme.split_once("passes the tests:\n\n```sh\n").unwrap();
    assert!(test.starts_with("cargo test --workspace\n```"), "CI runs what stands here");
}

#[test]
fn limits_and_exchanges_are_those_of_the_code() {
    let readme = document("README.md");
    for told in [
        format!("a line has at most {LONGEST_LINE} bytes"),
        format!("a request {MOST_HEADERS} headers"),
        format!("a key's payload {} bytes", record::LONGEST),
    ] {
        assert!(words(&readme).to_lowercase().contains(&told), "{told}");
    }
    for (name, text) in [("exchanges", readme_table()), ("unsignable", readme_unsignable())] {
        hold("README.md", &format!("<!-- generated: {name} -->"), "<!-- end -->", &text);
    }
}

#[test]
fn every_exchange_of_ccxt_is_there() {
    let (_, version) = CCXT;
    assert!(document("README.md").contains(&format!("Every exchange of ccxt {version} is in this table")));
    for id in CCXT.0.split_whitespace() {
        assert!(exchange(id).is_some(), "{id}");
    }
}

#[test]
fn what_the_documents_refer_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in DOCUMENTS {
        let text = document(name);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(link.starts_with("https://") || root.join(link).exists(), "{name}: {link}");
        }
        // In backquotes, FILE::TEST names a test.
        for quoted in text.split('`').skip(1).step_by(2) {
            let Some((file, test)) = quoted.split_once(".rs::") else { continue };
            let source = fs::read_to_string(root.join(file).with_extension("rs"));
            let source = source.unwrap_or_else(|error| panic!("{name}: {file}.rs: {error}"));
            assert!(source.contains(&format!("fn {test}(")), "{name}: {quoted}");
        }
    }
}

#[test]
fn nothing_is_claimed_that_cannot_be_held() {
    for name in DOCUMENTS {
        let text = words(&document(name)).to_lowercase();
        for word in ["unbreakable", "military grade", "military-grade", "never in memory"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

/// A folder to type the commands in, in a session without keys; nothing, and a remark, where they cannot run.
fn staged(programs: &[&str]) -> Option<Workplace> {
    if !stage() {
        return None;
    }
    for program in programs {
        if Command::new(program).arg("--version").output().is_err() {
            skip(&format!("there is no {program} to type the commands of the README with"));
            return None;
        }
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let place = std::env::temp_dir().join(format!("signbox-readme-{}-{number}", std::process::id()));
    fs::create_dir(&place).unwrap();
    Some(Workplace(place))
}

struct Workplace(PathBuf);

impl Workplace {
    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// A program that is found before any other of its name.
    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn shell(&self, commands: &str) -> Ran {
        feed(self.at_home("sh", &["-c", commands]), "")
    }

    /// Types commands at a terminal, and the secret where it is asked for; returns what is seen there.
    fn on_a_terminal(&self, commands: &str) -> String {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut command = self.at_home("setsid", &["--ctty", "sh", "-c", commands]);
        let end = || slave.try_clone().unwrap();
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop((command, slave));
        let (mut terminal, mut seen, mut bytes) = (File::from(master), String::new(), [0; 1024]);
        let mut asked = false;
        // When nobody has the other end open any more, reading is an error.
        while let Ok(count @ 1..) = terminal.read(&mut bytes) {
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
            if !asked && seen.contains("(not shown): ") {
                terminal.write_all(format!("{SECRET}\n").as_bytes()).unwrap();
                asked = true;
            }
        }
        assert!(signer::wait(&mut child).success(), "{seen}");
        seen
    }

    fn at_home(&self, program: &str, arguments: &[&str]) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_signbox")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("HOME", &self.0);
        command.env("PATH", format!("{}:{}:{path}", self.0.display(), programs.display()));
        command
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The text of the fenced block behind a mark that names it.
fn block(name: &str) -> String {
    let readme = document("README.md");
    let (_, rest) = readme
        .split_once(&format!("<!-- test: {name} -->\n```"))
        .unwrap_or_else(|| panic!("no block '{name}'"));
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

fn record_json() -> String {
    block("record.json").replace("YOUR_SECRET", SECRET)
}

fn document(name: &str) -> String {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(place).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text however it was wrapped.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const DOCUMENTS: [&str; 4] = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Blocks that were run to get here, two that `packaging/check-deb` does step by step, and one that tests/setup.rs and
/// tests/vm do.
const SET_UP: [&str; 7] = [
    "cargo run --release -- demo",
    "sudo apt-get install --yes gcc python3 curl keyutils gdb mandoc",
    "cargo test --workspace",
    "cargo build --release\nexport PATH=\"$PWD/target/release:$PATH\"",
    "packaging/build-deb\nsudo apt install ./target/debian/signbox_*.deb ./target/debian/python3-signbox_*.deb",
    "sudo signbox add kraken/main --key YOUR_API_KEY --users \"$USER\"\nsignbox run kraken/main -- python3 bot.py",
    "sudo signbox setup momentum --user \"$USER\"\nsudo signbox add --service momentum kraken/main --key YOUR_API_KEY --credential\n\
     signbox check --service momentum kraken/main POST /0/private/Balance",
];

/// Made up.
const SECRET: &str = "bWFkZSB1cCBmb3IgdGhlIFJFQURNRQ==";

/// What `ccxt.exchanges` holds, and of which version.
const CCXT: (&str, &str) = (
    "alpaca apex aster backpack bequant bigone binance binancecoinm binanceus binanceusdm bingx bit2c bitbank \
    bitbns bitfinex bitflyer bitget bithumb bitopro bitrue bitso bitstamp bitteam bittrade bitvavo \
    blockchaincom blofin btcbox btcmarkets btcturk btse bullish bybit bybiteu bybitid bydfi cex coinbase \
    coinbaseexchange coinbaseinternational coincheck coinmate coinone coinsph coinspot cryptocom cryptomus \
    deepcoin delta deribit derive digifinex dydx extended fmfwio foxbit gate gateeu gemini grvt hashkey \
    hibachi hitbtc hollaex htx hyperliquid independentreserve indodax kraken krakenfutures kucoin \
    kucoinfutures latoken lbank lighter luno mercado mexc modetrade mudrex myokx nado ndax okx okxus \
    onetrading p2b pacifica paradex paymium phemex poloniex polymarket revolutx tokocrypto toobit upbit weex \
    whitebit woo woofipro xt zaif zebpay",
    "4.5.90",
);
