//! `signbox audit rotate`: the lines of a log go into a file of their own, and the log goes on from the last of them.
//!
//! Running signers hold the file open and write at its end, so it is copied and emptied, never renamed. No line may be
//! lost: the copy is on the disk before the log is emptied, and while that goes on no signer writes.

use super::files::{self, Log};
use super::times::{now, written};
use super::to_hex;
use crate::cli::AuditRotate;
use crate::error::Error;
use crate::output::remark;
use nix::fcntl::FlockArg;
use sha2::{Digest as _, Sha256};
use signbox::ledger::{self, Head};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::process::ExitCode;

pub(super) fn run(args: &AuditRotate) -> Result<ExitCode, Error> {
    let log = Log::of(&args.handle, &args.state.state)?;
    let failed = |why: &str| Error::new(format_args!("{}: {why}", log.handle));
    // A signer that holds it and is stopped is told of here, and not waited for without end.
    drop(log.lock(FlockArg::LockExclusiveNonblock)?.ok_or_else(|| failed(NO_LEDGER))?);
    let mut said = String::new();
    ledger::rewrite(&log.ledger(), |head| {
        let (name, head) = put_aside(&log, &head)?;
        said = format!("moved {} up to number {} into {name}; keep it with the log", log.handle, head.n - 1);
        Ok::<_, Error>(head)
    })?;
    remark(&said);
    Ok(ExitCode::SUCCESS)
}

/// Moves the lines that count into a file of their own; returns its name, and where the log ends now.
fn put_aside(log: &Log, head: &Head) -> Result<(String, Head), Error> {
    let failed = |why: &str| Error::new(format_args!("{}: {why}", log.handle));
    let mut file = files::open(&log.place(&log.name), File::options().read(true).append(true))
        .map_err(|error| log.cannot("open", &log.name, &error))?;
    if head.n == 0 || head.len == 0 {
        return Err(failed("there is nothing in the log yet"));
    }
    if !ends_with(&mut file, head).map_err(|error| log.cannot("read", &log.name, &error))? {
        return Err(failed(NOT_AS_COUNTED));
    }
    let name = copy(log, &mut file)?;
    let (line, head) = first_line(&name, head);
    let emptied =
        file.set_len(0).and_then(|()| file.write_all(line.as_bytes())).and_then(|()| file.sync_all());
    emptied.map_err(|error| log.cannot("write", &log.name, &error))?;
    Ok((name, head))
}

/// Whether the file ends with the line that the ledger counts as the last.
fn ends_with(file: &mut File, head: &Head) -> io::Result<bool> {
    let end = format!(",\"hash\":\"{}\"}}\n", to_hex(&head.hash));
    let len = file.metadata()?.len();
    if len != head.len || len < end.len() as u64 {
        return Ok(false);
    }
    let mut there = vec![0; end.len()];
    file.seek(SeekFrom::Start(len - end.len() as u64))?;
    file.read_exact(&mut there)?;
    Ok(there == end.as_bytes())
}

/// Copies the log into the next file, of the same owner; it is on the disk when this returns.
fn copy(log: &Log, file: &mut File) -> Result<String, Error> {
    let (name, mut copy) = next(log, file)?;
    let copied = (|| {
        let like = file.metadata()?;
        let own = copy.metadata()?;
        if (like.uid(), like.gid()) != (own.uid(), own.gid()) {
            fchown(&copy, Some(like.uid()), Some(like.gid()))?;
        }
        copy.set_permissions(like.permissions())?;
        file.rewind()?;
        io::copy(file, &mut copy)?;
        copy.sync_all()?;
        File::open(log.place("."))?.sync_all()
    })();
    copied.map_err(|error| {
        let _ = fs::remove_file(log.place(&name));
        log.cannot("write", &name, &error)
    })?;
    Ok(name)
}

/// Makes a file with the number after the highest there is.
fn next(log: &Log, like: &File) -> Result<(String, File), Error> {
    let cannot = |name: &str, error: &io::Error| log.cannot("write", name, error);
    let entries = fs::read_dir(log.place(".")).map_err(|error| cannot(".", &error))?;
    let number = |name: &str| name.strip_prefix(&log.name)?.strip_prefix('.')?.parse::<u64>().ok();
    let highest = entries.flatten().filter_map(|entry| number(&entry.file_name().to_string_lossy())).max();
    let name = format!("{}.{}", log.name, highest.unwrap_or(0).saturating_add(1));
    let mode = like.metadata().map_err(|error| cannot(&log.name, &error))?.mode() & 0o600;
    let made = File::options().write(true).create_new(true).mode(mode).open(log.place(&name));
    made.map(|file| (name.clone(), file)).map_err(|error| cannot(&name, &error))
}

/// The line that a log begins with whose earlier lines stand elsewhere, and the head that it makes.
fn first_line(name: &str, before: &Head) -> (String, Head) {
    let (n, time) = (before.n + 1, written(now()));
    let text = format!("{{\"n\":{n},\"time\":\"{time}\",\"event\":\"rotated\",\"before\":\"{name}\"");
    let hash: [u8; 32] = Sha256::new().chain_update(before.hash).chain_update(&text).finalize().into();
    let line = format!("{text},\"hash\":\"{}\"}}\n", to_hex(&hash));
    let len = line.len() as u64;
    (line, Head { n, len, hash })
}

const NO_LEDGER: &str = "there is no ledger, so no signer has written a log here";
const NOT_AS_COUNTED: &str = "the log does not end where its ledger says; 'signbox audit verify' says what is wrong, and the \
                              next signer that starts goes on from there";
