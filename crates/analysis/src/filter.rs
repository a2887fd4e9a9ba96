use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::finding::GuestPath;

/// Which paths an analysis looks at: those that match, and are not excluded. In a pattern, `*` and `?` stop at `/`,
/// `**` does not. A pattern without a `/` is matched against the last component; one that has a `/` but does not
/// begin at the root (`/`, `vol2:`) is matched from any directory on.
///
/// In paths of a Windows guest (`C:\\Users`), `\` and `/` are one, in patterns too, and the case of ASCII letters
/// does not count. Elsewhere a `\` takes the meaning from the character behind it.
#[derive(Clone, Debug, Default)]
pub struct PathFilter {
    matched: Option<Patterns>,
    excluded: Option<Patterns>,
}

#[derive(Clone, Debug)]
struct Patterns {
    unix: Globs,
    windows: Globs,
}

/// Patterns for the paths of one kind of guest.
#[derive(Clone, Debug)]
struct Globs {
    paths: GlobSet,
    names: GlobSet,
}

impl Globs {
    fn unix(patterns: &[String]) -> Result<Self, globset::Error> {
        Self::new(patterns, false, |pattern| pattern.starts_with(['/', '*']) || pattern.starts_with("vol"))
    }

    fn windows(patterns: &[String]) -> Result<Self, globset::Error> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| with_slashes(pattern)).collect();
        Self::new(&patterns, true, |pattern| {
            let drive = pattern.split('/').next().unwrap_or_default();
            pattern.starts_with('*') || drive.ends_with(':')
        })
    }

    fn new(
        patterns: &[String],
        is_windows: bool,
        is_rooted: impl Fn(&str) -> bool,
    ) -> Result<Self, globset::Error> {
        let (mut paths, mut names) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let set = if pattern.contains('/') { &mut paths } else { &mut names };
            let pattern = if !pattern.contains('/') || is_rooted(pattern) {
                pattern.clone()
            } else {
                format!("**/{pattern}")
            };
            let mut glob = GlobBuilder::new(&pattern);
            glob.literal_separator(true).case_insensitive(is_windows).backslash_escape(!is_windows);
            set.add(glob.build()?);
        }
        Ok(Self { paths: paths.build()?, names: names.build()? })
    }

    fn is_match(&self, path: &[u8]) -> bool {
        let as_path = |bytes| {
            std::path::Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
        };
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        self.paths.is_match(as_path(path)) || self.names.is_match(as_path(name))
    }
}

/// A pattern with the separators of Windows turned into slashes. A path from the root of a volume has any drive.
fn with_slashes(pattern: &str) -> String {
    let pattern = pattern.replace('\\', "/");
    if pattern.starts_with('/') { format!("*:{pattern}") } else { pattern }
}

/// Whether a path is one of a Windows guest: a separator of Windows follows its drive.
fn is_of_windows(path: &[u8]) -> bool {
    let drive = path.iter().position(|byte| matches!(byte, b':' | b'/'));
    drive.is_some_and(|at| path.get(at..).is_some_and(|rest| rest.starts_with(br":\")))
}

impl Patterns {
    fn new(patterns: &[String]) -> Result<Option<Self>, globset::Error> {
        if patterns.is_empty() {
            return Ok(None);
        }
        // A pattern with a backslash may be meant, and make sense, for one kind of guest alone.
        let none = || Globs::new(&[], false, |_| true);
        let (unix, windows) = match (Globs::unix(patterns), Globs::windows(patterns)) {
            (Ok(unix), Ok(windows)) => (unix, windows),
            (Ok(unix), Err(_)) if patterns.iter().any(|pattern| pattern.contains('\\')) => (unix, none()?),
            (Err(_), Ok(windows)) => (none()?, windows),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(Some(Self { unix, windows }))
    }

    fn is_match(&self, path: &[u8]) -> bool {
        if !is_of_windows(path) {
            return self.unix.is_match(path);
        }
        let slash = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
        let path: Vec<u8> = path.iter().map(slash).collect();
        self.windows.is_match(&path)
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
    fn patterns_of_windows_take_either_separator_and_any_case() {
        for pattern in [
            r"C:\Windows\**",
            "c:/windows/**",
            "*.EXE",
            r"System32\*",
            "windows/system32/*.exe",
            r"\Windows\**",
            "/WINDOWS/**",
            "**/notepad.exe",
            r"*:\Windows\**",
        ] {
            assert!(takes(&[pattern], &[], r"C:\Windows\System32\Notepad.exe"), "{pattern}");
        }
        for pattern in [r"C:\Windows\*", r"D:\**", r"stem32\*", "/System32/**", "windows"] {
            assert!(!takes(&[pattern], &[], r"C:\Windows\System32\Notepad.exe"), "{pattern}");
        }
        assert!(takes(&[r"vol1:\EFI\**"], &[], r"vol1:\EFI\Boot"));
        assert!(takes(&["*:Zone.Identifier"], &[], r"C:\a.txt:Zone.Identifier"));
        assert!(takes(&[r"C:\"], &[], r"C:\"));
        assert!(!takes(&["*.TXT"], &[], "/a.txt"));
        assert!(takes(&[r"/\[a"], &[], "/[a"));
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
