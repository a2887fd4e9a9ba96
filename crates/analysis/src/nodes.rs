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
        let candidate = self.index.candidate(id);
        candidate
            .filter(|position| self.get(*position).is_some_and(|node| node.id == id))
            .or_else(|| self.index.others.get(&id).map(|position| *position as usize))
    }
}

/// Finds nodes by file id. The low halves of ids, where formats keep the number of the record, are dense: most nodes
/// are found by a table of these. Others (streams, whose owners have the same number) are in a map.
#[derive(Default, Debug)]
struct Index {
    /// Holds position + 1 by the low half of an id; 0 for none.
    table: Vec<u32>,
    others: HashMap<FileId, u32>,
}

/// Numbers in the table may be this many times as many as nodes.
const DENSE_FACTOR: u64 = 32;

impl Index {
    fn new(nodes: &Nodes) -> Self {
        let bound = (nodes.len() as u64).saturating_mul(DENSE_FACTOR).max(1 << 16);
        let numbers = nodes.iter().map(|node| number(node.id)).filter(|number| *number < bound);
        let highest = numbers.max().and_then(|number| usize::try_from(number).ok());
        let length = highest.map_or(0, |highest| highest.saturating_add(1));
        let mut index = Self { table: vec![0; length], others: HashMap::new() };
        for (position, node) in (0_u32..).zip(nodes.iter()) {
            match usize::try_from(number(node.id)).ok().and_then(|number| index.table.get_mut(number)) {
                Some(slot) if *slot == 0 => *slot = position.saturating_add(1),
                _ => drop(index.others.insert(node.id, position)),
            }
        }
        index
    }

    /// Where a node with this id stands, if one has it; otherwise perhaps where another stands.
    fn candidate(&self, id: FileId) -> Option<usize> {
        let slot = usize::try_from(number(id)).ok().and_then(|number| self.table.get(number))?;
        (*slot as usize).checked_sub(1)
    }
}

fn number(id: FileId) -> u64 {
    id.0 & u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64) -> Node {
        Node::for_tests(FileId(id))
    }

    #[test]
    fn nodes_are_found_by_position_and_id() {
        for scale in [1, 80, 1 << 30, (1 << 32) + 1, 1 << 40] {
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
