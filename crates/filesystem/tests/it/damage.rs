//! Fixtures cut short and changed: whatever comes of it, it comes soon and without a panic. A twentieth of the
//! changes is made unless `VMINSPECT_DAMAGE` is `full`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vminspect_bytes::{ReadAt, ReadError};
use vminspect_filesystem::exercise;

use crate::fixtures::{Random, bytes};

/// Small images, by driver. A driver adds a list.
const DAMAGED: &[&[&str]] = &[EXT, EXFAT, FAT, NTFS];

/// Without checksums, with them, with everything inside inodes, with a journal to replay, and with deleted files in one.
const EXT: &[&str] = &[
    "ext/ext2-1k",
    "ext/ext2-rev0",
    "ext/ext4-1k-maps",
    "ext/ext4-4k",
    "ext/ext4-inline",
    "ext/ext4-features",
    "ext/dirty-ext4-journal",
    "dfr/ext3-12",
    "dfr/ext4-12",
];
/// With deleted files, fragments, every field, and without a backup to fall back to.
const EXFAT: &[&str] = &[
    "exfat/sector-512",
    "exfat/deleted",
    "exfat/fields",
    "exfat/wrong",
    "exfat/texfat",
    "exfat/no-main",
    "dfr/exfat-12",
];
/// Of each type, with two tables, with one, and with a damaged boot sector.
const FAT: &[&str] = &[
    "fat/fat12",
    "fat/fat12-1k",
    "fat/fat16",
    "fat/fat32-small",
    "fat/fat32-backup",
    "fat/fat32-second-table",
];
/// With every sort of file, with packed files, and with tables in many runs.
const NTFS: &[&str] =
    &["ntfs/small", "ntfs/cluster-1k", "ntfs/sectors-4k", "ntfs/wof", "ntfs/mft-list", "ntfs/runs"];

/// Changes of each image: at least 10,000 for each driver.
const CHANGES: usize = 2_000;
/// Truncations of each image.
const CUTS: usize = 400;
/// Far above what any of them takes: a walk that does not end is what this is to find.
const PATIENCE: Duration = Duration::from_secs(60);

/// An image with some bytes changed, that ends early.
struct Damaged {
    image: Arc<[u8]>,
    length: u64,
    changes: Vec<(usize, Vec<u8>)>,
}

impl ReadAt for Damaged {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.length);
        if end.is_none() {
            return Err(ReadError::past_end("image", offset, buf.len() as u64, self.length));
        }
        let start = usize::try_from(offset).expect("an index");
        buf.copy_from_slice(&self.image[start..start + buf.len()]);
        for (at, bytes) in &self.changes {
            for (position, byte) in (*at..).zip(bytes) {
                if let Some(target) = position.checked_sub(start).and_then(|index| buf.get_mut(index)) {
                    *target = *byte;
                }
            }
        }
        Ok(())
    }
}

fn share(count: usize) -> usize {
    let full = std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full");
    if full { count } else { count / 20 }
}

fn run(what: &str, damaged: Damaged) {
    let start = Instant::now();
    let outcome = exercise(Arc::new(damaged));
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
    if let Ok(Some(met)) = outcome {
        assert!(met.bytes <= 1 << 29, "{what} read {met:?}");
    }
}

/// Offsets of 16-byte pieces that hold something.
fn used(image: &[u8]) -> Vec<usize> {
    image
        .chunks(16)
        .enumerate()
        .filter(|(_, piece)| piece.iter().any(|byte| *byte != 0))
        .map(|(index, _)| index * 16)
        .collect()
}

fn change(image: &[u8], used: &[usize], random: &mut Random) -> (usize, Vec<u8>) {
    // Half of the changes hit the superblock, the descriptors and what follows them.
    let among = if random.next().is_multiple_of(2) { used.len().min(512) } else { used.len() };
    let at = used[random.below(among)] + random.below(16);
    let word = at & !3;
    match random.below(8) {
        0 => (at, vec![0]),
        1 => (at, vec![0xFF]),
        2 => (word, vec![0; 4]),
        3 => (word, vec![0xFF; 4]),
        4 => (word, vec![1, 0, 0, 0]),
        5 => (word, u32::try_from(random.below(4096)).expect("small").to_le_bytes().to_vec()),
        6 => {
            let from = used[random.below(used.len())];
            (at & !15, image[from..(from + 16).min(image.len())].to_vec())
        }
        _ => (at, vec![image[at] ^ (1 << random.below(8))]),
    }
}

#[test]
fn changed_images_end_without_a_panic() {
    for name in DAMAGED.iter().copied().flatten() {
        let image: Arc<[u8]> = bytes(name).into();
        let used = used(&image);
        for seed in 0..share(CHANGES) {
            let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ ((seed as u64 + 1) << 20));
            let count = 1 + random.below(3);
            let changes: Vec<_> = (0..count).map(|_| change(&image, &used, &mut random)).collect();
            let what = format!("{name} with {changes:?}");
            run(&what, Damaged { image: Arc::clone(&image), length: image.len() as u64, changes });
        }
    }
}

#[test]
fn images_cut_short_end_without_a_panic() {
    for name in DAMAGED.iter().copied().flatten() {
        let image: Arc<[u8]> = bytes(name).into();
        let mut random = Random(77);
        for step in 0..share(CUTS) {
            let length = if step % 2 == 0 { step * 512 } else { random.below(image.len()) };
            let length = length.min(image.len()) as u64;
            run(
                &format!("{name} cut at {length}"),
                Damaged { image: Arc::clone(&image), length, changes: vec![] },
            );
        }
    }
}

#[test]
fn a_damaged_superblock_is_replaced_by_its_backup() {
    let image: Arc<[u8]> = bytes("ext/ext4-1k-maps").into();
    let sound = exercise(Arc::new(Damaged {
        image: Arc::clone(&image),
        length: image.len() as u64,
        changes: vec![],
    }))
    .expect("sound")
    .expect("ext");
    let changes = vec![(1024, vec![0; 1024])];
    let damaged = Arc::new(Damaged { image: Arc::clone(&image), length: image.len() as u64, changes });
    let fs = vminspect_filesystem::open(damaged.clone()).expect("a backup").expect("ext");
    let problems = fs.problems();
    assert!(problems.iter().any(|problem| problem.to_string().contains("backup")), "{problems:?}");
    let met = exercise(damaged).expect("a backup").expect("ext");
    assert_eq!((met.records, met.entries, met.bytes), (sound.records, sound.entries, sound.bytes));
}
