//! Compares two filesystems.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vminspect_bytes::{ReadAt, ReadError};
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem};
use vminspect_guest::{Coverage, GuestVolume};

use crate::content::{Counters, SharedContent, Unreadable, compare_shared, contents_differ, has_content};
use crate::facts::{Knowing, Known, KnownFiles, facts, file_type, in_parallel, know_files};
use crate::finding::{
    Comparison, FieldChange, FileFacts, GuestPath, MetadataChange, Modified, Renamed, TypeChange, Value,
};
use crate::hashing::{Hashing, Visitor, hash_versions, open_content};
use crate::metadata_changes::metadata_changes;
use crate::part::TableMemory;
use crate::rename::{Candidate, find_renames};
use crate::second::{Found, Second};
use crate::tree::{Node, Tree};
use crate::walk::{Namespace, Pair, Path, Side, Walked, walk_both, walk_one};
use crate::{Options, Progress, Stage};

/// One side of a comparison of volumes.
#[derive(Clone, Copy)]
pub(crate) struct VolumeSide<'a> {
    /// The image as the user named it.
    pub(crate) image: &'a str,
    pub(crate) volume: &'a GuestVolume,
    pub(crate) filesystem: &'a Arc<dyn FileSystem>,
}

/// What a comparison shares among its volumes.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) counters: Counters,
    pub(crate) memory: Arc<TableMemory>,
}

impl Context<'_> {
    fn knowing(&self) -> Knowing<'_> {
        Knowing::new(self.options)
    }

    fn takes(&self, path: &[u8], filesystem: &dyn FileSystem) -> bool {
        self.options.filter.takes_all()
            || self.options.filter.takes(&GuestPath::new(path.to_vec(), filesystem.name_encoding()))
    }
}

/// Adds everything of a volume that only one side has.
pub(crate) fn add_one_sided(
    context: &Context<'_>,
    side: VolumeSide<'_>,
    created: bool,
    found: &mut Comparison,
) {
    let filesystem = &**side.filesystem;
    context.progress.stage(Stage::Walking, 0);
    let tree = Tree::read(filesystem, &context.memory, context.progress);
    let mut paths = Vec::new();
    let problems = walk_one(
        &tree,
        filesystem.root(),
        &Namespace::of(side.volume, context.options),
        &mut |bytes, each| {
            if context.takes(bytes, filesystem) {
                paths.push(Path { bytes: bytes.to_vec(), file: each.node.id });
            }
        },
    );
    add_problems(side.image, problems, &mut found.coverage);
    let entries = tree.len() as u64;
    let statistics = &mut found.statistics;
    let count = if created { &mut statistics.entries_after } else { &mut statistics.entries_before };
    *count = count.saturating_add(entries);
    let list = all_facts(context, side, &tree, paths, &mut found.coverage);
    let (regular, other) = list
        .into_iter()
        .map(|(facts, _)| facts)
        .partition::<Vec<_>, _>(|facts| facts.kind == FileKind::Regular);
    if created {
        found.created.extend(regular);
        found.created_other.extend(other);
    } else {
        found.deleted.extend(regular);
        found.deleted_other.extend(other);
    }
}

