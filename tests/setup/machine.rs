//! A machine for one test: this one, but what is written to `/etc`, `/run` and `/var/lib` stays with the test.

use crate::attack::place::{Place, signbox, spawn};
use crate::attack::{is_root, skip};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use signbox_keyring::{Key, Keyring};
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) struct Machine {
    /// Its keys begin with this: root's keyring is that of the real machine.
    bot: &'static str,
    place: Place,
    /// What is `/var/lib` to it. On a disk: systemd-creds wants no key of the machine in memory.
    state: PathBuf,
    /// A user for bots; there is one more, called other, with the next number.
    pub(crate) trader: u32,
    /// Users that two machines make have the same number, and userdel looks at the processes of both.
    _alone: MutexGuard<'static, ()>,
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Machine {
    /// Gives this thread, and what it starts, mounts of its own. Nothing where that cannot be.
    pub(crate) fn new(bot: &'static str) -> Option<Machine> {
        if !is_root() {
            return None;
        }
        for program in ["useradd", "userdel", "gpasswd", "systemctl", "mount"] {
            if Command::new(program).arg("--help").output().is_err() {
                skip(&format!("there is no {program}"));
                return None;
            }
        }
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let place = Place::new();
        let state = format!("{}/signbox-{bot}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        fs::create_dir_all(&state).unwrap();
        let machine = Machine { bot, place, state: state.into(), trader: 64_321, _alone: alone };
        machine.program("mount", &["--make-rprivate", "/"]);
        let memory = machine.place.path().to_str().unwrap().to_owned();
        machine.program("mount", &["-t", "tmpfs", "-o", "mode=755", "signbox-test", &memory]);
        for folder in ["upper", "work"] {
            fs::create_dir(machine.place.join(folder)).unwrap();
        }
        let layers = format!("lowerdir=/etc,upperdir={memory}/upper,workdir={memory}/work");
        let laid =
            Command::new("mount").args(["-t", "overlay", "-o", &layers, "overlay", "/etc"]).output().unwrap();
        if !laid.status.success() {
            skip(&format!("/etc cannot be overlaid: {}", String::from_utf8_lossy(&laid.stderr)));
            return None;
        }
        machine.program("mount", &["-t", "tmpfs", "-o", "mode=755", "signbox-test", "/run"]);
        machine.program("mount", &["--bind", machine.state.to_str().unwrap(), "/var/lib"]);
        if fs::read_to_string("/etc/machine-id").is_ok_and(|id| id.trim().is_empty()) {
            fs::write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n").unwrap();
        }
        fs::create_dir_all("/etc/systemd/system").unwrap();
        fs::write(UNIT, "[Service]\nExecStart=/bin/true\n").unwrap();
        fs::write(
            SOCKET,
            "[Socket]\nListenStream=/run/signbox/%i.sock\n[Install]\nWantedBy=sockets.target\n",
        )
        .unwrap();
        machine.make_numbered_user("trader", machine.trader);
        machine.make_numbered_user("other", machine.trader + 1);
        machine.place.install(signbox(), "signbox", 0o755, 0);
        machine.place.signer();
        Some(machine)
    }

    fn make_numbered_user(&self, name: &str, uid: u32) {
        // This machine may have one of that name.
        for file in ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"] {
            let text = fs::read_to_string(file).unwrap_or_default();
            let others = text.lines().filter(|line| !line.starts_with(&format!("{name}:")));
            let others: String = others.map(|line| format!("{line}\n")).collect();
            if others != text {
                fs::write(file, others).unwrap();
            }
        }
        self.program("useradd", &["--no-create-home", "--uid", &uid.to_string(), name]);
    }

    pub(crate) fn make_user(&self, name: &str, shell: &str) {
        self.program("useradd", &["--no-create-home", "--shell", shell, name]);
    }

    /// Runs a program that must do its work.
    pub(crate) fn program(&self, name: &str, arguments: &[&str]) {
        let output = Command::new(name).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
    }

    /// Takes the units away, as where the package is not installed.
    pub(crate) fn without_units(&self) {
        fs::remove_file(UNIT).unwrap();
        for folder in ["/usr/lib/systemd/system", "/lib/systemd/system"] {
            if Path::new(folder).join("signbox@.service").exists() {
                self.program("mount", &["-t", "tmpfs", "signbox-test", folder]);
            }
        }
    }

    /// Does what systemd would: listens as the socket's settings say, and starts the signer as the service's user.
    pub(crate) fn start(&self, bot: &str) -> Running {
        let own = self.line_of("/etc/passwd", &format!("signbox-{bot}:"));
        let number = |at: usize| own.split(':').nth(at).unwrap().parse::<u32>().unwrap();
        let path = format!("/run/signbox/{bot}.sock");
        fs::create_dir("/run/signbox").unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let settings = |unit| format!("/etc/systemd/system/signbox@{bot}.{unit}.d/setup.conf");
        let owner = self.line_of(&settings("socket"), "SocketUser=")["SocketUser=".len()..].parse().unwrap();
        chown(&path, Some(owner), Some(0)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let peer = self.line_of(&settings("service"), "Environment=SIGNBOX_PEER=");
        let mut command = Command::new(self.place.join("signbox-signer"));
        command.args(["--service", bot, "--peer", peer.rsplit('=').next().unwrap()]).current_dir("/");
        command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).uid(number(2)).gid(number(3));
        Running(spawn(&mut command))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        Told::of(self.command(arguments).stdin(Stdio::null()))
    }

    pub(crate) fn run_as(&self, uid: u32, arguments: &[&str]) -> Told {
        Told::of(self.command(arguments).stdin(Stdio::null()).uid(uid).gid(uid))
    }

    /// With the secret as descriptor 0, in a file that is in memory only.
    pub(crate) fn run_with_secret(&self, arguments: &[&str]) -> Told {
        Told::of(self.command(arguments).stdin(secret()))
    }

    /// Where there is no systemd-creds.
    pub(crate) fn without_systemd_creds(&self) -> Lacking<'_> {
        Lacking(self)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.place.join("signbox"));
        command.args(arguments).current_dir("/");
        command
    }

    /// Whether there is what encrypts credentials; says so if not.
    pub(crate) fn has_credentials(&self) -> bool {
        let has = Command::new("systemd-creds")
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success());
        if !has {
            skip("there is no systemd-creds");
        }
        has
    }

    /// The record that a credential holds.
    pub(crate) fn decrypted(&self, name: &str, path: &str) -> serde_json::Value {
        let mut command = Command::new("systemd-creds");
        let output = command.arg("decrypt").arg(format!("--name={name}")).args([path, "-"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The line of a file that begins so.
    pub(crate) fn line_of(&self, file: &str, start: &str) -> String {
        let text = fs::read_to_string(file).unwrap();
        text.lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("{start} in {text}"))
            .to_owned()
    }

    /// What the kernel says of a key of this name that is linked somewhere.
    pub(crate) fn key(&self, name: &str) -> Option<String> {
        let keys = fs::read_to_string("/proc/keys").unwrap();
        let linked = |line: &&str| line.contains(&format!(" {name}:")) && !line.contains("  0 perm ");
        keys.lines().find(linked).map(str::to_owned)
    }

    /// Every file that was written.
    pub(crate) fn written(&self) -> Vec<String> {
        let upper = self.place.join("upper");
        let mut paths = Vec::new();
        for folder in [&upper, Path::new("/run"), Path::new("/var/lib")] {
            walk(folder, &mut |path| {
                let path =
                    path.strip_prefix(&upper).map_or(path.to_owned(), |path| Path::new("/etc").join(path));
                paths.push(path.display().to_string());
            });
        }
        paths
    }

    /// Looks through everything that was written. That it is found where it is, is shown first.
    pub(crate) fn the_secret_is_nowhere(&self) {
        let planted = Path::new("/etc/planted");
        fs::write(planted, format!("before {SECRET} after")).unwrap();
        assert_eq!(self.places_of_the_secret(), [self.place.join("upper/planted")], "the control");
        fs::remove_file(planted).unwrap();
        assert_eq!(self.places_of_the_secret(), [] as [PathBuf; 0]);
    }

    fn places_of_the_secret(&self) -> Vec<PathBuf> {
        // A part of it is too much.
        let needle = &SECRET.as_bytes()[20..36];
        let mut found = Vec::new();
        for folder in [self.place.join("upper"), self.place.join("work"), "/run".into(), "/var/lib".into()] {
            walk(&folder, &mut |path| {
                let bytes = fs::read(path).unwrap_or_default();
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    found.push(path.to_owned());
                }
            });
        }
        found
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Root's keyring outlives the test.
        for line in fs::read_to_string("/proc/keys").unwrap_or_default().lines() {
            let serial = line.split(' ').next().and_then(|serial| i32::from_str_radix(serial, 16).ok());
            if line.contains(&format!("signbox@{}", self.bot)) {
                let _ = serial.map(|serial| Key::from_serial(serial).unlink(Keyring::User));
            }
        }
        // The folder is a mount, which would keep it from being removed.
        for folder in [Path::new("/etc"), Path::new("/run"), Path::new("/var/lib"), self.place.path()] {
            let _ = Command::new("umount").arg("--lazy").arg(folder).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.state);
    }
}

