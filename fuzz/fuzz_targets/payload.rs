//! A payload never panics the reader; what it accepts as JSON, `serde_json` accepts too, with the same strings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use signbox::record::Record;
use signbox_exchanges::json::Names;

#[derive(Deserialize)]
struct Theirs {
    secret: String,
    key: Option<String>,
    passphrase: Option<String>,
    users: Option<Vec<u32>>,
}

fuzz_target!(|data: &[u8]| {
    let mut payload = data.to_vec();
    let Ok(record) = Record::parse(&mut payload, &mut Names::new()) else { return };
    let ours = record.credentials(&payload);
    assert!(!ours.secret.is_empty());
    if data[0] == b'{' {
        let theirs: Theirs = serde_json::from_slice(data).expect("what we accept is JSON");
        assert_eq!(ours.secret, theirs.secret.as_bytes());
        assert_eq!((ours.key, ours.passphrase), (theirs.key.as_deref(), theirs.passphrase.as_deref()));
        assert_eq!(record.users(), theirs.users.unwrap_or_default());
    }
});
