//! The path that a directory had at some time.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use vminspect_artefact::usn::FileReference;

use super::directories::MftState;
use super::history::{Fact, History};

/// Directories above a file that are followed to its root.
const MOST_PARENTS: usize = 512;
/// Longest path that is made of the names of directories.
const LONGEST_PATH: usize = 1 << 16;
/// Bytes of paths that are remembered.
const MOST_KNOWN: usize = 32 << 20;
/// Record and sequence number of the root directory.
const ROOT: (u64, u16) = (5, 5);

/// Why a path is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathProblem {
    /// The directory is neither in the MFT nor in the journal: its record was used again, or could not be read.
    Reused(FileReference),
    /// The directory was renamed or moved, and the journal has only the name after it.
    OlderName(FileReference),
    /// Between two names of the directory, the journal does not tell when it got the second.
    Unclear(FileReference),
    /// Part of the journal is missing or damaged, where the directory may have been renamed.
    Gap(FileReference),
    /// The names in the journal and the MFT disagree, and no rename is noted.
    Contradiction(FileReference),
    /// Directories lie in one another, or too many of them.
    Endless(FileReference),
}

impl std::fmt::Display for PathProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reused(directory) => {
                write!(f, "directory {directory} is neither in the journal nor in the MFT")
            }
            Self::OlderName(directory) => {
                write!(
                    f,
                    "directory {directory} was renamed or created later, and what it was called before is not in the journal"
                )
            }
            Self::Unclear(directory) => {
                write!(f, "directory {directory} was being renamed, and the journal does not tell when")
            }
            Self::Gap(directory) => {
                write!(
                    f,
                    "directory {directory} may have been renamed in a part of the journal that is missing"
                )
            }
            Self::Contradiction(directory) => {
                write!(
                    f,
                    "directory {directory} has another name in the MFT, and no rename is in the journal"
                )
            }
            Self::Endless(directory) => write!(f, "directory {directory} lies in itself, or too deep"),
        }
    }
}

/// A path, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedPath {
    /// The path. What is not known of it is `?`.
    pub path: Arc<[u8]>,
    /// Why something is not known.
    pub problem: Option<PathProblem>,
}

fn is_root(file: FileReference) -> bool {
    file.parts() == Some(ROOT)
}

/// Tells where directories were, by rewinding from the MFT through the journal.
pub struct Paths {
    pub(super) history: History,
    pub(super) state: MftState,
    root: Arc<[u8]>,
    separator: u8,
    known: HashMap<FileReference, Known>,
    /// Bytes of the paths in `known`, and some for each.
    size: usize,
}

/// A path of a directory from one position of the journal to another.
struct Known {
    from: u64,
    to: u64,
    resolved: ResolvedPath,
}

/// What a directory was called at some position, and from where to where of the journal.
struct At<'a> {
    name: Result<(FileReference, &'a [u8]), PathProblem>,
    from: u64,
    to: u64,
}

impl Paths {
    pub(super) fn new(history: History, state: MftState, root: &[u8], separator: u8) -> Self {
        Self { history, state, root: root.into(), separator, known: HashMap::new(), size: 0 }
    }

    /// The path of a directory when the record at `position` of the journal was written.
    pub fn directory(&mut self, directory: FileReference, position: u64) -> ResolvedPath {
        if let Some(known) = self.known.get(&directory)
            && (known.from..=known.to).contains(&position)
        {
            return known.resolved.clone();
        }
        let known = self.resolve(directory, position);
        let resolved = known.resolved.clone();
        self.size = self.size.saturating_add(resolved.path.len()).saturating_add(size_of::<Known>());
        if self.size > MOST_KNOWN {
            self.known.clear();
            self.size = 0;
        }
        self.known.insert(directory, known);
        resolved
    }

    /// The path of a file in a directory, by the name that a record has for it.
    pub fn file(
        &mut self,
        file: FileReference,
        parent: FileReference,
        name: &[u8],
        position: u64,
    ) -> ResolvedPath {
        if is_root(file) {
            return ResolvedPath { path: [&self.root, &[self.separator][..]].concat().into(), problem: None };
        }
        let directory = self.directory(parent, position);
        let path = [&*directory.path, &[self.separator], name].concat();
        ResolvedPath { path: path.into(), problem: directory.problem }
    }

