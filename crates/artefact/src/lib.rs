//! Bytes of one file to typed records.
