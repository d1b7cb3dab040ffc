//! What the three rings of attacks share: places and users for a test, signers and bots in them, and the
//! means of the attackers.
//!
//! Everything here starts processes as throw-away users and leaves none behind, nor a key, nor a file.
#![allow(dead_code, clippy::unwrap_used)] // each test program uses its part

pub(crate) mod bot;
pub(crate) mod cores;
#[cfg(target_arch = "x86_64")]
pub(crate) mod inject;
pub(crate) mod loader;
pub(crate) mod place;
pub(crate) mod scan;
pub(crate) mod secret;
pub(crate) mod target;

use std::io::{self, Write};
use std::{env, thread};

/// Whether this machine lets the test run as it must: as root. Says so loudly if not.
pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip("it needs root, to become other users and to attack as root");
    }
    root
}

/// Says that a test did not run; with `SIGNBOX_TEST_KERNEL=require` that is a failure.
pub(crate) fn skip(why: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "\n*** SKIPPED: {name}: {why} ***\n");
    assert!(env::var("SIGNBOX_TEST_KERNEL").as_deref() != Ok("require"), "skipped: {why}");
}

/// Says something that the reader of a test run should know.
pub(crate) fn remark(what: &str) {
    let _ = writeln!(io::stderr(), "remark: {what}");
}
