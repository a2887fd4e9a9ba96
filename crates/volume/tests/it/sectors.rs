//! Reads the `.sectors` files of `fixtures/volume.sh`.

use std::path::{Path, PathBuf};

/// Every fixture, by name. A new one is listed here and tested by all that walks the list.
pub(crate) const NAMES: &[&str] = &[
    "gpt",
    "gpt-4k",
    "gpt-order",
    "gpt-hybrid",
    "gpt-small",
    "gpt-grown",
    "mbr",
    "mbr-4k",
    "mbr-order",
    "mbr-empty",
    "fat",
    "ext-boot",
];

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/volume").join(name)
}

/// The whole disk.
pub(crate) fn disk(name: &str) -> Vec<u8> {
    let path = path(&format!("{name}.sectors"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines();
    let length = lines.next().and_then(|line| line.parse().ok()).expect("the length of the disk");
    let mut disk = vec![0; length];
    for line in lines {
        let (number, digits) = line.split_once(' ').expect("a number and bytes");
        let start = number.parse::<usize>().expect("a number of a sector") * 512;
        for (index, digits) in digits.as_bytes().chunks(2).enumerate() {
            let digits = std::str::from_utf8(digits).expect("text");
            disk[start + index] = u8::from_str_radix(digits, 16).expect("two digits");
        }
    }
    disk
}
