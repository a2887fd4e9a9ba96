//! Compares the reader with what the kernel (or debugfs) says of the same ext images.
//!
//! The images come from `fixtures/ext.sh`. The committed ones are compared by every test run, the whole matrix
//! by `VMINSPECT_EXT_ORACLE=DIR cargo test -p vminspect-filesystem -- --ignored`, where DIR is that of
//! `fixtures/ext.sh --all DIR`.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails its test")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vminspect_bytes::{ByteRange, Family, HostFile, Memory, Origin, ReadAt, ReadAtExt, Timestamp};
use vminspect_filesystem::{
    Allocation, Error, ExtendedAttribute, FileId, FileKind, FileSystem, Metadata, Stream,
};

use crate::fixtures::unpacked;
use crate::oracle::{Report, assert_none, committed, digest, images_in, tree};

/// Flags that the kernel shows: of the others it keeps the state to itself.
const SHOWN_FLAGS: u64 = 0x725B_DFFF;
/// `EXT4_ENCRYPT_FL`
const ENCRYPTED: u64 = 0x800;

/// A line of `fixtures/kernel_listing.py`; `None` where the oracle does not say.
#[derive(Debug)]
struct Row {
    path: Vec<u8>,
    kind: Option<String>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    size: Option<u64>,
    links: Option<u32>,
    inode: u64,
    device: Option<String>,
    times: [Option<String>; 3],
    flags: Option<u64>,
    project: Option<u32>,
    generation: Option<u64>,
    target: Option<Vec<u8>>,
    attributes: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    digest: Option<String>,
}

impl Row {
    fn parse(line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        let text = |index: usize| Some(columns[index]).filter(|value| *value != "?" && *value != "-");
        let owned = |index: usize| text(index).map(str::to_owned);
        let time = |index: usize| Some(columns[index]).filter(|value| *value != "?").map(str::to_owned);
        Self {
            path: hex::decode(columns[0]).unwrap(),
            kind: owned(1),
            mode: text(2).map(|mode| u32::from_str_radix(mode, 8).unwrap()),
            uid: text(3).map(|uid| uid.parse().unwrap()),
            gid: text(4).map(|gid| gid.parse().unwrap()),
            size: text(5).map(|size| size.parse().unwrap()),
            links: text(6).map(|links| links.parse().unwrap()),
            inode: columns[7].parse().unwrap(),
            device: owned(8),
            times: [time(9), time(10), time(11)],
            flags: text(12).map(|flags| u64::from_str_radix(flags, 16).unwrap()),
            project: text(13).map(|project| project.parse().unwrap()),
            generation: text(14).map(|generation| generation.parse().unwrap()),
            target: text(15).map(|target| hex::decode(target).unwrap()),
            attributes: Some(columns[16]).filter(|value| *value != "?").map(attributes),
            digest: owned(17),
        }
    }
}

fn attributes(column: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = column.split(';').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (hex::decode(name).unwrap(), hex::decode(value).unwrap())
        })
        .map(|(name, value)| {
            let is_acl = name.starts_with(b"system.posix_acl");
            (name, if is_acl { stored_acl(&value) } else { value })
        })
        .collect();
    pairs.sort();
    pairs
}

/// An access list as ext stores it: version 1, with ids for named users and groups only.
fn stored_acl(shown: &[u8]) -> Vec<u8> {
    let mut stored = 1u32.to_le_bytes().to_vec();
    for entry in shown[4..].chunks_exact(8) {
        stored.extend(&entry[..4]);
        if matches!(entry[0], 2 | 8) {
            stored.extend(&entry[4..]);
        }
    }
    stored
}

/// An image and what belongs to it.
struct Case {
    name: String,
    volume: Arc<dyn ReadAt>,
    rows: Vec<Row>,
    orphans: Vec<String>,
}

fn rows(text: &str) -> Vec<Row> {
    text.lines().map(Row::parse).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ext").join(name)
}

impl Case {
    fn committed(name: &str, listing: &str) -> Self {
        let orphans = fixture(&format!("{name}.orphans.zst"));
        Self {
            name: name.to_owned(),
            volume: Arc::new(Memory::new(unpacked(&fixture(&format!("{name}.img.zst"))))),
            rows: rows(&text(unpacked(&fixture(&format!("{name}.{listing}.zst"))))),
            orphans: if orphans.exists() {
                text(unpacked(&orphans)).lines().map(str::to_owned).collect()
            } else {
                Vec::new()
            },
        }
    }

