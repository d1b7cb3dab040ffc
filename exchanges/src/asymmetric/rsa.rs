//! RSA signatures, PKCS#1 version 1.5 with SHA-256: keys as PKCS#8 and PKCS#1, of 2048, 3072 and 4096 bits.
//!
//! By the Chinese remainder theorem, on integers of fixed size. Each signature is verified before it is let out: one
//! that went wrong in one of its two halves would give the key away.

use super::der::{BITS, Der, INTEGER, Pkcs8, SEQUENCE, only};
use super::pem::{self, DAMAGED, Label};
use super::{LONGEST_PUBLIC, LONGEST_SIGNATURE};
use crypto_bigint::modular::montgomery_reduction;
use crypto_bigint::subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use crypto_bigint::{Limb, Uint, Word};
use sha2::{Digest as _, Sha256};

pub(super) fn sign(
    secret: &[u8],
    message: &[u8],
    out: &mut [u8; LONGEST_SIGNATURE],
) -> Result<usize, &'static str> {
    let digest = Sha256::digest(message).into();
    with_key(secret, |key| match key.n.len() {
        256 => key.sign::<16, 32>(&digest, out),
        384 => key.sign::<24, 48>(&digest, out),
        512 => key.sign::<32, 64>(&digest, out),
        ..=255 => Err("the RSA key is shorter than 2048 bits, too short to be safe"),
        _ => Err("the RSA key has neither 2048 nor 3072 nor 4096 bits"),
    })
}

pub(super) fn check(secret: &[u8]) -> Result<(), &'static str> {
    sign(secret, b"signbox tries a key", &mut [0; LONGEST_SIGNATURE]).map(|_| ())
}

pub(super) fn public(secret: &[u8], out: &mut [u8; LONGEST_PUBLIC]) -> Result<usize, &'static str> {
    with_key(secret, |key| {
        // Every length here is of three bytes but that of e; sums instead of a writer that goes backwards.
        let (n, e) = (key.n, key.e);
        if n.len() < 256 || n.len() > 512 {
            return Err("the RSA key has neither 2048 nor 3072 nor 4096 bits");
        }
        let numbers = 4 + 1 + n.len() + 2 + e.len() + usize::from(e[0] >= 0x80);
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        let head = |tag, length: usize| [tag, 0x82, (length >> 8) as u8, length as u8];
        put(&head(SEQUENCE, 2 + ALGORITHM.len() + 4 + 1 + 4 + numbers));
        put(&[SEQUENCE, ALGORITHM.len() as u8]);
        put(ALGORITHM);
        put(&head(BITS, 1 + 4 + numbers));
        put(&[0]);
        put(&head(SEQUENCE, numbers));
        put(&head(INTEGER, 1 + n.len()));
        put(&[0]);
        put(n);
        let sign = &[0][..usize::from(e[0] >= 0x80)];
        put(&[INTEGER, (sign.len() + e.len()) as u8]);
        put(sign);
        put(e);
        Ok(at)
    })
}

/// The numbers of a key, as they are written, without leading zeroes.
struct Key<'a> {
    n: &'a [u8],
    e: &'a [u8],
    p: &'a [u8],
    q: &'a [u8],
    dp: &'a [u8],
    dq: &'a [u8],
    q_inverse: &'a [u8],
}

fn with_key<R>(
    secret: &[u8],
    work: impl FnOnce(&Key<'_>) -> Result<R, &'static str>,
) -> Result<R, &'static str> {
    pem::with_bytes(secret, |label, bytes| {
        let pkcs8 = label == Label::Private || label == Label::None && Pkcs8::read(bytes).is_ok();
        let pkcs1 = if pkcs8 { Pkcs8::read_as(label, bytes, ALGORITHM)?.key } else { bytes };
        let mut der = Der(only(pkcs1, SEQUENCE)?);
        if label == Label::Ec || !der.number()?.is_empty() {
            return Err(DAMAGED);
        }
        let mut next = || der.number();
        let (n, e) = (next()?, next()?);
        next()?; // d: the remainders of it that follow are faster
        let key = Key { n, e, p: next()?, q: next()?, dp: next()?, dq: next()?, q_inverse: next()? };
        der.end()?;
        if !(1..=8).contains(&e.len()) || e[e.len() - 1] % 2 == 0 || e == [1] {
            return Err(DAMAGED);
        }
        work(&key)
    })
}

impl Key<'_> {
    /// Signs with factors of `HALF` words each, which make a modulus of `FULL`.
    fn sign<const HALF: usize, const FULL: usize>(
        &self,
        digest: &[u8; 32],
        out: &mut [u8; LONGEST_SIGNATURE],
    ) -> Result<usize, &'static str> {
        let n = Modulus::<FULL>::new(number(self.n)?)?;
        let (p, q) = (Modulus::<HALF>::new(number(self.p)?)?, Modulus::<HALF>::new(number(self.q)?)?);
        let padded = padded::<FULL>(digest);
        let half =
            |at: usize| Uint::<HALF>::from_words(core::array::from_fn(|word| padded.as_words()[at + word]));
        let (low, high) = (half(0), half(HALF));
        let m1 = p.power(&p.reduced(&low, &high), &number(self.dp)?);
        let m2 = q.plain(&q.power(&q.reduced(&low, &high), &number(self.dq)?));
        let h = p.product(&m1.sub_mod(&p.product(&m2, &p.square), &p.modulus), &number(self.q_inverse)?);
        let (low, high) = h.mul_wide(&q.modulus);
        let signature = joined::<HALF, FULL>(&low, &high).wrapping_add(&joined(&m2, &Uint::ZERO));

        let e = self.e.iter().fold(0, |e: u64, byte| e << 8 | u64::from(*byte));
        let opened = n.plain(&n.public_power(&n.product(&signature, &n.square), e));
        if !bool::from(opened.ct_eq(&padded)) {
            return Err("the RSA key is damaged: its numbers do not belong together");
        }
        for (place, word) in out.chunks_exact_mut(8).zip(signature.as_words().iter().rev()) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        Ok(8 * FULL)
    }
}

