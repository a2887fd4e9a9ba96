//! Event logs cut short and changed: whatever comes of it, it comes soon and without a panic, in the decoder neither.
//! A twentieth of the changes is made unless `VMINSPECT_DAMAGE` is `full`.

use std::time::{Duration, Instant};

use vminspect_artefact::evtx::exercise;
use vminspect_bytes::Slice;

use crate::evtx_evidence;
use crate::random::Random;

const DAMAGED: &[&str] = &["types", "wrapped", "dirty", "damaged", "hostile-doubling"];
/// Changes of each: more than 10,000 in all.
const CHANGES: usize = 2_400;
/// Truncations of each file besides those at every 512 bytes.
const CUTS: usize = 200;
/// Far above what any of them takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Text of one chunk, twice, is 64 MiB at most each time.
const MOST_TEXT: usize = 128 << 20;

fn share(count: usize) -> usize {
    let full = std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full");
    if full { count } else { count / 20 }
}

fn run(what: &str, log: &[u8]) {
    let start = Instant::now();
    let met = exercise(&Slice(log));
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
    if let Ok(met) = met {
        let chunks = log.len() / 65_536 + 1;
        assert!(met.text <= chunks * MOST_TEXT && met.panics == 0, "{what}: {met:?}");
        assert!(met.records + met.recovered <= log.len() / 28, "{what}: {met:?}");
    }
}

/// Where something is: most of a log is empty.
fn used(log: &[u8]) -> Vec<usize> {
    (0..log.len()).step_by(8).filter(|at| log[*at..].iter().take(8).any(|byte| *byte != 0)).collect()
}

fn change(log: &mut [u8], places: &[usize], random: &mut Random) {
    let at = places[random.below(places.len())] + random.below(8);
    let word = at & !3;
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in log.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    match random.below(8) {
        0 => put(at, &[0]),
        1 => put(at, &[0xFF]),
        2 => put(word, &[0; 4]),
        3 => put(word, &[0xFF; 4]),
        4 => put(word, &[1, 0, 0, 0]),
        5 => put(word, &u32::try_from(random.below(65_537)).expect("small").to_le_bytes()),
        // A token of binary XML, or a type.
        6 => put(at, &[u8::try_from(random.below(0x48)).expect("small")]),
        _ => {
            let bit = 1 << random.below(8);
            if let Some(byte) = log.get_mut(at) {
                *byte ^= bit;
            }
        }
    }
}

#[test]
fn changed_logs_end_without_a_panic() {
    for name in DAMAGED {
        let sound = evtx_evidence::bytes(name);
        let places = used(&sound);
        for seed in 0..share(CHANGES) {
            let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ ((seed as u64 + 1) << 20));
            let mut changed = sound.clone();
            for _ in 0..=random.below(4) {
                change(&mut changed, &places, &mut random);
            }
            run(&format!("{name} changed by seed {seed}"), &changed);
        }
    }
}

#[test]
fn logs_cut_short_end_without_a_panic() {
    for name in DAMAGED {
        let sound = evtx_evidence::bytes(name);
        let mut random = Random(77);
        let every = (0..sound.len()).step_by(512 * 20 / share(20).max(1));
        let cuts: Vec<usize> = every.chain((0..share(CUTS)).map(|_| random.below(sound.len()))).collect();
        for length in cuts {
            run(&format!("{name} cut at {length}"), &sound[..length]);
        }
    }
}