/// Adds all that differs between two volumes.
pub(crate) fn compare_volumes(
    context: &Context<'_>,
    before: VolumeSide<'_>,
    after: VolumeSide<'_>,
    found: &mut Comparison,
) {
    let (a, b) = (&**before.filesystem, &**after.filesystem);
    let expected = a.identity().files.unwrap_or(0);
    context.progress.stage(Stage::Walking, expected);
    let first = Tree::read(a, &context.memory, context.progress);
    trace("first tree");
    context.progress.stage(Stage::WalkingSecond, 0);
    let second = Second::read(a, &first, b, &context.memory, context.options.access_times, context.progress);
    found.statistics.entries_before += first.len() as u64;
    found.statistics.entries_after += second.len();
    trace("second tree");
    let has_content =
        |node: &Node| has_content(node) && (context.options.metadata_files || !node.is_internal());
    let shared = compare_shared((a, &first), (b, &second), &has_content, &context.counters, context.progress);
    trace("content at shared places");
    let modified = |id: FileId| {
        first.find(id).is_some_and(|position| shared.is_modified(position))
            || shared.unreadable.binary_search(&id).is_ok()
    };
    let namespaces =
        (Namespace::of(before.volume, context.options), Namespace::of(after.volume, context.options));
    let (roots, namespaces) = ((a.root(), b.root()), (&namespaces.0, &namespaces.1));
    let folding = (a.fold_name(b"").is_some() && b.fold_name(b"").is_some()).then_some(b);
    let mut walked = walk_both(&first, &second, roots, namespaces, &modified, folding);
    trace("paths");
    let [problems_before, problems_after] = std::mem::take(&mut walked.problems);
    add_problems(before.image, problems_before, &mut found.coverage);
    add_problems(after.image, problems_after, &mut found.coverage);
    walked.before.retain(|path| context.takes(&path.bytes, a));
    walked.after.retain(|path| context.takes(&path.bytes, b));
    walked.both.retain(|pair| context.takes(&pair.bytes, b));
    let comparing = Comparing { context, before, after, first: &first, second: &second, shared: &shared };
    comparing.add(walked, found);
}

/// Tells, for those who look into what a comparison costs, how far it is.
fn trace(stage: &str) {
    tracing::debug!(host_bytes = vminspect_bytes::host_bytes_read(), "done: {stage}");
}

pub(crate) fn add_problems(image: &str, problems: Vec<(Vec<u8>, Error)>, coverage: &mut Coverage) {
    for (place, error) in problems {
        coverage.add_error(image, &place, error.family(), &error);
    }
}

/// Adds the failure to read back tables that did not fit the memory.
pub(crate) fn add_table_failure(image: &str, memory: &TableMemory, coverage: &mut Coverage) {
    if let Some(source) = memory.take_failure() {
        let error = ReadError::io("temporary file", source).advice("run again with more --memory");
        coverage.add_read_error(image, b"", &error);
    }
}

/// Facts of paths of one side, sorted by path, each with its file.
fn all_facts(
    context: &Context<'_>,
    side: VolumeSide<'_>,
    tree: &dyn Side,
    mut paths: Vec<Path>,
    coverage: &mut Coverage,
) -> Vec<(FileFacts, FileId)> {
    paths.sort_by(|x, y| x.bytes.cmp(&y.bytes));
    let files = paths.iter().filter_map(|path| tree.lookup(path.file));
    let known = know_files(&**side.filesystem, files, &context.knowing(), context.progress);
    context.counters.hashed.fetch_add(known.hashed, Ordering::Relaxed);
    let mut list = Vec::with_capacity(paths.len());
    for path in paths {
        let Some(found) = tree.lookup(path.file) else { continue };
        let known = known_of(&known, path.file, side.image, &path.bytes, coverage);
        list.push((facts(&**side.filesystem, found, path.bytes, known), path.file));
    }
    list
}

fn known_of(known: &KnownFiles, file: FileId, image: &str, path: &[u8], coverage: &mut Coverage) -> Known {
    known.get(file).unwrap_or_else(|error| {
        coverage.add_error(image, path, error.family(), error);
        Known::default()
    })
}

/// What became of a pair of files at one path.
enum Outcome {
    Equal,
    Metadata(MetadataChange),
    Modified(Modified),
    Type(TypeChange),
}

struct Comparing<'a> {
    context: &'a Context<'a>,
    before: VolumeSide<'a>,
    after: VolumeSide<'a>,
    first: &'a Tree,
    second: &'a Second<'a>,
    shared: &'a SharedContent,
}

