use std::sync::Arc;

use vminspect_bytes::{Family, Mapped, Memory, ReadAt, ReadAtExt, Source, Window};

use super::checksum::{TransactionCrc, crc32c};
use super::layout::*;
use super::{JournalFacts, Replay, replay};
use crate::{Error, Place, Run};

const BLOCK: usize = 1024;
const JOURNAL_BLOCKS: usize = 32;
/// The journal begins here on the volume, and is all that lies behind.
const JOURNAL_START: usize = 64;

#[derive(Clone, Copy, PartialEq)]
enum Sums {
    None,
    V1,
    V2,
    V3,
}

/// Writes a journal as jbd2 does.
struct Builder {
    blocks: Vec<Vec<u8>>,
    sums: Sums,
    wide: bool,
    sequence: u32,
    next: usize,
    crc: TransactionCrc,
    time: u64,
}

const UUID: [u8; 16] = [7; 16];

impl Builder {
    fn new(sums: Sums, wide: bool, start: usize) -> Self {
        let blocks = vec![vec![0; BLOCK]; JOURNAL_BLOCKS];
        Self { blocks, sums, wide, sequence: 100, next: start, crc: TransactionCrc::new(), time: 50 }
            .with_superblock(start)
    }

    fn with_superblock(mut self, start: usize) -> Self {
        let mut incompat = JBD2_FEATURE_INCOMPAT_REVOKE;
        if self.wide {
            incompat |= JBD2_FEATURE_INCOMPAT_64BIT;
        }
        match self.sums {
            Sums::V2 => incompat |= JBD2_FEATURE_INCOMPAT_CSUM_V2,
            Sums::V3 => incompat |= JBD2_FEATURE_INCOMPAT_CSUM_V3,
            Sums::None | Sums::V1 => {}
        }
        let compat = u32::from(self.sums == Sums::V1);
        let words = [
            JBD2_MAGIC_NUMBER,
            4,
            0,
            BLOCK as u32,
            JOURNAL_BLOCKS as u32,
            1,
            100,
            start as u32,
            0,
            compat,
            incompat,
        ];
        for (index, word) in words.into_iter().enumerate() {
            self.put(0, index * 4, word);
        }
        self.blocks[0][48..64].copy_from_slice(&UUID);
        self.blocks[0][80] = JBD2_CRC32C_CHKSUM;
        self.seal_superblock();
        self
    }

    fn seal_superblock(&mut self) {
        self.put(0, SUPERBLOCK_CHECKSUM, 0);
        let sum = crc32c(!0, &self.blocks[0]);
        self.put(0, SUPERBLOCK_CHECKSUM, sum);
    }

    fn put(&mut self, block: usize, at: usize, word: u32) {
        self.blocks[block][at..at + 4].copy_from_slice(&word.to_be_bytes());
    }

    fn has_seed(&self) -> bool {
        matches!(self.sums, Sums::V2 | Sums::V3)
    }

    fn append(&mut self, block: Vec<u8>) -> usize {
        let at = self.next;
        self.blocks[at] = block;
        self.next = if at + 1 == JOURNAL_BLOCKS { 1 } else { at + 1 };
        at
    }

