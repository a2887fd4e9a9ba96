use std::sync::{Arc, LazyLock};

use vminspect_bytes::{BlockCache, HostFile, ReadAt, ReadAtExt, ReadError, StoreId};
use zerocopy::{BigEndian, FromBytes, U64};

use super::geometry::{Geometry, HostOffset};
use super::number::as_usize;

/// Bytes of L2 tables that all images of one process keep together.
const CACHE_BUDGET: usize = 8 << 20;

/// Bytes of an L2 table that are read and kept as one.
const MOST_SLICE: u64 = 64 << 10;

static CACHE: LazyLock<BlockCache<(StoreId, u64)>> = LazyLock::new(|| BlockCache::new(CACHE_BUDGET));

/// A part of an L2 table: its entries as stored.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    bytes: Arc<[u8]>,
    /// Index of the first entry in the table.
    first: u64,
    /// Entries that the slice has unless the file ends within it.
    entries: u64,
    geometry: Geometry,
}

impl Slice {
    /// The slice that holds entry `index` of the L2 table at `table`.
    pub(super) fn read(
        file: &HostFile,
        geometry: Geometry,
        table: HostOffset,
        index: u64,
    ) -> Result<Self, ReadError> {
        let size = geometry.cluster_size().min(MOST_SLICE);
        let entries = size.checked_div(geometry.entry_size()).unwrap_or(1);
        let first = index & !entries.wrapping_sub(1);
        let offset = table.0.saturating_add(first.saturating_mul(geometry.entry_size()));
        let bytes = CACHE.get_or_insert((file.store(), offset), || {
            let available = file.len().saturating_sub(offset).min(size);
            let whole = available & !geometry.entry_size().wrapping_sub(1);
            file.read_vec(offset, as_usize(whole)).map(Arc::from)
        })?;
        Ok(Self { bytes, first, entries, geometry })
    }

    /// Index of the entry after the last.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.entries)
    }

    /// Entry `index` of the table and, when entries are extended, its bitmap. `None` where the file ends before it.
    pub(super) fn entry(&self, index: u64) -> Option<(u64, u64)> {
        let index = as_usize(index.checked_sub(self.first)?);
        let words = <[U64<BigEndian>]>::ref_from_bytes(&self.bytes).ok()?;
        if self.geometry.extended() {
            let at = index.checked_mul(2)?;
            Some((words.get(at)?.get(), words.get(at.checked_add(1)?)?.get()))
        } else {
            Some((words.get(index)?.get(), 0))
        }
    }

    /// Byte offset of entry `index` in a table at `table`.
    pub(super) fn entry_offset(geometry: Geometry, table: HostOffset, index: u64) -> u64 {
        table.0.saturating_add(index.saturating_mul(geometry.entry_size()))
    }
}
