use vminspect_analysis::event_log::{EventRow, EventSink};
use vminspect_artefact::evtx::Form;

use super::safe::push_xml;

/// `Event` elements. Their strings may hold line breaks: an event ends with `</Event>`.
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
