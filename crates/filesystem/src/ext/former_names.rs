//! Names that directories had, from older copies of their blocks in the journal.

use foldhash::{HashSet, HashSetExt};
use vminspect_bytes::{ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::directory::Facts;
use super::former::Former;
use super::former_record::{is_displaced, number};
use super::journal::{Age, BlockCopy};
use super::layout::RawDirEntry;
use super::superblock::{BlockNumber, InodeNumber};
use super::volume::Ext;
use super::widen;
use crate::{Allocation, Content, Entry, Error, FileId, FileKind, Place, Record, Result};

/// Older names of one directory that are told.
const MOST_NAMES: usize = 1 << 20;
/// Copies of blocks of one directory that are read, the newest.
const MOST_COPIES: usize = 1 << 16;

impl Ext {
    /// The names that a directory has no more: those in its slots, then those in older copies of its blocks, from the newest
    /// on.
    pub(super) fn former_entries(&self, directory: FileId) -> Result<Vec<Result<Entry>>> {
        let record = self.restored(directory)?;
        if record.metadata.kind != FileKind::Directory {
            return Err(Error::WrongKind("a directory"));
        }
        let mut entries = if is_displaced(directory) || record.metadata.allocation == Allocation::Deleted {
            Vec::new()
        } else {
            super::deleted::deleted_entries(self, &record)?
        };
        let Some(former) = self.former() else { return Ok(entries) };
        let mut names = Names::new(self, former, &record);
        if record.metadata.allocation != Allocation::Deleted {
            if !names.has_copies(&record) {
                return Ok(entries);
            }
            for entry in super::directory::DirectoryEntries::new(self, &record)?.flatten() {
                names.seen.insert((entry.name, entry.id.0));
            }
        }
        let told = names.look(&record).err();
        entries.extend(names.found.into_iter().map(Ok));
        entries.extend(told.map(|error| Err(error.into())));
        Ok(entries)
    }
}

struct Names<'a> {
    fs: &'a Ext,
    former: &'a Former,
    facts: Facts,
    /// Up to when blocks of the directory have to be its own.
    until: Age,
    seen: HashSet<(Vec<u8>, u64)>,
    found: Vec<Entry>,
}

impl<'a> Names<'a> {
    fn new(fs: &'a Ext, former: &'a Former, record: &Record) -> Self {
        let id = record.metadata.id;
        let version = former.find(id).filter(|_| record.metadata.allocation == Allocation::Deleted);
        let until = version.map_or(Age::LAST, |version| version.gone.min(version.copy.age.next()));
        let inode = FileId(id.0 & u64::from(u32::MAX));
        let mut as_inode = record.clone();
        as_inode.metadata.id = inode;
        let facts = Facts::new(&fs.superblock, &as_inode);
        Self { fs, former, facts, until, seen: HashSet::new(), found: Vec::new() }
    }

    /// Whether the journal has a copy of any block of the directory.
    fn has_copies(&self, record: &Record) -> bool {
        let Content::Runs(runs) = &record.content else { return false };
        let block = self.fs.superblock.block_size.bytes();
        runs.iter().any(|run| {
            let Place::Volume(place) = run.place else { return false };
            let first = place.checked_div(block).unwrap_or(0);
            let end = first.saturating_add(run.length.div_ceil(block));
            !self.former.history.copies_within(first, end).is_empty()
        })
    }

