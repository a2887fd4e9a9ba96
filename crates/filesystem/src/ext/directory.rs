//! Directories: blocks of entries, with or without a hashed index, and entries inside the inode.
//!
//! An index is read past: to a reader that knows nothing of it, its nodes are blocks without entries. Only
//! its checksums are looked at.

use std::collections::VecDeque;

use vminspect_bytes::ReadError;
use zerocopy::FromBytes;
use zerocopy::byteorder::little_endian::{U16, U32};

use super::checksum::crc32c;
use super::directory_blocks::{Block, DirectoryBlocks};
use super::inode::{has_encrypted_names, is_indexed};
use super::layout::{
    COMPAT_DIR_INDEX, DIR_ENTRY_HEADER, DIR_ENTRY_TAIL, DX_ENTRY_SIZE, DX_NODE_COUNT_OFFSET,
    DX_ROOT_COUNT_OFFSET, EXT4_FT_DIR_CSUM, EXT4_INLINE_DOTDOT_SIZE, I_BLOCK_SIZE, INCOMPAT_FILETYPE,
    RawDirEntry,
};
use super::superblock::Superblock;
use super::volume::Ext;
use super::widen;
use crate::{Content, Entry, Error, FileId, FileKind, Record, Result};

/// What entries of one directory are judged by.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) number: u64,
    /// Most inodes: entries that name others are damaged.
    pub(super) inodes: u32,
    pub(super) has_file_types: bool,
    indexed: bool,
    pub(super) encrypted: bool,
    checksum_seed: Option<u32>,
    block_size: usize,
}

impl Facts {
    pub(super) fn new(superblock: &Superblock, record: &Record) -> Self {
        let metadata = &record.metadata;
        let checksum_seed = superblock.has_metadata_checksums().then(|| {
            let number = u32::try_from(metadata.id.0).unwrap_or(0);
            let generation = u32::try_from(metadata.generation).unwrap_or(0);
            let seed = crc32c(superblock.checksum_seed, &number.to_le_bytes());
            crc32c(seed, &generation.to_le_bytes())
        });
        Self {
            number: metadata.id.0,
            inodes: superblock.inodes,
            has_file_types: superblock.has_incompat(INCOMPAT_FILETYPE),
            indexed: is_indexed(metadata.flags) && superblock.features.compat & COMPAT_DIR_INDEX != 0,
            encrypted: has_encrypted_names(metadata.flags),
            checksum_seed,
            block_size: superblock.block_size.bytes_usize(),
        }
    }

    pub(super) fn damaged(&self, offset: u64) -> ReadError {
        ReadError::corrupt(format!("directory with inode {}", self.number)).at(offset)
    }

    /// Length of a record. In blocks of 64 KiB it does not fit its 16 bits.
    pub(super) fn record_length(&self, raw: &RawDirEntry) -> usize {
        let stored = usize::from(raw.rec_len.get());
        if self.block_size < 1 << 16 {
            stored
        } else if stored == usize::from(u16::MAX) || stored == 0 {
            self.block_size
        } else {
            (stored & 0xFFFC) | (stored & 3) << 16
        }
    }

