//! The rows of every file of every volume: records in storage order, each with its paths.

use std::io;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use rayon::prelude::*;
use vminspect_bytes::{ReadError, Timestamp, host_bytes_read};
use vminspect_filesystem::{
    Allocation, Error, FactsScan, FileId, FileKind, FileSystem, Record, RecordFacts, ScanUnit,
};
use vminspect_guest::{Coverage, Guest, GuestVolume};

use super::paths::PathTable;
use super::row::{FileRow, State};
use super::run::TimelineSummary;
use crate::compare_volume::{add_problems, add_table_failure};
use crate::deleted::Paths;
use crate::facts::{Knowing, KnownFiles, know_files};
use crate::finding::{Deletion, GuestPath};
use crate::part::TableMemory;
use crate::second::Found;
use crate::tree::Tree;
use crate::walk::{Namespace, Problems};
use crate::{Options, Progress, Stage};

/// Units that are read before their rows are handed out.
const UNITS_AT_ONCE: usize = 32;

/// Bytes of the rows of one unit, and of paths that are remembered. A hostile volume gives a few files thousands of names
/// and of streams each.
const MOST_BYTES: usize = 32 << 20;

fn too_many_rows() -> ReadError {
    ReadError::unsupported("names and streams of files")
        .expected(format!("rows of at most {MOST_BYTES} bytes for one part of the file table"))
        .found("more, which are left out")
}

/// Makes bytes of rows, on many threads.
pub type RowWriter<'a> = &'a (dyn Fn(&FileRow<'_>, &mut Vec<u8>) + Sync);

/// Takes what was made of rows, in the order of storage.
pub type RowSink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Reads the rows of all files of a guest, allocated and deleted, the filesystems' own among them; those whose paths
/// the options' filter takes go through `write`, and what that appends goes to `take`.
///
/// # Errors
/// Those of `take`. What cannot be read of the guest is no error here but stands in the coverage.
pub fn file_rows(
    guest: &Guest,
    options: &Options,
    progress: &dyn Progress,
    write: RowWriter<'_>,
    take: RowSink<'_>,
) -> io::Result<TimelineSummary> {
    let coverage = rows(guest, options, Reading::default(), progress, write, take)?;
    let mut summary = TimelineSummary { coverage, ..TimelineSummary::default() };
    summary.statistics.host_bytes_read = host_bytes_read();
    Ok(summary)
}

/// What is read besides.
#[derive(Default)]
pub(super) struct Reading<'a> {
    /// When each volume was last in use.
    pub(super) last_uses: Vec<Option<Timestamp>>,
    /// Takes the hashes and types of files by volume, where these are asked for.
    pub(super) known: Option<&'a mut Vec<(usize, KnownFiles)>>,
}

/// The same, with more.
pub(super) fn rows(
    guest: &Guest,
    options: &Options,
    mut reading: Reading<'_>,
    progress: &dyn Progress,
    write: RowWriter<'_>,
    take: RowSink<'_>,
) -> io::Result<Coverage> {
    let options = Options { metadata_files: true, ..options.clone() };
    let mut coverage = guest.coverage().clone();
    for (at, volume) in guest.volumes().iter().enumerate() {
        let last_use = reading.last_uses.get(at).copied().flatten();
        if let Some(filesystem) = &volume.filesystem {
            let (namespace, volume) = (Namespace::of(volume, &options), volume);
            let context = Context {
                guest,
                volume,
                filesystem: &**filesystem,
                options: &options,
                namespace,
                last_use,
                write,
            };
            let known = context.run(progress, reading.known.is_some(), &mut coverage, take)?;
            if let (Some(all), Some(known)) = (&mut reading.known, known) {
                all.push((volume.position, known));
            }
        }
    }
    coverage.extend(guest.check_unchanged());
    Ok(coverage)
}

/// One volume.
struct Context<'a> {
    guest: &'a Guest,
    volume: &'a GuestVolume,
    filesystem: &'a dyn FileSystem,
    options: &'a Options,
    namespace: Namespace,
    last_use: Option<Timestamp>,
    write: RowWriter<'a>,
}

