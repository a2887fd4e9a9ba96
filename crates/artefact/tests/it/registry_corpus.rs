//! Published hives, with what hivex finds in them and with their logs replayed. Skipped where the corpus is not.

use std::path::{Path, PathBuf};
use std::process::Command;

use vminspect_artefact::registry::{Hive, Log, Remains, Walk};
use vminspect_bytes::Memory;

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = std::env::var_os("VMINSPECT_CORPUS").map_or(beside, PathBuf::from);
    path.is_dir().then_some(path)
}

/// A file of the corpus, unpacked by `xz` where its name says so.
fn bytes(path: &Path) -> Vec<u8> {
    if path.extension().is_some_and(|extension| extension == "xz") {
        let output = Command::new("xz").arg("-dc").arg(path).output().expect("xz, from the package xz-utils");
        return output.stdout;
    }
    std::fs::read(path).expect("a file of the corpus")
}

/// Keys and values of a hive, the root included.
fn counted(hive: &Hive) -> (usize, usize) {
    let (mut keys, mut values) = (0, 0);
    let mut walk = Walk::new(hive);
    while let Some(step) = walk.step() {
        keys += 1;
        values += step.values.len();
    }
    (keys, values)
}

/// `N` of `… N keys incl. root, M values …`.
fn numbers(line: &str) -> Option<(usize, usize)> {
    let (before, after) = line.split_once(" keys incl. root, ")?;
    let keys = before.rsplit(' ').next()?.parse().ok()?;
    let values = after.split(' ').next()?.parse().ok()?;
    Some((keys, values))
}

/// Without their logs, all hives have as many keys and values as hivex finds.
#[test]
fn hives_have_the_keys_and_values_that_hivex_finds() {
    let Some(corpus) = corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("MANIFEST.tsv")).expect("a manifest");
    let mut count = 0;
    for line in manifest.lines().filter(|line| line.starts_with("registry/")) {
        let name = line.split('\t').next().expect("a name");
        let Some(expected) = numbers(line) else { continue };
        let hive = Hive::open(&Memory::new(bytes(&corpus.join(name))), &[]).expect(name);
        assert_eq!(counted(&hive), expected, "{name}");
        // Whatever is found of what was deleted, it is found without a panic and soon.
        let _ = Remains::of(&hive);
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

type Logged = (&'static str, &'static [&'static str], (usize, usize), u32);

/// Hives, their logs, and the keys and values that the logs lead to: what an independent replay, by the
/// specification, leads to (`fixtures/registry_replay.py`).
const LOGGED: &[Logged] = &[
    ("regipy/SYSTEM_B.xz", &["regipy/SYSTEM_B.LOG1.xz", "regipy/SYSTEM_B.LOG2.xz"], (35_595, 78_901), 315),
    (
        "regipy/UsrClass.dat.xz",
        &["regipy/UsrClass.dat.LOG1.xz", "regipy/UsrClass.dat.LOG2.xz"],
        (6_238, 12_531),
        158,
    ),
    (
        "regipy/transactions_NTUSER.DAT.xz",
        &["regipy/transactions_ntuser.dat.log1.xz", "regipy/transactions_ntuser.dat.log2.xz"],
        (3_105, 4_695),
        132,
    ),
    (
        "museum-amcache/Win10/APTSimulatorVM/Amcache.hve",
        &[
            "museum-amcache/Win10/APTSimulatorVM/Amcache.hve.LOG1",
            "museum-amcache/Win10/APTSimulatorVM/Amcache.hve.LOG2",
        ],
        (471, 10_961),
        22,
    ),
    (
        "museum-amcache/Win10/RathbunVM/Amcache.hve",
        &[
            "museum-amcache/Win10/RathbunVM/Amcache.hve.LOG1",
            "museum-amcache/Win10/RathbunVM/Amcache.hve.LOG2",
        ],
        (972, 18_956),
        60,
    ),
];

/// Logs lead to the same whichever is named first.
#[test]
fn logs_of_real_hives_are_replayed_in_the_order_of_their_entries() {
    let Some(corpus) = corpus() else { return };
    let corpus = corpus.join("registry");
    for (name, logs, expected, pages) in LOGGED {
        let primary = Memory::new(bytes(&corpus.join(name)));
        let files: Vec<Memory> = logs.iter().map(|log| Memory::new(bytes(&corpus.join(log)))).collect();
        let mut logs: Vec<Log<'_>> =
            files.iter().map(|file| Log { name: "log".to_owned(), bytes: file }).collect();
        for _ in 0..2 {
            let hive = Hive::open(&primary, &logs).expect(name);
            assert_eq!(counted(&hive), *expected, "{name}: {:?}", hive.replay());
            let replayed = hive.replay().logs.iter().map(|(_, outcome)| outcome.pages()).sum::<u32>();
            assert_eq!(replayed, *pages, "{name}");
            assert!(hive.problems().is_empty(), "{name}: {:?}", hive.problems());
            logs.reverse();
        }
    }
}

/// A hive of a real machine with pages of zeros: hivex refuses it, what is left is read.
#[test]
fn a_hive_with_lost_pages_is_read() {
    let Some(corpus) = corpus() else { return };
    let file = corpus.join("registry/regipy/corrupted_system_hive.xz");
    let hive = Hive::open(&Memory::new(bytes(&file)), &[]).expect("a hive");
    assert!(counted(&hive).0 > 1_000);
    assert!(hive.problems().iter().any(|problem| problem.to_string().contains("hive bin")));
}
