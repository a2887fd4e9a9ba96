//! Parsers of artefacts on files that others made.

mod evidence;
mod evtx_corpus;
mod evtx_damage;
mod evtx_damaged;
mod evtx_evidence;
mod evtx_records;
mod random;
mod registry_corpus;
mod registry_damage;
mod registry_damaged;
mod registry_deleted;
mod registry_fields;
mod registry_logs;
mod registry_trees;
mod tree;
mod usn_damage;
