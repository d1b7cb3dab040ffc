//! A file with secrets: held in memory that is wiped, and replaced in one step.

use crate::error::Error;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use zeroize::Zeroize as _;

/// A file as it was when it was read.
pub(crate) struct Original {
    /// As it was named.
    named: PathBuf,
    /// The file itself, behind symbolic links.
    path: PathBuf,
    text: Vec<u8>,
    metadata: fs::Metadata,
}

impl Original {
    pub(crate) fn open(named: &Path) -> Result<Original, Error> {
        let wrong = |error: io::Error| Error::new(format_args!("cannot read {}: {error}", named.display()));
        let path = named.canonicalize().map_err(wrong)?;
        let mut file = File::open(&path).map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        let refuse = |why: String| Error::new(format_args!("{}: {why}", named.display()));
        if !metadata.is_file() {
            return Err(refuse("is no file".to_owned()));
        }
        if metadata.nlink() > 1 {
            return Err(refuse(format!(
                "has {} names (hard links), and under the others the secret would stay; first make a copy in its place",
                metadata.nlink()
            )));
        }
        if metadata.len() > LARGEST {
            return Err(refuse("is longer than a megabyte, which no configuration is".to_owned()));
        }
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut text = vec![0; metadata.len() as usize];
        file.read_exact(&mut text).map_err(wrong)?;
        Ok(Original { named: named.to_owned(), path, text, metadata })
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn error(&self, why: &str) -> Error {
        Error::new(format_args!("{}: {why}", self.named.display()))
    }

    pub(crate) fn error_at(&self, line: usize, why: &str) -> Error {
        Error::new(format_args!("{}:{line}: {why}", self.named.display()))
    }

    /// Whether a git repository has it in reach.
    pub(crate) fn is_in_git(&self) -> bool {
        self.path.ancestors().skip(1).any(|folder| folder.join(".git").exists())
    }

    /// Writes a copy without secrets next to it, unless the last one is the same; returns its name.
    pub(crate) fn back_up(&self, text: &[u8]) -> Result<PathBuf, Error> {
        let mut before = None;
        for number in 0.. {
            let mut name = self.path.file_name().unwrap_or_default().to_owned();
            name.push(".before-signbox");
            if number > 0 {
                name.push(format!(".{number}"));
            }
            let place = self.path.with_file_name(name);
            if place.symlink_metadata().is_ok() {
                before = Some(place);
                continue;
            }
            if let Some(same) = before.filter(|before| fs::read(before).is_ok_and(|other| other == text)) {
                return Ok(same);
            }
            self.put(text, &place)?;
            return Ok(place);
        }
        Err(self.error("there are too many copies of it"))
    }

    /// Puts a new text in its place, if nobody has changed it since.
    pub(crate) fn replace(&self, text: &[u8]) -> Result<(), Error> {
        let now = self.path.metadata().map_err(|error| self.error(&error.to_string()))?;
        let state = |of: &fs::Metadata| (of.dev(), of.ino(), of.len(), of.mtime(), of.mtime_nsec());
        if state(&now) != state(&self.metadata) {
            return Err(self.error(
                "has changed since it was read, and was left as it is; the keys are in the kernel. Do the same again",
            ));
        }
        self.put(text, &self.path)
    }

    /// Writes a file with the owner and the permissions of this one, and gives it a name when it is on the disk.
    fn put(&self, text: &[u8], place: &Path) -> Result<(), Error> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".signbox-new");
        let new = folder.join(name);
        let written = self.write(text, &new).and_then(|()| fs::rename(&new, place));
        written.map_err(|error| {
            let _ = fs::remove_file(&new);
            self.error(&format!("cannot write {}: {error}; the file is as it was", place.display()))
        })?;
        // The name too: a folder is a file.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.error(&error.to_string()))
    }

    fn write(&self, text: &[u8], new: &Path) -> io::Result<()> {
        // One that was left behind by a run that was stopped.
        match fs::remove_file(new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
        let own = file.metadata()?;
        let (uid, gid) = (self.metadata.uid(), self.metadata.gid());
        if (own.uid(), own.gid()) != (uid, gid) {
            fchown(&file, Some(uid), Some(gid))?;
        }
        file.set_permissions(Permissions::from_mode(self.metadata.mode() & 0o7777))?;
        file.write_all(text)?;
        file.sync_all()
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

const LARGEST: u64 = 1024 * 1024;
