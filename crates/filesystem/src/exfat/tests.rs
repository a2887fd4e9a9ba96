//! Small volumes, made by hand.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, Family, Memory, ReadAtExt};

use super::checksum::{boot_checksum, name_hash, set_checksum};
use crate::{Allocation, Content, Error, FileSystem, Place, Record, Stream};

const SECTOR: usize = 512;
const FAT: usize = 24 * SECTOR;
const HEAP: usize = 26 * SECTOR;
const CLUSTERS: u32 = 100;
const ROOT: u32 = 4;
const END: u32 = 0xFFFF_FFFF;

/// A volume of 100 clusters of one sector: bitmap in cluster 2, up-case table in 3, root directory from 4 on.
struct Volume {
    bytes: Vec<u8>,
}

/// A file as its entries tell it.
#[derive(Clone)]
struct File {
    name: Vec<u16>,
    attributes: u16,
    first: u32,
    length: u64,
    valid: u64,
    contiguous: bool,
    in_use: bool,
    more: Vec<[u8; 32]>,
}

impl File {
    fn new(name: &str, first: u32, length: u64) -> Self {
        let name = name.encode_utf16().collect();
        let (attributes, valid, contiguous, in_use, more) = (0x20, length, true, true, Vec::new());
        Self { name, attributes, first, length, valid, contiguous, in_use, more }
    }

    fn chained(mut self) -> Self {
        self.contiguous = false;
        self
    }

    fn directory(mut self) -> Self {
        self.attributes = 0x10;
        self
    }

    fn deleted(mut self) -> Self {
        self.in_use = false;
        self
    }

    fn entries(&self) -> Vec<[u8; 32]> {
        let mut file = [0_u8; 32];
        file[0] = 0x85;
        file[4..6].copy_from_slice(&self.attributes.to_le_bytes());
        for at in [8, 12, 16] {
            // 2020-01-02 03:04:06
            file[at..at + 4].copy_from_slice(&0x5022_1883_u32.to_le_bytes());
        }
        let mut stream = [0_u8; 32];
        (stream[0], stream[1]) = (0xC0, if self.contiguous { 3 } else { 1 });
        stream[3] = u8::try_from(self.name.len()).expect("short");
        let upper = |unit: &u16| if (97..123).contains(unit) { unit - 32 } else { *unit };
        stream[4..6].copy_from_slice(&name_hash(self.name.iter().map(upper)).to_le_bytes());
        stream[8..16].copy_from_slice(&self.valid.to_le_bytes());
        stream[20..24].copy_from_slice(&self.first.to_le_bytes());
        stream[24..32].copy_from_slice(&self.length.to_le_bytes());
        let mut entries = vec![file, stream];
        for units in self.name.chunks(15) {
            let mut name = [0_u8; 32];
            name[0] = 0xC1;
            for (index, unit) in units.iter().enumerate() {
                name[2 + 2 * index..4 + 2 * index].copy_from_slice(&unit.to_le_bytes());
            }
            entries.push(name);
        }
        entries.extend(&self.more);
        entries[0][1] = u8::try_from(entries.len() - 1).expect("a set");
        let sum = entries.iter().enumerate().fold(0, |sum, (at, entry)| set_checksum(sum, entry, at == 0));
        entries[0][2..4].copy_from_slice(&sum.to_le_bytes());
        if !self.in_use {
            entries.iter_mut().for_each(|entry| entry[0] &= 0x7F);
        }
        entries
    }
}

fn at(cluster: u32) -> usize {
    HEAP + usize::try_from(cluster - 2).expect("small") * SECTOR
}

