//! Ed25519: keys as PKCS#8, as base64 or base58 of a seed, and of a seed with its public key.

use super::der::{OCTETS, Pkcs8, only};
use super::pem::{self, Label};
use super::{LONGEST_PUBLIC, LONGEST_SIGNATURE, NEAR, base58};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

pub(super) fn sign(
    secret: &[u8],
    message: &[u8],
    out: &mut [u8; LONGEST_SIGNATURE],
) -> Result<usize, &'static str> {
    let signature = key(secret)?.sign(message).to_bytes();
    out[..64].copy_from_slice(&signature);
    Ok(64)
}

pub(super) fn check(secret: &[u8]) -> Result<(), &'static str> {
    let key = key(secret)?;
    key.verify(TRIAL, &key.sign(TRIAL)).map_err(|_| "a signature with the key cannot be verified")
}

pub(super) fn public(secret: &[u8], out: &mut [u8; LONGEST_PUBLIC]) -> Result<usize, &'static str> {
    let key = key(secret)?;
    let (head, rest) = out.split_at_mut(HEAD.len());
    head.copy_from_slice(HEAD);
    rest[..32].copy_from_slice(key.verifying_key().as_bytes());
    Ok(HEAD.len() + 32)
}

/// Strictly: what other programs might read in another way does not hold.
pub(super) fn holds(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Reads a key, and compares its public half with the one it comes with, if it does.
fn key(secret: &[u8]) -> Result<SigningKey, &'static str> {
    let text = secret.trim_ascii();
    if let Some(text) = text.strip_prefix(NEAR) {
        return from_base58(text);
    }
    match text.len() {
        80..=87 if !text.starts_with(pem::BEGIN) => from_base58(text),
        88 if !text.ends_with(b"=") => from_base58(text),
        _ => pem::with_bytes(text, |label, bytes| match (label, bytes.len()) {
            (Label::None, 32 | 64) => from_bytes(bytes),
            _ => from_pkcs8(label, bytes),
        }),
    }
}

fn from_pkcs8(label: Label, bytes: &[u8]) -> Result<SigningKey, &'static str> {
    let envelope = Pkcs8::read_as(label, bytes, ALGORITHM)?;
    let key = from_bytes(only(envelope.key, OCTETS)?)?;
    if envelope.public.is_some_and(|public| public != key.verifying_key().as_bytes()) {
        return Err(NOT_ITS_PUBLIC);
    }
    Ok(key)
}

fn from_base58(text: &[u8]) -> Result<SigningKey, &'static str> {
    if text.len() <= 44 {
        from_bytes(&base58::decode::<32>(text).ok_or(NOT_A_SEED)?)
    } else {
        from_bytes(&base58::decode::<64>(text).ok_or(NOT_A_SEED)?)
    }
}

/// A seed, or a seed and the public key.
fn from_bytes(bytes: &[u8]) -> Result<SigningKey, &'static str> {
    let (seed, public) = bytes.split_first_chunk().ok_or(NOT_A_SEED)?;
    let key = SigningKey::from_bytes(seed);
    match public.len() {
        0 => Ok(key),
        32 if public == key.verifying_key().as_bytes() => Ok(key),
        32 => Err(NOT_ITS_PUBLIC),
        _ => Err(NOT_A_SEED),
    }
}

/// 1.3.101.112
const ALGORITHM: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// A SubjectPublicKeyInfo up to the key.
const HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const TRIAL: &[u8] = b"signbox tries a key";
const NOT_A_SEED: &str =
    "the key is neither the 32 bytes of an Ed25519 seed nor the 64 of a seed and its public key";
const NOT_ITS_PUBLIC: &str = "the key is damaged: its two halves do not belong together";
