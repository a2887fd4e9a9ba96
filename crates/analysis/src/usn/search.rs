//! Records of the journal in space that no file uses.

use std::io;

use vminspect_artefact::usn::{Record, carve};
use vminspect_bytes::{ByteRange, RangeSet};
use vminspect_filesystem::{Content, FileSystem, Place, Run};
use vminspect_guest::{Coverage, Guest};

use super::JournalErrors;

/// Bytes that are looked through at once.
const WINDOW: u64 = 4 << 20;
/// Windows overlap by what the longest record that is looked for has, so that none is cut.
const OVERLAP: u64 = 1 << 12;
/// Bytes of the volume whose use is looked up at once.
const STEP: u64 = 256 << 20;

/// What takes a record that was found. Its offset is a position of the volume.
pub type CarvedSink<'a> = &'a mut dyn FnMut(&Record<'_>) -> io::Result<()>;

/// Looks for records of a change journal in the clusters of a volume that no file uses, and in what the last
/// clusters of files hold behind the files' ends.
///
/// # Errors
/// Those of `sink`. What cannot be read stands in the coverage.
pub fn carve_volume(guest: &Guest, volume: usize, sink: CarvedSink<'_>) -> io::Result<Coverage> {
    let mut coverage = Coverage::default();
    let Some(volume) = guest.volumes().get(volume) else { return Ok(coverage) };
    let Some(filesystem) = &volume.filesystem else { return Ok(coverage) };
    let mut carver =
        Carver { filesystem: &**filesystem, sink, buffer: Vec::new(), problems: JournalErrors::default() };
    let end = filesystem.view().len();
    let mut looked_at = RangeSet::default();
    let mut start = 0;
    while start < end {
        let step = ByteRange::at(start, STEP.min(end.saturating_sub(start)));
        match filesystem.allocated(step) {
            Ok(used) => {
                for area in RangeSet::of(step).without(&used).ranges() {
                    carver.area(*area)?;
                    looked_at.insert(*area);
                }
            }
            Err(error) => coverage.add_error(guest.image(), &volume.prefix, error.family(), &error),
        }
        start = step.end();
    }
    // Hostile files can claim the same clusters again and again.
    let mut slack_areas = RangeSet::default();
    slack(&**filesystem).into_iter().for_each(|area| slack_areas.insert(area));
    for area in slack_areas.without(&looked_at).ranges() {
        carver.area(*area)?;
    }
    carver.problems.tell(guest.image(), &volume.prefix, &mut coverage);
    Ok(coverage)
}

struct Carver<'a> {
    filesystem: &'a dyn FileSystem,
    sink: CarvedSink<'a>,
    buffer: Vec<u8>,
    problems: JournalErrors,
}

impl Carver<'_> {
    fn area(&mut self, area: ByteRange) -> io::Result<()> {
        let mut rest = area;
        while !rest.is_empty() {
            let window = rest.truncate(WINDOW);
            // Records that begin in the overlap are found in the next window.
            let next =
                if window.end() == rest.end() { rest.end() } else { window.end().saturating_sub(OVERLAP) };
            self.window(window, next)?;
            rest = ByteRange::new(next, rest.end());
        }
        Ok(())
    }

    /// Looks through a window page by page. A record that two pages share is lost.
    fn pieces(&mut self, window: ByteRange, next: u64) -> io::Result<()> {
        let mut rest = ByteRange::new(window.start(), next);
        while !rest.is_empty() {
            let piece = rest.truncate(OVERLAP);
            self.window(piece, piece.end())?;
            rest = ByteRange::new(piece.end(), rest.end());
        }
        Ok(())
    }

    fn window(&mut self, window: ByteRange, next: u64) -> io::Result<()> {
        self.buffer.resize(usize::try_from(window.len()).unwrap_or(0), 0);
        if let Err(error) = self.filesystem.view().read_exact_at(window.start(), &mut self.buffer) {
            if window.len() <= OVERLAP {
                self.problems.add(&error);
                return Ok(());
            }
            // What can be read of it is looked through by itself.
            return self.pieces(window, next);
        }
        let mut result = Ok(());
        carve(&self.buffer, window.start(), |record| {
            if result.is_ok() && record.offset < next {
                result = (self.sink)(&record);
            }
        });
        result
    }
}

/// What the clusters of files hold behind the files' ends.
fn slack(filesystem: &dyn FileSystem) -> Vec<ByteRange> {
    let scan = filesystem.scan(None, false);
    let mut found = Vec::new();
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| {
            let Ok(record) = record else { return };
            add_slack(&record.content, record.metadata.size, &mut found);
            for stream in &record.streams {
                add_slack(&stream.content, stream.size, &mut found);
            }
        });
    }
    // In their order, they are joined at the end of the set.
    found.sort_unstable_by_key(|area| (area.start(), area.end()));
    found
}

fn add_slack(content: &Content, size: u64, found: &mut Vec<ByteRange>) {
    let Content::Runs(runs) = content else { return };
    for Run { start, length, place } in
        runs.iter().rev().take_while(|run| run.start.saturating_add(run.length) > size)
    {
        let Place::Volume(place) = place else { continue };
        let used = size.saturating_sub(*start);
        found.push(ByteRange::at(place.saturating_add(used), length.saturating_sub(used)));
    }
}
