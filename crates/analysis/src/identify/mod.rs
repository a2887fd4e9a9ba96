//! What the content of a file is, as libmagic says it.

mod elf;
#[cfg(test)]
mod tests;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use pure_magic::{Magic, MagicDb};
use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};

/// Bytes from the start of a file that are looked at; libmagic's own default.
const LOOKED_AT: usize = 1 << 20;

/// The rules of libmagic; `data/README.md` says where they come from.
const DATABASE: &[u8] = include_bytes!("../../data/magic.db");

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

    /// What the content is, from its first MiB, and for ELF files from the tables they point to.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub fn identify(&self, content: &dyn ReadAt) -> Result<String, ReadError> {
        let length = usize::try_from(content.len()).map_or(LOOKED_AT, |length| length.min(LOOKED_AT));
        let start = content.read_vec(0, length)?;
        Ok(describe(&start, content))
    }

    /// What a file is whose whole content, or at least its first MiB, is `start`.
    #[must_use]
    pub fn identify_start(&self, start: &[u8]) -> String {
        describe(start.get(..LOOKED_AT).unwrap_or(start), &Slice(start))
    }
}

fn describe(start: &[u8], content: &dyn ReadAt) -> String {
    if start.is_empty() {
        return "empty".to_owned();
    }
    if let Some(script) = text::script(start) {
        return script;
    }
    let said = ask_rules(start);
    if start.starts_with(elf::MAGIC) { elf::describe(&said, content) } else { text::describe(said, start) }
}

fn ask_rules(start: &[u8]) -> String {
    let rules = RULES.get_or_init(|| MagicDb::deserialize(&mut &DATABASE[..]).ok());
    // The rules run on hostile bytes: a failure there must not end the analysis.
    let said = catch_unwind(AssertUnwindSafe(|| {
        let rules = rules.as_ref()?;
        let first = rules.first_magic_slice(start, None).ok()?;
        if is_sound(&first, start) {
            return Some(first.message());
        }
        let all = rules.all_magics_slice(start).ok()?;
        all.iter().find(|magic| is_sound(magic, start)).map(Magic::message)
    }));
    said.ok().flatten().filter(|text| !text.is_empty()).unwrap_or_else(|| "data".to_owned())
}

/// Whether a rule may be believed. The rule set drops the NUL of CERN's ROOT files, so that every passwd file
/// fits; and its own rule for Rust, which libmagic has not, fits much that is not Rust.
fn is_sound(magic: &Magic<'_>, start: &[u8]) -> bool {
    let message = magic.message();
    let root_without_nul = message.starts_with("ROOT file") && start.get(4) != Some(&0);
    !root_without_nul && !message.starts_with("Rust source")
}

/// Bytes in memory that need not be copied.
struct Slice<'a>(&'a [u8]);

impl ReadAt for Slice<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.0.get(start..).and_then(|rest| rest.get(..buf.len())) {
            Some(bytes) => {
                buf.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(ReadError::past_end("content", offset, buf.len() as u64, self.len())),
        }
    }
}
