//! Walks one tree, or two in step, and tells the paths that matter.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use vminspect_bytes::ReadError;
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem};
use vminspect_guest::GuestVolume;

use crate::Options;
use crate::part::Directory;
use crate::second::{Found, Second};
use crate::tree::{Node, Tree};

/// Longest path that is followed. A sound guest has none; a hostile one can nest directories until the paths
/// alone fill the memory.
const LONGEST_PATH: usize = 1 << 16;

/// Where orphans and files that no directory names are shown: a directory of the root, and what stands before
/// their ids.
pub(crate) const ORPHANS: (&[u8], &[u8]) = (b"$OrphanFiles", b"inode-");

/// Where deleted files are shown whose directories are not known.
const RECOVERED: &[u8] = b"$Recovered";

/// One side of a walk.
pub(crate) trait Side {
    /// The node of a file.
    fn lookup(&self, id: FileId) -> Option<Found<'_>>;
    /// Every node.
    fn each(&self, visit: &mut dyn FnMut(Found<'_>));
}

impl Side for Tree {
    fn lookup(&self, id: FileId) -> Option<Found<'_>> {
        self.node(id).map(|node| Found { node, tree: self, same_record: false })
    }

    fn each(&self, visit: &mut dyn FnMut(Found<'_>)) {
        for node in self.nodes() {
            visit(Found { node, tree: self, same_record: false });
        }
    }
}

impl Side for Second<'_> {
    fn lookup(&self, id: FileId) -> Option<Found<'_>> {
        Self::find(self, id)
    }

    fn each(&self, visit: &mut dyn FnMut(Found<'_>)) {
        self.nodes().for_each(visit);
    }
}

/// The place of a volume in the namespace of paths, and which of its files stand there.
pub(crate) struct Namespace {
    prefix: Vec<u8>,
    own_prefix: Vec<u8>,
    covered: Vec<Vec<u8>>,
    separator: u8,
    /// Whether the filesystem's own files are shown.
    internal: bool,
    /// Says the ids of files.
    filesystem: Option<Arc<dyn FileSystem>>,
}

impl Namespace {
    pub(crate) fn of(volume: &GuestVolume, options: &Options) -> Self {
        Self {
            prefix: volume.prefix.clone(),
            own_prefix: volume.own_prefix(),
            covered: volume.covered.clone(),
            separator: volume.separator,
            internal: options.metadata_files,
            filesystem: volume.filesystem.clone(),
        }
    }

    /// Whether equal trees have equal paths in both.
    fn is_same(&self, other: &Self) -> bool {
        self.prefix == other.prefix
            && self.own_prefix == other.own_prefix
            && self.covered == other.covered
            && self.separator == other.separator
            && self.internal == other.internal
    }

    /// A file that has no name, in words.
    fn id_text(&self, id: FileId) -> String {
        self.filesystem.as_ref().map_or_else(|| id.0.to_string(), |filesystem| filesystem.id_text(id))
    }

    /// Whether a file has no place here, since it is the filesystem's own.
    fn leaves_out(&self, node: &Node) -> bool {
        node.is_internal() && !self.internal
    }

    /// What the paths of all files begin with: nothing for the root volume.
    pub(crate) fn root(&self) -> Vec<u8> {
        self.prefix.clone()
    }

    /// What stands before the names in the directory at `path`: another volume may be mounted over it.
    fn base(&self, path: &[u8]) -> Vec<u8> {
        let inside = path.strip_prefix(self.prefix.as_slice()).unwrap_or(path);
        if !self.covered.is_empty() && self.covered.iter().any(|covered| covered == inside) {
            [self.own_prefix.as_slice(), inside].concat()
        } else {
            path.to_vec()
        }
    }

    fn orphan(&self, id: FileId) -> Vec<u8> {
        let name = [ORPHANS.1, self.id_text(id).as_bytes()].concat();
        self.join(&self.join(&self.prefix, ORPHANS.0), &name)
    }

    /// The path of what was deleted and whose directory is not known: below a directory of its own, whose name
    /// is its id behind `prefix`.
    pub(crate) fn recovered(&self, id: FileId, prefix: &[u8]) -> Vec<u8> {
        let prefix = if prefix.is_empty() { b"directory-" } else { prefix };
        let name = [prefix, self.id_text(id).as_bytes()].concat();
        self.join(&self.join(&self.prefix, RECOVERED), &name)
    }

