//! Which deleted and created paths are one file that moved.

use foldhash::{HashMap, HashMapExt};
use vminspect_filesystem::{FileId, FileKind, FileSystem, Metadata};

use crate::finding::{Evidence, FileFacts};

/// A file of one side, its facts and its id.
pub(crate) struct Candidate<'a> {
    pub(crate) facts: &'a FileFacts,
    pub(crate) file: FileId,
}

/// Pairs of positions in the lists of deleted and created files, with how we know.
pub(crate) fn find_renames(
    before: &dyn FileSystem,
    deleted: &[Candidate<'_>],
    after: &dyn FileSystem,
    created: &[Candidate<'_>],
    same_bytes: &dyn Fn(FileId, FileId) -> bool,
) -> Vec<(usize, usize, Evidence)> {
    let mut renames = Vec::new();
    let mut taken = vec![false; created.len()];
    let mut left = Vec::new();
    // Several names of one file pair up in the order of their paths.
    let mut by_id: HashMap<FileId, Vec<usize>> = HashMap::new();
    for (position, candidate) in created.iter().enumerate().rev() {
        by_id.entry(candidate.file).or_default().push(position);
    }
    for (position, candidate) in deleted.iter().enumerate() {
        let same = by_id.get_mut(&candidate.file).filter(|list| !list.is_empty());
        match same {
            Some(list) if is_same_file(before, after, candidate.file) => {
                let other = list.pop().unwrap_or(usize::MAX);
                if let Some(taken) = taken.get_mut(other) {
                    *taken = true;
                    renames.push((position, other, Evidence::SameFile));
                }
            }
            _ => left.push(position),
        }
    }
    let mut contents: HashMap<(u64, &[u8]), Group> = HashMap::new();
    for position in left {
        if let Some(key) = deleted.get(position).and_then(|candidate| content_key(candidate.facts)) {
            contents.entry(key).or_default().deleted.push(position);
        }
    }
    for (position, candidate) in created.iter().enumerate() {
        if taken.get(position) == Some(&false)
            && let Some(group) = content_key(candidate.facts).and_then(|key| contents.get_mut(&key))
        {
            group.created.push(position);
        }
    }
    for group in contents.values() {
        let ([x], [y]) = (group.deleted.as_slice(), group.created.as_slice()) else { continue };
        let files = (deleted.get(*x), created.get(*y));
        // Two files with one SHA-1 can be made: only equal bytes are proof.
        if let (Some(old), Some(new)) = files
            && same_bytes(old.file, new.file)
        {
            renames.push((*x, *y, Evidence::SameContent));
        }
    }
    renames.sort_by_key(|(x, y, _)| (*x, *y));
    renames
}

/// Deleted and created files with one content.
#[derive(Default)]
struct Group {
    deleted: Vec<usize>,
    created: Vec<usize>,
}

fn content_key(facts: &FileFacts) -> Option<(u64, &[u8])> {
    if facts.size == 0 || facts.kind != FileKind::Regular {
        return None;
    }
    facts.digests.as_ref()?.first().map(|digest| (facts.size, digest.as_bytes()))
}

/// Whether one id means one file on both disks: ids are used again, so generation and creation time count.
fn is_same_file(before: &dyn FileSystem, after: &dyn FileSystem, file: FileId) -> bool {
    let identity = |metadata: Metadata| (metadata.kind, metadata.generation, metadata.times.created);
    match (before.metadata(file), after.metadata(file)) {
        // Some writers leave both at nothing, which proves nothing.
        (Ok(x), Ok(_)) if x.generation == 0 && x.times.created.is_none() => false,
        (Ok(x), Ok(y)) => identity(x) == identity(y),
        _ => false,
    }
}
