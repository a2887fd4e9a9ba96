//! exFAT images against what exfat-fuse and The Sleuth Kit say is in them.

use std::collections::BTreeMap;
use std::path::Path;

use sha1::{Digest, Sha1};
use vminspect_bytes::{ReadAtExt, Timestamp};
use vminspect_filesystem::{Allocation, FileId, FileKind, FileSystem, Metadata, Stream};

use crate::fixtures::{memory, unpacked};

/// A line of a listing; see `fixtures/exfat_listing.py`.
#[derive(Debug)]
struct Row {
    kind: String,
    size: u64,
    modified: String,
    accessed: String,
    created: String,
    attributes: String,
    digest: String,
}

type Listing = BTreeMap<Vec<u8>, Row>;

fn listing(name: &str, ending: &str) -> Listing {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/exfat/{name}.{ending}.zst"));
    let text = String::from_utf8(unpacked(&path)).expect("text");
    let row = |line: &str| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let [path, kind, size, modified, accessed, created, attributes, digest] =
            <[String; 8]>::try_from(fields).expect("eight columns");
        let size = size.parse().expect("a number");
        // A listing has WTF-8 in hexadecimal.
        let path = hex::decode(path).expect("hexadecimal");
        (path, Row { kind, size, modified, accessed, created, attributes, digest })
    };
    text.lines().filter(|line| !line.is_empty()).map(row).collect()
}

fn open(name: &str) -> std::sync::Arc<dyn FileSystem> {
    vminspect_filesystem::open(memory(&format!("exfat/{name}"))).expect(name).expect("exFAT")
}

fn join(base: &[u8], name: &[u8]) -> Vec<u8> {
    if base.is_empty() { name.to_vec() } else { [base, b"/", name].concat() }
}

/// Every path that is in use.
fn tree(fs: &dyn FileSystem) -> BTreeMap<Vec<u8>, FileId> {
    let mut found = BTreeMap::new();
    let mut open = vec![(fs.root(), Vec::new())];
    while let Some((directory, base)) = open.pop() {
        for entry in fs.entries(directory).expect("entries") {
            let entry = entry.expect("a sound entry");
            let path = join(&base, &entry.name);
            if entry.kind == Some(FileKind::Directory) {
                open.push((entry.id, path.clone()));
            }
            assert!(found.insert(path, entry.id).is_none(), "a path comes once");
        }
    }
    found
}

fn digest(fs: &dyn FileSystem, file: FileId) -> Result<String, vminspect_filesystem::Error> {
    let content = fs.open(file, Stream::Data)?;
    Ok(hex::encode(Sha1::digest(content.read_all(1 << 24)?)))
}

/// Whether a time is that of the listing, as finely as it is told there.
fn is_time(time: Option<Timestamp>, told: &str) -> bool {
    let Some(time) = time else { return told == "-" };
    match told.split_once('.') {
        None => told == "-" || time.seconds().to_string() == told,
        Some((seconds, hundredths)) => {
            time.seconds().to_string() == seconds
                && time.nanoseconds() == hundredths.parse::<u32>().expect("a number") * 10_000_000
        }
    }
}

/// The Sleuth Kit leaves out the increment of 10 ms, of up to two seconds.
fn is_near(time: Option<Timestamp>, told: &str) -> bool {
    if told.contains('.') || told == "-" {
        return is_time(time, told);
    }
    let told: i64 = told.parse().expect("a number");
    time.is_some_and(|time| (told..told + 2).contains(&time.seconds()))
}

/// What of a file is not as it is listed; times of modification `exact` or as The Sleuth Kit has them.
fn differences(row: &Row, metadata: &Metadata, exact: bool) -> Vec<&'static str> {
    let times = metadata.times;
    let modified = if exact { is_time } else { is_near };
    let checks = [
        ("kind", row.kind == metadata.kind.as_str()),
        ("size", row.size == metadata.size),
        ("modified", modified(times.modified, &row.modified)),
        ("accessed", is_time(times.accessed, &row.accessed)),
        ("created", is_near(times.created, &row.created)),
        ("attributes", row.attributes == "-" || row.attributes == format!("{:x}", metadata.flags)),
    ];
    checks.into_iter().filter(|(_, fits)| !fits).map(|(what, _)| what).collect()
}

/// Compares an image with its listing, entry by entry. Returns what is wrong with it by its own account.
fn check(name: &str, listing_name: &str) -> Vec<String> {
    let fs = open(name);
    let expected = listing(listing_name, "tsv");
    let found = tree(&*fs);
    let (ours, theirs): (Vec<_>, Vec<_>) = (found.keys().collect(), expected.keys().collect());
    assert_eq!(ours, theirs, "{name}");
    let mut problems: Vec<String> = fs.problems().iter().map(ToString::to_string).collect();
    for (path, id) in &found {
        let row = &expected[path];
        let record = fs.record(*id).expect("a record");
        let shown = String::from_utf8_lossy(path);
        let wrong = differences(row, &record.metadata, true);
        assert!(wrong.is_empty(), "{name}: {shown}: {wrong:?}: {row:?} {:?}", record.metadata);
        if row.kind == "regular" {
            assert_eq!(digest(&*fs, *id).expect("content"), row.digest, "{name}: {shown}");
        }
        let names = fs.names(*id).expect("names");
        assert!(path.ends_with(&names[0].name) && names.len() == 1, "{name}: {shown}");
        problems.extend(record.problems.iter().map(ToString::to_string));
    }
    problems
}

macro_rules! sound {
    ($($test:ident $name:literal;)*) => {$(
        #[test]
        fn $test() {
            assert_eq!(check($name, $name), [""; 0]);
        }
    )*};
}

