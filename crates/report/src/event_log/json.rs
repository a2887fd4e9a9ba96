//! JSON: what `evtx_dump` makes of an event under `data`, as its bindings do, and where the record is.

use std::io::Write;

use vminspect_analysis::event_log::{EventRow, EventSink};
use vminspect_artefact::evtx::Form;

use super::safe::push_json;
use crate::{escape, time};

pub(super) struct Json {
    pub(super) is_array: bool,
}

impl EventSink for Json {
    fn form(&self) -> Form {
        Form::Json
    }

    fn write(&self, row: &EventRow<'_>, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(out, "{{\"event_record_id\":{},\"timestamp\":\"", row.record.id);
        out.extend_from_slice(time::iso(row.record.time()).as_bytes());
        out.extend_from_slice(b"\",\"data\":");
        push_json(out, row.text);
        out.extend_from_slice(b",\"log\":");
        let _ = escape::json(out, &row.log.name());
        let _ = write!(out, ",\"offset\":{},\"recovered\":{}}}", row.offset, row.record.recovered);
        if !self.is_array {
            out.push(b'\n');
        }
    }

    fn separator(&self) -> &[u8] {
        if self.is_array { b",\n" } else { b"" }
    }
}
