//! What the files of a journal hold now, or held before they were deleted.

use std::io;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use vminspect_artefact::usn::reason;
use vminspect_filesystem::{FileId, FileKind, FileSystem, Record, Stream};
use vminspect_guest::{Coverage, Guest};

use super::UsnTimelineOptions;
use super::directories::FileNow;
use crate::digest::Digest;
use crate::facts::{Knowing, Known};
use crate::hashing::{Visitor, open_content};
use crate::recover::{Recovered, recover, remains_of};
use crate::{Algorithm, Digests};

/// Content that is remembered, for the further rows of its file.
const MOST_KNOWN: usize = 1 << 18;

/// What is known of a file's content.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Hashes of the content, where they were asked for.
    pub digests: Option<Digests>,
    /// What the content is, where that was asked for.
    pub file_type: Option<String>,
    /// Its name in the directory that it was extracted or recovered into.
    pub host_name: Option<String>,
    /// What came back of a deleted file. `None` where nothing was tried.
    pub recovered: Option<Recovered>,
    /// Why content could not be read.
    pub problem: Option<String>,
}

/// Reads the content of files as rows ask for it, of each file once.
pub(super) struct Contents<'a> {
    filesystem: Option<Arc<dyn FileSystem>>,
    image: String,
    prefix: Vec<u8>,
    options: &'a UsnTimelineOptions<'a>,
    knowing: Knowing<'a>,
    known: HashMap<(FileId, Wanted), Content>,
    nothing: Content,
    failures: Coverage,
}

/// What is done with a file's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Wanted {
    Know,
    Extract,
    Recover,
}

impl<'a> Contents<'a> {
    pub(super) fn new(guest: &Guest, volume: usize, options: &'a UsnTimelineOptions<'a>) -> Self {
        let volume = guest.volumes().get(volume);
        Self {
            filesystem: volume.and_then(|volume| volume.filesystem.clone()),
            prefix: volume.map(|volume| volume.prefix.clone()).unwrap_or_default(),
            image: guest.image().to_owned(),
            options,
            knowing: Knowing::new(options.content),
            known: HashMap::new(),
            nothing: Content::default(),
            failures: Coverage::default(),
        }
    }

    /// What is known of the file of a row, as far as the user asked for it.
    pub(super) fn of(&mut self, now: FileNow, reasons: u32, name: &[u8]) -> io::Result<&Content> {
        let has = |bit: u32| reasons & bit != 0;
        let (id, wanted) = match now {
            FileNow::Allocated { id, is_directory: false, .. } => {
                if self.options.extract.is_some() && has(reason::FILE_CREATE) {
                    (id, Wanted::Extract)
                } else if self.options.hash || self.options.content.identify {
                    (id, Wanted::Know)
                } else {
                    return Ok(&self.nothing);
                }
            }
            FileNow::Deleted { id, .. } if self.options.recover.is_some() && has(reason::FILE_DELETE) => {
                (id, Wanted::Recover)
            }
            _ => return Ok(&self.nothing),
        };
        let Some(filesystem) = self.filesystem.clone() else { return Ok(&self.nothing) };
        if !self.known.contains_key(&(id, wanted)) {
            let content = self.read(&*filesystem, id, wanted, name)?;
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            self.known.insert((id, wanted), content);
        }
        Ok(self.known.get(&(id, wanted)).unwrap_or(&self.nothing))
    }

    fn read(
        &mut self,
        filesystem: &dyn FileSystem,
        id: FileId,
        wanted: Wanted,
        name: &[u8],
    ) -> io::Result<Content> {
        let record = match filesystem.record(id) {
            Ok(record) if record.metadata.kind == FileKind::Regular => record,
            Ok(_) => return Ok(Content::default()),
            Err(error) => return Ok(self.failed(id, &error)),
        };
        match wanted {
            Wanted::Know => Ok(self.know(filesystem, id)),
            Wanted::Extract => {
                let content = self.know(filesystem, id);
                self.extract(filesystem, &record, content, name)
            }
            Wanted::Recover => self.recover(filesystem, &record, name),
        }
    }

    fn failed(&mut self, id: FileId, error: &vminspect_filesystem::Error) -> Content {
        let place = [&self.prefix, self.id_text(id).as_bytes()].concat();
        self.failures.add_error(&self.image, &place, error.family(), error);
        Content { problem: Some(error.to_string()), ..Content::default() }
    }

