use std::ops::RangeInclusive;

use vminspect_bytes::ReadError;

use super::ChunkHeader;
use super::layout::{CHUNK_HEADER_SIZE, RECORD_SIGNATURE};
use super::record::Record;

/// What one chunk holds, as far as it can be told without decoding its records.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Where in the file it begins.
    pub offset: u64,
    /// Its header; `None` where that is damaged, or where nothing was ever written.
    pub header: Option<ChunkHeader>,
    /// Its records, in the order in which they lie in it.
    pub records: Vec<Record>,
    /// What is wrong with it.
    pub problems: Vec<ReadError>,
}

/// Times of recovered records are from 1980 to 2107: what is outside is no record.
const PLAUSIBLE: std::ops::Range<u64> = 119_600_064_000_000_000..160_000_000_000_000_000;

impl Chunk {
    /// Finds the records of a chunk, of which `bytes` are what the file has, and which begins at byte `offset` of it.
    ///
    /// With `recover`, also records that are no longer, or not yet, counted as the chunk's: behind its last one,
    /// between others, and those of a chunk whose header is damaged. Some of what is found may not be decodable.
    #[must_use]
    pub fn scan(bytes: &[u8], offset: u64, recover: bool) -> Self {
        let mut scan = Scan { bytes, recover, chunk: Self { offset, ..Self::default() } };
        match ChunkHeader::from_bytes(bytes, offset) {
            Ok(header) => {
                scan.check(&header);
                scan.live(&header);
                scan.chunk.header = Some(header);
            }
            Err(_) if bytes.iter().all(|byte| *byte == 0) => {}
            Err(error) => {
                scan.chunk.problems.push(error);
                scan.carve(0, scan.length());
            }
        }
        scan.chunk.records.sort_by_key(|record| record.offset);
        scan.chunk
    }

    /// Whether there is nothing: Windows makes logs larger before it writes to them.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.header.is_none() && self.problems.is_empty()
    }

    /// Where in the file a record begins.
    #[must_use]
    pub fn file_offset(&self, record: &Record) -> u64 {
        self.offset.saturating_add(u64::from(record.offset))
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    recover: bool,
    chunk: Chunk,
}

