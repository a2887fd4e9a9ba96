//! The filesystem as the rest of the workspace sees it.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, Guid, RangeSet, ReadAt, push_wtf8, wtf8_units};

use super::directory;
use super::layout::{
    ATTRIBUTE_ARCHIVE, ATTRIBUTE_HIDDEN, ATTRIBUTE_READ_ONLY, ATTRIBUTE_SYSTEM, VOLUME_FLAG_CLEAR_TO_ZERO,
    VOLUME_FLAG_DIRTY, VOLUME_FLAG_MEDIA_FAILURE,
};
use super::record::ROOT;
use super::timestamp::RawTimestamp;
use super::volume::Exfat;
use crate::{
    Content, Detail, DetailValue, Entries, Error, ExtendedAttribute, FileId, FileKind, FileSystem, Identity,
    LinkName, LocalTimes, Metadata, NameEncoding, Record, Result, Scan, Stream,
};

/// Names of the attributes that a user sets.
const FLAG_NAMES: &[(u16, &str)] = &[
    (ATTRIBUTE_READ_ONLY, "read_only"),
    (ATTRIBUTE_HIDDEN, "hidden"),
    (ATTRIBUTE_SYSTEM, "system"),
    (ATTRIBUTE_ARCHIVE, "archive"),
];

impl FileSystem for Exfat {
    fn identity(&self) -> Identity {
        let geometry = &self.geometry;
        let (high, low) = (geometry.serial_number >> 16, geometry.serial_number & 0xFFFF);
        Identity {
            format: "exfat",
            uuid: Some(format!("{high:04X}-{low:04X}")),
            label: self.label.clone(),
            block_size: geometry.cluster_size(),
            size: geometry.size,
            files: None,
            features: self.features(),
        }
    }

    fn name_encoding(&self) -> NameEncoding {
        NameEncoding::Wtf8
    }

    fn fold_name(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut folded = Vec::with_capacity(name.len());
        push_wtf8(wtf8_units(name).into_iter().map(|unit| self.upcase.upper(unit)), &mut folded);
        Some(folded)
    }

    fn root(&self) -> FileId {
        ROOT
    }

    fn view(&self) -> &Arc<dyn ReadAt> {
        &self.view
    }

    fn layout_key(&self) -> Vec<u8> {
        let mut key = b"exfat".to_vec();
        let end = self.view.len().min(self.geometry.size);
        let table = u64::from(self.upcase.sum()) | u64::from(self.upcase_stands_in) << 32;
        for word in self.geometry.words().into_iter().chain([end, table]) {
            key.extend_from_slice(&word.to_le_bytes());
        }
        key
    }

    fn problems(&self) -> Vec<Error> {
        self.problems.clone()
    }

    fn flag_names(&self, flags: u64) -> Vec<&'static str> {
        FLAG_NAMES.iter().filter(|(bit, _)| flags & u64::from(*bit) != 0).map(|(_, name)| *name).collect()
    }

    fn details(&self, record: &Record) -> Result<Vec<Detail>> {
        if record.metadata.id == ROOT {
            return Ok(Vec::new());
        }
        let found = self.find(record.metadata.id)?;
        let set = &found.set;
        let mut details = Vec::new();
        let mut add = |field, value| details.push(Detail { field, value, volatile: false });
        let times = [
            ("accessed.utc_offset", set.accessed()),
            ("created.utc_offset", set.created()),
            ("modified.utc_offset", set.modified()),
        ];
        for (field, time) in times {
            if let Some(minutes) = time.and_then(RawTimestamp::offset_minutes) {
                add(field, DetailValue::Text(spell_offset(minutes)));
            }
        }
        let valid = found.stream.valid_data_length;
        if valid != found.stream.data_length {
            add("valid_data_length", DetailValue::Number(valid));
        }
        for vendor in set.vendors() {
            add("vendor", DetailValue::Text(Guid(vendor).to_string()));
        }
        Ok(details)
    }

    fn names(&self, file: FileId) -> Result<Vec<LinkName>> {
        if file == ROOT {
            return Ok(Vec::new());
        }
        let found = self.find(file)?;
        Ok(vec![LinkName { parent: found.directory.id, name: found.set.name() }])
    }

    fn metadata(&self, file: FileId) -> Result<Metadata> {
        if file == ROOT {
            return Ok(self.root_record().metadata);
        }
        Ok(self.metadata_of(&self.find(file)?))
    }

    fn record(&self, file: FileId) -> Result<Record> {
        if file == ROOT {
            return Ok(self.root_record());
        }
        Ok(self.record_of(&self.find(file)?))
    }

    fn attributes(&self, _file: FileId) -> Result<Vec<ExtendedAttribute>> {
        Ok(Vec::new())
    }

    fn entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        directory::entries(&*self.view, directory)
    }

    fn deleted_entries(&self, directory: FileId) -> Result<Entries<'_>> {
        directory::deleted_entries(&*self.view, &self.record(directory)?)
    }

    fn open_record(&self, record: &Record, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        if let Stream::Named(name) = stream {
            return Err(Error::NotFound(format!("the stream {:?}", String::from_utf8_lossy(name))));
        }
        match &record.content {
            Content::Runs(runs) if record.metadata.kind == FileKind::Regular => {
                Ok(self.mapped(runs, record.metadata.size)?)
            }
            _ => Err(Error::WrongKind("a regular file")),
        }
    }

    fn allocated(&self, range: ByteRange) -> Result<RangeSet> {
        Ok(self.clusters_used(range))
    }

    fn read_link(&self, file: FileId) -> Result<Vec<u8>> {
        self.metadata(file)?;
        Err(Error::WrongKind("a symbolic link"))
    }

    fn record_areas(&self) -> RangeSet {
        self.tree().areas(self.geometry.root_field())
    }

    fn scan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        self.plan(areas, deleted)
    }

    fn local_times(&self, file: FileId) -> LocalTimes {
        let Ok(found) = self.find(file) else { return LocalTimes::default() };
        let is_local = |time: Option<RawTimestamp>| time.is_some_and(|time| time.offset_minutes().is_none());
        LocalTimes {
            modified: is_local(found.set.modified()),
            accessed: is_local(found.set.accessed()),
            created: is_local(found.set.created()),
        }
    }
}

impl Exfat {
    fn features(&self) -> Vec<String> {
        let geometry = &self.geometry;
        let mut features = vec![format!("{}.{:02}", geometry.revision >> 8, geometry.revision & 0xFF)];
        if geometry.fats == 2 {
            features.push("texfat".to_owned());
            features.push(format!("active_fat={}", geometry.active_fat()));
        }
        let flags = [
            (VOLUME_FLAG_DIRTY, "dirty"),
            (VOLUME_FLAG_MEDIA_FAILURE, "media_failure"),
            (VOLUME_FLAG_CLEAR_TO_ZERO, "clear_to_zero"),
        ];
        for (flag, name) in flags {
            if geometry.volume_flags & flag != 0 {
                features.push(name.to_owned());
            }
        }
        features.extend(self.guid.map(|guid| format!("guid={}", Guid(guid))));
        features
    }
}

fn spell_offset(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
