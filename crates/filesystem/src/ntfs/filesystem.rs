//! The filesystem as the rest of the workspace sees it.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, Memory, RangeSet, ReadAt, ReadAtExt};

use super::address::RecordNumber;
use super::address::{FileKey, Reference};
use super::compression::wof::STREAM_NAME;
use super::directory::{DirectoryEntries, deleted_entries, may_have_deleted};
use super::extended_attribute;
use super::file::File;
use super::file_name::FileName;
use super::layout::{FILE_ATTRIBUTE_NAMES, ROOT_RECORD, ROOT_SEQUENCE, attribute_type};
use super::record::{Facts, Overlay, elsewhere, stream_parts};
use super::scan::not_found;
use super::value::Value;
use super::volume::Ntfs;
use crate::{
    Content, Detail, Entries, Error, ExtendedAttribute, FactsScan, FileId, FileKind, FileSystem, Identity,
    LinkName, Metadata, NameEncoding, Record, Result, Scan, Stream,
};

/// Longest list of extended attributes that is read: Windows allows 64 KiB.
const LONGEST_ATTRIBUTES: u64 = 1 << 20;

impl FileSystem for Ntfs {
    fn identity(&self) -> Identity {
        let geometry = &self.geometry;
        Identity {
            format: if self.is_loose() { "ntfs-mft" } else { "ntfs" },
            uuid: (!self.is_loose()).then(|| format!("{:016X}", geometry.serial_number)),
            label: self.label.clone(),
            block_size: geometry.cluster.bytes(),
            size: geometry.size,
            files: Some(u64::from(self.mft.records())),
            features: self.features.clone(),
        }
    }

    fn name_encoding(&self) -> NameEncoding {
        NameEncoding::Wtf8
    }

    fn fold_name(&self, name: &[u8]) -> Option<Vec<u8>> {
        Some(self.upcase().fold(name))
    }

    fn root(&self) -> FileId {
        Reference { record: RecordNumber(ROOT_RECORD), sequence: ROOT_SEQUENCE }.file()
    }

    fn view(&self) -> &Arc<dyn ReadAt> {
        &self.view
    }

    fn layout_key(&self) -> Vec<u8> {
        let mut key = b"ntfs".to_vec();
        self.push_state(&mut key);
        self.mft.push_layout(&mut key);
        key
    }

    fn shares_layout(&self, before: &[u8]) -> bool {
        let mut key = b"ntfs".to_vec();
        self.push_state(&mut key);
        let runs = before.strip_prefix(key.as_slice());
        runs.is_some_and(|runs| self.mft.continues_layout(runs))
    }

    fn problems(&self) -> Vec<Error> {
        self.problems.clone()
    }

