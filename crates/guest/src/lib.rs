//! Composes image, volume and filesystem: opens a disk, finds the operating system and its mount table, and
//! gives every file one path.

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

mod coverage;
mod error;
mod files;
mod guest;
mod linux;
mod mount_table;
mod namespace;
mod system;
mod volume;
mod windows;

pub use coverage::{Coverage, Problem};
pub use error::{Error, Result};
pub use guest::{Guest, Located};
pub use system::{OperatingSystem, TimeZone, WindowsFacts, WindowsUser};
pub use volume::GuestVolume;
pub use windows::{EventLogFile, HiveFile, HiveKind, Registry, RegistryPlace};
