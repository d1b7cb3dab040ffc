//! The list: every key in its place, and who else can have it.

use signbox_keyring::{Keyring, Place, State, add_group, description, handle_of, list, session};

use crate::props::{PAYLOAD, add_bogus, steal};
use crate::stage::{MAIN, play, say, wait};

#[test]
fn every_key_is_listed_in_its_place_with_who_can_have_it() {
    play(61171, |stage| {
        if stage.role() == MAIN {
            for (keyring, label) in
                [(Keyring::Session, "session"), (Keyring::User, "user"), (Keyring::Persistent, "persistent")]
            {
                let key = add_bogus(keyring, &description("kraken", label)).unwrap();
                key.unlink(Keyring::Process).unwrap();
                key.set_timeout(1000).unwrap_or_default(); // possessed through the session only
            }
            add_bogus(Keyring::User, "of another program").unwrap();
            add_bogus(Keyring::User, &description("kraken", "revoked")).unwrap().revoke().unwrap();
        }
        let entries = list().unwrap();
        let entry =
            |label: &str| entries.iter().find(|e| handle_of(&e.description) == Some(("kraken", label)));
        assert!(entries.iter().all(|e| handle_of(&e.description).is_some()));

        for (label, place) in [("user", Place::User), ("persistent", Place::Persistent)] {
            let entry = entry(label).unwrap();
            assert_eq!((entry.place, entry.open_to_user, entry.state), (place, true, State::Live));
            assert_eq!((entry.uid, entry.gid, entry.permissions), (61171, 61171, 0x3f01_0000));
            if stage.role() == "elsewhere" {
                steal(entry.key).unwrap(); // that is what "open" means
            }
        }
        assert_eq!(entry("revoked").unwrap().state, State::Revoked);
        if stage.role() == "elsewhere" {
            return assert_eq!(entry("session"), None);
        }
        let entry = entry("session").unwrap();
        assert_eq!((entry.place, entry.open_to_user), (Place::Session, false));
        assert!(entry.expires.is_some());
        assert!(steal(entry.key).is_ok());
        if stage.role() == MAIN {
            stage.actor("same session").run();
            stage.actor("elsewhere").fresh().run();
        }
    });
}

#[test]
fn a_group_key_is_listed_for_its_group_and_for_root() {
    play(0, |stage| {
        let name = description("kraken", "group-list");
        let here = || list().unwrap().into_iter().find(|entry| entry.description == name);
        if stage.role() == MAIN {
            let key = add_group(&name, PAYLOAD, 61942, &mut [0; 64]).unwrap();
            let signer = stage.actor("signer").user(61172, 61942).fresh().ask();
            let user = stage.actor("user").user(61172, 61172).fresh().ask();
            let root = here().unwrap();
            key.invalidate().unwrap();
            assert_eq!((root.key, root.place, root.open_to_user), (key, Place::Group, false));
            assert_eq!((signer.as_str(), user.as_str()), ("Group", "nothing"));
            return;
        }
        say(here().map_or("nothing".to_owned(), |entry| format!("{:?}", entry.place)));
    });
}

#[test]
fn keys_in_a_shared_session_are_listed_as_open() {
    play(0, |stage| {
        let name = description("kraken", "shared-list");
        let here = || list().unwrap().into_iter().find(|entry| entry.description == name).unwrap();
        if stage.role() == MAIN {
            let key = add_bogus(Keyring::Session, &name).unwrap();
            assert!(session().unwrap().ours && !here().open_to_user);
            let mut neighbour = stage.actor("neighbour").user(61173, 61173).start();
            assert_eq!(neighbour.poke(), "true");
            return key.invalidate().unwrap();
        }
        say("ready");
        wait();
        say(here().open_to_user);
    });
}
