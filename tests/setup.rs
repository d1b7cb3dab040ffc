//! `signbox setup`, and `--service` and `--credential` where keys are handled: as root, on an `/etc` of the test's own.
//!
//! Each test has its own mounts: what is written goes to memory and is gone with the test. systemd does not run there, so
//! nothing of this machine is started, stopped or enabled.
#![allow(clippy::unwrap_used)]

mod attack;
#[path = "setup/machine.rs"]
mod machine;

use machine::{Machine, SECRET};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

#[test]
fn setup_makes_a_user_settings_and_an_enabled_socket_and_twice_is_once() {
    let Some(machine) = Machine::new("t-make") else { return };
    for _ in 0..2 {
        machine.run(&["setup", "t-make", "--user", "trader"]).works(&[
            "set up t-make",
            "runs as      signbox-t-make",
            "answers      trader, at /run/signbox/t-make.sock",
            "sudo signbox add --service t-make EXCHANGE/LABEL",
        ]);
        let user = machine.line_of("/etc/passwd", "signbox-t-make:");
        assert!(user.ends_with(":/nonexistent:/usr/sbin/nologin"), "{user}");
        assert!(
            machine.line_of("/etc/shadow", "signbox-t-make:").starts_with("signbox-t-make:!"),
            "no password"
        );
        assert!(machine.line_of("/etc/group", "signbox-t-make:").ends_with(':'), "a group without members");
        let trader = machine.trader.to_string();
        assert!(setting("t-make", "socket").ends_with(&format!("[Socket]\nSocketUser={trader}\n")));
        assert!(
            setting("t-make", "service")
                .ends_with(&format!("[Service]\nEnvironment=SIGNBOX_PEER={trader}\n"))
        );
        let enabled = Path::new("/etc/systemd/system/sockets.target.wants/signbox@t-make.socket");
        assert!(enabled.symlink_metadata().is_ok());
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    assert_eq!(users.lines().filter(|line| line.starts_with("signbox-t-make:")).count(), 1);
}

#[test]
fn setup_for_another_user_changes_whom_the_service_answers() {
    let Some(machine) = Machine::new("t-change") else { return };
    machine.run(&["setup", "t-change", "--user", "trader"]).works(&[]);
    let add = ["add", "--service", "t-change", "binance/main", "--key", "KEYNAME", "--secret-fd", "0"];
    machine.run_with_secret(&add).works(&[]);
    machine.run(&["setup", "t-change", "--user", "trader"]).lacks("remark: binance/main");
    machine.run(&["setup", "t-change", "--user", "other"]).works(&[
        "answers      other",
        "remark: binance/main was added for the user whom the service answered before; add it again",
    ]);
    let other = machine.trader + 1;
    assert!(setting("t-change", "socket").contains(&format!("SocketUser={other}\n")));
    assert!(setting("t-change", "service").contains(&format!("SIGNBOX_PEER={other}\n")));
    // A number is as good as a name.
    machine
        .run(&["setup", "t-change", "--user", &machine.trader.to_string()])
        .works(&["answers      trader"]);
    assert!(setting("t-change", "socket").contains(&format!("SocketUser={}\n", machine.trader)));
}

#[test]
fn setup_refuses_what_cannot_be_and_leaves_nothing() {
    let Some(machine) = Machine::new("t-wrong") else { return };
    machine
        .run(&["setup", "t-wrong", "--user", "nobody-of-this-name"])
        .fails("there is no user 'nobody-of-this-name'");
    machine.run(&["setup", "t-wrong", "--user", "61999"]).fails("there is no user 61999");
    machine.run(&["setup", "t-wrong", "--user", "root"]).fails("a bot that runs as root can read every key");
    machine.run(&["setup", "t-wrong", "--user", "0"]).fails("a bot that runs as root can read every key");
    for bad in [
        "T-wrong",
        "t--wrong",
        "t-",
        "1t",
        "t.wrong",
        "t/wrong",
        "../t",
        "t wrong",
        "t@x",
        "",
        "t23456789012345678901",
    ] {
        machine.run(&["setup", bad, "--user", "trader"]).fails("is no name for a service");
        machine.run(&["setup", bad, "--remove"]).fails("is no name for a service");
        machine.run(&["list", "--service", bad]).fails("is no name for a service");
    }
    machine.run(&["setup", "t-wrong", "--remove"]).fails("there is no service 't-wrong'");
    machine
        .run_as(machine.trader, &["setup", "t-wrong", "--user", "trader"])
        .fails("only root can set up a service");
    machine.run_as(machine.trader, &["setup", "t-wrong", "--remove"]).fails("only root can set up a service");
    machine.run(&["setup", "t-wrong"]).refuses_its_usage();
    machine.run(&["setup", "t-wrong", "--user", "trader", "--remove"]).refuses_its_usage();
    // A user of this name who can log in is somebody else.
    machine.make_user("signbox-t-person", "/bin/sh");
    machine.run(&["setup", "t-person", "--user", "trader"]).fails("who can log in; choose another name");
    assert!(!Path::new("/etc/systemd/system/signbox@t-person.service.d").exists());
    machine.without_units();
    machine
        .run(&["setup", "t-wrong", "--user", "trader"])
        .fails("the unit signbox@.service is not installed");
    assert!(!fs::read_to_string("/etc/passwd").unwrap().contains("signbox-t-wrong"));
    assert!(!Path::new("/etc/systemd/system/signbox@t-wrong.service.d").exists());
}

#[test]
fn a_service_has_keys_of_its_own_that_its_group_alone_reads() {
    let Some(machine) = Machine::new("t-keys") else { return };
    let add = ["add", "--service", "t-keys", "binance/main", "--key", "KEYNAME", "--secret-fd", "0"];
    machine
        .run_with_secret(&add)
        .fails("there is no service 't-keys'; 'sudo signbox setup t-keys --user USER' makes it");
    machine.run(&["setup", "t-keys", "--user", "trader"]).works(&[]);
    machine.run_as(machine.trader, &add).fails("only root can give a service a key");
    machine.run_with_secret(&add).works(&[
        "stored binance/main",
        "usable by    trader",
        "readable by  only the service t-keys",
    ]);
    machine.run_with_secret(&add).works(&["replaced binance/main, at once for running signers too"]);
    let gid = machine.line_of("/etc/group", "signbox-t-keys:").split(':').nth(2).unwrap().to_owned();
    let key = machine.key("signbox@t-keys:binance:main").unwrap();
    let words: Vec<&str> = key.split_whitespace().collect();
    assert_eq!(words[4..7], ["3f000300", "0", &gid], "{key}");
    // What the kernel holds names the peer.
    let serial = i32::from_str_radix(words[0], 16).unwrap();
    let mut room = [0; 1024];
    let mut record = signbox_keyring::Secret::empty(&mut room);
    record.read(signbox_keyring::Key::from_serial(serial)).unwrap();
    let record: serde_json::Value = serde_json::from_slice(record.expose()).unwrap();
    assert_eq!(record["users"], serde_json::json!([machine.trader]));
    assert_eq!(record["secret"], SECRET);

    // Keys of one's own are others, of the same name.
    let list = machine.run(&["list", "--service", "t-keys"]).works(&[
        "binance/main",
        "3f000300",
        "only the service t-keys",
    ]);
    assert_eq!(list.lines().count(), 2, "{list}");
    machine.run(&["list", "--service", "t-none"]).lacks("binance/main");
    machine
        .run(&["show", "--service", "t-keys", "binance/main"])
        .works(&["readable by  only the service t-keys"]);
    machine.run(&["show", "--service", "t-keys", "binance/none"]).fails("");
    machine.run(&["timeout", "--service", "t-keys", "binance/main", "1h"]).works(&["is forgotten in 1h"]);
    machine.run(&["timeout", "--service", "t-keys", "binance/none", "1h"]).fails("binance/none");
    machine.run(&["list", "--service", "t-keys"]).lacks(" live   - ");
    machine
        .run(&["revoke", "--service", "t-keys", "binance/main"])
        .works(&["revoked binance/main, a key of the service t-keys"]);
    machine.run(&["list", "--service", "t-keys"]).works(&["revoked", "nobody"]);
    machine.run_with_secret(&add).works(&["replaced binance/main, which was revoked"]);
    machine
        .run(&["remove", "--service", "t-keys", "binance/main"])
        .works(&["removed binance/main, a key of the service t-keys"]);
    machine.run(&["remove", "--service", "t-keys", "binance/main"]).fails("binance/main");
    assert_eq!(machine.key("signbox@t-keys:binance:main"), None);
    machine.the_secret_is_nowhere();
}

#[test]
fn the_user_whom_it_was_set_up_for_signs_by_the_service_and_nobody_else_does() {
    let Some(machine) = Machine::new("t-signs") else { return };
    machine.run(&["setup", "t-signs", "--user", "trader"]).works(&[]);
    let add = ["add", "--service", "t-signs", "binance/main", "--key", "KEYNAME", "--secret-fd", "0"];
    machine.run_with_secret(&add).works(&[]);
    let get = ["--service", "t-signs", "binance/main", "GET", "/api/v3/account"];
    let with = |verb: &'static str| [&[verb], &get[..]].concat();
    machine.run_as(machine.trader, &with("sign")).fails("there is no service at /run/signbox/t-signs.sock");
    let _running = machine.start("t-signs");
    machine.run_as(machine.trader, &with("check")).works(&["allowed (read, GET /api/v3/account)"]);
    machine.run_as(machine.trader, &with("sign")).works(&["signature="]);
    let show = ["show", "--service", "t-signs", "binance/main"];
    machine.run_as(machine.trader, &show).works(&["may          read trade cancel", "mode         service"]);
    machine
        .run_as(machine.trader + 1, &with("sign"))
        .fails("the service at /run/signbox/t-signs.sock answers another user");
    // A new secret counts at once, and so does its end.
    machine.run_with_secret(&add).works(&["replaced binance/main, at once for running signers too"]);
    machine.run_as(machine.trader, &with("sign")).works(&["signature="]);
    machine.run(&["revoke", "--service", "t-signs", "binance/main"]).works(&[]);
    machine.run_as(machine.trader, &with("sign")).fails("was revoked");
}

#[test]
fn a_member_of_a_services_group_would_read_its_keys_and_is_found() {
    let Some(machine) = Machine::new("t-member") else { return };
    machine.run(&["setup", "t-member", "--user", "trader"]).works(&[]);
    machine.program("gpasswd", &["--add", "trader", "signbox-t-member"]);
    let add = ["add", "--service", "t-member", "binance/main", "--key", "KEYNAME", "--secret-fd", "0"];
    machine
        .run_with_secret(&add)
        .fails("'trader' is a member of the group 'signbox-t-member' and could read the key");
    machine.program("gpasswd", &["--delete", "trader", "signbox-t-member"]);
    machine.run_with_secret(&add).works(&["stored"]);
}

#[test]
fn a_credential_is_encrypted_and_systemd_is_told_of_it() {
    let Some(machine) = Machine::new("t-cred") else { return };
    if !machine.has_credentials() {
        return;
    }
    machine.run(&["setup", "t-cred", "--user", "trader"]).works(&[]);
    let add = |handle: &'static str, more: &'static [&str]| {
        let words = ["add", "--service", "t-cred", handle, "--key", "KEYNAME", "--secret-fd", "0"];
        machine.run_with_secret(&[&words[..], more].concat())
    };
    // A key of that name makes way for it.
    add("binance/main", &[]).works(&["stored binance/main"]);
    let path = "/etc/signbox/credentials/t-cred/signbox.binance.main";
    add("binance/main", &["--credential"]).works(&[
        "stored binance/main",
        &format!("kept         encrypted for this machine, in {path}"),
        "readable by  only the service t-cred",
    ]);
    assert_eq!(machine.key("signbox@t-cred:binance:main"), None, "two of one name would be one too many");
    let file = fs::metadata(path).unwrap();
    assert_eq!((file.permissions().mode() & 0o7777, file.uid(), file.gid()), (0o600, 0, 0));
    let folder = fs::metadata("/etc/signbox/credentials/t-cred").unwrap();
    assert_eq!((folder.permissions().mode() & 0o777, folder.uid()), (0o700, 0));
    // Where the owner's policy is, which every signer reads.
    assert_eq!(fs::metadata("/etc/signbox").unwrap().permissions().mode() & 0o777, 0o755);
    let record = machine.decrypted("signbox.binance.main", path);
    assert_eq!(record["secret"], SECRET);
    assert_eq!(record["users"], serde_json::json!([machine.trader]));
    let mut other = Command::new("systemd-creds");
    other.args(["decrypt", "--name=signbox.binance.other", path, "-"]);
    assert!(!other.output().unwrap().status.success(), "under another name it is none");
    assert_eq!(loaded("t-cred"), [format!("LoadCredentialEncrypted=signbox.binance.main:{path}")]);

    add("kraken/main", &["--credential"]).works(&[]);
    assert_eq!(loaded("t-cred").len(), 2);
    machine
        .run(&["list", "--service", "t-cred"])
        .works(&["binance/main  credential  live", "kraken/main   credential  live"]);
    add("binance/main", &["--credential", "--limit", "rate=1/s"]).works(&["limit        rate = 1/s"]);
    assert_eq!(
        machine.decrypted("signbox.binance.main", path)["limits"]["rate"][0],
        "1/s",
        "it was replaced"
    );
    assert_eq!(loaded("t-cred").len(), 2);
    // A key beside it would be the second of that name.
    add("binance/main", &[])
        .fails("binance/main is a credential of the service t-cred; '--credential' replaces it");
    assert_eq!(machine.key("signbox@t-cred:binance:main"), None);
    add("binance/main", &["--credential", "--timeout", "1h"]).refuses_its_usage();
    machine.run(&["add", "--credential", "binance/main"]).refuses_its_usage();

    machine
        .run(&["remove", "--service", "t-cred", "binance/main"])
        .works(&["removed binance/main, a credential"]);
    assert!(!Path::new(path).exists());
    assert_eq!(loaded("t-cred").len(), 1);
    machine
        .run(&["remove", "--service", "t-cred", "kraken/main"])
        .works(&["removed kraken/main, a credential"]);
    assert!(!Path::new("/etc/systemd/system/signbox@t-cred.service.d/credentials.conf").exists());
    add("binance/main", &[]).works(&["stored binance/main"]);
    machine.the_secret_is_nowhere();
}

#[test]
fn a_credential_that_cannot_be_encrypted_is_not_stored() {
    let Some(machine) = Machine::new("t-fails") else { return };
    machine.run(&["setup", "t-fails", "--user", "trader"]).works(&[]);
    let words = [
        "add",
        "--service",
        "t-fails",
        "binance/main",
        "--key",
        "KEYNAME",
        "--secret-fd",
        "0",
        "--credential",
    ];
    machine.without_systemd_creds().run_with_secret(&words).fails("systemd-creds");
    assert!(!Path::new("/etc/signbox/credentials").exists());
    machine.the_secret_is_nowhere();
}

#[test]
fn setup_remove_takes_everything_but_the_records() {
    let Some(machine) = Machine::new("t-gone") else { return };
    let before = machine.written();
    machine.run(&["setup", "t-gone", "--user", "trader"]).works(&[]);
    let add = |handle: &'static str, more: &'static [&str]| {
        let words = ["add", "--service", "t-gone", handle, "--key", "KEYNAME", "--secret-fd", "0"];
        machine.run_with_secret(&[&words[..], more].concat()).works(&[]);
    };
    add("binance/main", &[]);
    add("kraken/dead", &[]);
    machine.run(&["revoke", "--service", "t-gone", "kraken/dead"]).works(&[]);
    if machine.has_credentials() {
        add("binance/kept", &["--credential"]);
    }
    // One service's end is not another's.
    machine.run(&["setup", "t-gone-2", "--user", "trader"]).works(&[]);
    let second = ["add", "--service", "t-gone-2", "binance/main", "--key", "KEYNAME", "--secret-fd", "0"];
    machine.run_with_secret(&second).works(&[]);
    fs::create_dir("/var/lib/signbox-t-gone").unwrap();
    fs::write("/var/lib/signbox-t-gone/binance:main.audit", "a record\n").unwrap();

    machine.run(&["setup", "t-gone", "--remove"]).works(&[
        "revoked binance/main; delete it at the exchange too",
        "removed the service t-gone; its records stay in /var/lib/signbox-t-gone",
    ]);
    assert_eq!(machine.key("signbox@t-gone:binance:main"), None);
    assert_eq!(machine.key("signbox@t-gone:kraken:dead"), None);
    assert!(machine.key("signbox@t-gone-2:binance:main").is_some());
    assert!(fs::exists("/var/lib/signbox-t-gone/binance:main.audit").unwrap());
    machine.run(&["setup", "t-gone", "--remove"]).fails("there is no service 't-gone'");
    machine.run(&["setup", "t-gone-2", "--remove"]).works(&["removed the service t-gone-2\n"]);
    // Nothing that was not there before, but for the records, and the machine's own.
    let left: Vec<String> = machine.written().into_iter().filter(|path| !before.contains(path)).collect();
    let ours = |path: &&String| path.contains("signbox") || path.contains("systemd/system");
    let ours: Vec<&String> = left.iter().filter(ours).collect();
    assert_eq!(ours, ["/var/lib/signbox-t-gone/binance:main.audit"], "{left:?}");
    for file in ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"] {
        assert!(!fs::read_to_string(file).unwrap_or_default().contains("signbox-t-gone"), "{file}");
    }
    machine.the_secret_is_nowhere();
}

/// What setup has settled for a unit.
fn setting(bot: &str, unit: &str) -> String {
    let path = format!("/etc/systemd/system/signbox@{bot}.{unit}.d/setup.conf");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    fs::read_to_string(path).unwrap()
}

/// The credentials that systemd is told of.
fn loaded(bot: &str) -> Vec<String> {
    let text =
        fs::read_to_string(format!("/etc/systemd/system/signbox@{bot}.service.d/credentials.conf")).unwrap();
    text.lines().filter(|line| line.starts_with("Load")).map(str::to_owned).collect()
}
