use vminspect_bytes::ReadError;

use super::hive::Hive;
use super::key::Key;
use super::seen::Seen;
use super::value::Value;

/// Deepest level of keys that Windows allows.
const MOST_LEVELS: usize = 512;

/// Problems that are told one by one.
const MOST_PROBLEMS: usize = 1000;

/// What was met of a hive on the way through it, so that the way ends on any input: a key that is met again, as in
/// a circle, is told and passed over, and no more elements of lists and bytes of data are handed out than the hive
/// has room for.
pub struct Traversal<'h> {
    hive: &'h Hive,
    seen: Seen,
    /// Elements of lists that a hive of this size can hold, less those met.
    elements_left: usize,
    /// Bytes of data that values may say they have before their cells are looked at.
    said_left: usize,
    data_left: usize,
    is_exhausted: bool,
    problems: Vec<ReadError>,
    untold: usize,
}

impl<'h> Traversal<'h> {
    /// Nothing of `hive` is met yet.
    #[must_use]
    pub fn new(hive: &'h Hive) -> Self {
        let length = hive.bins().len();
        Self {
            hive,
            seen: Seen::of_length(length),
            elements_left: length / 4,
            said_left: length,
            data_left: length,
            is_exhausted: false,
            problems: Vec::new(),
            untold: 0,
        }
    }

    /// The hive.
    #[must_use]
    pub fn hive(&self) -> &'h Hive {
        self.hive
    }

    /// The root key, once.
    pub fn root(&mut self) -> Option<Key<'h>> {
        match self.hive.root() {
            Ok(root) => self.enter(&root).then_some(root),
            Err(error) => {
                self.tell(error);
                None
            }
        }
    }

    /// Whether `key` was not met before.
    pub fn enter(&mut self, key: &Key<'h>) -> bool {
        let is_new = self.seen.insert(key.offset().index());
        if is_new && let Some(problem) = key.problem() {
            self.tell(problem);
        }
        is_new
    }

    /// Whether the subkeys of `key`, which has `depth` keys above it, are on a level that Windows allows.
    pub fn may_descend(&mut self, key: &Key<'h>, depth: usize) -> bool {
        if key.subkey_count() == 0 {
            return false;
        }
        if depth < MOST_LEVELS {
            return true;
        }
        let error = ReadError::corrupt("key node").at(key.offset().in_file());
        self.tell(error.expected(format!("at most {MOST_LEVELS} levels")).found("subkeys below them"));
        false
    }

    /// A subkey as its list yields it, when it could be read and was not met before.
    pub fn accept(&mut self, subkey: Result<Key<'h>, ReadError>) -> Option<Key<'h>> {
        match subkey {
            _ if !self.spend() => None,
            Err(error) => {
                self.tell(error);
                None
            }
            Ok(key) if self.enter(&key) => Some(key),
            Ok(key) => {
                let error = ReadError::corrupt("list of subkeys").at(key.offset().in_file());
                self.tell(error.found("a key that another list, or this one, names already"));
                None
            }
        }
    }

    /// Puts the subkeys of `key` into `keys`, in stored order.
    pub fn collect_subkeys(&mut self, key: &Key<'h>, depth: usize, keys: &mut Vec<Key<'h>>) {
        if self.may_descend(key, depth) {
            for subkey in key.subkeys() {
                keys.extend(self.accept(subkey));
                if self.is_exhausted {
                    break;
                }
            }
        }
    }

    /// Puts the values of `key` into `values`, in stored order.
    pub fn collect_values(&mut self, key: &Key<'h>, values: &mut Vec<Value<'h>>) {
        for value in key.values() {
            if !self.spend() {
                return;
            }
            match value {
                Ok(value) => {
                    if let Some(problem) = value.problem() {
                        self.tell(problem);
                    }
                    if self.spend_data(&value) {
                        values.push(value);
                    }
                }
                Err(error) => self.tell(error),
            }
        }
    }

    /// Whether more was met than the hive has room for, so that nothing more is handed out.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    /// Takes one element from what the hive can hold.
    fn spend(&mut self) -> bool {
        if let Some(left) = self.elements_left.checked_sub(1) {
            self.elements_left = left;
            return true;
        }
        if !self.is_exhausted {
            self.is_exhausted = true;
            let error = ReadError::corrupt("registry hive").at(0);
            self.tell(error.found("more elements of lists than it has room for; the rest is not read"));
        }
        false
    }

    /// Takes the data of a value from what the hive can hold.
    ///
    /// As long as the sizes that values say add up to what the hive has, as they do in sound ones, their cells,
    /// which lie anywhere, need not be fetched.
    fn spend_data(&mut self, value: &Value<'h>) -> bool {
        let said = usize::try_from(value.size()).unwrap_or(usize::MAX);
        if let Some(left) = self.said_left.checked_sub(said) {
            self.said_left = left;
            return true;
        }
        if let Some(left) = self.data_left.checked_sub(value.claimed()) {
            self.data_left = left;
            return true;
        }
        let error = ReadError::corrupt("data of a value").at(value.offset().in_file());
        self.tell(error.found("data that other values have as well, more than the hive has room for"));
        false
    }

    /// Adds to what was found wrong.
    pub fn tell(&mut self, error: ReadError) {
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
