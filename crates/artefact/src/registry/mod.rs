//! Registry hives: the files in which Windows keeps its registry.
//!
//! A hive is a base block of 4096 bytes and hive bins, in which cells lie one after another. A cell in use holds a
//! key node (`nk`), a value (`vk`), a list of subkeys (`lf`, `lh`, `li`; `ri` is a list of lists), a security
//! descriptor (`sk`), the record of big data (`db`), or bytes without a signature: a list of values, data, a class
//! name. A cell that is free keeps what was in it until it is used again: that is where deleted keys and values
//! are found ([`Remains`]). Beside the hive lie its logs, which hold what was not yet written into it ([`Log`]).
//!
//! Versions 1.1 (Windows NT 3.1) to 1.6 are read. 1.0 existed before NT 3.1 was released and is read as 1.1, which
//! it resembles; that is told.
//!
//! Formats: <https://github.com/msuhanov/regf> (the primary source here), the `REGF` document of
//! <https://github.com/libyal/libregf>. Where they are wrong or silent:
//!
//! - Value names in stored lists are in no order, and keys of damaged hives are in none either: nothing here
//!   depends on the order of lists.
//! - "Data larger than 16344 bytes is big data since 1.4": so Windows writes it, but other tools write one cell;
//!   both are read.
//! - A list of a key with no subkeys may still be named by the key. The count decides, as it does for Windows.
//! - The sequence number of a key's log entry need not follow that of the hive: entries that were written to the
//!   hive in between are gone. It must not be lower.

mod base_block;
mod bins;
mod cell;
mod data;
mod exercise;
mod hive;
mod key;
mod layout;
mod log;
mod name;
mod remains;
mod security;
mod seen;
mod subkeys;
mod traversal;
mod value;
mod walk;

pub use base_block::{BaseBlock, FileType};
pub use cell::CellOffset;
pub use data::{Decoded, ValueType};
pub use exercise::{Met, exercise};
pub use hive::Hive;
pub use key::{Key, Layer};
pub use log::{Log, Outcome, Replay};
pub use name::Name;
pub use remains::{Confidence, DeletedKey, DeletedValue, LostValues, Place, Remains};
pub use subkeys::Subkeys;
pub use traversal::Traversal;
pub use value::{Data, Value, Values};
pub use walk::{Step, Walk};
