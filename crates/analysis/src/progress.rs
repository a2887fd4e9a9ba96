/// Hears how far an analysis is. Called from many threads.
pub trait Progress: Send + Sync {
    /// A new stage begins, of `total` steps or bytes; 0 when that is not known.
    fn stage(&self, stage: Stage, total: u64);
    /// `amount` more of the current stage is done.
    fn advance(&self, amount: u64);
}

/// What an analysis is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reading the records and names of the first, or only, disk. Counts files.
    Walking,
    /// Reading what differs of the second disk. Counts files.
    WalkingSecond,
    /// Reading both sides of what may differ. Counts bytes.
    Comparing,
    /// Hashing. Counts bytes.
    Hashing,
    /// Reading the registry. Counts hives.
    Registry,
    /// Reading change journals. Counts journals.
    Journal,
    /// Reading event logs. Counts logs.
    EventLogs,
    /// Putting the events of a timeline in order. Counts events.
    Sorting,
}

impl Stage {
    /// The stage for a person.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Walking => "walking",
            Self::WalkingSecond => "walking the second disk",
            Self::Comparing => "comparing",
            Self::Hashing => "hashing",
            Self::Registry => "reading the registry",
            Self::Journal => "reading change journals",
            Self::EventLogs => "reading event logs",
            Self::Sorting => "sorting",
        }
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: Stage, _: u64) {}
    fn advance(&self, _: u64) {}
}
