//! The users that `ProfileList` names, and where their profiles are.

use vminspect_artefact::registry::Hive;

use super::installation::Installation;
use super::lookup::{self, wtf8};

/// Users of one list. Real ones have as many as ever logged on.
const MOST_USERS: usize = 10_000;

/// Longest path that is made of one with variables.
const LONGEST_PATH: usize = 8 << 10;

const LIST: &str = r"Microsoft\Windows NT\CurrentVersion\ProfileList";

/// A profile as the registry lists it.
pub(super) struct Listed {
    /// The name of its key: a security identifier, as WTF-8.
    pub(super) sid: Vec<u8>,
    /// `ProfileImagePath`, with variables expanded, as WTF-8.
    pub(super) path: Vec<u8>,
}

impl Listed {
    /// Windows renames the key of a profile that it could not load so, and makes another.
    fn is_set_aside(&self) -> bool {
        self.sid.to_ascii_lowercase().ends_with(b".bak")
    }
}

/// `ProfileList`.
#[derive(Default)]
pub(super) struct ProfileList {
    /// Its profiles, by their identifiers; those that were set aside last.
    pub(super) profiles: Vec<Listed>,
    /// Where Windows makes new ones.
    pub(super) directory: Option<Vec<u8>>,
    /// Whether there are more than are read.
    pub(super) is_cut: bool,
}

/// What the variables in paths of the registry stand for.
pub(super) struct Variables {
    /// `%SystemDrive%`: `C:`.
    pub(super) drive: Vec<u8>,
    /// `%SystemRoot%` and `%windir%`: `C:\Windows`.
    pub(super) directory: Vec<u8>,
}

impl Variables {
    pub(super) fn of(system: &Installation) -> Self {
        Self { drive: system.root.path.clone(), directory: system.directory.path.clone() }
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        match name.to_ascii_lowercase().as_slice() {
            b"systemdrive" => Some(&self.drive),
            b"systemroot" | b"windir" => Some(&self.directory),
            _ => None,
        }
    }

    /// A path with the variables in it replaced. Others stay as they are.
    pub(super) fn expand(&self, path: &[u8]) -> Vec<u8> {
        let mut expanded = Vec::new();
        let mut rest = path;
        while let Some((before, value, after)) = self.first(rest) {
            expanded.extend_from_slice(before);
            expanded.extend_from_slice(value);
            rest = after;
            if expanded.len() > LONGEST_PATH {
                break;
            }
        }
        expanded.extend_from_slice(rest);
        expanded
    }

    /// The first variable of a path: what stands before it, its value, and what follows.
    fn first<'a>(&'a self, path: &'a [u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
        let percents = path.iter().enumerate().filter(|(_, byte)| **byte == b'%').map(|(at, _)| at);
        let ends = percents.clone().skip(1);
        percents.zip(ends).find_map(|(start, end)| {
            let value = self.value(path.get(start.checked_add(1)?..end)?)?;
            Some((path.get(..start)?, value, path.get(end.checked_add(1)?..)?))
        })
    }
}

/// Reads `ProfileList` of the hive `SOFTWARE`.
pub(super) fn read(software: &Hive, variables: &Variables) -> ProfileList {
    let Some(list) = lookup::key(software, LIST) else { return ProfileList::default() };
    let mut keys = list.subkeys();
    let users = keys.by_ref().take(MOST_USERS).flatten();
    let listed = users.filter_map(|key| {
        let path = variables.expand(&wtf8(&key, "ProfileImagePath")?);
        let sid = key.name().to_wtf8();
        (!sid.is_empty() && !sid.contains(&b'\\')).then_some(Listed { sid, path })
    });
    let mut profiles: Vec<Listed> = listed.collect();
    profiles.sort_by(|a, b| (a.is_set_aside(), &a.sid).cmp(&(b.is_set_aside(), &b.sid)));
    let directory = wtf8(&list, "ProfilesDirectory").map(|path| variables.expand(&path));
    ProfileList { profiles, directory, is_cut: keys.next().is_some() }
}

#[cfg(test)]
mod tests {
    use super::Variables;

    #[test]
    fn variables_are_expanded_in_any_case() {
        let variables = Variables { drive: b"C:".to_vec(), directory: br"C:\Windows".to_vec() };
        for (path, expected) in [
            (r"%SystemDrive%\Users\bob", r"C:\Users\bob"),
            (r"%systemroot%\System32\config\systemprofile", r"C:\Windows\System32\config\systemprofile"),
            (r"%WINDIR%\x", r"C:\Windows\x"),
            (r"D:\100%\%SystemDrive%", r"D:\100%\C:"),
            (r"%a%SystemDrive%", r"%aC:"),
            (r"%USERPROFILE%\x%", r"%USERPROFILE%\x%"),
            ("%%", "%%"),
            ("", ""),
        ] {
            let expanded = variables.expand(path.as_bytes());
            assert_eq!(String::from_utf8(expanded).unwrap(), expected, "{path}");
        }
    }
}
