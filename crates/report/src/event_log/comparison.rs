//! What was logged between two disks.

use std::io::{self, Write};

use vminspect_analysis::event_log::{EventComparison, EventFacts, LogChange};
use vminspect_analysis::finding::{FieldChange, GuestPath, Value};

use crate::jsonl::line;
use crate::table::{Colour, Sections, shown};
use crate::{JsonWriter, escape, path, time};

/// Writes what was logged as a member `events` of an object.
pub(crate) fn write_member<W: Write>(out: &mut JsonWriter<W>, found: &EventComparison) -> io::Result<()> {
    out.key("events")?;
    out.begin_object()?;
    out.key("created")?;
    out.begin_array()?;
    for event in &found.created {
        out.begin_object()?;
        event_members(out, event)?;
        out.end_object()?;
    }
    out.end_array()?;
    out.key("logs")?;
    out.begin_array()?;
    for log in &found.logs {
        out.begin_object()?;
        log_members(out, log)?;
        out.end_object()?;
    }
    out.end_array()?;
    out.end_object()
}

fn event_members<W: Write>(out: &mut JsonWriter<W>, event: &EventFacts) -> io::Result<()> {
    path::write(out, "log", &event.log)?;
    out.number_field("event_record_id", event.record_id)?;
    out.text_field("time", &time::iso(event.time))?;
    out.text_field("provider", &event.provider)?;
    out.optional_number_field("event_id", event.event_id.map(u64::from))?;
    out.optional_number_field("level", event.level.map(u64::from))?;
    out.text_field("channel", &event.channel)?;
    out.text_field("computer", &event.computer)?;
    out.text_field("message", &event.message)?;
    out.number_field("offset", event.offset)
}

fn log_members<W: Write>(out: &mut JsonWriter<W>, log: &LogChange) -> io::Result<()> {
    path::write(out, "log", &log.log)?;
    out.text_field("change", log.fate.as_str())?;
    out.number_field("gone", log.gone)?;
    if let Some((first, last)) = log.gone_ids {
        out.number_field("first_gone", first)?;
        out.number_field("last_gone", last)?;
    }
    Ok(())
}

/// Writes what was logged as JSON Lines.
pub(crate) fn json_lines<W: Write>(out: &mut JsonWriter<W>, found: &EventComparison) -> io::Result<()> {
    found.created.iter().try_for_each(|event| line(out, "event_created", |out| event_members(out, event)))?;
    found.logs.iter().try_for_each(|log| line(out, "event_log_changed", |out| log_members(out, log)))
}

/// The rows of the CSV of a comparison of disks: finding, path, and what was logged as a field.
pub(crate) fn csv_rows(
    found: &EventComparison,
    mut write: impl FnMut(&'static str, &GuestPath, &FieldChange) -> io::Result<()>,
) -> io::Result<()> {
    for event in &found.created {
        let field = format!("record {}", event.record_id);
        let after = Value::Text(format!("{} {}", time::iso(event.time), sentence(event)));
        write("event_created", &event.log, &FieldChange { field, before: Value::Absent, after })?;
    }
    for log in &found.logs {
        let before = log.gone_ids.map_or(Value::Absent, |(first, last)| {
            Value::Text(format!("{} records from {first} to {last}", log.gone))
        });
        let field = log.fate.as_str().to_owned();
        write("event_log_changed", &log.log, &FieldChange { field, before, after: Value::Absent })?;
    }
    Ok(())
}

fn sentence(event: &EventFacts) -> String {
    let id = event.event_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
    format!("{} {id} {}", event.provider, event.message)
}

/// Writes what was logged under headings, for people.
pub(crate) fn table_rows<W: Write>(to: &mut Sections<'_, W>, found: &EventComparison) -> io::Result<()> {
    to.section("Events logged", &found.created, |to, event| {
        let text = format!("{}  {}", time::iso(event.time), escape::terminal(&sentence(event)));
        to.row("+", Colour::Green, &text)
    })?;
    to.section("Event logs changed", &found.logs, |to, log| {
        let gone = match log.gone_ids {
            Some((first, last)) => format!(": {} records gone, from {first} to {last}", log.gone),
            None => String::new(),
        };
        to.row("~", Colour::Yellow, &format!("{} was {}{gone}", shown(&log.log), log.fate.as_str()))
    })
}

/// How much was logged.
pub(crate) fn summary(found: &EventComparison) -> String {
    let counts = [(found.created.len(), "events logged"), (found.logs.len(), "event logs changed otherwise")];
    let parts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    parts.collect::<Vec<_>>().join(", ")
}
