//! signbox lets a trading bot use an exchange API secret without ever holding it.
//!
//! This crate wires three libraries that do not know each other: `signbox_keyring` (secrets and
//! sessions), `signbox_sandbox` (walls) and `signbox_exchanges` (what is signed, what an endpoint
//! does). Two programs stand on it: `signbox-signer`, which holds secrets and answers lines, and
//! `signbox`, which people use.

#![forbid(unsafe_code)]

pub mod audit;
pub mod ledger;
pub mod policy;
pub mod protocol;
pub mod record;
pub mod signer;
