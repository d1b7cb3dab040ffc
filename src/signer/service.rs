//! A service: one signer behind a listening Unix socket, and many clients, none of which can hold up another.
//!
//! Nothing here waits but for all of them at once. A client is read a little at a time, and not again while answers wait for it:
//! one that does not take them keeps nobody else waiting. Who connects is what the kernel says (`SO_PEERCRED`). When
//! all places are taken, the process that has the most of them gives up its longest idle one for a newcomer.
//!
//! A client may ask for pipes in the place of its socket, which are faster. They are made here, so they belong to the user
//! of the service, and no other process of the client's user can open them by way of `/proc`.

use super::{ENDED_INSIDE, Options, Rest, Signer, allow_files};
use crate::protocol::{self, Code, LONGEST_LINE, Question};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{SockType, UnixAddr, getsockname, getsockopt, sockopt};
use nix::unistd::{close, pipe2, read, write};
use signbox_sandbox::{Vault, accept, send_descriptors};
use std::convert::Infallible;
use std::fmt;
use std::io::{Read as _, Write as _, stderr, stdin};
use std::mem::{swap, take};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clients of a service, and what it takes to wait for them.
pub(super) struct Service {
    /// The user whom it answers.
    peer: u32,
    epoll: Epoll,
    /// Says when the service is to end.
    _stop: SignalFd,
    clients: Vec<Client>,
    /// Room for all that can happen at once.
    events: Vec<EpollEvent>,
    /// Counts what clients do, to tell who was idle the longest.
    turn: u64,
    /// The second in which somebody was turned away last.
    said: u64,
}

/// A place for a client, and the client if it is taken.
struct Client {
    socket: Option<OwnedFd>,
    /// What is read and written in the place of the socket.
    pipes: Option<[OwnedFd; 2]>,
    pid: i32,
    used: u64,
    input: Vec<u8>,
    rest: Rest,
    /// Answers that it has not taken yet, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
}

