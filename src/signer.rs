//! The signer: the start list, and the loop that answers lines until the input ends.
//!
//! Everything before the walls may fail and end the program; nothing behind them opens a file or
//! allocates. A payload is read when a line first needs it, used for the lines that came with it, and
//! wiped before anything that can block.

use crate::audit::Line;
use crate::policy::{self, Bound, Broken, Facts, Limit, Rule, Work, decide};
use crate::protocol::{
    self, Code, LONGEST_LINE, MOST_HEADERS, Op, Question, write_check, write_signed, write_unsigned,
};
use crate::record;
use nix::errno::Errno;
use signbox_exchanges::json::Names;
use signbox_exchanges::{Clock, Exchange, KeyKind, Parts, Place, Scratch, Signed, Skew, scan};
use signbox_sandbox::{self as sandbox, Choice, Deep, Doors, Level, Memory, Vault, Walls};
use std::io::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
use std::ops::Range;
use std::path::PathBuf;

mod connect;
mod credentials;
mod folder;
mod held;
mod keys;
mod login;
mod seal;
mod service;
mod state;
mod unique;

pub use connect::connect;
use folder::Folder;
use held::Held;
pub use keys::parse_handle;
use keys::{Slot, find_keys};
use seal::Seal;
use service::Service;
use state::{Desk, Page};
use unique::Unique;

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
    /// Where ledgers and audit logs are kept, if not in the machine's state directory.
    pub state: Option<PathBuf>,
    /// Behind the listening socket that descriptor 0 is, as this service.
    pub service: Option<String>,
    /// The user whom a service answers.
    pub peer: Option<u32>,
}

/// Raises the walls and answers lines until the input ends. Returns only if the start fails.
pub fn serve(options: &Options) -> Result<std::convert::Infallible, String> {
    if options.service.is_some() {
        service::is_listening()?;
    }
    match start(options) {
        // A service that ended would be started again for who waits, and would end again.
        Err(why) if options.service.is_some() => service::refuse_all(&why),
        failed => failed,
    }
}

fn start(options: &Options) -> Result<std::convert::Infallible, String> {
    let prepared = sandbox::prepare().map_err(|error| error.to_string())?;
    sandbox::install_panic_hook();
    let file = policy::File::open()?;
    let keys = find_keys(options)?;
    let group_keys = keys.iter().any(|slot| slot.mode == "group");
    if !group_keys {
        keys::give_up_the_group()?;
    }
    let folder = Folder::find(options.state.as_deref(), group_keys)?;
    let deep = folder.is_some() || keys.iter().any(|slot| takes_private_keys(slot.exchange));
    let memory = if deep { Memory::map_with_deep_stack(options.memory) } else { Memory::map(options.memory) };
    let memory = memory.map_err(|error| error.to_string())?;
    let mut signer = Signer::new(options, keys, &file, memory.level(), prepared.born_undumpable);
    if let Some(folder) = folder {
        signer.open_files(folder)?;
    }
    let mut service = options.service.as_ref().map(|_| Service::open(options, &signer)).transpose()?;
    if service.is_none() {
        blocking()?;
    }
    let failed = memory.run(|vault| {
        vault.lend(record::LONGEST);
        let doors = if service.is_some() { Doors::Listener } else { Doors::Ends };
        match signer.enter(vault, doors) {
            Ok(()) => {
                let code = match &mut service {
                    Some(service) => service.answer_until_the_end(&mut signer, vault),
                    None => signer.answer_until_the_end(vault),
                };
                vault.wipe();
                sandbox::exit(code)
            }
            Err(why) => why,
        }
    });
    Err(failed)
}

/// Whether a key of this exchange can be a private key: signatures with those need the deep stack.
fn takes_private_keys(exchange: &Exchange) -> bool {
    exchange.kinds.iter().any(|kind| *kind != KeyKind::Hmac)
}

/// Takes O_NONBLOCK off the input and the output: behind the walls only a service can wait for a descriptor.
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
    /// For each slot the limits of its record, then those of the owner's file.
    bounds: Vec<Vec<Bound>>,
    /// For records that have limits.
    spare: Vec<Bound>,
    work: Work,
    skew: Option<Skew>,
    level: Level,
    born_undumpable: bool,
    linked_static: bool,
    walls: Option<Walls>,
    /// Who asks: who has started this signer, or the peer of a service.
    uid: u32,
    /// The name of the service that this signer is.
    service: Option<String>,
    /// The line that was answered last asked for pipes.
    pipes: bool,
    input: Vec<u8>,
    out: Vec<u8>,
    /// How much longer than four times its line an answer can be.
    answer_room: usize,
    /// For answers that take the place of others.
    instead: Vec<u8>,
    folder: Option<Folder>,
    desk: Desk,
    seal: Option<Seal>,
    line: protocol::Scratch,
    parts: Scratch,
    signed: Signed,
    names: Names,
    unique: Unique,
    stdin: Stdin,
    stdout: Stdout,
    stderr: Stderr,
}

