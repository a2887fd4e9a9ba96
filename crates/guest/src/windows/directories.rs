//! Directories of the guest as the search for hives needs them: each is read once, and names are as stored.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use vminspect_bytes::{Family, ReadError};
use vminspect_filesystem::{FileId, FileKind, FileSystem, Metadata};

use crate::namespace::{FollowLast, Namespace};
use crate::volume::GuestVolume;
use crate::{Coverage, Error, Located};

/// Directories that one search reads. A server with a hundred users has some 50,000 that are worth it.
const MOST_DIRECTORIES: usize = 200_000;

/// Entries of all directories that are held.
const MOST_ENTRIES: usize = 500_000;

/// Hives that one search finds.
pub(super) const MOST_HIVES: usize = 100_000;

/// Links that one search follows.
const MOST_LINKS: usize = 4096;

/// Longest path that is looked for. Windows' own end at 260 characters.
const LONGEST_PATH: usize = 4096;

/// A file and its path in the guest, spelled as the directories do.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) at: Located,
    pub(super) path: Vec<u8>,
}

impl Place {
    /// The last name of its path.
    pub(super) fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'\\').next().unwrap_or_default()
    }

    fn below(&self, (name, file): &(Vec<u8>, FileId)) -> Self {
        let mut path = self.path.clone();
        path.push(b'\\');
        path.extend_from_slice(name);
        Self { at: Located { volume: self.at.volume, file: *file }, path }
    }
}

/// The entries of a directory.
struct Listing {
    /// As stored.
    entries: Vec<(Vec<u8>, FileId)>,
    /// Their places in `entries`, sorted by what names that are the same to the filesystem have in common.
    sorted: OnceCell<Vec<(Vec<u8>, usize)>>,
}

impl Listing {
    fn find(&self, name: &[u8], filesystem: &dyn FileSystem) -> Option<&(Vec<u8>, FileId)> {
        let wanted = key(filesystem, name);
        let alike = self.from(&wanted, filesystem).take_while(|(own, _)| *own == wanted);
        let mut alike = alike.filter_map(|(_, at)| self.entries.get(*at));
        alike.clone().find(|(own, _)| own == name).or_else(|| alike.next())
    }

    fn starting_with(&self, start: &[u8], filesystem: &dyn FileSystem) -> Vec<&(Vec<u8>, FileId)> {
        let start = key(filesystem, start);
        let alike = self.from(&start, filesystem).take_while(|(own, _)| own.starts_with(&start));
        alike.filter_map(|(_, at)| self.entries.get(*at)).collect()
    }

    /// The keys from `first` on, in their order.
    fn from(&self, first: &[u8], filesystem: &dyn FileSystem) -> std::slice::Iter<'_, (Vec<u8>, usize)> {
        let sorted = self.sorted.get_or_init(|| {
            let keys = self.entries.iter().map(|(name, _)| key(filesystem, name));
            let mut keys: Vec<_> = keys.zip(0..).collect();
            keys.sort();
            keys
        });
        let first = sorted.partition_point(|(key, _)| key.as_slice() < first);
        sorted.get(first..).unwrap_or_default().iter()
    }
}

/// What names that are the same to the filesystem have in common.
fn key(filesystem: &dyn FileSystem, name: &[u8]) -> Vec<u8> {
    filesystem.fold_name(name).unwrap_or_else(|| name.to_vec())
}

/// The directories of a guest. What cannot be read stands in the coverage.
pub(super) struct Directories<'a> {
    image: &'a str,
    volumes: &'a [GuestVolume],
    read: HashMap<Located, Rc<Listing>>,
    /// Where links lead to.
    links: HashMap<Located, Option<Place>>,
    entries: usize,
    is_full: bool,
    pub(super) coverage: Coverage,
}

impl<'a> Directories<'a> {
    pub(super) fn new(image: &'a str, volumes: &'a [GuestVolume]) -> Self {
        Self {
            image,
            volumes,
            read: HashMap::new(),
            links: HashMap::new(),
            entries: 0,
            is_full: false,
            coverage: Coverage::default(),
        }
    }

