use vminspect_bytes::ReadError;

use super::hive::Hive;
use super::key::Key;
use super::seen::Seen;
use super::subkeys::Subkeys;
use super::value::Value;

/// Deepest level of keys that Windows allows.
const MOST_LEVELS: usize = 512;

/// Problems that a walk tells one by one.
const MOST_PROBLEMS: usize = 1000;

/// A walk over all keys of a hive, each once, parents before their subkeys, in stored order.
///
/// It ends on any input: a key that is met again, as in a circle, is told and passed over, and no more elements
/// of lists and bytes of data are handed out than the hive has room for.
pub struct Walk<'h> {
    hive: &'h Hive,
    /// Keys whose subkeys are being visited, from the first level down.
    open: Vec<Subkeys<'h>>,
    /// A key to begin with.
    first: Option<Key<'h>>,
    seen: Seen,
    values: Vec<Value<'h>>,
    problems: Vec<ReadError>,
    untold: usize,
    /// Elements of lists that a hive of this size can hold, less those met.
    elements_left: usize,
    data_left: usize,
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
        let mut walk = Self::empty(hive);
        match hive.root() {
            Ok(root) => walk.first = Some(root),
            Err(error) => walk.tell(error),
        }
        walk
    }

    /// A walk over `key` and what is below it.
    #[must_use]
    pub fn from_key(key: Key<'h>) -> Self {
        let mut walk = Self::empty(key.hive());
        walk.first = Some(key);
        walk
    }

    fn empty(hive: &'h Hive) -> Self {
        let length = hive.bins().len();
        Self {
            hive,
            open: Vec::new(),
            first: None,
            seen: Seen::of_length(length),
            values: Vec::new(),
            problems: Vec::new(),
            untold: 0,
            elements_left: length / 4,
            data_left: length,
        }
    }

    /// Goes on with another part of the hive, without what was met already. Only when [`Walk::step`] has ended.
    pub(super) fn restart(&mut self, key: Key<'h>) {
        self.first = Some(key);
    }

    pub(super) fn has_seen(&self, offset: usize) -> bool {
        self.seen.contains(offset)
    }

    /// The hive.
    #[must_use]
    pub fn hive(&self) -> &'h Hive {
        self.hive
    }

    /// The next key. `None` after the last.
    pub fn step(&mut self) -> Option<Step<'_, 'h>> {
        let (key, depth) = self.next_key()?;
        if key.subkey_count() > 0 {
            if self.open.len() < MOST_LEVELS {
                self.open.push(key.subkeys());
            } else {
                let error = ReadError::corrupt("key node").at(key.offset().in_file());
                self.tell(
                    error.expected(format!("at most {MOST_LEVELS} levels")).found("subkeys below them"),
                );
            }
        }
        self.collect_values(&key);
        Some(Step { key, depth, values: &self.values })
    }

    fn next_key(&mut self) -> Option<(Key<'h>, usize)> {
        if let Some(first) = self.first.take() {
            self.enter(&first);
            return Some((first, 0));
        }
        loop {
            let depth = self.open.len();
            let next = self.open.last_mut()?.next();
            match next {
                None => {
                    self.open.pop();
                }
                Some(_) if !self.spend() => return None,
                Some(Err(error)) => self.tell(error),
                Some(Ok(key)) => {
                    if self.enter(&key) {
                        return Some((key, depth));
                    }
                    let error = ReadError::corrupt("list of subkeys").at(key.offset().in_file());
                    self.tell(error.found("a key that another list, or this one, names already"));
                }
            }
        }
    }

    /// Whether `key` was not met before.
    fn enter(&mut self, key: &Key<'h>) -> bool {
        let is_new = self.seen.insert(key.offset().index());
        if is_new && let Some(problem) = key.problem() {
            self.tell(problem);
        }
        is_new
    }

    /// Takes one element from what the hive can hold.
    fn spend(&mut self) -> bool {
        match self.elements_left.checked_sub(1) {
            Some(left) => {
                self.elements_left = left;
                true
            }
            None => {
                if !self.open.is_empty() {
                    self.open.clear();
                    let error = ReadError::corrupt("registry hive").at(0);
                    self.tell(
                        error.found("more elements of lists than it has room for; the rest is not read"),
                    );
                }
                false
            }
        }
    }

    fn collect_values(&mut self, key: &Key<'h>) {
        let mut collected = std::mem::take(&mut self.values);
        collected.clear();
        for value in key.values() {
            if !self.spend() {
                break;
            }
            match value {
                Ok(value) => {
                    if let Some(problem) = value.problem() {
                        self.tell(problem);
                    }
                    if self.spend_data(&value) {
                        collected.push(value);
                    }
                }
                Err(error) => self.tell(error),
            }
        }
        self.values = collected;
    }

    /// Takes the data of a value from what the hive can hold.
    fn spend_data(&mut self, value: &Value<'h>) -> bool {
        let held = value.claimed();
        match self.data_left.checked_sub(held) {
            Some(left) => {
                self.data_left = left;
                true
            }
            None => {
                let error = ReadError::corrupt("data of a value").at(value.offset().in_file());
                self.tell(
                    error.found("data that other values have as well, more than the hive has room for"),
                );
                false
            }
        }
    }

    fn tell(&mut self, error: ReadError) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(error);
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    /// What was found wrong since this was last asked.
    pub fn take_problems(&mut self) -> Vec<ReadError> {
        let mut problems = std::mem::take(&mut self.problems);
        if self.untold > 0 {
            let rest = std::mem::take(&mut self.untold);
            problems.push(ReadError::corrupt("registry hive").found(format!("{rest} more that is damaged")));
        }
        problems
    }
}
