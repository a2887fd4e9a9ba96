//! Registry hives and their logs.

use std::sync::LazyLock;

use vminspect_analysis::registry::{HiveSide, RegistryOptions, compare_hives};
use vminspect_artefact::registry::{Hive, Log, exercise};
use vminspect_bytes::{Memory, Slice};

use crate::seed::Seed;

/// Hives with the logs beside them, and where each log begins.
static SEEDS: LazyLock<Vec<(Seed, Vec<usize>)>> =
    LazyLock::new(|| SETS.iter().map(|parts| Seed::joined(parts)).collect());

const SETS: &[&[&[u8]]] = &[
    &[include_bytes!("../../fixtures/registry/types.hive.gz")],
    &[include_bytes!("../../fixtures/registry/deleted.hive.gz")],
    &[include_bytes!("../../fixtures/registry/after.hive.gz")],
    &[include_bytes!("../../fixtures/registry/version-1.1.hive.gz")],
    &[include_bytes!("../../fixtures/registry/version-1.6.hive.gz")],
    &[
        include_bytes!("../../fixtures/registry/dirty-new.hive.gz"),
        include_bytes!("../../fixtures/registry/dirty-new.hive.LOG1.gz"),
        include_bytes!("../../fixtures/registry/dirty-new.hive.LOG2.gz"),
    ],
    &[
        include_bytes!("../../fixtures/registry/dirty-new-base-block.hive.gz"),
        include_bytes!("../../fixtures/registry/dirty-new-base-block.hive.LOG1.gz"),
        include_bytes!("../../fixtures/registry/dirty-new-base-block.hive.LOG2.gz"),
    ],
    &[
        include_bytes!("../../fixtures/registry/dirty-old.hive.gz"),
        include_bytes!("../../fixtures/registry/dirty-old.hive.LOG.gz"),
    ],
];

/// A damaged hive with damaged logs: everything is read, what is deleted too, and it is compared with itself as it
/// is without the logs. The first byte of the input chooses the hive.
pub fn registry(input: &[u8]) {
    let (choice, patches) = input.split_first().unwrap_or((&0, &[]));
    let (seed, starts) = &SEEDS[usize::from(*choice) % SEEDS.len()];
    let bytes = seed.patched(patches);
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let logs: Vec<Memory> =
        starts.iter().zip(ends).map(|(start, end)| Memory::new(bytes[*start..end].to_vec())).collect();
    let logs: Vec<Log<'_>> = logs.iter().map(|log| Log { name: "log".to_owned(), bytes: log }).collect();
    let primary = Slice(&bytes[..starts.first().copied().unwrap_or(bytes.len())]);
    if let Ok(met) = exercise(&primary, &logs) {
        assert!(met.keys <= bytes.len() / 4, "{met:?}");
    }
    let (Ok(before), Ok(after)) = (Hive::open(&primary, &[]), Hive::open(&primary, &logs)) else { return };
    let side = |hive| HiveSide { hive, image: "hive", place: b"" };
    let options = RegistryOptions { security: true, times: true, no_logs: false };
    let compared = compare_hives(side(&before), side(&after), b"HIVE", options);
    if logs.is_empty() {
        assert!(compared.is_empty(), "a hive differs from itself: {compared:?}");
    }
}
