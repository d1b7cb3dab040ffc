//! Keys of a service that outlast the next start of the machine: encrypted by systemd-creds(1) for this machine alone, and handed to the
//! service by systemd.
//!
//! The record goes to systemd-creds in a file that is in memory only, and is overwritten afterwards: what goes through a pipe
//! leaves a copy in freed memory of the kernel.

use crate::error::Error;
use crate::output::remark;
use crate::service::drop_ins;
use crate::setup::unless_gone;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Has a record encrypted for this machine.
pub(crate) fn seal(handle: &str, record: &[u8]) -> Result<Vec<u8>, Error> {
    let failed =
        |error: io::Error| Error::new(format_args!("cannot hand the record to systemd-creds: {error}"));
    let file = memfd_create("signbox", MFdFlags::MFD_CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let mut file = File::from(file);
    let given = file.write_all(record).and_then(|()| file.rewind()).and_then(|()| file.try_clone());
    let sealed = given.and_then(|input| {
        let mut command = Command::new("systemd-creds");
        command.arg("encrypt").arg(format!("--name={}", credential(handle))).args(["-", "-"]);
        command.stdin(input).stderr(Stdio::inherit()).output()
    });
    let wiped = file.rewind().and_then(|()| file.write_all(&vec![0; record.len()]));
    let sealed = sealed.map_err(|error| Error::new(format_args!("cannot start systemd-creds: {error}")))?;
    wiped.map_err(failed)?;
    if !sealed.status.success() || sealed.stdout.is_empty() {
        return Err(Error::new("systemd-creds could not encrypt the record; nothing was stored"));
    }
    Ok(sealed.stdout)
}

/// Keeps what was encrypted, and has systemd hand it to the service; says where it is.
pub(crate) fn keep(service: &str, handle: &str, sealed: &[u8]) -> Result<PathBuf, Error> {
    let path = folder(service).join(credential(handle));
    let failed = |error: io::Error| Error::new(format_args!("cannot write {}: {error}", path.display()));
    // The folder above is where the owner's policy is, which everybody may read.
    DirBuilder::new().recursive(true).mode(0o755).create("/etc/signbox").map_err(failed)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder(service)).map_err(failed)?;
    let fresh = path.with_extension("new~");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(failed)?;
    file.write_all(sealed).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&fresh, &path).map_err(failed)?;
    tell_systemd(service)?;
    Ok(path)
}

/// Fails if the service has a credential of this name: with a key beside it the service would not know which one is meant.
pub(crate) fn refuse_a_second(service: &str, handle: &str) -> Result<(), Error> {
    if !folder(service).join(credential(handle)).exists() {
        return Ok(());
    }
    Err(Error::new(format_args!(
        "{handle} is a credential of the service {service}; '--credential' replaces it, and 'sudo signbox remove --service \
         {service} {handle}' removes it"
    )))
}

/// Removes the credential of this name; true if there was one.
pub(crate) fn remove(service: &str, handle: &str) -> bool {
    if fs::remove_file(folder(service).join(credential(handle))).is_err() {
        return false;
    }
    if let Err(error) = tell_systemd(service) {
        remark(&format!("remark: {error}"));
    }
    crate::service::restart(service);
    true
}

/// Removes all credentials of a service.
pub(crate) fn remove_all(service: &str) -> Result<(), Error> {
    unless_gone(fs::remove_dir_all(folder(service)))?;
    // Empty, these are nobody's.
    let _ = fs::remove_dir(FOLDER);
    Ok(unless_gone(fs::remove_file(loading(service)))?)
}

/// The services that have credentials.
pub(crate) fn services() -> io::Result<Vec<String>> {
    names_in(Path::new(FOLDER))
}

/// The handles of a service's credentials.
pub(crate) fn handles(service: &str) -> Vec<String> {
    let names = names_in(&folder(service)).unwrap_or_default();
    names.iter().filter_map(|name| Some(name.strip_prefix("signbox.")?.replacen('.', "/", 1))).collect()
}

/// The names in a folder, in their order; none if it is not there.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // What ends with a tilde was being written when that was stopped.
        names.extend(entry?.file_name().into_string().ok().filter(|name| !name.ends_with('~')));
    }
    names.sort_unstable();
    Ok(names)
}

/// Writes which credentials systemd hands the service.
fn tell_systemd(service: &str) -> Result<(), Error> {
    let names = names_in(&folder(service))?;
    let path = loading(service);
    if names.is_empty() {
        return remove_all(service);
    }
    let mut text = "# Written by 'signbox add --credential'.\n[Service]\n".to_owned();
    for name in names {
        let _ = writeln!(text, "LoadCredentialEncrypted={name}:{}", folder(service).join(&name).display());
    }
    fs::write(&path, text)
        .map_err(|error| Error::new(format_args!("cannot write {}: {error}", path.display())))
}

/// What a key's credential is called: `signbox.binance.main`.
fn credential(handle: &str) -> String {
    format!("signbox.{}", handle.replacen('/', ".", 1))
}

fn loading(service: &str) -> PathBuf {
    drop_ins(service, "service").join("credentials.conf")
}

fn folder(service: &str) -> PathBuf {
    Path::new(FOLDER).join(service)
}

const FOLDER: &str = "/etc/signbox/credentials";
