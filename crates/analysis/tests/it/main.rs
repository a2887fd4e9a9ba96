//! Whole analyses of the sample guests, against what the kernel saw and against slower ways to the same answer.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own input should stop")]

mod damaged;
mod provenance;
mod recovered;
mod registry;
mod truth;
mod unreadable;
mod windows;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use vminspect_analysis::finding::{Comparison, FileFacts};
use vminspect_analysis::{Algorithm, Options, Silent, compare, list};
use vminspect_bytes::ReadAtExt;
use vminspect_guest::Guest;
use vminspect_image::{Disk, OpenOptions};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// A committed sample image.
fn sample(name: &str) -> PathBuf {
    fixture("samples").join(name)
}

fn guest(path: &Path) -> Guest {
    Guest::open(path, &OpenOptions::default()).unwrap()
}

fn options() -> Options {
    Options { algorithms: vec![Algorithm::Sha256], ..Options::default() }
}

fn compared(before: &Path, after: &Path) -> Comparison {
    compare(&guest(before), &guest(after), &options(), &Silent)
}

/// Path and hash of every regular file, and whether all of the guest could be read.
fn listed(path: &Path) -> (BTreeMap<Vec<u8>, Vec<FileFacts>>, bool) {
    let mut files: BTreeMap<Vec<u8>, Vec<FileFacts>> = BTreeMap::new();
    let summary = list(&guest(path), &options(), &Silent, &mut |facts| {
        files.entry(facts.path.bytes.clone()).or_default().push(facts);
        Ok(())
    })
    .unwrap();
    (files, summary.coverage.is_complete())
}

/// Writes the disk of an image as a raw file of its own.
fn flatten(image: &Path, raw: &Path) {
    let disk = Disk::open(image, &OpenOptions::default()).unwrap();
    let bytes = disk.bytes().read_all(1 << 30).unwrap();
    std::fs::File::create(raw).unwrap().write_all(&bytes).unwrap();
}

/// The hexadecimal SHA-256 of a file.
fn sha256(facts: &FileFacts) -> Option<String> {
    facts
        .digests
        .as_ref()
        .and_then(|digests| digests.get(Algorithm::Sha256))
        .map(vminspect_analysis::Digest::to_hex)
}