/// What is left in the input when its whole lines are answered.
#[derive(Debug, Default)]
struct Rest {
    /// How many bytes there are of a line that has not ended.
    filled: usize,
    /// Whether they, to the next newline, are the rest of a line that was too long.
    too_long: bool,
}

/// What one call of [`Signer::answer`] did.
struct Answered {
    /// The bytes of whole lines that were answered.
    bytes: usize,
    /// Whether more lines wait for room in the output.
    more: bool,
}

impl Signer {
    fn new(
        options: &Options,
        slots: Vec<Slot>,
        file: &policy::File,
        level: Level,
        born_undumpable: bool,
    ) -> Signer {
        let bounds = |slot: &Slot| {
            let own = [Bound::without_room()].into_iter();
            own.chain(file.bounds(&slot.handle)).collect::<Vec<Bound>>()
        };
        let bounds: Vec<Vec<Bound>> = slots.iter().map(bounds).collect();
        // The answer to `hello` names every key and its limits, or says at length why it cannot be read.
        let hello: usize = slots.iter().map(|slot| 2 * slot.handle.len() + LONGEST_TROUBLE).sum();
        let limits: usize = bounds.iter().flatten().map(Bound::longest_list).sum();
        let hello = hello + limits;
        let answer_room = hello.max(ANSWER_ROOM);
        let desk = Desk::new(slots.len());
        let spare = (0..slots.len().min(held::MOST_LIMITED)).map(|_| Bound::default()).collect();
        Signer {
            slots,
            bounds,
            spare,
            work: Work::new(),
            skew: options.skew,
            level,
            born_undumpable,
            linked_static: options.linked_static,
            walls: None,
            uid: options.peer.unwrap_or(nix::unistd::getuid().as_raw()),
            service: options.service.clone(),
            pipes: false,
            input: vec![0; 2 * LONGEST_LINE],
            out: Vec::with_capacity(5 * LONGEST_LINE + 2 * answer_room),
            answer_room,
            instead: Vec::with_capacity(5 * LONGEST_LINE + 2 * answer_room),
            folder: None,
            desk,
            seal: None,
            line: protocol::Scratch::default(),
            parts: Scratch::default(),
            signed: Signed::with_capacity(LONGEST_LINE + ANSWER_ROOM),
            names: Names::new(),
            unique: Unique::default(),
            stdin: stdin(),
            stdout: stdout(),
            stderr: stderr(),
        }
    }

    /// Opens the ledger and the log of each key.
    fn open_files(&mut self, folder: Folder) -> Result<(), String> {
        let Signer { slots, bounds, desk, .. } = self;
        allow_files(2 * slots.len())?;
        for (at, (slot, bounds)) in slots.iter_mut().zip(bounds).enumerate() {
            // In the machine's folder, the name of a user's own key may be that of another's group key.
            if folder.shared && slot.mode != "group" {
                continue;
            }
            let keys::Slot { handle, state, .. } = slot;
            // What a ledger knows needs room.
            bounds[0] = Bound::default();
            Page { at, handle, state, bounds, desk, now_ns: 0 }.open_files(&folder.path, folder.shared)?;
        }
        self.folder = Some(folder);
        Ok(())
    }

