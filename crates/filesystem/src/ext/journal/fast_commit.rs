//! Fast commits: what changed since the last transaction, as operations rather than as blocks.
//!
//! To apply them the kernel runs its own code for directories, extents and allocation, whose decisions are
//! not in the journal. They are read and told here, not applied.

use std::collections::BTreeSet;
use std::fmt;

use vminspect_bytes::ReadError;
use zerocopy::FromBytes;

use super::checksum::crc32c;
use super::layout::{
    EXT4_FC_TAG_ADD_RANGE, EXT4_FC_TAG_CREAT, EXT4_FC_TAG_DEL_RANGE, EXT4_FC_TAG_HEAD, EXT4_FC_TAG_INODE,
    EXT4_FC_TAG_LINK, EXT4_FC_TAG_PAD, EXT4_FC_TAG_TAIL, EXT4_FC_TAG_UNLINK, FcAddRange, FcDelRange,
    FcDentryInfo, FcHead, FcTagLength, FcTail,
};
use super::log::{Blocks, JournalBlock};
use super::superblock::JournalSuperblock;

/// Operations told one by one.
const MOST_TOLD: usize = 32;
/// Inodes told one by one.
const MOST_INODES: usize = 256;

/// What a fast commit says that was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// A range of blocks was added to an inode.
    AddRange { inode: u32, first: u32, blocks: u16, start: u64 },
    /// A range of blocks was taken from an inode.
    DeleteRange { inode: u32, first: u32, blocks: u32 },
    /// A name was created with its inode.
    Create { directory: u32, inode: u32, name: Vec<u8> },
    /// A name was given to an inode.
    Link { directory: u32, inode: u32, name: Vec<u8> },
    /// A name was removed.
    Unlink { directory: u32, inode: u32, name: Vec<u8> },
    /// An inode was written.
    Inode { inode: u32 },
}

impl Operation {
    const fn inode(&self) -> u32 {
        match self {
            Self::AddRange { inode, .. }
            | Self::DeleteRange { inode, .. }
            | Self::Create { inode, .. }
            | Self::Link { inode, .. }
            | Self::Unlink { inode, .. }
            | Self::Inode { inode } => *inode,
        }
    }

    fn parse(tag: u16, value: &[u8]) -> Option<Self> {
        match tag {
            EXT4_FC_TAG_ADD_RANGE => {
                let (range, _) = FcAddRange::ref_from_prefix(value).ok()?;
                let start = u64::from(range.start_hi.get()) << 32 | u64::from(range.start_lo.get());
                let blocks = match range.len.get() {
                    written @ 0..=0x8000 => written,
                    unwritten => unwritten.saturating_sub(0x8000),
                };
                Some(Self::AddRange { inode: range.ino.get(), first: range.block.get(), blocks, start })
            }
            EXT4_FC_TAG_DEL_RANGE => {
                let (range, _) = FcDelRange::ref_from_prefix(value).ok()?;
                let (inode, first) = (range.ino.get(), range.lblk.get());
                Some(Self::DeleteRange { inode, first, blocks: range.len.get() })
            }
            EXT4_FC_TAG_INODE => {
                let inode = u32::from_le_bytes(*value.first_chunk()?);
                Some(Self::Inode { inode })
            }
            _ => {
                let (entry, name) = FcDentryInfo::ref_from_prefix(value).ok()?;
                let (directory, inode, name) = (entry.parent_ino.get(), entry.ino.get(), name.to_vec());
                Some(match tag {
                    EXT4_FC_TAG_CREAT => Self::Create { directory, inode, name },
                    EXT4_FC_TAG_LINK => Self::Link { directory, inode, name },
                    EXT4_FC_TAG_UNLINK => Self::Unlink { directory, inode, name },
                    _ => return None,
                })
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = |f: &mut fmt::Formatter<'_>, verb: &str, directory: &u32, inode: &u32, name: &[u8]| {
            write!(f, "{verb} inode {inode} as \"{}\" in directory {directory}", name.escape_ascii())
        };
        match self {
            Self::AddRange { inode, first, blocks, start } => {
                write!(f, "give inode {inode} {blocks} blocks from block {start} at its block {first}")
            }
            Self::DeleteRange { inode, first, blocks } => {
                write!(f, "take {blocks} blocks from inode {inode} at its block {first}")
            }
            Self::Create { directory, inode, name } => entry(f, "create", directory, inode, name),
            Self::Link { directory, inode, name } => entry(f, "link", directory, inode, name),
            Self::Unlink { directory, inode, name } => entry(f, "unlink", directory, inode, name),
            Self::Inode { inode } => write!(f, "write inode {inode}"),
        }
    }
}

/// What the fast commits of a journal say, in short.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct FastCommits {
    /// Complete fast commits.
    pub(super) commits: u32,
    /// Operations in them.
    pub(super) operations: u64,
    /// The first of them.
    pub(super) told: Vec<Operation>,
    /// Inodes they are about, as far as they were counted.
    pub(super) inodes: BTreeSet<u32>,
}

