//! The filesystem as the rest of the workspace sees it.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, RangeSet, ReadAt, Resolution, Timestamp};

use super::deleted::deleted_entries;
use super::directory::DirectoryEntries;
use super::former_record::{id_text, is_displaced, number, parse_id};
use super::inode::is_attribute_value;
use super::layout::{EXT4_ROOT_INO, INCOMPAT_EA_INODE, INCOMPAT_RECOVER, RO_COMPAT_ORPHAN_PRESENT};
use super::record::Recorder;
use super::superblock::{InodeNumber, Superblock};
use super::volume::{Ext, spell_uuid};
use super::xattr::Attributes;
use crate::{
    Entries, Error, ExtendedAttribute, FileId, FileKind, FileSystem, Identity, Metadata, NameEncoding,
    Record, Result, Scan, Stream,
};

/// Longest target of a symbolic link that is read: above what any Linux writes.
const MOST_TARGET: u64 = 1 << 16;

/// Names of inode flags as `chattr` and the kernel's documentation give them. Flags that only say how the
/// content is stored (extents, htree index, inline data) are left out: they are no change that a user made.
const FLAG_NAMES: &[(u64, &str)] = &[
    (0x1, "secure_deletion"),
    (0x2, "undelete"),
    (0x4, "compressed"),
    (0x8, "synchronous"),
    (0x10, "immutable"),
    (0x20, "append_only"),
    (0x40, "no_dump"),
    (0x80, "no_atime"),
    (0x800, "encrypted"),
    (0x4000, "journal_data"),
    (0x8000, "no_tail"),
    (0x1_0000, "synchronous_directory"),
    (0x2_0000, "top_of_hierarchy"),
    (0x10_0000, "verity"),
    (0x80_0000, "no_copy_on_write"),
    (0x200_0000, "dax"),
    (0x2000_0000, "project_inherit"),
    (0x4000_0000, "casefold"),
];

impl FileSystem for Ext {
    fn identity(&self) -> Identity {
        let superblock = &self.superblock;
        Identity {
            format: superblock.features.format(),
            uuid: (superblock.uuid != [0; 16]).then(|| spell_uuid(superblock.uuid)),
            label: (!superblock.label.is_empty()).then(|| superblock.label.clone()),
            block_size: superblock.block_size.bytes(),
            size: superblock.size(),
            files: Some(u64::from(superblock.inodes.saturating_sub(superblock.free_inodes))),
            features: superblock.feature_names(),
        }
    }

    fn name_encoding(&self) -> NameEncoding {
        NameEncoding::Bytes
    }

    fn root(&self) -> FileId {
        FileId(u64::from(EXT4_ROOT_INO))
    }

    fn view(&self) -> &Arc<dyn ReadAt> {
        &self.view
    }

    fn layout_key(&self) -> Vec<u8> {
        let mut key = b"ext".to_vec();
        push_layout(&mut key, &self.superblock);
        for group in &self.groups {
            let table = group.inode_table.map_or(u64::MAX, |table| table.0);
            key.extend_from_slice(&table.to_le_bytes());
        }
        key
    }

    fn problems(&self) -> Vec<Error> {
        self.problems.clone()
    }

