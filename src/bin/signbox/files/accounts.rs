//! Fields become accounts: an API key, its secret and what goes with them, and the exchange that they are for.

use super::{Field, Role, exchange_called, is_no_secret, names, role, words};

/// What belongs to one API key, as places in the list of fields.
#[derive(Debug)]
pub(crate) struct Account {
    /// The id or alias of the exchange.
    pub(crate) exchange: String,
    /// The words around the names that say whose account it is, beside the exchange.
    pub(crate) label: Vec<String>,
    pub(crate) secret: usize,
    pub(crate) key: Option<usize>,
    pub(crate) passphrase: Option<usize>,
    pub(crate) uid: Option<usize>,
    /// The handle that it had before.
    pub(crate) handle: Option<usize>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) found: Vec<Account>,
    /// The secrets beside an API key of which nothing says what exchange they are for.
    pub(crate) unknown: Vec<usize>,
    /// The secrets that are placeholders, hints or nothing.
    pub(crate) none: Vec<usize>,
}

/// The words of a name, what the last of them say, and how many stand before those.
type Split = (Vec<String>, Option<(Role, usize)>);

/// Finds the accounts; those of which nothing names the exchange are of `otherwise`.
pub(crate) fn accounts(text: &[u8], fields: &[Field], otherwise: Option<&str>) -> Accounts {
    let split: Vec<Split> = fields
        .iter()
        .map(|field| {
            let words = words(&field.name);
            let role = role(&words);
            (words, role)
        })
        .collect();
    let mut accounts = Accounts::default();
    for (at, field) in fields.iter().enumerate() {
        let (words, Some((Role::Secret, before))) = &split[at] else { continue };
        let prefix = &words[..*before];
        let beside = |wanted: Role| {
            let mut same = (0..fields.len()).filter(|other| {
                let (words, role) = &split[*other];
                fields[*other].inside == field.inside
                    && role.is_some_and(|(role, before)| role == wanted && words[..before] == *prefix)
            });
            same.find(|other| !fields[*other].value.is_empty())
        };
        // Two secrets beside one API key, such as a private key beside an empty `secret`.
        let first = (0..at).any(|other| {
            let (words, role) = &split[other];
            fields[other].inside == field.inside
                && role.is_some_and(|(role, before)| role == Role::Secret && words[..before] == *prefix)
                && !is_no_secret(&text[fields[other].value.clone()])
        });
        let key = beside(Role::Key);
        let exchange = exchange_of(text, fields, field, prefix);
        if is_no_secret(&text[field.value.clone()]) {
            if exchange.is_some() || key.is_some() {
                accounts.none.push(at);
            }
            continue;
        }
        match exchange.or_else(|| key.and(otherwise).map(str::to_owned)) {
            Some(exchange) if !first => accounts.found.push(Account {
                label: label(prefix, field, &exchange),
                exchange,
                secret: at,
                key,
                passphrase: beside(Role::Passphrase),
                uid: beside(Role::Uid),
                handle: beside(Role::Handle),
            }),
            None if key.is_none() => {} // some other secret
            _ => accounts.unknown.push(at),
        }
    }
    accounts
}

/// The exchange that a secret is for: named beside it, in its own name, or around it.
fn exchange_of(text: &[u8], fields: &[Field], secret: &Field, prefix: &[String]) -> Option<String> {
    let named = |inside: &[String], prefix: &[String]| {
        let mut beside = fields.iter().filter(|field| field.inside == inside);
        beside.find_map(|field| {
            let rest = words(&field.name);
            let rest = rest.strip_prefix(prefix)?;
            let is_name = matches!(role(rest), Some((Role::Exchange, 0)));
            let value = std::str::from_utf8(text.get(field.value.clone())?).ok()?;
            is_name.then(|| exchange_called(value)).flatten()
        })
    };
    let inside = &secret.inside;
    named(inside, prefix)
        .or_else(|| names::exchange_in(prefix))
        .or_else(|| {
            let outer = (0..inside.len()).rev();
            let mut around =
                outer.map(|depth| exchange_called(&inside[depth]).or_else(|| named(&inside[..depth], &[])));
            around.find_map(|found| found)
        })
        .or_else(|| named(inside, &[]))
}

