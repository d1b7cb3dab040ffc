//! Logs that are as they were written, and every way in which one can be something else.

mod folders;

use super::chain::Chain;
use super::lines::Lines;
use super::to_hex;
use crate::written::Writer;
use signbox::ledger::Head;

/// A log of so many lines, two signers, and three signatures.
fn log(lines: u64) -> Writer {
    let mut log = Writer::new("binance/main");
    while log.n + 1 < lines {
        match log.n + 1 {
            10 => log.head("head"),
            16 => log.head("end"),
            17 => log.start(8),
            n => log.sign("read", &format!("GET /api/v3/{n}"), "", "signed", "granted"),
        }
    }
    log.head("end");
    log
}

fn head(log: &Writer) -> Head {
    Head { n: log.n, len: log.text.len() as u64, hash: log.hash }
}

/// Reads a log against what the ledger says.
fn read(text: &[u8], head: Option<Head>, wanted: Option<[u8; 32]>) -> Chain {
    let mut chain = Chain::new("binance/main", wanted);
    chain.begin("binance:main.audit", head.map(|head| head.len));
    let lines = chain.take_all(Lines::new(text)).unwrap();
    if let (Some(lines), Some(head)) = (lines, head) {
        chain.end(text.len() as u64, lines, &head);
    }
    chain
}

/// What is wrong with a log, each with its line.
fn wrong(text: &[u8], head: Option<Head>) -> Vec<String> {
    let chain = read(text, head, None);
    chain.problems.iter().map(|problem| format!("{}: {}", problem.line, problem.why)).collect()
}

