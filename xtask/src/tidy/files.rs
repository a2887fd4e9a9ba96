//! The files of the repository.

use std::fs;
use std::path::Path;

use crate::Result;

/// Directories that hold no sources: what is built, and version control's own.
const SKIPPED: &[&str] = &[".git", "target", "artifacts", "coverage"];

/// A file of the repository.
pub(super) struct SourceFile {
    /// Path from the root of the workspace, with `/`.
    pub(super) path: String,
    /// Bytes in it.
    pub(super) size: u64,
    /// Its text; `None` when it is binary.
    pub(super) text: Option<String>,
}

/// Every file below `root`, sorted by path.
pub(super) fn all(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_file() {
                files.push(read(root, &entry.path())?);
            } else if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                directories.push(entry.path());
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read(root: &Path, path: &Path) -> Result<SourceFile> {
    let bytes = fs::read(path)?;
    let relative = path.strip_prefix(root)?.to_str().ok_or("a path is not UTF-8")?.to_owned();
    let size = u64::try_from(bytes.len())?;
    let text = if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() };
    Ok(SourceFile { path: relative, size, text })
}
