use vminspect_bytes::Timestamp;

use crate::extract::Destination;
use crate::{Options, PathFilter};

/// Times from one to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimeRange {
    /// The first time.
    pub from: Option<Timestamp>,
    /// The first time after it.
    pub to: Option<Timestamp>,
}

impl TimeRange {
    /// Whether a time lies in it. How finely its clock ticks does not matter.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        let key = |time: Timestamp| (time.seconds(), time.nanoseconds());
        self.from.is_none_or(|from| key(time) >= key(from)) && self.to.is_none_or(|to| key(time) < key(to))
    }
}

/// What a timeline of the journal tells, and does on the way.
#[derive(Clone, Copy)]
pub struct UsnTimelineOptions<'a> {
    /// Changes that are told.
    pub times: TimeRange,
    /// Paths that are told.
    pub filter: &'a PathFilter,
    /// Which hashes are computed, and whether content is identified.
    pub content: &'a Options,
    /// Whether files that are there are hashed.
    pub hash: bool,
    /// Where files that were created, and are there, are extracted to.
    pub extract: Option<&'a Destination>,
    /// Where what is left of deleted files is written to.
    pub recover: Option<&'a Destination>,
}
