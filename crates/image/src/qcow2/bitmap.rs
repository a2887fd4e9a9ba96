use vminspect_bytes::{HostFile, ReadError};

use super::extension::BitmapDirectory;
use super::header::{read_available, structure_at, text};
use super::layout::{self, BitmapEntry};
use super::number::as_usize;

/// Greatest size of the bitmap directory that is read.
const MOST_BYTES: u64 = 1 << 20;

/// What the directory says of the persistent bitmaps, a line each. Their data is not needed to read the disk.
pub(super) fn describe(
    file: &HostFile,
    directory: BitmapDirectory,
    consistent: bool,
) -> Result<Vec<String>, ReadError> {
    let bytes = read_available(file, directory.offset, directory.size.min(MOST_BYTES))?;
    let mut lines = Vec::new();
    let mut position: usize = 0;
    for number in 0..directory.count {
        let Some((line, next)) = entry(&bytes, position, consistent) else {
            return Err(ReadError::corrupt("qcow2 bitmap directory")
                .at(directory.offset)
                .expected(format!("{} entries in {} bytes", directory.count, directory.size))
                .found(format!("an end after {number}")));
        };
        lines.push(line);
        position = next;
    }
    Ok(lines)
}

/// The entry at `position`, and where the next one is.
fn entry(bytes: &[u8], position: usize, consistent: bool) -> Option<(String, usize)> {
    let head = structure_at::<BitmapEntry>(bytes, position)?;
    let start = position
        .checked_add(size_of::<BitmapEntry>())?
        .checked_add(as_usize(u64::from(head.extra_data_size.get())))?;
    let end = start.checked_add(usize::from(head.name_size.get()))?;
    let name = text(bytes.get(start..end)?);
    let flags = head.flags.get();
    let mut line = format!("{name}: granularity 2^{} bytes", head.granularity_bits);
    if head.kind != 1 {
        line.push_str(&format!(", of unknown type {}", head.kind));
    }
    if flags & layout::BITMAP_AUTO != 0 {
        line.push_str(", auto");
    }
    if flags & layout::BITMAP_IN_USE != 0 {
        line.push_str(", in use (not saved properly)");
    }
    if !consistent {
        line.push_str(", inconsistent");
    }
    Some((line, end.next_multiple_of(8)))
}
