use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use vminspect_bytes::{ReadAt, ReadAtExt};
use vminspect_image::{Disk, Error, OpenOptions};

/// One line of the manifest: a disk and what qemu-img makes of it.
pub(crate) struct Expected {
    pub(crate) location: PathBuf,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

static UNPACKED: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(packed()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            unpack(&path, &directory.path().join(path.file_stem().unwrap()));
        }
    }
    directory
});

fn packed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/image")
}

/// Unpacks a file, leaving holes where it has blocks of zeros.
fn unpack(from: &Path, to: &Path) {
    use std::os::unix::fs::FileExt;
    let bytes = zstd::decode_all(File::open(from).unwrap()).unwrap();
    let file = File::create(to).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (index, block) in bytes.chunks(4096).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, index as u64 * 4096).unwrap();
        }
    }
}

/// The directory with the fixtures, unpacked.
pub(crate) fn directory() -> &'static Path {
    UNPACKED.path()
}

pub(crate) fn expected() -> Vec<Expected> {
    let manifest = fs::read_to_string(packed().join("MANIFEST.tsv")).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        Expected {
            location: directory().join(fields[0]),
            size: fields[1].parse().unwrap(),
            sha256: fields[2].to_owned(),
        }
    };
    manifest.lines().map(line).collect()
}

pub(crate) fn open(name: &str) -> Result<Disk, Error> {
    Disk::open(&directory().join(name), &OpenOptions::default())
}

pub(crate) fn sha256(bytes: &dyn ReadAt) -> String {
    let mut hash = Sha256::new();
    let mut offset = 0;
    // An odd size, so that reads begin and end anywhere in clusters.
    let step: u64 = 333_333;
    while offset < bytes.len() {
        let length = step.min(bytes.len() - offset);
        hash.update(bytes.read_vec(offset, length as usize).unwrap());
        offset += length;
    }
    hex::encode(hash.finalize())
}
