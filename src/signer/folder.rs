//! Where ledgers and logs are kept: in the machine's state directory, in one that was named, or nowhere.

use crate::ledger::MACHINE;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// A state directory, and whether its files are shared by the signers of several users.
#[derive(Debug, PartialEq)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) shared: bool,
}

impl Folder {
    /// The machine's for group keys; else the one that was named.
    pub(super) fn find(named: Option<&Path>, group_keys: bool) -> Result<Option<Folder>, String> {
        let machine = Path::new(MACHINE);
        match named {
            // Whoever starts the signer must not choose where it counts.
            Some(_) if group_keys => Err(format!("group keys are counted in {MACHINE}; leave --state out")),
            Some(named) => Folder::own(named).map(Some),
            None if group_keys && machine.is_dir() => {
                let fine = owned(machine, 0, 0o007);
                fine.map(|()| Some(Folder { path: machine.to_owned(), shared: true }))
            }
            None => Ok(None),
        }
    }

    fn own(path: &Path) -> Result<Folder, String> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        if let Err(error) = made.or_else(|error| if path.exists() { Ok(()) } else { Err(error) }) {
            return Err(format!("cannot make the state directory {}: {error}", path.display()));
        }
        owned(path, nix::unistd::geteuid().as_raw(), 0o022)?;
        Ok(Folder { path: path.to_owned(), shared: false })
    }
}

/// Fails for a folder that others could put their files into.
fn owned(path: &Path, uid: u32, not: u32) -> Result<(), String> {
    let wrong = |why: &str| format!("the state directory {} {why}", path.display());
    let status = path.metadata().map_err(|error| wrong(&format!("cannot be looked at: {error}")))?;
    if !status.is_dir() {
        return Err(wrong("is no directory"));
    }
    if status.uid() != uid {
        return Err(wrong(&format!("does not belong to user {uid}")));
    }
    if status.mode() & not != 0 {
        return Err(wrong("is open to others; take that away with chmod"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_is_made_for_its_user_alone_and_one_that_is_open_is_refused() {
        let path = std::env::temp_dir().join(format!("signbox-state-{}", std::process::id()));
        let found = Folder::find(Some(&path), false).unwrap().unwrap();
        assert_eq!(found, Folder { path: path.clone(), shared: false });
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o700);
        assert!(Folder::find(Some(&path), false).is_ok());
        for mode in [0o770, 0o702] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(Folder::find(Some(&path), false).unwrap_err().contains("open to others"));
        }
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(Folder::find(Some(&path), false).unwrap_err().contains("is no directory"));
        assert!(Folder::find(Some(&path.join("x")), false).unwrap_err().contains("cannot make"));
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn whoever_starts_an_installed_signer_does_not_choose_where_it_counts() {
        assert!(Folder::find(Some(Path::new("/tmp")), true).unwrap_err().contains(MACHINE));
    }
}
