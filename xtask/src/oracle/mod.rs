//! Compares what we read of an image with what independent programs read of it: `qemu-img` flattens a copy,
//! and that is mounted (as root, by the kernel, ntfs-3g or exfat-fuse), or The Sleuth Kit and debugfs read it.

mod kernel;
mod listing;
mod sleuthkit;

use std::path::{Path, PathBuf};
use std::process::Command;

use listing::Volume;

use crate::Result;
use crate::process::{self, capture, cargo, root};

/// Most differences that are printed.
const MOST_SHOWN: usize = 100;

/// Compares the listing, metadata and content of every volume that we can read.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [image] = arguments else { return Err("usage: cargo xtask oracle IMAGE".into()) };
    let image = Path::new(image).canonicalize()?;
    let ours = ours(&image)?;
    if ours.is_empty() {
        return Err("we read no filesystem on this disk".into());
    }
    let scratch = Scratch::new()?;
    let disk = scratch.0.join("disk.raw");
    process::run(Command::new("qemu-img").args(["convert", "-O", "raw"]).arg(&image).arg(&disk))?;
    let mut differences = Vec::new();
    for volume in &ours {
        let mounter = if is_root()? { kernel::Mounter::of(&volume.format) } else { None };
        let (name, theirs) = match mounter {
            Some(mounter) => (mounter.name, kernel::list(&scratch.0, &disk, volume, &mounter)?),
            None => ("The Sleuth Kit", sleuthkit::list(&scratch.0, &disk, volume)?),
        };
        println!(
            "{} at byte {}: {} paths, {name}: {}",
            volume.format,
            volume.start,
            volume.listing.len(),
            theirs.len()
        );
        differences.extend(volume.listing.differences(&theirs));
    }
    for difference in differences.iter().take(MOST_SHOWN) {
        println!("{difference}");
    }
    if differences.is_empty() { Ok(()) } else { Err(format!("{} differences", differences.len()).into()) }
}

fn ours(image: &Path) -> Result<Vec<Volume>> {
    let listing = cargo()
        .args(["run", "--release", "--quiet", "--package", "vminspect", "--example", "listing", "--"])
        .arg(image)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !listing.status.success() {
        return Err(format!("our listing: {}", listing.status).into());
    }
    listing::volumes(&String::from_utf8(listing.stdout)?)
}

fn is_root() -> Result<bool> {
    Ok(capture(Command::new("id").arg("-u"))? == b"0\n")
}

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("vminspect-oracle-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}

/// The program that lists a mounted tree in our columns.
fn kernel_listing() -> PathBuf {
    root().join("fixtures/kernel_listing.py")
}
