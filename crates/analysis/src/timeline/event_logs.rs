//! What the event logs of Windows say.

use std::io;

use vminspect_filesystem::{FileId, NameEncoding};
use vminspect_guest::{Coverage, Guest};

use super::event::{Event, Reason, Source};
use super::row::Signs;
use super::run::EventSource;
use crate::event_log::{EventBrief, EventFilter, EventLog, each_event};
use crate::{Progress, Stage};

/// The records of all event logs of a Windows.
#[derive(Clone, Copy, Debug)]
pub struct EventLogSource;

impl EventSource for EventLogSource {
    fn events(
        &self,
        guest: &Guest,
        progress: &dyn Progress,
        take: &mut dyn FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<Coverage> {
        let (logs, mut coverage) = EventLog::all_of(guest);
        progress.stage(Stage::EventLogs, logs.len() as u64);
        let summary = each_event(&logs, &EventFilter::default(), false, |brief| {
            let detail = detail(&brief);
            take(&event(&brief, &detail))
        })?;
        coverage.extend(summary.coverage);
        Ok(coverage)
    }
}

fn event<'a>(brief: &'a EventBrief, detail: &'a str) -> Event<'a> {
    Event {
        time: brief.time,
        local: false,
        source: Source::EventLog,
        reason: Reason::Logged,
        volume: u16::MAX,
        file: FileId(brief.record_id),
        size: 0,
        allocated: !brief.recovered,
        kind: None,
        signs: Signs::default(),
        encoding: NameEncoding::Wtf8,
        path: &brief.log.bytes,
        detail,
    }
}

/// Which event of which program, and what it holds.
fn detail(brief: &EventBrief) -> String {
    let id = brief.event_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
    let recovered = if brief.recovered { " (recovered)" } else { "" };
    let separator = if brief.message.is_empty() { "" } else { ": " };
    format!("{} {id}{recovered}{separator}{}", brief.provider, brief.message)
}
