//! Findings to bytes: JSON, JSON Lines, CSV, tables.
