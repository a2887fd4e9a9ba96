//! qcow2, the format of QEMU.

mod bitmap;
mod compression;
mod descriptor;
mod extension;
mod geometry;
mod header;
mod info;
mod l1_table;
mod l2_table;
mod layout;
mod mapping;
mod number;
mod open;
mod snapshot;
mod survey;
mod virtual_disk;

use crate::driver::Driver;

/// The driver.
pub const DRIVER: Driver = Driver { name: "qcow2", probe: header::probe, open: open::open };
