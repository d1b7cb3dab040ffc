//! The files of a log: which there are, how they hang together, and the lock that holds signers off while one looks.

use super::clean;
use super::entry::Entry;
use super::lines::{Line, Lines};
use crate::error::Error;
use crate::keys::Handle;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use signbox::ledger::{self, Head};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read as _, Seek as _, Take};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The log of one key.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) handle: String,
    /// The name of the file with the last lines.
    pub(super) name: String,
    folder: PathBuf,
}

/// A log as it was at one moment.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its files, the one with the oldest lines first. Of the log of a ledger without one, none.
    pub(super) pieces: Vec<Piece>,
    /// Why earlier lines than these cannot be read, if there should be some.
    pub(super) missing: Option<String>,
    /// What the ledger says; nothing if there is none.
    pub(super) head: Result<Option<Head>, String>,
}

/// One file of a log.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) name: String,
    /// How long it was.
    pub(super) len: u64,
    file: File,
}

impl Log {
    /// The log of a key.
    pub(super) fn of(handle: &str, folder: &Path) -> Result<Log, Error> {
        let description = Handle::parse(handle)?.description;
        let stem = description.strip_prefix("signbox:").unwrap_or(&description);
        Ok(Log { handle: handle.to_owned(), name: format!("{stem}.audit"), folder: folder.to_owned() })
    }

    /// Where a file of this log is.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where its ledger is.
    pub(super) fn ledger(&self) -> PathBuf {
        let stem = self.name.strip_suffix("audit").unwrap_or(&self.name);
        self.place(&format!("{stem}ledger"))
    }

    /// Opens it as it is between two decisions, with those earlier files that may hold lines of `since`.
    pub(super) fn open(&self, since: Option<&str>) -> Result<Opened, Error> {
        let lock = self.lock(FlockArg::LockSharedNonblock)?;
        let head = ledger::head(&self.ledger()).map_err(|why| format!("its ledger cannot be read: {why}"));
        let mut opened = Opened { pieces: Vec::new(), missing: None, head };
        match Piece::open(self, &self.name) {
            Ok(piece) => opened.pieces.push(piece),
            Err(error) if error.kind() == ErrorKind::NotFound && lock.is_some() => return Ok(opened),
            Err(error) => return Err(self.cannot("read", &self.name, &error)),
        }
        drop(lock);
        // What was put aside does not change any more.
        while let Some(before) = opened.pieces[0].before(since) {
            opened.missing = match self.earlier(&before, &opened.pieces) {
                Ok(piece) => {
                    opened.pieces.insert(0, piece);
                    continue;
                }
                Err(why) => Some(why),
            };
            break;
        }
        Ok(opened)
    }

    /// Opens the file that a first line names.
    fn earlier(&self, name: &str, known: &[Piece]) -> Result<Piece, String> {
        let shown = clean(name);
        let number = name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('.'));
        if !number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
            return Err(format!("the earlier lines should be in '{shown}', which is no file of this log"));
        }
        if known.iter().any(|piece| piece.name == name) {
            return Err(format!("the earlier lines should be in {shown}, which holds later ones"));
        }
        Piece::open(self, name)
            .map_err(|error| format!("the earlier lines should be in {shown}: {}", plain(&error)))
    }

    /// Locks the ledger, so that no signer writes; nothing if there is none.
    pub(super) fn lock(&self, how: FlockArg) -> Result<Option<Flock<File>>, Error> {
        let path = self.ledger();
        let name = || path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut file = match open(&path, File::options().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.cannot("read", &name(), &error)),
        };
        let started = Instant::now();
        loop {
            match Flock::lock(file, how) {
                Ok(lock) => return Ok(Some(lock)),
                Err((_, errno)) if started.elapsed() > PATIENCE => {
                    let why = format!("somebody holds its lock ({})", errno.desc());
                    return Err(self.cannot("use", &name(), &io::Error::other(why)));
                }
                Err((back, _)) => file = back,
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What could not be done to a file of this log.
    pub(super) fn cannot(&self, what: &str, name: &str, error: &io::Error) -> Error {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; a signer writes one if it has a state directory",
            ErrorKind::PermissionDenied => "; it belongs to another user (sudo)",
            _ => "",
        };
        let folder = clean(&self.folder.to_string_lossy());
        Error::new(format_args!(
            "{}: cannot {what} {folder}/{}: {}{hint}",
            self.handle,
            clean(name),
            plain(error)
        ))
    }
}

/// The logs of these keys; without any, all that are there.
pub(super) fn logs(handles: &[String], folder: &Path) -> Result<Vec<Log>, Error> {
    if !handles.is_empty() {
        return handles.iter().map(|handle| Log::of(handle, folder)).collect();
    }
    let shown = clean(&folder.to_string_lossy());
    let entries = fs::read_dir(folder)
        .map_err(|error| Error::new(format_args!("cannot read {shown}: {}", plain(&error))))?;
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        // A ledger whose log was taken away is a log too.
        let stem = name.strip_suffix(".audit").or_else(|| name.strip_suffix(".ledger"));
        let handle = stem.and_then(|stem| stem.split_once(':')).map(|(id, label)| format!("{id}/{label}"));
        found.extend(handle.filter(|handle| Handle::parse(handle).is_ok()));
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Err(Error::new(format_args!(
            "there is no audit log in {shown}; a signer writes one if it has a state directory"
        )));
    }
    found.iter().map(|handle| Log::of(handle, folder)).collect()
}

impl Piece {
    fn open(log: &Log, name: &str) -> io::Result<Piece> {
        let file = open(&log.place(name), File::options().read(true))?;
        Ok(Piece { name: name.to_owned(), len: file.metadata()?.len(), file })
    }

    /// Its lines, up to where it ended when it was opened.
    pub(super) fn lines(&self) -> io::Result<Lines<BufReader<Take<&File>>>> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(Lines::new(BufReader::with_capacity(256 * 1024, file.take(self.len))))
    }

    /// The file that holds the lines before these, unless those are all older than `since`.
    fn before(&self, since: Option<&str>) -> Option<String> {
        let mut lines = self.lines().ok()?;
        let Ok(Some(Line { bytes, .. })) = lines.next() else { return None };
        let first = Entry::read(bytes).filter(|entry| entry.event == "rotated")?;
        first.before.filter(|_| since.is_none_or(|since| first.time.as_str() >= since))
    }
}

/// Opens a plain file, and none that a link leads to.
pub(super) fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    // What is no plain file must not keep us waiting.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.clone().custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    Ok(file)
}

/// Why something failed, without numbers.
pub(super) fn plain(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP) => "it is a link, and links are not followed".to_owned(),
        Some(errno) => errno.desc().to_owned(),
        None => error.to_string(),
    }
}

/// How long a signer may take to write.
const PATIENCE: Duration = Duration::from_secs(5);