    fn control(&self, kind: u32) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        for (index, word) in [JBD2_MAGIC_NUMBER, kind, self.sequence].into_iter().enumerate() {
            block[index * 4..][..4].copy_from_slice(&word.to_be_bytes());
        }
        block
    }

    fn seal(&self, block: &mut [u8], at: usize) {
        if self.has_seed() {
            let sum = crc32c(crc32c(!0, &UUID), block);
            block[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        }
    }

    /// A descriptor block and the data it describes. Returns where each data block went.
    fn descriptor(&mut self, data: &[(u64, [u8; 4])]) -> Vec<usize> {
        let mut block = self.control(JBD2_DESCRIPTOR_BLOCK);
        let mut at = 12;
        let mut bodies = Vec::new();
        for (index, (number, head)) in data.iter().enumerate() {
            let mut body = vec![head[3]; BLOCK];
            body[..4].copy_from_slice(head);
            let mut flags = if index == 0 { 0 } else { JBD2_FLAG_SAME_UUID };
            if *head == JBD2_MAGIC_NUMBER.to_be_bytes() {
                flags |= JBD2_FLAG_ESCAPE;
                body[..4].fill(0);
            }
            if index + 1 == data.len() {
                flags |= JBD2_FLAG_LAST_TAG;
            }
            let sum = crc32c(crc32c(crc32c(!0, &UUID), &self.sequence.to_be_bytes()), &body);
            let tag = self.tag(*number, flags, sum);
            block[at..at + tag.len()].copy_from_slice(&tag);
            at += tag.len() + if index == 0 { 16 } else { 0 };
            bodies.push(body);
        }
        self.seal(&mut block, BLOCK - 4);
        self.crc.add(&block);
        self.append(block);
        bodies.iter().for_each(|body| self.crc.add(body));
        bodies.into_iter().map(|body| self.append(body)).collect()
    }

    fn tag(&self, number: u64, flags: u32, sum: u32) -> Vec<u8> {
        let (low, high) = ((number as u32).to_be_bytes(), ((number >> 32) as u32).to_be_bytes());
        if self.sums == Sums::V3 {
            return [low, flags.to_be_bytes(), high, sum.to_be_bytes()].concat();
        }
        let mut tag = low.to_vec();
        tag.extend(if self.sums == Sums::V2 { (sum as u16).to_be_bytes() } else { [0; 2] });
        tag.extend((flags as u16).to_be_bytes());
        if self.wide {
            tag.extend(high);
        }
        if self.sums == Sums::V2 {
            tag.extend([0; 2]);
        }
        tag
    }

    fn revoke(&mut self, blocks: &[u64]) -> usize {
        let mut block = self.control(JBD2_REVOKE_BLOCK);
        let size = if self.wide { 8 } else { 4 };
        let records: Vec<u8> =
            blocks.iter().flat_map(|block| block.to_be_bytes()[8 - size..].to_vec()).collect();
        block[12..16].copy_from_slice(&(16 + records.len() as u32).to_be_bytes());
        block[16..16 + records.len()].copy_from_slice(&records);
        self.seal(&mut block, BLOCK - 4);
        self.append(block)
    }

    fn commit(&mut self) -> usize {
        let mut block = self.control(JBD2_COMMIT_BLOCK);
        self.time += 1;
        block[48..56].copy_from_slice(&self.time.to_be_bytes());
        if self.sums == Sums::V1 {
            (block[12], block[13]) = (JBD2_CRC32_CHKSUM, JBD2_CRC32_CHKSUM_SIZE);
            block[16..20].copy_from_slice(&self.crc.value().to_be_bytes());
        }
        self.seal(&mut block, COMMIT_CHECKSUM);
        self.sequence += 1;
        self.crc = TransactionCrc::new();
        self.append(block)
    }

    fn volume(&self) -> Arc<dyn ReadAt> {
        let mut bytes = vec![0; JOURNAL_START * BLOCK];
        self.blocks.iter().for_each(|block| bytes.extend(block));
        Arc::new(Memory::new(bytes))
    }

    fn replay(&self) -> Replay {
        let volume = self.volume();
        let start = (JOURNAL_START * BLOCK) as u64;
        let length = (JOURNAL_BLOCKS * BLOCK) as u64;
        let journal = Window::clamped(Arc::clone(&volume), (start..start + length).into());
        let runs = [Run { start: 0, length, place: Place::Volume(start) }];
        replay(&volume, &journal, &JournalFacts { block_size: BLOCK as u32, blocks: 64, runs: &runs })
    }

    /// The first four bytes of a block once the journal is replayed.
    fn head(&self, replay: &Replay, block: u64) -> [u8; 4] {
        let view = Mapped::patched(self.volume(), replay.segments.clone()).unwrap();
        view.read_array(block * BLOCK as u64).unwrap()
    }
}

const ALL: [(Sums, bool); 8] = [
    (Sums::None, false),
    (Sums::None, true),
    (Sums::V1, false),
    (Sums::V1, true),
    (Sums::V2, false),
    (Sums::V2, true),
    (Sums::V3, false),
    (Sums::V3, true),
];

fn problems(replay: &Replay) -> Vec<String> {
    replay.problems.iter().map(Error::to_string).collect()
}

