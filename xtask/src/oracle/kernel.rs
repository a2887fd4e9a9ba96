//! The kernel as an oracle. It mounts a copy, so it may replay its journal.

use std::path::Path;
use std::process::Command;

use super::kernel_listing;
use super::listing::{Listing, Volume};
use crate::Result;
use crate::process::{self, capture};

/// Lists a volume of the flat disk at `disk` as the kernel sees it.
pub(super) fn list(scratch: &Path, disk: &Path, volume: &Volume) -> Result<Listing> {
    let attached = capture(
        Command::new("losetup")
            .args(["--find", "--show"])
            .args(["--offset", &volume.start.to_string(), "--sizelimit", &volume.length.to_string()])
            .arg(disk),
    )?;
    let device = Loop(String::from_utf8(attached)?.trim().to_owned());
    let directory = scratch.join("mount");
    std::fs::create_dir_all(&directory)?;
    process::run(
        Command::new("mount")
            .args(["-o", "ro", "-t", kernel_name(&volume.format), &device.0])
            .arg(&directory),
    )?;
    let mount = Mount(&directory);
    let listing = capture(Command::new("python3").arg(kernel_listing()).arg(mount.0))?;
    Listing::parse(&String::from_utf8(listing)?)
}

/// The driver that reads a format: ext4's reads ext2 and ext3 too, which need not be there.
fn kernel_name(format: &str) -> &str {
    if format.starts_with("ext") { "ext4" } else { format }
}

struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        report(process::run(Command::new("losetup").args(["--detach", &self.0])));
    }
}

struct Mount<'a>(&'a Path);

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        report(process::run(Command::new("umount").arg(self.0)));
    }
}

fn report(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("{error}");
    }
}
