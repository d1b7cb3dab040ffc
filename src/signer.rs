//! The signer: the start list, and the loop that answers lines until the input ends.
//!
//! Everything before the walls may fail and end the program; nothing behind them opens a file or
//! allocates. A payload is read when a line first needs it, used for the lines that came with it, and
//! wiped before anything that can block.

use crate::policy::decide;
use crate::protocol::{
    self, Code, LONGEST_LINE, MOST_HEADERS, Op, Question, write_check, write_signed, write_unsigned,
};
use crate::record::{self, Record};
use nix::errno::Errno;
use signbox_exchanges::json::Names;
use signbox_exchanges::{Clock, Exchange, Keyed, Parts, Place, Scratch, Signed, Skew, exchange, scan};
use signbox_keyring::{self as keyring, Key, Secret};
use signbox_sandbox::{self as sandbox, Choice, Level, Memory, Vault, Walls};
use std::fmt;
use std::io::{Stdin, Stdout, Write as _, stderr, stdin, stdout};
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// How a signer is started.
#[derive(Debug)]
pub struct Options {
    /// The keys it may use, as `exchange/label`.
    pub handles: Vec<String>,
    /// Claim the keys: from then on no other process can read them.
    pub claim: bool,
    /// Started by `signbox run`: the client sits in a session without the keys.
    pub run: bool,
    /// Whether the program is linked static, so that no loader and no LD_PRELOAD ran before it.
    pub linked_static: bool,
    /// What the locked memory is made of.
    pub memory: Choice,
    /// How far from now the time of a request may be, where the record is silent.
    pub skew: Option<Skew>,
}

/// Raises the walls and answers lines until the input ends. Returns only if the start fails.
pub fn serve(options: &Options) -> Result<std::convert::Infallible, String> {
    let prepared = sandbox::prepare().map_err(|error| error.to_string())?;
    sandbox::install_panic_hook();
    let keys = find_keys(options)?;
    let memory = Memory::map(options.memory).map_err(|error| error.to_string())?;
    let mut signer = Signer::new(options, keys, memory.level(), prepared.born_undumpable);
    blocking()?;
    let failed = memory.run(|vault| {
        vault.lend(record::LONGEST);
        match sandbox::enter(&signer.serials()) {
            Ok(walls) => {
                signer.walls = Some(walls);
                let code = signer.answer_until_the_end(vault);
                vault.wipe();
                sandbox::exit(code)
            }
            Err(error) => error.to_string(),
        }
    });
    Err(failed)
}

/// A key of the start list.
#[derive(Debug)]
struct Slot {
    handle: String,
    exchange: &'static Exchange,
    key: Key,
    mode: &'static str,
    /// The highest time or nonce used so far.
    last: u64,
}

fn find_keys(options: &Options) -> Result<Vec<Slot>, String> {
    let grouped = nix::unistd::getegid() != nix::unistd::getgid();
    let mut handles: Vec<&String> = options.handles.iter().collect();
    handles.sort_unstable();
    if let Some(pair) = handles.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("key '{}' is named twice", pair[0]));
    }
    let mut slots = Vec::with_capacity(handles.len());
    for handle in handles {
        let (exchange, label) = parse_handle(handle)?;
        let description = keyring::description(handle.split('/').next().unwrap_or(exchange.id), label);
        let found = if grouped { keyring::find_group(&description) } else { Ok(None) };
        let (key, mut mode) = match found.map_err(|error| error.to_string())? {
            Some(key) => (key, "group"),
            None => {
                let key = keyring::find(&description).map_err(|error| error.to_string())?;
                (key, if options.run { "run" } else { "open" })
            }
        };
        if options.claim && mode != "group" {
            remark_without_timeout(handle, key);
            key.claim().map_err(|error| error.to_string())?;
            mode = "claimed";
        }
        slots.push(Slot { handle: handle.clone(), exchange, key, mode, last: 0 });
    }
    Ok(slots)
}

