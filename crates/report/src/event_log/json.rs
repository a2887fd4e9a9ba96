//! JSON: what `evtx_dump` makes of an event under `data`, as its bindings do, and where the record is.

use vminspect_analysis::event_log::{EventRow, EventSink};
use vminspect_artefact::evtx::Form;

use super::safe::push_json;
use crate::{decimal, escape, time};

pub(super) struct Json {
    pub(super) is_array: bool,
}

impl EventSink for Json {
    fn form(&self) -> Form {
        Form::Json
    }

    fn write(&self, row: &EventRow<'_>, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        out.extend_from_slice(b"{\"event_record_id\":");
        decimal::push(out, row.record.id);
        out.extend_from_slice(b",\"timestamp\":\"");
        time::push_iso(out, row.record.time());
        out.extend_from_slice(b"\",\"data\":");
        push_json(out, row.text);
        out.extend_from_slice(b",\"log\":");
        let _ = escape::json(out, row.log.name());
        out.extend_from_slice(b",\"offset\":");
        decimal::push(out, row.offset);
        let end: &[u8] =
            if row.record.recovered { b",\"recovered\":true}" } else { b",\"recovered\":false}" };
        out.extend_from_slice(end);
        if !self.is_array {
            out.push(b'\n');
        }
    }

    fn separator(&self) -> &[u8] {
        if self.is_array { b",\n" } else { b"" }
    }
}
