//! What a comparison of event logs finds.

use vminspect_guest::Coverage;

use super::events::EventBrief;
use crate::finding::GuestPath;

/// An event that only the second side has.
pub type EventFacts = EventBrief;

/// What became of a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LogFate {
    /// Only the second side has it.
    Created,
    /// Only the first side has it.
    Deleted,
    /// None of the first side's records is left, and an event says that the log was cleared, or its ids began anew.
    Cleared,
    /// Records of the first side are gone, and others or later ones are there: a log that is full overwrites its oldest
    /// ones.
    Overwritten,
    /// None of the first side's records is left, and nothing tells why.
    Replaced,
    /// Records of the first side are gone, and the log of the second side could not be read whole.
    Damaged,
}

impl LogFate {
    /// As reports spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Deleted => "deleted",
            Self::Cleared => "cleared",
            Self::Overwritten => "overwritten",
            Self::Replaced => "replaced",
            Self::Damaged => "damaged",
        }
    }
}

/// A log of which more changed than that records were added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogChange {
    /// Path of its file in the guest.
    pub log: GuestPath,
    /// What became of it.
    pub fate: LogFate,
    /// Records of the first side that are gone.
    pub gone: u64,
    /// The lowest and the highest id of these.
    pub gone_ids: Option<(u64, u64)>,
}

/// What was logged between two disks.
#[derive(Clone, Debug, Default)]
pub struct EventComparison {
    /// Records that only the second side has, log by log, in the order of their ids.
    pub created: Vec<EventFacts>,
    /// Logs that were created, deleted, or that lost records.
    pub logs: Vec<LogChange>,
    /// What could not be read.
    pub coverage: Coverage,
}

impl EventComparison {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.logs.is_empty()
    }
}