/// A claimed key cannot be revoked any more: who claims one should have set a time for it to end.
fn remark_without_timeout(handle: &str, key: Key) {
    let listed = keyring::list().unwrap_or_default();
    if listed.iter().any(|entry| entry.key == key && entry.expires.is_none()) {
        let _ = writeln!(
            stderr(),
            "signbox-signer: '{handle}' has no timeout, and nobody can revoke a claimed key: only the end of this \
             signer ends it (set one before, with 'signbox timeout')"
        );
    }
}

/// The exchange and the label of a handle.
pub fn parse_handle(handle: &str) -> Result<(&'static Exchange, &str), String> {
    let plain = |label: &str| {
        !label.is_empty()
            && label.len() <= 64
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let (id, label) = handle.split_once('/').filter(|(_, label)| plain(label)).ok_or_else(|| {
        format!("'{handle}' is not EXCHANGE/LABEL (a label has at most 64 letters, digits, '-', '_' and '.')")
    })?;
    let exchange = exchange(id)
        .ok_or_else(|| format!("no exchange is called '{id}'; 'signbox exchanges' lists those there are"))?;
    Ok((exchange, label))
}

/// Takes O_NONBLOCK off the input and the output: behind the walls nothing can wait for a descriptor.
fn blocking() -> Result<(), String> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::os::fd::AsFd;
    let (input, output) = (stdin(), stdout());
    for fd in [input.as_fd(), output.as_fd()] {
        let flags = fcntl(fd, FcntlArg::F_GETFL).map_err(|error| format!("descriptor 0 or 1: {error}"))?;
        let flags = OFlag::from_bits_retain(flags);
        if flags.contains(OFlag::O_NONBLOCK) {
            fcntl(fd, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK)).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Everything the loop needs, allocated before the walls are up.
struct Signer {
    slots: Vec<Slot>,
    skew: Option<Skew>,
    level: Level,
    born_undumpable: bool,
    linked_static: bool,
    walls: Option<Walls>,
    uid: u32,
    input: Vec<u8>,
    out: Vec<u8>,
    /// How much longer than its line an answer can be.
    answer_room: usize,
    line: protocol::Scratch,
    parts: Scratch,
    signed: Signed,
    names: Names,
    stdin: Stdin,
    stdout: Stdout,
}

/// What one call of [`Signer::answer`] did.
struct Answered {
    /// The bytes of whole lines that were answered.
    bytes: usize,
    /// Whether more lines wait for room in the output.
    more: bool,
}

/// The payload in the locked page, and whose it is.
struct Held<'page> {
    secret: Secret<'page>,
    of: Option<(usize, Record)>,
    keyed: Keyed,
    /// The time at which the lines came, in nanoseconds since 1970.
    now_ns: u64,
}

/// Why a key that the signer was started with cannot be used now.
enum Trouble<'a> {
    /// The kernel did not give its payload.
    Key(&'a str, keyring::Error),
    /// The payload is not a record.
    Record(&'a str, &'static str),
    /// The record does not name this user.
    User(&'a str, u32),
}

impl Trouble<'_> {
    fn code(&self) -> Code {
        match self {
            Trouble::Key(_, keyring::Error::NoSuchKey(_)) => Code::NoSuchKey,
            Trouble::Key(_, keyring::Error::Expired(_)) => Code::Expired,
            Trouble::Key(_, keyring::Error::Revoked(_)) => Code::Revoked,
            Trouble::Key(..) | Trouble::Record(..) => Code::Unavailable,
            Trouble::User(..) => Code::Denied,
        }
    }
}

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Key(handle, keyring::Error::NoSuchKey(_)) => {
                write!(f, "'{handle}' is gone from the kernel; add it again and start a new signer")
            }
            Trouble::Key(handle, keyring::Error::Expired(_)) => {
                write!(f, "'{handle}' has expired; add it again")
            }
            Trouble::Key(handle, keyring::Error::Revoked(_)) => {
                write!(f, "'{handle}' was revoked; add it again and start a new signer")
            }
            Trouble::Key(handle, error) => write!(f, "'{handle}' cannot be read: {error}"),
            Trouble::Record(handle, wrong) => write!(f, "'{handle}' cannot be used: {wrong}; add it again"),
            Trouble::User(handle, uid) => {
                write!(f, "user {uid} is not among the users of '{handle}' (rule user-not-named)")
            }
        }
    }
}

