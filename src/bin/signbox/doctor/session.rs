//! Where this process stands: keyring calls, session, user namespace, quota, and the keys that are there.

use super::{Point, file};
use crate::keys;
use nix::unistd::Uid;
use signbox_keyring::{Entry, Error, SessionInfo, SessionKind, State, service_of, session};

pub(super) fn points() -> Vec<Point> {
    let found = session();
    let mut points = vec![calls(&found)];
    if matches!(found, Err(Error::Unavailable(_))) {
        return points;
    }
    points.extend([standing(found), namespace(), quota()]);
    points.extend(open_keys());
    points
}

fn calls(found: &Result<SessionInfo, Error>) -> Point {
    match found {
        Err(error @ Error::Unavailable(_)) => Point::problem("keyring calls", error.to_string()),
        _ => Point::ok("keyring calls", "allowed"),
    }
}

fn standing(found: Result<SessionInfo, Error>) -> Point {
    const NAME: &str = "session keyring";
    const FRESH: &str = "'keyctl session - COMMAND' starts a command in one of its own";
    let session = match found {
        Ok(session) => session,
        Err(error) => return Point::note(NAME, error.to_string()).fix("add keys with '--keyring user'"),
    };
    let name = session.name.escape_debug();
    let beneath = if session.holds_user_keyring {
        ""
    } else {
        "; the user keyring does not hang under it, which signbox copes with"
    };
    match session.kind {
        _ if !session.ours => Point::note(
            NAME,
            format!(
                "belongs to {} and is shared with other users (cron, su, sudo, LightDM)",
                keys::user_name(session.uid)
            ),
        )
        .fix("add keys with '--keyring user'; nothing may be put here"),
        SessionKind::Anonymous => Point::ok(NAME, format!("this session's own ({name}){beneath}")),
        SessionKind::Named => {
            Point::note(NAME, format!("has a name ({name}), so every process of this user can join it"))
                .fix(FRESH)
        }
        SessionKind::UserSession => {
            Point::note(NAME, format!("the user's default ({name}), open to every process of this user"))
                .fix(FRESH)
        }
    }
}

fn namespace() -> Point {
    let map = file("/proc/self/uid_map").unwrap_or_default();
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return Point::ok("user namespace", "the first one");
    }
    Point::note("user namespace", "one of its own: the user keyring here is another than outside")
        .fix("start outside of containers, flatpak and hardened user units, or add the keys inside")
}

/// `/proc/key-users`: `1000: 5 5/5 3/200 120/20000`.
fn quota() -> Point {
    let uid = format!("{}:", Uid::effective());
    let text = file("/proc/key-users").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(uid.as_str()));
    let pairs: Vec<(u32, u32)> = line
        .into_iter()
        .flat_map(|line| line.split_whitespace().skip(2))
        .filter_map(|pair| pair.split_once('/'))
        .filter_map(|(used, limit)| Some((used.parse().ok()?, limit.parse().ok()?)))
        .collect();
    let [(keys, most_keys), (bytes, most_bytes)] = pairs[..] else {
        return Point::ok("key quota", "nothing is used yet");
    };
    let said = format!("{keys} of {most_keys} keys, {bytes} of {most_bytes} bytes");
    let nearly = |used: u32, limit: u32| u64::from(used) * 10 > u64::from(limit) * 9;
    if nearly(keys, most_keys) || nearly(bytes, most_bytes) {
        return Point::problem("key quota", format!("{said}: nearly used up, and adding fails then"))
            .fix("remove keys, or 'sysctl kernel.keys.maxkeys=2000 kernel.keys.maxbytes=200000'");
    }
    Point::ok("key quota", said)
}

/// What a command on the key has to say.
fn of_service(entry: &Entry) -> String {
    service_of(&entry.description)
        .map_or_else(String::new, |service| format!("--service {} ", service.escape_debug()))
}

fn open_keys() -> Vec<Point> {
    let entries = match keys::all() {
        Ok(entries) => entries,
        Err(error) => return vec![Point::problem("keys", error.to_string())],
    };
    let live = entries.iter().filter(|entry| entry.state == State::Live).count();
    let mut points = vec![Point::ok("keys", format!("{live} that can be used"))];
    for entry in &entries {
        let handle = keys::handle(entry);
        if entry.state != State::Live {
            points.push(
                Point::note("keys", format!("{handle} is {}", keys::state(entry.state)))
                    .fix(format!("'signbox remove {}{handle}', or add it again", of_service(entry))),
            );
        } else if entry.open_to_user {
            points.push(
                Point::note(
                    "keys",
                    format!(
                        "{handle} can be read by {} (keyring {})",
                        keys::readers(entry),
                        keys::place(entry)
                    ),
                )
                .fix(
                    "a group key ('sudo signbox add ... --users NAME') or 'signbox run --claim' closes that",
                ),
            );
        }
    }
    points
}
