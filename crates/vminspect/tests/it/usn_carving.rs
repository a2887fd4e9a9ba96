//! Records of change journals where no journal is (fixtures/usn_carved.py).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::tool::{run, zstd};

/// What can be found, by its place in the image.
fn truth() -> BTreeMap<u64, Value> {
    let text = String::from_utf8(zstd("usn/carved.found.jsonl.zst")).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (line["at"].as_u64().unwrap(), line)).collect()
}

fn carved(arguments: &[&str]) -> Vec<Value> {
    let printed = run([&["usnjrnl", "--carve", "--format", "jsonl"], arguments].concat());
    let lines = printed.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["carved"] == true).collect()
}

fn image(directory: &Path) -> String {
    let path = directory.join("carved.img");
    std::fs::write(&path, zstd("usn/carved.img.zst")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn check(line: &Value, record: &Value) {
    assert_eq!(line["update_sequence_number"], record["usn"], "{line}");
    assert_eq!(line["file_name"], record["name"], "{line}");
    assert_eq!(line["file_reference_number"], record["file"][0], "{line}");
    assert_eq!(line["parent_file_reference_number_sequence"], record["parent"][1], "{line}");
}

#[test]
fn records_are_found_in_free_space_and_slack_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut truth = truth();
    assert!(["free", "slack"].iter().all(|place| truth.values().any(|record| record["where"] == *place)));
    for line in carved(&["--disk", &image(directory.path())]) {
        let record =
            truth.remove(&line["offset"].as_u64().unwrap()).unwrap_or_else(|| panic!("no record: {line}"));
        check(&line, &record);
        // The directory had another name then, and nothing tells that.
        assert_eq!(line["path"], format!("/?/{}", record["name"].as_str().unwrap()), "{line}");
        assert!(line["path_problem"].is_string(), "{line}");
    }
    assert!(truth.is_empty(), "not found: {truth:?}");
}

#[test]
fn records_are_found_anywhere_in_a_file_of_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let lines = carved(&["--usnjrnl", &image(directory.path())]);
    let found: BTreeMap<u64, &Value> =
        lines.iter().map(|line| (line["offset"].as_u64().unwrap(), line)).collect();
    for (at, record) in truth() {
        check(found.get(&at).unwrap_or_else(|| panic!("not found: {record}")), &record);
    }
    // What a file holds, and the journal itself, are there as well.
    assert!(found.values().any(|line| line["file_name"].as_str().unwrap().starts_with("in use")));
    assert!(found.values().any(|line| line["file_name"] == "new.txt"));
}

#[test]
fn noise_holds_no_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("noise");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(1 << 20)
    .flatten()
    .collect();
    std::fs::write(&path, noise).unwrap();
    assert_eq!(carved(&["--usnjrnl", path.to_str().unwrap()]), Vec::<Value>::new());
}
