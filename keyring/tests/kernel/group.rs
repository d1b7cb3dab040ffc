//! Group keys: root adds them, a set-group-id signer reads them, their user never does.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use signbox_keyring::{
    Error, Key, Keyring, MASK_GROUP, Secret, add, add_group, description, find, find_group, handle_of,
    keys_of_service, service_description,
};

use crate::props::{PAYLOAD, add_bogus, outcome, read, steal};
use crate::stage::{MAIN, play, say, skip, wait};

const USER: u32 = 61141;
const GROUP: u32 = 61941;

/// Root's keyring outlives the test, so every test has a name of its own and takes its keys away.
struct GroupKey(Key);

impl GroupKey {
    fn add(name: &str, gid: u32) -> Self {
        Self(add_group(name, PAYLOAD, gid, &mut [0; 64]).unwrap())
    }
}

impl Drop for GroupKey {
    fn drop(&mut self) {
        // Not invalidated: an expired key refuses that, and unlinking needs no right to the key.
        let _ = self.0.unlink(Keyring::User);
    }
}

#[test]
fn a_group_key_is_read_by_its_group_and_not_by_its_user() {
    play(0, |stage| {
        let name = description("kraken", "group-read");
        if stage.role() == MAIN {
            let key = GroupKey::add(&name, GROUP);
            assert_eq!(stage.actor("signer").user(USER, GROUP).fresh().with(key.0).run(), ["found", "ok"]);
            assert_eq!(
                stage.actor("user").user(USER, USER).fresh().with(key.0).run(),
                ["none", "not possessed"]
            );
            assert_eq!(stage.actor("user").user(USER, USER).with(key.0).run(), ["none", "not possessed"]);
            return;
        }
        say(found(&name, stage.key()));
        say(outcome(steal(stage.key())));
    });
}

#[test]
fn a_key_of_the_user_is_not_taken_for_a_group_key() {
    play(0, |stage| {
        let name = description("kraken", "decoy");
        match stage.role() {
            MAIN => {
                let decoy = stage.actor("decoy").user(USER + 1, GROUP).fresh().start();
                assert_eq!(stage.actor("signer").user(USER + 1, GROUP).fresh().ask(), "none");
                let key = GroupKey::add(&name, GROUP);
                let signer = stage.actor("owned").user(USER + 1, GROUP).fresh().with(key.0);
                assert_eq!(signer.ask(), "found", "with the decoy there");
                drop(decoy);
            }
            "decoy" => {
                // The best a user can do: in the right group even, with the very mask.
                let key = add_bogus(Keyring::User, &name).unwrap();
                key.set_permissions(MASK_GROUP).unwrap();
                let described = key.describe().unwrap();
                assert_eq!((described.gid, described.permissions), (GROUP, MASK_GROUP));
                assert!(key.set_owner(Some(0), None).is_err());
                say("ready");
                wait();
            }
            "owned" => say(found(&name, stage.key())),
            _ => {
                // The control: for a plain search the decoy is a key like any other.
                read(find(&name).unwrap()).unwrap();
                say(found(&name, Key::from_serial(0)));
            }
        }
    });
}

#[test]
fn adding_a_group_key_again_updates_it_under_the_eyes_of_its_readers() {
    play(0, |stage| {
        let name = description("kraken", "group-update");
        if stage.role() == MAIN {
            let key = GroupKey::add(&name, GROUP);
            let mut signer = stage.actor("signer").user(USER + 2, GROUP).fresh().start();
            assert_eq!(add_group(&name, b"new", GROUP, &mut [0; 64]).unwrap(), key.0);
            assert_eq!(signer.poke(), "new");
            // For another group it is another key, and the old one goes.
            let other = add_group(&name, PAYLOAD, GROUP + 1, &mut [0; 64]).unwrap();
            assert_ne!(other, key.0);
            let _other = GroupKey(other);
            assert_eq!(other.describe().unwrap().gid, GROUP + 1);
            return;
        }
        if stage.role() == "root" {
            return say(add_group(&name, b"new", GROUP, &mut [0; 64]).unwrap().serial());
        }
        let key = find_group(&name).unwrap().unwrap();
        read(key).unwrap();
        say("ready");
        wait();
        let mut page = [0; 64];
        let mut secret = Secret::empty(&mut page);
        secret.read(key).unwrap();
        say(String::from_utf8_lossy(secret.expose()));
    });
}

#[test]
fn a_set_group_id_program_reads_the_key_and_is_told_when_the_group_was_dropped() {
    play(0, |stage| {
        let name = description("kraken", "group-lost");
        if stage.role() == MAIN {
            let key = GroupKey::add(&name, GROUP);
            let signer = || stage.actor("signer").set_group_id(GROUP).fresh().with(key.0);
            let as_user = ["setpriv", "--reuid=61144", "--regid=61144", "--clear-groups"];
            if Command::new("setpriv").arg("--version").output().is_err() {
                return skip("it needs setpriv(1)");
            }
            assert_eq!(signer().through(&as_user).ask(), "found");
            let locked = [&as_user[..], &["--no-new-privs"]].concat();
            assert_eq!(signer().through(&locked).ask(), "group lost");
            return;
        }
        match find_group(&name).unwrap() {
            Some(key) => {
                read(key).unwrap();
                say("found");
            }
            None => {
                assert_eq!(outcome(read(stage.key())), "not possessed");
                assert!(matches!(find(&name), Err(Error::GroupLost(_))));
                say("group lost");
            }
        }
    });
}