impl Held<'_> {
    /// The record of a key, read from the kernel unless an earlier line of this batch did.
    fn record<'a>(
        &mut self,
        at: usize,
        slot: &'a Slot,
        uid: u32,
        names: &mut Names,
    ) -> Result<&Record, Trouble<'a>> {
        if self.of.as_ref().is_none_or(|(held, _)| *held != at) {
            (self.of, self.keyed) = (None, Keyed::default());
            self.secret.read(slot.key).map_err(|error| Trouble::Key(&slot.handle, error))?;
            let record = Record::parse(self.secret.expose_mut(), names);
            let record = record.map_err(|wrong| Trouble::Record(&slot.handle, wrong))?;
            if slot.mode == "group" && record.users().is_empty() {
                return Err(Trouble::Record(&slot.handle, "a group key's record must name its users"));
            }
            self.of = Some((at, record));
        }
        match &self.of {
            Some((_, record)) if record.permits_user(uid) => Ok(record),
            _ => Err(Trouble::User(&slot.handle, uid)),
        }
    }
}

impl Signer {
    fn new(options: &Options, slots: Vec<Slot>, level: Level, born_undumpable: bool) -> Signer {
        // The answer to `hello` names every key, or says at length why it cannot be read.
        let hello: usize = slots.iter().map(|slot| 2 * slot.handle.len() + LONGEST_TROUBLE).sum();
        let answer_room = hello.max(ANSWER_ROOM);
        Signer {
            slots,
            skew: options.skew,
            level,
            born_undumpable,
            linked_static: options.linked_static,
            walls: None,
            uid: nix::unistd::getuid().as_raw(),
            input: vec![0; 2 * LONGEST_LINE],
            out: Vec::with_capacity(2 * LONGEST_LINE + 2 * answer_room),
            answer_room,
            line: protocol::Scratch::default(),
            parts: Scratch::default(),
            signed: Signed::with_capacity(LONGEST_LINE + ANSWER_ROOM),
            names: Names::new(),
            stdin: stdin(),
            stdout: stdout(),
        }
    }

    fn serials(&self) -> Vec<i32> {
        self.slots.iter().map(|slot| slot.key.serial()).collect()
    }

    /// Reads, answers and writes until the input ends; returns the exit code.
    fn answer_until_the_end(&mut self, vault: &mut Vault) -> i32 {
        let mut filled = 0;
        let mut too_long = false;
        loop {
            match nix::unistd::read(&self.stdin, &mut self.input[filled..]) {
                Ok(0) => return self.end(filled),
                Ok(count) => filled += count,
                Err(Errno::EINTR) => continue,
                Err(_) => return 1,
            }
            let mut done = 0;
            if too_long {
                let Some(newline) = scan::find(&self.input[..filled], b'\n') else {
                    filled = 0;
                    continue;
                };
                too_long = false;
                done = newline + 1;
            }
            loop {
                let answered = vault.wiped(|page| self.answer(page, done..filled));
                done += answered.bytes;
                if !self.flush() {
                    return 1;
                }
                if !answered.more {
                    break;
                }
            }
            self.input.copy_within(done..filled, 0);
            filled -= done;
            if filled > LONGEST_LINE {
                protocol::write_error(&mut self.out, None, Code::BadRequest, format_args!("{LINE_TOO_LONG}"));
                if !self.flush() {
                    return 1;
                }
                (too_long, filled) = (true, 0);
            }
        }
    }

