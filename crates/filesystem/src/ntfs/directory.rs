//! The names in a directory.
//!
//! All blocks that the index's bitmap marks are read, in the order in which they lie, and not from the root down:
//! damage of one block then hides no other. Blocks that entries lead to though the bitmap says that they are
//! free are read, too, since Windows would show them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::{HashSet, HashSetExt};
use vminspect_bytes::{ReadAt, ReadError};

use super::address::Reference;
use super::boot_sector::Geometry;
use super::file::{File, MOST_PROBLEMS};
use super::file_name::FileName;
use super::index::{IndexEntry, IndexRoot, Node, parse_block, place};
use super::layout::attribute_type;
use super::value::{Storage, Value};
use super::volume::Ntfs;
use super::widen;
use crate::{Entry, Error, FileKind, Result};

/// The index of a directory.
pub(super) const INDEX_NAME: &str = "$I30";
/// Bytes of blocks that are read at once.
const READ_AHEAD: u64 = 64 << 10;
/// The largest bitmap that is used: enough for a directory of 128 GiB in blocks of 4 KiB.
const LARGEST_BITMAP: u64 = 4 << 20;

/// The blocks of an index.
struct Blocks {
    content: Arc<dyn ReadAt>,
    size: u64,
    count: u64,
    /// Clusters, or 512 bytes, in a block: what block numbers count.
    stride: u64,
    /// One bit a block.
    bitmap: Option<Vec<u8>>,
    /// Blocks that entries lead to.
    wanted: HashSet<u64>,
    /// Those of them that the bitmap does not mark and that are still to be read.
    unmarked: BTreeSet<u64>,
    next: u64,
    /// Blocks that were read ahead, from the first on.
    ahead: (u64, Vec<u8>),
}

/// Reads the names of a directory, some at a time.
pub(super) struct DirectoryEntries {
    /// The directory, for messages and to tell its own name apart.
    directory: Reference,
    queue: VecDeque<Result<Entry>>,
    blocks: Option<Blocks>,
    /// Short names, until it is known whether they are second ones.
    short: Vec<(Reference, Entry)>,
    /// Files that have a long name here.
    long: HashSet<Reference>,
    problems: usize,
}

impl DirectoryEntries {
    /// Opens a directory.
    ///
    /// # Errors
    /// When its index root cannot be used.
    pub(super) fn new(fs: &Ntfs, file: &File<'_>) -> Result<Self> {
        let root = file
            .parts_of(attribute_type::INDEX_ROOT, INDEX_NAME)
            .first()
            .and_then(|part| part.attribute.value().map(|value| (value, part.attribute.offset)));
        let Some((value, offset)) = root else {
            return Err(if file.header.is_directory {
                directory_error(file.header.reference(), file.header.place.start())
                    .found("no root of its index")
                    .into()
            } else {
                Error::WrongKind("a directory")
            });
        };
        let mut entries = Self::from_root(file.header.reference(), value, file.header.place.start(), offset)?;
        entries.open_blocks(fs, file, value);
        Ok(entries)
    }

    /// A directory all of whose names are in its index root.
    ///
    /// # Errors
    /// When that cannot be used.
    pub(super) fn from_root(directory: Reference, value: &[u8], record: u64, offset: usize) -> Result<Self> {
        let mut entries = Self {
            directory,
            queue: VecDeque::new(),
            blocks: None,
            short: Vec::new(),
            long: HashSet::new(),
            problems: 0,
        };
        let root = IndexRoot::parse(value)
            .map_err(|found| directory_error(directory, place(record, offset)).found(found))?;
        entries.add(&root.node, place(record, offset));
        Ok(entries)
    }

    fn open_blocks(&mut self, fs: &Ntfs, file: &File<'_>, root: &[u8]) {
        let Ok(root) = IndexRoot::parse(root) else { return };
        let parts = file.parts_of(attribute_type::INDEX_ALLOCATION, INDEX_NAME);
        let mut problems = Vec::new();
        let value = Value::of(fs, &parts, &mut problems);
        let place = file.header.place.start();
        for error in problems {
            self.report(error);
        }
        let Some(value) = value else {
            if root.has_children {
                self.report(directory_error(self.directory, place).found("no blocks of its index"));
            }
            return;
        };
        match Blocks::open(fs, file, &value, &root) {
            Ok((blocks, problem)) => {
                let children: Vec<u64> = root
                    .node
                    .entries()
                    .filter_map(|entry| entry.ok().and_then(|(entry, _)| entry.child))
                    .collect();
                self.blocks = Some(blocks);
                children.into_iter().for_each(|child| self.want(child, place));
                if let Some(error) = problem {
                    self.report(error);
                }
            }
            Err(error) => self.report(error),
        }
    }

