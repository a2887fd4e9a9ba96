//! Mounts as oracles: by the kernel, or by ntfs-3g and exfat-fuse. It is a copy that is mounted, so a journal may be
//! replayed.

use std::path::Path;
use std::process::Command;

use super::kernel_listing;
use super::listing::{Listing, Volume};
use crate::Result;
use crate::process::{self, capture};

/// Who mounts a format.
pub(super) struct Mounter {
    /// As a person calls it.
    pub(super) name: &'static str,
    /// The type that `mount` is told.
    kind: &'static str,
    options: &'static str,
    /// Columns that the format has no values for, or that the mount makes up.
    unknown: &'static [&'static str],
}

/// What only POSIX filesystems record, and links, of which ntfs-3g counts short names too.
const POSIX: &[&str] =
    &["mode", "uid", "gid", "inode", "links", "rdev", "flags", "project", "generation", "target", "xattrs"];

impl Mounter {
    /// Who can mount `format` here. Nobody can mount FAT.
    pub(super) fn of(format: &str) -> Option<Self> {
        Some(match format {
            // ext4's driver reads ext2 and ext3 too, whose own need not be there.
            "ext2" | "ext3" | "ext4" => {
                Self { name: "the kernel", kind: "ext4", options: "ro", unknown: &[] }
            }
            "ntfs" => Self {
                name: "ntfs-3g",
                kind: "ntfs-3g",
                options: "ro,streams_interface=none,show_sys_files",
                unknown: POSIX,
            },
            "exfat" => {
                Self { name: "exfat-fuse", kind: "exfat-fuse", options: "ro", unknown: POSIX_AND_CTIME }
            }
            _ => return None,
        })
    }
}

/// exfat-fuse also has one time for two of ours.
const POSIX_AND_CTIME: &[&str] = &[
    "mode",
    "uid",
    "gid",
    "inode",
    "links",
    "rdev",
    "flags",
    "project",
    "generation",
    "target",
    "xattrs",
    "ctime",
];

/// Lists a volume of the flat disk at `disk` as it looks when it is mounted.
pub(super) fn list(scratch: &Path, disk: &Path, volume: &Volume, mounter: &Mounter) -> Result<Listing> {
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
        Command::new("mount").args(["-o", mounter.options, "-t", mounter.kind, &device.0]).arg(&directory),
    )?;
    let mount = Mount(&directory);
    let listing = capture(Command::new("python3").arg(kernel_listing()).arg(mount.0))?;
    let mut listing = Listing::parse(&String::from_utf8(listing)?)?;
    listing.forget(mounter.unknown);
    if volume.format == "ntfs" {
        // Its number is 0, with which nothing is listed.
        listing.add_unknown("$MFT");
    }
    Ok(listing)
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