impl Volume {
    fn new() -> Self {
        let sectors = HEAP / SECTOR + 100;
        let mut volume = Self { bytes: vec![0; sectors * SECTOR] };
        let boot = &mut volume.bytes;
        boot[3..11].copy_from_slice(b"EXFAT   ");
        boot[72..80].copy_from_slice(&(sectors as u64).to_le_bytes());
        for (at, value) in [(80, 24), (84, 2), (88, 26), (92, CLUSTERS), (96, ROOT), (100, 0x1234_ABCD)] {
            boot[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        }
        boot[105] = 1;
        (boot[108], boot[109], boot[110]) = (9, 0, 1);
        (boot[510], boot[511]) = (0x55, 0xAA);
        let mut table: Vec<u16> = vec![0xFFFF, 0x61];
        table.extend(0x41..=0x5A);
        let table: Vec<u8> = table.into_iter().flat_map(u16::to_le_bytes).collect();
        volume.bytes[at(3)..at(3) + table.len()].copy_from_slice(&table);
        let sum = super::checksum::table_checksum(0, &table);
        let mut bitmap = [0; 32];
        bitmap[0] = 0x81;
        bitmap[20..24].copy_from_slice(&2_u32.to_le_bytes());
        bitmap[24..32].copy_from_slice(&13_u64.to_le_bytes());
        let mut upcase = [0; 32];
        upcase[0] = 0x82;
        upcase[4..8].copy_from_slice(&sum.to_le_bytes());
        upcase[20..24].copy_from_slice(&3_u32.to_le_bytes());
        upcase[24..32].copy_from_slice(&(table.len() as u64).to_le_bytes());
        for cluster in [2, 3, ROOT] {
            volume.chain(&[cluster]);
        }
        volume.put(ROOT, 0, &[bitmap, upcase]);
        volume.seal()
    }

    /// Writes checksums of the boot sector, and its backup.
    fn seal(mut self) -> Self {
        let sum = boot_checksum(&self.bytes[..11 * SECTOR]).to_le_bytes();
        for word in self.bytes[11 * SECTOR..12 * SECTOR].chunks_exact_mut(4) {
            word.copy_from_slice(&sum);
        }
        self.bytes.copy_within(..12 * SECTOR, 12 * SECTOR);
        self
    }

    /// Chains clusters, and marks them as used.
    fn chain(&mut self, clusters: &[u32]) {
        let next = clusters.iter().skip(1).copied().chain([END]);
        for (cluster, next) in clusters.iter().zip(next) {
            self.link(*cluster, next);
            self.mark(*cluster);
        }
    }

    fn link(&mut self, cluster: u32, next: u32) {
        let at = FAT + 4 * usize::try_from(cluster).expect("small");
        self.bytes[at..at + 4].copy_from_slice(&next.to_le_bytes());
    }

    fn mark(&mut self, cluster: u32) {
        let index = usize::try_from(cluster - 2).expect("small");
        self.bytes[at(2) + index / 8] |= 1 << (index % 8);
    }

    fn put(&mut self, cluster: u32, slot: usize, entries: &[[u8; 32]]) {
        let start = at(cluster) + 32 * slot;
        self.bytes[start..start + 32 * entries.len()].copy_from_slice(&entries.concat());
    }

    /// Adds files to the root directory, which has them from its third slot on.
    fn with(mut self, files: &[File]) -> Self {
        let entries: Vec<_> = files.iter().flat_map(File::entries).collect();
        self.put(ROOT, 2, &entries);
        self
    }

    fn fill(&mut self, cluster: u32, byte: u8) {
        self.bytes[at(cluster)..at(cluster) + SECTOR].fill(byte);
    }

    fn open(&self) -> Arc<dyn FileSystem> {
        crate::open(Arc::new(Memory::new(self.bytes.clone()))).expect("openable").expect("exFAT")
    }
}

fn records(fs: &dyn FileSystem, deleted: bool) -> Vec<Record> {
    let mut records = Vec::new();
    let scan = fs.scan(None, deleted);
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| records.push(record.expect("a record")));
    }
    records
}

/// The record of the only file.
fn only(fs: &dyn FileSystem) -> Record {
    let records = records(fs, true);
    assert_eq!(records.len(), 2, "{records:?}");
    records.into_iter().nth(1).expect("a file")
}

fn told(problems: &[Error]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn read(fs: &dyn FileSystem, record: &Record, start: u64, length: usize) -> Result<Vec<u8>, Error> {
    Ok(fs.open_record(record, Stream::Data)?.read_vec(start, length)?)
}

#[test]
fn an_empty_volume_has_a_root() {
    let fs = Volume::new().open();
    assert_eq!(told(&fs.problems()), "");
    assert_eq!(fs.identity().uuid.as_deref(), Some("1234-ABCD"));
    let records = records(&*fs, false);
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].metadata.id, records[0].metadata.size), (fs.root(), 512));
}

