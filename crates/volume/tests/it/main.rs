//! Partition tables as tools and other people made them.

mod corpus;
