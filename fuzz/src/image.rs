//! Image files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use vminspect_bytes::{ReadAt as _, ReadAtExt, ReadError, StoreId};
use vminspect_image::{Disk, OpenOptions};

use crate::evidence;
use crate::seed::{self, Seeds};

static SEEDS: Seeds = Seeds::new(|| {
    seed::decompress(&[
        include_bytes!("../seeds/qcow2-v2.gz"),
        include_bytes!("../seeds/qcow2-zlib.gz"),
        include_bytes!("../seeds/qcow2-zstd.gz"),
        include_bytes!("../seeds/qcow2-subclusters.gz"),
        include_bytes!("../seeds/qcow2-snapshots.gz"),
        include_bytes!("../seeds/qcow2-child.gz"),
    ])
});

/// Where images are written; in memory, where the host has such a place.
static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let directory = directory.expect("a temporary directory");
    fs::write(directory.path().join("parent.raw"), vec![0xA5; 64 << 10]).expect("room for a parent");
    directory
});

/// Counts the files that were written, to name them and to tell them apart by their time.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// An input whose first byte is this is an image itself.
const WHOLE: u8 = 0xFF;

/// A damaged qcow2 image, its snapshots and its parent.
pub fn qcow2(input: &[u8]) {
    let image = match input.split_first() {
        Some((&WHOLE, image)) => image.to_vec(),
        _ => seed::damaged(&SEEDS, input),
    };
    let path = write(&image);
    open(&path);
    for snapshot in ["1", "second"] {
        let mut location = path.clone().into_os_string();
        location.push(format!("#{snapshot}"));
        open(Path::new(&location));
    }
    fs::remove_file(&path).expect("a file of ours");
}

/// Writes an image under a name and a time that no earlier one had: clusters are cached by the identity of
/// their file, and a host may give a new file the inode number of a deleted one.
pub(crate) fn write(image: &[u8]) -> PathBuf {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = DIRECTORY.path().join(format!("{count}.qcow2"));
    fs::write(&path, image).expect("room for an image");
    let file = fs::File::options().append(true).open(&path).expect("a file of ours");
    file.set_modified(UNIX_EPOCH + Duration::from_nanos(count)).expect("a file of ours");
    path
}

fn open(location: &Path) {
    let Ok(disk) = Disk::open(location, &OpenOptions::default()) else { return };
    let stored = |store: StoreId, offset: u64, length: usize| -> Result<Vec<u8>, ReadError> {
        let file = disk.host_files().iter().find(|file| file.store() == store);
        file.expect("an origin in a host file that is not listed").read_vec(offset, length)
    };
    evidence::check(&**disk.bytes(), &stored);
    if let Some(state) = disk.vm_state() {
        evidence::check(&**state, &stored);
    }
    assert!(!disk.info().format.is_empty());
    assert_eq!(disk.info().virtual_size, disk.bytes().len());
    for problem in disk.problems() {
        assert!(!problem.to_string().is_empty());
    }
}