    fn flag_names(&self, flags: u64) -> Vec<&'static str> {
        FILE_ATTRIBUTE_NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
    }

    fn is_internal(&self, record: &Record) -> bool {
        Self::is_internal(self, record.metadata.id)
    }

    fn metadata(&self, file: FileId) -> Result<Metadata> {
        let key = FileKey::new(file);
        let record = self.record_of(key.reference)?;
        if key.stream == 0 {
            return Ok(record.metadata);
        }
        let stream = record.streams.iter().find(|stream| FileKey::new(stream.id).stream == key.stream);
        let stream = stream.ok_or_else(|| no_stream(key))?;
        Ok(Metadata { id: stream.id, kind: FileKind::Regular, size: stream.size, ..record.metadata })
    }

    fn record(&self, file: FileId) -> Result<Record> {
        let key = FileKey::new(file);
        let mut record = self.record_of(key.reference)?;
        if key.stream == 0 {
            return Ok(record);
        }
        let at = record.streams.iter().position(|stream| FileKey::new(stream.id).stream == key.stream);
        let stream = record.streams.swap_remove(at.ok_or_else(|| no_stream(key))?);
        record.metadata.id = stream.id;
        record.metadata.kind = FileKind::Regular;
        record.metadata.size = stream.size;
        record.content = stream.content;
        record.streams = Vec::new();
        record.has_attributes = false;
        Ok(record)
    }

    fn details(&self, record: &Record) -> Result<Vec<Detail>> {
        let key = FileKey::new(record.metadata.id);
        if key.stream != 0 {
            // They are told of the file.
            return Ok(Vec::new());
        }
        self.with_file(key.reference, |file| self.details_of(file))
    }

    fn id_text(&self, file: FileId) -> String {
        FileKey::new(file).to_string()
    }

    fn record_number(&self, file: FileId) -> u64 {
        FileKey::new(file).reference.record.0.into()
    }

    fn parse_id(&self, text: &str) -> Option<FileId> {
        FileKey::parse(text).map(FileKey::id)
    }

    fn names(&self, file: FileId) -> Result<Vec<LinkName>> {
        self.with_file(FileKey::new(file).reference, |file| Ok(names(file)))
    }

    fn attributes(&self, file: FileId) -> Result<Vec<ExtendedAttribute>> {
        let key = FileKey::new(file);
        if key.stream != 0 {
            return Ok(Vec::new());
        }
        self.with_file(key.reference, |file| {
            let parts = file.parts_of(attribute_type::EA, "");
            let mut problems = Vec::new();
            let Some(value) = Value::of(self, &parts, &mut problems) else { return Ok(Vec::new()) };
            let bytes = match value.resident() {
                Some(bytes) => bytes.to_vec(),
                None => self.open_value(&value)?.read_all(LONGEST_ATTRIBUTES)?,
            };
            let mut found = extended_attribute::parse(&bytes).map_err(|found| {
                Error::from(
                    vminspect_bytes::ReadError::corrupt(format!(
                        "extended attributes of MFT record {}",
                        file.header.number.0
                    ))
                    .at(file.header.place.start())
                    .found(found),
                )
            })?;
            found.sort_unstable();
            Ok(found)
        })
    }

    fn entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        if directory.metadata.kind != FileKind::Directory {
            return Err(Error::WrongKind("a directory"));
        }
        let reference = FileKey::new(directory.metadata.id).reference;
        if self.is_loose() {
            return Ok(Box::new(self.loose_entries(reference).into_iter().map(Ok)));
        }
        if let Content::Inline(root) = &directory.content {
            return Ok(Box::new(DirectoryEntries::from_root(reference, root, directory.place.start(), 0)?));
        }
        self.with_file(reference, |file| {
            let entries: Entries<'_> = Box::new(DirectoryEntries::new(self, file)?);
            Ok(entries)
        })
    }

    fn deleted_entries(&self, directory: FileId) -> Result<Entries<'_>> {
        let reference = FileKey::new(directory).reference;
        let found = self.with_file(reference, |file| deleted_entries(self, file))?;
        Ok(Box::new(found.into_iter()))
    }

    fn deleted_entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        if let Content::Inline(root) = &directory.content
            && !may_have_deleted(root)
        {
            return Ok(Box::new(std::iter::empty()));
        }
        self.deleted_entries(directory.metadata.id)
    }

    fn open(&self, file: FileId, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        let key = FileKey::new(file);
        self.with_file(key.reference, |file| self.open_stream(file, key, stream))
    }

    fn open_record(&self, record: &Record, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        self.open(record.metadata.id, stream)
    }

    fn allocated(&self, range: ByteRange) -> Result<RangeSet> {
        self.clusters_used(range)
    }

    fn read_link(&self, file: FileId) -> Result<Vec<u8>> {
        self.with_file(FileKey::new(file).reference, |file| {
            let facts = Facts::of(self, file);
            if facts.kind != FileKind::Symlink {
                return Err(Error::WrongKind("a link"));
            }
            let target = facts.target()?;
            Ok(target.map(|target| target.path).unwrap_or_default())
        })
    }

    fn record_areas(&self) -> RangeSet {
        self.mft.areas()
    }

    fn scan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        self.plan(areas, deleted)
    }

    fn scan_facts(&self) -> FactsScan<'_> {
        self.plan_facts()
    }
}

