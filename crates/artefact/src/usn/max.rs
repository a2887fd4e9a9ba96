use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::layout::RawMax;

/// What the stream `$Max` beside `$J` says of the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Max {
    /// Bytes that the journal may take before its oldest records are dropped.
    pub maximum_size: u64,
    /// Bytes by which it grows and is cut.
    pub allocation_delta: u64,
    /// Identifies the journal. Windows takes the time of its creation for it, a FILETIME.
    pub journal_id: u64,
    /// Records below belong to an earlier journal.
    pub lowest_valid_usn: i64,
}

impl Max {
    /// Reads the stream. What follows its 32 bytes is left out.
    ///
    /// # Errors
    /// When it is shorter, or cannot be read.
    pub fn read(stream: &dyn ReadAt) -> Result<Self, ReadError> {
        let bytes: [u8; size_of::<RawMax>()] =
            stream.read_array(0).map_err(|error| error.in_structure("$Max of the change journal"))?;
        let raw =
            RawMax::ref_from_bytes(&bytes).map_err(|_| ReadError::corrupt("$Max of the change journal"))?;
        Ok(Self {
            maximum_size: raw.maximum_size.get(),
            allocation_delta: raw.allocation_delta.get(),
            journal_id: raw.usn_journal_id.get(),
            lowest_valid_usn: raw.lowest_valid_usn.get(),
        })
    }
}
