//! What `/proc/self/status` says of this process, read once.

use std::fs::{self, File};
use std::io::{self, Read};

/// The lines of `/proc/self/status` that matter here; masks have bit `n - 1` for signal `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) tracer: i32,
    pub(crate) threads: u64,
    pub(crate) blocked: u64,
    pub(crate) ignored: u64,
    pub(crate) caught: u64,
    pub(crate) inheritable: u64,
    pub(crate) permitted: u64,
    pub(crate) effective: u64,
    pub(crate) bounding: u64,
    pub(crate) ambient: u64,
}

impl Status {
    /// Reads and takes it apart; a line that is missing is an error.
    pub(crate) fn read() -> io::Result<Self> {
        let mut buffer = [0; 4096];
        let len = File::open(PATH)?.read(&mut buffer)?;
        // The kernel gives it in one piece; only a user of some five hundred groups has more.
        if len < buffer.len() { parse(&buffer[..len]) } else { parse(&fs::read(PATH)?) }
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a line is missing"))
    }
}

fn parse(text: &[u8]) -> Option<Status> {
    let text = std::str::from_utf8(text).ok()?;
    // The lines come in this order; `Name:` before them cannot fake one, the kernel escapes newlines.
    let mut lines = text.lines();
    let mut value = |name: &str| lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    let decimal = |digits: &str| digits.parse().ok();
    let mask = |digits: &str| u64::from_str_radix(digits, 16).ok();
    Some(Status {
        tracer: value("TracerPid")?.parse().ok()?,
        threads: decimal(value("Threads")?)?,
        blocked: mask(value("SigBlk")?)?,
        ignored: mask(value("SigIgn")?)?,
        caught: mask(value("SigCgt")?)?,
        inheritable: mask(value("CapInh")?)?,
        permitted: mask(value("CapPrm")?)?,
        effective: mask(value("CapEff")?)?,
        bounding: mask(value("CapBnd")?)?,
        ambient: mask(value("CapAmb")?)?,
    })
}

const PATH: &str = "/proc/self/status";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Name:\tx\nTracerPid:\t7\nGroups:\t0 \nThreads:\t1\nSigQ:\t0/1\nSigPnd:\t0\nShdPnd:\t0\n\
        SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000440\nCapInh:\t0000000000000000\n\
        CapPrm:\t000001fffeffffff\nCapEff:\t0000000000000002\nCapBnd:\t0000000000000003\nCapAmb:\t0000000000000004\n";

    #[test]
    fn every_line_is_read() {
        let status = parse(TEXT.as_bytes()).unwrap();
        assert_eq!((status.tracer, status.threads, status.blocked), (7, 1, 1));
        assert_eq!((status.ignored, status.caught), (0x1000, 0x440));
        assert_eq!((status.inheritable, status.permitted, status.effective), (0, 0x1ff_feff_ffff, 2));
        assert_eq!((status.bounding, status.ambient), (3, 4));
    }

    #[test]
    fn a_missing_or_unreadable_line_is_an_error() {
        for line in TEXT.lines().filter(|l| {
            !["Name", "Groups", "SigQ", "SigPnd", "ShdPnd"].iter().any(|name| l.starts_with(name))
        }) {
            assert_eq!(parse(TEXT.replace(line, "").as_bytes()), None, "without {line}");
            let name = line.split('\t').next().unwrap();
            assert_eq!(parse(TEXT.replace(line, &format!("{name}\t?")).as_bytes()), None, "{name}");
        }
        assert_eq!(parse(b"\xff"), None);
    }

    #[test]
    fn the_running_kernel_writes_what_is_expected() {
        let status = Status::read().unwrap();
        assert_eq!(status.tracer, 0);
        assert!(status.threads >= 1);
    }
}
