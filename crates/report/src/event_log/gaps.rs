use std::io::{self, Write};

use vminspect_analysis::event_log::{EventLog, Gap, GapKind};
use vminspect_guest::Coverage;

use crate::csv::Line;
use crate::jsonl::{last_line, line};
use crate::table::{Colour, Paint, Sections};
use crate::{Format, JsonWriter, Layout, coverage, escape, path, time};

const HEADER: &str = "gap,log,offset,record_id,time,before,after,detail";

/// Prints gaps.
///
/// # Errors
/// Those of the output.
pub fn gaps<W: Write>(
    format: Format,
    mut out: W,
    logs: &[EventLog],
    gaps: &[Gap],
    problems: &Coverage,
) -> io::Result<()> {
    match format {
        Format::Json => {
            let mut out = JsonWriter::new(out, Layout::Indented);
            out.begin_array()?;
            for gap in gaps {
                out.begin_object()?;
                out.text_field("gap", gap.kind.as_str())?;
                members(&mut out, logs, gap)?;
                out.end_object()?;
            }
            out.end_array()?;
            out.end_line()?;
            out.flush()
        }
        Format::JsonLines => {
            let mut out = JsonWriter::new(out, Layout::Line);
            for gap in gaps {
                line(&mut out, gap.kind.as_str(), |out| members(out, logs, gap))?;
            }
            last_line(&mut out, problems)
        }
        Format::Csv => {
            write!(out, "{HEADER}\r\n")?;
            gaps.iter().try_for_each(|gap| csv_line(&mut out, logs, gap))?;
            out.flush()
        }
        Format::Table { colour } => {
            let mut to = Sections::new(&mut out, Paint { on: colour });
            for of in gaps.chunk_by(|a, b| a.log == b.log) {
                let name = of.first().and_then(|gap| logs.get(gap.log)).map_or("", EventLog::name);
                to.section(&escape::terminal(name), of, |to, gap| {
                    to.row("!", Colour::Yellow, &escape::terminal(&sentence(gap)))
                })?;
            }
            to.section("Could not be read", &problems.sorted(), |to, each| {
                to.row("?", Colour::Red, &coverage::line(each))
            })?;
            to.end(&if gaps.is_empty() { "No gaps".to_owned() } else { format!("{} gaps", gaps.len()) })?;
            out.flush()
        }
    }
}

/// Before and after, where a gap is between two things.
fn ends(gap: &Gap) -> (Option<String>, Option<String>) {
    let id = gap.record_id.map(|id| id.to_string());
    let at = gap.time.map(time::iso);
    match &gap.kind {
        GapKind::IdJump { before } | GapKind::ChunkOrder { before } => (Some(before.to_string()), id),
        GapKind::TimeBackwards { before } | GapKind::Silence { before } => (Some(time::iso(*before)), at),
        GapKind::NextRecordId { header, expected, .. } => {
            (Some(header.to_string()), Some(expected.to_string()))
        }
        GapKind::FirstRecord | GapKind::Cleared { .. } | GapKind::Checksum { .. } | GapKind::More { .. } => {
            (None, None)
        }
    }
}

fn members<W: Write>(out: &mut JsonWriter<W>, logs: &[EventLog], gap: &Gap) -> io::Result<()> {
    if let Some(log) = logs.get(gap.log) {
        match log.path.bytes.is_empty() {
            true => out.text_field("log", &log.image)?,
            false => path::write(out, "log", &log.path)?,
        }
    }
    out.number_field("offset", gap.offset)?;
    out.optional_number_field("event_record_id", gap.record_id)?;
    out.optional_text_field("time", gap.time.map(time::iso).as_deref())?;
    match &gap.kind {
        GapKind::FirstRecord => Ok(()),
        GapKind::IdJump { before } | GapKind::ChunkOrder { before } => out.number_field("before", *before),
        GapKind::TimeBackwards { before } | GapKind::Silence { before } => {
            out.text_field("before", &time::iso(*before))
        }
        GapKind::NextRecordId { header, expected, is_dirty } => {
            out.number_field("header", *header)?;
            out.number_field("expected", *expected)?;
            out.key("dirty")?;
            out.boolean(*is_dirty)
        }
        GapKind::Cleared { channel, user } => {
            out.text_field("channel", channel)?;
            out.text_field("user", user)
        }
        GapKind::Checksum { header, records } => {
            out.key("header")?;
            out.boolean(*header)?;
            out.key("records")?;
            out.boolean(*records)
        }
        GapKind::More { gaps } => out.number_field("gaps", *gaps),
    }
}

