use std::sync::Arc;

use vminspect_artefact::usn::Max;
use vminspect_bytes::ReadAt;
use vminspect_filesystem::{FileId, FileSystem, Stream};
use vminspect_guest::{Coverage, Error, Guest, Located};

/// Where Windows keeps the journal of a volume.
const PLACE: [&[u8]; 2] = [b"$Extend", b"$UsnJrnl"];

/// The change journal of a volume.
#[derive(Clone)]
pub struct JournalFile {
    /// Index into [`Guest::volumes`].
    pub volume: usize,
    /// Path of its stream `$J`.
    pub path: Vec<u8>,
    /// The stream `$J`.
    pub bytes: Arc<dyn ReadAt>,
    /// What the stream `$Max` says, where there is one.
    pub max: Option<Max>,
}

/// The change journals of all volumes, in their order. Volumes without one are passed over.
#[must_use]
pub fn change_journals(guest: &Guest) -> (Vec<JournalFile>, Coverage) {
    let (mut journals, mut coverage) = (Vec::new(), Coverage::default());
    for (index, volume) in guest.volumes().iter().enumerate() {
        let Some(filesystem) = &volume.filesystem else { continue };
        let mut path = volume.prefix.clone();
        let mut file = Some(filesystem.root());
        for name in PLACE {
            let Some(directory) = file else { break };
            file = match child(&**filesystem, directory, name) {
                Ok(found) => found,
                Err(error) => {
                    coverage.add_error(guest.image(), &path, error.family(), &error);
                    None
                }
            };
            path.push(volume.separator);
            path.extend_from_slice(name);
        }
        let Some(file) = file else { continue };
        match journal_of(guest, Located { volume: index, file }, path.clone()) {
            Ok(Some(journal)) => journals.push(journal.told(guest, &mut coverage)),
            Ok(None) => {}
            Err(error) => coverage.add_error(guest.image(), &path, error.family(), &error),
        }
    }
    (journals, coverage)
}

/// The change journal at a path of the guest: that of `$UsnJrnl`, of its stream `$J`, or of a file with the
/// bytes of one.
///
/// # Errors
/// When there is no such file, or it cannot be opened.
pub fn open_journal(guest: &Guest, path: &[u8]) -> Result<(JournalFile, Coverage), Error> {
    let located = crate::extract::locate_followed(guest, path)?;
    let mut coverage = Coverage::default();
    if let Some(journal) = journal_of(guest, located, path.to_vec())? {
        return Ok((journal.told(guest, &mut coverage), coverage));
    }
    let filesystem = filesystem(guest, located.volume)
        .ok_or_else(|| Error::NotFound(String::from_utf8_lossy(path).into_owned()))?;
    let bytes = filesystem.open(located.file, Stream::Data)?;
    Ok((JournalFile { volume: located.volume, path: path.to_vec(), bytes, max: None }, coverage))
}

impl JournalFile {
    fn told(mut self, guest: &Guest, coverage: &mut Coverage) -> Self {
        let owner = self.path.strip_suffix(b":$J").unwrap_or(&self.path).to_vec();
        // A journal can do without.
        let Ok(max) = crate::extract::locate_followed(guest, &[&owner, &b":$Max"[..]].concat()) else {
            return self;
        };
        let Some(filesystem) = filesystem(guest, max.volume) else { return self };
        match filesystem.open(max.file, Stream::Data).map(|stream| Max::read(&*stream)) {
            Ok(Ok(max)) => self.max = Some(max),
            Ok(Err(error)) => coverage.add_read_error(guest.image(), &owner, &error),
            Err(error) => coverage.add_error(guest.image(), &owner, error.family(), &error),
        }
        self
    }
}

fn filesystem(guest: &Guest, volume: usize) -> Option<&Arc<dyn FileSystem>> {
    guest.volumes().get(volume)?.filesystem.as_ref()
}

/// The stream `$J` of a file, if it has one.
fn journal_of(guest: &Guest, owner: Located, path: Vec<u8>) -> Result<Option<JournalFile>, Error> {
    let Some(filesystem) = filesystem(guest, owner.volume) else { return Ok(None) };
    let record = filesystem.record(owner.file)?;
    let Some(stream) = record.streams.iter().find(|stream| stream.name == b"$J") else {
        return Ok(None);
    };
    let bytes = filesystem.open_record(&record, Stream::Named(&stream.name))?;
    let path = [path, b":$J".to_vec()].concat();
    Ok(Some(JournalFile { volume: owner.volume, path, bytes, max: None }))
}

/// The file of this name in a directory. Where there is none, and a part of the directory cannot be read, that is why.
fn child(
    filesystem: &dyn FileSystem,
    directory: FileId,
    name: &[u8],
) -> vminspect_filesystem::Result<Option<FileId>> {
    let mut problem = None;
    for entry in filesystem.entries(directory)? {
        match entry {
            Ok(entry) if entry.name.eq_ignore_ascii_case(name) => return Ok(Some(entry.id)),
            Ok(_) => {}
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    problem.map_or(Ok(None), Err)
}
