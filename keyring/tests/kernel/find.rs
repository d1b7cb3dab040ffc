//! Adding a key, finding it from elsewhere, and reading it.

use std::fs;

use linux_keyutils::{KeyRing, KeyRingIdentifier};
use signbox_keyring::{Error, Key, Keyring, description, find, session};

use crate::props::{add_bogus, outcome, read};
use crate::stage::{MAIN, Stage, play, say, wait};

#[test]
fn a_key_of_the_session_is_found_and_read_within_it() {
    play(61101, |stage| {
        let name = description("kraken", "session");
        if stage.role() == MAIN {
            let key = add_bogus(Keyring::Session, &name).unwrap();
            assert_eq!(stage.actor("signer").ask_key(), key);
            assert_eq!(stage.actor("outsider").fresh().ask(), "no such key");
            return;
        }
        match find(&name) {
            Ok(key) => {
                read(key).unwrap();
                say(key.serial());
            }
            Err(error) => say(outcome(Err(error))),
        }
    });
}

#[test]
fn a_key_of_the_user_keyring_is_found_and_read_in_every_session() {
    play(61102, |stage| in_every_session(stage, Keyring::User));
}

#[test]
fn a_key_of_the_persistent_keyring_is_found_and_read_in_every_session() {
    play(61103, |stage| in_every_session(stage, Keyring::Persistent));
}

fn in_every_session(stage: &Stage, keyring: Keyring) {
    let name = description("kraken", "everywhere");
    if stage.role() == MAIN {
        let key = add_bogus(keyring, &name).unwrap();
        assert_eq!(stage.actor("signer").ask_key(), key);
        assert_eq!(stage.actor("signer").fresh().ask_key(), key);
    } else {
        let key = find(&name).unwrap();
        read(key).unwrap();
        say(key.serial());
    }
}

#[test]
fn looking_for_a_key_makes_no_persistent_keyring() {
    play(61104, |_| {
        assert!(matches!(find(&description("kraken", "nowhere")), Err(Error::NoSuchKey(_))));
        assert!(!fs::read_to_string("/proc/keys").unwrap().contains("_persistent.61104"));
    });
}

#[test]
fn finding_cures_the_eacces_of_a_session_without_the_user_keyring() {
    play(61105, |stage| {
        let name = description("kraken", "cron");
        if stage.role() == MAIN {
            let key = add_bogus(Keyring::User, &name).unwrap();
            read(key).unwrap();
            stage.actor("job").fresh().with(key).run();
            return;
        }
        let session = session().unwrap();
        assert!(session.ours && !session.holds_user_keyring);
        // The illness: the key is there, and neither reading it nor a search that names `@u` by its serial may have it.
        let key = stage.key();
        let user = KeyRing::from_special_id(KeyRingIdentifier::User, false).unwrap();
        assert!(user.search(&name).is_err());
        assert_eq!(outcome(read(key)), "not possessed");
        assert_eq!(find(&name).unwrap(), key);
        read(key).unwrap();
    });
}

#[test]
fn a_key_once_found_outlives_the_session() {
    play(61106, |stage| {
        let name = description("kraken", "tmux");
        match stage.role() {
            MAIN => {
                add_bogus(Keyring::Session, &name).unwrap();
                let mut careless = stage.actor("careless").start();
                let mut careful = stage.actor("careful").start();
                Key::from_serial(session().unwrap().serial).revoke().unwrap();
                assert_ne!(careless.poke(), "ok");
                assert_eq!(careful.poke(), "ok");
            }
            role => {
                let session = KeyRing::from_special_id(KeyRingIdentifier::Session, false).unwrap();
                let key = match role {
                    "careful" => find(&name).unwrap(),
                    _ => Key::from_serial(session.search(&name).unwrap().get_id().0),
                };
                read(key).unwrap();
                say("ready");
                wait();
                say(outcome(read(key)));
            }
        }
    });
}
