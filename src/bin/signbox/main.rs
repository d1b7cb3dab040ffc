//! `signbox`: the program that people use; it puts keys into the kernel, looks after them, and starts signers.

#![forbid(unsafe_code)]

mod add;
mod adopt;
mod audit;
mod check;
mod cli;
mod client;
#[cfg(test)]
mod completions;
mod credential;
mod curl;
mod demo;
mod doctor;
mod error;
mod exchanges;
mod files;
mod hooks;
mod keygen;
mod keys;
mod list;
mod output;
mod panic;
mod placeholder;
mod process;
mod prompt;
mod remove;
mod request;
mod revoke;
mod run;
mod scan;
mod service;
mod setup;
mod show;
mod sign;
mod timeout;
mod watch;
#[cfg(test)]
#[path = "../../../tests/common/audit.rs"]
mod written;

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse().run() {
        Ok(code) => code,
        // A closed pipe is success: whoever read has seen enough.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "signbox: {error}"); // `eprintln!` panics on a closed pipe
            ExitCode::FAILURE
        }
    }
}
