//! What NTFS compresses with, as functions from bytes to bytes; nothing here reads a volume.
//!
//! | format | used by | specification |
//! | --- | --- | --- |
//! | [`lznt1`] | attributes with the compressed flag, in units of 16 clusters | [\[MS-XCA\]][xca] 2.5 |
//! | [`xpress`] | the Windows overlay filter ([`wof`]) in chunks of 4, 8 and 16 KiB | [\[MS-XCA\]][xca] 2.2 |
//! | [`lzx`] | the same in chunks of 32 KiB | [\[MS-PATCH\]][patch] 2, in the form that WIM files have |
//!
//! Every decoder ends, and writes nothing outside of the output it is given, whatever its input. After an error
//! the content of the output is unspecified.
//!
//! [xca]: https://learn.microsoft.com/openspecs/windows_protocols/ms-xca
//! [patch]: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-patch

mod bits;
mod copy;
mod error;
mod huffman;
pub mod lznt1;
pub mod lzx;
#[cfg(test)]
mod tests;
pub mod wof;
pub mod xpress;

pub use error::DecodeError;
