//! Bytes of one file to typed records.
//!
//! Every parser takes the bytes of a file and nothing else, so it works on a loose file just as well. What it
//! yields are results: a bad record is an error, and the next one follows.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

pub mod evtx;
pub mod fstab;
mod lines;
pub mod os_release;
pub mod registry;
pub mod usn;
pub mod zone_identifier;
