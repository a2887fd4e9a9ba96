//! Logs of entries, since Windows 8.1.

use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::marvin32::marvin32;
use super::{Candidate, LARGEST_PART, Outcome, Replay, grow, in_file, put, unused};
use crate::registry::base_block::{BaseBlock, FileType};
use crate::registry::cell::wide;
use crate::registry::hive::HiveImage;
use crate::registry::layout::{
    BIN_ALIGNMENT, LOG_ENTRY_SIGNATURE, RawLogEntry, RawPageReference, SECTOR_LENGTH,
};

/// Bins that an entry may add without giving their bytes.
const MOST_EMPTY_GROWTH: usize = 16 << 20;

/// An entry whose hashes fit.
struct Entry {
    sequence: u32,
    flags: u32,
    bins_size: usize,
    /// All its bytes.
    bytes: Vec<u8>,
    page_count: usize,
}

/// Why the entries of a log end.
enum End {
    /// Nothing follows, or what an earlier use of the file left.
    Done,
    /// Something follows that cannot be used.
    Broken(ReadError),
}

/// Replays logs in the order of their entries.
pub(super) fn apply(
    mut logs: Vec<Candidate<'_>>,
    base: &mut BaseBlock,
    image: &mut HiveImage,
    replay: &mut Replay,
    problems: &mut Vec<ReadError>,
) {
    logs.sort_by_key(|log| log.base.primary_sequence);
    let mut last = None;
    for log in logs {
        let first = log.base.primary_sequence;
        match last {
            None if first < base.secondary_sequence => {
                let why = format!(
                    "it is older than the hive: its entries begin with {first} (byte 4), the hive's next is {}",
                    base.secondary_sequence
                );
                unused(replay, log.name, why);
                continue;
            }
            Some(last) if Some(first) != u32::checked_add(last, 1) => {
                let why = format!("its entries begin with {first}, where {} is next", last.saturating_add(1));
                if first > last {
                    problems.push(ReadError::corrupt(format!("log {}", log.name)).at(4).found(why.clone()));
                }
                unused(replay, log.name, why);
                continue;
            }
            _ => {}
        }
        last = apply_log(&log, base, image, replay, problems).or(last);
    }
}

/// Replays the log that has the latest entries, and gives its base block.
pub(super) fn apply_latest(
    logs: Vec<Candidate<'_>>,
    image: &mut HiveImage,
    replay: &mut Replay,
    problems: &mut Vec<ReadError>,
) -> Option<BaseBlock> {
    let mut logs = logs;
    logs.sort_by_key(|log| log.base.primary_sequence);
    let latest = logs.pop();
    for log in logs {
        unused(
            replay,
            log.name,
            "the hive has no base block, so that only the log with the latest entries fits",
        );
    }
    let latest = latest?;
    let mut base = BaseBlock { file_type: FileType::Primary, ..latest.base.clone() };
    apply_log(&latest, &mut base, image, replay, problems)?;
    Some(base)
}

/// Replays the entries of one log, and gives the number of the last.
fn apply_log(
    log: &Candidate<'_>,
    base: &mut BaseBlock,
    image: &mut HiveImage,
    replay: &mut Replay,
    problems: &mut Vec<ReadError>,
) -> Option<u32> {
    let mut expected = log.base.primary_sequence;
    let (mut position, mut entries, mut pages) = (SECTOR_LENGTH, 0_u32, 0_u32);
    let mut last = None;
    let end = loop {
        let entry = match read_entry(log.bytes, position, expected, image.bins().len()) {
            Ok(entry) => entry,
            Err(end) => break end,
        };
        let done = match apply_entry(&entry, position, image) {
            Ok(done) => done,
            Err(error) => break End::Broken(error),
        };
        pages = pages.saturating_add(done);
        entries = entries.saturating_add(1);
        last = Some(entry.sequence);
        base.bins_size = u32::try_from(entry.bins_size).unwrap_or(u32::MAX);
        base.flags = base.flags & !1 | entry.flags & 1;
        (base.primary_sequence, base.secondary_sequence) = (entry.sequence, entry.sequence);
        let Some(next) = expected.checked_add(1) else { break End::Done };
        expected = next;
        position = position.saturating_add(wide(entry.bytes.len()));
    };
    let stopped = match end {
        End::Done => None,
        End::Broken(error) => Some(error),
    };
    match last {
        Some(last) => {
            let stopped = stopped.map(|error| {
                let text = error.to_string();
                let place = error.offset().unwrap_or(position);
                problems.push(
                    ReadError::corrupt(format!("log {}", log.name))
                        .at(place)
                        .found(format!("an entry that cannot be replayed ({text}); those before it were")),
                );
                text
            });
            let sequences = (log.base.primary_sequence, last);
            replay.logs.push((log.name.to_owned(), Outcome::Applied { sequences, entries, pages, stopped }));
        }
        None => {
            let why = stopped.map_or_else(
                || format!("it has no entry with the number {expected} at byte {position}"),
                |error| error.to_string(),
            );
            unused(replay, log.name, why);
        }
    }
    last
}

