//! An index: entries in `$INDEX_ROOT`, and below it blocks of `$INDEX_ALLOCATION`. A directory is one of file names.

use vminspect_bytes::ReadError;
use zerocopy::FromBytes;

use super::layout::{
    COLLATION_FILE_NAME, ENTRY_HAS_CHILD, ENTRY_IS_LAST, INDEX_HAS_CHILDREN, INDEX_SIGNATURE, RawIndexBlock,
    RawIndexEntry, RawIndexHeader, RawIndexRoot, attribute_type,
};
use super::{fixup, widen};

/// An entry of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexEntry<'a> {
    /// File reference, as stored.
    pub(super) reference: u64,
    /// What the index is sorted by: in a directory, a file name.
    pub(super) key: &'a [u8],
    /// The block whose entries come before this one.
    pub(super) child: Option<u64>,
    /// Where it begins in the bytes that hold it.
    pub(super) offset: usize,
}

/// Entries of an index that stand together, and the bytes behind them that are not in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    bytes: &'a [u8],
    first: usize,
    end: usize,
}

/// The root of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexRoot<'a> {
    pub(super) node: Node<'a>,
    /// Bytes of a block.
    pub(super) block_size: u32,
    pub(super) has_children: bool,
}

impl<'a> IndexRoot<'a> {
    /// Parses the value of an `$INDEX_ROOT` of file names.
    ///
    /// # Errors
    /// In words, when it is none or is cut short.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, &'static str> {
        let (raw, rest) = RawIndexRoot::ref_from_prefix(value).map_err(|_| "an index root cut short")?;
        if raw.attribute_type.get() != attribute_type::FILE_NAME
            || raw.collation_rule.get() != COLLATION_FILE_NAME
        {
            return Err("an index of something else than file names");
        }
        let (header, _) = RawIndexHeader::ref_from_prefix(rest).map_err(|_| "an index root cut short")?;
        let has_children = header.flags & INDEX_HAS_CHILDREN != 0;
        let node = Node::parse(value, size_of::<RawIndexRoot>())?;
        Ok(Self { node, block_size: raw.bytes_per_block.get(), has_children })
    }
}

/// Checks a block of an index, whose update sequence is applied in place, and returns its entries. `number` counts
/// blocks in the unit that the block's own number has.
///
/// # Errors
/// When it is no block, is torn, or is another one.
pub(super) fn parse_block(block: &mut [u8], number: u64, offset: u64) -> Result<Node<'_>, ReadError> {
    let damaged = || ReadError::corrupt("index block").at(offset);
    if !block.starts_with(&INDEX_SIGNATURE) {
        let found = block.first_chunk::<4>().copied().unwrap_or_default();
        return Err(damaged().expected("the signature INDX").found(format!("the bytes {found:02x?}")));
    }
    match fixup::apply(block, "index block", offset)? {
        fixup::Fixed::Whole => {}
        fixup::Fixed::Torn(from) => {
            return Err(damaged()
                .expected("one update sequence number throughout")
                .found(format!("a write cut short: from byte {from} on it belongs to another")));
        }
    }
    let block: &[u8] = block;
    let (raw, _) = RawIndexBlock::ref_from_prefix(block).map_err(|_| damaged().found("an end within it"))?;
    if raw.this_block.get() != number {
        return Err(damaged().expected(format!("block {number}")).found(raw.this_block.get().to_string()));
    }
    Node::parse(block, size_of::<RawIndexBlock>()).map_err(|found| damaged().found(found))
}

impl<'a> Node<'a> {
    /// The entries whose header stands at `header` of `bytes`.
    fn parse(bytes: &'a [u8], header: usize) -> Result<Self, &'static str> {
        let rest = bytes.get(header..).unwrap_or_default();
        let (raw, _) = RawIndexHeader::ref_from_prefix(rest).map_err(|_| "an index header cut short")?;
        let position = |offset: u32| header.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
        let (first, end) = (position(raw.first_entry_offset.get()), position(raw.bytes_in_use.get()));
        if first < header.saturating_add(size_of::<RawIndexHeader>()) || end < first || end > bytes.len() {
            return Err("an index header whose entries lie outside");
        }
        Ok(Self { bytes, first, end })
    }

    /// The entries, in order, with the last that only has a child. An error in words ends them.
    pub(super) fn entries(&self) -> NodeEntries<'a> {
        NodeEntries { bytes: self.bytes.get(..self.end).unwrap_or_default(), next: Some(self.first) }
    }

    /// What is left of entries behind those in use: everything there that may be one.
    pub(super) fn slack(&self) -> impl Iterator<Item = IndexEntry<'a>> + use<'a> {
        let bytes = self.bytes;
        // The last entry's own bytes may be what is left of a longer one.
        let start = self.end.saturating_sub(size_of::<RawIndexEntry>()) & !7;
        (start..bytes.len()).step_by(8).filter_map(move |offset| entry_at(bytes, offset).ok())
    }
}

/// The entries of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeEntries<'a> {
    bytes: &'a [u8],
    next: Option<usize>,
}

impl<'a> Iterator for NodeEntries<'a> {
    type Item = Result<(IndexEntry<'a>, bool), (usize, &'static str)>;

    /// The next entry, and whether it has a key.
    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.next.take()?;
        let raw = self.bytes.get(offset..).and_then(|rest| RawIndexEntry::ref_from_prefix(rest).ok());
        let Some((raw, _)) = raw else { return Some(Err((offset, "no last entry"))) };
        let is_last = raw.flags.get() & ENTRY_IS_LAST != 0;
        let entry = if is_last { last_at(self.bytes, offset) } else { entry_at(self.bytes, offset) };
        match entry {
            Ok(entry) => {
                if !is_last {
                    self.next = offset.checked_add(usize::from(raw.length.get()));
                }
                Some(Ok((entry, !is_last)))
            }
            Err(found) => Some(Err((offset, found))),
        }
    }
}

/// The bytes of an entry and its header.
fn parts(bytes: &[u8], offset: usize) -> Result<(&RawIndexEntry, &[u8]), &'static str> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let (raw, _) = RawIndexEntry::ref_from_prefix(rest).map_err(|_| "an entry cut short")?;
    let length = usize::from(raw.length.get());
    if length < size_of::<RawIndexEntry>() || !length.is_multiple_of(8) {
        return Err("an entry of an impossible length");
    }
    Ok((raw, rest.get(..length).ok_or("an entry past the end of the index")?))
}

fn entry_at(bytes: &[u8], offset: usize) -> Result<IndexEntry<'_>, &'static str> {
    let (raw, entry) = parts(bytes, offset)?;
    let end = size_of::<RawIndexEntry>().saturating_add(usize::from(raw.key_length.get()));
    let key = entry.get(size_of::<RawIndexEntry>()..end).ok_or("an entry whose key passes its end")?;
    Ok(IndexEntry { reference: raw.reference.get(), key, child: child(raw, entry), offset })
}

fn last_at(bytes: &[u8], offset: usize) -> Result<IndexEntry<'_>, &'static str> {
    let (raw, entry) = parts(bytes, offset)?;
    Ok(IndexEntry { reference: 0, key: &[], child: child(raw, entry), offset })
}

fn child(raw: &RawIndexEntry, entry: &[u8]) -> Option<u64> {
    let has_child = raw.flags.get() & ENTRY_HAS_CHILD != 0;
    has_child.then(|| entry.last_chunk::<8>().map(|number| u64::from_le_bytes(*number))).flatten()
}

/// Where an entry of a block lies.
pub(super) fn place(block: u64, offset: usize) -> u64 {
    block.saturating_add(widen(offset))
}
