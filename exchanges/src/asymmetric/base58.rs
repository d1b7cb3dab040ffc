//! Base58: read without branching on or looking up what is secret in it, and written for public keys.

/// Reads the base58 of exactly `N` bytes.
#[cfg(feature = "asymmetric")]
pub(super) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    let mut wrong = text.len() > N * 2;
    for byte in text {
        let mut carry = u32::from(value(*byte));
        wrong |= carry == NOT_A_DIGIT;
        for place in bytes.iter_mut().rev() {
            carry += u32::from(*place) * 58;
            *place = carry as u8;
            carry >>= 8;
        }
        wrong |= carry != 0;
    }
    // Each zero byte in front is a 1 in front, and nothing else is.
    let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
    let ones = text.iter().take_while(|byte| **byte == b'1').count();
    (!wrong && zeroes == ones).then_some(bytes)
}

/// Appends the base58 of `bytes`, which are public.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    let mut number = bytes.to_vec();
    let mut digits = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let rest = number.iter_mut().fold(0, |rest, byte| {
            let part = rest << 8 | u32::from(*byte);
            *byte = (part / 58) as u8;
            part % 58
        });
        digits.push(char::from(ALPHABET[rest as usize]));
    }
    let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
    out.extend(core::iter::repeat_n('1', zeroes).chain(digits.into_iter().rev()));
}

/// The value of a digit: all of the alphabet is compared, whichever it is.
#[cfg(feature = "asymmetric")]
fn value(digit: u8) -> u8 {
    ALPHABET.iter().zip(0_u8..).fold(NOT_A_DIGIT as u8, |value, (letter, at)| {
        let same = (u16::from(letter ^ digit).wrapping_sub(1) >> 8) as u8;
        value & !same | at & same
    })
}

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
#[cfg(feature = "asymmetric")]
const NOT_A_DIGIT: u32 = 255;
