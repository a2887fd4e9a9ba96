//! Compares the reader with what ntfs-3g, The Sleuth Kit and libfsntfs say of the same NTFS images.
//!
//! The images come from `fixtures/ntfs.sh`. The committed ones are compared by every test run, the large ones by
//! `VMINSPECT_NTFS_ORACLE=DIR cargo test -p vminspect-filesystem -- --ignored`, where DIR is that of
//! `fixtures/ntfs.sh --all DIR`.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails its test")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vminspect_bytes::{Family, HostFile, Memory, ReadAt, Timestamp};
use vminspect_filesystem::{
    Allocation, Detail, DetailValue, FileId, FileKind, FileSystem, Metadata, Record, Stream,
};

use crate::fixtures::unpacked;
use crate::oracle::{Report, assert_none, committed, digest, images_in, tree};
use crate::sddl::spelt_out;

const DIRECTORY: u64 = 0x10;
/// Flags of a file that are in its `$STANDARD_INFORMATION`.
const STORED_FLAGS: u64 = 0xFFFF_FFFF & !DIRECTORY;
const MOUNT_POINT: u32 = 0xA000_0003;
const SYMLINK: u32 = 0xA000_000C;
const LX_SYMLINK: u32 = 0xA000_001D;
const DEDUPLICATED: u32 = 0x8000_0013;
const WOF: u32 = 0x8000_0017;
/// From 1601 to 1970.
const EPOCH_SECONDS: i64 = 11_644_473_600;

/// A line of `fixtures/ntfs_listing.py`; `None` where there is none.
#[derive(Debug)]
struct Row {
    path: Vec<u8>,
    record: u64,
    kind: String,
    size: Option<u64>,
    digest: Option<String>,
    /// Created, modified, changed, accessed.
    times: [u64; 4],
    flags: u64,
    links: u32,
    short_name: Option<Vec<u8>>,
    streams: Vec<(Vec<u8>, u64, String)>,
    target: Option<Vec<u8>>,
    reparse: Option<Vec<u8>>,
    attributes: Vec<u8>,
    object_id: Option<Vec<u8>>,
    owner: Option<String>,
    group: Option<String>,
    lists: [Option<String>; 2],
}

impl Row {
    fn parse(line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        let text = |index: usize| Some(columns[index]).filter(|value| *value != "-").map(str::to_owned);
        let bytes = |index: usize| text(index).map(|value| hex::decode(value).unwrap());
        let path = bytes(0).unwrap();
        Self {
            path: if path == b"." { Vec::new() } else { path },
            record: columns[1].parse().unwrap(),
            kind: columns[2].to_owned(),
            size: columns[3].parse().ok(),
            digest: text(4),
            times: [5, 6, 7, 8].map(|index| columns[index].parse().unwrap()),
            flags: u64::from_str_radix(columns[9], 16).unwrap(),
            links: columns[10].parse().unwrap(),
            short_name: bytes(11),
            streams: text(12).map_or_else(Vec::new, |list| list.split(';').map(stream).collect()),
            target: bytes(13),
            reparse: bytes(14),
            attributes: bytes(15).unwrap_or_default(),
            object_id: bytes(16),
            owner: text(17),
            group: text(18),
            lists: [text(19), text(20)],
        }
    }

    fn tag(&self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.reparse.as_ref()?.first_chunk()?))
    }

    /// The kind that the reader should see: what reparse points say counts, what Interix writes into files does not.
    fn expected_kind(&self) -> &str {
        match self.tag() {
            Some(MOUNT_POINT | SYMLINK | LX_SYMLINK) => "symlink",
            Some(0x8000_0023) => "socket",
            Some(0x8000_0024) => "fifo",
            Some(0x8000_0025) => "character_device",
            Some(0x8000_0026) => "block_device",
            None if self.kind != "directory" => "regular",
            _ => &self.kind,
        }
    }

    fn is_interix(&self) -> bool {
        self.reparse.is_none() && !matches!(self.kind.as_str(), "directory" | "regular")
    }
}

fn stream(text: &str) -> (Vec<u8>, u64, String) {
    let (name, rest) = text.split_once('=').unwrap();
    let (size, digest) = rest.split_once(':').unwrap();
    (hex::decode(name).unwrap(), size.parse().unwrap(), digest.to_owned())
}

/// A `$FILE_NAME` as `fixtures/ntfs_records.py` tells it: parent, its sequence, name and times.
type RecordedName = (u64, u64, Vec<u8>, [Option<u64>; 4]);

/// A line of `fixtures/ntfs_records.py`.
#[derive(Debug)]
struct RecordRow {
    number: u64,
    sequence: u64,
    state: String,
    names: Vec<RecordedName>,
}

