//! The tree of one filesystem in memory: every record and every name, compactly.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use rayon::prelude::*;
use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, RangeSet, ReadError};
use vminspect_filesystem::{
    Allocation, Content, Error, FileId, FileKind, FileSystem, NamedStream, Place, Record, Scan, ScanUnit,
};

use crate::Progress;
use crate::nodes::Nodes;
use crate::part::{Directory, Part, PartBuilder, Run, TableMemory};

/// A file or a named stream of one: what the comparison needs of its record. Some 56 bytes; its names and runs
/// are in its [`Part`]. A stream has the place of its owner's record, and the owner has its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) id: FileId,
    pub(crate) size: u64,
    /// Start of the record on the view.
    pub(crate) place: u64,
    runs_at: u32,
    runs_count: u32,
    entries_at: u32,
    entries_count: u32,
    part: u32,
    /// Its streams stand in the table of entries directly after those of a directory.
    streams_count: u16,
    /// Length of the record on the view, in units of [`LENGTH_UNIT`].
    units: u16,
    pub(crate) kind: FileKind,
    bits: u8,
}

const _: () = assert!(size_of::<Node>() == 56);
/// Bytes in which lengths of records are counted, rounded up: two bytes have to do.
const LENGTH_UNIT: u64 = 16;

const INLINE: u8 = 1;
const OPAQUE: u8 = 2;
const ORPHAN: u8 = 4;
const SAME_RECORD: u8 = 8;
const INTERNAL: u8 = 16;
const STREAM: u8 = 32;
const ENCODED: u8 = 64;

impl Node {
    /// A node with an id and nothing else.
    #[cfg(test)]
    pub(crate) fn for_tests(id: FileId) -> Self {
        let (size, place, runs_at, runs_count) = (0, 0, 0, 0);
        let (entries_at, entries_count, part, streams_count, units) = (0, 0, 0, 0, 0);
        let (kind, bits) = (FileKind::Regular, 0);
        Self {
            id,
            size,
            place,
            runs_at,
            runs_count,
            entries_at,
            entries_count,
            part,
            streams_count,
            units,
            kind,
            bits,
        }
    }

    /// The record on the view: the length rounded up, at least one unit.
    pub(crate) fn record(&self) -> ByteRange {
        ByteRange::at(self.place, u64::from(self.units.max(1)).saturating_mul(LENGTH_UNIT))
    }

    /// Whether the content lies in the record itself, or in metadata that it depends on.
    pub(crate) fn is_inline(&self) -> bool {
        self.bits & INLINE != 0
    }

    /// Whether the content has no runs of its own and can only be read through the filesystem.
    pub(crate) fn is_opaque(&self) -> bool {
        self.bits & OPAQUE != 0
    }

    /// Whether its runs hold something that has to be decoded: where they are equal, so is the content.
    pub(crate) fn is_encoded(&self) -> bool {
        self.bits & ENCODED != 0
    }

    /// Whether it is in use though no directory names it.
    pub(crate) fn is_orphan(&self) -> bool {
        self.bits & ORPHAN != 0
    }

    /// Whether it stands for a record that is the same on the other disk, though its entries are not.
    pub(crate) fn has_same_record(&self) -> bool {
        self.bits & SAME_RECORD != 0
    }

    /// Whether it is the filesystem's own.
    pub(crate) fn is_internal(&self) -> bool {
        self.bits & INTERNAL != 0
    }

    /// Whether it is a named stream of a file.
    pub(crate) fn is_stream(&self) -> bool {
        self.bits & STREAM != 0
    }

    /// Whether it has named streams.
    pub(crate) fn has_streams(&self) -> bool {
        self.streams_count > 0
    }
}

/// The records and names of one filesystem, or of the part of it that differs from another.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Nodes,
    parts: Vec<Part>,
    memory: Arc<TableMemory>,
    /// What records were made from besides themselves, sorted by id; most have nothing.
    pub(crate) depends: Vec<(FileId, SmallVec<[ByteRange; 1]>)>,
    /// What is wrong, by file where it is one file's.
    pub(crate) problems: Vec<(Option<FileId>, Error)>,
    /// Files whose records were read and left out, since they say the same as on the other disk.
    pub(crate) same: HashSet<FileId>,
}

/// What one task yields.
#[derive(Default)]
struct Built {
    nodes: Vec<Node>,
    part: PartBuilder,
    depends: Vec<(FileId, SmallVec<[ByteRange; 1]>)>,
    problems: Vec<(Option<FileId>, Error)>,
    same: Vec<FileId>,
}