/// What is signed instead of the digest: 00 01 ff .. ff 00, which hash it is, and the digest.
fn padded<const WORDS: usize>(digest: &[u8; 32]) -> Uint<WORDS> {
    let mut bytes = [0xff; LONGEST_SIGNATURE];
    let bytes = &mut bytes[..8 * WORDS];
    bytes[..2].copy_from_slice(&[0, 1]);
    let at = bytes.len() - 32 - SHA256.len();
    bytes[at - 1] = 0;
    bytes[at..at + SHA256.len()].copy_from_slice(SHA256);
    bytes[at + SHA256.len()..].copy_from_slice(digest);
    from_bytes(bytes)
}

fn number<const WORDS: usize>(bytes: &[u8]) -> Result<Uint<WORDS>, &'static str> {
    if bytes.len() <= 8 * WORDS { Ok(from_bytes(bytes)) } else { Err(UNEVEN) }
}

fn from_bytes<const WORDS: usize>(bytes: &[u8]) -> Uint<WORDS> {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.rchunks(8)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | Word::from(*byte));
    }
    Uint::from_words(words)
}

fn joined<const HALF: usize, const FULL: usize>(low: &Uint<HALF>, high: &Uint<HALF>) -> Uint<FULL> {
    let mut words = [0; FULL];
    words[..HALF].copy_from_slice(low.as_words());
    words[HALF..].copy_from_slice(high.as_words());
    Uint::from_words(words)
}

/// A modulus, and what Montgomery's arithmetic needs of it. With R one more than the largest number of so many
/// words, a number x is kept as xR.
struct Modulus<const WORDS: usize> {
    modulus: Uint<WORDS>,
    /// -1 / modulus, modulo one word.
    negated_inverse: Limb,
    /// R.
    one: Uint<WORDS>,
    /// R squared.
    square: Uint<WORDS>,
}

impl<const WORDS: usize> Modulus<WORDS> {
    /// Takes odd numbers that fill their words.
    fn new(modulus: Uint<WORDS>) -> Result<Self, &'static str> {
        let words = modulus.as_words();
        if words[0] & 1 == 0 {
            return Err(DAMAGED);
        }
        if words[WORDS - 1] >> (Word::BITS - 1) == 0 {
            return Err(UNEVEN);
        }
        // By Newton: each round doubles the number of bits that are right, of which there are three at first.
        let inverse = (0..5).fold(words[0], |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(words[0].wrapping_mul(inverse)))
        });
        let one = modulus.wrapping_neg();
        let mut of = Modulus { modulus, negated_inverse: Limb(inverse.wrapping_neg()), one, square: one };
        // R squared is 2 to the number of bits, times R: by squaring and doubling.
        let bits = (Word::BITS as usize * WORDS) as u32;
        for bit in (0..32 - bits.leading_zeros()).rev() {
            of.square = of.squared(&of.square);
            if bits >> bit & 1 == 1 {
                of.square = of.square.add_mod(&of.square, &of.modulus);
            }
        }
        Ok(of)
    }

    fn product(&self, one: &Uint<WORDS>, other: &Uint<WORDS>) -> Uint<WORDS> {
        montgomery_reduction(&one.mul_wide(other), &self.modulus, self.negated_inverse)
    }

    fn squared(&self, number: &Uint<WORDS>) -> Uint<WORDS> {
        montgomery_reduction(&number.square_wide(), &self.modulus, self.negated_inverse)
    }

    /// What is left of a number twice as long, as Montgomery's arithmetic keeps it.
    fn reduced(&self, low: &Uint<WORDS>, high: &Uint<WORDS>) -> Uint<WORDS> {
        let high = self.product(&self.product(high, &self.square), &self.square);
        self.product(low, &self.square).add_mod(&high, &self.modulus)
    }

    /// A number as it is written.
    fn plain(&self, number: &Uint<WORDS>) -> Uint<WORDS> {
        self.product(number, &Uint::ONE)
    }

    /// Four bits of the exponent at a time; every entry of the table is read each time.
    fn power(&self, base: &Uint<WORDS>, exponent: &Uint<WORDS>) -> Uint<WORDS> {
        let mut table = [self.one; 16];
        for at in 1..16 {
            table[at] = self.product(&table[at - 1], base);
        }
        let mut power = self.one;
        for word in exponent.as_words().iter().rev() {
            for shift in (0..Word::BITS).step_by(4).rev() {
                for _ in 0..4 {
                    power = self.squared(&power);
                }
                let bits = word >> shift & 15;
                let mut factor = table[0];
                for (at, entry) in (0..).zip(&table) {
                    factor = Uint::conditional_select(&factor, entry, bits.ct_eq(&at));
                }
                power = self.product(&power, &factor);
            }
        }
        power
    }

    /// As [`Modulus::power`], for exponents that everybody knows.
    fn public_power(&self, base: &Uint<WORDS>, exponent: u64) -> Uint<WORDS> {
        (0..64 - exponent.leading_zeros()).rev().fold(self.one, |power, bit| {
            let power = self.squared(&power);
            if exponent >> bit & 1 == 1 { self.product(&power, base) } else { power }
        })
    }
}

/// 1.2.840.113549.1.1.1, no parameters
const ALGORITHM: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// A DigestInfo up to the digest.
const SHA256: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
const UNEVEN: &str = "the RSA key has two factors of different lengths, which is not supported";