    fn from_folder(folder: &Path, name: &str, listing: &str) -> Self {
        let read = |extension: &str| std::fs::read_to_string(folder.join(format!("{name}.{extension}")));
        Self {
            name: name.to_owned(),
            volume: Arc::new(HostFile::open(&folder.join(format!("{name}.img"))).unwrap()),
            rows: rows(&read(listing).unwrap()),
            orphans: read("orphans").unwrap_or_default().lines().map(str::to_owned).collect(),
        }
    }

    fn open(&self) -> Arc<dyn FileSystem> {
        vminspect_filesystem::open(self.volume.clone())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
            .unwrap_or_else(|| panic!("{}: not recognised", self.name))
    }

    /// Everything in which the reader and the oracle differ.
    fn differences(&self) -> Vec<String> {
        let filesystem = self.open();
        let mut report = Report::new(&self.name);
        for problem in filesystem.problems().iter().filter(|problem| !is_known(problem)) {
            report.say("problem", problem);
        }
        if self.name.starts_with("dirty-") && self.changed_blocks(&*filesystem) == 0 {
            report.say("journal", "nothing was replayed, so the image shows nothing");
        }
        let mut tree = tree(&*filesystem, &mut report);
        tree.remove(b"".as_slice());
        tree.insert(b".".to_vec(), filesystem.root());
        let scanned = self.scan(&*filesystem, &mut report);
        self.compare_tree(&*filesystem, &tree, &scanned, &mut report);
        self.compare_orphans(&*filesystem, &scanned, &mut report);
        report.lines
    }

    /// Blocks of which the journal has another content than the volume.
    fn changed_blocks(&self, filesystem: &dyn FileSystem) -> usize {
        let size = filesystem.identity().block_size;
        let read = |bytes: &dyn ReadAt, block: u64| {
            bytes.read_vec(block * size, usize::try_from(size).unwrap()).unwrap()
        };
        let blocks = self.volume.len() / size;
        (0..blocks).filter(|block| read(&*self.volume, *block) != read(&**filesystem.view(), *block)).count()
    }

    fn scan(&self, filesystem: &dyn FileSystem, report: &mut Report<'_>) -> HashMap<u64, Metadata> {
        let mut found = HashMap::new();
        let scan = filesystem.scan(None, false);
        scan.problems.iter().for_each(|problem| report.say("scan", problem));
        for unit in &scan.units {
            (scan.visit)(unit, &mut |record| match record {
                Ok(record) => {
                    record.problems.iter().for_each(|problem| report.say("record", problem));
                    found.insert(record.metadata.id.0, record.metadata);
                }
                Err(error) => report.say("scan", error),
            });
        }
        found
    }

    fn compare_tree(
        &self,
        filesystem: &dyn FileSystem,
        tree: &BTreeMap<Vec<u8>, FileId>,
        scanned: &HashMap<u64, Metadata>,
        report: &mut Report<'_>,
    ) {
        // The kernel shows names in encrypted directories in a form of its own, so paths are compared elsewhere.
        let encrypted: BTreeSet<&[u8]> = self
            .rows
            .iter()
            .filter(|row| row.kind.as_deref() == Some("directory") && row.flags.unwrap_or(0) & ENCRYPTED != 0)
            .map(|row| row.path.as_slice())
            .collect();
        let is_hidden = |path: &[u8]| {
            encrypted
                .iter()
                .any(|parent| path.strip_prefix(*parent).is_some_and(|rest| rest.starts_with(b"/")))
        };
        let named: BTreeSet<&[u8]> = tree.keys().map(Vec::as_slice).filter(|path| !is_hidden(path)).collect();
        let expected: BTreeSet<&[u8]> =
            self.rows.iter().map(|row| row.path.as_slice()).filter(|path| !is_hidden(path)).collect();
        named.difference(&expected).for_each(|path| report.say("too many", path.escape_ascii()));
        expected.difference(&named).for_each(|path| report.say("missing", path.escape_ascii()));
        let inodes = |hidden: bool| -> BTreeSet<u64> {
            let ours = tree.iter().filter(|(path, _)| is_hidden(path)).map(|(_, id)| id.0);
            let theirs = self.rows.iter().filter(|row| is_hidden(&row.path)).map(|row| row.inode);
            if hidden { ours.collect() } else { theirs.collect() }
        };
        if inodes(true) != inodes(false) {
            report.say("encrypted", format!("inodes {:?}, expected {:?}", inodes(true), inodes(false)));
        }
        for row in &self.rows {
            let id = tree.get(&row.path).copied().unwrap_or(FileId(row.inode));
            report.path.clone_from(&row.path);
            compare(filesystem, row, id, scanned.get(&row.inode), report);
        }
        report.path.clear();
    }

