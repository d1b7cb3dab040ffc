//! A new private key as the text that is stored, and a public one as the text that an exchange asks for.

use super::{KeyKind, LONGEST_PUBLIC, base58, public_of};
use crate::scheme::PublicForm;
use base64ct::{Base64, Encoding as _};

/// The most bytes that [`private_text`] writes.
pub const LONGEST_PRIVATE_TEXT: usize = 160;

/// Writes the private key that 32 random bytes make, and returns how long the text is.
///
/// # Errors
///
/// For kinds that are not made of 32 bytes alone, and for the one number in four thousand million that is no key of
/// P-256.
pub fn private_text(
    kind: KeyKind,
    number: &[u8; 32],
    out: &mut [u8; LONGEST_PRIVATE_TEXT],
) -> Result<usize, &'static str> {
    let length = match kind {
        KeyKind::Ed25519 => base64(number, out)?,
        KeyKind::P256 => {
            let mut der = [0; P256_HEAD.len() + 32];
            der[..P256_HEAD.len()].copy_from_slice(P256_HEAD);
            der[P256_HEAD.len()..].copy_from_slice(number);
            out[..BEGIN.len()].copy_from_slice(BEGIN);
            let end = BEGIN.len() + base64(&der, &mut out[BEGIN.len()..])?;
            out[end..end + END.len()].copy_from_slice(END);
            end + END.len()
        }
        _ => return Err("a key of this kind is not made here"),
    };
    public_of(kind, &out[..length], &mut [0; LONGEST_PUBLIC])?;
    Ok(length)
}

/// Writes a public key, given as a SubjectPublicKeyInfo, as an exchange asks for it: one line, or the lines of PEM.
pub fn public_text(info: &[u8], form: PublicForm) -> String {
    let raw = info.last_chunk::<32>().unwrap_or(&[0; 32]);
    match form {
        PublicForm::Pem => {
            let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
            for line in info.chunks(48) {
                pem.push_str(Base64::encode(line, &mut [0; 64]).unwrap_or_default());
                pem.push('\n');
            }
            pem.push_str("-----END PUBLIC KEY-----");
            pem
        }
        PublicForm::Base64 => Base64::encode(raw, &mut [0; 44]).unwrap_or_default().to_owned(),
        PublicForm::Near => {
            let mut text = String::from("ed25519:");
            base58::encode(raw, &mut text);
            text
        }
    }
}

fn base64(bytes: &[u8], out: &mut [u8]) -> Result<usize, &'static str> {
    Base64::encode(bytes, out).map(str::len).map_err(|_| "there is no room for the key")
}

/// PKCS#8 of a P-256 key without its public half, up to the number.
const P256_HEAD: &[u8] = &[
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04,
    0x20,
];
const BEGIN: &[u8] = b"-----BEGIN PRIVATE KEY-----\n";
const END: &[u8] = b"\n-----END PRIVATE KEY-----";