    fn flag_names(&self, flags: u64) -> Vec<&'static str> {
        FLAG_NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
    }

    fn is_internal(&self, record: &Record) -> bool {
        let superblock = &self.superblock;
        let Ok(number) = number(record.metadata.id) else { return false };
        let reserved = number.get() < superblock.first_inode && number.get() != EXT4_ROOT_INO;
        let named = [superblock.journal_inode, superblock.orphan_file].contains(&Some(number));
        reserved
            || named
            || superblock.quota_inodes.contains(&Some(number))
            || (superblock.has_incompat(INCOMPAT_EA_INODE) && is_attribute_value(record.metadata.flags))
    }

    fn id_text(&self, file: FileId) -> String {
        id_text(file)
    }

    fn parse_id(&self, text: &str) -> Option<FileId> {
        parse_id(text)
    }

    fn metadata(&self, file: FileId) -> Result<Metadata> {
        if is_displaced(file) {
            return Ok(self.displaced_record(file)?.metadata);
        }
        self.inode_metadata(number(file)?)
    }

    fn record(&self, file: FileId) -> Result<Record> {
        if is_displaced(file) { self.displaced_record(file) } else { self.record_of(number(file)?) }
    }

    fn restored(&self, file: FileId) -> Result<Record> {
        Self::restored(self, file)
    }

    fn displaced(&self) -> (Vec<FileId>, Vec<Error>) {
        let (former, problems) = self.former_and_problems();
        let files = former.as_ref().map_or_else(Vec::new, |former| former.displaced().collect());
        (files, problems.clone())
    }

    fn former_entries(&self, directory: FileId) -> Result<Entries<'_>> {
        Ok(Box::new(Self::former_entries(self, directory)?.into_iter()))
    }

    fn attributes(&self, file: FileId) -> Result<Vec<ExtendedAttribute>> {
        if is_displaced(file) {
            // Their blocks are not looked for in the journal.
            return self.displaced_record(file).map(|_| Vec::new());
        }
        let number = number(file)?;
        let bytes = self.inode_bytes(number)?;
        let inode = self.inode(number, &bytes)?;
        let mut found = Vec::new();
        if let Some(attributes) = Attributes::in_inode(&inode) {
            self.push_attributes(attributes, inode.has_inline_data(), &mut found)?;
        }
        if let Some(block) = inode.attribute_block(&self.superblock) {
            let offset = self.superblock.block_size.offset_of(block);
            let mut bytes = vec![0; self.superblock.block_size.bytes_usize()];
            self.view.read_exact_at(offset, &mut bytes)?;
            self.push_attributes(Attributes::in_block(&bytes, offset)?, false, &mut found)?;
        }
        found.sort_unstable();
        Ok(found)
    }

    fn entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        Ok(Box::new(DirectoryEntries::new(self, directory)?))
    }

    fn deleted_entries(&self, directory: FileId) -> Result<Entries<'_>> {
        let record = self.record(directory)?;
        Ok(Box::new(deleted_entries(self, &record)?.into_iter()))
    }

    fn open_record(&self, record: &Record, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        if let Stream::Named(name) = stream {
            return Err(Error::NotFound(format!("the stream {:?}", String::from_utf8_lossy(name))));
        }
        if !Self::has_content(record.metadata.kind) {
            return Err(Error::WrongKind("a regular file or a link"));
        }
        self.content(record)
    }

    fn allocated(&self, range: ByteRange) -> Result<RangeSet> {
        self.blocks_used(range)
    }

    fn read_link(&self, file: FileId) -> Result<Vec<u8>> {
        let record = self.record(file)?;
        if record.metadata.kind != FileKind::Symlink {
            return Err(Error::WrongKind("a symbolic link"));
        }
        let content = self.content(&record)?;
        Ok(vminspect_bytes::ReadAtExt::read_all(&content, MOST_TARGET)?)
    }

    fn record_areas(&self) -> RangeSet {
        self.areas()
    }

    fn last_use(&self) -> Option<Timestamp> {
        // A superblock says when it was written last: at the end of the last use, if that ended well.
        let written = !self.superblock.needs_recovery() && !self.superblock.is_backup();
        let last =
            self.superblock.mounted_and_written.into_iter().max().filter(|time| *time > 0 && written)?;
        Some(Timestamp::from_unix(i64::from(last), 0, Resolution::Second))
    }

    fn scan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        self.plan(areas, deleted)
    }
}

impl Ext {
    /// Adds the attributes of a list with their values. One that is damaged ends its list; the file's record
    /// tells of it.
    fn push_attributes(
        &self,
        attributes: Attributes<'_>,
        has_inline_data: bool,
        found: &mut Vec<ExtendedAttribute>,
    ) -> Result<()> {
        let recorder = Recorder::new(self);
        for attribute in attributes.iter().filter_map(std::result::Result::ok) {
            if attribute.is_inline_data() && has_inline_data {
                continue;
            }
            let value = recorder.value(attribute.value)?;
            found.push(ExtendedAttribute { name: attribute.full_name(), value });
        }
        Ok(())
    }
}

/// What of the superblock the meaning of inodes depends on.
fn push_layout(key: &mut Vec<u8>, superblock: &Superblock) {
    let features = superblock.features;
    let words = [
        superblock.block_size.bytes_u32(),
        u32::from(superblock.inode_size.get()),
        superblock.first_data_block,
        superblock.inodes_per_group.get(),
        superblock.inodes,
        superblock.first_inode,
        features.compat,
        // Whether the journal is empty does not matter once it is replayed.
        features.incompat & !INCOMPAT_RECOVER,
        // Set while the filesystem is mounted; inodes without links depend on the superblock in any case.
        features.ro_compat & !RO_COMPAT_ORPHAN_PRESENT,
        superblock.checksum_seed,
        u32::from(superblock.hurd),
        u32::from(superblock.linux),
    ];
    for word in words {
        key.extend_from_slice(&word.to_le_bytes());
    }
    key.extend_from_slice(&superblock.blocks.to_le_bytes());
    key.extend_from_slice(&superblock.cluster_size.to_le_bytes());
    for inode in superblock.quota_inodes.into_iter().chain([superblock.journal_inode, superblock.orphan_file])
    {
        key.extend_from_slice(&inode.map_or(0, InodeNumber::get).to_le_bytes());
    }
}
