//! Whether lines are those that signers wrote: each is tied to the one before it, and what is not is told.
//!
//! Lines that did not count are a thing that happens: a signer writes first, then lets the ledger count, then answers, and may
//! be stopped in between. The next one says so in a `gap` line, which goes on from the last line that counted. Whoever can
//! write to a log can write such a line too, but not in such a way that the ledger, a later signed head, or a hash that was
//! noted elsewhere fits again.

use super::entry::Entry;
use super::lines::{Line, Lines, Shape};
use super::{clean, count, from_base64, from_hex};
use sha2::{Digest as _, Sha256};
use signbox::ledger::Head;
use signbox_exchanges::ed25519_holds;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead};

/// What is known of the lines so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// The key that the log is of.
    handle: String,
    /// The file whose lines come.
    file: String,
    /// The last line that counts.
    pub(super) last: Link,
    /// The times of the first line and of the last.
    pub(super) times: Option<(String, String)>,
    /// Where lines of this file ended that were as they must be, and how.
    ends: VecDeque<(u64, Link)>,
    /// Where in this file a wake-up of a signer surely ended: what stands before that was counted before what stands behind it
    /// was written.
    wakes: VecDeque<u64>,
    /// The line before was a gap, which begins a wake-up.
    behind_gap: bool,
    /// The earlier lines are not here: the first one cannot be held against them.
    pub(super) headless: bool,
    /// Up to where the ledger counts this file.
    counted: Option<u64>,
    /// What lies behind that: lines, and where they begin.
    pub(super) uncounted: u64,
    /// The last of those is a signed head, with which a wake-up ends.
    sealed_tail: bool,
    told_of_tail: bool,
    /// The keys that signers said are theirs, and what they signed.
    pub(super) signers: BTreeMap<[u8; 32], Signed>,
    /// The last line that a signature vouches for.
    pub(super) signed: u64,
    /// There are signatures, and this build cannot check them.
    pub(super) unchecked: bool,
    /// The hash to look for, and the number of its line.
    pub(super) wanted: Option<([u8; 32], Option<u64>)>,
    pub(super) problems: Vec<Problem>,
    /// What is no problem, and should be known.
    pub(super) notes: Vec<String>,
}

/// What a line is tied to: the number and the hash of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) n: u64,
    pub(super) hash: [u8; 32],
}

/// What was signed with one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signed {
    /// How many signatures.
    pub(super) heads: u64,
    /// The last line they vouch for.
    pub(super) last: u64,
}

/// What is wrong with a line.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) file: String,
    pub(super) line: u64,
    offset: u64,
    pub(super) why: String,
}

/// A line taken apart: its number, the text that is hashed, the hash that it states.
struct Frame<'a> {
    link: Link,
    text: &'a [u8],
}

impl Chain {
    /// Begins a log; `wanted` is the hash of a line that must be there.
    pub(super) fn new(handle: &str, wanted: Option<[u8; 32]>) -> Chain {
        let wanted = wanted.map(|hash| (hash, None));
        Chain { handle: handle.to_owned(), wanted, ..Chain::default() }
    }

    /// Begins a file, of which the ledger counts so many bytes; all of it without one.
    pub(super) fn begin(&mut self, file: &str, counted: Option<u64>) {
        file.clone_into(&mut self.file);
        self.counted = counted;
        self.ends.clear();
        self.ends.push_back((0, self.last));
        self.wakes.clear();
    }

    /// Takes the lines of a file, and returns how many there were; nothing if so much is wrong that the rest was not read.
    pub(super) fn take_all<R: BufRead>(&mut self, mut lines: Lines<R>) -> io::Result<Option<u64>> {
        let mut number = 0;
        while let Some(line) = lines.next()? {
            number = line.number;
            if !self.take(&line) {
                return Ok(None);
            }
        }
        Ok(Some(number))
    }

    /// Takes a line, and returns whether it makes sense to go on.
    pub(super) fn take(&mut self, line: &Line<'_>) -> bool {
        if self.counted.is_some_and(|counted| line.offset >= counted) {
            self.take_uncounted(line);
            return true;
        }
        if let Err(why) = self.check(line) {
            self.problem(line.number, line.offset, why);
        }
        self.problems.len() < MOST_PROBLEMS
    }

    /// Takes a line that the ledger does not count. One wake-up of a signer may be left so, and no more.
    fn take_uncounted(&mut self, line: &Line<'_>) {
        let event =
            Entry::find(line.bytes).filter(|_| line.shape == Shape::Whole).map(|(_, entry)| entry.event);
        let event = event.as_deref();
        let begins = event == Some("start") && self.uncounted > 0 && !self.behind_gap;
        if event.is_some() && (begins || self.sealed_tail) && !self.told_of_tail {
            self.told_of_tail = true;
            let why = "the ledger was put back: it does not count this line's signer, which wrote after another had answered";
            self.problem(line.number, line.offset, why.to_owned());
        }
        self.uncounted += 1;
        self.sealed_tail = matches!(event, Some("head" | "end"));
        self.behind_gap = event == Some("gap");
    }

