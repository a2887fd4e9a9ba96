//! How much happened when: counts of events in equal stretches of time, in memory that does not grow with them.

use std::collections::BTreeMap;

use super::event::{Event, Reason, Source};

/// Stretches in which something happened that are kept. Where there are more, they are made longer.
const MOST_SLOTS: usize = 8192;
/// Seconds of a stretch, each a part of the next.
const WIDTHS: [i64; 7] = [1, 10, 60, 600, 3600, 21_600, 86_400];
/// Events of each kind: by source, and by reason in it.
const KINDS: usize = Source::ALL.len() * Reason::ALL.len();

/// Counts of events over time, by source and reason.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Seconds of a stretch.
    width: i64,
    /// Stretches by their number from 1970 on; those in which nothing happened are left out.
    slots: BTreeMap<i64, [u32; KINDS]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { width: 1, slots: BTreeMap::new(), total: 0 }
    }
}

impl Histogram {
    /// Counts an event.
    pub fn add(&mut self, event: &Event<'_>) {
        let slot = self.slots.entry(event.time.seconds().div_euclid(self.width)).or_insert([0; KINDS]);
        if let Some(count) = slot.get_mut(kind(event.source, event.reason)) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
        while self.slots.len() > MOST_SLOTS {
            self.widen();
        }
    }

    /// Makes stretches longer: by parts of a day, so that no stretch reaches from one day into another, and then by days.
    fn widen(&mut self) {
        let next = WIDTHS.iter().copied().find(|width| *width > self.width);
        let next = next.unwrap_or_else(|| self.width.saturating_mul(2));
        let factor = next / self.width;
        self.width = next;
        let mut wider: BTreeMap<i64, [u32; KINDS]> = BTreeMap::new();
        for (number, counts) in std::mem::take(&mut self.slots) {
            let slot = wider.entry(number.div_euclid(factor)).or_insert([0; KINDS]);
            slot.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.saturating_add(count));
        }
        self.slots = wider;
    }

    /// How many events there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Seconds of a stretch.
    #[must_use]
    pub fn width(&self) -> i64 {
        self.width
    }

    /// The first second of each stretch in which something happened, and how often each thing did, in order.
    pub fn slots(&self) -> impl DoubleEndedIterator<Item = (i64, Counts<'_>)> {
        self.slots.iter().map(|(number, counts)| (number.saturating_mul(self.width), Counts(counts)))
    }
}

/// How often each thing happened in a stretch.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a>(&'a [u32; KINDS]);

impl Counts<'_> {
    /// How often one thing happened.
    #[must_use]
    pub fn of(&self, source: Source, reason: Reason) -> u64 {
        self.0.get(kind(source, reason)).copied().unwrap_or(0).into()
    }

    /// How often anything happened.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }
}

fn kind(source: Source, reason: Reason) -> usize {
    source as usize * Reason::ALL.len() + reason as usize
}

#[cfg(test)]
mod tests {
    use vminspect_bytes::{Resolution, Timestamp};
    use vminspect_filesystem::{FileId, NameEncoding};

    use super::*;
    use crate::timeline::Signs;

    fn event(seconds: i64, reason: Reason) -> Event<'static> {
        Event {
            time: Timestamp::from_unix(seconds, 0, Resolution::Second),
            local: false,
            source: Source::File,
            reason,
            volume: 0,
            file: FileId(1),
            size: 0,
            allocated: true,
            kind: None,
            signs: Signs::default(),
            encoding: NameEncoding::Bytes,
            path: b"/a",
            detail: "",
        }
    }

    #[test]
    fn counts_stay_right_while_stretches_widen() {
        let mut histogram = Histogram::default();
        let times = (0..50_000_i64).map(|number| (number * 7919) % 1_000_003 - 500_000);
        times.for_each(|time| histogram.add(&event(time, Reason::Access)));
        histogram.add(&event(i64::MAX, Reason::Change));
        histogram.add(&event(i64::MIN, Reason::Change));
        assert!(histogram.slots().count() <= MOST_SLOTS);
        assert!(histogram.width() > 1 && histogram.width() <= 600);
        assert_eq!(histogram.total(), 50_002);
        assert_eq!(histogram.slots().map(|(_, counts)| counts.sum()).sum::<u64>(), 50_002);
        let changes =
            histogram.slots().map(|(_, counts)| counts.of(Source::File, Reason::Change)).sum::<u64>();
        assert_eq!(changes, 2);
    }
}
