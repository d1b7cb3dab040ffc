//! What the signers of a key remember, and where: the ledger, the audit log, and what was used before.
//!
//! With a state directory a key has two files, opened before the walls and shared by all its signers. Their lock is taken by
//! the first line of a wake-up that is about the key, and given back when what was decided is written: log first, then
//! ledger, both on the disk before a signature leaves. Whoever comes next reads what the ledger has more. Without a
//! directory all is in memory, and no log is kept.

use crate::audit::{self, Chain, Line};
use crate::ledger::{Entry, Head, Ledger, ROOM, open_own, paths};
use crate::policy::{Bound, Count};
use crate::protocol::put;
use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};
use signbox_exchanges::OrderScratch;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _, stderr};
use std::mem::replace;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::Path;

/// What is remembered of one key.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The highest time or nonce used so far.
    pub(super) last: u64,
    /// Counts under sources of limits that this signer does not have: of another owner's file.
    strangers: Vec<(u64, Count)>,
    chain: Chain,
    files: Option<Files>,
}

#[derive(Debug)]
struct Files {
    ledger: Ledger,
    log: File,
    /// Lines of this wake-up that are not in the log yet.
    lines: Vec<u8>,
    /// How long the log is without those.
    len: u64,
    /// The lock is ours, since a line of this wake-up.
    open: bool,
    /// This signer has written its first line.
    started: bool,
    /// Something was signed in this wake-up.
    signed: bool,
    /// Number and time of the last line that was sealed.
    sealed: (u64, u64),
    /// Writing failed: nobody knows what is on the disk.
    broken: bool,
}

/// What the states of all keys of a signer have in common.
#[derive(Debug)]
pub(super) struct Desk {
    /// For batches of ledgers.
    room: Vec<u8>,
    /// For a line on its way to standard error.
    alert: Vec<u8>,
    /// The places of the keys whose files are open.
    open: Vec<usize>,
    /// The hashes of symbols and endpoints that were used, each with the place of its key; in order.
    seen: Vec<(usize, u64)>,
    /// Those that no ledger has yet.
    fresh: Vec<(usize, u64)>,
    orders: OrderScratch,
    /// The public half of the key that seals logs.
    pub(super) public: Option<String>,
    pid: u32,
    uid: u32,
}

/// One key's part of a wake-up.
pub(super) struct Page<'a> {
    /// The place of the key.
    pub(super) at: usize,
    pub(super) handle: &'a str,
    pub(super) state: &'a mut State,
    pub(super) bounds: &'a mut [Bound],
    pub(super) desk: &'a mut Desk,
    pub(super) now_ns: u64,
}

impl Desk {
    pub(super) fn new(keys: usize) -> Desk {
        Desk {
            // Zeroes that nobody has touched take no memory.
            room: vec![0; ROOM],
            alert: Vec::with_capacity(2 * audit::LONGEST),
            open: Vec::with_capacity(keys),
            seen: Vec::with_capacity(MOST_SEEN),
            fresh: Vec::with_capacity(MOST_SEEN),
            orders: OrderScratch::default(),
            public: None,
            pid: std::process::id(),
            uid: nix::unistd::getuid().as_raw(),
        }
    }

    /// The place of a key whose files are still open.
    pub(super) fn next_open(&mut self) -> Option<usize> {
        self.open.pop()
    }
}

impl State {
    /// The descriptors that it goes on using.
    pub(super) fn fds(&self) -> impl Iterator<Item = RawFd> {
        self.files.iter().flat_map(|files| [files.ledger.fd(), files.log.as_raw_fd()])
    }

    /// Whether what is counted survives this signer.
    pub(super) fn is_kept(&self) -> bool {
        self.files.is_some()
    }

    /// Whether this signer has written into the log.
    pub(super) fn has_written(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.started && !files.broken)
    }
}

