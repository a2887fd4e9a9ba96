//! Walks one tree, or two in step, and tells the paths that matter.

use foldhash::{HashMap, HashMapExt, HashSet};
use vminspect_bytes::ReadError;
use vminspect_filesystem::{Error, FileId, FileKind};
use vminspect_guest::GuestVolume;

use crate::part::Directory;
use crate::second::{Found, Second};
use crate::tree::Tree;

/// Longest path that is followed. A sound guest has none; a hostile one can nest directories until the paths
/// alone fill the memory.
const LONGEST_PATH: usize = 1 << 16;

/// Where orphans and files that no directory names are shown.
const ORPHANS: &[u8] = b"/$OrphanFiles/inode-";

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

/// The place of a volume in the namespace of paths.
pub(crate) struct Namespace {
    prefix: Vec<u8>,
    own_prefix: Vec<u8>,
    covered: Vec<Vec<u8>>,
}

impl Namespace {
    pub(crate) fn of(volume: &GuestVolume) -> Self {
        Self {
            prefix: volume.prefix.clone(),
            own_prefix: volume.own_prefix(),
            covered: volume.covered.clone(),
        }
    }

    /// The path of the root directory: `/` itself for the root volume.
    fn root(&self) -> Vec<u8> {
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
        [self.prefix.as_slice(), ORPHANS, id.0.to_string().as_bytes()].concat()
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
    pub(crate) bytes: Vec<u8>,
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

    /// Notes that `id` stands at `path`.
    fn meet(&mut self, id: FileId, base: &[u8], name: &[u8]) {
        self.met.insert(id);
        if !self.paths.is_empty()
            && let Some(path) = self.paths.get_mut(&id)
            && path.is_none()
        {
            *path = Some(join(base, name));
        }
    }

    /// Whether a directory may be entered: it was not before, and its path is not absurd.
    fn enter(&mut self, id: FileId, path: &[u8]) -> bool {
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
        let error =
            ReadError::corrupt("directory").found(format!("inode {} a second time in the tree", id.0));
        self.problems.push((path.to_vec(), error.into()));
        false
    }

    fn missing(&mut self, base: &[u8], name: &[u8], id: FileId) {
        if self.paths.contains_key(&id) {
            // Why its record could not be read stands among the problems already.
            return self.meet(id, base, name);
        }
        let error = ReadError::corrupt("directory entry").found(format!("the free inode {}", id.0));
        self.problems.push((join(base, name), error.into()));
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
                    _ => format!("{}inode {}", String::from_utf8_lossy(&namespace.own_prefix), id.0)
                        .into_bytes(),
                },
                None => namespace.own_prefix.clone(),
            };
            self.problems.push((path, error.clone()));
        }
        self.problems
    }
}

fn join(base: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(base.len().saturating_add(name.len()).saturating_add(1));
    path.extend_from_slice(base);
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// Takes paths of a walk.
type Visit<'v> = &'v mut dyn FnMut(&[u8], Found<'_>);

/// A name in a directory that is walked, by its position there.
struct Child<'a> {
    position: usize,
    found: Found<'a>,
}

impl Child<'_> {
    fn is_directory(&self) -> bool {
        self.found.node.kind == FileKind::Directory
    }
}

/// A directory that is being walked.
struct Level<'a> {
    base: Vec<u8>,
    names: Directory,
    children: std::vec::IntoIter<Child<'a>>,
}

/// The order of whole paths: what is below a directory begins with its name and a slash.
fn in_path_order(x: (&[u8], bool), y: (&[u8], bool)) -> std::cmp::Ordering {
    let shared = x.0.len().min(y.0.len());
    let (a, b) = (x.0.split_at(shared), y.0.split_at(shared));
    // Names mostly differ where both have bytes, which one comparison of memory tells.
    a.0.cmp(b.0).then_with(|| {
        let slash = |is_directory: bool| is_directory.then_some(b'/');
        a.1.iter().copied().chain(slash(x.1)).cmp(b.1.iter().copied().chain(slash(y.1)))
    })
}

