//! Foreign code for the dynamic loader: a shared object that leaves a file named after each process it runs in.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::place::Place;
use super::skip;

/// The variable that says in which directory it leaves them.
pub(crate) const MARKERS: &str = "ATTACK_MARKERS";

/// Compiles it, alone in a directory and under the name of a library that Rust's programs need. Nothing
/// without a C compiler.
pub(crate) fn library(place: &Place) -> Option<PathBuf> {
    let (source, directory) = (place.join("foreign.c"), place.join("foreign"));
    fs::create_dir(&directory).unwrap();
    let library = directory.join("libgcc_s.so.1");
    let functions = UNWINDING.iter().map(|name| format!("void _Unwind_{name}(void) {{}}\n"));
    fs::write(&source, CONSTRUCTOR.to_owned() + &functions.collect::<String>()).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&source);
    if cc.status().is_ok_and(|status| status.success()) {
        return Some(library);
    }
    skip("there is no C compiler");
    None
}

const CONSTRUCTOR: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
unsigned la_version(unsigned version) { return version; }
__attribute__((constructor)) static void loaded(void) {
    char path[4096];
    const char *directory = getenv("ATTACK_MARKERS");
    if (!directory) return;
    snprintf(path, sizeof path, "%s/%d", directory, (int) getpid());
    close(open(path, O_CREAT | O_WRONLY, 0600));
}
"#;

/// What a program of Rust wants from that library.
const UNWINDING: [&str; 14] = [
    "Backtrace",
    "DeleteException",
    "FindEnclosingFunction",
    "GetCFA",
    "GetDataRelBase",
    "GetIP",
    "GetIPInfo",
    "GetLanguageSpecificData",
    "GetRegionStart",
    "GetTextRelBase",
    "RaiseException",
    "Resume",
    "SetGR",
    "SetIP",
];
