//! `signbox remove`: takes keys out of the keyrings that they are kept in.

use crate::cli::Remove;
use crate::credential;
use crate::error::Error;
use crate::keys::{self, Handle};
use crate::output::remark;
use nix::unistd::Uid;
use signbox_keyring::{Entry, Keyring, Place, State};
use std::process::ExitCode;

pub(crate) fn run(args: &Remove) -> Result<ExitCode, Error> {
    let service = args.of.name()?;
    keys::each(&args.handles, service, |handle| remove(handle, service))
}

fn remove(handle: &Handle<'_>, service: Option<&str>) -> Result<(), Error> {
    let entries = handle.entries()?;
    let sealed = service.is_some_and(|service| credential::remove(service, handle.text));
    if sealed {
        remark(&format!("removed {}, a credential", handle.text));
    } else if entries.is_empty() {
        return Err(handle.nothing());
    }
    for entry in entries {
        entry.key.unlink(holder(&entry)?)?;
        let what = match entry.state {
            State::Live => "",
            State::Expired => "; it had expired",
            State::Revoked => "; it was revoked",
        };
        remark(&format!("removed {}, {}{what}", handle.text, keys::whereabouts(&entry)));
    }
    Ok(())
}

/// The keyring to take it out of; root keeps group keys in its own user keyring.
fn holder(entry: &Entry) -> Result<Keyring, Error> {
    match (entry.place, keys::keyring_of(entry.place)) {
        (_, Some(keyring)) => Ok(keyring),
        (Place::Group, _) if Uid::effective().is_root() => Ok(Keyring::User),
        _ => Err(Error::new(format_args!(
            "{} is a group key, and only root can remove it: use sudo",
            keys::handle(entry)
        ))),
    }
}