    /// The entry at `position` of a block that lies at `place`: its header, name and length.
    pub(super) fn entry<'b>(
        &self,
        block: &'b [u8],
        position: usize,
        place: u64,
    ) -> Result<(&'b RawDirEntry, &'b [u8], usize), ReadError> {
        let damaged = || self.damaged(place.saturating_add(widen(position)));
        let rest = block.get(position..).unwrap_or_default();
        let (raw, tail) = RawDirEntry::ref_from_prefix(rest).map_err(|_| {
            damaged().expected("an entry of at least 8 bytes").found(format!("{} bytes", rest.len()))
        })?;
        let length = self.record_length(raw);
        let least = DIR_ENTRY_HEADER.saturating_add(usize::from(raw.name_len));
        if length < least.max(DIR_ENTRY_HEADER) || !length.is_multiple_of(4) || length > rest.len() {
            return Err(damaged()
                .expected(format!("an entry of {least} to {} bytes, a multiple of 4", rest.len()))
                .found(format!("{length} bytes")));
        }
        Ok((raw, tail.get(..usize::from(raw.name_len)).unwrap_or_default(), length))
    }

    pub(super) fn kind(&self, raw: &RawDirEntry) -> Option<FileKind> {
        if !self.has_file_types {
            return None;
        }
        match raw.file_type & 0x0F {
            1 => Some(FileKind::Regular),
            2 => Some(FileKind::Directory),
            3 => Some(FileKind::CharacterDevice),
            4 => Some(FileKind::BlockDevice),
            5 => Some(FileKind::Fifo),
            6 => Some(FileKind::Socket),
            7 => Some(FileKind::Symlink),
            _ => None,
        }
    }

    /// Whether a block is a node of the index, and where in it the count of its entries stands.
    pub(super) fn index_count_offset(&self, block: &[u8], logical: u64) -> Option<usize> {
        if !self.indexed {
            return None;
        }
        let (first, _) = RawDirEntry::ref_from_prefix(block).ok()?;
        if logical == 0 {
            let (dotdot, _) = RawDirEntry::ref_from_prefix(block.get(12..)?).ok()?;
            let covers = self.record_length(dotdot) == self.block_size.saturating_sub(12);
            return (first.rec_len.get() == 12 && covers).then_some(DX_ROOT_COUNT_OFFSET);
        }
        let empty = first.inode.get() == 0 && first.name_len == 0;
        (empty && self.record_length(first) == self.block_size).then_some(DX_NODE_COUNT_OFFSET)
    }

    /// What is wrong with the checksum of a block, if anything.
    pub(super) fn checksum_problem(&self, block: &[u8], logical: u64, place: u64) -> Option<ReadError> {
        let seed = self.checksum_seed?;
        let sums = match self.index_count_offset(block, logical) {
            Some(offset) => index_checksums(seed, block, offset),
            None => leaf_checksums(seed, block),
        };
        match sums {
            Some((stored, sum)) if stored == sum => None,
            Some((stored, sum)) => Some(
                self.damaged(place)
                    .expected(format!("checksum {sum:#010x}"))
                    .found(format!("{stored:#010x}")),
            ),
            None => Some(self.damaged(place).expected("a checksum at the end of the block").found("none")),
        }
    }
}

/// The checksum in the tail of a block of entries, and what it should be.
fn leaf_checksums(seed: u32, block: &[u8]) -> Option<(u32, u32)> {
    let (entries, tail) = block.split_last_chunk::<DIR_ENTRY_TAIL>()?;
    let (raw, sum) = RawDirEntry::ref_from_prefix(tail).ok()?;
    let sound = raw.inode.get() == 0
        && usize::from(raw.rec_len.get()) == DIR_ENTRY_TAIL
        && raw.name_len == 0
        && raw.file_type == EXT4_FT_DIR_CSUM;
    let stored = u32::from_le_bytes(*sum.first_chunk()?);
    sound.then(|| (stored, crc32c(seed, entries)))
}

/// The checksum behind the last possible entry of an index node, and what it should be.
fn index_checksums(seed: u32, block: &[u8], count_offset: usize) -> Option<(u32, u32)> {
    let (limit, rest) = U16::ref_from_prefix(block.get(count_offset..)?).ok()?;
    let (count, _) = U16::ref_from_prefix(rest).ok()?;
    let entries = usize::from(count.get()).checked_mul(DX_ENTRY_SIZE)?;
    let end = count_offset.checked_add(entries)?;
    let tail = count_offset.checked_add(usize::from(limit.get()).checked_mul(DX_ENTRY_SIZE)?)?;
    if count.get() > limit.get() {
        return None;
    }
    let tail = block.get(tail..)?.first_chunk::<8>()?;
    let (reserved, stored) = tail.split_first_chunk::<4>()?;
    let sum = crc32c(seed, block.get(..end)?);
    let sum = crc32c(crc32c(sum, reserved), &[0; 4]);
    Some((U32::ref_from_prefix(stored).ok()?.0.get(), sum))
}

/// Iterates over the entries of a directory.
pub(super) struct DirectoryEntries<'a> {
    facts: Facts,
    blocks: Option<DirectoryBlocks<'a>>,
    queue: VecDeque<Result<Entry>>,
}

