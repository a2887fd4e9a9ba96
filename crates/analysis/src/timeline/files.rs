//! Files to events.

use vminspect_bytes::Timestamp;
use vminspect_filesystem::{FileId, Times};

use super::event::{Event, Reason, Source};
use super::row::{FileRow, Signs, State};
use crate::Period;

/// Makes events of rows.
#[derive(Clone, Copy, Debug)]
pub struct FileEvents {
    /// Whether the times of `$FILE_NAME` are events, too.
    pub name_times: bool,
    /// The time that is looked at.
    pub period: Period,
}

impl FileEvents {
    /// Appends the events of a row, each after its length as [`super::run`] reads them back.
    pub(super) fn push(&self, row: &FileRow<'_>, out: &mut Vec<u8>) {
        // What the record says is no longer of the file that had the name.
        if row.state == State::Reallocated {
            return;
        }
        let local = row.local_times();
        let signs = Signs { si_before_fn: row.si_before_fn(), ..Signs::default() };
        let base = Base { row, source: Source::File, path: row.path, signs };
        let times = row.times();
        for (reason, time, local) in [
            (Reason::Access, times.accessed, local.accessed),
            (Reason::Change, times.modified, local.modified),
            (Reason::AttributeChange, times.changed, false),
            (Reason::Creation, times.created, local.created),
            (Reason::Deletion, times.deleted, false),
        ] {
            self.event(&base, reason, time, local, out);
        }
        if self.name_times && row.is_first {
            for name in &row.facts.names {
                let path = row.path_of_name(name);
                let base = Base { row, source: Source::FileName, path: &path, signs: Signs::default() };
                for (reason, time) in reasons(name.times) {
                    self.event(&base, reason, time, false, out);
                }
            }
        }
    }

    fn event(
        &self,
        base: &Base<'_>,
        reason: Reason,
        time: Option<Timestamp>,
        local: bool,
        out: &mut Vec<u8>,
    ) {
        // A time of 0 stands for none, and none of these clocks ran before 1970.
        let Some(time) = time.filter(|time| (time.seconds(), time.nanoseconds()) > (0, 0)) else { return };
        if !self.period.contains(time) {
            return;
        }
        let row = base.row;
        let metadata = &row.record.metadata;
        let of_time = Signs::of_time(time, row.last_use);
        let event = Event {
            time,
            local,
            source: base.source,
            reason,
            volume: u16::try_from(row.volume).unwrap_or(u16::MAX),
            file: FileId(metadata.id.0),
            size: metadata.size,
            allocated: row.state.is_allocated(),
            kind: Some(metadata.kind),
            signs: Signs { si_before_fn: base.signs.si_before_fn, ..of_time },
            encoding: row.filesystem.name_encoding(),
            path: base.path,
            detail: "",
        };
        push_framed(&event, out);
    }
}

/// What the events of one record have in common.
struct Base<'a> {
    row: &'a FileRow<'a>,
    source: Source,
    path: &'a [u8],
    signs: Signs,
}

fn reasons(times: Times) -> [(Reason, Option<Timestamp>); 4] {
    [
        (Reason::Access, times.accessed),
        (Reason::Change, times.modified),
        (Reason::AttributeChange, times.changed),
        (Reason::Creation, times.created),
    ]
}

/// Appends an event behind its length.
pub(super) fn push_framed(event: &Event<'_>, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    event.push_to(out);
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Hands out what [`push_framed`] appended.
pub(super) fn each_framed(
    mut bytes: &[u8],
    take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((event, rest)) = rest.split_at_checked(length) else { return Ok(()) };
        take(event)?;
        bytes = rest;
    }
    Ok(())
}
