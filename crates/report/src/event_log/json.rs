//! JSON: what `evtx_dump` makes of an event under `data`, as its bindings do, and where the record is.

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
        out.extend_from_slice(b"{\"event_record_id\":");
        push_number(out, row.record.id);
        out.extend_from_slice(b",\"timestamp\":\"");
        time::push_iso(out, row.record.time());
        out.extend_from_slice(b"\",\"data\":");
        push_json(out, row.text);
        out.extend_from_slice(b",\"log\":");
        let _ = escape::json(out, row.log.name());
        out.extend_from_slice(b",\"offset\":");
        push_number(out, row.offset);
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

/// Appends a number. There are millions of them.
fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::push_number;

    #[test]
    fn numbers_are_those_of_the_formatter() {
        for number in [0, 7, 10, 1234, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
