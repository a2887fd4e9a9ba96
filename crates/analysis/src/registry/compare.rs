//! The registries of two guests, hive by hive.

use vminspect_artefact::registry::Hive;
use vminspect_bytes::{ReadAt, ReadError, differ};
use vminspect_guest::{Coverage, Guest, HiveFile};

use super::compare_hives::{HiveSide, compare_hives, one_sided_hive};
use super::finding::{RegistryComparison, RegistryOptions};

/// Compares all registry hives of two Windows guests, in Windows' own namespace.
///
/// Hives belong together where Windows shows them at the same place, or else by the path of their file. Those
/// whose bytes, and whose logs' bytes, are proven equal are not parsed; of the others two at a time are in
/// memory. A hive that one guest alone has is listed whole.
#[must_use]
pub fn compare_registries(before: &Guest, after: &Guest, options: RegistryOptions) -> RegistryComparison {
    let mut found = RegistryComparison::default();
    let (old, coverage) = before.hives();
    found.coverage.extend(coverage);
    let (new, coverage) = after.hives();
    found.coverage.extend(coverage);
    for pair in pairs(&old, &new) {
        let result = match pair {
            (Some(old), Some(new)) => compare_pair((before, old), (after, new), options),
            (Some(old), None) => list_one((before, old), after, false, options),
            (None, Some(new)) => list_one((after, new), before, true, options),
            (None, None) => continue,
        };
        found.extend(result);
    }
    found.sort();
    found
}

/// Hives that belong together, in the order of the second guest's, then those that only the first has.
fn pairs<'h>(old: &'h [HiveFile], new: &'h [HiveFile]) -> Vec<(Option<&'h HiveFile>, Option<&'h HiveFile>)> {
    let mut left: Vec<&HiveFile> = old.iter().collect();
    let mut pairs: Vec<_> = new.iter().map(|hive| (None, Some(hive))).collect();
    let by_mount = |a: &HiveFile, b: &HiveFile| a.mount.eq_ignore_ascii_case(&b.mount);
    let by_path = |a: &HiveFile, b: &HiveFile| a.path.eq_ignore_ascii_case(&b.path);
    for belongs in [by_mount, by_path] {
        for (old, new) in &mut pairs {
            let Some(new) = new.filter(|_| old.is_none()) else { continue };
            if let Some(at) = left.iter().position(|old| belongs(old, new)) {
                *old = Some(left.remove(at));
            }
        }
    }
    pairs.extend(left.into_iter().map(|hive| (Some(hive), None)));
    pairs
}

type Side<'g> = (&'g Guest, &'g HiveFile);

fn compare_pair(before: Side<'_>, after: Side<'_>, options: RegistryOptions) -> RegistryComparison {
    let mut found = RegistryComparison::default();
    if is_same(before, after, options).unwrap_or(false) {
        return found;
    }
    let old = open(before, options, &mut found.coverage);
    let new = open(after, options, &mut found.coverage);
    if let (Some(old), Some(new)) = (old, new) {
        let compared = compare_hives(side(before, &old), side(after, &new), &after.1.mount, options);
        found.extend(compared);
    }
    found
}

/// A hive that the other guest does not have. Where it may have it, but could not be read, nothing is said to be
/// created or deleted.
fn list_one(
    (guest, file): Side<'_>,
    other: &Guest,
    is_created: bool,
    options: RegistryOptions,
) -> RegistryComparison {
    let mut found = RegistryComparison::default();
    let is_readable = other.system().is_some_and(|system| system.family == "windows");
    if !is_readable && other.coverage().has_failures() {
        let error = ReadError::corrupt("registry").found(
            "a hive that only the other disk's Windows has, or that could not be found here; it is not compared",
        );
        found.coverage.add_read_error(other.image(), &file.path, &error);
        return found;
    }
    if let Some(hive) = open((guest, file), options, &mut found.coverage) {
        found.extend(one_sided_hive(side((guest, file), &hive), &file.mount, is_created));
    }
    found
}

fn side<'g>((guest, file): Side<'g>, hive: &'g Hive) -> HiveSide<'g> {
    HiveSide { hive, image: guest.image(), place: &file.path }
}

fn open((guest, file): Side<'_>, options: RegistryOptions, coverage: &mut Coverage) -> Option<Hive> {
    let opened = file.open(guest, !options.no_logs);
    opened.map_err(|error| coverage.add_error(guest.image(), &file.path, error.family(), &error)).ok()
}

/// Whether the hives and their logs are the same bytes of the host, which says so without reading them.
fn is_same(before: Side<'_>, after: Side<'_>, options: RegistryOptions) -> Option<bool> {
    let is_equal = |a: &dyn ReadAt, b: &dyn ReadAt| {
        a.len() == b.len() && differ(a, b).is_ok_and(|differing| differing.ranges().is_empty())
    };
    if !is_equal(&*before.1.bytes(before.0).ok()?, &*after.1.bytes(after.0).ok()?) {
        return Some(false);
    }
    if options.no_logs {
        return Some(true);
    }
    let (old, new) = (before.1.log_bytes(before.0).ok()?, after.1.log_bytes(after.0).ok()?);
    let same = |(a, b): (&(String, _), &(String, _))| {
        let (left, right): (&std::sync::Arc<dyn ReadAt>, &std::sync::Arc<dyn ReadAt>) = (&a.1, &b.1);
        a.0.eq_ignore_ascii_case(&b.0) && is_equal(&**left, &**right)
    };
    Some(old.len() == new.len() && old.iter().zip(&new).all(same))
}
