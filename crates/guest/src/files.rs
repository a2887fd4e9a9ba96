use vminspect_artefact::os_release;
use vminspect_filesystem::FileKind;

use crate::Result;
use crate::guest::read_file;
use crate::namespace::{FollowLast, Namespace};
use crate::volume::GuestVolume;

/// Largest file that is read to describe a system.
const LARGEST_FILE: u64 = 1 << 20;

/// Longest value of a description. A hostile file must not fill a report.
const LONGEST_VALUE: usize = 512;

/// Entries of a directory that are looked at.
const MOST_ENTRIES: usize = 100_000;

/// The small files of a system, by path. What is not there, or cannot be read, has no content: it describes the
/// system no further, and the analysis that walks the files reports it.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    volumes: &'a [GuestVolume],
    /// The volume to look in, or `None` for the guest's whole tree.
    volume: Option<&'a GuestVolume>,
}

impl<'a> Files<'a> {
    pub(crate) fn of_guest(volumes: &'a [GuestVolume]) -> Self {
        Self { volumes, volume: None }
    }

    pub(crate) fn of_volume(volumes: &'a [GuestVolume], volume: &'a GuestVolume) -> Self {
        Self { volumes, volume: Some(volume) }
    }

    fn full(self, path: &str) -> Vec<u8> {
        let mut full = self.volume.map(GuestVolume::own_prefix).unwrap_or_default();
        full.extend_from_slice(path.as_bytes());
        full
    }

    /// Whether one of the paths exists. A link counts, wherever it leads.
    pub(crate) fn any(self, paths: &[&str]) -> bool {
        paths.iter().any(|path| Namespace::new(self.volumes).locate(&self.full(path), FollowLast::No).is_ok())
    }

    pub(crate) fn read(self, path: &str) -> Option<Vec<u8>> {
        read_file(self.volumes, &self.full(path), LARGEST_FILE).ok()
    }

    /// The first line that is neither empty nor a comment.
    pub(crate) fn first_line(self, path: &str) -> Option<String> {
        let content = self.read(path)?;
        let mut lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.find(|line| !line.is_empty() && !line.starts_with(b"#")).and_then(text)
    }

    /// The value of an assignment in a file of assignments.
    pub(crate) fn value(self, path: &str, name: &str) -> Option<String> {
        text(&os_release::value(&self.read(path)?, name)?)
    }

    /// Target of a symbolic link; an empty one where the file is none.
    pub(crate) fn link(self, path: &str) -> Option<Vec<u8>> {
        self.try_link(path).ok()?
    }

    fn try_link(self, path: &str) -> Result<Option<Vec<u8>>> {
        let located = Namespace::new(self.volumes).locate(&self.full(path), FollowLast::No)?;
        let Some(filesystem) = self.volumes.get(located.volume).and_then(|volume| volume.filesystem.as_ref())
        else {
            return Ok(None);
        };
        if filesystem.metadata(located.file)?.kind != FileKind::Symlink {
            return Ok(Some(Vec::new()));
        }
        Ok(Some(filesystem.read_link(located.file)?))
    }

    /// Names in a directory, in the order in which they are stored.
    pub(crate) fn names(self, path: &str) -> Vec<Vec<u8>> {
        self.try_names(path).unwrap_or_default()
    }

    fn try_names(self, path: &str) -> Result<Vec<Vec<u8>>> {
        let located = Namespace::new(self.volumes).locate(&self.full(path), FollowLast::Yes)?;
        let Some(filesystem) = self.volumes.get(located.volume).and_then(|volume| volume.filesystem.as_ref())
        else {
            return Ok(Vec::new());
        };
        let entries =
            filesystem.entries(located.file)?.take(MOST_ENTRIES).filter_map(std::result::Result::ok);
        Ok(entries.map(|entry| entry.name).collect())
    }
}

/// A value as text: bad bytes replaced, and cut where it is absurdly long. `None` when it is empty.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    let value = value.get(..LONGEST_VALUE).unwrap_or(value);
    let text = String::from_utf8_lossy(value).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
