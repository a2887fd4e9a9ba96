//! Files as they were before they were deleted, from older copies of their inodes in the journal.
//!
//! ext3 and ext4 clear the map of a file's blocks when they delete it (so does ext2 as current kernels write it). The
//! journal writes whole blocks of inode tables, so that each change of an inode leaves copies of it and its neighbours.

use foldhash::{HashMap, HashMapExt};
use vminspect_bytes::ReadAtExt;

use super::inode::Inode;
use super::journal::{Age, BlockCopy, History};
use super::layout::{I_CRTIME_OFFSET, S_IFMT};
use super::superblock::{BlockNumber, InodeNumber};
use super::volume::{Ext, InodeBytes};
use super::widen;
use crate::{Allocation, FileId};

/// Files that are kept track of: some 80 bytes each.
const MOST_FILES: usize = 1 << 20;
/// Copies of one block that are read, the newest.
const MOST_COPIES: usize = 1 << 12;

/// A file whose inode is not in use for it any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    pub(crate) number: InodeNumber,
    identity: Identity,
    /// The newest copy of its inode from before its content was given up.
    pub(crate) copy: BlockCopy,
    /// The oldest copy of its inode.
    first: Age,
    /// The oldest copy behind `copy`, in which its content is gone; [`Age::LAST`] where there is none.
    pub(crate) gone: Age,
    /// Whether the inode still tells of it, as deleted.
    pub(crate) present: bool,
}

impl Version {
    fn new(number: InodeNumber, identity: Identity, copy: BlockCopy) -> Self {
        Self { number, identity, copy, first: copy.age, gone: Age::LAST, present: false }
    }
}

/// What two copies of one file's inode have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Identity {
    generation: u32,
    kind: u16,
    /// Creation time; inodes of 128 bytes have none.
    created: Option<u32>,
}

impl Identity {
    fn of(inode: &Inode<'_>) -> Self {
        Self {
            generation: inode.raw.i_generation.get(),
            kind: inode.mode() & S_IFMT,
            created: inode.field(I_CRTIME_OFFSET),
        }
    }
}

/// All of them, sorted by inode and age.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) history: History,
    versions: Vec<Version>,
    pub(crate) untold: u64,
}

impl Former {
    /// The files that an inode was, from the oldest to the newest.
    pub(crate) fn of_inode(&self, number: InodeNumber) -> &[Version] {
        let first = self.versions.partition_point(|version| version.number < number);
        let rest = self.versions.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|version| version.number == number)).unwrap_or_default()
    }

    /// The files whose inodes are used by others now.
    pub(crate) fn displaced(&self) -> impl Iterator<Item = FileId> + '_ {
        self.versions.iter().filter(|version| !version.present).filter_map(|version| self.id(version))
    }

    /// A file by its id.
    pub(crate) fn find(&self, id: FileId) -> Option<&Version> {
        let number = InodeNumber::new(u32::try_from(id.0 & u64::from(u32::MAX)).ok()?)?;
        self.of_inode(number).iter().find(|version| self.id(version) == Some(id))
    }

    /// The number of the inode; above it, where others use that now, the transaction that the copy is of.
    pub(crate) fn id(&self, version: &Version) -> Option<FileId> {
        let number = u64::from(version.number.get());
        if version.present {
            return Some(FileId(number));
        }
        let sequence = u64::from(self.history.sequence(version.copy.age));
        (sequence != 0).then_some(FileId(sequence << 32 | number))
    }

    /// The file that an inode was when a transaction wrote a directory that names it. `None` where that is not known.
    pub(crate) fn named(&self, number: InodeNumber, at: Age) -> Option<&Version> {
        let versions = self.of_inode(number);
        let there = versions.iter().rev().find(|version| version.first <= at);
        if let Some(version) = there {
            return (at < version.gone).then_some(version);
        }
        // Copies from when it was created are overwritten; its own time of creation has to do.
        let next = versions.first()?;
        let committed = self.history.committed(at)?.seconds();
        let created = i64::from(next.identity.created?);
        (created <= committed.saturating_add(1)).then_some(next)
    }
}

/// Finds the files that older copies of inodes tell of.
pub(super) fn former(fs: &Ext, history: History) -> Former {
    let mut former = Former { history, versions: Vec::new(), untold: 0 };
    let mut search = Search {
        fs,
        copy: Vec::new(),
        before: Vec::new(),
        found: Vec::new(),
        of_block: HashMap::new(),
        untold: 0,
    };
    for (first, table) in fs.inode_tables() {
        search.table(first, table, &former.history);
    }
    former.untold = search.untold;
    former.versions = search.found;
    former.versions.sort_by_key(|version| (version.number, version.first));
    former
}

struct Search<'a> {
    fs: &'a Ext,
    copy: Vec<u8>,
    before: Vec<u8>,
    found: Vec<Version>,
    /// Where in `found` the files of the block at hand are.
    of_block: HashMap<(InodeNumber, Identity), usize>,
    untold: u64,
}

