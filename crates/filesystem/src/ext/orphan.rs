//! Files that were deleted while they were open: no name leads to them, their content is still there.
//!
//! The kernel keeps them on a list, so that it can free them after a crash: chained from the superblock through
//! `i_dtime`, or (feature `orphan_file`) in the blocks of an inode. Files whose truncation was cut short are on the same
//! lists; they have names, and are left out here.

use std::collections::HashSet;

use vminspect_bytes::{ByteRange, ReadError};
use zerocopy::{FromBytes, Immutable, KnownLayout, LittleEndian, U32, Unaligned};

use super::checksum::crc32c;
use super::layout::RO_COMPAT_ORPHAN_PRESENT;
use super::superblock::InodeNumber;
use super::volume::Ext;
use crate::{Content, Error, Place, Result};

/// `ob_magic`.
const EXT4_ORPHAN_BLOCK_MAGIC: u32 = 0x0B10_CA04;
/// Bytes of an orphan file that are read. The kernel takes no more than 8 MiB.
const MOST_FILE: u64 = 64 << 20;
/// Problems after which the lists are not followed any further.
const MOST_PROBLEMS: usize = 64;

/// `ext4_orphan_block_tail`, at the end of each block of the orphan file.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct OrphanBlockTail {
    /// `EXT4_ORPHAN_BLOCK_MAGIC`.
    ob_magic: U32<LittleEndian>,
    /// CRC-32C of the inode's seed, the block's number and the entries.
    ob_checksum: U32<LittleEndian>,
}
const _: () = assert!(size_of::<OrphanBlockTail>() == 8);

/// The orphans of a filesystem with the places that name them, in the order of its lists, and what was wrong
/// with those.
pub(super) fn orphans(fs: &Ext) -> (Vec<(InodeNumber, ByteRange)>, Vec<Error>) {
    let mut list = OrphanList { fs, found: Vec::new(), problems: Vec::new() };
    list.follow_chain();
    if fs.superblock.features.ro_compat & RO_COMPAT_ORPHAN_PRESENT != 0
        && let Some(file) = fs.superblock.orphan_file
        && let Err(error) = list.read_file(file)
    {
        list.problems.push(error);
    }
    (list.found, list.problems)
}

struct OrphanList<'a> {
    fs: &'a Ext,
    found: Vec<(InodeNumber, ByteRange)>,
    problems: Vec<Error>,
}

impl OrphanList<'_> {
    fn follow_chain(&mut self) {
        let mut seen = HashSet::new();
        let mut next = self.fs.superblock.last_orphan;
        let mut place = self.fs.superblock.place();
        while let Some(number) = next {
            if !seen.insert(number) {
                self.damaged(0, format!("inode {} twice", number.get()));
                return;
            }
            (next, place) = match self.visit(number, place) {
                Ok(next) => next,
                Err(error) => {
                    self.problems.push(error);
                    return;
                }
            };
        }
    }

    /// Keeps an inode that has no links and is named in `place`. Returns the next of the chain, and where
    /// that is named.
    fn visit(&mut self, number: InodeNumber, place: ByteRange) -> Result<(Option<InodeNumber>, ByteRange)> {
        let bytes = self.fs.inode_bytes(number)?;
        let inode = self.fs.inode(number, &bytes)?;
        if inode.mode() == 0 {
            self.damaged(inode.place.start(), format!("inode {}, which is not in use", number.get()));
        } else if inode.links() == 0 {
            self.found.push((number, place));
        }
        Ok((InodeNumber::new(inode.dtime()), inode.place))
    }

    fn read_file(&mut self, number: InodeNumber) -> Result<()> {
        let bytes = self.fs.inode_bytes(number)?;
        let seed = self.fs.inode(number, &bytes)?.checksum_seed(&self.fs.superblock);
        let record = self.fs.record_of(number)?;
        let Content::Runs(runs) = &record.content else {
            let error = ReadError::corrupt("orphan file").at(record.place.start());
            return Err(error.expected("runs of blocks").into());
        };
        if record.metadata.size > MOST_FILE {
            let error = ReadError::unsupported("orphan file").at(record.place.start());
            let found = format!("{} bytes", record.metadata.size);
            return Err(error.expected(format!("at most {MOST_FILE} bytes")).found(found).into());
        }
        let size = self.fs.superblock.block_size.bytes();
        let mut block = vec![0; self.fs.superblock.block_size.bytes_usize()];
        for run in runs {
            let Place::Volume(start) = run.place else { continue };
            let length = run.length.min(MOST_FILE);
            let mut inside = 0;
            while inside < length && self.problems.len() < MOST_PROBLEMS {
                let offset = start.saturating_add(inside);
                match self.fs.view.read_exact_at(offset, &mut block) {
                    Ok(()) => self.read_block(seed, offset, &block),
                    Err(error) => self.problems.push(error.into()),
                }
                inside = inside.saturating_add(size);
            }
        }
        Ok(())
    }

    /// A block that does not verify is reported; what it names is taken where the inodes bear it out.
    fn read_block(&mut self, seed: u32, offset: u64, block: &[u8]) {
        let Ok((entries, tail)) = OrphanBlockTail::ref_from_suffix(block) else { return };
        if tail.ob_magic.get() != EXT4_ORPHAN_BLOCK_MAGIC {
            let error = ReadError::corrupt("orphan file block").at(offset);
            let error = error.expected(format!("magic {EXT4_ORPHAN_BLOCK_MAGIC:#010x}"));
            self.problems.push(error.found(format!("{:#010x}", tail.ob_magic)).into());
            return;
        }
        let number = offset.checked_div(self.fs.superblock.block_size.bytes()).unwrap_or(0);
        let computed = crc32c(crc32c(seed, &number.to_le_bytes()), entries);
        if self.fs.superblock.has_metadata_checksums() && computed != tail.ob_checksum.get() {
            let error = ReadError::corrupt("orphan file block").at(offset);
            let error = error.expected(format!("checksum {computed:#010x}"));
            self.problems.push(error.found(format!("{:#010x}", tail.ob_checksum)).into());
        }
        let place = ByteRange::at(offset, self.fs.superblock.block_size.bytes());
        for entry in entries.chunks_exact(4) {
            let entry = entry.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            if self.problems.len() >= MOST_PROBLEMS {
                return;
            }
            if let Some(number) = InodeNumber::new(entry)
                && let Err(error) = self.visit(number, place)
            {
                self.problems.push(error);
            }
        }
    }

    fn damaged(&mut self, offset: u64, found: String) {
        self.problems.push(ReadError::corrupt("list of orphans").at(offset).found(found).into());
    }
}
