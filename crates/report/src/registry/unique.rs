use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::quality::FixedState;

/// Makes keys of one JSON object differ. Two keys of a registry are printed alike when their names hold what is no
/// Unicode, or when a list names two keys of one name.
///
/// Only hashes are kept. Two texts of one hash take each other's numbers, which does no harm.
#[derive(Default)]
pub(super) struct Unique {
    met: HashMap<u64, u32, FixedState>,
}

impl Unique {
    /// `path`, if it is new, or else with a number behind it: `path\\(2)`. Windows has no empty names, and none with
    /// a backslash, so that no other key is printed like that; if one is, it gets a number, too.
    pub(super) fn claim<'p>(&mut self, path: &'p str) -> Cow<'p, str> {
        let hash = |text: &str| FixedState::default().hash_one(text);
        let own = hash(path);
        let Some(count) = self.met.get(&own).copied() else {
            self.met.insert(own, 1);
            return Cow::Borrowed(path);
        };
        let mut next = count;
        loop {
            next = next.saturating_add(1);
            let numbered = format!(r"{path}\\({next})");
            if self.met.insert(hash(&numbered), 1).is_none() || next == u32::MAX {
                self.met.insert(own, next);
                return Cow::Owned(numbered);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let mut unique = Unique::default();
        let claimed: Vec<String> = ["a", "b", "a", r"a\\(3)", "a", "a", r"a\\(2)"]
            .iter()
            .map(|path| unique.claim(path).into_owned())
            .collect();
        assert_eq!(claimed, ["a", "b", r"a\\(2)", r"a\\(3)", r"a\\(4)", r"a\\(5)", r"a\\(2)\\(2)"]);
    }

    #[test]
    fn many_alike_take_no_longer() {
        let mut unique = Unique::default();
        let last = (0..200_000).map(|_| unique.claim("same").into_owned()).last();
        assert_eq!(last.unwrap(), r"same\\(200000)");
    }
}
