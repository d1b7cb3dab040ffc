//! Keys that systemd hands a service as credentials (systemd.exec(5), LoadCredentialEncrypted): read from their folder, which is
//! not on any disk, into locked memory, and put into the keyring of this process alone.

use crate::record::Record;
use signbox_exchanges::json::Names;
use signbox_keyring::{self as keyring, Key, Keyring, MASK_CLAIMED};
use signbox_sandbox::{Choice, Memory};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Adds the credentials called `signbox.EXCHANGE.LABEL`, claimed, and returns their handles.
pub(super) fn take(memory: Choice) -> Result<Vec<(String, Key)>, String> {
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    let failed = |error| format!("cannot read the credentials in {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.retain(|name| handle(name).is_some());
    if names.is_empty() {
        return Ok(Vec::new());
    }
    names.sort_unstable();
    let memory = Memory::map(memory).map_err(|error| error.to_string())?;
    memory.run(|vault| {
        let add = |name: &String| {
            let (exchange, label) = handle(name).expect("the others were left out");
            let key = vault.wiped(|page, _| add(&folder.join(name), exchange, label, page));
            key.map(|key| (format!("{exchange}/{label}"), key))
                .map_err(|why| format!("the credential {name}: {why}"))
        };
        names.iter().map(add).collect()
    })
}

/// The exchange and the label that a credential's name stands for.
fn handle(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("signbox.")?.split_once('.')
}

fn add(path: &Path, exchange: &str, label: &str, page: &mut [u8]) -> Result<Key, String> {
    let (payload, scratch) = page.split_at_mut(page.len() / 2);
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let mut length = 0;
    loop {
        match file.read(&mut payload[length..]).map_err(|error| error.to_string())? {
            0 if length == payload.len() => return Err(format!("it is longer than {} bytes", length - 1)),
            0 => break,
            count => length += count,
        }
    }
    // Looking takes escapes out of the text.
    let looked = scratch.get_mut(..length).ok_or("it is too long")?;
    looked.copy_from_slice(&payload[..length]);
    Record::parse(looked, &mut Names::new())?;
    let description = keyring::description(exchange, label);
    let key = keyring::add(Keyring::Process, &description, &payload[..length], scratch)
        .map_err(|error| error.to_string())?;
    key.set_permissions(MASK_CLAIMED).map_err(|error| error.to_string())?;
    Ok(key)
}
