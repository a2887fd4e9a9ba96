//! Disks with random bytes changed: the comparison, which reads only what may differ, against two full
//! listings.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use vminspect_analysis::finding::FileFacts;
use vminspect_bytes::ByteRange;

use crate::{compared, flatten, guest, listed, sample, sha256};

/// A small generator: the same seed gives the same damage everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
}

/// Where damage is telling: records, directories and file content of the sample's filesystem, and anywhere.
fn targets(raw: &Path) -> Vec<ByteRange> {
    let guest = guest(raw);
    let volume = guest.volumes().iter().find(|volume| volume.filesystem.is_some()).unwrap();
    let filesystem = volume.filesystem.as_ref().unwrap();
    let start = volume.volume.range.start();
    let mut targets = vec![ByteRange::at(0, guest.disk().bytes().len())];
    let scan = filesystem.scan(None, false);
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let record = record.unwrap();
            targets.push(record.place.shifted(start).unwrap());
            if let vminspect_filesystem::Content::Runs(runs) = &record.content {
                for run in runs {
                    if let vminspect_filesystem::Place::Volume(place) = run.place {
                        targets
                            .push(ByteRange::at(start + place, run.length.min(record.metadata.size.max(1))));
                    }
                }
            }
        });
    }
    targets
}

/// Path and hashes of regular files, as sorted lists: damage can give a directory two equal names.
type Files = BTreeMap<Vec<u8>, Vec<Option<String>>>;

fn hashes<'a>(files: impl Iterator<Item = &'a FileFacts>) -> Files {
    let mut map = Files::new();
    for facts in files {
        map.entry(facts.path.bytes.clone()).or_default().push(sha256(facts));
    }
    map.values_mut().for_each(|list| list.sort());
    map
}

#[test]
fn the_comparison_agrees_with_two_listings() {
    let directory = tempfile::tempdir().unwrap();
    let (before, after) = (directory.path().join("before.raw"), directory.path().join("after.raw"));
    flatten(&sample("before.qcow2"), &before);
    flatten(&sample("before.qcow2"), &after);
    let targets = targets(&before);
    let original = listed(&before).0;
    let original_hashes = hashes(original.values().flatten());
    let mut random = Random(0x5eed_da7a);
    let rounds =
        if std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full") { 4000 } else { 150 };
    let mut seen = 0;
    for round in 0..rounds {
        let file = File::options().read(true).write(true).open(&after).unwrap();
        let mut undo = Vec::new();
        for _ in 0..=random.next(3) {
            let target = targets[usize::try_from(random.next(targets.len() as u64)).unwrap()];
            let offset = target.start() + random.next(target.len());
            let mut old = [0];
            file.read_exact_at(&mut old, offset).unwrap();
            let new =
                [[0], [0xff], [old[0] ^ (1 << random.next(8))]][usize::try_from(random.next(3)).unwrap()];
            file.write_all_at(&new, offset).unwrap();
            undo.push((offset, old));
        }
        let (changed, _) = listed(&after);
        let changed_hashes = hashes(changed.values().flatten());
        let found = compared(&before, &after);
        let mut expected_created = Files::new();
        let mut expected_deleted = Files::new();
        let mut expected_modified = Vec::new();
        for path in original_hashes.keys().chain(changed_hashes.keys()) {
            match (original_hashes.get(path), changed_hashes.get(path)) {
                (Some(old), None) => drop(expected_deleted.insert(path.clone(), old.clone())),
                (None, Some(new)) => drop(expected_created.insert(path.clone(), new.clone())),
                (Some(old), Some(new)) if old != new => expected_modified.push(path.clone()),
                _ => {}
            }
        }
        expected_modified.sort();
        expected_modified.dedup();
        // A path that is another kind of file now stands in a list of its own; one that became unreadable
        // stands in the coverage.
        let types: Vec<_> = found.type_changed.iter().map(|each| each.after.path.bytes.clone()).collect();
        let unreadable: Vec<_> =
            found.coverage.sorted().iter().map(|problem| problem.place.clone()).collect();
        let apart = |path: &Vec<u8>| types.contains(path);
        expected_created.retain(|path, _| !apart(path));
        expected_deleted.retain(|path, _| !apart(path));
        let undone = format!("round {round}: {undo:x?}");
        assert_eq!(hashes(found.created.iter()), expected_created, "{undone}");
        assert_eq!(hashes(found.deleted.iter()), expected_deleted, "{undone}");
        let modified: Vec<_> = found.modified.iter().map(|each| each.after.path.bytes.clone()).collect();
        for path in &modified {
            assert!(expected_modified.contains(path) || unreadable.contains(path), "{undone}");
        }
        for path in &expected_modified {
            assert!(
                modified.contains(path) || unreadable.contains(path),
                "{undone}: {}",
                String::from_utf8_lossy(path)
            );
        }
        seen += expected_created.len() + expected_deleted.len() + expected_modified.len();
        for (offset, old) in undo.into_iter().rev() {
            file.write_all_at(&old, offset).unwrap();
        }
    }
    assert!(seen > 50, "the damage hit only {seen} files");
}
