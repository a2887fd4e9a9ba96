use vminspect_artefact::registry::{CellOffset, Hive, Key, Value};

/// Bytes that are compared at once, as Windows writes them.
const PAGE: usize = 4096;

/// Where the bins of two hives hold the same bytes at the same place. What lies there need not be compared again.
pub(super) struct SamePages(Vec<bool>);

impl SamePages {
    pub(super) fn of(before: &Hive, after: &Hive) -> Self {
        // Another version or kind of hive gives the same bytes another meaning.
        let meaning = |hive: &Hive| (hive.base().version, hive.base().flags & 2);
        if meaning(before) != meaning(after) {
            return Self(Vec::new());
        }
        let pages = before.bins().chunks(PAGE).zip(after.bins().chunks(PAGE));
        Self(pages.map(|(left, right)| left == right).collect())
    }

    /// Whether both hives are the same bytes.
    pub(super) fn is_everything(&self, before: &Hive, after: &Hive) -> bool {
        let is_same_root = before.base().root_cell == after.base().root_cell;
        is_same_root
            && !self.0.is_empty()
            && before.bins().len() == after.bins().len()
            && self.0.iter().all(|same| *same)
    }

    fn covers(&self, (offset, length): (CellOffset, usize)) -> bool {
        let start = usize::try_from(offset.get()).unwrap_or(usize::MAX);
        let end = start.saturating_add(length.max(1));
        let pages = self.0.get(start / PAGE..end.div_ceil(PAGE));
        pages.is_some_and(|pages| pages.iter().all(|same| *same))
    }

    /// Whether two keys have the same values, without a look at them: the same cells in the same bytes.
    pub(super) fn values_are_same(&self, before: &Key<'_>, after: &Key<'_>) -> bool {
        before.values_cell() == after.values_cell()
            && before.value_count() == after.value_count()
            && before.values_cell().is_none_or(|list| self.covers(list))
            && before.values().all(|value| value.is_ok_and(|value| self.value_is_same(&value)))
    }

    fn value_is_same(&self, value: &Value<'_>) -> bool {
        self.covers(value.record_cell()) && value.data_is_within(|cell| self.covers(cell))
    }
}
