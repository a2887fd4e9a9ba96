//! The binary XML of records, decoded by the `evtx` crate.
//!
//! The crate is given one chunk at a time, in a copy that holds nothing that was not checked: only records that
//! [`Chunk::scan`] found and that are asked for have a signature, their sizes lie within the chunk, their ids are
//! numbers of ours, by which what comes out is assigned, and their times are ones that it takes. What it can ask of
//! memory is bounded by the crate: 16 MiB of text for a record, 64 MiB for a chunk, and as many nodes as that needs.
//! A panic in it costs the rest of a chunk, which is told, and nothing else.

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use evtx::err::EvtxError;
use evtx::{EvtxParser, ParserSettings, RenderedChunk, RenderedChunkItem};
use vminspect_bytes::ReadError;

use super::chunk::Chunk;
use super::layout::{CHUNK_HEADER_SIZE, CHUNK_SIGNATURE, CHUNK_SIZE, FILE_HEADER_BLOCK, FILE_SIGNATURE};
use super::record::Record;

/// What records are decoded to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// XML as Windows writes it, without a declaration.
    Xml,
    /// JSON as `evtx_dump` writes it.
    Json,
}

/// What stands before the XML of each record.
const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

type Rendered<'p> = Box<dyn Iterator<Item = RenderedChunk> + 'p>;

/// Decodes the records of chunks. It keeps what it knows of templates from one chunk to the next, and belongs to one
/// thread.
pub struct Decoder<'p> {
    slot: Arc<Mutex<Vec<u8>>>,
    rendered: Rendered<'p>,
    form: Form,
    /// What our numbers of records begin with, which no evidence can know.
    base: u64,
    /// Whether it may not be used any more.
    is_broken: bool,
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Decoder<'_> {
    /// Calls `work` with a decoder. What the decoder knows is kept as long as `work` runs.
    ///
    /// # Errors
    /// When the decoder cannot be set up.
    pub fn with<T>(form: Form, work: impl FnOnce(&mut Decoder<'_>) -> T) -> Result<T, ReadError> {
        let slot = Arc::new(Mutex::new(Vec::new()));
        let feed = Feed { slot: Arc::clone(&slot), position: 0 };
        let settings = ParserSettings::default().indent(false);
        let parser = EvtxParser::from_read_seek(feed);
        let parser = parser
            .map_err(|error| ReadError::corrupt("event log decoder").found(one_line(&chain(&error))))?;
        let mut parser = parser.with_configuration(settings);
        let rendered: Rendered<'_> = match form {
            Form::Xml => Box::new(parser.chunks_xml_bytes(false)),
            Form::Json => Box::new(parser.chunks_json_bytes(false)),
        };
        let base = RandomState::new().hash_one(0) >> 2;
        Ok(work(&mut Decoder { slot, rendered, form, base, is_broken: false }))
    }

    /// Decodes those of the chunk's records for which `wanted` holds. `bytes` are the chunk's.
    ///
    /// `each` gets the index of a record and its text, or why it could not be decoded, in the order of the records;
    /// it is called once for each record that is wanted. Returns false when the decoder must be set up anew before
    /// another chunk.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        chunk: &Chunk,
        wanted: impl Fn(&Record) -> bool,
        mut each: impl FnMut(&Record, Result<&[u8], ReadError>),
    ) -> bool {
        let is_wanted = |record: &Record| wanted(record) && template_is_there(bytes, record);
        let asked: Vec<bool> = chunk.records.iter().map(is_wanted).collect();
        let rendered = if asked.contains(&true) { self.render_chunk(bytes, chunk, &asked) } else { None };
        let found = rendered.map(|rendered| Found::new(rendered, self.base, chunk.records.len()));
        for (index, record) in chunk.records.iter().enumerate() {
            let text = found.as_ref().and_then(|found| found.text(index));
            match (text, asked.get(index)) {
                (Some(text), Some(true)) => each(record, Ok(text.strip_prefix(DECLARATION).unwrap_or(text))),
                (_, Some(true)) => {
                    let why = found.as_ref().map_or(PANICKED, |found| found.why(index));
                    each(record, Err(failure(chunk, record, why)));
                }
                _ if wanted(record) => each(record, Err(failure(chunk, record, NO_TEMPLATE))),
                _ => {}
            }
        }
        !self.is_broken
    }

    /// A damaged table of names would cost the whole chunk; without it, names are read where they are used.
    fn render_chunk(&mut self, bytes: &[u8], chunk: &Chunk, asked: &[bool]) -> Option<RenderedChunk> {
        let rendered = self.render(bytes, chunk, asked, true)?;
        if is_of_chunk(&rendered) { self.render(bytes, chunk, asked, false) } else { Some(rendered) }
    }

    fn render(&mut self, bytes: &[u8], chunk: &Chunk, asked: &[bool], names: bool) -> Option<RenderedChunk> {
        if self.is_broken {
            return None;
        }
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        prepare(&mut slot, bytes, names);
        for ((index, record), asked) in chunk.records.iter().enumerate().zip(asked) {
            let number = asked.then(|| self.base.saturating_add(u64::try_from(index).unwrap_or(u64::MAX)));
            prepare_record(&mut slot, record, number);
        }
        drop(slot);
        // The iterator is not used again after a panic.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.rendered.next()));
        self.is_broken = !matches!(rendered, Ok(Some(_)));
        rendered.ok().flatten()
    }
}

