use crate::extract::Destination;
use crate::{Options, PathFilter, Period};

/// What a timeline of the journal tells, and does on the way.
#[derive(Clone, Copy)]
pub struct UsnTimelineOptions<'a> {
    /// Changes that are told.
    pub times: Period,
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
