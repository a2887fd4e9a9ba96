//! JSON, with the keys of the Python program first, and JSON Lines.

use std::io::{self, Write};

use vminspect_analysis::timeline::{Event, Signs, Source, Told};
use vminspect_guest::Coverage;

use super::words::UnixSeconds;
use super::{EventFields, EventReport};
use crate::jsonl::{last_line, line};
use crate::{JsonWriter, Layout, path, time};
use vminspect_analysis::finding::GuestPath;

/// One array.
pub(super) struct Json<W> {
    out: JsonWriter<W>,
    fields: EventFields,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W, fields: EventFields) -> io::Result<Self> {
        let mut out = JsonWriter::new(out, Layout::Indented);
        out.begin_array()?;
        Ok(Self { out, fields })
    }
}

impl<W: Write> EventReport for Json<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        self.out.begin_object()?;
        first_keys(&mut self.out, &self.fields, event, told)?;
        if event.source != Source::File {
            self.out.text_field("source", event.source.as_str())?;
        }
        rest(&mut self.out, event)?;
        self.out.end_object()
    }

    fn finish(&mut self, _: &Coverage) -> io::Result<()> {
        self.out.end_array()?;
        self.out.end_line()?;
        self.out.flush()
    }
}

/// An object a line, which says more.
pub(super) struct JsonLines<W> {
    out: JsonWriter<W>,
    fields: EventFields,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W, fields: EventFields) -> Self {
        Self { out: JsonWriter::new(out, Layout::Line), fields }
    }
}

impl<W: Write> EventReport for JsonLines<W> {
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()> {
        let fields = &self.fields;
        line(&mut self.out, "event", |out| {
            out.text_field("time", &time::iso(event.time))?;
            first_keys(out, fields, event, told)?;
            out.text_field("source", event.source.as_str())?;
            if event.volume != u16::MAX {
                out.number_field("volume", event.volume.into())?;
            }
            out.text_field("id", &fields.id(event))?;
            if let Some(kind) = event.kind {
                out.text_field("kind", kind.as_str())?;
            }
            rest(out, event)
        })
    }

    fn finish(&mut self, coverage: &Coverage) -> io::Result<()> {
        last_line(&mut self.out, coverage)
    }
}

/// The keys that the Python program printed, in its order.
fn first_keys<W: Write>(
    out: &mut JsonWriter<W>,
    fields: &EventFields,
    event: &Event<'_>,
    told: &Told,
) -> io::Result<()> {
    out.number_field("inode", fields.number(event))?;
    path::write(out, "path", &GuestPath::new(event.path.to_vec(), event.encoding))?;
    out.number_field("size", event.size)?;
    out.key("allocated")?;
    out.boolean(event.allocated)?;
    out.key("timestamp")?;
    out.digits(format_args!("{}", UnixSeconds(event.time)))?;
    out.text_field("reason", event.reason.as_str())?;
    if fields.fields.file_type {
        out.optional_text_field("type", told.file_type.as_deref())?;
    }
    if fields.hash {
        out.optional_text_field("hash", fields.hash(told).as_deref())?;
    }
    Ok(())
}

/// What is said where there is something to say.
fn rest<W: Write>(out: &mut JsonWriter<W>, event: &Event<'_>) -> io::Result<()> {
    if event.local {
        out.key("local_time")?;
        out.boolean(true)?;
    }
    if event.signs != Signs::default() {
        out.key("signs")?;
        out.begin_array()?;
        event.signs.names().try_for_each(|name| out.string(name))?;
        out.end_array()?;
    }
    if !event.detail.is_empty() {
        out.text_field("detail", event.detail)?;
    }
    Ok(())
}