fn lines(log: &Writer) -> Vec<Vec<u8>> {
    log.text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_log_as_it_was_written_is_whole() {
    let log = log(30);
    let chain = read(&log.text, Some(head(&log)), Some(log.hash));
    assert!(chain.problems.is_empty() && chain.notes.is_empty(), "{:?}", chain.problems);
    assert_eq!((chain.last.n, chain.last.hash, chain.signed, chain.uncounted), (30, log.hash, 29, 0));
    assert_eq!(chain.wanted, Some((log.hash, Some(30))));
    let signed: Vec<_> = chain.signers.values().map(|signed| (signed.heads, signed.last)).collect();
    assert!(signed == [(2, 15), (1, 29)] || signed == [(1, 29), (2, 15)], "{signed:?}");
    assert_eq!(wrong(b"", None), [""; 0]);
}

/// What is known of a log before each of its lines, so that those before a change are read once.
struct Before(Vec<Chain>);

impl Before {
    fn of(log: &Writer) -> Before {
        let mut chain = Chain::new("binance/main", None);
        chain.begin("binance:main.audit", Some(log.text.len() as u64));
        let mut states = Vec::new();
        let mut lines = Lines::new(&log.text[..]);
        while let Some(line) = lines.next().unwrap() {
            states.push(chain.clone());
            chain.take(&line);
        }
        states.push(chain);
        Before(states)
    }

    /// Whether something is wrong with a log that is the same in so many lines. Without gaps, the first finding decides.
    fn finds(&self, same: usize, text: &[u8], head: Head) -> bool {
        let mut chain = self.0[same].clone();
        let (mut lines, mut number) = (Lines::new(text), 0);
        while let Some(line) = lines.next().unwrap() {
            number = line.number;
            if number > same as u64 {
                chain.take(&line);
            }
            if !chain.problems.is_empty() {
                return true;
            }
        }
        chain.end(text.len() as u64, number, &head);
        !chain.problems.is_empty()
    }
}

#[test]
fn every_byte_that_is_another_or_missing_or_too_much_is_found() {
    let log = log(30);
    let (head, before) = (head(&log), Before::of(&log));
    let mut same = 0;
    for at in 0..log.text.len() {
        let mut text = log.text.clone();
        // One that is likely to be read as well, and one that is not.
        for change in [1, 0x80] {
            text[at] ^= change;
            assert!(before.finds(same, &text, head), "byte {at} ^ {change}");
            text[at] ^= change;
        }
        let byte = text.remove(at);
        assert!(before.finds(same, &text, head), "without byte {at}");
        text.splice(at..at, [b' ', byte]);
        assert!(before.finds(same, &text, head), "with a space at {at}");
        same += usize::from(byte == b'\n');
    }
    assert_eq!(same, 30);
    assert!(!before.finds(0, &log.text, head));
}

#[test]
fn every_line_that_is_missing_doubled_or_moved_is_found() {
    let log = log(30);
    let (head, lines, before) = (head(&log), lines(&log), Before::of(&log));
    assert_eq!(lines.len(), 30);
    for at in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(at);
        assert!(before.finds(at, &fewer.concat(), head), "without line {}", at + 1);
        assert!(before.finds(at, &lines[..at].concat(), head), "with the first {at} alone");
        assert!(before.finds(0, &lines[at + 1..].concat(), head), "without the first {}", at + 1);
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        // Of the last line, the copy is one that does not count.
        let found = before.finds(at, &twice.concat(), head);
        let uncounted = read(&twice.concat(), Some(head), None).uncounted;
        assert!(if at == 29 { uncounted == 1 } else { found }, "line {} twice", at + 1);
        for other in 0..at {
            let mut moved = lines.clone();
            moved.swap(at, other);
            assert!(before.finds(other, &moved.concat(), head), "lines {} and {}", at + 1, other + 1);
            let mut put = lines.clone();
            put.insert(at, lines[other].clone());
            assert!(before.finds(at, &put.concat(), head), "line {} again before {}", other + 1, at + 1);
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_plain_words() {
    let log = log(30);
    let (head, lines) = (Some(head(&log)), lines(&log));
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        wrong(&lines.concat(), head)
    };
    let edited = changed(&|lines| {
        lines[11] = String::from_utf8(lines[11].clone()).unwrap().replace("read", "rEAd").into()
    });
    assert_eq!(
        edited,
        ["12: it was changed, or put in: its hash is not that of its text and of the line before it"]
    );
    let doubled = changed(&|lines| lines.insert(12, lines[11].clone()));
    assert_eq!(doubled[0], "13: the line before it stands twice");
    let missing = changed(&|lines| drop(lines.drain(11..14)));
    assert_eq!(missing[0], "12: lines 12 to 14 are missing before it: taken away, or moved");
    assert!(missing.last().unwrap().contains("lines were cut off at the end"), "{missing:?}");
    let swapped = changed(&|lines| lines.swap(11, 12));
    assert_eq!(
        swapped,
        [
            "12: line 12 is missing before it: taken away, or moved",
            "13: it is number 12 and stands behind number 13: moved, put in, or written twice",
            "14: line 13 is missing before it: taken away, or moved",
        ]
    );
    assert_eq!(changed(&|lines| lines[3] = b"hello\n".to_vec())[0], "4: it is no line that a signer writes");
    let cut = wrong(&log.text[..log.text.len() - 1], head);
    assert_eq!(cut[0], "30: it was cut off: its end is missing");
    let short = changed(&|lines| drop(lines.pop()));
    assert!(
        short[0].starts_with("29: the ledger counts up to line 30 and ") && short.len() == 1,
        "{short:?}"
    );
    let long = changed(&|lines| lines[3] = [vec![b'x'; 100_000], b"\n".to_vec()].concat());
    assert_eq!(long[0], "4: it is longer than any that a signer writes");
}

/// A log that somebody who has no key has written from line 12 on, all hashes right.
fn forged() -> Writer {
    let mut log = Writer::new("binance/main");
    while log.n < 29 {
        let endpoint =
            if log.n == 11 { "GET /forged".to_owned() } else { format!("GET /api/v3/{}", log.n + 1) };
        log.sign("read", &endpoint, "", "signed", "granted");
    }
    log
}

#[test]
fn who_writes_all_hashes_anew_is_found_by_the_ledger_by_a_hash_and_by_a_key() {
    let (log, mut forged) = (log(30), forged());
    forged.head("end");
    assert!(wrong(&forged.text, Some(head(&log)))[0].contains("the ledger counts up to line 30"));
    assert_eq!(read(&forged.text, None, Some(log.hash)).wanted, Some((log.hash, None)));
    // Its own ledger fits, of course, and so does its own key: that is what a person has to note.
    assert_eq!(wrong(&forged.text, Some(head(&forged))), [""; 0]);
}

#[test]
fn a_signature_that_does_not_hold_is_found() {
    let mut log = Writer::new("binance/main");
    log.sign("read", "GET /a", "", "signed", "granted");
    let public = log.public();
    log.line(&format!(r#""event":"head","public":"{public}","signed":"{}""#, "A".repeat(86) + "=="));
    assert_eq!(wrong(&log.text, None), ["3: its signature does not hold"]);
    let mut log = Writer::new("binance/main");
    log.line(r#""event":"head","public":"AAAA","signed":"BBBB""#);
    let stranger = Writer::new("binance/main").public().replace('A', "B");
    log.line(&format!(r#""event":"head","public":"{stranger}","signed":"{}""#, "A".repeat(86) + "=="));
    assert_eq!(wrong(&log.text, None)[0], "2: its signature cannot be read");
    assert_eq!(wrong(&log.text, None).len(), 2);
}

#[test]
fn a_signature_of_a_key_that_no_signer_named_is_found() {
    let mut log = Writer::new("binance/main");
    let real = log.text.len();
    log.start(9);
    log.text.truncate(real);
    let mut text = Writer::new("binance/main");
    text.sign("read", "GET /a", "", "signed", "granted");
    let message = [b"signbox audit head\n", &text.hash[..]].concat();
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let signed = ed25519_dalek::Signer::sign(&stranger, &message).to_bytes();
    let public = super::to_base64(stranger.verifying_key().as_bytes());
    let signed = <base64ct::Base64 as base64ct::Encoding>::encode_string(&signed);
    text.line(&format!(r#""event":"head","public":"{public}","signed":"{signed}""#));
    assert_eq!(wrong(&text.text, None), ["3: no signer has said that this key is its own"]);
}

#[test]
fn a_log_of_another_key_is_found() {
    let mut log = Writer::new("binance/other");
    log.head("end");
    assert_eq!(wrong(&log.text, Some(head(&log))), ["1: it is of another key, binance/other"]);
}

#[test]
fn what_is_not_signed_is_known() {
    let mut log = log(30);
    log.start(9);
    log.sign("read", "GET /a", "", "signed", "granted");
    let chain = read(&log.text, Some(head(&log)), None);
    assert!(chain.problems.is_empty());
    assert_eq!((chain.last.n, chain.signed), (32, 29));
}

/// A log in which `tail` stands behind what counts, and then a signer that starts and says so.
fn with_gap(tail: &[u8], newline: bool) -> (Writer, Head) {
    let mut log = log(30);
    let (expected, found) = (log.text.len(), log.text.len() + tail.len());
    log.text.extend(tail);
    log.text.extend(if newline { &b"\n"[..] } else { b"" });
    log.line(&format!(r#""event":"gap","expected":{expected},"found":{found}"#));
    log.start(9);
    log.head("end");
    let head = head(&log);
    (log, head)
}

#[test]
fn what_did_not_count_is_told_and_no_failure() {
    let mut more = log(30);
    let counted = more.text.len();
    more.start(8);
    more.sign("read", "GET /a", "", "signed", "granted");
    let lines = more.text[counted..].to_vec();
    for (tail, newline) in [
        (&lines[..], false),                // whole lines
        (&lines[..], true),                 // and a newline, in case
        (&lines[..lines.len() - 9], true),  // the last one cut off
        (&lines[..lines.len() - 9], false), // and the gap line behind it
        (b"{\"n\":31,\"ti", false),
        (b"junk\njunk\n", false),
    ] {
        let (log, head) = with_gap(tail, newline);
        let chain = read(&log.text, Some(head), None);
        assert!(chain.problems.is_empty(), "{:?}", chain.problems);
        assert_eq!((chain.last.n, chain.notes.len()), (33, 1));
        assert!(
            chain.notes[0].starts_with(&format!("{} bytes before line 3", tail.len())),
            "{:?}",
            chain.notes
        );
        assert_eq!(chain.last.hash, log.hash);
        // Not yet told by the next signer: what the ledger does not count is no failure either.
        let before = log.text.iter().take(counted + tail.len()).copied().collect::<Vec<_>>();
        let ledger = Head { n: 30, len: counted as u64, hash: super::tests::log(30).hash };
        let chain = read(&before, Some(ledger), None);
        assert!(
            chain.problems.is_empty() && chain.uncounted > 0 && chain.last.n == 30,
            "{:?}",
            chain.problems
        );
    }
}

#[test]
fn a_ledger_that_was_put_back_is_found_by_what_signers_wrote_after_one_another() {
    let mut more = log(30);
    let counted = more.text.len();
    let ledger = head(&more);
    more.start(8);
    more.sign("read", "GET /a", "", "signed", "granted");
    more.head("end");
    let one_signer = more.text.len() - counted;
    more.start(9);
    more.sign("read", "GET /b", "", "signed", "granted");
    let lines = more.text[counted..].to_vec();
    for (tail, whole) in [(&lines[..one_signer], true), (&lines[..], false)] {
        // Before another signer starts, and after it has.
        let chain = read(&more.text[..counted + tail.len()], Some(ledger), None);
        assert_eq!(chain.problems.is_empty(), whole, "{:?}", chain.problems);
        let (log, head) = with_gap(tail, false);
        let found = wrong(&log.text, Some(head));
        assert_eq!(found.is_empty(), whole, "{found:?}");
        assert!(found.iter().all(|why| why.contains("the ledger was put back")), "{found:?}");
    }
}

#[test]
fn a_gap_hides_nothing_that_counts() {
    // Without signatures, which take their time.
    let mut log = Writer::new("binance/main");
    log.sign("read", "GET /a", "", "signed", "granted");
    let counted = log.text.len();
    log.text.extend(b"junk\n");
    log.line(&format!(r#""event":"gap","expected":{counted},"found":{}"#, counted + 5));
    log.sign("read", "GET /b", "", "signed", "granted");
    let head = head(&log);
    for at in 0..log.text.len() {
        let mut text = log.text.clone();
        text[at] ^= 1;
        // Of the junk itself, its newline too, nobody knows what it was.
        let junk = (counted..counted + 5).contains(&at);
        assert_eq!(wrong(&text, Some(head)).is_empty(), junk, "byte {at}");
    }
}

#[test]
fn a_gap_that_somebody_else_wrote_does_not_fit_the_ledger_nor_a_noted_hash() {
    let log = log(30);
    let head = head(&log);
    let all = lines(&log);
    // Line 12 is edited, and a gap behind the end says that nothing after line 11 counts.
    let mut forged = Writer::new("binance/main");
    let eleven = all[..11].concat();
    let link = read(&eleven, None, None).last;
    (forged.n, forged.hash) = (link.n, link.hash);
    forged.text = [&eleven[..], b"edited\n", &all[12..].concat()].concat();
    let found = forged.text.len();
    forged.line(&format!(r#""event":"gap","expected":{},"found":{found}"#, eleven.len()));
    assert!(!wrong(&forged.text, Some(head)).is_empty());
    assert_eq!(read(&forged.text, None, Some(log.hash)).wanted, Some((log.hash, None)));
    let chain = read(&forged.text, None, None);
    assert_eq!(chain.signed, 9, "what was signed after line 11 does not hold for it");
    // Signers had gone on from what it takes back.
    assert!(chain.problems.len() == 1 && chain.problems[0].why.contains("the ledger was put back"));
    // A gap line that lies about where it stands, or goes on from nowhere.
    for (expected, lie) in [(eleven.len() + 1, found), (eleven.len(), found - 5), (eleven.len(), found + 5)] {
        let mut text = forged.text[..found].to_vec();
        (forged.n, forged.hash) = (link.n, link.hash);
        forged.text.clear();
        forged.line(&format!(r#""event":"gap","expected":{expected},"found":{lie}"#));
        text.extend(&forged.text);
        assert!(wrong(&text, None).len() > 1, "{expected} {lie}");
        forged.text = text;
    }
}

#[test]
fn a_gap_that_says_lines_were_taken_away_is_a_failure() {
    let mut log = log(30);
    let whole = log.text.len();
    let kept = lines(&log)[..20].concat();
    log.text.clone_from(&kept);
    log.line(&format!(r#""event":"gap","expected":{whole},"found":{}"#, kept.len()));
    log.start(9);
    assert_eq!(
        wrong(&log.text, Some(head(&log))),
        [format!(
            "21: lines were taken away before this one was written: there should have been {whole} bytes, and there were {}: \
             lines 21 to 30 are missing",
            kept.len()
        )]
    );
}

#[test]
fn lines_go_on_in_another_file() {
    let first = log(30);
    let mut second = Writer::new("binance/main");
    (second.n, second.hash) = (first.n, first.hash);
    second.text.clear();
    second.line(r#""event":"rotated","before":"binance:main.audit.1""#);
    second.start(9);
    second.head("end");
    let both = |first: &[u8], second: &[u8], headless: bool, head: Head| {
        let mut chain = Chain::new("binance/main", None);
        chain.headless = headless;
        if !headless {
            chain.begin("binance:main.audit.1", None);
            chain.take_all(Lines::new(first)).unwrap().unwrap();
        }
        chain.begin("binance:main.audit", Some(head.len));
        let lines = chain.take_all(Lines::new(second)).unwrap().unwrap();
        chain.end(second.len() as u64, lines, &head);
        chain
            .problems
            .iter()
            .map(|problem| format!("{} {}: {}", problem.file, problem.line, problem.why))
            .collect::<Vec<_>>()
    };
    let head = head(&second);
    assert_eq!(both(&first.text, &second.text, false, head), [""; 0]);
    let cut = lines(&first)[..29].concat();
    assert_eq!(
        both(&cut, &second.text, false, head),
        ["binance:main.audit 1: line 30 is missing before it: taken away, or moved"]
    );
    // Who begins without the first file says so; the rest is held against itself.
    assert_eq!(both(b"", &second.text, true, head), [""; 0]);
    let mut edited = second.text.clone();
    edited[100] ^= 1;
    assert!(!both(&first.text, &edited, false, head).is_empty());
    // It has no place anywhere else.
    let mut odd = log(30);
    odd.line(r#""event":"rotated","before":"binance:main.audit.1""#);
    assert_eq!(wrong(&odd.text, None), ["31: it should be the first of its file"]);
    assert_eq!(to_hex(&odd.hash).len(), 64);
}
