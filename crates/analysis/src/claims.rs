//! Which deleted files had the same clusters one after the other. Free clusters hold what was written to them last: of
//! several files that had one, its bytes are those of the last at best.

use std::collections::BTreeMap;

use vminspect_bytes::ByteRange;
use vminspect_filesystem::{Content, Place, Record, Remains, Whereabouts};

/// Runs that are kept track of: some 100 bytes each while they are sorted.
const MOST_CLAIMS: usize = 1 << 20;
/// Stretches that are looked at for one file. What is behind counts as shared.
const MOST_STRETCHES: usize = 1 << 16;
/// No volume reaches so far: places from here on are no places.
const NOWHERE: u64 = 1 << 61;

/// When a file was written last, as far as its record tells. Only compared with others of its filesystem.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Written(i128);

impl Written {
    /// By the transaction that wrote the record, or by the times in it.
    fn of(record: &Record) -> Self {
        if let Whereabouts::Journal(copy) = record.whereabouts {
            return Self(copy.transaction.into());
        }
        let times = &record.metadata.times;
        let last = times.modified.max(times.created).or(times.changed);
        Self(last.map_or(i128::MAX, |time| {
            i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds())
        }))
    }
}

/// The runs of deleted files, while they are gathered.
#[derive(Default)]
pub(crate) struct Gathered {
    runs: Vec<(ByteRange, Written)>,
    /// Runs that were too many.
    pub(crate) untold: u64,
}

impl Gathered {
    /// Adds the runs of a deleted file.
    pub(crate) fn add(&mut self, record: &Record) {
        let written = Written::of(record);
        let streams = record.streams.iter().map(|stream| &stream.content);
        for range in std::iter::once(&record.content).chain(streams).flat_map(ranges) {
            if self.runs.len() >= MOST_CLAIMS {
                self.untold += 1;
            } else {
                self.runs.push((range, written));
            }
        }
    }

    /// Sorts them by place.
    pub(crate) fn finish(self) -> Claims {
        let mut edges: Vec<(u64, bool, Written)> = Vec::with_capacity(self.runs.len() * 2);
        for (range, written) in self.runs {
            edges.push((range.start(), true, written));
            edges.push((range.end(), false, written));
        }
        edges.sort_unstable();
        let (mut stretches, mut active) = (Vec::new(), BTreeMap::<Written, u32>::new());
        let mut at = 0;
        for (position, begins, written) in edges {
            if position > at
                && let Some((last, count)) = active.last_key_value()
            {
                let several = *count > 1 || active.len() > 1;
                if several {
                    stretches.push(Stretch {
                        range: ByteRange::new(at, position),
                        last: *last,
                        is_tie: *count > 1,
                    });
                }
            }
            at = position;
            if begins {
                *active.entry(written).or_default() += 1;
            } else if let Some(count) = active.get_mut(&written) {
                *count -= 1;
                if *count == 0 {
                    active.remove(&written);
                }
            }
        }
        Claims { stretches }
    }
}

/// A stretch that several deleted files had.
struct Stretch {
    range: ByteRange,
    /// When the last of them was written.
    last: Written,
    /// Whether several were written then.
    is_tie: bool,
}

/// The stretches of a filesystem that several deleted files had, sorted by place.
#[derive(Default)]
pub(crate) struct Claims {
    stretches: Vec<Stretch>,
}

impl Claims {
    /// Adds to what is left of a deleted file, or of a stream of it, how much of that another had later, or nobody knows
    /// which of the two.
    pub(crate) fn apply(&self, record: &Record, content: &Content, remains: &mut Remains) {
        let written = Written::of(record);
        let shared = ranges(content).map(|range| self.shared(range, written)).fold(0, u64::saturating_add);
        remains.shared = Some(shared.min(remains.free));
    }

    fn shared(&self, range: ByteRange, written: Written) -> u64 {
        let first = self.stretches.partition_point(|stretch| stretch.range.end() <= range.start());
        let mut shared = 0_u64;
        for (count, stretch) in self.stretches[first..].iter().enumerate() {
            if stretch.range.start() >= range.end() {
                break;
            }
            let part = stretch.range.intersection(range);
            if count >= MOST_STRETCHES {
                return shared.saturating_add(range.end().saturating_sub(part.start()));
            }
            if stretch.last > written || stretch.is_tie {
                shared = shared.saturating_add(part.len());
            }
        }
        shared
    }
}

/// The places of content on the volume, up to its length.
fn ranges(content: &Content) -> impl Iterator<Item = ByteRange> + '_ {
    let runs = match content {
        Content::Runs(runs) | Content::Encoded(runs) => runs.as_slice(),
        Content::Inline(_) | Content::Opaque | Content::None => &[],
    };
    runs.iter().filter_map(|run| match run.place {
        Place::Volume(place) if place < NOWHERE && run.length > 0 => Some(ByteRange::at(place, run.length)),
        Place::Volume(_) | Place::Zero => None,
    })
}