impl Built {
    fn add(&mut self, filesystem: &dyn FileSystem, record: Record, mut bits: u8) {
        let id = record.metadata.id;
        if record.metadata.allocation == Allocation::Orphan {
            bits |= ORPHAN;
        }
        if filesystem.is_internal(&record) {
            bits |= INTERNAL;
        }
        let mut node = Node {
            id,
            size: record.metadata.size,
            place: record.place.start(),
            runs_at: self.part.runs(),
            runs_count: 0,
            entries_at: self.part.entries(),
            entries_count: 0,
            part: 0,
            streams_count: 0,
            units: u16::try_from(record.place.len().div_ceil(LENGTH_UNIT)).unwrap_or(u16::MAX),
            kind: record.metadata.kind,
            bits,
        };
        self.set_content(&mut node, &record.content);
        if node.kind == FileKind::Directory {
            self.add_entries(filesystem, &record);
            node.entries_count = self.part.entries().saturating_sub(node.entries_at);
        }
        node.streams_count = self.add_stream_names(id, &record.streams);
        self.nodes.push(node);
        for stream in record.streams.iter().take(node.streams_count.into()) {
            let bits = bits | STREAM | if stream.internal { INTERNAL } else { 0 };
            let kind = FileKind::Regular;
            let mut node = Node { id: stream.id, size: stream.size, kind, bits, ..node };
            (node.entries_count, node.streams_count) = (0, 0);
            self.set_content(&mut node, &stream.content);
            self.nodes.push(node);
        }
        self.problems.extend(record.problems.into_iter().map(|problem| (Some(id), problem)));
        if !record.depends.is_empty() {
            self.depends.push((id, record.depends));
        }
    }

    fn set_content(&mut self, node: &mut Node, content: &Content) {
        node.runs_at = self.part.runs();
        match content {
            Content::Runs(runs) | Content::Encoded(runs) => {
                for run in runs {
                    if let Place::Volume(place) = run.place {
                        self.part.add_run(Run { start: run.start, length: run.length, place });
                    }
                }
            }
            Content::Inline(_) => node.bits |= INLINE,
            Content::Opaque => node.bits |= OPAQUE,
            Content::None => {}
        }
        if matches!(content, Content::Encoded(_)) {
            node.bits |= ENCODED;
        }
        node.runs_count = self.part.runs().saturating_sub(node.runs_at);
    }

    /// Adds the names of streams and returns how many there are.
    fn add_stream_names(&mut self, owner: FileId, streams: &[NamedStream]) -> u16 {
        let count = u16::try_from(streams.len()).unwrap_or_else(|_| {
            let error = ReadError::unsupported("named streams")
                .expected(format!("at most {}", u16::MAX))
                .found(streams.len().to_string());
            self.problems.push((Some(owner), error.into()));
            u16::MAX
        });
        for stream in streams.iter().take(count.into()) {
            self.part.add_entry(&stream.name, stream.id);
        }
        count
    }

    fn add_entries(&mut self, filesystem: &dyn FileSystem, record: &Record) {
        let id = record.metadata.id;
        let entries = match filesystem.entries_of(record) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push((Some(id), error)),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.part.add_entry(&entry.name, entry.id),
                Err(error) => self.problems.push((Some(id), error)),
            }
        }
    }
}

/// A finished task.
struct Packed {
    nodes: Vec<Node>,
    part: Part,
    depends: Vec<(FileId, SmallVec<[ByteRange; 1]>)>,
    problems: Vec<(Option<FileId>, Error)>,
    same: Vec<FileId>,
}

impl Built {
    fn finish(self, memory: &TableMemory) -> Packed {
        let Self { nodes, part, depends, problems, same } = self;
        memory.count((nodes.len() * (size_of::<Node>() + size_of::<u64>())) as u64);
        Packed { nodes, part: part.finish(memory), depends, problems, same }
    }
}

impl Tree {
    /// A tree of nothing.
    pub(crate) fn empty(memory: Arc<TableMemory>) -> Self {
        Self {
            nodes: Nodes::default(),
            parts: Vec::new(),
            memory,
            depends: Vec::new(),
            problems: Vec::new(),
            same: HashSet::new(),
        }
    }

    /// Reads every record and every directory of a filesystem.
    pub(crate) fn read(
        filesystem: &dyn FileSystem,
        memory: &Arc<TableMemory>,
        progress: &dyn Progress,
    ) -> Self {
        let mut tree = Self::build(filesystem.scan(None, false), memory, |visit, unit| {
            let built = build_unit(filesystem, visit, unit, &|_| true);
            progress.advance(built.nodes.len() as u64);
            built
        });
        tree.add_missing(filesystem, &|_| false);
        tree
    }