impl Ntfs {
    /// Opens the stream of a file that `key` and `stream` name.
    fn open_stream(&self, file: &mut File<'_>, key: FileKey, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        if let Stream::Named(name) = stream {
            let named = stream_parts(file)
                .into_iter()
                .find(|parts| parts.first().is_some_and(|first| first.attribute.name_wtf8() == name));
            let parts = named
                .ok_or_else(|| Error::NotFound(format!("the stream {:?}", String::from_utf8_lossy(name))))?;
            return self.open_parts(&parts, false);
        }
        let is_stored = stream == Stream::Stored;
        if key.stream != 0 {
            let parts = stream_parts(file).into_iter().nth(usize::from(key.stream.saturating_sub(1)));
            return self.open_parts(&parts.ok_or_else(|| no_stream(key))?, is_stored);
        }
        let facts = Facts::of(self, file);
        match facts.kind {
            FileKind::Regular => {}
            FileKind::Symlink => {
                let target = facts.target()?.map(|target| target.path).unwrap_or_default();
                return Ok(Arc::new(Memory::new(target)));
            }
            _ => return Err(Error::WrongKind("a regular file or a link")),
        }
        let data = file.parts_of(attribute_type::DATA, "");
        match (&facts.overlay, is_stored) {
            (None, _) => {}
            (Some(Overlay::Wof(reparse)), false) => return self.open_wof(file, reparse),
            (Some(Overlay::Wof(_)), true) => {
                let compressed = file.parts_of(attribute_type::DATA, STREAM_NAME);
                return self.open_parts(&compressed, true);
            }
            (Some(overlay), false) => return Err(elsewhere(overlay).into()),
            (Some(_), true) => {
                // What the record says of the content stands for it.
                let value = facts.reparse.map(|(value, _)| value).unwrap_or_default();
                return Ok(Arc::new(Memory::new(value)));
            }
        }
        if data.is_empty() {
            return Ok(Arc::new(Memory::new(Vec::new())));
        }
        self.open_parts(&data, is_stored)
    }

    fn open_parts(&self, parts: &[super::file::Part<'_>], is_stored: bool) -> Result<Arc<dyn ReadAt>> {
        let mut problems = Vec::new();
        let value = Value::of(self, parts, &mut problems)
            .ok_or_else(|| Error::NotFound("the content of the file".to_owned()))?;
        Ok(if is_stored { self.open_stored(&value)? } else { self.open_value(&value)? })
    }

    fn open_wof(&self, file: &File<'_>, reparse: &[u8]) -> Result<Arc<dyn ReadAt>> {
        let mut problems = Vec::new();
        let data = Value::of(self, &file.parts_of(attribute_type::DATA, ""), &mut problems);
        let compressed = Value::of(self, &file.parts_of(attribute_type::DATA, STREAM_NAME), &mut problems);
        self.open_overlay(reparse, compressed.as_ref(), data.map_or(0, |data| data.size))
    }
}

/// The names that a file's records give it, short second names left out.
fn names(file: &File<'_>) -> Vec<LinkName> {
    let all: Vec<FileName<'_>> = file
        .of_type(attribute_type::FILE_NAME)
        .filter_map(|part| part.attribute.value().and_then(FileName::parse))
        .collect();
    let has_long = all.iter().any(|name| !name.is_dos());
    let shown = all.iter().filter(|name| !(has_long && name.is_dos()));
    shown.filter_map(|name| Some(LinkName { parent: name.parent()?.file(), name: name.name() })).collect()
}

fn no_stream(key: FileKey) -> Error {
    match not_found(key.reference) {
        Error::NotFound(file) => Error::NotFound(format!("stream {} of {file}", key.stream)),
        other => other,
    }
}