#[test]
fn the_last_copy_wins_in_every_format() {
    for (sums, wide) in ALL {
        let mut journal = Builder::new(sums, wide, 3);
        journal.descriptor(&[(5, *b"old5"), (6, *b"old6")]);
        journal.commit();
        journal.descriptor(&[(6, *b"new6"), (7, JBD2_MAGIC_NUMBER.to_be_bytes())]);
        journal.commit();
        journal.descriptor(&[(5, *b"none")]);
        let replay = journal.replay();
        assert_eq!(problems(&replay), [""; 0]);
        assert_eq!(journal.head(&replay, 5), *b"old5");
        assert_eq!(journal.head(&replay, 6), *b"new6");
        assert_eq!(journal.head(&replay, 7), JBD2_MAGIC_NUMBER.to_be_bytes());
        assert_eq!(journal.head(&replay, 8), [0; 4]);
    }
}

#[test]
fn the_log_wraps() {
    for (sums, wide) in ALL {
        let mut journal = Builder::new(sums, wide, JOURNAL_BLOCKS - 3);
        for turn in 0..4 {
            journal.descriptor(&[(turn, *b"data"), (turn + 10, *b"more")]);
            journal.commit();
        }
        let replay = journal.replay();
        assert_eq!(problems(&replay), [""; 0]);
        assert!((0..4).all(|turn| journal.head(&replay, turn) == *b"data"));
        assert!((10..14).all(|block| journal.head(&replay, block) == *b"more"));
    }
}

#[test]
fn a_revoke_holds_for_its_transaction_and_those_before() {
    for (sums, wide) in ALL {
        let mut journal = Builder::new(sums, wide, 1);
        journal.descriptor(&[(5, *b"old5"), (6, *b"old6")]);
        journal.commit();
        journal.descriptor(&[(5, *b"same")]);
        journal.revoke(&[5, 6]);
        journal.commit();
        journal.descriptor(&[(6, *b"new6")]);
        journal.commit();
        let replay = journal.replay();
        assert_eq!(problems(&replay), [""; 0]);
        assert_eq!(journal.head(&replay, 5), [0; 4]);
        assert_eq!(journal.head(&replay, 6), *b"new6");
    }
}

#[test]
fn replayed_blocks_lie_in_the_journal() {
    let mut journal = Builder::new(Sums::V3, true, 1);
    let places = journal.descriptor(&[(9, *b"nine"), (10, *b"ten.")]);
    journal.commit();
    let replay = journal.replay();
    let [segment] = &replay.segments[..] else { panic!("{:?}", replay.segments) };
    assert_eq!((segment.start, segment.length), (9 * BLOCK as u64, 2 * BLOCK as u64));
    let place = ((JOURNAL_START + places[0]) * BLOCK) as u64;
    assert!(matches!(segment.source, Source::Below(offset) if offset == place));
}

#[test]
fn a_damaged_data_block_is_left_out_and_told() {
    for sums in [Sums::V2, Sums::V3] {
        let mut journal = Builder::new(sums, true, 1);
        let places = journal.descriptor(&[(5, *b"five"), (6, *b"six.")]);
        journal.commit();
        journal.blocks[places[0]][100] ^= 1;
        let replay = journal.replay();
        assert_eq!(replay.problems.len(), 1, "{:?}", problems(&replay));
        assert_eq!(journal.head(&replay, 5), [0; 4]);
        assert_eq!(journal.head(&replay, 6), *b"six.");
    }
}

#[test]
fn a_damaged_transaction_ends_the_replay() {
    for sums in [Sums::V1, Sums::V2, Sums::V3] {
        for damage_commit in [false, true] {
            let mut journal = Builder::new(sums, false, 1);
            journal.descriptor(&[(5, *b"five")]);
            journal.commit();
            let descriptor = journal.next;
            journal.descriptor(&[(5, *b"late")]);
            let commit = journal.commit();
            let damaged = if damage_commit { commit } else { descriptor };
            journal.blocks[damaged][if damage_commit { 17 } else { 900 }] ^= 1;
            let replay = journal.replay();
            assert_eq!(replay.problems.len(), 1, "{:?}", problems(&replay));
            assert_eq!(journal.head(&replay, 5), *b"five");
        }
    }
}

#[test]
fn left_overs_of_an_earlier_log_are_no_damage() {
    let mut journal = Builder::new(Sums::V3, false, 1);
    journal.descriptor(&[(5, *b"five")]);
    journal.commit();
    journal.time = 0;
    let stale = journal.next;
    journal.descriptor(&[(5, *b"late")]);
    journal.commit();
    journal.blocks[stale][900] ^= 1;
    let replay = journal.replay();
    assert_eq!(problems(&replay), [""; 0]);
    assert_eq!(journal.head(&replay, 5), *b"five");
}

