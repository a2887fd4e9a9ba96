//! The way through the chunks of logs, which all analyses of events share.

use vminspect_artefact::evtx::{Chunk, Decoder, FileHeader, Form, Record};
use vminspect_bytes::ReadError;

use super::EventLog;
use super::created::dated;
use super::filter::EventFilter;
use super::pipeline::{self, Pipeline};

/// What is done with the records of a chunk.
pub(super) trait Collect: Sync {
    /// What it makes of a chunk.
    type Batch: Default + Send;

    /// Takes the chunk as a whole, before its records.
    fn chunk(&self, _chunk: &Chunk, _batch: &mut Self::Batch) {}

    /// Takes a record. `text` is in [`Walk::form`].
    fn record(&self, row: &Row<'_>, batch: &mut Self::Batch);
}

/// A record with its text.
pub(super) struct Row<'r> {
    pub(super) log: &'r EventLog,
    pub(super) record: &'r Record,
    /// Where in the file it begins.
    pub(super) offset: u64,
    pub(super) text: &'r str,
}

/// What is walked.
pub(super) struct Walk<'w> {
    pub(super) logs: &'w [EventLog],
    pub(super) form: Form,
    pub(super) filter: &'w EventFilter,
    pub(super) recover: bool,
}

/// What became of a chunk.
pub(super) struct Outcome<B> {
    /// Index of the log.
    pub(super) log: usize,
    pub(super) batch: B,
    pub(super) problems: Vec<ReadError>,
    /// Remains of records that cannot be decoded.
    pub(super) lost_remains: u64,
}

impl Walk<'_> {
    /// All chunks of all logs, in their order, but for those of which nothing is stored.
    pub(super) fn all_chunks(&self) -> impl Iterator<Item = (usize, u64)> + Send {
        let logs = self.logs.iter().enumerate();
        logs.flat_map(|(index, log)| log.log.stored_chunks().map(move |chunk| (index, chunk)))
    }

    /// Collects the chunks `units`: pairs of a log's index and a chunk's.
    ///
    /// # Errors
    /// The first of `take`.
    pub(super) fn run<C: Collect>(
        &self,
        units: impl Iterator<Item = (usize, u64)> + Send,
        collect: &C,
        take: impl FnMut(Outcome<C::Batch>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        pipeline::run(units, |pipeline| self.work(pipeline, collect), take)
    }

    fn work<I, C>(&self, pipeline: &Pipeline<I, Outcome<C::Batch>>, collect: &C)
    where
        I: Iterator<Item = (usize, u64)> + Send,
        C: Collect,
    {
        let mut buffer = Vec::new();
        let mut has_more = true;
        while has_more {
            // A decoder that gave up is replaced.
            let worked = Decoder::with(Form::Xml, |xml| {
                Decoder::with(Form::Json, |json| {
                    while let Some((number, (log, chunk))) = pipeline.next() {
                        let mut reader = Reader { walk: self, collect, xml, json };
                        let (outcome, is_sound) = reader.read(log, chunk, &mut buffer);
                        pipeline.put(number, outcome);
                        if !is_sound {
                            return true;
                        }
                    }
                    false
                })
            });
            has_more = matches!(worked, Ok(Ok(true)));
        }
    }
}

struct Reader<'r, 'x, 'j, C> {
    walk: &'r Walk<'r>,
    collect: &'r C,
    xml: &'r mut Decoder<'x>,
    json: &'r mut Decoder<'j>,
}

