//! Hive bins: the stretches of 4096 bytes and multiples of that in which cells lie.

use vminspect_bytes::ReadError;
use zerocopy::FromBytes;

use super::cell::{ALIGNMENT, wide};
use super::layout::{BASE_BLOCK_LENGTH, BIN_ALIGNMENT, BIN_SIGNATURE, RawBin};

/// Problems of bins that are told one by one.
const MOST_TOLD: usize = 16;

/// A bin, by its bytes among all bins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bin {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The bins in the order of the file. One that is no bin is passed over in steps of 4096 bytes, and `tell` is
/// called with its position.
pub(super) fn bins(bytes: &[u8], mut tell: impl FnMut(usize, ReadError)) -> Vec<Bin> {
    let alignment = usize::try_from(BIN_ALIGNMENT).unwrap_or(4096);
    let mut found = Vec::new();
    let mut start = 0_usize;
    while start < bytes.len() {
        let size = match check(bytes, start) {
            Ok(size) => size,
            Err(error) => {
                tell(start, error);
                start = start.saturating_add(alignment);
                continue;
            }
        };
        let end = start.saturating_add(size);
        if end > bytes.len() {
            let error = ReadError::corrupt("hive bin")
                .at(in_file(start))
                .expected(format!("{size} bytes"))
                .found(format!("{}", bytes.len().saturating_sub(start)));
            tell(start, error);
        }
        found.push(Bin { start, end: end.min(bytes.len()) });
        start = end;
    }
    found
}

/// The size of the bin at `start`.
fn check(bytes: &[u8], start: usize) -> Result<usize, ReadError> {
    let rest = bytes.get(start..).unwrap_or_default();
    let error = || ReadError::corrupt("hive bin").at(in_file(start));
    let (bin, _) = RawBin::ref_from_prefix(rest)
        .map_err(|_| error().expected("32 bytes").found(format!("{}", rest.len())))?;
    if bin.signature != BIN_SIGNATURE {
        return Err(error().expected("hbin").found(bin.signature.escape_ascii().to_string()));
    }
    if usize::try_from(bin.offset.get()) != Ok(start) {
        return Err(error().expected(format!("offset {start:#x}")).found(format!("{:#x}", bin.offset.get())));
    }
    let size = bin.size.get();
    if size == 0 || !size.is_multiple_of(BIN_ALIGNMENT) {
        return Err(error().expected("a size that is a multiple of 4096").found(size.to_string()));
    }
    usize::try_from(size).map_err(|_| error().found(size.to_string()))
}

fn in_file(start: usize) -> u64 {
    wide(start).saturating_add(BASE_BLOCK_LENGTH)
}

/// Tells which bins have damaged headers. Cells in them are read all the same.
pub(super) fn check_bins(bytes: &[u8], problems: &mut Vec<ReadError>) {
    let mut told = Told { problems, count: 0 };
    bins(bytes, |_, error| told.add(error));
    told.finish();
}

/// Tells which bins have cells whose sizes make no sense.
pub(super) fn check_cells(bytes: &[u8], problems: &mut Vec<ReadError>) {
    let mut told = Told { problems, count: 0 };
    for bin in bins(bytes, |_, _| {}) {
        if let Some(bad) = cells(bytes, bin).find(|cell| !cell.is_sound) {
            let error = ReadError::corrupt("hive bin").at(in_file(bad.start));
            told.add(
                error.expected("a cell").found("a size that is no multiple of 8 or passes the bin's end"),
            );
        }
    }
    told.finish();
}

/// Problems of bins, of which only so many are told one by one.
struct Told<'p> {
    problems: &'p mut Vec<ReadError>,
    count: usize,
}

impl Told<'_> {
    fn add(&mut self, error: ReadError) {
        self.count = self.count.saturating_add(1);
        if self.count <= MOST_TOLD {
            self.problems.push(error);
        }
    }

    fn finish(self) {
        if let Some(rest) = self.count.checked_sub(MOST_TOLD).filter(|rest| *rest > 0) {
            let found = format!("{rest} more that are damaged");
            self.problems.push(ReadError::corrupt("hive bins").found(found));
        }
    }
}

/// A cell as it lies in its bin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lying {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) free: bool,
    /// Whether its size makes sense.
    pub(super) is_sound: bool,
}

/// The cells of a bin one after another, up to the first whose size makes no sense; what follows that counts as
/// one cell in use.
pub(super) fn cells(bytes: &[u8], bin: Bin) -> impl Iterator<Item = Lying> + '_ {
    let mut start = bin.start.saturating_add(size_of::<RawBin>());
    std::iter::from_fn(move || {
        let size = bytes.get(start..bin.end)?.first_chunk().map(|size| i32::from_le_bytes(*size))?;
        let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
        let end = start.saturating_add(length);
        let fits = length >= ALIGNMENT && length.is_multiple_of(ALIGNMENT) && end <= bin.end;
        let cell = match fits {
            true => Lying { start, end, free: size > 0, is_sound: true },
            false => Lying { start, end: bin.end, free: false, is_sound: false },
        };
        start = cell.end;
        Some(cell)
    })
}
