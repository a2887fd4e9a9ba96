//! The filesystem as the rest of the workspace sees it.

use std::sync::Arc;

use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError};

use super::content::content;
use super::directories::{Directory, items, owner};
use super::directory::{Item, Named};
use super::layout::{ATTR_ARCHIVE, ATTR_DEVICE, ATTR_HIDDEN, ATTR_READ_ONLY, ATTR_SYSTEM};
use super::name::fold;
use super::volume::{Fat, ROOT, file_id};
use crate::{
    Content, Detail, DetailValue, Entries, Entry, Error, ExtendedAttribute, FileId, FileKind, FileSystem,
    Identity, LinkName, LocalTimes, Metadata, NameEncoding, Record, Result, Scan, Stream,
};

const FLAG_NAMES: &[(u8, &str)] = &[
    (ATTR_READ_ONLY, "read_only"),
    (ATTR_HIDDEN, "hidden"),
    (ATTR_SYSTEM, "system"),
    (ATTR_ARCHIVE, "archive"),
    (ATTR_DEVICE, "device"),
];

impl FileSystem for Fat {
    fn identity(&self) -> Identity {
        let geometry = &self.boot.geometry;
        let mut features: Vec<String> = self.states.iter().map(|state| (*state).to_owned()).collect();
        if !geometry.mirrored {
            features.push("mirroring_off".to_owned());
        }
        Identity {
            format: geometry.kind.name(),
            uuid: self.boot.serial.map(|serial| format!("{:04X}-{:04X}", serial >> 16, serial & 0xFFFF)),
            label: self.label.clone(),
            block_size: geometry.cluster_size.into(),
            size: geometry.size,
            files: None,
            features,
        }
    }

    fn name_encoding(&self) -> NameEncoding {
        NameEncoding::Wtf8
    }

    fn fold_name(&self, name: &[u8]) -> Option<Vec<u8>> {
        Some(fold(name))
    }

    fn root(&self) -> FileId {
        ROOT
    }

    fn view(&self) -> &Arc<dyn ReadAt> {
        &self.view
    }

    fn layout_key(&self) -> Vec<u8> {
        let geometry = &self.boot.geometry;
        let mut key = geometry.kind.name().as_bytes().to_vec();
        let words = [
            geometry.cluster_size.into(),
            geometry.clusters.into(),
            geometry.fat_start,
            geometry.fat_size,
            geometry.fat_count.into(),
            geometry.active_fat.into(),
            geometry.mirrored.into(),
            geometry.data_start,
            self.boot.root_place.start(),
        ];
        for word in words.into_iter().chain(self.root_words()) {
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
        let short = self.named(record.metadata.id)?.0.short;
        let detail = |short| Detail { field: "short_name", value: DetailValue::Text(short), volatile: false };
        Ok(short.map(detail).into_iter().collect())
    }

    fn names(&self, file: FileId) -> Result<Vec<LinkName>> {
        if file == ROOT {
            return Ok(Vec::new());
        }
        let (named, parent) = self.named(file)?;
        Ok(vec![LinkName { parent, name: named.name }])
    }

    fn metadata(&self, file: FileId) -> Result<Metadata> {
        Ok(self.record_of(file)?.metadata)
    }

    fn record(&self, file: FileId) -> Result<Record> {
        self.record_of(file)
    }

    fn attributes(&self, file: FileId) -> Result<Vec<ExtendedAttribute>> {
        self.record_of(file).map(|_| Vec::new())
    }

    fn entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        let Some(found) = self.directory_of(directory)? else { return Ok(Box::new(std::iter::empty())) };
        let gone = directory.metadata.allocation == crate::Allocation::Deleted;
        let wanted =
            move |named: &Named| !named.deleted && !named.behind && (!gone || named.raw.is_plausible());
        let shared = found.shared.map(|cluster| {
            let error = ReadError::corrupt(owner(found.id));
            let error = error.at(self.boot.geometry.offset(cluster)).expected("clusters of its own");
            Err(error.found(format!("cluster {}, which is another directory's", cluster.get())).into())
        });
        Ok(Box::new(entries(self, found, false, wanted).chain(shared)))
    }

    fn deleted_entries(&self, directory: FileId) -> Result<Entries<'_>> {
        let record = self.record_of(directory)?;
        let Some(found) = self.directory_of(&record)? else { return Ok(Box::new(std::iter::empty())) };
        // What is wrong with the others is told where they are asked for.
        let gone = entries(self, found, true, |named| named.deleted || named.behind).filter(Result::is_ok);
        Ok(Box::new(gone))
    }

    fn open_record(&self, record: &Record, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        if let Stream::Named(name) = stream {
            return Err(Error::NotFound(format!("the stream {:?}", String::from_utf8_lossy(name))));
        }
        match &record.content {
            Content::Runs(runs) if record.metadata.kind == FileKind::Regular => {
                content(&self.view, runs, record.metadata.size)
            }
            _ => Err(Error::WrongKind("a regular file")),
        }
    }

    fn allocated(&self, range: ByteRange) -> Result<RangeSet> {
        Ok(self.clusters_used(range)?)
    }

    fn read_link(&self, file: FileId) -> Result<Vec<u8>> {
        self.record_of(file)?;
        Err(Error::WrongKind("a symbolic link"))
    }

    fn record_areas(&self) -> RangeSet {
        self.slot_areas()
    }

    fn scan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        self.plan(areas, deleted)
    }

    fn local_times(&self, _: FileId) -> LocalTimes {
        LocalTimes::ALL
    }
}

impl Fat {
    /// The slots of a directory; `None` where nothing is left of them.
    fn directory_of(&self, record: &Record) -> Result<Option<&Directory>> {
        if record.metadata.kind != FileKind::Directory {
            return Err(Error::WrongKind("a directory"));
        }
        Ok(self.directory(record.metadata.id))
    }
}

/// The entries of a directory that are wanted, and what is wrong with any.
fn entries<'a>(
    fs: &'a Fat,
    directory: &'a Directory,
    whole: bool,
    wanted: impl Fn(&Named) -> bool + Send + 'a,
) -> impl Iterator<Item = Result<Entry>> + Send + 'a {
    items(fs, directory, whole).filter_map(move |item| match item {
        Ok(Item::Named(named)) => wanted(&named).then(|| {
            let kind = Some(named.raw.file_kind());
            Ok(Entry { id: file_id(named.place), name: named.name, kind })
        }),
        Ok(Item::Label(_)) => None,
        Err(error) => Some(Err(error)),
    })
}