    /// What stands between the names of a path.
    pub(crate) fn separator(&self) -> u8 {
        self.separator
    }

    /// The path of a name in the directory whose path is `base`.
    pub(crate) fn join(&self, base: &[u8], name: &[u8]) -> Vec<u8> {
        let mut path = Vec::with_capacity(base.len().saturating_add(name.len()).saturating_add(1));
        path.extend_from_slice(base);
        path.push(self.separator);
        path.extend_from_slice(name);
        path
    }
}

/// A path of one side.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: FileId,
}

/// A path that both sides have.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The second side's. Where the guest ignores case, the first's may be spelt otherwise.
    pub(crate) bytes: Vec<u8>,
    /// The first side's name, where it is spelt otherwise.
    pub(crate) old_name: Option<Box<[u8]>>,
    pub(crate) before: FileId,
    pub(crate) after: FileId,
}

/// Errors, each with the path it is at.
pub(crate) type Problems = Vec<(Vec<u8>, Error)>;

/// What a walk of two sides found.
#[derive(Default, Debug)]
pub(crate) struct Walked {
    /// Paths that only the first side has.
    pub(crate) before: Vec<Path>,
    /// Paths that only the second side has.
    pub(crate) after: Vec<Path>,
    /// Paths on both sides whose record or content is not known to be equal.
    pub(crate) both: Vec<Pair>,
    /// Problems of each side, with the path they are at.
    pub(crate) problems: [Problems; 2],
}

/// A set of files: one bit each for the ids that occur in practice.
#[derive(Default)]
struct Marks {
    bits: Vec<u64>,
    others: HashSet<FileId>,
}

impl Marks {
    /// Ids below this have a bit: 8 MiB of them at most.
    const DENSE: u64 = 1 << 26;

    /// Adds a file; false when it was there.
    fn insert(&mut self, id: FileId) -> bool {
        if id.0 >= Self::DENSE {
            return self.others.insert(id);
        }
        let (word, bit) = Self::place(id);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    fn contains(&self, id: FileId) -> bool {
        let (word, bit) = Self::place(id);
        self.others.contains(&id) || self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(id: FileId) -> (usize, u64) {
        (usize::try_from(id.0 / 64).unwrap_or(usize::MAX), 1 << (id.0 % 64))
    }
}

/// What a side's walk remembers: directories it went into, and files that it met.
struct Memory {
    entered: Marks,
    met: Marks,
    /// Paths of files that have problems.
    paths: HashMap<FileId, Option<Vec<u8>>>,
    problems: Problems,
}

impl Memory {
    fn new(troubled: impl Iterator<Item = FileId>) -> Self {
        Self {
            entered: Marks::default(),
            met: Marks::default(),
            paths: troubled.map(|id| (id, None)).collect(),
            problems: Vec::new(),
        }
    }

    /// Notes that `id` has the name `name` in the directory at `base`.
    fn meet(&mut self, id: FileId, namespace: &Namespace, base: &[u8], name: &[u8]) {
        self.met.insert(id);
        if !self.paths.is_empty()
            && let Some(path) = self.paths.get_mut(&id)
            && path.is_none()
        {
            *path = Some(namespace.join(base, name));
        }
    }

    /// Whether a directory may be entered: it was not before, and its path is not absurd.
    fn enter(&mut self, id: FileId, namespace: &Namespace, path: &[u8]) -> bool {
        if path.len() > LONGEST_PATH {
            let error = ReadError::unsupported("path")
                .expected(format!("at most {LONGEST_PATH} bytes"))
                .found("directories nested deeper");
            self.problems.push((path.get(..64).unwrap_or_default().to_vec(), error.into()));
            return false;
        }
        if self.entered.insert(id) {
            return true;
        }
        let error = ReadError::corrupt("directory")
            .found(format!("inode {} a second time in the tree", namespace.id_text(id)));
        self.problems.push((path.to_vec(), error.into()));
        false
    }

    fn missing(&mut self, id: FileId, namespace: &Namespace, base: &[u8], name: &[u8]) {
        if self.paths.contains_key(&id) {
            // Why its record could not be read stands among the problems already.
            return self.meet(id, namespace, base, name);
        }
        let error =
            ReadError::corrupt("directory entry").found(format!("the free inode {}", namespace.id_text(id)));
        self.problems.push((namespace.join(base, name), error.into()));
    }

    /// The problems of this side, those of `tree` put to their paths.
    fn finish<'a>(
        mut self,
        namespace: &Namespace,
        of_tree: impl Iterator<Item = &'a (Option<FileId>, Error)>,
    ) -> Problems {
        for (id, error) in of_tree {
            let path = match id {
                Some(id) => match self.paths.get(id) {
                    Some(Some(path)) => path.clone(),
                    _ => [&namespace.own_prefix, &b"inode "[..], namespace.id_text(*id).as_bytes()].concat(),
                },
                None => namespace.own_prefix.clone(),
            };
            self.problems.push((path, error.clone()));
        }
        self.problems
    }
}

/// The name of a stream among those of a directory: `owner:stream`.
pub(crate) fn stream_name(owner: &[u8], stream: &[u8]) -> Vec<u8> {
    [owner, b":", stream].concat()
}

/// Takes paths of a walk.
type Visit<'v> = &'v mut dyn FnMut(&[u8], Found<'_>);

/// A name in a directory that is walked.
struct Child<'a> {
    name: ChildName,
    found: Found<'a>,
}

/// Where the name of a child stands.
#[derive(Clone, Copy)]
enum ChildName {
    /// At this position of the directory.
    Entry(usize),
    /// At this position of the level's streams.
    Stream(usize),
}

impl Child<'_> {
    fn is_directory(&self) -> bool {
        self.found.node.kind == FileKind::Directory
    }
}

