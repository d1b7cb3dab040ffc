//! The mapping that secrets and the stack they are worked on live in, and nothing else does.

use std::arch::asm;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap, mmap_anonymous};

use crate::error::Error;
use crate::level::{Choice, Level};
use crate::sys;

mod deep;
mod stack;
mod wipe;

pub use deep::{DEEP_STACK, Deep};

/// How long the key area is, in bytes.
pub const KEY_AREA: usize = 16 * 1024;

/// How much of the key area is ready at start; touching more costs a page fault per page, once.
pub const KEY_PAGE: usize = 4 * 1024;

/// How long the stack inside the mapping is: small, since each page costs its first touch at start-up.
pub const STACK: usize = if cfg!(debug_assertions) { 256 * 1024 } else { 16 * 1024 };

/// A key area, a stack and perhaps a deep one, locked in memory, with unmapped space around each.
///
/// Stays until the process ends: sealed mappings cannot be taken away, and behind the walls nothing can.
#[derive(Debug)]
pub struct Memory {
    level: Level,
    key: NonNull<u8>,
    stack: Range<usize>,
    deep: Option<Range<usize>>,
}

impl Memory {
    /// Maps it, as secret as the kernel can and `choice` allows; without a deep stack.
    pub fn map(choice: Choice) -> Result<Self, Error> {
        Memory::map_parts(choice, 0)
    }

    /// As [`Memory::map`], with a stack of [`DEEP_STACK`] bytes for [`Deep::run`]. Nothing of it is there until it is used.
    pub fn map_with_deep_stack(choice: Choice) -> Result<Self, Error> {
        Memory::map_parts(choice, DEEP_STACK)
    }

    fn map_parts(choice: Choice, deep_len: usize) -> Result<Self, Error> {
        let secret = match choice {
            Choice::Mlock => None,
            Choice::Auto => sys::memfd_secret().ok(),
            Choice::Secretmem => Some(sys::memfd_secret().map_err(Error::Secretmem)?),
        };
        let page = sys::page_size();
        let (key_len, stack_len) = (KEY_AREA.next_multiple_of(page), STACK.next_multiple_of(page));
        let (key_at, stack_at) = (GUARD, GUARD + key_len + GUARD);
        let (deep_at, deep_len) = (stack_at + stack_len + GUARD, deep_len.next_multiple_of(page));
        let total = deep_at + if deep_len > 0 { deep_len + GUARD } else { 0 };
        let parts = || {
            [(key_at, key_len), (stack_at, stack_len), (deep_at, deep_len)]
                .into_iter()
                .filter(|part| part.1 > 0)
        };

        // SAFETY: the kernel picks a place where nothing is.
        let base = unsafe { mmap_anonymous(None, size(total), ProtFlags::PROT_NONE, RESERVED) }
            .map_err(|e| Error::Memory(e.into()))?;
        if let Some(file) = &secret {
            let len = i64::try_from(key_len + stack_len + deep_len).expect("some kilobytes");
            nix::unistd::ftruncate(file, len).map_err(|e| Error::Memory(e.into()))?;
        }
        let mut offset = 0;
        for (at, len) in parts() {
            // SAFETY: `at` is below `total`.
            let place = NonZeroUsize::new(unsafe { base.add(at) }.as_ptr() as usize);
            match &secret {
                // SAFETY: replaces a part of the reservation above, which nothing else knows.
                Some(file) => unsafe { mmap(place, size(len), READ_WRITE, SHARED, file, offset) },
                // SAFETY: as above.
                None => unsafe { mmap_anonymous(place, size(len), READ_WRITE, PRIVATE) },
            }
            .map_err(too_much)?;
            offset += i64::try_from(len).expect("some kilobytes");
        }
        // SAFETY: changes what a fork inherits, of our own mappings.
        unsafe { madvise(base, total, MmapAdvise::MADV_DONTFORK) }.map_err(|e| Error::Memory(e.into()))?;
        if secret.is_none() {
            for advice in [MmapAdvise::MADV_DONTDUMP, MmapAdvise::MADV_WIPEONFORK] {
                // SAFETY: changes what dumps and forks get, of our own mappings.
                unsafe { madvise(base, total, advice) }.map_err(|e| Error::Memory(e.into()))?;
            }
            for (at, len) in [(key_at, key_len), (stack_at, stack_len)] {
                // SAFETY: the range is ours, and locking changes no content.
                unsafe { mlock(base.add(at), len) }.map_err(too_much)?;
            }
            if deep_len > 0 {
                // SAFETY: inside the reservation.
                sys::mlock_on_fault(unsafe { base.add(deep_at) }, deep_len).map_err(too_much)?;
            }
        }
        let base = base.cast::<u8>();
        // SAFETY: both are inside the reservation.
        let (key, stack) = unsafe { (base.add(key_at), base.add(stack_at)) };
        let deep = base.as_ptr() as usize + deep_at;
        let pages = (0..stack_len).step_by(page).map(|at| (stack, at)).chain([(key, 0)]);
        for (start, at) in pages {
            // SAFETY: writes one byte to a page mapped for writing that nothing is in yet.
            unsafe { start.add(at).write_volatile(0) };
        }
        // Missing before Linux 6.10, and then only our own mistakes could change the mapping.
        // SAFETY: forbids changing the mapping from here on, which nothing does.
        let _ = unsafe { libc::syscall(libc::SYS_mseal, base.as_ptr(), total, 0) };
        let bottom = stack.as_ptr() as usize;
        let level = if secret.is_some() { Level::Secretmem } else { Level::Mlock };
        let deep = (deep_len > 0).then_some(deep..deep + deep_len);
        Ok(Self { level, key, stack: bottom..bottom + stack_len, deep })
    }