    /// Tells what is wrong, unless too much is.
    fn report(&mut self, error: ReadError) {
        self.problems = self.problems.saturating_add(1);
        if self.problems <= MOST_PROBLEMS {
            self.queue.push_back(Err(caused_in(self.directory, error)));
        }
    }

    /// Notes that an entry leads to a block.
    fn want(&mut self, child: u64, offset: u64) {
        let Some(blocks) = &mut self.blocks else { return };
        let number = child.checked_div(blocks.stride).unwrap_or(u64::MAX);
        let error = |found: String| ReadError::corrupt("index entry").at(offset).found(found);
        if number >= blocks.count || !child.is_multiple_of(blocks.stride) {
            let count = blocks.count;
            self.report(error(format!("a child in block {child}, past the {count} of the index")));
        } else if !blocks.wanted.insert(number) {
            self.report(error(format!("block {child}, to which another entry leads already")));
        } else if !blocks.is_marked(number) {
            blocks.unmarked.insert(number);
        }
    }

    /// Adds the entries of a node that lies at `offset`.
    fn add(&mut self, node: &Node<'_>, offset: u64) {
        for entry in node.entries() {
            match entry {
                Ok((entry, has_key)) => {
                    if let Some(child) = entry.child {
                        self.want(child, place(offset, entry.offset));
                    }
                    if has_key {
                        self.add_entry(&entry, place(offset, entry.offset));
                    }
                }
                Err((at, found)) => {
                    self.report(ReadError::corrupt("index entry").at(place(offset, at)).found(found));
                }
            }
        }
    }

    fn add_entry(&mut self, entry: &IndexEntry<'_>, offset: u64) {
        let damaged = || ReadError::corrupt("index entry").at(offset);
        let Some(name) = FileName::parse(entry.key) else {
            return self.report(damaged().found("a file name cut short"));
        };
        let Some(reference) = Reference::from_stored(entry.reference) else {
            return self.report(damaged().found(format!("the record of reference {:#x}", entry.reference)));
        };
        let bytes = name.name();
        if bytes == b"." && reference.record == self.directory.record {
            return;
        }
        if bytes.is_empty()
            || matches!(bytes.as_slice(), b"." | b"..")
            || bytes.contains(&b'/')
            || bytes.contains(&0)
        {
            self.report(
                damaged()
                    .expected("a name that Windows allows")
                    .found(format!("{:?}", String::from_utf8_lossy(&bytes))),
            );
        }
        let kind = name.is_directory().then_some(FileKind::Directory);
        let found = Entry { name: bytes, id: reference.file(), kind };
        if name.is_dos() {
            self.short.push((reference, found));
        } else {
            if name.namespace() == 1 {
                self.long.insert(reference);
            }
            self.queue.push_back(Ok(found));
        }
    }

    /// Reads the next block that is in use. False when there is none left.
    fn read_block(&mut self) -> bool {
        let Some(blocks) = &mut self.blocks else { return false };
        let Some((number, expected)) = blocks.next_number() else { return false };
        let offset = number.saturating_mul(blocks.size);
        let mut block = match blocks.read(number) {
            Ok(block) => block,
            Err(error) => {
                self.report(error);
                return true;
            }
        };
        let own_number = number.saturating_mul(blocks.stride);
        if !expected {
            self.report(
                ReadError::corrupt("index block")
                    .at(offset)
                    .expected("a mark in the index's bitmap")
                    .found("none, though an entry leads to it"),
            );
        }
        match parse_block(&mut block, own_number, offset) {
            Ok(node) => self.add(&node, offset),
            Err(error) => self.report(error),
        }
        true
    }
}

impl Iterator for DirectoryEntries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.queue.pop_front() {
                return Some(entry);
            }
            if self.read_block() {
                continue;
            }
            let (reference, entry) = self.short.pop()?;
            if !self.long.contains(&reference) {
                return Some(Ok(entry));
            }
        }
    }
}

