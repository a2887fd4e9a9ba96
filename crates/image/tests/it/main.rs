//! Image formats against images that other software made.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail by panicking, and oracles report")]

mod conformance;
mod corpus;
mod damage;
mod fixtures;
mod golden;
mod locations;
mod oracle;
mod refused;
mod seeded;
