//! ECDSA on secp256k1 over a digest that is there already: keys as hexadecimal, as wallets show them.

use super::{LONGEST_PUBLIC, LONGEST_SIGNATURE};
use ecdsa::elliptic_curve::ff::PrimeField as _;
use ecdsa::hazmat::{SignPrimitive as _, VerifyPrimitive as _};
use k256::ecdsa::{RecoveryId, Signature};
use k256::elliptic_curve::sec1::ToEncodedPoint as _;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use sha2::Sha256;

pub(super) fn sign(
    secret: &[u8],
    digest: &[u8],
    out: &mut [u8; LONGEST_SIGNATURE],
) -> Result<usize, &'static str> {
    let digest: &[u8; 32] = digest.try_into().map_err(|_| "what secp256k1 signs is a digest of 32 bytes")?;
    let (signature, recovery) = signed(&key(secret)?, digest)?;
    out[..64].copy_from_slice(&signature.to_bytes());
    out[64] = 27 + recovery.to_byte();
    Ok(65)
}

pub(super) fn check(secret: &[u8]) -> Result<(), &'static str> {
    let key = key(secret)?;
    let (signature, _) = signed(&key, TRIAL)?;
    let verified = point(&key).verify_prehashed(&FieldBytes::from(*TRIAL), &signature);
    verified.map_err(|_| "a signature with the key cannot be verified")
}

pub(super) fn public(secret: &[u8], out: &mut [u8; LONGEST_PUBLIC]) -> Result<usize, &'static str> {
    let point = point(&key(secret)?).to_encoded_point(false);
    let (head, rest) = out.split_at_mut(HEAD.len());
    head.copy_from_slice(HEAD);
    rest[..65].copy_from_slice(point.as_bytes());
    Ok(HEAD.len() + 65)
}

/// The crate puts s into the lower half, and the recovery number with it.
fn signed(key: &Scalar, digest: &[u8; 32]) -> Result<(Signature, RecoveryId), &'static str> {
    let signed = key.try_sign_prehashed_rfc6979::<Sha256>(&FieldBytes::from(*digest), &[]);
    let (signature, recovery) = signed.map_err(|_| NOT_A_KEY)?;
    recovery.map(|recovery| (signature, recovery)).ok_or(NOT_A_KEY)
}

fn point(key: &Scalar) -> AffinePoint {
    (ProjectivePoint::GENERATOR * key).to_affine()
}

fn key(secret: &[u8]) -> Result<Scalar, &'static str> {
    let text = secret.trim_ascii();
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    let mut number = [0; 32];
    if digits.len() != 64 || base16ct::mixed::decode(digits, &mut number).is_err() {
        return Err("the key is not written as 64 hexadecimal digits");
    }
    let scalar = Option::<Scalar>::from(Scalar::from_repr(number.into())).ok_or(NOT_A_KEY)?;
    if bool::from(scalar.is_zero()) { Err(NOT_A_KEY) } else { Ok(scalar) }
}

/// A SubjectPublicKeyInfo up to the point.
const HEAD: &[u8] = &[
    0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x0a, 0x03, 0x42, 0x00,
];
const TRIAL: &[u8; 32] = b"signbox tries a key of a wallet.";
const NOT_A_KEY: &str = "the number is no key of secp256k1";
