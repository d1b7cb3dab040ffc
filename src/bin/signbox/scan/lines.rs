//! The lines of a file: names with values, and values that are of the shape of a secret whatever they are called.

use crate::adopt::is_encrypted;
use crate::files::{Role, exchange_called, exchange_in, is_no_secret, role, words};
use crate::placeholder;

/// What was found in a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) line: usize,
    pub(super) kind: Kind,
    pub(super) exchange: Option<String>,
    pub(super) name: Option<String>,
}

/// What something looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Passphrase,
    PrivateKey,
    Encrypted,
    Shape,
}

/// Looks through a text, in whatever language it is.
pub(super) fn look(text: &[u8]) -> Vec<Found> {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let near = Surroundings::of(&lines);
    let (mut all, mut in_key) = (Vec::new(), false);
    for (at, line) in lines.iter().enumerate() {
        let before = all.len();
        let begins = begins_private_key(&lines[at..lines.len().min(at + 3)]);
        // What stands between the first and the last line of a private key is told with the first.
        let inside = in_key && !begins;
        in_key = (in_key || begins) && !line.windows(END.len()).any(|part| part == END);
        if inside {
            continue;
        }
        let mut add = |kind, exchange, name| all.push(Found { line: at + 1, kind, exchange, name });
        if begins {
            if !placeholder::is_in(&lines[at..lines.len().min(at + 3)].concat()) {
                add(Kind::PrivateKey, near.exchange(at), None);
            }
            continue;
        }
        let mut named: Vec<&[u8]> = Vec::new();
        for Pair { name, value, quoted } in pairs(line) {
            named.push(value);
            let told = words(name);
            let role = role(&told);
            if is_encrypted(value) {
                add(Kind::Encrypted, exchange_in(&told), Some(name.to_owned()));
                continue;
            }
            let Some((role, prefix)) = role else {
                named.pop();
                continue;
            };
            let own = exchange_in(&told[..prefix]);
            let exchange = || own.clone().or_else(|| near.exchange(at));
            match role {
                Role::Secret if looks_secret(value, quoted) && (own.is_some() || near.tells_of_keys(at)) => {
                    add(Kind::Secret, exchange(), Some(name.to_owned()));
                }
                Role::Passphrase
                    if quoted
                        && value.len() >= 6
                        && !is_no_secret(value)
                        && (own.is_some() || near.secret_within_a_few_lines(at)) =>
                {
                    add(Kind::Passphrase, exchange(), Some(name.to_owned()));
                }
                _ => {}
            }
        }
        let shapes = texts(line).filter(|text| has_the_shape(text) && !named.contains(text)).count();
        if shapes > 0 && all.len() == before {
            all.push(Found { line: at + 1, kind: Kind::Shape, exchange: near.exchange(at), name: None });
        }
    }
    all
}

/// What the lines around one speak of.
struct Surroundings {
    /// The exchange that a line names.
    exchanges: Vec<Option<String>>,
    /// Whether a line has an API key.
    keys: Vec<bool>,
    /// Whether a line has something called a secret.
    secrets: Vec<bool>,
    /// Whether the whole text is about exchanges.
    about: bool,
}

impl Surroundings {
    fn of(lines: &[&[u8]]) -> Surroundings {
        let roles = |line: &[u8], wanted: Role| {
            let mut pairs = pairs(line).into_iter();
            pairs.any(|pair| {
                role(&words(pair.name)).is_some_and(|(role, _)| role == wanted)
                    && looks_secret(pair.value, pair.quoted)
            })
        };
        let exchanges: Vec<Option<String>> = lines.iter().map(|line| exchange_on(line)).collect();
        let library =
            |line: &&[u8]| LIBRARIES.iter().any(|name| line.windows(name.len()).any(|part| part == *name));
        Surroundings {
            about: exchanges.iter().any(Option::is_some) || lines.iter().any(library),
            keys: lines.iter().map(|line| roles(line, Role::Key)).collect(),
            secrets: lines.iter().map(|line| roles(line, Role::Secret)).collect(),
            exchanges,
        }
    }