impl FastCommits {
    /// Reads those that follow the transactions before `transaction`.
    pub(super) fn read(
        superblock: &JournalSuperblock,
        blocks: &Blocks<'_>,
        transaction: u32,
    ) -> Result<Self, ReadError> {
        let mut reader = AreaReader::new(transaction);
        let Some(start) = superblock.fast_commit_start() else { return Ok(reader.complete) };
        let mut buffer = vec![0; blocks.block_size()];
        for number in start..superblock.blocks {
            let block = JournalBlock(number);
            blocks.read(block, &mut buffer)?;
            if !reader.block(&buffer, number == start, blocks.offset(block))? {
                break;
            }
        }
        Ok(reader.complete)
    }

    /// That these are not applied.
    pub(super) fn refusal(&self, offset: u64) -> Option<ReadError> {
        if self.operations == 0 {
            return None;
        }
        let inodes: Vec<String> = self.inodes.iter().map(u32::to_string).collect();
        let told: Vec<String> = self.told.iter().map(Operation::to_string).collect();
        let more = if u64::try_from(told.len()).is_ok_and(|count| self.operations > count) {
            "; and more"
        } else {
            ""
        };
        Some(
            ReadError::unsupported("fast commits")
                .at(offset)
                .found(format!(
                    "{} operations of {} fast commits on inodes {} came after the last full commit and are not applied: {}{more}",
                    self.operations,
                    self.commits,
                    inodes.join(", "),
                    told.join("; "),
                ))
                .advice("what is shown is the state at the last full commit; mount a copy to have them applied"),
        )
    }

    fn add(&mut self, operation: Operation) {
        self.operations = self.operations.saturating_add(1);
        if self.inodes.len() < MOST_INODES {
            self.inodes.insert(operation.inode());
        }
        if self.told.len() < MOST_TOLD {
            self.told.push(operation);
        }
    }

    fn take(&mut self, mut pending: Self) {
        self.commits = self.commits.saturating_add(1);
        self.operations = self.operations.saturating_add(pending.operations);
        let room = MOST_TOLD.saturating_sub(self.told.len());
        self.told.extend(pending.told.drain(..).take(room));
        let room = MOST_INODES.saturating_sub(self.inodes.len());
        self.inodes.extend(pending.inodes.into_iter().take(room));
    }
}

/// Goes through the area. Operations count when the tail of their fast commit verifies.
struct AreaReader {
    transaction: u32,
    crc: u32,
    pending: FastCommits,
    complete: FastCommits,
}

impl AreaReader {
    fn new(transaction: u32) -> Self {
        Self { transaction, crc: 0, pending: FastCommits::default(), complete: FastCommits::default() }
    }

    /// Reads one block. `false`: there is no more.
    fn block(&mut self, bytes: &[u8], is_first: bool, offset: u64) -> Result<bool, ReadError> {
        let mut rest = bytes;
        let mut starts = is_first;
        while let Ok((header, after)) = FcTagLength::ref_from_prefix(rest) {
            let (tag, length) = (header.tag.get(), usize::from(header.len.get()));
            // A tail reaches to the end of its block, and says so wrongly where it fills the block.
            let length = if tag == EXT4_FC_TAG_TAIL { after.len() } else { length };
            let Some((value, next)) = after.split_at_checked(length) else { return Ok(false) };
            let whole = rest.get(..length.saturating_add(size_of::<FcTagLength>())).unwrap_or_default();
            let passed = bytes.len().saturating_sub(rest.len());
            let at = offset.saturating_add(u64::try_from(passed).unwrap_or(0));
            if starts && tag != EXT4_FC_TAG_HEAD {
                return Ok(false);
            }
            starts = false;
            if !self.tag(tag, value, whole, at)? {
                return Ok(false);
            }
            rest = next;
        }
        Ok(true)
    }

    fn tag(&mut self, tag: u16, value: &[u8], whole: &[u8], at: u64) -> Result<bool, ReadError> {
        match tag {
            EXT4_FC_TAG_HEAD => {
                let Ok((head, _)) = FcHead::ref_from_prefix(value) else { return Ok(false) };
                if head.features.get() != 0 {
                    return Err(ReadError::unsupported("fast commit features")
                        .at(at)
                        .expected("0x0")
                        .found(format!("{:#x}", head.features)));
                }
                self.crc = crc32c(self.crc, whole);
                Ok(head.tid.get() == self.transaction)
            }
            EXT4_FC_TAG_TAIL => Ok(self.tail(value, whole)),
            EXT4_FC_TAG_PAD => {
                self.crc = crc32c(self.crc, whole);
                Ok(true)
            }
            _ => {
                let Some(operation) = Operation::parse(tag, value) else { return Ok(false) };
                self.crc = crc32c(self.crc, whole);
                self.pending.add(operation);
                Ok(true)
            }
        }
    }

    /// Whether the fast commit that ends here is whole. One that is not was still being written.
    fn tail(&mut self, value: &[u8], whole: &[u8]) -> bool {
        let Ok((tail, _)) = FcTail::ref_from_prefix(value) else { return false };
        let covered = size_of::<FcTagLength>().saturating_add(size_of::<u32>());
        let crc = crc32c(self.crc, whole.get(..covered).unwrap_or_default());
        self.crc = 0;
        let pending = std::mem::take(&mut self.pending);
        let is_whole = tail.tid.get() == self.transaction && tail.crc.get() == crc;
        if is_whole {
            self.complete.take(pending);
        }
        is_whole
    }
}
