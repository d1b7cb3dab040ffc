//! A folder with files for one case, which the case's user may change.

use crate::stage::temporary;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed when it is dropped; none if there are no files.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn of(files: &BTreeMap<String, String>, user: Option<u32>) -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if files.is_empty() {
            return Folder(PathBuf::new());
        }
        let folder = temporary(&format!("files-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let _ = fs::remove_dir_all(&folder); // of a run that failed
        let own = |path: &Path| chown(path, user, user).unwrap();
        fs::create_dir_all(&folder).unwrap();
        own(&folder);
        for (name, text) in files {
            let path = folder.join(name);
            for parent in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
                fs::create_dir_all(parent).unwrap();
                own(parent);
            }
            fs::write(&path, text).unwrap();
            own(&path);
        }
        Folder(folder)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// What stands in it, but for what stands in folders.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.path().is_file());
        files
            .map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap()))
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.path().is_empty() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