    /// The exchange that was named last, or is a few lines on.
    fn exchange(&self, at: usize) -> Option<String> {
        let before = (at.saturating_sub(BEFORE)..=at).rev();
        let after = at + 1..self.exchanges.len().min(at + 1 + AFTER);
        before.chain(after).find_map(|line| self.exchanges[line].clone())
    }

    fn tells_of_keys(&self, at: usize) -> bool {
        let around = at.saturating_sub(AFTER)..self.keys.len().min(at + 1 + AFTER);
        self.about || self.keys[around].contains(&true)
    }

    fn secret_within_a_few_lines(&self, at: usize) -> bool {
        self.about
            && self.secrets[at.saturating_sub(AFTER)..self.secrets.len().min(at + 1 + AFTER)].contains(&true)
    }
}

/// The exchange of a line: a word between quotes, behind a dot, or alone.
fn exchange_on(line: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut at = 0;
    while at < line.len() {
        let length = line[at..].iter().take_while(|byte| plain(byte)).count();
        let before = at.checked_sub(1).map(|before| line[before]);
        let after = line.get(at + length);
        let marked = matches!(before, Some(b'"' | b'\'' | b'.' | b'=' | b'`'))
            || matches!(before, None | Some(b' ')) && matches!(after, None | Some(b':'))
            || matches!(after, Some(b'_'));
        if marked && length > 2 {
            let word = std::str::from_utf8(&line[at..at + length]).ok()?;
            if let Some(id) = exchange_called(word) {
                return Some(id);
            }
        }
        at += length.max(1);
    }
    None
}

/// A name and the value behind it.
struct Pair<'a> {
    name: &'a str,
    value: &'a [u8],
    quoted: bool,
}

/// What looks like `name = value` or `"name": value` in any language.
fn pairs(line: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    let mut at = 0;
    while let Some(found) = line[at..].iter().position(|byte| matches!(byte, b'=' | b':')) {
        let sign = at + found;
        at = sign + 1;
        let Some(name) = name_before(line, sign) else { continue };
        let rest = &line[at..];
        let skip = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'>' | b'=')).count();
        if rest.starts_with(b"=") && line[sign] == b'=' {
            at += 1; // a comparison
            continue;
        }
        let start = at + skip;
        // Python marks some strings with a letter.
        let letter = usize::from(
            matches!(line.get(start), Some(b'b' | b'r' | b'f' | b'u'))
                && matches!(line.get(start + 1), Some(b'"' | b'\'')),
        );
        let Some((value, quoted)) = value_at(line, start + letter) else { continue };
        pairs.push(Pair { name, value, quoted });
    }
    pairs
}

/// The word before a place, which may stand between quotes or brackets; of `name: type =` the name.
fn name_before(line: &[u8], sign: usize) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let word = |end: usize| {
        let around = |byte: u8| b"\"'\\]) \t`".contains(&byte);
        let end = end - line[..end].iter().rev().take_while(|byte| around(**byte)).count();
        let start = end - line[..end].iter().rev().take_while(|byte| plain(**byte)).count();
        (start, end)
    };
    let (start, end) = word(sign);
    let text = std::str::from_utf8(&line[start..end]).ok().filter(|text| !text.is_empty())?;
    let is_type = ["str", "string", "String", "Str", "SecretStr"].contains(&text) && line[sign] == b'=';
    let colon = line[..start].iter().rposition(|byte| !b" [".contains(byte)).filter(|at| line[*at] == b':');
    match colon.filter(|_| is_type) {
        None => Some(text),
        Some(colon) => {
            let (start, end) = word(colon);
            std::str::from_utf8(&line[start..end]).ok().filter(|text| !text.is_empty())
        }
    }
}

