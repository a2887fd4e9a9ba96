//! Nodes in the groups in which they were read, found by position or by file id.

use foldhash::{HashMap, HashMapExt, HashSet};
use vminspect_filesystem::FileId;

use crate::tree::Node;

/// Every node of a tree. They stay in the groups that scan units made: to gather them in one list would take
/// their memory twice.
#[derive(Default, Debug)]
pub(crate) struct Nodes {
    groups: Vec<Group>,
    length: usize,
    /// The group of every [`STRIDE`]th position, from which to look on.
    strides: Vec<u32>,
    index: Index,
}

/// Positions between two entries of the table of groups.
const STRIDE: usize = 256;

#[derive(Debug)]
struct Group {
    first: usize,
    nodes: Box<[Node]>,
}

impl Nodes {
    /// Adds a group. [`Nodes::index`] has to follow the last one.
    pub(crate) fn push(&mut self, nodes: Vec<Node>) {
        if !nodes.is_empty() {
            let first = self.length;
            self.length += nodes.len();
            self.groups.push(Group { first, nodes: nodes.into() });
        }
    }

    /// Removes nodes. [`Nodes::index`] has to follow.
    pub(crate) fn remove(&mut self, files: &HashSet<FileId>) {
        if files.is_empty() {
            return;
        }
        self.length = 0;
        for group in std::mem::take(&mut self.groups) {
            self.push(group.nodes.iter().filter(|node| !files.contains(&node.id)).copied().collect());
        }
    }

    /// Makes nodes findable.
    pub(crate) fn index(&mut self) {
        self.strides.clear();
        for (number, group) in (0_u32..).zip(&self.groups) {
            while self.strides.len() * STRIDE < group.first + group.nodes.len() {
                self.strides.push(number);
            }
        }
        self.index = Index::new(self);
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.groups.iter().flat_map(|group| &group.nodes)
    }

    pub(crate) fn get(&self, position: usize) -> Option<&Node> {
        let near = self.groups.get(*self.strides.get(position / STRIDE)? as usize..)?;
        let group = near.iter().find(|group| position < group.first + group.nodes.len())?;
        group.nodes.get(position.checked_sub(group.first)?)
    }

    /// Position of a file.
    pub(crate) fn find(&self, id: FileId) -> Option<usize> {
        self.index.get(id)
    }
}

/// Finds nodes by file id: low ids, which are dense, by a table, and others (of streams, or of a format whose
/// ids are no numbers of records) by a map.
#[derive(Default, Debug)]
struct Index {
    /// Holds position + 1 by id; 0 for none.
    low: Vec<u32>,
    others: HashMap<FileId, u32>,
}

/// Ids in the table may be this many times as many as nodes.
const DENSE_FACTOR: u64 = 32;

impl Index {
    fn new(nodes: &Nodes) -> Self {
        let bound = (nodes.len() as u64).saturating_mul(DENSE_FACTOR).max(1 << 16);
        let low = || nodes.iter().map(|node| node.id.0).filter(|id| *id < bound);
        let (count, highest) = (low().count(), low().max());
        let length = highest.map_or(0, |id| usize::try_from(id).unwrap_or(0).saturating_add(1));
        let mut index =
            Self { low: vec![0; length], others: HashMap::with_capacity(nodes.len().saturating_sub(count)) };
        for (position, node) in (0_u32..).zip(nodes.iter()) {
            match usize::try_from(node.id.0).ok().and_then(|id| index.low.get_mut(id)) {
                Some(slot) => *slot = position.saturating_add(1),
                None => drop(index.others.insert(node.id, position)),
            }
        }
        index
    }

    fn get(&self, id: FileId) -> Option<usize> {
        match usize::try_from(id.0).ok().and_then(|id| self.low.get(id)) {
            Some(slot) => (*slot as usize).checked_sub(1),
            None => self.others.get(&id).map(|position| *position as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64) -> Node {
        Node::for_tests(FileId(id))
    }

    #[test]
    fn nodes_are_found_by_position_and_id() {
        for scale in [1, 80, 1 << 30] {
            let mut nodes = Nodes::default();
            let mut next = 0;
            for size in [1, 0, 700, 3, 255, 256, 257, 1, 1] {
                nodes.push((0..size).map(|at| node((next + at) * scale)).collect());
                next += size;
            }
            nodes.index();
            assert_eq!(nodes.len() as u64, next);
            for (position, id) in (0..next).enumerate() {
                assert_eq!(nodes.find(FileId(id * scale)), Some(position));
                assert_eq!(nodes.get(position).unwrap().id, FileId(id * scale));
            }
            assert!(nodes.get(nodes.len()).is_none());
            assert!(nodes.find(FileId(next * scale)).is_none());
            nodes.remove(&[FileId(0), FileId(5 * scale)].into_iter().collect());
            nodes.index();
            assert!(nodes.find(FileId(5 * scale)).is_none());
            let position = nodes.find(FileId(6 * scale)).unwrap();
            assert_eq!(nodes.get(position).unwrap().id, FileId(6 * scale));
        }
    }
}
