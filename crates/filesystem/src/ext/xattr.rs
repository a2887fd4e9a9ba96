//! Extended attributes: in the inode, in a block of their own, in inodes of their own.

use vminspect_bytes::ReadError;
use zerocopy::FromBytes;
use zerocopy::byteorder::little_endian::U32;

use super::checksum::{crc32c, crc32c_with_hole};
use super::inode::Inode;
use super::layout::{
    EXT4_XATTR_INDEX_SYSTEM, EXT4_XATTR_MAGIC, RawXattrEntry, RawXattrHeader, XATTR_CHECKSUM_OFFSET,
    XATTR_SIZE_MAX,
};
use super::superblock::{BlockNumber, InodeNumber, Superblock};
use super::widen;

const ENTRY_HEADER: usize = size_of::<RawXattrEntry>();

/// Where the value of an attribute is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value<'a> {
    /// Beside the attribute's entry.
    Here(&'a [u8]),
    /// The content of an inode: so many bytes of it.
    Inode(InodeNumber, u32),
}

/// An attribute as stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) index: u8,
    pub(super) name: &'a [u8],
    pub(super) value: Value<'a>,
    pub(super) hash: u32,
}

impl Attribute<'_> {
    /// Whether it is where inline data overflows to, and no attribute of the file.
    pub(super) fn is_inline_data(&self) -> bool {
        self.index == EXT4_XATTR_INDEX_SYSTEM && self.name == b"data"
    }

    /// Name with the prefix that its index stands for.
    pub(super) fn full_name(&self) -> Vec<u8> {
        let unknown;
        let prefix = match self.index {
            0 => "",
            1 => "user.",
            2 => "system.posix_acl_access",
            3 => "system.posix_acl_default",
            4 => "trusted.",
            5 => "lustre.",
            6 => "security.",
            EXT4_XATTR_INDEX_SYSTEM => "system.",
            8 => "system.richacl",
            9 => "encryption.",
            10 => "gnu.",
            other => {
                unknown = format!("index{other}.");
                &unknown
            }
        };
        [prefix.as_bytes(), self.name].concat()
    }
}

/// A list of attributes: in an inode, or in a block.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a> {
    /// From the first entry on.
    entries: &'a [u8],
    /// What offsets of values count from.
    values: &'a [u8],
    /// Byte offset of `entries` on the view.
    offset: u64,
}

impl<'a> Attributes<'a> {
    /// Those inside an inode, when it has any.
    pub(super) fn in_inode(inode: &Inode<'a>) -> Option<Self> {
        let area = inode.bytes.get(inode.fields_end..)?;
        let (magic, entries) = U32::ref_from_prefix(area).ok()?;
        if inode.fields_end <= 128 || magic.get() != EXT4_XATTR_MAGIC {
            return None;
        }
        let offset = inode.place.start().saturating_add(widen(inode.fields_end)).saturating_add(4);
        Some(Self { entries, values: entries, offset })
    }

    /// Those of an attribute block.
    ///
    /// # Errors
    /// When it is no attribute block.
    pub(super) fn in_block(block: &'a [u8], offset: u64) -> Result<Self, ReadError> {
        let damaged = || ReadError::corrupt("extended attribute block").at(offset);
        let (header, entries) = RawXattrHeader::ref_from_prefix(block).map_err(|_| damaged())?;
        if header.h_magic.get() != EXT4_XATTR_MAGIC || header.h_blocks.get() != 1 {
            return Err(damaged()
                .expected(format!("magic {EXT4_XATTR_MAGIC:#x} and 1 block"))
                .found(format!("{:#x} and {}", header.h_magic.get(), header.h_blocks.get())));
        }
        let offset = offset.saturating_add(widen(size_of::<RawXattrHeader>()));
        Ok(Self { entries, values: block, offset })
    }

    /// The attributes; after an error the iterator ends.
    pub(super) fn iter(self) -> Iter<'a> {
        Iter { list: self, position: 0, done: false }
    }
}

/// Iterates over [`Attributes`].
pub(super) struct Iter<'a> {
    list: Attributes<'a>,
    position: usize,
    done: bool,
}

