use std::path::Path;
use std::sync::Arc;

use vminspect_bytes::{Family, ReadAt, ReadAtExt, ReadError};
use vminspect_filesystem::{FileId, FileKind, Stream};
use vminspect_image::{Disk, OpenOptions};
use vminspect_volume::VolumeTable;

use crate::namespace::{self, FollowLast, Namespace};
use crate::volume::{GuestVolume, open_volumes, report_unknown};
use crate::{Coverage, Error, EventLogFile, HiveFile, OperatingSystem, Result, linux, mount_table, windows};

/// The disk of a virtual machine, opened: its volumes, their filesystems, and one namespace of paths.
///
/// Every path begins with its volume's [`GuestVolume::prefix`]:
///
/// - Where Linux is found, its volume is `/`, and the volumes that its mount table names have the paths at which
///   it mounts them. Where Windows is found, volumes have the drive letters that its registry gives them (its own is
///   `C:` where that gives none), and names are separated by `\` in all volumes. If
///   several volumes hold a system, the first is taken; the others are reported.
/// - Without an operating system, the only volume that can hold files (swap space and boot loaders' areas do
///   not) is `/`. It may be one that cannot be read: what a volume is called must not change when another is
///   damaged.
/// - Every other volume has its own prefix, such as `vol2:`, and so have all volumes beside the above.
pub struct Guest {
    image: String,
    disk: Disk,
    table: VolumeTable,
    volumes: Vec<GuestVolume>,
    system: Option<OperatingSystem>,
    coverage: Coverage,
    /// What is wrong with the registry that was read while it was opened, for those who ask for it.
    registry: Coverage,
}

/// A file that a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Located {
    /// Index into [`Guest::volumes`].
    pub volume: usize,
    /// The file.
    pub file: FileId,
}

impl Guest {
    /// Opens the disk at `location` (see [`Disk::open`]).
    ///
    /// What cannot be read of it, an unknown filesystem, a damaged table, stands in [`Guest::coverage`].
    ///
    /// # Errors
    /// When the image itself cannot be opened.
    pub fn open(location: &Path, options: &OpenOptions) -> Result<Self> {
        let disk = Disk::open(location, options)?;
        Ok(Self::of_disk(location.display().to_string(), disk))
    }

    /// Reads the volumes of an opened disk. `image` is what the user calls it.
    #[must_use]
    pub fn of_disk(image: String, disk: Disk) -> Self {
        let mut coverage = Coverage::default();
        for problem in disk.problems() {
            coverage.add_read_error(&image, b"", problem);
        }
        let table = read_table(&image, disk.bytes(), &mut coverage);
        let mut volumes = open_volumes(&image, &table, &mut coverage);
        let mut registry = Coverage::default();
        let system = find_system(&image, &volumes, &mut coverage).map(|(root, family)| match family {
            SystemFamily::Linux => {
                mount_table::mount(&image, &mut volumes, root, &mut coverage);
                linux::describe(&volumes, root)
            }
            SystemFamily::Windows => {
                let opened = windows::open(&image, &mut volumes, &table, root, &mut coverage);
                registry = opened.notices;
                opened.system
            }
        });
        if system.is_none() {
            namespace::root_only_volume(&mut volumes);
        }
        report_unknown(&image, &volumes, &mut coverage);
        Self { image, disk, table, volumes, system, coverage, registry }
    }

    /// The image as the user named it.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The virtual disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The partition table.
    #[must_use]
    pub fn table(&self) -> &VolumeTable {
        &self.table
    }

    /// The volumes, in the order of their positions.
    #[must_use]
    pub fn volumes(&self) -> &[GuestVolume] {
        &self.volumes
    }

    /// The operating system, when one was found, as far as it is known without opening more than one hive of a
    /// Windows: see [`Guest::describe_system`].
    #[must_use]
    pub fn system(&self) -> Option<&OperatingSystem> {
        self.system.as_ref()
    }

