//! Two hives, key by key.

use std::cmp::Ordering;

use vminspect_artefact::registry::{Hive, Key, Traversal, Value};
use vminspect_bytes::ReadError;
use vminspect_bytes::security::{ObjectKind, SecurityDescriptor};
use vminspect_guest::Coverage;

use super::finding::{
    ChangedValues, KeyChange, KeyFacts, KeyPath, RegistryComparison, RegistryOptions, ValueChange, ValueFacts,
};
use super::place::path_budget;
use super::same_pages::SamePages;
use crate::finding;
use crate::finding::FieldChange;

/// A hive, and what to call it where something of it cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct HiveSide<'h> {
    /// The hive.
    pub hive: &'h Hive,
    /// The image that it is in, as the user named it, or the hive's own file.
    pub image: &'h str,
    /// Its path in the image; empty for a hive that is a file of its own.
    pub place: &'h [u8],
}

/// Compares two hives: keys by their paths, values by their names, both without regard to case, as Windows does.
/// Cells that lie at the same place in the same bytes are not parsed a second time.
///
/// Paths begin with `mount`.
#[must_use]
pub fn compare_hives(
    before: HiveSide<'_>,
    after: HiveSide<'_>,
    mount: &[u8],
    options: RegistryOptions,
) -> RegistryComparison {
    let mut comparer = Comparer {
        options,
        same: SamePages::of(before.hive, after.hive),
        before: Side::new(before),
        after: Side::new(after),
        path: mount.to_vec(),
        found: RegistryComparison::default(),
    };
    if comparer.same.is_everything(before.hive, after.hive) {
        return comparer.finish();
    }
    // A root that cannot be read is told; nothing can be said to be missing.
    if let (Some(old), Some(new)) = (comparer.before.traversal.root(), comparer.after.traversal.root()) {
        comparer.pair(&old, &new, 0);
    }
    comparer.finish()
}

/// All keys of a hive that only one side has.
#[must_use]
pub fn one_sided_hive(side: HiveSide<'_>, mount: &[u8], is_created: bool) -> RegistryComparison {
    let mut side = Side::new(side);
    let (mut path, mut keys) = (mount.to_vec(), Vec::new());
    if let Some(root) = side.traversal.root() {
        side.list(&root, &mut path, 0, &mut keys);
    }
    let mut found = RegistryComparison { coverage: side.finish(), ..RegistryComparison::default() };
    let into = if is_created { &mut found.created_keys } else { &mut found.deleted_keys };
    *into = keys;
    found.sort();
    found
}

/// One of the two hives on the way through it.
struct Side<'h> {
    traversal: Traversal<'h>,
    image: &'h str,
    place: &'h [u8],
    coverage: Coverage,
    /// Bytes of paths that may still be listed.
    paths_left: usize,
}

impl<'h> Side<'h> {
    fn new(side: HiveSide<'h>) -> Self {
        let mut coverage = Coverage::default();
        for problem in side.hive.problems().iter().chain(&side.hive.check_cells()) {
            coverage.add_read_error(side.image, side.place, problem);
        }
        let paths_left = path_budget(side.hive);
        let traversal = Traversal::new(side.hive);
        Self { traversal, image: side.image, place: side.place, coverage, paths_left }
    }

    fn tell(&mut self, path: &[u8], error: &ReadError) {
        self.coverage.add_read_error(self.image, path, error);
    }

    /// What was found wrong at and below the key at `path` goes to the coverage.
    fn tell_problems(&mut self, path: &[u8]) {
        for problem in self.traversal.take_problems() {
            self.coverage.add_read_error(self.image, path, &problem);
        }
    }

    fn finish(mut self) -> Coverage {
        let place = self.place.to_vec();
        self.tell_problems(&place);
        self.coverage
    }

