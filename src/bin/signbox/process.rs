//! The processes of this machine: which are signers, and a hold on one that no reuse of its number can turn on another.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// A process as `/proc` shows it; neither its arguments nor its environment, which may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// The real user: who started it.
    pub(crate) uid: u32,
    /// The name of its program, as the kernel cuts it.
    pub(crate) name: String,
    /// When it was started, in hundredths of a second since the machine was.
    pub(crate) start: u64,
    /// Whether it has ended and waits to be waited for.
    pub(crate) dead: bool,
    /// Whether its group was changed by the program: a signer that reads group keys.
    pub(crate) grouped: bool,
}

/// Every process that can be seen.
pub(crate) fn all() -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        // One that ends meanwhile is not there.
        processes.extend(number.and_then(Process::look));
    }
    processes.sort_unstable_by_key(|process| process.pid);
    Ok(processes)
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn look(pid: u32) -> Option<Process> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read(format!("/proc/{pid}/status")).ok()?;
        parse(&String::from_utf8_lossy(&stat), &String::from_utf8_lossy(&status))
    }

    /// Whether it runs a signbox-signer.
    ///
    /// Of a signer behind its walls only root can see the program; for others the name that the kernel took from
    /// the program counts then.
    pub(crate) fn is_signer(&self) -> bool {
        if self.dead {
            return false;
        }
        match fs::read_link(format!("/proc/{}/exe", self.pid)) {
            Ok(program) => is_signer_program(&program),
            Err(_) => self.name == SIGNER,
        }
    }

    /// The keys it was started for: those of its arguments that are handles.
    pub(crate) fn handles(&self) -> Vec<String> {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words =
            arguments.split(|byte| *byte == 0).skip(1).filter_map(|word| std::str::from_utf8(word).ok());
        words.filter(|word| signbox::signer::parse_handle(word).is_ok()).map(str::to_owned).collect()
    }
}

/// A hold on a process, whatever becomes of its number.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

impl Handle {
    /// Of a child that was not waited for.
    pub(crate) fn of_child(child: &Child) -> io::Result<Handle> {
        Self::open(Pid::from_child(child))
    }

    /// Of this very process; none if another has its number by now, or none.
    pub(crate) fn of(process: &Process) -> io::Result<Option<Handle>> {
        let number = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let Some(pid) = number else { return Ok(None) };
        let handle = match Self::open(pid) {
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => return Ok(None),
            handle => handle?,
        };
        // Looked at once we hold it: if it is still the one we meant, that is the one we hold.
        let now = Process::look(process.pid);
        let same =
            now.is_some_and(|now| now.start == process.start && now.uid == process.uid && now.is_signer());
        Ok(same.then_some(handle))
    }

    fn open(pid: Pid) -> io::Result<Handle> {
        Ok(Handle(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// SIGKILL; one that has ended is no failure.
    pub(crate) fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.0, Signal::KILL) {
            Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for its end; false if that does not come in time.
    pub(crate) fn ends_within(&self, patience: Duration) -> io::Result<bool> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
            let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, timeout) {
                Ok(count) if count > 0 => return Ok(true),
                Ok(_) if left.is_zero() => return Ok(false),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// SIGKILL for all that is left of the group of a child that was started in one of its own and not waited for.
pub(crate) fn kill_group_of(child: &Child) -> io::Result<()> {
    Ok(kill_process_group(Pid::from_child(child), Signal::KILL)?)
}

fn is_signer_program(program: &Path) -> bool {
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // What the kernel says of a program that was replaced while it runs.
    name.strip_suffix(" (deleted)").unwrap_or(name) == SIGNER
}

/// `/proc/PID/stat` and `/proc/PID/status`. A name may hold anything, brackets too.
fn parse(stat: &str, status: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ids = |label: &str| -> Option<Vec<u32>> {
        let line = status.lines().find_map(|line| line.strip_prefix(label))?;
        line.split_ascii_whitespace().map(|id| id.parse().ok()).collect()
    };
    let groups = ids("Gid:")?;
    Some(Process {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        uid: *ids("Uid:")?.first()?,
        name: name.to_owned(),
        start: fields.get(19)?.parse().ok()?,
        dead: ["Z", "X"].contains(fields.first()?),
        grouped: groups.first()? != groups.get(1)?,
    })
}

const SIGNER: &str = "signbox-signer"; // fourteen letters; the kernel keeps fifteen

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "7 (a) R (b) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1\n";
        let status = "Name:\ta) R (b\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t990\t990\t990\n";
        let process = parse(stat, status).expect("it is as the kernel writes it");
        assert_eq!((process.pid, process.parent, process.uid, process.start), (7, 3, 1000, 4711));
        assert_eq!((process.name.as_str(), process.dead, process.grouped), ("a) R (b", false, true));
    }

    #[test]
    fn a_program_is_known_by_its_whole_name() {
        for (program, signer) in [
            ("/usr/libexec/signbox/signbox-signer", true),
            ("/tmp/signbox-signer (deleted)", true),
            ("/usr/bin/signbox-signer2", false),
            ("/usr/bin/python3.13", false),
        ] {
            assert_eq!(is_signer_program(Path::new(program)), signer, "{program}");
        }
    }

    #[test]
    fn this_process_is_there_and_is_no_signer() {
        let me = std::process::id();
        let processes = all().expect("there is /proc");
        let found = processes.iter().find(|process| process.pid == me).expect("we are running");
        assert!(!found.is_signer() && found.uid == nix::unistd::getuid().as_raw());
        assert!(Handle::of(found).expect("it can be opened").is_none(), "a handle is for signers alone");
    }
}
