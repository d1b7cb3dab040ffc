//! `signbox run`: the command can sign and cannot see the key, and nothing else about it is changed.

#![allow(clippy::unwrap_used)]

#[path = "common/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "common/signer.rs"]
mod signer;

use operator::{Ran, command, feed, signbox, signbox_reading};
use serde_json::{Value, json};
use signbox_keyring::{Key, Keyring, add, description, find};
use signer::{put, stage};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn the_command_stands_in_a_session_without_the_key() {
    let Some(_key) = staged() else { return };
    let this = std::env::current_exe().unwrap();
    let probe = [this.to_str().unwrap(), "--exact", "probe", "--ignored", "--nocapture"];
    let beside = feed(with_arguments(Command::new(probe[0]), &probe[1..]), "");
    assert!(beside.stdout.contains("FOUND"), "without signbox run: {beside:?}");
    let inside = feed(with_arguments(command(&["run", HANDLE, "--"]), &probe), "");
    assert!(inside.stdout.contains("NoSuchKey") && !inside.stdout.contains("FOUND"), "{inside:?}");
}

/// Not a test of its own: what a bot would try, in the session it is started in.
#[test]
#[ignore = "started by the test above"]
#[allow(clippy::print_stdout)]
fn probe() {
    match find(&description("binance", "bot")) {
        Ok(_) => println!("FOUND"),
        Err(error) => println!("{error:?}"),
    }
}

