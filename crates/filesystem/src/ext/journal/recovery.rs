//! The three passes of recovery: find the end of the log, collect what was revoked, replay the rest.

use std::collections::{BTreeMap, HashMap};

use vminspect_bytes::{ReadError, Segment, Source};
use zerocopy::FromBytes;

use super::checksum::TransactionCrc;
use super::descriptor::{BlockTag, Tags, revoked};
use super::layout::{
    Commit, Header, JBD2_COMMIT_BLOCK, JBD2_CRC32_CHKSUM, JBD2_CRC32_CHKSUM_SIZE, JBD2_DESCRIPTOR_BLOCK,
    JBD2_MAGIC_NUMBER, JBD2_REVOKE_BLOCK,
};
use super::log::{Blocks, JournalBlock, LogPosition};
use super::problems::Problems;
use super::superblock::{Checksums, JournalSuperblock};

/// Bytes of data blocks read at once.
const BATCH: usize = 256 << 10;

/// A recovery in progress.
pub(super) struct Recovery<'a> {
    superblock: &'a JournalSuperblock,
    blocks: Blocks<'a>,
    filesystem_blocks: u64,
    volume_length: u64,
    control: Vec<u8>,
    data: Vec<u8>,
}

/// What a control block is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Descriptor,
    Commit,
    Revoke,
}

/// A copy in the log of a block of the filesystem.
#[derive(Clone, Copy)]
struct Copy {
    volume_offset: u64,
    escaped: bool,
}

/// Transactions that are later revoked: the block, and the last transaction that revokes it.
type Revokes = HashMap<u64, u32>;

/// Whether `a` is `b` or a later transaction. Numbers wrap.
fn not_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) < 1 << 31
}

impl<'a> Recovery<'a> {
    /// Of the journal whose blocks these are, for a filesystem of `filesystem_blocks` blocks.
    pub(super) fn new(
        superblock: &'a JournalSuperblock,
        blocks: Blocks<'a>,
        filesystem_blocks: u64,
        volume_length: u64,
    ) -> Self {
        let size = blocks.block_size();
        Self {
            superblock,
            blocks,
            filesystem_blocks,
            volume_length,
            control: vec![0; size],
            data: vec![0; size.max(BATCH)],
        }
    }

    /// The first transaction that is not complete. `start` is where the log begins.
    pub(super) fn scan(&mut self, start: u32, problems: &mut Problems) -> u32 {
        let mut scan = Scan::new(self.superblock.sequence);
        let mut position = LogPosition::new(self.superblock, start);
        while let Some((block, kind)) = self.next_control(&mut position, scan.next, problems) {
            let goes_on = match kind {
                Kind::Descriptor => self.scan_descriptor(block, &mut position, &mut scan, problems),
                Kind::Revoke => {
                    scan.note_damage(!self.has_sound_tail(), block, "journal revoke block");
                    true
                }
                Kind::Commit => self.scan_commit(block, &mut scan, problems),
            };
            if !goes_on {
                break;
            }
        }
        scan.next
    }

    /// What the transactions before `end` revoke.
    pub(super) fn revokes(&mut self, start: u32, end: u32, problems: &mut Problems) -> Revokes {
        let mut revokes = Revokes::new();
        let mut next = self.superblock.sequence;
        let mut position = LogPosition::new(self.superblock, start);
        while !not_before(next, end) {
            let Some((block, kind)) = self.next_control(&mut position, next, problems) else { break };
            match kind {
                Kind::Descriptor => position.pass_over(self.count_tags()),
                Kind::Commit => next = next.wrapping_add(1),
                Kind::Revoke => match revoked(&self.control, self.superblock) {
                    Some(blocks) => blocks.for_each(|block| revoke(&mut revokes, block, next)),
                    None => problems.push(
                        ReadError::corrupt("journal revoke block")
                            .at(self.blocks.offset(block))
                            .found("more records than the block holds; none of them is applied"),
                    ),
                },
            }
        }
        revokes
    }

