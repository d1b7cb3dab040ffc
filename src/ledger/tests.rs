//! What a ledger must keep, whoever is stopped whenever.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::policy::Count;
use signbox_exchanges::Decimal;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A place for one ledger, taken away in the end.
struct Spot(PathBuf);

impl Spot {
    fn new() -> Spot {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("signbox-ledger-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Spot(folder.join("binance:main.ledger"))
    }

    /// Opens it; with all that is in it.
    fn open(&self) -> (Ledger, Vec<Entry>) {
        let mut entries = Vec::new();
        let ledger = Ledger::open(&self.0, false, &mut |entry| entries.push(entry)).unwrap();
        (ledger, entries)
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn sum(key: u64, amount: &str) -> Entry {
    Entry::Count {
        source: 7,
        count: Count::Sum { key, day: 20_000, amount: Decimal::parse(amount).unwrap() },
    }
}

fn head(n: u64) -> Head {
    Head { n, len: 100 * n, hash: [n as u8; 32] }
}

/// What a signer does at each wake-up: takes over what is new, adds its own.
fn add(ledger: &mut Ledger, room: &mut [u8], n: u64, known: &mut Vec<Entry>, own: &[Entry]) {
    ledger.lock().unwrap();
    ledger.catch_up(room, &mut |entry| known.push(entry)).unwrap();
    known.extend(own);
    let mut entries = |all: bool, batch: &mut Batch<'_>| {
        let these = if all { &known[..] } else { own };
        these.iter().for_each(|entry| batch.push(*entry));
    };
    ledger.append(room, head(n), &mut entries).unwrap();
    ledger.sync().unwrap();
    ledger.unlock().unwrap();
}

#[test]
fn what_was_counted_is_there_when_it_is_opened_again() {
    let spot = Spot::new();
    let entries = [
        sum(1, "12.000000000000000001"),
        Entry::Count { source: 0, count: Count::Rate { place: 27, until_ns: u64::MAX } },
        Entry::Nonce(1_700_000_000_123),
        Entry::Seen(9),
    ];
    let (mut ledger, found) = spot.open();
    assert_eq!((found, ledger.head()), (vec![], Head::default()));
    add(&mut ledger, &mut vec![0; ROOM], 1, &mut Vec::new(), &entries[..3]);
    add(&mut ledger, &mut vec![0; ROOM], 2, &mut Vec::new(), &entries[3..]);
    let (again, found) = spot.open();
    assert_eq!((found.as_slice(), again.head()), (&entries[..], head(2)));
    assert_eq!(super::head(&spot.0), Ok(Some(head(2))));
    assert_eq!(super::head(&spot.0.with_extension("none")), Ok(None));
}

#[test]
fn signers_that_share_it_see_what_the_others_wrote_and_it_stays_small() {
    let (spot, mut room) = (Spot::new(), vec![0; ROOM]);
    let mut signers: Vec<_> = (0..3).map(|_| (spot.open().0, Vec::new())).collect();
    // More than both regions hold, in turns and not in turns.
    for n in 1..=12_000_u64 {
        let (ledger, known) = &mut signers[(n * n / 7 % 3) as usize];
        add(ledger, &mut room, n, known, &[Entry::Nonce(n)]);
        // What is superseded need not be kept.
        known.drain(..known.len() - 1);
        assert_eq!(*known, [Entry::Nonce(n)]);
    }
    assert!(fs::metadata(&spot.0).unwrap().len() <= 2 * REGION);
    let (again, found) = spot.open();
    assert_eq!((found.last(), again.head()), (Some(&Entry::Nonce(12_000)), head(12_000)));
    assert!(again.place.generation > 2);
}

/// A copy of the file as it is after only so many bytes of what was written last came to the disk.
fn torn(before: &[u8], after: &[u8], bytes: usize) -> Vec<u8> {
    let mut torn = before.to_vec();
    torn.resize(torn.len().max(after.len()), 0);
    let changed: Vec<usize> = (0..after.len()).filter(|at| torn[*at] != after[*at]).collect();
    for at in changed.into_iter().take(bytes) {
        torn[at] = after[at];
    }
    torn
}

#[test]
fn a_writer_that_was_stopped_anywhere_has_counted_all_or_nothing() {
    let (spot, mut room) = (Spot::new(), vec![0; ROOM]);
    let (mut ledger, _) = spot.open();
    let mut known = Vec::new();
    // Up to where the next batch begins a new region.
    let mut n = 0;
    loop {
        n += 1;
        let before = fs::read(&spot.0).unwrap();
        let generation = ledger.place.generation;
        add(&mut ledger, &mut room, n, &mut known, &[Entry::Nonce(n), sum(n % 50, "1.5")]);
        known.retain(|entry| !matches!(entry, Entry::Nonce(old) if *old != n));
        known.truncate(60);
        let moved = ledger.place.generation != generation;
        if n > 3 && !moved {
            continue;
        }
        let after = fs::read(&spot.0).unwrap();
        let most = (0..after.len()).filter(|at| before.get(*at).copied().unwrap_or(0) != after[*at]).count();
        for bytes in (0..=most).step_by(if moved { 37 } else { 1 }).chain([most]) {
            let other = Spot::new();
            fs::write(&other.0, torn(&before, &after, bytes)).unwrap();
            fs::set_permissions(&other.0, Permissions::from_mode(0o600)).unwrap();
            let (mut again, found) = other.open();
            let last = found.iter().rev().find_map(|entry| match entry {
                Entry::Nonce(value) => Some(*value),
                _ => None,
            });
            let whole = last == Some(n);
            assert!(whole || last == (n > 1).then_some(n - 1), "{bytes} of {most}: {last:?}");
            assert_eq!(again.head(), head(if whole { n } else { n - 1 }));
            assert!(whole || bytes < most);
            // And whoever comes next can go on.
            add(&mut again, &mut room, n + 1, &mut found.clone(), &[Entry::Nonce(n + 1)]);
            assert_eq!(other.open().0.head(), head(n + 1));
        }
        if moved {
            return;
        }
    }
}

#[test]
fn a_file_that_no_signer_wrote_is_refused_and_left_alone() {
    for bytes in [vec![b'x'; 200], vec![0; 200], b"sbl1".repeat(30)] {
        let spot = Spot::new();
        fs::write(&spot.0, &bytes).unwrap();
        fs::set_permissions(&spot.0, Permissions::from_mode(0o600)).unwrap();
        let why = Ledger::open(&spot.0, false, &mut |_| {}).unwrap_err();
        assert!(why.starts_with("cannot use ") && why.contains("damaged"), "{why}");
        assert_eq!(fs::read(&spot.0).unwrap(), bytes);
    }
}

#[test]
fn a_file_that_is_not_ours_alone_is_refused() {
    let spot = Spot::new();
    drop(spot.open());
    fs::set_permissions(&spot.0, Permissions::from_mode(0o640)).unwrap();
    assert!(Ledger::open(&spot.0, false, &mut |_| {}).unwrap_err().contains("others have rights to it"));
    assert!(Ledger::open(&spot.0, true, &mut |_| {}).is_ok());
    fs::set_permissions(&spot.0, Permissions::from_mode(0o604)).unwrap();
    assert!(Ledger::open(&spot.0, true, &mut |_| {}).unwrap_err().contains("others have rights to it"));
    let other = Spot::new();
    std::os::unix::fs::symlink(&spot.0, &other.0).unwrap();
    assert!(Ledger::open(&other.0, false, &mut |_| {}).is_err());
    fs::remove_file(&other.0).unwrap();
    fs::set_permissions(&spot.0, Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&spot.0, &other.0).unwrap();
    assert!(Ledger::open(&spot.0, false, &mut |_| {}).unwrap_err().contains("one name"));
}

#[test]
fn a_batch_that_was_changed_is_not_taken_for_the_end() {
    let spot = Spot::new();
    let (mut ledger, mut known) = spot.open();
    let mut room = vec![0; ROOM];
    for n in 1..4 {
        add(&mut ledger, &mut room, n, &mut known, &[sum(n, "1")]);
    }
    drop(ledger);
    let bytes = fs::read(&spot.0).unwrap();
    for at in (0..bytes.len() - SHORTEST - 42).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&spot.0, changed).unwrap();
        let opened = Ledger::open(&spot.0, false, &mut |_| {});
        assert!(opened.is_err_and(|why| why.contains("damaged")), "byte {at}");
    }
    fs::write(&spot.0, &bytes).unwrap();
    assert_eq!(spot.open().1.len(), 3);
}

#[test]
fn the_ledger_of_another_key_is_none_of_this_one() {
    let spot = Spot::new();
    drop(spot.open());
    let other = spot.0.with_file_name("binance:other.ledger");
    fs::copy(&spot.0, &other).unwrap();
    let opened = Ledger::open(&other, false, &mut |_| {});
    assert!(opened.is_err_and(|why| why.contains("damaged, or no ledger")));
}
