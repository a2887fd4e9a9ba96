//! Paths of the registry as Windows has them, to keys of hives.

use std::sync::OnceLock;

use vminspect_artefact::registry::{Hive, Key};
use vminspect_bytes::decode_wtf8;

use super::hive_file::HiveFile;
use super::lookup;
use crate::{Coverage, Error, Guest, Result};

/// Links that one path may lead through.
const MOST_LINKS: u32 = 40;

/// Longest path that a link may make.
const LONGEST_PATH: usize = 64 << 10;

/// What paths may begin with, and what that stands for. Longer ones that begin like others stand first.
const ROOTS: &[(&str, &str)] = &[
    (r"Computer\", ""),
    (r"\REGISTRY\MACHINE", "HKLM"),
    (r"\REGISTRY\USER", "HKU"),
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKEY_USERS", "HKU"),
    ("HKEY_CLASSES_ROOT", r"HKLM\SOFTWARE\Classes"),
    ("HKCR", r"HKLM\SOFTWARE\Classes"),
    ("HKEY_CURRENT_CONFIG", r"HKLM\SYSTEM\CurrentControlSet\Hardware Profiles\Current"),
    ("HKCC", r"HKLM\SYSTEM\CurrentControlSet\Hardware Profiles\Current"),
    // Both are the user as whom the system runs.
    (r"HKU\S-1-5-18", r"HKU\.DEFAULT"),
];

const SYSTEM: &str = r"HKLM\SYSTEM";
const CURRENT_CONTROL_SET: &str = "CurrentControlSet";

/// The registry of a Windows guest: its hives, opened when they are asked for.
pub struct Registry<'g> {
    guest: &'g Guest,
    hives: Vec<HiveFile>,
    /// The mount of each hive in small letters.
    mounts: Vec<String>,
    opened: Vec<OnceLock<Result<Hive>>>,
    with_logs: bool,
}

/// Where a path of the registry leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryPlace {
    /// Index into [`Registry::hives`].
    pub hive: usize,
    /// The path of the key inside the hive, empty for its root. Links are followed as far as keys exist.
    pub path: String,
}

impl<'g> Registry<'g> {
    /// The registry of a guest, without hives where it is no Windows; and what could not be searched.
    #[must_use]
    pub fn of(guest: &'g Guest, with_logs: bool) -> (Self, Coverage) {
        let (hives, coverage) = guest.hives();
        let mounts = hives.iter().map(|hive| decode_wtf8(&hive.mount).0.to_lowercase()).collect();
        let opened = hives.iter().map(|_| OnceLock::new()).collect();
        (Self { guest, hives, mounts, opened, with_logs }, coverage)
    }

    /// The hives, sorted by where Windows shows them.
    #[must_use]
    pub fn hives(&self) -> &[HiveFile] {
        &self.hives
    }

    /// The hive at an index. It is read once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn hive(&self, index: usize) -> Result<&Hive> {
        let (Some(file), Some(opened)) = (self.hives.get(index), self.opened.get(index)) else {
            return Err(Error::NoHive(index.to_string()));
        };
        opened.get_or_init(|| file.open(self.guest, self.with_logs)).as_ref().map_err(Clone::clone)
    }

    /// The key at a path. `None` where its hive does not have it.
    ///
    /// # Errors
    /// As [`Registry::resolve`].
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>> {
        let place = self.resolve(path)?;
        Ok(lookup::key(self.hive(place.hive)?, &place.path))
    }

    /// The hive in which a path is, and the path inside it. Case does not count, and keys need not exist.
    ///
    /// Paths begin with `HKLM`, `HKU`, `HKCR` (which are the machine's classes here, not those of a user), `HKCC`,
    /// the long names of these, `\REGISTRY\MACHINE`, `\REGISTRY\USER`, or the [`HiveFile::mount`] of a hive that
    /// Windows does not show. `CurrentControlSet` is the one that `SYSTEM\Select` calls current, and links are
    /// followed.
    ///
    /// # Errors
    /// When no hive has the path, a hive on the way cannot be read, or links lead in a circle.
    pub fn resolve(&self, path: &str) -> Result<RegistryPlace> {
        let mut wanted = path.to_owned();
        for _ in 0..=MOST_LINKS {
            let (hive, inner) = self.hive_of(&wanted).ok_or_else(|| Error::NoHive(path.to_owned()))?;
            match self.walk(hive, &inner)? {
                Reached::Place(path) => return Ok(RegistryPlace { hive, path }),
                Reached::Link(target) if target.len() <= LONGEST_PATH => wanted = target,
                Reached::Link(_) => break,
            }
        }
        Err(Error::TooManyLinks(path.to_owned()))
    }

    /// The hive that a path begins with, and the rest. Of two that fit, the longer mount counts.
    fn hive_of(&self, path: &str) -> Option<(usize, String)> {
        let whole = canonical(path);
        let mounts = self.mounts.iter().enumerate();
        let found = mounts.filter_map(|(index, mount)| Some((index, below(&whole, mount)?)));
        let (hive, inner) = found.min_by_key(|(_, inner)| inner.len())?;
        // Windows makes this link when the user logs on.
        if let Some(classes) = below(inner, r"software\classes") {
            let mount = format!("{}_classes", self.mounts.get(hive)?);
            if let Some(other) = self.mounts.iter().position(|own| *own == mount) {
                return Some((other, classes.to_owned()));
            }
        }
        Some((hive, inner.to_owned()))
    }

    /// Goes along a path inside a hive, up to a link.
    fn walk(&self, hive: usize, inner: &str) -> Result<Reached> {
        let opened = self.hive(hive)?;
        let mut reached: Vec<String> = Vec::new();
        let mut names = inner.split('\\').filter(|name| !name.is_empty());
        let mut key = opened.root().ok();
        while let Some(name) = names.next() {
            let is_current = reached.is_empty()
                && name.eq_ignore_ascii_case(CURRENT_CONTROL_SET)
                && self.mounts.get(hive).is_some_and(|mount| mount.eq_ignore_ascii_case(SYSTEM));
            let name = match is_current {
                true => current_control_set(opened).unwrap_or_else(|| name.to_owned()),
                false => name.to_owned(),
            };
            key = key.and_then(|key| lookup::subkey(&key, &name));
            if let Some(target) = key.as_ref().and_then(link_target) {
                let rest = names.flat_map(|name| ["\\", name]);
                return Ok(Reached::Link(std::iter::once(target.as_str()).chain(rest).collect()));
            }
            reached.push(key.map_or(name, |key| key.name().to_text()));
        }
        Ok(Reached::Place(reached.join("\\")))
    }
}

