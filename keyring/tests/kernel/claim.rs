//! The claim: who can still have a key, and who could before.

use std::thread::sleep;
use std::time::Duration;

use signbox_keyring::{Error, Keyring, MASK_CLAIMED, description, find};

use crate::props::{add_bogus, outcome, read, steal};
use crate::stage::{MAIN, Stage, play, say, wait};

const OPEN: &str = "open";
const CLAIMED: &str = "claimed";

#[test]
fn a_claimed_key_of_the_user_keyring_is_out_of_reach_of_the_user() {
    play(61131, |stage| stolen_before_the_claim_and_not_after(stage, Keyring::User));
}

#[test]
fn a_claimed_key_of_the_persistent_keyring_is_out_of_reach_of_the_user() {
    play(61132, |stage| stolen_before_the_claim_and_not_after(stage, Keyring::Persistent));
}

#[test]
fn a_claimed_key_of_the_session_is_out_of_reach_of_the_session() {
    play(61133, |stage| stolen_before_the_claim_and_not_after(stage, Keyring::Session));
}

fn stolen_before_the_claim_and_not_after(stage: &Stage, keyring: Keyring) {
    match stage.role() {
        MAIN => {
            let open = stage.actor(OPEN).ask_key();
            let claimed = stage.actor(CLAIMED).ask_key();
            assert_eq!(stage.actor("thief").with(claimed).run(), ["ok", "ok", "ok"], "before the claim");
            let mut signer = stage.actor("signer").start();
            assert_eq!(stage.actor("thief").with(open).run(), ["ok", "ok", "ok"], "not claimed");
            assert_eq!(
                stage.actor("thief").with(claimed).run(),
                ["not possessed", "not possessed", "no such key"],
                "claimed"
            );
            assert_eq!(outcome(claimed.revoke()), "not possessed");
            assert_eq!(signer.poke(), "ok");
        }
        "signer" => {
            let key = find(&description("kraken", CLAIMED)).unwrap();
            // Whoever held it a moment ago has ended; the kernel forgets their keyrings in its own time.
            sleep(Duration::from_millis(200));
            key.claim().unwrap();
            assert_eq!(key.describe().unwrap().permissions, MASK_CLAIMED);
            say("ready");
            wait();
            say(outcome(read(key)));
        }
        "thief" => {
            let key = stage.key();
            say(outcome(steal(key)));
            say(outcome(key.describe().map(drop)));
            // By name: `CLAIMED` is in none of the keyrings any more.
            let name = key.describe().map_or(description("kraken", CLAIMED), |d| d.description);
            say(outcome(find(&name).map(drop)));
        }
        label => say(add_bogus(keyring, &description("kraken", label)).unwrap().serial()),
    }
}

#[test]
fn a_claim_is_refused_while_someone_else_holds_a_link() {
    play(61134, |stage| {
        let name = description("kraken", "main");
        match stage.role() {
            MAIN => {
                stage.actor("provisioner").run();
                assert_eq!(stage.actor("signer").ask(), "claimed", "nobody holds it");
                stage.actor("provisioner").run();
                let mut holder = stage.actor("holder").start();
                assert_eq!(stage.actor("signer").ask(), "also held");
                assert_eq!(holder.poke(), "ok", "the refusal is true: the holder still reads it");
            }
            "provisioner" => drop(add_bogus(Keyring::User, &name).unwrap()),
            "holder" => {
                let key = find(&name).unwrap();
                say("ready");
                wait();
                say(outcome(steal(key)));
            }
            _ => {
                let key = find(&name).unwrap();
                sleep(Duration::from_millis(200));
                say(match key.claim() {
                    Ok(()) => "claimed",
                    Err(Error::AlsoHeld(held)) if held == key => "also held",
                    Err(error) => panic!("{error:?}"),
                });
                // What was read before the end keeps the link until here.
                read(key).unwrap();
            }
        }
    });
}

#[test]
fn a_timeout_set_before_the_claim_ends_a_claimed_key() {
    play(61135, |_| {
        let key = add_bogus(Keyring::User, &description("kraken", "main")).unwrap();
        key.set_timeout(2).unwrap();
        key.claim().unwrap();
        read(key).unwrap();
        assert_eq!(outcome(key.set_timeout(100)), "not possessed");
        sleep(Duration::from_millis(3100));
        assert_eq!(outcome(read(key)), "expired");
    });
}