#[test]
fn the_command_signs_with_nothing_but_pythons_standard_library() {
    for option in ["--memory=auto", "--socketpair"] {
        let Some(_key) = staged() else { return };
        let ran = python(&[option, "--max-skew=off"], "print(ask('sign', sys.argv[1]))", &[&request()]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{option}");
        let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
        let body = answer["request"]["body"].as_str().unwrap();
        assert!(body.ends_with(&format!("&signature={SIGNATURE}")), "{body}");
    }
}

#[test]
fn pipes_are_two_descriptors_and_a_socket_is_one() {
    let Some(_key) = staged() else { return };
    let kinds = "print(read != write, [stat.S_ISSOCK(os.fstat(fd).st_mode) for fd in (read, write)])";
    assert_eq!(python(&[], kinds, &[]).stdout, "True [False, False]\n");
    assert_eq!(python(&["--socketpair"], kinds, &[]).stdout, "False [True, True]\n");
}

#[test]
fn the_command_gets_these_descriptors_and_no_others() {
    let Some(_key) = staged() else { return };
    let listing = "print(sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)))";
    let open = |text: &str| serde_json::from_str::<BTreeSet<i32>>(text).unwrap();
    let mut bare = Command::new("python3");
    bare.args(["-c", &format!("import os; {listing}")]);
    let before = open(&feed(bare, "").stdout);
    let ran = python(&[], &format!("print([read, write]); {listing}"), &[]);
    let (mine, after) = ran.stdout.split_once('\n').unwrap();
    assert_eq!(&open(after) - &before, open(mine), "{ran:?}");
}

#[test]
fn the_exit_status_is_the_commands() {
    let Some(_key) = staged() else { return };
    for code in [0, 1, 42, 255] {
        let ran = signbox(&["run", HANDLE, "--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""));
    }
    assert_eq!(
        signbox(&["run", HANDLE, "--", "sh", "-c", "kill -TERM $$"]).code,
        None,
        "it died of a signal"
    );
}

#[test]
fn standard_input_output_and_error_are_the_commands() {
    let Some(_key) = staged() else { return };
    let ran = signbox_reading("one\ntwo\n", &["run", HANDLE, "--", "sh", "-c", "cat; echo three >&2"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("one\ntwo\n", "three\n"));
}

#[test]
fn arguments_and_environment_reach_the_command_as_they_are() {
    let Some(_key) = staged() else { return };
    let mut run = command(&[
        "run",
        HANDLE,
        "--",
        "sh",
        "-c",
        "printf '%s|' \"$@\" \"$KEPT\"",
        "sh",
        "--claim",
        "a b",
        "--",
    ]);
    run.env("KEPT", "yes");
    assert_eq!(feed(run, "").stdout, "--claim|a b|--|yes|");
}

#[test]
fn a_command_that_cannot_be_started_is_told_as_a_shell_tells_it() {
    let Some(_key) = staged() else { return };
    let ran = signbox(&["run", HANDLE, "--", "/nowhere/bot"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(127), ""));
    assert!(ran.stderr.starts_with("signbox: cannot start '/nowhere/bot': "), "{}", ran.stderr);
    assert_eq!(signbox(&["run", HANDLE, "--", "/etc/passwd"]).code, Some(126), "not executable");
}

#[test]
fn without_a_usable_key_the_command_is_not_started() {
    let Some(key) = staged() else { return };
    let not_started = |handles: &[&str], why: &str| {
        let ran = signbox(&[&["run"], handles, &["--", "echo", "started"]].concat());
        assert!(
            ran.code == Some(1) && ran.stdout.is_empty() && ran.stderr.contains(why),
            "{handles:?} {ran:?}"
        );
    };
    not_started(&["binance/none"], "no key 'signbox:binance:none'");
    not_started(&[HANDLE, "binance/none"], "no key 'signbox:binance:none'");
    not_started(&["nowhere/bot"], "no exchange is called 'nowhere'");
    not_started(&["--max-skew", "never", HANDLE], "neither seconds nor 'off'");
    put("binance/broken", "{}");
    not_started(&["binance/broken"], "the record has no secret");
    key.revoke().unwrap();
    not_started(&[HANDLE], "was revoked");
}

#[test]
fn the_signer_is_the_commands_child_and_ends_with_it() {
    let Some(_key) = staged() else { return };
    let ran = python(&[], "print(signer())", &[]);
    let pid: u32 = ran.stdout.trim().parse().expect(&ran.stderr);
    let start = Instant::now();
    while alive(pid) {
        assert!(start.elapsed() < Duration::from_secs(20), "the signer {pid} goes on without its command");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_interrupt_at_the_terminal_is_for_the_command_alone() {
    let Some(_key) = staged() else { return };
    let script = "
signal.signal(signal.SIGINT, lambda *_: None)
os.killpg(os.getpgrp(), signal.SIGINT)
print(os.getpgid(signer()) != os.getpgrp(), 'signature=' in ask('sign', sys.argv[1]))";
    let ran = feed(in_a_group_of_its_own(python_command(&["--max-skew=off"], script, &[&request()])), "");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("True True\n", ""));
}

#[test]
fn a_claimed_key_is_with_the_signer_alone() {
    let Some(_key) = staged() else { return };
    let ran = python(&["--claim"], "print(ask('hello'))", &[]);
    let hello: Value = serde_json::from_str(&ran.stdout).expect(&ran.stderr);
    assert_eq!(hello["hello"]["mode"], "claimed");
    assert!(find(&description("binance", "bot")).is_err(), "it is no longer in the session");
}

#[test]
fn a_key_that_the_command_can_still_read_is_remarked_on() {
    let Some(key) = staged() else { return };
    key.unlink(Keyring::Session).unwrap();
    let label = format!("run-{}", std::process::id());
    let handle = format!("binance/{label}");
    let open = |payload: &[u8], timeout: u32| {
        let key = add(Keyring::User, &description("binance", &label), payload, &mut [0; 64]).unwrap();
        key.set_timeout(timeout).unwrap();
        key.unlink(Keyring::Process).unwrap();
        key
    };
    let key = open(b"secret", 0);
    let ran = signbox(&["run", &handle, "--", "echo", "started"]);
    key.unlink(Keyring::User).unwrap();
    assert!(
        ran.stderr.contains(&format!("'{handle}' is in the user keyring, where the command can read it")),
        "{ran:?}"
    );
    assert_eq!(ran.stdout, "started\n");
    let key = open(b"secret", 60);
    let ran = signbox(&["run", "--claim", &handle, "--", "echo", "started"]);
    let _ = key.unlink(Keyring::User);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("started\n", ""));
    let key = open(b"secret", 0);
    let ran = signbox(&["run", "--claim", &handle, "--", "echo", "started"]);
    let _ = key.unlink(Keyring::User);
    assert!(ran.stderr.contains("has no timeout") && ran.stdout == "started\n", "{ran:?}");
}

#[test]
fn what_the_signer_says_comes_out_line_by_line_and_its_alerts_reach_the_hooks() {
    let place = Place::new("alerts");
    place.hook(
        "10-note",
        &format!("cat >> {0}/alerts; echo $SIGNBOX_EVENT >> {0}/events; echo hook", place.0.display()),
    );
    let ran = feed(place.run("sh -c 'echo out'"), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "out\n"), "{ran:?}");
    let said = "a remark\nsignbox-signer: alert: {\"n\":1}\nsignbox-signer: alert: {\"n\":2}\nno newline";
    assert_eq!(ran.stderr.replace("hook\n", ""), said);
    assert_eq!(ran.stderr.matches("hook\n").count(), 2, "what a hook prints comes out too: {}", ran.stderr);
    assert_eq!(place.read("alerts"), "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(place.read("events"), "alert\nalert\n");
}

#[test]
fn the_command_cannot_make_up_an_alert() {
    let place = Place::new("made-up");
    place.hook("10-note", &format!("cat >> {}/alerts", place.0.display()));
    // To its own standard error, to every descriptor it has, and to those of the watcher and the signer through /proc.
    let attack = "
import os, time
line = b'signbox-signer: alert: made up\\n'
def parent(pid):
    try: return int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[1])
    except OSError: return 0  # it has ended
children = [pid for pid in filter(str.isdigit, os.listdir('/proc')) if parent(pid) == os.getpid()]
time.sleep(0.5)
for fd in [1, 2, *map(int, os.environ['SIGNBOX_FDS'].split(','))]:
    try: os.write(fd, line)
    except OSError: pass
for path in [f'/proc/{pid}/fd/{fd}' for pid in children for fd in (0, 2)]:
    try: os.write(os.open(path, os.O_WRONLY), line)
    except OSError: pass
print(len(children))
";
    let ran = feed(place.run(&format!("exec python3 -c \"{attack}\"")), "");
    assert!(ran.stdout.ends_with("2\n"), "a signer and a watcher: {ran:?}");
    assert!(ran.stderr.contains("made up"), "it can say what it likes: {ran:?}");
    assert_eq!(place.read("alerts"), "{\"n\":1}\n{\"n\":2}\n", "and no hook hears it");
}

#[test]
fn the_watcher_holds_nothing_of_the_signer_and_no_key() {
    let Some(_key) = staged() else { return };
    let look = "
def watcher():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try: fields = open(f'/proc/{pid}/stat').read().split()
        except OSError: continue  # it has ended
        if fields[1] == '(signbox)' and int(fields[3]) == os.getpid(): return int(pid)
links = lambda pid: {os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd') if os.path.exists(f'/proc/{pid}/fd/{fd}')}
pid = watcher()
print(sorted(link.split(':')[0] for link in links(pid) - links(os.getpid()) - {'/dev/null'}), os.getpgid(pid) == os.getpgrp())
print({os.readlink(f'/proc/self/fd/{fd}') for fd in (read, write)} & links(pid))";
    if !nix::unistd::Uid::effective().is_root() {
        return signer::skip("only root can see what the watcher holds");
    }
    let ran = python(&[], look, &[]);
    assert_eq!(ran.stdout, "['socket'] False\nset()\n", "{ran:?}");
    let place = Place::new("keyless");
    place.hook("10-list", &format!("{} list > {}/listed", env!("CARGO_BIN_EXE_signbox"), place.0.display()));
    feed(place.run("true"), "");
    assert!(!place.read("listed").contains(HANDLE), "a hook stands in another session");
}

#[test]
fn a_hook_that_sleeps_holds_nobody_up() {
    let place = Place::new("slow");
    place.hook("10-slow", "sleep 3");
    let mut watch = command(&["watch"]);
    watch.env("XDG_CONFIG_HOME", place.0.join("config"));
    let many = "signbox-signer: alert: {}\n".repeat(100) + &"x".repeat(300_000) + "\nlast\n";
    let mut child = watch.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    let mut input = child.stdin.take().unwrap();
    let text = many.clone();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()).map(|()| input));
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !said.ends_with("last\n") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(start.elapsed() < Duration::from_secs(3), "it was passed on while the first hook sleeps");
    let remarks = "signbox: remark: too many alerts at once; the hooks are not run for the next one\n";
    assert!(said.contains(remarks), "64 wait, and no more");
    assert_eq!(said.replace(remarks, ""), many);
    drop(writing.join().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A folder with signbox, a signer that only says what signers say, and hooks.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("signbox-run-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("config/signbox/hooks.d")).unwrap();
        let place = Place(path);
        let signbox = place.0.join("signbox");
        // By a process of its own: a child that is forked while we write would keep the file busy.
        let mut install = Command::new("install");
        install.args(["-m", "755", env!("CARGO_BIN_EXE_signbox")]).arg(&signbox);
        assert!(install.status().unwrap().success());
        place.program("signbox-signer", SAYS);
        place
    }

    fn program(&self, name: &str, body: &str) {
        let text = format!("#!/bin/sh\n{body}\n");
        let mut write = Command::new("sh");
        write.args(["-c", "cat > \"$1\"; chmod 755 \"$1\"", "sh"]).arg(self.0.join(name));
        assert_eq!(feed(write, &text).code, Some(0));
    }

    fn hook(&self, name: &str, body: &str) {
        self.program(&format!("config/signbox/hooks.d/{name}"), body);
    }

    fn run(&self, command: &str) -> Command {
        let mut run = Command::new(self.0.join("signbox"));
        run.args(["run", HANDLE, "--", "sh", "-c", command]).env("XDG_CONFIG_HOME", self.0.join("config"));
        run
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a signer does, without keys: it remarks, answers, and alerts.
const SAYS: &str = r#"echo 'a remark' >&2
read line; echo '{"v":1,"id":0,"hello":{"keys":[]}}'
echo 'signbox-signer: alert: {"n":1}' >&2
echo 'signbox-signer: alert: {"n":2}' >&2
cat > /dev/null; printf 'no newline' >&2"#;

/// A session with one key in it that nothing else holds.
fn staged() -> Option<Key> {
    stage().then(|| {
        let key = put(HANDLE, &json!({"key": "published", "secret": SECRET}).to_string());
        key.unlink(Keyring::Process).unwrap();
        key
    })
}

fn request() -> String {
    json!({"method": "POST", "url": "/api/v3/order", "body": ORDER}).to_string()
}

/// Runs a script that can ask the signer.
fn python(options: &[&str], script: &str, arguments: &[&str]) -> Ran {
    feed(python_command(options, script, arguments), "")
}

fn python_command(options: &[&str], script: &str, arguments: &[&str]) -> Command {
    let script = format!("{PRELUDE}{script}");
    command(&[&["run"], options, &[HANDLE, "--", "python3", "-c", &script], arguments].concat())
}

fn with_arguments(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

fn in_a_group_of_its_own(mut command: Command) -> Command {
    command.process_group(0);
    command
}

fn alive(pid: u32) -> bool {
    // Whoever inherits it may take its time to bury it.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.contains("(signbox-signer)") && !stat.contains(") Z "))
}

const HANDLE: &str = "binance/bot";
const PRELUDE: &str = r#"
import json, os, signal, stat, sys
read, write = map(int, os.environ['SIGNBOX_FDS'].split(','))
def ask(op, request=None):
    question = {'v': 1, 'id': 1, 'op': op}
    if request: question |= {'key': 'binance/bot', 'request': json.loads(request)}
    os.write(write, json.dumps(question).encode() + b'\n')
    answer = b''
    while not answer.endswith(b'\n'): answer += os.read(read, 65536) or sys.exit('no answer')
    return answer.decode().strip()
def signer():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try: fields = open(f'/proc/{pid}/stat').read().split()
        except OSError: continue
        if fields[1] == '(signbox-signer)' and int(fields[3]) == os.getpid(): return int(pid)
"#;

// Binance Open Platform, "Request Security".
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const ORDER: &str = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
