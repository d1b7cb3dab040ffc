//! Runs one test as several processes: the same closure, told by its role which part to play.

use std::any;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use signbox_keyring::{Key, join_fresh_session};

use crate::props::forget_keys;

const ROLE: &str = "SIGNBOX_TEST_ROLE";
const ARGUMENT: &str = "SIGNBOX_TEST_ARGUMENT";
const FRESH: &str = "SIGNBOX_TEST_FRESH";
const SAID: &str = "SAID:";
const DONE: &str = "done";

/// The first role of every test.
pub(crate) const MAIN: &str = "main";

/// Plays `scene` in a child process as user `uid`, in a fresh session; the scene may start further roles.
pub(crate) fn play<F: Fn(&Stage)>(uid: u32, scene: F) {
    if let Ok(role) = env::var(ROLE) {
        if env::var_os(FRESH).is_some() {
            join_fresh_session().unwrap();
        }
        let stage = Stage::new::<F>(role, env::current_exe().unwrap());
        if stage.role == MAIN {
            forget_keys(); // of a run that failed
        }
        scene(&stage);
        if stage.role == MAIN {
            forget_keys();
        }
        return say(DONE);
    }
    if !fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t0\t") {
        return skip("it needs root, to become other users");
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = env::temp_dir().join(format!("signbox-keyring-{}-{count}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let exe = copy_of(&env::current_exe().unwrap(), &directory.join("kernel"), 0o755);
    let stage = Stage::new::<F>(String::new(), exe);
    let played = stage.actor(MAIN).user(uid, uid).fresh().try_run();
    fs::remove_dir_all(directory).unwrap();
    if let Err(output) = played {
        panic!("{output}");
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Says that a test did not run; with `SIGNBOX_TEST_KERNEL=require` that is a failure.
pub(crate) fn skip(why: &str) {
    let _ = writeln!(io::stderr(), "\nSKIPPED: {}: {why}", thread::current().name().unwrap_or("a test"));
    assert!(env::var("SIGNBOX_TEST_KERNEL").as_deref() != Ok("require"), "skipped: {why}");
}

/// Tells whoever started this role.
pub(crate) fn say(what: impl ToString) {
    io::stdout().write_all(format!("\n{SAID}{}\n", what.to_string()).as_bytes()).unwrap();
}

/// Waits until whoever started this role calls [`Running::poke`].
pub(crate) fn wait() {
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// One process of a test.
pub(crate) struct Stage {
    role: String,
    test: String,
    exe: PathBuf,
}

impl Stage {
    fn new<F>(role: String, exe: PathBuf) -> Self {
        let closure = any::type_name::<F>();
        let test = closure.split_once("::").unwrap().1.strip_suffix("::{{closure}}").unwrap().to_owned();
        Self { role, test, exe }
    }

    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// What the starter handed over: a serial.
    pub(crate) fn key(&self) -> Key {
        Key::from_serial(env::var(ARGUMENT).unwrap().parse().unwrap())
    }

    /// Another role, at first of the same user and in the same session.
    pub(crate) fn actor(&self, role: &str) -> Actor<'_> {
        Actor {
            stage: self,
            role: role.to_owned(),
            exe: self.exe.clone(),
            through: &[],
            user: None,
            fresh: false,
            key: None,
        }
    }
}

/// A role about to be played.
pub(crate) struct Actor<'a> {
    stage: &'a Stage,
    role: String,
    exe: PathBuf,
    through: &'a [&'a str],
    user: Option<(u32, u32)>,
    fresh: bool,
    key: Option<Key>,
}

impl<'a> Actor<'a> {
    pub(crate) fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        self
    }

    /// In a session of its own.
    pub(crate) fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    pub(crate) fn with(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Started by another program, such as `setpriv`.
    pub(crate) fn through(mut self, program: &'a [&'a str]) -> Self {
        self.through = program;
        self
    }

    /// As a program that is set-group-id.
    pub(crate) fn set_group_id(mut self, gid: u32) -> Self {
        let copy = self.exe.with_file_name(format!("set-group-id-{gid}"));
        if !copy.exists() {
            copy_of(&self.exe, &copy, 0o755);
            chown(&copy, Some(0), Some(gid)).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o2755)).unwrap();
        }
        self.exe = copy;
        self
    }

    /// Plays the role to its end and returns what it said.
    pub(crate) fn run(self) -> Vec<String> {
        self.try_run().unwrap_or_else(|output| panic!("{output}"))
    }

    /// Plays the role that says one thing.
    pub(crate) fn ask(self) -> String {
        let said = self.run();
        assert_eq!(said.len(), 1, "{said:?}");
        said.into_iter().next().unwrap()
    }

    /// Plays the role that says a serial.
    pub(crate) fn ask_key(self) -> Key {
        Key::from_serial(self.ask().parse().unwrap())
    }

    pub(crate) fn try_run(self) -> Result<Vec<String>, String> {
        let role = self.role.clone();
        let output = self.spawn(Stdio::null()).wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let mut said: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix(SAID)).map(str::to_owned).collect();
        if said.pop().as_deref() == Some(DONE) {
            return Ok(said);
        }
        Err(format!("role '{role}' failed\n{text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Starts the role and waits until it says `ready`.
    pub(crate) fn start(self) -> Running {
        let mut child = self.spawn(Stdio::piped());
        let mut running = Running { output: BufReader::new(child.stdout.take().unwrap()), child };
        assert_eq!(running.next(), "ready");
        running
    }

    fn spawn(self, stdin: Stdio) -> Child {
        let mut words = self.through.iter().map(PathBuf::from).chain([self.exe]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--exact", &self.stage.test]).env(ROLE, self.role);
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove(FRESH);
        if self.fresh {
            command.env(FRESH, "1");
        }
        if let Some(key) = self.key {
            command.env(ARGUMENT, key.serial().to_string());
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        loop {
            match command.spawn() {
                // Another thread forked while the copy was being written, and has it open until it execs.
                Err(e) if e.kind() == ErrorKind::ExecutableFileBusy => {
                    thread::sleep(Duration::from_millis(5))
                }
                child => return child.unwrap(),
            }
        }
    }
}

/// A role that waits for something.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Lets the role go on, and returns the next thing it says.
    pub(crate) fn poke(&mut self) -> String {
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
        self.next()
    }

    fn next(&mut self) -> String {
        let mut text = String::new();
        for line in self.output.by_ref().lines().map(Result::unwrap) {
            if let Some(said) = line.strip_prefix(SAID) {
                return said.to_owned();
            }
            text += &line;
            text += "\n";
        }
        panic!("a role ended early\n{text}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy_of(from: &Path, to: &Path, mode: u32) -> PathBuf {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
    to.to_owned()
}
