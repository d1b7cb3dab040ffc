//! A user's bot with a signer, and what is asked of either.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::place::{Place, spawn};
use super::secret::{Made, hex};

/// A process and its two ends.
pub(crate) struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Talk {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn say(&mut self, line: &str) {
        let _ = writeln!(self.input.as_mut().unwrap(), "{line}");
    }

    /// One line; nothing if the process has ended.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    /// Exactly as many bytes as it has written.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        std::io::Read::read_exact(&mut self.output, &mut bytes).unwrap();
        bytes
    }

    /// Ends the input, and waits for the process.
    pub(crate) fn end(mut self) -> std::process::ExitStatus {
        drop(self.input.take());
        self.child.wait().unwrap()
    }

    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A user of this test, in a session of the user's own with keys of the user's own.
pub(crate) struct User<'a> {
    pub(crate) place: &'a Place,
    pub(crate) uid: u32,
    /// Keyring (`@s` or `@u`), key, further fields of its record, and seconds until it times out.
    pub(crate) keys: Vec<(&'static str, &'a Made, u32)>,
}

/// A bot that runs as its user, with a signer.
pub(crate) struct Bot {
    talk: Talk,
    /// The process id of the signer.
    pub(crate) signer: i32,
    /// The serials of the keys, as words for an attacker.
    pub(crate) serials: Vec<String>,
    attacker: PathBuf,
    uid: u32,
}

impl User<'_> {
    /// A command of this user.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.uid(self.uid).gid(self.uid).current_dir(self.place.path());
        command
    }

    /// A process in a fresh session of this user: it adds the keys and becomes `words`.
    pub(crate) fn enter(&self, words: &[&str]) -> (Talk, Vec<String>) {
        let mut command = self.command(&self.place.attacker());
        command.arg("provision").args(words);
        self.provide(&mut command)
    }

    /// As [`User::enter`], of a command that was changed.
    pub(crate) fn provide(&self, command: &mut Command) -> (Talk, Vec<String>) {
        forget(&self.place.attacker(), self.uid);
        let mut talk = Talk::start(command);
        let mut serials = Vec::new();
        for (ring, made, seconds) in &self.keys {
            serials.push(talk.ask(&format!(
                "{ring} {} {} {seconds}",
                made.description(),
                hex(&made.payload())
            )));
            assert!(serials.iter().all(|serial| serial.parse::<i32>().is_ok()), "{serials:?}");
        }
        talk.say("");
        (talk, serials)
    }

    /// A bot that starts `signer` with `options`, for all keys of the user.
    pub(crate) fn bot(&self, signer: &Path, options: &[&str]) -> Bot {
        let attacker = self.place.attacker();
        let mut words = vec![attacker.to_str().unwrap(), "bot", signer.to_str().unwrap()];
        words.extend(options);
        words.extend(self.keys.iter().map(|key| key.1.handle.as_str()));
        self.bot_of(&words)
    }

    /// A bot that is started in some other way.
    pub(crate) fn bot_of(&self, words: &[&str]) -> Bot {
        let mut command = self.command(&self.place.attacker());
        command.arg("provision").args(words);
        self.bot_by(&mut command)
    }

    pub(crate) fn bot_by(&self, command: &mut Command) -> Bot {
        let (mut talk, serials) = self.provide(command);
        let signer = talk.hear().parse().unwrap();
        Bot { talk, signer, serials, attacker: self.place.attacker(), uid: self.uid }
    }
}

impl Bot {
    pub(crate) fn pid(&self) -> i32 {
        self.talk.pid()
    }

    /// The signer's answer to a line.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.talk.ask(line)
    }

    /// Has a request signed.
    pub(crate) fn sign(&mut self, made: &Made) {
        let answer = self.ask(&made.question());
        assert!(answer.contains(r#""request":{"method""#), "{answer}");
    }

    /// The signer's answer to `hello`, which must hold each of these members.
    pub(crate) fn hello(&mut self, members: &[&str]) {
        let hello = self.ask(HELLO);
        for member in members {
            assert!(hello.contains(member), "{member} in {hello}");
        }
    }

    /// The code of the error that the signer answers with.
    pub(crate) fn refusal(&mut self, line: &str) -> String {
        let answer = self.ask(line);
        let code = answer.split_once(r#""code":""#).and_then(|(_, rest)| rest.split_once('"'));
        code.unwrap_or_else(|| panic!("an error in {answer}")).0.to_owned()
    }

    /// What comes of an attempt by the bot itself.
    pub(crate) fn attempts(&mut self, action: &str) -> String {
        self.talk.ask(&format!("!{action}"))
    }

    /// What comes of an attempt by one who is in the session that the bot has left.
    pub(crate) fn witness_attempts(&mut self, action: &str) -> String {
        self.talk.ask(&format!("?{action}"))
    }

    /// Waits until the signer waits for the next line.
    pub(crate) fn idle(&self) {
        wait_until_idle(self.signer);
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        // The end of the bot is the end of the signer's input.
        let _ = self.talk.child.kill();
        let _ = self.talk.child.wait();
        let start = Instant::now();
        while is_alive(self.signer) && start.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(1));
        }
        forget(&self.attacker, self.uid);
    }
}

/// Whether the process is there, and does not just wait to be waited for.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Takes away what a user has in the user keyring: it outlives the last process.
fn forget(attacker: &Path, uid: u32) {
    let mut command = Command::new(attacker);
    let command = command.arg("forget").uid(uid).gid(uid).stdin(Stdio::null()).stdout(Stdio::null());
    let _ = spawn(command).wait();
}

/// A bot whose signer has signed a few times and waits.
pub(crate) fn signed(place: &Place, uid: u32, made: &Made, options: &[&str]) -> Bot {
    let user = User { place, uid, keys: vec![("@s", made, 0)] };
    let mut bot = user.bot(&place.signer(), options);
    for _ in 0..3 {
        bot.sign(made);
    }
    bot.idle();
    bot
}

/// What comes of an attempt by a process of `uid`, in a session of its own.
pub(crate) fn attempt(place: &Place, uid: u32, words: &[&str]) -> String {
    let attacker = place.attacker();
    let mut command = Command::new(&attacker);
    command.arg("provision").arg(&attacker).args(words).uid(uid).gid(uid).stderr(Stdio::inherit());
    let mut talk = Talk::start(&mut command);
    talk.ask("")
}

/// Waits until the process is in read(0).
pub(crate) fn wait_until_idle(pid: i32) {
    let start = Instant::now();
    loop {
        let doing = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        if doing.starts_with("0 0x0 ") {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "process {pid} does not wait for input: {doing}");
        sleep(Duration::from_millis(1));
    }
}

pub(crate) const HELLO: &str = r#"{"v":1,"id":1,"op":"hello"}"#;