/// Why a record has no text, where the crate does not say it.
const PANICKED: &str = "binary XML that the decoder could not cope with";
const NOT_FOUND: &str = "binary XML that cannot be decoded";
const NO_TEMPLATE: &str = "that its template was overwritten";

/// What the crate made of a chunk.
struct Found {
    data: Vec<u8>,
    /// Where in the data the text of each record is.
    texts: Vec<Option<Range<usize>>>,
    failures: Vec<(Option<usize>, String)>,
}

impl Found {
    fn new(rendered: RenderedChunk, base: u64, records: usize) -> Self {
        let index = |number: u64| number.checked_sub(base).and_then(|index| usize::try_from(index).ok());
        let mut found = Self { data: rendered.data, texts: vec![None; records], failures: Vec::new() };
        let mut start = 0_usize;
        for item in &rendered.items {
            match item {
                RenderedChunkItem::Record { event_record_id, end } => {
                    let place = index(*event_record_id).and_then(|index| found.texts.get_mut(index));
                    place.into_iter().for_each(|place| *place = Some(start..end.saturating_sub(1)));
                    start = *end;
                }
                RenderedChunkItem::Failed(error) => match error {
                    EvtxError::FailedToParseRecord { record_id, source } => {
                        found.failures.push((index(*record_id), chain(&**source)));
                    }
                    EvtxError::FailedToParseChunk { source, .. } => {
                        found.failures.push((None, chain(&**source)));
                    }
                    // No record is found where one is not wanted: that is as it should be.
                    _ => {}
                },
            }
        }
        found
    }

    fn text(&self, index: usize) -> Option<&[u8]> {
        self.data.get(self.texts.get(index)?.clone()?)
    }

    fn why(&self, index: usize) -> &str {
        let own = self.failures.iter().find(|(of, _)| *of == Some(index));
        let any = own.or_else(|| self.failures.iter().find(|(of, _)| of.is_none()));
        any.map_or(NOT_FOUND, |(_, why)| why)
    }
}

/// Whether a failure is one of the chunk as a whole.
fn is_of_chunk(rendered: &RenderedChunk) -> bool {
    let failed = |item: &RenderedChunkItem| {
        matches!(item, RenderedChunkItem::Failed(EvtxError::FailedToParseChunk { .. }))
    };
    rendered.items.iter().any(failed)
}