impl<'a> Iter<'a> {
    fn damaged(&self) -> ReadError {
        ReadError::corrupt("extended attribute").at(self.list.offset.saturating_add(widen(self.position)))
    }

    fn parse(&mut self) -> Result<Option<Attribute<'a>>, ReadError> {
        let rest = self.list.entries.get(self.position..).unwrap_or_default();
        match rest.first_chunk::<4>() {
            Some([0, 0, 0, 0]) => return Ok(None),
            Some(_) => {}
            // A list that fills its area to the end has no room for the zeros that end others.
            None if rest.is_empty() => return Ok(None),
            None => return Err(self.damaged().expected("four zero bytes").found("the end of the area")),
        }
        let (raw, tail) = RawXattrEntry::ref_from_prefix(rest).map_err(|_| self.damaged())?;
        let name_length = usize::from(raw.e_name_len);
        let name = tail.get(..name_length).ok_or_else(|| {
            self.damaged().expected("a name inside the area").found(format!("one of {name_length} bytes"))
        })?;
        let value = self.value(raw)?;
        let length = ENTRY_HEADER.saturating_add(name_length).saturating_add(3) & !3;
        self.position = self.position.saturating_add(length);
        Ok(Some(Attribute { index: raw.e_name_index, name, value, hash: raw.e_hash.get() }))
    }

    fn value(&self, raw: &RawXattrEntry) -> Result<Value<'a>, ReadError> {
        let size = raw.e_value_size.get();
        if size > XATTR_SIZE_MAX {
            return Err(self
                .damaged()
                .expected(format!("a value of at most {XATTR_SIZE_MAX} bytes"))
                .found(size.to_string()));
        }
        if let Some(inode) = InodeNumber::new(raw.e_value_inum.get()) {
            return Ok(Value::Inode(inode, size));
        }
        if size == 0 {
            return Ok(Value::Here(&[]));
        }
        let start = usize::from(raw.e_value_offs.get());
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let value =
            self.list.values.get(start..).and_then(|values| values.get(..length)).ok_or_else(|| {
                self.damaged().expected("a value inside the area").found(format!("{size} bytes from {start}"))
            })?;
        Ok(Value::Here(value))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<Attribute<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let parsed = self.parse();
        self.done = !matches!(parsed, Ok(Some(_)));
        parsed.transpose()
    }
}

/// What is wrong with the checksum of an attribute block, if anything.
pub(super) fn block_checksum_problem(
    superblock: &Superblock,
    number: BlockNumber,
    block: &[u8],
) -> Option<ReadError> {
    if !superblock.has_metadata_checksums() {
        return None;
    }
    let (header, _) = RawXattrHeader::ref_from_prefix(block).ok()?;
    let seed = crc32c(superblock.checksum_seed, &number.0.to_le_bytes());
    let sum = crc32c_with_hole(seed, block, XATTR_CHECKSUM_OFFSET, 4);
    let stored = header.h_checksum.get();
    (sum != stored).then(|| {
        ReadError::corrupt("extended attribute block")
            .at(superblock.block_size.offset_of(number))
            .expected(format!("checksum {sum:#010x}"))
            .found(format!("{stored:#010x}"))
    })
}

/// Whether an attribute's hash fits its name and these words of its value. Kernels disagreed on whether
/// bytes of names have a sign; either way is right.
pub(super) fn hash_fits(attribute: &Attribute<'_>, words: &(impl Iterator<Item = u32> + Clone)) -> bool {
    let with = |widen: fn(u8) -> u32| {
        let name = attribute.name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ widen(*byte));
        words.clone().fold(name, |hash, word| hash.rotate_left(16) ^ word)
    };
    let signed = |byte: u8| i32::from(i8::from_le_bytes([byte])).cast_unsigned();
    attribute.hash == with(u32::from) || attribute.hash == with(signed)
}

/// The little-endian words of a value, padded with zeros.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = u32> + Clone + '_ {
    value.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        u32::from_le_bytes(word)
    })
}