#[test]
fn blocks_outside_the_filesystem_are_told() {
    let mut journal = Builder::new(Sums::None, true, 1);
    journal.descriptor(&[(64, *b"out."), (1 << 40, *b"far."), (5, *b"five")]);
    journal.commit();
    let replay = journal.replay();
    assert_eq!(replay.problems.len(), 2, "{:?}", problems(&replay));
    assert_eq!(replay.segments.len(), 1);
}

#[test]
fn a_log_of_revoke_blocks_without_end_ends() {
    let mut journal = Builder::new(Sums::None, false, 1);
    for _ in 0..JOURNAL_BLOCKS - 1 {
        journal.revoke(&[5]);
    }
    assert!(journal.replay().segments.is_empty());
}

#[test]
fn a_revoke_count_past_the_block_is_told() {
    let mut journal = Builder::new(Sums::None, false, 1);
    let revoke = journal.revoke(&[5]);
    journal.commit();
    journal.put(revoke, 12, u32::MAX);
    assert_eq!(journal.replay().problems.len(), 1);
}

#[test]
fn a_clean_journal_has_nothing_to_replay() {
    let mut journal = Builder::new(Sums::V3, false, 0);
    journal.next = 1;
    journal.descriptor(&[(5, *b"five")]);
    journal.commit();
    let replay = journal.replay();
    assert!(replay.segments.is_empty() && replay.problems.is_empty());
}

#[test]
fn superblocks_that_do_not_fit_are_refused() {
    let cases: [(usize, u32, Family); 7] = [
        (0, 1, Family::Corrupt),
        (4, 9, Family::Corrupt),
        (12, 4096, Family::Corrupt),
        (16, JOURNAL_BLOCKS as u32 + 1, Family::Corrupt),
        (20, 0, Family::Corrupt),
        (28, JOURNAL_BLOCKS as u32, Family::Corrupt),
        (40, 0x50, Family::Unsupported),
    ];
    for (at, word, family) in cases {
        let mut journal = Builder::new(Sums::V3, false, 1);
        journal.put(0, at, word);
        journal.seal_superblock();
        let replay = journal.replay();
        assert_eq!(replay.problems.iter().map(Error::family).collect::<Vec<_>>(), [family], "{at}");
        assert!(replay.segments.is_empty());
    }
    let mut journal = Builder::new(Sums::V3, false, 1);
    journal.blocks[0][SUPERBLOCK_CHECKSUM] ^= 1;
    assert!(problems(&journal.replay())[0].contains("checksum"));
}

#[test]
fn no_damage_makes_it_panic_or_hang() {
    for (sums, wide) in ALL {
        let mut sound = Builder::new(sums, wide, JOURNAL_BLOCKS - 5);
        for turn in 0..6 {
            sound.descriptor(&[(turn, *b"data"), (turn + 1, JBD2_MAGIC_NUMBER.to_be_bytes())]);
            sound.revoke(&[turn]);
            sound.commit();
        }
        let original = sound.blocks.clone();
        for block in 0..JOURNAL_BLOCKS {
            for at in (0..96).chain([252, 1020]) {
                for value in [0, 1, 0x7F, 0xFF] {
                    sound.blocks[block][at] = value;
                    if block == 0 {
                        sound.seal_superblock();
                    }
                    let replay = sound.replay();
                    Mapped::patched(sound.volume(), replay.segments).unwrap();
                    sound.blocks[block].clone_from(&original[block]);
                    sound.blocks[0].clone_from(&original[0]);
                }
            }
        }
    }
}

#[test]
fn the_crc_of_transactions_is_crc32_mpeg2() {
    let mut crc = TransactionCrc::new();
    crc.add(b"123456789");
    assert_eq!(crc.value(), 0x0376_E6E7);
}

#[test]
fn an_external_journal_is_named() {
    let error = super::external(std::array::from_fn(|index| index as u8));
    assert_eq!(error.family(), Family::Unsupported);
    assert!(error.to_string().contains("00010203-0405-0607-0809-0a0b0c0d0e0f"), "{error}");
}

mod history;