/// A directory that is being walked. The streams of its files, which are named `owner:stream`, stand among them.
struct Level<'a> {
    base: Vec<u8>,
    names: Directory,
    streams: Vec<Vec<u8>>,
    children: std::vec::IntoIter<Child<'a>>,
}

impl Level<'_> {
    fn name(&self, name: ChildName) -> &[u8] {
        match name {
            ChildName::Entry(position) => self.names.name(position),
            ChildName::Stream(position) => self.streams.get(position).map(Vec::as_slice).unwrap_or_default(),
        }
    }
}

/// The order of whole paths: what is below a directory begins with its name and a separator.
fn in_path_order(x: (&[u8], bool), y: (&[u8], bool), separator: u8) -> std::cmp::Ordering {
    let shared = x.0.len().min(y.0.len());
    let (a, b) = (x.0.split_at(shared), y.0.split_at(shared));
    // Names mostly differ where both have bytes, which one comparison of memory tells.
    a.0.cmp(b.0).then_with(|| {
        let last = |is_directory: bool| is_directory.then_some(separator);
        a.1.iter().copied().chain(last(x.1)).cmp(b.1.iter().copied().chain(last(y.1)))
    })
}

/// A walk of one side alone, or of a subtree that only one side has.
struct Single<'a, S: Side + ?Sized> {
    side: &'a S,
    namespace: &'a Namespace,
    root: FileId,
    memory: Memory,
}

impl<'a, S: Side + ?Sized> Single<'a, S> {
    /// Hands out every path below the directory `start`, which stands at `path`, in the order of the paths.
    fn below(&mut self, start: FileId, path: &[u8], visit: Visit<'_>) {
        let mut levels: Vec<Level<'a>> = self.level(start, path).into_iter().collect();
        let mut path = Vec::new();
        while let Some(level) = levels.last_mut() {
            let Some(child) = level.children.next() else {
                levels.pop();
                continue;
            };
            let name = level.name(child.name);
            if !child.found.node.is_stream() {
                self.memory.meet(child.found.node.id, self.namespace, &level.base, name);
            }
            path.clear();
            path.extend_from_slice(&level.base);
            path.push(self.namespace.separator);
            path.extend_from_slice(name);
            visit(&path, child.found);
            if child.is_directory() {
                levels.extend(self.level(child.found.node.id, &path));
            }
        }
    }