    fn compare_orphans(
        &self,
        filesystem: &dyn FileSystem,
        scanned: &HashMap<u64, Metadata>,
        report: &mut Report<'_>,
    ) {
        let mut found = BTreeSet::new();
        for metadata in scanned.values().filter(|metadata| metadata.allocation == Allocation::Orphan) {
            let digest =
                digest(filesystem, metadata.id, Stream::Data).unwrap_or_else(|error| error.to_string());
            let Metadata { id, mode, uid, gid, size, .. } = metadata;
            found.insert(format!("{}\t{mode:o}\t{uid}\t{gid}\t{size}\t{digest}", id.0));
            if metadata.times.deleted.is_some() || metadata.links != 0 {
                report.say("orphan", format!("{metadata:?}"));
            }
        }
        let expected: BTreeSet<String> = self.orphans.iter().cloned().collect();
        found.difference(&expected).for_each(|line| report.say("orphan too many", line));
        expected.difference(&found).for_each(|line| report.say("orphan missing", line));
    }
}

/// Notes that belong to a feature and tell of no damage.
fn is_known(problem: &Error) -> bool {
    matches!(problem, Error::Read(error) if error.family() == Family::Unsupported && error.structure() == "encryption")
}

fn compare(
    filesystem: &dyn FileSystem,
    row: &Row,
    id: FileId,
    scanned: Option<&Metadata>,
    report: &mut Report<'_>,
) {
    let metadata = match filesystem.metadata(id) {
        Ok(metadata) => metadata,
        Err(error) => return report.say("metadata", error),
    };
    report.equal("scan", scanned, Some(&metadata));
    report.equal("inode", id.0, row.inode);
    compare_metadata(row, &metadata, report);
    let is_encrypted = metadata.flags & ENCRYPTED != 0;
    if let Some(expected) = &row.target
        && !is_encrypted
    {
        let target = filesystem.read_link(id).map_err(|error| error.to_string());
        report.equal("target", target, Ok(expected.clone()));
    }
    if let Some(expected) = &row.attributes {
        let found = filesystem.attributes(id).map_err(|error| error.to_string());
        let found = found.map(|list| list.into_iter().filter_map(shown).collect());
        report.equal("attributes", found, Ok(expected.clone()));
    }
    if let Some(expected) = row.digest.as_ref().filter(|_| !is_encrypted) {
        let found = digest(filesystem, id, Stream::Data).map_err(|error| error.to_string());
        report.equal("content", found, Ok(expected.clone()));
    }
}

/// What the kernel lists: neither inline data nor the context of an encrypted file.
fn shown(attribute: ExtendedAttribute) -> Option<(Vec<u8>, Vec<u8>)> {
    let is_internal = attribute.name == b"system.data" || attribute.name.starts_with(b"encryption.");
    (!is_internal).then_some((attribute.name, attribute.value))
}

fn compare_metadata(row: &Row, metadata: &Metadata, report: &mut Report<'_>) {
    let is_encrypted_link = metadata.kind == FileKind::Symlink && metadata.flags & ENCRYPTED != 0;
    let kind = metadata.kind.as_str().to_owned();
    report.equal("kind", Some(kind), row.kind.clone().or_else(|| Some(metadata.kind.as_str().to_owned())));
    report.equal("mode", metadata.mode, row.mode.unwrap_or(metadata.mode));
    report.equal("uid", metadata.uid, row.uid.unwrap_or(metadata.uid));
    report.equal("gid", metadata.gid, row.gid.unwrap_or(metadata.gid));
    report.equal("links", metadata.links, row.links.unwrap_or(metadata.links));
    if !is_encrypted_link {
        report.equal("size", metadata.size, row.size.unwrap_or(metadata.size));
    }
    let device = metadata.device.map(|device| format!("{}:{}", device.major, device.minor));
    report.equal("device", device, row.device.clone());
    let times = [metadata.times.modified, metadata.times.changed, metadata.times.created];
    for (found, expected) in times.into_iter().zip(&row.times) {
        let found = found.map_or_else(|| "-".to_owned(), stamp);
        report.equal("time", &found, expected.as_ref().unwrap_or(&found));
    }
    if let Some(flags) = row.flags {
        report.equal("flags", metadata.flags & SHOWN_FLAGS, flags & SHOWN_FLAGS);
    }
    if let Some(project) = row.project {
        report.equal("project", metadata.project.unwrap_or(0), project);
    }
    if let Some(generation) = row.generation {
        report.equal("generation", metadata.generation, generation);
    }
    report.equal("allocation", metadata.allocation, Allocation::Allocated);
}