impl Service {
    /// Prepares for clients. To be done before the walls.
    pub(super) fn open(options: &Options, signer: &Signer) -> Result<Service, String> {
        // Where the kernel gives out whole megabytes, the room of a client that never comes would take some.
        let _ = nix::sys::prctl::set_thp_disable(true);
        allow_files(3 * MOST_CLIENTS + 2 * signer.slots.len())?;
        let failed = |errno: Errno| format!("cannot prepare for clients: {}", errno.desc());
        let (door, log) = (stdin(), stderr());
        // A journal that is stuck must not hold up a signature; a terminal is not ours alone.
        let journal = getsockopt(&log, sockopt::SockType).is_ok();
        for fd in [Some(door.as_fd()), journal.then_some(log.as_fd())].into_iter().flatten() {
            let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).map_err(failed)?);
            fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map_err(failed)?;
        }
        let ends = SigSet::from_iter(ENDS);
        ends.thread_block().map_err(failed)?;
        let stop =
            SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(failed)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        epoll.add(stdin(), EpollEvent::new(EpollFlags::EPOLLIN, DOOR)).map_err(failed)?;
        epoll.add(&stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP)).map_err(failed)?;
        let free = || Client {
            socket: None,
            pipes: None,
            pid: 0,
            used: 0,
            // Zeroes that nobody has touched take no memory.
            input: vec![0; LONGEST_LINE + AT_ONCE],
            rest: Rest::default(),
            pending: Vec::with_capacity(signer.out.capacity()),
            sent: 0,
        };
        let peer = options.peer.unwrap_or(nix::unistd::getuid().as_raw());
        let clients = (0..MOST_CLIENTS).map(|_| free()).collect();
        Ok(Service {
            peer,
            epoll,
            _stop: stop,
            clients,
            events: vec![EpollEvent::empty(); 2 * MOST_CLIENTS + 2],
            turn: 0,
            said: 0,
        })
    }

    /// Lets clients in and answers them until the service is told to end; returns the exit code.
    pub(super) fn answer_until_the_end(&mut self, signer: &mut Signer, vault: &mut Vault) -> i32 {
        loop {
            let count = match self.epoll.wait(&mut self.events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => return signer.fail("cannot wait for clients", errno),
            };
            let mut knocked = false;
            for at in 0..count {
                match self.events[at].data() {
                    STOP => return signer.end(0, vault),
                    DOOR => knocked = true,
                    data => self.attend(data, signer, vault),
                }
            }
            // Last, when the places of those who have gone are free.
            if knocked {
                self.let_in(signer);
            }
        }
    }

    /// Takes a few of those who wait at the door.
    fn let_in(&mut self, signer: &mut Signer) {
        for _ in 0..16 {
            let socket = match accept(stdin().as_fd()) {
                Ok(socket) => socket,
                Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
                Err(_) => return,
            };
            let Ok(who) = getsockopt(&socket, sockopt::PeerCredentials) else {
                shut(socket);
                continue;
            };
            if who.uid() != self.peer {
                let (peer, other) = (self.peer, who.uid());
                let why = format_args!("this service answers user {peer} alone, and not user {other}");
                self.turn_away(signer, socket, Code::Denied, why);
                continue;
            }
            let Some(at) = self.place_for(who.pid()) else {
                let why = format_args!(
                    "all {MOST_CLIENTS} connections are taken, most of them by process {}",
                    who.pid()
                );
                self.turn_away(signer, socket, Code::Unavailable, why);
                continue;
            };
            let conversation = EpollEvent::new(EpollFlags::EPOLLIN, data(at));
            if self.epoll.add(&socket, conversation).is_err() {
                shut(socket);
                continue;
            }
            self.turn += 1;
            let client = &mut self.clients[at];
            (client.socket, client.pid, client.used) = (Some(socket), who.pid(), self.turn);
        }
    }

    /// A free place, or the one that the process with the most of them has not used for the longest time. None if that is the one
    /// who asks.
    fn place_for(&mut self, pid: i32) -> Option<usize> {
        if let Some(free) = self.clients.iter().position(|client| client.socket.is_none()) {
            return Some(free);
        }
        let taken = |pid| self.clients.iter().filter(|client| client.pid == pid).count();
        let most = self.clients.iter().map(|client| taken(client.pid)).max()?;
        if taken(pid) >= most {
            return None;
        }
        let idle = self.clients.iter().enumerate().filter(|(_, client)| taken(client.pid) == most);
        let at = idle.min_by_key(|(_, client)| client.used)?.0;
        self.clients[at].close();
        Some(at)
    }

    /// Says why not, to the client and, once in a second at most, to the log.
    fn turn_away(&mut self, signer: &mut Signer, socket: OwnedFd, code: Code, why: fmt::Arguments<'_>) {
        protocol::write_error(&mut signer.out, None, code, why);
        // What the socket does not take at once nobody waits for.
        let _ = write(&socket, &signer.out);
        shut(socket);
        signer.out.clear();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now != self.said {
            self.said = now;
            protocol::put(&mut signer.out, format_args!("signbox-signer: turned away: {why}\n"));
            let _ = write(&signer.stderr, &signer.out);
            signer.out.clear();
        }
    }

    /// Does what a client's descriptor is ready for.
    fn attend(&mut self, data: u64, signer: &mut Signer, vault: &mut Vault) {
        let at = (data / 2) as usize;
        self.turn += 1;
        let client = &mut self.clients[at];
        if client.socket.is_none() {
            return;
        }
        client.used = self.turn;
        let (had_pipes, waited) = (client.pipes.is_some(), client.waits());
        // The socket of a client that has pipes is to be closed by it, and for nothing else.
        let open = !(data % 2 == 1 && had_pipes) && client.talk(signer, vault).unwrap_or(false);
        if !open || client.wait_for(&self.epoll, at, had_pipes, waited).is_err() {
            client.close();
        }
    }
}