impl<'a> DirectoryEntries<'a> {
    pub(super) fn new(fs: &'a Ext, record: &Record) -> Result<Self> {
        if record.metadata.kind != FileKind::Directory {
            return Err(Error::WrongKind("a directory"));
        }
        let facts = Facts::new(&fs.superblock, record);
        let mut entries = Self { facts, blocks: None, queue: VecDeque::new() };
        match &record.content {
            Content::Inline(bytes) => entries.inline(bytes, record.place.start()),
            Content::Runs(runs) => entries.blocks = Some(DirectoryBlocks::new(fs, facts, runs, record)),
            Content::Encoded(_) | Content::Opaque | Content::None => {
                return Err(Error::WrongKind("a directory"));
            }
        }
        Ok(entries)
    }

    /// Entries in `i_block` and in `system.data`: two areas, each like a block.
    fn inline(&mut self, bytes: &[u8], place: u64) {
        let (first, second) = bytes.split_at_checked(I_BLOCK_SIZE).unwrap_or((bytes, &[]));
        let first = first.get(EXT4_INLINE_DOTDOT_SIZE..).unwrap_or_default();
        for area in [first, second] {
            self.area(area, place, false);
        }
    }

    fn block(&mut self, bytes: &[u8], logical: u64, place: u64) {
        if let Some(problem) = self.facts.checksum_problem(bytes, logical, place) {
            self.queue.push_back(Err(problem.into()));
        }
        self.area(bytes, place, logical == 0);
    }

    /// Queues the entries of an area. `first` says that it begins with `.` and `..`.
    fn area(&mut self, bytes: &[u8], place: u64, first: bool) {
        let facts = self.facts;
        let mut position = 0_usize;
        let mut index = 0_usize;
        while position < bytes.len() {
            let (raw, name, length) = match facts.entry(bytes, position, place) {
                Ok(entry) => entry,
                Err(error) => {
                    self.queue.push_back(Err(error.into()));
                    return;
                }
            };
            let special: Option<&[u8]> = match index {
                0 if first => Some(b"."),
                1 if first => Some(b".."),
                _ => None,
            };
            if let Some(expected) = special
                && (raw.inode.get() == 0 || name != expected)
            {
                let error = facts
                    .damaged(place.saturating_add(widen(position)))
                    .expected(format!("the entry {}", String::from_utf8_lossy(expected)))
                    .found(format!("{:?}", String::from_utf8_lossy(name)));
                self.queue.push_back(Err(error.into()));
            }
            if raw.inode.get() != 0 && special != Some(name) {
                self.entry(raw, name, place.saturating_add(widen(position)));
            }
            position = position.saturating_add(length);
            index = index.saturating_add(1);
        }
    }

    fn entry(&mut self, raw: &RawDirEntry, name: &[u8], place: u64) {
        let facts = self.facts;
        let inode = raw.inode.get();
        if inode > facts.inodes {
            let error = facts
                .damaged(place)
                .expected(format!("an inode number of at most {}", facts.inodes))
                .found(format!("{inode} for the name {:?}", String::from_utf8_lossy(name)));
            self.queue.push_back(Err(error.into()));
            return;
        }
        let special = name.is_empty() || name == b"." || name == b"..";
        if special || (!facts.encrypted && memchr::memchr2(b'/', 0, name).is_some()) {
            let error = facts
                .damaged(place)
                .expected("a name that a file can have")
                .found(format!("{:?} for inode {inode}", String::from_utf8_lossy(name)));
            self.queue.push_back(Err(error.into()));
        }
        let id = FileId(u64::from(inode));
        self.queue.push_back(Ok(Entry { name: name.to_vec(), id, kind: facts.kind(raw) }));
    }
}

impl Iterator for DirectoryEntries<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.queue.pop_front() {
                return Some(entry);
            }
            // Taken out, since a block borrows from it while its entries are queued here.
            let mut blocks = self.blocks.take()?;
            match blocks.next_block() {
                None => return None,
                Some(Err(error)) => self.queue.push_back(Err(error)),
                Some(Ok(Block { bytes, logical, place })) => self.block(bytes, logical, place),
            }
            self.blocks = Some(blocks);
        }
    }
}
