//! The committed hives.

use std::path::PathBuf;

use libdeflater::{DecompressionError, Decompressor};
use serde_json::Value as Json;
use vminspect_artefact::registry::{Hive, Log};
use vminspect_bytes::{Memory, ReadError};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/registry").join(name)
}

/// A file of the fixtures, unpacked.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let packed = std::fs::read(path(&format!("{name}.gz"))).expect(name);
    let mut room = 1 << 20;
    loop {
        let mut bytes = vec![0; room];
        match Decompressor::new().gzip_decompress(&packed, &mut bytes) {
            Ok(length) => {
                bytes.truncate(length);
                return bytes;
            }
            Err(DecompressionError::InsufficientSpace) => room *= 2,
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// Names of the fixtures that begin and end so, without that end.
pub(crate) fn names(start: &str, end: &str) -> Vec<String> {
    let files = std::fs::read_dir(path("")).expect("fixtures");
    let mut names: Vec<String> = files
        .filter_map(|file| file.expect("entry").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(end).map(str::to_owned))
        .filter(|name| name.starts_with(start))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no fixture {start}*{end}");
    names
}

/// A document of the fixtures.
pub(crate) fn json(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(path(name)).expect(name)).expect(name)
}

/// Opens a hive of the fixtures with the logs beside it.
pub(crate) fn open(name: &str) -> Result<Hive, ReadError> {
    let logs: Vec<(String, Memory)> = [".LOG", ".LOG1", ".LOG2"]
        .iter()
        .map(|end| format!("{name}.hive{end}"))
        .filter(|name| path(&format!("{name}.gz")).exists())
        .map(|name| (name.clone(), Memory::new(bytes(&name))))
        .collect();
    let logs: Vec<Log<'_>> = logs.iter().map(|(name, bytes)| Log { name: name.clone(), bytes }).collect();
    Hive::open(&Memory::new(bytes(&format!("{name}.hive"))), &logs)
}
