//! What the names of variables and members say: which part of an account a value is, and of which exchange.

use signbox_exchanges::exchange;

/// A part of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The API key, which is no secret.
    Key,
    Secret,
    Passphrase,
    /// The account number, client id or memo.
    Uid,
    /// The name of the exchange.
    Exchange,
    /// The handle of a key that was adopted before.
    Handle,
}

/// The words of a name, in lower case: `apiSecret`, `API_SECRET` and `api-secret` have the same.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let new = !letter.is_alphanumeric() || before.is_lowercase() && letter.is_uppercase();
        if new {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("there is one").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What the last words of a name say, and how many words stand before them.
pub(crate) fn role(words: &[String]) -> Option<(Role, usize)> {
    ROLES.iter().find_map(|(ending, role)| {
        let ending: Vec<&str> = ending.split(' ').collect();
        let before = words.len().checked_sub(ending.len())?;
        (words[before..].iter().map(String::as_str).eq(ending)).then_some((*role, before))
    })
}

/// The exchange of a text, under the name that it has here; nothing if no exchange is called so.
pub(crate) fn exchange_called(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_lowercase();
    let markets = ["perpetual", "testnet", "papertrade"];
    let plain = markets.iter().fold(plain.as_str(), |text, market| text.strip_suffix(market).unwrap_or(text));
    let known = OTHER_NAMES.iter().find(|(other, _)| *other == plain).map_or(plain, |(_, id)| id);
    (!plain.is_empty() && exchange(known).is_some()).then(|| known.to_owned())
}

/// The exchange that words name: some of them, side by side, the most that make a name.
pub(crate) fn exchange_in(words: &[String]) -> Option<String> {
    let spans = (1..=words.len()).rev().flat_map(|length| words.windows(length));
    spans.filter(|span| span.concat().len() > 2).find_map(|span| exchange_called(&span.concat()))
}

/// Longer endings stand before those that they end with.
const ROLES: [(&str, Role); 47] = [
    ("api secret key", Role::Secret),
    ("api private key", Role::Secret),
    ("api key secret", Role::Secret),
    ("api secret", Role::Secret),
    ("secret key", Role::Secret),
    ("private key", Role::Secret),
    ("key secret", Role::Secret),
    ("apisecret", Role::Secret),
    ("secretkey", Role::Secret),
    ("privatekey", Role::Secret),
    ("secret", Role::Secret),
    ("api key passphrase", Role::Passphrase),
    ("api passphrase", Role::Passphrase),
    ("api password", Role::Passphrase),
    ("passphrase", Role::Passphrase),
    ("password", Role::Passphrase),
    ("api key id", Role::Key),
    ("access key id", Role::Key),
    ("api key", Role::Key),
    ("access key", Role::Key),
    ("public key", Role::Key),
    ("key id", Role::Key),
    ("apikey", Role::Key),
    ("accesskey", Role::Key),
    ("publickey", Role::Key),
    ("key", Role::Key),
    ("customer id", Role::Uid),
    ("client id", Role::Uid),
    ("account id", Role::Uid),
    ("account number", Role::Uid),
    ("user id", Role::Uid),
    ("customerid", Role::Uid),
    ("clientid", Role::Uid),
    ("accountid", Role::Uid),
    ("userid", Role::Uid),
    ("uid", Role::Uid),
    ("memo", Role::Uid),
    ("exchange name", Role::Exchange),
    ("exchange id", Role::Exchange),
    ("exchangeid", Role::Exchange),
    ("exchange", Role::Exchange),
    ("connector", Role::Exchange),
    ("venue", Role::Exchange),
    ("ccxt id", Role::Exchange),
    ("name", Role::Exchange),
    ("id", Role::Exchange),
    ("signbox", Role::Handle),
];

/// What bots call exchanges that have another name here.
const OTHER_NAMES: [(&str, &str); 13] = [
    ("gateio", "gate"),
    ("okex", "okx"),
    ("okex5", "okx"),
    ("huobi", "htx"),
    ("huobipro", "htx"),
    ("gdax", "coinbaseexchange"),
    ("coinbasepro", "coinbaseexchange"),
    ("coinbaseprime", "coinbaseexchange"),
    ("coinbaseadvanced", "coinbase"),
    ("coinbaseadvancedtrade", "coinbase"),
    ("binancefutures", "binance"),
    ("krakenspot", "kraken"),
    ("bitfinex2", "bitfinex"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_known_however_it_is_written() {
        for name in
            ["apiSecret", "API_SECRET", "api-secret", "BINANCE_API_SECRET", "binanceApiSecret", "secret"]
        {
            assert_eq!(role(&words(name)).map(|(role, _)| role), Some(Role::Secret), "{name}");
        }
        for (name, wanted, before) in [
            ("FREQTRADE__EXCHANGE__KEY", Role::Key, 2),
            ("jwt_secret_key", Role::Secret, 1),
            ("OKX_PASSPHRASE", Role::Passphrase, 1),
            ("exchange_name", Role::Exchange, 0),
            ("BINANCE_SIGNBOX", Role::Handle, 1),
        ] {
            assert_eq!(role(&words(name)), Some((wanted, before)), "{name}");
        }
        assert_eq!(role(&words("symbol")), None);
    }

    #[test]
    fn an_exchange_is_known_by_the_names_that_bots_give_it() {
        for (name, id) in [
            ("binance", "binance"),
            ("gateio", "gate"),
            ("gate_io_perpetual", "gate"),
            ("crypto_com", "cryptocom"),
            ("Coinbase Pro", "coinbaseexchange"),
        ] {
            assert_eq!(exchange_called(name).as_deref(), Some(id), "{name}");
        }
        assert_eq!(exchange_in(&words("MY_CRYPTO_COM_MAIN")).as_deref(), Some("cryptocom"));
        assert_eq!((exchange_called("telegram"), exchange_in(&words("jwt"))), (None, None));
        for (other, id) in OTHER_NAMES {
            assert!(exchange(other).is_none() && exchange(id).is_some(), "{other}");
        }
    }

    #[test]
    fn a_longer_ending_stands_before_one_that_it_ends_with() {
        for (at, (ending, _)) in ROLES.iter().enumerate() {
            let hidden = ROLES[..at].iter().any(|(before, _)| ending.ends_with(&format!(" {before}")));
            assert!(!hidden, "{ending} is never reached");
        }
    }
}
