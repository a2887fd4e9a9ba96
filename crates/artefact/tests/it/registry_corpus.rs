//! Real hives.