/// The value that begins at a place, and whether it stands between quotes.
fn value_at(line: &[u8], start: usize) -> Option<(&[u8], bool)> {
    let rest = line.get(start..)?;
    // In a notebook, or in JSON within JSON, the quotes are escaped.
    let rest = rest.strip_prefix(b"\\").filter(|rest| rest.starts_with(b"\"")).unwrap_or(rest);
    match rest.first()? {
        quote @ (b'"' | b'\'' | b'`') => {
            let end = rest[1..].iter().position(|byte| byte == quote)?;
            let value = &rest[1..=end];
            Some((value.strip_suffix(b"\\").unwrap_or(value), true))
        }
        _ => {
            let end = |byte: &u8| byte.is_ascii_whitespace() || b",;)}]\"'#`<>".contains(byte);
            let length = rest.iter().position(end).unwrap_or(rest.len());
            (length > 0).then_some((&rest[..length], false))
        }
    }
}

/// The texts between quotes of a line.
fn texts(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| b"\"'` ,()[]{}=:;\\".contains(byte))
        .chain(line.split(|byte| b"\"'` ,()[]{}:;\\".contains(byte)))
}

/// Whether a value that is called a secret can be one.
fn looks_secret(value: &[u8], quoted: bool) -> bool {
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-.:!@%^&*~".contains(byte);
    let count = |wanted: fn(&u8) -> bool| value.iter().filter(|byte| wanted(byte)).count();
    let mut different = value.to_vec();
    different.sort_unstable();
    different.dedup();
    let many = different.len();
    different.fill(0);
    let (digits, lower, upper) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    let is_text = (16..=4096).contains(&value.len()) && value.iter().all(letters) && many >= 8;
    let is_place =
        value.starts_with(b"/") && value.ends_with(b"/") || value.windows(3).any(|part| part == b"://");
    let is_code = !quoted && (value.contains(&b'.') || value.contains(&b'_') || digits < 2);
    // Words are no secret: a digit, or both cases.
    let random = digits > 0 && lower + upper > 0 || lower > 3 && upper > 3;
    is_text && random && !is_place && !is_code && !is_no_secret(value)
}

/// Whether a text is of a shape that hardly anything but a secret has: 64 letters and digits of both cases, or base64 of 64
/// bytes.
fn has_the_shape(text: &[u8]) -> bool {
    let count = |wanted: fn(&u8) -> bool| text.iter().filter(|byte| wanted(byte)).count();
    let mixed = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase].map(count);
    let mixed = mixed.iter().all(|count| *count >= 5);
    let letters = |text: &[u8], more: &[u8]| {
        text.iter().all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte))
    };
    let sixty_four = text.len() == 64 && letters(text, b"");
    let base64 = text.len() == 88 && text.strip_suffix(b"==").is_some_and(|text| letters(text, b"+/"));
    mixed && (sixty_four || base64) && !is_no_secret(text)
}

/// Whether a private key begins in the first of these lines: its first line, and then a good piece of base64.
fn begins_private_key(lines: &[&[u8]]) -> bool {
    let place = |line: &[u8], wanted: &[u8]| line.windows(wanted.len()).position(|part| part == wanted);
    let Some((begin, end)) = place(lines[0], b"-----BEGIN ").zip(place(lines[0], MARK)) else { return false };
    let rest = [&lines[0][end + MARK.len()..], &lines[1..].concat()].concat();
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    begin < end && rest.split(|byte| !digit(byte)).any(|piece| piece.len() >= 20)
}

const MARK: &[u8] = b"PRIVATE KEY-----";
const END: &[u8] = b"-----END ";
/// Texts that stand in files about exchanges.
const LIBRARIES: [&[u8]; 7] =
    [b"ccxt", b"freqtrade", b"hummingbot", b"python-binance", b"krakenex", b"pybit", b"FREQTRADE__EXCHANGE"];