    /// Holds the last file, of so many bytes and lines, against its ledger.
    pub(super) fn end(&mut self, len: u64, lines: u64, head: &Head) {
        let counted = (head.len, Link { n: head.n, hash: head.hash });
        if len < head.len {
            let why = format!(
                "the ledger counts up to line {} and {} bytes, and there are {len}: lines were cut off at the end",
                head.n, head.len
            );
            self.problem(lines, len, why);
        } else if self.ends.back() != Some(&counted) && self.problems.is_empty() {
            let why = format!(
                "the ledger counts up to line {} and {} bytes, and this is not that line: the end was replaced, or the ledger was",
                head.n, head.len
            );
            self.problem(lines, len, why);
        }
    }

    /// Something is wrong.
    pub(super) fn problem(&mut self, line: u64, offset: u64, why: String) {
        self.problems.push(Problem { file: self.file.clone(), line, offset, why });
    }

    fn check(&mut self, line: &Line<'_>) -> Result<(), String> {
        match line.shape {
            Shape::Whole => {}
            Shape::Cut => return Err("it was cut off: its end is missing".to_owned()),
            Shape::TooLong => return Err("it is longer than any that a signer writes".to_owned()),
        }
        let found = Entry::find(line.bytes);
        let found = found.and_then(|(at, entry)| Some((at, Frame::of(&line.bytes[at..])?, entry)));
        let (at, frame, entry) = found.ok_or("it is no line that a signer writes")?;
        match &mut self.times {
            Some((_, last)) => *last = entry.when(),
            None => self.times = Some((entry.when(), entry.when())),
        }
        if entry.event == "gap" {
            self.gap(line, line.offset + at as u64, &frame, &entry)?;
            self.remember(line.end);
            self.behind_gap = true;
            return Ok(());
        }
        let behind_gap = std::mem::take(&mut self.behind_gap);
        let begins_wake = entry.event == "start" && !behind_gap;
        let before = self.last;
        self.last = frame.link;
        let followed = self.follow(before, &frame);
        if followed.is_ok() {
            self.remember(line.end);
            if begins_wake {
                self.wake(line.offset);
            }
        }
        let accepted = match entry.event.as_str() {
            "start" => self.started(&entry),
            "head" | "end" if followed.is_ok() => self.vouched(&entry, before),
            "rotated" if line.offset > 0 => Err("it should be the first of its file".to_owned()),
            _ => Ok(()),
        };
        followed?;
        if let Some((wanted, found @ None)) = &mut self.wanted {
            *found = (*wanted == frame.link.hash).then_some(frame.link.n);
        }
        accepted
    }

    /// Whether a line is the one after `before`.
    fn follow(&mut self, before: Link, frame: &Frame<'_>) -> Result<(), String> {
        let n = frame.link.n;
        if self.headless && self.ends.back() == Some(&(0, Link::default())) {
            return Ok(()); // that there is nothing to hold it against is told by who began without
        }
        if n == before.n + 1 {
            return if frame.follows(&before) { Ok(()) } else { Err(CHANGED.to_owned()) };
        }
        Err(if frame.link == before {
            "the line before it stands twice".to_owned()
        } else if n > before.n {
            format!("{} missing before it: taken away, or moved", numbers(before.n + 1, n - 1))
        } else {
            format!("it is number {n} and stands behind number {}: moved, put in, or written twice", before.n)
        })
    }

