//! What comparisons with other readers have in common.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use sha2::{Digest, Sha256};
use vminspect_bytes::ReadAt;
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem, Stream};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// The differences of an image.
pub(crate) struct Report<'a> {
    pub(crate) case: &'a str,
    pub(crate) lines: Vec<String>,
    /// The file that is compared.
    pub(crate) path: Vec<u8>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(case: &'a str) -> Self {
        Self { case, lines: Vec::new(), path: Vec::new() }
    }

    pub(crate) fn say(&mut self, what: &str, detail: impl std::fmt::Display) {
        self.lines.push(format!("{}: {}: {what}: {detail}", self.case, self.path.escape_ascii()));
    }

    #[expect(clippy::needless_pass_by_value, reason = "most callers have values at hand")]
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.say(what, format!("{found:?}, expected {expected:?}"));
        }
    }
}

/// Every path, without a slash in front; that of the root is empty.
pub(crate) fn tree(fs: &dyn FileSystem, report: &mut Report<'_>) -> BTreeMap<Vec<u8>, FileId> {
    let mut found = BTreeMap::from([(Vec::new(), fs.root())]);
    let mut todo = vec![(fs.root(), Vec::new())];
    while let Some((directory, prefix)) = todo.pop() {
        report.path.clone_from(&prefix);
        let entries = match fs.entries(directory) {
            Ok(entries) => entries,
            Err(error) => {
                report.say("entries", error);
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    report.say("entry", error);
                    continue;
                }
            };
            let path = [prefix.as_slice(), &entry.name].concat();
            let kind = fs.metadata(entry.id).map(|metadata| metadata.kind);
            if let (Ok(kind), Some(recorded)) = (&kind, entry.kind)
                && *kind != recorded
                // A junction is a directory to its name.
                && (*kind, recorded) != (FileKind::Symlink, FileKind::Directory)
            {
                report.say("entry kind", path.escape_ascii());
            }
            if matches!(kind, Ok(FileKind::Directory)) {
                todo.push((entry.id, [path.as_slice(), b"/"].concat()));
            }
            if found.insert(path.clone(), entry.id).is_some() {
                report.say("twice", path.escape_ascii());
            }
        }
    }
    report.path.clear();
    found
}

/// SHA-256 of a stream.
pub(crate) fn digest(fs: &dyn FileSystem, id: FileId, stream: Stream<'_>) -> Result<String, Error> {
    let content = fs.open(id, stream)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut position = 0;
    while position < content.len() {
        let length = usize::try_from(content.len() - position).map_or(CHUNK, |rest| rest.min(CHUNK));
        content.read_exact_at(position, &mut buffer[..length])?;
        hash.update(&buffer[..length]);
        position += length as u64;
    }
    Ok(hex::encode(hash.finalize()))
}

/// Names of the images in a folder, without endings, sorted.
pub(crate) fn images_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder of images")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".img").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Fails with the first of the differences, if there are any.
#[track_caller]
pub(crate) fn assert_none(differences: &[String]) {
    let first: Vec<&str> = differences.iter().take(60).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), first.join("\n"));
}

/// A test for each committed image, which calls `check` with its name.
macro_rules! committed {
    ($($test:ident $name:literal;)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}
pub(crate) use committed;
