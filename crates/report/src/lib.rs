//! Findings to bytes: JSON, JSON Lines, CSV and tables for people.
//!
//! Everything is written as it comes; no report is built in memory first. Names from a guest are hostile
//! text: [`escape`] keeps them from steering a terminal or a spreadsheet.

pub mod attribute;
pub mod coverage;
pub mod csv;
mod decimal;
pub mod escape;
pub mod event_log;
mod fields;
pub mod info;
pub mod json;
pub mod jsonl;
pub mod manifest;
pub mod path;
pub mod registry;
mod remains;
mod report;
pub mod status;
pub mod table;
#[cfg(test)]
mod tests;
pub mod time;
pub mod timeline;
pub mod usn;
mod value;
mod writer;

pub use fields::Fields;
pub use report::{Changes, ExtractionSummary, Format, ListingReport, comparison, listing};
pub use writer::{JsonWriter, Layout};
