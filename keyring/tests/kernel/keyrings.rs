//! Where a key may go, and what becomes of it there.

use std::thread::sleep;
use std::time::Duration;

use linux_keyutils::{KeyRing, KeyRingIdentifier};
use signbox_keyring::{
    Error, Key, Keyring, Place, SessionKind, State, description, find, join_fresh_session, list, session,
};

use crate::props::{PAYLOAD, add_bogus, forget_keys, outcome, read, soon};
use crate::stage::{MAIN, play, say, wait};

#[test]
fn a_session_of_another_user_takes_no_key() {
    play(0, |stage| {
        let name = description("kraken", "shared");
        match stage.role() {
            MAIN => {
                // As cron, su and LightDM do: two users, one session keyring of root's.
                let mut careless = stage.actor("careless").user(61151, 61151).start();
                assert_eq!(
                    stage.actor("neighbour").user(61152, 61152).ask(),
                    "ok",
                    "what the refusal is for"
                );
                careless.poke();
                stage.actor("careful").user(61153, 61153).run();
            }
            "careless" => {
                let session = KeyRing::from_special_id(KeyRingIdentifier::Session, false).unwrap();
                let key = session.add_key(&name, PAYLOAD).unwrap();
                say("ready");
                wait();
                key.invalidate().unwrap();
                say("gone");
            }
            "neighbour" => {
                let session = KeyRing::from_special_id(KeyRingIdentifier::Session, false).unwrap();
                say(outcome(read(Key::from_serial(session.search(&name).unwrap().get_id().0))));
            }
            _ => {
                forget_keys();
                assert!(!session().unwrap().ours);
                let refused = |result| matches!(result, Err(Error::SharedSession { uid: 0 }));
                assert!(refused(add_bogus(Keyring::Session, &name).map(drop)));
                let key = add_bogus(Keyring::User, &name).unwrap();
                assert!(refused(key.link(Keyring::Session)));
                assert!(refused(key.move_to(Keyring::User, Keyring::Session)));
                read(find(&name).unwrap()).unwrap();
                key.invalidate().unwrap();
            }
        }
    });
}

#[test]
fn a_key_another_user_left_in_a_shared_session_is_not_taken() {
    play(0, |stage| {
        let name = description("kraken", "planted");
        match stage.role() {
            MAIN => {
                let mut planter = stage.actor("planter").user(61154, 61154).start();
                stage.actor("victim").user(61155, 61155).run();
                planter.poke();
            }
            "planter" => {
                let session = KeyRing::from_special_id(KeyRingIdentifier::Session, false).unwrap();
                let key = session.add_key(&name, PAYLOAD).unwrap();
                say("ready");
                wait();
                key.invalidate().unwrap();
                say("gone");
            }
            _ => {
                forget_keys();
                // The control: a plain search takes it.
                let session = KeyRing::from_special_id(KeyRingIdentifier::Session, false).unwrap();
                let planted = Key::from_serial(session.search(&name).unwrap().get_id().0);
                read(planted).unwrap();
                assert!(matches!(find(&name), Err(Error::OtherOwner { uid: 61154, .. })));
                let own = add_bogus(Keyring::User, &name).unwrap();
                assert_eq!(find(&name).unwrap(), own);
                own.invalidate().unwrap();
            }
        }
    });
}

#[test]
fn a_moved_key_is_in_the_one_keyring_and_not_in_the_other() {
    play(61156, |_| {
        let name = description("kraken", "main");
        for (from, to) in [
            (Keyring::User, Keyring::Session),
            (Keyring::Session, Keyring::Persistent),
            (Keyring::Persistent, Keyring::User),
        ] {
            let key = add_bogus(from, &name).unwrap();
            key.move_to(from, to).unwrap();
            assert!(matches!(key.unlink(from), Err(Error::NotLinked(_))));
            assert!(matches!(key.move_to(from, to), Err(Error::NotLinked(_))));
            assert_eq!(find(&name).unwrap(), key);
            key.unlink(to).unwrap();
        }
    });
}