fn stamp(time: Timestamp) -> String {
    format!("{}.{:09}", time.seconds(), time.nanoseconds())
}

#[track_caller]
fn check(name: &str) {
    assert_none(&Case::committed(name, "tsv").differences());
}

committed! {
    ext2_with_1_kib_blocks "ext2-1k";
    ext2_of_revision_0 "ext2-rev0";
    ext3_with_2_kib_blocks "ext3-2k";
    ext4_with_4_kib_blocks "ext4-4k";
    ext4_with_64_kib_blocks "ext4-64k";
    ext4_with_block_maps_and_32_bits "ext4-1k-maps";
    ext4_with_inline_data "ext4-inline";
    ext4_with_clusters "ext4-bigalloc";
    ext4_with_encrypted_files "ext4-encrypt";
    ext4_with_meta_groups_quotas_projects_and_ea_inodes "ext4-features";
    ext4_with_case_folding "ext4-casefold";
    dirty_ext3_with_journalled_data "dirty-ext3-data";
    dirty_ext4 "dirty-ext4-journal";
    dirty_ext4_with_a_wrapped_log_and_compatible_checksums "dirty-ext4-wrap-v1";
    dirty_ext4_with_revoked_blocks "dirty-ext4-revoke";
    dirty_ext4_with_orphans "dirty-ext4-orphans";
    dirty_ext4_with_an_orphan_file "dirty-ext4-orphan-file";
}

/// Fast commits are refused and told; without them, the tree is that of the last full commit.
#[test]
fn dirty_ext4_with_fast_commits() {
    let case = Case::committed("dirty-ext4-fast", "full.tsv");
    let differences = case.differences();
    let [told] = &differences[..] else { panic!("{}", differences.join("\n")) };
    assert!(told.contains("fast commits") && told.contains("create inode"), "{told}");
    let problems = case.open().problems();
    assert_eq!(problems.iter().map(Error::family).collect::<Vec<_>>(), [Family::Unsupported]);
}

/// What the filesystem says of where a file's bytes lie is true.
fn check_provenance(case: &Case, report: &mut Vec<String>) {
    let filesystem = case.open();
    for row in case
        .rows
        .iter()
        .filter(|row| row.kind.as_deref() == Some("regular") && row.flags.unwrap_or(0) & ENCRYPTED == 0)
    {
        let Ok(content) = filesystem.open(FileId(row.inode), Stream::Data) else { continue };
        for extent in content.extents(ByteRange::at(0, content.len())) {
            let extent = extent.unwrap();
            let length = usize::try_from(extent.range.len().min(1 << 16)).unwrap();
            let found = content.read_vec(extent.range.start(), length).unwrap();
            let stored = match extent.origin {
                Origin::Stored { offset, .. } => case.volume.read_vec(offset, length).unwrap(),
                Origin::Zero => vec![0; length],
                Origin::Encoded { .. } | Origin::Unknown => continue,
            };
            if found != stored {
                report.push(format!(
                    "{}: {}: {extent:?} holds other bytes",
                    case.name,
                    row.path.escape_ascii()
                ));
            }
        }
    }
}

#[test]
#[ignore = "needs the images of fixtures/ext.sh --all"]
fn whole_matrix() {
    let folder = PathBuf::from(std::env::var_os("VMINSPECT_EXT_ORACLE").expect("VMINSPECT_EXT_ORACLE"));
    let names = images_in(&folder);
    let (mut entries, mut wrong) = (0, Vec::new());
    for name in &names {
        let listing = if name.contains("-fast") { "full.tsv" } else { "tsv" };
        let case = Case::from_folder(&folder, name, listing);
        entries += case.rows.len();
        let mut differences = case.differences();
        differences.retain(|line| !(name.contains("-fast") && line.contains("unsupported fast commits")));
        check_provenance(&case, &mut differences);
        eprintln!("{name}: {} entries, {} differences", case.rows.len(), differences.len());
        wrong.extend(differences);
    }
    eprintln!("{} images, {entries} entries, {} differences", names.len(), wrong.len());
    assert_none(&wrong);
}