    /// The operating system with all that is told of it, and what could not be read for that. Of a Windows, this
    /// opens the hives `SOFTWARE` and `SAM`.
    #[must_use]
    pub fn describe_system(&self) -> (Option<OperatingSystem>, Coverage) {
        let mut coverage = self.registry.clone();
        let system = self.system.as_ref().map(|system| match system.family {
            "windows" => windows::describe_fully(self, system, &mut coverage),
            _ => system.clone(),
        });
        (system, coverage)
    }

    /// What could not be read while it was opened.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The file at `path`: `/etc/passwd`, `vol2:/file`, `C:\\Windows\\notepad.exe`, or the named stream at
    /// `C:\\file.txt:stream`. In a Windows guest, `/` separates names as well as `\\` does. Symbolic links in directories are followed within the
    /// guest; the last component is not. A path that begins with a volume's own prefix stays in that volume,
    /// also below directories at which the guest mounts another.
    ///
    /// Where a directory holds a name twice, the first counts; where its filesystem ignores case, a name that is
    /// the same but for that counts when none is equal.
    ///
    /// # Errors
    /// When no file has this path, or a directory on the way cannot be read.
    pub fn locate(&self, path: &[u8]) -> Result<Located> {
        Namespace::new(&self.volumes).locate(path, FollowLast::No)
    }

    /// The file at `path`, where a symbolic link at its end is followed, too.
    ///
    /// # Errors
    /// As [`Guest::locate`], and when links lead in a circle.
    pub fn resolve_following(&self, path: &[u8]) -> Result<Located> {
        Namespace::new(&self.volumes).locate(path, FollowLast::Yes)
    }

    /// A named stream of a file.
    ///
    /// # Errors
    /// When the file has no such stream, or its record cannot be read.
    pub fn named_stream(&self, owner: Located, name: &[u8]) -> Result<Located> {
        let found = Namespace::new(&self.volumes).stream_of(owner, name)?;
        found.ok_or_else(|| Error::NotFound(String::from_utf8_lossy(name).into_owned()))
    }

    /// The content of the regular file at `path`, links followed, when it has at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Guest::resolve_following`], and when it is no regular file, is larger, or cannot be read.
    pub fn read_file(&self, path: &[u8], limit: u64) -> Result<Vec<u8>> {
        read_file(&self.volumes, path, limit)
    }

    /// The volumes of two guests that belong together, by their prefixes and in the order of these: indices
    /// into the volumes of each, `None` where only the other has one.
    #[must_use]
    pub fn volume_pairs(before: &Self, after: &Self) -> Vec<(Option<usize>, Option<usize>)> {
        pairs(&before.volumes, &after.volumes)
    }

    /// The registry hives of a Windows guest, sorted by [`HiveFile::mount`]; none of others. What could not be
    /// read on the way is told; hives themselves are not opened, except for the list of users.
    ///
    /// Found are the hives of `System32\\config` and their backups, those of users (of `ProfileList`, and of
    /// profiles that it does not name), the boot configuration of every volume, those of programs that Windows
    /// brings along, and those of older installations.
    #[must_use]
    pub fn hives(&self) -> (Vec<HiveFile>, Coverage) {
        windows::find_hives(self)
    }

    /// The event logs of a Windows guest: the files of `System32\\winevt\\Logs`, sorted by path; none of others. What
    /// could not be read on the way is told; the logs themselves are not opened.
    #[must_use]
    pub fn event_logs(&self) -> (Vec<EventLogFile>, Coverage) {
        windows::find_event_logs(self)
    }

    /// Evidence that changed while it was read, for the end of a command.
    #[must_use]
    pub fn check_unchanged(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for file in self.disk.host_files() {
            if let Err(error) = file.check_unchanged() {
                coverage.add_read_error(&self.image, b"", &error);
            }
        }
        coverage
    }
}

/// A kind of system that a guest can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SystemFamily {
    Linux,
    Windows,
}