    fn subkeys(&mut self, key: &Key<'h>, depth: usize, path: &[u8]) -> Vec<Key<'h>> {
        let mut keys = Vec::new();
        self.traversal.collect_subkeys(key, depth, &mut keys);
        self.tell_problems(path);
        keys
    }

    fn values(&mut self, key: &Key<'h>, path: &[u8]) -> Vec<Value<'h>> {
        let mut values = Vec::new();
        self.traversal.collect_values(key, &mut values);
        self.tell_problems(path);
        values
    }

    fn facts(&mut self, value: &Value<'h>, path: &[u8]) -> ValueFacts {
        let data = value.data();
        if let Some(problem) = &data.problem {
            self.tell(path, problem);
        }
        ValueFacts { name: value.name().to_wtf8(), kind: value.kind(), data: data.bytes.into_owned() }
    }

    /// `key` and all below it.
    fn list(&mut self, key: &Key<'h>, path: &mut KeyPath, depth: usize, keys: &mut Vec<KeyFacts>) {
        let Some(left) = self.paths_left.checked_sub(path.len()) else {
            let error = ReadError::corrupt("registry hive").found("paths that are too long to list them all");
            self.coverage.add_read_error(self.image, self.place, &error);
            return;
        };
        self.paths_left = left;
        let values = self.values(key, path);
        let values = values.iter().map(|value| self.facts(value, path)).collect();
        let class = key.class().unwrap_or_else(|error| {
            self.tell(path, &error);
            None
        });
        keys.push(KeyFacts { path: path.clone(), time: key.last_written(), class, values });
        for subkey in self.subkeys(key, depth, path) {
            let length = push_name(path, &subkey);
            self.list(&subkey, path, depth.saturating_add(1), keys);
            path.truncate(length);
        }
    }
}

/// Appends the name of a key to a path, and gives the path's length before.
fn push_name(path: &mut KeyPath, key: &Key<'_>) -> usize {
    let length = path.len();
    if !path.is_empty() {
        path.push(b'\\');
    }
    key.name().push_to(path);
    length
}

/// A comparison on its way.
struct Comparer<'h> {
    options: RegistryOptions,
    same: SamePages,
    before: Side<'h>,
    after: Side<'h>,
    path: KeyPath,
    found: RegistryComparison,
}

impl<'h> Comparer<'h> {
    /// Two keys of the same path.
    fn pair(&mut self, old: &Key<'h>, new: &Key<'h>, depth: usize) {
        self.compare_keys(old, new, depth);
        if !self.same.values_are_same(old, new) {
            self.compare_values(old, new);
        }
        if old.subkey_count() == 0 && new.subkey_count() == 0 {
            return;
        }
        let before = self.before.subkeys(old, depth, &self.path);
        let after = self.after.subkeys(new, depth, &self.path);
        for (old, new) in matched(before, after, |a, b| a.name().order(b.name())) {
            let Some(key) = new.as_ref().or(old.as_ref()) else { continue };
            let length = push_name(&mut self.path, key);
            let below = depth.saturating_add(1);
            match (&old, &new) {
                (Some(old), Some(new)) => self.pair(old, new, below),
                (Some(old), None) => {
                    self.before.list(old, &mut self.path, below, &mut self.found.deleted_keys);
                }
                (None, Some(new)) => {
                    self.after.list(new, &mut self.path, below, &mut self.found.created_keys);
                }
                (None, None) => {}
            }
            self.path.truncate(length);
        }
    }

    /// What keys say besides their values. The name of a root key is not shown by Windows.
    fn compare_keys(&mut self, old: &Key<'h>, new: &Key<'h>, depth: usize) {
        use finding::Value;
        let mut changes = Vec::new();
        let mut add = |field: &str, before: Value, after: Value| {
            if before != after {
                changes.push(FieldChange { field: field.to_owned(), before, after });
            }
        };
        match (old.class(), new.class()) {
            (Ok(before), Ok(after)) => add("class", text(before), text(after)),
            (before, after) => {
                before.err().into_iter().for_each(|error| self.before.tell(&self.path, &error));
                after.err().into_iter().for_each(|error| self.after.tell(&self.path, &error));
            }
        }
        add("flags", Value::Flags(old.flag_names()), Value::Flags(new.flag_names()));
        if self.options.times {
            add("last_written", Value::Time(old.last_written()), Value::Time(new.last_written()));
        }
        if depth > 0 && !old.name().is_identical(new.name()) {
            add("name", text(Some(old.name().to_wtf8())), text(Some(new.name().to_wtf8())));
        }
        if self.options.security {
            match (old.security_descriptor(), new.security_descriptor()) {
                (Ok(before), Ok(after)) if before == after => {}
                (Ok(before), Ok(after)) => add("security", descriptor(before), descriptor(after)),
                (before, after) => {
                    before.err().into_iter().for_each(|error| self.before.tell(&self.path, &error));
                    after.err().into_iter().for_each(|error| self.after.tell(&self.path, &error));
                }
            }
        }
        if !changes.is_empty() {
            self.found.changed_keys.push(KeyChange { path: self.path.clone(), changes });
        }
    }

