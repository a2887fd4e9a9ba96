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
        // The directory that the user wrote, and the one of the file when what the user wrote is a link.
        let written =
            top.parent().map(|directory| if directory == Path::new("") { Path::new(".") } else { directory });
        let written = written.and_then(|directory| directory.canonicalize().ok());
        let real = top.canonicalize().ok().and_then(|top| top.parent().map(Path::to_owned));
        let given = self.allowed.iter().filter_map(|directory| directory.canonicalize().ok());
        written.into_iter().chain(real).chain(given).any(|directory| named.starts_with(directory))
    }
}
