//! Where the journal has older copies of the filesystem's blocks.
//!
//! The log is a ring: behind its end lie transactions that were written to their places long ago, and that recovery would
//! not look at. What they hold is how blocks were then. Here all of the ring is gone through once for descriptor blocks;
//! what is kept is where copies are, not the copies.
//!
//! A transaction overwrites the ring from its first block on, and each begins with a control block. So the data blocks of
//! a descriptor are whole as far as no other control block lies among them. Blocks of data that begin with the magic
//! number are escaped, and cannot be taken for control blocks.

use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, Origin, ReadAt, ReadError, Resolution, Timestamp};
use zerocopy::FromBytes;

use super::JournalFacts;
use super::descriptor::{BlockTag, Tags, revoked};
use super::layout::{
    Commit, Header, JBD2_COMMIT_BLOCK, JBD2_DESCRIPTOR_BLOCK, JBD2_MAGIC_NUMBER, JBD2_REVOKE_BLOCK,
};
use super::log::{Blocks, JournalBlock};
use super::superblock::{Checksums, JournalSuperblock};
use crate::{Error, Run};

/// Copies that are kept track of: 24 bytes each. The largest journal that tools make has half as many blocks.
const MOST_COPIES: usize = 1 << 21;
/// Blocks in revoke records that are kept track of.
const MOST_REVOKES: usize = 1 << 21;
/// Bytes of the ring that are read at once.
const BATCH: u64 = 256 << 10;
/// Bytes of the ring that are read. Tools make journals of up to 40 GiB, and mostly of 1 GiB.
const MOST_READ: u64 = 64 << 30;

/// Copies that are looked at, one by one, for all files of a volume together. Hostile files can claim the same blocks
/// again and again.
const MOST_LOOKED_AT: u64 = 1 << 23;

/// The age of a transaction: how far it is from the first one that recovery expects. Earlier ones are below 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Age(i32);

impl Age {
    /// After all transactions.
    pub(crate) const LAST: Self = Self(i32::MAX);

    /// The age of the transaction behind.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The age of the transaction before.
    pub(crate) fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// A copy of a block of the filesystem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockCopy {
    /// The block of the filesystem.
    pub(crate) block: u64,
    pub(crate) age: Age,
    at: JournalBlock,
    checksum: u32,
    escaped: bool,
}

/// Copies of blocks in a journal, and when blocks were revoked.
#[derive(Debug)]
pub(crate) struct History {
    superblock: JournalSuperblock,
    runs: SmallVec<[Run; 2]>,
    /// Sorted by block and age.
    copies: Vec<BlockCopy>,
    /// Sorted by block and age.
    revokes: Vec<(u64, Age)>,
    /// Sorted by age.
    commits: Vec<(Age, Timestamp)>,
    /// Copies that may still be looked at.
    left: AtomicU64,
    pub(crate) problems: Vec<Error>,
}

/// Looks for copies in all of `journal`, the content of the journal's inode on the volume as its filesystem sees it.
///
/// # Errors
/// When its superblock makes no sense.
pub(crate) fn history(journal: &dyn ReadAt, facts: &JournalFacts<'_>) -> Result<History, ReadError> {
    let superblock = JournalSuperblock::read(journal, facts)?;
    let mut ring = Ring {
        superblock: &superblock,
        filesystem_blocks: facts.blocks,
        open: None,
        copies: Vec::new(),
        revokes: Vec::new(),
        commits: Vec::new(),
        damaged: 0,
        untold: 0,
    };
    let unread = ring.scan(journal);
    let mut history = History {
        superblock,
        runs: SmallVec::from_slice(facts.runs),
        problems: ring.problems(unread),
        copies: ring.copies,
        revokes: ring.revokes,
        commits: ring.commits,
        left: AtomicU64::new(MOST_LOOKED_AT),
    };
    history.order();
    Ok(history)
}

