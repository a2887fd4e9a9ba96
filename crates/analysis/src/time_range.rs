use vminspect_bytes::Timestamp;

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
