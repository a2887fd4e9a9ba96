//! Older copies of blocks in the journal.

use super::super::history::{Age, History, history};
use super::*;

fn runs() -> [Run; 1] {
    let length = (JOURNAL_BLOCKS * BLOCK) as u64;
    [Run { start: 0, length, place: Place::Volume((JOURNAL_START * BLOCK) as u64) }]
}

/// What is found in the journal, with the volume.
fn found(builder: &Builder) -> (History, Arc<dyn ReadAt>) {
    let volume = builder.volume();
    let start = (JOURNAL_START * BLOCK) as u64;
    let length = (JOURNAL_BLOCKS * BLOCK) as u64;
    let journal = Window::clamped(Arc::clone(&volume), (start..start + length).into());
    let facts = JournalFacts { block_size: BLOCK as u32, blocks: 64, runs: &runs() };
    (history(&journal, &facts).unwrap(), volume)
}

/// Transactions and last bytes of the sound copies of a block, from the oldest on.
fn copies(builder: &Builder, block: u64) -> Vec<(u32, [u8; 4])> {
    let (history, volume) = found(builder);
    let mut bytes = Vec::new();
    let sound = history.copies(block).iter().filter_map(|copy| {
        history.read(&*volume, copy, &mut bytes).ok()?;
        Some((history.sequence(copy.age), bytes[..4].try_into().unwrap()))
    });
    sound.collect()
}

/// The journal as it is after a clean unmount: nothing to replay, all transactions written to their places.
fn unmounted(mut builder: Builder) -> Builder {
    let next = builder.sequence;
    builder.put(0, 24, next);
    builder.put(0, 28, 0);
    builder.seal_superblock();
    builder
}

const A: [u8; 4] = *b"aaaa";
const B: [u8; 4] = *b"bbbb";
const C: [u8; 4] = *b"cccc";
const MAGIC: [u8; 4] = JBD2_MAGIC_NUMBER.to_be_bytes();

#[test]
fn copies_of_transactions_that_were_written_to_their_places_are_found() {
    for (sums, wide) in
        [(Sums::None, false), (Sums::V1, true), (Sums::V2, true), (Sums::V3, false), (Sums::V3, true)]
    {
        let mut builder = Builder::new(sums, wide, 1);
        builder.descriptor(&[(5, A), (6, B)]);
        builder.commit();
        builder.descriptor(&[(5, C), (7, MAGIC)]);
        builder.commit();
        let builder = unmounted(builder);
        assert_eq!(copies(&builder, 5), [(100, A), (101, C)]);
        assert_eq!(copies(&builder, 6), [(100, B)]);
        // Its magic number was taken out in the log.
        assert_eq!(copies(&builder, 7), [(101, MAGIC)]);
        assert!(builder.replay().segments.is_empty());
        let (history, _) = found(&builder);
        assert_eq!(history.committed(history.copies(6)[0].age).unwrap().seconds(), 51);
    }
}

#[test]
fn what_later_transactions_overwrote_is_left_out() {
    for (sums, expected) in [(Sums::None, &[][..]), (Sums::V3, &[(100, A)])] {
        let mut builder = Builder::new(sums, false, JOURNAL_BLOCKS - 2);
        // A descriptor near the end, whose second block lies at the beginning of the ring.
        builder.descriptor(&[(5, A), (6, A)]);
        builder.commit();
        assert_eq!(copies(&unmounted_clone(&builder), 6), [(100, A)]);
        // The next life of the log begins there. Without checksums, nothing tells that the first was ever committed.
        builder.next = 1;
        builder.descriptor(&[(9, B)]);
        builder.commit();
        let builder = unmounted(builder);
        assert_eq!(copies(&builder, 5), expected);
        assert_eq!(copies(&builder, 6), []);
        assert_eq!(copies(&builder, 9), [(101, B)]);
    }
}

fn unmounted_clone(builder: &Builder) -> Builder {
    unmounted(Builder { blocks: builder.blocks.clone(), ..*builder })
}

#[test]
fn a_transaction_that_was_never_committed_counts_by_its_checksums_alone() {
    for (sums, expected) in [(Sums::None, 0), (Sums::V3, 1)] {
        let mut builder = Builder::new(sums, false, 1);
        builder.descriptor(&[(5, A)]);
        let mut builder = unmounted(builder);
        // It was given up when the filesystem was mounted again.
        builder.put(0, 24, 101);
        builder.seal_superblock();
        assert_eq!(copies(&builder, 5).len(), expected);
    }
}

#[test]
fn what_a_clean_journal_has_not_come_to_yet_is_of_another_life() {
    let mut builder = Builder::new(Sums::None, false, 1);
    builder.descriptor(&[(5, A)]);
    builder.commit();
    let mut builder = unmounted(builder);
    builder.put(0, 24, 100);
    assert_eq!(copies(&builder, 5), []);
}

#[test]
fn a_copy_whose_checksum_does_not_fit_is_not_read() {
    let mut builder = Builder::new(Sums::V3, false, 1);
    let places = builder.descriptor(&[(5, A), (6, B)]);
    builder.commit();
    builder.blocks[places[0]][9] ^= 1;
    let builder = unmounted(builder);
    assert_eq!(copies(&builder, 5), []);
    assert_eq!(copies(&builder, 6), [(100, B)]);
}

#[test]
fn revokes_tell_when_a_block_was_given_up() {
    let mut builder = Builder::new(Sums::None, false, 1);
    builder.descriptor(&[(5, A)]);
    builder.commit();
    builder.revoke(&[5]);
    builder.commit();
    builder.descriptor(&[(5, B)]);
    builder.commit();
    let builder = unmounted(builder);
    let (history, _) = found(&builder);
    let [old, new] = history.copies(5) else { panic!("two copies") };
    assert!(history.was_revoked(5, old.age, new.age));
    assert!(!history.was_revoked(5, new.age, Age::LAST));
    assert!(!history.was_revoked(6, old.age, Age::LAST));
    assert!(!history.was_revoked(5, old.age, old.age.next()));
}

#[test]
fn any_damaged_block_is_survived() {
    let mut builder = Builder::new(Sums::V2, true, 20);
    for round in 0..6 {
        builder.descriptor(&[(round, A), (round + 1, MAGIC), (63, C)]);
        builder.revoke(&[round, 1 << 40]);
        builder.commit();
    }
    let builder = unmounted(builder);
    for block in 1..JOURNAL_BLOCKS {
        for (at, value) in
            [(3, 0), (4, 5), (4, 1), (7, 9), (8, 0xFF), (12, 0xFF), (15, 0xFF), (19, 8), (23, 0xFF)]
        {
            let mut damaged = unmounted_clone(&builder);
            damaged.blocks[block][at] = value;
            for number in 0..64 {
                let _ = copies(&damaged, number);
            }
        }
    }
}
