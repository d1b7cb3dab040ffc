//! `signbox audit show`: the decisions, a line each.

use super::entry::Entry;
use super::files::{Log, logs};
use super::lines::{Line, Shape};
use crate::cli::AuditShow;
use crate::error::Error;
use crate::output::remark;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

pub(super) fn run(args: &AuditShow) -> Result<ExitCode, Error> {
    let logs = logs(&args.logs.handles, &args.logs.state.state)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for log in &logs {
        match show(log, args, &mut out) {
            Err(error) if !error.is_closed_pipe() => {
                out.flush()?; // what was read comes before why it is not more
                remark(&format!("signbox: {error}"));
                code = ExitCode::FAILURE;
            }
            done => done?,
        }
    }
    out.flush()?;
    Ok(code)
}

fn show(log: &Log, args: &AuditShow, out: &mut impl Write) -> Result<(), Error> {
    let opened = log.open(args.since.as_deref())?;
    if let Some(why) = &opened.missing {
        remark(&format!("{}: {why}", log.handle));
    }
    let mut odd = 0;
    for piece in &opened.pieces {
        let mut lines = piece.lines()?;
        while let Some(line) = lines.next()? {
            let Some((text, entry)) = readable(&line) else {
                odd += 1;
                continue;
            };
            if !wanted(&entry, args) {
                continue;
            }
            if args.json {
                out.write_all(text)?;
                out.write_all(b"\n")?;
            } else {
                writeln!(out, "{}  {}  {}", entry.when(), log.handle, entry.words())?;
            }
        }
    }
    if odd > 0 {
        out.flush()?;
        let lines = super::count(odd, "line");
        remark(&format!(
            "{}: left out {lines} that no signer writes; see 'signbox audit verify'",
            log.handle
        ));
    }
    Ok(())
}

/// What a line says, if it is one that may be shown as it stands.
fn readable<'a>(line: &Line<'a>) -> Option<(&'a [u8], Entry)> {
    let (at, entry) = Entry::find(line.bytes).filter(|_| line.shape == Shape::Whole)?;
    let text = &line.bytes[at..];
    (!std::str::from_utf8(text).ok()?.chars().any(char::is_control)).then_some((text, entry))
}

fn wanted(entry: &Entry, args: &AuditShow) -> bool {
    let in_time = args.since.as_ref().is_none_or(|since| entry.time >= *since);
    // Of signatures there are many, and they say nothing to a person.
    let of_use = args.json || entry.event != "head";
    in_time && if args.refused { entry.is_refused() } else { of_use }
}