    /// Enters a directory.
    fn level(&mut self, directory: FileId, path: &[u8]) -> Option<Level<'a>> {
        let side: &'a S = self.side;
        let found = side.lookup(directory)?;
        if !self.memory.enter(directory, self.namespace, path) {
            return None;
        }
        let base = self.namespace.base(path);
        let names = found.tree.directory(found.node);
        let mut level = Level { base, names, streams: Vec::new(), children: Vec::new().into_iter() };
        let mut children = Vec::new();
        if directory == self.root {
            self.add_streams(b"", found, &mut level.streams, &mut children);
        }
        for (position, (name, id)) in level.names.iter().enumerate() {
            match side.lookup(id) {
                Some(found) if self.namespace.leaves_out(found.node) => {
                    self.memory.meet(id, self.namespace, &level.base, name);
                }
                Some(found) => {
                    children.push(Child { name: ChildName::Entry(position), found });
                    self.add_streams(name, found, &mut level.streams, &mut children);
                }
                None => self.memory.missing(id, self.namespace, &level.base, name),
            }
        }
        children.sort_by(|x, y| {
            in_path_order(
                (level.name(x.name), x.is_directory()),
                (level.name(y.name), y.is_directory()),
                self.namespace.separator,
            )
        });
        level.children = children.into_iter();
        Some(level)
    }

    /// Adds the streams of a file to those of the directory that has it.
    fn add_streams(
        &self,
        owner: &[u8],
        found: Found<'a>,
        streams: &mut Vec<Vec<u8>>,
        children: &mut Vec<Child<'a>>,
    ) {
        if !found.node.has_streams() {
            return;
        }
        let side: &'a S = self.side;
        for (name, id) in found.tree.streams(found.node).iter() {
            if let Some(found) = side.lookup(id) {
                children.push(Child { name: ChildName::Stream(streams.len()), found });
                streams.push(stream_name(owner, name));
            }
        }
    }

    /// Hands out the streams of the file at `path`.
    fn streams(&self, path: &[u8], found: Found<'_>, visit: Visit<'_>) {
        if !found.node.has_streams() {
            return;
        }
        for (name, id) in found.tree.streams(found.node).iter() {
            if let Some(found) = self.side.lookup(id) {
                visit(&stream_name(path, name), found);
            }
        }
    }

    /// Hands out files that are in use though no directory names them.
    fn unnamed(&mut self, visit: Visit<'_>) {
        let (root, mut unnamed) = (self.root, Vec::new());
        self.side.each(&mut |found| {
            let id = found.node.id;
            let is_named = found.node.is_stream() || id == root || self.memory.met.contains(id);
            if !is_named && !found.node.is_internal() {
                unnamed.push(id);
            }
        });
        // Directories first: what they hold is named after all.
        let is_file = |side: &S, id: &FileId| {
            side.lookup(*id).is_none_or(|found| found.node.kind != FileKind::Directory)
        };
        unnamed.sort_by_key(|id| (is_file(self.side, id), *id));
        for id in unnamed {
            let Some(found) = self.side.lookup(id) else { continue };
            if self.memory.met.contains(id) {
                continue;
            }
            let path = self.namespace.orphan(id);
            if !found.node.is_orphan() {
                let number = self.namespace.id_text(id);
                let found = format!("inode {number} in use, but in no directory");
                let error = ReadError::corrupt("inode").found(found);
                self.memory.problems.push((path.clone(), error.into()));
            }
            if found.node.kind == FileKind::Directory {
                self.below(id, &path, visit);
            }
            visit(&path, found);
            self.streams(&path, found, visit);
        }
    }
}

/// Walks one tree from its root and hands out every path, in the order of the paths, then the files that no
/// directory names; returns its problems.
pub(crate) fn walk_one(tree: &Tree, root: FileId, namespace: &Namespace, visit: Visit<'_>) -> Problems {
    let troubled = tree.problems.iter().filter_map(|(id, _)| *id);
    let mut single = Single { side: tree, namespace, root, memory: Memory::new(troubled) };
    single.below(root, &namespace.root(), visit);
    single.unnamed(visit);
    single.memory.finish(namespace, tree.problems.iter())
}

