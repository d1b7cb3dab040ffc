//! The text that private keys come as: PEM, as a file has it or as JSON shows it in one line, and bare base64.

use super::KeyKind;
use base64ct::{Base64, Encoding as _};

/// How PEM begins.
pub(super) const BEGIN: &[u8] = b"-----BEGIN ";

/// What PEM holds, as far as its label and its first bytes say.
pub(super) fn kind(text: &[u8]) -> Option<KeyKind> {
    let (label, body) = block(text)?;
    match label {
        b"RSA PRIVATE KEY" => Some(KeyKind::Rsa),
        b"EC PRIVATE KEY" => Some(KeyKind::P256),
        b"PRIVATE KEY" => kind_of_body(body),
        _ => None,
    }
}

/// What the beginning of base64 says: a PKCS#8 key names its algorithm there, and a PKCS#1 key its length.
pub(super) fn kind_of_body(body: &[u8]) -> Option<KeyKind> {
    let mut head = [0; 40];
    let mut length = 0;
    for (place, byte) in head.iter_mut().zip(characters(body)) {
        (*place, length) = (byte, length + 1);
    }
    // Whole groups of four, so that nothing is missing but what follows.
    let head = Base64::decode_in_place(head.get_mut(..length / 4 * 4)?).ok()?;
    let version = match head {
        [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] | [0x30, _, rest @ ..] => rest,
        _ => return None,
    };
    match version {
        [0x02, 0x01, _, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, ..] => Some(KeyKind::Ed25519),
        // 1.2.840.113549.1.1.1
        [0x02, 0x01, _, 0x30, 0x0d, 0x06, 0x09, rest @ ..] if rest.starts_with(RSA_OID) => Some(KeyKind::Rsa),
        // 1.2.840.10045.2.1 and whatever curve
        [0x02, 0x01, _, 0x30, _, 0x06, 0x07, rest @ ..] if rest.starts_with(EC_OID) => Some(KeyKind::P256),
        [0x02, 0x01, 0x00, 0x02, 0x82, ..] => Some(KeyKind::Rsa),
        _ => None,
    }
}

/// Label and body of a PEM block; another block with the name of a curve may stand before it.
fn block(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (label, body, rest) = one_block(text)?;
    if label == b"EC PARAMETERS" {
        let at = rest.iter().position(|byte| *byte == b'-')?;
        let (label, body, _) = one_block(&rest[at..])?;
        return Some((label, body));
    }
    Some((label, body))
}

/// Label, body, and what follows behind the block.
fn one_block(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let text = text.strip_prefix(BEGIN)?;
    let (label, text) = split(text, DASHES)?;
    let (body, text) = split(text, END)?;
    let rest = text.strip_prefix(label)?.strip_prefix(DASHES)?;
    Some((label, body, rest))
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = text.windows(at.len()).position(|window| window == at)?;
    Some((&text[..place], &text[place + at.len()..]))
}

/// The characters of base64, without the ends of lines: real ones, and those that JSON writes as two characters.
fn characters(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    core::iter::from_fn(move || {
        loop {
            rest = match rest {
                [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
                [byte, left @ ..] => {
                    let byte = *byte;
                    rest = left;
                    return Some(byte);
                }
                [] => return None,
            };
        }
    })
}

/// Says what is wrong with a PEM text, as far as its armour tells.
#[cfg(feature = "asymmetric")]
pub(super) fn check(secret: &[u8]) -> Result<(), &'static str> {
    armour(secret.trim_ascii()).map(|_| ())
}

/// Hands the bytes of a key to `work`: of PEM with its label, or of bare base64.
#[cfg(feature = "asymmetric")]
pub(super) fn with_bytes<R>(
    secret: &[u8],
    work: impl FnOnce(Label, &[u8]) -> Result<R, &'static str>,
) -> Result<R, &'static str> {
    let text = secret.trim_ascii();
    let (label, body) = if text.starts_with(BEGIN) { armour(text)? } else { (Label::None, text) };
    let mut bytes = [0; LONGEST];
    let mut length = 0;
    for byte in characters(body) {
        *bytes.get_mut(length).ok_or("the key is longer than an RSA key of 4096 bits")? = byte;
        length += 1;
    }
    let der = Base64::decode_in_place(&mut bytes[..length]).map_err(|_| DAMAGED)?;
    work(label, der)
}

/// What the armour says of a key.
#[cfg(feature = "asymmetric")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// Bare base64.
    None,
    /// PKCS#8.
    Private,
    /// PKCS#1.
    Rsa,
    /// SEC 1.
    Ec,
}

#[cfg(feature = "asymmetric")]
fn armour(text: &[u8]) -> Result<(Label, &[u8]), &'static str> {
    let (label, body) = block(text).ok_or(
        "the key (PEM) is not whole: it must go from the line '-----BEGIN ...' to the line '-----END ...'",
    )?;
    let last = text.len() - text.iter().rev().take_while(|byte| **byte != b'-').count();
    if characters(&text[last..]).next().is_some() {
        return Err("something stands behind the key's last line");
    }
    let encrypted = body.windows(9).any(|window| window == b"ENCRYPTED") || label == b"ENCRYPTED PRIVATE KEY";
    match label {
        _ if encrypted => {
            Err("the key is encrypted; take the password off first, with 'openssl pkey -in FILE'")
        }
        b"PRIVATE KEY" => Ok((Label::Private, body)),
        b"RSA PRIVATE KEY" => Ok((Label::Rsa, body)),
        b"EC PRIVATE KEY" => Ok((Label::Ec, body)),
        b"PUBLIC KEY" | b"RSA PUBLIC KEY" => {
            Err("this is the public half, which goes to the exchange; the private one is needed here")
        }
        b"OPENSSH PRIVATE KEY" => {
            Err("this is a key for OpenSSH; exchanges take one that 'openssl genpkey' has made")
        }
        b"CERTIFICATE" => Err("this is a certificate; a private key is needed here"),
        _ => Err("this PEM holds no private key of a kind that is known here"),
    }
}

const DASHES: &[u8] = b"-----";
const END: &[u8] = b"-----END ";
const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The most characters of base64: an RSA key of 4096 bits has some 3170.
#[cfg(feature = "asymmetric")]
const LONGEST: usize = 3400;

#[cfg(feature = "asymmetric")]
pub(super) const DAMAGED: &str = "the key is damaged: what it holds cannot be read";
