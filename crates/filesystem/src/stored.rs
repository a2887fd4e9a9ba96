//! Content that lies in runs of the volume, as bytes of its own.

use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, Extent, Mapped, Origin, ReadAt, ReadError, Segment, Source};

use crate::{Place, Run};

/// A place that no volume has: it stands for content whose whereabouts are lost. Reading there fails.
pub(crate) const LOST: u64 = 1 << 62;
/// The same for content of a deleted file in clusters that other files use now.
pub(crate) const OVERWRITTEN: u64 = LOST | 1 << 61;

/// Adds a run, to the last one where it goes on there.
pub(crate) fn push_run(runs: &mut SmallVec<[Run; 2]>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.start.saturating_add(last.length) == run.start && continues(*last, run.place) => {
            last.length = last.length.saturating_add(run.length);
        }
        _ => runs.push(run),
    }
}

/// Whether what lies at `place` goes on where a run ends.
fn continues(last: Run, place: Place) -> bool {
    match (last.place, place) {
        (Place::Volume(from), Place::Volume(next)) => from.checked_add(last.length) == Some(next),
        (Place::Zero, Place::Zero) => true,
        _ => false,
    }
}

/// The segments of content of `size` bytes.
pub(crate) fn segments(runs: &[Run], size: u64) -> Vec<Segment> {
    runs.iter()
        .filter(|run| run.start < size)
        .map(|run| Segment {
            start: run.start,
            length: run.length.min(size.saturating_sub(run.start)),
            source: match run.place {
                Place::Volume(offset) => Source::Below(offset),
                Place::Zero => Source::Zero,
            },
        })
        .collect()
}

/// Content of `size` bytes in segments of `view`. It can be opened though a part of it lies past `limit`, the end of
/// the filesystem, or is lost: only reading that part fails.
///
/// # Errors
/// When segments overlap or are not in order.
pub(crate) fn mapped(
    view: &Arc<dyn ReadAt>,
    limit: u64,
    segments: Vec<Segment>,
    size: u64,
) -> Result<Arc<dyn ReadAt>, ReadError> {
    let view = Arc::clone(view);
    let limit = limit.min(view.len());
    let sound = segments.iter().all(|segment| match segment.source {
        Source::Below(offset) => offset.checked_add(segment.length).is_some_and(|end| end <= limit),
        _ => true,
    });
    if sound {
        return Ok(Arc::new(Mapped::sparse(view, segments, size)?));
    }
    Ok(Arc::new(Mapped::sparse(Guarded { view, limit }, segments, size)?))
}

/// A view on which every position exists, so that a file can be opened of which only a part can be read.
struct Guarded {
    view: Arc<dyn ReadAt>,
    limit: u64,
}

impl ReadAt for Guarded {
    fn len(&self) -> u64 {
        u64::MAX
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        if offset.saturating_add(length) <= self.limit {
            return self.view.read_exact_at(offset, buf);
        }
        if offset >= OVERWRITTEN {
            return Err(ReadError::corrupt("content of a deleted file")
                .at(offset.saturating_sub(OVERWRITTEN))
                .found("a part whose clusters another file uses now"));
        }
        if offset >= LOST {
            return Err(ReadError::corrupt("file content")
                .at(offset.saturating_sub(LOST))
                .found("a part whose place is lost, since what maps it is damaged"));
        }
        Err(ReadError::past_end("file content", offset, length, self.limit))
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        let sound = range.truncate(self.limit.saturating_sub(range.start()));
        if sound.is_empty() {
            return Ok(Extent { range, origin: Origin::Unknown });
        }
        self.view.extent_at(sound)
    }
}
