//! A file and one of its paths, as a timeline meets it.

use vminspect_bytes::{Resolution, Timestamp};
use vminspect_filesystem::{FileSystem, LocalTimes, Record, RecordFacts, RecordName, Times};

use crate::finding::Deletion;

/// Seconds by which a time may pass the last known use of a volume: what tells of that use is itself written some time
/// before the end.
const SLACK: i64 = 3600;

/// Whether a name is in use, and what it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// In use.
    Allocated,
    /// In use though no directory names it.
    Orphan,
    /// Deleted.
    Deleted(Deletion),
    /// A deleted name whose record is in use again: what stands in the record is mostly another file's.
    Reallocated,
}

impl State {
    /// Whether the name is in use.
    #[must_use]
    pub const fn is_allocated(self) -> bool {
        matches!(self, Self::Allocated | Self::Orphan)
    }
}

/// What speaks for times that were set, rather than left by use. Each has innocent causes, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signs {
    /// `$STANDARD_INFORMATION` has the file created before any of its `$FILE_NAME`s has.
    pub si_before_fn: bool,
    /// The time has no fraction of a second, though its clock has.
    pub zero_subseconds: bool,
    /// The time is later than the last known use of the volume.
    pub after_last_use: bool,
}

impl Signs {
    /// Their names, in this order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.si_before_fn, "si_before_fn"),
            (self.zero_subseconds, "zero_subseconds"),
            (self.after_last_use, "after_last_use"),
        ];
        all.into_iter().filter_map(|(set, name)| set.then_some(name))
    }

    /// What one time says, of a volume that was last used at `last_use`.
    #[must_use]
    pub fn of_time(time: Timestamp, last_use: Option<Timestamp>) -> Self {
        let has_fraction = matches!(
            time.resolution(),
            Resolution::Nanosecond | Resolution::HundredNanoseconds | Resolution::TenMilliseconds
        );
        // A clock of 10 ms is at a whole second every hundredth time: that says nothing.
        let fine = has_fraction && time.resolution() != Resolution::TenMilliseconds;
        Self {
            si_before_fn: false,
            zero_subseconds: fine && time.nanoseconds() == 0,
            after_last_use: last_use
                .is_some_and(|last| time.seconds() > last.seconds().saturating_add(SLACK)),
        }
    }
}

/// A file with one of its paths.
#[derive(Clone, Copy)]
pub struct FileRow<'a> {
    /// Whose it is.
    pub filesystem: &'a dyn FileSystem,
    /// Position of the volume on its disk.
    pub volume: usize,
    /// When the volume was last used, as far as that is known.
    pub last_use: Option<Timestamp>,
    /// Its path in the guest.
    pub path: &'a [u8],
    /// Bytes of the path's last name.
    pub name_length: usize,
    /// What stands between the names of a path.
    pub separator: u8,
    /// Whether the name is in use.
    pub state: State,
    /// Its record. Of a deleted name, the record that it leads to now.
    pub record: &'a Record,
    /// What the record says of its own names and attributes.
    pub facts: &'a RecordFacts,
    /// Whether this is the first row of the record.
    pub is_first: bool,
    /// Tells where the directories of the record's own names are.
    pub(super) directories: &'a (dyn Fn(vminspect_filesystem::FileId) -> Option<Vec<u8>> + Sync),
}

impl FileRow<'_> {
    /// The same file at another path.
    #[must_use]
    pub fn at<'b>(&'b self, path: &'b [u8]) -> FileRow<'b> {
        FileRow { path, ..*self }
    }

    /// Its times.
    #[must_use]
    pub fn times(&self) -> Times {
        self.record.metadata.times
    }

    /// Which of its times are local times.
    #[must_use]
    pub fn local_times(&self) -> LocalTimes {
        self.filesystem.local_times(self.record.metadata.id)
    }

    /// Whether this is the root directory.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.record.metadata.id == self.filesystem.root()
    }

    /// The directory's part of the path.
    #[must_use]
    pub fn parent_path(&self) -> &[u8] {
        let end = self.path.len().saturating_sub(self.name_length).saturating_sub(1);
        self.path.get(..end).unwrap_or_default()
    }

    /// The last name of the path.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.path.get(self.path.len().saturating_sub(self.name_length)..).unwrap_or_default()
    }

    /// The path that one of the record's own names gives the file; this row's directory where the name's is not known.
    #[must_use]
    pub fn path_of_name(&self, name: &RecordName) -> Vec<u8> {
        let directory = name.parent.and_then(self.directories);
        let mut path = directory.unwrap_or_else(|| self.parent_path().to_vec());
        path.push(self.separator);
        path.extend_from_slice(&name.name);
        path
    }

    /// Whether the record has the file created before any long name was given.
    #[must_use]
    pub fn si_before_fn(&self) -> bool {
        let Some(created) = self.times().created else { return false };
        let mut names = self.facts.names.iter().filter(|name| !name.is_short()).peekable();
        names.peek().is_some() && names.all(|name| name.times.created.is_some_and(|given| created < given))
    }

    /// Target of a symbolic link, where it can be read.
    #[must_use]
    pub fn link_target(&self) -> Option<Vec<u8>> {
        if self.record.metadata.kind != vminspect_filesystem::FileKind::Symlink {
            return None;
        }
        if let vminspect_filesystem::Content::Inline(target) = &self.record.content {
            return Some(target.to_vec());
        }
        self.filesystem.read_link(self.record.metadata.id).ok()
    }
}