#[test]
fn what_was_never_written_is_zero() {
    let mut file = File::new("file", 20, 1300);
    file.valid = 600;
    let mut volume = Volume::new().with(&[file]);
    (20..23).for_each(|cluster| volume.fill(cluster, 7));
    let fs = volume.open();
    let record = only(&*fs);
    assert_eq!(told(&record.problems), "");
    let content = read(&*fs, &record, 0, 1300).expect("content");
    assert!(content[..600].iter().all(|byte| *byte == 7) && content[600..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_chain_that_comes_back_ends() {
    for (links, read_until) in [([(20, 21), (21, 22), (22, 20)], 3), ([(20, 30), (30, 19), (19, 20)], 3)] {
        let mut volume = Volume::new().with(&[File::new("file", 20, 40 * 512).chained()]);
        for (cluster, next) in links {
            volume.link(cluster, next);
        }
        let fs = volume.open();
        let record = only(&*fs);
        assert!(told(&record.problems).contains("comes back to itself"), "{}", told(&record.problems));
        assert!(read(&*fs, &record, 0, read_until * 512).is_ok());
        assert!(read(&*fs, &record, read_until as u64 * 512, 1).is_err());
    }
}

#[test]
fn a_chain_shorter_or_longer_than_the_file_is_told() {
    let mut volume = Volume::new().with(&[File::new("file", 20, 3 * 512).chained()]);
    volume.chain(&[20, 25]);
    let fs = volume.open();
    let record = only(&*fs);
    assert!(told(&record.problems).contains("a chain of 3 clusters"), "{}", told(&record.problems));
    assert_eq!(record.metadata.size, 1536);
    assert!(read(&*fs, &record, 0, 1024).is_ok() && read(&*fs, &record, 1024, 1).is_err());
    volume.chain(&[20, 25, 30, 31]);
    let fs = volume.open();
    let record = only(&*fs);
    assert!(told(&record.problems).contains("a longer chain"), "{}", told(&record.problems));
    assert!(read(&*fs, &record, 0, 1536).is_ok());
    // A FAT entry for each fragment.
    assert_eq!(record.depends.len(), 3);
}

#[test]
fn a_stretch_past_the_heap_is_cut() {
    let fs = Volume::new().with(&[File::new("file", 100, 5 * 512)]).open();
    let record = only(&*fs);
    assert!(told(&record.problems).contains("2 before the end of the cluster heap"));
    assert!(read(&*fs, &record, 0, 1024).is_ok() && read(&*fs, &record, 1024, 1).is_err());
    let fs = Volume::new().with(&[File::new("file", 20, u64::MAX)]).open();
    let record = only(&*fs);
    assert!(told(&record.problems).contains("at most 51200 bytes"), "{}", told(&record.problems));
    for first in [0, 1, 102, u32::MAX] {
        let fs = Volume::new().with(&[File::new("file", first, 512)]).open();
        assert!(told(&only(&*fs).problems).contains("a first cluster from 2"));
    }
}

#[test]
fn an_empty_file_may_have_a_cluster() {
    let fs = Volume::new().with(&[File::new("file", 20, 0).chained()]).open();
    let record = only(&*fs);
    assert_eq!(told(&record.problems), "");
    assert_eq!(record.content, Content::Runs(Default::default()));
}

#[test]
fn a_set_may_go_on_in_a_cluster_far_away() {
    let mut volume = Volume::new();
    volume.chain(&[ROOT, 50, 60]);
    let name = "n".repeat(250);
    let entries = File::new(&name, 70, 10).entries();
    assert_eq!(entries.len(), 19);
    // Up to the slot before, there are deleted entries.
    volume.put(ROOT, 2, &[[1; 32]; 14][..8]);
    volume.put(ROOT, 10, &entries[..6]);
    volume.put(50, 0, &entries[6..]);
    let fs = volume.open();
    let record = only(&*fs);
    assert_eq!(told(&record.problems), "");
    assert_eq!(record.place, ByteRange::at(at(ROOT) as u64 + 320, 6 * 32));
    let fat_entry = ByteRange::at(FAT as u64 + 16, 4);
    assert_eq!(record.depends[..], [ByteRange::at(at(50) as u64, 13 * 32), fat_entry, ByteRange::at(96, 4)]);
    let names: Vec<_> =
        fs.entries(fs.root()).expect("entries").map(|entry| entry.expect("sound").name).collect();
    assert_eq!(names, [name.into_bytes()]);
}

#[test]
fn directories_that_hold_one_another_end() {
    let mut volume = Volume::new().with(&[
        File::new("self", ROOT, 512).directory(),
        File::new("a", 30, 512).directory(),
        File::new("b", 31, 512).directory(),
    ]);
    volume.put(30, 0, &File::new("b", 31, 512).directory().entries());
    volume.put(31, 0, &File::new("a", 30, 512).directory().entries());
    let fs = volume.open();
    assert_eq!(records(&*fs, true).len(), 6);
    assert_eq!(fs.scan(None, false).problems.len(), 3);
}

#[test]
fn unknown_entries_are_told_or_skipped() {
    let entry = |entry_type: u8| {
        let mut entry = [0; 32];
        entry[0] = entry_type;
        entry
    };
    let mut volume = Volume::new();
    let mut entries = vec![entry(0x86), entry(0xA5), entry(0xC5), entry(0xE5)];
    entries[1][1] = 0;
    let mut file = File::new("file", 20, 5);
    file.more = vec![entry(0xE5), entry(0xC7)];
    entries.extend(file.entries());
    volume.put(ROOT, 2, &entries);
    let fs = volume.open();
    let entries: Vec<_> = fs.entries(fs.root()).expect("entries").collect();
    let errors: Vec<_> = entries.iter().filter_map(|entry| entry.as_ref().err()).collect();
    assert_eq!(errors[0].family(), Family::Unsupported);
    assert!(errors[0].to_string().contains("type 0x86"), "{}", errors[0]);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert_eq!(entries.last().expect("a file").as_ref().expect("a file").name, b"file");
    assert!(told(&only(&*fs).problems).contains("type 0xc7"));
}

#[test]
fn content_of_deleted_files_is_read_where_clusters_are_free() {
    let mut volume = Volume::new().with(&[File::new("gone", 20, 3 * 512).deleted()]);
    let fs = volume.open();
    let record = only(&*fs);
    assert_eq!((record.metadata.allocation, told(&record.problems).as_str()), (Allocation::Deleted, ""));
    assert!(read(&*fs, &record, 0, 1536).is_ok());
    assert_eq!(fs.deleted_entries(fs.root()).expect("entries").count(), 1);
    assert_eq!(fs.entries(fs.root()).expect("entries").count(), 0);
    volume.mark(21);
    let fs = volume.open();
    let record = only(&*fs);
    assert!(told(&record.problems).contains("512 bytes in clusters that are in use again"));
    assert!(read(&*fs, &record, 0, 512).is_ok() && read(&*fs, &record, 1024, 512).is_ok());
    assert!(read(&*fs, &record, 512, 1).is_err());
}

#[test]
fn what_lies_behind_the_end_of_a_directory_is_deleted() {
    let mut volume = Volume::new();
    volume.put(ROOT, 3, &File::new("behind", 20, 5).entries());
    volume.put(ROOT, 8, &[[0x85; 32]]);
    let fs = volume.open();
    assert_eq!(fs.entries(fs.root()).expect("entries").count(), 0);
    assert_eq!(records(&*fs, false).len(), 1);
    assert_eq!(only(&*fs).metadata.allocation, Allocation::Deleted);
}

#[test]
fn names_keep_lone_surrogates() {
    let mut file = File::new("x", 20, 5);
    file.name = vec![0xDC00, 0x61, 0xD83D];
    let fs = Volume::new().with(&[file]).open();
    let entry = fs.entries(fs.root()).expect("entries").next().expect("one").expect("sound");
    assert_eq!(entry.name, b"\xED\xB0\x80a\xED\xA0\xBD");
    assert_eq!(fs.fold_name(&entry.name).expect("folded"), b"\xED\xB0\x80A\xED\xA0\xBD");
}

#[test]
fn names_that_no_file_can_have_follow_an_error() {
    for name in ["", ".", "..", "a/b", "a\0b"] {
        let fs = Volume::new().with(&[File::new(name, 20, 5)]).open();
        let entries: Vec<_> = fs.entries(fs.root()).expect("entries").collect();
        assert!(entries[0].is_err() && entries[1].is_ok(), "{name:?}");
    }
}

#[test]
fn other_revisions_are_refused() {
    let mut volume = Volume::new();
    volume.bytes[105] = 2;
    let error = crate::open(Arc::new(Memory::new(volume.seal().bytes))).err().expect("an error");
    assert_eq!(error.family(), Family::Unsupported);
    assert!(error.to_string().contains("2.00"), "{error}");
}

#[test]
fn a_wrong_time_is_told() {
    let mut file = File::new("file", 20, 5).entries();
    file[0][20] = 200;
    file[0][16..20].copy_from_slice(&0xFFFF_FFFF_u32.to_le_bytes());
    let mut volume = Volume::new();
    volume.put(ROOT, 2, &file);
    let record = only(&*volume.open());
    assert!(record.metadata.times.created.is_some() && record.metadata.times.accessed.is_none());
    let told = told(&record.problems);
    assert!(told.contains("created") && told.contains("accessed"), "{told}");
}

/// What a record says is determined by its own bytes, by those it depends on, and by the layout key.
#[test]
fn a_record_is_determined_by_its_place_and_what_it_depends_on() {
    let mut volume = Volume::new();
    volume.chain(&[ROOT, 50, 60]);
    let long = "n".repeat(250);
    let files = [
        File::new("chained", 70, 5 * 512).chained(),
        File::new("stretch", 80, 700),
        File::new(&long, 90, 10),
        File::new("last", 95, 600).chained(),
    ];
    volume.chain(&[70, 72, 73, 10, 11]);
    volume.chain(&[95, 96]);
    let entries: Vec<_> = files.iter().flat_map(File::entries).collect();
    volume.put(ROOT, 2, &entries[..14]);
    volume.put(50, 0, &entries[14..]);
    let fs = volume.open();
    let key = fs.layout_key();
    let sound = records(&*fs, false);
    assert_eq!(sound.len(), 5);
    let mut state = 88_172_645_463_325_252_u64;
    let mut compared = 0;
    for _ in 0..4000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // The FAT, the root directory, and the bitmap.
        let areas = [(FAT, 512), (at(ROOT), 512), (at(50), 512), (at(60), 512), (at(2), 13), (0, 512)];
        let (start, length) = areas[usize::try_from(state % 6).expect("small")];
        let position = start + usize::try_from((state >> 8) % length).expect("small");
        let mut changed = Volume { bytes: volume.bytes.clone() };
        let new = [0, 0xFF, 4, 50, 60, 95][usize::try_from((state >> 40) % 6).expect("small")];
        changed.bytes[position] = new;
        let Ok(Some(other)) = crate::open(Arc::new(Memory::new(changed.bytes))) else { continue };
        if other.layout_key() != key {
            continue;
        }
        for record in &sound {
            let position = position as u64;
            if record.place.contains(position) || record.depends.iter().any(|range| range.contains(position))
            {
                continue;
            }
            // Whether it is there at all is what the directory says.
            let Ok(found) = other.record(record.metadata.id) else { continue };
            if found.metadata.allocation != Allocation::Allocated {
                continue;
            }
            assert_eq!(format!("{found:?}"), format!("{record:?}"), "byte {position} is now {new}");
            compared += 1;
        }
    }
    assert!(compared > 5000, "{compared}");
    assert!(sound.iter().all(|record| match &record.content {
        Content::Runs(runs) => runs.iter().all(|run| matches!(run.place, Place::Volume(_))),
        _ => false,
    }));
}