/// Walks two trees in step from their roots. `modified` says whether the content of a file whose record both
/// sides share is known to differ; `folding` is the filesystem whose rules tell which names the guest takes for
/// one, where it ignores case.
pub(crate) fn walk_both(
    first: &Tree,
    second: &Second<'_>,
    roots: (FileId, FileId),
    namespaces: (&Namespace, &Namespace),
    modified: &dyn Fn(FileId) -> bool,
    folding: Option<&dyn FileSystem>,
) -> Walked {
    let memory_before = Memory::new(first.problems.iter().filter_map(|(id, _)| *id));
    let memory_after = Memory::new(second.problems().filter_map(|(id, _)| *id));
    let mut both = Both {
        before: Single { side: first, namespace: namespaces.0, root: roots.0, memory: memory_before },
        after: Single { side: second, namespace: namespaces.1, root: roots.1, memory: memory_after },
        same_namespace: namespaces.0.is_same(namespaces.1),
        modified,
        folding,
        walked: Walked::default(),
    };
    both.walk();
    both.unnamed();
    let Both { before, after, mut walked, .. } = both;
    walked.problems = [
        before.memory.finish(namespaces.0, first.problems.iter()),
        after.memory.finish(namespaces.1, second.problems()),
    ];
    walked
}

/// A path on both sides, or what stands before the names in a directory that both have.
#[derive(Clone)]
struct Paths {
    /// The first side's, where it is another.
    before: Option<Vec<u8>>,
    after: Vec<u8>,
}

impl Paths {
    fn new(before: Vec<u8>, after: Vec<u8>) -> Self {
        Self { before: (before != after).then_some(before), after }
    }

    fn before(&self) -> &[u8] {
        self.before.as_deref().unwrap_or(&self.after)
    }
}

/// A directory that both sides have.
struct Directories {
    paths: Paths,
    before: FileId,
    after: FileId,
}

/// A name and the file it names.
type Named<'n> = (&'n [u8], FileId);

struct Both<'a, 'b> {
    before: Single<'a, Tree>,
    after: Single<'a, Second<'b>>,
    same_namespace: bool,
    modified: &'a dyn Fn(FileId) -> bool,
    folding: Option<&'a dyn FileSystem>,
    walked: Walked,
}

impl Both<'_, '_> {
    fn walk(&mut self) {
        let roots = (self.before.root, self.after.root);
        let paths = Paths::new(self.before.namespace.root(), self.after.namespace.root());
        let top = Paths {
            before: paths.before.as_ref().map(|path| self.before.namespace.join(path, b"")),
            after: self.after.namespace.join(&paths.after, b""),
        };
        let found = (self.before.side.lookup(roots.0), self.after.side.lookup(roots.1));
        if let (Some(x), Some(y)) = found {
            let same_record = y.same_record;
            self.pair(top.after.clone(), None, roots, same_record);
            let (left, right) = (x.tree.streams(x.node), y.tree.streams(y.node));
            self.pair_streams(&top, &left, &right);
        }
        let mut todo = vec![Directories { paths, before: roots.0, after: roots.1 }];
        while let Some(directories) = todo.pop() {
            self.directory(&directories, &mut todo);
        }
    }

    /// Goes through a directory that both sides have.
    fn directory(&mut self, at: &Directories, todo: &mut Vec<Directories>) {
        let (first, second) = (self.before.side, self.after.side);
        let entered = self.before.memory.enter(at.before, self.before.namespace, at.paths.before());
        if !self.after.memory.enter(at.after, self.after.namespace, &at.paths.after) || !entered {
            return;
        }
        let (Some(x), Some(y)) = (first.node(at.before), second.find(at.after)) else { return };
        let (left, right) = (first.directory(x), y.tree.directory(y.node));
        let base = self.bases(&at.paths);
        if std::ptr::eq(x, y.node) {
            for named in left.iter() {
                self.entry(&base, Some(named), Some(named), todo);
            }
            return;
        }
        let folding = self.folding;
        pair_names(left.sorted(), right.sorted(), folding, &mut |x, y| self.entry(&base, x, y, todo));
    }

    /// What stands before the names in a directory.
    fn bases(&self, paths: &Paths) -> Paths {
        let after = self.after.namespace.base(&paths.after);
        if self.same_namespace && paths.before.is_none() {
            return Paths { before: None, after };
        }
        Paths::new(self.before.namespace.base(paths.before()), after)
    }