    /// Says what the mapping is made of.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Runs `work` on the stack inside the mapping, and wipes all of the mapping after it.
    ///
    /// A panic that `work` does not catch ends the process.
    pub fn run<R>(self, work: impl FnOnce(&mut Vault) -> R) -> R {
        let mut vault = Vault {
            key: self.key,
            lent: KEY_AREA,
            dirty: 0,
            stack: self.stack.clone(),
            // SAFETY: mapped for writing and never unmapped; `self` is gone, so nobody else has it.
            deep: unsafe { Deep::new(self.deep) },
            vectors: wipe::vectors(),
        };
        let mut result = None;
        let body = || result = Some(work(&mut vault));
        // SAFETY: the stack is mapped for writing, nothing is on it, and it is never unmapped; `self` is gone,
        // so nobody else can run on it.
        unsafe { stack::on(self.stack.end as *mut u8, body) };
        let Some(result) = result else { unreachable!("the work was done") };
        vault.clear_key_area();
        wipe::registers(vault.vectors);
        // SAFETY: nothing runs on that stack any more.
        unsafe { wipe::bytes(self.stack.start as *mut u8, self.stack.len()) };
        result
    }
}

/// The key area, and the means to leave nothing behind, for code that runs on the stack inside the mapping.
#[derive(Debug)]
pub struct Vault {
    key: NonNull<u8>,
    lent: usize,
    /// How much was lent since the last wipe.
    dirty: usize,
    stack: Range<usize>,
    deep: Deep,
    vectors: wipe::Vectors,
}

impl Vault {
    /// Lends only the first `bytes` of the key area from now on, or all of it again; [`KEY_PAGE`] at least.
    ///
    /// What is lent is wiped every time, and a page's first touch costs some 15 us, once: who knows
    /// the longest payload saves both. What the key area held is wiped.
    pub fn lend(&mut self, bytes: usize) {
        self.clear_key_area();
        self.lent = bytes.clamp(KEY_PAGE, KEY_AREA);
    }

    /// The key area: zeroes at first, and after every wipe.
    pub fn page(&mut self) -> &mut [u8] {
        self.page_and_deep().0
    }

    fn page_and_deep(&mut self) -> (&mut [u8], &mut Deep) {
        self.dirty = self.dirty.max(self.lent);
        // SAFETY: mapped for writing at this length for as long as the process lives; `&mut self` makes it the only reference.
        let page = unsafe { std::slice::from_raw_parts_mut(self.key.as_ptr(), self.lent) };
        (page, &mut self.deep)
    }

    /// Runs `step` on the key area, then wipes the key area, the stack below the caller, and every register that a
    /// callee may leave its values in. What needs more stack than there is, `step` can run on the deep one.
    ///
    /// What `step` returns, or writes elsewhere, stays; so does what the caller has in its own frame.
    #[inline(always)] // the wipe has to begin at the caller's frame: one of our own would lie over the step's remains
    pub fn wiped<R>(&mut self, step: impl FnOnce(&mut [u8], &mut Deep) -> R) -> R {
        let result = apart(step, self.page_and_deep());
        self.wipe();
        result
    }

    /// Wipes the key area, the stack below the caller, and the registers, as [`Vault::wiped`] does after its step.
    #[inline(always)]
    pub fn wipe(&mut self) {
        self.assert_on_own_stack();
        self.clear_key_area();
        wipe::registers(self.vectors);
        // SAFETY: we run on that stack, so what is below is dead.
        unsafe { wipe::stack_below(self.stack.start as *mut u8) };
    }

    /// The vault of one mapping could be carried onto the stack of another.
    #[inline(always)]
    fn assert_on_own_stack(&self) {
        let here: usize;
        #[cfg(target_arch = "x86_64")]
        // SAFETY: reads a register.
        unsafe {
            asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: reads a register.
        unsafe {
            asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags));
        }
        assert!(self.stack.contains(&here), "a vault is wiped on the stack it came with");
    }

    #[inline(never)]
    fn clear_key_area(&mut self) {
        // SAFETY: what was lent is mapped for writing, and `&mut self` makes this the only reference.
        unsafe { wipe::bytes(self.key.as_ptr(), self.dirty) };
        self.dirty = 0;
    }
}

/// Keeps the frame of `step` out of the caller's, so that it can be wiped.
#[inline(never)]
fn apart<R>(step: impl FnOnce(&mut [u8], &mut Deep) -> R, (page, deep): (&mut [u8], &mut Deep)) -> R {
    step(page, deep)
}

/// Over the limit: EAGAIN from memfd_secret, EAGAIN, ENOMEM or EPERM from mlock.
fn too_much(errno: Errno) -> Error {
    match errno {
        Errno::EAGAIN | Errno::ENOMEM | Errno::EPERM => Error::LockLimit(io::Error::from(errno)),
        _ => Error::Memory(errno.into()),
    }
}

fn size(bytes: usize) -> NonZeroUsize {
    NonZeroUsize::new(bytes).expect("no part is empty")
}

/// The unmapped space around each part: a page of any size, and more than a frame that is not probed.
const GUARD: usize = 64 * 1024;

const READ_WRITE: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);
const RESERVED: MapFlags = MapFlags::MAP_PRIVATE.union(MapFlags::MAP_NORESERVE);
const SHARED: MapFlags = MapFlags::MAP_SHARED.union(MapFlags::MAP_FIXED);
const PRIVATE: MapFlags = MapFlags::MAP_PRIVATE.union(MapFlags::MAP_FIXED);
