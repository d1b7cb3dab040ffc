//! No capability in any of the five sets.

use caps::{CapSet, Capability};

use crate::error::Error;
use crate::status::Status;

/// What became of the capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capabilities {
    /// The process held none, which is how it should be started.
    NoneHeld,
    /// It held some, and all five sets are empty now.
    Dropped,
    /// It held some, and holds none now; but it may not empty the bounding set, which without new
    /// privileges has no effect.
    DroppedButBounding,
}

/// Drops every capability, and looks whether that is so.
///
/// Needs `/proc` if there is anything to drop, so comes before landlock.
pub fn drop_capabilities() -> Result<Capabilities, Error> {
    // Effective is part of permitted, ambient part of both: two empty sets are four.
    if is_empty(CapSet::Permitted)? && is_empty(CapSet::Inheritable)? {
        return Ok(Capabilities::NoneHeld);
    }
    let may_empty_bounding =
        caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(Error::Capabilities)?;
    caps::clear(None, CapSet::Ambient).map_err(Error::Capabilities)?;
    if may_empty_bounding {
        // `clear` would first ask for each one whether it is there, twice the system calls.
        for capability in caps::all() {
            match caps::drop(None, CapSet::Bounding, capability) {
                Ok(()) => {}
                // One that this kernel does not know is not there.
                Err(_) if !caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false) => {}
                Err(error) => return Err(Error::Capabilities(error)),
            }
        }
    }
    caps::clear(None, CapSet::Inheritable).map_err(Error::Capabilities)?;
    caps::clear(None, CapSet::Permitted).map_err(Error::Capabilities)?; // and effective
    // Not by asking for each one by name: that is a system call each, and the kernel may have more than
    // the crate has names for.
    let left = Status::read().map_err(Error::Status)?;
    if left.permitted | left.effective | left.inheritable | left.ambient != 0 {
        return Err(Error::CapabilitiesLeft);
    }
    Ok(if left.bounding == 0 { Capabilities::Dropped } else { Capabilities::DroppedButBounding })
}

fn is_empty(set: CapSet) -> Result<bool, Error> {
    Ok(caps::read(None, set).map_err(Error::Capabilities)?.is_empty())
}
