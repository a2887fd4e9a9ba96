//! All events of a guest, sorted.

use std::io;

use vminspect_bytes::{ReadAtExt, Timestamp, host_bytes_read};
use vminspect_guest::{Coverage, Guest, HiveKind};

use super::event::{Event, Source};
use super::files::{FileEvents, each_framed};
use super::sort::Sorter;
use super::volume::{Reading, rows};
use crate::digest::Digests;
use crate::facts::KnownFiles;
use crate::finding::{GuestPath, Statistics};
use crate::{Options, Period, Progress, Stage};

/// What a timeline holds, besides what the [`Options`] say.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimelineOptions {
    /// Whether the times of `$FILE_NAME` are events, too.
    pub name_times: bool,
    /// The time that is looked at.
    pub period: Period,
    /// Whether the latest event comes first.
    pub reverse: bool,
    /// Whether to hash the content of files.
    pub hash: bool,
}

/// What the content of an event's file is, where that was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Its hashes: of regular files in use.
    pub digests: Option<Digests>,
    /// What it is, as libmagic would say it.
    pub file_type: Option<String>,
}

/// What a timeline came to.
#[derive(Clone, Debug, Default)]
pub struct TimelineSummary {
    /// Events that were handed out. 0 of rows of files.
    pub events: u64,
    /// What could not be read.
    pub coverage: Coverage,
    /// What it took.
    pub statistics: Statistics,
}

/// Something besides files that tells what happened when.
pub trait EventSource: Sync {
    /// Hands its events to `take`, in any order. Those that the filter or the period leave out may be among them.
    ///
    /// # Errors
    /// Those of `take`. What cannot be read is no error here but stands in the coverage.
    fn events(
        &self,
        guest: &Guest,
        progress: &dyn Progress,
        take: &mut dyn FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<Coverage>;
}

/// Hands all events of a guest's files and of `sources` to `sink`, in the order of their times; equal times are in the
/// order of sources, volumes, files, reasons and paths.
///
/// Work runs on the threads of the current rayon pool. Sorting takes half of the options' memory; above it, events go
/// to a temporary file.
///
/// # Errors
/// Those of `sink`, and of the temporary file. What cannot be read of the guest is no error here but stands in the
/// coverage.
pub fn timeline(
    guest: &Guest,
    options: &Options,
    what: TimelineOptions,
    sources: &[&dyn EventSource],
    progress: &dyn Progress,
    sink: &mut dyn FnMut(&Event<'_>, &Told) -> io::Result<()>,
) -> io::Result<TimelineSummary> {
    let half = options.memory / 2;
    let mut sorter = Sorter::new(half.saturating_sub(32 << 20), what.reverse);
    let tables = Options { memory: half.saturating_add(32 << 20), ..options.clone() };
    let events = FileEvents { name_times: what.name_times, period: what.period };
    let mut known = Vec::new();
    let reading =
        Reading { last_uses: last_uses(guest), known: (what.hash || options.identify).then_some(&mut known) };
    let coverage =
        rows(guest, &tables, reading, progress, &|row, out| events.push(row, out), &mut |bytes| {
            each_framed(bytes, &mut |event| sorter.push(event))
        })?;
    let mut summary = TimelineSummary { coverage, ..TimelineSummary::default() };
    let mut bytes = Vec::new();
    for source in sources {
        summary.coverage.extend(source.events(guest, progress, &mut |event| {
            if !what.period.contains(event.time) || !takes(options, event) {
                return Ok(());
            }
            bytes.clear();
            event.push_to(&mut bytes);
            sorter.push(&bytes)
        })?);
    }
    progress.stage(Stage::Sorting, 0);
    sorter.finish()?.each(&mut |bytes| {
        let event = Event::parse(bytes).ok_or(io::ErrorKind::InvalidData)?;
        summary.events += 1;
        progress.advance(1);
        sink(&event, &told(&known, &event))
    })?;
    summary.statistics.host_bytes_read = host_bytes_read();
    Ok(summary)
}

/// What is known of the content of an event's file. What could not be read stands in the coverage.
fn told(known: &[(usize, KnownFiles)], event: &Event<'_>) -> Told {
    let of_volume = known.iter().find(|(volume, _)| *volume == usize::from(event.volume));
    let is_file = matches!(event.source, Source::File | Source::FileName) && event.allocated;
    let known = of_volume.filter(|_| is_file).and_then(|(_, known)| known.get(event.file).ok());
    known.map_or_else(Told::default, |known| Told { digests: known.digests, file_type: known.file_type })
}

fn takes(options: &Options, event: &Event<'_>) -> bool {
    options.filter.takes_all() || options.filter.takes(&GuestPath::new(event.path.to_vec(), event.encoding))
}

/// When each volume was last in use: by its own account, or, of a Windows, by when its hives were last written, which
/// happens until it shuts down.
fn last_uses(guest: &Guest) -> Vec<Option<Timestamp>> {
    let mut last: Vec<Option<Timestamp>> = guest
        .volumes()
        .iter()
        .map(|volume| volume.filesystem.as_ref().and_then(|filesystem| filesystem.last_use()))
        .collect();
    let (hives, _) = guest.hives();
    for hive in hives.iter().filter(|hive| hive.kind == HiveKind::Live) {
        let header = hive.bytes(guest).ok().and_then(|bytes| bytes.read_vec(0, 20).ok());
        let written = header.as_deref().and_then(written_at);
        if let Some(volume) = last.get_mut(hive.located.volume) {
            *volume = (*volume).max(written);
        }
    }
    last
}

/// When a hive was last written, by its first block.
fn written_at(header: &[u8]) -> Option<Timestamp> {
    let ticks = header.get(12..20).and_then(|ticks| ticks.first_chunk::<8>());
    let ticks = ticks.map(|ticks| u64::from_le_bytes(*ticks)).filter(|ticks| *ticks > 0)?;
    header.starts_with(b"regf").then(|| Timestamp::from_filetime(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hive_says_when_it_was_written() {
        let mut header = b"regf\x01\0\0\0\x01\0\0\0".to_vec();
        header.extend_from_slice(&116_444_736_010_000_000_u64.to_le_bytes());
        assert_eq!(written_at(&header), Some(Timestamp::from_filetime(116_444_736_010_000_000)));
        assert_eq!(written_at(&header[..19]), None);
        header[12..].fill(0);
        assert_eq!(written_at(&header), None);
        assert_eq!(written_at(b"regX................"), None);
    }
}