/// A walk of one side alone, or of a subtree that only one side has.
struct Single<'a, S: Side + ?Sized> {
    side: &'a S,
    namespace: &'a Namespace,
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
            let name = level.names.name(child.position);
            self.memory.meet(child.found.node.id, &level.base, name);
            path.clear();
            path.extend_from_slice(&level.base);
            path.push(b'/');
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
        if !self.memory.enter(directory, path) {
            return None;
        }
        let base = self.namespace.base(path);
        let names = found.tree.directory(found.node);
        let mut children = Vec::new();
        for (position, (name, id)) in names.iter().enumerate() {
            match side.lookup(id) {
                Some(found) => children.push(Child { position, found }),
                None => self.memory.missing(&base, name, id),
            }
        }
        children.sort_by(|x, y| {
            in_path_order(
                (names.name(x.position), x.is_directory()),
                (names.name(y.position), y.is_directory()),
            )
        });
        Some(Level { base, names, children: children.into_iter() })
    }

    /// Hands out files that are in use though no directory names them.
    fn unnamed(&mut self, root: FileId, visit: Visit<'_>) {
        let mut unnamed = Vec::new();
        self.side.each(&mut |found| {
            let id = found.node.id;
            if !found.node.is_internal() && id != root && !self.memory.met.contains(id) {
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
                let error =
                    ReadError::corrupt("inode").found(format!("inode {} in use, but in no directory", id.0));
                self.memory.problems.push((path.clone(), error.into()));
            }
            if found.node.kind == FileKind::Directory {
                self.below(id, &path, visit);
            }
            visit(&path, found);
        }
    }
}

/// Walks one tree from its root and hands out every path, in the order of the paths, then the files that no
/// directory names; returns its problems.
pub(crate) fn walk_one(tree: &Tree, root: FileId, namespace: &Namespace, visit: Visit<'_>) -> Problems {
    let troubled = tree.problems.iter().filter_map(|(id, _)| *id);
    let mut single = Single { side: tree, namespace, memory: Memory::new(troubled) };
    single.below(root, &namespace.root(), visit);
    single.unnamed(root, visit);
    single.memory.finish(namespace, tree.problems.iter())
}

/// Walks two trees in step from their roots. `modified` says whether the content of a file whose record both
/// sides share is known to differ.
pub(crate) fn walk_both(
    first: &Tree,
    second: &Second<'_>,
    roots: (FileId, FileId),
    namespaces: (&Namespace, &Namespace),
    modified: &dyn Fn(FileId) -> bool,
) -> Walked {
    let memory_before = Memory::new(first.problems.iter().filter_map(|(id, _)| *id));
    let memory_after = Memory::new(second.problems().filter_map(|(id, _)| *id));
    let mut both = Both {
        before: Single { side: first, namespace: namespaces.0, memory: memory_before },
        after: Single { side: second, namespace: namespaces.1, memory: memory_after },
        modified,
        walked: Walked::default(),
    };
    both.walk(roots);
    both.unnamed(roots);
    let Both { before, after, mut walked, .. } = both;
    walked.problems = [
        before.memory.finish(namespaces.0, first.problems.iter()),
        after.memory.finish(namespaces.1, second.problems()),
    ];
    walked
}

struct Both<'a, 'b> {
    before: Single<'a, Tree>,
    after: Single<'a, Second<'b>>,
    modified: &'a dyn Fn(FileId) -> bool,
    walked: Walked,
}

impl Both<'_, '_> {
    fn walk(&mut self, roots: (FileId, FileId)) {
        let path = self.before.namespace.root();
        if let (Some(_), Some(after)) = (self.before.side.lookup(roots.0), self.after.side.lookup(roots.1)) {
            self.pair([path.as_slice(), b"/"].concat(), roots.0, roots.1, after.same_record);
        }
        let mut todo = vec![(path, roots.0, roots.1)];
        while let Some((path, before, after)) = todo.pop() {
            self.directory(&path, before, after, &mut todo);
        }
    }