/// How many lines around one are looked at.
const BEFORE: usize = 10;
const AFTER: usize = 5;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is found, as `line kind exchange name`.
    fn told(text: &str) -> Vec<String> {
        let found = look(text.as_bytes()).into_iter();
        found
            .map(|Found { line, kind, exchange, name }| {
                format!(
                    "{line} {kind:?} {} {}",
                    exchange.as_deref().unwrap_or("-"),
                    name.as_deref().unwrap_or("-")
                )
            })
            .collect()
    }

    const RANDOM: &str = "q7Wm2kP9xZ4vL8nR3tY6bC1dF5gH0jKs";

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        for line in [
            "exchange = ccxt.kraken({'apiKey': 'x', 'secret': '@'})",
            "KRAKEN_API_SECRET=@",
            "export KRAKEN_SECRET='@' # mine",
            "      - KRAKEN_API_SECRET=@",
            "Environment=\"KRAKEN_API_SECRET=@\"",
            "kraken_api_secret: str = \"@\"",
            "const krakenApiSecret = `@`;",
            "os.environ[\"KRAKEN_API_SECRET\"] = \"@\"",
            "    \"    'kraken_secret': '@'\\n\",",
            "  \"source\": \"k = {\\\"kraken_secret\\\": \\\"@\\\"}\"",
            "kraken_secret => '@'",
            "kraken.secret: b'@'",
        ] {
            let found = told(&line.replace('@', RANDOM));
            assert_eq!(found.len(), 1, "{line} {found:?}");
            assert!(found[0].starts_with("1 Secret kraken "), "{line} {found:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_passed_over() {
        for line in [
            "kraken_secret = os.getenv('KRAKEN_API_SECRET')",
            "kraken_secret = config.kraken_secret_2",
            "kraken_secret = 'your_secret_goes_here_1'",
            "KRAKEN_API_SECRET=${KRAKEN_API_SECRET}",
            "KRAKEN_API_SECRET=SIGNBOX0PLACEHOLDER0NOT0A0SECRET",
            "KRAKEN_API_KEY=q7Wm2kP9xZ4vL8nR3tY6bC1dF5gH0jKs",
            "if kraken_secret == 'q7Wm2kP9xZ4vL8nR3tY6bC1dF5gH0jKs':",
            "kraken_secret_url = 'https://api.kraken.com/0/private1'",
            "SECRET_KEY = 'q7Wm2kP9xZ4vL8nR3tY6bC1dF5gH0jKs'",
            "\"sha256\": \"3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a\"",
        ] {
            assert_eq!(told(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn the_exchange_may_stand_some_lines_away() {
        let text = format!("{{\n\"name\": \"binance\",\n\"key\": \"x\",\n\"secret\": \"{RANDOM}\"\n}}");
        assert_eq!(told(&text), ["4 Secret binance secret"]);
        let text = format!("okx:\n  api_key: {RANDOM}\n  secret: {RANDOM}\n  passphrase: 'my pass'\n");
        assert_eq!(told(&text), ["3 Secret okx secret", "4 Passphrase okx passphrase"]);
        // An API key beside it says enough.
        let text = format!("API_KEY={RANDOM}\nAPI_SECRET={RANDOM}\n");
        assert_eq!(told(&text), ["2 Secret - API_SECRET"]);
    }

    #[test]
    fn some_secrets_are_known_by_their_shape_alone() {
        let sixty_four = format!("{RANDOM}{RANDOM}");
        assert_eq!(told(&format!("client = Client('x', '{sixty_four}')")), ["1 Shape - -"]);
        let base64 = format!("{}==", "aB3/".repeat(21) + "aB");
        assert_eq!(told(&format!("connect(x, \"{base64}\")")), ["1 Shape - -"]);
        assert_eq!(
            told("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFNJR05CT1gwUExBQ0V\n"),
            ["1 PrivateKey - -"]
        );
        assert_eq!(told("const BEGIN: &str = \"-----BEGIN EC PRIVATE KEY-----\";\n\n"), Vec::<String>::new());
        assert_eq!(
            told("binance_api_secret: 7b2263727970746f223a20"),
            ["1 Encrypted binance binance_api_secret"]
        );
    }

    #[test]
    fn the_placeholders_of_private_keys_are_none() {
        for kind in ["ed25519", "p256", "rsa"] {
            let path = format!("{}/src/bin/signbox/placeholder/{kind}.pem", env!("CARGO_MANIFEST_DIR"));
            let pem = std::fs::read_to_string(path).unwrap();
            assert_eq!(told(&pem), Vec::<String>::new(), "{kind}");
            assert_eq!(
                told(&format!("\"secret\": \"{}\"", pem.replace('\n', "\\n"))),
                Vec::<String>::new(),
                "{kind}"
            );
        }
    }
}
