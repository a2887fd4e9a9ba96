//! Records of deleted files, completed from older copies of their inodes.

use vminspect_bytes::ByteRange;

use super::as_of::{AsOf, MapKind};
use super::former::{Former, Version};
use super::inode::Inode;
use super::record::Recorder;
use super::superblock::InodeNumber;
use super::volume::Ext;
use super::widen;
use crate::{Allocation, Content, Error, FileId, JournalCopy, Record, Result, Whereabouts};

impl Ext {
    /// The record of a deleted file as the journal has it, where that says more than its inode. Any other file's as it is.
    pub(super) fn restored(&self, file: FileId) -> Result<Record> {
        if is_displaced(file) {
            return self.displaced_record(file);
        }
        let number = number(file)?;
        let record = self.record_of(number)?;
        let is_deleted = record.metadata.allocation == Allocation::Deleted;
        if !is_deleted || (record.metadata.size > 0 && has_place(&record.content)) {
            return Ok(record);
        }
        let Some(former) = self.former() else { return Ok(record) };
        let Some(version) = former.of_inode(number).iter().rev().find(|version| version.present) else {
            return Ok(record);
        };
        let Some(mut restored) = self.version_record(former, version) else { return Ok(record) };
        restored.metadata.times.deleted = record.metadata.times.deleted;
        Ok(restored)
    }

    /// The record of a file whose inode another uses.
    pub(super) fn displaced_record(&self, file: FileId) -> Result<Record> {
        let missing = || Error::NotFound(format!("file {}", id_text(file)));
        let former = self.former().ok_or_else(missing)?;
        let version = former.find(file).ok_or_else(missing)?;
        self.version_record(former, version).ok_or_else(missing)
    }

    fn version_record(&self, former: &Former, version: &Version) -> Option<Record> {
        let (bytes, place) = self.former_inode(former, version)?;
        let inode = Inode::new(version.number, &bytes, ByteRange::at(place, widen(bytes.len())))?;
        let superblock = &self.superblock;
        let kind = if inode.has_extents() {
            MapKind::Extents(superblock.has_metadata_checksums().then(|| inode.checksum_seed(superblock)))
        } else {
            MapKind::Numbers
        };
        let history = &former.history;
        let maps = AsOf::new(self, history, (version.copy.age, version.gone), kind);
        let mut record = Recorder::with_maps(self, &maps).record(&inode, Allocation::Deleted);
        record.metadata.id = former.id(version)?;
        record.metadata.links = 0;
        // Deleted inodes keep no such time in their older copies.
        record.metadata.times.deleted = None;
        let checked = superblock.has_metadata_checksums() && superblock.linux;
        record.whereabouts = Whereabouts::Journal(JournalCopy {
            transaction: history.sequence(version.copy.age),
            committed: history.committed(version.copy.age),
            proven: !maps.is_doubtful() && (checked || record.metadata.generation != 0),
        });
        Some(record)
    }
}

/// Whether it is known where content is.
fn has_place(content: &Content) -> bool {
    match content {
        Content::Runs(runs) | Content::Encoded(runs) => !runs.is_empty(),
        Content::Inline(bytes) => bytes.iter().any(|byte| *byte != 0),
        Content::Opaque => true,
        Content::None => false,
    }
}

/// Whether an id is of a file whose inode another uses.
pub(super) fn is_displaced(file: FileId) -> bool {
    file.0 > u64::from(u32::MAX)
}

/// The inode of an id.
pub(super) fn number(file: FileId) -> Result<InodeNumber> {
    let number = u32::try_from(file.0).ok().and_then(InodeNumber::new);
    number.ok_or_else(|| Error::NotFound(format!("inode {}", id_text(file))))
}

/// The number of the inode; of a file whose inode another uses with the transaction that had it: `12@57`.
pub(super) fn id_text(file: FileId) -> String {
    let number = file.0 & u64::from(u32::MAX);
    if is_displaced(file) { format!("{number}@{}", file.0 >> 32) } else { number.to_string() }
}

/// The id that [`id_text`] makes this text of.
pub(super) fn parse_id(text: &str) -> Option<FileId> {
    let Some((number, transaction)) = text.split_once('@') else { return text.parse().ok().map(FileId) };
    let (number, transaction): (u32, u32) = (number.parse().ok()?, transaction.parse().ok()?);
    Some(FileId(u64::from(transaction) << 32 | u64::from(number)))
}
