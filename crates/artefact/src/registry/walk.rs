use vminspect_bytes::ReadError;

use super::hive::Hive;
use super::key::Key;
use super::subkeys::Subkeys;
use super::traversal::Traversal;
use super::value::Value;

/// A walk over all keys of a hive, each once, parents before their subkeys, in stored order. It ends on any input,
/// as [`Traversal`] tells.
pub struct Walk<'h> {
    traversal: Traversal<'h>,
    /// A key to begin with.
    first: Option<Key<'h>>,
    /// Keys whose subkeys are being visited, from the first level down.
    open: Vec<Subkeys<'h>>,
    values: Vec<Value<'h>>,
}

/// A key on the way of a walk.
pub struct Step<'w, 'h> {
    /// The key.
    pub key: Key<'h>,
    /// Keys above it, as far as the walk began.
    pub depth: usize,
    /// Its values, in stored order.
    pub values: &'w [Value<'h>],
}

impl<'h> Walk<'h> {
    /// A walk over `hive` from its root.
    #[must_use]
    pub fn new(hive: &'h Hive) -> Self {
        let mut traversal = Traversal::new(hive);
        let first = traversal.root();
        Self { traversal, first, open: Vec::new(), values: Vec::new() }
    }

    /// A walk over `key` and what is below it.
    #[must_use]
    pub fn from_key(key: Key<'h>) -> Self {
        let mut traversal = Traversal::new(key.hive());
        let first = traversal.enter(&key).then_some(key);
        Self { traversal, first, open: Vec::new(), values: Vec::new() }
    }

    /// The hive.
    #[must_use]
    pub fn hive(&self) -> &'h Hive {
        self.traversal.hive()
    }

    /// The next key. `None` after the last.
    pub fn step(&mut self) -> Option<Step<'_, 'h>> {
        let (key, depth) = self.next_key()?;
        if self.traversal.may_descend(&key, depth) {
            self.open.push(key.subkeys());
        }
        self.values.clear();
        self.traversal.collect_values(&key, &mut self.values);
        Some(Step { key, depth, values: &self.values })
    }

    fn next_key(&mut self) -> Option<(Key<'h>, usize)> {
        if let Some(first) = self.first.take() {
            return Some((first, 0));
        }
        while !self.traversal.is_exhausted() {
            let depth = self.open.len();
            match self.open.last_mut()?.next() {
                None => {
                    self.open.pop();
                }
                Some(subkey) => {
                    if let Some(key) = self.traversal.accept(subkey) {
                        return Some((key, depth));
                    }
                }
            }
        }
        None
    }

    /// What was found wrong since this was last asked.
    pub fn take_problems(&mut self) -> Vec<ReadError> {
        self.traversal.take_problems()
    }
}
