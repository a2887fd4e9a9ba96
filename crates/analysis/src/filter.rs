use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::finding::GuestPath;

/// Which paths an analysis looks at: those that match, and are not excluded. In a pattern, `*` and `?` stop at `/`,
/// `**` does not. A pattern without a `/` is matched against the last component; one that has a `/` but does not
/// begin at the root (`/`, `vol2:`) is matched from any directory on.
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
            let rooted =
                !pattern.contains('/') || pattern.starts_with(['/', '*']) || pattern.starts_with("vol");
            let pattern = if rooted { pattern.clone() } else { format!("**/{pattern}") };
            set.add(GlobBuilder::new(&pattern).literal_separator(true).build()?);
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
        self.matched.as_ref().is_none_or(|patterns| patterns.is_match(&path.bytes))
            && !self.excluded.as_ref().is_some_and(|patterns| patterns.is_match(&path.bytes))
    }
}

#[cfg(test)]
mod tests {
    use vminspect_filesystem::NameEncoding;

    use super::*;

    fn takes(matched: &[&str], excluded: &[&str], path: &str) -> bool {
        let owned = |list: &[&str]| -> Vec<String> { list.iter().map(|each| (*each).to_owned()).collect() };
        let filter = PathFilter::new(&owned(matched), &owned(excluded)).unwrap();
        filter.takes(&GuestPath::new(path.as_bytes().to_vec(), NameEncoding::Bytes))
    }

    #[test]
    fn patterns_match_names_rooted_paths_and_paths_from_any_directory() {
        assert!(takes(&[], &[], "/etc/passwd"));
        assert!(takes(&["passwd"], &[], "/etc/passwd"));
        assert!(takes(&["*.log"], &[], "/var/log/a.log"));
        assert!(takes(&["/etc/*"], &[], "/etc/passwd"));
        assert!(!takes(&["/etc/*"], &[], "/etc/ssh/sshd_config"));
        assert!(takes(&["/etc/**"], &[], "/etc/ssh/sshd_config"));
        assert!(takes(&["etc/**"], &[], "/etc/passwd"));
        assert!(takes(&["ssh/*"], &[], "/etc/ssh/sshd_config"));
        assert!(!takes(&["ssh/*"], &[], "/etc/notssh/sshd_config"));
        assert!(takes(&["vol2:/**"], &[], "vol2:/file"));
        assert!(!takes(&["/etc/**"], &["passwd"], "/etc/passwd"));
        assert!(PathFilter::new(&["[".to_owned()], &[]).is_err());
    }
}