impl History {
    /// Takes note that so many copies, or blocks like them, are going to be looked at.
    ///
    /// # Errors
    /// When there were too many of them already.
    pub(crate) fn spend(&self, copies: u64) -> Result<(), ReadError> {
        let less = |left: u64| left.checked_sub(copies);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => Ok(()),
            Err(_) => {
                self.left.store(0, Ordering::Relaxed);
                Err(ReadError::unsupported("older copies of blocks in the journal")
                    .expected(format!("files that ask for at most {MOST_LOOKED_AT} of them"))
                    .found("more"))
            }
        }
    }

    /// Sorts what was found and takes out what was never committed: its blocks may not have been written.
    fn order(&mut self) {
        self.commits.sort_unstable();
        self.commits.dedup_by_key(|(age, _)| *age);
        let commits = std::mem::take(&mut self.commits);
        let has = |age: Age| commits.binary_search_by_key(&age, |(age, _)| *age).is_ok();
        // Where every block has a checksum, its own tells whether it was written.
        if self.superblock.checksums.seed().is_none() {
            self.copies.retain(|copy| has(copy.age));
        }
        self.revokes.retain(|(_, age)| has(*age));
        self.copies.sort_unstable_by_key(|copy| (copy.block, copy.age, copy.at.0));
        self.revokes.sort_unstable();
        self.commits = commits;
    }

    /// The copies of a block, from the oldest to the newest.
    pub(crate) fn copies(&self, block: u64) -> &[BlockCopy] {
        let first = self.copies.partition_point(|copy| copy.block < block);
        let rest = self.copies.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|copy| copy.block == block)).unwrap_or_default()
    }

    /// The copies of blocks of a range, sorted by block and age.
    pub(crate) fn copies_within(&self, first: u64, end: u64) -> &[BlockCopy] {
        let from = self.copies.partition_point(|copy| copy.block < first);
        let to = self.copies.partition_point(|copy| copy.block < end);
        self.copies.get(from..to).unwrap_or_default()
    }

    /// Whether a block was given up by a transaction from `from` on and before `until`: what it was used for ended then.
    pub(crate) fn was_revoked(&self, block: u64, from: Age, until: Age) -> bool {
        let first = self.revokes.partition_point(|revoke| *revoke < (block, from));
        self.revokes.get(first).is_some_and(|(other, age)| *other == block && *age < until)
    }

    /// The sequence number of a transaction.
    pub(crate) fn sequence(&self, age: Age) -> u32 {
        self.superblock.sequence.wrapping_add_signed(age.0)
    }

    /// When a transaction was committed, where its commit block is still there.
    pub(crate) fn committed(&self, age: Age) -> Option<Timestamp> {
        let index = self.commits.binary_search_by_key(&age, |(age, _)| *age).ok()?;
        self.commits.get(index).map(|(_, time)| *time)
    }

    /// The place of a copy on the volume.
    pub(crate) fn place(&self, view: &dyn ReadAt, copy: &BlockCopy) -> Option<u64> {
        Blocks::new(view, &self.runs, self.superblock.block_size).volume_offset(copy.at)
    }

    /// Reads a copy into `bytes`, which become a block long.
    ///
    /// # Errors
    /// When it cannot be read, or its checksum does not fit.
    pub(crate) fn read(
        &self,
        view: &dyn ReadAt,
        copy: &BlockCopy,
        bytes: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        self.spend(1)?;
        let damaged = || ReadError::corrupt("copy of a block in the journal");
        let place = self.place(view, copy).ok_or_else(|| damaged().found("no place on the volume"))?;
        bytes.resize(usize::try_from(self.superblock.block_size).unwrap_or(0), 0);
        view.read_exact_at(place, bytes)?;
        let sequence = self.sequence(copy.age);
        let sum = self.superblock.checksums.seed().map(|seed| seed.data(sequence, bytes));
        let fits = match (self.superblock.checksums, sum) {
            (Checksums::V2(_), Some(sum)) => sum & 0xFFFF == copy.checksum,
            (_, Some(sum)) => sum == copy.checksum,
            (_, None) => true,
        };
        if !fits {
            return Err(damaged().at(place).expected("a matching checksum").found("another"));
        }
        if copy.escaped
            && let Some(head) = bytes.first_chunk_mut()
        {
            *head = JBD2_MAGIC_NUMBER.to_be_bytes();
        }
        Ok(())
    }
}

fn age(superblock: &JournalSuperblock, sequence: u32) -> Age {
    Age(i32::from_le_bytes(sequence.wrapping_sub(superblock.sequence).to_le_bytes()))
}

/// The blocks that a descriptor tells of and that come next.
struct Open {
    age: Age,
    tags: std::vec::IntoIter<BlockTag>,
}

struct Ring<'a> {
    superblock: &'a JournalSuperblock,
    filesystem_blocks: u64,
    open: Option<Open>,
    copies: Vec<BlockCopy>,
    revokes: Vec<(u64, Age)>,
    commits: Vec<(Age, Timestamp)>,
    damaged: u64,
    untold: u64,
}

