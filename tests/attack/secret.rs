//! A secret that no program has in it, and everything it turns into while a request is signed.

use std::collections::HashMap;

use base64ct::{Base64, Encoding as _};
use sha2::digest::generic_array::GenericArray;
use sha2::{Digest as _, Sha512};
use signbox_exchanges::{KeyKind, exchange};

/// One key of an exchange, made up from a number.
pub(crate) struct Made {
    pub(crate) handle: String,
    /// As the exchange shows it.
    pub(crate) secret: String,
    pub(crate) passphrase: String,
    /// What HMAC is keyed with, or the private key.
    key: Vec<u8>,
    algorithm: Algorithm,
}

enum Algorithm {
    Sha256,
    Sha512,
    Ed25519,
    Rsa,
}

impl Made {
    /// Kraken: SHA-512, keyed with what the secret is in base64.
    pub(crate) fn kraken(seed: u64) -> Self {
        let key = random(seed, 64);
        Self {
            handle: handle("kraken", seed),
            secret: base64(&key),
            passphrase: words(seed + 1),
            key,
            algorithm: Algorithm::Sha512,
        }
    }

    /// Coinbase Exchange: SHA-256, keyed with what the secret is in base64; it has a passphrase.
    pub(crate) fn coinbase(seed: u64) -> Self {
        let key = random(seed, 64);
        let (secret, passphrase) = (base64(&key), words(seed + 1));
        let algorithm = Algorithm::Sha256;
        Self { handle: handle("coinbaseexchange", seed), secret, passphrase, key, algorithm }
    }

    /// Binance: SHA-256, keyed with the text of the secret.
    pub(crate) fn binance(seed: u64) -> Self {
        let secret = words(seed) + &words(seed + 2);
        let key = secret.clone().into_bytes();
        let (passphrase, algorithm) = (words(seed + 1), Algorithm::Sha256);
        Self { handle: handle("binance", seed), secret, passphrase, key, algorithm }
    }

    /// Revolut X: Ed25519, the secret a seed in base64.
    pub(crate) fn revolutx(seed: u64) -> Self {
        let key = random(seed, 32);
        let (secret, passphrase) = (base64(&key), words(seed + 1));
        Self { handle: handle("revolutx", seed), secret, passphrase, key, algorithm: Algorithm::Ed25519 }
    }

    /// Bybit: RSA, the secret PEM, which is the same every time.
    pub(crate) fn bybit(seed: u64) -> Self {
        let pem = include_str!("../../exchanges/src/asymmetric/keys/rsa2048-pkcs1.pem").trim();
        let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Self {
            handle: handle("bybit", seed),
            secret: pem.replace('\n', "\\n"),
            passphrase: words(seed + 1),
            key: Base64::decode_vec(&lines.concat()).unwrap(),
            algorithm: Algorithm::Rsa,
        }
    }

    /// How many areas of memory a signer for it has that nobody else reads: a deep stack is for private keys.
    pub(crate) fn areas(&self) -> usize {
        let exchange = exchange(self.handle.split('/').next().unwrap()).unwrap();
        2 + usize::from(exchange.kinds.iter().any(|kind| *kind != KeyKind::Hmac))
    }

    /// What stands in the kernel keyring.
    pub(crate) fn payload(&self) -> Vec<u8> {
        self.payload_for("")
    }

    /// The same with further fields of the record, such as `,"users":[1]`.
    pub(crate) fn payload_for(&self, more: &str) -> Vec<u8> {
        let Self { secret, passphrase, .. } = self;
        format!(r#"{{"key":"KEYNAME","secret":"{secret}","passphrase":"{passphrase}"{more}}}"#).into_bytes()
    }

    pub(crate) fn description(&self) -> String {
        let (exchange, label) = self.handle.split_once('/').unwrap();
        signbox_keyring::description(exchange, label)
    }

    /// A question that has to be signed with it.
    pub(crate) fn question(&self) -> String {
        let handle = &self.handle;
        let (method, url, body) = match handle.split('/').next() {
            Some("kraken") => ("POST", "https://api.kraken.com/0/private/Balance", "\"\""),
            Some("coinbaseexchange") => ("GET", "https://api.exchange.coinbase.com/accounts", "null"),
            Some("revolutx") => ("GET", "https://revx.revolut.com/api/1.0/balances", "null"),
            Some("bybit") => ("GET", "https://api.bybit.com/v5/account/wallet-balance", "null"),
            _ => ("GET", "https://api.binance.com/api/v3/account", "null"),
        };
        format!(
            r#"{{"v":1,"id":1,"op":"sign","key":"{handle}","request":{{"method":"{method}","url":"{url}","headers":{{}},"body":{body}}}}}"#
        )
    }

    /// Everything by which the secret could be had: its text, what HMAC is keyed with, HMAC's key blocks
    /// and the states after them, or a private key and what is worked out from it; the passphrase.
    pub(crate) fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut forms = self.forms_without_passphrase();
        forms.push(("passphrase", self.passphrase.clone().into_bytes()));
        forms
    }

