//! `signbox adopt`, stopped at every point, and what it does to files that are not as simple as those of `cli/adopt.toml`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/signer.rs"]
mod signer;

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, geteuid};
use signbox_keyring::{Secret, find};
use signer::{put, skip, stage};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SECRET: &str = "FAKEsecretThatMustNotGetLost";
const OLD: &str =
    "BITSO_API_KEY=K\nBITSO_API_SECRET=FAKEsecretThatMustNotGetLost\n# FAKEsecretThatMustNotGetLost\n";
const NEW: &str = "BITSO_API_KEY=K\nBITSO_API_SECRET=SIGNBOX0PLACEHOLDER0NOT0A0SECRET\nBITSO_SIGNBOX=bitso/main\n\
                   # SIGNBOX0PLACEHOLDER0NOT0A0SECRET\n";

#[test]
fn stopped_at_any_system_call_nothing_is_lost_and_the_next_run_ends_it() {
    if !stage() {
        return;
    }
    let folder = Folder::new("stopped");
    let mut point = 0;
    loop {
        assert!(stage());
        folder.clear();
        let file = folder.put(".env", OLD);
        let ended = traced(&file, |at| if at == point { Then::Kill } else { Then::GoOn });
        let text = fs::read_to_string(&file).unwrap();
        match text == OLD {
            true => {}
            false => {
                assert_eq!(text, NEW, "at {point}");
                assert!(
                    held("bitso:main").contains(SECRET),
                    "at {point}: neither in the file nor in the kernel"
                );
            }
        }
        let again = adopt(&file, &[]);
        assert!(again.status.success(), "at {point}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(fs::read_to_string(&file).unwrap(), NEW, "at {point}");
        assert!(held("bitso:main").contains(SECRET), "at {point}");
        for (name, text) in folder.files() {
            assert!(name == ".env" || name.starts_with(".env.before-signbox"), "at {point}: {name} is left");
            assert!(!text.contains(SECRET), "at {point}: {name} has the secret");
        }
        if let Some(code) = ended {
            assert_eq!(code, 0);
            break;
        }
        point += 1;
    }
    assert!(point > 100, "there were only {point} system calls");
}

#[test]
fn a_file_that_changes_meanwhile_is_left_as_it_is() {
    if !stage() {
        return;
    }
    let folder = Folder::new("changed");
    let file = folder.put(".env", OLD);
    let copy = file.with_file_name(".env.before-signbox");
    let mut changed = false;
    let ended = traced(&file, |_| {
        if !changed && copy.exists() {
            fs::write(&file, format!("{OLD}MORE=1\n")).unwrap();
            changed = true;
        }
        Then::GoOn
    });
    assert_eq!((ended, changed), (Some(1), true));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{OLD}MORE=1\n"));
    let again = adopt(&file, &[]);
    assert!(again.status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{NEW}MORE=1\n"));
    // The copy is of what was there, and not of the run before.
    assert!(fs::read_to_string(folder.0.join(".env.before-signbox.1")).unwrap().ends_with("MORE=1\n"));
}

#[test]
fn the_new_file_has_the_owner_and_the_permissions_of_the_old_one() {
    if !stage() {
        return;
    }
    let folder = Folder::new("owner");
    let file = folder
        .put("config.json", r#"{"binance": {"apiKey": "K", "secret": "FAKEsecretThatMustNotGetLost"}}"#);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let owner = if geteuid().is_root() { 61_699 } else { geteuid().as_raw() };
    chown(&file, Some(owner), None).unwrap();
    let link = folder.0.join("link.json");
    symlink("config.json", &link).unwrap();
    let output = adopt(&link, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(link.symlink_metadata().unwrap().is_symlink(), "the link is no link any more");
    for name in ["config.json", "config.json.before-signbox"] {
        let status = folder.0.join(name).metadata().unwrap();
        assert_eq!((status.uid(), status.mode() & 0o7777), (owner, 0o640), "{name}");
        assert!(!fs::read_to_string(folder.0.join(name)).unwrap().contains(SECRET), "{name}");
    }
    if !geteuid().is_root() {
        skip("whether an owner is kept that is not the one who adopts needs root");
    }
}

#[test]
fn a_file_with_a_second_name_is_refused_since_the_secret_would_stay_there() {
    if !stage() {
        return;
    }
    let folder = Folder::new("names");
    let file = folder.put(".env", OLD);
    fs::hard_link(&file, folder.0.join("other")).unwrap();
    let output = adopt(&file, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("has 2 names"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_found_out_before_anything_is_stored() {
    if !stage() {
        return;
    }
    let folder = Folder::new("closed");
    let file = folder.put(".env", OLD);
    // What is in the way of the new file, for root too.
    fs::create_dir(folder.0.join("..env.signbox-new")).unwrap();
    let output = adopt(&file, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("the file is as it was"), "{said}");
    assert!(find("signbox:bitso:main").is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
}

#[test]
fn neither_what_is_said_nor_a_refusal_has_the_secret_in_it() {
    if !stage() {
        return;
    }
    let folder = Folder::new("said");
    put("bitso/main", "another");
    let odd = OLD.replace("SECRET=FAKE", "SECRET=\"FAKE").replace("Lost\n#", "Lost\" x\n#");
    for (text, options, code) in [
        (OLD, &[][..], 1),
        (OLD, &["--dry-run", "--label", "x"], 0),
        (odd.as_str(), &[], 1),
        (&OLD.replace("BITSO", "KRAKEN").replace("Lost", "Lost!"), &[], 1),
        (&OLD.replace("BITSO_", ""), &[], 1),
        (OLD, &["--replace"], 0),
    ] {
        folder.clear();
        let output = adopt(&folder.put(".env", text), options);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{options:?} {said}");
        assert!(!said.contains("FAKEsecret") && !said.contains("NotGetLost"), "{options:?} {said}");
    }
}

/// What is to be done at a system call.
enum Then {
    GoOn,
    Kill,
}

/// Runs `signbox adopt`, and asks before each of its system calls; says how it ended if it was not killed.
fn traced(file: &Path, mut ask: impl FnMut(usize) -> Then) -> Option<i32> {
    let mut child = Command::new("sh")
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_signbox"), "adopt", "--yes"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACEEXEC | ptrace::Options::PTRACE_O_TRACESYSGOOD).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let ended = follow(pid, &mut child, &mut ask);
    let _ = child.kill();
    ended
}

fn follow(pid: Pid, child: &mut Child, ask: &mut impl FnMut(usize) -> Then) -> Option<i32> {
    let (mut begun, mut entering, mut count) = (false, true, 0);
    loop {
        match waitpid(pid, None).unwrap() {
            WaitStatus::Exited(_, code) => return Some(code),
            WaitStatus::Signaled(..) => return None,
            WaitStatus::PtraceEvent(_, Signal::SIGTRAP, _) => (begun, entering) = (true, true),
            WaitStatus::PtraceSyscall(_) if begun => {
                if entering {
                    if let Then::Kill = ask(count) {
                        child.kill().unwrap();
                        while !matches!(waitpid(pid, None), Ok(WaitStatus::Signaled(..)) | Err(_)) {}
                        return None;
                    }
                    count += 1;
                }
                entering = !entering;
            }
            WaitStatus::Stopped(_, signal) if signal != Signal::SIGSTOP && signal != Signal::SIGTRAP => {
                ptrace::syscall(pid, signal).unwrap();
                continue;
            }
            _ => {}
        }
        ptrace::syscall(pid, None).unwrap();
    }
}

fn adopt(file: &Path, options: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signbox"));
    command.args(["adopt", "--yes"]).args(options).arg(file).stdin(Stdio::null()).output().unwrap()
}

/// The payload of a key of this session.
fn held(name: &str) -> String {
    let key = find(&format!("signbox:{name}")).unwrap();
    let mut page = vec![0; 4096];
    let mut secret = Secret::empty(&mut page);
    secret.read(key).unwrap();
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("signbox-adopt-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn files(&self) -> Vec<(String, String)> {
        let paths = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        paths
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    fn clear(&self) {
        for (name, _) in self.files() {
            fs::remove_file(self.0.join(name)).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
