//! NTFS damaged on purpose: what must still be read, and what must be said. The ways are those of
//! `fixtures/ntfs_damage.py`.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails its test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use vminspect_bytes::{Memory, ReadAtExt};
use vminspect_filesystem::{FileKind, FileSystem, Stream, exercise};

use crate::fixtures::{bytes, unpacked};

/// More entries than the image has, by far: a walk that goes in circles ends in a failure.
const MOST_ENTRIES: usize = 100_000;
/// Longest file that is read.
const MOST_BYTES: u64 = 1 << 24;

/// A line of `fixtures/ntfs/damage.tsv`.
struct Way<'a> {
    name: &'a str,
    opens: bool,
    lost: Vec<&'a str>,
    told: &'a str,
    changes: &'a str,
}

impl<'a> Way<'a> {
    fn parse(line: &'a str) -> Self {
        let [name, outcome, lost, told, changes] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}")
        };
        let lost = lost.split(',').filter(|path| *path != "-").collect();
        Self { name, opens: outcome == "opens", lost, told, changes }
    }

    fn apply(&self, image: &mut [u8]) {
        for change in self.changes.split(',') {
            let (offset, bytes) = change.split_once(':').unwrap();
            let bytes = match bytes.strip_prefix("0*") {
                Some(count) => vec![0; count.parse().unwrap()],
                None => hex::decode(bytes).unwrap(),
            };
            let offset: usize = offset.parse().unwrap();
            image[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
    }

    /// Whether a path is one that may be lost.
    fn may_lose(&self, path: &str) -> bool {
        self.lost.iter().any(|lost| *lost == "*" || path == *lost || path.starts_with(&format!("{lost}/")))
    }
}

/// What was met on a walk: paths, and everything that was said to be wrong.
#[derive(Default)]
struct Met {
    paths: BTreeSet<String>,
    told: Vec<String>,
}

impl Met {
    fn walk(fs: &dyn FileSystem) -> Self {
        let mut met = Self::default();
        met.told.extend(fs.problems().iter().map(ToString::to_string));
        met.told.extend(fs.identity().features);
        let mut todo = vec![(fs.root(), String::new())];
        let mut seen = 0;
        while let Some((directory, prefix)) = todo.pop() {
            let entries = match fs.entries(directory) {
                Ok(entries) => entries,
                Err(error) => {
                    met.told.push(error.to_string());
                    continue;
                }
            };
            for entry in entries {
                seen += 1;
                assert!(seen < MOST_ENTRIES, "a walk without an end");
                match entry {
                    Ok(entry) => {
                        let path = format!("{prefix}{}", String::from_utf8_lossy(&entry.name));
                        if met.look(fs, entry.id, &path) == Some(FileKind::Directory)
                            && !met.paths.contains(&path)
                        {
                            todo.push((entry.id, format!("{path}/")));
                        }
                        met.paths.insert(path);
                    }
                    Err(error) => met.told.push(error.to_string()),
                }
            }
        }
        met
    }

    fn look(
        &mut self,
        fs: &dyn FileSystem,
        id: vminspect_filesystem::FileId,
        path: &str,
    ) -> Option<FileKind> {
        let record = match fs.record(id) {
            Ok(record) => record,
            Err(error) => {
                self.told.push(format!("{path}: {error}"));
                return None;
            }
        };
        self.told.extend(record.problems.iter().map(|problem| format!("{path}: {problem}")));
        if record.metadata.kind == FileKind::Regular && !fs.is_internal(&record) {
            let content = fs.open_record(&record, Stream::Data);
            let read = content.and_then(|content| content.read_all(MOST_BYTES).map_err(Into::into));
            self.told.extend(read.err().map(|error| format!("{path}: {error}")));
        }
        Some(record.metadata.kind)
    }
}

fn ways() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ntfs/damage.tsv");
    std::fs::read_to_string(path).unwrap()
}

fn listed() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ntfs/small.tsv.zst");
    let text = String::from_utf8(unpacked(&path)).unwrap();
    let paths = text.lines().map(|line| hex::decode(line.split('\t').next().unwrap()).unwrap());
    paths.map(|path| String::from_utf8_lossy(&path).into_owned()).filter(|path| path != ".").collect()
}

#[test]
fn what_is_not_damaged_is_still_read() {
    let image = bytes("ntfs/small");
    let expected = listed();
    let mut wrong = Vec::new();
    for line in ways().lines() {
        let way = Way::parse(line);
        let mut damaged = image.clone();
        way.apply(&mut damaged);
        let volume = Arc::new(Memory::new(damaged));
        let fs = match vminspect_filesystem::open(volume.clone()) {
            Ok(Some(fs)) if way.opens => fs,
            Ok(Some(_)) => {
                wrong.push(format!("{}: opens", way.name));
                continue;
            }
            Ok(None) | Err(_) if !way.opens => continue,
            Ok(None) => {
                wrong.push(format!("{}: not recognised", way.name));
                continue;
            }
            Err(error) => {
                wrong.push(format!("{}: {error}", way.name));
                continue;
            }
        };
        let met = Met::walk(&*fs);
        let missing = expected.iter().filter(|path| !way.may_lose(path) && !met.paths.contains(*path));
        wrong.extend(missing.take(5).map(|path| format!("{}: {path} is missing", way.name)));
        if way.told != "-" && !met.told.iter().any(|told| told.to_lowercase().contains(way.told)) {
            wrong.push(format!("{}: nothing says {:?}: {:?}", way.name, way.told, met.told));
        }
        // Whatever else there is to ask for.
        exercise(volume).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_table_and_its_mirror_that_are_gone_are_named() {
    let image = bytes("ntfs/small");
    let text = ways();
    let way = text.lines().map(Way::parse).find(|way| way.name == "mft-start-and-mirror").unwrap();
    let mut damaged = image;
    way.apply(&mut damaged);
    let Err(error) = vminspect_filesystem::open(Arc::new(Memory::new(damaged))) else {
        panic!("there is nothing to read")
    };
    assert!(error.to_string().contains("MFT"), "{error}");
}

/// What is said to be wrong with the index blocks of all directories: those in use, and those that are free.
fn told_of_blocks(image: Vec<u8>) -> [Vec<String>; 2] {
    let fs = vminspect_filesystem::open(Arc::new(Memory::new(image))).unwrap().unwrap();
    let scan = fs.scan(None, false);
    let (mut used, mut free) = (Vec::new(), Vec::new());
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let metadata = record.unwrap().metadata;
            if metadata.kind == FileKind::Directory {
                used.extend(fs.entries(metadata.id).unwrap().filter_map(Result::err));
                free.extend(fs.deleted_entries(metadata.id).unwrap().filter_map(Result::err));
            }
        });
    }
    [used, free].map(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn free_index_blocks_that_cannot_be_read_are_told_with_deleted_names() {
    let mut image = bytes("ntfs/small");
    assert_eq!(told_of_blocks(image.clone()), [[""; 0]; 2]);
    for block in image.chunks_exact_mut(512).filter(|block| block.starts_with(b"INDX")) {
        block[..4].fill(b'?');
    }
    let [used, free] = told_of_blocks(image);
    assert_eq!(free.len(), 9, "{free:?}");
    assert!(free.iter().all(|told| told.contains("the signature INDX")), "{free:?}");
    assert!(free.iter().all(|told| !used.contains(told)), "{used:?}");
}
