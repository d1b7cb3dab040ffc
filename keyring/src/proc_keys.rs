//! `/proc/keys`: the only place where the kernel tells usage, timeouts, and keys held by nobody here.

use std::fs;

use crate::{Error, Key, sys};

pub(crate) const PATH: &str = "/proc/keys";

/// One line: a key or keyring that this process may view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) key: Key,
    pub(crate) revoked: bool,
    pub(crate) invalidated: bool,
    pub(crate) usage: u32,
    /// `perm`, `expd`, or a number and a unit.
    pub(crate) timeout: String,
    pub(crate) permissions: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) kind: String,
    /// Without the summary the key type appends.
    pub(crate) description: String,
    /// The line as it stands there.
    pub(crate) text: String,
}

/// Reads all lines. A line of an unknown shape is left out.
pub(crate) fn read() -> Result<Vec<Line>, Error> {
    let text = fs::read(PATH).map_err(|source| Error::Proc { path: PATH, source })?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(parse).collect())
}

/// The line of one key.
pub(crate) fn line(lines: &[Line], key: Key) -> Option<&Line> {
    lines.iter().find(|line| line.key == key)
}

/// The serial of this user's persistent keyring, if there is one; looking does not prolong its life.
pub(crate) fn persistent(lines: &[Line]) -> Option<i32> {
    let uid = sys::effective_uid();
    let name = format!("_persistent.{uid}");
    let alive = |line: &Line| !line.invalidated && !line.revoked && line.timeout != "expd";
    let ours =
        |line: &&Line| alive(line) && line.kind == "keyring" && line.uid == uid && line.description == name;
    lines.iter().find(ours).map(|line| line.key.serial())
}

/// `2935dcb0 I--Q---     2 perm 3f010000  1000  1000 user      signbox:kraken:main: 64`
fn parse(text: &str) -> Option<Line> {
    let mut rest = text;
    let mut word = || {
        let (word, after) = rest.trim_start().split_once(' ')?;
        rest = after;
        Some(word)
    };
    let serial = word()?;
    let flags = word()?;
    let usage = word()?.parse().ok()?;
    let timeout = word()?.to_owned();
    let permissions = u32::from_str_radix(word()?, 16).ok()?;
    let uid = word()?.parse().ok()?;
    let gid = word()?.parse().ok()?;
    let kind = word()?.to_owned();
    let description = rest.trim_start();
    Some(Line {
        key: Key::from_serial(i32::from_str_radix(serial, 16).ok()?),
        revoked: flags.contains('R'),
        invalidated: flags.contains('i') || flags.contains('D'),
        usage,
        timeout,
        permissions,
        uid,
        gid,
        kind,
        description: description.rsplit_once(": ").map_or(description, |(name, _)| name).to_owned(),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::parse;

    #[test]
    fn a_line_of_the_kernel_is_understood() {
        let line =
            parse("2935dcb0 I--Q---     2  30m 3f010000  1000    -1 user      signbox:kraken:main: 64");
        assert_eq!(line, None, "an id below zero is no id");
        let line =
            parse("2935dcb0 IR-Q---     2  30m 3f010000  1000 65534 user      signbox:kraken:main: 64")
                .unwrap();
        assert_eq!(line.key.serial(), 0x2935_dcb0);
        assert_eq!((line.revoked, line.invalidated, line.usage), (true, false, 2));
        assert_eq!((line.timeout.as_str(), line.permissions), ("30m", 0x3f01_0000));
        assert_eq!((line.uid, line.gid), (1000, 65534));
        assert_eq!((line.kind.as_str(), line.description.as_str()), ("user", "signbox:kraken:main"));
    }

    #[test]
    fn a_name_without_a_summary_is_the_whole_rest() {
        assert_eq!(parse("0bce8405 I------ 1 perm 1f030000 0 0 keyring _ses").unwrap().description, "_ses");
    }
}