impl Ring<'_> {
    /// Goes once around, and on for what a descriptor at the end tells of. Returns bytes that could not be read.
    fn scan(&mut self, journal: &dyn ReadAt) -> u64 {
        let superblock = self.superblock;
        let size = u64::from(superblock.block_size);
        let ring = ByteRange::new(
            u64::from(superblock.first).saturating_mul(size),
            u64::from(superblock.last).saturating_mul(size),
        );
        let mut buffer = Vec::new();
        let mut unread = 0_u64;
        let mut rest = ring.truncate(MOST_READ);
        unread = unread.saturating_add(ring.len().saturating_sub(rest.len()));
        while !rest.is_empty() {
            let skipped = self.skip_zeros(journal, rest, size);
            rest = ByteRange::new(skipped.min(rest.end()), rest.end());
            let batch = rest.truncate(BATCH.max(size));
            rest = ByteRange::new(batch.end(), rest.end());
            buffer.resize(usize::try_from(batch.len()).unwrap_or(0), 0);
            if journal.read_exact_at(batch.start(), &mut buffer).is_err() {
                unread = unread.saturating_add(batch.len());
                self.open = None;
                continue;
            }
            self.batch(batch.start(), &buffer);
        }
        self.wrap(journal, ring, &mut buffer);
        unread
    }

    /// Where the next bytes are that are not known to be zeros.
    fn skip_zeros(&self, journal: &dyn ReadAt, rest: ByteRange, size: u64) -> u64 {
        if self.open.is_some() {
            return rest.start();
        }
        match journal.extent_at(rest) {
            Ok(extent) if extent.origin == Origin::Zero => {
                let inside = extent.range.end().checked_rem(size).unwrap_or(0);
                extent.range.end().saturating_sub(inside).max(rest.start())
            }
            _ => rest.start(),
        }
    }

    /// What the last descriptor tells of goes on at the beginning of the ring.
    fn wrap(&mut self, journal: &dyn ReadAt, ring: ByteRange, buffer: &mut Vec<u8>) {
        let size = u64::from(self.superblock.block_size);
        let mut rest = ring;
        while self.open.is_some() && !rest.is_empty() {
            let block = rest.truncate(size);
            rest = ByteRange::new(block.end(), rest.end());
            buffer.resize(usize::try_from(block.len()).unwrap_or(0), 0);
            if journal.read_exact_at(block.start(), buffer).is_err() || header(buffer).is_some() {
                self.open = None;
                return;
            }
            self.data(number(block.start(), size));
        }
    }

    fn batch(&mut self, start: u64, bytes: &[u8]) {
        let size = u64::from(self.superblock.block_size);
        let mut at = number(start, size);
        for block in bytes.chunks_exact(usize::try_from(size).unwrap_or(usize::MAX)) {
            match header(block) {
                Some((kind, sequence)) => self.control(kind, age(self.superblock, sequence), block),
                None => self.data(at),
            }
            at = JournalBlock(at.0.saturating_add(1));
        }
    }

    fn control(&mut self, kind: u32, age: Age, block: &[u8]) {
        self.open = None;
        // What a clean journal expects next was not written yet: what looks like it is from another life of the log.
        if self.superblock.start.is_none() && age >= Age(0) {
            return;
        }
        match kind {
            JBD2_DESCRIPTOR_BLOCK if self.is_sound(block) => {
                let tags: Vec<BlockTag> = Tags::of(block, self.superblock).collect();
                self.open = Some(Open { age, tags: tags.into_iter() });
            }
            JBD2_REVOKE_BLOCK if self.is_sound(block) => self.revoke(age, block),
            JBD2_COMMIT_BLOCK => self.commit(age, block),
            _ => self.damaged = self.damaged.saturating_add(1),
        }
    }

    fn is_sound(&self, block: &[u8]) -> bool {
        self.superblock.checksums.seed().is_none_or(|seed| seed.verifies_descriptor(block))
    }

    fn revoke(&mut self, age: Age, block: &[u8]) {
        let Some(blocks) = revoked(block, self.superblock) else {
            self.damaged = self.damaged.saturating_add(1);
            return;
        };
        for block in blocks {
            if self.revokes.len() >= MOST_REVOKES {
                self.untold = self.untold.saturating_add(1);
                return;
            }
            self.revokes.push((block, age));
        }
    }

    fn commit(&mut self, age: Age, block: &[u8]) {
        let Ok((commit, _)) = Commit::ref_from_prefix(block) else { return };
        if self.superblock.checksums.seed().is_some_and(|seed| !seed.verifies_commit(block)) {
            self.damaged = self.damaged.saturating_add(1);
            return;
        }
        let seconds = i64::try_from(commit.commit_sec.get()).unwrap_or(i64::MAX);
        let time = Timestamp::from_unix(seconds, commit.commit_nsec.get(), Resolution::Nanosecond);
        self.commits.push((age, time));
    }

    fn data(&mut self, at: JournalBlock) {
        let Some(open) = &mut self.open else { return };
        let Some(tag) = open.tags.next() else {
            self.open = None;
            return;
        };
        if tag.block >= self.filesystem_blocks {
            self.damaged = self.damaged.saturating_add(1);
        } else if self.copies.len() >= MOST_COPIES {
            self.untold = self.untold.saturating_add(1);
        } else {
            let BlockTag { block, escaped, checksum } = tag;
            self.copies.push(BlockCopy { block, age: open.age, at, checksum, escaped });
        }
        if open.tags.len() == 0 {
            self.open = None;
        }
    }

    fn problems(&self, unread: u64) -> Vec<Error> {
        let mut problems = Vec::new();
        let mut tell = |found: String| {
            problems.push(Error::from(ReadError::corrupt("older transactions in the journal").found(found)));
        };
        if unread > 0 {
            tell(format!("{unread} bytes that could not be read"));
        }
        if self.untold > 0 {
            tell(format!("{} copies and revoke records more than are kept track of", self.untold));
        }
        problems
    }
}

fn number(offset: u64, size: u64) -> JournalBlock {
    JournalBlock(u32::try_from(offset.checked_div(size).unwrap_or(0)).unwrap_or(u32::MAX))
}

/// Kind and transaction of a control block.
fn header(block: &[u8]) -> Option<(u32, u32)> {
    let (header, _) = Header::ref_from_prefix(block).ok()?;
    (header.magic.get() == JBD2_MAGIC_NUMBER).then(|| (header.blocktype.get(), header.sequence.get()))
}