/// What a walk came to.
enum Reached {
    /// The end of its path.
    Place(String),
    /// A link: what it leads to, and the rest of the path.
    Link(String),
}

/// A path with the short names of roots.
fn canonical(path: &str) -> String {
    let mut path = path.to_owned();
    for (long, short) in ROOTS {
        let rest = match long.strip_suffix('\\') {
            Some(_) => strip_prefix_ignoring_case(&path, long),
            None => below(&path, &long.to_lowercase()).map(|_| path.get(long.len()..).unwrap_or_default()),
        };
        if let Some(rest) = rest {
            path = format!("{short}{rest}");
        }
    }
    path
}

fn strip_prefix_ignoring_case<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let head = path.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| path.get(prefix.len()..)).flatten()
}

/// What stands below `mount`, which is in small letters, in a path that begins with it.
fn below<'p>(path: &'p str, mount: &str) -> Option<&'p str> {
    let mut rest = path.chars();
    for expected in mount.chars() {
        let mut own = rest.next()?.to_lowercase();
        // Characters whose small letters are several are compared by the first.
        if own.next() != Some(expected) {
            return None;
        }
    }
    let rest = rest.as_str();
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\\') }
}

/// The control set that `Select` calls current: `ControlSet001`.
pub(super) fn current_control_set(system: &Hive) -> Option<String> {
    let current = lookup::number(&lookup::key(system, "Select")?, "Current")?;
    Some(format!("ControlSet{current:03}"))
}

/// The path to which a key is a link.
fn link_target(key: &Key<'_>) -> Option<String> {
    if !key.is_symbolic_link() {
        return None;
    }
    lookup::text(key, "SymbolicLinkValue")
}

#[cfg(test)]
mod tests {
    use super::{below, canonical};

    #[test]
    fn roots_have_many_names() {
        for (path, expected) in [
            (r"HKEY_LOCAL_MACHINE\SYSTEM", r"HKLM\SYSTEM"),
            (r"Computer\HKEY_USERS\S-1-5-18\x", r"HKU\.DEFAULT\x"),
            (r"\Registry\Machine\Software", r"HKLM\Software"),
            (r"\registry\user\.default", r"HKU\.default"),
            (r"HKCR\.txt", r"HKLM\SOFTWARE\Classes\.txt"),
            ("hkey_classes_root", r"HKLM\SOFTWARE\Classes"),
            (r"HKCC\x", r"HKLM\SYSTEM\CurrentControlSet\Hardware Profiles\Current\x"),
            (r"HKU\S-1-5-18_Classes", r"HKU\S-1-5-18_Classes"),
            (r"HKCRX\x", r"HKCRX\x"),
            (r"C:\Users\x", r"C:\Users\x"),
            ("", ""),
        ] {
            assert_eq!(canonical(path), expected);
        }
    }

    #[test]
    fn a_mount_ends_with_a_name() {
        assert_eq!(below(r"HKLM\Software\a\b", r"hklm\software"), Some(r"a\b"));
        assert_eq!(below(r"HKLM\SOFTWARE", r"hklm\software"), Some(""));
        assert_eq!(below(r"HKLM\SOFTWARE2", r"hklm\software"), None);
        assert_eq!(below(r"C:\GRÖSSE\x", r"c:\grösse"), Some("x"));
        assert_eq!(below("HK", r"hklm\software"), None);
    }
}
