use super::layout::{ALIGNMENT, PAGE};
use super::record::{Parsed, Record};

/// Times between 1990 and 2100, as FILETIME: what lies outside is taken for chance.
const TIMES: std::ops::Range<i64> = 122_756_256_000_000_000..157_468_320_000_000_000;

/// Looks for records in bytes that are no journal: free space, slack, memory. `start` is the position of the first
/// byte, and what is found has offsets from there on. Only what looks like a record in every field is handed
/// out; a record that the bytes cut off at their end is not. Records of version 4, which
/// have neither time nor name, are not looked for.
pub fn carve(bytes: &[u8], start: u64, mut found: impl FnMut(Record<'_>)) {
    let mut at = usize::try_from(start.next_multiple_of(8).saturating_sub(start)).unwrap_or(0);
    while let Some(rest) = bytes.get(at..) {
        let Some(head) = rest.first_chunk::<ALIGNMENT>() else { return };
        let step = if may_begin(u64::from_le_bytes(*head)) {
            let offset = start.saturating_add(u64::try_from(at).unwrap_or(0));
            match Record::parse(rest, offset) {
                Parsed::Record(record) if is_certain(&record) => {
                    found(record);
                    usize::try_from(record.length).unwrap_or(ALIGNMENT)
                }
                _ => ALIGNMENT,
            }
        } else {
            ALIGNMENT
        };
        at = at.saturating_add(step);
    }
}

/// Whether the first eight bytes of a record can be these: a length, and version 2.0 or 3.0.
fn may_begin(head: u64) -> bool {
    let (length, version) = (head & 0xffff_ffff, head >> 32);
    (version == 2 || version == 3) && length <= u64::try_from(PAGE).unwrap_or(0) && length >= 64
}

fn is_certain(record: &Record<'_>) -> bool {
    record.is_certain()
        && record.usn.rem_euclid(8) == 0
        && record.file.parts().is_some_and(|(number, _)| number <= u64::from(u32::MAX))
        && record.parent.parts().is_some_and(|(number, _)| number <= u64::from(u32::MAX))
        && record.change().is_some_and(|change| TIMES.contains(&change.filetime))
}
