//! A directory for one test, and copies of the programs in it with the owner and mode that the test is about.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use std::{env, fs, thread};

/// A root-owned directory that everybody can enter; removed in the end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("signbox-attack-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the test may put something.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A directory that `uid` may write to.
    pub(crate) fn directory_of(&self, uid: u32) -> PathBuf {
        let path = self.0.join(format!("of-{uid}"));
        fs::create_dir(&path).unwrap();
        chown(&path, Some(uid), Some(uid)).unwrap();
        path
    }

    /// The real signer, as a developer has it: everybody may read the program.
    pub(crate) fn signer(&self) -> PathBuf {
        self.install(&signer(), "signbox-signer", 0o755, 0)
    }

    pub(crate) fn naive(&self) -> PathBuf {
        self.install(&example("naive"), "naive", 0o755, 0)
    }

    pub(crate) fn attacker(&self) -> PathBuf {
        self.install(&example("attacker"), "attacker", 0o755, 0)
    }

    /// A copy of a program that belongs to root and to the group `gid`.
    pub(crate) fn install(&self, program: &Path, name: &str, mode: u32, gid: u32) -> PathBuf {
        let copy = self.0.join(name);
        if !copy.exists() {
            // Not while another thread forks: its child would have the copy open for writing.
            let _nobody_starts = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
            fs::copy(program, &copy).unwrap();
            chown(&copy, Some(0), Some(gid)).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
        }
        copy
    }

    /// Whether the set-group-id bit of a program here counts.
    pub(crate) fn honours_set_group_id(&self) -> bool {
        let flags = nix::sys::statvfs::statvfs(&self.0).unwrap().flags();
        !flags.contains(nix::sys::statvfs::FsFlags::ST_NOSUID)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a program, once no copy is being written.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let _nobody_copies = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match command.spawn() {
            // Another test program copies the same way.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(5))
            }
            child => return child.unwrap(),
        }
    }
}

static STARTING: Mutex<()> = Mutex::new(());

/// The real signer. Cargo names it in a variable too, but the shell that wraps rustc drops names with a hyphen.
pub(crate) fn signer() -> PathBuf {
    signbox().with_file_name("signbox-signer")
}

pub(crate) fn signbox() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_signbox"))
}

/// A program of this folder. `cargo test` builds them; `cargo test --test NAME` does not, so this does.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = || {
        let profile = signbox().parent().unwrap();
        let examples = profile.join("examples");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attack");
        let when = |file: PathBuf| file.metadata().and_then(|file| file.modified()).ok();
        let changed =
            ["naive", "attacker", "parts", "race"].map(|name| when(source.join(name).with_extension("rs")));
        let fresh = ["naive", "attacker"]
            .iter()
            .all(|name| when(examples.join(name)) >= changed.into_iter().max().flatten());
        if !fresh {
            build(profile).unwrap();
        }
        examples
    };
    BUILT.get_or_init(built).join(name)
}

fn build(profile: &Path) -> io::Result<()> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or(env!("CARGO").into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args([
        "build",
        "--quiet",
        "--offline",
        "--package",
        "signbox",
        "--example",
        "naive",
        "--example",
        "attacker",
    ]);
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other("the programs of the attack cannot be built"))
    }
}