    /// The last copy of every block that the transactions before `end` wrote, in order of blocks.
    pub(super) fn replay(
        &mut self,
        start: u32,
        end: u32,
        revokes: &Revokes,
        problems: &mut Problems,
    ) -> Vec<Segment> {
        let mut copies = BTreeMap::new();
        let mut next = self.superblock.sequence;
        let mut position = LogPosition::new(self.superblock, start);
        while !not_before(next, end) {
            let Some((_, kind)) = self.next_control(&mut position, next, problems) else { break };
            match kind {
                Kind::Descriptor => {
                    let tags: Vec<BlockTag> = Tags::of(&self.control, self.superblock).collect();
                    self.replay_tags(&tags, &mut position, next, revokes, &mut copies, problems);
                }
                Kind::Commit => next = next.wrapping_add(1),
                Kind::Revoke => {}
            }
        }
        self.segments(&copies)
    }

    /// Reads the next block of the log that is not data, and ends where it is not of transaction `sequence`.
    fn next_control(
        &mut self,
        position: &mut LogPosition,
        sequence: u32,
        problems: &mut Problems,
    ) -> Option<(JournalBlock, Kind)> {
        let block = position.next()?;
        if let Err(error) = self.blocks.read(block, &mut self.control) {
            problems.push(ReadError::corrupt("journal block").at(self.blocks.offset(block)).caused_by(error));
            return None;
        }
        let (header, _) = Header::ref_from_prefix(&self.control).ok()?;
        if header.magic.get() != JBD2_MAGIC_NUMBER || header.sequence.get() != sequence {
            return None;
        }
        let kind = match header.blocktype.get() {
            JBD2_DESCRIPTOR_BLOCK => Kind::Descriptor,
            JBD2_COMMIT_BLOCK => Kind::Commit,
            JBD2_REVOKE_BLOCK => Kind::Revoke,
            _ => return None,
        };
        Some((block, kind))
    }

    fn count_tags(&self) -> u32 {
        u32::try_from(Tags::of(&self.control, self.superblock).count()).unwrap_or(u32::MAX)
    }

    fn has_sound_tail(&self) -> bool {
        self.superblock.checksums.seed().is_none_or(|seed| seed.verifies_descriptor(&self.control))
    }

    fn scan_descriptor(
        &mut self,
        block: JournalBlock,
        position: &mut LogPosition,
        scan: &mut Scan,
        problems: &mut Problems,
    ) -> bool {
        scan.note_damage(!self.has_sound_tail(), block, "journal descriptor block");
        let count = self.count_tags();
        if !position.has(count) {
            return false;
        }
        if matches!(self.superblock.checksums, Checksums::Transaction) {
            scan.crc.add(&self.control);
            return self.add_data_to_crc(count, position, scan, problems);
        }
        position.pass_over(count);
        true
    }

    fn add_data_to_crc(
        &mut self,
        count: u32,
        position: &mut LogPosition,
        scan: &mut Scan,
        problems: &mut Problems,
    ) -> bool {
        for block in position.take_blocks(count) {
            if let Err(error) = self.blocks.read(block, &mut self.control) {
                let at = self.blocks.offset(block);
                problems.push(ReadError::corrupt("journal data block").at(at).caused_by(error));
                return false;
            }
            scan.crc.add(&self.control);
        }
        true
    }

