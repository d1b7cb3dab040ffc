//! `signbox panic` on the real kernel: what ends, what is left alone, and what is told. Each test is a user of its own;
//! without root there is only the drill, as the keys and signers of whoever runs this are not ours.

#![allow(clippy::unwrap_used)]

#[path = "cli/stage.rs"]
#[allow(dead_code)]
mod stage;

use nix::unistd::Uid;
use signbox_keyring::{Key, handle_of};
use stage::{Output, Stage, programs, skip};
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

#[test]
fn every_key_and_signer_of_the_user_ends_wherever_it_stands() {
    let Some(someone) = Someone::new() else { return };
    for (handle, keyring) in [("kraken/s", "session"), ("binance/u", "user"), ("binance/p", "persistent")] {
        someone.add(handle, &["--keyring", keyring]);
    }
    someone.add("bit2c/claimed", &["--timeout", "1h"]);
    someone.signbox(&["add", "okx/gone", "--key", "K", "--secret-fd", "3"], Some("s3cret\nphrase\n"));
    someone.signbox(&["revoke", "okx/gone"], None);
    let mut open = someone.signer(&["kraken/s", "binance/u"]);
    let claimed = someone.signer(&["--claim", "bit2c/claimed"]);
    // In a session that every process of the user can join, and in one that none can.
    let _named = someone.session("desk", "gate");
    let _anonymous = someone.session("-", "htx");

    let panic = someone.panic(&[]);
    assert_eq!(panic.code, Some(1), "something is left: {panic:?}");
    for handle in ["kraken/s", "binance/u", "binance/p", "gate/named"] {
        assert!(panic.err.contains(&format!("revoked {handle} (key ")), "{handle}: {panic:?}");
    }
    assert!(panic.err.contains("okx/gone (key") && panic.err.contains("was revoked before"), "{panic:?}");
    for (signer, keys) in [(&open, "binance/u kraken/s"), (&claimed, "bit2c/claimed")] {
        let pid = signer.child.id();
        let told = panic.err.lines().find(|line| line.contains(&format!("killed signer {pid} of"))).unwrap();
        assert!(keys.split(' ').all(|key| told.contains(key)), "{told}");
        assert!(!signer.is_alive());
    }
    assert!(
        panic.err.contains("bit2c/claimed was not to be seen: a claimed key ended with signer"),
        "{panic:?}"
    );
    assert_eq!(open.ask("kraken/s"), None, "the signer is dead");
    let left = panic.out.lines().find(|line| line.starts_with("  1. ")).unwrap();
    assert!(left.contains("htx/named (key") && left.contains("another login's session"), "{panic:?}");
    for told in [
        "1. Binance",
        "(binance/p, binance/u)",
        "binance.com/en/my/settings/api-management",
        "HTX (htx/named)",
    ] {
        assert!(panic.out.contains(told), "{told}: {panic:?}");
    }
    let states = someone.signbox(&["list", "--json"], None).out;
    assert!(!states.contains("\"live\""), "{states}");

    // Twice is as good as once, and it is said again where to go.
    let again = someone.panic(&[]);
    assert!(again.code == Some(1) && !again.err.contains("killed"), "{again:?}");
    assert!(again.out.contains("Binance") && !again.err.contains("revoked binance/u (key"), "{again:?}");
}

#[test]
fn what_is_another_users_or_no_signer_is_left_alone() {
    let (Some(other), Some(someone)) = (Someone::new(), Someone::new()) else { return };
    other.add("kraken/u", &["--keyring", "user"]);
    let mut signer = other.signer(&["kraken/u"]);
    // A program of another user that is only called so, and a script of ours, whose program is the shell.
    let called = other.called_signer("/bin/cat", false);
    let script = someone.called_signer("#!/bin/sh\necho ready; read line; exit 0\n", true);
    someone.add("kraken/u", &["--keyring", "user"]);
    let panic = someone.panic(&[]);
    assert_eq!(panic.code, Some(0), "{panic:?}");
    assert!(panic.err.contains("signers of other users go on: "), "{panic:?}");
    assert!(!panic.err.contains("killed"), "{panic:?}");
    assert!(signer.ask("kraken/u").unwrap().contains("API-Sign"), "the other user's signer signs");
    assert!(called.is_alive() && script.is_alive());
}

