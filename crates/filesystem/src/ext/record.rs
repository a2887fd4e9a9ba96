//! An inode and everything it refers to, as one record.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::block_map::BlockMap;
use super::checksum::crc32c;
use super::extent_tree::ExtentTree;
use super::inline_data;
use super::inode::{Inode, is_attribute_value, largest_size};
use super::layout::{EXT4_RESIZE_INO, I_BLOCK_SIZE};
use super::runs::{Gather, MOST_PROBLEMS};
use super::superblock::{BlockNumber, InodeNumber, Superblock};
use super::volume::Ext;
use super::xattr::{Attribute, Attributes, Value, block_checksum_problem, hash_fits, words};
use crate::{Allocation, Content, Error, FileKind, Place, Record, Run};

/// Byte offset of `i_block` in an inode.
const I_BLOCK_OFFSET: u64 = 0x28;

/// The attribute block read last: many files share one.
#[derive(Default)]
pub(super) struct AttributeBlock {
    number: Option<BlockNumber>,
    bytes: Vec<u8>,
    problem: Option<ReadError>,
}

impl AttributeBlock {
    /// The bytes of a block, and what is wrong with them.
    fn read(
        &mut self,
        view: &dyn ReadAt,
        superblock: &Superblock,
        number: BlockNumber,
    ) -> (Option<&[u8]>, Option<&ReadError>) {
        if self.number != Some(number) {
            self.number = None;
            self.bytes.resize(superblock.block_size.bytes_usize(), 0);
            let offset = superblock.block_size.offset_of(number);
            let read = if superblock.contains_blocks(number, 1) {
                view.read_exact_at(offset, &mut self.bytes)
            } else {
                Err(ReadError::corrupt("extended attribute block")
                    .at(offset)
                    .expected(format!("a block below {}", superblock.blocks))
                    .found(number.0.to_string()))
            };
            if let Err(error) = read {
                self.problem = Some(error);
                return (None, self.problem.as_ref());
            }
            self.problem = block_checksum_problem(superblock, number, &self.bytes);
            self.number = Some(number);
        }
        (Some(&self.bytes), self.problem.as_ref())
    }
}

