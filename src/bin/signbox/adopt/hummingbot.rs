//! What hummingbot encrypts with its password: each value by itself, as an Ethereum key file in hexadecimal.
//!
//! PBKDF2 with HMAC-SHA-256, AES-128 in counter mode, and a check value of Keccak-256. Everything that the password or a
//! value is in happens in locked memory, but for the password itself, which waits in memory that is wiped.

use crate::add;
use crate::error::Error;
use crate::prompt::{Prompt, Unanswered};
use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sha3::{Digest as _, Keccak256};
use std::io::{self, IsTerminal as _, Read as _};
use zeroize::Zeroize as _;

/// The password of hummingbot.
pub(crate) struct Password {
    bytes: Box<[u8; LONGEST]>,
    length: usize,
}

impl Password {
    /// Asks for it, or reads it from a descriptor.
    pub(super) fn get(descriptor: Option<i32>) -> Result<Password, Error> {
        let mut password = Password { bytes: Box::new([0; LONGEST]), length: 0 };
        password.length = match descriptor {
            Some(number) => password.read(number)?,
            None if io::stdin().is_terminal() => {
                let asked = Prompt::open()?.ask("Password of hummingbot (not shown): ", &mut *password.bytes);
                asked.map_err(|unanswered| match unanswered {
                    Unanswered::Failed(error) => error,
                    Unanswered::Stopped(_) => Error::new("stopped; nothing was done"),
                })?
            }
            None => {
                return Err(Error::new(
                    "standard input is not a terminal to ask for hummingbot's password on; hand it over by descriptor: \
                     --password-fd 3 3< FILE",
                ));
            }
        };
        Ok(password)
    }

    fn read(&mut self, number: i32) -> Result<usize, Error> {
        let mut file = add::descriptor(number)?;
        let mut length = 0;
        while length < LONGEST {
            match file.read(&mut self.bytes[length..])? {
                0 => break,
                read => length += read,
            }
        }
        let line = self.bytes[..length].iter().position(|byte| *byte == b'\n').unwrap_or(length);
        Ok(if self.bytes[..line].ends_with(b"\r") { line - 1 } else { line })
    }

    /// Decrypts a value into `out`, and returns its length. To be called in locked memory.
    pub(super) fn decrypt(&self, value: &[u8], out: &mut [u8]) -> Result<usize, &'static str> {
        let Crypto { cipherparams, ciphertext, kdfparams, mac, .. } = parse(value)?;
        let (text, salt) = (unhex(&ciphertext)?, unhex(&kdfparams.salt)?);
        let mut key = self.key(&salt, kdfparams.c);
        let right = check_value(&key, &text) == unhex(&mac)?;
        let place = out.get_mut(..text.len()).filter(|_| right);
        let decrypted = match place {
            Some(place) => {
                place.copy_from_slice(&text);
                count(&key, &unhex(&cipherparams.iv)?, place).map(|()| text.len())
            }
            None if right => Err("the value is too long for a secret"),
            None => Err("that is not the password that hummingbot has encrypted this with"),
        };
        key.zeroize();
        decrypted
    }

    /// Encrypts a text that is no secret as another value was encrypted. To be called in locked memory.
    pub(super) fn encrypt(&self, like: &[u8], text: &str) -> Result<String, &'static str> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| "the kernel gives no random bytes")?;
        let (salt, iv) = random.split_at(16);
        let mut crypto = parse(like)?;
        let mut key = self.key(salt, crypto.kdfparams.c);
        let mut bytes = text.as_bytes().to_vec();
        let counted = count(&key, iv, &mut bytes);
        crypto.mac = hex(&check_value(&key, &bytes));
        key.zeroize();
        counted?;
        crypto.ciphertext = hex(&bytes);
        crypto.cipherparams.iv = hex(iv);
        crypto.kdfparams.salt = hex(salt);
        let file = KeyFile { crypto, version: 3, alias: String::new() };
        let file = serde_json::to_string(&file).map_err(|_| "it cannot be written")?;
        Ok(hex(file.as_bytes()))
    }

    /// PBKDF2: of one block, which is as long as the key.
    fn key(&self, salt: &[u8], rounds: u32) -> [u8; 32] {
        let keyed = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.bytes[..self.length])
            .expect("HMAC takes keys of any length");
        let mut block: [u8; 32] =
            keyed.clone().chain_update(salt).chain_update([0, 0, 0, 1]).finalize().into_bytes().into();
        let mut key = block;
        for _ in 1..rounds {
            block = keyed.clone().chain_update(block).finalize().into_bytes().into();
            key.iter_mut().zip(block).for_each(|(byte, more)| *byte ^= more);
        }
        block.zeroize();
        key
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Whether a value is what hummingbot's password has encrypted.
pub(crate) fn is_encrypted(value: &[u8]) -> bool {
    const OBJECT: &[u8] = b"7b2263727970746f22"; // {"crypto"
    value.get(..OBJECT.len()).is_some_and(|start| start.eq_ignore_ascii_case(OBJECT))
}

#[derive(Deserialize, Serialize)]
struct KeyFile {
    crypto: Crypto,
    version: u32,
    #[serde(default)]
    alias: String,
}

#[derive(Deserialize, Serialize)]
struct Crypto {
    cipher: String,
    cipherparams: Cipher,
    ciphertext: String,
    kdf: String,
    kdfparams: Derivation,
    mac: String,
}

