//! Update sequences: the last two bytes of every 512 of a record are replaced by a number when it is written,
//! so that a write that was cut short is noticed.

use vminspect_bytes::ReadError;
use zerocopy::FromBytes;

use super::layout::{RawMultiSectorHeader, SEQUENCE_NUMBER_STRIDE};

/// What became of a record's update sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fixed {
    /// All of it belongs together.
    Whole,
    /// From this byte on the record belongs to another write than its start does.
    Torn(usize),
}

/// Where the update sequence of a record lies, when its header makes sense.
pub(super) fn array_offset(record: &[u8]) -> Option<usize> {
    let (header, _) = RawMultiSectorHeader::ref_from_prefix(record).ok()?;
    let offset = usize::from(header.update_sequence_offset.get());
    let count = usize::from(header.update_sequence_size.get());
    let stretches = record.len().checked_div(SEQUENCE_NUMBER_STRIDE)?;
    let end = offset.checked_add(count.checked_mul(2)?)?;
    let sound = offset >= size_of::<RawMultiSectorHeader>()
        && offset.is_multiple_of(2)
        && count == stretches.checked_add(1)?
        && end <= SEQUENCE_NUMBER_STRIDE.saturating_sub(2);
    sound.then_some(offset)
}

/// Puts the bytes that the update sequence replaced back in their places. `offset` is where the record lies.
///
/// # Errors
/// When there is no update sequence that fits the length of the record.
pub(super) fn apply(record: &mut [u8], structure: &'static str, offset: u64) -> Result<Fixed, ReadError> {
    let Some(array) = array_offset(record) else {
        return Err(ReadError::corrupt(structure)
            .at(offset)
            .expected(format!("an update sequence for {} bytes", record.len()))
            .found("another"));
    };
    let number = pair(record, array);
    let mut torn = None;
    let (mut entry, mut end) = (array, SEQUENCE_NUMBER_STRIDE);
    while end <= record.len() {
        entry = entry.saturating_add(2);
        let place = end.saturating_sub(2);
        if pair(record, place) == number {
            let original = pair(record, entry);
            if let Some(target) = record.get_mut(place..end) {
                target.copy_from_slice(&original);
            }
        } else if torn.is_none() {
            torn = Some(end.saturating_sub(SEQUENCE_NUMBER_STRIDE));
        }
        end = end.saturating_add(SEQUENCE_NUMBER_STRIDE);
    }
    Ok(torn.map_or(Fixed::Whole, Fixed::Torn))
}

fn pair(bytes: &[u8], at: usize) -> [u8; 2] {
    bytes.get(at..at.saturating_add(2)).and_then(|pair| pair.try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut record = vec![7; 1024];
        record[..4].copy_from_slice(b"FILE");
        record[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
        record[0x30..0x36].copy_from_slice(&[9, 9, 1, 2, 3, 4]);
        record[510..512].copy_from_slice(&[9, 9]);
        record[1022..1024].copy_from_slice(&[9, 9]);
        record
    }

    #[test]
    fn replaced_bytes_come_back() {
        let mut bytes = record();
        assert_eq!(apply(&mut bytes, "file record", 0).unwrap(), Fixed::Whole);
        assert_eq!(bytes[510..512], [1, 2]);
        assert_eq!(bytes[1022..], [3, 4]);
    }

    #[test]
    fn a_torn_record_is_noticed() {
        let mut bytes = record();
        bytes[1022] = 8;
        assert_eq!(apply(&mut bytes, "file record", 0).unwrap(), Fixed::Torn(512));
        assert_eq!(bytes[510..512], [1, 2]);
        assert_eq!(bytes[1022..], [8, 9]);
        let mut bytes = record();
        bytes[511] = 8;
        assert_eq!(apply(&mut bytes, "file record", 0).unwrap(), Fixed::Torn(0));
    }

    #[test]
    fn a_sequence_that_does_not_fit_is_refused() {
        for (at, value) in [(4, 0xf0), (4, 6), (4, 0x31), (5, 2), (6, 2), (6, 4), (7, 1)] {
            let mut bytes = record();
            bytes[at] = value;
            let fits = apply(&mut bytes, "file record", 0).is_ok();
            assert_eq!(fits, at == 4 && value == 0xf0, "{at}: {value}");
        }
        assert!(apply(&mut [0; 7], "file record", 0).is_err());
    }
}
