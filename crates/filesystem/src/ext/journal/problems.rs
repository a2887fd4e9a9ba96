use vminspect_bytes::ReadError;

use crate::Error;

/// Problems told one by one; a damaged journal can hold a million of one kind.
const MOST_TOLD: usize = 64;

/// What was found wrong, with a bound on its length.
#[derive(Default, Debug)]
pub(super) struct Problems {
    told: Vec<Error>,
    untold: u64,
}

impl Problems {
    /// Adds one.
    pub(super) fn push(&mut self, problem: ReadError) {
        if self.told.len() < MOST_TOLD {
            self.told.push(problem.into());
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    /// All of them, the last standing for those that were too many.
    pub(super) fn finish(mut self) -> Vec<Error> {
        if self.untold > 0 {
            let more =
                ReadError::corrupt("journal").found(format!("{} more problems like these", self.untold));
            self.told.push(more.into());
        }
        self.told
    }
}