/// Makes records of inodes; keeps what neighbours share.
pub(super) struct Recorder<'a> {
    fs: &'a Ext,
    /// Where blocks of maps are read.
    maps: &'a dyn ReadAt,
    block: AttributeBlock,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(fs: &'a Ext) -> Self {
        Self::with_maps(fs, &*fs.view)
    }

    /// With blocks of maps from another view than the filesystem's.
    pub(super) fn with_maps(fs: &'a Ext, maps: &'a dyn ReadAt) -> Self {
        Self { fs, maps, block: AttributeBlock::default() }
    }

    /// The record of an inode.
    pub(super) fn record(&mut self, inode: &Inode<'_>, allocation: Allocation) -> Record {
        let superblock = &self.fs.superblock;
        let mut record = Record::new(inode.metadata(superblock, allocation), inode.place);
        if let Some(problem) = inode.problem(superblock) {
            record.problems.push(problem.into());
        }
        if inode.links() == 0 {
            // Whether an inode without links is an orphan stands in the list of orphans, which begins in the
            // superblock.
            record.depends.push(superblock.place());
            let place = self.fs.orphan_place(inode.number);
            record.depends.extend(place.filter(|place| *place != superblock.place()));
        }
        self.add_content(inode, &mut record);
        self.add_attributes(inode, &mut record);
        record
    }

    fn add_content(&self, inode: &Inode<'_>, record: &mut Record) {
        let superblock = &self.fs.superblock;
        match record.metadata.kind {
            FileKind::Regular | FileKind::Directory | FileKind::Symlink => {}
            _ => return,
        }
        if inode.number.get() == EXT4_RESIZE_INO && superblock.first_inode > EXT4_RESIZE_INO {
            // Its map, long and sparse, is but the list of blocks reserved for more group descriptors.
            return;
        }
        let encrypted = inode.is_encrypted() && record.metadata.kind != FileKind::Directory;
        if encrypted {
            record.content = Content::Opaque;
            return;
        }
        if inode.has_inline_data() {
            let (bytes, problem) = inline_data::content(inode, superblock);
            record.content = Content::Inline(bytes);
            record.problems.extend(problem.map(Error::from));
        } else if inode.is_fast_symlink(superblock) {
            let length = usize::try_from(record.metadata.size).unwrap_or(I_BLOCK_SIZE);
            let target = inode.raw.i_block.get(..length).unwrap_or(&inode.raw.i_block);
            record.content = Content::Inline(target.into());
        } else {
            record.content = Content::Runs(self.runs(inode, record));
        }
    }

    /// The runs of a file. What they were read from and what is wrong is added to the record.
    fn runs(&self, inode: &Inode<'_>, record: &mut Record) -> SmallVec<[Run; 2]> {
        let superblock = &self.fs.superblock;
        let size = inode.size(superblock).min(largest_size(superblock));
        let mut gather = Gather::new(superblock, inode.number, size);
        let offset = inode.place.start().saturating_add(I_BLOCK_OFFSET);
        let i_block = &inode.raw.i_block;
        if inode.has_extents() {
            let seed = superblock.has_metadata_checksums().then(|| inode.checksum_seed(superblock));
            // Deletion empties the root; that is no damage.
            if !(record.metadata.allocation == Allocation::Deleted && i_block.iter().all(|byte| *byte == 0)) {
                ExtentTree { view: self.maps, gather: &mut gather, checksum_seed: seed }
                    .walk(i_block, offset);
            }
        } else {
            BlockMap::new(self.maps, &mut gather).walk(i_block, offset);
        }
        record.depends.append(&mut gather.depends);
        record.problems.append(&mut gather.problems);
        gather.runs
    }

    fn add_attributes(&mut self, inode: &Inode<'_>, record: &mut Record) {
        if let Some(attributes) = Attributes::in_inode(inode) {
            self.check(attributes, false, inode, record);
        }
        let superblock = &self.fs.superblock;
        let Some(number) = inode.attribute_block(superblock) else { return };
        if record.metadata.allocation == Allocation::Deleted {
            // The block may belong to another file by now; it is followed when attributes are asked for.
            record.has_attributes = true;
            return;
        }
        record.has_attributes = true;
        let offset = superblock.block_size.offset_of(number);
        let mut block = std::mem::take(&mut self.block);
        let (bytes, problem) = block.read(&*self.fs.view, superblock, number);
        record.problems.extend(problem.cloned().map(Error::from));
        // That it cannot be read is a part of the record, too.
        record.depends.push(ByteRange::at(offset, superblock.block_size.bytes()));
        if let Some(bytes) = bytes {
            match Attributes::in_block(bytes, offset) {
                Ok(attributes) => self.check(attributes, true, inode, record),
                Err(error) => record.problems.push(error.into()),
            }
        }
        self.block = block;
    }

    /// Looks through a list of attributes.
    fn check(&self, attributes: Attributes<'_>, hashed: bool, inode: &Inode<'_>, record: &mut Record) {
        for attribute in attributes.iter() {
            if record.problems.len() > MOST_PROBLEMS {
                return;
            }
            match attribute {
                Err(error) => record.problems.push(error.into()),
                Ok(attribute) if attribute.is_inline_data() && inode.has_inline_data() => {}
                Ok(attribute) => {
                    record.has_attributes = true;
                    match attribute.value {
                        Value::Inode(number, size) => {
                            if let Err(error) =
                                self.check_value_inode(&attribute, number, size, inode, record)
                            {
                                record.problems.push(error);
                            }
                        }
                        Value::Here(value) if hashed && attribute.hash != 0 => {
                            if !hash_fits(&attribute, &words(value)) {
                                record.problems.push(wrong_hash(&attribute, inode).into());
                            }
                        }
                        Value::Here(_) => {}
                    }
                }
            }
        }
    }

    /// Adds the inode of a large value to what the record depends on, and checks the value's hash.
    fn check_value_inode(
        &self,
        attribute: &Attribute<'_>,
        number: InodeNumber,
        size: u32,
        owner: &Inode<'_>,
        record: &mut Record,
    ) -> Result<(), Error> {
        let bytes = self.fs.inode_bytes(number)?;
        let inode = self.fs.inode(number, &bytes)?;
        let value = self.value_record(&inode);
        record.depends.push(value.place);
        record.depends.extend(value.depends.iter().copied());
        if let Content::Runs(runs) = &value.content {
            for run in runs {
                if let Place::Volume(start) = run.place {
                    record.depends.push(ByteRange::at(start, run.length));
                }
            }
        }
        record.problems.extend(value.problems.iter().take(1).cloned());
        let content = read_value(self.fs, &value, number, size)?;
        // Early writers kept no hash, but named the owner in the value's inode.
        let owned = inode.raw.i_mtime.get() == owner.number.get()
            && inode.raw.i_generation.get() == owner.raw.i_generation.get();
        let stored = inode.raw.i_atime.get();
        let sum = crc32c(self.fs.superblock.checksum_seed, &content);
        if sum != stored && !owned {
            return Err(ReadError::corrupt(format!("attribute value in inode {}", number.get()))
                .at(inode.place.start())
                .expected(format!("hash {sum:#010x}"))
                .found(format!("{stored:#010x}"))
                .into());
        }
        if !owned && attribute.hash != 0 && !hash_fits(attribute, &std::iter::once(stored)) {
            return Err(wrong_hash(attribute, owner).into());
        }
        Ok(())
    }

    /// The record of an inode that holds a value; attributes of its own are not followed.
    fn value_record(&self, inode: &Inode<'_>) -> Record {
        let superblock = &self.fs.superblock;
        let mut record = Record::new(inode.metadata(superblock, Allocation::Allocated), inode.place);
        if let Some(problem) = inode.problem(superblock) {
            record.problems.push(problem.into());
        }
        self.add_content(inode, &mut record);
        record
    }

    /// The value of an attribute.
    pub(super) fn value(&self, value: Value<'_>) -> Result<Vec<u8>, Error> {
        match value {
            Value::Here(value) => Ok(value.to_vec()),
            Value::Inode(number, size) => {
                let bytes = self.fs.inode_bytes(number)?;
                let inode = self.fs.inode(number, &bytes)?;
                read_value(self.fs, &self.value_record(&inode), number, size)
            }
        }
    }
}

fn read_value(fs: &Ext, record: &Record, number: InodeNumber, size: u32) -> Result<Vec<u8>, Error> {
    let damaged =
        || ReadError::corrupt(format!("attribute value in inode {}", number.get())).at(record.place.start());
    if !is_attribute_value(record.metadata.flags) || record.metadata.kind != FileKind::Regular {
        return Err(damaged().expected("an inode that holds an attribute value").found("another").into());
    }
    if record.metadata.size != u64::from(size) {
        return Err(damaged()
            .expected(format!("{size} bytes"))
            .found(record.metadata.size.to_string())
            .into());
    }
    let content = fs.content(record)?;
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    content.read_exact_at(0, &mut bytes)?;
    Ok(bytes)
}

fn wrong_hash(attribute: &Attribute<'_>, inode: &Inode<'_>) -> ReadError {
    ReadError::corrupt(format!("extended attribute of inode {}", inode.number.get()))
        .at(inode.place.start())
        .expected("a hash that fits its name and value")
        .found(format!("{:#010x}", attribute.hash))
}
