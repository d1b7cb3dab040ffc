//! The mode of the installed package: root's key for a group without members, and a set-group-id signer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::attack::bot::{Bot, HELLO, Talk, User, attempt};
use crate::attack::loader;
use crate::attack::place::{Place, signer, spawn};
use crate::attack::scan::scan;
use crate::attack::secret::{Made, Needles, hex};
use crate::attack::{is_root, remark, skip};
use signbox_keyring::{Key, Keyring, add_group};

use crate::{ON_KEYS, unreadable};

#[test]
fn the_user_signs_and_never_has_the_key() {
    let Some(group) = Group::new(62_212, 62_912) else { return };
    let made = Made::kraken(0x0d_0009);
    let key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    let serial = key.0.serial().to_string();
    let everybody = [group.uid, 62_213];
    let refused = |when: &str| {
        for action in ON_KEYS {
            for uid in everybody {
                assert_eq!(
                    attempt(&group.place, uid, &[action, &serial]),
                    "EACCES",
                    "{action} by {uid}, {when}"
                );
            }
        }
    };
    refused("at rest");
    let mut bot = group.bot(&made);
    bot.hello(&[r#""mode":"group""#, r#""binary":"unreadable""#, r#""memory":"secretmem""#]);
    bot.sign(&made);
    refused("while the signer runs");
    for action in ON_KEYS {
        assert_eq!(bot.attempts(&format!("{action} {serial}")), "EACCES", "{action} by the bot, its parent");
    }
    assert_eq!(scan(bot.pid(), &Needles::of(&made.forms_without_passphrase(), 16)).found, [], "in the bot");
    assert_eq!(scan(bot.signer, &Needles::of(&made.forms(), 16)).found, [], "in the signer");
    let (pid, secret) = (bot.signer, hex(made.secret.as_bytes()));
    for action in ["attach", "seize", "peek", "readv", "mem", "take-descriptor", "raise-core-limit"] {
        let outcomes = [
            bot.attempts(&format!("{action} {pid} {secret}")),
            attempt(&group.place, group.uid, &[action, &pid.to_string(), &secret]),
            attempt(&group.place, 62_213, &[action, &pid.to_string(), &secret]),
        ];
        for outcome in outcomes {
            assert!(["EPERM", "EACCES"].contains(&outcome.as_str()), "{action}: {outcome}");
        }
    }
    bot.sign(&made);

    // The control: a process of the group does read it, so it is the group that everything rests on.
    let mut member = Command::new(group.place.attacker());
    member.args(["read", &serial]).uid(group.uid).gid(group.gid).stdin(Stdio::null());
    assert_eq!(output_of(&mut member), "LEAK");
}

#[test]
fn the_key_survives_the_signer_and_ends_when_root_revokes_it() {
    let Some(group) = Group::new(62_214, 62_914) else { return };
    let made = Made::coinbase(0x0d_000a);
    let key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    drop({
        let mut bot = group.bot(&made);
        bot.sign(&made);
        bot
    });
    let mut bot = group.bot(&made);
    bot.sign(&made);
    key.0.revoke().unwrap();
    assert_eq!(bot.refusal(&made.question()), "revoked", "the very next request");
}

#[test]
fn a_user_whom_the_record_does_not_name_is_refused() {
    let Some(group) = Group::new(62_215, 62_915) else { return };
    let made = Made::kraken(0x0d_000b);
    let _key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    group.bot(&made).sign(&made); // the control
    let group = Group { uid: 62_216, ..group };
    let mut bot = group.bot(&made);
    assert_eq!(bot.refusal(&made.question()), "denied");
}

#[test]
fn counts_of_an_installed_signer_are_shared_by_its_users_and_out_of_their_reach() {
    let Some(group) = Group::new(62_223, 62_923) else { return };
    let made = Made::kraken(0x0d_0011);
    let limited = r#","users":[62223,62224],"limits":{"rate":"2/d","ledger":"required"}"#;
    let _key = group.add(&made, limited);
    let mut play = Command::new("unshare");
    play.args(["--mount", "sh", "-c", COUNTS, "sh"]).args([&group.signer(), &group.place.signer()]);
    play.args([&made.handle, &made.question(), &group.gid.to_string()]);
    let output = play.arg(group.place.directory_of(group.uid)).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if said.starts_with("no /var/lib") {
        return skip("there is no state directory that can be put in the place of the machine's");
    }
    let told: Vec<&str> = said
        .lines()
        .map(|line| match line {
            _ if line.contains("\"request\":") => "signed",
            _ if line.contains("\"rate_limited\"") => "rate_limited",
            _ => line,
        })
        .collect();
    let denied = ["denied"; 6];
    let counted = [&["signed", "signed", "rate_limited"][..], &denied, &["rate_limited"]].concat();
    // The control: in a directory of its own, the user takes the counts back.
    let own = ["signed", "signed", "rate_limited", "signed"];
    // Of a key of the user's own the installed signer does the same, and leaves nothing where other users' group keys are counted.
    let own = [&own[..], &["signed", "signed", "not counted there"]].concat();
    assert_eq!(told, [&counted[..], &own].concat(), "{}", String::from_utf8_lossy(&output.stderr));
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(why.contains("group keys are counted in /var/lib/signbox"), "{why}");
}

#[test]
fn a_record_that_names_no_users_is_refused() {
    let Some(group) = Group::new(62_217, 62_917) else { return };
    let made = Made::kraken(0x0d_000c);
    let _key = group.add(&made, "");
    let mut bot = group.bot(&made);
    assert_eq!(bot.refusal(&made.question()), "unavailable");
    let _key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    bot.sign(&made); // the control, under the eyes of the same signer
}

#[test]
fn a_parent_without_new_privileges_gets_no_signer_and_is_told_why() {
    let Some(group) = Group::new(62_218, 62_918) else { return };
    let made = Made::kraken(0x0d_000d);
    let _key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    group.bot(&made).sign(&made); // the control
    let told = group.fails(&["without-new-privileges"], &made);
    assert!(told.contains("no_new_privs") || told.contains("new privileges"), "{told}");
}

#[test]
fn a_tracer_that_starts_the_signer_gets_none() {
    let Some(group) = Group::new(62_219, 62_919) else { return };
    let made = Made::kraken(0x0d_000e);
    let _key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    group.bot(&made).sign(&made); // the control
    group.fails(&["traced"], &made);
}

#[test]
fn the_bot_cannot_preload_code_into_the_signer() {
    let Some(group) = Group::new(62_220, 62_920) else { return };
    let made = Made::kraken(0x0d_000f);
    let _key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    let directory = group.place.directory_of(group.uid);
    let Some(library) = loader::library(&group.place) else { return };
    let (attacker, user) = (group.place.attacker(), group.user());
    let mut command = user.command(&attacker);
    command.env("LD_PRELOAD", &library).env("LD_AUDIT", &library).env(loader::MARKERS, &directory);
    command.arg("provision").arg(&attacker).arg("bot").arg(group.signer()).arg(&made.handle);
    let mut bot = user.bot_by(&mut command);
    bot.sign(&made);
    let loaded = |pid: i32| directory.join(pid.to_string()).exists();
    assert!(loaded(bot.pid()), "the control: it runs in the bot");
    assert!(!loaded(bot.signer), "it runs in the signer");
}

#[test]
fn a_start_of_a_signer_that_its_user_may_not_read_is_never_won_by_a_race() {
    let Some(group) = Group::new(62_221, 62_921) else { return };
    let (made, place) = (Made::kraken(0x0d_0010), &group.place);
    let key = group.add(&made, &format!(r#","users":[{}]"#, group.uid));
    let group_keys = User { place, uid: group.uid, keys: Vec::new() };
    let won = |user: &User, starts: &str, program: &Path, first: &str| {
        let attacker = place.attacker();
        let words =
            [attacker.to_str().unwrap(), "race", starts, first, program.to_str().unwrap(), &made.handle];
        user.enter(&words).0.hear().parse::<u32>().unwrap()
    };
    assert_eq!(won(&group_keys, "300", &group.signer(), HELLO), 0, "root:group 2711");
    assert!(won(&group_keys, "5", &place.naive(), "00") > 0, "the control");
    drop(key);

    // With 0711 it is a key of the user. What a developer builds can be read: that is why `hello` tells it.
    let own_key = User { place, uid: group.uid, keys: vec![("@s", &made, 0)] };
    assert_eq!(won(&own_key, "300", &unreadable(place), HELLO), 0, "root:root 0711");
    let readable = won(&own_key, "50", &place.signer(), HELLO);
    remark(&format!("of 50 starts of a signer that its user may read (0755), {readable} were won"));
}

/// A set-group-id signer of a group without members, and a user.
struct Group {
    place: Place,
    uid: u32,
    gid: u32,
}

impl Group {
    /// Nothing where the tests cannot run.
    fn new(uid: u32, gid: u32) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let group = Self { place: Place::new(), uid, gid };
        if !group.place.honours_set_group_id() {
            skip("the directory for temporary files is mounted nosuid; set TMPDIR to one that is not");
            return None;
        }
        let mode = fs::metadata(group.signer()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o2711);
        Some(group)
    }

    fn signer(&self) -> PathBuf {
        self.place.install(&signer(), "signer-2711", 0o2711, self.gid)
    }

    /// Root adds a key for the group, with further fields in its record.
    fn add(&self, made: &Made, more: &str) -> GroupKey {
        let payload = made.payload_for(more);
        GroupKey(add_group(&made.description(), &payload, self.gid, &mut [0; 1024]).unwrap())
    }

    fn user(&self) -> User<'_> {
        User { place: &self.place, uid: self.uid, keys: Vec::new() }
    }

    fn bot(&self, made: &Made) -> Bot {
        let (attacker, signer) = (self.place.attacker(), self.signer());
        self.user().bot_of(&[attacker.to_str().unwrap(), "bot", signer.to_str().unwrap(), &made.handle])
    }

    /// What the signer says when it refuses to start in this way.
    fn fails(&self, way: &[&str], made: &Made) -> String {
        let mut command = self.user().command(&self.place.attacker());
        command.args(way).arg(self.signer()).arg(&made.handle);
        let child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "no byte was answered: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("signbox-signer: "), "{told}");
        told
    }
}

/// In a `/var/lib` of its own: two users sign with the installed signer, then one of them reaches for the counts; and the same
/// with a signer and a directory of that user's own.
const COUNTS: &str = r#"
mount --types tmpfs none /var/lib && mkdir /var/lib/signbox && chgrp "$5" /var/lib/signbox &&
    chmod 2770 /var/lib/signbox || { echo no /var/lib; exit; }
as() { uid=$1; shift; setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"; }
ask() { uid=$1; shift; printf '%s\n' "$question" | as "$uid" "$@" "$handle"; }
installed=$1 own=$2 handle=$3 question=$4 directory=$6
file=/var/lib/signbox/$(echo "$handle" | tr / :).ledger
for uid in 62223 62224 62223; do ask "$uid" "$installed"; done
for attack in "cat $file" "rm $file" "truncate -s 0 $file" "mv $file $directory" "ls /var/lib/signbox" "ln $file $directory/x"; do
    if as 62223 $attack >/dev/null 2>&1; then echo "$attack"; else echo denied; fi
done
ask 62224 "$installed"
ask 62223 "$installed" --state "$directory/state"

export own installed question directory
as 62223 keyctl session - sh -c '
    printf %s "{\"secret\":\"c2VjcmV0\",\"limits\":{\"rate\":\"2/d\"}}" | keyctl padd user signbox:kraken:own @s >&2
    ask() { printf "%s\n" "$question" | sed "s/\"key\":\"[^\"]*\"/\"key\":\"kraken\\/own\"/" | "$@" kraken/own; }
    in_state() { ask "$own" --state "$directory/state"; }
    in_state; in_state; in_state; rm -r "$directory/state"; in_state
    ask "$installed"; ask "$installed" --state "$directory/state"
'
ls /var/lib/signbox | grep own || echo not counted there
"#;

/// Root's keyring outlives the test.
struct GroupKey(Key);

impl Drop for GroupKey {
    fn drop(&mut self) {
        let _ = self.0.unlink(Keyring::User);
    }
}

fn output_of(command: &mut Command) -> String {
    Talk::start(command).hear()
}