impl Blocks {
    fn open(
        fs: &Ntfs,
        file: &File<'_>,
        value: &Value,
        root: &IndexRoot<'_>,
    ) -> Result<(Self, Option<ReadError>), ReadError> {
        let size = u64::from(root.block_size);
        let damaged = || directory_error(file.header.reference(), file.header.place.start());
        if !root.block_size.is_power_of_two() || !(512..=1 << 20).contains(&size) {
            return Err(damaged()
                .expected("index blocks of 512 bytes to 1 MiB")
                .found(format!("{size} bytes")));
        }
        let Storage::Runs(_) = &value.storage else { return Err(damaged().found("resident index blocks")) };
        let content = fs.open_value(value)?;
        let mut problem = None;
        let bitmap = match read_bitmap(fs, file) {
            Ok(bitmap) => Some(bitmap),
            Err(error) => {
                problem = Some(error.advice("all blocks of the index are taken for used"));
                None
            }
        };
        let (claimed, most) = (content.len().checked_div(size), fs.view.len().checked_div(size));
        let (claimed, most) = (claimed.unwrap_or(0), most.unwrap_or(0));
        if claimed > most && !fs.is_loose() {
            // A damaged size must not make the walk longer than the volume is.
            let found = format!("{claimed} index blocks, more than the volume has room for");
            problem = problem.or(Some(damaged().found(found)));
        }
        let blocks = Self {
            size,
            count: claimed.min(most),
            stride: stride(&fs.geometry, size),
            content,
            bitmap,
            wanted: HashSet::new(),
            unmarked: BTreeSet::new(),
            next: 0,
            ahead: (0, Vec::new()),
        };
        Ok((blocks, problem))
    }

    fn is_marked(&self, number: u64) -> bool {
        let Some(bitmap) = &self.bitmap else { return true };
        let byte = usize::try_from(number / 8).ok().and_then(|index| bitmap.get(index));
        byte.is_some_and(|byte| byte & 1_u8.wrapping_shl(u32::try_from(number % 8).unwrap_or(0)) != 0)
    }

    /// The next block to read, and whether the bitmap marks it.
    fn next_number(&mut self) -> Option<(u64, bool)> {
        let bits = self.bitmap.as_ref().map_or(u64::MAX, |bitmap| widen(bitmap.len()).saturating_mul(8));
        while self.next < self.count.min(bits) {
            let number = self.next;
            self.next = self.next.saturating_add(1);
            if self.is_marked(number) {
                return Some((number, true));
            }
        }
        Some((self.unmarked.pop_first()?, false))
    }

