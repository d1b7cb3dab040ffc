//! Where the secret meets the message: HMAC, digests with the secret behind the message, private keys.

use crate::asymmetric::{self, KeyKind};
use crate::scheme::{Algorithm, Digest, Encoding, SecretEncoding};
use crate::signed::Error;
use base64ct::{Base64, Encoding as _};
use core::fmt;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The state of an HMAC that has taken in its key: as secret as the key, and made once for all requests
/// that are signed between two reads of it.
#[derive(Clone, Default)]
pub struct Keyed(State);

#[derive(Clone, Default)]
enum State {
    #[default]
    None,
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed(..)")
    }
}

impl Keyed {
    /// Appends the signature of `message` to `out`, as `encoding` writes it.
    pub(crate) fn sign(
        &mut self,
        by: &Signing<'_>,
        message: &[u8],
        encoding: Encoding,
        out: &mut String,
    ) -> Result<(), Error> {
        match by.algorithm {
            Algorithm::Hmac(digest) => {
                self.take_in(digest, by.form, by.secret)?;
                match &self.0 {
                    State::Sha256(mac) => write(encoding, &finish(mac.clone(), message), out),
                    State::Sha384(mac) => write(encoding, &finish(mac.clone(), message), out),
                    State::Sha512(mac) => write(encoding, &finish(mac.clone(), message), out),
                    State::None => unreachable!("the key was taken in"),
                }
            }
            Algorithm::Suffix(Digest::Md5) => suffix::<Md5>(by.secret, message, encoding, out),
            Algorithm::Suffix(Digest::Sha256) => suffix::<Sha256>(by.secret, message, encoding, out),
            Algorithm::Suffix(Digest::Sha384) => suffix::<Sha384>(by.secret, message, encoding, out),
            Algorithm::Suffix(Digest::Sha512) => suffix::<Sha512>(by.secret, message, encoding, out),
            Algorithm::PrivateKey => private(by, message, encoding, out)?,
        }
        Ok(())
    }

    /// Takes in the key, unless that was done.
    #[inline(never)]
    fn take_in(&mut self, digest: Digest, form: SecretEncoding, secret: &[u8]) -> Result<(), Error> {
        match (digest, &self.0) {
            (Digest::Sha256, State::Sha256(_))
            | (Digest::Sha384, State::Sha384(_))
            | (Digest::Sha512, State::Sha512(_)) => {}
            _ => {
                let mut room = [0; LONGEST_KEY];
                let key = key(form, secret, &mut room).map_err(Error::Secret)?;
                self.0 = match digest {
                    Digest::Sha256 | Digest::Md5 => State::Sha256(new(key)),
                    Digest::Sha384 => State::Sha384(new(key)),
                    Digest::Sha512 => State::Sha512(new(key)),
                };
            }
        }
        Ok(())
    }
}

/// Signs with a private key: a frame of its own, which HMAC keys do without.
#[inline(never)]
fn private(by: &Signing<'_>, message: &[u8], encoding: Encoding, out: &mut String) -> Result<(), Error> {
    let mut signature = [0; asymmetric::LONGEST_SIGNATURE];
    let len = asymmetric::sign(by.kind, by.secret, message, &mut signature).map_err(Error::Secret)?;
    write(encoding, &signature[..len], out);
    Ok(())
}

/// What is signed with.
pub(crate) struct Signing<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: KeyKind,
    pub(crate) form: SecretEncoding,
    pub(crate) secret: &'a [u8],
}

/// Not inlined: three of it in one frame would take a third of the stack.
#[inline(never)]
fn new<M: Mac + hmac::digest::KeyInit>(key: &[u8]) -> M {
    <M as Mac>::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn finish<M: Mac>(mut mac: M, message: &[u8]) -> hmac::digest::Output<M> {
    mac.update(message);
    mac.finalize().into_bytes()
}

fn suffix<D: sha2::Digest>(secret: &[u8], message: &[u8], encoding: Encoding, out: &mut String) {
    write(encoding, &D::new().chain_update(message).chain_update(secret).finalize(), out);
}

/// The key that HMAC takes: the secret, or what becomes of it in `room`, on the stack, which is secret.
pub(crate) fn key<'a>(
    form: SecretEncoding,
    secret: &'a [u8],
    room: &'a mut [u8; LONGEST_KEY],
) -> Result<&'a [u8], &'static str> {
    match form {
        SecretEncoding::Utf8 => Ok(secret),
        SecretEncoding::Base64 => Base64::decode(secret, room).map_err(|_| NOT_BASE64),
        SecretEncoding::Base64Text => {
            Base64::encode(secret, room).map(str::as_bytes).map_err(|_| "the secret is too long")
        }
        SecretEncoding::Upper => {
            let text = room.get_mut(..secret.len()).ok_or("the secret is too long")?;
            text.copy_from_slice(secret);
            text.make_ascii_uppercase();
            Ok(text)
        }
        SecretEncoding::Md5Hex => Ok(hex(&Md5::digest(secret), HEX_DIGITS, &mut room[..32]).as_bytes()),
    }
}

