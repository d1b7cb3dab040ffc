//! The hook programs: started one after the other when something has happened that a person should hear of.
//!
//! They run as the user who runs signbox, never as the signer, and get what happened on standard input. A hook that
//! fails, or takes too long, is remarked on and is no error: what it was to tell has happened all the same.

use crate::error::Error;
use crate::output::remark;
use crate::process::{Handle, kill_group_of};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::Uid;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// What has happened; hooks find the word in `SIGNBOX_EVENT`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A signer has written an alert.
    Alert,
    /// Somebody has panicked.
    Panic,
    /// Somebody has tried what a panic would do.
    Drill,
}

/// Runs every hook with `text` on its standard input; returns how many did what they should, and how many did not.
pub(crate) fn run(event: Event, text: &str) -> (usize, usize) {
    let folders = [Some(PathBuf::from(MACHINE)), of_user()];
    let hooks: Vec<PathBuf> = folders.into_iter().flatten().flat_map(|folder| hooks_in(&folder)).collect();
    let failures = hooks.iter().filter_map(|hook| run_one(hook, event, text, PATIENCE).err());
    let failed = failures.map(|why| remark(&format!("signbox: remark: {why}"))).count();
    (hooks.len() - failed, failed)
}

/// The hooks of a folder, in order of name. What is not as it should be is remarked on and left out.
fn hooks_in(folder: &Path) -> Vec<PathBuf> {
    if fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Vec::new();
    }
    let listed = trusted(folder, Metadata::is_dir, "a folder").and_then(|()| {
        let entries: io::Result<Vec<_>> = fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?.collect();
        entries.map_err(|error| unreadable(folder, &error))
    });
    let entries = listed.unwrap_or_else(|why| {
        remark(&format!("signbox: remark: {why}; no hook in it is run"));
        Vec::new()
    });
    let named = entries.iter().map(fs::DirEntry::path).filter(|path| path.file_name().is_some_and(is_hook));
    let mut hooks: Vec<PathBuf> = named.filter(|path| fit(path)).collect();
    hooks.sort_unstable();
    hooks
}

/// Editors and packages leave files behind that nobody means to run.
fn is_hook(name: &OsStr) -> bool {
    let name = name.as_bytes();
    !name.starts_with(b".") && !name.ends_with(b"~") && !name.windows(6).any(|part| part == b".dpkg-")
}

fn fit(path: &Path) -> bool {
    let why = match trusted(path, Metadata::is_file, "a file") {
        Ok(()) if fs::symlink_metadata(path).is_ok_and(|file| file.mode() & 0o111 == 0) => {
            format!("'{}' is not executable", path.display())
        }
        Ok(()) => return true,
        Err(why) => why.to_string(),
    };
    remark(&format!("signbox: remark: {why}; it is not run"));
    false
}

/// Holds a path to be root's or the user's, and nobody else's to change; symbolic links are not followed.
fn trusted(path: &Path, kind: fn(&Metadata) -> bool, what: &str) -> Result<(), Error> {
    let shown = path.display();
    let found = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
    if !kind(&found) {
        return Err(Error::new(format_args!("'{shown}' is not {what}")));
    }
    if ![0, Uid::effective().as_raw()].contains(&found.uid()) {
        return Err(Error::new(format_args!("'{shown}' belongs to user {}", found.uid())));
    }
    if found.mode() & 0o022 != 0 {
        return Err(Error::new(format_args!("'{shown}' can be written by others")));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(format_args!("cannot look at '{}': {error}", path.display()))
}

fn run_one(hook: &Path, event: Event, text: &str, patience: Duration) -> Result<(), Error> {
    let failed = |why: &dyn std::fmt::Display| Error::new(format_args!("hook '{}' {why}", hook.display()));
    let input = file_of(text).map_err(|error| failed(&format_args!("cannot be given its input: {error}")))?;
    let mut command = Command::new(hook);
    // A group of its own, so that all it has started can be ended with it.
    command.env("SIGNBOX_EVENT", event.word()).process_group(0);
    // What it prints is for people, and standard output is not.
    command.stdin(input).stdout(Stdio::from(io::stderr())).stderr(Stdio::from(io::stderr()));
    let child = command.spawn().map_err(|error| failed(&format_args!("cannot be started: {error}")))?;
    match wait(child, patience)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(&match (status.code(), status.signal()) {
            (Some(code), _) => format!("failed with {code}"),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or(0)),
        })),
        None => Err(failed(&format_args!("took more than {} s and was killed", patience.as_secs()))),
    }
}

/// Waits for a hook to end; none if it had to be killed, with all that is left of its group.
fn wait(mut child: Child, patience: Duration) -> Result<Option<ExitStatus>, Error> {
    let ended = Handle::of_child(&child).and_then(|handle| handle.ends_within(patience));
    if ended.as_ref().is_ok_and(|ended| *ended) {
        return Ok(Some(child.wait()?));
    }
    // Not waited for yet: its number, which is its group's, is nobody else's.
    let _ = kill_group_of(&child);
    child.wait()?;
    ended.map(|_| None).map_err(Error::from)
}

