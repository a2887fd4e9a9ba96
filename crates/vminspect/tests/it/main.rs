//! The command line, as its users run it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod commands;
mod extraction;
mod failures;
mod goldens;
mod help;
mod registry;
mod timeline;
mod tool;
