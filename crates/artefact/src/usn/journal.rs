use std::ops::ControlFlow;

use vminspect_bytes::{ByteRange, Origin, ReadAt, ReadAtExt, ReadError};

use super::layout::{ALIGNMENT, PAGE, RawHeader};
use super::record::{Flaw, Parsed, Record};

/// Bytes that are read at once.
const WINDOW: usize = 1 << 18;

/// Unreadable pages in a row after which more is passed over at once.
const MOST_FAILURES: u32 = 256;

/// The records of a stream `$J`, or of a file with its bytes.
pub struct Journal<'r> {
    bytes: &'r dyn ReadAt,
}

type Flow = ControlFlow<()>;

impl<'r> Journal<'r> {
    /// The journal in `bytes`.
    #[must_use]
    pub fn new(bytes: &'r dyn ReadAt) -> Self {
        Self { bytes }
    }

    /// Hands out the records in the order of the stream, until the visitor breaks off. Holes are not read. Of bytes
    /// that hold no record, the first position is told, as an error; then follows the next record.
    pub fn visit(&self, mut visitor: impl FnMut(Result<Record<'_>, ReadError>) -> Flow) {
        let mut reader = Reader {
            bytes: self.bytes,
            // Room for a window, and for a record that passes its end with what has to follow it.
            buffer: vec![0; WINDOW.saturating_add(PAGE).saturating_add(PAGE)],
            parser: Parser { lost: false },
            failures: 0,
        };
        for stretch in self.stretches() {
            if reader.stretch(stretch, &mut visitor).is_break() {
                return;
            }
        }
    }

    /// What is not known to be zero. A stretch goes on into the hole behind it, so that a record can.
    fn stretches(&self) -> impl Iterator<Item = ByteRange> {
        let end = self.bytes.len();
        let mut extents = self.bytes.extents(ByteRange::at(0, end));
        let page = u64::try_from(PAGE).unwrap_or(0);
        let mut next: Option<ByteRange> = Some(ByteRange::at(0, 0));
        std::iter::from_fn(move || {
            let mut stretch = next.take()?;
            loop {
                let range = match extents.next() {
                    Some(Ok(extent)) if extent.origin == Origin::Zero => continue,
                    Some(Ok(extent)) => extent.range,
                    // Where bytes come from cannot be told: they are read, and what cannot be is told then.
                    Some(Err(_)) => ByteRange::new(stretch.end(), end),
                    None => {
                        return Some(ByteRange::new(
                            stretch.start(),
                            stretch.end().saturating_add(page).min(end),
                        ));
                    }
                };
                if range.start() > stretch.end().saturating_add(page) {
                    next = Some(ByteRange::new(range.start() & !7, range.end()));
                    return Some(ByteRange::new(
                        stretch.start(),
                        stretch.end().saturating_add(page).min(end),
                    ));
                }
                stretch = ByteRange::new(stretch.start(), range.end());
            }
        })
    }
}

/// Reads stretches of a journal.
struct Reader<'r> {
    bytes: &'r dyn ReadAt,
    buffer: Vec<u8>,
    parser: Parser,
    /// Pages in a row that could not be read.
    failures: u32,
}

impl Reader<'_> {
    /// Reads the records of a range.
    fn stretch(
        &mut self,
        range: ByteRange,
        visitor: &mut impl FnMut(Result<Record<'_>, ReadError>) -> Flow,
    ) -> Flow {
        let mut position = range.start();
        let mut kept = 0_usize;
        while position < range.end() {
            let left = range.end().saturating_sub(position);
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW);
            let length = match self.read(position, kept, length) {
                Ok(length) => length,
                Err((error, length)) => {
                    visitor(Err(error))?;
                    let skipped = self.skip(position.saturating_add(length), range.end());
                    if skipped > 0 {
                        visitor(Err(untried(position.saturating_add(length), skipped)))?;
                    }
                    position = position.saturating_add(length).saturating_add(skipped);
                    (kept, self.parser.lost) = (0, true);
                    continue;
                }
            };
            let start = position.saturating_sub(u64::try_from(kept).unwrap_or(0));
            position = position.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            let filled = kept.saturating_add(length);
            let bytes = self.buffer.get(..filled).unwrap_or_default();
            let used = self.parser.records(bytes, start, position >= range.end(), visitor)?;
            self.buffer.copy_within(used..filled, 0);
            kept = filled.saturating_sub(used);
        }
        Flow::Continue(())
    }

    /// Bytes that are passed over behind a page that cannot be read: ever more where many in a row cannot, as a hostile
    /// stream can have more of them than time.
    fn skip(&mut self, position: u64, end: u64) -> u64 {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(MOST_FAILURES).min(50);
        let step = if doublings == 0 { 0 } else { u64::try_from(PAGE).unwrap_or(0) << doublings };
        step.min(end.saturating_sub(position))
    }

    /// Fills the buffer from `kept` on. Where that fails, the first page of it that can be read, or the error and the
    /// bytes that it costs.
    fn read(&mut self, position: u64, kept: usize, length: usize) -> Result<usize, (ReadError, u64)> {
        for length in [length, length.min(PAGE)] {
            let into = self.buffer.get_mut(kept..kept.saturating_add(length)).unwrap_or_default();
            match self.bytes.read_exact_at(position, into) {
                Ok(()) => {
                    self.failures = 0;
                    return Ok(into.len());
                }
                Err(error) if length <= PAGE => return Err((error, u64::try_from(length).unwrap_or(1))),
                Err(_) => {}
            }
        }
        Ok(0)
    }
}

