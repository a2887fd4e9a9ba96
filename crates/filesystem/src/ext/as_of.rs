//! The blocks that map a deleted file's content, as they were: from the journal, or from the volume where it has no copy.

use std::sync::atomic::{AtomicBool, Ordering};

use vminspect_bytes::{ByteRange, Extent, ReadAt, ReadError};
use zerocopy::FromBytes;
use zerocopy::byteorder::little_endian::U32;

use super::extent_tree;
use super::journal::{Age, History};
use super::superblock::BlockNumber;
use super::volume::Ext;
use super::widen;

/// Copies of one block that are tried, from the newest on: deletion clears a map in a few transactions.
const MOST_COPIES: usize = 64;

/// How a block of a map is told from other blocks.
#[derive(Clone, Copy, Debug)]
pub(super) enum MapKind {
    /// A node of an extent tree, and where its checksum begins if it has one.
    Extents(Option<u32>),
    /// Numbers of blocks.
    Numbers,
}

/// A view on which blocks of a map are as they were before the file was deleted.
pub(super) struct AsOf<'a> {
    pub(super) fs: &'a Ext,
    pub(super) history: &'a History,
    /// The transaction of the inode's copy.
    pub(super) since: Age,
    /// The transaction that gave the content up.
    pub(super) until: Age,
    pub(super) kind: MapKind,
    /// Whether a block was taken from the volume that nothing proves to be of this file.
    doubtful: AtomicBool,
}

impl<'a> AsOf<'a> {
    pub(super) fn new(fs: &'a Ext, history: &'a History, (since, until): (Age, Age), kind: MapKind) -> Self {
        Self { fs, history, since, until, kind, doubtful: AtomicBool::new(false) }
    }

    /// Whether something that was read may be another file's.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }

    /// The newest copy that still maps something. Deletion clears entries before it gives a block up.
    fn read_journal(&self, block: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let copies = self.history.copies(block).iter().rev().filter(|copy| copy.age < self.until);
        for copy in copies.take(MOST_COPIES) {
            if copy.age < self.since && self.history.was_revoked(block, copy.age, self.since) {
                return None;
            }
            if self.history.read(&*self.fs.view, copy, &mut bytes).is_ok() && self.is_sound(&bytes) {
                return Some(bytes);
            }
        }
        None
    }

    fn is_sound(&self, bytes: &[u8]) -> bool {
        match self.kind {
            MapKind::Extents(seed) => extent_tree::is_sound(bytes, seed),
            MapKind::Numbers => {
                let blocks = self.fs.superblock.blocks;
                let numbers = <[U32]>::ref_from_bytes(bytes).unwrap_or_default();
                numbers.iter().any(|number| number.get() != 0)
                    && numbers.iter().all(|number| u64::from(number.get()) < blocks)
            }
        }
    }

    /// What lies there now, if that can be a part of the map still.
    fn read_volume(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let gone =
            |found: &'static str| Err(ReadError::corrupt("map of a deleted file").at(offset).found(found));
        let range = ByteRange::at(offset, widen(buf.len()));
        match self.fs.blocks_used(range) {
            Ok(used) if !used.is_empty() => return gone("a block that another file uses now"),
            Ok(_) => {}
            Err(_) => self.doubtful.store(true, Ordering::Relaxed),
        }
        self.fs.view.read_exact_at(offset, buf)?;
        if !self.is_sound(buf) {
            return gone("a block that maps nothing any more");
        }
        if !matches!(self.kind, MapKind::Extents(Some(_))) {
            self.doubtful.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl ReadAt for AsOf<'_> {
    fn len(&self) -> u64 {
        self.fs.view.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let size = self.fs.superblock.block_size.bytes();
        let block = BlockNumber(offset.checked_div(size).unwrap_or(0));
        let whole = self.fs.superblock.block_size.offset_of(block) == offset && widen(buf.len()) == size;
        match self.read_journal(block.0).filter(|bytes| whole && bytes.len() == buf.len()) {
            Some(bytes) => {
                buf.copy_from_slice(&bytes);
                Ok(())
            }
            None => self.read_volume(offset, buf),
        }
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        self.fs.view.extent_at(range)
    }
}
