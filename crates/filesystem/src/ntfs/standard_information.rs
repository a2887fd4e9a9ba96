//! `$STANDARD_INFORMATION`: times, attributes, and who may do what.

use vminspect_bytes::Timestamp;
use zerocopy::FromBytes;

use super::layout::{CASE_SENSITIVE_DIRECTORY, RawStandardInformation, RawStandardInformationExtension};
use crate::Times;

/// What a file's standard information says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct StandardInformation {
    pub(super) times: Times,
    pub(super) file_attributes: u32,
    /// Whether a directory takes names that differ by case for different ones.
    pub(super) case_sensitive: bool,
    pub(super) class_id: u32,
    /// `None` where it has 48 bytes, as NTFS 1.2 wrote it.
    pub(super) extension: Option<StandardInformationExtension>,
}

/// What NTFS 3.0 added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StandardInformationExtension {
    pub(super) owner_id: u32,
    pub(super) security_id: u32,
    pub(super) quota_charged: u64,
    pub(super) usn: u64,
}

impl StandardInformation {
    /// Parses the value; `None` when it is too short.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let (raw, rest) = RawStandardInformation::ref_from_prefix(value).ok()?;
        let extension = RawStandardInformationExtension::ref_from_prefix(rest).ok().map(|(raw, _)| {
            StandardInformationExtension {
                owner_id: raw.owner_id.get(),
                security_id: raw.security_id.get(),
                quota_charged: raw.quota_charged.get(),
                usn: raw.usn.get(),
            }
        });
        Some(Self {
            times: Times {
                modified: time(raw.modified.get()),
                changed: time(raw.changed.get()),
                accessed: time(raw.accessed.get()),
                created: time(raw.created.get()),
                deleted: None,
            },
            file_attributes: raw.file_attributes.get(),
            case_sensitive: raw.maximum_versions.get() == 0 && raw.version_number.get() == 1,
            class_id: raw.class_id.get(),
            extension,
        })
    }

    /// The attributes, with the flag of case-sensitive directories above their 32 bits.
    pub(super) fn flags(&self) -> u64 {
        let case = if self.case_sensitive { CASE_SENSITIVE_DIRECTORY } else { 0 };
        u64::from(self.file_attributes) | case
    }
}

/// A time, where one is recorded.
pub(super) fn time(ticks: u64) -> Option<Timestamp> {
    (ticks != 0).then(|| Timestamp::from_filetime(ticks))
}
