//! The tree of the second disk, told as what differs from the first.

use std::sync::Arc;

use foldhash::{HashSet, HashSetExt};
use vminspect_bytes::{ByteRange, RangeSet, ReadAt, differ, refine};
use vminspect_filesystem::{FileId, FileKind, FileSystem};

use crate::Progress;
use crate::part::TableMemory;
use crate::tree::{Node, Tree};

/// Granularity at which records are told apart: the smallest record of any filesystem (an ext2 inode).
const RECORD_UNIT: u64 = 128;
/// Granularity at which directories and other metadata blocks are told apart.
const BLOCK_UNIT: u64 = 1024;

/// The second disk's tree over the first's.
pub(crate) struct Second<'a> {
    first: &'a Tree,
    /// What differs: records that changed or are new, and directories whose entries did.
    own: Tree,
    /// Files of the first whose records the second does not have any more.
    gone: HashSet<FileId>,
    /// Whether records that `own` does not have are those of the first.
    shares: bool,
    /// Where the views of both may differ, from their origins.
    differing: RangeSet,
}

/// A node of the second disk and the tree that it is in.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) node: &'a Node,
    pub(crate) tree: &'a Tree,
    /// Whether the record is the very one of the first disk, so that its metadata is equal.
    pub(crate) same_record: bool,
}

impl<'a> Second<'a> {
    /// Reads of the second filesystem what differs from the first, whose tree is `first`.
    pub(crate) fn read(
        before: &dyn FileSystem,
        first: &'a Tree,
        after: &dyn FileSystem,
        memory: &Arc<TableMemory>,
        access_times: bool,
        progress: &dyn Progress,
    ) -> Self {
        // Where tables that map a side are damaged, nothing is proven: everything may differ.
        let differing = differ(&**before.view(), &**after.view())
            .unwrap_or_else(|_| RangeSet::of(ByteRange::at(0, before.view().len().max(after.view().len()))));
        let mut second = Self {
            first,
            own: Tree::empty(Arc::clone(memory)),
            gone: HashSet::new(),
            shares: false,
            differing,
        };
        if after.shares_layout(&before.layout_key()) && before.name_encoding() == after.name_encoding() {
            second.shares = true;
            second.read_differing(before, after, access_times, memory);
        } else {
            second.own = Tree::read(after, memory, progress);
        }
        second
    }

    fn read_differing(
        &mut self,
        before: &dyn FileSystem,
        after: &dyn FileSystem,
        access_times: bool,
        memory: &Arc<TableMemory>,
    ) {
        let (a, b) = (&**before.view(), &**after.view());
        let places = (before.record_areas(), after.record_areas());
        // What lies where only one side has records is new to the second, or gone from it, whatever its bytes.
        let added = places.1.without(&places.0);
        let areas = self.differing.intersection(&places.1).without(&added);
        let records = refine(a, b, &areas, RECORD_UNIT).union(&added);
        tracing::debug!(doubtful = areas.total(), differing = records.total(), "records compared, in bytes");
        self.own = Tree::read_changed(before, after, &records, access_times, memory);
        self.find_gone(&records, &places.0, &places.1);
        self.read_dependents(a, b, after);
        self.read_directories(after);
        let (first, own, gone) = (self.first, &mut self.own, &self.gone);
        own.add_missing(after, &|id| first.find(id).is_some() && !gone.contains(&id));
    }

    /// Finds files of the first whose record was overwritten with one that is not in use, or lies in a part
    /// of the record table that the second does not use.
    fn find_gone(&mut self, changed: &RangeSet, before: &RangeSet, after: &RangeSet) {
        let shrunk = before != after;
        for node in self.first.nodes() {
            let changed =
                changed.intersects(node.record()) || (shrunk && !after.covers(ByteRange::at(node.place, 1)));
            if changed && self.own.find(node.id).is_none() && !self.own.same.contains(&node.id) {
                self.gone.insert(node.id);
            }
        }
    }

