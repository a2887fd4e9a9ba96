//! Deleted files of the base cases of deleted-file recovery, against what was written: `fixtures/dfr.sh` makes them.

use std::path::Path;

use serde_json::Value;
use vminspect_analysis::extract::{Destination, Extracted, recover_deleted};
use vminspect_analysis::{Silent, list};

use super::{fixture, guest, options};

const SECTOR: usize = 512;

/// The images, by name.
fn images() -> Vec<String> {
    let directory = std::fs::read_dir(fixture("dfr")).unwrap();
    let names = directory.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
    names.sort();
    names
}

fn unpack(name: &str, into: &Path) {
    let packed = std::fs::File::open(fixture(&format!("dfr/{name}.img.zst"))).unwrap();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
    std::io::copy(&mut decoder, &mut std::fs::File::create(into).unwrap()).unwrap();
}

/// The sectors of a file as it was written: each holds the file's tag and its own number.
fn sectors(tag: &str, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in 0..size.div_ceil(SECTOR) {
        let mut sector = format!("{tag}:{index:08}|").into_bytes();
        sector.resize(SECTOR, b'.');
        bytes.extend(sector);
    }
    bytes.truncate(size);
    bytes
}

/// Sectors that are the file's own at their place, and sectors that hold something else.
fn compare(original: &[u8], found: &[u8]) -> (usize, usize) {
    let (mut own, mut foreign) = (0, 0);
    for (index, sector) in original.chunks(SECTOR).enumerate() {
        let there = found.get(index * SECTOR..).unwrap_or_default();
        let there = &there[..there.len().min(sector.len())];
        if there == sector {
            own += 1;
        } else if there.iter().any(|byte| *byte != 0) {
            foreign += 1;
        }
    }
    (own, foreign)
}

fn recovered(image: &Path, into: &Path) -> Vec<Extracted> {
    let mut all = Vec::new();
    let into = Destination::open(into).unwrap();
    recover_deleted(&guest(image), &options(), &into, &Silent, &mut |extracted| {
        all.push(extracted);
        Ok(())
    })
    .unwrap();
    all
}

/// What is recovered of a file, as a line.
fn line(truth: &Value, all: &[Extracted], directory: &Path) -> String {
    let text = |key: &str| truth[key].as_str().unwrap();
    let (path, size) = (text("path"), usize::try_from(truth["size"].as_u64().unwrap()).unwrap());
    let original = sectors(text("tag"), size);
    let total = size.div_ceil(SECTOR);
    let read = |extracted: &Extracted| std::fs::read(directory.join(extracted.file.as_ref()?)).ok();
    // FAT loses the first character of a short name.
    let same = |found: &[u8]| {
        let (head, name) = path.rsplit_once('/').unwrap();
        found == path.as_bytes() || found == format!("{head}/_{}", &name[1..]).as_bytes()
    };
    let best = all.iter().filter(|each| same(&each.path.bytes)).filter_map(|each| {
        let (own, foreign) = compare(&original, &read(each)?);
        Some((own, foreign, each))
    });
    let Some((own, foreign, extracted)) = best.max_by_key(|(own, ..)| *own) else {
        return format!("{path}: nothing");
    };
    let remains = extracted.remains.unwrap();
    let from = remains.whereabouts.journal().map_or_else(
        || remains.whereabouts.as_str().to_owned(),
        |copy| format!("transaction {}", copy.transaction),
    );
    let is_said = remains.verdict() != "complete" || remains.whereabouts.as_str() == "guess";
    assert!(foreign == 0 || is_said, "{path}: sectors of another file without a word");
    if text("tag") != "SPARSE" {
        assert_eq!(remains.size as usize, size, "{path}");
        if own == total && extracted.problem.is_none() {
            let digest = extracted.digests.as_ref().unwrap().first().unwrap().to_hex();
            assert_eq!(digest, text("sha256"), "{path}");
        }
    }
    format!("{path}: {} from {from}, {own} of {total} sectors, {foreign} others", remains.verdict())
}

#[test]
fn deleted_files_are_recovered_as_they_were() {
    let mut lines = Vec::new();
    for name in images() {
        let work = tempfile::tempdir().unwrap();
        let (image, into) = (work.path().join("image"), work.path().join("into"));
        unpack(&name, &image);
        std::fs::create_dir(&into).unwrap();
        let truth = std::fs::read(fixture(&format!("dfr/{name}.json"))).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let all = recovered(&image, &into);
        for file in truth["deleted"].as_array().unwrap() {
            lines.push(format!("{name} {}", line(file, &all, &into)));
        }
        check_active(&name, &image, &truth);
    }
    assert!(lines.len() > 50, "{} files", lines.len());
    let found = lines.join("\n") + "\n";
    let golden = fixture("dfr/recovered.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    similar(&std::fs::read_to_string(golden).unwrap(), &found);
}

fn similar(expected: &str, found: &str) {
    for (expected, found) in expected.lines().zip(found.lines()) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.lines().count(), found.lines().count());
}

/// Active files have the content that they were given.
fn check_active(name: &str, image: &Path, truth: &Value) {
    let mut listed = std::collections::BTreeMap::new();
    list(&guest(image), &options(), &Silent, &mut |facts| {
        let digest = facts.digests.map(|digests| digests.first().unwrap().to_hex());
        listed.insert(String::from_utf8(facts.path.bytes).unwrap(), digest);
        Ok(())
    })
    .unwrap();
    for (path, file) in truth["alive"].as_object().unwrap() {
        let expected = file["sha256"].as_str().map(str::to_owned);
        assert_eq!(listed.get(path), Some(&expected), "{name} {path}");
    }
}
