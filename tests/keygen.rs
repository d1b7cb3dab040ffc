//! `signbox keygen`: what it prints is the public half of what the signer signs with, and nothing else.

#![allow(clippy::unwrap_used)]

#[path = "common/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "common/signer.rs"]
mod signer;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};
use operator::{Ran, signbox};
use serde_json::Value;
use signbox_keyring::{Secret, find};
use signer::stage;

#[test]
fn a_drawn_key_signs_what_the_printed_one_verifies() {
    if !stage() {
        return;
    }
    let made = signbox(&["keygen", "revolutx/main", "--type", "ed25519"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let pem = made.stdout.strip_prefix("-----BEGIN PUBLIC KEY-----\n").unwrap();
    let body = pem.strip_suffix("\n-----END PUBLIC KEY-----\n").unwrap();
    let info = Base64::decode_vec(&body.replace('\n', "")).unwrap();
    assert_eq!(info[..12], [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);

    let headers = sign(&["revolutx/main", "GET", "/api/1.0/balances?a=b", "-H", "X-Revx-API-Key: K"]);
    let message = format!("{}GET/api/1.0/balancesa=b", header(&headers, "X-Revx-Timestamp"));
    let signature = Base64::decode_vec(header(&headers, "X-Revx-Signature")).unwrap();
    verify(&info[12..], &message, &signature);
    private_half_is_not_in(&made, "signbox:revolutx:main");

    // Every key is another one.
    assert_ne!(signbox(&["keygen", "revolutx/main"]).stdout, made.stdout);
}

#[test]
fn where_the_public_half_is_the_api_key_it_is_stored_as_that() {
    if !stage() {
        return;
    }
    let made = signbox(&["keygen", "backpack/main"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let headers = sign(&["backpack/main", "GET", "/api/v1/capital"]);
    assert_eq!(header(&headers, "X-API-Key"), made.stdout.trim());
    let message =
        format!("instruction=balanceQuery&timestamp={}&window=5000", header(&headers, "X-Timestamp"));
    let signature = Base64::decode_vec(header(&headers, "X-Signature")).unwrap();
    verify(&Base64::decode_vec(made.stdout.trim()).unwrap(), &message, &signature);
    private_half_is_not_in(&made, "signbox:backpack:main");

    // An alias: its keys are written in base58, and only compared.
    let made = signbox(&["keygen", "modetrade/main", "--uid", "0x1f"]);
    assert!(made.code == Some(0) && made.stdout.starts_with("ed25519:"), "{made:?}");
    let headers = sign(&["modetrade/main", "GET", "/v1/client/holding"]);
    assert_eq!(header(&headers, "orderly-key"), made.stdout.trim());
    assert_eq!(
        Base64UrlUnpadded::decode_vec(header(&headers, "orderly-signature").trim_end_matches('='))
            .unwrap()
            .len(),
        64
    );
    private_half_is_not_in(&made, "signbox:modetrade:main");
}

/// The headers of the signed request.
fn sign(arguments: &[&str]) -> Value {
    let ran = signbox(&[&["sign"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str::<Value>(&ran.stdout).unwrap()["headers"].take()
}

fn header<'a>(headers: &'a Value, name: &str) -> &'a str {
    headers[name].as_str().unwrap_or_else(|| panic!("no {name} in {headers}"))
}

fn verify(public: &[u8], message: &str, signature: &[u8]) {
    let public = VerifyingKey::from_bytes(public.try_into().unwrap()).unwrap();
    public.verify_strict(message.as_bytes(), &Signature::from_slice(signature).unwrap()).unwrap();
}

/// Compares with what the kernel keeps: its text, its bytes, and their other spellings.
fn private_half_is_not_in(made: &Ran, description: &str) {
    let mut page = [0; 4096];
    let mut secret = Secret::empty(&mut page);
    secret.read(find(description).unwrap()).unwrap();
    let record: Value = serde_json::from_slice(secret.expose()).unwrap();
    let text = record["secret"].as_str().unwrap();
    let bytes = Base64::decode_vec(text).unwrap();
    assert_eq!(bytes.len(), 32);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let said = format!("{}{}", made.stdout, made.stderr);
    for spelling in [text, text.trim_end_matches('='), &hex, &hex.to_uppercase(), &text[..12], &hex[..12]] {
        assert!(!said.contains(spelling), "the private half was printed");
    }
}
