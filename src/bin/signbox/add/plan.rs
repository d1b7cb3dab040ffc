//! Everything about a new key that is known, and can be wrong, before the secret is asked for.

use super::limits;
use crate::cli::{Keep, Ring, Terms};
use crate::error::Error;
use crate::keys::{self, Handle};
use crate::output::remark;
use crate::service::{self, Service};
use nix::unistd::{Group, Uid};
use signbox::policy::{Grants, Limits};
use signbox_exchanges::{Class, Skew};
use signbox_keyring::{Entry, Keyring, Place, session};
use std::fmt;

/// A key that is to be added, but for its secret.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) handle: Handle<'a>,
    pub(crate) key: Option<&'a str>,
    pub(super) uid: Option<&'a str>,
    pub(super) passphrase: bool,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    pub(super) skew: Option<Skew>,
    pub(super) timeout: Option<u32>,
    pub(crate) home: Home,
}

/// Where a key is kept.
#[derive(Debug)]
pub(crate) enum Home {
    /// In a keyring of this user.
    Keyring(Keyring),
    /// In root's user keyring, for the signers of a group and the bots of these users; the group may be that of a service.
    Group { gid: u32, users: Vec<u32>, service: Option<String> },
}

impl<'a> Plan<'a> {
    /// Checks what was asked for.
    pub(crate) fn of(handle: &'a str, args: &'a Keep, passphrase: bool) -> Result<Plan<'a>, Error> {
        let with = (args.key.as_deref(), args.uid.as_deref());
        let passphrase = passphrase || Handle::parse(handle)?.exchange.passphrase;
        Plan::with(handle, with, &args.terms, passphrase)
    }

    /// Checks what was asked for, with an API key and a uid.
    pub(crate) fn with(
        handle: &'a str,
        (key, uid): (Option<&'a str>, Option<&'a str>),
        args: &Terms,
        passphrase: bool,
    ) -> Result<Plan<'a>, Error> {
        let service = args.service.as_deref().map(Service::of).transpose()?;
        let handle = Handle::of(handle, service.as_ref().map(|service| service.name.as_str()))?;
        Ok(Plan {
            key: key.map(|key| plain("API key", key)).transpose()?,
            uid: uid.map(|uid| plain("uid", uid)).transpose()?,
            passphrase,
            grants: grants(&args.allow)?,
            limits: limits::read(&args.limit, &args.accept_unenforced, handle.exchange)?,
            skew: args.skew.as_deref().map(skew).transpose()?,
            timeout: args.timeout,
            home: match service {
                Some(service) => {
                    Home::Group { gid: service.gid, users: vec![service.peer], service: Some(service.name) }
                }
                None if args.users.is_empty() => own_keyring(args.keyring)?,
                None => group(&args.group, &args.users)?,
            },
            handle,
        })
    }

    /// The key that adding will replace.
    pub(crate) fn there_already(&self) -> Result<Option<Entry>, Error> {
        let same = |entry: &Entry| match &self.home {
            Home::Keyring(ring) => keys::keyring_of(entry.place) == Some(*ring),
            Home::Group { gid, .. } => entry.place == Place::Group && entry.gid == *gid,
        };
        Ok(self.handle.entries()?.into_iter().find(same))
    }

    /// Says what a person may not have meant.
    pub(crate) fn warn(&self) {
        let exchange = self.handle.exchange;
        for (word, danger) in DANGERS.iter().filter(|(word, _)| self.grants.holds(word)) {
            remark(&format!("remark: '{word}' is granted: whoever controls the bot can {danger}"));
        }
        let dangerous = || DANGERS.iter().map(|(word, _)| *word).filter(|word| self.grants.holds(word));
        if !exchange.binds.path && dangerous().next().is_some() {
            remark(&format!(
                "remark: a signature of {} is not tied to its path: one that was asked for under a harmless path is as \
                 good for {}",
                exchange.name,
                dangerous().collect::<Vec<_>>().join(", ")
            ));
        }
        limits::warn(&self.limits, exchange);
        if let Some(why) = exchange.historical {
            remark(&format!("remark: {} is only here for its history: {why}", exchange.id));
        }
        if exchange.signs_nothing() && !exchange.dangers().all(|class| self.grants.has(class)) {
            remark(&format!(
                "remark: a signature of {} covers nothing of the request, so nothing is signed unless {} are all granted",
                exchange.name,
                exchange.dangers().map(Class::word).collect::<Vec<_>>().join(", ")
            ));
        }
        if exchange.logs_in {
            remark(&format!(
                "remark: any signature of {} is also good for a login, with every right that the key has there: give it no more \
                 rights at the exchange than the bot needs",
                exchange.name
            ));
        }
        if !exchange.uid && self.uid.is_some() {
            remark(&format!("remark: {} has no use for --uid", exchange.name));
        }
        if exchange.uid && self.uid.is_none() {
            remark(&format!(
                "remark: {} also wants an account number, client id or memo, and there is no --uid",
                exchange.name
            ));
        }
    }

    /// Says what every request will have to carry.
    pub(crate) fn warn_of_the_missing(&self) {
        if self.key.is_none() && self.handle.exchange.has_api_key() {
            remark("remark: there is no --key, so every request must carry the API key itself");
        }
    }

    /// The grants, for a person.
    pub(super) fn grants_in_words(&self) -> String {
        self.grants.to_string()
    }
}