    /// The input has ended; what is left of a line is no request.
    fn end(&mut self, rest: usize) -> i32 {
        if rest > 0 {
            protocol::write_error(
                &mut self.out,
                None,
                Code::BadRequest,
                format_args!("the input ended inside a line"),
            );
            self.flush();
        }
        0
    }

    /// Writes the answers, and forgets them: signatures and passphrases stand in them.
    fn flush(&mut self) -> bool {
        let mut rest = &self.out[..];
        while !rest.is_empty() {
            match nix::unistd::write(&self.stdout, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
        self.out.fill(0);
        self.out.clear();
        true
    }

    /// Answers the whole lines in this part of the input while there is room for an answer.
    fn answer(&mut self, page: &mut [u8], part: Range<usize>) -> Answered {
        let mut held =
            Held { secret: Secret::empty(page), of: None, keyed: Keyed::default(), now_ns: now_ns() };
        let mut at = part.start;
        while let Some(len) = scan::find(&self.input[at..part.end], b'\n') {
            if self.out.len() + len + self.answer_room > self.out.capacity() {
                return Answered { bytes: at - part.start, more: true };
            }
            self.answer_line(at..at + len, &mut held);
            at += len + 1;
        }
        Answered { bytes: at - part.start, more: false }
    }

    fn answer_line(&mut self, place: Range<usize>, held: &mut Held<'_>) {
        let Signer { input, out, line: scratch, .. } = self;
        let line = &mut input[place.clone()];
        if line.len() > LONGEST_LINE {
            return protocol::write_error(out, None, Code::BadRequest, format_args!("{LINE_TOO_LONG}"));
        }
        match Question::parse(line, scratch) {
            Err(unreadable) => {
                let id = unreadable.id.map(|id| &line[id]);
                protocol::write_error(out, id, unreadable.code, format_args!("{}", unreadable.text));
            }
            Ok(question) if question.op == Op::Hello => self.hello(&question, place, held),
            Ok(question) => self.sign_or_check(&question, place, held),
        }
    }

    fn sign_or_check(&mut self, question: &Question, place: Range<usize>, held: &mut Held<'_>) {
        let Signer { slots, input, out, line: scratch, parts, signed, names, .. } = self;
        let line = protocol::text(&input[place]);
        let id = line[question.id.clone()].as_bytes();
        // Few requests have many headers, and room that is not used costs time to clear.
        let (mut few, mut many);
        let room = if scratch.headers() <= 8 {
            few = [("", ""); 8];
            &mut few[..]
        } else {
            many = [("", ""); MOST_HEADERS];
            &mut many[..]
        };
        let request = question.request(line, scratch, room);
        let handle = question.key(line);
        let mut refuse =
            |code, text: std::fmt::Arguments<'_>| protocol::write_error(out, Some(id), code, text);

        let Ok(at) = slots.binary_search_by(|slot| slot.handle.as_str().cmp(handle)) else {
            let text = format_args!("this signer was not started with a key '{handle}'");
            return refuse(Code::NoSuchKey, text);
        };
        let slot = &mut slots[at];
        let parts = match Parts::of(&request, parts) {
            Ok(parts) => parts,
            Err(wrong) => return refuse(Code::BadRequest, format_args!("{wrong}")),
        };
        if let Err(trouble) = held.record(at, slot, self.uid, names) {
            return refuse(trouble.code(), format_args!("{trouble}"));
        }
        let Some((_, record)) = &held.of else { unreachable!("read above") };
        let decision = match decide(slot.exchange, &parts, record.grants) {
            Ok(decision) => decision,
            Err(wrong) => return refuse(Code::BadRequest, format_args!("{wrong}")),
        };
        let explained = decision.explained(handle, slot.exchange, &parts);
        if question.op == Op::Check {
            return write_check(out, id, &decision, &explained);
        }
        if !decision.rule.permits() {
            return refuse(Code::Denied, format_args!("{explained}"));
        }
        let credentials = record.credentials(held.secret.expose());
        let had_body = request.body.is_some();
        if decision.endpoint.is_some_and(|endpoint| endpoint.key_only) {
            let header = match slot.exchange.schemes[0].key {
                Place::Header(name) => credentials.key.map(|key| (name, key)),
                _ => None,
            };
            return write_unsigned(out, id, &parts, had_body, header);
        }
        let clock = Clock {
            now_ns: held.now_ns,
            last: slot.last,
            skew: match record.skew {
                Some(fixed) => self.skew.map_or(fixed, |asked| fixed.narrower(asked)),
                None => self.skew.unwrap_or(Skew::DEFAULT),
            },
        };
        match slot.exchange.sign(&parts, &credentials, &mut held.keyed, &clock, signed) {
            Ok(()) => {
                slot.last = signed.stamp.value;
                write_signed(out, id, &parts, had_body, signed, &credentials);
            }
            Err(signbox_exchanges::Error::Request(wrong)) => {
                refuse(Code::BadRequest, format_args!("{wrong}"))
            }
            Err(signbox_exchanges::Error::Stale(wrong)) => {
                refuse(Code::Stale, format_args!("{wrong}; leave it out, and the signer sets it"));
            }
            Err(signbox_exchanges::Error::Secret(wrong)) => refuse(
                Code::Unavailable,
                format_args!("{wrong}, which {} needs; add '{handle}' again", slot.exchange.name),
            ),
        }
    }

    fn hello(&mut self, question: &Question, place: Range<usize>, held: &mut Held<'_>) {
        let Signer { slots, input, out, names, .. } = self;
        let id = &input[place][question.id.clone()];
        protocol::begin(out, Some(id));
        let weakest =
            ["open", "run", "claimed"].into_iter().find(|mode| slots.iter().any(|slot| slot.mode == *mode));
        let walls = self.walls.as_ref();
        protocol::put(
            out,
            format_args!(
                ",\"hello\":{{\"version\":\"{}\",\"mode\":\"{}\",\"memory\":\"{}\",\"landlock\":{},\"seccomp\":{},\
                 \"static\":{},\"binary\":\"{}\",\"uid\":{},\"keys\":[",
                env!("CARGO_PKG_VERSION"),
                weakest.unwrap_or("group"),
                self.level,
                walls.map_or(0, |walls| walls.landlock_abi),
                walls.is_some(),
                self.linked_static,
                if self.born_undumpable { "unreadable" } else { "readable" },
                self.uid,
            ),
        );
        for (at, slot) in slots.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            protocol::put(
                out,
                format_args!(
                    "{comma}{{\"key\":\"{}\",\"exchange\":\"{}\",\"mode\":\"{}\",\"binds\":[",
                    slot.handle, slot.exchange.id, slot.mode
                ),
            );
            put_words(out, slot.exchange.binds.names());
            match held.record(at, slot, self.uid, names) {
                Ok(record) => {
                    out.extend_from_slice(b"],\"allow\":[");
                    put_words(out, record.grants.words());
                    out.extend_from_slice(b"]}");
                }
                Err(trouble) => {
                    out.extend_from_slice(b"],");
                    protocol::put_error(out, trouble.code(), format_args!("{trouble}"));
                    out.extend_from_slice(b"}");
                }
            }
        }
        out.extend_from_slice(b"]}}\n");
    }
}

fn put_words(out: &mut Vec<u8>, words: impl Iterator<Item = &'static str>) {
    for (at, word) in words.enumerate() {
        protocol::put(out, format_args!("{}\"{word}\"", if at > 0 { "," } else { "" }));
    }
}

fn now_ns() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// More than a key and what is wrong with it take in an answer.
const LONGEST_TROUBLE: usize = 2048;
/// More than an answer can be longer than its line: key, passphrase, time, signature, an error's text.
const ANSWER_ROOM: usize = 32 * 1024;
const LINE_TOO_LONG: &str = "the line is longer than 65536 bytes";
