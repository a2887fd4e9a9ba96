//! Every combination of features that qemu-img makes, compared with what it converts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use vminspect_bytes::ReadAt;
use vminspect_image::{Disk, OpenOptions};

use crate::fixtures;
use crate::seeded::Seeded;

/// 1959 sectors: no multiple of a cluster size.
const SIZE: usize = 1959 * 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Payload {
    Plain,
    Zlib,
    Zstd,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parent {
    None,
    Raw,
    Qcow2,
    Three,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    version: &'static str,
    cluster: &'static str,
    payload: Payload,
    extended: bool,
    /// No data file, a data file, a raw data file.
    data_file: u8,
    parent: Parent,
    snapshots: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in ["v2", "v3"] {
        for cluster in ["512", "4k", "16k", "64k", "2M"] {
            for payload in [Payload::Plain, Payload::Zlib, Payload::Zstd] {
                for extended in [false, true] {
                    for data_file in 0..3 {
                        for parent in [Parent::None, Parent::Raw, Parent::Qcow2, Parent::Three] {
                            for snapshots in [false, true] {
                                cases.push(Case {
                                    version,
                                    cluster,
                                    payload,
                                    extended,
                                    data_file,
                                    parent,
                                    snapshots,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    cases
}

fn run(program: &str, directory: &Path, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

impl Case {
    fn options(&self) -> String {
        let mut options = format!("compat={},cluster_size={}", self.version, self.cluster);
        if self.payload == Payload::Zstd {
            options += ",compression_type=zstd";
        }
        if self.extended {
            options += ",extended_l2=on";
        }
        if self.data_file > 0 {
            options += ",data_file=image.data";
        }
        if self.data_file == 2 {
            options += ",data_file_raw=on";
        }
        options
    }

    /// Makes the image; false where qemu-img refuses the combination.
    fn make(&self, directory: &Path, seed: u64) -> bool {
        let mut random = Seeded(seed);
        write_content(&directory.join("base.raw"), &mut random);
        let parent = match self.parent {
            Parent::None => None,
            Parent::Raw => Some(("base.raw", "raw")),
            Parent::Qcow2 => {
                let made =
                    run("qemu-img", directory, &["convert", "-c", "-O", "qcow2", "base.raw", "middle.qcow2"]);
                assert!(made);
                Some(("middle.qcow2", "qcow2"))
            }
            Parent::Three => {
                // The middle one is shorter than both the others.
                let options =
                    ["create", "-f", "qcow2", "-o", "cluster_size=4k", "-b", "base.raw", "-F", "raw"];
                assert!(run("qemu-img", directory, &[&options[..], &["middle.qcow2", "700k"]].concat()));
                assert!(io(directory, "middle.qcow2", &writes(&mut random, 700 << 10, 5)));
                Some(("middle.qcow2", "qcow2"))
            }
        };
        let options = self.options();
        let size = SIZE.to_string();
        let mut create = vec!["create", "-f", "qcow2", "-o", &options];
        if let Some((name, format)) = parent {
            create.extend(["-b", name, "-F", format]);
        }
        create.extend(["image.qcow2", &size]);
        if !run("qemu-img", directory, &create) {
            return false;
        }
        if self.payload != Payload::Plain && !self.write_compressed(directory, &mut random) {
            return false;
        }
        // Some plain, zero and discarded ranges over what there is.
        if !io(directory, "image.qcow2", &writes(&mut random, SIZE as u64, 12)) {
            return false;
        }
        if !self.snapshots {
            return true;
        }
        let snapshot = |name: &str| run("qemu-img", directory, &["snapshot", "-c", name, "image.qcow2"]);
        snapshot("one")
            && io(directory, "image.qcow2", &writes(&mut random, SIZE as u64, 6))
            && snapshot("two")
            && io(directory, "image.qcow2", &writes(&mut random, SIZE as u64, 6))
            // A version 2 image with snapshots cannot be resized.
            && (self.version == "v2" || run("qemu-img", directory, &["resize", "image.qcow2", "1300k"]))
    }

    /// Fills half of the clusters with compressed data.
    fn write_compressed(&self, directory: &Path, random: &mut Seeded) -> bool {
        let bytes = match self.cluster {
            "512" => 512,
            "4k" => 4 << 10,
            "16k" => 16 << 10,
            "64k" => 64 << 10,
            _ => 2u64 << 20,
        };
        let mut commands = Vec::new();
        let mut at = 0;
        while at < SIZE as u64 && commands.len() < 150 {
            let length = bytes.min(SIZE as u64 - at);
            // From a file, so that the content is more than one repeated byte.
            if random.below(2) == 0 || length < bytes || bytes > 1 << 20 {
                commands.push(format!("write -c -s base.raw {at} {length}"));
            }
            at += if bytes < 16 << 10 { bytes * random.below(12).max(1) } else { bytes };
        }
        io(directory, "image.qcow2", &commands)
    }
}

fn write_content(path: &Path, random: &mut Seeded) {
    let mut content = Vec::new();
    while content.len() < SIZE {
        match random.below(3) {
            0 => content.extend((0..random.below(9000)).flat_map(|_| random.next().to_le_bytes())),
            1 => content.resize(content.len() + random.below(90_000) as usize, 0),
            _ => (0..random.below(3000)).for_each(|n| content.extend(format!("line {n} of text\n").bytes())),
        }
    }
    content.truncate(SIZE);
    fs::write(path, content).unwrap();
}

fn writes(random: &mut Seeded, size: u64, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| {
            let at = random.below(size / 512 - 1) * 512;
            let length = ((random.below(200) + 1) * 512).min(size - at);
            match random.below(6) {
                0 => format!("write -z {at} {length}"),
                1 => format!("write -zu {at} {length}"),
                2 => format!("discard {at} {length}"),
                _ => format!("write -P {} {at} {length}", random.below(255) + 1),
            }
        })
        .collect()
}

fn io(directory: &Path, image: &str, commands: &[String]) -> bool {
    let mut arguments = vec!["-f", "qcow2"];
    for command in commands {
        arguments.extend(["-c", command]);
    }
    arguments.push(image);
    run("qemu-io", directory, &arguments)
}

/// The SHA-256 of the first `length` bytes.
fn hash_file(path: &Path, length: u64) -> String {
    let bytes = fs::read(path).unwrap();
    hex::encode(Sha256::digest(&bytes[..length as usize]))
}

fn compare(directory: &Path, snapshot: Option<(&str, &str)>) -> u64 {
    let converted: PathBuf = directory.join("converted.raw");
    let mut arguments = vec!["convert", "-f", "qcow2", "-O", "raw"];
    if let Some((id, _)) = snapshot {
        arguments.extend(["-l", id]);
    }
    assert!(run("qemu-img", directory, &[&arguments[..], &["image.qcow2", "converted.raw"]].concat()));
    let location = match snapshot {
        None => "image.qcow2".to_owned(),
        Some((_, name)) => format!("image.qcow2#{name}"),
    };
    let disk = Disk::open(&directory.join(&location), &OpenOptions::default()).unwrap();
    assert!(disk.problems().is_empty(), "{:?}", disk.problems());
    let length = disk.bytes().len();
    let expected = if snapshot.is_some() { SIZE as u64 } else { fs::metadata(&converted).unwrap().len() };
    assert_eq!(length, expected);
    assert_eq!(fixtures::sha256(disk.bytes()), hash_file(&converted, length), "{location}");
    length
}

#[test]
#[ignore = "needs qemu-img and qemu-io, and takes minutes"]
fn every_combination_equals_qemu_img() {
    let (mut made, mut refused, mut disks, mut bytes) = (0, 0, 0, 0);
    for (number, case) in cases().iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        if !case.make(directory.path(), number as u64) {
            refused += 1;
            continue;
        }
        made += 1;
        let snapshots: &[Option<(&str, &str)>] =
            if case.snapshots { &[None, Some(("1", "one")), Some(("2", "2"))] } else { &[None] };
        for snapshot in snapshots {
            println!("{case:?} {snapshot:?}");
            bytes += compare(directory.path(), *snapshot);
            disks += 1;
        }
    }
    println!(
        "{made} images made, {refused} combinations refused by qemu-img, {disks} disks of {bytes} bytes equal"
    );
    assert!(made > 300, "{made}");
}