#[test]
fn a_key_of_another_user_in_a_session_that_both_stand_in_is_left_alone() {
    let (Some(other), Some(someone)) = (Someone::new(), Someone::new()) else { return };
    // The session of this thread is `someone`'s; the other stands in it too, as after su.
    let key = other.padd("signbox:kraken:theirs");
    someone.add("kraken/ours", &[]);
    let panic = someone.panic(&[]);
    assert!(panic.err.contains("revoked kraken/ours") && !panic.err.contains("theirs"), "{panic:?}");
    assert_eq!(handle_of(&key.describe().unwrap().description), Some(("kraken", "theirs")));
}

#[test]
fn without_a_terminal_or_without_being_root_nothing_is_done() {
    let Some(someone) = Someone::new() else { return };
    someone.add("kraken/main", &[]);
    let asked = someone.signbox(&["panic"], None);
    assert_eq!((asked.code, asked.out.as_str()), (Some(1), ""));
    assert_eq!(
        asked.err,
        "signbox: there is no terminal to ask on; add --yes to do it without being asked\n"
    );
    assert!(someone.signbox(&["list"], None).out.contains("live"));
    let all = someone.signbox(&["panic", "--yes", "--all-users"], None);
    assert!(all.code == Some(1) && all.err.contains("only root can"), "{all:?}");
    assert!(someone.signbox(&["list"], None).out.contains("live"));
}

#[test]
fn where_there_is_nothing_to_end_it_is_said_where_to_look() {
    let Some(someone) = Someone::new() else { return };
    let nothing = someone.panic(&[]);
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(nothing.out.contains("'signbox exchanges ID' says where"), "{nothing:?}");
    assert!(someone.evidence().join("system.txt").exists());
}

#[test]
fn the_evidence_is_complete_and_holds_no_secret() {
    let Some(someone) = Someone::new() else { return };
    someone.add("kraken/main", &[]);
    let state = someone.folder("state");
    for (name, text) in
        [("kraken:main.audit", "a line\n"), ("kraken:main.ledger", "counts"), ("other", "no log")]
    {
        fs::write(state.join(name), text).unwrap();
    }
    symlink("/etc/shadow", state.join("link.audit")).unwrap();
    let signer = someone.signer(&["kraken/main"]);
    let mut secretive = someone.stage.command("sh");
    secretive.env("API_SECRET", MADE_UP).args(["-c", "echo ready; read line", "sh", MADE_UP]);
    let secretive = Process::start(secretive.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let panic = someone.panic(&["--state", state.to_str().unwrap()]);
    assert!(panic.code == Some(1) && panic.err.contains("'link.audit' was not copied"), "{panic:?}");

    let folder = someone.evidence();
    assert_eq!(
        (folder.metadata().unwrap().mode() & 0o7777, folder.metadata().unwrap().uid()),
        (0o700, someone.uid)
    );
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let steps = read("steps.txt");
    assert!(steps.lines().all(|line| line.starts_with("20") || line.starts_with("left to do: ")), "{steps}");
    assert!(steps.contains("Z revoked kraken/main") && steps.contains("Z killed signer"), "{steps}");
    assert!(read("keys.txt").contains("signbox:kraken:main"));
    let processes = read("processes.txt");
    let me = std::process::id();
    for (pid, parent, name) in
        [(signer.child.id(), me, "signbox-signer"), (secretive.child.id(), me, "sh"), (me, 0, "")]
    {
        let line = processes.lines().find(|line| line.starts_with(&format!("{pid} "))).expect(&processes);
        let fields: Vec<&str> = line.split(' ').collect();
        assert!(parent == 0 || fields[1] == parent.to_string(), "{line}");
        assert!(fields[3].starts_with("20") && line.ends_with(name), "{line}");
    }
    assert!(
        read("system.txt").contains(env!("CARGO_PKG_VERSION"))
            && read("system.txt").contains("Linux version")
    );
    assert_eq!(
        (read("kraken:main.audit"), read("kraken:main.ledger")),
        ("a line\n".to_owned(), "counts".to_owned())
    );
    let sums = read("SHA256SUMS");
    let names: Vec<&str> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(
        names,
        ["keys.txt", "kraken:main.audit", "kraken:main.ledger", "processes.txt", "steps.txt", "system.txt"]
    );
    let mut check = Command::new("sha256sum");
    assert!(
        check.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&folder).status().unwrap().success()
    );
    for entry in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(SECRET) && !text.contains(MADE_UP), "{text}");
    }
}

