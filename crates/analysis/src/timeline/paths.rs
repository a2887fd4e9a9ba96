//! The paths of the files of one volume, found by file: a file is met in storage order, its names in that of the tree.

use vminspect_filesystem::{FileId, FileKind};

use crate::tree::Tree;
use crate::walk::{Namespace, Problems, walk_one};

/// No entry.
const NONE: u32 = u32::MAX;

/// The names of a tree, each with the directory that it stands in: some 24 bytes a name besides its text, and 4 a file.
pub(super) struct PathTable<'a> {
    tree: &'a Tree,
    namespace: &'a Namespace,
    root: FileId,
    entries: Vec<PathEntry>,
    text: Vec<u8>,
    /// The first entry by the position of a node in the tree.
    first: Vec<u32>,
}

/// A name in a directory.
#[derive(Clone, Copy)]
struct PathEntry {
    text_at: u64,
    text_length: u32,
    /// The directory's entry; [`NONE`] where the text is the whole path.
    parent: u32,
    /// Another name of the same file.
    next: u32,
}

/// One path of a file.
#[derive(Clone, Copy)]
pub(super) struct PathOf(u32);

impl<'a> PathTable<'a> {
    /// Gathers the names of all files below the root, and of those that no directory names.
    pub(super) fn new(tree: &'a Tree, root: FileId, namespace: &'a Namespace) -> (Self, Problems) {
        let nodes = tree.nodes().count();
        let (entries, text) = (Vec::with_capacity(nodes), Vec::new());
        let mut table = Self { tree, namespace, root, entries, text, first: vec![NONE; nodes] };
        let top = namespace.root();
        let position = tree.find(root);
        let root_entry = table.push(NONE, &top, position);
        // The directories above what is walked: where their paths end in `above`, and their entries.
        let (mut above, mut stack) = (top.clone(), vec![(top.len(), root_entry)]);
        let separator = namespace.join(b"", b"");
        let problems = walk_one(tree, root, namespace, &mut |path, found| {
            if found.node.is_stream() {
                return;
            }
            while let Some((length, _)) = stack.last() {
                let inside = path.strip_prefix(above.get(..*length).unwrap_or_default());
                if inside.is_some_and(|rest| rest.starts_with(&separator)) {
                    break;
                }
                stack.pop();
            }
            let (length, parent) = stack.last().copied().unwrap_or((0, NONE));
            let skip = if parent == NONE { 0 } else { length.saturating_add(separator.len()) };
            let entry = table.push(parent, path.get(skip..).unwrap_or_default(), tree.find(found.node.id));
            if found.node.kind == FileKind::Directory {
                above.clear();
                above.extend_from_slice(path);
                stack.push((path.len(), entry));
            }
        });
        (table, problems)
    }

    fn push(&mut self, parent: u32, text: &[u8], node: Option<usize>) -> u32 {
        let entry = u32::try_from(self.entries.len()).unwrap_or(NONE);
        let next = node
            .and_then(|node| self.first.get_mut(node))
            .map_or(NONE, |first| std::mem::replace(first, entry));
        let text_length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.entries.push(PathEntry { text_at: self.text.len() as u64, text_length, parent, next });
        self.text.extend_from_slice(text);
        entry
    }

    /// Every path of a file.
    pub(super) fn of(&self, file: FileId) -> impl Iterator<Item = PathOf> {
        let mut next = self.tree.find(file).and_then(|node| self.first.get(node)).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let entry = self.entries.get(next as usize)?;
            Some(PathOf(std::mem::replace(&mut next, entry.next)))
        })
    }

    /// Writes a path into `path`; returns how long its last name is.
    pub(super) fn write(&self, of: PathOf, path: &mut Vec<u8>) -> usize {
        let mut chain: smallvec::SmallVec<[u32; 32]> = smallvec::SmallVec::new();
        let mut at = of.0;
        while let Some(entry) = self.entries.get(at as usize) {
            chain.push(at);
            at = entry.parent;
        }
        path.clear();
        let mut last = 0;
        for at in chain.into_iter().rev() {
            let text = self.text(at);
            if self.entries.get(at as usize).is_some_and(|entry| entry.parent != NONE) {
                path.push(self.namespace.separator());
            }
            path.extend_from_slice(text);
            last = text.len();
        }
        last
    }

    fn text(&self, at: u32) -> &[u8] {
        let Some(entry) = self.entries.get(at as usize) else { return &[] };
        let start = usize::try_from(entry.text_at).unwrap_or(usize::MAX);
        let end = start.saturating_add(entry.text_length as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    /// The path of a directory that is in the tree.
    pub(super) fn directory(&self, directory: FileId) -> Option<Vec<u8>> {
        if directory == self.root {
            return Some(self.namespace.root());
        }
        let mut path = Vec::new();
        self.of(directory).next().map(|of| {
            self.write(of, &mut path);
            path
        })
    }
}
