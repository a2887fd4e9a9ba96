//! The committed images.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vminspect_bytes::Memory;

/// Images that every driver has to read as the contract says, by their paths below `fixtures`, without endings.
/// A driver adds a list.
pub(crate) const IMAGES: &[&[&str]] = &[EXT, EXFAT, FAT, NTFS];

const EXT: &[&str] = &[
    "ext/ext2-1k",
    "ext/ext2-rev0",
    "ext/ext3-2k",
    "ext/ext4-1k-maps",
    "ext/ext4-4k",
    "ext/ext4-64k",
    "ext/ext4-bigalloc",
    "ext/ext4-casefold",
    "ext/ext4-encrypt",
    "ext/ext4-features",
    "ext/ext4-inline",
    "ext/dirty-ext4-journal",
    "ext/dirty-ext4-orphan-file",
];

const EXFAT: &[&str] = &[
    "exfat/sector-512",
    "exfat/sector-1024",
    "exfat/sector-2048",
    "exfat/sector-4096",
    "exfat/cluster-1m",
    "exfat/large-directory",
    "exfat/deleted",
    "exfat/overwritten",
    "exfat/fields",
    "exfat/wrong",
    "exfat/texfat",
    "exfat/no-main",
    "exfat/no-main-4096",
];

pub(crate) const FAT: &[&str] = &[
    "fat/fat12",
    "fat/fat12-1k",
    "fat/fat12-64k",
    "fat/fat12-256k",
    "fat/fat16",
    "fat/fat16-2k",
    "fat/fat16-4k",
    "fat/fat16-many",
    "fat/fat16-odd-names",
    "fat/fat32",
    "fat/fat32-4k",
    "fat/fat32-backup",
    "fat/fat32-second-table",
    "fat/fat32-small",
];

const NTFS: &[&str] = &[
    "ntfs/cluster-4k",
    "ntfs/cluster-512",
    "ntfs/cluster-64k",
    "ntfs/sectors-4k",
    "ntfs/small",
    "ntfs/wof",
    "ntfs/mft-runs",
    "ntfs/mft-list",
    "ntfs/runs",
];

/// Every one of [`IMAGES`].
pub(crate) fn images() -> impl Iterator<Item = &'static str> {
    IMAGES.iter().copied().flatten().copied()
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/{name}.img.zst"));
    unpacked(&path)
}

pub(crate) fn memory(name: &str) -> Arc<Memory> {
    Arc::new(Memory::new(bytes(name)))
}

pub(crate) fn unpacked(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).expect("a zstd frame");
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).expect("a sound frame");
    bytes
}

/// The corpus of published images, where there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = std::env::var_os("VMINSPECT_CORPUS").map_or(beside, PathBuf::from);
    path.is_dir().then_some(path)
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).expect("below a usize")
    }
}
