//! The ways to get a secret out of another process, and what the kernel answers to each.

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::{ptrace, wait};
use nix::unistd::Pid;
use signbox_keyring as keyring;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};

/// What came of an attack.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The secret, or a quarter of it.
    Found,
    /// This much was read, so much was not to be read, and there is nothing of the secret in it.
    Nothing { bytes: usize, refused: usize },
    /// The kernel's answer.
    Refused(String),
}

/// The attacks, by name.
pub(super) const ATTACKS: [(&str, Attack); 4] = [
    ("read /proc/PID/environ", read_environment),
    ("open and read /proc/PID/mem", read_memory),
    ("process_vm_readv", copy_memory),
    ("ptrace, then /proc/PID/mem", stop_and_read_memory),
];

type Attack = fn(&Target, &Wanted) -> Outcome;

/// A process under attack.
pub(super) struct Target {
    pid: u32,
    /// If it was started for this.
    child: Option<Child>,
}

impl Target {
    /// A process that is there.
    pub(super) fn of(pid: u32) -> Target {
        Target { pid, child: None }
    }

    /// A process that has the secret in its environment, where most bots have theirs; it ends when its input does.
    pub(super) fn naive_bot(secret: &str) -> io::Result<Target> {
        let mut bot = Command::new("cat");
        let mut child = bot
            .env("API_SECRET", secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        // The kernel sets up the environment after it lets us go on: an echo means that it is there.
        let (Some(input), Some(output)) = (&mut child.stdin, &mut child.stdout) else {
            unreachable!("both are piped")
        };
        input.write_all(b"\n")?;
        output.read_exact(&mut [0])?;
        Ok(Target { pid: child.id(), child: Some(child) })
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.pid as i32) // the kernel counts to 4194304
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid)
    }

    /// The parts of its memory that it can read itself.
    fn mappings(&self) -> io::Result<Vec<Range<usize>>> {
        let maps = fs::read_to_string(self.file("maps"))?;
        Ok(maps.lines().filter_map(readable).collect())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A line of `/proc/PID/maps`: `START-END rwxp ...`.
fn readable(line: &str) -> Option<Range<usize>> {
    let (place, rest) = line.split_once(' ')?;
    let (start, end) = place.split_once('-')?;
    let number = |digits| usize::from_str_radix(digits, 16).ok();
    // The last page of the address space belongs to the kernel.
    (rest.starts_with('r') && !line.ends_with("[vsyscall]")).then_some(number(start)?..number(end)?)
}

/// Pieces of the secrets, of which none may be found.
pub(super) struct Wanted {
    pieces: Vec<[u8; PIECE]>,
}

impl Wanted {
    pub(super) fn new(secrets: &[&str]) -> Wanted {
        let whole = secrets.iter().flat_map(|secret| secret.as_bytes().chunks_exact(PIECE));
        Wanted { pieces: whole.filter_map(|piece| piece.try_into().ok()).collect() }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let first: [bool; 256] =
            std::array::from_fn(|byte| self.pieces.iter().any(|p| usize::from(p[0]) == byte));
        let found = |at: usize| self.pieces.iter().any(|piece| bytes[at..].starts_with(piece));
        bytes.iter().enumerate().any(|(at, byte)| first[usize::from(*byte)] && found(at))
    }
}

fn read_environment(target: &Target, wanted: &Wanted) -> Outcome {
    let mut bytes = Vec::new();
    match File::open(target.file("environ")).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Outcome::searched(&bytes, wanted),
        Err(error) => Outcome::refused(&error),
    }
}

fn read_memory(target: &Target, wanted: &Wanted) -> Outcome {
    match File::open(target.file("mem")) {
        Ok(file) => scan(target, wanted, |at, page| file.read_at(page, at as u64)),
        Err(error) => Outcome::refused(&error),
    }
}

fn copy_memory(target: &Target, wanted: &Wanted) -> Outcome {
    scan(target, wanted, |base, page| {
        let remote = [RemoteIoVec { base, len: page.len() }];
        Ok(process_vm_readv(target.pid(), &mut [IoSliceMut::new(page)], &remote)?)
    })
}