    /// Reads the records of `after` that lie in `areas`, with their directories, but for those that say the
    /// same as the records of `before` there. Both filesystems have one layout.
    pub(crate) fn read_changed(
        before: &dyn FileSystem,
        after: &dyn FileSystem,
        areas: &RangeSet,
        access_times: bool,
        memory: &Arc<TableMemory>,
    ) -> Self {
        let old = before.scan(Some(areas), false);
        // Where only the second has records, what lies there on the first disk is none.
        let places = before.record_areas();
        let new = after.scan(Some(areas), false);
        Self::build(new, memory, |visit, unit| {
            let mut known: HashMap<FileId, Record> = HashMap::new();
            if places.covers(unit.range) {
                (old.visit)(unit, &mut |record| {
                    if let Ok(record) = record {
                        known.insert(record.metadata.id, record);
                    }
                });
            }
            build_unit(after, visit, unit, &|record| {
                let old = known.get(&record.metadata.id);
                old.is_none_or(|old| !says_the_same((before, old), (after, record), access_times))
            })
        })
    }

    fn build(
        scan: Scan<'_>,
        memory: &Arc<TableMemory>,
        unit: impl Fn(&Visit<'_>, &ScanUnit) -> Built + Sync,
    ) -> Self {
        let packed: Vec<Packed> =
            scan.units.par_iter().map(|each| unit(&scan.visit, each).finish(memory)).collect();
        let mut tree = Self::empty(Arc::clone(memory));
        tree.problems.extend(scan.problems.into_iter().map(|problem| (None, problem)));
        tree.append(packed);
        tree
    }

    /// Reads single files, with their directories, anew or for the first time.
    pub(crate) fn add_files(&mut self, filesystem: &dyn FileSystem, files: &[FileId]) {
        let packed: Vec<Packed> = files
            .par_chunks(64)
            .map(|chunk| {
                let mut built = Built::default();
                for file in chunk {
                    match filesystem.record(*file) {
                        Ok(record) if record.metadata.allocation != Allocation::Deleted => {
                            built.add(filesystem, record, 0);
                        }
                        Ok(_) => {}
                        Err(error) => built.problems.push((Some(*file), error)),
                    }
                }
                built.finish(&self.memory)
            })
            .collect();
        self.append(packed);
    }

    /// Reads directories whose records are those of `other`, and adds those whose entries are not.
    pub(crate) fn add_unlike(&mut self, filesystem: &dyn FileSystem, directories: &[FileId], other: &Self) {
        let troubled: HashSet<FileId> = other.problems.iter().filter_map(|(id, _)| *id).collect();
        let packed: Vec<Packed> = directories
            .par_iter()
            .with_min_len(32)
            .filter_map(|id| {
                let mut built = Built::default();
                match filesystem.record(*id) {
                    Ok(record) => built.add(filesystem, record, SAME_RECORD),
                    Err(error) => built.problems.push((Some(*id), error)),
                }
                let like = |node: &Node| built.part.holds(&other.names(node));
                let same =
                    built.problems.is_empty() && !troubled.contains(id) && other.node(*id).is_some_and(like);
                (!same).then(|| built.finish(&self.memory))
            })
            .collect();
        self.append(packed);
    }

    /// Reads files that directories name but no scan yielded: records that the filesystem counts as never
    /// used. Goes on until none is left, since they may be directories. `known` tells of files that are
    /// not in this tree but need not be.
    pub(crate) fn add_missing(&mut self, filesystem: &dyn FileSystem, known: &dyn Fn(FileId) -> bool) {
        let mut tried = HashSet::new();
        loop {
            let mut missing = Vec::new();
            for node in self.nodes.iter().filter(|node| node.entries_count > 0) {
                for (_, child) in self.directory(node).iter() {
                    if self.find(child).is_none() && !known(child) && tried.insert(child) {
                        missing.push(child);
                    }
                }
            }
            if missing.is_empty() {
                return;
            }
            self.add_files(filesystem, &missing);
        }
    }

    fn append(&mut self, packed: Vec<Packed>) {
        let replaced: HashSet<FileId> = packed
            .iter()
            .flat_map(|each| &each.nodes)
            .map(|node| node.id)
            .filter(|id| self.find(*id).is_some())
            .collect();
        self.nodes.remove(&replaced);
        for mut each in packed {
            let part = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
            each.nodes.iter_mut().for_each(|node| node.part = part);
            self.nodes.push(each.nodes);
            self.parts.push(each.part);
            self.depends.append(&mut each.depends);
            self.problems.append(&mut each.problems);
            self.same.extend(each.same);
        }
        self.depends.sort_by_key(|(id, _)| *id);
        self.nodes.index();
    }

    /// Every node, in storage order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// How many files and directories there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes().filter(|node| !node.is_stream()).count()
    }

