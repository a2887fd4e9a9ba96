//! From paths to files: through mounts and symbolic links, without ever leaving the guest.
//!
//! The tree of a Linux guest has one root, below which volumes are mounted. A Windows guest has a tree for each
//! volume, and `\` separates names as well as `/` does.

use vminspect_filesystem::{FileId, FileKind, FileSystem};

use crate::volume::GuestVolume;
use crate::{Error, Located, Result};

/// Symbolic links that one path may lead through, as in Linux.
const MOST_LINKS: u32 = 40;

/// Colons of a path that are looked at for the one in front of a stream's name.
const MOST_COLONS: usize = 8;

/// What may stand before the drive in the target of a link of Windows.
const DEVICE_PREFIXES: &[&[u8]] = &[br"\??\", br"\\?\", br"\\.\"];

/// Longest link target that is followed. Linux allows 4,096 bytes.
const LONGEST_TARGET: usize = 64 << 10;

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FollowLast {
    Yes,
    No,
}

/// Makes the only volume that may hold files the root, for a disk without an operating system.
pub(crate) fn root_only_volume(volumes: &mut [GuestVolume]) {
    let mut candidates = volumes.iter_mut().filter(|volume| volume.may_hold_files());
    if let (Some(only), None) = (candidates.next(), candidates.next()) {
        only.prefix.clear();
    }
}

/// The volumes as one tree.
#[derive(Clone, Copy)]
pub(crate) struct Namespace<'a> {
    volumes: &'a [GuestVolume],
}

/// Where a walk takes absolute links to, and whether it crosses mounts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// The tree that the running guest has.
    Guest,
    /// One volume alone, by index.
    Volume(usize),
}

/// A directory that a walk has reached, with the path in the guest's tree that leads there.
#[derive(Clone)]
struct Step {
    at: Located,
    path: Vec<u8>,
}

/// A file, and its path in the guest's tree without any links.
pub(crate) struct Resolved {
    pub(crate) at: Located,
    pub(crate) path: Vec<u8>,
}

impl<'a> Namespace<'a> {
    pub(crate) fn new(volumes: &'a [GuestVolume]) -> Self {
        Self { volumes }
    }

    /// The file at `path`, or the named stream at a path that ends with a colon and its name.
    pub(crate) fn locate(self, path: &[u8], follow: FollowLast) -> Result<Located> {
        let resolved = self.resolve(path, follow).map(|resolved| resolved.at);
        resolved.or_else(|error| self.stream_at(path, follow).ok_or(error))
    }

    /// The named stream at `owner:stream`. A name of a stream may hold colons and separators in hostile guests, so
    /// every colon may be that in front of it.
    fn stream_at(self, path: &[u8], follow: FollowLast) -> Option<Located> {
        let (_, inner) = self.view_of(path)?;
        let start = path.len().checked_sub(inner.len())?;
        let colons = inner.iter().enumerate().filter(|(_, byte)| **byte == b':');
        colons.take(MOST_COLONS).find_map(|(at, _)| {
            let at = start.checked_add(at)?;
            let (owner, name) = (path.get(..at)?, path.get(at.checked_add(1)?..)?);
            let owner = self.resolve(owner, follow).ok()?.at;
            self.stream_of(owner, name).ok()?
        })
    }

    /// A named stream of a file.
    pub(crate) fn stream_of(self, owner: Located, name: &[u8]) -> Result<Option<Located>> {
        let name = without_type(name);
        let Some(filesystem) = self.filesystem(owner.volume) else { return Ok(None) };
        if name.is_empty() {
            return Ok(Some(owner));
        }
        let record = filesystem.record(owner.file)?;
        let exact = record.streams.iter().find(|stream| stream.name == name);
        let folded = || {
            let wanted = filesystem.fold_name(name)?;
            record.streams.iter().find(|stream| filesystem.fold_name(&stream.name).as_ref() == Some(&wanted))
        };
        Ok(exact.or_else(folded).map(|stream| Located { file: stream.id, ..owner }))
    }

    /// Whether paths are those of Windows.
    fn is_windows(self) -> bool {
        self.volumes.first().is_some_and(|volume| volume.separator == b'\\')
    }

    fn separates(self, byte: u8) -> bool {
        byte == b'/' || (byte == b'\\' && self.is_windows())
    }

    fn starts_with_separator(self, path: &[u8]) -> bool {
        path.first().is_some_and(|byte| self.separates(*byte))
    }

