//! An audit log as somebody else would read it: every hash, number and seal is worked out anew.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::path::Path;

pub(crate) struct Log {
    pub(crate) lines: Vec<Value>,
    /// The hash before each line, and after the last.
    hashes: Vec<[u8; 32]>,
}

impl Log {
    /// Panics where a line is not bound to the one before.
    pub(crate) fn read(path: &Path) -> Log {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let mut log = Log { lines: Vec::new(), hashes: vec![[0; 32]] };
        for (at, line) in text.lines().enumerate() {
            let (start, rest) = line.rsplit_once(",\"hash\":\"").unwrap();
            let before = log.hashes[at];
            let hash: [u8; 32] = Sha256::new_with_prefix(before).chain_update(start).finalize().into();
            assert_eq!(rest, format!("{}\"}}", hex(&hash)), "{line}");
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["n"], at + 1, "{line}");
            log.lines.push(value);
            log.hashes.push(hash);
        }
        log
    }

    /// How many seals there are; panics if one does not hold, or is not of a signer that has begun.
    pub(crate) fn sealed(&self) -> usize {
        let started: Vec<&Value> =
            self.lines.iter().filter(|line| line["event"] == "start").map(|line| &line["public"]).collect();
        let sealed = self.lines.iter().zip(&self.hashes).filter(|(line, _)| line["signed"].is_string());
        let sealed = sealed.map(|(line, hash)| {
            assert!(started.contains(&&line["public"]), "{line}");
            let decode = |name: &str| Base64::decode_vec(line[name].as_str().unwrap()).unwrap();
            let public = VerifyingKey::from_bytes(&decode("public").try_into().unwrap()).unwrap();
            let signature = Signature::from_slice(&decode("signed")).unwrap();
            let text = [b"signbox audit head\n", &hash[..]].concat();
            public.verify_strict(&text, &signature).unwrap();
        });
        sealed.count()
    }
}

pub(crate) fn hash_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