#[test]
fn a_key_lives_as_long_as_a_keyring_holds_it() {
    play(61157, |_| {
        let name = description("kraken", "main");
        let key = add_bogus(Keyring::User, &name).unwrap();
        key.link(Keyring::Session).unwrap();
        key.unlink(Keyring::User).unwrap();
        key.unlink(Keyring::Process).unwrap();
        read(key).unwrap();
        assert_eq!(find(&name).unwrap(), key);
        key.unlink(Keyring::Session).unwrap();
        read(key).unwrap(); // `find` linked it into the process keyring
        key.unlink(Keyring::Process).unwrap();
        assert!(read(key).is_err());
        assert_eq!(outcome(find(&name).map(drop)), "no such key");
    });
}

#[test]
fn an_invalidated_key_is_unreadable_at_once_and_soon_said_to_be_gone() {
    play(61158, |stage| {
        let name = description("kraken", "main");
        if stage.role() == MAIN {
            let key = add_bogus(Keyring::User, &name).unwrap();
            let mut signer = stage.actor("signer").start();
            assert_eq!(signer.poke(), "ok");
            key.invalidate().unwrap();
            assert_ne!(signer.poke(), "ok");
            // Until the kernel has collected it, the links are gone and the key is not: EACCES.
            soon(|| outcome(read(key)) == "no such key");
            assert_eq!(signer.poke(), "no such key");
            return;
        }
        let key = find(&name).unwrap();
        say("ready");
        for _ in 0..3 {
            wait();
            say(outcome(read(key)));
        }
    });
}

#[test]
fn an_update_clears_the_timeout_and_brings_an_expired_key_back() {
    play(61159, |_| {
        let name = description("kraken", "main");
        let expires = || list().unwrap().into_iter().find(|e| e.place == Place::User).unwrap();
        let key = add_bogus(Keyring::User, &name).unwrap();
        assert_eq!(expires().expires, None);
        key.set_timeout(1000).unwrap();
        assert!(expires().expires.is_some());
        key.set_timeout(0).unwrap();
        assert_eq!(expires().expires, None);
        key.set_timeout(1000).unwrap();
        assert_eq!(add_bogus(Keyring::User, &name).unwrap(), key);
        assert_eq!(expires().expires, None);

        key.set_timeout(1).unwrap();
        sleep(Duration::from_millis(2100));
        assert_eq!(outcome(read(key)), "expired");
        assert_eq!(expires().state, State::Expired);
        assert_eq!(add_bogus(Keyring::User, &name).unwrap(), key);
        read(key).unwrap();
        assert_eq!(expires().state, State::Live);
    });
}

#[test]
fn a_key_in_the_user_keyring_is_updated_from_a_session_without_it() {
    play(61160, |stage| {
        let name = description("kraken", "main");
        if stage.role() == MAIN {
            let key = stage.actor("add").fresh().ask_key();
            assert_eq!(stage.actor("add").fresh().ask_key(), key);
            return;
        }
        let key = add_bogus(Keyring::User, &name).unwrap();
        key.set_timeout(1000).unwrap(); // needs possession
        say(key.serial());
    });
}

#[test]
fn a_fresh_session_hides_the_keys_of_the_old_one_and_not_those_of_the_user() {
    play(61161, |stage| {
        let [here, everywhere] = ["here", "everywhere"].map(|label| description("kraken", label));
        if stage.role() == MAIN {
            add_bogus(Keyring::Session, &here).unwrap();
            add_bogus(Keyring::User, &everywhere).unwrap();
            stage.actor("bot").run();
            return;
        }
        let old = session().unwrap();
        let key = find(&here).unwrap();
        key.unlink(Keyring::Process).unwrap();
        read(key).unwrap();
        join_fresh_session().unwrap();
        let new = session().unwrap();
        assert_ne!(new.serial, old.serial);
        assert_eq!((new.kind, new.ours, new.holds_user_keyring), (SessionKind::Anonymous, true, false));
        assert_eq!(outcome(read(key)), "not possessed");
        assert_eq!(outcome(find(&here).map(drop)), "no such key");
        read(find(&everywhere).unwrap()).unwrap();
    });
}
