//! A second stack in the mapping, for the little code that needs more than the first one has.
//!
//! The first is wiped whole at each wake-up and touched whole at the start, so it is short; signatures with private keys
//! would make it five times as long for everybody.

use std::ops::Range;

use super::{stack, wipe};

/// How long the deep stack is, in bytes: almost twice what the deepest signature takes, RSA with 4096 bits, which is
/// 35 KiB (and 75 KiB without optimisation).
pub const DEEP_STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 64 * 1024 };

/// The deep stack of a mapping, if it has one.
#[derive(Debug)]
pub struct Deep {
    stack: Option<Range<usize>>,
}

impl Deep {
    /// # Safety
    ///
    /// The stack is mapped for writing for as long as the process lives, and nobody else uses it.
    pub(super) unsafe fn new(stack: Option<Range<usize>>) -> Self {
        Deep { stack }
    }

    /// Runs `work` on the deep stack, and wipes that stack after it.
    ///
    /// What `work` leaves in registers stays until [`Vault::wiped`](super::Vault::wiped) ends. A panic that `work` does not
    /// catch ends the process.
    ///
    /// # Panics
    ///
    /// If the memory was mapped without a deep stack.
    pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let stack = self.stack.clone().expect("the memory was mapped with a deep stack");
        let mut result = None;
        // SAFETY: the promise made to `new`; `&mut self` makes this the only one who runs on it.
        unsafe { stack::on(stack.end as *mut u8, || result = Some(work())) };
        // SAFETY: nothing runs on that stack any more.
        unsafe { wipe::bytes(stack.start as *mut u8, stack.len()) };
        let Some(result) = result else { unreachable!("the work was done") };
        result
    }
}