impl RecordRow {
    fn parse(line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        let name = |text: &str| {
            let parts: Vec<&str> = text.split(':').collect();
            let times = [3, 4, 5, 6].map(|index| parts[index].parse().ok());
            (parts[0].parse().unwrap(), parts[1].parse().unwrap(), hex::decode(parts[2]).unwrap(), times)
        };
        Self {
            number: columns[0].parse().unwrap(),
            sequence: columns[1].parse().unwrap(),
            state: columns[2].to_owned(),
            names: columns[4].split(';').filter(|names| *names != "-").map(name).collect(),
        }
    }
}

/// An image and what belongs to it.
struct Case {
    name: String,
    volume: Arc<dyn ReadAt>,
    rows: Vec<Row>,
    records: Vec<RecordRow>,
    /// Path, record, whether the record is another file's by now.
    deleted: Vec<(Vec<u8>, u64, bool)>,
    /// Content of compressed files, by path.
    plain: HashMap<Vec<u8>, String>,
    /// How many paths lead to a record.
    links: HashMap<u64, u32>,
}

impl Case {
    fn new(name: &str, volume: Arc<dyn ReadAt>, read: impl Fn(&str) -> Option<String>) -> Self {
        let deleted = |line: &str| {
            let columns: Vec<&str> = line.split('\t').collect();
            (hex::decode(columns[0]).unwrap(), columns[1].parse().unwrap(), columns[2] == "reused")
        };
        let plain = |line: &str| {
            let columns: Vec<&str> = line.split('\t').collect();
            (hex::decode(columns[0]).unwrap(), columns[2].to_owned())
        };
        let rows: Vec<Row> = read("tsv").unwrap().lines().map(Row::parse).collect();
        let mut links = HashMap::new();
        rows.iter().for_each(|row| *links.entry(row.record).or_default() += 1);
        Self {
            name: name.to_owned(),
            volume,
            rows,
            links,
            records: read("records").unwrap().lines().map(RecordRow::parse).collect(),
            deleted: read("deleted").unwrap().lines().map(deleted).collect(),
            plain: read("plain").unwrap_or_default().lines().map(plain).collect(),
        }
    }

    fn committed(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ntfs");
        let path = |extension: &str| folder.join(format!("{name}.{extension}.zst"));
        Self::new(name, Arc::new(Memory::new(unpacked(&path("img")))), |extension| {
            let path = path(extension);
            path.exists().then(|| String::from_utf8(unpacked(&path)).unwrap())
        })
    }

    fn from_folder(folder: &Path, name: &str) -> Self {
        let path = |extension: &str| folder.join(format!("{name}.{extension}"));
        Self::new(name, Arc::new(HostFile::open(&path("img")).unwrap()), |extension| {
            std::fs::read_to_string(path(extension)).ok()
        })
    }

    /// Everything in which the reader and the oracles differ.
    fn differences(&self) -> Vec<String> {
        let fs = vminspect_filesystem::open(self.volume.clone())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
            .unwrap_or_else(|| panic!("{}: not recognised", self.name));
        let mut report = Report::new(&self.name);
        fs.problems().iter().for_each(|problem| report.say("problem", problem));
        let tree = tree(&*fs, &mut report);
        let scanned = scan(&*fs, &mut report);
        self.compare_paths(&tree, &mut report);
        for row in &self.rows {
            let Some(id) = tree.get(&row.path).copied() else { continue };
            report.path = row.path.clone();
            report.equal("record", number(id), row.record);
            match fs.record(id) {
                Ok(record) => {
                    let scanned = scanned.get(&row.record).map(|record| record.metadata);
                    report.equal("scan", scanned, Some(record.metadata));
                    self.compare_file(&*fs, row, &record, &mut report);
                }
                Err(error) => report.say("record", error),
            }
        }
        for row in &self.records {
            report.path = format!("record {}", row.number).into_bytes();
            match scanned.get(&row.number) {
                Some(record) => compare_names(&*fs, row, record, &mut report),
                None => report.say("scan", "no such record"),
            }
        }
        self.compare_deleted(&*fs, &tree, &scanned, &mut report);
        report.lines
    }

