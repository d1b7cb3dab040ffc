//! From paths to the texts of files; what is not looked at, and why.

use crate::output::remark;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What was not looked at.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    binary: Vec<String>,
    large: Vec<String>,
    folders: Vec<String>,
    failed: usize,
}

impl Skipped {
    /// Whether something could not be looked at.
    pub(super) fn failed(&self) -> bool {
        self.failed > 0
    }

    pub(super) fn in_words(&self) -> String {
        let kinds = [
            (&self.binary, "binary"),
            (&self.large, "larger than a megabyte"),
            (&self.folders, "folders of other programs"),
        ];
        let told = kinds.into_iter().filter(|(names, _)| !names.is_empty()).map(|(names, what)| {
            let more = if names.len() > SHOWN { ", ..." } else { "" };
            format!("{} {what} ({}{more})", names.len(), names[..names.len().min(SHOWN)].join(", "))
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { String::new() } else { format!("; skipped: {}", told.join(", ")) }
    }

    fn fail(&mut self, path: &Path, error: &io::Error) {
        self.failed += 1;
        remark(&format!("signbox: cannot read {}: {error}", path.display()));
    }
}

/// Hands every file that is text to `look`, in the order of their names. Symbolic links are not followed, but for those that
/// were named.
pub(super) fn each(paths: &[PathBuf], skipped: &mut Skipped, look: &mut dyn FnMut(&Path, Vec<u8>)) {
    for path in paths {
        match path.metadata() {
            Err(error) => skipped.fail(path, &error),
            Ok(status) if status.is_dir() => folder(path, skipped, look),
            Ok(status) => file(path, status.len(), skipped, look),
        }
    }
}

fn folder(path: &Path, skipped: &mut Skipped, look: &mut dyn FnMut(&Path, Vec<u8>)) {
    let mut entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return skipped.fail(path, &error),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.metadata() {
            Err(error) => skipped.fail(&path, &error),
            Ok(status) if status.is_dir() && is_of_a_program(&path) => skipped.folders.push(shown(&path)),
            Ok(status) if status.is_dir() => folder(&path, skipped, look),
            Ok(status) if status.is_file() => file(&path, status.len(), skipped, look),
            Ok(_) => {}
        }
    }
}

fn file(path: &Path, length: u64, skipped: &mut Skipped, look: &mut dyn FnMut(&Path, Vec<u8>)) {
    if length > LARGEST {
        return skipped.large.push(shown(path));
    }
    // Room for all of it at once, since a vector that grows leaves copies behind; files in /proc say that they are empty.
    let mut text = Vec::with_capacity(length as usize + 1);
    match File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text)) {
        Err(error) => skipped.fail(path, &error),
        Ok(_) if text[..text.len().min(8192)].contains(&0) => skipped.binary.push(shown(path)),
        Ok(_) => look(path, text),
    }
}

/// What is kept by version control, package managers and compilers: not the project's own, and full of what only looks secret.
fn is_of_a_program(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    NAMES.contains(&name) || path.join("pyvenv.cfg").exists() || path.join("CACHEDIR.TAG").exists()
}

fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "?")
}

const NAMES: [&str; 10] =
    [".git", ".hg", ".svn", ".bzr", "CVS", "_darcs", "node_modules", "__pycache__", "site-packages", ".tox"];
const LARGEST: u64 = 1024 * 1024;
const SHOWN: usize = 5;