    /// Goes through the copies of the directory's blocks, the newest first.
    ///
    /// # Errors
    /// When there are more of them, or of names, than are looked at.
    fn look(&mut self, record: &Record) -> Result<(), ReadError> {
        let Content::Runs(runs) = &record.content else { return Ok(()) };
        let block = self.fs.superblock.block_size.bytes();
        let history = &self.former.history;
        let mut copies: Vec<(Age, u64, BlockCopy)> = Vec::new();
        for run in runs {
            let Place::Volume(place) = run.place else { continue };
            let first = place.checked_div(block).unwrap_or(0);
            let logical = run.start.checked_div(block).unwrap_or(0);
            let end = first.saturating_add(run.length.div_ceil(block));
            let of_run = history.copies_within(first, end);
            history.spend(widen(of_run.len()))?;
            copies.extend(
                of_run
                    .iter()
                    .map(|copy| (copy.age, logical.saturating_add(copy.block.saturating_sub(first)), *copy)),
            );
            if record.metadata.allocation == Allocation::Deleted {
                self.left_over(first, end, logical)?;
            }
        }
        copies.sort_unstable_by_key(|(age, logical, _)| (std::cmp::Reverse(*age), *logical));
        let is_cut = copies.len() > MOST_COPIES;
        let mut bytes = Vec::new();
        for (age, logical, copy) in copies.into_iter().take(MOST_COPIES) {
            let sound = history.read(&*self.fs.view, &copy, &mut bytes).is_ok();
            if sound && !history.was_revoked(copy.block, age, self.until) {
                self.block(&bytes, logical, age);
            }
        }
        if !is_cut && self.found.len() < MOST_NAMES {
            return Ok(());
        }
        Err(ReadError::unsupported("older names in a directory")
            .expected(format!("at most {MOST_COPIES} copies of its blocks and {MOST_NAMES} names"))
            .found("more"))
    }

    /// Blocks of a deleted directory that nothing uses now.
    fn left_over(&mut self, first: u64, end: u64, logical: u64) -> Result<(), ReadError> {
        let size = self.fs.superblock.block_size;
        self.former.history.spend(end.saturating_sub(first))?;
        for (block, logical) in (first..end).zip(logical..) {
            let range = vminspect_bytes::ByteRange::at(size.offset_of(BlockNumber(block)), size.bytes());
            let free = self.fs.blocks_used(range).is_ok_and(|used| used.is_empty());
            if let (true, Ok(bytes)) = (free, self.fs.view.read_vec(range.start(), size.bytes_usize())) {
                self.block(&bytes, logical, self.until.before());
            }
        }
        Ok(())
    }

    /// Adds the names of a block as a transaction wrote it, if it is one of this directory.
    fn block(&mut self, bytes: &[u8], logical: u64, age: Age) {
        if self.facts.index_count_offset(bytes, logical).is_some() || !self.is_own(bytes, logical) {
            return;
        }
        let mut position = 0_usize;
        while position < bytes.len() {
            let Ok((raw, name, length)) = self.facts.entry(bytes, position, 0) else { return };
            self.name(raw, name, age);
            position = position.saturating_add(length);
        }
    }

    /// The checksum is the directory's own; without one, its first block names it.
    fn is_own(&self, bytes: &[u8], logical: u64) -> bool {
        if self.facts.checksum_problem(bytes, logical, 0).is_some() {
            return false;
        }
        let first = RawDirEntry::ref_from_prefix(bytes);
        logical != 0 || first.is_ok_and(|(raw, _)| u64::from(raw.inode.get()) == self.facts.number)
    }

    fn name(&mut self, raw: &RawDirEntry, name: &[u8], age: Age) {
        let special = name.is_empty() || name == b"." || name == b"..";
        let sound = self.facts.encrypted || memchr::memchr2(b'/', 0, name).is_none();
        let Some(inode) = InodeNumber::new(raw.inode.get()).filter(|_| !special && sound) else { return };
        let key = (name.to_vec(), u64::from(inode.get()));
        if inode.get() > self.facts.inodes || self.found.len() >= MOST_NAMES || !self.seen.insert(key) {
            return;
        }
        if let Some(id) = self.file(inode, age) {
            self.found.push(Entry { name: name.to_vec(), id, kind: self.facts.kind(raw) });
        }
    }

    /// The file that an inode was then.
    fn file(&self, inode: InodeNumber, age: Age) -> Option<FileId> {
        if let Some(version) = self.former.named(inode, age) {
            return self.former.id(version);
        }
        // Nothing older is known of it: what the inode says has to do, if that is of a deleted file.
        let id = FileId(u64::from(inode.get()));
        let known = !self.former.of_inode(inode).is_empty();
        let metadata = self.fs.inode_metadata(number(id).ok()?).ok()?;
        (!known && metadata.allocation == Allocation::Deleted).then_some(id)
    }
}
