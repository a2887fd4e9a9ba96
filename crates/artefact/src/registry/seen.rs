use super::cell::ALIGNMENT;

/// Which parts of the hive bins were met, in units of eight bytes.
#[derive(Clone, Debug)]
pub(super) struct Seen(Vec<u64>);

impl Seen {
    pub(super) fn of_length(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(ALIGNMENT).div_ceil(64)])
    }

    /// Marks the unit at `offset`. Whether it was not marked before.
    pub(super) fn insert(&mut self, offset: usize) -> bool {
        let unit = offset / ALIGNMENT;
        let Some(word) = self.0.get_mut(unit / 64) else { return false };
        let bit = 1 << (unit % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(super) fn contains(&self, offset: usize) -> bool {
        let unit = offset / ALIGNMENT;
        self.0.get(unit / 64).is_some_and(|word| word >> (unit % 64) & 1 == 1)
    }

    /// Marks every unit that `length` bytes from `offset` touch.
    pub(super) fn insert_range(&mut self, offset: usize, length: usize) {
        let end =
            offset.saturating_add(length).min(self.0.len().saturating_mul(64).saturating_mul(ALIGNMENT));
        let mut at = offset.saturating_sub(offset % ALIGNMENT);
        while at < end {
            self.insert(at);
            at = at.saturating_add(ALIGNMENT);
        }
    }
}
