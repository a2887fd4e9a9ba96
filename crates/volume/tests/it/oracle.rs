//! Random tables made by sfdisk, read by sfdisk and by us.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use vminspect_bytes::Memory;
use vminspect_volume::VolumeTable;

use crate::sfdisk::{ours, theirs};

const TABLES: u32 = 300;

fn sfdisk(disk: &Path, script: &str) -> bool {
    let mut child = Command::new("sfdisk")
        .env("LC_ALL", "C.UTF-8")
        .args(["-q", "--no-reread", "--no-tell-kernel", "--wipe=never"])
        .arg(disk)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sfdisk");
    child.stdin.take().expect("its input").write_all(script.as_bytes()).expect("written");
    child.wait().expect("its end").success()
}

fn json(disk: &Path) -> String {
    let output =
        Command::new("sfdisk").env("LC_ALL", "C.UTF-8").arg("-J").arg(disk).output().expect("sfdisk");
    String::from_utf8(output.stdout).expect("text")
}

/// A script for a disk of 64 MiB: up to 20 partitions of random sizes and types, with random gaps.
fn script(seed: u32) -> String {
    let mut state = u64::from(seed) + 1;
    let mut random = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let is_gpt = seed.is_multiple_of(2);
    let mut script = String::from(if is_gpt { "label: gpt\n" } else { "label: dos\n" });
    let count = random(20);
    let primaries = random(4);
    let mut start = 2048;
    for index in 0..count {
        start += random(3) * 100 + 64;
        let size = 100 + random(4000);
        if is_gpt {
            script += &format!("start={start}, size={size}, name=\"part {index} é\"\n");
        } else if index == primaries && count > 4 {
            script += &format!(
                "start={start}, size={}, type={}\n",
                131_000 - start,
                ["5", "f", "85"][(seed % 3) as usize]
            );
        } else if index < primaries || count > 4 {
            let kind = ["83", "82", "7", "c", "8e", "fd", "ef"][(random(7)) as usize];
            script += &format!("start={start}, size={size}, type={kind}\n");
        } else {
            break;
        }
        if is_gpt || index != primaries {
            start += size;
        }
    }
    script
}

#[test]
#[ignore = "needs sfdisk"]
fn random_tables() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = directory.path().join("disk");
    let (mut compared, mut partitions) = (0, 0);
    for seed in 0..TABLES {
        std::fs::File::create(&disk).and_then(|file| file.set_len(64 << 20)).expect("a disk");
        if !sfdisk(&disk, &script(seed)) {
            continue;
        }
        let bytes = std::fs::read(&disk).expect("the disk");
        let table = VolumeTable::read(Arc::new(Memory::new(bytes))).expect("a table");
        assert_eq!(ours(&table), theirs(&json(&disk)), "{}", script(seed));
        assert!(table.problems.is_empty(), "{:?}", table.problems);
        compared += 1;
        partitions += table.volumes.len();
    }
    println!("{compared} tables, {partitions} partitions");
    assert!(compared > TABLES / 2);
}
