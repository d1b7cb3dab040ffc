//! A client of a service, of any user: over the socket, or over the pipes that it was given.

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{read, write};
use std::fs::File;
use std::io::IoSliceMut;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub(crate) struct Client {
    pub(crate) socket: UnixStream,
    /// Where answers come from, and where questions go to.
    pub(crate) pipes: Option<[Option<File>; 2]>,
    heard: Vec<u8>,
}

impl Client {
    /// Connects as this user. The kernel notes who connects, which is all that counts.
    pub(crate) fn connect(path: &Path, uid: u32) -> Client {
        let connected = std::thread::scope(|scope| scope.spawn(|| connect_as(path, uid)).join().unwrap());
        Client { socket: connected.unwrap(), pipes: None, heard: Vec::new() }
    }

    pub(crate) fn has_pipes(&self) -> bool {
        self.pipes.is_some()
    }

    /// Sends text as it is, whether or not it has an end.
    pub(crate) fn say(&mut self, text: &str) {
        assert_eq!(self.try_to_say(text.as_bytes()), Ok(()));
    }

    pub(crate) fn try_to_say(&mut self, mut rest: &[u8]) -> Result<(), Errno> {
        let to = match &self.pipes {
            Some([_, to]) => to.as_ref().unwrap().as_fd(),
            None => self.socket.as_fd(),
        };
        while !rest.is_empty() {
            ready(to, PollFlags::POLLOUT);
            match write(to, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::EAGAIN) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// The next line; nothing if there will be none.
    pub(crate) fn hear(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line = self.heard.drain(..=end).collect::<Vec<u8>>();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            let from = match &self.pipes {
                Some([from, _]) => from.as_ref().unwrap().as_fd(),
                None => self.socket.as_fd(),
            };
            let mut room = [0; 1 << 16];
            ready(from, PollFlags::POLLIN);
            match read(from, &mut room) {
                Ok(0) | Err(Errno::ECONNRESET) => {
                    assert!(self.heard.is_empty(), "a line without its end: {:?}", self.heard);
                    return None;
                }
                Ok(count) => self.heard.extend_from_slice(&room[..count]),
                Err(Errno::EAGAIN) => {}
                Err(errno) => panic!("{errno}"),
            }
        }
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\n"));
        self.hear().unwrap_or_else(|| panic!("no answer to {line}"))
    }

    /// Asks for pipes; from here on they are used.
    pub(crate) fn take_pipes(&mut self) {
        self.say(&format!("{PIPES}\n"));
        let answer = self.receive_pipes();
        assert!(answer.contains(r#""pipes":["read","write"]"#), "{answer}");
        assert!(self.has_pipes(), "{answer}");
    }

    /// One message over the socket, with the pipes that come with it.
    pub(crate) fn receive_pipes(&mut self) -> String {
        let mut room = [0; 1 << 16];
        ready(self.socket.as_fd(), PollFlags::POLLIN);
        let mut control = cmsg_space!([i32; 4]);
        let mut parts = [IoSliceMut::new(&mut room)];
        let message = recvmsg::<()>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_CMSG_CLOEXEC,
        );
        let message = message.unwrap();
        for control in message.cmsgs().unwrap() {
            let ControlMessageOwned::ScmRights(fds) = control else { panic!("{control:?}") };
            let [from, to] = fds[..] else { panic!("two descriptors: {fds:?}") };
            // SAFETY: the kernel has just opened them for us.
            self.pipes = Some([from, to].map(|fd| Some(unsafe { File::from_raw_fd(fd) })));
        }
        let length = message.bytes;
        String::from_utf8(room[..length].to_vec()).unwrap().trim_end().to_owned()
    }

    /// The end of the questions, not of the answers.
    pub(crate) fn stop_sending(&mut self) {
        match &mut self.pipes {
            Some([_, to]) => drop(to.take()),
            None => self.socket.shutdown(Shutdown::Write).unwrap(),
        }
    }
}

/// Waits for a descriptor; half a minute at most.
fn ready(fd: BorrowedFd<'_>, what: PollFlags) {
    let patience = PollTimeout::try_from(Duration::from_secs(30)).unwrap();
    assert_eq!(poll(&mut [PollFd::new(fd, what)], patience), Ok(1), "the service does not answer");
}

/// In a thread of its own: the C library would change the user of all of them.
pub(crate) fn connect_as(path: &Path, uid: u32) -> std::io::Result<UnixStream> {
    // SAFETY: takes three numbers.
    let changed = unsafe { libc::syscall(libc::SYS_setresuid, -1, uid, -1) };
    Errno::result(changed)?;
    UnixStream::connect(path)
}

/// A request that is signed.
pub(crate) fn sign(id: u32) -> String {
    sign_with("binance/main", id)
}

pub(crate) fn sign_with(handle: &str, id: u32) -> String {
    format!(
        r#"{{"v":1,"id":{id},"op":"sign","key":"{handle}","request":{{"method":"GET","url":"https://api.binance.com/api/v3/account"}}}}"#
    )
}

/// The id of an answer that is no refusal.
pub(crate) fn id_of(answer: &str) -> u32 {
    assert!(!answer.contains(r#""error":"#), "a refusal: {answer}");
    let id = answer.split_once(r#""id":"#).unwrap_or_else(|| panic!("an answer: {answer}")).1;
    id.split(',').next().unwrap().parse().unwrap_or_else(|_| panic!("{answer}"))
}

/// The code of an error.
pub(crate) fn code_of(answer: &str) -> &str {
    let code = answer.split_once(r#""code":""#).and_then(|(_, rest)| rest.split_once('"'));
    code.unwrap_or_else(|| panic!("an error: {answer}")).0
}

pub(crate) const PIPES: &str = r#"{"v":1,"id":1,"op":"pipes"}"#;
