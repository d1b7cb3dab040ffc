//! The key that seals audit logs: drawn at the start, and in the kernel for as long as this process is.
//!
//! Its private half lies in the process keyring, as closed as a claimed key, and is read into the locked page for each seal.
//! So lines that were sealed cannot be made anew by whoever writes to the log later, the user included.

use super::held::Held;
use signbox_exchanges::{
    KeyKind, Keyed, LONGEST_PRIVATE_TEXT, LONGEST_PUBLIC, PublicForm, private_text, public_of, public_text,
    sign_text,
};
use signbox_keyring::{self as keyring, Key, Keyring, MASK_CLAIMED};
use signbox_sandbox::Deep;
use std::fs::File;
use std::io::Read as _;

/// The key, and its public half as base64.
#[derive(Debug)]
pub(super) struct Seal {
    key: Key,
    pub(super) public: String,
}

impl Seal {
    /// Draws it in the locked page; nothing in a build without private keys. To be done before the walls.
    pub(super) fn draw(page: &mut [u8], deep: &mut Deep) -> Result<Option<Seal>, String> {
        if !cfg!(feature = "asymmetric") {
            return Ok(None);
        }
        let short = || "there is no room for the key that seals the audit log".to_owned();
        let (number, rest) = page.split_first_chunk_mut::<32>().ok_or_else(short)?;
        let (text, scratch) = rest.split_first_chunk_mut::<LONGEST_PRIVATE_TEXT>().ok_or_else(short)?;
        let drawn = File::open("/dev/urandom").and_then(|mut random| random.read_exact(number));
        drawn.map_err(|error| format!("the kernel gives no random bytes: {error}"))?;
        let mut info = [0; LONGEST_PUBLIC];
        let made = deep.run(|| {
            let length = private_text(KeyKind::Ed25519, number, text)?;
            Ok((length, public_of(KeyKind::Ed25519, &text[..length], &mut info)?))
        });
        let (length, public) = made.map_err(|why: &str| why.to_owned())?;
        let key = keyring::add(Keyring::Process, "signbox-audit", &text[..length], scratch)
            .and_then(|key| key.set_permissions(MASK_CLAIMED).map(|()| key));
        let key = key.map_err(|error| format!("the key that seals the audit log: {error}"))?;
        Ok(Some(Seal { key, public: public_text(&info[..public], PublicForm::Base64) }))
    }

    pub(super) fn serial(&self) -> i32 {
        self.key.serial()
    }

    /// A signature over a text, by way of what is held; nothing if the kernel does not give the key.
    pub(super) fn sign(&self, text: &[u8], held: &mut Held<'_>) -> Option<[u8; 64]> {
        (held.of, held.keyed) = (None, Keyed::default());
        held.secret.read(self.key).ok()?;
        let secret = held.secret.expose();
        held.deep.run(|| sign_text(secret, text)).ok()
    }
}
