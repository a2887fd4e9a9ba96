use vminspect_bytes::{ReadAt, ReadError};

use super::{Decoded, Hive, Key, Log, Remains, Walk};

/// What [`exercise`] met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Met {
    /// Keys on the walk from the root.
    pub keys: usize,
    /// Their values.
    pub values: usize,
    /// Bytes of the values' data.
    pub data: usize,
    /// Deleted keys and values.
    pub deleted: usize,
    /// Problems that were told.
    pub problems: usize,
}

/// Reads everything that can be read of a hive, for tests of damaged ones and for fuzzing.
///
/// # Errors
/// As [`Hive::open`].
pub fn exercise(primary: &dyn ReadAt, logs: &[Log<'_>]) -> Result<Met, ReadError> {
    let hive = Hive::open(primary, logs)?;
    let problems = hive.problems().len().saturating_add(hive.check_cells().len());
    let mut met = Met { problems, ..Met::default() };
    let mut walk = Walk::new(&hive);
    while let Some(step) = walk.step() {
        met.keys = met.keys.saturating_add(1);
        met.problems = met.problems.saturating_add(look_at(&step.key));
        for value in step.values {
            let data = value.data();
            let _ = Decoded::of(value.kind(), &data.bytes);
            met.values = met.values.saturating_add(1);
            met.data = met.data.saturating_add(data.bytes.len());
            met.problems = met.problems.saturating_add(usize::from(data.problem.is_some()));
        }
    }
    met.problems = met.problems.saturating_add(walk.take_problems().len());
    let remains = Remains::of(&hive);
    for key in &remains.keys {
        look_at(&key.key);
        key.values.iter().for_each(|value| drop(value.data()));
        met.deleted = met.deleted.saturating_add(1).saturating_add(key.values.len());
    }
    for lost in &remains.values {
        met.deleted = met.deleted.saturating_add(lost.values.len());
    }
    Ok(met)
}

/// Asks a key for all that it knows, and counts what is wrong with it.
fn look_at(key: &Key<'_>) -> usize {
    let _ = (key.flag_names(), key.layer(), key.access_bits(), key.name().to_text());
    let _ = key.subkey("a").is_some() || key.value("").is_some();
    usize::from(key.class_text().is_err()).saturating_add(usize::from(key.security_descriptor().is_err()))
}
