//! Replays the corpus of every fuzz target, and its undamaged seeds.

use std::fs;
use std::path::{Path, PathBuf};

use vminspect_fuzz::TARGETS;

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_corpus_is_replayed() {
    for target in TARGETS {
        let inputs = names(&directory("corpus").join(target.name));
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for input in inputs {
            println!("{}", input.display());
            (target.run)(&fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_seed_is_read_undamaged() {
    for target in TARGETS {
        (target.run)(&[]);
        for seed in 0..8 {
            (target.run)(&[seed]);
        }
    }
}

#[test]
fn every_target_has_a_program_and_every_corpus_a_target() {
    let listed: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let stems = |path: &Path| {
        let stems = names(path).into_iter().filter(|path| path.extension().is_none_or(|end| end == "rs"));
        stems
            .map(|path| path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(stems(&directory("fuzz_targets")), listed);
    assert_eq!(stems(&directory("corpus")), listed);
}

/// Damage that follows from a number, so that it is the same on every machine: small changes to each seed.
#[test]
fn damage_that_a_number_describes() {
    let rounds =
        if std::env::var("VMINSPECT_DAMAGE").is_ok_and(|extent| extent == "full") { 20_000 } else { 200 };
    for target in TARGETS {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..rounds {
            let mut input = vec![0; 32];
            for byte in &mut input {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *byte = state.to_le_bytes()[3];
            }
            (target.run)(&input);
        }
    }
}
