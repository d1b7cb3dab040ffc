//! The first step: every key that can be reached is revoked.

use super::report::Report;
use crate::keys;
use crate::process;
use nix::unistd::{Uid, setfsuid};
use signbox_keyring::{self as keyring, Entry, Error, Key, Swept, handle_of, sweep};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Revokes the keys of a user, who runs this.
pub(super) fn revoke(uid: u32, report: &mut Report) {
    // Where a key stands is said before it is gone; what cannot be listed is revoked all the same.
    let places = keys::all().unwrap_or_default();
    tell(sweep(uid, |_| true), uid, &places, report);
}

/// As root: revokes the keys of every user who has any, or runs anything.
pub(super) fn revoke_of_all(report: &mut Report) {
    let own = Uid::effective().as_raw();
    revoke(own, report);
    let mut users: BTreeSet<u32> =
        process::all().unwrap_or_default().iter().map(|process| process.uid).collect();
    let table = fs::read_to_string("/proc/key-users").unwrap_or_default();
    users.extend(table.lines().filter_map(|line| line.split(':').next()?.trim().parse::<u32>().ok()));
    for uid in users.into_iter().filter(|uid| *uid != own) {
        match of_user(uid, move || sweep(uid, |_| true)) {
            Some(swept) => tell(swept, uid, &[], report),
            None => report.left(format!("the keys of {} could not be looked at", keys::user_name(uid))),
        }
    }
}

/// Does it with a user's rights to keys. They go by an id that is a thread's own.
fn of_user<T: Send + 'static>(uid: u32, act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let acting = thread::spawn(move || {
        setfsuid(Uid::from_raw(uid));
        act()
    });
    acting.join().ok()
}

/// Tells of the keys that could only be seen. Some of them end with a signer, or were removed a moment before.
pub(super) fn tell_of_unreached(report: &mut Report) {
    let mut left = std::mem::take(&mut report.unreached);
    let start = Instant::now();
    while !left.is_empty() {
        left.retain(|unreached| {
            let key = unreached.key;
            of_user(unreached.uid, move || keyring::is_held(key)).unwrap_or(true)
        });
        if start.elapsed() > A_MOMENT {
            break;
        }
        thread::sleep(A_MOMENT / 20);
    }
    for unreached in left {
        report.left(format!(
            "{} is in another login's session and lives on: run 'signbox panic' there, or end that session ('loginctl'), or \
             reboot",
            unreached.what
        ));
    }
}

/// A key that can be seen and not be revoked.
#[derive(Debug)]
pub(super) struct Unreached {
    key: Key,
    uid: u32,
    what: String,
}

/// Notes what became of each key.
pub(super) fn tell(swept: Result<Vec<Swept>, Error>, uid: u32, places: &[Entry], report: &mut Report) {
    let swept = match swept {
        Ok(swept) => swept,
        Err(error) => return report.left(format!("keys could not be looked for: {error}")),
    };
    for Swept { key, description, line, outcome } in swept {
        let Some((exchange, label)) = handle_of(&description) else { continue };
        let handle = format!("{exchange}/{label}");
        report.about(&handle);
        if !line.is_empty() {
            report.lines.insert(line);
        }
        let entry = places.iter().find(|entry| entry.key == key);
        let place = entry.map(|entry| format!(", {}", keys::whereabouts(entry))).unwrap_or_default();
        // Anybody may have named it.
        let what = format!("{} (key {}{place})", handle.escape_debug(), key.serial());
        match outcome {
            Ok(()) => report.done(format!("revoked {what}")),
            Err(keyring::Error::Revoked(_)) => report.done(format!("{what} was revoked before")),
            Err(keyring::Error::Expired(_)) => report.done(format!("{what} had expired")),
            // Removed meanwhile.
            Err(keyring::Error::NoSuchKey(_)) => report.done(format!("{what} is gone")),
            Err(keyring::Error::NotPossessed(_)) => report.unreached.push(Unreached { key, uid, what }),
            Err(error) => report.left(format!("{what} could not be revoked: {error}")),
        }
    }
}

const A_MOMENT: Duration = Duration::from_millis(500);
