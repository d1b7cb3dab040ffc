//! The input of the targets that take a request: a line `exchange METHOD grant grant`, the URL, and what follows it.

use signbox::policy::Grants;
use signbox_exchanges::{Clock, Credentials, Exchange, KeyKind, Skew, catalogue, exchange};

pub struct Input<'a> {
    pub exchange: &'static Exchange,
    pub method: &'a str,
    #[allow(dead_code)] // what is signed again was permitted before
    pub grants: Grants,
    pub url: &'a str,
    /// What stands behind the URL's line, if there is one.
    pub rest: Option<&'a str>,
}

impl<'a> Input<'a> {
    pub fn of(data: &'a [u8]) -> Option<Input<'a>> {
        let text = core::str::from_utf8(data).ok()?;
        let (head, text) = text.split_once('\n')?;
        let (url, rest) = text.split_once('\n').map_or((text, None), |(url, rest)| (url, Some(rest)));
        let mut words = head.split(' ');
        let id = words.next()?;
        // A name that no exchange has still stands for one.
        let sum = id.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let exchange = exchange(id).unwrap_or(&catalogue()[sum % catalogue().len()]);
        let method = words.next()?;
        let grants = words.fold(Grants::NONE, |grants, word| grants.and(word).unwrap_or(grants));
        Some(Input { exchange, method, grants, url, rest })
    }
}

/// Credentials of a kind that the exchange takes, from the vectors and published test keys.
pub fn credentials(exchange: &Exchange) -> Credentials<'static> {
    let takes = |kind| exchange.kinds.iter().any(|known| *known == kind);
    let secret = if takes(KeyKind::Hmac) || exchange.kinds.is_empty() {
        "c2VjcmV0"
    } else if takes(KeyKind::Secp256k1) {
        "0x0123456789012345678901234567890123456789012345678901234567890123"
    } else if takes(KeyKind::Ed25519) {
        "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    } else {
        P256
    };
    Credentials { key: Some("k+y"), secret: secret.as_bytes(), passphrase: Some("p"), uid: Some("1") }
}

/// From RFC 6979, A.2.5, as PKCS#8.
const P256: &str = "-----BEGIN PRIVATE KEY-----\nMEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCDJr6nYRbp1FmtcIVdn\nsdaTTlDD2zbomxJ7imIrEg9nIQ==\n-----END PRIVATE KEY-----\n";

pub fn clock() -> Clock {
    Clock { now_ns: 1_700_000_000_123_456_789, last: 0, skew: Skew::Off, unique: [7; 18] }
}