impl Scan<'_> {
    fn length(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn corrupt(&self, at: u32) -> ReadError {
        ReadError::corrupt("event log chunk").at(self.chunk.offset.saturating_add(u64::from(at)))
    }

    fn check(&mut self, header: &ChunkHeader) {
        if header.free_space_offset > self.length() {
            let error = self.corrupt(48).expected(format!("free space within {} bytes", self.length()));
            self.chunk.problems.push(error.found(format!("at {}", header.free_space_offset)));
        }
    }

    /// The records that the chunk counts as its own.
    fn live(&mut self, header: &ChunkHeader) {
        let end = header.free_space_offset.min(self.length());
        let mut at = u32::try_from(CHUNK_HEADER_SIZE).unwrap_or(0);
        // Where the last record of the walk ended: what is between it and the next one may hold remains.
        let mut done = at;
        let mut is_behind_last = false;
        while at < end {
            match self.record(at, end) {
                Ok(record) => {
                    self.carve(done, at);
                    at = record.end();
                    done = at;
                    self.chunk.records.push(record);
                    if record.id == header.ids.1 && !is_behind_last {
                        if !self.more_follow(&record, end, header) {
                            break;
                        }
                        is_behind_last = true;
                        let error = self.corrupt(at).expected(format!("record {} to be the last", record.id));
                        self.chunk.problems.push(error.found("more before the free space"));
                    }
                }
                Err(error) => {
                    let ids = header.ids.0..=if is_behind_last { u64::MAX } else { header.ids.1 };
                    let next = self.next_live(at.saturating_add(1), end, &ids);
                    // Zeros before the end that the header names: it was written ahead of the records.
                    if next.is_some() || !self.is_blank(at) {
                        self.chunk.problems.push(error);
                    }
                    let torn = Record::at(self.bytes, at, self.chunk.offset).ok();
                    let Some(next) = next else {
                        done = done.max(self.torn(torn, end));
                        break;
                    };
                    done = done.max(self.torn(torn, next));
                    at = next;
                }
            }
        }
        if header.is_dirty() || !header.records_checksum_holds {
            self.going_on(&mut done, header);
        }
        self.carve(done, self.length());
        self.check_last(header);
    }

    /// Whether sound records lie between the last one that the header names and the free space. Where the header does
    /// not fit the records, those with the next ids are no contradiction: see [`Scan::going_on`].
    fn more_follow(&self, last: &Record, end: u32, header: &ChunkHeader) -> bool {
        let lags = header.is_dirty() || !header.records_checksum_holds;
        let next = Record::at(self.bytes, last.end(), self.chunk.offset).ok();
        next.is_some_and(|next| {
            let is_next = last.id.checked_add(1) == Some(next.id);
            next.end() <= end && next.has_size_copy(self.bytes) && !(lags && is_next)
        })
    }

    /// A record that was not written to its end, or whose size is wrong, can tell something still. Returns where the
    /// search for remains goes on.
    fn torn(&mut self, record: Option<Record>, until: u32) -> u32 {
        match record
            .filter(|record| self.recover && record.end() <= until && PLAUSIBLE.contains(&record.written))
        {
            Some(record) => {
                self.chunk.records.push(Record { recovered: true, ..record });
                record.end()
            }
            None => 0,
        }
    }

    /// Records that follow the last one that the header names, with the next ids: they were written after the header,
    /// where that does not fit the records.
    fn going_on(&mut self, done: &mut u32, header: &ChunkHeader) {
        while let Some(last) = self.chunk.records.last().copied() {
            let is_last = last.id >= header.ids.1 && last.end() == *done && !last.recovered;
            let next = Record::at(self.bytes, *done, self.chunk.offset).ok().filter(|next| {
                is_last && Some(next.id) == last.id.checked_add(1) && next.has_size_copy(self.bytes)
            });
            let Some(next) = next else { return };
            *done = next.end();
            self.chunk.records.push(next);
        }
    }

    /// Tells records that the header names, and that are not there.
    fn check_last(&mut self, header: &ChunkHeader) {
        let mut live = self.chunk.records.iter().filter(|record| !record.recovered);
        let has_last = live.clone().any(|record| record.id >= header.ids.1);
        let is_empty = header.ids.0 == u64::MAX || header.ids.1 == u64::MAX || header.ids.1 < header.ids.0;
        if !has_last && !is_empty {
            let found =
                live.next_back().map_or_else(|| "none".to_owned(), |last| format!("up to {}", last.id));
            let error = self.corrupt(32).expected(format!("records up to {}", header.ids.1)).found(found);
            self.chunk.problems.push(error);
        }
    }

    /// The record at `at`, when it is sound or what follows shows that its size is.
    fn record(&self, at: u32, end: u32) -> Result<Record, ReadError> {
        let record = Record::at(self.bytes, at, self.chunk.offset)?;
        let follows = |at: u32| {
            let bytes = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..));
            at == end || bytes.is_some_and(|bytes| bytes.starts_with(&RECORD_SIGNATURE))
        };
        if record.has_size_copy(self.bytes) || follows(record.end()) {
            return Ok(record);
        }
        Err(ReadError::corrupt("event record")
            .at(self.chunk.offset.saturating_add(u64::from(at)))
            .expected(format!("a copy of its size, {}, at its end", record.size))
            .found("something else"))
    }

    /// Whether there are zeros where a record's signature would be.
    fn is_blank(&self, at: u32) -> bool {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(start..start.saturating_add(4).min(self.bytes.len()));
        bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
    }

    /// The next sound record of the chunk's range of ids.
    fn next_live(&self, mut from: u32, end: u32, ids: &RangeInclusive<u64>) -> Option<u32> {
        loop {
            let at = self.find_signature(from, end)?;
            let sound = Record::at(self.bytes, at, 0).ok().filter(|record| {
                record.end() <= end && ids.contains(&record.id) && record.has_size_copy(self.bytes)
            });
            if sound.is_some() {
                return Some(at);
            }
            from = at.saturating_add(1);
        }
    }

    fn find_signature(&self, from: u32, until: u32) -> Option<u32> {
        let (from_index, until) = (usize::try_from(from).ok()?, usize::try_from(until).ok()?);
        let found = memchr::memmem::find(self.bytes.get(from_index..until)?, &RECORD_SIGNATURE)?;
        from.checked_add(u32::try_from(found).ok()?)
    }

    /// Remains of records from `from` to `until`.
    fn carve(&mut self, mut from: u32, until: u32) {
        while self.recover && from < until {
            let Some(at) = self.find_signature(from, until) else { return };
            let found = Record::at(self.bytes, at, 0).ok().filter(|record| {
                record.end() <= until
                    && PLAUSIBLE.contains(&record.written)
                    && record.has_size_copy(self.bytes)
            });
            from = found.map_or(at.saturating_add(1), |record| record.end());
            self.chunk.records.extend(found.map(|record| Record { recovered: true, ..record }));
        }
    }
}