    /// The path of a file by a record that is not in the journal. Its number says when it was written, but not in which
    /// journal, and what else was is missing: nothing is known but what lies in the root.
    #[must_use]
    pub fn carved(&self, file: FileReference, parent: FileReference, name: &[u8]) -> ResolvedPath {
        let separator = &[self.separator][..];
        let (path, problem) = match (is_root(file), is_root(parent)) {
            (true, _) => ([&self.root, separator].concat(), None),
            (_, true) => ([&self.root, separator, name].concat(), None),
            _ => ([&self.root, separator, b"?", separator, name].concat(), Some(PathProblem::Gap(parent))),
        };
        ResolvedPath { path: path.into(), problem }
    }

    fn resolve(&self, directory: FileReference, position: u64) -> Known {
        let (mut from, mut to) = (0, u64::MAX);
        let mut names: Vec<&[u8]> = Vec::new();
        let mut length = 0_usize;
        let mut at = directory;
        let problem = loop {
            if is_root(at) {
                break None;
            }
            if names.len() >= MOST_PARENTS || length > LONGEST_PATH {
                break Some(PathProblem::Endless(at));
            }
            let found = self.name_at(at, position);
            (from, to) = (from.max(found.from), to.min(found.to));
            match found.name {
                Ok((parent, name)) => {
                    names.push(name);
                    length = length.saturating_add(name.len());
                    at = parent;
                }
                Err(problem) => break Some(problem),
            }
        };
        if matches!(problem, Some(PathProblem::Endless(_))) {
            names.clear();
        }
        let mut path = self.root.to_vec();
        let unknown: Option<&[u8]> = problem.is_some().then_some(b"?");
        for name in unknown.into_iter().chain(names.into_iter().rev()) {
            path.push(self.separator);
            path.extend_from_slice(name);
        }
        Known { from, to, resolved: ResolvedPath { path: path.into(), problem } }
    }

    /// What a directory was called at a position.
    fn name_at(&self, directory: FileReference, position: u64) -> At<'_> {
        let facts = self.history.facts(directory);
        let index = facts.partition_point(|fact| fact.first <= position);
        let before = index.checked_sub(1).and_then(|index| facts.get(index));
        if let Some(fact) = before.filter(|fact| position <= fact.last) {
            return At { name: Ok(self.named(fact)), from: fact.first, to: fact.last };
        }
        let after = facts.get(index);
        let end = after.map_or(u64::MAX, |after| after.first.saturating_sub(1));
        // A name holds until the next rename is noted, and held since the last one was: either says what it was here,
        // unless records are missing in between.
        let since = before.filter(|fact| !fact.ends && !self.history.has_gap(fact.last, position));
        let since = since.map(|fact| self.named(fact));
        let until = match after {
            Some(fact) => (!fact.begins).then(|| self.named(fact)),
            None => self.state.directory(directory).map(|now| (now.parent, &*now.name)),
        };
        let next = after.map_or(u64::MAX, |after| after.first);
        let until = until.filter(|_| !self.history.has_gap(position, next));
        let (name, to) = match (since, until) {
            (Some(since), Some(until)) if since != until => (Err(PathProblem::Contradiction(directory)), end),
            (_, Some(name)) => (Ok(name), end),
            (Some(name), None) => (Ok(name), end.min(self.history.until_gap(position))),
            (None, None) => (Err(self.why_unknown(directory, position, before, after)), position),
        };
        At { name, from: position, to }
    }

    fn named(&self, fact: &Fact) -> (FileReference, &[u8]) {
        (fact.parent, self.history.name(&fact.name))
    }

    fn why_unknown(
        &self,
        directory: FileReference,
        position: u64,
        before: Option<&Fact>,
        after: Option<&Fact>,
    ) -> PathProblem {
        let start = before.map_or(position, |fact| fact.last);
        let end = after.map_or(u64::MAX, |fact| fact.first);
        match (before, after) {
            (None, None) if self.state.directory(directory).is_none() => PathProblem::Reused(directory),
            (None, Some(fact)) if fact.begins => PathProblem::OlderName(directory),
            _ if self.history.has_gap(start, end) => PathProblem::Gap(directory),
            _ => PathProblem::Unclear(directory),
        }
    }
}
