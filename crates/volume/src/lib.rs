//! A virtual disk to volumes.
//!
//! [`VolumeTable::read`] is the way in; [`DRIVERS`] lists the schemes. Each scheme is one folder here.
//! [`identify`] tells what a volume seems to hold, also where nothing here can read it.

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

mod content;
mod content_identity;
mod driver;
mod error;
pub mod foreign;
pub mod gpt;
pub mod mbr;
mod partition;
mod sector;
mod table;

pub use content::{Content, ContentKind, identify};
pub use content_identity::{ContentIdentity, content_identity};
pub use driver::{DRIVERS, Driver};
pub use error::{Error, Result};
pub use table::{Volume, VolumeTable};