    /// Ends the scan where the kernel ends it: at a commit block that does not verify, and before a
    /// transaction with a damaged descriptor or revoke block. A commit time that goes back marks the left-overs of
    /// an earlier use of the log, which are no damage. The kernel refuses to mount in the other cases (and after
    /// a bad asynchronous commit looks on for later ones, to the same end); here the transactions before are
    /// replayed and the rest is reported.
    fn scan_commit(&mut self, block: JournalBlock, scan: &mut Scan, problems: &mut Problems) -> bool {
        let Ok((commit, _)) = Commit::ref_from_prefix(&self.control) else { return false };
        let time = commit.commit_sec.get();
        let is_stale = time < scan.last_commit_time;
        if let Some((damaged, structure)) = scan.damaged {
            if !is_stale {
                problems.push(
                    ReadError::corrupt(structure)
                        .at(self.blocks.offset(damaged))
                        .expected("a matching checksum")
                        .found(format!("another; transaction {} and later ones are not replayed", scan.next)),
                );
            }
            return false;
        }
        if !self.verifies_commit(commit, scan.crc) {
            if !is_stale {
                problems.push(
                    ReadError::corrupt("journal commit block")
                        .at(self.blocks.offset(block))
                        .expected("a matching checksum")
                        .found(format!("another; transaction {} and later ones are not replayed", scan.next)),
                );
            }
            return false;
        }
        scan.last_commit_time = time;
        scan.crc = TransactionCrc::new();
        scan.next = scan.next.wrapping_add(1);
        true
    }

    fn verifies_commit(&self, commit: &Commit, crc: TransactionCrc) -> bool {
        let [found, ..] = commit.chksum;
        match self.superblock.checksums {
            Checksums::None => true,
            Checksums::V2(seed) | Checksums::V3(seed) => seed.verifies_commit(&self.control),
            Checksums::Transaction => match (commit.chksum_type, commit.chksum_size) {
                (JBD2_CRC32_CHKSUM, JBD2_CRC32_CHKSUM_SIZE) => found.get() == crc.value(),
                (0, 0) => found.get() == 0,
                _ => false,
            },
        }
    }

    fn replay_tags(
        &mut self,
        tags: &[BlockTag],
        position: &mut LogPosition,
        sequence: u32,
        revokes: &Revokes,
        copies: &mut BTreeMap<u64, Copy>,
        problems: &mut Problems,
    ) {
        let batch = self.data.len().checked_div(self.control.len()).unwrap_or(1).max(1);
        let mut rest = tags;
        while !rest.is_empty() {
            let most = position.contiguous(u32::try_from(rest.len().min(batch)).unwrap_or(1));
            let Some((now, later)) = rest.split_at_checked(usize::try_from(most.max(1)).unwrap_or(1)) else {
                return;
            };
            let blocks: Vec<JournalBlock> = position.take_blocks(most.max(1)).collect();
            let readable = self.read_data(&blocks, now.len());
            for (index, (tag, block)) in now.iter().zip(&blocks).enumerate() {
                if is_revoked(revokes, tag.block, sequence) {
                    continue;
                }
                match self.copy_of(tag, *block, index, readable, sequence) {
                    Ok(copy) => {
                        copies.insert(tag.block, copy);
                    }
                    Err(problem) => problems.push(problem),
                }
            }
            rest = later;
        }
    }

    /// Reads data blocks where their checksums are to be verified. Says whether they could be read at once.
    fn read_data(&mut self, blocks: &[JournalBlock], count: usize) -> bool {
        let Some(first) = blocks.first() else { return false };
        let length = count.saturating_mul(self.control.len());
        match (self.superblock.checksums.seed(), self.data.get_mut(..length)) {
            (Some(_), Some(buffer)) => self.blocks.read(*first, buffer).is_ok(),
            _ => true,
        }
    }

    fn copy_of(
        &mut self,
        tag: &BlockTag,
        block: JournalBlock,
        index: usize,
        readable: bool,
        sequence: u32,
    ) -> Result<Copy, ReadError> {
        let at = self.blocks.offset(block);
        self.verify_data(tag, block, index, readable, sequence)?;
        if tag.block >= self.filesystem_blocks {
            return Err(ReadError::corrupt("journal tag")
                .at(at)
                .expected(format!("a block below {}", self.filesystem_blocks))
                .found(format!("block {}", tag.block)));
        }
        let size = u64::from(self.superblock.block_size);
        let volume_offset = self.blocks.volume_offset(block);
        match volume_offset.filter(|start| start.saturating_add(size) <= self.volume_length) {
            Some(volume_offset) => Ok(Copy { volume_offset, escaped: tag.escaped }),
            None => Err(ReadError::corrupt("journal data block").at(at).found("no place on the volume")),
        }
    }

