//! Root looks through all memory of a process, by every mapping and in both ways there are.

use std::fs::{self, File};
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::secret::Needles;

/// A line of `/proc/PID/maps`.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rights: String,
    pub(crate) name: String,
}

/// What a look through all memory gave.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// What was found and where.
    pub(crate) found: Vec<(&'static str, usize, String)>,
    /// How many bytes were read, by `/proc/PID/mem` and by `process_vm_readv`.
    pub(crate) read: [usize; 2],
    /// The mappings that could not be read in these two ways, and why.
    pub(crate) refused: Vec<(String, [Option<Errno>; 2])>,
}

impl Scan {
    /// The names of what was found, each once.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.found.iter().map(|found| found.0).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

pub(crate) fn maps(pid: i32) -> Vec<Mapping> {
    let number = |text: &str| usize::from_str_radix(text, 16).unwrap();
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    text.lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let (start, end) = words.next().unwrap().split_once('-').unwrap();
            let rights = words.next().unwrap().to_owned();
            let name = words.skip(3).collect::<Vec<_>>().join(" ");
            Mapping { start: number(start), end: number(end), rights, name }
        })
        .collect()
}

pub(crate) fn scan(pid: i32, needles: &Needles) -> Scan {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut scan = Scan::default();
    for Mapping { start, end, rights, name } in
        maps(pid).iter().filter(|mapping| mapping.rights.starts_with('r'))
    {
        let mut bytes = vec![0; end - start];
        let mut why = [None, None];
        for (way, why) in why.iter_mut().enumerate() {
            bytes.fill(0);
            let result = if way == 0 {
                memory
                    .read_exact_at(&mut bytes, *start as u64)
                    .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)))
            } else {
                let remote = [RemoteIoVec { base: *start, len: end - start }];
                process_vm_readv(Pid::from_raw(pid), &mut [IoSliceMut::new(&mut bytes)], &remote).map(drop)
            };
            match result {
                Ok(()) => scan.read[way] += bytes.len(),
                Err(errno) => *why = Some(errno),
            }
            // Part of a mapping may have been read before the failure.
            let found = needles.find(&bytes);
            scan.found.extend(found.iter().map(|(what, at)| (*what, start + at, format!("{rights} {name}"))));
        }
        if why != [None, None] {
            scan.refused.push((name.clone(), why));
        }
    }
    scan
}
