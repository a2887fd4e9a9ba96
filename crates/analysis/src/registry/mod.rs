//! Registries of Windows: what changed between two, and what was deleted.

mod compare;
mod compare_hives;
mod finding;
mod listing;
mod place;
mod same_pages;

pub use compare::compare_registries;
pub use compare_hives::{HiveSide, compare_hives, one_sided_hive};
pub use finding::{
    ChangedValues, KeyChange, KeyFacts, KeyPath, RegistryComparison, RegistryOptions, ValueChange, ValueFacts,
};
pub use listing::{DeletedRow, KeyRow, KeySink, Listing, ListingOptions, ValueRow};
pub use place::{FoundKey, MissingKey, find_key};
