//! Tests of the drivers from outside.

mod oracle_ext;