/// What is left of the names when the exchange is taken away.
fn label(prefix: &[String], secret: &Field, exchange: &str) -> Vec<String> {
    let dull = ["api", "exchange", "exchanges", "freqtrade", "keys", "accounts", "ccxt", "config"];
    let around = secret.inside.iter().flat_map(|name| words(name)).chain(prefix.iter().cloned());
    let around = around.filter(|word| !dull.contains(&word.as_str()));
    around
        .filter(|word| {
            !word.chars().all(|letter| letter.is_ascii_digit()) && !exchange.contains(word.as_str())
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Format;
    use super::*;

    /// What is found, as `exchange label key secret passphrase uid`.
    fn told(format: Format, text: &str, otherwise: Option<&str>) -> Vec<String> {
        let fields = format.fields(text.as_bytes()).unwrap();
        let value = |at: Option<usize>| at.map_or("-", |at| &text[fields[at].value.clone()]);
        let accounts = accounts(text.as_bytes(), &fields, otherwise);
        let found = accounts.found.iter().map(|account| {
            let Account { exchange, label, secret, key, passphrase, uid, .. } = account;
            let [key, secret, passphrase, uid] = [*key, Some(*secret), *passphrase, *uid].map(value);
            format!("{exchange} [{}] {key} {secret} {passphrase} {uid}", label.join("-"))
        });
        let rest = [("unknown", &accounts.unknown), ("none", &accounts.none)];
        let fields = &fields;
        let rest = rest.into_iter().flat_map(|(word, all)| {
            all.iter().map(move |at| format!("{word} {}", fields[*at].name)).collect::<Vec<_>>()
        });
        found.chain(rest).collect()
    }

    #[test]
    fn a_freqtrade_configuration_has_one_account_and_other_secrets() {
        let text = r#"{"exchange": {"name": "gateio", "key": "K", "secret": "S", "ccxt_config": {"password": "no"}},
            "telegram": {"token": "T"}, "api_server": {"jwt_secret_key": "J", "password": "P"}}"#;
        assert_eq!(told(Format::Json, text, None), ["gate [] K S - -"]);
        let text = r#"{"exchange": {"name": "okx", "ccxt_config": {"apiKey": "K", "secret": "S", "password": "P"}}}"#;
        assert_eq!(told(Format::Json, text, None), ["okx [] K S P -"]);
    }

    #[test]
    fn the_keys_of_ccxt_stand_under_the_names_of_exchanges() {
        let text = r#"{"binance": {"apiKey": "K", "secret": "S"}, "kraken": {"apiKey": "k", "secret": ""},
            "bitmart": {"apiKey": "a", "secret": "b", "uid": "memo"}}"#;
        assert_eq!(
            told(Format::Json, text, None),
            ["binance [] K S - -", "bitmart [] a b - memo", "none secret"]
        );
        let text = r#"[{"id": "bybit", "apiKey": "K", "secret": "S"}, {"exchange": "luno", "key": "k", "secret": "s"}]"#;
        assert_eq!(told(Format::Json, text, None), ["bybit [] K S - -", "luno [] k s - -"]);
    }

    #[test]
    fn variables_belong_together_by_their_beginning() {
        let text = "BINANCE_API_KEY=K\nBINANCE_API_SECRET=S\nOKX_SUB_API_KEY=k\nOKX_SUB_SECRET=s\nOKX_SUB_PASSPHRASE=p\n\
                    JWT_SECRET=j\nAPI_KEY=a\nAPI_SECRET=b\n";
        assert_eq!(
            told(Format::Env, text, None),
            ["binance [] K S - -", "okx [sub] k s p -", "unknown API_SECRET"]
        );
        assert_eq!(told(Format::Env, text, Some("kraken"))[2], "kraken [] a b - -");
        let text =
            "FREQTRADE__EXCHANGE__NAME=kraken\nFREQTRADE__EXCHANGE__KEY=K\nFREQTRADE__EXCHANGE__SECRET=S\n";
        assert_eq!(told(Format::Env, text, None), ["kraken [] K S - -"]);
        let text = "EXCHANGE=bybit\nAPI_KEY=K\nAPI_SECRET=S\n";
        assert_eq!(told(Format::Env, text, None), ["bybit [] K S - -"]);
    }

    #[test]
    fn a_connector_of_hummingbot_names_the_exchange_twice() {
        let text =
            "connector: binance_perpetual\n\nbinance_perpetual_api_key: K\nbinance_perpetual_api_secret: S\n";
        assert_eq!(told(Format::Yaml, text, None), ["binance [perpetual] K S - -"]);
    }
}