    /// As [`Made::forms`], for a bot: a passphrase goes into the signed request.
    pub(crate) fn forms_without_passphrase(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut forms = vec![("secret", self.secret.clone().into_bytes())];
        if self.key != self.secret.as_bytes() {
            forms.push(("key", self.key.clone()));
        }
        match self.algorithm {
            Algorithm::Ed25519 => {
                let mut hashed = Sha512::digest(&self.key).to_vec();
                forms.push(("hashed seed", hashed.clone()));
                hashed[0] &= 248;
                hashed[31] = hashed[31] & 63 | 64;
                forms.push(("scalar", hashed[..32].to_vec()));
            }
            Algorithm::Rsa => forms.extend(rsa_numbers(&self.key)),
            Algorithm::Sha256 | Algorithm::Sha512 => self.push_states(&mut forms),
        }
        forms
    }

    fn push_states(&self, forms: &mut Vec<(&'static str, Vec<u8>)>) {
        for (block, state, pad) in [("ipad block", "inner state", 0x36), ("opad block", "outer state", 0x5c)]
        {
            let masked: Vec<u8> = self.key.iter().map(|byte| byte ^ pad).collect();
            let whole: Vec<u8> = masked.iter().copied().chain(std::iter::repeat(pad)).take(128).collect();
            forms.push((block, masked));
            if matches!(self.algorithm, Algorithm::Sha512) {
                let mut words = SHA512;
                sha2::compress512(&mut words, &[*GenericArray::from_slice(&whole)]);
                forms.push((state, words.iter().flat_map(|word| word.to_ne_bytes()).collect()));
            } else {
                let mut words = SHA256;
                sha2::compress256(&mut words, &[*GenericArray::from_slice(&whole[..64])]);
                forms.push((state, words.iter().flat_map(|word| word.to_ne_bytes()).collect()));
                // As the processor's SHA instructions keep it.
                let [a, b, c, d, e, f, g, h] = words;
                forms.push((
                    state,
                    [f, e, b, a, h, g, d, c].iter().flat_map(|word| word.to_ne_bytes()).collect(),
                ));
            }
        }
    }
}

/// The secret numbers of a PKCS#1 key, as the key has them and as a processor has them.
fn rsa_numbers(der: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut numbers = Vec::new();
    let mut rest = &der[4..]; // the sequence has a length of two bytes
    while let [2, length, after @ ..] = rest {
        let (length, after) = match length {
            0x82 => (usize::from(after[0]) << 8 | usize::from(after[1]), &after[2..]),
            0x81 => (usize::from(after[0]), &after[1..]),
            short => (usize::from(*short), after),
        };
        numbers.push(after[..length].iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>());
        rest = &after[length..];
    }
    let names = ["version", "n", "e", "d", "p", "q", "d mod p-1", "d mod q-1", "1/q mod p"];
    assert_eq!(numbers.len(), names.len());
    let both = |(name, number): (&'static str, Vec<u8>)| {
        let reversed = number.iter().rev().copied().collect();
        [(name, number), (name, reversed)]
    };
    names.into_iter().zip(numbers).skip(3).flat_map(both).collect()
}

/// Finds pieces of secrets among bytes.
pub(crate) struct Needles {
    /// The first eight bytes of a piece: what it is of, and how it goes on.
    pieces: HashMap<[u8; 8], (&'static str, Vec<u8>)>,
    /// Which first two bytes there are at all.
    starts: Vec<bool>,
}

impl Needles {
    /// Pieces of `length` bytes, one after the other: whoever has `2 * length - 1` bytes of a form has a piece.
    pub(crate) fn of(forms: &[(&'static str, Vec<u8>)], length: usize) -> Self {
        let mut needles = Self { pieces: HashMap::new(), starts: vec![false; 1 << 16] };
        for (name, form) in forms {
            for piece in form.chunks_exact(length) {
                let first: [u8; 8] = piece[..8].try_into().unwrap();
                needles.pieces.insert(first, (name, piece[8..].to_vec()));
                needles.starts[usize::from(u16::from_le_bytes([first[0], first[1]]))] = true;
            }
        }
        needles
    }

    /// What there are pieces of, and where.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<(&'static str, usize)> {
        let mut found = Vec::new();
        for (at, window) in bytes.windows(8).enumerate() {
            if self.starts[usize::from(u16::from_le_bytes([window[0], window[1]]))]
                && let Some((name, rest)) = self.pieces.get(window)
                && bytes[at + 8..].starts_with(rest)
            {
                found.push((*name, at));
            }
        }
        found
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of its own for each test: root has one user keyring for all of them.
fn handle(exchange: &str, seed: u64) -> String {
    format!("{exchange}/attacked-{seed:x}")
}

/// xorshift64*: good enough to be found nowhere else.
fn random(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::new();
    while bytes.len() < count {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

fn words(seed: u64) -> String {
    random(seed, 32).iter().map(|byte| char::from(ALPHABET[usize::from(byte % 62)])).collect()
}

fn base64(bytes: &[u8]) -> String {
    let group = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        let digit = |at: usize| match at <= chunk.len() {
            true => char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]),
            false => '=',
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// FIPS 180-4, 5.3.3 and 5.3.5.
const SHA256: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const SHA512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];