    fn compare_values(&mut self, old: &Key<'h>, new: &Key<'h>) {
        let before = self.before.values(old, &self.path);
        let after = self.after.values(new, &self.path);
        let mut changed = ChangedValues {
            path: Vec::new(),
            time: new.last_written(),
            created: Vec::new(),
            deleted: Vec::new(),
            modified: Vec::new(),
        };
        for pair in matched(before, after, |a, b| a.name().order(b.name())) {
            match pair {
                (Some(old), Some(new)) => {
                    if self.value_differs(&old, &new) {
                        changed.modified.push(ValueChange {
                            before: self.before.facts(&old, &self.path),
                            after: self.after.facts(&new, &self.path),
                        });
                    }
                }
                (Some(old), None) => changed.deleted.push(self.before.facts(&old, &self.path)),
                (None, Some(new)) => changed.created.push(self.after.facts(&new, &self.path)),
                (None, None) => {}
            }
        }
        if !(changed.created.is_empty() && changed.deleted.is_empty() && changed.modified.is_empty()) {
            changed.path.clone_from(&self.path);
            self.found.changed_values.push(changed);
        }
    }

    /// Whether two values of the same name differ. Data that cannot be read on a side are told, and count as
    /// different only where what can be read differs already.
    fn value_differs(&mut self, old: &Value<'h>, new: &Value<'h>) -> bool {
        let differs = old.kind() != new.kind()
            || old.is_tombstone() != new.is_tombstone()
            || !old.name().is_identical(new.name());
        let (before, after) = (old.data(), new.data());
        if before.problem.is_none() && after.problem.is_none() {
            return differs || before.bytes != after.bytes;
        }
        let common = before.bytes.len().min(after.bytes.len());
        let differs = differs || before.bytes.get(..common) != after.bytes.get(..common);
        // Where it is a change, its facts tell.
        if !differs {
            before.problem.iter().for_each(|problem| self.before.tell(&self.path, problem));
            after.problem.iter().for_each(|problem| self.after.tell(&self.path, problem));
        }
        differs
    }

    fn finish(self) -> RegistryComparison {
        let mut found = self.found;
        found.coverage.extend(self.before.finish());
        found.coverage.extend(self.after.finish());
        found.sort();
        found
    }
}

fn text(text: Option<Vec<u8>>) -> finding::Value {
    text.map_or(finding::Value::Absent, |text| finding::Value::Text(vminspect_bytes::decode_wtf8(&text).0))
}

/// A security descriptor as SDDL, or its bytes where it is none.
fn descriptor(bytes: Option<&[u8]>) -> finding::Value {
    let Some(bytes) = bytes else { return finding::Value::Absent };
    match SecurityDescriptor::parse(bytes, 0) {
        Ok(descriptor) => finding::Value::Text(descriptor.to_sddl(ObjectKind::Key)),
        Err(_) => finding::Value::Bytes(bytes.to_vec()),
    }
}

/// Pairs up two lists in the order of their elements. Lists in that order, which those of sound hives are, are not
/// sorted again.
fn matched<T>(
    before: Vec<T>,
    after: Vec<T>,
    order: impl Fn(&T, &T) -> Ordering + Copy,
) -> Vec<(Option<T>, Option<T>)> {
    let (mut left, mut right) =
        (sorted(before, order).into_iter().peekable(), sorted(after, order).into_iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let side = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return pairs,
        };
        let a = if side.is_le() { left.next() } else { None };
        let b = if side.is_ge() { right.next() } else { None };
        pairs.push((a, b));
    }
}

fn sorted<T>(mut list: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if !list.is_sorted_by(|a, b| order(a, b).is_le()) {
        list.sort_by(order);
    }
    list
}
