use vminspect_analysis::event_log::{EventRow, EventSink};
use vminspect_artefact::evtx::Form;

use super::safe::push_xml;

/// One `Event` element a line.
pub(super) struct Xml;

impl EventSink for Xml {
    fn form(&self) -> Form {
        Form::Xml
    }

    fn write(&self, row: &EventRow<'_>, out: &mut Vec<u8>) {
        push_xml(out, row.text);
        out.push(b'\n');
    }
}
