//! Hives and logs cut short and changed: whatever comes of it, it comes soon and without a panic. A twentieth of
//! the changes is made unless `VMINSPECT_DAMAGE` is `full`.

use std::time::{Duration, Instant};

use vminspect_artefact::registry::{Log, exercise};
use vminspect_bytes::{Memory, Slice};

use crate::evidence;
use crate::random::Random;

/// Of every structure, with what is deleted, and with logs of both kinds.
const DAMAGED: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("after", &[]),
    ("deleted", &[]),
    ("version-1.1", &[]),
    ("version-1.6", &[]),
    ("dirty-new", &[".LOG1", ".LOG2"]),
    ("dirty-new-base-block", &[".LOG1", ".LOG2"]),
    ("dirty-old", &[".LOG"]),
    ("dirty-old-base-block", &[".LOG"]),
];
/// Changes of each: more than 10,000 in all.
const CHANGES: usize = 1_200;
/// Truncations of each file besides those at every 512 bytes.
const CUTS: usize = 120;
/// Far above what any of them takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A hive and its logs.
fn files((name, logs): (&str, &[&str])) -> Vec<Vec<u8>> {
    let ends = std::iter::once(&"").chain(logs);
    ends.map(|end| evidence::bytes(&format!("{name}.hive{end}"))).collect()
}

fn share(count: usize) -> usize {
    let full = std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full");
    if full { count } else { count / 20 }
}

fn run(what: &str, files: &[Vec<u8>]) {
    let start = Instant::now();
    let (primary, logs) = files.split_first().expect("a hive");
    let size: usize = files.iter().map(Vec::len).sum();
    let logs: Vec<Memory> = logs.iter().map(|log| Memory::new(log.clone())).collect();
    let logs: Vec<Log<'_>> = logs.iter().map(|log| Log { name: "log".to_owned(), bytes: log }).collect();
    let met = exercise(&Slice(primary), &logs);
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
    if let Ok(met) = met {
        // Logs may add empty bins; nothing may be read more often than it is there.
        assert!(met.data <= 2 * (size + (16 << 20)) && met.keys <= size / 4, "{what}: {met:?}");
    }
}

/// Changes one place: half of them near the beginning, where the base block is, or in a structure.
fn change(file: &mut [u8], random: &mut Random) {
    let among = if random.next().is_multiple_of(4) { file.len().min(4200) } else { file.len() };
    let at = random.below(among);
    let word = at & !3;
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in file.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    match random.below(7) {
        0 => put(at, &[0]),
        1 => put(at, &[0xFF]),
        2 => put(word, &[0; 4]),
        3 => put(word, &[0xFF; 4]),
        4 => put(word, &[1, 0, 0, 0]),
        5 => put(word, &u32::try_from(random.below(20_000) & !7).expect("small").to_le_bytes()),
        _ => {
            let bit = 1 << random.below(8);
            if let Some(byte) = file.get_mut(at) {
                *byte ^= bit;
            }
        }
    }
}

/// The checksum of a base block, so that changes behind it are looked at.
fn mend(file: &mut [u8]) {
    let Some(sector) = file.first_chunk_mut::<512>() else { return };
    let words = sector[..508].chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("a word")));
    let sum = match words.fold(0, |sum, word| sum ^ word) {
        u32::MAX => u32::MAX - 1,
        0 => 1,
        sum => sum,
    };
    sector[508..].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn changed_hives_end_without_a_panic() {
    for damaged in DAMAGED {
        let sound = files(*damaged);
        for seed in 0..share(CHANGES) {
            let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ ((seed as u64 + 1) << 20));
            let mut changed = sound.clone();
            for _ in 0..=random.below(3) {
                let file = random.below(changed.len());
                change(&mut changed[file], &mut random);
                if random.next().is_multiple_of(2) {
                    mend(&mut changed[file]);
                }
            }
            run(&format!("{} changed by seed {seed}", damaged.0), &changed);
        }
    }
}

#[test]
fn hives_cut_short_end_without_a_panic() {
    for damaged in DAMAGED {
        let sound = files(*damaged);
        let mut random = Random(77);
        for file in 0..sound.len() {
            let every = (0..sound[file].len()).step_by(512 * 20 / share(20).max(1));
            let cuts: Vec<usize> =
                every.chain((0..share(CUTS)).map(|_| random.below(sound[file].len()))).collect();
            for length in cuts {
                let mut cut = sound.clone();
                cut[file].truncate(length);
                run(&format!("{} with file {file} cut at {length}", damaged.0), &cut);
            }
        }
    }
}
