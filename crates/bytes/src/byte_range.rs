use std::fmt;

/// A half-open range of byte positions, `start..end`.
///
/// Unlike [`std::ops::Range`] it is `Copy`, and its constructors make sure that `start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// The range `start..end`; empty at `start` when `end` lies before it.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Self {
        if end < start { Self { start, end: start } } else { Self { start, end } }
    }

    /// The `length` bytes from `start`, cut where they would pass `u64::MAX`.
    #[must_use]
    pub const fn at(start: u64, length: u64) -> Self {
        Self { start, end: start.saturating_add(length) }
    }

    /// First position.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The position after the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Bytes in the range.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "start <= end by construction")]
    pub const fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether it holds no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `position` lies in the range.
    #[must_use]
    pub const fn contains(self, position: u64) -> bool {
        self.start <= position && position < self.end
    }

    /// The part that both ranges share; empty when they do not meet.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Whether the ranges share a byte.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// The first `length` bytes, or all of it when it is shorter.
    #[must_use]
    pub fn truncate(self, length: u64) -> Self {
        Self { start: self.start, end: self.end.min(self.start.saturating_add(length)) }
    }

    /// The range moved up by `by`, or `None` when it would pass `u64::MAX`.
    #[must_use]
    pub fn shifted(self, by: u64) -> Option<Self> {
        Some(Self { start: self.start.checked_add(by)?, end: self.end.checked_add(by)? })
    }

    /// The smallest range of whole `unit`s that holds this one. `unit` must not be 0.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the unit is at least 1 and remainders are smaller than it"
    )]
    pub fn aligned_out(self, unit: u64) -> Self {
        let unit = unit.max(1);
        let end = match self.end % unit {
            0 => self.end,
            rest => self.end.saturating_add(unit - rest),
        };
        Self { start: self.start - self.start % unit, end }
    }
}

impl fmt::Debug for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

impl From<std::ops::Range<u64>> for ByteRange {
    fn from(range: std::ops::Range<u64>) -> Self {
        Self::new(range.start, range.end)
    }
}