/// A service that is running.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Lacking<'a>(&'a Machine);

impl Lacking<'_> {
    pub(crate) fn run_with_secret(&self, arguments: &[&str]) -> Told {
        Told::of(self.0.command(arguments).stdin(secret()).env("PATH", "/nowhere"))
    }
}

/// What a command has said, and how it ended.
#[must_use]
pub(crate) struct Told {
    code: Option<i32>,
    text: String,
    command: String,
}

impl Told {
    fn of(command: &mut Command) -> Told {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert!(!text.contains(&SECRET[20..36]), "the secret is told: {text}");
        let command = command.get_args().map(|word| word.to_string_lossy() + " ").collect();
        Told { code: status.code(), text, command }
    }

    /// It has worked, and has said all of this.
    pub(crate) fn works(self, parts: &[&str]) -> String {
        assert_eq!(self.code, Some(0), "{}: {}", self.command, self.text);
        for part in parts {
            assert!(self.text.contains(part), "{part} in the output of {}: {}", self.command, self.text);
        }
        self.text
    }

    /// It has failed, and has said why.
    pub(crate) fn fails(self, why: &str) {
        assert_eq!(self.code, Some(1), "{}: {}", self.command, self.text);
        assert!(
            self.text.contains("signbox: ") && self.text.contains(why),
            "{why} in the output of {}: {}",
            self.command,
            self.text
        );
    }

    pub(crate) fn lacks(self, part: &str) {
        assert!(self.code == Some(0) && !self.text.contains(part), "{}: {}", self.command, self.text);
    }

    pub(crate) fn refuses_its_usage(self) {
        assert_eq!(self.code, Some(2), "{}: {}", self.command, self.text);
    }
}

fn secret() -> File {
    let mut file = File::from(memfd_create("secret", MFdFlags::MFD_CLOEXEC).unwrap());
    writeln!(file, "{SECRET}").unwrap();
    file.rewind().unwrap();
    file
}

fn walk(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), found),
            Ok(_) => found(&entry.path()),
            Err(_) => {}
        }
    }
}

const UNIT: &str = "/etc/systemd/system/signbox@.service";
const SOCKET: &str = "/etc/systemd/system/signbox@.socket";
/// Bogus, and base64, so that it is one for every exchange here.
pub(crate) const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