    /// Goes through a directory that both sides have.
    fn directory(
        &mut self,
        path: &[u8],
        before: FileId,
        after: FileId,
        todo: &mut Vec<(Vec<u8>, FileId, FileId)>,
    ) {
        let (first, second) = (self.before.side, self.after.side);
        let entered = self.before.memory.enter(before, path);
        if !self.after.memory.enter(after, path) || !entered {
            return;
        }
        let (Some(x), Some(y)) = (first.node(before), second.find(after)) else { return };
        let (left, right) = (first.directory(x), y.tree.directory(y.node));
        let base = self.before.namespace.base(path);
        if std::ptr::eq(x, y.node) {
            for (name, child) in left.iter() {
                self.entry(&base, name, Some(child), Some(child), todo);
            }
            return;
        }
        let (left, right) = (left.sorted(), right.sorted());
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some((x, _)), Some((y, _))) => x.cmp(y),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return,
            };
            let x = if order.is_le() { left.next() } else { None };
            let y = if order.is_ge() { right.next() } else { None };
            let name = x.or(y).map_or(&b""[..], |(name, _)| name);
            self.entry(&base, name, x.map(|(_, id)| id), y.map(|(_, id)| id), todo);
        }
    }

    /// Looks at one name, on one side or both.
    fn entry(
        &mut self,
        base: &[u8],
        name: &[u8],
        before: Option<FileId>,
        after: Option<FileId>,
        todo: &mut Vec<(Vec<u8>, FileId, FileId)>,
    ) {
        let x = before.and_then(|id| self.before.side.lookup(id));
        let y = match (before, after) {
            // Most names mean one file on both sides: it is looked up once.
            (Some(before), Some(after)) if before == after => {
                self.after.side.find_like(after, x.map(|found| found.node))
            }
            _ => after.and_then(|id| self.after.side.lookup(id)),
        };
        for (id, found, memory) in
            [(before, x.is_some(), &mut self.before.memory), (after, y.is_some(), &mut self.after.memory)]
        {
            match (id, found) {
                (Some(id), true) => memory.meet(id, base, name),
                (Some(id), false) => memory.missing(base, name, id),
                (None, _) => {}
            }
        }
        match (x, y) {
            (Some(x), Some(y)) => {
                let (x, y, same_record) = (x.node.id, y.node.id, y.same_record);
                let directories = self.is_directory(x, y);
                if directories.0 && directories.1 {
                    todo.push((join(base, name), x, y));
                } else if directories.0 {
                    self.only_before(join(base, name), x, false);
                } else if directories.1 {
                    self.only_after(join(base, name), y, false);
                }
                if x != y || !same_record || (self.modified)(x) {
                    self.pair(join(base, name), x, y, same_record);
                }
            }
            (Some(x), None) => self.only_before(join(base, name), x.node.id, true),
            (None, Some(y)) => self.only_after(join(base, name), y.node.id, true),
            (None, None) => {}
        }
    }

    fn is_directory(&self, before: FileId, after: FileId) -> (bool, bool) {
        let directory =
            |found: Option<Found<'_>>| found.is_some_and(|found| found.node.kind == FileKind::Directory);
        (directory(self.before.side.lookup(before)), directory(self.after.side.lookup(after)))
    }

    fn pair(&mut self, path: Vec<u8>, before: FileId, after: FileId, same_record: bool) {
        if before != after || !same_record || (self.modified)(before) {
            self.walked.both.push(Pair { bytes: path, before, after });
        }
    }

    /// A path that only the first side has, with all below it; `itself` is false where the second side has
    /// something else there.
    fn only_before(&mut self, path: Vec<u8>, id: FileId, itself: bool) {
        let list = &mut self.walked.before;
        if self.before.side.node(id).is_some_and(|node| node.kind == FileKind::Directory) {
            self.before.below(id, &path, &mut |bytes, found| {
                list.push(Path { bytes: bytes.to_vec(), file: found.node.id });
            });
        }
        if itself {
            list.push(Path { bytes: path, file: id });
        }
    }

    fn only_after(&mut self, path: Vec<u8>, id: FileId, itself: bool) {
        let list = &mut self.walked.after;
        if self.after.side.lookup(id).is_some_and(|found| found.node.kind == FileKind::Directory) {
            self.after.below(id, &path, &mut |bytes, found| {
                list.push(Path { bytes: bytes.to_vec(), file: found.node.id });
            });
        }
        if itself {
            list.push(Path { bytes: path, file: id });
        }
    }

    /// Pairs the files that no directory names by their made-up paths.
    fn unnamed(&mut self, roots: (FileId, FileId)) {
        let mut left: HashMap<Vec<u8>, FileId> = HashMap::new();
        self.before.unnamed(roots.0, &mut |path, found| {
            left.insert(path.to_vec(), found.node.id);
        });
        let mut right = Vec::new();
        self.after.unnamed(roots.1, &mut |path, found| {
            right.push((path.to_vec(), found.node.id, found.same_record));
        });
        for (path, id, same_record) in right {
            match left.remove(&path) {
                Some(before) => self.pair(path, before, id, same_record),
                None => self.walked.after.push(Path { bytes: path, file: id }),
            }
        }
        self.walked.before.extend(left.into_iter().map(|(bytes, file)| Path { bytes, file }));
    }
}