    /// Checks the copy of a block. One that does not verify is left out, and the others of its transaction are
    /// replayed, as the kernel does it before it refuses to mount.
    fn verify_data(
        &mut self,
        tag: &BlockTag,
        block: JournalBlock,
        index: usize,
        readable: bool,
        sequence: u32,
    ) -> Result<(), ReadError> {
        let Some(seed) = self.superblock.checksums.seed() else { return Ok(()) };
        let at = self.blocks.offset(block);
        let size = self.control.len();
        let start = index.saturating_mul(size);
        if !readable {
            let single = self.data.get_mut(start..start.saturating_add(size)).unwrap_or_default();
            let read = self.blocks.read(block, single);
            read.map_err(|error| ReadError::corrupt("journal data block").at(at).caused_by(error))?;
        }
        let bytes = self.data.get(start..start.saturating_add(size)).unwrap_or_default();
        let computed = match self.superblock.checksums {
            Checksums::V2(_) => seed.data(sequence, bytes) & 0xFFFF,
            _ => seed.data(sequence, bytes),
        };
        if computed == tag.checksum {
            return Ok(());
        }
        Err(ReadError::corrupt("journal data block")
            .at(at)
            .expected(format!("checksum {:#010x}", tag.checksum))
            .found(format!("{computed:#010x}; block {} keeps what it had before", tag.block)))
    }

    fn segments(&self, copies: &BTreeMap<u64, Copy>) -> Vec<Segment> {
        let size = u64::from(self.superblock.block_size);
        let magic: std::sync::Arc<[u8]> = JBD2_MAGIC_NUMBER.to_be_bytes().into();
        let mut segments: Vec<Segment> = Vec::new();
        for (block, copy) in copies {
            let start = block.saturating_mul(size);
            if copy.escaped {
                // The magic number was cleared in the log; the rest of the block is as it was.
                segments.push(Segment { start, length: 4, source: Source::Bytes(magic.clone(), 0) });
                push(
                    &mut segments,
                    start.saturating_add(4),
                    size.saturating_sub(4),
                    copy.volume_offset.saturating_add(4),
                );
            } else {
                push(&mut segments, start, size, copy.volume_offset);
            }
        }
        segments
    }
}

/// Adds a segment, or makes the last one longer when the two are one piece on both sides.
fn push(segments: &mut Vec<Segment>, start: u64, length: u64, below: u64) {
    if let Some(Segment { start: previous, length: reach, source: Source::Below(from) }) = segments.last_mut()
        && previous.saturating_add(*reach) == start
        && from.saturating_add(*reach) == below
    {
        *reach = reach.saturating_add(length);
        return;
    }
    segments.push(Segment { start, length, source: Source::Below(below) });
}

fn revoke(revokes: &mut Revokes, block: u64, sequence: u32) {
    let last = revokes.entry(block).or_insert(sequence);
    if not_before(sequence, *last) {
        *last = sequence;
    }
}

/// A revoke holds for its own transaction and those before it.
fn is_revoked(revokes: &Revokes, block: u64, sequence: u32) -> bool {
    revokes.get(&block).is_some_and(|last| not_before(*last, sequence))
}

/// State of the first pass.
struct Scan {
    next: u32,
    crc: TransactionCrc,
    last_commit_time: u64,
    damaged: Option<(JournalBlock, &'static str)>,
}

impl Scan {
    fn new(sequence: u32) -> Self {
        Self { next: sequence, crc: TransactionCrc::new(), last_commit_time: 0, damaged: None }
    }

    /// Remembers the first damaged block until its transaction's commit block tells whether it is a left-over.
    fn note_damage(&mut self, damaged: bool, block: JournalBlock, structure: &'static str) {
        if damaged && self.damaged.is_none() {
            self.damaged = Some((block, structure));
        }
    }
}
