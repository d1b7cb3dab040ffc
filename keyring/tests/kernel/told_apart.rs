//! Every way in which a key can be out of reach has an error of its own.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use signbox_keyring::{Error, Key, KeyName, Keyring, add, description, find, join_fresh_session, session};

use crate::props::{PAYLOAD, add_bogus, outcome, read};
use crate::stage::{MAIN, play, say, skip};

#[test]
fn a_missing_an_expired_and_a_revoked_key_are_told_apart() {
    play(61111, |_| {
        for keyring in [Keyring::Session, Keyring::User] {
            let [missing, expired, revoked] =
                ["missing", "expired", "revoked"].map(|label| description("kraken", label));
            let expiring = add_bogus(keyring, &expired).unwrap();
            expiring.set_timeout(1).unwrap();
            let ending = add_bogus(keyring, &revoked).unwrap();
            read(expiring).unwrap();
            read(ending).unwrap();
            ending.revoke().unwrap();
            sleep(Duration::from_millis(2100));

            assert_eq!(outcome(find(&missing).map(drop)), "no such key");
            assert_eq!(outcome(find(&expired).map(drop)), "expired");
            assert_eq!(outcome(find(&revoked).map(drop)), "revoked");
            assert_eq!(outcome(read(expiring)), "expired");
            assert_eq!(outcome(read(ending)), "revoked");
            assert_eq!(outcome(read(Key::from_serial(i32::MAX))), "no such key");
        }
    });
}

#[test]
fn a_key_that_is_not_possessed_is_told_from_a_missing_one() {
    play(61112, |stage| {
        if stage.role() == MAIN {
            let key = add_bogus(Keyring::User, &description("kraken", "main")).unwrap();
            read(key).unwrap();
            stage.actor("stranger").fresh().with(key).run();
            return;
        }
        let error = read(stage.key()).unwrap_err();
        assert!(matches!(error, Error::NotPossessed(KeyName::Serial(key)) if key == stage.key()));
        let text = error.to_string();
        assert!(
            ["sudo", "cron", "LightDM", "KeyringMode=shared"].iter().all(|word| text.contains(word)),
            "{text}"
        );
    });
}

#[test]
fn a_full_quota_is_told() {
    play(61113, |_| {
        let full =
            (0..1000).find_map(|n| add_bogus(Keyring::User, &description("kraken", &n.to_string())).err());
        let error = full.unwrap();
        assert!(matches!(error, Error::Quota), "{error:?}");
        assert!(error.to_string().contains("kernel.keys.maxkeys"));
    });
}

#[test]
fn a_revoked_session_is_told_from_a_revoked_key() {
    play(61114, |_| {
        let name = description("kraken", "main");
        add_bogus(Keyring::Session, &name).unwrap().unlink(Keyring::Process).unwrap();
        find(&name).unwrap().unlink(Keyring::Process).unwrap();
        Key::from_serial(session().unwrap().serial).revoke().unwrap();
        assert!(matches!(find(&name), Err(Error::Revoked(KeyName::Keyring(Keyring::Session)))));
        assert!(matches!(add_bogus(Keyring::Session, &name), Err(Error::Revoked(_))));
        add_bogus(Keyring::User, &name).unwrap();
        find(&name).unwrap();
    });
}

#[test]
fn another_user_namespace_is_told() {
    play(61115, |stage| {
        let name = description("kraken", "main");
        if stage.role() != MAIN {
            return say(match find(&name) {
                Ok(_) => "found",
                Err(Error::OtherUserNamespace(_)) => "other user namespace",
                Err(error) => panic!("{error:?}"),
            });
        }
        add_bogus(Keyring::User, &name).unwrap();
        assert_eq!(stage.actor("signer").fresh().ask(), "found");
        let unshare = ["unshare", "--user", "--map-root-user"];
        match Command::new(unshare[0]).args(&unshare[1..]).arg("true").status() {
            Ok(status) if status.success() => {
                assert_eq!(stage.actor("signer").fresh().through(&unshare).ask(), "other user namespace");
            }
            _ => skip("it needs unprivileged user namespaces and unshare(1)"),
        }
    });
}

#[test]
fn a_container_that_refuses_keyctl_is_told() {
    play(61116, |_| {
        let name = description("kraken", "main");
        let key = add_bogus(Keyring::User, &name).unwrap();
        find(&name).unwrap();
        refuse_keyrings_as_docker_does();
        for error in [
            find(&name).unwrap_err(),
            add_bogus(Keyring::User, &name).unwrap_err(),
            key.set_timeout(1).unwrap_err(),
            join_fresh_session().unwrap_err(),
            session().unwrap_err(),
            read(key).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
            assert!(error.to_string().contains("docker"));
        }
        say("done");
        std::process::exit(0);
    });
}

#[test]
fn no_error_shows_the_payload() {
    play(61117, |_| {
        let name = description("kraken", "main");
        let errors = [
            add(Keyring::User, &name, PAYLOAD, &mut [0; 4]).unwrap_err(),
            add(Keyring::User, &name, b"", &mut [0; 4]).unwrap_err(),
            add(Keyring::User, "a\0b", PAYLOAD, &mut [0; 64]).unwrap_err(),
            find("a\0b").unwrap_err(),
        ];
        assert!(matches!(
            errors,
            [
                Error::TooLong { length: 22, room: 4 },
                Error::Empty,
                Error::BadDescription(_),
                Error::BadDescription(_)
            ]
        ));
        for error in errors {
            assert!(!format!("{error:?} {error}").contains("bogus"));
        }
    });
}

fn refuse_keyrings_as_docker_does() {
    // x86-64 and aarch64 numbers of add_key, request_key and keyctl.
    let calls: [i64; 3] = if cfg!(target_arch = "x86_64") { [248, 249, 250] } else { [217, 218, 219] };
    let rules: BTreeMap<_, _> = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let architecture = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let refuse = SeccompAction::Errno(1);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}