/// What a unit yields.
#[derive(Default)]
struct Unit {
    bytes: Vec<u8>,
    deleted: Vec<(Record, RecordFacts)>,
    /// Deleted files that slots of directories named.
    named: Vec<FileId>,
    problems: Problems,
    files: u64,
}

impl Context<'_> {
    fn run(
        &self,
        progress: &dyn Progress,
        know: bool,
        coverage: &mut Coverage,
        take: RowSink<'_>,
    ) -> io::Result<Option<KnownFiles>> {
        progress.stage(Stage::Walking, self.filesystem.identity().files.unwrap_or(0).saturating_mul(2));
        let memory = Arc::new(TableMemory::within(self.options.memory));
        let tree = Tree::read(self.filesystem, &memory, progress);
        let (paths, problems) = PathTable::new(&tree, self.filesystem.root(), &self.namespace);
        add_problems(self.guest.image(), problems, coverage);
        let known = know.then(|| self.know(&tree, &paths, progress, coverage));
        let scan = self.filesystem.scan_facts();
        let mut deleted = Deletions::new(self, &paths);
        for units in scan.units.chunks(UNITS_AT_ONCE) {
            let read: Vec<Unit> = units.par_iter().map(|unit| self.unit(&scan, unit, &paths)).collect();
            for unit in read {
                progress.advance(unit.files);
                take(&unit.bytes)?;
                add_problems(self.guest.image(), unit.problems, coverage);
                deleted.named.extend(unit.named);
                for (record, facts) in unit.deleted {
                    deleted.add(&record, &facts, take)?;
                }
            }
        }
        deleted.finish(coverage, take)?;
        add_table_failure(self.guest.image(), &memory, coverage);
        Ok(known)
    }

    /// Hashes and identifies the regular files whose paths are taken.
    fn know(
        &self,
        tree: &Tree,
        paths: &PathTable<'_>,
        progress: &dyn Progress,
        coverage: &mut Coverage,
    ) -> KnownFiles {
        let mut path = Vec::new();
        let mut takes = |file: FileId| {
            self.options.filter.takes_all()
                || paths.of(file).any(|of| {
                    paths.write(of, &mut path);
                    let path = GuestPath::new(path.clone(), self.filesystem.name_encoding());
                    self.options.filter.takes(&path)
                })
        };
        let nodes = tree.nodes().filter(|node| node.kind == FileKind::Regular && !node.is_stream());
        // The table of bad clusters claims all of the volume, and holds nothing.
        let nodes = nodes.filter(|node| !node.is_internal() && takes(node.id));
        let found = nodes.map(|node| Found { node, tree, same_record: false });
        let known = know_files(self.filesystem, found, &Knowing::new(self.options), progress);
        for (file, error) in known.errors() {
            let mut path = Vec::new();
            if let Some(of) = paths.of(*file).next() {
                paths.write(of, &mut path);
            }
            coverage.add_error(self.guest.image(), &path, error.family(), error);
        }
        progress.stage(Stage::Walking, self.filesystem.identity().files.unwrap_or(0));
        known
    }

    /// The rows of one unit. What is wrong with records in use is told by the tree.
    fn unit(&self, scan: &FactsScan<'_>, unit: &ScanUnit, paths: &PathTable<'_>) -> Unit {
        let mut found = Unit::default();
        let mut path = Vec::new();
        (scan.visit)(unit, &mut |record| {
            let Ok((record, facts)) = record else { return };
            found.files += 1;
            if record.metadata.allocation == Allocation::Deleted {
                found.deleted.push((record, facts));
                return;
            }
            let orphan = record.metadata.allocation == Allocation::Orphan;
            let state = if orphan { State::Orphan } else { State::Allocated };
            let mut is_first = true;
            for of in paths.of(record.metadata.id) {
                if found.bytes.len() > MOST_BYTES {
                    found.problems.push((path.clone(), too_many_rows().into()));
                    break;
                }
                let name_length = paths.write(of, &mut path);
                // The path of an orphan is made up of two names.
                let name_length = if orphan { self.last_name(&path).len() } else { name_length };
                let row = self.row((&record, &facts), &path, name_length, state, is_first);
                is_first &= !self.emit(&row, paths, &mut found.bytes);
            }
            if record.metadata.kind == FileKind::Directory {
                self.slots(&record, paths, &mut found);
            }
        });
        found
    }

    fn row<'r>(
        &'r self,
        (record, facts): (&'r Record, &'r RecordFacts),
        path: &'r [u8],
        name_length: usize,
        state: State,
        is_first: bool,
    ) -> FileRow<'r> {
        FileRow {
            filesystem: self.filesystem,
            volume: self.volume.position,
            last_use: self.last_use,
            path,
            name_length,
            separator: self.namespace.separator(),
            state,
            record,
            facts,
            is_first,
            directories: &|_| None,
        }
    }

    /// Writes a row, if the filter takes its path; says whether it did.
    fn emit(&self, row: &FileRow<'_>, paths: &PathTable<'_>, out: &mut Vec<u8>) -> bool {
        let filter = &self.options.filter;
        let path = || GuestPath::new(row.path.to_vec(), self.filesystem.name_encoding());
        let takes = filter.takes_all() || filter.takes(&path());
        if takes {
            (self.write)(&FileRow { directories: &|id| paths.directory(id), ..*row }, out);
        }
        takes
    }

    fn last_name<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        path.rsplit(|byte| *byte == self.namespace.separator()).next().unwrap_or_default()
    }

    /// The names that a directory held once.
    fn slots(&self, record: &Record, paths: &PathTable<'_>, found: &mut Unit) {
        let directory = record.metadata.id;
        let Ok(entries) = self.filesystem.deleted_entries_of(record) else { return };
        let mut base = None;
        // What is wrong with the rest of the directory, the tree tells.
        for entry in entries.flatten() {
            let Some(base) = base.get_or_insert_with(|| paths.directory(directory)) else { return };
            let Some(state) = self.state_of_slot(directory, &entry.name, entry.id) else { continue };
            let Ok(record) = self.filesystem.record(entry.id) else { continue };
            if state != State::Reallocated {
                found.named.push(entry.id);
            }
            let path = self.namespace.join(base, &entry.name);
            let facts = RecordFacts::default();
            let row = self.row((&record, &facts), &path, entry.name.len(), state, false);
            self.emit(&row, paths, &mut found.bytes);
        }
    }

    /// What a name in a slot is worth. `None` where the file's own record, or the directory, still has the name.
    fn state_of_slot(&self, directory: FileId, name: &[u8], file: FileId) -> Option<State> {
        let metadata = self.filesystem.metadata(file).ok()?;
        let names = self.filesystem.names(file).ok()?;
        if names.iter().any(|own| own.parent == directory && own.name == name) {
            return None;
        }
        let is_deleted = metadata.allocation == Allocation::Deleted;
        Some(if is_deleted { State::Deleted(Deletion::InPlace) } else { State::Reallocated })
    }
}