    /// The file at `path`, with the path that leads there without links.
    pub(crate) fn resolve(self, path: &[u8], follow: FollowLast) -> Result<Resolved> {
        let (view, inner) = self.view_of(path).ok_or_else(|| not_found(path))?;
        // A slash at the end asks for what a link leads to.
        let at_end = inner.last().is_some_and(|byte| self.separates(*byte));
        let follow = if at_end { FollowLast::Yes } else { follow };
        let mut walk =
            Walk { namespace: self, view, steps: vec![self.root(view, path)?], links: 0, whole: path };
        walk.run(inner, follow)
    }

    /// The view that a path asks for, and the rest of the path.
    fn view_of(self, path: &[u8]) -> Option<(View, &[u8])> {
        if self.is_windows() {
            let (drive, rest) = self.drive_of(path).or_else(|| {
                // Without a drive, the path is one of the system's.
                let system = self.volumes.iter().position(GuestVolume::is_mounted)?;
                self.starts_with_separator(path).then_some((system, path))
            })?;
            return Some((View::Volume(drive), rest));
        }
        if path.starts_with(b"/") {
            return Some((View::Guest, path));
        }
        let (index, rest) = self.own_volume(path)?;
        Some((View::Volume(index), rest))
    }

    /// The volume whose own prefix a path begins with.
    fn own_volume(self, path: &[u8]) -> Option<(usize, &[u8])> {
        let found = self.volumes.iter().enumerate().find_map(|(index, volume)| {
            let rest = path.strip_prefix(volume.own_prefix().as_slice())?;
            Some((index, rest))
        });
        found.filter(|(_, rest)| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// The volume that a path of Windows names, with what may stand before the drive, and the path inside it.
    pub(crate) fn drive_and_rest(self, path: &[u8]) -> Option<(usize, &[u8])> {
        let device = DEVICE_PREFIXES.iter().find_map(|prefix| path.strip_prefix(*prefix));
        self.drive_of(device.unwrap_or(path))
    }

    /// The volume that a path of Windows begins with, in any case: `C:`, `vol2:`.
    fn drive_of(self, path: &[u8]) -> Option<(usize, &[u8])> {
        let end = path.iter().position(|byte| *byte == b':')?.checked_add(1)?;
        let (drive, rest) = path.split_at_checked(end)?;
        let index = self.volumes.iter().position(|volume| {
            volume.prefix.eq_ignore_ascii_case(drive) || volume.own_prefix().eq_ignore_ascii_case(drive)
        })?;
        (rest.is_empty() || self.starts_with_separator(rest)).then_some((index, rest))
    }

    fn root(self, view: View, path: &[u8]) -> Result<Step> {
        let volume = match view {
            View::Guest => self.mounted_at(b""),
            View::Volume(index) => Some(index),
        };
        let at = volume.and_then(|volume| self.root_of(volume)).ok_or_else(|| not_found(path))?;
        Ok(Step { at, path: Vec::new() })
    }

    fn root_of(self, volume: usize) -> Option<Located> {
        let filesystem = self.filesystem(volume)?;
        Some(Located { volume, file: filesystem.root() })
    }

    fn filesystem(self, volume: usize) -> Option<&'a dyn FileSystem> {
        self.volumes.get(volume)?.filesystem.as_deref()
    }

    /// The volume that is mounted at exactly this path of the guest's tree.
    fn mounted_at(self, path: &[u8]) -> Option<usize> {
        self.volumes.iter().position(|volume| volume.is_mounted() && volume.prefix == path)
    }
}

/// A walk along one path.
struct Walk<'a, 'p> {
    namespace: Namespace<'a>,
    view: View,
    /// From the root to where the walk is.
    steps: Vec<Step>,
    links: u32,
    /// The path as the caller gave it, for messages.
    whole: &'p [u8],
}

impl Walk<'_, '_> {
    fn run(&mut self, path: &[u8], follow: FollowLast) -> Result<Resolved> {
        let mut pending = Vec::new();
        self.push_components(&mut pending, path);
        while let Some(name) = pending.pop() {
            if name == b".." {
                if self.steps.len() > 1 {
                    self.steps.pop();
                }
                continue;
            }
            let child = self.child(&name)?;
            let is_last = pending.is_empty();
            match self.link_target(&child)? {
                Some(target) if !is_last || follow == FollowLast::Yes => {
                    self.follow(&target, &mut pending)?;
                }
                _ => self.steps.push(child),
            }
        }
        let last = self.steps.last().cloned().ok_or_else(|| not_found(self.whole))?;
        Ok(Resolved { at: last.at, path: last.path })
    }

