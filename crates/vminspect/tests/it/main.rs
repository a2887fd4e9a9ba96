//! The command line, as its users run it.

mod commands;
mod extraction;
mod failures;
mod goldens;
mod help;
mod tool;