#[test]
fn a_part_that_fails_does_not_stop_the_rest() {
    let Some(someone) = Someone::new() else { return };
    someone.add("kraken/main", &[]);
    let signer = someone.signer(&["kraken/main"]);
    someone.hook("10-fails", "exit 3");
    someone.hook("20-works", &format!("cat > {}/told", someone.home.display()));
    let panic = someone.signbox(&["panic", "--yes", "--evidence", "/proc"], None);
    assert_eq!(panic.code, Some(1), "{panic:?}");
    assert!(panic.err.contains("revoked kraken/main") && !signer.is_alive(), "{panic:?}");
    assert!(panic.out.contains("there is no evidence: cannot make '/proc/signbox-panic-"), "{panic:?}");
    assert!(panic.out.contains("hooks that failed: 1"), "{panic:?}");
    let told = fs::read_to_string(someone.home.join("told")).unwrap();
    assert!(told.starts_with("signbox panic at 20") && told.contains("revoked kraken/main"), "{told}");
    assert!(told.contains("https://www.kraken.com/u/security/api"), "{told}");
}

#[test]
fn one_key_on_the_terminal_is_asked_for() {
    let Some(someone) = Someone::new() else { return };
    if !Path::new("/usr/bin/script").exists() {
        return skip("script(1) is not there");
    }
    let answered = |key: &str| {
        let command = format!("{}/signbox panic", programs().display());
        let mut script = someone.stage.command("script");
        script.args(["-qec", &command, "/dev/null"]).current_dir(&someone.home);
        let mut script = Process::start(script.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut said = Vec::new();
        while !said.ends_with(b"[y/N] ") {
            let mut byte = [0];
            script.output.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        script.child.stdin.as_mut().unwrap().write_all(key.as_bytes()).unwrap();
        let mut rest = String::new();
        script.output.read_to_string(&mut rest).unwrap();
        (String::from_utf8(said).unwrap(), rest, script.child.wait().unwrap().code())
    };
    someone.add("kraken/main", &[]);
    let signer = someone.signer(&["kraken/main"]);
    for key in ["n", "\u{3}", "\n"] {
        let (said, rest, code) = answered(key);
        assert!(said.contains("Revoke all keys of") && said.contains("of which 1 runs?"), "{said}");
        assert!(rest.contains("nothing was done") && code == Some(1), "{key:?}: {rest}");
    }
    assert!(signer.is_alive());
    let (_, rest, code) = answered("y");
    assert!(rest.contains("revoked kraken/main") && code == Some(0), "{rest}");
    assert!(!signer.is_alive());
}

#[test]
fn a_drill_says_how_fast_it_is_and_leaves_nothing_behind() {
    let someone = Someone::new();
    if someone.is_none() && signbox_keyring::join_fresh_session().is_err() {
        return;
    }
    let stage = someone.as_ref().map(|someone| &someone.stage);
    let real = someone.as_ref().map(|someone| {
        someone.add("binance/real", &[]);
        someone.add("kraken/real", &["--keyring", "user"]);
        someone.signer(&["kraken/real"])
    });
    let home = std::env::temp_dir();
    let mut command =
        stage.map_or_else(|| Command::new(env!("CARGO_BIN_EXE_signbox")), |stage| stage.command("signbox"));
    let folder = someone.as_ref().map_or(home, |someone| someone.home.clone());
    let before = entries(&folder);
    command
        .args(["panic", "--drill"])
        .current_dir(&folder)
        .env("TMPDIR", &folder)
        .env("XDG_CONFIG_HOME", "/nowhere");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    let ms = |what: &str| -> f64 {
        let line = out.lines().find(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what}: {out}"));
        line[what.len()..].trim_start().split(' ').next().unwrap().parse().unwrap()
    };
    let (refusal, end) = (ms("first refusal"), ms("last signer's end"));
    // Measured: 0.6 and 5 ms. A loaded machine has time.
    assert!(0.0 < refusal && refusal < end && end < 5_000.0, "{out}");
    assert_eq!(err.matches("revoked ").count(), 2, "{err}");
    assert_eq!(err.matches("killed signer ").count(), 2, "{err}");
    assert!(!err.contains("real"), "{err}");
    if let (Some(someone), Some(mut real)) = (&someone, real) {
        assert_eq!(entries(&folder), before);
        assert!(real.ask("kraken/real").unwrap().contains("API-Sign"), "a real signer signs");
        let listed = someone.signbox(&["list"], None).out;
        assert!(listed.matches("live").count() == 2 && !listed.contains("drill"), "{listed}");
    }
}

#[test]
fn root_ends_the_keys_and_signers_of_all_users() {
    if !Uid::effective().is_root() {
        return skip("needs root");
    }
    // A root of its own, whose processes and keys are those of 70000 users that nobody else is.
    let secret = programs().join("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let mut inside = Command::new("unshare");
    inside
        .args(["--user", "sh", "-c", ENTER, "sh"])
        .arg(programs())
        .env("PLAY", PLAY)
        .uid(OUTSIDE)
        .gid(OUTSIDE);
    inside.current_dir("/");
    let mut inside =
        Process::start(inside.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()));
    if inside.line().as_deref() != Some("ready") {
        return skip("no user namespace can be made here");
    }
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", inside.child.id()), format!("0 {OUTSIDE} 70000\n")).unwrap();
    }
    inside.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let mut said = String::new();
    inside.output.read_to_string(&mut said).unwrap();
    let (alone, rest) = said.split_once("== all\n").expect(&said);
    let (all, after) = rest.split_once("== after\n").expect(&said);
    assert!(alone.contains("revoked binance/group (key") && alone.contains("a group key"), "{said}");
    assert!(!alone.contains("revoked binance/a") && !alone.contains("killed"), "{said}");
    assert!(alone.contains("signers of other users go on: 2"), "{said}");
    for told in [
        "revoked binance/a (key",
        "revoked kraken/b (key",
        "of user 1001 (binance/a)",
        "of user 1002 (kraken/b)",
    ] {
        assert!(all.contains(told), "{told}: {said}");
    }
    assert!(
        all.contains("code 0\n") && after.matches("revoked").count() == 2 && !after.contains("live"),
        "{said}"
    );
}

/// A user whom no system knows, with a home and a session.
struct Someone {
    stage: Stage,
    uid: u32,
    home: PathBuf,
}

impl Someone {
    /// The calling thread stands in the user's session from now on.
    fn new() -> Option<Someone> {
        if !Uid::effective().is_root() {
            skip("needs root, to be users whose signers may be killed");
            return None;
        }
        let stage = Stage::enter(false, false)?;
        let uid = stage.user().unwrap();
        let home = std::env::temp_dir().join(format!("signbox-panic-test-{uid}"));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir(&home).unwrap();
        let someone = Someone { stage, uid, home };
        someone.own(&someone.home, 0o755);
        Some(someone)
    }

    fn own(&self, path: &Path, mode: u32) {
        chown(path, Some(self.uid), Some(self.uid)).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn folder(&self, name: &str) -> PathBuf {
        let path = self.home.join(name);
        fs::create_dir(&path).unwrap();
        self.own(&path, 0o755);
        path
    }

    fn hook(&self, name: &str, body: &str) {
        let folder = self.home.join("config/signbox/hooks.d");
        fs::create_dir_all(&folder).unwrap();
        self.own(&folder, 0o755);
        fs::write(folder.join(name), format!("#!/bin/sh\n{body}\n")).unwrap();
        self.own(&folder.join(name), 0o755);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command("signbox");
        command.args(arguments).current_dir(&self.home).env("HOME", &self.home);
        command.env("XDG_CONFIG_HOME", self.home.join("config"));
        command
    }

    fn signbox(&self, arguments: &[&str], secret: Option<&str>) -> Output {
        if secret.is_some() {
            return self.stage.run(arguments, secret, None);
        }
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Output { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn add(&self, handle: &str, options: &[&str]) {
        let added = self.signbox(
            &[&["add", handle, "--key", "K", "--secret-fd", "3"], options].concat(),
            Some(&format!("{SECRET}\n")),
        );
        assert_eq!(added.code, Some(0), "{added:?}");
    }

    fn panic(&self, options: &[&str]) -> Output {
        self.signbox(&[&["panic", "--yes"], options].concat(), None)
    }

    /// The folder of the one panic there was.
    fn evidence(&self) -> PathBuf {
        let all = entries(&self.home);
        let name = all.iter().find(|name| name.starts_with("signbox-panic-")).expect("a folder was made");
        self.home.join(name)
    }

    /// A signer that has answered.
    fn signer(&self, arguments: &[&str]) -> Process {
        let mut command = self.stage.command("signbox-signer");
        let piped =
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut signer = Process::start(piped);
        writeln!(signer.child.stdin.as_mut().unwrap(), r#"{{"v":1,"id":1,"op":"hello"}}"#).unwrap();
        assert!(signer.line().unwrap().contains("hello"));
        signer
    }

    /// A process in another session, with a key there.
    fn session(&self, name: &str, exchange: &str) -> Process {
        let script = format!("echo secret | keyctl padd user signbox:{exchange}:named @s && exec sleep 300");
        let mut command = self.stage.command("keyctl");
        command.args(["session", name, "sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut session = Process::start(command.stderr(Stdio::null()));
        session.line().expect("keyctl adds a key");
        session
    }

    /// A key in the session of this thread, whoever's it is.
    fn padd(&self, description: &str) -> Key {
        let mut command = self.stage.command("sh");
        command
            .args(["-c", "echo secret | keyctl padd user \"$1\" @s", "sh", description])
            .stdin(Stdio::null());
        let serial = String::from_utf8(command.output().unwrap().stdout).unwrap();
        Key::from_serial(serial.trim().parse().expect("keyctl adds a key"))
    }

    /// A running program of this name that is no signer.
    fn called_signer(&self, from: &str, script: bool) -> Process {
        let path = self.home.join("signbox-signer");
        if script {
            fs::write(&path, from).unwrap();
        } else {
            // By a process of its own: a child that is forked while we write would keep the file busy.
            assert!(Command::new("cp").args([from, path.to_str().unwrap()]).status().unwrap().success());
        }
        self.own(&path, 0o755);
        let mut command = self.stage.command(path.to_str().unwrap());
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        if script {
            process.line().expect("it says that it runs");
        } else {
            process.child.stdin.as_mut().unwrap().write_all(b"echo\n").unwrap();
            process.line().expect("it is a cat");
        }
        process
    }
}

impl Drop for Someone {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// A process that is talked to.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Process {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Process { child, output }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.output.read_line(&mut line).unwrap();
        (count > 0).then(|| line.trim_end().to_owned())
    }

    /// What a signer answers when it is to sign with this key of Kraken; nothing if it is dead.
    fn ask(&mut self, key: &str) -> Option<String> {
        let request = r#"{"method":"POST","url":"/0/private/Balance"}"#;
        let question = format!(r#"{{"v":1,"id":2,"op":"sign","key":"{key}","request":{request}}}"#);
        let _ = writeln!(self.child.stdin.as_mut().unwrap(), "{question}");
        self.line()
    }

    fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// Waits to be mapped, becomes root of processes of its own, and then plays.
const ENTER: &str =
    "echo ready; read line; exec unshare --pid --fork --mount-proc --kill-child sh -c \"$PLAY\" sh \"$1\"";

/// Two users with keys and signers, a group key, and root who panics, first for itself and then for all.
const PLAY: &str = r#"
export PATH="$1:$PATH" HOME=/nowhere
cd "$(mktemp -d)" || exit
user() { uid=$1; shift; setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"; }
user 1001 signbox add binance/a --key K --keyring user --secret-fd 3 3< "$1/secret" 2>&1
user 1002 signbox add kraken/b --key K --keyring user --secret-fd 3 3< "$1/secret" 2>&1
signbox add binance/group --key K --users 1001 --group root --secret-fd 3 3< "$1/secret" 2>&1
sleep 300 | user 1001 signbox-signer binance/a &
sleep 300 | user 1002 signbox-signer kraken/b &
sleep 1
signbox panic --yes 2>&1
echo "== all"
signbox panic --yes --all-users 2>&1
echo "code $?"
echo "== after"
user 1001 signbox list 2>&1
user 1002 signbox list 2>&1
rm -rf "$PWD"
"#;

/// The first of the users that the root of its own has.
const OUTSIDE: u32 = 400_000;
const SECRET: &str = "bWFkZSB1cCBmb3IgdGhlIHBhbmljIHRlc3Rz";
const MADE_UP: &str = "made-up-and-in-arguments-and-environment";
