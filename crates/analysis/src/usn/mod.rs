//! The change journal of NTFS, joined with the MFT: where files were when they changed.

mod directories;
mod files;
mod history;
mod locate;
mod options;
mod path;
mod rows;
mod search;
mod survey;

pub use files::Content;
pub use locate::{JournalFile, change_journals, open_journal};
pub use options::UsnTimelineOptions;
pub use path::{PathProblem, Paths, ResolvedPath};
pub use rows::{JournalErrors, RowFile, UsnRow, UsnRowSink, usn_timeline};
pub use search::{CarvedSink, carve_volume};
pub use survey::JournalSource;