    fn id_text(&self, id: FileId) -> String {
        self.filesystem.as_ref().map(|filesystem| filesystem.id_text(id)).unwrap_or_default()
    }

    fn know(&mut self, filesystem: &dyn FileSystem, id: FileId) -> Content {
        match open_content(filesystem, id).and_then(|content| self.knowing.stream(&*content)) {
            Ok(Known { digests, file_type }) => Content { digests, file_type, ..Content::default() },
            Err(error) => self.failed(id, &error),
        }
    }

    /// Writes a file that is there as HASH_NAME, unless one of that name is there.
    fn extract(
        &self,
        filesystem: &dyn FileSystem,
        record: &Record,
        content: Content,
        name: &[u8],
    ) -> io::Result<Content> {
        let Some((into, digests)) = self.options.extract.zip(content.digests.clone()) else {
            return Ok(content);
        };
        let algorithms = &self.options.content.algorithms;
        let host_name = hashed_name(digests.first(), name);
        if into.holds(&host_name, &digests, algorithms)? {
            return Ok(Content { host_name: Some(host_name), ..content });
        }
        let Ok(source) = filesystem.open_record(record, Stream::Data) else { return Ok(content) };
        let (host_name, file) = into.create_for(host_name.as_bytes())?;
        let copied = crate::extract::copy(&*source, &file, algorithms)?;
        if copied.digests.as_ref() == Some(&digests) {
            return Ok(Content { host_name: Some(host_name), ..content });
        }
        into.remove(&host_name)?;
        Ok(Content { problem: Some("its content changed while it was read".to_owned()), ..content })
    }

    /// Writes what is left of a deleted file as HASH_NAME, or as `partial_NAME` where not all of it can be read.
    fn recover(&self, filesystem: &dyn FileSystem, record: &Record, name: &[u8]) -> io::Result<Content> {
        let Some(into) = self.options.recover else { return Ok(Content::default()) };
        let algorithms: &[Algorithm] = &self.options.content.algorithms;
        let remains = remains_of(filesystem, record, Stream::Data);
        let content = |digests| Content { digests, ..Content::default() };
        let nothing = |problem| {
            let recovered = Recovered { remains, digests: None, problem };
            Content { problem: recovered.problem.clone(), recovered: Some(recovered), ..content(None) }
        };
        if remains.size > 0 && remains.verdict() == "nothing" {
            return Ok(nothing(record.problems.first().map(ToString::to_string)));
        }
        // The name begins with the hash, so that it is computed first.
        let digests = match filesystem.open_record(record, Stream::Data) {
            Ok(source) if crate::hashing::too_sparse(filesystem, source.len()).is_none() => {
                self.knowing.hashing.stream(&*source).ok()
            }
            Ok(_) => None,
            Err(error) => return Ok(nothing(Some(error.to_string()))),
        };
        let host_name = match &digests {
            Some(digests) => hashed_name(digests.first(), name),
            None => crate::extract::host_name(&[b"partial_", name].concat()),
        };
        if let Some(digests) =
            digests.filter(|digests| into.holds(&host_name, digests, algorithms).unwrap_or(false))
        {
            let problem = record.problems.first().map(ToString::to_string);
            let recovered = Recovered { remains, digests: Some(digests.clone()), problem: problem.clone() };
            return Ok(Content {
                host_name: Some(host_name),
                recovered: Some(recovered),
                problem,
                ..content(Some(digests))
            });
        }
        let (host_name, file) = into.create_for(host_name.as_bytes())?;
        let recovered = recover(filesystem, record, Stream::Data, algorithms, &file)?;
        Ok(Content {
            host_name: Some(host_name),
            problem: recovered.problem.clone(),
            recovered: Some(recovered.clone()),
            ..content(recovered.digests)
        })
    }

    pub(super) fn finish(self, coverage: &mut Coverage) {
        coverage.extend(self.failures);
    }
}

/// The first hash and the name of a file.
fn hashed_name(digest: Option<&Digest>, name: &[u8]) -> String {
    let hash = digest.map(Digest::to_hex).unwrap_or_default();
    crate::extract::host_name(&[hash.as_bytes(), b"_", name].concat())
}