impl Search<'_> {
    /// Looks at the copies of a table of inodes, the first of which has the number `first`.
    fn table(&mut self, first: u32, table: BlockNumber, history: &History) {
        let superblock = &self.fs.superblock;
        let block_size = superblock.block_size;
        let size = u64::from(superblock.inode_size.get());
        let count = superblock.inodes_per_group.get();
        let blocks = block_size.blocks_of(u64::from(count).saturating_mul(size));
        let per_block = u32::try_from(block_size.bytes().checked_div(size).unwrap_or(0)).unwrap_or(0);
        let copies = history.copies_within(table.0, table.0.saturating_add(blocks));
        for of_block in copies.chunk_by(|x, y| x.block == y.block) {
            let Some(block) = of_block.first().map(|copy| copy.block) else { continue };
            let index = u32::try_from(block.saturating_sub(table.0)).unwrap_or(u32::MAX);
            let number = first.saturating_add(index.saturating_mul(per_block));
            self.block(number, block, of_block, history);
        }
    }

    fn block(&mut self, first: u32, block: u64, copies: &[BlockCopy], history: &History) {
        let known = self.found.len();
        let skipped = copies.len().saturating_sub(MOST_COPIES);
        self.untold = self.untold.saturating_add(widen(skipped));
        self.before.clear();
        self.of_block.clear();
        for copy in copies.iter().skip(skipped) {
            if history.read(&*self.fs.view, copy, &mut self.copy).is_err() {
                continue;
            }
            self.inodes(first, copy);
            std::mem::swap(&mut self.copy, &mut self.before);
        }
        self.settle(block, known);
    }

    /// Adds what one copy of a block of inodes tells.
    fn inodes(&mut self, first: u32, copy: &BlockCopy) {
        let size = usize::from(self.fs.superblock.inode_size.get());
        let mut before = self.before.chunks_exact(size);
        for (number, bytes) in (first..).zip(self.copy.chunks_exact(size)) {
            if before.next() == Some(bytes) {
                continue;
            }
            let Some(number) = InodeNumber::new(number) else { continue };
            let place = vminspect_bytes::ByteRange::default();
            let Some(inode) = Inode::new(number, bytes, place).filter(|inode| !inode.is_blank()) else {
                continue;
            };
            if number.get() < self.fs.superblock.first_inode || inode.problem(&self.fs.superblock).is_some() {
                continue;
            }
            let alive = inode.links() > 0 || inode.size(&self.fs.superblock) > 0;
            let identity = Identity::of(&inode);
            let is_full = self.found.len() >= MOST_FILES;
            let same = self.of_block.get(&(number, identity)).and_then(|index| self.found.get_mut(*index));
            match same {
                Some(version) if alive => (version.copy, version.gone) = (*copy, Age::LAST),
                Some(version) => version.gone = version.gone.min(copy.age),
                None if !alive => {}
                None if is_full => self.untold = self.untold.saturating_add(1),
                None => {
                    self.of_block.insert((number, identity), self.found.len());
                    self.found.push(Version::new(number, identity, *copy));
                }
            }
        }
    }

    /// Takes out what is in use still, and marks what the inodes tell of as deleted.
    fn settle(&mut self, block: u64, known: usize) {
        let fs = self.fs;
        let size = usize::from(fs.superblock.inode_size.get());
        let offset = fs.superblock.block_size.offset_of(BlockNumber(block));
        let present = fs.view.read_vec(offset, fs.superblock.block_size.bytes_usize()).unwrap_or_default();
        let per_block = present.len().checked_div(size).unwrap_or(0);
        let tail = self.found.split_off(known);
        for mut version in tail {
            let index = usize::try_from(version.number.get().saturating_sub(1)).unwrap_or(0);
            let slot =
                index.checked_rem(fs.inodes_per_group()).unwrap_or(0).checked_rem(per_block).unwrap_or(0);
            let start = slot.saturating_mul(size);
            let bytes = present.get(start..start.saturating_add(size)).unwrap_or_default();
            let inode = Inode::new(version.number, bytes, vminspect_bytes::ByteRange::default());
            if let Some(inode) = inode.filter(|inode| Identity::of(inode) == version.identity) {
                if fs.allocation(&inode) != Allocation::Deleted {
                    continue;
                }
                version.present = true;
            }
            self.found.push(version);
        }
    }
}

impl Ext {
    fn inodes_per_group(&self) -> usize {
        usize::try_from(self.superblock.inodes_per_group.get()).unwrap_or(usize::MAX)
    }

    /// The first inode and the first block of the tables of all groups.
    fn inode_tables(&self) -> impl Iterator<Item = (u32, BlockNumber)> + '_ {
        let per_group = self.superblock.inodes_per_group.get();
        (0_u32..).zip(&self.groups).filter_map(move |(index, group)| {
            let first = index.checked_mul(per_group)?.checked_add(1)?;
            Some((first, group.inode_table?))
        })
    }

    /// The bytes of the copy of a file's inode.
    pub(super) fn former_inode(&self, former: &Former, version: &Version) -> Option<(InodeBytes, u64)> {
        let mut block = Vec::new();
        former.history.read(&*self.view, &version.copy, &mut block).ok()?;
        let offset = self.inode_offset(version.number).ok()?;
        let start = self.superblock.block_size.offset_of(BlockNumber(version.copy.block));
        let inside = usize::try_from(offset.checked_sub(start)?).ok()?;
        let end = inside.checked_add(usize::from(self.superblock.inode_size.get()))?;
        let place = former.history.place(&*self.view, &version.copy)?.checked_add(widen(inside))?;
        Some((InodeBytes::from_slice(block.get(inside..end)?), place))
    }
}
