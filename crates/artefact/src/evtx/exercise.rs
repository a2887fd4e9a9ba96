use vminspect_bytes::{ReadAt, ReadError};

use super::{Chunk, Decoder, Form, Log, System};

/// What [`exercise`] met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Met {
    /// Records that were decoded and are the log's own.
    pub records: usize,
    /// Records that were recovered and decoded.
    pub recovered: usize,
    /// Bytes of their XML and JSON.
    pub text: usize,
    /// Problems that were told, of the log, its chunks and its records.
    pub problems: usize,
    /// Times that the decoder gave up.
    pub panics: usize,
}

/// Reads everything that can be read of a log, for tests of damaged ones and for fuzzing.
///
/// # Errors
/// As [`Log::open`].
pub fn exercise(source: &dyn ReadAt) -> Result<Met, ReadError> {
    let log = Log::open(source)?;
    let mut met = Met { problems: log.problems().len(), ..Met::default() };
    let mut buffer = Vec::new();
    for index in 0..log.chunk_count() {
        match log.read_chunk(index, &mut buffer) {
            Ok(()) => decode(&buffer, log.chunk_offset(index), &mut met),
            Err(_) => met.problems = met.problems.saturating_add(1),
        }
    }
    Ok(met)
}

fn decode(bytes: &[u8], offset: u64, met: &mut Met) {
    let chunk = Chunk::scan(bytes, offset, true);
    met.problems = met.problems.saturating_add(chunk.problems.len());
    for form in [Form::Xml, Form::Json] {
        let sound = Decoder::with(form, |decoder| {
            decoder.decode(
                bytes,
                &chunk,
                |_| true,
                |record, text| {
                    let Ok(text) = text else {
                        met.problems = met.problems.saturating_add(usize::from(!record.recovered));
                        return;
                    };
                    met.text = met.text.saturating_add(text.len());
                    if form == Form::Xml {
                        let system = std::str::from_utf8(text).map(System::of_xml).unwrap_or_default();
                        let _ = (system, record.time());
                        let count = if record.recovered { &mut met.recovered } else { &mut met.records };
                        *count = count.saturating_add(1);
                    }
                },
            )
        });
        met.panics = met.panics.saturating_add(usize::from(!matches!(sound, Ok(true))));
    }
}