    fn compare_paths(&self, tree: &BTreeMap<Vec<u8>, FileId>, report: &mut Report<'_>) {
        let ours: BTreeSet<&[u8]> =
            tree.keys().map(Vec::as_slice).filter(|path| !path.starts_with(b"$")).collect();
        let theirs: BTreeSet<&[u8]> = self.rows.iter().map(|row| row.path.as_slice()).collect();
        // ntfs-3g does not look below reparse points.
        let is_below_reparse = |path: &[u8]| {
            let mut reparse = self.rows.iter().filter(|row| row.reparse.is_some());
            reparse.any(|row| path.strip_prefix(&*row.path).is_some_and(|rest| rest.starts_with(b"/")))
        };
        let too_many = ours.difference(&theirs).filter(|path| !is_below_reparse(path));
        too_many.for_each(|path| report.say("too many", path.escape_ascii()));
        theirs.difference(&ours).for_each(|path| report.say("missing", path.escape_ascii()));
    }

    fn compare_file(&self, fs: &dyn FileSystem, row: &Row, record: &Record, report: &mut Report<'_>) {
        let metadata = &record.metadata;
        report.equal("kind", metadata.kind.as_str(), row.expected_kind());
        report.equal("allocation", metadata.allocation, Allocation::Allocated);
        report.equal("flags", metadata.flags & STORED_FLAGS, row.flags & STORED_FLAGS);
        let times = metadata.times;
        let found = [times.created, times.modified, times.changed, times.accessed];
        report.equal("times", found.map(|time| time.map(ticks)), row.times.map(Some));
        self.compare_links(row, metadata, report);
        compare_streams(fs, row, record, report);
        compare_details(fs, row, record, report);
        let attributes = fs.attributes(metadata.id).map_err(|error| error.to_string());
        let found = attributes.map(|list| list.into_iter().map(|one| (one.name, one.value)).collect());
        report.equal("attributes", found, Ok(attributes_of(&row.attributes)));
        match (metadata.kind, &row.target) {
            (FileKind::Symlink, Some(target)) => {
                let found = fs.read_link(metadata.id).map_err(|error| error.to_string());
                report.equal("target", found, Ok(target.clone()));
            }
            (FileKind::Regular, _) if !row.is_interix() => self.compare_content(fs, row, metadata, report),
            _ => {}
        }
    }

    /// The short name of a file is a link to the format, and none to a person.
    fn compare_links(&self, row: &Row, metadata: &Metadata, report: &mut Report<'_>) {
        report.equal("links", metadata.links, self.links[&row.record]);
        assert!(row.kind == "directory" || row.links >= metadata.links, "ntfs-3g counts short names, too");
    }

    fn compare_content(&self, fs: &dyn FileSystem, row: &Row, metadata: &Metadata, report: &mut Report<'_>) {
        report.equal("size", Some(metadata.size), row.size);
        let Some(expected) = self.plain.get(&row.path).or(row.digest.as_ref()) else { return };
        let found = digest(fs, metadata.id, Stream::Data);
        let is_elsewhere = expected.starts_with('!')
            || row.tag() == Some(DEDUPLICATED)
            || row.tag() == Some(WOF) && !self.plain.contains_key(&row.path);
        if is_elsewhere {
            let family = found.map_err(|error| error.family());
            report.equal("content that is not read", family, Err(Family::Unsupported));
        } else {
            report.equal("content", found.map_err(|error| error.to_string()), Ok(expected.clone()));
        }
    }

    fn compare_deleted(
        &self,
        fs: &dyn FileSystem,
        tree: &BTreeMap<Vec<u8>, FileId>,
        scanned: &HashMap<u64, Record>,
        report: &mut Report<'_>,
    ) {
        for (path, record, is_reused) in &self.deleted {
            report.path.clone_from(path);
            let name = file_name(path);
            let parent = path[..path.len() - name.len()].strip_suffix(b"/").unwrap_or_default();
            let is_free = scanned.get(record).is_some_and(|record| {
                let names = fs.names(record.metadata.id).unwrap_or_default();
                record.metadata.allocation == Allocation::Deleted
                    && names.iter().any(|link| link.name == name)
            });
            let in_slack = || {
                let entries = tree.get(parent).and_then(|directory| fs.deleted_entries(*directory).ok());
                entries.is_some_and(|mut entries| {
                    entries.any(|entry| entry.is_ok_and(|entry| entry.name == name))
                })
            };
            if !(is_free && !is_reused || in_slack()) {
                report.say("deleted", format!("record {record}, reused: {is_reused}: not found"));
            }
        }
        if self.deleted.is_empty() {
            return;
        }
        let free: BTreeSet<u64> =
            self.records.iter().filter(|row| row.state == "free").map(|row| row.number).collect();
        for (number, record) in scanned {
            let is_deleted = record.metadata.allocation == Allocation::Deleted;
            let is_named = fs.names(record.metadata.id).is_ok_and(|names| !names.is_empty());
            if is_deleted && is_named && !free.contains(number) {
                report.say("deleted", format!("record {number} is deleted to us alone"));
            }
        }
    }
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap()
}

