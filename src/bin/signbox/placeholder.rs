//! `signbox placeholder`: what stands where a secret stood, so that a library that wants one goes on working.
//!
//! A placeholder is no secret: everybody has the same ones. It has the shape that libraries look at (base64, PEM, a
//! length), so that they sign with it without an error; the signer drops what they have signed.

use crate::cli::{Placeholder, SecretKind};
use crate::error::Error;
use crate::keys::Handle;
use crate::output::print;
use signbox_exchanges::{Exchange, KeyKind, Name, PublicForm};
use std::process::ExitCode;

pub(crate) fn run(args: &Placeholder) -> Result<ExitCode, Error> {
    let exchange = Handle::parse(&args.handle)?.exchange;
    let kind = match args.kind {
        None => usual(exchange),
        Some(kind) => taken(exchange, kind)?,
    };
    print(&format!("{}\n", of(exchange, kind)))?;
    Ok(ExitCode::SUCCESS)
}

/// The placeholder for a secret of this kind, without a newline at its end.
pub(crate) fn of(exchange: &Exchange, kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Hmac => exchange.placeholder.map_or(WORD, Name::text),
        KeyKind::Ed25519 if !exchange.kinds.contains(&KeyKind::Hmac) => match exchange.public {
            Some(PublicForm::Base64) => ED25519_BASE64,
            Some(PublicForm::Near) => ED25519_NEAR,
            Some(PublicForm::Pem) => ED25519_PEM.trim_end(),
            None => ED25519_BASE58,
        },
        // Where PEM stands for a key of P-256.
        KeyKind::Ed25519 if exchange.kinds.contains(&KeyKind::P256) => ED25519_WITH_PUBLIC,
        KeyKind::Ed25519 => ED25519_PEM.trim_end(),
        KeyKind::Rsa => RSA_PEM.trim_end(),
        KeyKind::P256 => P256_PEM.trim_end(),
        KeyKind::Secp256k1 => SECP256K1,
    }
}

/// Whether a value is a placeholder of signbox, whatever the line ends in it.
pub(crate) fn is_one(value: &[u8]) -> bool {
    let plain = |byte: &&u8| !byte.is_ascii_whitespace();
    value.starts_with(START)
        || ALL.iter().any(|known| value.iter().filter(plain).eq(known.as_bytes().iter().filter(plain)))
}

/// Whether a text has one of the private keys in PEM in it, with its line ends or without.
pub(crate) fn is_in(text: &[u8]) -> bool {
    let lines = [ED25519_PEM, P256_PEM, RSA_PEM].map(|pem| pem.lines().nth(1).unwrap_or(pem));
    lines.iter().any(|line| text.windows(line.len()).any(|part| part == line.as_bytes()))
}

/// The kind that most keys of an exchange are.
fn usual(exchange: &Exchange) -> KeyKind {
    let order = [KeyKind::Hmac, KeyKind::Ed25519, KeyKind::P256, KeyKind::Rsa, KeyKind::Secp256k1];
    order.into_iter().find(|kind| exchange.kinds.contains(kind)).unwrap_or(KeyKind::Hmac)
}

fn taken(exchange: &Exchange, asked: SecretKind) -> Result<KeyKind, Error> {
    let (kind, _) = KINDS[asked as usize];
    if exchange.kinds.contains(&kind) {
        return Ok(kind);
    }
    let known = KINDS.iter().filter(|(kind, _)| exchange.kinds.contains(kind)).map(|(_, word)| *word);
    Err(Error::new(format_args!(
        "{} takes no secret of that kind; there is '--type {}'",
        exchange.name,
        known.collect::<Vec<_>>().join("' and '--type ")
    )))
}

/// In the order of [`SecretKind`].
const KINDS: [(KeyKind, &str); 5] = [
    (KeyKind::Hmac, "hmac"),
    (KeyKind::Ed25519, "ed25519"),
    (KeyKind::Rsa, "rsa"),
    (KeyKind::P256, "p256"),
    (KeyKind::Secp256k1, "secp256k1"),
];

/// For HMAC, and for passphrases: 32 characters, since some library takes a longer secret for an RSA key, and base64 of 24
/// bytes. All private keys but RSA's are this text as a number.
pub(crate) const WORD: &str = "SIGNBOX0PLACEHOLDER0NOT0A0SECRET";
/// What all of them for HMAC begin with, those of the catalogue too.
const START: &[u8] = b"SIGNBOX0PLACEHOLDER0";
const ED25519_PEM: &str = include_str!("placeholder/ed25519.pem");
const ED25519_BASE64: &str = "U0lHTkJPWDBQTEFDRUhPTERFUjBOT1QwQTBTRUNSRVQ=";
const ED25519_WITH_PUBLIC: &str =
    "U0lHTkJPWDBQTEFDRUhPTERFUjBOT1QwQTBTRUNSRVSxuILEyHn3nH729a2qmQiQhj19MzZwTXbqxye0+5EnmQ==";
const ED25519_NEAR: &str = "ed25519:6c7eWvEeCXYGQmieVb27EC6ZhVusFpVuEEPuCpgVfZ3H";
const ED25519_BASE58: &str =
    "2fabTjjTyjkjSbhhWfqyhXbgmfDxrCHQ99xAcsgLZoUBp67hV83H9WdegHrEmdoDhmMqxNwKG9xSVVuR8duoorfA";
const RSA_PEM: &str = include_str!("placeholder/rsa.pem");
const P256_PEM: &str = include_str!("placeholder/p256.pem");
const SECP256K1: &str = "0x5349474e424f5830504c414345484f4c444552304e4f54304130534543524554";
const ALL: [&str; 9] = [
    WORD,
    ED25519_PEM,
    ED25519_BASE64,
    ED25519_WITH_PUBLIC,
    ED25519_NEAR,
    ED25519_BASE58,
    RSA_PEM,
    P256_PEM,
    SECP256K1,
];

#[cfg(test)]
mod tests {
    use super::*;
    use signbox_exchanges::{Credentials, catalogue};

    #[test]
    fn every_exchange_takes_its_placeholders_for_secrets_of_their_kind() {
        let mut seen = Vec::new();
        for exchange in catalogue().iter().filter(|exchange| exchange.unsignable.is_none()) {
            for kind in exchange.kinds.iter() {
                let text = of(exchange, *kind);
                seen.push(text);
                assert!(is_one(text.as_bytes()), "{} {kind:?}", exchange.id);
                // A signature with RSA takes its time in a debug build, and it is the same key everywhere.
                if *kind != KeyKind::Rsa || exchange.id.text() == "binance" {
                    assert_eq!(exchange.check_secret(text.as_bytes()), Ok(()), "{} {kind:?}", exchange.id);
                }
                let credentials =
                    Credentials { key: None, secret: text.as_bytes(), passphrase: None, uid: None };
                assert_eq!(exchange.kind(&credentials), *kind, "{}", exchange.id);
            }
        }
        assert!(ALL.iter().all(|known| seen.contains(&known.trim_end())), "one that is for no exchange");
    }

    #[test]
    fn placeholders_are_known_again_and_nothing_else_is() {
        assert!(ALL.iter().all(|text| is_one(text.as_bytes())));
        assert!(is_one(ED25519_PEM.replace('\n', "\r\n").as_bytes()));
        assert!(!is_one(b"") && !is_one(b"SIGNBOX") && !is_one(WORD.to_lowercase().as_bytes()));
    }
}
