//! The last three steps, after which only five system calls reach the kernel, and five more for files of records.
//!
//! A wall can't be taken down again, so every test of this runs in a child process.

use std::ops::Range;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetStatus, Scope,
};

use crate::capabilities::{Capabilities, drop_capabilities};
use crate::error::Error;
use crate::filter;
use crate::sys;

/// What [`enter`] enforces, beyond what it insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Walls {
    /// The capabilities that were dropped.
    pub capabilities: Capabilities,
    /// The landlock ABI that is enforced in full: the running kernel's, or the newest that this program knows.
    pub landlock_abi: u32,
    /// Landlock denies TCP (ABI 4).
    pub landlock_network: bool,
    /// Landlock denies signals and abstract sockets of other processes (ABI 6).
    pub landlock_scopes: bool,
    /// The length of the seccomp filter, in instructions.
    pub filter_length: usize,
}

/// Over what the process is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doors {
    /// Descriptor 0 is read, 1 and 2 are written.
    Ends,
    /// Descriptor 0 is a listening socket, behind which there are many clients.
    Listener,
}

/// Raises the walls: capabilities, landlock, seccomp.
///
/// From here on the process may read descriptor 0, write 1 and 2, read the keys `serials`, ask for the
/// time, and [`exit`](crate::exit); and lock, read, write and sync the `files`: open descriptors, without a gap between them
/// and above 2. Anything else ends it with SIGSYS: so no allocation that grows the heap, and no
/// return from `main`.
///
/// With [`Doors::Listener`] descriptor 0 is a listening socket instead: the process may also accept connections there, ask who
/// connects, wait for descriptors, read, write and close those above 2, make pipes and hand them to a client.
pub fn enter(serials: &[i32], files: &Range<i32>, doors: Doors) -> Result<Walls, Error> {
    let capabilities = drop_capabilities()?;
    let Landlock { abi: landlock_abi } = restrict_filesystem_network()?;
    // Half of the pages were for the start alone. Failing costs memory and nothing else.
    let _ = sys::give_back_code();
    let filter_length = filter_system_calls(serials, files, doors)?;
    Ok(Walls {
        capabilities,
        landlock_abi,
        landlock_network: landlock_abi >= 4,
        landlock_scopes: landlock_abi >= 6,
        filter_length,
    })
}

/// What landlock enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Landlock {
    /// The ABI whose every right and scope is denied.
    pub abi: u32,
}

/// The second step of [`enter`]: landlock with everything handled and nothing allowed.
pub fn restrict_filesystem_network() -> Result<Landlock, Error> {
    // All the rights the crate knows; it leaves out those that the running kernel does not. That would be unwise
    // if anything were allowed, but a right that came with a newer crate is just one more denied.
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.restrict_self())
        .map_err(Error::Landlock)?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if status.ruleset != RulesetStatus::NotEnforced => {
            let abi = effective_abi as u32;
            if abi < OLDEST { Err(Error::OldLandlock(abi)) } else { Ok(Landlock { abi }) }
        }
        _ => Err(Error::NoLandlock),
    }
}

/// The last step of [`enter`]: the five system calls, and five for `files` if there are any. Returns the filter's length.
///
/// Of this thread only, which is why [`prepare`](crate::prepare()) refuses others.
pub fn filter_system_calls(serials: &[i32], files: &Range<i32>, doors: Doors) -> Result<usize, Error> {
    // Never freed: a heap that has much to give back calls `brk`, which from here on is the end.
    let program = std::mem::ManuallyDrop::new(filter::program(serials, files, doors)?);
    seccompiler::apply_filter(&program).map_err(Error::Filter)?;
    Ok(program.len())
}

/// Debian 12's: files, but neither truncation nor network.
const OLDEST: u32 = 2;
const NEWEST: ABI = ABI::V9;