/// The first volume that holds a system. Others are reported.
fn find_system(
    image: &str,
    volumes: &[GuestVolume],
    coverage: &mut Coverage,
) -> Option<(usize, SystemFamily)> {
    let linux = linux::holding(volumes).into_iter().map(|index| (index, SystemFamily::Linux));
    let windows = windows::holding(volumes).into_iter().map(|index| (index, SystemFamily::Windows));
    let mut found: Vec<_> = linux.chain(windows).collect();
    found.sort_by_key(|(index, _)| *index);
    found.dedup_by_key(|(index, _)| *index);
    let mut found = found.into_iter();
    let first = found.next()?;
    for (other, family) in found {
        let Some(volume) = volumes.get(other) else { continue };
        let name = match family {
            SystemFamily::Linux => linux::name(volumes, volume).unwrap_or("a Linux system".to_owned()),
            SystemFamily::Windows => "a Windows system".to_owned(),
        };
        let error = ReadError::unsupported("second operating system")
            .found(name)
            .advice("its paths begin with the name of its volume");
        coverage.add_error(image, &volume.own_prefix(), Family::Unsupported, &error);
    }
    Some(first)
}

/// A disk whose table cannot be read is one volume: a filesystem may stand straight on it all the same.
fn read_table(image: &str, disk: &Arc<dyn ReadAt>, coverage: &mut Coverage) -> VolumeTable {
    match VolumeTable::read(Arc::clone(disk)) {
        Ok(table) => {
            for problem in &table.problems {
                coverage.add_read_error(image, b"", problem);
            }
            table
        }
        Err(problem) => {
            coverage.add_read_error(image, b"", &problem);
            VolumeTable::whole(Arc::clone(disk))
        }
    }
}

/// The content of the regular file at `path`, links followed.
pub(crate) fn read_file(volumes: &[GuestVolume], path: &[u8], limit: u64) -> Result<Vec<u8>> {
    let located = Namespace::new(volumes).locate(path, FollowLast::Yes)?;
    let not_found = || Error::NotFound(String::from_utf8_lossy(path).into_owned());
    let volume = volumes.get(located.volume).ok_or_else(not_found)?;
    let filesystem = volume.filesystem.as_ref().ok_or_else(not_found)?;
    if filesystem.metadata(located.file)?.kind != FileKind::Regular {
        return Err(vminspect_filesystem::Error::WrongKind("a regular file").into());
    }
    let content = filesystem.open(located.file, Stream::Data)?;
    Ok(content.read_all(limit).map_err(vminspect_filesystem::Error::Read)?)
}

fn pairs(before: &[GuestVolume], after: &[GuestVolume]) -> Vec<(Option<usize>, Option<usize>)> {
    let sorted = |volumes: &[GuestVolume]| {
        let mut sorted: Vec<(Vec<u8>, usize)> =
            volumes.iter().enumerate().map(|(index, volume)| (volume.prefix.clone(), index)).collect();
        sorted.sort();
        sorted
    };
    let (before, after) = (sorted(before), sorted(after));
    let (mut left, mut right) = (before.iter().peekable(), after.iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => a.0.cmp(&b.0),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return pairs,
        };
        let a = if order.is_le() { left.next() } else { None };
        let b = if order.is_ge() { right.next() } else { None };
        pairs.push((a.map(|pair| pair.1), b.map(|pair| pair.1)));
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;
    use crate::volume::tests::unreadable;

    #[test]
    fn volumes_pair_by_prefix() {
        let before = [unreadable(1, "vol1:"), unreadable(2, ""), unreadable(3, "/home")];
        let after = [unreadable(1, ""), unreadable(2, "/boot"), unreadable(3, "/home")];
        let expected = [(Some(1), Some(0)), (None, Some(1)), (Some(2), Some(2)), (Some(0), None)];
        assert_eq!(pairs(&before, &after), expected);
    }
}
