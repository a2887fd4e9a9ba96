//! Published images, most of them damaged on purpose by the tests of e2fsprogs. Skipped where the corpus is not.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use vminspect_bytes::Memory;
use vminspect_filesystem::{FileSystem, exercise};

use crate::fixtures::{corpus, unpacked};

/// An image, unpacked by the tool that its ending names.
fn image(path: &Path) -> Option<Arc<Memory>> {
    let bytes = match path.extension()?.to_str()? {
        "zst" => unpacked(path),
        "gz" => Command::new("gzip").arg("-dc").arg(path).output().ok()?.stdout,
        "xz" => Command::new("xz").arg("-dc").arg(path).output().ok()?.stdout,
        _ => std::fs::read(path).ok()?,
    };
    (!bytes.is_empty()).then(|| Arc::new(Memory::new(bytes)))
}

fn open(relative: &str) -> Option<Arc<dyn FileSystem>> {
    let volume = image(&corpus()?.join("images").join(relative))?;
    Some(vminspect_filesystem::open(volume).expect(relative).expect("ext"))
}

fn names(fs: &dyn FileSystem) -> Vec<String> {
    let entries = fs.entries(fs.root()).expect("a root");
    entries.flatten().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect()
}

#[test]
fn damaged_images_of_e2fsprogs_are_walked() {
    let Some(corpus) = corpus() else { return };
    for entry in std::fs::read_dir(corpus.join("images/e2fsprogs")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Some(volume) = image(&path) else { continue };
        let met = exercise(volume).expect("openable").expect("ext");
        assert!(met.records >= 2 && met.entries >= 1, "{}: {met:?}", path.display());
    }
}

#[test]
fn what_is_wrong_is_told() {
    for (image, told) in [
        ("e2fsprogs/f_holedir-image.gz", "a hole of 1024 bytes"),
        ("e2fsprogs/f_holedir2-image.gz", "a size of whole blocks"),
        ("e2fsprogs/f_htree_leaf_csum-image.gz", "expected checksum 0x8ad19d50, found 0x8bd19d50"),
        ("e2fsprogs/f_ea_inode-image.gz", "a hash that fits its name and value"),
        ("util-linux/ext4.img.xz", "the image may be truncated"),
    ] {
        let Some(fs) = open(image) else { continue };
        let mut problems: Vec<String> = fs.problems().iter().map(ToString::to_string).collect();
        let scan = fs.scan(None, false);
        for unit in &scan.units {
            (scan.visit)(unit, &mut |record| match record {
                Ok(record) => {
                    problems.extend(record.problems.iter().map(ToString::to_string));
                    for entry in fs.entries_of(&record).into_iter().flatten() {
                        problems.extend(entry.err().map(|error| error.to_string()));
                    }
                }
                Err(error) => problems.push(error.to_string()),
            });
        }
        assert!(problems.iter().any(|problem| problem.contains(told)), "{image}: {problems:?}");
    }
}

#[test]
fn identities_and_files_are_what_the_manifest_says() {
    for (image, format, uuid, block_size) in [
        ("util-linux/ext2.img.xz", "ext2", None, 1024),
        ("util-linux/ext3.img.xz", "ext3", None, 1024),
        ("util-linux/ext4.img.xz", "ext4", None, 1024),
        ("go-ext4/tiny.ext4", "ext4", Some("9905d1c3-345a-4deb-82b2-4992f3f546cc"), 1024),
        ("e2fsprogs/f_16384_block-image.gz", "ext2", Some("c6718f47-b65d-46c1-8b4c-b1f67b82829f"), 8192),
    ] {
        let Some(fs) = open(image) else { continue };
        let identity = fs.identity();
        assert_eq!((identity.format, identity.block_size), (format, block_size), "{image}");
        if let Some(uuid) = uuid {
            assert_eq!(identity.uuid.as_deref(), Some(uuid), "{image}");
        }
    }
    if let Some(fs) = open("ext4-view/test_disk_ext2.bin.zst") {
        let names = names(&*fs);
        for expected in ["small_file", "holes", "big_file"] {
            assert!(names.iter().any(|name| name == expected), "{names:?}");
        }
    }
}

#[test]
fn an_external_journal_is_named_as_such() {
    let Some(corpus) = corpus() else { return };
    let Some(volume) = image(&corpus.join("images/util-linux/jbd.img.xz")) else { return };
    let error = exercise(volume).expect_err("no files");
    assert!(error.to_string().contains("journal_dev"), "{error}");
}