/// Appends a signature. It is no secret: tables will do. Its frame is small and its own, as the stack is small.
#[inline(never)]
fn write(encoding: Encoding, tag: &[u8], out: &mut String) {
    match encoding {
        Encoding::Hex => push_hex(tag, HEX_DIGITS, out),
        Encoding::UpperHex => push_hex(tag, b"0123456789ABCDEF", out),
        Encoding::Base64 => push_base64(tag, false, out),
        Encoding::Base64Url => push_base64(tag, true, out),
        Encoding::Base64Hex => {
            let mut text = [0; 128];
            push_base64(hex(tag, HEX_DIGITS, &mut text[..2 * tag.len()]).as_bytes(), false, out);
        }
        Encoding::Base58 => out.push_str(base58(tag, &mut [0; 128])),
        Encoding::Rsv => {
            out.push_str("{\"r\":\"0x");
            push_hex(&tag[..32], HEX_DIGITS, out);
            out.push_str("\",\"s\":\"0x");
            push_hex(&tag[32..64], HEX_DIGITS, out);
            out.push_str(if tag[64] == 27 { "\",\"v\":27}" } else { "\",\"v\":28}" });
        }
    }
}

fn push_hex(bytes: &[u8], digits: &[u8; 16], out: &mut String) {
    for chunk in bytes.chunks(32) {
        out.push_str(hex(chunk, digits, &mut [0; 64][..2 * chunk.len()]));
    }
}

fn push_base64(bytes: &[u8], url: bool, out: &mut String) {
    for chunk in bytes.chunks(48) {
        out.push_str(base64(chunk, url, &mut [0; 64]));
    }
}

/// Base64 of what is no secret, by a table, as `base64ct` takes several times as long: with padding, or for URLs and without.
/// `out` has room for the padding.
pub(crate) fn base64<'a>(bytes: &[u8], url: bool, out: &'a mut [u8]) -> &'a str {
    let digits = if url { BASE64_URL_DIGITS } else { BASE64_DIGITS };
    for (three, four) in bytes.chunks(3).zip(out.chunks_exact_mut(4)) {
        let [a, b, c] = [0, 1, 2].map(|at| usize::from(*three.get(at).unwrap_or(&0)));
        four.copy_from_slice(&[a >> 2, a << 4 | b >> 4, b << 2 | c >> 6, c].map(|six| digits[six & 63]));
    }
    let len = (4 * bytes.len()).div_ceil(3);
    let end = if url { len } else { len.next_multiple_of(4) };
    out[len..end].fill(b'=');
    core::str::from_utf8(&out[..end]).expect("only ASCII is written")
}

pub(crate) fn hex<'a>(bytes: &[u8], digits: &[u8; 16], out: &'a mut [u8]) -> &'a str {
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digits[usize::from(byte >> 4)];
        pair[1] = digits[usize::from(byte & 15)];
    }
    core::str::from_utf8(out).expect("only ASCII is written")
}

/// Base58 as Bitcoin writes it: a number in base 58, with a `1` for each zero byte in front.
fn base58<'a>(bytes: &[u8], out: &'a mut [u8; 128]) -> &'a str {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut len = 0;
    for byte in &bytes[zeros..] {
        let mut carry = u32::from(*byte);
        for digit in &mut out[..len] {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            out[len] = (carry % 58) as u8;
            len += 1;
            carry /= 58;
        }
    }
    out[len..len + zeros].fill(0);
    let text = &mut out[..len + zeros];
    text.reverse();
    for digit in text.iter_mut() {
        *digit = BASE58_DIGITS[usize::from(*digit)];
    }
    core::str::from_utf8(text).expect("only ASCII is written")
}

pub(crate) const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
const BASE64_DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL_DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE58_DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// More than the longest HMAC secret that any exchange shows, as base64.
pub(crate) const LONGEST_KEY: usize = 1024;

const NOT_BASE64: &str = "the secret is not valid base64";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base58_is_that_of_bitcoin() {
        for (bytes, text) in [
            (&b"Hello World!"[..], "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (&[0, 0, 0x28, 0x7f, 0xb4, 0xcd], "11233QC4"),
            (b"", ""),
        ] {
            assert_eq!(base58(bytes, &mut [0; 128]), text);
        }
    }

    #[test]
    fn each_encoding_writes_the_same_bytes() {
        for (encoding, text) in [
            (Encoding::Hex, "fbff"),
            (Encoding::UpperHex, "FBFF"),
            (Encoding::Base64, "+/8="),
            (Encoding::Base64Url, "-_8"),
            (Encoding::Base64Hex, "ZmJmZg=="),
        ] {
            let mut out = String::new();
            write(encoding, &[0xfb, 0xff], &mut out);
            assert_eq!(out, text);
        }
    }
}
