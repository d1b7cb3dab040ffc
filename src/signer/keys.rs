//! The start list: handles become keys, and keys are claimed, before the walls are up.

use super::state::State;
use super::{Options, credentials};
use signbox_exchanges::{Exchange, exchange};
use signbox_keyring::{self as keyring, Key};
use std::io::{Write as _, stderr};

/// A key of the start list.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) handle: String,
    pub(super) exchange: &'static Exchange,
    pub(super) key: Key,
    pub(super) mode: &'static str,
    pub(super) state: State,
}

pub(super) fn find_keys(options: &Options) -> Result<Vec<Slot>, String> {
    let grouped = nix::unistd::getegid() != nix::unistd::getgid();
    if grouped && options.peer.is_some_and(|peer| peer != nix::unistd::getuid().as_raw()) {
        return Err("an installed signer answers nobody but the user who starts it".to_owned());
    }
    if let (Some(service), []) = (&options.service, &options.handles[..]) {
        return keys_of_service(service, options);
    }
    let mut handles: Vec<&String> = options.handles.iter().collect();
    handles.sort_unstable();
    if let Some(pair) = handles.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("key '{}' is named twice", pair[0]));
    }
    let mut slots = Vec::with_capacity(handles.len());
    for handle in handles {
        let (exchange, label) = parse_handle(handle)?;
        let description = keyring::description(handle.split('/').next().unwrap_or(exchange.id.text()), label);
        let found = if grouped { keyring::find_group(&description) } else { Ok(None) };
        let (key, mut mode) = match found.map_err(|error| error.to_string())? {
            Some(key) => (key, "group"),
            None => {
                let key = keyring::find(&description).map_err(|error| error.to_string())?;
                (key, if options.run { "run" } else { "open" })
            }
        };
        if options.claim && mode != "group" {
            remark_without_timeout(handle, key);
            key.claim().map_err(|error| error.to_string())?;
            mode = "claimed";
        }
        slots.push(Slot { handle: handle.clone(), exchange, key, mode, state: State::default() });
    }
    Ok(slots)
}

/// The keys that root has given the group of this service, and those that systemd hands it.
fn keys_of_service(service: &str, options: &Options) -> Result<Vec<Slot>, String> {
    let mut found = credentials::take(options.memory)?;
    for (description, key) in keyring::keys_of_service(service).map_err(|error| error.to_string())? {
        let Some((exchange, label)) = keyring::handle_of(&description) else { continue };
        let handle = format!("{exchange}/{label}");
        if found.iter().any(|(other, _)| *other == handle) {
            return Err(format!(
                "'{handle}' is there twice, as a credential and as a key; 'sudo signbox remove --service {service} {handle}'"
            ));
        }
        found.push((handle, key));
    }
    found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let slot = |(handle, key): (String, Key)| {
        let (exchange, _) = parse_handle(&handle)?;
        Ok(Slot { exchange, key, mode: "service", state: State::default(), handle })
    };
    found.into_iter().map(slot).collect()
}

/// A claimed key cannot be revoked any more: who claims one should have set a time for it to end.
fn remark_without_timeout(handle: &str, key: Key) {
    let listed = keyring::list().unwrap_or_default();
    if listed.iter().any(|entry| entry.key == key && entry.expires.is_none()) {
        let _ = writeln!(
            stderr(),
            "signbox-signer: '{handle}' has no timeout, and nobody can revoke a claimed key: only the end of this \
             signer ends it (set one before, with 'signbox timeout')"
        );
    }
}

/// Gives up the group that the program was installed with, which nothing after this may need.
pub(super) fn give_up_the_group() -> Result<(), String> {
    let own = nix::unistd::getgid();
    // A unit with NoNewPrivileges never had it, and may deny the call.
    let held = nix::unistd::getresgid().map_err(|error| format!("cannot see the group: {error}"))?;
    if [held.effective, held.saved] == [own, own] {
        return Ok(());
    }
    nix::unistd::setresgid(own, own, own).map_err(|error| format!("cannot give up the group: {error}"))
}

/// The exchange and the label of a handle.
pub fn parse_handle(handle: &str) -> Result<(&'static Exchange, &str), String> {
    let plain = |label: &str| {
        !label.is_empty()
            && label.len() <= 64
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let (id, label) = handle.split_once('/').filter(|(_, label)| plain(label)).ok_or_else(|| {
        format!("'{handle}' is not EXCHANGE/LABEL (a label has at most 64 letters, digits, '-', '_' and '.')")
    })?;
    let exchange = exchange(id)
        .ok_or_else(|| format!("no exchange is called '{id}'; 'signbox exchanges' lists those there are"))?;
    if let Some(why) = exchange.unsignable {
        return Err(format!("nothing can be signed for {}: {why}", exchange.name));
    }
    Ok((exchange, label))
}