fn stop_and_read_memory(target: &Target, wanted: &Wanted) -> Outcome {
    if let Err(error) = ptrace::attach(target.pid()) {
        return Outcome::refused(&error.into());
    }
    // It has stopped when this returns; whatever comes of reading, it must be let go.
    let outcome = match wait::waitpid(target.pid(), None) {
        Ok(_) => read_memory(target, wanted),
        Err(error) => Outcome::refused(&error.into()),
    };
    let _ = ptrace::detach(target.pid(), None);
    outcome
}

/// Reads every page of the target that can be read, and looks for the secrets in it.
fn scan(target: &Target, wanted: &Wanted, read: impl Fn(usize, &mut [u8]) -> io::Result<usize>) -> Outcome {
    // Where the map is secret too, any address will do: the kernel looks at who asks before it looks where.
    let mappings = target.mappings().unwrap_or_else(|_| vec![Range { start: PAGE, end: 2 * PAGE }]);
    let (mut total, mut refused, mut last_error) = (0, 0, None);
    for mapping in mappings {
        let mut bytes = Vec::with_capacity(mapping.len());
        for at in mapping.step_by(PAGE) {
            let mut page = [0; PAGE];
            match read(at, &mut page) {
                Ok(len) => total += len,
                Err(error) => (refused, last_error) = (refused + 1, Some(error)),
            }
            bytes.extend_from_slice(&page);
        }
        if wanted.is_in(&bytes) {
            return Outcome::Found;
        }
    }
    match last_error {
        Some(error) if total == 0 => Outcome::refused(&error),
        _ => Outcome::Nothing { bytes: total, refused },
    }
}

impl Outcome {
    /// What came of reading a key through the kernel.
    pub(super) fn of_keyctl(read: Result<Vec<u8>, keyring::Error>, wanted: &Wanted) -> Outcome {
        match read {
            Ok(bytes) => Outcome::searched(&bytes, wanted),
            Err(keyring::Error::NotPossessed(_)) => Outcome::Refused(Errno::EACCES.to_string()),
            Err(error) => Outcome::Refused(error.to_string()),
        }
    }

    fn searched(bytes: &[u8], wanted: &Wanted) -> Outcome {
        if wanted.is_in(bytes) { Outcome::Found } else { Outcome::Nothing { bytes: bytes.len(), refused: 0 } }
    }

    fn refused(error: &io::Error) -> Outcome {
        Outcome::Refused(
            error.raw_os_error().map_or(error.to_string(), |number| Errno::from_raw(number).to_string()),
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Found => f.write_str("SECRET FOUND"),
            Outcome::Nothing { bytes, refused: 0 } => write!(f, "no secret in {bytes} bytes"),
            Outcome::Nothing { bytes, refused } => {
                write!(f, "no secret in {} KiB; {} KiB refused", bytes / 1024, refused * PAGE / 1024)
            }
            Outcome::Refused(answer) => f.write_str(answer),
        }
    }
}

const PAGE: usize = 4096;
/// A quarter of Binance's secret.
const PIECE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read_from_its_line() {
        assert_eq!(readable("7f00-8f00 rw-p 00000000 00:00 0  [heap]"), Some(0x7f00..0x8f00));
        assert_eq!(readable("7f00-8f00 ---p 00000000 00:00 0"), None);
        assert_eq!(readable("ffffffffff600000-ffffffffff601000 r-xp 00000000 00:00 0  [vsyscall]"), None);
    }

    #[test]
    fn a_quarter_of_a_secret_is_found_wherever_it_stands() {
        let secret = "0123456789abcdefFEDCBA9876543210";
        let wanted = Wanted::new(&[secret]);
        assert!(wanted.is_in(b"xx0123456789abcdef") && wanted.is_in(b"FEDCBA9876543210yy"));
        assert!(!wanted.is_in(b"123456789abcdefFEDCBA987654321") && !wanted.is_in(b""));
    }
}