fn untried(position: u64, length: u64) -> ReadError {
    ReadError::corrupt("change journal")
        .at(position)
        .found(format!("{length} bytes behind many that cannot be read, which were not tried"))
}

/// Finds records one after another.
struct Parser {
    /// Whether the last bytes held no record, and that was told.
    lost: bool,
}

impl Parser {
    /// Hands out the records in `bytes`, which begin at `start` of the stream. Returns how many bytes are done with.
    fn records(
        &mut self,
        bytes: &[u8],
        start: u64,
        is_last: bool,
        visitor: &mut impl FnMut(Result<Record<'_>, ReadError>) -> Flow,
    ) -> ControlFlow<(), usize> {
        let mut at = 0_usize;
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= ALIGNMENT) {
            let zeros = leading_zeros(rest);
            if zeros > 0 {
                at = at.saturating_add(zeros);
                continue;
            }
            let offset = start.saturating_add(u64::try_from(at).unwrap_or(0));
            let flaw = match Record::parse(rest, offset) {
                Parsed::Record(record) if !self.lost || record.is_plain() => {
                    self.lost = false;
                    at = at.saturating_add(usize::try_from(record.length).unwrap_or(usize::MAX));
                    visitor(Ok(record))?;
                    continue;
                }
                Parsed::Record(_) => None,
                Parsed::Beyond(_) if !is_last => return ControlFlow::Continue(at),
                Parsed::Beyond(length) => Some(Flaw::Cut(length)),
                Parsed::Bad(flaw) => Some(flaw),
            };
            let step = match flaw.filter(|_| !self.lost) {
                Some(flaw) => {
                    // What follows may not be at hand yet.
                    let needed = PAGE.saturating_add(size_of::<RawHeader>());
                    if flaw.has_length() && rest.len() < needed && !is_last {
                        return ControlFlow::Continue(at);
                    }
                    visitor(Err(flaw.error(offset)))?;
                    length_to_go_on(flaw, rest)
                }
                None => None,
            };
            self.lost = step.is_none();
            at = at.saturating_add(step.unwrap_or(ALIGNMENT));
        }
        if is_last && !self.lost && bytes.get(at..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0)) {
            let offset = start.saturating_add(u64::try_from(at).unwrap_or(0));
            visitor(Err(Flaw::Remainder.error(offset)))?;
        }
        ControlFlow::Continue(at.min(bytes.len()))
    }
}

/// The length of a record that could not be read, if the end, zeros or something with a believable length follow it.
fn length_to_go_on(flaw: Flaw, bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))).ok()?;
    let rest = bytes.get(length..).filter(|_| flaw.has_length())?;
    let follows = match rest.first_chunk::<ALIGNMENT>() {
        None => true,
        Some(first) if first.iter().all(|byte| *byte == 0) => true,
        Some(_) => match Record::parse(rest, 0) {
            Parsed::Record(_) => true,
            // A record that the end of the stream cuts off has no believable length.
            Parsed::Beyond(_) => false,
            Parsed::Bad(flaw) => flaw.has_length(),
        },
    };
    follows.then_some(length)
}

/// How many zero bytes `bytes` begin with, in whole multiples of eight.
fn leading_zeros(bytes: &[u8]) -> usize {
    const BLOCK: usize = 256;
    let is_zero = |part: &[u8]| part.iter().fold(0, |any, byte| any | byte) == 0;
    let blocks = match bytes.first_chunk::<ALIGNMENT>() {
        Some(first) if is_zero(first) => {
            bytes.chunks_exact(BLOCK).take_while(|block| is_zero(block)).count().saturating_mul(BLOCK)
        }
        _ => return 0,
    };
    let rest = bytes.get(blocks..).unwrap_or_default();
    let more = rest.chunks_exact(ALIGNMENT).take_while(|part| is_zero(part)).count();
    blocks.saturating_add(more.saturating_mul(ALIGNMENT))
}