impl Comparing<'_> {
    fn add(&self, walked: Walked, found: &mut Comparison) {
        let coverage = &mut found.coverage;
        let outcomes = in_parallel(&walked.both, |pair| {
            let mut coverage = Coverage::default();
            let outcome = self.outcome(pair, &mut coverage);
            (outcome, coverage)
        });
        for (outcome, more) in outcomes {
            coverage.extend(more);
            match outcome {
                Outcome::Equal => {}
                Outcome::Metadata(change) => found.metadata_changed.push(change),
                Outcome::Modified(modified) => found.modified.push(modified),
                Outcome::Type(change) => found.type_changed.push(change),
            }
        }
        trace("changed files");
        let deleted = all_facts(self.context, self.before, self.first, walked.before, coverage);
        let created = all_facts(self.context, self.after, self.second, walked.after, coverage);
        trace("hashes of created and deleted files");
        found.renamed.extend(self.renames(&deleted, &created, coverage));
        split(deleted, &mut found.deleted, &mut found.deleted_other);
        split(created, &mut found.created, &mut found.created_other);
    }

    fn outcome(&self, pair: &Pair, coverage: &mut Coverage) -> Outcome {
        let (Some(x), Some(y)) = (self.first.lookup(pair.before), self.second.find(pair.after)) else {
            return Outcome::Equal;
        };
        if x.node.kind != y.node.kind {
            return Outcome::Type(TypeChange {
                before: self.fact(self.before, x, pair, coverage),
                after: self.fact(self.after, y, pair, coverage),
            });
        }
        let metadata = if x.node.is_stream() { Vec::new() } else { self.metadata(pair, coverage) };
        if x.node.kind == FileKind::Regular && self.differs(pair, x, y, coverage) {
            let (old, new) = self.versions(pair, coverage);
            return Outcome::Modified(Modified {
                before: facts(&**self.before.filesystem, x, pair.bytes.clone(), old),
                after: facts(&**self.after.filesystem, y, pair.bytes.clone(), new),
                metadata,
            });
        }
        if metadata.is_empty() {
            return Outcome::Equal;
        }
        let path = GuestPath::new(pair.bytes.clone(), self.after.filesystem.name_encoding());
        Outcome::Metadata(MetadataChange { path, kind: y.node.kind, changes: metadata })
    }

    fn differs(&self, pair: &Pair, x: Found<'_>, y: Found<'_>, coverage: &mut Coverage) -> bool {
        if pair.before == pair.after && y.same_record {
            let position = self.first.find(pair.before).unwrap_or(usize::MAX);
            if self.shared.is_modified(position) {
                return true;
            }
            if self.shared.unreadable.binary_search(&pair.before).is_err() {
                return false;
            }
        }
        if x.node.size != y.node.size {
            return true;
        }
        let (a, b) = (&**self.before.filesystem, &**self.after.filesystem);
        match contents_differ(a, pair.before, b, pair.after, &self.context.counters) {
            Ok(differs) => differs,
            Err(unreadable) => {
                self.add_unreadable(&pair.bytes, &unreadable, coverage);
                false
            }
        }
    }

    /// Adds what could not be read of a file, on the side that it is of.
    fn add_unreadable(&self, path: &[u8], unreadable: &Unreadable, coverage: &mut Coverage) {
        let Unreadable { is_before, error } = unreadable;
        let image = if *is_before { self.before.image } else { self.after.image };
        coverage.add_error(image, path, error.family(), error);
    }

    fn metadata(&self, pair: &Pair, coverage: &mut Coverage) -> Vec<FieldChange> {
        let before = (&**self.before.filesystem, pair.before);
        let after = (&**self.after.filesystem, pair.after);
        let mut problems = Vec::new();
        let mut changes = metadata_changes(before, after, self.context.options.access_times, &mut problems);
        if let Some(old) = &pair.old_name {
            add_name(&mut changes, old, &pair.bytes, self.after.volume.separator);
        }
        problems.iter().for_each(|problem| self.add_unreadable(&pair.bytes, problem, coverage));
        changes
    }

    /// Hashes both versions of a modified file.
    fn versions(&self, pair: &Pair, coverage: &mut Coverage) -> (Known, Known) {
        let (a, b) = (&**self.before.filesystem, &**self.after.filesystem);
        let opened = (open_content(a, pair.before), open_content(b, pair.after));
        let (x, y) = match &opened {
            (Ok(x), Ok(y)) => {
                self.context.counters.hashed.fetch_add(x.len().saturating_add(y.len()), Ordering::Relaxed);
                hash_versions(&**x, &**y, &self.context.options.algorithms)
            }
            (x, y) => {
                let hash = |side: &Result<Arc<dyn ReadAt>, Error>| match side {
                    Ok(content) => {
                        Hashing { algorithms: &self.context.options.algorithms }.stream(&**content)
                    }
                    Err(error) => Err(error.clone()),
                };
                (hash(x), hash(y))
            }
        };
        let knowing = self.context.knowing();
        let mut known = |result: Result<_, Error>, side: VolumeSide<'_>, file| match result {
            Ok(digests) => {
                Known { digests: Some(digests), file_type: file_type(&**side.filesystem, file, &knowing) }
            }
            Err(error) => {
                coverage.add_error(side.image, &pair.bytes, error.family(), &error);
                Known::default()
            }
        };
        (known(x, self.before, pair.before), known(y, self.after, pair.after))
    }

    fn fact(
        &self,
        side: VolumeSide<'_>,
        found: Found<'_>,
        pair: &Pair,
        coverage: &mut Coverage,
    ) -> FileFacts {
        let known = know_files(
            &**side.filesystem,
            std::iter::once(found),
            &self.context.knowing(),
            self.context.progress,
        );
        let known = known_of(&known, found.node.id, side.image, &pair.bytes, coverage);
        facts(&**side.filesystem, found, pair.bytes.clone(), known)
    }

    fn renames(
        &self,
        deleted: &[(FileFacts, FileId)],
        created: &[(FileFacts, FileId)],
        coverage: &mut Coverage,
    ) -> Vec<Renamed> {
        let (a, b) = (&**self.before.filesystem, &**self.after.filesystem);
        let old: Vec<Candidate<'_>> =
            deleted.iter().map(|(facts, file)| Candidate { facts, file: *file }).collect();
        let new: Vec<Candidate<'_>> =
            created.iter().map(|(facts, file)| Candidate { facts, file: *file }).collect();
        let same_bytes = |x, y| matches!(contents_differ(a, x, b, y, &self.context.counters), Ok(false));
        let pairs = find_renames(a, &old, b, &new, &same_bytes);
        pairs
            .into_iter()
            .filter_map(|(x, y, evidence)| {
                let ((before, old), (after, new)) = (deleted.get(x)?, created.get(y)?);
                let (access_times, mut problems) = (self.context.options.access_times, Vec::new());
                // A stream has no metadata besides its owner's, which is told with the owner.
                let metadata = if before.stream || after.stream {
                    Vec::new()
                } else {
                    metadata_changes((a, *old), (b, *new), access_times, &mut problems)
                };
                problems.iter().for_each(|problem| self.add_unreadable(&after.path.bytes, problem, coverage));
                Some(Renamed { before: before.clone(), after: after.clone(), evidence, metadata })
            })
            .collect()
    }
}

/// Adds that a name is spelt otherwise than it was, where that makes no other path.
fn add_name(changes: &mut Vec<FieldChange>, old: &[u8], path: &[u8], separator: u8) {
    let new = path.rsplit(|byte| *byte == separator).next().unwrap_or(path);
    let (before, after) = (Value::Bytes(old.to_vec()), Value::Bytes(new.to_vec()));
    changes.push(FieldChange { field: "name".to_owned(), before, after });
    changes.sort_by(|a, b| a.field.cmp(&b.field));
}

fn split(list: Vec<(FileFacts, FileId)>, regular: &mut Vec<FileFacts>, other: &mut Vec<FileFacts>) {
    for (facts, _) in list {
        if facts.kind == FileKind::Regular { regular.push(facts) } else { other.push(facts) }
    }
}