/// Number of the record that an id names.
fn number(id: FileId) -> u64 {
    id.0 & 0xFFFF_FFFF
}

fn sequence(id: FileId) -> u64 {
    id.0 >> 32 & 0xFFFF
}

fn ticks(time: Timestamp) -> u64 {
    let seconds = u64::try_from(time.seconds() + EPOCH_SECONDS).unwrap();
    seconds * 10_000_000 + u64::from(time.nanoseconds()) / 100
}

/// Every record, free ones too, by its number.
fn scan(fs: &dyn FileSystem, report: &mut Report<'_>) -> HashMap<u64, Record> {
    let mut found = HashMap::new();
    let scan = fs.scan(None, true);
    scan.problems.iter().for_each(|problem| report.say("scan", problem));
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| match record {
            Ok(record) => {
                // What is left of a deleted file may have been overwritten.
                if record.metadata.allocation == Allocation::Allocated {
                    record.problems.iter().for_each(|problem| report.say("record", problem));
                }
                found.insert(number(record.metadata.id), record);
            }
            Err(error) => report.say("scan", error),
        });
    }
    found
}

fn compare_streams(fs: &dyn FileSystem, row: &Row, record: &Record, report: &mut Report<'_>) {
    let mut found = Vec::new();
    for stream in &record.streams {
        let digest = digest(fs, stream.id, Stream::Data).unwrap_or_else(|error| error.to_string());
        let named = crate::oracle::digest(fs, record.metadata.id, Stream::Named(&stream.name));
        report.equal("stream by name", named.map_err(|error| error.to_string()), Ok(digest.clone()));
        match fs.metadata(stream.id) {
            Ok(metadata) => {
                report.equal("size of a stream", metadata.size, stream.size);
                report.equal("times of a stream", metadata.times, record.metadata.times);
            }
            Err(error) => report.say("stream", error),
        }
        found.push((stream.name.clone(), stream.size, digest));
    }
    found.sort();
    report.equal("streams", &found, &row.streams);
}

fn compare_details(fs: &dyn FileSystem, row: &Row, record: &Record, report: &mut Report<'_>) {
    let details = match fs.details(record) {
        Ok(details) => details,
        Err(error) => return report.say("details", error),
    };
    let text = |field: &str| {
        details.iter().find(|detail| detail.field == field).map(|detail| match &detail.value {
            DetailValue::Text(text) => text.clone(),
            other => format!("{other:?}"),
        })
    };
    report.equal("owner", text("owner"), row.owner.clone());
    report.equal("group", text("group"), row.group.clone());
    for (field, letter, expected) in [("dacl", "D:", &row.lists[0]), ("sacl", "S:", &row.lists[1])] {
        let expected = expected.as_ref().map(|list| format!("{letter}{list}"));
        report.equal(field, text(field).map(|list| spelt_out(&list)), expected);
    }
    let object = row.object_id.as_ref().map(|id| guid(&id[..16]));
    report.equal("object id", text("object_id"), object);
    report.equal("reparse", text("reparse").is_some(), row.reparse.is_some());
    // Another path of the same file may show it.
    if let Some(short) = &row.short_name {
        let is_apart = !file_name(&row.path).eq_ignore_ascii_case(short);
        let short = String::from_utf8(short.clone()).unwrap();
        report.equal("short name", text("short_name"), is_apart.then_some(short));
    }
}

/// A GUID as Windows spells it.
fn guid(id: &[u8]) -> String {
    let text = |range: std::ops::Range<usize>, is_swapped: bool| {
        let mut bytes = id[range].to_vec();
        if is_swapped {
            bytes.reverse();
        }
        hex::encode(bytes)
    };
    [text(0..4, true), text(4..6, true), text(6..8, true), text(8..10, false), text(10..16, false)].join("-")
}

/// The list that `$EA` holds: offset of the next, flags, lengths of name and value, name, zero, value.
fn attributes_of(mut list: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    while let [a, b, c, d, _, name, low, high, rest @ ..] = list {
        let (name, value) = (usize::from(*name), usize::from(u16::from_le_bytes([*low, *high])));
        found.push((rest[..name].to_vec(), rest[name + 1..][..value].to_vec()));
        list = &list[u32::from_le_bytes([*a, *b, *c, *d]) as usize..];
    }
    found.sort();
    found
}

