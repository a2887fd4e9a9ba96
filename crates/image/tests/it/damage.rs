//! Damaged images: whatever is wrong in them, opening and reading ends, in bounded memory, and every byte that
//! is read without an error is right as long as only the end of the file is missing.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use vminspect_bytes::{ByteRange, ReadAt, ReadAtExt};
use vminspect_image::{Disk, OpenOptions};

use crate::fixtures;
use crate::seeded::Seeded;

/// Images with every kind of structure, and the files that they need.
const SUBJECTS: &[&str] = &[
    "plain-v2-512.qcow2",
    "plain-v3-4k.qcow2",
    "zlib-v2-64k.qcow2",
    "zlib-v3-512.qcow2",
    "zstd-4k.qcow2",
    "zstd-64k.qcow2",
    "subclusters-16k.qcow2",
    "subclusters-zstd.qcow2",
    "zeros.qcow2",
    "chain-2.qcow2",
    "external-raw.qcow2",
    "bitmaps.qcow2",
    "snapshots-v2.qcow2",
    "snapshots-v3.qcow2",
];

const MUTATIONS: u64 = 14_000;

/// Whether everything is tried, or the fixed part that is tried by default.
fn full() -> bool {
    std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full")
}

/// One of this many cases is tried by default.
const PART: u64 = 20;

/// A directory like that of the fixtures, in which one image is damaged.
struct Bench {
    directory: tempfile::TempDir,
    image: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(fixtures::directory()).unwrap() {
            let entry = entry.unwrap();
            let link = directory.path().join(entry.file_name());
            // Files of its own: parents stay within the directory that the policy allows. A link costs less
            // than a copy, where both directories are on one filesystem.
            if fs::hard_link(entry.path(), &link).is_err() {
                fs::copy(entry.path(), &link).unwrap();
            }
        }
        let image = directory.path().join(name);
        fs::remove_file(&image).unwrap();
        Self { directory, image }
    }

    fn write(&self, bytes: &[u8]) {
        File::create(&self.image).unwrap().write_all(bytes).unwrap();
    }
}

/// Opens the image and walks all that can be asked of it, within a bounded time.
fn walk(image: &Path) -> Option<Disk> {
    let start = Instant::now();
    let disk = Disk::open(image, &OpenOptions::default());
    if let Ok(disk) = &disk {
        walk_disk(disk);
        for snapshot in disk.info().snapshots.iter().take(4) {
            let location = format!("{}#{}", image.display(), snapshot.id);
            if let Ok(disk) = Disk::open(Path::new(&location), &OpenOptions::default()) {
                walk_disk(&disk);
            }
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?} for {}", start.elapsed(), image.display());
    disk.ok()
}

fn walk_disk(disk: &Disk) {
    let _ = format!("{:?} {:?}", disk.info(), disk.problems());
    walk_bytes(&**disk.bytes());
    if let Some(state) = disk.vm_state() {
        walk_bytes(&**state);
    }
}

fn walk_bytes(bytes: &dyn ReadAt) {
    for extent in bytes.extents(ByteRange::at(0, bytes.len())).take(3000) {
        let Ok(extent) = extent else { continue };
        assert!(!extent.range.is_empty() && extent.range.end() <= bytes.len());
    }
    let mut buffer = vec![0; 150_000];
    let (mut offset, end) = (0, bytes.len().min(2 << 20));
    while offset < end {
        let length = (end - offset).min(buffer.len() as u64);
        let _ = bytes.read_exact_at(offset, &mut buffer[..length as usize]);
        offset += length;
    }
    let mut random = Seeded(bytes.len());
    for _ in 0..if bytes.len() > end { 16 } else { 0 } {
        let _ = bytes.read_exact_at(random.below(bytes.len() - 4096), &mut buffer[..4096]);
    }
}

/// Peak memory of this process so far, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn truncated_images_never_give_wrong_bytes() {
    for name in SUBJECTS {
        let whole = fs::read(fixtures::directory().join(name)).unwrap();
        let right = fixtures::open(name).unwrap().bytes().read_all(4 << 20).unwrap();
        let bench = Bench::new(name);
        bench.write(&whole);
        let file = File::options().write(true).open(&bench.image).unwrap();
        for cut in cuts(whole.len() as u64) {
            file.set_len(cut).unwrap();
            let Some(disk) = walk(&bench.image) else { continue };
            if disk.info().format == "raw" {
                continue; // Not even the magic bytes are left.
            }
            assert_eq!(disk.bytes().len(), right.len() as u64);
            let unit = 512;
            for (index, expected) in right.chunks(unit).enumerate() {
                if let Ok(read) = disk.bytes().read_vec((index * unit) as u64, expected.len()) {
                    assert!(read == expected, "{name} cut at {cut}: wrong byte in {}", index * unit);
                }
            }
        }
        drop(bench.directory);
    }
}

