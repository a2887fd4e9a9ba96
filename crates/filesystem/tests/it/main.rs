//! Tests of the drivers from outside.

mod conformance;
mod corpus;
mod damage;
mod fixtures;
mod oracle_ext;
mod oracle_fat;
