use vminspect_bytes::ReadError;
use zerocopy::FromBytes;
use zerocopy::byteorder::little_endian::U32;

use super::cell::{Cell, CellOffset, offsets};
use super::hive::Hive;
use super::key::Key;
use super::layout::{FAST_LEAF, HASH_LEAF, INDEX_LEAF, INDEX_ROOT, RawIndex};

/// An element of a fast or hash leaf: a key, and a hint at its name.
type Hinted = [U32; 2];

/// The elements of a list that are still to be yielded.
#[derive(Clone, Copy, Debug)]
enum Leaf<'h> {
    Plain(&'h [U32]),
    Hinted(&'h [Hinted]),
}

/// The subkeys of a key. Goes on after what cannot be read.
#[derive(Clone, Debug)]
pub struct Subkeys<'h> {
    hive: &'h Hive,
    key: CellOffset,
    leaf: Leaf<'h>,
    /// Leaves that an index root still names.
    leaves: &'h [U32],
    problem: Option<ReadError>,
    /// Subkeys, as their parent counts them.
    expected: u32,
    found: u32,
    ended: bool,
}

impl<'h> Subkeys<'h> {
    pub(super) fn new(hive: &'h Hive, key: CellOffset, count: u32, list: u32) -> Self {
        let mut subkeys = Self {
            hive,
            key,
            leaf: Leaf::Plain(&[]),
            leaves: &[],
            problem: None,
            expected: count,
            found: 0,
            ended: count == 0,
        };
        if count > 0 {
            subkeys.problem = match CellOffset::new(list) {
                Some(list) => subkeys.begin(list, true).err(),
                None => Some(subkeys.wrong_count("no list of them")),
            };
        }
        subkeys
    }

    /// Turns to the list at `offset`. Only the uppermost one may name others.
    fn begin(&mut self, offset: CellOffset, may_be_root: bool) -> Result<(), ReadError> {
        let cell = self.hive.cells().at(offset, "list of subkeys")?;
        let (index, elements) = cell.record::<RawIndex>("list of subkeys")?;
        let count = usize::from(index.count.get());
        let held = match index.signature {
            FAST_LEAF | HASH_LEAF => {
                let room = elements.len().div_euclid(size_of::<Hinted>());
                let held = <[Hinted]>::ref_from_prefix_with_elems(elements, count.min(room));
                let held = held.map_or(&[][..], |(held, _)| held);
                self.leaf = Leaf::Hinted(held);
                held.len()
            }
            INDEX_LEAF => {
                let held = offsets(elements, count);
                self.leaf = Leaf::Plain(held);
                held.len()
            }
            INDEX_ROOT if may_be_root => {
                self.leaves = offsets(elements, count);
                self.leaves.len()
            }
            other => {
                return Err(ReadError::corrupt("list of subkeys")
                    .at(offset.in_file())
                    .expected(if may_be_root { "lf, lh, li or ri" } else { "lf, lh or li" })
                    .found(other.escape_ascii().to_string()));
            }
        };
        match held < count {
            true => Err(cut_short(&cell, count)),
            false => Ok(()),
        }
    }

    fn wrong_count(&self, found: impl Into<std::borrow::Cow<'static, str>>) -> ReadError {
        ReadError::corrupt("list of subkeys")
            .at(self.key.in_file())
            .expected(format!("{} subkeys", self.expected))
            .found(found)
    }

    fn next_offset(&mut self) -> Option<u32> {
        let next = match &mut self.leaf {
            Leaf::Plain(elements) => elements.split_off_first()?.get(),
            Leaf::Hinted(elements) => elements.split_off_first()?.first()?.get(),
        };
        self.found = self.found.saturating_add(1);
        Some(next)
    }
}

fn cut_short(cell: &Cell<'_>, count: usize) -> ReadError {
    ReadError::corrupt("list of subkeys")
        .at(cell.offset.in_file())
        .expected(format!("{count} elements"))
        .found(format!("a cell of {} bytes", cell.data.len()))
}

impl<'h> Iterator for Subkeys<'h> {
    type Item = Result<Key<'h>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(problem) = self.problem.take() {
                return Some(Err(problem));
            }
            if let Some(offset) = self.next_offset() {
                // An index root that names one leaf again and again would go on nearly for ever.
                if usize::try_from(self.found).map_or(true, |found| found > self.hive.bins().len() / 4) {
                    (self.leaf, self.leaves, self.ended) = (Leaf::Plain(&[]), &[], true);
                    return Some(Err(self.wrong_count("more elements than the hive has room for")));
                }
                let Some(offset) = CellOffset::new(offset) else {
                    return Some(Err(self.wrong_count("an element that points nowhere")));
                };
                return Some(self.hive.key_at(offset));
            }
            if let Some(leaf) = self.leaves.split_off_first() {
                self.problem = match CellOffset::new(leaf.get()) {
                    Some(leaf) => self.begin(leaf, false).err(),
                    None => Some(self.wrong_count("an index root that points nowhere")),
                };
                continue;
            }
            if self.ended {
                return None;
            }
            self.ended = true;
            if self.found != self.expected {
                return Some(Err(self.wrong_count(self.found.to_string())));
            }
        }
    }
}

/// The cells of a list and of those that it names, each with the bytes in use.
pub(super) fn list_cells(hive: &Hive, first: CellOffset) -> Vec<(CellOffset, usize)> {
    let cells = hive.cells();
    let mut found = Vec::new();
    let mut add = |offset: CellOffset| {
        let cell = cells.at(offset, "list of subkeys").ok()?;
        let (index, elements) = cell.record::<RawIndex>("list of subkeys").ok()?;
        let count = usize::from(index.count.get());
        let size = match index.signature {
            FAST_LEAF | HASH_LEAF => size_of::<Hinted>(),
            INDEX_LEAF | INDEX_ROOT => size_of::<U32>(),
            _ => return None,
        };
        let length = count.saturating_mul(size).min(elements.len());
        let length = cells.header.saturating_add(size_of::<RawIndex>()).saturating_add(length);
        found.push((offset, length));
        (index.signature == INDEX_ROOT).then(|| offsets(elements, count))
    };
    for leaf in add(first).unwrap_or_default() {
        CellOffset::new(leaf.get()).and_then(&mut add);
    }
    found
}