impl Client {
    fn waits(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Sends what waits, or reads; then answers. False when the client is done.
    fn talk(&mut self, signer: &mut Signer, vault: &mut Vault) -> Result<bool, Errno> {
        if self.waits() {
            if !self.send_pending()? {
                return Ok(true);
            }
        } else {
            let Client { socket, pipes, input, rest, .. } = self;
            let Some(from) = pipes.as_ref().map(|[from, _]| from).or(socket.as_ref()) else {
                return Ok(false);
            };
            let end = input.len().min(rest.filled + AT_ONCE);
            match read(from, &mut input[rest.filled..end]) {
                Ok(0) => return self.end(signer),
                Ok(count) => rest.filled += count,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(true),
                Err(errno) => return Err(errno),
            }
        }
        let mut rest = take(&mut self.rest);
        swap(&mut signer.input, &mut self.input);
        let answered = signer.answer_input(vault, &mut rest, &mut |signer| self.send(signer));
        swap(&mut signer.input, &mut self.input);
        self.rest = rest;
        answered.map(|()| true)
    }

    /// The input has ended; what is left of a line is no request.
    fn end(&mut self, signer: &mut Signer) -> Result<bool, Errno> {
        if self.rest.filled > 0 {
            protocol::write_error(&mut signer.out, None, Code::BadRequest, format_args!("{ENDED_INSIDE}"));
            self.send(signer)?;
        }
        Ok(false)
    }

    /// Sends the answers, and forgets them; what is not taken at once waits. True if nothing does.
    fn send(&mut self, signer: &mut Signer) -> Result<bool, Errno> {
        let kept = if take(&mut signer.pipes) {
            self.send_pipes(&signer.out)
        } else {
            self.pending.extend_from_slice(&signer.out);
            Ok(())
        };
        // Whether or not they could be sent: whoever is answered next is another client.
        signer.out.fill(0);
        signer.out.clear();
        kept?;
        self.send_pending()
    }

    /// Sends the answers with the ends of two pipes, over which the client is spoken to from now on.
    fn send_pipes(&mut self, answers: &[u8]) -> Result<(), Errno> {
        let (Some(socket), None) = (&self.socket, &self.pipes) else { return Err(Errno::EALREADY) };
        let flags = OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let (from, questions) = pipe2(flags)?;
        let (theirs, to) = match pipe2(flags) {
            Ok(ends) => ends,
            Err(errno) => {
                [from, questions].into_iter().for_each(shut);
                return Err(errno);
            }
        };
        let sent = send_descriptors(socket.as_fd(), answers, [theirs.as_fd(), questions.as_fd()]);
        [theirs, questions].into_iter().for_each(shut);
        self.pipes = Some([from, to]);
        if sent? < answers.len() { Err(Errno::EMSGSIZE) } else { Ok(()) }
    }

    /// Sends what waits, as much of it as is taken; true if all was.
    fn send_pending(&mut self) -> Result<bool, Errno> {
        let Client { socket, pipes, pending, sent, .. } = self;
        let Some(to) = pipes.as_ref().map(|[_, to]| to).or(socket.as_ref()) else {
            return Err(Errno::ENOTCONN);
        };
        while *sent < pending.len() {
            match write(to, &pending[*sent..]) {
                Ok(count) => *sent += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(false),
                Err(errno) => return Err(errno),
            }
        }
        // Signatures stand in it.
        pending.fill(0);
        pending.clear();
        *sent = 0;
        Ok(true)
    }

    /// Has the kernel tell when the client can be attended to again.
    fn wait_for(&self, epoll: &Epoll, at: usize, had_pipes: bool, waited: bool) -> Result<(), Errno> {
        let (Some(socket), waits) = (&self.socket, self.waits()) else { return Ok(()) };
        let wanted = if waits { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        let mut conversation = EpollEvent::new(wanted, data(at));
        let Some([from, to]) = &self.pipes else {
            return if waits == waited { Ok(()) } else { epoll.modify(socket, &mut conversation) };
        };
        let (now, before) = if waits { (to, from) } else { (from, to) };
        if !had_pipes {
            epoll.modify(socket, &mut EpollEvent::new(EpollFlags::EPOLLIN, data(at) + 1))?;
            return epoll.add(now, conversation);
        }
        if waits != waited {
            epoll.delete(before)?;
            epoll.add(now, conversation)?;
        }
        Ok(())
    }

    /// Frees the place.
    fn close(&mut self) {
        self.socket.take().into_iter().chain(self.pipes.take().into_iter().flatten()).for_each(shut);
        self.rest = Rest::default();
        self.pending.fill(0);
        self.pending.clear();
        self.sent = 0;
    }
}

/// What the kernel is to say of the descriptor over which the client of this place speaks; one more is its socket beside pipes.
fn data(at: usize) -> u64 {
    2 * at as u64
}

/// Closes a descriptor with no other call: dropping it asks in debug builds whether it was open.
fn shut(fd: OwnedFd) {
    let _ = close(fd);
}

/// Fails unless descriptor 0 is a listening Unix socket.
pub(super) fn is_listening() -> Result<(), String> {
    let input = stdin();
    let listens = getsockopt(&input, sockopt::AcceptConn) == Ok(true)
        && getsockopt(&input, sockopt::SockType) == Ok(SockType::Stream)
        && getsockname::<UnixAddr>(std::os::fd::AsRawFd::as_raw_fd(&input)).is_ok();
    if listens {
        return Ok(());
    }
    Err("with --service, descriptor 0 is a listening Unix stream socket: systemd starts a service, see signbox-service(7)".to_owned())
}

/// Answers every line of every client with why this service cannot sign. No key was read.
pub(super) fn refuse_all(why: &str) -> Result<Infallible, String> {
    // The start may have failed after it had kept them for its own use, and here nobody looks.
    let _ = SigSet::from_iter(ENDS).thread_unblock();
    let _ = writeln!(
        stderr(),
        "signbox-signer: {why}; every request is refused until this service is started again"
    );
    let failed = |error: std::io::Error| format!("{why}; and cannot tell so: {error}");
    let listener = UnixListener::from(stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    listener.set_nonblocking(false).map_err(failed)?;
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                // Whoever does not listen is no loss.
                let _ = refuse(&client, why);
            }
            Err(_) => std::thread::sleep(A_MOMENT),
        }
    }
}

