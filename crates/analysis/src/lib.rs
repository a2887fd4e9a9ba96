//! Evidence to findings: listing, comparison, extraction.

mod digest;
mod filter;
pub mod finding;
mod options;
mod progress;

pub use digest::{Algorithm, Digest, Digests, Hasher};
pub use filter::PathFilter;
pub use options::Options;
pub use progress::{Progress, Silent, Stage};
