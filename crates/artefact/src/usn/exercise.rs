use std::ops::ControlFlow;

use vminspect_bytes::ReadAt;

use super::{Body, FlagField, Journal, Max, Record, carve};

/// What [`exercise`] met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Met {
    /// Records of the journal.
    pub records: usize,
    /// Errors in between.
    pub errors: usize,
    /// Records that were found by looking for them.
    pub carved: usize,
}

/// Reads everything that can be read of a journal, for tests of damaged ones and for fuzzing.
pub fn exercise(bytes: &dyn ReadAt) -> Met {
    let mut met = Met::default();
    let _ = Max::read(bytes);
    Journal::new(bytes).visit(|record| {
        match record {
            Ok(record) => {
                look_at(&record);
                met.records = met.records.saturating_add(1);
            }
            Err(_) => met.errors = met.errors.saturating_add(1),
        }
        ControlFlow::Continue(())
    });
    let mut page = vec![0; usize::try_from(bytes.len().min(1 << 20)).unwrap_or(0)];
    if bytes.read_exact_at(0, &mut page).is_ok() {
        carve(&page, 0, |record| {
            look_at(&record);
            met.carved = met.carved.saturating_add(1);
        });
    }
    met
}

fn look_at(record: &Record<'_>) {
    let _ = (record.file.parts(), record.parent.to_string());
    let _ = FlagField::Reason.each(record.reasons).count();
    match &record.body {
        Body::Change(change) => drop((change.time(), change.name(), change.is_directory())),
        Body::Ranges(ranges) => drop(ranges.extents().collect::<Vec<_>>()),
    }
}
