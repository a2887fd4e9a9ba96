use crate::ByteRange;

/// A set of byte positions, kept as sorted ranges that neither touch nor overlap.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RangeSet {
    ranges: Vec<ByteRange>,
}

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// The set of one range.
    #[must_use]
    pub fn of(range: ByteRange) -> Self {
        let mut set = Self::new();
        set.insert(range);
        set
    }

    /// Adds a range. Cheap when ranges come in order.
    pub fn insert(&mut self, range: ByteRange) {
        if range.is_empty() {
            return;
        }
        match self.ranges.last_mut() {
            None => self.ranges.push(range),
            Some(last) if last.end() < range.start() => self.ranges.push(range),
            Some(last) if last.start() <= range.start() => {
                *last = ByteRange::new(last.start(), last.end().max(range.end()));
            }
            Some(_) => self.insert_inside(range),
        }
    }

    fn insert_inside(&mut self, range: ByteRange) {
        let first = self.ranges.partition_point(|r| r.end() < range.start());
        let after = self.ranges.partition_point(|r| r.start() <= range.end());
        let mut merged = range;
        for old in self.ranges.get(first..after).unwrap_or_default() {
            merged = ByteRange::new(merged.start().min(old.start()), merged.end().max(old.end()));
        }
        self.ranges.splice(first..after, [merged]);
    }

    /// The ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> &[ByteRange] {
        &self.ranges
    }

    /// Whether it holds no position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many positions it holds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ranges.iter().fold(0, |sum, range| sum.saturating_add(range.len()))
    }

    /// Whether it holds a position of `range`.
    #[must_use]
    pub fn intersects(&self, range: ByteRange) -> bool {
        self.within(range).next().is_some()
    }

    /// Whether it holds every position of `range`.
    #[must_use]
    pub fn covers(&self, range: ByteRange) -> bool {
        range.is_empty() || self.within(range).next() == Some(range)
    }

    /// The parts of the set inside `range`, in order.
    pub fn within(&self, range: ByteRange) -> impl Iterator<Item = ByteRange> + '_ {
        let first = self.ranges.partition_point(|r| r.end() <= range.start());
        self.ranges
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(move |r| r.start() < range.end())
            .map(move |r| r.intersection(range))
            .filter(|r| !r.is_empty())
    }

    /// The positions that both sets hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::new();
        let (mut left, mut right) =
            (self.ranges.iter().copied().peekable(), other.ranges.iter().copied().peekable());
        while let (Some(a), Some(b)) = (left.peek().copied(), right.peek().copied()) {
            both.insert(a.intersection(b));
            if a.end() <= b.end() {
                left.next();
            } else {
                right.next();
            }
        }
        both
    }

    /// The positions of this set that `other` does not hold.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self::new();
        for range in &self.ranges {
            let mut start = range.start();
            for held in other.within(*range) {
                rest.insert(ByteRange::new(start, held.start()));
                start = held.end();
            }
            rest.insert(ByteRange::new(start, range.end()));
        }
        rest
    }

    /// The positions of both sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut ranges: Vec<ByteRange> = self.ranges.iter().chain(&other.ranges).copied().collect();
        ranges.sort_unstable();
        ranges.into_iter().collect()
    }

    /// The set with every range widened to whole `unit`s.
    #[must_use]
    pub fn aligned_out(&self, unit: u64) -> Self {
        self.ranges.iter().map(|range| range.aligned_out(unit)).collect()
    }
}

impl FromIterator<ByteRange> for RangeSet {
    fn from_iter<I: IntoIterator<Item = ByteRange>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}
