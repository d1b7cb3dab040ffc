//! A service that runs: the real signer as a user of its own, behind a socket that the test listens on.

use crate::attack::bot::is_alive;
use crate::attack::place::{Place, signer, spawn};
use crate::attack::{is_root, skip};
use crate::client::Client;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signbox_keyring::{Key, Keyring, add_group};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How a service is started.
pub(crate) struct Setting {
    /// Where: to copy the programs takes longer than all else.
    pub(crate) place: Arc<Place>,
    /// What follows in the record of root's key for it; nothing for no key, `None` in the default that names the peer.
    pub(crate) record: Option<String>,
    pub(crate) secret: String,
    pub(crate) state: bool,
    /// System calls that the kernel says it does not have.
    pub(crate) without: &'static [i64],
    /// Where it writes what it has to say, if not to a file.
    pub(crate) log: Option<OwnedFd>,
    /// The program is set-group-id, as the package installs it.
    pub(crate) installed: bool,
    /// It answers its own user.
    pub(crate) own_peer: bool,
    /// What systemd would hand over as credentials: names and texts.
    pub(crate) credentials: Vec<(&'static str, String)>,
}

impl Default for Setting {
    fn default() -> Self {
        let record = Some(PEER.to_owned());
        let (credentials, secret) = (Vec::new(), SECRET.to_owned());
        let place = Arc::new(Place::new());
        Self {
            place,
            record,
            secret,
            state: false,
            without: &[],
            log: None,

            installed: false,
            own_peer: false,
            credentials,
        }
    }
}

/// In a record: the peer of the service.
pub(crate) const PEER: &str = r#","users":[PEER]"#;

pub(crate) struct Host {
    pub(crate) place: Arc<Place>,
    pub(crate) bot: String,
    pub(crate) uid: u32,
    pub(crate) peer: u32,
    pub(crate) path: PathBuf,
    pub(crate) key: Option<GroupKey>,
    child: Child,
}

impl Host {
    /// Starts a service of users of its own: `at` is another one for each test. Nothing where the tests cannot run.
    pub(crate) fn start(at: u32, setting: Setting) -> Option<Host> {
        if !is_root() {
            return None;
        }
        let (place, bot, uid) = (setting.place, format!("bot-{at}"), 62_500 + 2 * at);
        let peer = if setting.own_peer { uid } else { 62_700 + 2 * at };
        if setting.installed && !place.honours_set_group_id() {
            skip("the directory for temporary files is mounted nosuid; set TMPDIR to one that is not");
            return None;
        }
        let payload = |more: &str| {
            let more = more.replace("PEER", &peer.to_string());
            format!(r#"{{"key":"KEYNAME","secret":"{}"{more}}}"#, setting.secret)
        };
        let key = setting.record.as_ref().map(|more| {
            let name = format!("signbox@{bot}:binance:main");
            GroupKey(add_group(&name, payload(more).as_bytes(), uid, &mut [0; 1024]).unwrap())
        });
        let path = place.join("socket");
        let _ = fs::remove_file(&path); // of the one before
        let listener = UnixListener::bind(&path).unwrap();
        // Whoever connects: it is the service that is to look.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let program = match setting.installed {
            true => place.install(&signer(), "signer-2711", 0o2711, uid + 1),
            false => place.signer(),
        };
        let log = setting.log.unwrap_or_else(|| fs::File::create(place.join("log")).unwrap().into());
        let mut command = Command::new(program);
        command.args(["--service", &bot, "--peer", &peer.to_string()]).current_dir(place.path());
        if setting.state {
            command.arg("--state").arg(place.directory_of(uid));
        }
        if !setting.credentials.is_empty() {
            let folder = place.join("credentials");
            fs::create_dir(&folder).unwrap();
            for (name, text) in &setting.credentials {
                fs::write(folder.join(name), text.replace("PEER", &peer.to_string())).unwrap();
            }
            command.env("CREDENTIALS_DIRECTORY", folder);
        }
        command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).stderr(log).uid(uid).gid(uid);
        if !setting.without.is_empty() {
            let program = filter(setting.without);
            // SAFETY: the preparation makes two system calls, and neither allocates nor locks.
            unsafe { command.pre_exec(move || lack(&program)) };
        }
        let child = spawn(&mut command);
        Some(Host { place, bot, uid, peer, path, key, child })
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// A connection of the user whom it answers.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.path, self.peer)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.place.join(&format!("of-{}", self.uid))
    }

    /// What it has written to standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.join("log")).unwrap()
    }

    /// The descriptors that it has open, and what they are.
    pub(crate) fn descriptors(&self) -> Vec<String> {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        folder
            .filter_map(|entry| Some(fs::read_link(entry.ok()?.path()).ok()?.display().to_string()))
            .collect()
    }

    /// Waits until it has this many descriptors open.
    pub(crate) fn wait_for_descriptors(&self, count: usize) {
        let begun = Instant::now();
        while self.descriptors().len() != count {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{count} descriptors, and not {:?}",
                self.descriptors()
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// The memory it takes, in kilobytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Sends it a signal; the exit code, -1 if the signal ended it, and nothing if it did not end.
    pub(crate) fn end(&mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status.code().unwrap_or(-1));
            }
            sleep(Duration::from_millis(5));
        }
        None
    }

    pub(crate) fn is_up(&self) -> bool {
        is_alive(self.pid())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Root's keyring outlives the test.
pub(crate) struct GroupKey(pub(crate) Key);

impl Drop for GroupKey {
    fn drop(&mut self) {
        let _ = self.0.unlink(Keyring::User);
    }
}

/// A filter by which the kernel says that it does not have these calls.
fn filter(calls: &[i64]) -> Vec<libc::sock_filter> {
    let op = |code: u32, jt, k: u32| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut program = vec![op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (at, call) in calls.iter().enumerate() {
        // To the last instruction.
        program.push(op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (calls.len() - at) as u8, *call as u32));
    }
    let verdicts = [libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32];
    program.extend(verdicts.map(|verdict| op(libc::BPF_RET | libc::BPF_K, 0, verdict)));
    program
}

fn lack(program: &[libc::sock_filter]) -> std::io::Result<()> {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    nix::sys::prctl::set_no_new_privs()?;
    // SAFETY: the kernel reads the program, which outlives the call.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    nix::errno::Errno::result(set)?;
    Ok(())
}

/// Found nowhere else; bogus, as all of them.
pub(crate) const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
