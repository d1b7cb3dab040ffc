//! The signer's program as it is installed, and a signer as it really starts.

use super::Point;
use crate::cli::SignerOptions;
use crate::client::{self, Client, error_in};
use crate::keys;
use nix::unistd::{Gid, Group, Uid};
use serde_json::Value;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub(super) fn points() -> Vec<Point> {
    let path = match client::signer() {
        Ok(path) => path,
        Err(error) => return vec![Point::problem("signer", error.to_string())],
    };
    match fs::metadata(&path) {
        Ok(file) => vec![protected(&path, &file), group(&path, &file), linkage(&path)],
        Err(error) => vec![Point::problem("signer", format!("{}: {error}", path.display()))],
    }
}

/// A program that its user cannot read is non-dumpable from its first instruction; no later wall replaces that.
fn protected(path: &Path, file: &Metadata) -> Point {
    let at =
        format!("{}, mode {:o}, of {}", path.display(), file.mode() & 0o7777, keys::user_name(file.uid()));
    if file.uid() == 0 && file.mode() & 0o044 == 0 {
        return Point::ok("signer", format!("{at}: users cannot read it"));
    }
    if path.starts_with("/usr") {
        return Point::problem(
            "signer",
            format!("{at}: users can read it, so another process of the user may get into it as it starts"),
        )
        .fix(format!("chown root:signbox {0} && chmod 2711 {0}", path.display()));
    }
    Point::note(
        "signer",
        format!("{at}: a developer's build, which another process of the user may get into as it starts"),
    )
    .fix("install the package")
}

fn group(path: &Path, file: &Metadata) -> Point {
    let name = keys::group_name(file.gid());
    if file.mode() & 0o2010 != 0o2010 {
        return Point::note("group keys", "the signer is not set-group-id, so it cannot read group keys")
            .fix("install the package");
    }
    let members =
        Group::from_gid(Gid::from_raw(file.gid())).ok().flatten().map(|group| group.mem).unwrap_or_default();
    match members.first() {
        Some(member) => Point::problem(
            "group keys",
            format!("{member} is a member of the group {name} and can read its keys"),
        )
        .fix(format!("gpasswd --delete {member} {name}")),
        None if file.uid() != 0 => Point::problem("group keys", format!("{} is not root's", path.display())),
        None => Point::ok("group keys", format!("by the group {name}, which has no members")),
    }
}

/// Whether a loader runs before it, which LD_PRELOAD could talk to.
fn linkage(path: &Path) -> Point {
    match fs::read(path).map(|program| needs_loader(&program)) {
        Ok(Some(true)) => Point::note(
            "linkage",
            "dynamic: LD_PRELOAD puts foreign code into a signer that is not set-group-id",
        )
        .fix("install the package, whose signer is static"),
        Ok(Some(false)) => Point::ok("linkage", "static: no loader, no LD_PRELOAD"),
        Ok(None) => Point::problem("linkage", format!("{} is not a program of this machine", path.display())),
        Err(_) if !Uid::effective().is_root() => {
            Point::ok("linkage", "cannot be looked at, as it should be; a signer tells (name a key)")
        }
        Err(error) => Point::problem("linkage", error.to_string()),
    }
}

/// Looks for PT_INTERP in the program headers of a 64-bit ELF file.
fn needs_loader(elf: &[u8]) -> Option<bool> {
    let number = |at: usize, len: usize| {
        let bytes = elf.get(at..at + len)?;
        let byte = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        usize::try_from(bytes.iter().rev().fold(0, byte)).ok()
    };
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    (0..count).map(|at| number(start + at * size, 4)).try_fold(false, |found, kind| Some(found || kind? == 3))
}

/// Starts a signer for these keys, and says what it got.
pub(super) fn started(handles: &[String]) -> Vec<Point> {
    const NAME: &str = "started signer";
    let options = SignerOptions::default();
    let answer = Client::start(handles, &options).and_then(|mut signer| signer.ask("hello", None, None));
    let hello = match answer
        .map_err(|error| error.to_string())
        .and_then(|answer| error_in(&answer).map_or(Ok(answer), Err))
    {
        Ok(mut answer) => answer["hello"].take(),
        Err(why) => return vec![Point::problem(NAME, why)],
    };
    let word = |name: &str| hello[name].as_str().unwrap_or("?").to_owned();
    let text = format!(
        "mode {}, memory {}, landlock ABI {}, seccomp {}, {}, its file {}",
        word("mode"),
        word("memory"),
        hello["landlock"],
        if hello["seccomp"] == Value::Bool(true) { "on" } else { "off" },
        if hello["static"] == Value::Bool(true) { "static" } else { "dynamic" },
        word("binary"),
    );
    let mut points = vec![match hello["mode"].as_str() {
        Some("group" | "claimed") => Point::ok(NAME, text),
        _ => Point::note(NAME, text)
            .fix("other processes of this user can read the key: 'signbox run --claim', or a group key, keeps them out"),
    }];
    for key in hello["keys"].as_array().into_iter().flatten() {
        points.push(granted(key));
    }
    points
}

fn granted(key: &Value) -> Point {
    let name = key["key"].as_str().unwrap_or("?");
    if let Some(error) = error_in(key) {
        return Point::problem("key", error);
    }
    let words: Vec<_> = key["allow"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let may = if words.is_empty() { "nothing".to_owned() } else { words.join(" ") };
    let text = format!("{name} may {may} (mode {})", key["mode"].as_str().unwrap_or("?"));
    if words.iter().any(|word| ["withdraw", "transfer", "admin", "unknown"].contains(word)) {
        return Point::note("key", text).fix("add it again without what the bot does not need");
    }
    Point::ok("key", text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_loader_is_told_from_a_text() {
        assert!(needs_loader(&fs::read("/proc/self/exe").unwrap()).is_some());
        assert_eq!(needs_loader(b"#!/bin/sh\n"), None);
        assert_eq!(needs_loader(b"\x7fELF\x02\x01"), None, "cut short");
    }
}
