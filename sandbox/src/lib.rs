//! The signer's doors: where its secrets may lie, and what it can still do once it holds them.
//!
//! This crate knows prctls, mappings, capabilities, landlock and seccomp. Of keys it knows nothing but
//! serial numbers, of exchanges nothing at all, and it must stay so: what is walled in must not decide
//! how high the walls are.
//!
//! # The order, and why
//!
//! 1. [`prepare()`]: non-dumpable as the first statement (until then another process of the same user may
//!    open `/proc/PID/mem`, and a descriptor opened then stays valid for ever); no cores; no tracer, no
//!    second thread, no odd personality; no inherited descriptor, signal handler or blocked signal; no
//!    new privileges, no new executable memory, no speculation that another process can steer.
//! 2. [`Memory::map`]: the locked mapping, before any secret is read.
//! 3. The caller finds its keys; that still needs `/proc/keys` and `keyctl` in full.
//! 4. [`Memory::run`]: everything that follows happens on the stack inside the mapping.
//! 5. [`enter`]: capabilities, landlock after the last file was opened, seccomp last, since it forbids all of
//!    the above.
//!
//! A failure of any step is an error, the caller ends, and no byte has been answered.
//!
//! # Decisions that someone will want to undo
//!
//! **Five system calls, by allow-list.** `read` of 0, `write` of 1 and 2, `keyctl` READ of the known serials,
//! `clock_gettime` (the vdso's fallback), `exit_group`. A deny-list was refused: io_uring does its work
//! without the calls a list would name, and every kernel brings new ones. A sixth call needs a reason that
//! a fixed buffer cannot meet; memory is never one, nothing here grows after start-up. A signer with a ledger has such a
//! reason: `flock`, `lseek`, `pread64`, `pwrite64` and `fdatasync`, and `write`, of the files that were opened before the
//! walls and of no other descriptor.
//!
//! **A service has nine more** ([`Doors::Listener`]): it waits for many clients, and one that blocks must not hold up the
//! others. `accept4` of descriptor 0, `getsockopt` of `SO_PEERCRED`, `epoll_wait` and `epoll_ctl`, `pipe2`, `sendmsg`, `close`, `read` and `write`
//! of all that it opens. None of them leads to a place that the process was not started with: no `socket`, no `connect`, no
//! `open`. `recvmsg` is left out, so that nobody can hand descriptors in. What `sendmsg` could hand out is what is open: clients,
//! and the files of records.
//!
//! **Kill, never an error code.** A call outside the list is a bug or an attack, and in neither case
//! should the program that holds a trading secret go on.
//!
//! **Seccomp and landlock both.** Landlock does not cover `keyctl`, UDP or `chmod`; seccomp cannot look at
//! paths and is one mistake in 40 instructions away from a hole. Landlock costs 20 us, once.
//!
//! **A core limit of 1, not 0.** Limit 0 does not stop a core that is piped to a program, 1 does. A hard limit
//! of 0 that we may not raise is left alone and reported: non-dumpable stops both kinds anyway.
//!
//! **The stack inside the secret memory.** With the key alone there, the key and both HMAC midstates lay on the
//! ordinary stack in 18 of 18 scans; with the stack there too, in none, at no measurable cost per signature. Its
//! size is small (16 KiB in release builds) because each page costs its first touch at start-up. Whoever needs more stack should first ask why.
//!
//! **A second, deep stack**, for signatures with private keys alone, which take three times what the first one has. Making the
//! first one longer was refused: it is wiped whole at every wake-up, so every HMAC would have paid. The deep one is mapped on
//! demand, costs a page's first touch only when it is first used, and is wiped after each use.
//!
//! **Everything is wiped after every step**, not only the key: [`Vault::wiped`] clears the key area, the dead
//! stack and all registers that a callee may leave behind. Clearing `zmm16` to `zmm31` looks odd
//! but is needed: `vzeroall` leaves them, and memcpy uses them.
//!
//! **No flag takes a wall down**, and there is no feature, environment variable or test hook that does. The steps of [`enter`]
//! are public so that each can be tested alone; the signer calls [`enter`]. A kernel that cannot raise a
//! wall (before Linux 6.1) is refused. Only what makes no promise by itself may be missing, and is then reported: [`Prepared`], [`Walls`].
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capabilities;
mod error;
mod filter;
mod leave;
mod level;
#[allow(unsafe_code)]
mod memory;
mod prepare;
mod status;
#[allow(unsafe_code)]
mod sys;
mod walls;

pub use capabilities::{Capabilities, drop_capabilities};
pub use error::Error;
pub use leave::{PANIC_CODE, exit, install_panic_hook};
pub use level::{Choice, Level, UnknownChoice};
pub use memory::{DEEP_STACK, Deep, KEY_AREA, KEY_PAGE, Memory, STACK, Vault};
pub use prepare::{Prepared, prepare};
pub use sys::{accept, send_descriptors};
pub use walls::{Doors, Landlock, Walls, enter, filter_system_calls, restrict_filesystem_network};
