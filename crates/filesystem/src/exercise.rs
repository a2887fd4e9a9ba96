use std::collections::HashSet;
use std::sync::Arc;

use vminspect_bytes::{ByteRange, ReadAt, ReadAtExt};

use crate::{Allocation, Content, FileId, FileKind, FileSystem, Record, Result, Stream, remains};

/// What [`exercise`] met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exercised {
    /// Records, deleted ones too.
    pub records: u64,
    /// Names in directories, deleted ones too.
    pub entries: u64,
    /// Bytes of files that were read.
    pub bytes: u64,
    /// Whatever could not be read.
    pub problems: u64,
}

/// Most records, names and bytes that are asked for: hostile volumes promise any number.
const MOST: u64 = 1 << 20;
/// Bytes that are read at the start and at the end of a file.
const SAMPLE: u64 = 1 << 16;

/// Calls everything that a filesystem offers, for tests of damage and for fuzzing. `None` when no driver
/// knows the volume.
///
/// # Errors
/// When the filesystem cannot be opened.
pub fn exercise(volume: Arc<dyn ReadAt>) -> Result<Option<Exercised>> {
    let Some(fs) = crate::open(volume)? else { return Ok(None) };
    let mut met = Exercised::default();
    std::hint::black_box((fs.identity(), fs.name_encoding(), fs.layout_key(), fs.record_areas()));
    met.problems = met.problems.saturating_add(u64::try_from(fs.problems().len()).unwrap_or(0));
    let scan = fs.scan(None, true);
    met.problems = met.problems.saturating_add(u64::try_from(scan.problems.len()).unwrap_or(0));
    for unit in &scan.units {
        (scan.visit)(unit, &mut |record| match record {
            Ok(record) if met.records < MOST => file(&*fs, &record, &mut met),
            Ok(_) => {}
            Err(_) => met.problems = met.problems.saturating_add(1),
        });
    }
    std::hint::black_box(fs.scan(Some(&fs.record_areas()), false).units.len());
    tree(&*fs, &mut met);
    displaced(&*fs, &mut met);
    Ok(Some(met))
}

fn count<T>(result: Result<T>, met: &mut Exercised) -> Option<T> {
    if result.is_err() {
        met.problems = met.problems.saturating_add(1);
    }
    result.ok()
}

fn file(fs: &dyn FileSystem, record: &Record, met: &mut Exercised) {
    met.records = met.records.saturating_add(1);
    met.problems = met.problems.saturating_add(u64::try_from(record.problems.len()).unwrap_or(0));
    let id = record.metadata.id;
    std::hint::black_box(fs.is_internal(record));
    if record.metadata.allocation == Allocation::Deleted {
        gone(fs, id, met);
    }
    count(fs.metadata(id), met);
    count(fs.attributes(id), met);
    count(fs.details(record), met);
    if let Some(names) = count(fs.names(id), met) {
        for name in names {
            std::hint::black_box(fs.fold_name(&name.name));
        }
    }
    for stream in &record.streams {
        count(fs.metadata(stream.id), met);
        if let Some(content) = count(fs.open(stream.id, Stream::Data), met) {
            count(sample(&*content, met), met);
        }
    }
    if record.metadata.kind == FileKind::Directory {
        for names in [fs.deleted_entries(id), fs.former_entries(id)] {
            let Some(gone) = count(names, met).filter(|_| met.entries < MOST) else { continue };
            for entry in gone {
                met.entries = met.entries.saturating_add(1);
                count(entry, met);
            }
        }
    } else if record.content != Content::None {
        if record.metadata.kind == FileKind::Symlink {
            count(fs.read_link(id), met);
        }
        for stream in [Stream::Data, Stream::Stored] {
            if let Some(content) = count(fs.open_record(record, stream), met) {
                count(sample(&*content, met), met);
            }
        }
    }
}

/// What older copies say of a deleted file.
fn gone(fs: &dyn FileSystem, id: FileId, met: &mut Exercised) {
    let Some(record) = count(fs.restored(id), met) else { return };
    let size = record.metadata.size;
    std::hint::black_box(remains(fs, &record.content, size, record.whereabouts));
    std::hint::black_box(fs.parse_id(&fs.id_text(id)));
    if record.metadata.kind == FileKind::Regular
        && let Some(content) = count(fs.open_record(&record, Stream::Data), met)
    {
        count(sample(&*content, met), met);
    }
}

/// Deleted files that older copies alone know.
fn displaced(fs: &dyn FileSystem, met: &mut Exercised) {
    let (files, problems) = fs.displaced();
    met.problems = met.problems.saturating_add(u64::try_from(problems.len()).unwrap_or(0));
    for id in files {
        if met.records >= MOST {
            return;
        }
        met.records = met.records.saturating_add(1);
        gone(fs, id, met);
        count(fs.metadata(id), met);
        if let Some(names) = count(fs.former_entries(id), met) {
            met.entries = met.entries.saturating_add(u64::try_from(names.count()).unwrap_or(0));
        }
    }
}

/// Reads the start and the end of a file and asks where they come from.
fn sample(content: &dyn ReadAt, met: &mut Exercised) -> Result<()> {
    let mut first = Ok(());
    for start in [0, content.len().saturating_sub(SAMPLE)] {
        if met.bytes > MOST << 8 {
            break;
        }
        let range = ByteRange::at(start, SAMPLE).intersection(ByteRange::at(0, content.len()));
        met.bytes = met.bytes.saturating_add(range.len());
        for extent in content.extents(range).take(64) {
            first = first.and(extent.map(drop).map_err(Into::into));
        }
        let read = content.read_vec(range.start(), usize::try_from(range.len()).unwrap_or(0));
        first = first.and(read.map(drop).map_err(Into::into));
    }
    first
}

/// Walks the tree from the root, every directory once.
fn tree(fs: &dyn FileSystem, met: &mut Exercised) {
    let mut seen = HashSet::from([fs.root()]);
    let mut open: Vec<FileId> = vec![fs.root()];
    while let Some(directory) = open.pop() {
        let Some(entries) = count(fs.entries(directory), met) else { continue };
        for entry in entries {
            if met.entries > MOST {
                return;
            }
            met.entries = met.entries.saturating_add(1);
            let Some(entry) = count(entry, met) else { continue };
            let directory = fs.metadata(entry.id).is_ok_and(|file| file.kind == FileKind::Directory);
            if directory && seen.insert(entry.id) {
                open.push(entry.id);
            }
        }
    }
}
