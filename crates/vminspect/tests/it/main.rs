//! The command line, as its users run it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod commands;
mod eventlog;
mod extraction;
mod failures;
mod goldens;
mod help;
mod registry;
mod timeline;
mod tool;
mod usn_carving;
mod usn_history;
mod usn_vectors;
