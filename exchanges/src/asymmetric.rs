//! Private keys and signatures with them: the only place that knows Ed25519, RSA, P-256 and secp256k1.
//!
//! Nothing here allocates (but [`public_text`], which holds no secret), draws random numbers, or branches on a bit of a private key. Everything lies on the
//! stack, which the caller wipes: it has to be a large one, since these signatures take far more of it than HMAC. That is
//! also why they are never inlined: their frames would become a part of the caller's, which HMAC runs in as well.

use base64ct::{Base64, Encoding as _};

mod base58;
#[cfg(feature = "asymmetric")]
mod der;
#[cfg(feature = "asymmetric")]
mod ed25519;
#[cfg(feature = "asymmetric")]
mod p256;
mod pem;
#[cfg(feature = "asymmetric")]
mod rsa;
#[cfg(feature = "asymmetric")]
mod secp256k1;
#[cfg(all(test, feature = "asymmetric"))]
mod tests;
mod write;

pub use write::{LONGEST_PRIVATE_TEXT, private_text, public_text};

/// What a secret is, and so what is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Bytes that both sides know.
    Hmac,
    /// A private key for Ed25519.
    Ed25519,
    /// A private key for RSA: PKCS#1 version 1.5 with SHA-256.
    Rsa,
    /// A private key for ECDSA on P-256 with SHA-256, which JSON web tokens call ES256.
    P256,
    /// A private key for ECDSA on secp256k1, as wallets have it.
    Secp256k1,
}

/// The most bytes a signature has: those of RSA with 4096 bits.
pub(crate) const LONGEST_SIGNATURE: usize = 512;

/// The most bytes a public key has as a SubjectPublicKeyInfo: RSA with 4096 bits and the largest exponent read.
pub const LONGEST_PUBLIC: usize = 560;

/// Tells what a secret is by its shape, among the kinds that the exchange takes.
///
/// PEM is always told by what it holds, so that a key the exchange does not take can be named in the error.
/// Reads only as much as that needs: whether the key is whole, [`check`] says.
pub(crate) fn kind_of(secret: &[u8], possible: &[KeyKind]) -> KeyKind {
    let text = secret.trim_ascii();
    let may_be = |kind| possible.contains(&kind);
    let must_be = |kind| possible == [kind];
    if text.starts_with(pem::BEGIN) {
        let private = || possible.iter().copied().find(|kind| *kind != KeyKind::Hmac);
        return pem::kind(text).or_else(private).unwrap_or(KeyKind::Hmac);
    }
    if may_be(KeyKind::Ed25519) {
        let base58 = must_be(KeyKind::Ed25519) && matches!(text.len(), 80..=88) && is_base58(text);
        if text.starts_with(NEAR) || base58 || is_base64_of_a_seed(text) {
            return KeyKind::Ed25519;
        }
    }
    if may_be(KeyKind::Secp256k1) {
        let digits = text.strip_prefix(b"0x").or(must_be(KeyKind::Secp256k1).then_some(text));
        if digits.is_some_and(|digits| digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit)) {
            return KeyKind::Secp256k1;
        }
    }
    if may_be(KeyKind::Rsa) && text.len() > SHORTEST_RSA && pem::kind_of_body(text) == Some(KeyKind::Rsa) {
        return KeyKind::Rsa;
    }
    KeyKind::Hmac
}

/// Signs `message` into `out`, and returns how long the signature is.
///
/// Ed25519: 64 bytes. RSA: as many as the key. P-256: r and s, 64 bytes, s in the lower half. secp256k1: `message` is
/// the 32 bytes of a digest, and the signature r, s (in the lower half) and v, which is 27 or 28: 65 bytes.
///
/// # Errors
///
/// Says in plain words what is wrong with the key; never shows any of it.
#[cfg(feature = "asymmetric")]
#[inline(never)]
pub(crate) fn sign(
    kind: KeyKind,
    secret: &[u8],
    message: &[u8],
    out: &mut [u8; LONGEST_SIGNATURE],
) -> Result<usize, &'static str> {
    match kind {
        KeyKind::Hmac => Err(NO_PRIVATE_KEY),
        KeyKind::Ed25519 => ed25519::sign(secret, message, out),
        KeyKind::Rsa => rsa::sign(secret, message, out),
        KeyKind::P256 => p256::sign(secret, message, out),
        KeyKind::Secp256k1 => secp256k1::sign(secret, message, out),
    }
}

/// Signs a text that is no request with an Ed25519 key, as [`private_text`] writes one.
///
/// # Errors
///
/// Says in plain words what is wrong with the key, or that this build has no private keys.
#[inline(never)]
pub fn sign_text(secret: &[u8], text: &[u8]) -> Result<[u8; 64], &'static str> {
    let mut signature = [0; LONGEST_SIGNATURE];
    sign(KeyKind::Ed25519, secret, text, &mut signature)?;
    let mut short = [0; 64];
    short.copy_from_slice(&signature[..64]);
    Ok(short)
}

