//! The journal (jbd2), replayed in memory.
//!
//! A filesystem that was not unmounted has its last changes in its journal only. The kernel copies them to their
//! places when it mounts; here the same copies become a list of segments, laid over the volume, and nothing is
//! written. A replayed block is still the journal's block to whoever asks where its bytes lie.
//!
//! Read: superblocks of versions 1 and 2; revoke blocks; 64-bit block numbers; asynchronous commits; compatible
//! checksums and those of versions 2 and 3; the area of fast commits. Not applied: fast commits, which are
//! operations, not blocks ([`fast_commit`] tells them); journals on another device.
//!
//! Format: <https://docs.kernel.org/filesystems/ext4/journal.html>. Compatible checksums, which that text only
//! mentions, are a CRC-32 of the descriptor and data blocks of a transaction, highest bit first.

mod checksum;
mod descriptor;
mod fast_commit;
mod history;
mod layout;
mod log;
mod problems;
mod recovery;
mod superblock;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use vminspect_bytes::{ReadAt, ReadError, Segment};

use self::fast_commit::FastCommits;
pub(crate) use self::history::{Age, BlockCopy, History, history};
use self::log::{Blocks, JournalBlock};
use self::problems::Problems;
use self::recovery::Recovery;
use self::superblock::JournalSuperblock;
use crate::{Error, Run};

/// What recovery has to know of the filesystem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalFacts<'a> {
    /// Bytes a block.
    pub(crate) block_size: u32,
    /// Blocks of the filesystem.
    pub(crate) blocks: u64,
    /// Where the journal's file lies on the volume, in order.
    pub(crate) runs: &'a [Run],
}

/// What the journal adds to the volume.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// The volume's blocks that the journal has newer copies of, in order, for
    /// [`vminspect_bytes::Mapped::patched`] over the volume as it is stored.
    pub(crate) segments: Vec<Segment>,
    /// What could not be read or applied.
    pub(crate) problems: Vec<Error>,
}

/// Replays `journal`, the content of the journal's inode on the unreplayed `volume`.
///
/// To be called when the filesystem is marked as needing recovery; the kernel takes no notice of the log
/// otherwise.
pub(crate) fn replay(volume: &Arc<dyn ReadAt>, journal: &dyn ReadAt, facts: &JournalFacts<'_>) -> Replay {
    let superblock = match JournalSuperblock::read(journal, facts) {
        Ok(superblock) => superblock,
        Err(error) => return Replay { problems: vec![error.into()], ..Replay::default() },
    };
    let Some(start) = superblock.start else { return Replay::default() };
    let mut problems = Problems::default();
    let blocks = Blocks::new(journal, facts.runs, superblock.block_size);
    let mut recovery = Recovery::new(&superblock, blocks, facts.blocks, volume.len());
    let end = recovery.scan(start, &mut problems);
    let revokes = recovery.revokes(start, end, &mut problems);
    let segments = recovery.replay(start, end, &revokes, &mut problems);
    tell_fast_commits(&superblock, &blocks, end, &mut problems);
    let transactions = end.wrapping_sub(superblock.sequence);
    tracing::debug!(transactions, segments = segments.len(), "journal replayed in memory");
    Replay { segments, problems: problems.finish() }
}

fn tell_fast_commits(
    superblock: &JournalSuperblock,
    blocks: &Blocks<'_>,
    transaction: u32,
    problems: &mut Problems,
) {
    let Some(start) = superblock.fast_commit_start() else { return };
    match FastCommits::read(superblock, blocks, transaction) {
        Ok(commits) => {
            if let Some(refusal) = commits.refusal(blocks.offset(JournalBlock(start))) {
                problems.push(refusal);
            }
        }
        Err(error) => problems.push(error),
    }
}

/// That the journal of a filesystem in need of recovery is on another device.
pub(crate) fn external(uuid: [u8; 16]) -> Error {
    let mut dashed: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    for position in [20, 16, 12, 8] {
        dashed.insert(position, '-');
    }
    ReadError::unsupported("external journal")
        .found(format!("changes that are only in the journal device {dashed}"))
        .advice("what is shown is the filesystem without them")
        .into()
}