impl Page<'_> {
    /// Opens the files of the key, and takes over what they know. To be done before the walls.
    pub(super) fn open_files(&mut self, dir: &Path, shared: bool) -> Result<(), String> {
        let (ledger, log) = paths(dir, self.handle);
        self.state.strangers.reserve_exact(MOST_STRANGERS);
        let file = open_own(&log, OpenOptions::new().read(true).append(true).create(true), shared)?;
        let had_lines = file.metadata().is_ok_and(|status| status.len() > 0);
        let ledger = Ledger::open(&ledger, shared, &mut |entry| self.take(entry))?;
        if ledger.is_new() && had_lines {
            return Err(format!(
                "{} has lines, and its ledger is gone or empty; find out why, then move both away to count from nothing",
                log.display()
            ));
        }
        let log = file;
        self.state.files = Some(Files {
            ledger,
            log,
            lines: Vec::with_capacity(2 * audit::LONGEST),
            len: 0,
            open: false,
            started: false,
            signed: false,
            sealed: (0, 0),
            broken: false,
        });
        Ok(())
    }

    /// Takes the lock, and takes over what other signers have written, unless an earlier line of this wake-up has.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let Some(mut files) = self.state.files.take() else { return Ok(()) };
        let begun = match files.broken {
            true => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
            false if files.open => Ok(()),
            false => self.begin_with(&mut files),
        };
        files.broken |= begun.is_err();
        self.state.files = Some(files);
        begun
    }

    fn begin_with(&mut self, files: &mut Files) -> io::Result<()> {
        files.ledger.lock()?;
        self.desk.open.push(self.at);
        files.open = true;
        // An empty room is no room at all, so that nothing is allocated.
        let mut room = std::mem::take(&mut self.desk.room);
        let caught = files.ledger.catch_up(&mut room, &mut |entry| self.take(entry));
        self.desk.room = room;
        caught?;
        let Head { n, len, hash } = files.ledger.head();
        self.state.chain = Chain { n, hash };
        files.len = files.log.seek(SeekFrom::End(0))?;
        if files.len != len {
            let found = files.len;
            self.state.chain.line(&mut files.lines, self.now_ns, "gap", |out| {
                put(out, format_args!(",\"expected\":{len},\"found\":{found}"));
            });
        }
        if !replace(&mut files.started, true) {
            files.sealed = (self.state.chain.n, self.now_ns);
            let (key, Desk { pid, uid, public, .. }) = (self.handle, &*self.desk);
            self.state.chain.line(&mut files.lines, self.now_ns, "start", |out| {
                let version = env!("CARGO_PKG_VERSION");
                put(
                    out,
                    format_args!(",\"key\":\"{key}\",\"pid\":{pid},\"uid\":{uid},\"version\":\"{version}\""),
                );
                match public {
                    Some(public) => put(out, format_args!(",\"public\":\"{public}\"")),
                    None => out.extend_from_slice(b",\"public\":null"),
                }
            });
        }
        Ok(())
    }

    /// What there is to be warned of in a request that may be signed: a symbol or an endpoint that is new.
    pub(super) fn alert(&mut self, line: &Line<'_>) -> Option<&'static str> {
        let wanted = self.bounds.iter().map(Bound::alerts);
        let (symbols, endpoints) = wanted.fold((false, false), |all, own| (all.0 | own.0, all.1 | own.1));
        let endpoint = line.decision.and_then(|decision| decision.endpoint);
        let mut alert = None;
        if endpoints {
            let path = endpoint.map_or(line.parts.path, |endpoint| endpoint.path.text());
            if self.desk.is_new(self.at, &["endpoint ", line.parts.method.word(), path]) {
                alert = Some("first-endpoint");
            }
        }
        if let Some(endpoint) = endpoint.filter(|endpoint| symbols && !endpoint.orders.is_empty()) {
            let Desk { seen, fresh, orders, .. } = &mut *self.desk;
            let _ = line.exchange.orders(line.parts, endpoint, orders, &mut |order| {
                if let Some(symbol) = order.symbol.or(order.currency) {
                    if is_new(seen, fresh, self.at, &["symbol ", symbol]) {
                        alert = Some("first-symbol");
                    }
                }
                Ok(())
            });
        }
        alert
    }

    /// Writes the line of a decision into the log, and to standard error if it is one to be warned of.
    ///
    /// Where it cannot be written, [`Page::close`] fails.
    pub(super) fn log(&mut self, line: &Line<'_>) {
        let line = Line { hashes: self.bounds.iter().any(Bound::audits_hashes), ..*line };
        let Desk { alert, orders, .. } = &mut *self.desk;
        if line.alert.is_some() {
            // Without a log the line goes there alone; with one, twice the same.
            let mut chain = self.state.chain;
            alert.clear();
            alert.extend_from_slice(b"signbox-signer: alert: ");
            chain.decision(alert, self.now_ns, &line, orders);
            // In one piece, so that lines of several signers do not mix. That nobody can be warned is no reason to stop.
            let _ = nix::unistd::write(stderr(), alert);
            if self.state.files.is_none() {
                self.state.chain = chain;
            }
        }
        let Some(files) = &mut self.state.files else { return };
        files.signed |= line.outcome == "signed";
        if files.lines.len() > files.lines.capacity() - audit::LONGEST {
            files.broken |= files.write_lines().is_err();
            files.lines.clear();
        }
        self.state.chain.decision(&mut files.lines, self.now_ns, &line, orders);
    }

    /// Writes what was decided in this wake-up, and gives the lock back. `seal` signs a text, if it can.
    pub(super) fn close(
        &mut self,
        last: bool,
        seal: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
    ) -> io::Result<()> {
        let Some(mut files) = self.state.files.take() else { return Ok(()) };
        let closed = match files.broken {
            true => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
            false => self.close_with(&mut files, last, seal),
        };
        files.broken |= closed.is_err();
        (files.open, files.signed) = (false, false);
        let unlocked = files.ledger.unlock();
        self.state.files = Some(files);
        closed.and(unlocked)
    }

    fn close_with(
        &mut self,
        files: &mut Files,
        last: bool,
        seal: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
    ) -> io::Result<()> {
        let Page { at, state, bounds, desk, now_ns, .. } = self;
        let (n, then_ns) = files.sealed;
        if last || state.chain.n - n >= SEAL_LINES || now_ns.saturating_sub(then_ns) >= SEAL_NS {
            if let Some((public, signature)) = desk.public.as_deref().zip(seal(&state.chain.head_text())) {
                let mut text = [0; 88];
                let text = Base64::encode(&signature, &mut text).unwrap_or_default();
                state.chain.line(&mut files.lines, *now_ns, if last { "end" } else { "head" }, |out| {
                    put(out, format_args!(",\"public\":\"{public}\",\"signed\":\"{text}\""));
                });
                files.sealed = (state.chain.n, *now_ns);
            }
        }
        files.write_lines()?;
        if files.signed {
            files.log.sync_data()?;
        }
        let head = Head { n: state.chain.n, len: files.len, hash: state.chain.hash };
        let (strangers, nonce) = (&state.strangers, state.last);
        let Desk { room, seen, fresh, .. } = &mut **desk;
        files.ledger.append(room, head, &mut |all, batch| {
            for bound in bounds.iter() {
                let source = bound.source();
                bound.counts(!all).for_each(|count| batch.push(Entry::Count { source, count }));
            }
            if nonce > 0 {
                batch.push(Entry::Nonce(nonce));
            }
            let mut all_seen = if all { seen.iter() } else { fresh.iter() };
            let mut own = all_seen.by_ref().filter(|(place, _)| place == at);
            own.by_ref().for_each(|(_, hash)| batch.push(Entry::Seen(*hash)));
            let strangers = strangers.iter().filter(|_| all);
            strangers.for_each(|(source, count)| batch.push(Entry::Count { source: *source, count: *count }));
        })?;
        bounds.iter_mut().for_each(Bound::handed_on);
        fresh.retain(|(place, _)| place != at);
        if files.signed { files.ledger.sync() } else { Ok(()) }
    }

    /// Takes over what a ledger knows.
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Count { source, count } => {
                if let Some(bound) = self.bounds.iter_mut().find(|bound| bound.source() == source) {
                    return bound.take(count);
                }
                let strangers = &mut self.state.strangers;
                match strangers.iter().position(|known| known.0 == source && known.1.is_of(&count)) {
                    Some(place) => strangers[place].1 = count,
                    None if strangers.len() < strangers.capacity() => strangers.push((source, count)),
                    None => {}
                }
            }
            Entry::Nonce(value) => self.state.last = self.state.last.max(value),
            Entry::Seen(hash) => {
                let seen = &mut self.desk.seen;
                if let Err(place) = seen.binary_search(&(self.at, hash)) {
                    if seen.len() < seen.capacity() {
                        seen.insert(place, (self.at, hash));
                    }
                }
            }
        }
    }
}