impl Home {
    /// The keyring that holds the link.
    pub(super) fn keyring(&self) -> Keyring {
        match self {
            Home::Keyring(ring) => *ring,
            Home::Group { .. } => Keyring::User,
        }
    }

    /// What ends the key if nothing else does.
    pub(crate) fn end(&self) -> &'static str {
        match self {
            Home::Keyring(Keyring::Session | Keyring::Process) => "the end of the session",
            Home::Keyring(Keyring::User) | Home::Group { .. } => "the next reboot",
            Home::Keyring(Keyring::Persistent) => "three days without use",
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Home::Keyring(Keyring::Session | Keyring::Process) => "session keyring",
            Home::Keyring(Keyring::User) => "user keyring",
            Home::Keyring(Keyring::Persistent) => "persistent keyring",
            Home::Group { .. } => "user keyring of root",
        })
    }
}

/// The time that is left, as `/proc/keys` has it: rounded down, so that keeping it never makes it longer.
pub(super) fn seconds_left(text: &str) -> u32 {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
    let unit = units.iter().find(|(letter, _)| text.ends_with(*letter)).map_or(1, |(_, seconds)| *seconds);
    let count: u32 = text.trim_end_matches(char::is_alphabetic).parse().unwrap_or(0);
    count.saturating_mul(unit).max(1)
}

/// Whether signers look into one place before the other.
pub(super) fn comes_before(one: Place, other: Place) -> bool {
    // The installed signer, which alone can read a group key, looks for that first.
    let rank = |place| if place == Place::Group { 0 } else { 1 + place as u8 };
    rank(one) < rank(other)
}

fn plain<'a>(what: &str, text: &'a str) -> Result<&'a str, Error> {
    match text {
        "" => Err(Error::new(format_args!("the {what} is empty"))),
        _ if text.contains(char::is_control) => {
            Err(Error::new(format_args!("the {what} holds a control character")))
        }
        _ if text.len() > LONGEST_KEY => {
            Err(Error::new(format_args!("the {what} is longer than {LONGEST_KEY} bytes")))
        }
        _ => Ok(text),
    }
}

fn grants(words: &[String]) -> Result<Grants, Error> {
    words.iter().try_fold(Grants::NONE, |grants, word| {
        let known = || Grants::WORDS.join(", ");
        grants
            .and(word)
            .ok_or_else(|| Error::new(format_args!("'{word}' is no grant; there are {}", known())))
    })
}

fn skew(text: &str) -> Result<Skew, Error> {
    match text {
        "off" => Ok(Skew::Off),
        _ => text.parse().map(Skew::Seconds).map_err(|_| {
            Error::new(format_args!("--skew: '{text}' is neither a number of seconds nor 'off'"))
        }),
    }
}

/// Other users stand in a session keyring that is not this user's, and would have the key too.
fn own_keyring(asked: Option<Ring>) -> Result<Home, Error> {
    let ring = match asked {
        Some(Ring::User) => Keyring::User,
        Some(Ring::Persistent) => Keyring::Persistent,
        Some(Ring::Session) | None => Keyring::Session,
    };
    if ring == Keyring::Session {
        let session = session()?;
        if !session.ours {
            let group = if Uid::effective().is_root() { ", or '--users NAME' for a group key" } else { "" };
            return Err(Error::new(format_args!(
                "the session keyring here belongs to {} and is shared with other users (cron, su, sudo, LightDM): a key \
                 in it would be theirs too; use '--keyring user', where it stays until reboot and is open to every \
                 process of this user{group}",
                keys::user_name(session.uid)
            )));
        }
    }
    Ok(Home::Keyring(ring))
}

fn group(name: &str, users: &[String]) -> Result<Home, Error> {
    if !Uid::effective().is_root() {
        return Err(Error::new("only root can add a key for --users; try again with sudo"));
    }
    let failed = |error| Error::new(format_args!("cannot look up the group '{name}': {error}"));
    let group = Group::from_name(name).map_err(failed)?.ok_or_else(|| {
        Error::new(format_args!(
            "there is no group '{name}'; install the package, or make it with 'groupadd --system {name}'"
        ))
    })?;
    if let Some(member) = group.mem.first() {
        return Err(Error::new(format_args!(
            "'{member}' is a member of the group '{name}' and could read the key; first 'gpasswd --delete {member} {name}'"
        )));
    }
    let mut uids = users.iter().map(|user| service::uid(user)).collect::<Result<Vec<u32>, Error>>()?;
    uids.sort_unstable();
    uids.dedup();
    Ok(Home::Group { gid: group.gid.as_raw(), users: uids, service: None })
}

/// What a grant lets happen that a bot seldom needs.
const DANGERS: [(&str, &str); 6] = [
    ("transfer", "move funds between your accounts"),
    ("withdraw", "send your funds away"),
    ("admin", "change keys, sub-accounts, loans and settings"),
    ("unknown", "use what the catalogue does not list, withdrawals perhaps among it"),
    ("raw", "have any bytes signed, withdrawals too"),
    ("login", "open connections over which the exchange takes all that the API key may do"),
];

const LONGEST_KEY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_read_as_the_kernel_writes_it() {
        let left = ["58s", "30m", "7h", "3d", "1w", "0s"].map(seconds_left);
        assert_eq!(left, [58, 1_800, 25_200, 259_200, 604_800, 1]);
    }

    #[test]
    fn a_group_key_is_found_before_all_others() {
        assert!(comes_before(Place::Group, Place::Session));
        assert!(comes_before(Place::Session, Place::User) && !comes_before(Place::User, Place::Session));
    }
}
