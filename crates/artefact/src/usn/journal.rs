use std::ops::ControlFlow;

use vminspect_bytes::{ByteRange, Origin, ReadAt, ReadAtExt, ReadError};

use super::layout::{ALIGNMENT, LONGEST, PAGE};
use super::record::{Flaw, Parsed, Record};

/// Bytes that are read at once.
const WINDOW: usize = 1 << 18;

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
        let whole = ByteRange::at(0, self.bytes.len());
        // Room for a window, and for the beginning of a record that passes its end.
        let mut buffer = vec![0; WINDOW.saturating_add(LONGEST)];
        let mut stretch = ByteRange::at(0, 0);
        for extent in self.bytes.extents(whole) {
            let flow = match extent {
                Ok(extent) if extent.origin == Origin::Zero => Flow::Continue(()),
                Ok(extent) if extent.range.start() == stretch.end() => {
                    stretch = ByteRange::new(stretch.start(), extent.range.end());
                    continue;
                }
                Ok(extent) => {
                    let flow = self.stretch(stretch, &mut buffer, &mut visitor);
                    stretch = extent.range;
                    flow
                }
                // Where the bytes come from cannot be told: they are read, and what cannot be is told then.
                Err(_) => {
                    stretch = ByteRange::new(stretch.start(), whole.end());
                    break;
                }
            };
            if flow.is_break() {
                return;
            }
        }
        let _ = self.stretch(stretch, &mut buffer, &mut visitor);
    }

    /// Reads records of a range that is not known to be zero.
    fn stretch(
        &self,
        range: ByteRange,
        buffer: &mut [u8],
        visitor: &mut impl FnMut(Result<Record<'_>, ReadError>) -> Flow,
    ) -> Flow {
        let mut parser = Parser { lost: false };
        let mut position = range.start().next_multiple_of(8);
        let mut kept = 0_usize;
        while position < range.end() {
            let left = range.end().saturating_sub(position);
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW);
            let length = match self.read(position, buffer, kept, length) {
                Ok(length) => length,
                Err((error, length)) => {
                    visitor(Err(error))?;
                    position = position.saturating_add(length);
                    (kept, parser.lost) = (0, true);
                    continue;
                }
            };
            let start = position.saturating_sub(u64::try_from(kept).unwrap_or(0));
            position = position.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            let filled = kept.saturating_add(length);
            let bytes = buffer.get(..filled).unwrap_or_default();
            let used = parser.records(bytes, start, position >= range.end(), visitor)?;
            buffer.copy_within(used..filled, 0);
            kept = filled.saturating_sub(used);
        }
        Flow::Continue(())
    }

    /// Fills the buffer from `kept` on. Where that fails, the first page of it that can be read, or the error and the
    /// bytes that it costs.
    fn read(
        &self,
        position: u64,
        buffer: &mut [u8],
        kept: usize,
        length: usize,
    ) -> Result<usize, (ReadError, u64)> {
        for length in [length, length.min(PAGE)] {
            let into = buffer.get_mut(kept..kept.saturating_add(length)).unwrap_or_default();
            match self.bytes.read_exact_at(position, into) {
                Ok(()) => return Ok(into.len()),
                Err(error) if length <= PAGE => return Err((error, u64::try_from(length).unwrap_or(1))),
                Err(_) => {}
            }
        }
        Ok(0)
    }
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
            let offset = start.saturating_add(u64::try_from(at).unwrap_or(0));
            if zeros > 0 {
                let after = offset.saturating_add(u64::try_from(zeros).unwrap_or(0));
                // What is left of a page is zero, and the next one begins with a record.
                self.lost &= page_of(after) == page_of(offset);
                at = at.saturating_add(zeros);
                continue;
            }
            let flaw = match Record::parse(rest, offset) {
                Parsed::Record(record) if !self.lost || record.is_plausible() => {
                    self.lost = false;
                    at = at.saturating_add(usize::try_from(record.length).unwrap_or(usize::MAX));
                    visitor(Ok(record))?;
                    continue;
                }
                Parsed::Record(_) => None,
                Parsed::Beyond if !is_last => return ControlFlow::Continue(at),
                Parsed::Beyond => Some(Flaw::Cut(first_number(rest))),
                Parsed::Bad(flaw) => Some(flaw),
            };
            if let Some(flaw) = flaw.filter(|_| !self.lost) {
                visitor(Err(flaw.error(offset)))?;
            }
            self.lost = true;
            at = at.saturating_add(ALIGNMENT);
        }
        if is_last && !self.lost && bytes.get(at..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0)) {
            let offset = start.saturating_add(u64::try_from(at).unwrap_or(0));
            visitor(Err(Flaw::Remainder.error(offset)))?;
        }
        ControlFlow::Continue(at.min(bytes.len()))
    }
}

fn page_of(offset: u64) -> u64 {
    offset >> PAGE.trailing_zeros()
}

fn first_number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
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
