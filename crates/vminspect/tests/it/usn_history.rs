//! Files that came and went on an NTFS image, with the true path of each change (fixtures/usn_history.py).

use std::path::Path;

use serde_json::Value;

use crate::tool::{fixtures, run, zstd};

/// Lines of a truth: what is missing, then a record each.
fn truth(name: &str) -> (Value, Vec<Value>) {
    let text = String::from_utf8(zstd(&format!("usn/{name}.jsonl.zst"))).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (lines.next().unwrap(), lines.collect())
}

fn unpack(name: &str, directory: &Path) -> String {
    let path = directory.join(format!("{name}.img"));
    std::fs::write(&path, zstd(&format!("usn/{name}.img.zst"))).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A path as reports print it, with U+FFFD where it is no Unicode.
fn joined(path: &Value) -> String {
    path.as_array().unwrap().iter().fold(String::new(), |path, name| path + "/" + name.as_str().unwrap())
}

#[test]
fn paths_are_those_of_the_time_or_said_to_be_unknown() {
    let directory = tempfile::tempdir().unwrap();
    for name in fixtures("usn", ".img.zst") {
        let image = unpack(&name, directory.path());
        let (head, records) = truth(&name);
        let printed = run(["usnjrnl", "--disk", &image, "--format", "jsonl"]);
        let lines: Vec<Value> =
            printed.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // Records that lie have no truth.
        let told = |line: &&Value| records.iter().any(|record| record["usn"] == line["offset"]);
        let found: Vec<&Value> = lines.iter().filter(told).collect();
        assert_eq!(found.len(), records.len(), "{name}: {head}");
        let (mut known, mut unknown) = (0, 0);
        for (line, record) in found.iter().zip(&records) {
            assert_eq!(line["offset"], record["usn"], "{name}");
            assert_eq!(line["file_name"], record["name"], "{name}");
            let path = line["path"].as_str().unwrap();
            match line["path_problem"].as_str() {
                None if record["path"].is_array() => {
                    assert_eq!(path, joined(&record["path"]), "{name}: {record}");
                    known += 1;
                }
                None => panic!("{name}: no path is true, and one is told: {line}"),
                Some(_) => {
                    assert!(path.starts_with("/?/"), "{name}: {line}");
                    assert_ne!(record["must"], true, "{name}: known, and not told: {line}: {record}");
                    // What is told of it is true.
                    let rest = path.trim_start_matches("/?");
                    if record["path"].is_array() {
                        assert!(joined(&record["path"]).ends_with(rest), "{name}: {line}: {record}");
                    }
                    unknown += 1;
                }
            }
        }
        println!("{name}: {known} paths known, {unknown} not");
        if name == "hostile" {
            let lies = lines.iter().filter(|line| line["path_problem"].is_string()).count();
            assert!(lies > 1000, "{lies} of the records that lie are said to have no path");
        }
    }
}

#[test]
fn the_timeline_has_the_same_paths_and_knows_what_came_and_went() {
    let directory = tempfile::tempdir().unwrap();
    let image = unpack("history", directory.path());
    let (_, records) = truth("history");
    let rows = run(["usnjrnl_timeline", &image, "--format", "jsonl"]);
    let rows: Vec<Value> = rows.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<&Value> = rows.iter().filter(|row| row["finding"] == "change").collect();
    let mut groups: Vec<(Vec<&Value>, u64)> = Vec::new();
    for record in &records {
        let bits = record["reasons"].as_u64().unwrap();
        match groups.last_mut() {
            Some((group, reasons))
                if ["file", "parent", "name", "ticks"].iter().all(|key| group[0][*key] == record[*key]) =>
            {
                group.push(record);
                *reasons |= bits;
            }
            _ => groups.push((vec![record], bits)),
        }
    }
    assert_eq!(rows.len(), groups.len());
    for (row, (group, reasons)) in rows.iter().zip(&groups) {
        assert_eq!(row["offset"], group[0]["usn"]);
        let has = |name: &str| row["changes"].as_array().unwrap().iter().any(|change| change == name);
        assert_eq!(has("FILE_CREATE"), reasons & 0x100 != 0, "{row}");
        assert_eq!(has("FILE_DELETE"), reasons & 0x200 != 0, "{row}");
        assert_eq!(has("CLOSED"), reasons & 0x8000_0000 != 0, "{row}");
        let file = &group[0]["file"];
        let saw = |bit: u64| {
            records
                .iter()
                .any(|record| &record["file"] == file && record["reasons"].as_u64().unwrap() & bit != 0)
        };
        assert_eq!(row["created_and_deleted"] == true, saw(0x100) && saw(0x200), "{row}");
    }
}

/// Files below a directory by the hash that their names begin with.
fn hashes(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut hashes: Vec<String> = names.map(|name| name.split('_').next().unwrap().to_owned()).collect();
    hashes.sort();
    hashes
}

#[test]
fn created_files_are_extracted_and_deleted_ones_recovered() {
    for name in ["history", "deleted"] {
        let directory = tempfile::tempdir().unwrap();
        let image = unpack(name, directory.path());
        let files: Value = serde_json::from_slice(&zstd(&format!("usn/{name}.files.json.zst"))).unwrap();
        let (created, deleted) = (directory.path().join("created"), directory.path().join("deleted"));
        let printed = run([
            "usnjrnl_timeline",
            &image,
            "--hash",
            "--extract",
            created.to_str().unwrap(),
            "--recover",
            deleted.to_str().unwrap(),
        ]);
        let rows = printed.json();
        let rows = rows.as_array().unwrap();
        let extracted = hashes(&created);
        for kept in files["kept"].as_array().unwrap() {
            let hash = kept["sha1"].as_str().unwrap();
            assert!(extracted.iter().any(|each| each == hash), "{name}: {kept}: {extracted:?}");
        }
        let recovered = hashes(&deleted);
        for gone in files["deleted"].as_array().unwrap() {
            let number = &gone["file"][0];
            let is_deletion = |row: &&Value| {
                &row["file_reference_number"] == number
                    && row["changes"].as_array().unwrap().iter().any(|change| change == "FILE_DELETE")
                    && row["path"]
                        .as_str()
                        .unwrap()
                        .ends_with(gone["path"].as_array().unwrap().last().unwrap().as_str().unwrap())
            };
            let row = rows.iter().rfind(is_deletion).unwrap_or_else(|| panic!("{name}: no row for {gone}"));
            let is_back = recovered.iter().any(|each| each == gone["sha1"].as_str().unwrap());
            match gone["state"].as_str().unwrap() {
                "resident" | "free" => {
                    assert!(is_back, "{name}: {gone}: {row}");
                    assert_eq!(row["recovered"], true, "{row}");
                    assert_eq!(row["hash"], gone["sha1"], "{row}");
                    assert_eq!(row["recovery"]["state"], "complete", "{row}");
                }
                "reused" => assert_eq!(row["recovered"], false, "{row}"),
                "overwritten" => {
                    // Clusters that another file had and freed again look free.
                    assert_ne!(row["hash"], gone["sha1"], "{row}");
                }
                other => panic!("{other}"),
            }
        }
    }
}
