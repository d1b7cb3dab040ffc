//! Where a command is run: as a user of its own if we are root, in a session keyring of its own.

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Uid, getuid};
use signbox_keyring::{Key, join_fresh_session, session};
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A user and a session; the session is the calling thread's.
pub(crate) struct Stage {
    user: Option<u32>,
    /// Who is not root has one user keyring for all cases.
    _alone: Option<MutexGuard<'static, ()>>,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    /// Gives this thread a fresh session; nothing if that needs root and we are not.
    pub(crate) fn enter(root: bool, shared: bool) -> Option<Stage> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static ONE_USER: Mutex<()> = Mutex::new(());
        let we_are_root = Uid::effective().is_root();
        if (root || shared) && !we_are_root {
            return None;
        }
        let alone = (!we_are_root).then(|| ONE_USER.lock().unwrap_or_else(PoisonError::into_inner));
        join_fresh_session().expect("tests need keyrings");
        let user = (we_are_root && !root).then(|| FIRST_USER + NEXT.fetch_add(1, Ordering::Relaxed));
        if let Some(uid) = user.filter(|_| !shared) {
            Key::from_serial(session().unwrap().serial).set_owner(Some(uid), Some(uid)).unwrap();
        }
        let stage = Stage { user, _alone: alone };
        if we_are_root {
            stage.forget_keys(); // of a run that failed
        } else {
            let listed = stage.run(&["list"], None, None).out;
            assert_eq!(
                listed, "",
                "this user has keys that the cases would meet and remove; run the tests as another"
            );
        }
        Some(stage)
    }

    /// The user, if it is not the one who runs the tests.
    #[allow(dead_code)] // not in every ring
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }

    /// A program, to be run as this user.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs().display()));
        if let Some(uid) = self.user {
            command.uid(uid).gid(uid);
        }
        command
    }

    /// Runs `signbox`, with a file on descriptor 3 and a pipe on standard input if there is something for them.
    pub(crate) fn run(&self, args: &[&str], secret: Option<&str>, input: Option<&str>) -> Output {
        let mut command = match secret {
            None => self.command("signbox"),
            Some(_) => {
                let mut shell = self.command("sh");
                shell.args(["-c", "exec signbox \"$@\" 3< \"$SECRET\"", "sh"]);
                shell
            }
        };
        let file = secret.map(write_secret);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("SECRET", file.as_deref().unwrap_or(&PathBuf::new()));
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().unwrap();
        if let Some(text) = input {
            let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        }
        let output = child.wait_with_output().unwrap();
        file.map(fs::remove_file);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Output { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn forget_keys(&self) {
        if self.user.is_none() && Uid::effective().is_root() {
            return; // root's keys are not ours
        }
        let listed = self.run(&["list", "--json"], None, None).out;
        let entries: serde_json::Value = serde_json::from_str(&listed).unwrap();
        for entry in entries.as_array().unwrap() {
            self.run(&["remove", entry["key"].as_str().unwrap()], None, None);
        }
    }
}

impl Drop for Stage {
    /// What stands in a user keyring outlives the user's last process.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.forget_keys();
        }
    }
}

/// Says loudly that something was not tested; where the kernel is required to have everything, that is a failure.
pub(crate) fn skip(why: &str) {
    let _ = writeln!(io::stderr(), "\n*** SKIPPED: {why} ***"); // `eprintln!` is kept back by the test harness
    assert!(std::env::var("SIGNBOX_TEST_KERNEL").as_deref() != Ok("require"), "{why}");
}

/// A folder with the two programs that every user can reach. Ours alone: another run waits, here, for this one to end.
pub(crate) fn programs() -> &'static PathBuf {
    static FOLDER: OnceLock<(PathBuf, Flock<File>)> = OnceLock::new();
    let (folder, _lock) = FOLDER.get_or_init(|| {
        let lock = Flock::lock(File::create(temporary("lock")).unwrap(), FlockArg::LockExclusive).unwrap();
        let folder = temporary("programs");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let signbox = Path::new(env!("CARGO_BIN_EXE_signbox"));
        // By a process of its own: a child that is forked while we write would keep the file busy.
        let mut install = Command::new("install");
        install.args(["-m", "755"]).args([signbox, &signbox.with_file_name("signbox-signer"), &folder]);
        assert!(install.status().unwrap().success());
        (folder, lock)
    });
    folder
}

fn write_secret(text: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let path = temporary(&format!("secret-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let mut file = File::create(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_permissions(Permissions::from_mode(0o644)).unwrap();
    path
}

/// A place that no other user's run has.
pub(crate) fn temporary(name: &str) -> PathBuf {
    // One folder for each user: a run replaces what the last one left.
    std::env::temp_dir().join(format!("signbox-cli-test-{}-{name}", getuid()))
}

/// Users whom no system has given a name to.
const FIRST_USER: u32 = 61_700;
