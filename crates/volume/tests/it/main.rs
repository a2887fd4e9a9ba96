//! Partition tables as tools and other people made them, whole and damaged.

mod conformance;
mod corpus;
mod damage;
mod fixtures;
mod oracle;
mod sectors;
mod sfdisk;