#[derive(Deserialize, Serialize)]
struct Cipher {
    iv: String,
}

#[derive(Deserialize, Serialize)]
struct Derivation {
    c: u32,
    dklen: u32,
    prf: String,
    salt: String,
}

fn parse(value: &[u8]) -> Result<Crypto, &'static str> {
    const ODD: &str = "hummingbot has encrypted this in a way that is not known here";
    let value = std::str::from_utf8(value).map_err(|_| ODD)?;
    let file: KeyFile = serde_json::from_slice(&unhex(value)?).map_err(|_| ODD)?;
    let Crypto { cipher, kdf, kdfparams, .. } = &file.crypto;
    let known = file.version == 3 && cipher == "aes-128-ctr" && kdf == "pbkdf2";
    let known = known && kdfparams.prf == "hmac-sha256" && kdfparams.dklen == 32;
    // More rounds would take minutes.
    if known && (1..=20_000_000).contains(&kdfparams.c) { Ok(file.crypto) } else { Err(ODD) }
}

fn check_value(key: &[u8; 32], text: &[u8]) -> Vec<u8> {
    Keccak256::new().chain_update(&key[16..]).chain_update(text).finalize().to_vec()
}

/// AES-128 in counter mode. The counter is a number of 128 bits, written without zeros in front.
fn count(key: &[u8; 32], iv: &[u8], text: &mut [u8]) -> Result<(), &'static str> {
    let start = 16_usize.checked_sub(iv.len()).ok_or("a counter of more than 16 bytes")?;
    let mut first = [0; 16];
    first[start..].copy_from_slice(iv);
    let cipher = aes::Aes128::new_from_slice(&key[..16]).expect("the key has sixteen bytes");
    for (at, chunk) in (0_u128..).zip(text.chunks_mut(16)) {
        let mut block = u128::from_be_bytes(first).wrapping_add(at).to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        chunk.iter_mut().zip(block).for_each(|(byte, mask)| *byte ^= mask);
        block.fill(0);
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, &'static str> {
    const ODD: &str = "what hummingbot has encrypted is damaged";
    let digits = text.as_bytes();
    if digits.len() % 2 == 1 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(ODD);
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| ODD);
    (0..digits.len()).step_by(2).map(byte).collect()
}

const LONGEST: usize = 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        let mut bytes = Box::new([0; LONGEST]);
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Password { bytes, length: text.len() }
    }

    /// Made with eth_keyfile 0.10.0, as hummingbot does, with a thousand rounds.
    const VALUE: &str = "7b2263727970746f223a207b22636970686572223a20226165732d3132382d637472222c2022636970686572706172616d73223a207b226976223a20226666666666666666666666666666666666666666666666666666666666666665227d2c202263697068657274657874223a20223766663930663534333137303962373466313331363662663135313464616262663439366135396539333737383838613832333632376130313862613561633635353032336533346332656461393762613065396666373733663363623739316235303461663339323363333761653438633833222c20226b6466223a202270626b646632222c20226b6466706172616d73223a207b2263223a20313030302c2022646b6c656e223a2033322c2022707266223a2022686d61632d736861323536222c202273616c74223a20223636363536343633363236313339333833373336333533343333333233313330227d2c20226d6163223a202235613033373437393034306432643165343434316237613636303130376664646664366231366565383333326162303637313633346537316638646333313935227d2c202276657273696f6e223a20332c2022616c696173223a2022227d";

    fn decrypted(password: &Password, value: &str) -> Result<String, &'static str> {
        let mut out = [0; 256];
        let length = password.decrypt(value.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out[..length].to_vec()).unwrap())
    }

    #[test]
    fn what_hummingbot_has_encrypted_is_read() {
        assert!(is_encrypted(VALUE.as_bytes()) && !is_encrypted(b"7b22"));
        assert_eq!(
            decrypted(&password("FAKE pass word"), VALUE).as_deref(),
            Ok("FAKEsecretOfHummingbot/1 ... of more than one block of AES")
        );
        assert!(decrypted(&password("FAKE pass"), VALUE).unwrap_err().contains("not the password"));
    }

    #[test]
    fn what_is_encrypted_here_is_read_again_and_never_the_same() {
        let password = password("another");
        let [one, other] = [0, 1].map(|_| password.encrypt(VALUE.as_bytes(), "SIGNBOX0PLACEHOLDER").unwrap());
        assert_ne!(one, other);
        assert_eq!(decrypted(&password, &one).as_deref(), Ok("SIGNBOX0PLACEHOLDER"));
    }

    #[test]
    fn damage_and_other_ways_are_refused() {
        let password = password("FAKE pass word");
        let text = String::from_utf8(unhex(VALUE).unwrap()).unwrap();
        for (from, to) in [
            ("\"pbkdf2\"", "\"scrypt\""),
            ("\"aes-128-ctr\"", "\"aes-128-cbc\""),
            ("\"c\": 1000", "\"c\": 0"),
            ("\"c\": 1000", "\"c\": 4000000000"),
            ("\"version\": 3", "\"version\": 4"),
            ("\"ciphertext\": \"", "\"ciphertext\": \"00"),
        ] {
            let odd = text.replacen(from, to, 1);
            assert_ne!(odd, text);
            assert!(decrypted(&password, &hex(odd.as_bytes())).is_err(), "{to}");
        }
        assert!(decrypted(&password, &VALUE[..VALUE.len() - 1]).is_err());
    }
}