/// Answers the lines that a client sends within a moment.
fn refuse(mut client: &UnixStream, why: &str) -> std::io::Result<()> {
    let end = Instant::now() + A_MOMENT;
    client.set_write_timeout(Some(A_MOMENT))?;
    let (mut line, mut scratch, mut out) = (vec![0; LONGEST_LINE], protocol::Scratch::default(), Vec::new());
    let mut filled = 0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || filled == line.len() {
            return Ok(());
        }
        client.set_read_timeout(Some(left))?;
        match client.read(&mut line[filled..])? {
            0 => return Ok(()),
            count => filled += count,
        }
        while let Some(newline) = line[..filled].iter().position(|byte| *byte == b'\n') {
            let id = match Question::parse(&mut line[..newline], &mut scratch) {
                Ok(question) => Some(question.id),
                Err(unreadable) => unreadable.id,
            };
            let id = id.map(|id| line[id].to_vec());
            let text = format_args!("this service cannot sign: {why}");
            protocol::write_error(&mut out, id.as_deref(), Code::Unavailable, text);
            client.write_all(&out)?;
            out.clear();
            line.copy_within(newline + 1..filled, 0);
            filled -= newline + 1;
        }
    }
}

/// So many clients a service has at once.
const MOST_CLIENTS: usize = 256;
/// So much is read of a client before the next one has its turn, in bytes.
const AT_ONCE: usize = 16 * 1024;
/// So long a client has the ear of a service that cannot sign.
const A_MOMENT: Duration = Duration::from_secs(1);
/// What tells a service to end.
const ENDS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];
/// In the place of a client's: the listening socket, and the signals.
const DOOR: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
