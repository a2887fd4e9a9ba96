use std::fs;
use std::path::{Path, PathBuf};

use vminspect_image::{Disk, OpenOptions};

use crate::fixtures::sha256;

/// The collection of real images: `VMINSPECT_CORPUS`, or beside the repository.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = std::env::var_os("VMINSPECT_CORPUS").map_or_else(beside, PathBuf::from);
    path.join("MANIFEST.tsv").exists().then_some(path)
}

/// The number and the hash in `raw N bytes sha256 HASH`.
fn facts(line: &str) -> Option<(u64, &str)> {
    let rest = line.split(" raw ").nth(1)?;
    let words: Vec<&str> = rest.split_whitespace().take(4).collect();
    Some((words.first()?.parse().ok()?, words.get(3)?))
}

#[test]
fn qcow2_images_of_the_corpus() {
    let Some(corpus) = corpus() else { return };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let mut seen = 0;
    for line in manifest.lines().filter(|line| line.split('\t').next().unwrap().ends_with(".qcow2")) {
        let path = corpus.join(line.split('\t').next().unwrap());
        let disk = Disk::open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(disk.info().format, "qcow2", "{}", path.display());
        let (size, hash) = facts(line).unwrap();
        assert_eq!(disk.bytes().len(), size, "{}", path.display());
        assert!(disk.problems().is_empty(), "{}: {:?}", path.display(), disk.problems());
        if hash.len() == 64 {
            assert_eq!(sha256(disk.bytes()), hash, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0);
}
