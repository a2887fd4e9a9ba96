use std::fmt;
use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut};

/// Below this, memory comes from the allocator.
const SMALLEST_MAPPED: usize = 4 << 20;

/// Bytes of a large page on the usual machine. Memory that is not aligned to them is in small ones at both ends.
const LARGE_PAGE: usize = 2 << 20;

/// Bytes in memory that begin as zeros, in large pages where the system has them: filling and walking over tens of
/// megabytes of small pages costs as much as parsing them.
pub struct LargeBuffer(Memory);

enum Memory {
    Allocated(Vec<u8>),
    /// Anonymous memory: no file is mapped. The bytes are a part of it that begins with a large page.
    Mapped {
        map: MmapMut,
        start: usize,
        end: usize,
    },
}

impl LargeBuffer {
    /// `length` zeros.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        if length < SMALLEST_MAPPED {
            return Self(Memory::Allocated(vec![0; length]));
        }
        match MmapMut::map_anon(length.next_multiple_of(LARGE_PAGE).saturating_add(LARGE_PAGE)) {
            Ok(map) => {
                // A system without large pages refuses; the memory is as good.
                let _ = map.advise(Advice::HugePage);
                let start =
                    map.as_ptr().addr().next_multiple_of(LARGE_PAGE).saturating_sub(map.as_ptr().addr());
                Self(Memory::Mapped { map, start, end: start.saturating_add(length) })
            }
            Err(_) => Self(Memory::Allocated(vec![0; length])),
        }
    }

    /// The same bytes in memory of another length; what is new is zero.
    #[must_use]
    pub fn resized(mut self, length: usize) -> Self {
        if let Memory::Allocated(bytes) = &mut self.0 {
            bytes.resize(length, 0);
            return self;
        }
        let mut resized = Self::zeroed(length);
        let common = length.min(self.len());
        if let (Some(to), Some(from)) = (resized.get_mut(..common), self.get(..common)) {
            to.copy_from_slice(from);
        }
        resized
    }
}

impl Deref for LargeBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Allocated(bytes) => bytes,
            Memory::Mapped { map, start, end } => map.get(*start..*end).unwrap_or_default(),
        }
    }
}

impl DerefMut for LargeBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Allocated(bytes) => bytes,
            Memory::Mapped { map, start, end } => map.get_mut(*start..*end).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for LargeBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LargeBuffer of {} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_when_the_length_changes() {
        for length in [10, SMALLEST_MAPPED + 5] {
            let mut buffer = LargeBuffer::zeroed(length);
            assert!(buffer.len() == length && buffer.iter().all(|byte| *byte == 0));
            buffer[length - 1] = 7;
            let grown = buffer.resized(length + 100);
            assert_eq!((grown.len(), grown[length - 1], grown[length]), (length + 100, 7, 0));
            assert_eq!(grown.resized(length).last(), Some(&7));
        }
    }
}
