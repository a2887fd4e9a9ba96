//! The bytes of a value: from its record, from runs, decompressed where they are compressed.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, Extent, Memory, Origin, ReadAt, ReadError, Segment, Source};

use super::compressed_file::CompressedFile;
use super::compressed_unit::CompressedValue;
use super::compression::wof::{ChunkTable, Provider, STREAM_NAME};
use super::file_record::RecordHeader;
use super::layout::SEQUENCE_NUMBER_STRIDE;
use super::value::{Storage, StoredRuns, Value};
use super::volume::Ntfs;
use super::widen;
use crate::{Error, Result, stored};

impl Ntfs {
    /// The bytes of a value, as Windows shows them.
    ///
    /// # Errors
    /// When it is encrypted, or its runs make no sense.
    pub(super) fn open_value(&self, value: &Value) -> Result<Arc<dyn ReadAt>, ReadError> {
        match &value.storage {
            Storage::Resident { bytes, record, offset } => Ok(self.resident(bytes, record, *offset)),
            Storage::Runs(runs) if runs.encrypted => Err(encrypted()),
            Storage::Runs(runs) => match runs.compression {
                None => self.open_runs(runs, value.size),
                Some(unit) => self.open_compressed(runs, value.size, unit),
            },
        }
    }

    /// The bytes of a value, as they are stored.
    ///
    /// # Errors
    /// When its runs make no sense.
    pub(super) fn open_stored(&self, value: &Value) -> Result<Arc<dyn ReadAt>, ReadError> {
        match &value.storage {
            Storage::Runs(runs) if runs.encrypted || runs.compression.is_some() => {
                let end = runs.runs.last().map_or(0, |run| run.start.saturating_add(run.length));
                let segments = stored::segments(&runs.runs, end);
                stored::mapped(&self.view, self.limit(), segments, end)
            }
            _ => self.open_value(value),
        }
    }

    fn open_runs(&self, runs: &StoredRuns, size: u64) -> Result<Arc<dyn ReadAt>, ReadError> {
        if self.is_loose() && !runs.runs.is_empty() && size > 0 {
            return Err(ReadError::unsupported("content outside the MFT")
                .found("a loose $MFT, without the volume that it is of"));
        }
        stored::mapped(&self.view, self.limit(), stored::segments(&runs.written(size), size), size)
    }

    fn open_compressed(&self, runs: &StoredRuns, size: u64, unit: u64) -> Result<Arc<dyn ReadAt>, ReadError> {
        let end = runs.runs.last().map_or(0, |run| run.start.saturating_add(run.length));
        if !runs.has_holes() && end.is_multiple_of(unit) {
            // Nothing could be made smaller: the value is stored plainly.
            return self.open_runs(runs, size);
        }
        let stored = stored::mapped(&self.view, self.limit(), stored::segments(&runs.runs, end), end)?;
        let value = CompressedValue {
            stored,
            runs: runs.runs.clone(),
            size,
            initialised: runs.initialised,
            unit,
            cache: Arc::clone(&self.decoded),
        };
        Ok(Arc::new(value))
    }

    /// A value in a record. It keeps its origin, but for the two bytes in 512 that the update sequence replaced:
    /// these come from there.
    fn resident(&self, bytes: &[u8], record: &RecordHeader, offset: usize) -> Arc<dyn ReadAt> {
        let segments = resident_segments(bytes.len(), record, offset);
        let size = widen(bytes.len());
        let mapped =
            segments.and_then(|segments| stored::mapped(&self.view, self.limit(), segments, size).ok());
        match mapped {
            Some(mapped) => Arc::new(Resident { bytes: Memory::new(bytes), mapped }),
            None => Arc::new(Memory::new(bytes)),
        }
    }

    /// The bytes of a file that the Windows overlay filter compressed, from the value of its stream.
    ///
    /// # Errors
    /// When the content is in a WIM file, or its algorithm is not known.
    pub(super) fn open_overlay(
        &self,
        reparse_data: &[u8],
        compressed: Option<&Value>,
        size: u64,
    ) -> Result<Arc<dyn ReadAt>> {
        let algorithm = match Provider::from_bytes(reparse_data)? {
            Provider::File { algorithm } => algorithm,
            Provider::Wim { data_source_id, .. } => {
                return Err(ReadError::unsupported("file in a WIM")
                    .found(format!(
                        "content that is in the WIM file number {data_source_id:#x} of the system"
                    ))
                    .into());
            }
        };
        let compressed = compressed.ok_or_else(|| {
            Error::from(ReadError::corrupt("compressed file").found(format!("no stream {STREAM_NAME}")))
        })?;
        let stream = self.open_value(compressed)?;
        Ok(Arc::new(CompressedFile::new(
            stream,
            ChunkTable::new(algorithm, size),
            algorithm,
            size,
            &self.decoded,
        )))
    }
}

fn encrypted() -> ReadError {
    ReadError::unsupported("encrypted file")
        .found("content that the Encrypting File System encrypted")
        .advice("its encrypted bytes can be read raw")
}

/// The segments of `length` bytes at `offset` of a record: those that the update sequence replaced are taken from its
/// array. `None` when the record does not belong together.
fn resident_segments(length: usize, record: &RecordHeader, offset: usize) -> Option<Vec<Segment>> {
    let array = record.update_sequence?;
    let end = offset.checked_add(length)?;
    if widen(end) > record.place.len() {
        return None;
    }
    let mut segments = Vec::new();
    let mut position = offset;
    while position < end {
        let stretch = position.checked_div(SEQUENCE_NUMBER_STRIDE)?;
        let next = stretch.checked_add(1)?.checked_mul(SEQUENCE_NUMBER_STRIDE)?;
        let replaced = next.checked_sub(2)?;
        let (place, until) = if position < replaced {
            (position, replaced)
        } else {
            let entry = array.checked_add(2)?.checked_add(stretch.checked_mul(2)?)?;
            (entry.checked_add(position.checked_sub(replaced)?)?, next)
        };
        let until = until.min(end);
        segments.push(Segment {
            start: widen(position.checked_sub(offset)?),
            length: widen(until.checked_sub(position)?),
            source: Source::Below(record.place.start().checked_add(widen(place))?),
        });
        position = until;
    }
    Some(segments)
}

/// A value in a record, at hand, and where it comes from.
struct Resident {
    bytes: Memory,
    mapped: Arc<dyn ReadAt>,
}

impl ReadAt for Resident {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.read_exact_at(offset, buf)
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        self.mapped.extent_at(range)
    }
}

/// Fills `buf` from byte `skip` of decoded bytes. False when they end before.
pub(super) fn copy_from(decoded: &[u8], skip: u64, buf: &mut [u8]) -> bool {
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let part = decoded.get(skip..).and_then(|rest| rest.get(..buf.len()));
    part.map(|part| buf.copy_from_slice(part)).is_some()
}

/// Where decoded bytes come from: from one stored stretch that `stored` names, or who knows. `piece` is what is asked
/// for, `skip` how far into the decoded unit it begins.
pub(super) fn encoded_extent(
    source: &dyn ReadAt,
    stored: ByteRange,
    piece: ByteRange,
    skip: u64,
    codec: vminspect_bytes::CodecId,
) -> Result<Extent, ReadError> {
    let unknown = Extent { range: piece, origin: Origin::Unknown };
    let extent = source.extent_at(stored)?;
    Ok(match extent.origin {
        Origin::Stored { store, offset } if extent.range.end() >= stored.end() => Extent {
            range: piece,
            origin: Origin::Encoded { store, offset, length: stored.len(), skip, codec },
        },
        _ => unknown,
    })
}
