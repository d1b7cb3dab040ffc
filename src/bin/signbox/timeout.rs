//! `signbox timeout`: sets the time after which a key is gone, or takes it off.

use crate::cli::Timeout;
use crate::error::Error;
use crate::keys::{self, Handle};
use crate::output::remark;
use signbox_keyring::{State, find};
use std::process::ExitCode;

pub(crate) fn run(args: &Timeout) -> Result<ExitCode, Error> {
    let handle = Handle::of(&args.handle, args.of.name()?)?;
    let entries = handle.entries()?;
    let key = match find(&handle.description) {
        Ok(key) => key,
        Err(signbox_keyring::Error::NoSuchKey(_)) => return Err(handle.nothing()),
        Err(error) => return Err(error.into()),
    };
    key.set_timeout(args.seconds)?;
    match args.seconds {
        0 => remark(&format!("{} stays, without a timeout", handle.text)),
        seconds => remark(&format!("{} is forgotten in {}", handle.text, keys::time(seconds))),
    }
    for other in entries.iter().filter(|entry| entry.key != key && entry.state == State::Live) {
        remark(&format!(
            "remark: there is another {}, {}; it keeps the time that it had",
            handle.text,
            keys::whereabouts(other)
        ));
    }
    Ok(ExitCode::SUCCESS)
}