impl<C: Collect> Reader<'_, '_, '_, C> {
    /// Reads a chunk. The flag is false when the decoders have to be replaced.
    fn read(&mut self, log: usize, chunk: u64, buffer: &mut Vec<u8>) -> (Outcome<C::Batch>, bool) {
        let batch = C::Batch::default();
        let mut outcome = Outcome { log, batch, problems: Vec::new(), lost_remains: 0 };
        let Some(of) = self.walk.logs.get(log) else { return (outcome, true) };
        if let Err(error) = of.log.read_chunk(chunk, buffer) {
            outcome.problems.push(error);
            return (outcome, true);
        }
        let mut found = Chunk::scan(buffer, of.log.chunk_offset(chunk), self.walk.recover);
        outcome.problems.append(&mut found.problems);
        let is_dirty = of.log.header().is_none_or(FileHeader::is_dirty);
        outcome.problems.extend(
            found.header.as_ref().filter(|header| !is_dirty && !header.is_dirty()).and_then(|header| {
                wrong_checksum(header.header_checksum_holds, header.records_checksum_holds, found.offset)
            }),
        );
        self.collect.chunk(&found, &mut outcome.batch);
        let is_sound = self.decode(of, buffer, &found, &mut outcome);
        (outcome, is_sound)
    }

    fn decode(
        &mut self,
        log: &EventLog,
        bytes: &[u8],
        chunk: &Chunk,
        outcome: &mut Outcome<C::Batch>,
    ) -> bool {
        let Walk { filter, form, .. } = *self.walk;
        let takes = |record: &Record| filter.may_take(record);
        if !filter.needs_content() || form == Form::Xml {
            let found = (log, bytes, chunk);
            return match form {
                Form::Xml => decode_once(self.xml, found, (filter, form), self.collect, outcome),
                Form::Json => decode_once(self.json, found, (filter, form), self.collect, outcome),
            };
        }
        // What is filtered out is not written twice.
        let mut wanted = Vec::new();
        let is_sound = self.xml.decode(bytes, chunk, takes, |record, xml| match as_text(xml) {
            Ok(xml) if filter.takes_event(xml) => {
                if filter.takes_record(&dated(record, xml, Form::Xml)) {
                    wanted.push(record.offset);
                }
            }
            Ok(_) => {}
            Err(error) => tell(record, error, outcome),
        });
        let takes = |record: &Record| wanted.binary_search(&record.offset).is_ok();
        let is_sound_too = self.json.decode(bytes, chunk, takes, |record, json| match as_text(json) {
            Ok(json) => {
                let record = dated(record, json, Form::Json);
                self.collect.record(&row(log, chunk, &record, json), &mut outcome.batch);
            }
            Err(error) => tell(record, error, outcome),
        });
        is_sound && is_sound_too
    }
}

/// Decodes the records of a chunk that are taken. By their content they are only where that is XML.
fn decode_once<C: Collect>(
    decoder: &mut Decoder<'_>,
    (log, bytes, chunk): (&EventLog, &[u8], &Chunk),
    (filter, form): (&EventFilter, Form),
    collect: &C,
    outcome: &mut Outcome<C::Batch>,
) -> bool {
    let by_content = filter.needs_content();
    let takes = |record: &Record| filter.may_take(record);
    decoder.decode(bytes, chunk, takes, |record, text| match as_text(text) {
        Ok(xml) if by_content && !filter.takes_event(xml) => {}
        Ok(text) => {
            let record = dated(record, text, form);
            if filter.takes_record(&record) {
                collect.record(&row(log, chunk, &record, text), &mut outcome.batch);
            }
        }
        Err(error) => tell(record, error, outcome),
    })
}

fn row<'r>(log: &'r EventLog, chunk: &Chunk, record: &'r Record, text: &'r str) -> Row<'r> {
    Row { log, record, offset: chunk.file_offset(record), text }
}

fn as_text(text: Result<&[u8], ReadError>) -> Result<&str, ReadError> {
    std::str::from_utf8(text?).map_err(|error| ReadError::corrupt("event record").found(error.to_string()))
}

/// What was found in the slack need not be a record.
fn tell<B>(record: &Record, error: ReadError, outcome: &mut Outcome<B>) {
    if record.recovered {
        outcome.lost_remains += 1;
    } else {
        outcome.problems.push(error);
    }
}

/// In a log that is in use, checksums are of what was there before; elsewhere a wrong one shows damage.
fn wrong_checksum(header: bool, records: bool, offset: u64) -> Option<ReadError> {
    let what = match (header, records) {
        (true, true) => return None,
        (false, _) => "a wrong checksum of its header",
        (true, false) => "a wrong checksum of its records",
    };
    Some(ReadError::corrupt("event log chunk").at(offset).found(what))
}
