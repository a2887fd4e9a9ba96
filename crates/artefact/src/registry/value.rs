use std::borrow::Cow;

use vminspect_bytes::ReadError;
use zerocopy::byteorder::little_endian::U32;

use super::cell::{Cell, CellOffset, Flaw, offsets};
use super::data::ValueType;
use super::hive::Hive;
use super::layout::{
    BIG_DATA, KEY_VALUE, RESIDENT, RawBigData, RawKeyValue, SEGMENT, VALUE_COMP_NAME, VALUE_TOMBSTONE,
};
use super::name::Name;

/// The values of a key. Goes on after what cannot be read.
#[derive(Clone, Debug)]
pub struct Values<'h> {
    hive: &'h Hive,
    elements: &'h [U32],
    problem: Option<ReadError>,
}

impl<'h> Values<'h> {
    pub(super) fn new(hive: &'h Hive, key: CellOffset, count: u32, list: u32) -> Self {
        let mut values = Self { hive, elements: &[], problem: None };
        if count == 0 {
            return values;
        }
        let wrong = |found: String| {
            ReadError::corrupt("list of values")
                .at(key.in_file())
                .expected(format!("{count} values"))
                .found(found)
        };
        let Some(list) = CellOffset::new(list) else {
            values.problem = Some(wrong("no list of them".to_owned()));
            return values;
        };
        match hive.cells().at(list, "list of values") {
            Ok(cell) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                values.elements = offsets(cell.data, count);
                if values.elements.len() < count {
                    values.problem = Some(wrong(format!("a list of {} bytes", cell.data.len())));
                }
            }
            Err(error) => values.problem = Some(error),
        }
        values
    }
}

impl<'h> Iterator for Values<'h> {
    type Item = Result<Value<'h>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(problem) = self.problem.take() {
            return Some(Err(problem));
        }
        let offset = self.elements.split_off_first()?.get();
        Some(match CellOffset::new(offset) {
            Some(offset) => {
                self.hive.cells().at(offset, "value").and_then(|cell| Value::of_cell(self.hive, cell))
            }
            None => Err(ReadError::corrupt("list of values").found("an element that points nowhere")),
        })
    }
}

/// A value of a key.
#[derive(Clone, Copy, Debug)]
pub struct Value<'h> {
    hive: &'h Hive,
    offset: CellOffset,
    raw: &'h RawKeyValue,
    name: Name<'h>,
    flaw: Option<Flaw>,
}

/// The data of a value, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Data<'h> {
    /// As much of it as could be read.
    pub bytes: Cow<'h, [u8]>,
    /// Why it is not all.
    pub problem: Option<ReadError>,
}

impl<'h> Value<'h> {
    #[inline]
    pub(super) fn of_cell(hive: &'h Hive, cell: Cell<'h>) -> Result<Self, ReadError> {
        let (raw, name, flaw) = cell.named(KEY_VALUE, "value", |raw: &RawKeyValue| raw.name_length)?;
        let compressed = raw.flags.get() & VALUE_COMP_NAME != 0 && !hive.is_version_1_1();
        Ok(Self { hive, offset: cell.offset, raw, name: Name::new(name, compressed), flaw })
    }

    /// Its cell.
    #[must_use]
    pub fn offset(&self) -> CellOffset {
        self.offset
    }