fn csv_line<W: Write>(out: &mut W, logs: &[EventLog], gap: &Gap) -> io::Result<()> {
    let (before, after) = ends(gap);
    let mut line = Line::new(out);
    line.field(gap.kind.as_str())?;
    line.field(logs.get(gap.log).map_or("", EventLog::name))?;
    line.field(&gap.offset.to_string())?;
    line.field(&gap.record_id.map_or_else(String::new, |id| id.to_string()))?;
    line.field(&gap.time.map_or_else(String::new, time::iso))?;
    line.field(&before.unwrap_or_default())?;
    line.field(&after.unwrap_or_default())?;
    line.field(&detail(gap))?;
    line.end()
}

fn detail(gap: &Gap) -> String {
    match &gap.kind {
        GapKind::Cleared { channel, user } => format!("{channel} by {user}"),
        GapKind::NextRecordId { is_dirty: true, .. } => "the log is in use".to_owned(),
        GapKind::Checksum { header: true, records: false } => "header".to_owned(),
        GapKind::Checksum { header: false, .. } => "records".to_owned(),
        GapKind::Checksum { header: true, records: true } => "header and records".to_owned(),
        GapKind::More { gaps } => format!("{gaps} more"),
        _ => String::new(),
    }
}

/// A gap in a sentence.
fn sentence(gap: &Gap) -> String {
    let id = gap.record_id.map_or_else(String::new, |id| format!("record {id}"));
    let at = gap.time.map(time::iso).unwrap_or_default();
    match &gap.kind {
        GapKind::FirstRecord => format!("{id} is the first, of {at}"),
        GapKind::IdJump { before } => match missing(*before, gap.record_id) {
            Some(missing) => format!("{id} follows record {before}: {missing} missing, before {at}"),
            None => format!("{id} follows record {before}, at {at}"),
        },
        GapKind::TimeBackwards { before } => format!("{id} of {at} follows one of {}", time::iso(*before)),
        GapKind::Silence { before } => format!("nothing from {} to {at}, {id}", time::iso(*before)),
        GapKind::NextRecordId { header, expected, is_dirty } => {
            let dirty = if *is_dirty { "; the log is in use, so that the header lags behind" } else { "" };
            format!("the header says that record {header} comes next, the records say {expected}{dirty}")
        }
        GapKind::ChunkOrder { before } => {
            format!("the chunk at byte {} begins with {id}, the one before with {before}", gap.offset)
        }
        GapKind::Cleared { channel, user } => format!("{channel} was cleared by {user}, {at}, {id}"),
        GapKind::Checksum { .. } => {
            format!("wrong checksum of the {} of the chunk at byte {}", detail(gap), gap.offset)
        }
        GapKind::More { gaps } => format!("{gaps} more gaps"),
    }
}

/// Ids that are missing between that of a record and the next one.
fn missing(before: u64, id: Option<u64>) -> Option<u64> {
    id?.checked_sub(before)?.checked_sub(1).filter(|missing| *missing > 0)
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn ids_that_are_missing() {
        assert_eq!(missing(3, Some(7)), Some(3));
        assert_eq!(missing(0, Some(u64::MAX)), Some(u64::MAX - 1));
        for (before, id) in [(3, Some(4)), (3, Some(3)), (u64::MAX, Some(1)), (3, None)] {
            assert_eq!(missing(before, id), None);
        }
    }
}
