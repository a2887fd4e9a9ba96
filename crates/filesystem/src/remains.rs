//! How much is left of a deleted file.

use vminspect_bytes::{ByteRange, Timestamp};

use crate::stored::{LOST, OVERWRITTEN};
use crate::{Content, FileSystem, Place, Run};

/// Bytes of the volume whose use is looked up at once.
const WINDOW: u64 = 64 << 20;
/// Bytes of one file whose use is looked up. A hostile file may claim all of a huge volume many times over.
const MOST_LOOKED_UP: u64 = 1 << 42;

/// How it is known where the content of a deleted file was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Whereabouts {
    /// Its record says so.
    #[default]
    Recorded,
    /// Its record names where it begins; the rest is taken to follow there, in free clusters.
    Guessed,
    /// An older copy of its record says so, which was found in the journal.
    Journal(JournalCopy),
}

impl Whereabouts {
    /// As reports spell it: `record`, `guess` or `journal`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "record",
            Self::Guessed => "guess",
            Self::Journal(_) => "journal",
        }
    }

    /// The copy in the journal, where it is one.
    #[must_use]
    pub const fn journal(self) -> Option<JournalCopy> {
        match self {
            Self::Journal(copy) => Some(copy),
            Self::Recorded | Self::Guessed => None,
        }
    }
}

/// An older copy of a record in a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalCopy {
    /// Sequence number of the transaction that wrote it.
    pub transaction: u32,
    /// When that was committed. `None`: it never was, or its commit block is overwritten.
    pub committed: Option<Timestamp>,
    /// Whether a checksum, or the number of its generation, proves that it is of this file. Otherwise all that can be
    /// compared fits.
    pub proven: bool,
}

/// How much is left of a deleted file's content, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Remains {
    /// Length of the content.
    pub size: u64,
    /// Where nothing else is stored now: in the record, or in clusters that are free. **These may have been used and
    /// freed again since; no filesystem records that.** Holes count, too.
    pub free: u64,
    /// Of these, bytes in clusters that another deleted file had later, or nobody knows which of the two: they are another
    /// file's, most probably. `None` where the other deleted files were not looked at.
    pub shared: Option<u64>,
    /// In clusters that other files use now.
    pub reused: u64,
    /// In clusters of which it cannot be told whether they are free.
    pub unknown: u64,
    /// Whose place is not known any more, or is not on the volume.
    pub lost: u64,
    /// How the places are known.
    pub whereabouts: Whereabouts,
}

impl Remains {
    /// `complete`, `contested` (all of it is in free clusters, some of which another deleted file had later), `partial` or
    /// `nothing`. A complete file can be another's bytes all the same, where clusters were used and freed again by a file
    /// of which nothing is left, and where their places were guessed.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        let shared = match self.shared {
            Some(shared) => shared,
            None => 0,
        };
        if self.free == self.size && shared == 0 {
            "complete"
        } else if self.free == self.size {
            "contested"
        } else if self.free == 0 && self.unknown == 0 {
            "nothing"
        } else {
            "partial"
        }
    }
}

/// How much is left of `content`, `size` bytes of a file or stream of which nothing but its record is left.
#[must_use]
pub fn remains(
    filesystem: &dyn FileSystem,
    content: &Content,
    size: u64,
    whereabouts: Whereabouts,
) -> Remains {
    let mut found = Remains { size, whereabouts, ..Remains::default() };
    match content {
        Content::Runs(runs) => {
            add_runs(filesystem, runs, size, &mut found);
            let stored = found.free.saturating_add(found.reused).saturating_add(found.unknown);
            // What no run covers is a hole.
            found.free = found.free.saturating_add(size.saturating_sub(stored.saturating_add(found.lost)));
        }
        Content::Encoded(runs) => encoded(filesystem, runs, size, &mut found),
        Content::Inline(bytes) => {
            let length = u64::try_from(bytes.len()).unwrap_or(0).min(size);
            found.free = length;
            found.lost = size.saturating_sub(length);
        }
        Content::Opaque => found.unknown = size,
        Content::None => {}
    }
    found
}

/// Compressed bytes: where some of them are gone, so is an unknown share of what they stood for.
fn encoded(filesystem: &dyn FileSystem, runs: &[Run], size: u64, found: &mut Remains) {
    let mut stored = Remains::default();
    let end = runs.last().map_or(0, |run| run.start.saturating_add(run.length));
    add_runs(filesystem, runs, end, &mut stored);
    let all =
        stored.free.saturating_add(stored.reused).saturating_add(stored.unknown).saturating_add(stored.lost);
    let share = |part: u64| {
        let scaled = u128::from(part).saturating_mul(u128::from(size)).checked_div(u128::from(all));
        scaled.and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
    };
    (found.reused, found.unknown, found.lost) =
        (share(stored.reused), share(stored.unknown), share(stored.lost));
    let gone = found.reused.saturating_add(found.unknown).saturating_add(found.lost);
    found.free = size.saturating_sub(gone);
}

fn add_runs(filesystem: &dyn FileSystem, runs: &[Run], size: u64, found: &mut Remains) {
    let mut left = MOST_LOOKED_UP;
    for run in runs.iter().filter(|run| run.start < size) {
        let length = run.length.min(size.saturating_sub(run.start));
        match run.place {
            Place::Zero => found.free = found.free.saturating_add(length),
            Place::Volume(place) if place >= OVERWRITTEN => {
                found.reused = found.reused.saturating_add(length);
            }
            Place::Volume(place) if place >= LOST => found.lost = found.lost.saturating_add(length),
            Place::Volume(place) => {
                let there = filesystem.view().len().saturating_sub(place).min(length);
                found.lost = found.lost.saturating_add(length.saturating_sub(there));
                let asked = there.min(left);
                left = left.saturating_sub(asked);
                found.unknown = found.unknown.saturating_add(there.saturating_sub(asked));
                add_range(filesystem, ByteRange::at(place, asked), found);
            }
        }
    }
}

fn add_range(filesystem: &dyn FileSystem, range: ByteRange, found: &mut Remains) {
    let mut rest = range;
    while !rest.is_empty() {
        let window = rest.truncate(WINDOW);
        rest = ByteRange::new(window.end(), rest.end());
        match filesystem.allocated(window) {
            Ok(used) => {
                let used: u64 = used.within(window).map(ByteRange::len).sum();
                found.reused = found.reused.saturating_add(used);
                found.free = found.free.saturating_add(window.len().saturating_sub(used));
            }
            Err(_) => found.unknown = found.unknown.saturating_add(window.len()),
        }
    }
}