    /// Its name; empty for the key's default value.
    #[must_use]
    pub fn name(&self) -> Name<'h> {
        self.name
    }

    /// What its data are meant to be.
    #[must_use]
    pub fn kind(&self) -> ValueType {
        ValueType(self.raw.data_type.get())
    }

    /// Bytes of data, as the value says.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.raw.data_size.get() & !RESIDENT
    }

    /// Whether it hides a value of the same name in the layers above (Windows 10 and later, in containers).
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.hive.may_have_layers() && self.raw.flags.get() & VALUE_TOMBSTONE != 0
    }

    /// What is wrong with the value itself, although it could be read.
    #[must_use]
    pub fn problem(&self) -> Option<ReadError> {
        let found = match self.flaw? {
            Flaw::Free => "a cell that is marked as free, though a list names it",
            Flaw::Cut => "a cell that ends before the value's name does",
        };
        Some(ReadError::corrupt("value").at(self.offset.in_file()).found(found))
    }

    /// Its data, as much as can be read. Where they are in one cell, nothing is copied.
    #[must_use]
    pub fn data(&self) -> Data<'h> {
        let size = usize::try_from(self.size()).unwrap_or(usize::MAX);
        if let Some(inline) = self.inline_data() {
            let held = inline.get(..size);
            let problem = held.is_none().then(|| self.wrong_data("4 bytes in place of an offset"));
            return Data { bytes: Cow::Borrowed(held.unwrap_or(inline)), problem };
        }
        if size == 0 {
            return Data { bytes: Cow::Borrowed(&[]), problem: None };
        }
        let cell = match self.data_cell() {
            Some(offset) => self.hive.cells().at(offset, "data of a value"),
            None => Err(self.wrong_data("an offset that points nowhere")),
        };
        match cell {
            Ok(cell) if self.is_big(&cell, size) => self.big_data(&cell, size),
            Ok(cell) => self.plain_data(&cell, size),
            Err(problem) => Data { bytes: Cow::Borrowed(&[]), problem: Some(problem) },
        }
    }

    fn plain_data(&self, cell: &Cell<'h>, size: usize) -> Data<'h> {
        let held = cell.data.get(..size);
        let problem = match (held, cell.flaw) {
            (None, _) => Some(self.wrong_data(format!("a cell of {}", cell.data.len()))),
            (Some(_), Some(Flaw::Free)) => Some(self.wrong_data("a cell that is marked as free")),
            (Some(_), _) => None,
        };
        Data { bytes: Cow::Borrowed(held.unwrap_or(cell.data)), problem }
    }

    /// Since version 1.4 more than fits into a segment is divided. Tools other than Windows may write it whole
    /// all the same, and may divide it in older versions.
    fn is_big(&self, cell: &Cell<'_>, size: usize) -> bool {
        size > SEGMENT
            && cell.signature() == BIG_DATA
            && (self.hive.divides_big_data() || cell.data.len() < size)
    }

    fn big_data(&self, cell: &Cell<'h>, size: usize) -> Data<'h> {
        let mut bytes = Vec::new();
        let problem = self.collect_segments(cell, size, &mut bytes).err();
        Data { bytes: Cow::Owned(bytes), problem }
    }

    fn collect_segments(&self, cell: &Cell<'h>, size: usize, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let (record, _) = cell.record::<RawBigData>("big data")?;
        let (count, list) = (usize::from(record.count.get()), CellOffset::new(record.segments.get()));
        let list = list.ok_or_else(|| self.wrong_data("segments that are nowhere"))?;
        let segments = offsets(self.hive.cells().at(list, "list of segments")?.data, count);
        // More than the hive has cannot be in it, whatever the segments repeat.
        let size = size.min(self.hive.bins().len());
        for segment in segments {
            let left = size.saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
            let offset =
                CellOffset::new(segment.get()).ok_or_else(|| self.wrong_data("a segment that is nowhere"))?;
            let data = self.hive.cells().at(offset, "segment of data")?.data;
            let wanted = left.min(SEGMENT);
            match data.get(..wanted) {
                Some(data) => bytes.extend_from_slice(data),
                None => {
                    bytes.extend_from_slice(data);
                    return Err(self.wrong_data(format!("a segment of {} at {offset:?}", data.len())));
                }
            }
        }
        match u32::try_from(bytes.len()) {
            Ok(length) if length == self.size() => Ok(()),
            _ => Err(self.wrong_data(format!("segments of {} in all", bytes.len()))),
        }
    }

    fn wrong_data(&self, found: impl Into<Cow<'static, str>>) -> ReadError {
        ReadError::corrupt("data of a value")
            .at(self.offset.in_file())
            .expected(format!("{} bytes", self.size()))
            .found(found)
    }

    /// Up to four bytes that stand in place of the data's offset.
    fn inline_data(&self) -> Option<&'h [u8]> {
        use zerocopy::IntoBytes;
        (self.raw.data_size.get() & RESIDENT != 0).then(|| self.raw.data.as_bytes())
    }

    /// The cell of its data, unless they stand in the value itself.
    pub(super) fn data_cell(&self) -> Option<CellOffset> {
        match self.inline_data() {
            Some(_) => None,
            None => CellOffset::new(self.raw.data.get()).filter(|_| self.size() > 0),
        }
    }

    /// Bytes that reading its data may yield.
    pub(super) fn claimed(&self) -> usize {
        let size = usize::try_from(self.size()).unwrap_or(usize::MAX);
        let Some(offset) = self.data_cell() else { return 0 };
        match self.hive.cells().at(offset, "data of a value") {
            Ok(cell) if self.is_big(&cell, size) => size.min(self.hive.bins().len()),
            Ok(cell) => size.min(cell.data.len()),
            Err(_) => 0,
        }
    }

    /// Whether all cells of its data are such that `holds` is true of them: that of the data itself, or the record,
    /// the list and the segments of big data, each with the bytes in use, its size included.
    pub fn data_is_within(&self, mut holds: impl FnMut((CellOffset, usize)) -> bool) -> bool {
        let size = usize::try_from(self.size()).unwrap_or(usize::MAX);
        let cells = self.hive.cells();
        let mut holds = |offset, length| holds((offset, cells.header.saturating_add(length)));
        let Some(first) = self.data_cell() else { return true };
        let Ok(cell) = cells.at(first, "data of a value") else { return false };
        if !self.is_big(&cell, size) {
            return holds(first, size.min(cell.data.len()));
        }
        let Ok((record, _)) = cell.record::<RawBigData>("big data") else { return false };
        let list = CellOffset::new(record.segments.get());
        let Some((list, Ok(held))) = list.map(|list| (list, cells.at(list, "list of segments"))) else {
            return false;
        };
        let segments = offsets(held.data, usize::from(record.count.get()));
        holds(first, size_of::<RawBigData>())
            && holds(list, size_of_val(segments))
            && segments
                .iter()
                .all(|each| CellOffset::new(each.get()).is_some_and(|each| holds(each, SEGMENT)))
    }

    /// Its cell, and the bytes in use, the cell's size included.
    #[must_use]
    pub fn record_cell(&self) -> (CellOffset, usize) {
        (self.offset, self.hive.cells().header.saturating_add(self.record_bytes()))
    }

    fn record_bytes(&self) -> usize {
        size_of::<RawKeyValue>().saturating_add(usize::from(self.raw.name_length.get()))
    }

    /// Whether nothing in the record contradicts the format.
    pub(super) fn is_consistent(&self) -> bool {
        let size = usize::try_from(self.size()).unwrap_or(usize::MAX);
        let inline = self.raw.data_size.get() & RESIDENT != 0;
        let flags = self.raw.flags.get();
        self.flaw != Some(Flaw::Cut)
            && size <= if inline { 4 } else { self.hive.bins().len() }
            && flags & !(VALUE_COMP_NAME | VALUE_TOMBSTONE) == 0
            && (inline || size == 0 || self.hive.cells().may_begin_at(self.raw.data.get()))
    }
}
