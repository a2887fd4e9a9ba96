//! `$Secure`: one copy of every security descriptor of the volume, in its stream `$SDS`, found by number.
//!
//! Entries stand in stretches of 256 KiB, each of which is followed by a copy of it.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use vminspect_bytes::security::SecurityDescriptor;
use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::layout::RawSecurityEntry;
use super::widen;

const STRETCH: u64 = 256 << 10;
/// Entries begin at multiples of this.
const ALIGNMENT: u64 = 16;
/// Largest descriptor: the size of an ACL is a 16-bit number, and there are two.
const LARGEST: u64 = 192 << 10;
/// Entries that are kept: far more than any volume has.
const MOST: usize = 1 << 20;

/// Where the descriptors of a volume are.
pub(super) struct SecurityStore {
    stream: Arc<dyn ReadAt>,
    /// Position and bytes of each entry, by the number of its descriptor.
    entries: HashMap<u32, (u64, u32)>,
}

impl SecurityStore {
    /// Finds the entries of `$SDS`. What cannot be read is left out: whoever asks for it is told.
    pub(super) fn read(stream: Arc<dyn ReadAt>) -> Self {
        let mut store = Self { stream, entries: HashMap::new() };
        let mut start = 0;
        while start < store.stream.len() && store.entries.len() < MOST {
            if !store.add_stretch(start) {
                // The copy has the same entries, which say that they are the first ones.
                store.add_copy(start);
            }
            start = start.saturating_add(2 * STRETCH);
        }
        store
    }

    fn add_stretch(&mut self, start: u64) -> bool {
        self.add_entries(start, start)
    }

    fn add_copy(&mut self, start: u64) {
        self.add_entries(start.saturating_add(STRETCH), start);
    }

    /// Adds the entries of the stretch at `from`, which say that they stand in the one at `start`. False when the
    /// stretch cannot be read or does not make sense.
    fn add_entries(&mut self, from: u64, start: u64) -> bool {
        let length = STRETCH.min(self.stream.len().saturating_sub(from));
        let Ok(bytes) = self.stream.read_vec(from, usize::try_from(length).unwrap_or(0)) else {
            return false;
        };
        let mut position = 0_u64;
        while let Some(rest) = usize::try_from(position).ok().and_then(|at| bytes.get(at..)) {
            let Ok((raw, _)) = RawSecurityEntry::ref_from_prefix(rest) else { break };
            let (own, length) = (raw.offset.get(), raw.length.get());
            if length == 0 {
                // The rest of a stretch is not used.
                break;
            }
            let sound = own == start.saturating_add(position)
                && u64::from(length) >= widen(size_of::<RawSecurityEntry>())
                && u64::from(length) <= LARGEST;
            if !sound {
                return false;
            }
            self.entries.entry(raw.security_id.get()).or_insert((from.saturating_add(position), length));
            position = position.saturating_add(u64::from(length)).next_multiple_of(ALIGNMENT);
        }
        true
    }

    /// The descriptor of a number.
    ///
    /// # Errors
    /// When there is none, or it does not make sense.
    pub(super) fn descriptor(&self, security_id: u32) -> Result<SecurityDescriptor, ReadError> {
        let name = || format!("security descriptor {security_id} in $Secure");
        let (position, length) = self
            .entries
            .get(&security_id)
            .copied()
            .ok_or_else(|| ReadError::corrupt(name()).found("none"))?;
        let header = widen(size_of::<RawSecurityEntry>());
        let bytes = self.stream.read_vec(
            position.saturating_add(header),
            usize::try_from(u64::from(length).saturating_sub(header)).unwrap_or(0),
        )?;
        SecurityDescriptor::parse(&bytes, position).map_err(|error| error.in_structure(name()))
    }
}
