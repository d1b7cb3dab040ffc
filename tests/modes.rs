//! The modes of DESIGN.md, section 8: who can have the key in each, and who cannot. One cell, one assertion, one control.
#![allow(clippy::unwrap_used)]

mod attack;
#[path = "attack/group.rs"]
mod group;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use attack::bot::{Bot, User, attempt};
use attack::is_root;
use attack::place::{Place, signbox, signer};
use attack::scan::scan;
use attack::secret::{Made, Needles, hex};

/// Everything by which a key can be had or changed.
const ON_KEYS: &[&str] = &[
    "read",
    "steal",
    "describe",
    "link",
    "open-to-all",
    "own",
    "revoke",
    "invalidate",
    "time-out",
    "update",
];

// --- open: the key in the session or the user keyring, the bot starts the signer ---

#[test]
fn open_the_user_keyring_is_open_to_every_process_of_the_user_and_to_no_other_user() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0001), 62_201);
    let user = User { place: &place, uid, keys: vec![("@u", &made, 0)] };
    let mut bot = user.bot(&place.signer(), &[]);
    bot.hello(&[r#""mode":"open""#, r#""binary":"readable""#, r#""memory":"secretmem""#]);
    bot.sign(&made);
    let serial = bot.serials[0].clone();
    // The documented weakness: without possession the kernel refuses, but whoever is the user helps himself to it.
    assert_eq!(attempt(&place, uid, &["read", &serial]), "EACCES", "before it links the user keyring");
    assert_eq!(attempt(&place, uid, &["steal", &serial]), "LEAK", "another process of the same user");
    assert_eq!(bot.attempts(&format!("steal {serial}")), "LEAK", "the bot itself");
    assert_eq!(attempt(&place, 62_202, &["steal", &serial]), "EACCES", "another user");
    assert_eq!(attempt(&place, 0, &["steal", &serial]), "EACCES", "root, by keyctl alone");
}

#[test]
fn open_a_session_is_open_to_what_is_in_it_and_to_no_other_session() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0002), 62_203);
    let user = User { place: &place, uid, keys: vec![("@s", &made, 0)] };
    let mut bot = user.bot(&place.signer(), &["--memory", "mlock"]);
    bot.hello(&[r#""mode":"open""#, r#""memory":"mlock""#]);
    bot.sign(&made);
    let serial = bot.serials[0].clone();
    assert_eq!(bot.attempts(&format!("read {serial}")), "LEAK", "the bot itself");
    assert_eq!(attempt(&place, uid, &["steal", &serial]), "EACCES", "the same user in another session");
    assert_eq!(attempt(&place, 62_204, &["steal", &serial]), "EACCES", "another user");
    assert_eq!(attempt(&place, 0, &["steal", &serial]), "EACCES", "root, by keyctl alone");
}

// --- run: the bot in a fresh session without the key ---

#[test]
fn run_the_bot_cannot_reach_a_key_in_the_session_it_was_taken_out_of() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0003), 62_205);
    let mut bot = run(&place, uid, &made, "@s");
    bot.hello(&[r#""mode":"run""#]);
    bot.sign(&made);
    let (serial, name) = (bot.serials[0].clone(), made.description());
    // The control: one left in the old session can.
    assert_eq!(bot.witness_attempts(&format!("search {name}")), "done");
    assert_eq!(bot.witness_attempts(&format!("read {serial}")), "LEAK");
    assert_eq!(bot.attempts(&format!("search {name}")), "ENOKEY");
    // To describe it is what the mask of a key that was just added gives to every process of the user.
    for action in ON_KEYS.iter().filter(|action| **action != "describe") {
        assert_eq!(bot.attempts(&format!("{action} {serial}")), "EACCES", "{action} by the bot");
        assert_eq!(attempt(&place, uid, &[action, &serial]), "EACCES", "{action} from another session");
    }
    // Nor is anything of it in the bot, which `signbox run` became.
    assert_eq!(scan(bot.pid(), &Needles::of(&made.forms_without_passphrase(), 16)).found, []);
    bot.sign(&made);
    let (pid, secret) = (bot.signer, hex(made.secret.as_bytes()));
    for action in ["attach", "mem", "readv"] {
        let outcome = bot.attempts(&format!("{action} {pid} {secret}"));
        assert!(["EPERM", "EACCES"].contains(&outcome.as_str()), "{action} on the signer: {outcome}");
    }
}

#[test]
fn run_does_not_help_a_key_in_the_user_keyring() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0004), 62_206);
    let mut bot = run(&place, uid, &made, "@u");
    bot.sign(&made);
    let serial = bot.serials[0].clone();
    assert_eq!(
        bot.attempts(&format!("read {serial}")),
        "EACCES",
        "the control: it is not in the bot's session"
    );
    assert_eq!(bot.attempts(&format!("steal {serial}")), "LEAK", "the documented weakness");
}