/// Deleted files, one after another.
struct Deletions<'a> {
    context: &'a Context<'a>,
    paths: &'a PathTable<'a>,
    /// Paths of directories that are deleted, too.
    gone: Paths<'a>,
    known: HashMap<FileId, Option<Vec<u8>>>,
    /// Bytes that `known` takes.
    size: usize,
    named: HashSet<FileId>,
    nameless: Vec<FileId>,
    problems: Problems,
    bytes: Vec<u8>,
}

impl<'a> Deletions<'a> {
    fn new(context: &'a Context<'a>, paths: &'a PathTable<'a>) -> Self {
        Self {
            context,
            paths,
            gone: Paths {
                filesystem: context.filesystem,
                namespace: &context.namespace,
                known: HashMap::new(),
            },
            known: HashMap::new(),
            size: 0,
            named: HashSet::new(),
            nameless: Vec::new(),
            problems: Problems::new(),
            bytes: Vec::new(),
        }
    }

    /// Writes the rows of a deleted file.
    fn add(&mut self, record: &Record, facts: &RecordFacts, take: RowSink<'_>) -> io::Result<()> {
        let names = self.names(record, facts);
        if names.is_empty() {
            self.nameless.push(record.metadata.id);
            return Ok(());
        }
        self.bytes.clear();
        for (at, (parent, name)) in names.into_iter().enumerate() {
            let (base, deletion) = self.directory(parent);
            let path = self.context.namespace.join(&base, &name);
            let state = State::Deleted(deletion);
            let row = self.context.row((record, facts), &path, name.len(), state, at == 0);
            self.context.emit(&row, self.paths, &mut self.bytes);
        }
        take(&self.bytes)
    }

