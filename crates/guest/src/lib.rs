//! Composes image, volume and filesystem: opens a disk, finds the operating system and its mount table, and
//! gives every file one path.

mod coverage;
mod error;
mod guest;

pub use coverage::{Coverage, Problem};
pub use error::{Error, Result};
pub use guest::{Guest, GuestVolume, Located, OperatingSystem};
