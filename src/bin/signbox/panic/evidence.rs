//! The third step: a folder with what may explain later how it came to this, and never a secret.
//!
//! Every file is made anew inside the folder by its descriptor: whoever owns the place around it can then move the folder,
//! but not lead a root who panics there elsewhere.

use super::report::{Report, utc};
use crate::error::Error;
use crate::process::Process;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::Uid;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Writes everything; returns the folder, and why what is missing there is missing.
pub(super) fn gather(
    place: Option<&Path>,
    state: Option<&Path>,
    report: &Report,
) -> Result<(PathBuf, Vec<String>), Error> {
    let mut bundle = Bundle::make(place.unwrap_or(Path::new(".")), report.began)?;
    bundle.write("steps.txt", report.log().as_bytes());
    bundle.write("keys.txt", lines(report.lines.iter().map(String::as_str)).as_bytes());
    bundle.write("processes.txt", processes(report).as_bytes());
    bundle.write("system.txt", system(report.began).as_bytes());
    bundle.copy_state(state.unwrap_or(Path::new(STATE)), "", state.is_some());
    for (folder, service) in state.is_none().then(folders_of_services).into_iter().flatten() {
        bundle.copy_state(&folder, &format!("{service}."), true);
    }
    let sums = bundle.sums.iter().map(|(name, sum)| format!("{sum}  {name}")).collect::<Vec<_>>();
    bundle.write("SHA256SUMS", lines(sums.iter().map(String::as_str)).as_bytes());
    Ok((bundle.path, bundle.failed))
}

/// A fresh folder that only its user can enter.
struct Bundle {
    path: PathBuf,
    folder: File,
    /// By name, as sha256sum(1) writes them.
    sums: BTreeMap<String, String>,
    failed: Vec<String>,
}

impl Bundle {
    fn make(place: &Path, began: SystemTime) -> Result<Bundle, Error> {
        let stamp: String = utc(began)[..19].chars().filter(|c| !"-:".contains(*c)).collect();
        let name = format!("signbox-panic-{stamp}Z");
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let failed = |path: &Path, error: &io::Error| {
            Error::new(format_args!("cannot make '{}': {error}", super::shown(path)))
        };
        // Twice in one second: the second one gets a number.
        for number in 1..100 {
            let path = place.join(if number == 1 { name.clone() } else { format!("{name}-{number}") });
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, &error)),
                Ok(()) => {
                    let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
                    let opened = File::options().read(true).custom_flags(flags).open(&path);
                    let folder = opened.map_err(|error| failed(&path, &error))?;
                    let made = folder.metadata()?;
                    if made.uid() != Uid::effective().as_raw() || made.mode() & 0o777 != 0o700 {
                        return Err(Error::new(format_args!(
                            "'{}' was replaced by another",
                            super::shown(&path)
                        )));
                    }
                    return Ok(Bundle { path, folder, sums: BTreeMap::new(), failed: Vec::new() });
                }
            }
        }
        Err(Error::new(format_args!("there are too many folders '{name}'")))
    }

    /// A file with these bytes; what fails is noted.
    fn write(&mut self, name: &str, bytes: &[u8]) {
        self.fill(name, &mut &*bytes);
    }

    fn fill(&mut self, name: &str, from: &mut dyn io::Read) {
        match self.copy(name, from) {
            Ok(sum) => {
                self.sums.insert(name.to_owned(), sum);
            }
            Err(error) => self.failed.push(format!("'{name}' of the evidence could not be written: {error}")),
        }
    }

    fn copy(&self, name: &str, from: &mut dyn io::Read) -> io::Result<String> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&self.folder, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 65_536];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            file.write_all(&buffer[..count])?;
        }
        file.sync_all()?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Copies the audit logs and ledgers of a folder, the earlier ones too, under names that begin with `prefix`.
    fn copy_state(&mut self, folder: &Path, prefix: &str, must_be_there: bool) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if !must_be_there && error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let why = format!("the logs in '{}' were not copied: {error}", super::shown(folder));
                let root = error.kind() == io::ErrorKind::PermissionDenied && !Uid::effective().is_root();
                return self
                    .failed
                    .push(why + if root { "; 'sudo signbox panic' can copy them" } else { "" });
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if ![".audit", ".ledger"].iter().any(|part| name.contains(part)) {
                continue;
            }
            match open_plain(&entry.path()) {
                Ok(mut file) => self.fill(&format!("{prefix}{name}"), &mut file),
                Err(error) => self.failed.push(format!("'{}' was not copied: {error}", name.escape_debug())),
            }
        }
    }
}

/// Where services keep theirs, which only root can look into, and the name of each.
fn folders_of_services() -> Vec<(PathBuf, String)> {
    let siblings = Path::new(STATE).parent().and_then(|parent| fs::read_dir(parent).ok());
    let entries = siblings.into_iter().flatten().filter_map(Result::ok);
    let of_service = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?.strip_prefix("signbox-")?.to_owned();
        Some((entry.path(), name))
    };
    entries.filter(|_| Uid::effective().is_root()).filter_map(of_service).collect()
}

/// Opens what is a file and nothing else: a pipe would keep us waiting, and a link lead elsewhere.
fn open_plain(path: &Path) -> io::Result<File> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::EINVAL.into()) }
}

/// The processes of those whose signers were to end, with all from whom they come.
fn processes(report: &Report) -> String {
    let started = started_at(report.began);
    let by_pid: BTreeMap<u32, &Process> =
        report.processes.iter().map(|process| (process.pid, process)).collect();
    let mut shown = BTreeSet::new();
    for process in report
        .processes
        .iter()
        .filter(|process| Uid::effective().is_root() || process.uid == Uid::effective().as_raw())
    {
        let mut next = Some(process);
        while let Some(process) = next.filter(|process| shown.insert(process.pid)) {
            next = by_pid.get(&process.parent).copied();
        }
    }
    let mut text = "PID PARENT UID STARTED NAME\n".to_owned();
    for process in shown.iter().filter_map(|pid| by_pid.get(pid)) {
        // The kernel counts hundredths of a second for programs, whatever it counts for itself (USER_HZ).
        let at = started.map(|start| utc(start + Duration::from_millis(process.start * 10)));
        let at = at.as_deref().unwrap_or("?");
        let name = process.name.escape_debug();
        text += &format!("{} {} {} {at} {name}\n", process.pid, process.parent, process.uid);
    }
    text
}

/// When the machine was started.
fn started_at(now: SystemTime) -> Option<SystemTime> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = uptime.split(' ').next()?.parse().ok()?;
    now.checked_sub(Duration::try_from_secs_f64(seconds).ok()?)
}

fn system(began: SystemTime) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    format!(
        "time {}\nsignbox {}\nuser {}\nhost {}\nboot {}\nkernel {}\n",
        utc(began),
        env!("CARGO_PKG_VERSION"),
        Uid::effective(),
        read("/proc/sys/kernel/hostname").trim(),
        read("/proc/sys/kernel/random/boot_id").trim(),
        read("/proc/version").trim(),
    )
}

fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("{line}\n")).collect()
}

const STATE: &str = "/var/lib/signbox";
