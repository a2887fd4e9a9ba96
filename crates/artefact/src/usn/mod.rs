//! The change journal of NTFS and ReFS: the stream `$J` of `\$Extend\$UsnJrnl`, in which Windows notes every change of
//! a file.
//!
//! Records lie one after another at multiples of eight bytes, none of them across a page of 4096 bytes; what is left
//! of a page is zero. The journal is a window: its oldest part is freed from time to time, so that the stream begins
//! with a hole, and a record's update sequence number is its position in the stream. The stream `$Max` ([`Max`]) says
//! which journal it is.
//!
//! Versions 2, 3 (128-bit references) and 4 (written ranges) are read, whatever their minor version. Other
//! major versions are told as unsupported, one error for each, with its position. After what is no record, the next
//! one is looked for at each multiple of eight bytes, by all that Windows would write ([`Journal::visit`]).
//!
//! Format: `winioctl.h` and <https://learn.microsoft.com/en-us/windows/win32/api/winioctl/ns-winioctl-usn_record_v2>
//! (`_v3`, `_v4`, `usn_record_common_header`). Where it is silent or wrong:
//!
//! - `FileNameOffset` is to be used instead of the size of the structure: it is.
//! - "`RecordLength` … may be any length": in the stream it is a multiple of eight, and records pass no page.
//!   Records that do pass one are read all the same.
//! - `$Max` is described nowhere: it begins with `CREATE_USN_JOURNAL_DATA`, then has the journal's id and
//!   `LowestValidUsn`.
//! - Version 4 records have no time, no name and no attributes: those of the version 3 record of the same change count.

mod carve;
mod exercise;
mod flags;
mod journal;
mod layout;
mod max;
mod record;
mod reference;

pub use carve::carve;
pub use exercise::{Met, exercise};
pub use flags::{ATTRIBUTE_DIRECTORY, FlagField, reason};
pub use journal::Journal;
pub use max::Max;
pub use record::{Body, Change, Ranges, Record, RecordExtent};
pub use reference::FileReference;