/// Whether the template that a record names is still the one that it was written with: both have a number.
fn template_is_there(bytes: &[u8], record: &Record) -> bool {
    let number = |at: usize| -> Option<u32> {
        bytes.get(at..at.checked_add(4)?).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
    };
    let start = usize::try_from(record.offset).unwrap_or(usize::MAX).saturating_add(24);
    let instance = bytes.get(start..start.saturating_add(6)).unwrap_or_default();
    let ([0x0f, _, _, _, 0x0c, _] | [0x0c, ..]) = instance else { return true };
    let at = start.saturating_add(if instance.first() == Some(&0x0f) { 6 } else { 2 });
    let definition = number(at.saturating_add(4)).and_then(|offset| usize::try_from(offset).ok());
    // What lies outside the chunk is for the decoder to tell.
    let Some(named) = definition.and_then(|offset| number(offset.saturating_add(4))) else { return true };
    number(at) == Some(named)
}

fn failure(chunk: &Chunk, record: &Record, why: &str) -> ReadError {
    let offset = chunk.file_offset(record);
    ReadError::corrupt(format!("event record {}", record.id)).at(offset).found(one_line(why))
}

/// What an error says, with all that caused it.
fn chain(error: &dyn Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

/// The message of the crate, on one line and of bounded length.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Makes the copy of a chunk that the crate gets, but for its records.
fn prepare(slot: &mut Vec<u8>, bytes: &[u8], names: bool) {
    slot.clear();
    slot.extend_from_slice(bytes);
    slot.resize(CHUNK_SIZE, 0);
    put(slot, 0, &CHUNK_SIGNATURE);
    // All ids belong to the chunk; the last is one that no record has, so that the crate goes on to the end.
    put(slot, 24, &0_u64.to_le_bytes());
    put(slot, 32, &u64::MAX.to_le_bytes());
    let end = u32::try_from(CHUNK_SIZE).unwrap_or(0);
    put(slot, 44, &end.to_le_bytes());
    put(slot, 48, &end.to_le_bytes());
    if !names {
        slot.get_mut(128..CHUNK_HEADER_SIZE).unwrap_or_default().fill(0);
    }
}

/// Gives a record the number by which the crate tells of it, or hides it.
fn prepare_record(slot: &mut [u8], record: &Record, number: Option<u64>) {
    let at = usize::try_from(record.offset).unwrap_or(usize::MAX);
    let Some(number) = number else { return put(slot, at, &[0xff; 4]) };
    put(slot, at.saturating_add(8), &number.to_le_bytes());
    // The crate refuses records of the year 10000 and later; it need not know.
    put(slot, at.saturating_add(16), &0_u64.to_le_bytes());
    let end = usize::try_from(record.end()).unwrap_or(usize::MAX);
    put(slot, end.saturating_sub(4), &record.size.to_le_bytes());
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at.saturating_add(value.len())) {
        place.copy_from_slice(value);
    }
}

/// A file that has no end, of which every chunk is the one in the slot.
struct Feed {
    slot: Arc<Mutex<Vec<u8>>>,
    position: u64,
}

/// The header that the crate reads once.
fn header() -> Vec<u8> {
    let mut header = vec![0; usize::try_from(FILE_HEADER_BLOCK).unwrap_or(0)];
    put(&mut header, 0, &FILE_SIGNATURE);
    put(&mut header, 32, &128_u32.to_le_bytes());
    put(&mut header, 36, &[1, 0, 3, 0, 0, 0x10]);
    let checksum = crc32fast::hash(header.get(..120).unwrap_or_default());
    put(&mut header, 124, &checksum.to_le_bytes());
    header
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, head);
        let source: &[u8] = match self.position.checked_sub(FILE_HEADER_BLOCK) {
            Some(position) => {
                at = usize::try_from(position).unwrap_or(0) % CHUNK_SIZE;
                &slot
            }
            None => {
                at = usize::try_from(self.position).unwrap_or(0);
                head = header();
                &head
            }
        };
        let source = source.get(at..).unwrap_or_default();
        let length = source.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), source.get(..length)) {
            to.copy_from_slice(from);
        }
        self.position = self.position.saturating_add(u64::try_from(length).unwrap_or(0));
        Ok(length)
    }
}

impl Seek for Feed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            // The file ends with its header, so that no chunk is looked for ahead of its time.
            SeekFrom::End(_) => FILE_HEADER_BLOCK,
            SeekFrom::Current(by) => self.position.saturating_add_signed(by),
        };
        Ok(self.position)
    }
}
