//! What is to be done at the exchanges, in words for somebody who is in a hurry.

use crate::exchanges::keys_page;
use signbox_exchanges::exchange;
use std::collections::{BTreeMap, BTreeSet};

/// A numbered list: for each exchange where to delete the keys, and whom to write to.
pub(super) fn of(handles: &BTreeSet<String>) -> String {
    if handles.is_empty() {
        return "\nIf a secret may have leaked all the same, delete the API key at the exchange: 'signbox exchanges ID' says \
                where.\n"
            .to_owned();
    }
    let mut by_exchange: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for handle in handles {
        let id = handle.split('/').next().unwrap_or(handle);
        by_exchange.entry(exchange(id).map_or(id, |exchange| exchange.id.text())).or_default().push(handle);
    }
    let mut text = "\nNOW, at each exchange: delete the API key. Until then, whoever has a copy of the secret can use it.\n".to_owned();
    for (at, (id, handles)) in (1..).zip(&by_exchange) {
        let handles = handles.join(", ").escape_debug().to_string();
        let Some(exchange) = exchange(id) else {
            text += &format!(
                "\n  {at}. {handles}\n     signbox does not know this exchange: log in there, API management\n"
            );
            continue;
        };
        text += &format!("\n  {at}. {} ({handles})\n     delete    {}\n", exchange.name, keys_page(exchange));
        if let Some(place) = exchange.support {
            text += &format!("     write to  {place}\n");
        }
    }
    text + "\nThen cancel open orders, look at withdrawals and at their addresses, and change the password.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(handles: &[&str]) -> String {
        of(&handles.iter().map(|handle| (*handle).to_owned()).collect())
    }

    #[test]
    fn each_exchange_is_told_once_with_all_its_keys() {
        let text = told(&["kraken/main", "binance/a", "binanceusdm/b"]);
        assert!(
            text.contains("  1. Binance (spot, margin, USD-M, COIN-M, options) (binance/a, binanceusdm/b)\n"),
            "{text}"
        );
        assert!(
            text.contains("     delete    https://www.binance.com/en/my/settings/api-management\n"),
            "{text}"
        );
        assert!(text.contains("  2. Kraken spot (kraken/main)\n"), "{text}");
        assert!(text.contains("     write to  https://support.kraken.com\n"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let text = told(&["bit2c/main", "nowhere/x\u{1b}[2J"]);
        assert!(text.contains("delete    log in at https://www.bit2c.co.il, API management\n"), "{text}");
        assert!(text.contains("2. nowhere/x\\u{1b}[2J\n     signbox does not know this exchange"), "{text}");
        assert!(told(&[]).contains("'signbox exchanges ID' says where"));
    }
}