#[test]
fn an_expired_and_a_revoked_group_key_are_told_from_a_missing_one() {
    play(0, |stage| {
        let [expired, revoked] = ["group-expired", "group-revoked"].map(|label| description("kraken", label));
        if stage.role() == MAIN {
            let keys = [GroupKey::add(&expired, GROUP), GroupKey::add(&revoked, GROUP)];
            assert_eq!(stage.actor("signer").user(USER + 4, GROUP).fresh().run(), ["ok", "ok"]);
            keys[0].0.set_timeout(1).unwrap();
            keys[1].0.revoke().unwrap();
            sleep(Duration::from_millis(2100));
            assert_eq!(stage.actor("signer").user(USER + 4, GROUP).fresh().run(), ["expired", "revoked"]);
            return;
        }
        for name in [expired, revoked] {
            say(outcome(find_group(&name).map(|key| assert!(key.is_some()))));
        }
    });
}

#[test]
fn two_group_keys_of_one_description_are_an_error() {
    play(0, |stage| {
        let name = description("kraken", "group-twice");
        if stage.role() == MAIN {
            let first = GroupKey::add(&name, GROUP);
            assert_eq!(stage.actor("signer").user(USER + 5, GROUP).fresh().ask(), "one");
            // Out of the way of the first, which the process and the user keyring hold.
            let second = GroupKey(add(Keyring::Session, &name, PAYLOAD, &mut [0; 64]).unwrap());
            second.0.set_owner(None, Some(GROUP)).unwrap();
            second.0.set_permissions(MASK_GROUP).unwrap();
            assert_ne!(first.0, second.0);
            assert_eq!(stage.actor("signer").user(USER + 5, GROUP).fresh().ask(), "several");
            return;
        }
        say(match find_group(&name) {
            Ok(Some(_)) => "one",
            Err(Error::Several(_)) => "several",
            other => panic!("{other:?}"),
        });
    });
}

#[test]
fn a_service_finds_all_keys_of_its_own_and_no_others() {
    play(0, |stage| {
        if stage.role() == MAIN {
            let own = |label: &str| service_description("t-own", "kraken", label);
            let signer = || stage.actor("signer").user(USER + 7, GROUP).fresh().ask();
            let _others = [
                GroupKey::add(&service_description("t-own-2", "kraken", "another-service"), GROUP),
                GroupKey::add(&own("another-group"), GROUP + 1),
                GroupKey::add(&description("kraken", "no-service"), GROUP),
                GroupKey(add(Keyring::User, &own("of-root-alone"), PAYLOAD, &mut [0; 64]).unwrap()),
            ];
            assert_eq!(signer(), "");
            let keys = ["b", "a", "revoked", "c"].map(|label| GroupKey::add(&own(label), GROUP));
            keys[2].0.revoke().unwrap();
            let decoy = stage.actor("decoy").user(USER + 8, GROUP).fresh().start();
            assert_eq!(signer(), "kraken/a kraken/b kraken/c", "in their order");
            drop(decoy);
            let second = GroupKey(add(Keyring::Session, &own("a"), PAYLOAD, &mut [0; 64]).unwrap());
            second.0.set_owner(None, Some(GROUP)).unwrap();
            second.0.set_permissions(MASK_GROUP).unwrap();
            assert_eq!(signer(), "several");
            return;
        }
        if stage.role() == "decoy" {
            let key = add_bogus(Keyring::User, &service_description("t-own", "kraken", "decoy")).unwrap();
            key.set_permissions(MASK_GROUP).unwrap();
            say("ready");
            return wait();
        }
        say(match keys_of_service("t-own") {
            Ok(keys) => {
                keys.iter().for_each(|(_, key)| read(*key).unwrap());
                let handles = keys.iter().map(|(name, _)| handle_of(name).unwrap());
                handles.map(|(exchange, label)| format!("{exchange}/{label}")).collect::<Vec<_>>().join(" ")
            }
            Err(Error::Several(_)) => "several".to_owned(),
            Err(other) => panic!("{other:?}"),
        });
    });
}

#[test]
fn only_root_adds_a_group_key() {
    play(USER + 6, |_| {
        let refused = add_group(&description("kraken", "main"), PAYLOAD, GROUP, &mut [0; 64]);
        assert!(matches!(refused, Err(Error::NotRoot)));
    });
}

fn found(name: &str, expected: Key) -> &'static str {
    match find_group(name).unwrap() {
        Some(key) if key == expected => "found",
        Some(_) => "another",
        None => "none",
    }
}
