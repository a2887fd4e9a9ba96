//! What the content of a file is, as libmagic says it.

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use pure_magic::MagicDb;
use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};

/// Bytes from the start of a file that are looked at; libmagic's own default.
const LOOKED_AT: u64 = 1 << 20;

/// The rules, loaded when the first file asks for them.
static RULES: OnceLock<Option<MagicDb>> = OnceLock::new();

/// Says what a file is. Cheap to make, and used from many threads at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identifier;

impl Identifier {
    /// Makes one. All of them share the rules.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// What the content is, from its first MiB.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub fn identify(&self, content: &dyn ReadAt) -> Result<String, ReadError> {
        let length = content.len().min(LOOKED_AT);
        let start = content.read_vec(0, usize::try_from(length).unwrap_or(0))?;
        Ok(self.identify_start(&start))
    }

    /// What content that begins with `start` is. More than a MiB is not looked at.
    #[must_use]
    pub fn identify_start(&self, start: &[u8]) -> String {
        let start = start.get(..1 << 20).unwrap_or(start);
        if start.is_empty() {
            return "empty".to_owned();
        }
        let rules = RULES.get_or_init(|| magic_db::load().ok());
        // The rules run on hostile bytes: a failure there must not end the analysis.
        let answer = catch_unwind(AssertUnwindSafe(|| {
            rules
                .as_ref()
                .and_then(|rules| rules.first_magic_slice(start, None).ok())
                .map(|magic| magic.message())
        }));
        answer.ok().flatten().filter(|text| !text.is_empty()).unwrap_or_else(|| "data".to_owned())
    }
}