/// Reads the whole of a secret, and says what it is.
///
/// A private key is also tried: a signature is made and verified, so that a damaged key is found here. Of an HMAC secret
/// nothing is looked at.
///
/// # Errors
///
/// Says in plain words what is wrong with the key; never shows any of it.
#[cfg(feature = "asymmetric")]
#[inline(never)]
pub(crate) fn check(secret: &[u8], possible: &[KeyKind]) -> Result<KeyKind, &'static str> {
    let kind = kind_of(secret, possible);
    if secret.trim_ascii().starts_with(pem::BEGIN) {
        pem::check(secret)?;
    }
    if !possible.contains(&kind) {
        return Err(match kind {
            KeyKind::Hmac => "this is no private key",
            KeyKind::Ed25519 => "this is an Ed25519 key, which this exchange does not take",
            KeyKind::Rsa => "this is an RSA key, which this exchange does not take",
            KeyKind::P256 => "this is a P-256 key, which this exchange does not take",
            KeyKind::Secp256k1 => "this is a secp256k1 key, which this exchange does not take",
        });
    }
    match kind {
        KeyKind::Hmac => {}
        KeyKind::Ed25519 => ed25519::check(secret)?,
        KeyKind::Rsa => rsa::check(secret)?,
        KeyKind::P256 => p256::check(secret)?,
        KeyKind::Secp256k1 => secp256k1::check(secret)?,
    }
    Ok(kind)
}

/// Writes the public half as a DER SubjectPublicKeyInfo, and returns how long that is.
///
/// The last 32 bytes of an Ed25519 one are the key by itself, and the last 65 of the other two curves the point.
///
/// # Errors
///
/// Says in plain words what is wrong with the key; never shows any of it.
#[cfg(feature = "asymmetric")]
#[inline(never)]
pub fn public_of(
    kind: KeyKind,
    secret: &[u8],
    out: &mut [u8; LONGEST_PUBLIC],
) -> Result<usize, &'static str> {
    match kind {
        KeyKind::Hmac => Err(NO_PRIVATE_KEY),
        KeyKind::Ed25519 => ed25519::public(secret, out),
        KeyKind::Rsa => rsa::public(secret, out),
        KeyKind::P256 => p256::public(secret, out),
        KeyKind::Secp256k1 => secp256k1::public(secret, out),
    }
}

/// Whether an Ed25519 signature holds; nothing if this build has no private keys.
#[cfg(feature = "asymmetric")]
pub fn ed25519_holds(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Option<bool> {
    Some(ed25519::holds(public, message, signature))
}

/// The hash that wallets sign: Keccak as it was before it became SHA-3.
#[cfg(feature = "asymmetric")]
pub(crate) fn keccak256(message: &[u8]) -> [u8; 32] {
    use sha3::Digest as _;
    sha3::Keccak256::digest(message).into()
}

/// Stands in for the signature in a build that has no private keys.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "asymmetric"))]
pub(crate) fn sign(
    kind: KeyKind,
    _: &[u8],
    _: &[u8],
    _: &mut [u8; LONGEST_SIGNATURE],
) -> Result<usize, &'static str> {
    Err(not_in_this_build(kind))
}

/// Takes every HMAC secret, as there is nothing else in this build.
///
/// # Errors
///
/// For every private key.
#[cfg(not(feature = "asymmetric"))]
pub(crate) fn check(secret: &[u8], possible: &[KeyKind]) -> Result<KeyKind, &'static str> {
    match kind_of(secret, possible) {
        KeyKind::Hmac => Ok(KeyKind::Hmac),
        kind => Err(not_in_this_build(kind)),
    }
}

/// Stands in for the public half in a build that has no private keys.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "asymmetric"))]
pub fn public_of(kind: KeyKind, _: &[u8], _: &mut [u8; LONGEST_PUBLIC]) -> Result<usize, &'static str> {
    Err(not_in_this_build(kind))
}

/// Stands in for the question whether a signature holds, which a build that has no private keys cannot answer.
#[cfg(not(feature = "asymmetric"))]
pub fn ed25519_holds(_: &[u8; 32], _: &[u8], _: &[u8; 64]) -> Option<bool> {
    None
}

/// Stands in for the hash that wallets sign: nothing signs it in a build that has no private keys.
#[cfg(not(feature = "asymmetric"))]
pub(crate) fn keccak256(_: &[u8]) -> [u8; 32] {
    [0; 32]
}

#[cfg(not(feature = "asymmetric"))]
fn not_in_this_build(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Hmac => NO_PRIVATE_KEY,
        KeyKind::Ed25519 => "this build has no Ed25519 keys; build with the feature 'asymmetric'",
        KeyKind::Rsa => "this build has no RSA keys; build with the feature 'asymmetric'",
        KeyKind::P256 => "this build has no P-256 keys; build with the feature 'asymmetric'",
        KeyKind::Secp256k1 => "this build has no secp256k1 keys; build with the feature 'asymmetric'",
    }
}

/// Whether this is base64 of 32 bytes, a seed, or of 64, a seed and its public key.
fn is_base64_of_a_seed(text: &[u8]) -> bool {
    let mut bytes = [0; 66];
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    matches!((text.len(), padding), (44, 1) | (88, 2)) && Base64::decode(text, &mut bytes).is_ok()
}

fn is_base58(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() && !b"0OIl".contains(byte))
}

/// How exchanges on NEAR mark an Ed25519 key.
const NEAR: &[u8] = b"ed25519:";
/// Fewer characters than base64 of the shortest RSA key that is taken has.
const SHORTEST_RSA: usize = 1024;
const NO_PRIVATE_KEY: &str = "this is no private key";
