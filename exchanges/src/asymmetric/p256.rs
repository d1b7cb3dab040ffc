//! ECDSA on P-256 with SHA-256: keys as PKCS#8 and SEC 1.

use super::der::{BITS, CONTEXT_0, CONTEXT_1, Der, OCTETS, Pkcs8, SEQUENCE, bits, only};
use super::pem::{self, DAMAGED, Label};
use super::{LONGEST_PUBLIC, LONGEST_SIGNATURE};
use ecdsa::elliptic_curve::ff::{Field as _, PrimeField as _};
use ecdsa::hazmat::{SignPrimitive as _, VerifyPrimitive as _};
use p256::ecdsa::Signature;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{AffinePoint, EncodedPoint, FieldBytes, ProjectivePoint, Scalar};
use sha2::{Digest as _, Sha256};

pub(super) fn sign(
    secret: &[u8],
    message: &[u8],
    out: &mut [u8; LONGEST_SIGNATURE],
) -> Result<usize, &'static str> {
    let signature = with_key(secret, |key, _| signed(&key, message))?;
    out[..64].copy_from_slice(&signature.to_bytes());
    Ok(64)
}

pub(super) fn check(secret: &[u8]) -> Result<(), &'static str> {
    with_key(secret, |key, public| {
        let point = point(&key);
        if public.is_some_and(|public| !is_point(&point, public)) {
            return Err("the key is damaged: its two halves do not belong together");
        }
        let signature = signed(&key, TRIAL)?;
        let verified = point.verify_prehashed(&Sha256::digest(TRIAL), &signature);
        verified.map_err(|_| "a signature with the key cannot be verified")
    })
}

pub(super) fn public(secret: &[u8], out: &mut [u8; LONGEST_PUBLIC]) -> Result<usize, &'static str> {
    let point = with_key(secret, |key, _| Ok(point(&key).to_encoded_point(false)))?;
    let (head, rest) = out.split_at_mut(HEAD.len());
    head.copy_from_slice(HEAD);
    rest[..65].copy_from_slice(point.as_bytes());
    Ok(HEAD.len() + 65)
}

/// s is put into the lower half: either is valid, and this is what other programs send.
fn signed(key: &Scalar, message: &[u8]) -> Result<Signature, &'static str> {
    let digest: FieldBytes = Sha256::digest(message);
    let (signature, _) = key.try_sign_prehashed_rfc6979::<Sha256>(&digest, &[]).map_err(|_| DAMAGED)?;
    Ok(signature.normalize_s().unwrap_or(signature))
}

fn point(key: &Scalar) -> AffinePoint {
    (ProjectivePoint::GENERATOR * key).to_affine()
}

fn is_point(point: &AffinePoint, written: &[u8]) -> bool {
    let compress = !written.starts_with(&[4]);
    let point: EncodedPoint = point.to_encoded_point(compress);
    point.as_bytes() == written
}

/// Hands the key to `work`, and the public half if it comes with one.
fn with_key<R>(
    secret: &[u8],
    work: impl FnOnce(Scalar, Option<&[u8]>) -> Result<R, &'static str>,
) -> Result<R, &'static str> {
    pem::with_bytes(secret, |label, bytes| {
        let sec1 = if label == Label::Ec { bytes } else { pkcs8(label, bytes)? };
        let mut der = Der(only(sec1, SEQUENCE)?);
        if der.number()? != [1] {
            return Err(DAMAGED);
        }
        let number = der.take(OCTETS)?;
        match der.may_take(CONTEXT_0)? {
            Some(curve) if curve != CURVE => return Err(ANOTHER_CURVE),
            None if label == Label::Ec => return Err("the key does not name its curve"),
            _ => {}
        }
        let public = der.may_take(CONTEXT_1)?.map(|public| bits(only(public, BITS)?)).transpose()?;
        der.end()?;
        let number: [u8; 32] = number.try_into().map_err(|_| DAMAGED)?;
        let scalar = Option::<Scalar>::from(Scalar::from_repr(number.into())).ok_or(DAMAGED)?;
        if bool::from(scalar.is_zero()) {
            return Err(DAMAGED);
        }
        work(scalar, public)
    })
}

fn pkcs8(label: Label, bytes: &[u8]) -> Result<&[u8], &'static str> {
    let key = Pkcs8::read(bytes)?;
    if label == Label::Rsa || !key.algorithm.starts_with(&ALGORITHM[..9]) {
        return Err(DAMAGED);
    }
    if key.algorithm == ALGORITHM { Ok(key.key) } else { Err(ANOTHER_CURVE) }
}

/// 1.2.840.10045.2.1 and 1.2.840.10045.3.1.7
const ALGORITHM: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
const CURVE: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// A SubjectPublicKeyInfo up to the point.
const HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const TRIAL: &[u8] = b"signbox tries a key";
const ANOTHER_CURVE: &str = "the key is for another curve than P-256 (prime256v1)";
