//! Windows event logs since Vista: `.evtx`.
//!
//! A log is a header block of 4096 bytes and chunks of 64 KiB. A chunk has a header and records one after another;
//! each record is a header and binary XML, which names templates and strings of its chunk, and none of another. So
//! chunks are decoded by themselves, on as many threads as there are, and damage to one costs no other.
//!
//! What is read here, byte by byte, are the headers of files, chunks and records ([`Log`], [`Chunk`], [`Record`]):
//! what is damaged is told and passed over, and records that the log does not count any more are found. The binary
//! XML is decoded by the `evtx` crate ([`Decoder`]), which sees nothing that was not checked before.
//!
//! Versions 3.x are read: 3.1 of Windows Vista, 3.2 of Windows 10. Logs of Windows XP and before (`.evt`) are refused.
//!
//! Formats: <https://github.com/libyal/libevtx> (its document of the EVTX format), and [MS-EVEN6] for the binary
//! XML. Where they are wrong or silent:
//!
//! - The file header counts chunks in 16 bits; logs are larger. The length of the file counts.
//! - In a log that is in use, the file header lags behind the chunks, and a chunk's header behind its records.
//! - The free space of a chunk may begin behind zeros that follow the last record.
//! - A record whose copy of the size is wrong is read where another record begins right behind it.
//!
//! [MS-EVEN6]: https://learn.microsoft.com/openspecs/windows_protocols/ms-even6/

mod chunk;
mod chunk_header;
mod decoder;
mod exercise;
mod file_header;
mod layout;
mod log;
mod record;
mod system;
pub mod xml;

pub use chunk::Chunk;
pub use chunk_header::ChunkHeader;
pub use decoder::{Decoder, Form};
pub use exercise::{Met, exercise};
pub use file_header::FileHeader;
pub use log::Log;
pub use record::Record;
pub use system::System;
