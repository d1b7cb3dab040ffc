//! `signbox demo`: the whole story on one screen, with published keys, against the real signer and the real kernel.

mod attack;
mod example;
mod story;

use crate::cli::{Demo, SignerOptions};
use crate::client::{self, Client};
use crate::error::Error;
use attack::{ATTACKS, Outcome, Target, Wanted};
use example::{BINANCE, DISGUISED, EXAMPLES, Example, WITHDRAWAL};
use serde_json::Value;
use signbox_keyring::{self as keyring, Key, Keyring, Secret};
use std::path::Path;
use std::process::ExitCode;
use story::Story;

pub(crate) fn run(_args: &Demo) -> Result<ExitCode, Error> {
    // `cargo run` builds this program alone: say so before the story begins.
    let program = client::signer()?;
    let mut story = Story::begin(
        "signbox, shown with example keys that exchanges publish. Nothing of yours is touched: it all happens\n\
         in a session keyring of its own, which ends with this program, and nothing is sent to anybody.",
    )?;
    let keys = add_keys(&mut story)?;
    let mut signer = start_signer(&mut story, &program)?;
    sign_examples(&mut story, &mut signer)?;
    refuse_withdrawals(&mut story, &mut signer)?;
    attack(&mut story, &signer, keys[0])?;
    revoke(&mut story, &mut signer, keys[0])?;
    story.end(
        "Everything is as claimed. 'signbox doctor' tells what this machine gives you, and what it does not.\n\n\
         Next:\n\
         \x20 signbox add binance/main --key YOUR_API_KEY      put a secret into the kernel; asks for it\n\
         \x20 signbox check binance/main GET /api/v3/account   would this be signed?\n\
         \x20 signbox run binance/main -- python3 bot.py       start a bot that can sign but not see the secret\n\
         \x20 man signbox-protocol                             what the bot says to the signer",
    )
}

fn add_keys(story: &mut Story) -> Result<Vec<Key>, Error> {
    story.chapter("Three secrets go into the kernel keyring.")?;
    keyring::join_fresh_session()?;
    let mut keys = Vec::new();
    for example in &EXAMPLES {
        let payload = example.payload();
        let description = keyring::description(example.exchange, "demo");
        let key =
            keyring::add(Keyring::Session, &description, payload.as_bytes(), &mut vec![0; payload.len()])?;
        // Held by the session alone, as after `signbox add` has ended.
        key.unlink(Keyring::Process)?;
        let handle = example.handle();
        story.point(true, &format!("{handle:13} key {}, granted: read trade cancel", key.serial()))?;
        keys.push(key);
    }
    Ok(keys)
}

fn start_signer(story: &mut Story, program: &Path) -> Result<Client, Error> {
    let handles: Vec<String> = EXAMPLES.iter().map(Example::handle).collect();
    // The published requests carry the time at which they were published.
    let options = SignerOptions { max_skew: Some("off".to_owned()), ..SignerOptions::default() };
    let mut signer = Client::start(&handles, &options)?;
    let answer = signer.ask("hello", None, None)?;
    let hello = &answer["hello"];
    story.chapter(&format!("A signer starts: process {} from {}.", signer.pid(), program.display()))?;
    let memory = match hello["memory"].as_str() {
        Some("secretmem") => "memfd_secret, which not even root's /proc/PID/mem shows",
        _ => "locked memory: not swapped, not dumped (this kernel has no memfd_secret)",
    };
    story.point(hello["memory"].is_string(), &format!("its stack and the key lie in {memory}"))?;
    story.point(hello["seccomp"] == true, "seccomp leaves it five system calls; any other ends it")?;
    let landlock = format!("landlock version {} takes files and network from it", hello["landlock"]);
    story.point(hello["landlock"].as_u64() >= Some(2), &landlock)?;
    // Root can read every file.
    if hello["binary"] == "readable" && !nix::unistd::geteuid().is_root() {
        story.note(
            "This build is a file that you can read, so a process of yours could get in while it starts. Of the \
             installed signer only root can read the file, which closes that door too.",
        )?;
    }
    Ok(signer)
}