sound! {
    exfat_with_sectors_and_clusters_of_512_bytes "sector-512";
    exfat_with_sectors_of_1_kib "sector-1024";
    exfat_with_sectors_of_2_kib "sector-2048";
    exfat_with_sectors_of_4_kib "sector-4096";
    exfat_with_clusters_of_1_mib "cluster-1m";
    exfat_with_a_large_fragmented_directory "large-directory";
    exfat_with_deleted_files "deleted";
    exfat_with_overwritten_files "overwritten";
    exfat_with_every_field "fields";
    exfat_with_two_fats "texfat";
}

#[test]
fn exfat_without_its_main_boot_region() {
    for name in ["no-main", "no-main-4096"] {
        let problems = check(name, name);
        assert!(problems.len() == 1 && problems[0].contains("backup boot region is used"), "{problems:?}");
    }
}

#[test]
fn exfat_with_wrong_checksums() {
    let problems = check("wrong", "wrong");
    for told in ["MediaFailure", "up-case table", "checksum"] {
        assert!(problems.iter().any(|problem| problem.contains(told)), "{told}: {problems:?}");
    }
    // Without the volume's own table, hashes of names prove nothing.
    assert_eq!(problems.len(), 3, "{problems:?}");
}

/// Deleted files by path, with their directories.
fn deleted(fs: &dyn FileSystem) -> Vec<(Vec<u8>, FileId)> {
    let mut found = Vec::new();
    let mut open = vec![(fs.root(), Vec::new(), true)];
    while let Some((directory, base, live)) = open.pop() {
        let gone = fs.deleted_entries(directory).expect("entries").map(|entry| (entry, false));
        let used = fs.entries(directory).expect("entries").map(|entry| (entry, live));
        for (entry, live) in gone.chain(used) {
            let entry = entry.expect("a sound entry");
            let path = join(&base, &entry.name);
            if entry.kind == Some(FileKind::Directory) {
                open.push((entry.id, path.clone(), live));
            }
            if !live {
                found.push((path, entry.id));
            }
        }
    }
    found
}

#[test]
fn deleted_files_are_those_of_the_sleuth_kit() {
    for (name, least_content) in [("deleted", 6), ("overwritten", 4), ("sector-2048", 6)] {
        let fs = open(name);
        let expected = listing(name, "deleted.tsv");
        let found = deleted(&*fs);
        let mut scanned = BTreeMap::new();
        let scan = fs.scan(None, true);
        for unit in &scan.units {
            (scan.visit)(unit, &mut |record| {
                let record = record.expect("a record");
                if record.metadata.allocation == Allocation::Deleted {
                    scanned.insert(record.metadata.id, record);
                }
            });
        }
        let mut whole = 0;
        for (path, row) in &expected {
            let shown = String::from_utf8_lossy(path);
            let here: Vec<_> = found.iter().filter(|(found, _)| found == path).collect();
            assert!(!here.is_empty(), "{name}: {shown} is missing");
            let record = here
                .iter()
                .filter_map(|(_, id)| scanned.get(id))
                .find(|record| differences(row, &record.metadata, false).is_empty())
                .unwrap_or_else(|| panic!("{name}: {shown} differs: {row:?}"));
            if row.kind == "regular" && record.problems.is_empty() && row.size > 0 {
                assert_eq!(digest(&*fs, record.metadata.id).expect("content"), row.digest, "{name}: {shown}");
                whole += 1;
            }
        }
        assert!(whole >= least_content, "{name}: {whole} of {} deleted files are whole", expected.len());
        // The Sleuth Kit does not find a directory whose set goes on in another cluster.
        let is_hidden = |path: &[u8]| name == "deleted" && path.starts_with(b"deleted/folder");
        let unknown: Vec<_> = found
            .iter()
            .filter(|(path, _)| !expected.contains_key(path) && !is_hidden(path))
            .map(|(path, _)| String::from_utf8_lossy(path))
            .collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}

#[test]
fn what_is_overwritten_of_deleted_files_is_told() {
    let fs = open("overwritten");
    let scan = fs.scan(None, true);
    let mut told = Vec::new();
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let record = record.expect("a record");
            if record.metadata.allocation == Allocation::Deleted && !record.problems.is_empty() {
                assert!(digest(&*fs, record.metadata.id).is_err(), "content of another file");
                told.extend(record.problems.iter().map(ToString::to_string));
            }
        });
    }
    assert!(told.iter().any(|problem| problem.contains("in clusters that are in use again")), "{told:?}");
}

#[test]
fn identities_are_what_mkfs_was_told() {
    let fs = open("fields");
    let identity = fs.identity();
    assert_eq!((identity.format, identity.block_size, identity.size), ("exfat", 4096, 6 << 20));
    assert_eq!(identity.label.as_deref(), Some("fixture ä".as_bytes()));
    let guid = "guid=13121110-1514-1716-1819-1a1b1c1d1e1f";
    assert!(identity.features.iter().any(|feature| feature == guid), "{:?}", identity.features);
    assert_eq!(fs.fold_name("straße Ä ä я".as_bytes()), Some("STRAßE Ä Ä Я".as_bytes().to_vec()));
    let vendor = tree(&*fs)[&b"vendor"[..]];
    let details = fs.details(&fs.record(vendor).expect("a record")).expect("details");
    let shown = format!("{details:?}");
    assert!(shown.contains("03020100-0504-0706-0809-0a0b0c0d0e0f"), "{shown}");
    assert!(shown.contains("13121110-1514-1716-1819-1a1b1c1d1e1f"), "{shown}");
}