/// Where an image is cut, longest first: at every 512 bytes, and at 1,000 points of all images together.
fn cuts(length: u64) -> Vec<u64> {
    let mut random = Seeded(length);
    let points = (0..1000 / SUBJECTS.len() as u64 + 1).map(|_| random.below(length));
    let mut cuts: Vec<u64> = (0..length / 512).map(|step| step * 512).chain(points).collect();
    cuts.sort_unstable();
    let part = cuts.iter().rev().enumerate().filter(|(number, _)| full() || *number as u64 % PART == 3);
    part.map(|(_, cut)| *cut).collect()
}

#[test]
fn mutated_images_end_in_errors_or_bytes() {
    let before = peak_memory();
    for (number, name) in SUBJECTS.iter().enumerate() {
        let whole = fs::read(fixtures::directory().join(name)).unwrap();
        let bench = Bench::new(name);
        bench.write(&whole);
        let file = File::options().write(true).open(&bench.image).unwrap();
        let places = places(&whole);
        let each = MUTATIONS / SUBJECTS.len() as u64;
        for case in (0..each).filter(|case| full() || case % PART == 0) {
            let mut random = Seeded((number as u64) << 32 | case);
            for _ in 0..=random.below(3) {
                let (at, bytes) = mutation(&mut random, &whole, &places);
                file.write_all_at(&bytes, at).unwrap();
            }
            // A time of its own makes it another file, of which nothing is cached.
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(case)).unwrap();
            walk(&bench.image);
            file.set_len(whole.len() as u64).unwrap();
            file.write_all_at(&whole, 0).unwrap();
        }
    }
    let grown = peak_memory().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more");
}

/// Positions of 8-byte words that look like entries of tables.
fn places(whole: &[u8]) -> Vec<u64> {
    let entry = |word: &[u8]| {
        let value = u64::from_be_bytes(word.try_into().unwrap());
        let offset = value & 0x00ff_ffff_ffff_fe00;
        offset != 0 && (offset < whole.len() as u64 || value >> 62 == 1)
    };
    let words = whole.chunks_exact(8).enumerate();
    words.filter(|(_, word)| entry(word)).map(|(index, _)| index as u64 * 8).take(4000).collect()
}

/// Where to write what: a flipped bit or an extreme number in the header, in an entry, or anywhere.
fn mutation(random: &mut Seeded, whole: &[u8], places: &[u64]) -> (u64, Vec<u8>) {
    let length = whole.len() as u64;
    let at = match random.below(5) {
        0 | 1 => random.below(length.min(640)),
        2 | 3 if !places.is_empty() => places[random.below(places.len() as u64) as usize] + random.below(8),
        _ => random.below(length),
    };
    let width = [1, 2, 4, 8][random.below(4) as usize];
    let at = (at - at % width).min(length - width);
    let old = &whole[at as usize..(at + width) as usize];
    let number = old.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let new = match random.below(8) {
        0..=2 => number ^ 1 << random.below(width * 8),
        3 => 0,
        4 => 1,
        5 => u64::MAX,
        6 => number.wrapping_add(1),
        _ => random.next(),
    };
    (at, new.to_be_bytes()[(8 - width) as usize..].to_vec())
}