    /// The path of what has these names in a directory.
    fn join(&self, base: &Paths, before: &[u8], after: &[u8]) -> Paths {
        let path = self.after.namespace.join(&base.after, after);
        if before == after && base.before.is_none() && self.same_namespace {
            return Paths { before: None, after: path };
        }
        Paths::new(self.before.namespace.join(base.before(), before), path)
    }

    /// Looks at one name, on one side or both.
    fn entry(
        &mut self,
        base: &Paths,
        before: Option<Named<'_>>,
        after: Option<Named<'_>>,
        todo: &mut Vec<Directories>,
    ) {
        let x = before.and_then(|(_, id)| self.before.side.lookup(id));
        let y = match (before, after) {
            // Most names mean one file on both sides: it is looked up once.
            (Some((_, before)), Some((_, after))) if before == after => {
                self.after.side.find_like(after, x.map(|found| found.node))
            }
            _ => after.and_then(|(_, id)| self.after.side.lookup(id)),
        };
        if let Some((name, id)) = before {
            let Single { memory, namespace, .. } = &mut self.before;
            match x {
                Some(_) => memory.meet(id, namespace, base.before(), name),
                None => memory.missing(id, namespace, base.before(), name),
            }
        }
        if let Some((name, id)) = after {
            let Single { memory, namespace, .. } = &mut self.after;
            match y {
                Some(_) => memory.meet(id, namespace, &base.after, name),
                None => memory.missing(id, namespace, &base.after, name),
            }
        }
        let (left, right) = (self.before.namespace, self.after.namespace);
        let x = before.zip(x.filter(|found| !left.leaves_out(found.node)));
        let y = after.zip(y.filter(|found| !right.leaves_out(found.node)));
        match (x, y) {
            (Some(((old, _), x)), Some(((new, _), y))) => {
                let old_name = (old != new).then(|| old.into());
                let same_node = std::ptr::eq(x.node, y.node);
                let (ids, same_record) = ((x.node.id, y.node.id), y.same_record);
                let directories = (x.node.kind == FileKind::Directory, y.node.kind == FileKind::Directory);
                let streams = x.node.has_streams() || y.node.has_streams();
                let changed = old != new || ids.0 != ids.1 || !same_record || (self.modified)(ids.0);
                if !(directories.0 || directories.1 || streams || changed) {
                    return;
                }
                let paths = self.join(base, old, new);
                if streams && same_node {
                    let streams = x.tree.streams(x.node);
                    self.pair_streams(&paths, &streams, &streams);
                } else if streams {
                    self.pair_streams(&paths, &x.tree.streams(x.node), &y.tree.streams(y.node));
                }
                if changed {
                    self.pair(paths.after.clone(), old_name, ids, same_record);
                }
                match directories {
                    (true, true) => todo.push(Directories { paths, before: ids.0, after: ids.1 }),
                    (true, false) => self.only_before(paths.before().to_vec(), ids.0, false),
                    (false, true) => self.only_after(paths.after, ids.1, false),
                    (false, false) => {}
                }
            }
            (Some(((name, _), x)), None) => {
                self.only_before(self.before.namespace.join(base.before(), name), x.node.id, true);
            }
            (None, Some(((name, _), y))) => {
                self.only_after(self.after.namespace.join(&base.after, name), y.node.id, true);
            }
            (None, None) => {}
        }
    }

    /// Pairs the streams of a file that both sides have at `paths`.
    fn pair_streams(&mut self, paths: &Paths, left: &Directory, right: &Directory) {
        let folding = self.folding;
        pair_names(left.sorted(), right.sorted(), folding, &mut |x, y| match (x, y) {
            (Some((old, before)), Some((new, after))) => {
                let found = self.after.side.find(after);
                let same_record = before == after && found.is_some_and(|found| found.same_record);
                let old_name = (old != new).then(|| old.into());
                if !same_record || old_name.is_some() || (self.modified)(before) {
                    self.pair(stream_name(&paths.after, new), old_name, (before, after), same_record);
                }
            }
            (Some((name, file)), None) => {
                self.walked.before.push(Path { bytes: stream_name(paths.before(), name), file });
            }
            (None, Some((name, file))) => {
                self.walked.after.push(Path { bytes: stream_name(&paths.after, name), file });
            }
            (None, None) => {}
        });
    }

