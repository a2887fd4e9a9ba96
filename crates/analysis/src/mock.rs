//! A filesystem in memory, for tests: it ignores case and has named streams.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, Memory, RangeSet, ReadAt, ReadError};
use vminspect_filesystem::{
    Allocation, Content, Entries, Entry, Error, ExtendedAttribute, FileId, FileKind, FileSystem, Identity,
    Metadata, NameEncoding, NamedStream, Place, Record, Result, Run, Scan, ScanUnit, Stream, Times,
    Whereabouts,
};

/// Bytes of a record on the view.
const RECORD: u64 = 128;
/// Bytes of a file on the view: its id is its place.
const BLOCK: u64 = 1024;
/// Files that the table has room for.
pub(crate) const FILES: u64 = 64;
/// What makes the id of a stream: its position among the streams of its owner, from 1.
const STREAM: u64 = 1 << 32;

#[derive(Clone, Default, Debug)]
pub(crate) struct File {
    pub(crate) entries: Option<Vec<(&'static str, u64)>>,
    pub(crate) content: Vec<u8>,
    pub(crate) streams: Vec<(&'static str, Vec<u8>)>,
    pub(crate) encoded: bool,
    pub(crate) encrypted: bool,
    pub(crate) internal: bool,
}

impl File {
    pub(crate) fn directory(entries: &[(&'static str, u64)]) -> Self {
        Self { entries: Some(entries.to_vec()), ..Self::default() }
    }

    pub(crate) fn regular(content: &str) -> Self {
        Self { content: content.as_bytes().to_vec(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, content: &str) -> Self {
        self.streams.push((name, content.as_bytes().to_vec()));
        self.streams.sort();
        self
    }
}

/// Files by number; 1 is the root. Where content is stored as it is, that of file n lies in the n-th block.
pub(crate) struct Mock {
    files: BTreeMap<u64, File>,
    view: Arc<dyn ReadAt>,
}

impl Mock {
    pub(crate) fn new(files: &[(u64, File)]) -> Self {
        let mut view = vec![0; usize::try_from(FILES * (RECORD + BLOCK)).unwrap()];
        for (number, file) in files {
            let mut hasher = DefaultHasher::new();
            (file.entries.clone(), file.content.len(), file.streams.clone(), file.internal).hash(&mut hasher);
            let record = usize::try_from(number * RECORD).unwrap();
            view[record..record + 8].copy_from_slice(&hasher.finish().to_le_bytes());
            let content = usize::try_from(FILES * RECORD + number * BLOCK).unwrap();
            view[content..content + file.content.len()].copy_from_slice(&file.content);
        }
        Self { files: files.iter().cloned().collect(), view: Arc::new(Memory::new(view)) }
    }

    fn make(&self, number: u64) -> Result<Record> {
        let file = self.files.get(&number).ok_or(Error::NotFound(format!("file {number}")))?;
        let length = file.content.len() as u64;
        let run = Run { start: 0, length, place: Place::Volume(FILES * RECORD + number * BLOCK) };
        let runs: SmallVec<[Run; 2]> = [run].into_iter().filter(|run| run.length > 0).collect();
        let streams = (1..).zip(&file.streams).map(|(position, (name, content))| NamedStream {
            id: FileId(number + position * STREAM),
            name: name.as_bytes().to_vec(),
            size: content.len() as u64,
            content: Content::Inline(content.as_slice().into()),
            internal: false,
        });
        let kind = if file.entries.is_some() { FileKind::Directory } else { FileKind::Regular };
        Ok(Record {
            metadata: Metadata {
                id: FileId(number),
                kind,
                allocation: Allocation::Allocated,
                size: length,
                links: 1,
                mode: 0,
                uid: 0,
                gid: 0,
                project: None,
                generation: 1,
                flags: 0,
                device: None,
                times: Times::default(),
            },
            place: ByteRange::at(number * RECORD, RECORD),
            depends: SmallVec::new(),
            content: match (&file.entries, file.encoded) {
                (Some(entries), _) => Content::Inline(format!("{entries:?}").into_bytes().into()),
                (None, true) => Content::Encoded(runs),
                (None, false) => Content::Runs(runs),
            },
            streams: streams.collect(),
            has_attributes: false,
            whereabouts: Whereabouts::Recorded,
            problems: Vec::new(),
        })
    }

    fn owner(id: FileId) -> (u64, Option<usize>) {
        (id.0 % STREAM, usize::try_from(id.0 / STREAM).unwrap().checked_sub(1))
    }
}

impl FileSystem for Mock {
    fn identity(&self) -> Identity {
        Identity { format: "mock", ..Identity::default() }
    }

    fn name_encoding(&self) -> NameEncoding {
        NameEncoding::Wtf8
    }

    fn fold_name(&self, name: &[u8]) -> Option<Vec<u8>> {
        Some(name.to_ascii_uppercase())
    }

    fn root(&self) -> FileId {
        FileId(1)
    }

    fn view(&self) -> &Arc<dyn ReadAt> {
        &self.view
    }

    fn layout_key(&self) -> Vec<u8> {
        Vec::new()
    }

    fn problems(&self) -> Vec<Error> {
        Vec::new()
    }

    fn is_internal(&self, record: &Record) -> bool {
        self.files.get(&record.metadata.id.0).is_some_and(|file| file.internal)
    }

    fn metadata(&self, file: FileId) -> Result<Metadata> {
        self.record(file).map(|record| record.metadata)
    }

    fn record(&self, file: FileId) -> Result<Record> {
        let (number, stream) = Self::owner(file);
        let mut record = self.make(number)?;
        if let Some(stream) = stream {
            let found = record.streams.get(stream).cloned();
            let found = found.ok_or(Error::NotFound(format!("stream {stream}")))?;
            record.metadata.id = file;
            record.metadata.size = found.size;
            record.content = found.content;
            record.streams.clear();
        }
        Ok(record)
    }

    fn attributes(&self, _: FileId) -> Result<Vec<ExtendedAttribute>> {
        Ok(Vec::new())
    }

    fn entries_of(&self, directory: &Record) -> Result<Entries<'_>> {
        let entries = self.files.get(&directory.metadata.id.0).and_then(|file| file.entries.clone());
        let entries = entries.ok_or(Error::WrongKind("a directory"))?;
        let entry = |(name, number): (&str, u64)| {
            Ok(Entry { name: name.as_bytes().to_vec(), id: FileId(number), kind: None })
        };
        Ok(Box::new(entries.into_iter().map(entry)))
    }

    fn deleted_entries(&self, _: FileId) -> Result<Entries<'_>> {
        Ok(Box::new(std::iter::empty()))
    }

    fn open_record(&self, record: &Record, stream: Stream<'_>) -> Result<Arc<dyn ReadAt>> {
        let (number, named) = Self::owner(record.metadata.id);
        let file = self.files.get(&number).ok_or(Error::NotFound(format!("file {number}")))?;
        if let Some(named) = named {
            return Ok(Arc::new(Memory::new(file.streams[named].1.clone())));
        }
        match stream {
            Stream::Data if file.encrypted => Err(ReadError::unsupported("encrypted file").into()),
            // Only what stands before a 0 counts; the rest is slack.
            Stream::Data if file.encoded => {
                let content = file.content.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Arc::new(Memory::new(content.to_vec())))
            }
            _ => Ok(Arc::new(Memory::new(file.content.clone()))),
        }
    }

    fn read_link(&self, _: FileId) -> Result<Vec<u8>> {
        Err(Error::WrongKind("a link"))
    }

    fn record_areas(&self) -> RangeSet {
        RangeSet::of(ByteRange::at(0, FILES * RECORD))
    }

    fn scan(&self, areas: Option<&RangeSet>, _: bool) -> Scan<'_> {
        let range = ByteRange::at(0, FILES * RECORD);
        let areas = areas.cloned().unwrap_or_else(|| RangeSet::of(range));
        let visit = move |_: &ScanUnit, take: &mut dyn FnMut(Result<Record>)| {
            for number in self.files.keys() {
                if areas.intersects(ByteRange::at(number * RECORD, RECORD)) {
                    take(self.make(*number));
                }
            }
        };
        let unit = ScanUnit { range, first: 0, count: FILES };
        Scan { units: vec![unit], problems: Vec::new(), visit: Box::new(visit) }
    }
}
