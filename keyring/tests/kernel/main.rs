//! The real kernel: every case is a process of its own, in a session of its own, as a user of its own.
//!
//! The cases need root, to become other users. Every one that shows somebody being stopped shows first the same
//! attempt succeeding where nothing stops it.

#![allow(clippy::unwrap_used)]

mod claim;
mod find;
mod group;
mod keyrings;
mod list;
mod props;
mod secret;
mod stage;
mod told_apart;
