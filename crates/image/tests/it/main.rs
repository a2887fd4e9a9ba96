//! Image formats against images that other software made.

mod conformance;
mod corpus;
mod damage;
mod fixtures;
mod golden;
mod locations;
mod oracle;
mod refused;
mod seeded;
