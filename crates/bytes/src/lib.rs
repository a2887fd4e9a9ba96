//! The contract every layer of vminspect speaks: read-only bytes at fixed positions ([`ReadAt`]), where
//! those bytes come from ([`Extent`], [`Origin`]), and the small tools that parsers share.
//!
//! Nothing in this crate knows the format of an image, a volume, a filesystem or a file: only what formats of
//! several layers have in common (times, text, [`Guid`], [`security`]). Nothing in it can write to evidence.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod byte_range;
mod cache;
mod differ;
mod error;
mod extent;
mod guid;
mod host_file;
mod large_buffer;
mod mapped;
mod memory;
mod range_set;
mod read_at;
mod reader;
pub mod security;
mod timestamp;
mod utf16;
mod window;
mod wtf8;

pub use byte_range::ByteRange;
pub use cache::BlockCache;
pub use differ::{differ, refine};
pub use error::{Family, ReadError};
pub use extent::{CodecId, Extent, Extents, Origin, StoreId};
pub use guid::Guid;
pub use host_file::{HostFile, host_bytes_read};
pub use large_buffer::LargeBuffer;
pub use mapped::{Mapped, Segment, Source};
pub use memory::{Memory, Slice};
pub use range_set::RangeSet;
pub use read_at::{ReadAt, ReadAtExt, check_range};
pub use reader::Reader;
pub use timestamp::{Resolution, Timestamp};
pub use utf16::{decode_utf16le, utf16le_units};
pub use window::Window;
pub use wtf8::{decode_wtf8, push_wtf8, wtf8_units};