    /// Reads records whose own bytes are equal, but not those of the blocks that they refer to.
    fn read_dependents(&mut self, a: &dyn ReadAt, b: &dyn ReadAt, after: &dyn FileSystem) {
        let doubtful: RangeSet =
            sorted_ranges(self.first.depends.iter().flat_map(|(_, ranges)| ranges.iter().copied()))
                .intersection(&self.differing);
        if doubtful.is_empty() {
            return;
        }
        let changed = refine(a, b, &doubtful, BLOCK_UNIT);
        let files: Vec<FileId> = self
            .first
            .depends
            .iter()
            .filter(|(id, ranges)| {
                ranges.iter().any(|range| changed.intersects(*range)) && self.is_shared(*id)
            })
            .map(|(id, _)| *id)
            .collect();
        self.own.add_files(after, &files);
        // The streams that such a file does not have any more have no place of their own to tell so.
        for node in files.iter().filter_map(|id| self.first.node(*id)).filter(|node| node.has_streams()) {
            for (_, stream) in self.first.streams(node).iter() {
                if self.own.find(node.id).is_some() && self.own.find(stream).is_none() {
                    self.gone.insert(stream);
                }
            }
        }
    }

    /// Reads directories whose record is the same, but perhaps not what their blocks hold, and keeps those
    /// whose entries differ. The first's entries are in memory: only the second's blocks have to be read.
    fn read_directories(&mut self, after: &dyn FileSystem) {
        let doubtful =
            |node: &Node| node.is_opaque() || self.blocks(node).any(|block| self.differing.intersects(block));
        let files: Vec<FileId> = self
            .first
            .nodes()
            .filter(|node| node.kind == FileKind::Directory && self.is_shared(node.id) && doubtful(node))
            .map(|node| node.id)
            .collect();
        let read = self.own.len();
        self.own.add_unlike(after, &files, self.first);
        tracing::debug!(doubtful = files.len(), differing = self.own.len() - read, "directories compared");
    }

    fn blocks(&self, node: &'a Node) -> impl Iterator<Item = ByteRange> {
        self.first.pieces(node)
    }

    /// Whether the record of a file of the first serves for the second.
    fn is_shared(&self, id: FileId) -> bool {
        self.shares && self.own.find(id).is_none() && !self.gone.contains(&id)
    }

    /// Where both views may differ, from their origins.
    pub(crate) fn differing(&self) -> &RangeSet {
        &self.differing
    }

    /// Nodes of the first whose record, and so the place of whose content, is that of the second.
    pub(crate) fn shared_nodes(&self) -> impl Iterator<Item = (usize, &'a Node)> {
        self.first.nodes().enumerate().filter(|(_, node)| {
            self.shares
                && !self.gone.contains(&node.id)
                && self.own.node(node.id).is_none_or(Node::has_same_record)
        })
    }

    /// The node of a file on the second disk.
    pub(crate) fn find(&self, id: FileId) -> Option<Found<'_>> {
        self.find_like(id, self.first.node(id))
    }

    /// The same, for a file whose node on the first disk, if it has one there, is at hand.
    pub(crate) fn find_like(&self, id: FileId, first: Option<&'a Node>) -> Option<Found<'_>> {
        if let Some(node) = self.own.node(id) {
            return Some(Found { node, tree: &self.own, same_record: node.has_same_record() });
        }
        if !self.shares || self.gone.contains(&id) {
            return None;
        }
        first.map(|node| Found { node, tree: self.first, same_record: true })
    }

    /// What is wrong on the second disk: its own problems, and those it shares with the first.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &(Option<FileId>, vminspect_filesystem::Error)> {
        let shared = self.first.problems.iter().filter(|(id, _)| match id {
            Some(id) => self.is_shared(*id),
            None => self.shares,
        });
        self.own.problems.iter().chain(shared)
    }

    /// How many files the second disk has.
    pub(crate) fn len(&self) -> u64 {
        let is_file = |node: &&Node| !node.is_stream() && self.is_shared(node.id);
        let shared = if self.shares { self.first.nodes().filter(is_file).count() } else { 0 };
        (self.own.len() as u64).saturating_add(shared as u64)
    }

    /// All nodes of the second disk: its own, then those it shares.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Found<'_>> {
        let own =
            self.own.nodes().map(|node| Found { node, tree: &self.own, same_record: node.has_same_record() });
        let shared = self.first.nodes().filter(|node| self.is_shared(node.id)).map(|node| Found {
            node,
            tree: self.first,
            same_record: true,
        });
        own.chain(shared)
    }
}

/// The set of ranges that come in any order.
fn sorted_ranges(ranges: impl Iterator<Item = ByteRange>) -> RangeSet {
    let mut ranges: Vec<ByteRange> = ranges.collect();
    ranges.sort_unstable();
    ranges.into_iter().collect()
}
