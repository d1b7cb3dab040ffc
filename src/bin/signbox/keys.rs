//! What the subcommands that look after keys share: from a handle to its keys, and how a key is told about.

use crate::error::Error;
use crate::output::remark;
use nix::unistd::{Gid, Group, Uid, User};
use serde_json::{Value, json};
use signbox::signer::parse_handle;
use signbox_exchanges::Exchange;
use signbox_keyring::{
    self as keyring, Entry, Key, Keyring, MASK_CLAIMED, MASK_GROUP, Place, State, handle_of, service_of,
};
use std::process::ExitCode;

/// A key as the user names it, and as the kernel does.
#[derive(Debug)]
pub(crate) struct Handle<'a> {
    pub(crate) text: &'a str,
    pub(crate) exchange: &'static Exchange,
    pub(crate) description: String,
}

impl<'a> Handle<'a> {
    /// Takes `EXCHANGE/LABEL` apart.
    pub(crate) fn parse(text: &'a str) -> Result<Handle<'a>, Error> {
        Handle::of(text, None)
    }

    /// Takes `EXCHANGE/LABEL` apart, for a key of this user or of a service.
    pub(crate) fn of(text: &'a str, service: Option<&str>) -> Result<Handle<'a>, Error> {
        let (exchange, label) = parse_handle(text).map_err(Error::new)?;
        // An alias stays what it is: the signer looks for the key under the name that it is given.
        let id = text.split('/').next().unwrap_or(exchange.id.text());
        let description = match service {
            None => keyring::description(id, label),
            Some(service) => keyring::service_description(service, id, label),
        };
        Ok(Handle { text, exchange, description })
    }

    /// Every key of this name that this process can see, the one that a signer takes first.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = all()?;
        entries.retain(|entry| entry.description == self.description);
        entries.sort_by_key(|entry| entry.place as u8);
        Ok(entries)
    }

    /// Why there is nothing to be done to a key of this name.
    pub(crate) fn nothing(&self) -> Error {
        match keyring::find(&self.description) {
            Err(keyring::Error::NoSuchKey(_)) | Ok(_) => Error::new(format_args!(
                "no key '{}' within reach of this user; 'signbox list' shows those there are. A group key is root's \
                 (sudo), and one that a signer has claimed ends with that signer",
                self.text
            )),
            Err(error) => Error::new(error),
        }
    }
}

/// Every key that this process can see.
///
/// The kernel shows a group key only to who possesses the keyring that it is in, and after sudo not even root does:
/// so the user keyring hangs under the process's own until the process ends.
pub(crate) fn all() -> Result<Vec<Entry>, Error> {
    const USER_KEYRING: i32 = -4; // KEY_SPEC_USER_KEYRING in keyctl(2)
    let _ = Key::from_serial(USER_KEYRING).link(Keyring::Process);
    let mut entries = keyring::list()?;
    for entry in entries.iter_mut().filter(|entry| entry.permissions == MASK_GROUP && entry.uid == 0) {
        (entry.place, entry.open_to_user) = (Place::Group, false);
    }
    let mut seen = Vec::new();
    entries.retain(|entry| {
        let again = seen.contains(&(entry.key, entry.place));
        seen.push((entry.key, entry.place));
        // What this process has found or added hangs in its own keyring as well, until it ends.
        !again && entry.place != Place::Process
    });
    Ok(entries)
}

/// Does the same to each handle; reports every failure and goes on.
pub(crate) fn each(
    handles: &[String],
    service: Option<&str>,
    act: impl Fn(&Handle<'_>) -> Result<(), Error>,
) -> Result<ExitCode, Error> {
    let mut code = ExitCode::SUCCESS;
    for handle in handles {
        if let Err(error) = Handle::of(handle, service).and_then(|handle| act(&handle)) {
            remark(&format!("signbox: {error}"));
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// The handle of an entry, fit for a terminal.
pub(crate) fn handle(entry: &Entry) -> String {
    let handle = handle_of(&entry.description).map(|(id, label)| format!("{id}/{label}"));
    // Anybody may have named it: an escape sequence must not reach the terminal.
    handle.unwrap_or_else(|| entry.description.clone()).escape_debug().to_string()
}

/// The keyring that a place is, if it is one.
pub(crate) fn keyring_of(place: Place) -> Option<Keyring> {
    match place {
        Place::Session => Some(Keyring::Session),
        Place::Process => Some(Keyring::Process),
        Place::User => Some(Keyring::User),
        Place::Persistent => Some(Keyring::Persistent),
        Place::Group => None,
    }
}

/// Where a key stands, in one word.
pub(crate) fn place(entry: &Entry) -> &'static str {
    match entry.place {
        Place::Session => "session",
        Place::Process => "process",
        Place::User => "user",
        Place::Persistent => "persistent",
        Place::Group if service_of(&entry.description).is_some() => "service",
        Place::Group => "group",
    }
}

/// Where a key stands, in a sentence.
pub(crate) fn whereabouts(entry: &Entry) -> String {
    match (entry.place, service_of(&entry.description)) {
        (Place::Group, Some(service)) => format!("a key of the service {}", service.escape_debug()),
        (Place::Group, None) => "a group key".to_owned(),
        _ => format!("in the {} keyring", place(entry)),
    }
}

/// A state in one word.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Live => "live",
        State::Expired => "expired",
        State::Revoked => "revoked",
    }
}

/// Who can read the payload of a key.
pub(crate) fn readers(entry: &Entry) -> String {
    if entry.state != State::Live {
        return "nobody".to_owned();
    }
    if entry.place == Place::Group {
        return match service_of(&entry.description) {
            Some(service) => format!("only the service {}", service.escape_debug()),
            None => format!("only signers of group {}", group_name(entry.gid)),
        };
    }
    if entry.permissions == MASK_CLAIMED {
        return "only the process that claimed it".to_owned();
    }
    if Uid::effective().as_raw() != entry.uid {
        return format!("whoever shares this session, {} too", user_name(entry.uid));
    }
    match entry.place {
        _ if entry.open_to_user => format!("every process of {}", user_name(entry.uid)),
        _ => "this session only".to_owned(),
    }
}

/// An entry for programs.
pub(crate) fn to_json(entry: &Entry) -> Value {
    json!({
        "key": handle_of(&entry.description).map(|(id, label)| format!("{id}/{label}")),
        "service": service_of(&entry.description),
        "serial": entry.key.serial(),
        "place": place(entry),
        "state": state(entry.state),
        "expires": entry.expires,
        "uid": entry.uid,
        "gid": entry.gid,
        "mask": format!("{:08x}", entry.permissions),
        "open_to_user": entry.open_to_user,
    })
}

/// The name of a user, or the number.
pub(crate) fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("user {uid}"), |user| user.name)
}

/// The name of a group, or the number.
pub(crate) fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// Seconds as people say them: `90s`, `30m`, `8h`, `7d`.
pub(crate) fn time(seconds: u32) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    unit.map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds / unit))
}

/// A table with a line of headings, its columns as wide as need be.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width =
        |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0).max(head[at].len());
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(head)).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_largest_unit_that_fits() {
        let said = [90, 60, 28_800, 604_800, 1].map(time);
        assert_eq!(said, ["90s", "1m", "8h", "7d", "1s"]);
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let text = table(["A", "B"], &[["long".to_owned(), "x".to_owned()]]);
        assert_eq!(text, "A     B\nlong  x\n");
    }
}
