//! What the change journals say.

use std::io;

use vminspect_artefact::usn::FlagField;
use vminspect_filesystem::{FileId, FileKind, NameEncoding};
use vminspect_guest::{Coverage, Guest};

use super::event::{Event, Reason, Source};
use super::row::Signs;
use super::run::EventSource;
use crate::usn::{UsnRow, UsnTimelineOptions, change_journals, usn_timeline};
use crate::{Options, Period, Progress, Stage};

/// The change journals of all volumes of NTFS: adjacent records of one file, name and time are one event.
#[derive(Clone, Copy, Debug)]
pub struct UsnSource;

impl EventSource for UsnSource {
    fn events(
        &self,
        guest: &Guest,
        progress: &dyn Progress,
        take: &mut dyn FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<Coverage> {
        let (journals, mut coverage) = change_journals(guest);
        progress.stage(Stage::Journal, journals.len() as u64);
        let everything = Options::default();
        let options = UsnTimelineOptions {
            times: Period::default(),
            filter: &everything.filter,
            content: &everything,
            hash: false,
            extract: None,
            recover: None,
        };
        for journal in &journals {
            let volume = guest.volumes().get(journal.volume).map(|volume| volume.position);
            let volume = volume.and_then(|position| u16::try_from(position).ok()).unwrap_or(u16::MAX);
            let mut told = |row: &UsnRow<'_>| {
                let detail = detail(row);
                take(&event(row, volume, &detail))
            };
            coverage.extend(usn_timeline(guest, journal, &options, &mut told)?);
            progress.advance(1);
        }
        Ok(coverage)
    }
}

fn event<'a>(row: &'a UsnRow<'_>, volume: u16, detail: &'a str) -> Event<'a> {
    let is_directory = row.attributes & vminspect_artefact::usn::ATTRIBUTE_DIRECTORY != 0;
    let number = row.file.parts();
    Event {
        time: row.time,
        local: false,
        source: Source::Usn,
        reason: Reason::Journal,
        volume,
        file: FileId(number.map_or(0, |(record, sequence)| record & 0xffff_ffff | u64::from(sequence) << 32)),
        size: row.now.size.unwrap_or(0),
        allocated: row.now.allocated,
        kind: Some(if is_directory { FileKind::Directory } else { FileKind::Regular }),
        signs: Signs::default(),
        encoding: NameEncoding::Wtf8,
        path: &row.path.bytes,
        detail,
    }
}

/// The reasons, and what is noteworthy.
fn detail(row: &UsnRow<'_>) -> String {
    let mut text = FlagField::Reason.joined(row.reasons, "");
    if row.transient {
        text.push_str(" (created and deleted within the journal)");
    }
    if let Some(problem) = row.problem {
        text.push_str(&format!(" ({problem})"));
    }
    text
}