    /// The node at a position among [`Tree::nodes`].
    pub(crate) fn at(&self, position: usize) -> Option<&Node> {
        self.nodes.get(position)
    }

    /// Position of a file in [`Tree::nodes`].
    pub(crate) fn find(&self, id: FileId) -> Option<usize> {
        self.nodes.find(id)
    }

    /// The node of a file.
    pub(crate) fn node(&self, id: FileId) -> Option<&Node> {
        self.nodes.get(self.find(id)?)
    }

    /// The stored runs of a node of this tree, holes left out.
    pub(crate) fn runs(&self, node: &Node) -> Vec<Run> {
        let part = self.parts.get(node.part as usize);
        part.map(|part| part.runs(&self.memory, node.runs_at, node.runs_count)).unwrap_or_default()
    }

    /// The stored pieces of a node's content on the view, cut to its size where they are the content itself.
    pub(crate) fn pieces(&self, node: &Node) -> impl Iterator<Item = ByteRange> + use<> {
        let size = if node.is_encoded() { u64::MAX } else { node.size };
        self.runs(node)
            .into_iter()
            .map(move |run| ByteRange::at(run.place, run.length.min(size.saturating_sub(run.start))))
    }

    /// The names in a directory of this tree.
    pub(crate) fn directory(&self, node: &Node) -> Directory {
        let part = self.parts.get(node.part as usize);
        part.map(|part| part.directory(&self.memory, node.entries_at, node.entries_count)).unwrap_or_default()
    }

    /// The names of a node's streams, and the streams.
    pub(crate) fn streams(&self, node: &Node) -> Directory {
        let part = self.parts.get(node.part as usize);
        let first = node.entries_at.saturating_add(node.entries_count);
        part.map(|part| part.directory(&self.memory, first, node.streams_count.into())).unwrap_or_default()
    }

    /// The names in a directory, then those of its streams.
    fn names(&self, node: &Node) -> Directory {
        let part = self.parts.get(node.part as usize);
        let count = node.entries_count.saturating_add(node.streams_count.into());
        part.map(|part| part.directory(&self.memory, node.entries_at, count)).unwrap_or_default()
    }
}

/// What hands out the records of a unit.
type Visit<'a> = dyn Fn(&ScanUnit, &mut dyn FnMut(Result<Record, Error>)) + Send + Sync + 'a;

fn build_unit(
    filesystem: &dyn FileSystem,
    visit: &Visit<'_>,
    unit: &ScanUnit,
    wanted: &dyn Fn(&Record) -> bool,
) -> Built {
    let mut built = Built::default();
    visit(unit, &mut |record| match record {
        Ok(record) if wanted(&record) => built.add(filesystem, record, 0),
        Ok(record) => {
            built.same.push(record.metadata.id);
            built.same.extend(record.streams.iter().map(|stream| stream.id));
        }
        Err(error) => built.problems.push((None, error)),
    });
    built
}

/// Whether two records at one place say the same of all that a comparison tells: they may differ in the
/// access time, unless that counts.
fn says_the_same(
    before: (&dyn FileSystem, &Record),
    after: (&dyn FileSystem, &Record),
    access_times: bool,
) -> bool {
    let (x, y) = (before.1, after.1);
    let mut metadata = x.metadata;
    if !access_times {
        metadata.times.accessed = y.metadata.times.accessed;
    }
    let same = metadata == y.metadata
        && x.place == y.place
        && x.depends == y.depends
        && x.content == y.content
        && x.streams == y.streams
        && x.problems.is_empty()
        && y.problems.is_empty()
        && x.has_attributes == y.has_attributes
        && details_are_equal(before, after);
    if !same || !x.has_attributes {
        return same;
    }
    match (before.0.attributes(x.metadata.id), after.0.attributes(y.metadata.id)) {
        (Ok(x), Ok(y)) => x == y,
        _ => false,
    }
}

/// Whether two records are equal in what only their format records, but for what changes with every change.
fn details_are_equal(before: (&dyn FileSystem, &Record), after: (&dyn FileSystem, &Record)) -> bool {
    let lasting = |(filesystem, record): (&dyn FileSystem, &Record)| {
        let details = filesystem.details(record).ok()?;
        Some(details.into_iter().filter(|detail| !detail.volatile).collect::<Vec<_>>())
    };
    matches!((lasting(before), lasting(after)), (Some(x), Some(y)) if x == y)
}
