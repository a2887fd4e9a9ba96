//! What the journal says of the names of directories, in its order.

use std::ops::Range;

use foldhash::HashMap;
use smallvec::SmallVec;
use vminspect_artefact::usn::{Change, FileReference, Record, reason};
use vminspect_bytes::{push_wtf8, utf16le_units};

/// Fewer bytes than two records with a name each cannot hold a whole rename: one of its three records is left then, and
/// tells of it.
const SHORTEST_GAP: u64 = 128;

/// Gaps that are remembered one by one; those after them count as one that goes on to the end.
const MOST_GAPS: usize = 1 << 16;

/// The names of directories over time. Some 60 bytes and the name for each name that a directory had.
#[derive(Default)]
pub(super) struct History {
    /// Names, one after another, as WTF-8.
    names: Vec<u8>,
    /// By directory, in the order of the journal.
    of: HashMap<FileReference, SmallVec<[Fact; 1]>>,
    /// Where something is missing: ascending positions. A record at such a position comes after what is missing.
    gaps: Vec<u64>,
}

/// A directory had a name from one record to another.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// Position of the first record that says so.
    pub(super) first: u64,
    /// Position of the last one in a row.
    pub(super) last: u64,
    pub(super) parent: FileReference,
    pub(super) name: Range<usize>,
    /// Whether it was given with or just before the first record, which is then the end of a rename or a creation.
    pub(super) begins: bool,
    /// Whether the last record ended it: the beginning of a rename.
    pub(super) ends: bool,
    /// Whether the directory was deleted with the last record.
    pub(super) deleted: bool,
}

impl History {
    /// Notes a record of the journal. They must come in its order.
    pub(super) fn add(&mut self, record: &Record<'_>, change: &Change<'_>) {
        if !change.is_directory() {
            return;
        }
        let start = self.names.len();
        push_wtf8(utf16le_units(change.name), &mut self.names);
        let has = |bit: u32| record.reasons & bit != 0;
        let ends = has(reason::RENAME_OLD_NAME);
        let deleted = has(reason::FILE_DELETE);
        // Behind a gap the same name may have been given anew.
        let last = self.facts(record.file).last().map(|last| last.last);
        let goes_on = last.is_some_and(|last| !self.has_gap(last, record.offset));
        let facts = self.of.entry(record.file).or_default();
        if let Some(last) = facts.last_mut()
            && goes_on
            && !last.ends
            && last.parent == record.parent
            && self.names.get(last.name.clone()) == self.names.get(start..)
        {
            self.names.truncate(start);
            (last.last, last.ends, last.deleted) = (record.offset, ends, deleted);
            return;
        }
        facts.push(Fact {
            first: record.offset,
            last: record.offset,
            parent: record.parent,
            name: start..self.names.len(),
            begins: has(reason::RENAME_NEW_NAME | reason::FILE_CREATE),
            ends,
            deleted,
        });
    }

    /// Notes that `length` bytes of records are missing before `position`, and after the records that were added so far.
    pub(super) fn add_gap(&mut self, position: u64, length: u64) {
        if length >= SHORTEST_GAP && self.gaps.len() < MOST_GAPS {
            self.gaps.push(position);
        }
    }

    pub(super) fn finish(&mut self) {
        self.gaps.sort_unstable();
        self.names.shrink_to_fit();
        self.of.values_mut().for_each(SmallVec::shrink_to_fit);
    }

    pub(super) fn facts(&self, directory: FileReference) -> &[Fact] {
        self.of.get(&directory).map_or(&[], |facts| facts)
    }

    pub(super) fn name(&self, range: &Range<usize>) -> &[u8] {
        self.names.get(range.clone()).unwrap_or_default()
    }

    /// The last position from `position` on before which nothing is missing.
    pub(super) fn until_gap(&self, position: u64) -> u64 {
        if self.gaps.len() >= MOST_GAPS && self.gaps.last().is_some_and(|last| position >= *last) {
            return position;
        }
        let after = self.gaps.partition_point(|gap| *gap <= position);
        self.gaps.get(after).map_or(u64::MAX, |gap| gap.saturating_sub(1))
    }

    /// Whether something is missing between a record at `from` and one at `to`.
    pub(super) fn has_gap(&self, from: u64, to: u64) -> bool {
        if self.gaps.len() >= MOST_GAPS && self.gaps.last().is_some_and(|last| to > *last) {
            return true;
        }
        let after = self.gaps.partition_point(|gap| *gap <= from);
        self.gaps.get(after).is_some_and(|gap| *gap <= to)
    }
}
