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
        let alike = |other: &usize| {
            created.get(*other).is_some_and(|other| stream_name(candidate) == stream_name(other))
        };
        let same =
            by_id.get_mut(&candidate.file).and_then(|list| Some((list.iter().rposition(alike)?, list)));
        match same {
            Some((at, list)) if is_same_file(before, after, candidate.file) => {
                let other = list.remove(at);
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

/// The name of a stream, whose id may mean another of the same file on the other disk; `None` of a file.
fn stream_name<'a>(candidate: &Candidate<'a>) -> Option<&'a [u8]> {
    candidate.facts.stream.then(|| candidate.facts.path.bytes.rsplit(|byte| *byte == b':').next())?
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::GuestPath;
    use crate::mock::{File, Mock};
    use vminspect_filesystem::NameEncoding;

    fn facts(path: &str, stream: bool) -> FileFacts {
        FileFacts {
            path: GuestPath::new(path.as_bytes().to_vec(), NameEncoding::Wtf8),
            kind: FileKind::Regular,
            size: 1,
            digests: None,
            file_type: None,
            target: None,
            orphan: false,
            stream,
            deleted: None,
            remains: None,
            problem: None,
            zone: None,
        }
    }

    #[test]
    fn streams_move_with_their_file_but_are_not_one_for_having_its_id() {
        let disk = Mock::new(&[
            (1, File::directory(&[("f", 2)])),
            (2, File::regular("x").with("one", "1").with("two", "2")),
        ]);
        let stream = FileId(2 + (1 << 32));
        let old = [facts(r"C:\f", false), facts(r"C:\f:one", true), facts(r"C:\f:gone", true)];
        let new = [facts(r"C:\g", false), facts(r"C:\g:new", true), facts(r"C:\g:one", true)];
        let candidates = |list: &'static [FileFacts]| -> Vec<Candidate<'static>> {
            let ids = [FileId(2), stream, stream];
            list.iter().zip(ids).map(|(facts, file)| Candidate { facts, file }).collect()
        };
        let (old, new) = (candidates(Box::leak(Box::new(old))), candidates(Box::leak(Box::new(new))));
        let renames = find_renames(&disk, &old, &disk, &new, &|_, _| false);
        assert_eq!(renames, [(0, 0, Evidence::SameFile), (1, 2, Evidence::SameFile)]);
    }
}
