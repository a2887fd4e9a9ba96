//! Evidence to findings: listing, comparison, extraction.

mod batch;
mod claims;
mod compare;
mod compare_volume;
mod content;
mod deleted;
mod digest;
pub mod event_log;
pub mod extract;
mod facts;
mod filter;
pub mod finding;
mod hashing;
mod identify;
mod list;
mod metadata_changes;
#[cfg(test)]
mod mock;
mod nodes;
mod options;
mod part;
mod period;
mod progress;
mod recover;
pub mod registry;
mod rename;
mod second;
pub mod status;
pub mod timeline;
mod tree;
pub mod usn;
mod walk;

pub use compare::compare;
pub use digest::{Algorithm, Digest, Digests, Hasher};
pub use filter::PathFilter;
pub use identify::Identifier;
pub use list::{RowSink, list};
pub use options::Options;
pub use period::Period;
pub use progress::{Progress, Silent, Stage};
pub use recover::{Recovered, recover, remains_of};