/// An unnamed file with this text: a pipe would keep us waiting for a hook that does not read.
fn file_of(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create("signbox-event", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// The user's own hooks, under `$XDG_CONFIG_HOME` or `~/.config`.
fn of_user() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")))?;
    Some(config.join("signbox/hooks.d"))
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Event::Alert => "alert",
            Event::Panic => "panic",
            Event::Drill => "drill",
        }
    }
}

const MACHINE: &str = "/etc/signbox/hooks.d";
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::Instant;

    #[test]
    fn hooks_are_run_in_order_of_name_and_what_is_not_one_is_left_out() {
        let folder = Folder::new("order");
        for name in ["20-b", "10-a", "30-c~", ".hidden", "x.dpkg-old"] {
            folder.hook(name, "true");
        }
        folder.hook("40-data", "true");
        fs::set_permissions(folder.0.join("40-data"), Permissions::from_mode(0o644)).expect("it is ours");
        symlink("/bin/true", folder.0.join("50-link")).expect("it is new");
        let names: Vec<_> = hooks_in(&folder.0)
            .into_iter()
            .filter_map(|hook| hook.file_name().map(OsStr::to_owned))
            .collect();
        assert_eq!(names, ["10-a", "20-b"]);
    }

    #[test]
    fn what_others_may_change_is_not_run() {
        let folder = Folder::new("writable");
        let hook = folder.hook("10-a", "true");
        fs::set_permissions(&hook, Permissions::from_mode(0o775)).expect("it is ours");
        assert_eq!(hooks_in(&folder.0), [] as [PathBuf; 0], "a hook that the group can write");
        fs::set_permissions(&hook, Permissions::from_mode(0o755)).expect("it is ours");
        assert_eq!(hooks_in(&folder.0), [hook]);
        fs::set_permissions(&folder.0, Permissions::from_mode(0o757)).expect("it is ours");
        assert_eq!(hooks_in(&folder.0), [] as [PathBuf; 0], "a folder that everybody can write");
    }

    #[test]
    fn a_folder_behind_a_symbolic_link_is_not_looked_into() {
        let folder = Folder::new("linked");
        folder.hook("10-a", "true");
        let link = folder.0.with_extension("link");
        let _ = fs::remove_file(&link);
        symlink(&folder.0, &link).expect("it is new");
        assert_eq!(hooks_in(&link), [] as [PathBuf; 0]);
        fs::remove_file(&link).expect("it is ours");
    }

    #[test]
    fn a_hook_reads_the_text_and_knows_the_event() {
        let folder = Folder::new("text");
        let out = folder.0.join("out.dpkg-new");
        let hook = folder.hook("10-a", &format!("{{ cat; echo $SIGNBOX_EVENT; }} > {}", out.display()));
        run_one(&hook, Event::Alert, "what happened\n", PATIENCE).expect("it works");
        assert_eq!(fs::read_to_string(out).expect("it is there"), "what happened\nalert\n");
    }

    #[test]
    fn a_hook_that_fails_is_told_with_its_code() {
        let folder = Folder::new("fails");
        let told =
            |body| run_one(&folder.hook("10-a", body), Event::Panic, "", PATIENCE).map_err(|e| e.to_string());
        let start = format!("hook '{}' ", folder.0.join("10-a").display());
        assert_eq!(told("exit 3"), Err(format!("{start}failed with 3")));
        assert_eq!(told("kill -TERM $$"), Err(format!("{start}was ended by signal 15")));
    }

    #[test]
    fn a_hook_that_takes_too_long_is_killed_with_what_it_has_started() {
        let folder = Folder::new("long");
        let out = folder.0.join("pid.dpkg-new");
        let hook = folder.hook("10-a", &format!("sleep 300 & echo $! > {}; wait", out.display()));
        let start = Instant::now();
        let told =
            run_one(&hook, Event::Alert, "", Duration::from_secs(2)).map_err(|error| error.to_string());
        assert!(told.is_err_and(|why| why.ends_with("took more than 2 s and was killed")));
        assert!(start.elapsed() < Duration::from_secs(60));
        let pid = fs::read_to_string(out).expect("it was written");
        // Whoever inherits it may take its time to bury it.
        let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        while stat().is_ok_and(|stat| stat.contains("(sleep)") && !stat.contains(") Z ")) {
            assert!(start.elapsed() < Duration::from_secs(60), "what the hook started is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A folder of our own, gone in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("signbox-hooks-{}-{name}", std::process::id()));
            fs::create_dir(&path).expect("it is new");
            fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
            Folder(path)
        }

        fn hook(&self, name: &str, body: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("it is ours");
            fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
