//! `signbox setup`: gives a bot a signer under a user of its own, and takes it away again.
//!
//! Everything it writes are two files that systemd reads beside the installed units; all else is what useradd and systemctl do.

use crate::cli::Setup;
use crate::credential;
use crate::error::Error;
use crate::keys;
use crate::output::remark;
use crate::service::{self, PEER, drop_ins, own_user, settings, systemctl};
use nix::unistd::{Uid, User};
use signbox_keyring::{Keyring, State, service_of};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

pub(crate) fn run(args: &Setup) -> Result<ExitCode, Error> {
    let name = service::name(&args.name)?;
    if !Uid::effective().is_root() {
        return Err(Error::new("only root can set up a service; try again with sudo"));
    }
    match &args.user {
        Some(user) => set_up(name, user),
        None => take_away(name),
    }
}

fn set_up(name: &str, user: &str) -> Result<ExitCode, Error> {
    let uid = service::uid(user)?;
    if User::from_uid(Uid::from_raw(uid)).ok().flatten().is_none() {
        return Err(Error::new(format_args!("there is no user {uid}")));
    }
    if uid == 0 {
        return Err(Error::new("a bot that runs as root can read every key; give it a user of its own"));
    }
    if !UNITS.iter().any(|folder| Path::new(folder).join("signbox@.service").is_file()) {
        return Err(Error::new("the unit signbox@.service is not installed; install the Debian package"));
    }
    make_user(&own_user(name))?;
    let before = service::peer(name);
    let socket = format!("{HEAD}[Socket]\nSocketUser={uid}\n");
    let service = format!("{HEAD}[Service]\n{PEER}{uid}\n");
    let new = [write(name, "socket", &socket)?, write(name, "service", &service)?].contains(&true);
    let unit = format!("signbox@{name}.socket");
    if service::has_systemd() {
        systemctl(&["daemon-reload"])?;
        if new {
            // One that runs answers whom it was started for.
            systemctl(&["stop", &unit, &format!("signbox@{name}.service")])?;
        }
        systemctl(&["--quiet", "enable", "--now", &unit])?;
    } else {
        systemctl(&["--quiet", "enable", &unit])?;
        remark("remark: systemd does not run here; the service starts with the machine");
    }
    remark(&format!(
        "set up {name}\n  runs as      {}\n  answers      {}, at /run/signbox/{name}.sock\n  next         sudo signbox add \
         --service {name} EXCHANGE/LABEL --key API_KEY",
        own_user(name),
        keys::user_name(uid)
    ));
    if before.is_some_and(|before| before != uid) {
        for handle in handles(name)? {
            remark(&format!(
                "remark: {handle} was added for the user whom the service answered before; add it again"
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The keys that a service has, in the kernel or as credentials.
fn handles(name: &str) -> Result<Vec<String>, Error> {
    let entries = keys::all()?;
    let live = entries.iter().filter(|entry| entry.state == State::Live);
    let live = live.filter(|entry| service_of(&entry.description) == Some(name)).map(keys::handle);
    Ok(live.chain(credential::handles(name)).collect())
}

/// Makes the system user, with a group of its own, unless it is there.
fn make_user(own: &str) -> Result<(), Error> {
    let failed = |error| Error::new(format_args!("cannot look up the user '{own}': {error}"));
    match User::from_name(own).map_err(failed)? {
        Some(user) if user.shell == Path::new(NO_SHELL) => Ok(()),
        Some(_) => Err(Error::new(format_args!(
            "there is a user '{own}' already who can log in; choose another name"
        ))),
        None => done(Command::new("useradd").args([
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            NO_SHELL,
            "--comment",
            "signbox service",
            own,
        ])),
    }
}

/// Writes a setting; true if it was not there, or another.
fn write(name: &str, unit: &str, text: &str) -> Result<bool, Error> {
    let path = settings(name, unit);
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(false);
    }
    let failed = |error: io::Error| Error::new(format_args!("cannot write {}: {error}", path.display()));
    DirBuilder::new().recursive(true).mode(0o755).create(drop_ins(name, unit)).map_err(failed)?;
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path)).map_err(failed)?;
    Ok(true)
}

fn take_away(name: &str) -> Result<ExitCode, Error> {
    let own = own_user(name);
    let user = User::from_name(&own).ok().flatten();
    if user.is_none() && !settings(name, "service").exists() {
        return Err(Error::new(format_args!("there is no service '{name}'")));
    }
    let mut failed = Vec::new();
    // The keys first: what fails later leaves no key behind.
    let entries = keys::all()?;
    for entry in entries.iter().filter(|entry| service_of(&entry.description) == Some(name)) {
        // One that has ended cannot be revoked.
        let ended = if entry.state == State::Live { entry.key.revoke() } else { Ok(()) };
        match ended.and_then(|()| entry.key.unlink(Keyring::User)) {
            Ok(()) => remark(&format!("revoked {}; delete it at the exchange too", keys::handle(entry))),
            Err(error) => failed.push(Error::new(format_args!("{}: {error}", keys::handle(entry)))),
        }
    }
    failed.extend(credential::remove_all(name).err());
    let units = [format!("signbox@{name}.socket"), format!("signbox@{name}.service")];
    if service::has_systemd() {
        failed.extend(systemctl(&["--quiet", "disable", "--now", &units[0]]).err());
        failed.extend(systemctl(&["stop", &units[1]]).err());
    } else {
        failed.extend(systemctl(&["--quiet", "disable", &units[0]]).err());
    }
    for unit in ["socket", "service"] {
        failed.extend(unless_gone(fs::remove_file(settings(name, unit))).map_err(Error::from).err());
        // An owner's own settings stay.
        let _ = fs::remove_dir(drop_ins(name, unit));
    }
    if service::has_systemd() {
        failed.extend(systemctl(&["daemon-reload"]).err());
    }
    if user.is_some() {
        failed.extend(done(Command::new("userdel").arg(&own)).err());
    }
    for error in &failed {
        remark(&format!("signbox: {error}"));
    }
    let records = format!("/var/lib/signbox-{name}");
    let kept =
        if Path::new(&records).exists() { format!("; its records stay in {records}") } else { String::new() };
    if failed.is_empty() {
        remark(&format!("removed the service {name}{kept}"));
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::new(format_args!("the service {name} is not all gone; try again when that is mended")))
}

/// Runs a program; its own error is shown.
fn done(command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| Error::new(format_args!("cannot start {program}: {error}")))?;
    if status.success() { Ok(()) } else { Err(Error::new(format_args!("{program} failed"))) }
}

/// What is gone already needs no removing.
pub(crate) fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

const HEAD: &str = "# Written by 'signbox setup'; run that again to change it.\n";
const NO_SHELL: &str = "/usr/sbin/nologin";
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