    /// The names in a record, short second ones left out.
    fn names(&mut self, record: &Record, facts: &RecordFacts) -> Vec<(FileId, Vec<u8>)> {
        if facts.names.is_empty() {
            let names = self.context.filesystem.names(record.metadata.id).unwrap_or_else(|error| {
                self.problems.push((self.context.namespace.recovered(record.metadata.id, b""), error));
                Vec::new()
            });
            return names.into_iter().map(|name| (name.parent, name.name)).collect();
        }
        let has_long = facts.names.iter().any(|name| !name.is_short());
        let names = facts.names.iter().filter(|name| !(has_long && name.is_short()));
        names.filter_map(|name| Some((name.parent?, name.name.clone()))).collect()
    }

    /// The path of a directory: as the tree has it, or as deleted directories' own records do.
    fn directory(&mut self, directory: FileId) -> (Vec<u8>, Deletion) {
        if self.size > MOST_BYTES {
            (self.known, self.size) = (HashMap::new(), 0);
        }
        let known = self.known.entry(directory).or_insert_with(|| {
            let path = self.paths.directory(directory);
            self.size += path.as_ref().map_or(0, Vec::len) + size_of::<(FileId, Option<Vec<u8>>)>();
            path
        });
        match known {
            Some(path) => (path.clone(), Deletion::InPlace),
            None => self.gone.of_directory(directory),
        }
    }

    /// Writes the rows of those that have no name anywhere. Where there is no content either, nothing but times is left.
    fn finish(mut self, coverage: &mut Coverage, take: RowSink<'_>) -> io::Result<()> {
        for file in std::mem::take(&mut self.nameless) {
            if self.named.contains(&file) {
                continue;
            }
            let record = match self.context.filesystem.record(file) {
                Ok(record) => record,
                Err(error) => {
                    self.problems.push((self.context.namespace.recovered(file, b"file-"), error));
                    continue;
                }
            };
            if is_empty(&record) {
                continue;
            }
            let path = self.context.namespace.recovered(file, b"file-");
            let state = State::Deleted(Deletion::Displaced);
            let facts = RecordFacts::default();
            let length = self.context.last_name(&path).len();
            let row = self.context.row((&record, &facts), &path, length, state, true);
            self.bytes.clear();
            self.context.emit(&row, self.paths, &mut self.bytes);
            take(&self.bytes)?;
        }
        let problems: Vec<(Vec<u8>, Error)> = std::mem::take(&mut self.problems);
        add_problems(self.context.guest.image(), problems, coverage);
        Ok(())
    }
}

/// Whether a deleted record says nothing at all: no times, no content.
fn is_empty(record: &Record) -> bool {
    let times = record.metadata.times;
    let all = [times.modified, times.changed, times.accessed, times.created, times.deleted];
    let any = all.into_iter().flatten().any(|time| time.seconds() > 0);
    record.metadata.size == 0 && !any
}
