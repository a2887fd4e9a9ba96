//! Tests of the drivers from outside.

mod conformance;
mod corpus;
mod corpus_fat;
mod damage;
mod fixtures;
mod oracle_ext;
mod oracle_fat;
