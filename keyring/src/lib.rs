//! Keys, keyrings and sessions of the Linux kernel, as signbox uses them.
//!
//! This crate knows how a secret gets into the kernel keyring, how a process comes to possess it,
//! how it is read into a page that somebody else has locked, and what it means when the kernel says
//! no. It must never know an exchange: a payload is bytes, and `exchange/label` is two words in a
//! description. It prints nothing, and no [`Error`] holds a byte of a payload.
//!
//! # Decisions someone will want to undo
//!
//! **Every search has the process keyring as its destination** ([`find()`]). Under `su`, `sudo -u`,
//! cron, LightDM and most systemd services the user keyring does not hang under the session keyring:
//! a search finds the key, and reading it is refused with `EACCES`. A search that starts at the user
//! keyring counts as possession and may link what it finds into `@p`, so this one call cures every
//! such case. It also keeps the key readable when a logout revokes the session. A plain
//! `request_key` does neither.
//!
//! **Nothing links `@u` into `@s`**, although that is the advice found everywhere for the same
//! `EACCES`. Cron, LightDM, `su` and `sudo -u` hand out one session keyring that belongs to root and
//! is shared by several users: the link gives each of them the keys of the others. For the same reason
//! [`add()`] refuses a session keyring that is not this user's, and [`find()`] does not take a key from one
//! that belongs to neither this user nor root.
//!
//! **Masks.** A claimed key has [`MASK_CLAIMED`] `09000000`: view and search for the possessor, which is
//! enough to read, and nothing with which anyone could hand it on or change it back. A group key has
//! [`MASK_GROUP`] `3f000300`: view and read for the group. The owner's column is empty, because the kernel
//! looks at *one* column of user, group and other. The mask is checked exactly when a group key is looked
//! up: a key with more rights was not made by [`add_group`].
//!
//! **[`add()`] never asks the kernel for `@s` with leave to create.** Where the session keyring is the
//! user's default one, the kernel would answer by giving this process alone a new, empty session, and
//! the key would be gone when `signbox add` ends.
//!
//! **Reading does nothing but read** ([`Secret::read`]). It runs behind a filter that lets `KEYCTL_READ`
//! of known serials through and ends the process at anything else, so a failed read is explained from
//! its error number alone.
//!
//! `linux-keyutils` makes every call that it wraps well. Not used from it: `read_to_vec` (leaves the
//! secret in a 64 KiB buffer that nobody wipes), `get_links` (trusts a length the kernel reports for
//! a larger buffer), `metadata` (panics on a description beyond 512 bytes).

#![deny(unsafe_code)]

mod add;
mod claim;
mod error;
mod find;
mod group;
mod key;
mod keyring;
mod list;
mod name;
mod proc_keys;
mod secret;
mod session;
mod sweep;
#[allow(unsafe_code)]
mod sys;

pub use add::{PAYLOAD_MAX, add};
pub use claim::MASK_CLAIMED;
pub use error::{Error, KeyName};
pub use find::find;
pub use group::{MASK_GROUP, add_group, find_group, keys_of_service};
pub use key::{Description, Key};
pub use keyring::Keyring;
pub use list::{Entry, Place, State, list};
pub use name::{description, handle_of, service_description, service_of};
pub use secret::Secret;
pub use session::{SessionInfo, SessionKind, join_fresh_session, session};
pub use sweep::{Swept, is_held, sweep};
