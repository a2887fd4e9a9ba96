//! Windows guests against what ntfs-3g read of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vminspect_analysis::finding::{Comparison, Deletion, Evidence, FileFacts, Value as Field};
use vminspect_analysis::{Algorithm, Options, Silent, compare, list};

use crate::{flatten, guest};

fn image(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/windows").join(name)
}

fn truth() -> Value {
    serde_json::from_slice(&std::fs::read(image("truth.json")).unwrap()).unwrap()
}

/// Path and SHA-1 of the files and streams that one side has.
fn files(truth: &Value, side: &str) -> BTreeMap<String, String> {
    let rows = truth[side].as_object().unwrap().iter();
    let rows = rows.map(|(path, hash)| (path.clone(), hash.as_str().unwrap().to_owned()));
    rows.filter(|(_, hash)| hash.len() == 40).collect()
}

fn sha1(facts: &FileFacts) -> String {
    let digest = facts.digests.as_ref().and_then(|digests| digests.get(Algorithm::Sha1));
    digest.map(vminspect_analysis::Digest::to_hex).unwrap_or_default()
}

fn path(facts: &FileFacts) -> String {
    facts.path.to_text().0
}

fn hashes<'a>(list: impl IntoIterator<Item = &'a FileFacts>) -> BTreeMap<String, String> {
    list.into_iter()
        .map(|facts| (path(facts), sha1(facts)))
        .filter(|(path, _)| path.starts_with("C:"))
        .collect()
}

fn compared(before: &Path, after: &Path) -> Comparison {
    compare(&guest(before), &guest(after), &Options::default(), &Silent)
}

fn rows(name: &str, options: &Options) -> Vec<FileFacts> {
    let mut rows = Vec::new();
    let summary = list(&guest(&image(name)), options, &Silent, &mut |facts| {
        rows.push(facts);
        Ok(())
    });
    assert!(summary.unwrap().coverage.is_complete());
    rows
}

#[test]
fn files_and_streams_are_those_that_ntfs_3g_reads() {
    let options = Options { streams: true, ..Options::default() };
    for (name, side) in [("before.qcow2", "before"), ("after.qcow2", "after")] {
        let rows = rows(name, &options);
        assert_eq!(hashes(&rows), files(&truth(), side));
        let paths: Vec<_> = rows.iter().map(path).filter(|path| path.starts_with("C:")).collect();
        assert!(paths.is_sorted_by_key(|path| path.as_bytes().to_vec()), "{paths:?}");
        assert!(rows.iter().all(|facts| facts.stream == path(facts)[3..].contains(':') || !path(facts).starts_with("C:")));
        let download = rows.iter().find(|facts| path(facts).ends_with("setup.exe")).unwrap();
        assert_eq!(
            download.zone.as_ref().unwrap().host_url.as_deref(),
            Some("https://cdn.example/setup.exe")
        );
    }
    let plain = self::rows("after.qcow2", &Options::default());
    assert!(plain.iter().all(|facts| !facts.stream && facts.zone.is_none()));
}

#[test]
fn a_comparison_tells_of_streams_and_of_names_that_changed_their_case() {
    let directory = tempfile::tempdir().unwrap();
    let (before, after) = (directory.path().join("before.raw"), directory.path().join("after.raw"));
    flatten(&image("before.qcow2"), &before);
    flatten(&image("after.qcow2"), &after);
    let truth = truth();
    let (old, new) = (files(&truth, "before"), files(&truth, "after"));
    for found in [compared(&image("before.qcow2"), &image("after.qcow2")), compared(&before, &after)] {
        assert!(found.coverage.is_complete(), "{:?}", found.coverage);
        let only = |some: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            let mut only = some.clone();
            only.retain(|path, _| !other.keys().any(|each| each.eq_ignore_ascii_case(path)));
            only
        };
        assert_eq!(hashes(&found.created), only(&new, &old));
        assert_eq!(hashes(&found.deleted), only(&old, &new));
        let modified: Vec<_> = found.modified.iter().map(|each| path(&each.after)).collect();
        let mut expected: Vec<_> =
            new.iter().filter(|(path, hash)| old.get(*path).is_some_and(|old| old != *hash)).collect();
        expected.sort();
        let expected: Vec<_> = expected.into_iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(modified[..modified.len() - 1], expected);
        assert_eq!(modified.last().unwrap(), r"vol1:\EFI\Microsoft\Boot\bootmgfw.efi");
        let renamed =
            found.metadata_changed.iter().find(|each| each.path.bytes.ends_with(b"NOTES.TXT")).unwrap();
        let name = renamed.changes.iter().find(|change| change.field == "name").unwrap();
        assert_eq!(name.before, Field::Bytes(b"notes.txt".to_vec()));
        assert!(found.renamed.iter().all(|each| each.evidence == Evidence::SameFile));
        assert_eq!(found.renamed.len(), 2);
    }
}