    fn read(&mut self, number: u64) -> Result<Vec<u8>, ReadError> {
        let length = usize::try_from(self.size).unwrap_or(0);
        if let Some(block) = self.ahead_of(number, length) {
            return Ok(block);
        }
        let left = self.count.saturating_sub(number);
        let ahead = READ_AHEAD.checked_div(self.size).unwrap_or(1).clamp(1, left.max(1));
        let mut bytes = vec![0; length.saturating_mul(usize::try_from(ahead).unwrap_or(1))];
        let offset = number.saturating_mul(self.size);
        if ahead > 1 && self.content.read_exact_at(offset, &mut bytes).is_ok() {
            self.ahead = (number, bytes);
            if let Some(block) = self.ahead_of(number, length) {
                return Ok(block);
            }
            bytes = Vec::new();
        }
        bytes.resize(length, 0);
        self.content.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn ahead_of(&self, number: u64, length: usize) -> Option<Vec<u8>> {
        let skip = usize::try_from(number.checked_sub(self.ahead.0)?).ok()?.checked_mul(length)?;
        self.ahead.1.get(skip..skip.checked_add(length)?).map(<[u8]>::to_vec)
    }
}

/// How much block numbers grow from one block to the next: clusters, or units of 512 bytes where a block is
/// smaller than a cluster.
fn stride(geometry: &Geometry, block_size: u64) -> u64 {
    let unit = if geometry.cluster.bytes() <= block_size { geometry.cluster.bytes() } else { 512 };
    block_size.checked_div(unit).unwrap_or(1).max(1)
}

fn read_bitmap(fs: &Ntfs, file: &File<'_>) -> Result<Vec<u8>, ReadError> {
    let mut problems = Vec::new();
    let parts = file.parts_of(attribute_type::BITMAP, INDEX_NAME);
    let damaged = || directory_error(file.header.reference(), file.header.place.start());
    let value =
        Value::of(fs, &parts, &mut problems).ok_or_else(|| damaged().found("no bitmap of its index"))?;
    if let Some(bytes) = value.resident() {
        return Ok(bytes.to_vec());
    }
    let content = fs.open_value(&value)?;
    vminspect_bytes::ReadAtExt::read_all(&content, LARGEST_BITMAP)
}

fn directory_error(directory: Reference, place: u64) -> ReadError {
    ReadError::corrupt(format!("directory of MFT record {}", directory.record.0)).at(place)
}

/// An error at a place in the index, of which directory.
fn caused_in(directory: Reference, error: ReadError) -> Error {
    ReadError::corrupt(format!("directory of MFT record {}", directory.record.0)).caused_by(error).into()
}

/// Names that a directory held once: what is left of entries behind those in use, and in blocks that are free. An
/// error tells what is wrong with a free block; of those in use, [`DirectoryEntries`] does.
///
/// # Errors
/// When it is no directory.
pub(super) fn deleted_entries(fs: &Ntfs, file: &File<'_>) -> Result<Vec<Result<Entry>>> {
    let mut entries = DirectoryEntries::new(fs, file)?;
    let live = entries.by_ref().filter_map(Result::ok).map(|entry| (entry.name, entry.id.0)).collect();
    let mut gone = Gone { directory: file.header.reference(), live, found: Vec::new(), problems: 0 };
    for part in file.parts_of(attribute_type::INDEX_ROOT, INDEX_NAME) {
        if let Some(root) = part.attribute.value().and_then(|value| IndexRoot::parse(value).ok()) {
            gone.add(root.node.slack());
        }
    }
    let Some(mut blocks) = entries.blocks else { return Ok(gone.found) };
    for number in 0..blocks.count {
        gone.add_block(&mut blocks, number);
    }
    Ok(gone.found)
}

/// Whether there may be names in the slack of a directory that has all of its index in this root.
pub(super) fn may_have_deleted(root: &[u8]) -> bool {
    let root = IndexRoot::parse(root);
    root.is_ok_and(|root| root.node.slack().any(|entry| FileName::parse(entry.key).is_some()))
}

/// Collects names that are not there any more.
struct Gone {
    directory: Reference,
    /// Names that are, and those found so far.
    live: HashSet<(Vec<u8>, u64)>,
    found: Vec<Result<Entry>>,
    problems: usize,
}

impl Gone {
    fn add_block(&mut self, blocks: &mut Blocks, number: u64) {
        let marked = blocks.is_marked(number);
        // What is wrong with these was told with the entries that are there.
        let used = marked || blocks.wanted.contains(&number);
        let mut block = match blocks.read(number) {
            Ok(block) => block,
            Err(error) if used => return drop(error),
            Err(error) => return self.report(error),
        };
        if !used && block.iter().all(|byte| *byte == 0) {
            // It never held anything.
            return;
        }
        let (own_number, offset) = (number.saturating_mul(blocks.stride), number.saturating_mul(blocks.size));
        match parse_block(&mut block, own_number, offset) {
            Ok(node) => {
                if !marked {
                    let entries = node.entries().filter_map(Result::ok);
                    self.add(entries.filter(|(_, has_key)| *has_key).map(|(entry, _)| entry));
                }
                self.add(node.slack());
            }
            Err(error) if !used => self.report(error),
            Err(_) => {}
        }
    }

    /// Tells what is wrong, unless too much is.
    fn report(&mut self, error: ReadError) {
        self.problems = self.problems.saturating_add(1);
        if self.problems <= MOST_PROBLEMS {
            self.found.push(Err(caused_in(self.directory, error)));
        }
    }

    fn add<'a>(&mut self, entries: impl Iterator<Item = IndexEntry<'a>>) {
        for entry in entries {
            let Some(name) = FileName::parse(entry.key).filter(FileName::is_plausible) else { continue };
            let own = name.parent().is_some_and(|parent| parent.record == self.directory.record);
            let Some(reference) = Reference::from_stored(entry.reference).filter(|_| own) else { continue };
            if name.is_dos() || widen(name.stored().len()) == 0 {
                continue;
            }
            let id = reference.file();
            if self.live.insert((name.name(), id.0)) {
                let kind = name.is_directory().then_some(FileKind::Directory);
                self.found.push(Ok(Entry { name: name.name(), id, kind }));
            }
        }
    }
}