    /// A line that says that the log was not as long as the ledger knew.
    fn gap(&mut self, line: &Line<'_>, start: u64, frame: &Frame<'_>, entry: &Entry) -> Result<(), String> {
        let before = std::mem::replace(&mut self.last, frame.link);
        let (Some(expected), Some(found)) = (entry.expected, entry.found) else {
            return Err("a gap that does not say where it is".to_owned());
        };
        if found < expected {
            let missing = if frame.link.n > before.n + 1 {
                format!(": {} missing", numbers(before.n + 1, frame.link.n - 1))
            } else {
                String::new()
            };
            return Err(format!(
                "lines were taken away before this one was written: there should have been {expected} bytes, and there \
                 were {found}{missing}"
            ));
        }
        // A newline may stand before it, to end what was cut off.
        if start != found && start != found + 1 {
            return Err("a gap line that does not stand where it says".to_owned());
        }
        let end = self.ends.iter().rev().find(|(end, _)| *end == expected);
        let Some((_, counted)) = end.copied() else {
            return Err("a gap line that goes on from where no line ends".to_owned());
        };
        if frame.link.n != counted.n + 1 || !frame.follows(&counted) {
            return Err(CHANGED.to_owned());
        }
        let was_counted =
            |wake: &u64| *wake > expected && self.ends.iter().any(|(end, _)| end > wake && *end <= found);
        let was_counted = self.wakes.iter().find(|wake| was_counted(wake)).copied();
        self.wakes.retain(|wake| *wake <= expected);
        let file = &self.file;
        self.problems.retain(|problem| problem.file != *file || !(expected..start).contains(&problem.offset));
        self.ends.retain(|(end, _)| *end <= expected);
        self.signed = self.signed.min(counted.n);
        for signed in self.signers.values_mut() {
            signed.last = signed.last.min(counted.n);
        }
        if let Some((_, found)) = &mut self.wanted {
            *found = found.filter(|n| *n <= counted.n);
        }
        self.notes.push(format!(
            "{} before line {} of {file} do not count: a signer was stopped before it had answered, or somebody else wrote them",
            count(found - expected, "byte"),
            line.number
        ));
        match was_counted {
            None => Ok(()),
            Some(wake) => Err(format!(
                "the ledger was put back before this one was written: it counted {expected} bytes, and had counted {wake}, since \
                 a signer went on from there"
            )),
        }
    }

    /// A signer starts, and says which key is its own.
    fn started(&mut self, entry: &Entry) -> Result<(), String> {
        if let Some(public) = &entry.public {
            let public = from_base64(public).ok_or("its public key cannot be read")?;
            self.signers.entry(public).or_default();
        }
        match &entry.key {
            Some(key) if *key == self.handle => Ok(()),
            key => Err(format!("it is of another key, {}", clean(key.as_deref().unwrap_or("?")))),
        }
    }

    /// A signature vouches for all lines up to `before`.
    fn vouched(&mut self, entry: &Entry, before: Link) -> Result<(), String> {
        let public = entry.public.as_deref().and_then(from_base64::<32>);
        let signature = entry.signed.as_deref().and_then(from_base64::<64>);
        let (Some(public), Some(signature)) = (public, signature) else {
            return Err("its signature cannot be read".to_owned());
        };
        if self.headless {
            self.signers.entry(public).or_default(); // its start may stand in what is missing
        }
        let signer = self.signers.get_mut(&public).ok_or("no signer has said that this key is its own")?;
        let message = [b"signbox audit head\n", &before.hash[..]].concat();
        match ed25519_holds(&public, &message, &signature) {
            // Behind a line that is not as it was written, it says nothing of those before.
            Some(true) if !self.problems.is_empty() => Ok(()),
            Some(true) => {
                let here = self.ends.back().map_or(0, |(end, _)| *end);
                *signer = Signed { heads: signer.heads + 1, last: before.n };
                self.signed = before.n;
                self.wake(here);
                Ok(())
            }
            Some(false) => Err("its signature does not hold".to_owned()),
            None => {
                self.unchecked = true;
                Ok(())
            }
        }
    }

    fn wake(&mut self, at: u64) {
        self.wakes.push_back(at);
        if self.wakes.len() > MOST_ENDS {
            self.wakes.pop_front();
        }
    }

    fn remember(&mut self, end: u64) {
        self.ends.push_back((end, self.last));
        if self.ends.len() > MOST_ENDS {
            self.ends.pop_front();
        }
    }
}

impl<'a> Frame<'a> {
    /// `{"n":1,`...`,"hash":"`64 digits`"}`
    fn of(line: &'a [u8]) -> Option<Frame<'a>> {
        let (text, end) = line.split_at_checked(line.len().checked_sub(75)?)?;
        let hash = end.strip_prefix(b",\"hash\":\"")?.strip_suffix(b"\"}")?;
        let hash = from_hex(std::str::from_utf8(hash).ok()?)?;
        let rest = text.strip_prefix(b"{\"n\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let n = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        Some(Frame { link: Link { n, hash }, text })
    }

    /// Whether its hash is that of its text and of the line before it.
    fn follows(&self, before: &Link) -> bool {
        let hash: [u8; 32] =
            Sha256::new().chain_update(before.hash).chain_update(self.text).finalize().into();
        hash == self.link.hash
    }
}

/// `line 3 is`, `lines 3 to 5 are`.
fn numbers(from: u64, to: u64) -> String {
    if from == to { format!("line {from} is") } else { format!("lines {from} to {to} are") }
}

const CHANGED: &str = "it was changed, or put in: its hash is not that of its text and of the line before it";
/// More lines than a signer writes before the ledger counts them.
const MOST_ENDS: usize = 4096;
/// After so many there is no use in looking for more.
const MOST_PROBLEMS: usize = 1000;