/// Names and their times, those of short names apart.
fn compare_names(fs: &dyn FileSystem, row: &RecordRow, record: &Record, report: &mut Report<'_>) {
    let id = record.metadata.id;
    let is_used = row.state != "free";
    report.equal("in use", record.metadata.allocation != Allocation::Deleted, is_used);
    report.equal("sequence", record.metadata.generation, row.sequence);
    let names = match fs.names(id) {
        Ok(names) => names,
        Err(error) => return report.say("names", error),
    };
    let ours: BTreeSet<_> =
        names.into_iter().map(|link| (number(link.parent), sequence(link.parent), link.name)).collect();
    let theirs: BTreeSet<_> =
        row.names.iter().map(|(parent, sequence, name, _)| (*parent, *sequence, name.clone())).collect();
    let details = fs.details(record).unwrap_or_default();
    let is_short = |name: &[u8]| short_name(&details).is_some_and(|short| short.as_bytes() == name);
    if row.state == "used" {
        let without_short: BTreeSet<_> =
            theirs.iter().filter(|name| ours.contains(*name) || !is_short(&name.2)).cloned().collect();
        report.equal("names", ours, without_short);
    } else if !theirs.iter().any(|name| ours.contains(name) || is_short(&name.2)) && is_plain(&theirs) {
        report.say("names", format!("{ours:?}, expected {theirs:?}"));
    }
    let fields = ["created", "modified", "changed", "accessed"];
    for (index, field) in fields.into_iter().enumerate() {
        let found = recorded_times(&details, field);
        let expected: BTreeSet<u64> = row
            .names
            .iter()
            .filter(|(.., name, _)| !is_short(name))
            .filter_map(|(.., times)| times[index])
            .filter(|time| *time != 0)
            .collect();
        // In free records The Sleuth Kit tells one name of several, and of records in two runs nothing can be said.
        let agree = match row.state.as_str() {
            "used" => found == expected,
            "free" => expected.is_subset(&found),
            _ => true,
        };
        if !agree {
            report.say(field, format!("{found:?}, expected {expected:?}"));
        }
    }
}

/// Whether The Sleuth Kit prints the names as they are.
fn is_plain(names: &BTreeSet<(u64, u64, Vec<u8>)>) -> bool {
    names.iter().all(|(.., name)| name.iter().all(|byte| (0x20..0x7F).contains(byte) && *byte != b'^'))
}

fn short_name(details: &[Detail]) -> Option<&str> {
    details.iter().find_map(|detail| match &detail.value {
        DetailValue::Text(text) if detail.field == "short_name" => Some(text.as_str()),
        _ => None,
    })
}

fn recorded_times(details: &[Detail], field: &str) -> BTreeSet<u64> {
    details
        .iter()
        .filter_map(|detail| match detail.value {
            DetailValue::Time(time) if detail.field.strip_prefix("file_name.") == Some(field) => {
                Some(ticks(time))
            }
            _ => None,
        })
        .collect()
}

#[track_caller]
fn check(name: &str) {
    assert_none(&Case::committed(name).differences());
}

committed! {
    clusters_of_512_bytes "cluster-512";
    clusters_of_1_kib "cluster-1k";
    clusters_of_4_kib "cluster-4k";
    clusters_of_64_kib "cluster-64k";
    clusters_of_128_kib "cluster-128k";
    clusters_of_2_mib "cluster-2m";
    sectors_and_records_of_4_kib "sectors-4k";
    a_small_volume "small";
    files_compressed_by_the_overlay_filter "wof";
    a_table_in_many_runs "mft-runs";
    a_table_with_an_attribute_list "mft-list";
    a_file_in_thousands_of_runs_and_one_with_many_names "runs";
}

#[test]
fn streams_are_sorted_by_name() {
    for name in ["cluster-4k", "sectors-4k"] {
        let case = Case::committed(name);
        let fs = vminspect_filesystem::open(case.volume.clone()).unwrap().unwrap();
        let mut report = Report::new(name);
        for record in scan(&*fs, &mut report).into_values() {
            let names: Vec<&[u8]> = record.streams.iter().map(|stream| stream.name.as_slice()).collect();
            assert!(names.is_sorted(), "{name}, record {}", number(record.metadata.id));
        }
    }
}

#[test]
#[ignore = "needs the images of fixtures/ntfs.sh --all"]
fn whole_matrix() {
    let folder = PathBuf::from(std::env::var_os("VMINSPECT_NTFS_ORACLE").expect("VMINSPECT_NTFS_ORACLE"));
    let mut wrong = Vec::new();
    for name in images_in(&folder) {
        let case = Case::from_folder(&folder, &name);
        let differences = case.differences();
        eprintln!("{name}: {} entries, {} differences", case.rows.len(), differences.len());
        wrong.extend(differences);
    }
    assert_none(&wrong);
}
