use std::path::{Path, PathBuf};

/// Which files an image may name and have opened: parents, external data files, split parts.
///
/// What an image names is text that an attacker may have written. The default allows files in the directory
/// of the image that the user named, and below.
#[derive(Clone, Debug, Default)]
pub struct OpenPolicy {
    allowed: Vec<PathBuf>,
}

impl OpenPolicy {
    /// Allows the files of `directory` and below, too.
    pub fn allow(&mut self, directory: impl Into<PathBuf>) {
        self.allowed.push(directory.into());
    }

    /// Whether `named`, a path with its links resolved, may be opened for the image at `top`, the one that
    /// the user named.
    #[must_use]
    pub fn allows(&self, top: &Path, named: &Path) -> bool {
        let own = top.canonicalize().ok();
        let own = own.as_deref().and_then(Path::parent);
        let given = self.allowed.iter().filter_map(|directory| directory.canonicalize().ok());
        own.is_some_and(|own| named.starts_with(own)) || given.into_iter().any(|given| named.starts_with(given))
    }
}
