//! Services: what one is called, which user it has and answers, and how it comes to know that its keys have changed.

use crate::error::Error;
use crate::output::remark;
use nix::unistd::{Group, Uid, User};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A service that was set up.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// The group of its own, which its keys are for.
    pub(crate) gid: u32,
    /// The user whom it answers.
    pub(crate) peer: u32,
}

impl Service {
    /// Looks up a service, for root.
    pub(crate) fn of(text: &str) -> Result<Service, Error> {
        let name = name(text)?.to_owned();
        if !Uid::effective().is_root() {
            return Err(Error::new("only root can give a service a key; try again with sudo"));
        }
        let missing = || {
            Error::new(format_args!(
                "there is no service '{name}'; 'sudo signbox setup {name} --user USER' makes it"
            ))
        };
        let own = own_user(&name);
        let failed = |error| Error::new(format_args!("cannot look up the group '{own}': {error}"));
        let group = Group::from_name(&own).map_err(failed)?.ok_or_else(missing)?;
        if let Some(member) = group.mem.first() {
            return Err(Error::new(format_args!(
                "'{member}' is a member of the group '{own}' and could read the key; first 'gpasswd --delete {member} {own}'"
            )));
        }
        let peer = peer(&name).ok_or_else(missing)?;
        Ok(Service { gid: group.gid.as_raw(), peer, name })
    }
}

/// The name of a service, if it can be one.
pub(crate) fn name(text: &str) -> Result<&str, Error> {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    if plain && begins && text.len() <= LONGEST && !text.ends_with('-') && !text.contains("--") {
        return Ok(text);
    }
    Err(Error::new(format_args!(
        "'{}' is no name for a service: small letters, digits and single '-', a letter first, {LONGEST} at most",
        text.escape_debug()
    )))
}

/// The user that a service runs as, and the group.
pub(crate) fn own_user(name: &str) -> String {
    format!("signbox-{name}")
}

/// The file with what 'signbox setup' has settled for a unit of the service: its `socket` or its `service`.
pub(crate) fn settings(name: &str, unit: &str) -> PathBuf {
    drop_ins(name, unit).join("setup.conf")
}

/// The user whom a service answers, if it was set up.
pub(crate) fn peer(name: &str) -> Option<u32> {
    let settings = fs::read_to_string(settings(name, "service")).ok()?;
    settings.lines().find_map(|line| line.strip_prefix(PEER)?.parse().ok())
}

/// The folder with what was settled for a unit.
pub(crate) fn drop_ins(name: &str, unit: &str) -> PathBuf {
    Path::new(UNITS).join(format!("signbox@{name}.{unit}.d"))
}

/// Whether systemd runs this machine.
pub(crate) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Runs systemctl; its own error is shown.
pub(crate) fn systemctl(words: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("systemctl");
    command.args(words).stdin(Stdio::null());
    let status =
        command.status().map_err(|error| Error::new(format_args!("cannot start systemctl: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format_args!("'systemctl {}' failed", words.join(" "))))
}

/// Has a service started again that runs, so that it finds the keys that it has now.
pub(crate) fn restart(name: &str) {
    if !has_systemd() {
        return remark("remark: systemd does not run here; the service has the key once it is started");
    }
    let unit = format!("signbox@{name}.service");
    match systemctl(&["daemon-reload"]).and_then(|()| systemctl(&["try-restart", &unit])) {
        Ok(()) => {}
        Err(error) => remark(&format!("remark: {error}; the service has the key once it is started again")),
    }
}

/// The number of a user, from the name or the number.
pub(crate) fn uid(user: &str) -> Result<u32, Error> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    let failed = |error| Error::new(format_args!("cannot look up the user '{user}': {error}"));
    let found = User::from_name(user).map_err(failed)?;
    found.map(|user| user.uid.as_raw()).ok_or_else(|| Error::new(format_args!("there is no user '{user}'")))
}

/// What the line begins with that tells a service whom it answers.
pub(crate) const PEER: &str = "Environment=SIGNBOX_PEER=";
const UNITS: &str = "/etc/systemd/system";
/// A user's name has 32 letters at most.
const LONGEST: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_a_user_a_unit_and_a_path() {
        for good in ["m", "momentum", "grid-2", "a234567890123456789b"] {
            assert!(name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Momentum",
            "-a",
            "a-",
            "a--b",
            "2a",
            "a/b",
            "a.b",
            "a@b",
            "a b",
            "..",
            "a234567890123456789bc",
            "é",
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
