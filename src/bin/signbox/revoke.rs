//! `signbox revoke`: ends keys at once, for signers that are running too.

use crate::cli::Revoke;
use crate::error::Error;
use crate::keys::{self, Handle};
use crate::output::remark;
use signbox_keyring::{State, find};
use std::process::ExitCode;

pub(crate) fn run(args: &Revoke) -> Result<ExitCode, Error> {
    keys::each(&args.handles, args.of.name()?, revoke)
}

/// Revokes every key of that name: finding passes over a revoked one and leads to the next.
fn revoke(handle: &Handle<'_>) -> Result<(), Error> {
    let entries = handle.entries()?;
    let mut revoked = Vec::new();
    while let Ok(key) = find(&handle.description) {
        if revoked.contains(&key) {
            break;
        }
        key.revoke()?;
        revoked.push(key);
        let entry = entries.iter().find(|entry| entry.key == key);
        let place = entry.map(|entry| format!(", {}", keys::whereabouts(entry))).unwrap_or_default();
        remark(&format!("revoked {}{place}; delete it at the exchange too", handle.text));
    }
    if !revoked.is_empty() {
        return Ok(());
    }
    match entries.first().map(|entry| entry.state) {
        Some(State::Revoked) => remark(&format!("{} was revoked before", handle.text)),
        Some(State::Expired) => {
            remark(&format!("{} has expired; no signer can use it any more", handle.text))
        }
        _ => return Err(handle.nothing()),
    }
    Ok(())
}
