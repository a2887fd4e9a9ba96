//! Change journals cut short and changed: whatever comes of it, it comes soon and without a panic, and what is not
//! near the damage is read as before. A twentieth of the changes is made unless `VMINSPECT_DAMAGE` is `full`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vminspect_artefact::usn::{Journal, exercise};
use vminspect_bytes::{ReadAt, ReadError, Slice};

use crate::random::Random;

/// Changes of each journal: more than 10,000 in all.
const CHANGES: usize = 500;
/// Far above what any of them takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// A length that was changed hides what follows, at most so many bytes, and then the rest of a record.
const REACH: u64 = 4096 + 1024;

fn is_full() -> bool {
    std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full")
}

fn share(count: usize) -> usize {
    if is_full() { count } else { count / 20 }
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).expect("a zstd frame");
    std::io::Read::read_to_end(&mut decoder, &mut bytes).expect("a whole frame");
    bytes
}

/// The committed journals, right and wrong ones.
fn journals() -> Vec<(String, Vec<u8>)> {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/usn");
    let files = std::fs::read_dir(place).expect("fixtures").map(|file| file.expect("entry").path());
    let mut journals: Vec<(String, Vec<u8>)> = files
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(".J.zst")?.to_owned();
            Some((name, unpack(&std::fs::read(path).expect("fixture"))))
        })
        .collect();
    journals.sort();
    assert!(journals.len() > 20, "{} journals", journals.len());
    journals
}

/// Where records are, and what they say; and how many errors there are.
fn read(bytes: &[u8]) -> (Vec<(u64, String)>, usize) {
    let (mut records, mut errors) = (Vec::new(), 0);
    Journal::new(&Slice(bytes)).visit(|record| {
        match record {
            Ok(record) => records.push((record.offset, format!("{record:?}"))),
            Err(_) => errors += 1,
        }
        ControlFlow::Continue(())
    });
    (records, errors)
}

fn run(what: &str, bytes: &[u8]) {
    let start = Instant::now();
    let met = exercise(&Slice(bytes));
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
    // No byte belongs to two records, and every other one is told at most once.
    assert!(met.records * 60 <= bytes.len() && met.errors * 8 <= bytes.len() + 8, "{what}: {met:?}");
}

/// Changes one place; half the time it is the beginning of a record.
fn change(bytes: &mut [u8], starts: &[u64], random: &mut Random) -> usize {
    let any = random.below(bytes.len());
    let start = starts.get(random.below(starts.len())).and_then(|start| usize::try_from(*start).ok());
    let at = match start {
        Some(start) if random.next().is_multiple_of(2) => start + random.below(76),
        _ => any,
    };
    let mut put = |new: &[u8]| {
        for (to, from) in bytes.iter_mut().skip(at & !3).zip(new) {
            *to = *from;
        }
    };
    match random.below(7) {
        0 => put(&[0; 8]),
        1 => put(&[0xFF; 4]),
        2 => put(&u32::try_from(random.below(8192) & !7).expect("small").to_le_bytes()),
        3 => put(&(random.next() >> 32).to_le_bytes()[..4]),
        4 => put(&[0; 2]),
        5 => put(&[0xFF, 0xFF]),
        _ => {
            let bit = 1 << random.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
    }
    at & !3
}

#[test]
fn changed_journals_lose_only_what_is_near_the_change() {
    for (name, sound) in journals().into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let (records, errors) = read(&sound);
        let starts: Vec<u64> = records.iter().map(|(offset, _)| *offset).collect();
        for seed in 0..share(CHANGES) {
            let what = format!("{name}, change {seed}");
            let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ ((seed as u64 + 1) << 20));
            let mut changed = sound.clone();
            let at = change(&mut changed, &starts, &mut random) as u64;
            run(&what, &changed);
            if errors > 0 {
                continue;
            }
            let (found, _) = read(&changed);
            let next = starts.partition_point(|start| *start <= at);
            let before = starts.get(..next.saturating_sub(1)).expect("records before the change").len();
            assert_eq!(found.get(..before), records.get(..before), "{what}: before the change at {at}");
            let after = |(offset, _): &&(u64, String)| *offset > at + REACH;
            let (left, were) = (found.iter().filter(after), records.iter().filter(after));
            assert!(left.eq(were), "{what}: after the change at {at}");
        }
    }
}

#[test]
fn damage_all_over_a_journal_ends() {
    for (name, sound) in journals().into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for seed in 0..share(CHANGES / 4) {
            let mut random = Random(0xD1B5_4A32_D192_ED03 ^ ((seed as u64 + 1) << 24));
            let mut changed = sound.clone();
            for _ in 0..random.below(200) {
                change(&mut changed, &[], &mut random);
            }
            run(&format!("{name}, many changes {seed}"), &changed);
        }
    }
}

#[test]
fn damage_by_cutting_loses_only_the_last_record() {
    for (name, sound) in journals() {
        let (records, errors) = read(&sound);
        let step = if is_full() { 8 } else { 8 * 20 + 8 };
        for end in (0..sound.len()).step_by(step).chain((1..sound.len()).step_by(step * 7)) {
            let cut = &sound[..end];
            run(&format!("{name}, {end} bytes"), cut);
            if errors == 0 {
                let (found, told) = read(cut);
                let whole = records.iter().filter(|(offset, _)| *offset < end as u64);
                let whole: Vec<_> = whole.take(found.len()).cloned().collect();
                assert_eq!(found, whole, "{name}, {end} bytes");
                let begun = records.iter().filter(|(offset, _)| *offset < end as u64).count();
                assert!(found.len() + 1 >= begun && told <= 1, "{name}, {end} bytes: {told} errors");
                assert!(
                    found.len() == begun || told == 1,
                    "{name}, {end} bytes: a record is lost in silence"
                );
            }
        }
        for start in (0..sound.len()).step_by(step) {
            run(&format!("{name}, from {start}"), &sound[start..]);
        }
    }
}

/// A stream of which nothing can be read.
struct Unreadable(u64);

impl ReadAt for Unreadable {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_exact_at(&self, offset: u64, _: &mut [u8]) -> Result<(), ReadError> {
        Err(ReadError::corrupt("disk").at(offset))
    }
}

#[test]
fn what_cannot_be_read_is_given_up_before_it_takes_forever() {
    for (pages, most) in [(1, 1), (100, 100), (1 << 48, 400)] {
        let mut errors = 0;
        let mut end = 0;
        Journal::new(&Unreadable(pages * 4096)).visit(|record| {
            end = record.expect_err("nothing is readable").offset().expect("a place");
            errors += 1;
            ControlFlow::Continue(())
        });
        assert!(errors >= 1 && errors <= most, "{errors} of {pages}");
        assert!(end < pages * 4096);
    }
}
