//! What the MFT says of files, as it stands in the image.

use std::sync::Arc;

use foldhash::HashMap;
use rayon::prelude::*;
use vminspect_artefact::usn::FileReference;
use vminspect_bytes::ReadAt;
use vminspect_filesystem::ntfs::{MftEntry, MftTable};
use vminspect_filesystem::{Error, FileId, Result};

/// Directories by their names in the MFT, and the state of records.
#[derive(Default)]
pub(super) struct MftState {
    directories: HashMap<FileReference, Name>,
    files: HashMap<u32, FileState>,
    /// The largest update sequence number that a file has of its last change.
    pub(super) newest_usn: u64,
    /// Records that could not be read.
    pub(super) problems: Vec<Error>,
}

/// The name of a directory in its record.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) parent: FileReference,
    pub(super) name: Box<[u8]>,
    is_short: bool,
}

/// A record of the MFT, as far as it matters for the journal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileState {
    sequence: u16,
    /// The sequence number of the file that had the record last.
    last: u16,
    in_use: bool,
    is_directory: bool,
    size: u64,
}

/// What a reference of the journal leads to now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileNow {
    /// The file is there.
    Allocated { id: FileId, size: u64, is_directory: bool },
    /// It is deleted, and its record not used again.
    Deleted { id: FileId, size: u64 },
    /// Another file has its record, or no record is there.
    Gone,
}

impl MftState {
    /// Reads the whole MFT of a volume. Of files, only those in `mentioned` are kept: record numbers, and the last
    /// sequence number that the journal has for each.
    pub(super) fn read(view: &Arc<dyn ReadAt>, mentioned: &HashMap<u32, u16>) -> Result<Self> {
        let table = MftTable::open(Arc::clone(view))?;
        let parts: Vec<Part> = table
            .units()
            .par_iter()
            .map_init(Vec::new, |buffer, unit| {
                let mut part = Part::default();
                table.visit(unit, buffer, &mut |entry| match entry {
                    Ok(entry) => part.add(&entry, mentioned),
                    Err(error) => part.problems.push(error),
                });
                part
            })
            .collect();
        let mut state = Self::default();
        let mut extensions = Vec::new();
        for part in parts {
            state.directories.extend(part.directories);
            state.files.extend(part.files);
            state.problems.extend(part.problems);
            state.newest_usn = state.newest_usn.max(part.newest_usn);
            extensions.extend(part.extensions);
        }
        for (base, extension) in extensions {
            state.add_extension(base, extension);
        }
        Ok(state)
    }

    /// What an extension record holds belongs to the file of its base record.
    fn add_extension(&mut self, base: (u32, u16), extension: Extension) {
        if let Some(file) = self.files.get_mut(&base.0).filter(|file| file.sequence == base.1)
            && let Some(size) = extension.size
        {
            file.size = size;
        }
        if let Some(name) = extension.name {
            let directory = FileReference::new(u64::from(base.0), base.1);
            let known = self.directories.entry(directory).or_insert_with(|| name.clone());
            // The long name may stand in another record than the short one.
            if known.is_short {
                *known = name;
            }
        }
    }

    /// The name that a directory has in the MFT, or had when it was deleted.
    pub(super) fn directory(&self, directory: FileReference) -> Option<&Name> {
        self.directories.get(&directory)
    }

    /// What became of a file.
    pub(super) fn file(&self, file: FileReference) -> FileNow {
        let Some((record, sequence)) = file.parts() else { return FileNow::Gone };
        let Some((record, state)) =
            u32::try_from(record).ok().and_then(|record| Some((record, self.files.get(&record)?)))
        else {
            return FileNow::Gone;
        };
        let id = FileId(u64::from(record) | u64::from(state.sequence) << 32);
        if state.in_use && state.sequence == sequence {
            FileNow::Allocated { id, size: state.size, is_directory: state.is_directory }
        } else if !state.in_use && state.last == sequence {
            FileNow::Deleted { id, size: state.size }
        } else {
            FileNow::Gone
        }
    }
}

/// What one thread found in a part of the MFT.
#[derive(Default)]
struct Part {
    directories: Vec<(FileReference, Name)>,
    files: Vec<(u32, FileState)>,
    extensions: Vec<((u32, u16), Extension)>,
    newest_usn: u64,
    problems: Vec<Error>,
}

/// What an extension record holds.
struct Extension {
    name: Option<Name>,
    size: Option<u64>,
}

impl Part {
    fn add(&mut self, entry: &MftEntry<'_>, mentioned: &HashMap<u32, u16>) {
        if let Some(base) = entry.base() {
            if entry.is_in_use() && (entry.size.is_some() || !entry.names.is_empty()) {
                self.extensions.push((base, Extension { name: name(entry), size: entry.size }));
            }
            return;
        }
        if entry.is_in_use() {
            self.newest_usn = self.newest_usn.max(entry.usn().unwrap_or(0));
        }
        if let Some(mentioned) = mentioned.get(&entry.number()) {
            // Deleting a file counts the sequence number up, unless it was not finished.
            let is_counted = entry.sequence() != *mentioned;
            self.files.push((
                entry.number(),
                FileState {
                    sequence: entry.sequence(),
                    last: if is_counted { sequence_before(entry.sequence()) } else { entry.sequence() },
                    in_use: entry.is_in_use(),
                    is_directory: entry.is_directory(),
                    size: entry.size.unwrap_or(0),
                },
            ));
        }
        if !entry.is_directory() {
            return;
        }
        let Some(name) = name(entry) else { return };
        let reference = |sequence| FileReference::new(u64::from(entry.number()), sequence);
        if !entry.is_in_use() {
            // Deleting a file counts the sequence number up.
            self.directories.push((reference(sequence_before(entry.sequence())), name.clone()));
        }
        self.directories.push((reference(entry.sequence()), name));
    }
}

/// The sequence number that a record had before it was freed: numbers go from 1 to 0xffff.
fn sequence_before(sequence: u16) -> u16 {
    sequence.checked_sub(1).filter(|before| *before > 0).unwrap_or(u16::MAX)
}

/// The name of a file that is not its short one.
fn name(entry: &MftEntry<'_>) -> Option<Name> {
    let name = entry.names.iter().find(|name| !name.is_short()).or(entry.names.first())?;
    let (record, sequence) = name.parent()?;
    let parent = FileReference::new(u64::from(record), sequence);
    Some(Name { parent, name: name.name().into(), is_short: name.is_short() })
}
