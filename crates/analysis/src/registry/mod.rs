//! Registries of Windows: what changed between two, and what was deleted.

mod finding;

pub use finding::{
    ChangedValues, KeyChange, KeyFacts, KeyPath, RegistryComparison, RegistryOptions, ValueChange, ValueFacts,
};