    /// The entry `name` of the directory where the walk is; the root of the volume that is mounted there.
    fn child(&self, name: &[u8]) -> Result<Step> {
        let here = self.steps.last().ok_or_else(|| not_found(self.whole))?;
        let filesystem = self.filesystem(here.at.volume)?;
        let mut path = here.path.clone();
        path.push(b'/');
        path.extend_from_slice(name);
        if self.view == View::Guest
            && let Some(volume) = self.namespace.mounted_at(&path)
        {
            let at = self.namespace.root_of(volume).ok_or_else(|| not_found(self.whole))?;
            return Ok(Step { at, path });
        }
        let file = find(filesystem, here.at.file, name)?.ok_or_else(|| not_found(self.whole))?;
        Ok(Step { at: Located { volume: here.at.volume, file }, path })
    }

    fn link_target(&self, step: &Step) -> Result<Option<Vec<u8>>> {
        let filesystem = self.filesystem(step.at.volume)?;
        if filesystem.metadata(step.at.file)?.kind != FileKind::Symlink {
            return Ok(None);
        }
        Ok(Some(filesystem.read_link(step.at.file)?))
    }

    fn follow(&mut self, target: &[u8], pending: &mut Vec<Vec<u8>>) -> Result<()> {
        self.links = self.links.saturating_add(1);
        if self.links > MOST_LINKS || target.len() > LONGEST_TARGET {
            return Err(Error::TooManyLinks(text(self.whole)));
        }
        if self.namespace.is_windows() {
            return self.follow_windows(target, pending);
        }
        if target.starts_with(b"/") {
            self.restart()?;
        }
        self.push_components(pending, target);
        Ok(())
    }

    /// A target may begin with a drive, or with a separator, which is the root of the volume where the walk is.
    /// Volumes that Windows names otherwise, by their ids or on other machines, are not found.
    fn follow_windows(&mut self, target: &[u8], pending: &mut Vec<Vec<u8>>) -> Result<()> {
        let device = DEVICE_PREFIXES.iter().find_map(|prefix| target.strip_prefix(*prefix));
        let path = device.unwrap_or(target);
        if let Some((volume, rest)) = self.namespace.drive_of(path) {
            self.view = View::Volume(volume);
            self.restart()?;
            self.push_components(pending, rest);
            return Ok(());
        }
        let is_elsewhere = path.contains(&b':') || path.starts_with(br"\\");
        if device.is_some() || is_elsewhere {
            return Err(not_found(self.whole));
        }
        if self.namespace.starts_with_separator(path) {
            self.restart()?;
        }
        self.push_components(pending, path);
        Ok(())
    }

    /// An absolute link in a volume of the guest's tree leads to the guest's root; in one that the guest does not
    /// mount, to that volume's own.
    fn restart(&mut self) -> Result<()> {
        if let View::Volume(index) = self.view
            && !self.namespace.is_windows()
            && self.namespace.volumes.get(index).is_some_and(GuestVolume::is_mounted)
        {
            self.view = View::Guest;
        }
        self.steps = vec![self.namespace.root(self.view, self.whole)?];
        Ok(())
    }

    fn filesystem(&self, volume: usize) -> Result<&dyn FileSystem> {
        self.namespace.filesystem(volume).ok_or_else(|| not_found(self.whole))
    }

    /// Puts the components of `path` on top of `pending`, the first uppermost.
    fn push_components(&self, pending: &mut Vec<Vec<u8>>, path: &[u8]) {
        let components = path.split(|byte| self.namespace.separates(*byte));
        let names = components.filter(|name| !matches!(*name, b"" | b"."));
        pending.extend(names.rev().map(<[u8]>::to_vec));
    }
}

/// The name of a stream without the type that Windows allows behind it.
fn without_type(name: &[u8]) -> &[u8] {
    const TYPE: &[u8] = b":$DATA";
    let split = name.len().checked_sub(TYPE.len()).and_then(|at| name.split_at_checked(at));
    match split {
        Some((name, end)) if end.eq_ignore_ascii_case(TYPE) => name,
        _ => name,
    }
}

/// The first entry of this name, or else of one that the filesystem takes for the same. An entry that cannot be
/// read is passed over, but not forgotten: when the name is not found, it may have been that one.
fn find(filesystem: &dyn FileSystem, directory: FileId, name: &[u8]) -> Result<Option<FileId>> {
    let folded = filesystem.fold_name(name);
    let (mut bad, mut alike) = (None, None);
    for entry in filesystem.entries(directory)? {
        match entry {
            Ok(entry) if entry.name == name => return Ok(Some(entry.id)),
            Ok(entry) if folded.is_some() && alike.is_none() => {
                alike = (filesystem.fold_name(&entry.name) == folded).then_some(entry.id);
            }
            Ok(_) => {}
            Err(error) => bad = bad.or(Some(error)),
        }
    }
    match (alike, bad) {
        (None, Some(error)) => Err(error.into()),
        (found, _) => Ok(found),
    }
}

fn not_found(path: &[u8]) -> Error {
    Error::NotFound(text(path))
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
