//! Logs of one set of dirty pages, up to Windows 8.

use vminspect_bytes::{ReadAtExt, ReadError, Timestamp};
use zerocopy::FromBytes;

use super::{Candidate, LARGEST_PART, Outcome, Replay, grow, in_file, put, unused};
use crate::registry::base_block::{BaseBlock, FileType};
use crate::registry::cell::wide;
use crate::registry::hive::HiveImage;
use crate::registry::layout::{BIN_ALIGNMENT, BIN_SIGNATURE, DIRTY_VECTOR_SIGNATURE, RawBin, SECTOR};

/// Replays the log that belongs to the hive's last write, if nothing was replayed yet.
pub(super) fn apply(
    logs: Vec<Candidate<'_>>,
    base: &mut BaseBlock,
    image: &mut HiveImage,
    replay: &mut Replay,
    problems: &mut Vec<ReadError>,
) {
    if replay.is_applied() {
        logs.iter().for_each(|log| unused(replay, log.name, "newer logs were replayed"));
        return;
    }
    if let Some(recovered) = apply_to_time(logs, Some(base.last_written), image, replay, problems) {
        *base = recovered;
    }
}

/// Replays the log whose time is that of the hive, and gives its base block. Where a write to the hive failed,
/// Windows collects the same pages and more in the second log: of two that fit, the later one is taken.
pub(super) fn apply_to_time(
    logs: Vec<Candidate<'_>>,
    written: Option<Timestamp>,
    image: &mut HiveImage,
    replay: &mut Replay,
    problems: &mut Vec<ReadError>,
) -> Option<BaseBlock> {
    let mut usable = Vec::new();
    for log in logs {
        let (primary, secondary) = (log.base.primary_sequence, log.base.secondary_sequence);
        if primary != secondary {
            unused(
                replay,
                log.name,
                format!(
                    "it is itself not whole: its sequence numbers are {primary} and {secondary} (byte 4)"
                ),
            );
        } else if Some(log.base.last_written) < written {
            unused(replay, log.name, "it is older than the hive (time at byte 12)");
        } else {
            usable.push(log);
        }
    }
    // Stable, so that the first log wins where times are equal.
    usable.sort_by_key(|log| std::cmp::Reverse(log.base.last_written));
    let mut recovered = None;
    for log in usable {
        if recovered.is_some() {
            unused(replay, log.name, "another log, as new as this one or newer, was replayed");
            continue;
        }
        match apply_log(&log, image) {
            Ok((pages, stopped)) => {
                let sequence = log.base.primary_sequence;
                let sequences = (sequence, sequence);
                let stopped = stopped.map(|error| {
                    problems.push(error.clone());
                    error.to_string()
                });
                let outcome = Outcome::Applied { sequences, entries: 1, pages, stopped };
                replay.logs.push((log.name.to_owned(), outcome));
                recovered = Some(BaseBlock { file_type: FileType::Primary, ..log.base });
            }
            Err(error) => unused(replay, log.name, error.to_string()),
        }
    }
    recovered
}

/// Puts the pages of a log in their places. Either all of them are there, or nothing is done. Where one would
/// overwrite the beginning of a bin with something else, Windows stops: so does this, and tells.
fn apply_log(log: &Candidate<'_>, image: &mut HiveImage) -> Result<(u32, Option<ReadError>), ReadError> {
    let sector = log.sector();
    let size = usize::try_from(log.base.bins_size).unwrap_or(usize::MAX);
    let bitmap_length = (size / SECTOR).div_ceil(8);
    let signature: [u8; 4] = log.bytes.read_array(sector)?;
    if signature != DIRTY_VECTOR_SIGNATURE {
        let found = signature.escape_ascii().to_string();
        return Err(ReadError::corrupt("dirty vector").at(sector).expected("DIRT").found(found));
    }
    let after_signature = sector.saturating_add(4);
    let bitmap = log.bytes.read_vec(after_signature, bitmap_length)?;
    let dirty: Vec<usize> = pages(&bitmap).take_while(|page| *page < size / SECTOR).collect();
    let start = after_signature.saturating_add(wide(bitmap_length)).next_multiple_of(sector);
    let length = dirty.len().saturating_mul(SECTOR);
    if length > LARGEST_PART {
        return Err(ReadError::corrupt("dirty vector")
            .at(sector)
            .expected(format!("pages of at most {LARGEST_PART} bytes"))
            .found(length.to_string()));
    }
    // Bins that are new are dirty as a whole: the hive cannot grow by more than the log has.
    if size > image.bins().len().saturating_add(length) {
        return Err(ReadError::corrupt("base block of a log")
            .at(40)
            .expected(format!("at most {} bytes of hive bins", image.bins().len().saturating_add(length)))
            .found(size.to_string()));
    }
    let data = log.bytes.read_vec(start, length)?;
    grow(image, size);
    let mut done = 0_u32;
    for (page, bytes) in dirty.iter().zip(data.chunks_exact(SECTOR)) {
        let offset = page.saturating_mul(SECTOR);
        if begins_bin(image.bins().get(offset..).unwrap_or_default(), offset) && !begins_bin(bytes, offset) {
            let place = start.saturating_add(wide(SECTOR).saturating_mul(u64::from(done)));
            let error = ReadError::corrupt(format!("log {}", log.name))
                .at(place)
                .expected(format!("the hive bin at {:#x}", in_file(offset)))
                .found("something else; the pages from there on are not replayed");
            return Ok((done, Some(error)));
        }
        put(image, offset, bytes);
        done = done.saturating_add(1);
    }
    Ok((done, None))
}

/// Whether `bytes` begin with the header of the bin at `offset`.
fn begins_bin(bytes: &[u8], offset: usize) -> bool {
    RawBin::ref_from_prefix(bytes).is_ok_and(|(bin, _)| {
        bin.signature == BIN_SIGNATURE
            && usize::try_from(bin.offset.get()) == Ok(offset)
            && bin.size.get() >= BIN_ALIGNMENT
    })
}

/// Numbers of the bits that are set.
fn pages(bitmap: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bitmap.iter().enumerate().flat_map(|(at, byte)| {
        (0..8_usize)
            .filter(move |bit| byte >> bit & 1 == 1)
            .map(move |bit| at.saturating_mul(8).saturating_add(bit))
    })
}
