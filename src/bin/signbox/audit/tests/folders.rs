//! Logs in folders of their own: with a ledger, put aside, taken away, linked, and read while somebody writes.

use super::{head, lines, log};
use crate::audit::files::{Log, logs};
use crate::audit::{rotate, verify};
use crate::cli::{AuditRotate, AuditVerify, Logs, StateFolder};
use crate::written::Writer;
use nix::fcntl::FlockArg;
use signbox::ledger::{self, Head};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::ExitCode;

/// A folder that is gone with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("signbox-audit-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn state(&self) -> StateFolder {
        StateFolder { state: self.0.clone() }
    }

    /// Writes a log and the ledger that belongs to it.
    fn put(&self, log: &Writer) {
        fs::write(self.0.join("binance:main.audit"), &log.text).unwrap();
        self.count(head(log));
    }

    fn count(&self, head: Head) {
        let path = self.0.join("binance:main.ledger");
        ledger::rewrite(&path, |_| Ok::<_, String>(head)).unwrap();
    }

    /// Whether the log is whole, and what is said of it.
    fn verify(&self, noted: Option<[u8; 32]>) -> (bool, String) {
        let logs = Logs { handles: vec![], state: self.state() };
        let args = AuditVerify { logs, public: vec![], head: noted };
        let verdict = verify::verify(&Log::of("binance/main", &self.0).unwrap(), &args);
        verdict.map_or_else(|error| (false, error.to_string()), |verdict| (verdict.whole, verdict.text))
    }

    fn rotate(&self) -> Result<ExitCode, String> {
        let args = AuditRotate { handle: "binance/main".to_owned(), state: self.state() };
        rotate::run(&args).map_err(|error| error.to_string())
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_log_with_its_ledger_is_whole_and_says_what_to_note() {
    let folder = Folder::new("whole");
    let log = log(30);
    folder.put(&log);
    let (whole, said) = folder.verify(None);
    assert!(whole && said.starts_with("binance/main: whole\n"), "{said}");
    let noted = format!("  head     {} number 30\n", crate::audit::to_hex(&log.hash));
    assert!(
        said.contains(&noted) && said.contains(&format!("  key      {} signed 1 time", log.public())),
        "{said}"
    );
    // Without the ledger, its end is not known, unless a hash was noted.
    fs::remove_file(folder.0.join("binance:main.ledger")).unwrap();
    let (whole, said) = folder.verify(None);
    assert!(
        !whole && said.contains("NOT KNOWN TO BE WHOLE: there is no ledger") && said.contains(&noted),
        "{said}"
    );
    assert!(folder.verify(Some(log.hash)).0);
    assert!(folder.verify(Some([7; 32])).1.contains("there is no line with the hash 0707"));
}

#[test]
fn a_log_that_is_gone_or_shorter_than_its_ledger_says_is_not_whole() {
    let folder = Folder::new("gone");
    let log = log(30);
    folder.put(&log);
    fs::write(folder.0.join("binance:main.audit"), lines(&log)[..29].concat()).unwrap();
    let (whole, said) = folder.verify(None);
    assert!(
        !whole && said.contains("line 29 of binance:main.audit: the ledger counts up to line 30"),
        "{said}"
    );
    fs::remove_file(folder.0.join("binance:main.audit")).unwrap();
    assert_eq!(logs(&[], &folder.0).unwrap().len(), 1, "its ledger is still there");
    let (whole, said) = folder.verify(None);
    assert!(!whole && said.contains("the log is gone; the ledger counts 30 lines"), "{said}");
}

#[test]
fn what_was_put_aside_stays_a_part_of_the_log() {
    let folder = Folder::new("rotate");
    let log = log(30);
    folder.put(&log);
    // A signer that is running holds the file open, and writes at its end.
    let mut open = File::options().append(true).open(folder.0.join("binance:main.audit")).unwrap();
    let mut last = log;
    for round in 1..=3 {
        folder.rotate().unwrap();
        let aside = folder.read(&format!("binance:main.audit.{round}"));
        assert_eq!(aside, last.text);
        let (whole, said) = folder.verify(None);
        assert!(whole, "{said}");
        let chain = super::read(&folder.read("binance:main.audit"), None, None);
        assert_eq!(chain.last.n, last.n + 1);
        let mut next = Writer::new("binance/main");
        (next.n, next.hash, next.text) = (chain.last.n, chain.last.hash, vec![]);
        next.start(9);
        next.head("end");
        open.write_all(&next.text).unwrap();
        next.text = folder.read("binance:main.audit");
        folder.count(head(&next));
        last = next;
    }
    let (whole, said) = folder.verify(None);
    let files = "binance:main.audit.1 binance:main.audit.2 binance:main.audit.3 binance:main.audit\n";
    assert!(whole && said.contains(files) && said.contains("up to number 39"), "{said}");
    let log = Log::of("binance/main", &folder.0).unwrap();
    assert_eq!(log.open(None).unwrap().pieces.len(), 4);
    assert_eq!(log.open(Some("2999")).unwrap().pieces.len(), 1, "earlier files hold nothing of then");

    let (one, two) = (folder.0.join("binance:main.audit.1"), folder.0.join("binance:main.audit.2"));
    let text = fs::read(&one).unwrap();
    fs::write(&one, &text[..text.len() - 1]).unwrap();
    assert!(folder.verify(None).1.contains("line 30 of binance:main.audit.1: it was cut off"));
    fs::remove_file(&one).unwrap();
    let (whole, said) = folder.verify(None);
    assert!(
        !whole && said.contains("the earlier lines should be in binance:main.audit.1: No such file"),
        "{said}"
    );
    fs::write(&one, &text).unwrap();
    fs::remove_file(&two).unwrap();
    fs::write(&two, b"").unwrap();
    assert!(!folder.verify(None).0);
}

#[test]
fn a_log_that_is_not_as_its_ledger_says_is_not_put_aside() {
    let folder = Folder::new("refused");
    assert!(folder.rotate().unwrap_err().contains("there is no ledger"));
    let log = log(30);
    folder.put(&log);
    for head in [
        Head { len: head(&log).len - 1, ..head(&log) },
        Head { hash: [7; 32], ..head(&log) },
        Head { n: 0, len: 0, hash: [0; 32] },
    ] {
        folder.count(head);
        folder.rotate().unwrap_err();
        assert_eq!(folder.read("binance:main.audit"), log.text);
        assert!(!folder.0.join("binance:main.audit.1").exists());
    }
}

#[test]
fn nothing_is_put_aside_while_a_signer_writes() {
    let folder = Folder::new("locked");
    folder.put(&log(30));
    let log = Log::of("binance/main", &folder.0).unwrap();
    let held = log.lock(FlockArg::LockExclusiveNonblock).unwrap().unwrap();
    assert!(folder.rotate().unwrap_err().contains("somebody holds its lock"));
    drop(held);
    folder.rotate().unwrap();
}

#[test]
fn links_pipes_and_folders_are_not_read() {
    let folder = Folder::new("links");
    let log = log(30);
    folder.put(&log);
    let (own, other) = (folder.0.join("binance:main.audit"), folder.0.join("other"));
    fs::rename(&own, &other).unwrap();
    symlink(&other, &own).unwrap();
    assert!(folder.verify(None).1.contains("it is a link, and links are not followed"));
    assert!(folder.rotate().unwrap_err().contains("it is a link"));
    fs::remove_file(&own).unwrap();
    nix::unistd::mkfifo(&own, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(folder.verify(None).1.contains("it is no plain file"));
    fs::remove_file(&own).unwrap();
    fs::create_dir(&own).unwrap();
    assert!(folder.verify(None).1.contains("it is no plain file"));
}

#[test]
fn a_first_line_leads_to_no_other_file() {
    for (number, name) in [
        "../other",
        "/etc/passwd",
        "other",
        "binance:main.audit",
        "binance:main.audit.",
        "binance:main.audit.1x",
    ]
    .iter()
    .enumerate()
    {
        let folder = Folder::new(&format!("lead-{number}"));
        let mut log = log(30);
        fs::write(folder.0.join("other"), &log.text).unwrap();
        log.text.clear();
        log.line(&format!(r#""event":"rotated","before":"{name}""#));
        folder.put(&log);
        let (whole, said) = folder.verify(None);
        assert!(!whole && said.contains("which is no file of this log"), "{said}");
    }
    // Nor in a circle.
    let folder = Folder::new("circle");
    let mut log = log(30);
    log.text.clear();
    log.line(r#""event":"rotated","before":"binance:main.audit.1""#);
    folder.put(&log);
    fs::write(folder.0.join("binance:main.audit.1"), &log.text).unwrap();
    assert!(folder.verify(None).1.contains("which holds later ones"));
}
