//! `signbox scan`: what looks like an exchange's secret in files, by names and by shape. A secret itself is never shown.

mod lines;
mod walk;

use crate::add;
use crate::cli::Scan;
use crate::error::Error;
use crate::output::{print, remark};
use lines::{Found, Kind};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use walk::Skipped;
use zeroize::Zeroize as _;

/// As grep ends: 0 if something was found, 1 if nothing was, 2 if something could not be looked at.
pub(crate) fn run(args: &Scan) -> Result<ExitCode, Error> {
    // What is read may be secret.
    add::shut_memory()?;
    let (mut all, mut lines, mut files) = (Vec::new(), String::new(), 0);
    let mut skipped = Skipped::default();
    let mut written = Ok(());
    walk::each(&args.paths, &mut skipped, &mut |path, mut text| {
        files += 1;
        for found in lines::look(&text) {
            if args.json {
                all.push(as_json(path, &found));
            } else {
                lines += &in_words(path, &found);
                all.push(json!(null));
            }
        }
        text.zeroize();
        if written.is_ok() && !lines.is_empty() {
            written = print(&lines);
            lines.clear();
        }
    });
    written?;
    let count = all.len();
    if args.json {
        print(&format!("{:#}\n", json!(all)))?;
    }
    remark(&format!("{count} found in {files} files{}", skipped.in_words()));
    if count > 0 && !args.json {
        remark(
            "'signbox adopt FILE' moves those in JSON, .env and YAML into the kernel; make new API keys for all of them",
        );
    }
    Ok(ExitCode::from(match (skipped.failed(), count) {
        (true, _) => 2,
        (false, 0) => 1,
        _ => 0,
    }))
}

fn in_words(path: &Path, found: &Found) -> String {
    let exchange = found.exchange.as_deref().map_or(String::new(), |id| format!(" of {id}"));
    let name = found.name.as_deref().map_or(String::new(), |name| format!(" ({name})"));
    // Anybody may have named the file: an escape sequence must not reach the terminal.
    let path = path.display().to_string().replace(char::is_control, "?");
    format!("{path}:{}: {}{exchange}{name}\n", found.line, found.kind.words())
}

fn as_json(path: &Path, found: &Found) -> serde_json::Value {
    json!({
        "file": path.to_string_lossy(),
        "line": found.line,
        "kind": found.kind.word(),
        "exchange": found.exchange,
        "name": found.name,
    })
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Secret => "secret",
            Kind::Passphrase => "passphrase",
            Kind::PrivateKey => "private-key",
            Kind::Encrypted => "encrypted",
            Kind::Shape => "shape",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Kind::Secret => "a secret",
            Kind::Passphrase => "a passphrase",
            Kind::PrivateKey => "a private key in PEM",
            Kind::Encrypted => "a value that hummingbot has encrypted with its password",
            Kind::Shape => "a text of the shape of a secret",
        }
    }
}
