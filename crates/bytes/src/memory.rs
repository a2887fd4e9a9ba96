use std::sync::Arc;

use crate::read_at::check_range;
use crate::{ReadAt, ReadError};

/// Bytes that are in memory already: inline file content, a decoded structure. Their origin is unknown.
#[derive(Clone, Debug)]
pub struct Memory(Arc<[u8]>);

impl Memory {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }
}

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        Slice(&self.0).len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        Slice(&self.0).read_exact_at(offset, buf)
    }
}

/// Borrowed bytes. Their origin is unknown.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a>(pub &'a [u8]);

impl ReadAt for Slice<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_range("bytes in memory", offset, buf.len() as u64, self.len())?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(bytes) = self.0.get(start..).and_then(|rest| rest.get(..buf.len())) {
            buf.copy_from_slice(bytes);
        }
        Ok(())
    }
}