fn sign_examples(story: &mut Story, signer: &mut Client) -> Result<(), Error> {
    story.chapter("It signs, and the signatures are the ones they should be.")?;
    for example in &EXAMPLES {
        let answer = signer.ask("sign", Some(&example.handle()), Some(&example.request()))?;
        let got = example.signature(&answer["request"]);
        let right = got == example.expected && example.has_headers(&answer["request"]);
        story.point(right, &format!("{:7} {}", example.name, example.title()))?;
        story.note(&format!("{} = {}", example.signature, short(got)))?;
        story.note(&match answer["error"].is_null() {
            true if right => example.source.to_owned(),
            true => format!("expected is {}", short(example.expected)),
            false => refusal(&answer),
        })?;
    }
    Ok(())
}

fn refuse_withdrawals(story: &mut Story, signer: &mut Client) -> Result<(), Error> {
    story.chapter("It refuses what the key was not granted.")?;
    for (title, request) in [WITHDRAWAL, DISGUISED] {
        let request: Value = serde_json::from_str(request).expect("it is written in this program");
        let answer = signer.ask("sign", Some("binance/demo"), Some(&request))?;
        let denied = answer["error"]["code"] == "denied" && answer["request"].is_null();
        story.point(denied, title)?;
        story.note(&refusal(&answer))?;
    }
    Ok(())
}

fn attack(story: &mut Story, signer: &Client, key: Key) -> Result<(), Error> {
    let wanted = Wanted::new(&EXAMPLES.map(|example| example.secret));
    let bot = Target::naive_bot(BINANCE.secret)?;
    let signer = Target::of(signer.pid());
    let user = nix::unistd::geteuid();
    let who = if user.is_root() { "root".to_owned() } else { format!("user {user}, who started it,") };
    story.chapter(&format!("Now {who} tries to get the secret out."))?;
    story.note(
        "First from an ordinary process that has the secret in an environment variable, to show that the attack \
         works; then from the signer, which has just signed with it.",
    )?;
    story.columns("the ordinary process", "the signer")?;
    for (name, attempt) in ATTACKS {
        let (before, after) = (attempt(&bot, &wanted), attempt(&signer, &wanted));
        story.attack(name, &before, &after)?;
    }
    let before = Outcome::of_keyctl(read(key), &wanted);
    let elsewhere = std::thread::spawn(move || keyring::join_fresh_session().map(|()| read(key)));
    let elsewhere = elsewhere.join().map_err(|_| Error::new("the thread in another session failed"))??;
    let after = Outcome::of_keyctl(elsewhere, &wanted);
    story.columns("from the key's session", "from another session")?;
    story.attack("KEYCTL_READ", &before, &after)?;
    story.note(
        "The key's own session can read it: that is why 'signbox run' puts the bot into another one.",
    )?;
    story.note(
        "Root has stronger means than these, such as probes in the kernel. Nothing here claims to stop root.",
    )
}

fn read(key: Key) -> Result<Vec<u8>, keyring::Error> {
    let mut page = [0; 4096];
    let mut secret = Secret::empty(&mut page);
    secret.read(key)?;
    Ok(secret.expose().to_vec())
}

fn revoke(story: &mut Story, signer: &mut Client, key: Key) -> Result<(), Error> {
    story.chapter("The key is revoked, and the signer that is running signs no more.")?;
    key.revoke()?;
    let answer = signer.ask("sign", Some("binance/demo"), Some(&BINANCE.request()))?;
    story.point(answer["error"]["code"] == "revoked", "the same order again")?;
    story.note(&refusal(&answer))
}

fn refusal(answer: &Value) -> String {
    let part = |name: &str| answer["error"][name].as_str();
    format!("{}: {}", part("code").unwrap_or("signed"), part("text").unwrap_or("it should not have been"))
}

fn short(text: &str) -> String {
    match (text.get(..24), text.len().checked_sub(12).and_then(|at| text.get(at..))) {
        (Some(head), Some(tail)) if text.len() > 64 => format!("{head}...{tail}"),
        _ => text.to_owned(),
    }
}
