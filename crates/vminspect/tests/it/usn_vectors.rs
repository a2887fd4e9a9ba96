//! Records of the change journal as Microsoft documents them, and damage to them (fixtures/usn_vectors.py).

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::Value;
use vminspect::{JournalMax, Memory};

use crate::tool::{fixtures, run, zstd};

fn truth(name: &str) -> Value {
    serde_json::from_slice(&zstd(&format!("usn/{name}.json.zst"))).expect(name)
}

/// Writes the stretches of a journal that are no hole.
fn unpack(name: &str, truth: &Value, to: &Path) {
    let bytes = zstd(&format!("usn/{name}.J.zst"));
    let mut file = File::create(to).unwrap();
    let mut rest = bytes.as_slice();
    for segment in truth["segments"].as_array().unwrap() {
        let (start, length) = (segment[0].as_u64().unwrap(), segment[1].as_u64().unwrap());
        let (part, after) = rest.split_at(usize::try_from(length).unwrap());
        file.seek(SeekFrom::Start(start)).unwrap();
        file.write_all(part).unwrap();
        rest = after;
    }
    assert!(rest.is_empty(), "{name}");
    file.set_len(truth["size"].as_u64().unwrap()).unwrap();
}

#[test]
fn records_are_read_as_documented_and_damage_is_told() {
    let directory = tempfile::tempdir().unwrap();
    for name in fixtures("usn", ".J.zst") {
        let truth = truth(&name);
        let path = directory.path().join(&name);
        unpack(&name, &truth, &path);
        let printed = run(["usnjrnl", "--usnjrnl", path.to_str().unwrap(), "--format", "jsonl"]);
        let mut lines = printed.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let entries = truth["entries"].as_array().unwrap();
        for entry in entries {
            let line = lines.next().unwrap_or_else(|| panic!("{name}: nothing for {entry}"));
            assert_eq!(line["offset"], entry["offset"], "{name}: {entry}: {line}");
            if !entry["error"].is_null() {
                assert!(line["error"].is_string(), "{name}: {entry}: {line}");
                let is_unsupported = line["error"].as_str().unwrap().contains("version");
                assert_eq!(is_unsupported, entry["error"] == "unsupported", "{name}: {entry}: {line}");
                continue;
            }
            for (key, value) in entry["record"].as_object().unwrap() {
                assert_eq!(&line[key], value, "{name}: {key} of {entry}: {line}");
            }
            let facts = &entry["facts"];
            assert_eq!(line.get("file_name_hex"), facts.get("name_hex"), "{name}: {entry}: {line}");
            assert_eq!(line.get("remaining_extents"), facts.get("remaining_extents"), "{name}: {line}");
        }
        let last = lines.next().unwrap();
        assert_eq!(last["finding"], "coverage", "{name}: more than there is: {last}");
        let errors = entries.iter().filter(|entry| !entry["error"].is_null()).count();
        assert_eq!(last["complete"], Value::Bool(errors == 0), "{name}");
        assert_eq!(
            printed.code == 0,
            last["coverage"].as_array().unwrap().iter().all(|each| each["family"] == "unsupported"),
            "{name}"
        );
    }
}

#[test]
fn json_of_the_python_program_has_the_same_records() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["references", "extents", "lengths"] {
        let truth = truth(name);
        let path = directory.path().join(name);
        unpack(name, &truth, &path);
        let printed = run(["usnjrnl", "-u", path.to_str().unwrap()]).json();
        let entries = truth["entries"].as_array().unwrap();
        assert_eq!(printed.as_array().unwrap().len(), entries.len());
        for (index, (entry, printed)) in entries.iter().zip(printed.as_array().unwrap()).enumerate() {
            match entry["record"].as_object() {
                Some(record) => {
                    let keys = printed.as_object().unwrap().keys().filter(|key| *key != "remaining_extents");
                    assert!(keys.zip(record.keys()).all(|(ours, theirs)| ours == theirs), "{printed}");
                }
                None => assert_eq!(printed["index"], index),
            }
        }
    }
}

#[test]
fn max_says_which_journal_it_is() {
    for each in truth("max").as_array().unwrap() {
        let digits = each["data"].as_str().unwrap().as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let read = JournalMax::read(&Memory::new(digits.chunks(2).map(byte).collect::<Vec<_>>()));
        if !each["error"].is_null() {
            assert!(read.is_err(), "{each}");
            continue;
        }
        let max = read.unwrap();
        assert_eq!(each["maximum_size"], max.maximum_size);
        assert_eq!(each["allocation_delta"], max.allocation_delta);
        assert_eq!(each["journal_id"], max.journal_id);
        assert_eq!(each["lowest_valid_usn"], max.lowest_valid_usn);
    }
}