#[test]
fn deleted_files_are_listed_with_what_is_left_of_them() {
    let options = Options { deleted: true, ..Options::default() };
    let rows = rows("after.qcow2", &options);
    let deleted: BTreeMap<_, _> =
        rows.iter().filter_map(|facts| Some((path(facts), (facts.deleted?, sha1(facts))))).collect();
    let old = files(&truth(), "before");
    let secret = r"C:\Users\anna\Documents\secret.docx";
    assert_eq!(deleted[secret], (Deletion::InPlace, old[secret].clone()));
    let plan = deleted.iter().find(|(path, _)| path.ends_with(r"\plan.docx")).unwrap();
    assert_eq!(plan.1.1, old[r"C:\Users\anna\Documents\old\plan.docx"]);
}

#[test]
fn the_filesystem_s_own_files_are_listed_when_asked_for() {
    let own = |facts: &FileFacts| path(facts).starts_with(r"C:\$");
    assert!(!rows("after.qcow2", &Options::default()).iter().any(own));
    let options = Options { metadata_files: true, ..Options::default() };
    let names: Vec<_> = rows("after.qcow2", &options).iter().filter(|facts| own(facts)).map(path).collect();
    for name in [r"C:\$MFT", r"C:\$LogFile", r"C:\$Extend\$ObjId"] {
        assert!(names.iter().any(|each| each == name), "{name}: {names:?}");
    }
}

/// Created, deleted or modified paths of the truth of the benchmark, with a hash of each side.
fn benchmark_rows(truth: &Value, list: &str) -> BTreeMap<String, [String; 2]> {
    let hash = |row: &Value| row["sha1"].as_str().unwrap_or_default().to_owned();
    let rows = truth[list].as_array().unwrap().iter();
    rows.map(|row| {
        let path = format!("C:{}", row["path"].as_str().unwrap().replace('/', "\\"));
        let hashes = match list {
            "created" => [String::new(), hash(row)],
            "deleted" => [hash(row), String::new()],
            _ => [hash(&row["before"]), hash(&row["after"])],
        };
        (path, hashes)
    })
    .collect()
}

#[test]
#[ignore = "needs VMINSPECT_BENCH: the directory with windows-{base,after}.{qcow2,raw} and windows-truth.json"]
fn the_benchmark_pair_differs_as_its_truth_says() {
    let directory = PathBuf::from(std::env::var_os("VMINSPECT_BENCH").expect("VMINSPECT_BENCH"));
    let truth: Value =
        serde_json::from_slice(&std::fs::read(directory.join("windows-truth.json")).unwrap()).unwrap();
    for format in ["qcow2", "raw"] {
        let image = |name: &str| directory.join(format!("windows-{name}.{format}"));
        let found = compared(&image("base"), &image("after"));
        assert!(found.coverage.is_complete(), "{:?}", found.coverage);
        let created = found.created.iter().map(|facts| (path(facts), [String::new(), sha1(facts)]));
        let deleted = found.deleted.iter().map(|facts| (path(facts), [sha1(facts), String::new()]));
        let modified =
            found.modified.iter().map(|each| (path(&each.after), [sha1(&each.before), sha1(&each.after)]));
        assert_eq!(created.collect::<BTreeMap<_, _>>(), benchmark_rows(&truth, "created"), "{format}");
        assert_eq!(deleted.collect::<BTreeMap<_, _>>(), benchmark_rows(&truth, "deleted"), "{format}");
        assert_eq!(modified.collect::<BTreeMap<_, _>>(), benchmark_rows(&truth, "modified"), "{format}");
    }
}