/// A bot started by `signbox run`, with a witness that stays in the session it comes from.
fn run(place: &Place, uid: u32, made: &Made, ring: &'static str) -> Bot {
    place.signer(); // beside it
    let signbox = place.install(signbox(), "signbox", 0o755, 0);
    let attacker = place.attacker();
    let attacker = attacker.to_str().unwrap();
    let user = User { place, uid, keys: vec![(ring, made, 0)] };
    let run = [signbox.to_str().unwrap(), "run", &made.handle, "--", attacker, "bot"];
    let mut command = user.command(Path::new(attacker));
    command.args(["provision", attacker, "witness"]).args(run);
    if ring == "@u" {
        command.stderr(Stdio::null()); // the remark that this test is about
    }
    user.bot_by(&mut command)
}

// --- claimed: the installed program, --claim ---

#[test]
fn claimed_nobody_can_have_or_change_the_key_and_before_the_claim_the_user_can() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0005), 62_207);
    let user = User { place: &place, uid, keys: vec![("@u", &made, 0)] };

    // The control: the same key, the same attackers, no claim yet.
    let mut before = user.bot(&unreadable(&place), &[]);
    let serial = before.serials[0].clone();
    assert_eq!(attempt(&place, uid, &["steal", &serial]), "LEAK", "before the claim");
    assert_eq!(before.attempts(&format!("steal {serial}")), "LEAK", "by the bot, before the claim");
    drop(before);

    let mut bot = user.bot(&unreadable(&place), &["--claim"]);
    bot.hello(&[r#""mode":"claimed""#, r#""binary":"unreadable""#, r#""memory":"secretmem""#]);
    bot.sign(&made);
    let serial = bot.serials[0].clone();
    for action in ON_KEYS {
        assert_eq!(
            attempt(&place, uid, &[action, &serial]),
            "EACCES",
            "{action} by another process of the user"
        );
        assert_eq!(bot.attempts(&format!("{action} {serial}")), "EACCES", "{action} by the bot");
        assert_eq!(attempt(&place, 62_208, &[action, &serial]), "EACCES", "{action} by another user");
        assert_eq!(attempt(&place, 0, &[action, &serial]), "EACCES", "{action} by root, through keyctl");
    }
    assert_eq!(attempt(&place, uid, &["search", &made.description()]), "ENOKEY", "nor is it to be found");
    bot.sign(&made);
}

#[test]
fn claimed_a_key_of_the_session_is_out_of_reach_of_the_session() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::coinbase(0x0d_0006), 62_209);
    let user = User { place: &place, uid, keys: vec![("@s", &made, 0)] };
    let mut open = user.bot(&unreadable(&place), &[]);
    let serial = open.serials[0].clone();
    assert_eq!(open.attempts(&format!("read {serial}")), "LEAK", "the control");
    drop(open);

    let mut bot = user.bot(&unreadable(&place), &["--claim"]);
    let serial = bot.serials[0].clone();
    bot.sign(&made);
    for action in ON_KEYS {
        assert_eq!(bot.attempts(&format!("{action} {serial}")), "EACCES", "{action} by the bot");
    }
    assert_eq!(bot.attempts(&format!("search {}", made.description())), "ENOKEY");
    bot.sign(&made);
}

#[test]
fn claimed_a_timeout_that_was_set_before_ends_the_key() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0007), 62_210);
    let user = User { place: &place, uid, keys: vec![("@u", &made, 5)] };
    let mut bot = user.bot(&unreadable(&place), &["--claim"]);
    bot.sign(&made);
    sleep(Duration::from_millis(5500));
    assert_eq!(bot.refusal(&made.question()), "expired");
}

#[test]
fn claimed_somebody_who_holds_a_link_is_noticed_and_the_signer_does_not_start() {
    if !is_root() {
        return;
    }
    let (place, made, uid) = (Place::new(), Made::kraken(0x0d_0008), 62_211);
    // Somebody else: another signer, which does not claim.
    let user = User { place: &place, uid, keys: vec![("@u", &made, 0)] };
    let mut first = user.bot(&unreadable(&place), &[]);
    first.sign(&made);
    let mut second = user.command(&unreadable(&place));
    let output = second.args(["--claim", &made.handle]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("someone else holds a link"), "{told}");
}

/// As the package installs it for a claim: root's, and no user may read it.
fn unreadable(place: &Place) -> PathBuf {
    place.install(&signer(), "signer-0711", 0o711, 0)
}
