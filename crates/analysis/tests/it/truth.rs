//! The sample pair against what the kernel's mounts said of it.

use std::collections::BTreeMap;

use serde_json::Value;
use vminspect_analysis::finding::{FileFacts, Value as Field};
use vminspect_filesystem::FileKind;

use crate::{compared, sample, sha256};

fn truth() -> Value {
    serde_json::from_slice(&std::fs::read(sample("truth.json")).unwrap()).unwrap()
}

fn path(facts: &FileFacts) -> String {
    facts.path.to_text().0
}

/// Path, and hash or target, of the entries in a list of the truth.
fn expected(list: &Value, kinds: &[&str]) -> BTreeMap<String, Option<String>> {
    let rows = list.as_array().unwrap().iter();
    rows.filter(|row| kinds.contains(&row["kind"].as_str().unwrap()))
        .map(|row| {
            let content = row["sha256"].as_str().or(row["target"].as_str());
            (row["path"].as_str().unwrap().to_owned(), content.map(str::to_owned))
        })
        .collect()
}

fn found(list: &[FileFacts]) -> BTreeMap<String, Option<String>> {
    list.iter()
        .map(|facts| {
            let target = facts.target.as_ref().map(|target| String::from_utf8_lossy(target).into_owned());
            (path(facts), sha256(facts).or(target))
        })
        .collect()
}

#[test]
fn created_deleted_and_modified_files_are_those_the_kernel_sees() {
    let (truth, found_all) = (truth(), compared(&sample("before.qcow2"), &sample("after.qcow2")));
    let others = ["directory", "symlink", "fifo", "socket", "character_device", "block_device"];
    assert_eq!(found(&found_all.created), expected(&truth["created"], &["regular"]));
    assert_eq!(found(&found_all.deleted), expected(&truth["deleted"], &["regular"]));
    assert_eq!(found(&found_all.created_other), expected(&truth["created"], &others));
    assert_eq!(found(&found_all.deleted_other), expected(&truth["deleted"], &others));
    let side = |row: &Value, side: &str| row[side]["sha256"].as_str().map(str::to_owned);
    let expected: BTreeMap<_, _> = truth["modified"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["before"]["kind"] == "regular")
        .map(|row| (row["path"].as_str().unwrap().to_owned(), (side(row, "before"), side(row, "after"))))
        .collect();
    let modified: BTreeMap<_, _> = found_all
        .modified
        .iter()
        .map(|modified| (path(&modified.after), (sha256(&modified.before), sha256(&modified.after))))
        .collect();
    assert_eq!(modified, expected);
}

#[test]
fn renames_type_changes_and_metadata_are_those_the_kernel_sees() {
    let (truth, found) = (truth(), compared(&sample("before.qcow2"), &sample("after.qcow2")));
    let names = |list: &Value, key: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|row| row[key].as_str().unwrap().to_owned()).collect()
    };
    let renamed: Vec<_> = found.renamed.iter().map(|each| (path(&each.before), path(&each.after))).collect();
    let expected: Vec<_> =
        names(&truth["renamed"], "from").into_iter().zip(names(&truth["renamed"], "to")).collect();
    assert_eq!(renamed, expected);
    let types: Vec<_> = found.type_changed.iter().map(|each| path(&each.after)).collect();
    assert_eq!(types, names(&truth["type_changed"], "path"));
    // The kernel's list of metadata changes covers every field we compare but creation times.
    let changed: BTreeMap<String, Vec<&str>> = found
        .metadata_changed
        .iter()
        .map(|each| {
            (each.path.to_text().0, each.changes.iter().map(|change| change.field.as_str()).collect())
        })
        .collect();
    let links = found.metadata_changed.iter().filter(|each| each.kind == FileKind::Symlink).count();
    let expected = names(&truth["metadata"], "path");
    let retargeted = truth["modified"].as_array().unwrap();
    let retargeted = retargeted.iter().filter(|row| row["before"]["kind"] == "symlink").count();
    assert_eq!(links, retargeted);
    for path in &expected {
        assert!(changed.contains_key(path), "{path}: {changed:?}");
    }
    assert_eq!(changed.len(), expected.len() + retargeted, "{changed:?}");
}

#[test]
fn what_changed_of_a_file_is_told_field_by_field() {
    let found = compared(&sample("before.qcow2"), &sample("after.qcow2"));
    let change = |path: &str| {
        let each = found.metadata_changed.iter().find(|each| each.path.bytes == path.as_bytes());
        each.unwrap_or_else(|| panic!("{path}")).changes.clone()
    };
    let flags = change("/etc/hosts").into_iter().find(|change| change.field == "flags").unwrap();
    assert_eq!((flags.before, flags.after), (Field::Flags(vec![]), Field::Flags(vec!["immutable"])));
    let target = change("/etc/alternatives/vim").into_iter().find(|change| change.field == "target").unwrap();
    assert_eq!(target.after, Field::Bytes(b"/usr/lib/.cache/kworkerd".to_vec()));
}