    /// Raises the walls.
    fn enter(&mut self, vault: &mut Vault, doors: Doors) -> Result<(), String> {
        if self.folder.is_some() {
            self.seal = vault.wiped(Seal::draw)?;
            self.desk.public = self.seal.as_ref().map(|seal| seal.public.clone());
        }
        let serials = self.slots.iter().map(|slot| slot.key.serial());
        let serials: Vec<i32> = serials.chain(self.seal.as_ref().map(Seal::serial)).collect();
        let mut fds: Vec<i32> = self.slots.iter().flat_map(|slot| slot.state.fds()).collect();
        fds.sort_unstable();
        let files = fds.first().map_or(0..0, |first| *first..first + fds.len() as i32);
        if fds.iter().zip(files.clone()).any(|(fd, place)| *fd != place) {
            return Err("another descriptor was opened between those of the ledgers".to_owned());
        }
        self.walls = Some(sandbox::enter(&serials, &files, doors).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Reads, answers and writes until the input ends; returns the exit code.
    fn answer_until_the_end(&mut self, vault: &mut Vault) -> i32 {
        let mut rest = Rest::default();
        loop {
            match nix::unistd::read(&self.stdin, &mut self.input[rest.filled..]) {
                Ok(0) => return self.end(rest.filled, vault),
                Ok(count) => rest.filled += count,
                Err(Errno::EINTR) => continue,
                Err(errno) => return self.fail("cannot read requests", errno),
            }
            if let Err(errno) =
                self.answer_input(vault, &mut rest, &mut |signer| signer.flush().map(|()| true))
            {
                return self.fail("cannot write answers", errno);
            }
        }
    }

    /// Answers the whole lines in the input and keeps what is left of it. `send` sends the answers and empties the output;
    /// false if it can take no more for now.
    fn answer_input(
        &mut self,
        vault: &mut Vault,
        rest: &mut Rest,
        send: &mut dyn FnMut(&mut Signer) -> Result<bool, Errno>,
    ) -> Result<(), Errno> {
        let mut done = 0;
        if rest.too_long {
            let Some(newline) = scan::find(&self.input[..rest.filled], b'\n') else {
                rest.filled = 0;
                return Ok(());
            };
            rest.too_long = false;
            done = newline + 1;
        }
        let all = loop {
            let answered = vault.wiped(|page, deep| self.answer(page, deep, done..rest.filled));
            done += answered.bytes;
            let room = self.out.is_empty() || send(self)?;
            if !answered.more || !room {
                break !answered.more;
            }
        };
        self.input.copy_within(done..rest.filled, 0);
        rest.filled -= done;
        if all && rest.filled > LONGEST_LINE {
            protocol::write_error(&mut self.out, None, Code::BadRequest, format_args!("{LINE_TOO_LONG}"));
            (rest.too_long, rest.filled) = (true, 0);
            send(self)?;
        }
        Ok(())
    }

    /// The input has ended; what is left of a line is no request.
    fn end(&mut self, rest: usize, vault: &mut Vault) -> i32 {
        let ended = vault.wiped(|page, deep| self.end_logs(&mut Held::nothing(page, deep)));
        if rest > 0 {
            protocol::write_error(&mut self.out, None, Code::BadRequest, format_args!("{ENDED_INSIDE}"));
            if let Err(errno) = self.flush() {
                return self.fail("cannot write answers", errno);
            }
        }
        if ended.is_err() { self.fail("cannot write the end of an audit log", Errno::EIO) } else { 0 }
    }

    /// Seals the logs that this signer has written into.
    fn end_logs(&mut self, held: &mut Held<'_>) -> std::io::Result<()> {
        let Signer { slots, bounds, desk, seal, .. } = self;
        let mut ended = Ok(());
        for (at, (slot, bounds)) in slots.iter_mut().zip(bounds).enumerate() {
            if slot.state.has_written() {
                let keys::Slot { handle, state, .. } = slot;
                let mut page = Page { at, handle, state, bounds, desk, now_ns: held.now_ns };
                let begun = page.begin();
                ended = ended.and(begun).and(page.close(true, |text| seal.as_ref()?.sign(text, held)));
            }
        }
        ended
    }

    /// Writes what was decided in this wake-up. Where that fails nothing was signed: the answers are taken back.
    fn close_logs(&mut self, held: &mut Held<'_>) {
        let Signer { slots, bounds, desk, seal, out, instead, .. } = self;
        let mut closed = Ok(());
        while let Some(at) = desk.next_open() {
            let (keys::Slot { handle, state, .. }, bounds) = (&mut slots[at], &mut bounds[at]);
            let mut page = Page { at, handle, state, bounds, desk, now_ns: held.now_ns };
            closed = closed.and(page.close(false, |text| seal.as_ref()?.sign(text, held)));
        }
        if let Err(error) = closed {
            for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let text = format_args!("{NOT_WRITTEN}: {error}");
                protocol::write_error(instead, protocol::id_of(line), Code::Unavailable, text);
            }
            std::mem::swap(out, instead);
            instead.fill(0);
            instead.clear();
        }
    }

    /// Says on standard error why the signer ends; returns the exit code.
    fn fail(&mut self, what: &str, errno: Errno) -> i32 {
        self.out.clear();
        protocol::put(&mut self.out, format_args!("signbox-signer: {what}: {}\n", errno.desc()));
        let _ = nix::unistd::write(&self.stderr, &self.out);
        1
    }

    /// Writes the answers, and forgets them: signatures and passphrases stand in them.
    fn flush(&mut self) -> Result<(), Errno> {
        let mut rest = &self.out[..];
        while !rest.is_empty() {
            match nix::unistd::write(&self.stdout, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.out.fill(0);
        self.out.clear();
        Ok(())
    }

    /// Answers the whole lines in this part of the input while there is room for an answer.
    fn answer(&mut self, page: &mut [u8], deep: &mut Deep, part: Range<usize>) -> Answered {
        let mut held = Held::nothing(page, deep);
        let mut at = part.start;
        while let Some(len) = scan::find(&self.input[at..part.end], b'\n') {
            // A payload header holds the body once more, as base64; an escape is three characters for one.
            if self.out.len() + 4 * len + self.answer_room > self.out.capacity() {
                self.close_logs(&mut held);
                return Answered { bytes: at - part.start, more: true };
            }
            self.answer_line(at..at + len, &mut held);
            at += len + 1;
        }
        self.close_logs(&mut held);
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
            Ok(question) if question.op == Op::Login => self.login(&question, place, held),
            Ok(question) if question.op == Op::Pipes => self.offer_pipes(&question, place),
            // Few requests have many headers, and room for them takes much of the stack.
            Ok(question) if scratch.headers() <= 8 => self.sign_or_check::<8>(&question, place, held),
            Ok(question) => self.sign_or_check::<MOST_HEADERS>(&question, place, held),
        }
    }

    #[inline(never)]
    fn sign_or_check<const HEADERS: usize>(
        &mut self,
        question: &Question,
        place: Range<usize>,
        held: &mut Held<'_>,
    ) {
        let Signer {
            slots,
            bounds,
            spare,
            work,
            input,
            out,
            line: scratch,
            parts,
            signed,
            names,
            desk,
            service,
            ..
        } = self;
        let line = protocol::text(&input[place]);
        let id = line[question.id.clone()].as_bytes();
        let mut room = [("", ""); HEADERS];
        let request = question.request(line, scratch, &mut room);
        let handle = question.key(line);
        let mut refuse =
            |code, text: std::fmt::Arguments<'_>| protocol::write_error(out, Some(id), code, text);

        let Ok(at) = slots.binary_search_by(|slot| slot.handle.as_str().cmp(handle)) else {
            return match service {
                None => {
                    refuse(Code::NoSuchKey, format_args!("this signer was not started with a key '{handle}'"))
                }
                Some(bot) => refuse(
                    Code::NoSuchKey,
                    format_args!(
                        "the service {bot} has no key '{handle}'; 'sudo signbox add --service {bot} {handle}'"
                    ),
                ),
            };
        };
        let (slot, bounds) = (&mut slots[at], &mut bounds[at]);
        let parts = match Parts::of(slot.exchange, &request, parts) {
            Ok(parts) => parts,
            Err(wrong) => return refuse(Code::BadRequest, format_args!("{wrong}")),
        };
        if let Err(trouble) = held.record(at, slot, self.uid, names, bounds, spare) {
            return refuse(trouble.code(), format_args!("{trouble}"));
        }
        let Some((_, record)) = &held.of else { unreachable!("read above") };
        let (exchange, now_ns) = (slot.exchange, held.now_ns);
        let mut page = Page { at, handle, state: &mut slot.state, bounds, desk, now_ns };
        if let Err(error) = page.begin() {
            return refuse(Code::Unavailable, format_args!("{NOT_WRITTEN}: {error}"));
        }
        if !page.state.is_kept() && page.bounds.iter().any(|bound| bound.limits.has(Limit::Ledger)) {
            return refuse(Code::Unavailable, format_args!("'{handle}' {NO_LEDGER}"));
        }
        policy::settle(page.bounds, now_ns);
        let facts = Facts { now_ns, reference: question.reference(line) };
        let decided = decide(exchange, &parts, record.grants, page.bounds, &facts, work);
        let mut told = Line {
            event: if question.op == Op::Check { "check" } else { "sign" },
            exchange,
            parts: &parts,
            decision: decided.as_ref().ok(),
            outcome: "refused",
            rule: decided.as_ref().map_or("bad-request", |decision| decision.rule.name()),
            sent: None,
            alert: None,
            hashes: false,
        };
        let decision = match &decided {
            Ok(decision) => decision,
            Err(wrong) => {
                page.log(&told);
                return refuse(Code::BadRequest, format_args!("{wrong}"));
            }
        };
        if matches!(decision.rule, Rule::Limited(Broken::Canary)) {
            told.alert = Some("canary");
        }
        let explained = decision.explained(handle, exchange, &parts, work);
        if question.op == Op::Check {
            told.outcome = if decision.rule.permits() { "permitted" } else { "refused" };
            page.log(&told);
            return write_check(out, id, decision, &explained);
        }
        if !decision.rule.permits() {
            page.log(&told);
            let code = if decision.rule.passes() { Code::RateLimited } else { Code::Denied };
            return refuse(code, format_args!("{explained}"));
        }
        told.alert = page.alert(&told);
        let credentials = record.credentials(held.secret.expose());
        let had_body = request.body.is_some();
        if decision.endpoint.is_some_and(|endpoint| endpoint.key_only) {
            let header = match exchange.schemes[0].key {
                Some(Place::Header(name)) => credentials.key.map(|key| (name.text(), key)),
                _ => None,
            };
            policy::count(page.bounds, decision.endpoint, &facts, work);
            page.log(&Line { outcome: "signed", sent: Some((parts.query, parts.body, "")), ..told });
            return write_unsigned(out, id, &parts, had_body, header);
        }
        let clock = Clock {
            now_ns,
            last: page.state.last,
            skew: match record.skew {
                Some(fixed) => self.skew.map_or(fixed, |asked| fixed.narrower(asked)),
                None => self.skew.unwrap_or(Skew::DEFAULT),
            },
            unique: self.unique.next(),
        };
        let private = takes_private_keys(exchange) && exchange.kind(&credentials) != KeyKind::Hmac;
        let mut sign = || exchange.sign(&parts, &credentials, &mut held.keyed, &clock, signed);
        let wrong = match if private { held.deep.run(sign) } else { sign() } {
            Ok(()) => {
                page.state.last = signed.stamp.value;
                policy::count(page.bounds, decision.endpoint, &facts, work);
                let sent = Some((signed.query.as_str(), signed.body.as_str(), signed.signature()));
                page.log(&Line { outcome: "signed", sent, ..told });
                return write_signed(out, id, &parts, had_body, signed, &credentials);
            }
            Err(wrong) => wrong,
        };
        let (code, rule) = refusal_of(&wrong);
        page.log(&Line { rule, ..told });
        refuse_to_sign(&mut refuse, code, &wrong, exchange, handle);
    }

    /// Says that pipes come with this line; the service sends them.
    fn offer_pipes(&mut self, question: &Question, place: Range<usize>) {
        let id = &self.input[place][question.id.clone()];
        if self.service.is_none() {
            let text = format_args!("only a service has pipes to give");
            return protocol::write_error(&mut self.out, Some(id), Code::BadRequest, text);
        }
        protocol::begin(&mut self.out, Some(id));
        self.out.extend_from_slice(b",\"pipes\":[\"read\",\"write\"]}\n");
        self.pipes = true;
    }

    fn hello(&mut self, question: &Question, place: Range<usize>, held: &mut Held<'_>) {
        let Signer { slots, bounds, spare, input, out, names, .. } = self;
        let id = &input[place][question.id.clone()];
        protocol::begin(out, Some(id));
        let weakest = ["open", "run", "claimed", "group"]
            .into_iter()
            .find(|mode| slots.iter().any(|slot| slot.mode == *mode));
        let walls = self.walls.as_ref();
        protocol::put(
            out,
            format_args!(
                ",\"hello\":{{\"version\":\"{}\",\"mode\":\"{}\",\"memory\":\"{}\",\"landlock\":{},\"seccomp\":{},\
                 \"static\":{},\"binary\":\"{}\",\"uid\":{},\"counts\":\"",
                env!("CARGO_PKG_VERSION"),
                weakest.unwrap_or(if self.service.is_some() { "service" } else { "group" }),
                self.level,
                walls.map_or(0, |walls| walls.landlock_abi),
                walls.is_some(),
                self.linked_static,
                if self.born_undumpable { "unreadable" } else { "readable" },
                self.uid,
            ),
        );
        match &self.folder {
            None => out.extend_from_slice(b"memory"),
            Some(folder) => protocol::put_escaped(out, format_args!("{}", folder.path.display())),
        }
        if let Some(seal) = &self.seal {
            protocol::put(out, format_args!("\",\"audit\":\"{}", seal.public));
        }
        out.extend_from_slice(b"\",\"keys\":[");
        for (at, (slot, bounds)) in slots.iter().zip(bounds).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            protocol::put(
                out,
                format_args!(
                    "{comma}{{\"key\":\"{}\",\"exchange\":\"{}\",\"mode\":\"{}\",\"binds\":[",
                    slot.handle, slot.exchange.id, slot.mode
                ),
            );
            put_words(out, slot.exchange.always_binds().names());
            match held.record(at, slot, self.uid, names, bounds, spare) {
                Ok(record) => {
                    out.extend_from_slice(b"],\"allow\":[");
                    put_words(out, policy::narrowed(record.grants, bounds).words());
                    out.extend_from_slice(b"]");
                    put_limits(out, slot.exchange, bounds);
                    out.extend_from_slice(b"}");
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

/// The code of an answer to what could not be signed, and what the audit log calls it.
fn refusal_of(wrong: &signbox_exchanges::Error) -> (Code, &'static str) {
    match wrong {
        signbox_exchanges::Error::Request(_) | signbox_exchanges::Error::Field(..) => {
            (Code::BadRequest, "bad-request")
        }
        signbox_exchanges::Error::Stale(_) => (Code::Stale, "stale"),
        signbox_exchanges::Error::Secret(_) => (Code::Unavailable, "bad-secret"),
    }
}

/// Says why something could not be signed, and what to do.
fn refuse_to_sign(
    refuse: &mut dyn FnMut(Code, std::fmt::Arguments<'_>),
    code: Code,
    wrong: &signbox_exchanges::Error,
    exchange: &Exchange,
    handle: &str,
) {
    match wrong {
        signbox_exchanges::Error::Stale(_) => {
            refuse(code, format_args!("{wrong}; leave it out, and the signer sets it"))
        }
        signbox_exchanges::Error::Secret(_) => {
            refuse(code, format_args!("{wrong} ({}); add '{handle}' again", exchange.name))
        }
        _ => refuse(code, format_args!("{wrong}")),
    }
}

fn put_words(out: &mut Vec<u8>, words: impl Iterator<Item = &'static str>) {
    for (at, word) in words.enumerate() {
        protocol::put(out, format_args!("{}\"{word}\"", if at > 0 { "," } else { "" }));
    }
}

/// The limits of a key as a member of what is said of it, where it has any.
fn put_limits(out: &mut Vec<u8>, exchange: &Exchange, bounds: &[Bound]) {
    let all = bounds.iter().flat_map(|bound| bound.limits.texts().map(move |said| (said, bound)));
    for (at, ((limit, text), bound)) in all.enumerate() {
        out.extend_from_slice(if at == 0 { b",\"limits\":[" } else { b"," });
        protocol::put(out, format_args!("{{\"name\":\"{limit}\",\"text\":\""));
        protocol::put_escaped(out, format_args!("{text}"));
        out.extend_from_slice(b"\",\"place\":\"");
        protocol::put_escaped(out, format_args!("{}", bound.place.as_deref().unwrap_or("record")));
        let held = bound.limits.unenforced(exchange).all(|(other, _)| other != limit);
        out.extend_from_slice(if held { b"\"}" } else { b"\",\"enforced\":false}" });
    }
    if bounds.iter().any(|bound| !bound.limits.is_empty()) {
        out.push(b']');
    }
}

/// Allows as many open files as the ledgers and logs take.
fn allow_files(count: usize) -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let needed = count as u64 + 64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    if soft >= needed {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard).map_err(|error| error.to_string())?;
    if hard < needed {
        return Err(format!(
            "{count} files are too many here (RLIMIT_NOFILE is {hard}); raise it, or share the keys among several signers"
        ));
    }
    Ok(())
}

/// More than a key and what is wrong with it take in an answer.
const LONGEST_TROUBLE: usize = 2048;
/// More than an answer can be longer than its line: key, passphrase, time, signature, an error's text.
const ANSWER_ROOM: usize = 32 * 1024;
const NOT_WRITTEN: &str = "nothing is signed, as the ledger or the audit log of the key cannot be written";
const NO_LEDGER: &str =
    "has a limit that asks for a ledger, and this signer has none: start it with --state DIR";
const ENDED_INSIDE: &str = "the input ended inside a line";
const LINE_TOO_LONG: &str = "the line is longer than 65536 bytes";
