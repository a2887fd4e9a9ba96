//! Bytes in memory that say where they come from, as a host file does; and the check of what layers above
//! say of it.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, Extent, Memory, Origin, ReadAt, ReadAtExt, ReadError, StoreId};

/// Extents that are checked of one range. Damage can make millions.
const MOST_EXTENTS: usize = 256;

/// Bytes that are read at once.
const PIECE: u64 = 64 << 10;

/// A disk in memory.
pub(crate) struct Evidence {
    bytes: Memory,
    store: StoreId,
}

impl Evidence {
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes: Memory::new(bytes), store: StoreId::intern(b"fuzzed disk") })
    }

    /// Reads `store`, which must be this one.
    pub(crate) fn read(&self, store: StoreId, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        assert_eq!(store, self.store, "an origin in a store that nobody opened");
        self.read_vec(offset, length)
    }
}

impl ReadAt for Evidence {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.read_exact_at(offset, buf)
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        assert!(range.end() <= self.len() && !range.is_empty(), "asked for the extent of {range:?}");
        Ok(Extent { range, origin: Origin::Stored { store: self.store, offset: range.start() } })
    }
}

/// Reads both ends of `bytes`, and checks there that the origins it claims hold the bytes it reads.
/// `stored` reads a host file.
pub(crate) fn check(bytes: &dyn ReadAt, stored: &dyn Fn(StoreId, u64, usize) -> Result<Vec<u8>, ReadError>) {
    let length = bytes.len();
    let past_end = length.checked_sub(3).map(|offset| bytes.read_exact_at(offset, &mut [0; 4]));
    assert!(past_end.is_none_or(|read| read.is_err()), "a read past the end must fail");
    for area in [ByteRange::at(0, PIECE.min(length)), ByteRange::new(length.saturating_sub(PIECE), length)] {
        // Each stretch is read by itself: damage in one place must not hide the others.
        for extent in bytes.extents(area).take(MOST_EXTENTS) {
            let Ok(Extent { range, origin }) = extent else { break };
            assert!(!range.is_empty() && area.intersection(range) == range, "{range:?} is not in {area:?}");
            let count = usize::try_from(range.len()).expect("within an area");
            let Ok(read) = bytes.read_vec(range.start(), count) else { continue };
            match origin {
                Origin::Zero => assert!(read.iter().all(|byte| *byte == 0), "{range:?} is said to be zero"),
                Origin::Stored { store, offset } => {
                    let there = stored(store, offset, count).expect("the origin of what could be read");
                    assert!(there == read, "{range:?} is not what is stored at {offset:#x}");
                }
                Origin::Encoded { .. } | Origin::Unknown => {}
            }
        }
    }
}