impl Desk {
    fn is_new(&mut self, at: usize, words: &[&str]) -> bool {
        is_new(&mut self.seen, &mut self.fresh, at, words)
    }
}

/// Whether something was not used before; from now on it was. Where there is no more room, everything goes on being new.
fn is_new(seen: &mut Vec<(usize, u64)>, fresh: &mut Vec<(usize, u64)>, at: usize, words: &[&str]) -> bool {
    // Whoever asks for signatures chooses the words: the hash must be one in which none can be made to look known.
    let hash = words.iter().fold(Sha256::new(), |hash, word| hash.chain_update(word)).finalize();
    let hash = hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    let Err(place) = seen.binary_search(&(at, hash)) else { return false };
    if seen.len() < seen.capacity() && fresh.len() < fresh.capacity() {
        seen.insert(place, (at, hash));
        fresh.push((at, hash));
    }
    true
}

impl Files {
    fn write_lines(&mut self) -> io::Result<()> {
        self.log.write_all(&self.lines)?;
        self.len += self.lines.len() as u64;
        self.lines.clear();
        Ok(())
    }
}

/// After so many lines, or so long, the head of a log is sealed.
const SEAL_LINES: u64 = 256;
const SEAL_NS: u64 = 60_000_000_000;
const MOST_SEEN: usize = 4096;
const MOST_STRANGERS: usize = 1024;