/// The entry at `position`, which must have the number `expected`.
fn read_entry(log: &dyn ReadAt, position: u64, expected: u32, held: usize) -> Result<Entry, End> {
    const HEADER: usize = size_of::<RawLogEntry>();
    let Ok(header) = log.read_array::<HEADER>(position) else { return Err(End::Done) };
    let Ok((raw, _)) = RawLogEntry::ref_from_prefix(&header) else { return Err(End::Done) };
    let hashed = header.get(..32).unwrap_or_default();
    if raw.signature != LOG_ENTRY_SIGNATURE || raw.sequence.get() < expected {
        return Err(End::Done);
    }
    let broken = |field: u64, expected: String, found: String| {
        let error = ReadError::corrupt("log entry").at(position.saturating_add(field));
        End::Broken(error.expected(expected).found(found))
    };
    // A fuzzer would not find the hashes of what it changes.
    if marvin32(hashed) != raw.hash_2.get() && !cfg!(fuzzing) {
        return Err(broken(32, "the hash of its header".to_owned(), format!("{:#x}", raw.hash_2.get())));
    }
    if raw.sequence.get() != expected {
        return Err(broken(12, format!("number {expected}"), raw.sequence.get().to_string()));
    }
    let (size, bins_size) = (raw.size.get(), raw.bins_size.get());
    let left = log.len().saturating_sub(position);
    if u64::from(size) > left || !u64::from(size).is_multiple_of(SECTOR_LENGTH) {
        return Err(broken(4, format!("a size up to {left}"), size.to_string()));
    }
    let sizes = (usize::try_from(size), usize::try_from(bins_size), usize::try_from(raw.page_count.get()));
    let (Ok(length), Ok(bins_size), Ok(page_count)) = sizes else {
        return Err(broken(4, "sizes that fit into memory".to_owned(), size.to_string()));
    };
    if length > LARGEST_PART {
        return Err(broken(4, format!("at most {LARGEST_PART} bytes"), size.to_string()));
    }
    if !bins_size.is_multiple_of(usize::try_from(BIN_ALIGNMENT).unwrap_or(4096)) {
        return Err(broken(16, "a multiple of 4096".to_owned(), bins_size.to_string()));
    }
    let most = held.saturating_add(length).saturating_add(MOST_EMPTY_GROWTH);
    if bins_size > most {
        return Err(broken(16, format!("at most {most} bytes of hive bins"), bins_size.to_string()));
    }
    let bytes = log.read_vec(position, length).map_err(End::Broken)?;
    if marvin32(bytes.get(HEADER..).unwrap_or_default()) != raw.hash_1.get() && !cfg!(fuzzing) {
        return Err(broken(24, "the hash of its pages".to_owned(), format!("{:#x}", raw.hash_1.get())));
    }
    Ok(Entry { sequence: expected, flags: raw.flags.get(), bins_size, bytes, page_count })
}

/// Puts the pages of an entry in their places.
fn apply_entry(entry: &Entry, position: u64, image: &mut HiveImage) -> Result<u32, ReadError> {
    let bad = |found: String| ReadError::corrupt("log entry").at(position.saturating_add(20)).found(found);
    let rest = entry.bytes.get(size_of::<RawLogEntry>()..).unwrap_or_default();
    let room = rest.len().div_euclid(size_of::<RawPageReference>());
    if entry.page_count > room {
        return Err(bad(format!("{} pages in {} bytes", entry.page_count, rest.len())));
    }
    let (references, mut data) = <[RawPageReference]>::ref_from_prefix_with_elems(rest, entry.page_count)
        .map_err(|_| bad("pages that do not fit".to_owned()))?;
    grow(image, entry.bins_size);
    let mut pages = 0_u32;
    for reference in references {
        let sizes = (usize::try_from(reference.offset.get()), usize::try_from(reference.size.get()));
        let (Ok(offset), Ok(size)) = sizes else {
            return Err(bad("a page that does not fit into memory".to_owned()));
        };
        let Some(page) = data.split_off(..size) else {
            return Err(bad(format!("a page of {size} bytes where {} are left", data.len())));
        };
        if put(image, offset, page).is_none() {
            return Err(bad(format!("a page for byte {} of the hive, past its end", in_file(offset))));
        }
        pages = pages.saturating_add(1);
    }
    Ok(pages)
}
