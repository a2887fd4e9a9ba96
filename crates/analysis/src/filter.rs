use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::finding::GuestPath;

/// Which paths an analysis looks at: those that match, and are not excluded. In a pattern, `*` and `?` stop at `/`,
/// `**` does not. A pattern without a `/` is matched against the last component.
#[derive(Clone, Debug, Default)]
pub struct PathFilter {
    matched: Option<Patterns>,
    excluded: Option<Patterns>,
}

#[derive(Clone, Debug)]
struct Patterns {
    paths: GlobSet,
    names: GlobSet,
}

impl Patterns {
    fn new(patterns: &[String]) -> Result<Option<Self>, globset::Error> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let (mut paths, mut names) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let set = if pattern.contains('/') { &mut paths } else { &mut names };
            set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
        }
        Ok(Some(Self { paths: paths.build()?, names: names.build()? }))
    }

    fn is_match(&self, path: &[u8]) -> bool {
        let as_path = |bytes| {
            std::path::Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
        };
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        self.paths.is_match(as_path(path)) || self.names.is_match(as_path(name))
    }
}

impl PathFilter {
    /// Takes patterns that paths must match (any, when there are none) and patterns they must not match.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new(matched: &[String], excluded: &[String]) -> Result<Self, globset::Error> {
        Ok(Self { matched: Patterns::new(matched)?, excluded: Patterns::new(excluded)? })
    }

    /// Whether every path is taken.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.matched.is_none() && self.excluded.is_none()
    }

    /// Whether a path is taken.
    #[must_use]
    pub fn takes(&self, path: &GuestPath) -> bool {
        if self.takes_all() {
            return true;
        }
        let text;
        let bytes = if path.utf16 {
            text = path.to_text().0;
            text.as_bytes()
        } else {
            &path.bytes
        };
        self.matched.as_ref().is_none_or(|patterns| patterns.is_match(bytes))
            && !self.excluded.as_ref().is_some_and(|patterns| patterns.is_match(bytes))
    }
}