    fn pair(
        &mut self,
        path: Vec<u8>,
        old_name: Option<Box<[u8]>>,
        (before, after): (FileId, FileId),
        same_record: bool,
    ) {
        if old_name.is_some() || before != after || !same_record || (self.modified)(before) {
            self.walked.both.push(Pair { bytes: path, old_name, before, after });
        }
    }

    /// A path that only the first side has, with all below it; `itself` is false where the second side has
    /// something else there.
    fn only_before(&mut self, path: Vec<u8>, id: FileId, itself: bool) {
        let list = &mut self.walked.before;
        let Some(found) = self.before.side.lookup(id) else { return };
        let mut add = |bytes: &[u8], found: Found<'_>| {
            list.push(Path { bytes: bytes.to_vec(), file: found.node.id });
        };
        if found.node.kind == FileKind::Directory {
            self.before.below(id, &path, &mut add);
        }
        if itself {
            self.before.streams(&path, found, &mut add);
            list.push(Path { bytes: path, file: id });
        }
    }

    fn only_after(&mut self, path: Vec<u8>, id: FileId, itself: bool) {
        let list = &mut self.walked.after;
        let Some(found) = self.after.side.lookup(id) else { return };
        let mut add = |bytes: &[u8], found: Found<'_>| {
            list.push(Path { bytes: bytes.to_vec(), file: found.node.id });
        };
        if found.node.kind == FileKind::Directory {
            self.after.below(id, &path, &mut add);
        }
        if itself {
            self.after.streams(&path, found, &mut add);
            list.push(Path { bytes: path, file: id });
        }
    }

    /// Pairs the files that no directory names by their made-up paths.
    fn unnamed(&mut self) {
        let mut left: HashMap<Vec<u8>, FileId> = HashMap::new();
        self.before.unnamed(&mut |path, found| {
            left.insert(path.to_vec(), found.node.id);
        });
        let mut right = Vec::new();
        self.after.unnamed(&mut |path, found| {
            right.push((path.to_vec(), found.node.id, found.same_record));
        });
        for (path, id, same_record) in right {
            match left.remove(&path) {
                Some(before) => self.pair(path, None, (before, id), same_record),
                None => self.walked.after.push(Path { bytes: path, file: id }),
            }
        }
        self.walked.before.extend(left.into_iter().map(|(bytes, file)| Path { bytes, file }));
    }
}

/// Goes through two sorted lists of names. Equal ones are a pair; where the guest ignores case, so are those of
/// the rest that fold to one.
fn pair_names<'n>(
    left: Vec<Named<'n>>,
    right: Vec<Named<'n>>,
    folding: Option<&dyn FileSystem>,
    each: &mut dyn FnMut(Option<Named<'n>>, Option<Named<'n>>),
) {
    let mut rest: [Vec<Named<'n>>; 2] = Default::default();
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some((x, _)), Some((y, _))) => x.cmp(y),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => break,
        };
        match order {
            std::cmp::Ordering::Equal => each(left.next(), right.next()),
            std::cmp::Ordering::Less if folding.is_some() => rest[0].extend(left.next()),
            std::cmp::Ordering::Greater if folding.is_some() => rest[1].extend(right.next()),
            std::cmp::Ordering::Less => each(left.next(), None),
            std::cmp::Ordering::Greater => each(None, right.next()),
        }
    }
    let [left, right] = rest;
    let fold = |name: &[u8]| {
        folding.and_then(|filesystem| filesystem.fold_name(name)).unwrap_or_else(|| name.to_vec())
    };
    let mut by_name: HashMap<Vec<u8>, VecDeque<Named<'n>>> = HashMap::new();
    if !left.is_empty() {
        for named in right.iter().copied() {
            by_name.entry(fold(named.0)).or_default().push_back(named);
        }
    }
    let mut paired = HashSet::new();
    for named in left {
        let other = by_name.get_mut(&fold(named.0)).and_then(VecDeque::pop_front);
        paired.extend(other.map(|(name, _)| name));
        each(Some(named), other);
    }
    for named in right.into_iter().filter(|(name, _)| !paired.contains(name)) {
        each(None, Some(named));
    }
}