    pub(super) fn filesystem(&self, volume: usize) -> Option<&'a dyn FileSystem> {
        self.volumes.get(volume)?.filesystem.as_deref()
    }

    /// The root directory of a volume, when its files can be read.
    pub(super) fn root(&self, volume: usize) -> Option<Place> {
        let file = self.filesystem(volume)?.root();
        let path = self.volumes.get(volume)?.prefix.clone();
        Some(Place { at: Located { volume, file }, path })
    }

    pub(super) fn add_problem(&mut self, place: &[u8], error: &ReadError) {
        self.coverage.add_read_error(self.image, place, error);
    }

    pub(super) fn add_error(&mut self, place: &[u8], error: &Error) {
        self.coverage.add_error(self.image, place, error.family(), error);
    }

    pub(super) fn metadata(&mut self, place: &Place) -> Option<Metadata> {
        match self.filesystem(place.at.volume)?.metadata(place.at.file) {
            Ok(metadata) => Some(metadata),
            Err(error) => {
                self.add_error(&place.path, &error.into());
                None
            }
        }
    }

    /// The entry of this name, or else the first that the filesystem takes for the same.
    pub(super) fn child(&mut self, directory: &Place, name: &[u8]) -> Option<Place> {
        let filesystem = self.filesystem(directory.at.volume)?;
        self.listing(directory).find(name, filesystem).map(|entry| directory.below(entry))
    }

    /// The entries whose names begin so, in the order of their names.
    pub(super) fn starting_with(&mut self, directory: &Place, start: &[u8]) -> Vec<Place> {
        let Some(filesystem) = self.filesystem(directory.at.volume) else { return Vec::new() };
        let listing = self.listing(directory);
        listing.starting_with(start, filesystem).into_iter().map(|entry| directory.below(entry)).collect()
    }

    /// Everything in a directory, in stored order; nothing where it is none.
    pub(super) fn children(&mut self, directory: &Place) -> Vec<Place> {
        self.listing(directory).entries.iter().map(|entry| directory.below(entry)).collect()
    }

    /// What a path of names with `\` between them leads to. Links on the way, and at its end, are followed.
    pub(super) fn descend(&mut self, from: &Place, path: &[u8]) -> Option<Place> {
        let names = path.split(|byte| matches!(byte, b'\\' | b'/')).filter(|name| !name.is_empty());
        let mut place = from.clone();
        for name in names {
            let child = self.child(&place, name)?;
            place = self.followed(child)?;
        }
        Some(place)
    }

    /// What an absolute path of the guest leads to: `C:\Users`. Fails only where no volume has the drive, or the path
    /// is longer than any.
    pub(super) fn locate(&mut self, path: &[u8]) -> Result<Option<Place>, Error> {
        let (volume, rest) = Namespace::new(self.volumes)
            .drive_and_rest(path)
            .filter(|_| path.len() <= LONGEST_PATH)
            .ok_or_else(|| Error::NotFound(String::from_utf8_lossy(path).into_owned()))?;
        let Some(root) = self.root(volume) else { return Ok(None) };
        Ok(self.descend(&root, rest))
    }

    /// The directory that a file is in.
    pub(super) fn parent(&mut self, file: &Place) -> Option<Place> {
        let end = file.path.len().checked_sub(file.name().len().checked_add(1)?)?;
        self.locate(file.path.get(..end)?).ok()?
    }

    /// Where a link leads to, or the file itself.
    fn followed(&mut self, place: Place) -> Option<Place> {
        if self.metadata(&place)?.kind != FileKind::Symlink {
            return Some(place);
        }
        if let Some(known) = self.links.get(&place.at) {
            return known.clone();
        }
        if self.links.len() >= MOST_LINKS {
            self.tell_full(&place);
            return None;
        }
        let target = self.link_target(&place);
        self.links.insert(place.at, target.clone());
        target
    }

    fn link_target(&self, link: &Place) -> Option<Place> {
        let resolved = Namespace::new(self.volumes).resolve(&link.path, FollowLast::Yes).ok()?;
        let mut path = self.volumes.get(resolved.at.volume)?.prefix.clone();
        path.extend(resolved.path.iter().map(|byte| if *byte == b'/' { b'\\' } else { *byte }));
        Some(Place { at: resolved.at, path })
    }

    /// The files that a pattern leads to, in the order of their names: `*` stands for any characters within one
    /// name. Links are followed where the pattern names them, not where a `*` finds them.
    pub(super) fn matching(&mut self, from: &Place, pattern: &str) -> Vec<Place> {
        let mut found = vec![from.clone()];
        for name in pattern.split('\\') {
            let mut next = Vec::new();
            for place in &found {
                match name.split_once('*') {
                    None => next.extend(self.descend(place, name.as_bytes())),
                    Some((start, end)) => {
                        let mut children = self.children(place);
                        children.retain(|child| is_like(child.name(), start, end));
                        next.append(&mut children);
                    }
                }
            }
            next.sort_by(|a, b| a.path.cmp(&b.path));
            found = next;
        }
        found
    }

    fn listing(&mut self, directory: &Place) -> Rc<Listing> {
        if let Some(known) = self.read.get(&directory.at) {
            return Rc::clone(known);
        }
        let entries = self.read_entries(directory);
        self.entries = self.entries.saturating_add(entries.len());
        let listing = Rc::new(Listing { entries, sorted: OnceCell::new() });
        self.read.insert(directory.at, Rc::clone(&listing));
        listing
    }

    fn read_entries(&mut self, directory: &Place) -> Vec<(Vec<u8>, FileId)> {
        let left = MOST_ENTRIES.saturating_sub(self.entries);
        if left == 0 || self.read.len() >= MOST_DIRECTORIES {
            self.tell_full(directory);
            return Vec::new();
        }
        let Some(filesystem) = self.filesystem(directory.at.volume) else { return Vec::new() };
        if self.metadata(directory).is_none_or(|metadata| metadata.kind != FileKind::Directory) {
            return Vec::new();
        }
        let all = match filesystem.entries(directory.at.file) {
            Ok(all) => all,
            Err(error) => {
                self.add_error(&directory.path, &error.into());
                return Vec::new();
            }
        };
        let (mut held, mut bad) = (Vec::new(), None);
        for entry in all.take(left) {
            match entry {
                Ok(entry) => held.push((entry.name, entry.id)),
                Err(error) => bad = bad.or(Some(error)),
            }
        }
        if let Some(error) = bad {
            self.add_error(&directory.path, &error.into());
        }
        if held.len() >= left {
            self.tell_full(directory);
        }
        held
    }

    /// Says, once, that there is more than one search reads.
    pub(super) fn tell_full(&mut self, directory: &Place) {
        if !std::mem::replace(&mut self.is_full, true) {
            let error = ReadError::unsupported("search for hives").found(format!(
                "more than {MOST_DIRECTORIES} directories, {MOST_ENTRIES} entries, {MOST_LINKS} links or {MOST_HIVES} \
                 hives; the rest is not searched"
            ));
            self.coverage.add_error(self.image, &directory.path, Family::Unsupported, &error);
        }
    }
}

/// Whether a name begins and ends so. Case of ASCII does not count: these are names that Windows gives.
fn is_like(name: &[u8], start: &str, end: &str) -> bool {
    let Some(after) = name.len().checked_sub(end.len()).filter(|after| *after >= start.len()) else {
        return false;
    };
    let head = name.get(..start.len()).unwrap_or_default();
    let tail = name.get(after..).unwrap_or_default();
    head.eq_ignore_ascii_case(start.as_bytes()) && tail.eq_ignore_ascii_case(end.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn patterns_ignore_case() {
        for (name, start, end, expected) in [
            ("User.DAT", "", ".dat", true),
            ("Windows.old", "windows.old", "", true),
            ("Windows.old.000", "windows.old", "", true),
            ("Windows", "windows.old", "", false),
            (".dat", "", ".dat", true),
            ("aa", "aa", "a", false),
            ("", "", "", true),
        ] {
            assert_eq!(is_like(name.as_bytes(), start, end), expected, "{name}");
        }
    }
}
