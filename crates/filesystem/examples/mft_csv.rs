//! Dumps every record of a loose `$MFT`, deleted ones too, as CSV: `mft_csv MFT > records.csv`.
//!
//! One line a record: entry, sequence, links, size, directory, deleted, named streams, file attributes, the times
//! of the standard information (modified, accessed, created) and of the first long name, full path.
#![allow(clippy::print_stderr, missing_docs)]

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use vminspect_bytes::{HostFile, ReadAt, Timestamp};
use vminspect_filesystem::{Allocation, DetailValue, FileId, FileKind, FileSystem, LinkName, Record};

type Failure = Box<dyn std::error::Error>;

/// A record, as far as it is printed.
struct Row {
    record: Record,
    name: Option<LinkName>,
    name_times: [Option<Timestamp>; 3],
}

fn main() -> Result<(), Failure> {
    let path = std::env::args().nth(1).ok_or("usage: mft_csv MFT")?;
    let volume: Arc<dyn ReadAt> = Arc::new(HostFile::open(Path::new(&path))?);
    let fs = vminspect_filesystem::open(volume)?.ok_or("no filesystem that is known")?;
    let rows = rows(&*fs);
    let names: HashMap<FileId, &LinkName> =
        rows.iter().filter_map(|row| Some((row.record.metadata.id, row.name.as_ref()?))).collect();
    let lines: Vec<Vec<u8>> = rows
        .par_chunks(4096)
        .map(|rows| {
            let mut text = Vec::new();
            for row in rows {
                let written = line(&*fs, row, &names, &mut text);
                debug_assert!(written.is_ok());
            }
            text
        })
        .collect();
    let mut out = std::io::stdout().lock();
    lines.iter().try_for_each(|text| out.write_all(text))?;
    Ok(())
}

/// All records, in the order of their numbers.
fn rows(fs: &dyn FileSystem) -> Vec<Row> {
    let scan = fs.scan(None, true);
    let problems = Mutex::new(0_u64);
    let rows = scan
        .units
        .par_iter()
        .flat_map_iter(|unit| {
            let mut rows = Vec::new();
            (scan.visit)(unit, &mut |record| match record {
                Ok(record) => rows.push(row(fs, record)),
                Err(_) => *problems.lock().expect("no panic") += 1,
            });
            rows
        })
        .collect();
    eprintln!("{} damaged records", problems.lock().expect("no panic"));
    rows
}

fn row(fs: &dyn FileSystem, record: Record) -> Row {
    let name = fs.names(record.metadata.id).unwrap_or_default().into_iter().next();
    let details = fs.details(&record).unwrap_or_default();
    let time = |field: &str| {
        details.iter().find(|detail| detail.field == field).and_then(|detail| match detail.value {
            DetailValue::Time(time) => Some(time),
            _ => None,
        })
    };
    let name_times = [time("file_name.modified"), time("file_name.accessed"), time("file_name.created")];
    Row { record, name, name_times }
}

fn line(
    fs: &dyn FileSystem,
    row: &Row,
    names: &HashMap<FileId, &LinkName>,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let metadata = &row.record.metadata;
    let id = metadata.id.0;
    write!(
        out,
        "{},{},{},{},{},{},{},{}",
        id & 0xffff_ffff,
        (id >> 32) & 0xffff,
        metadata.links,
        metadata.size,
        metadata.kind == FileKind::Directory,
        metadata.allocation == Allocation::Deleted,
        !row.record.streams.is_empty(),
        fs.flag_names(metadata.flags).join("|"),
    )?;
    let times = [metadata.times.modified, metadata.times.accessed, metadata.times.created];
    for time in times.into_iter().chain(row.name_times) {
        match time {
            Some(time) => write!(out, ",{}.{:09}", time.seconds(), time.nanoseconds())?,
            None => out.push(b','),
        }
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(&path(row, names, fs.root()));
    out.extend_from_slice(b"\"\n");
    Ok(())
}

/// The path, as far as the parents of the file are still there.
fn path(row: &Row, names: &HashMap<FileId, &LinkName>, root: FileId) -> Vec<u8> {
    let mut components: Vec<&[u8]> = Vec::new();
    let mut next = row.name.as_ref();
    while let Some(name) = next {
        components.push(&name.name);
        if name.parent == root || components.len() > 255 {
            break;
        }
        next = names.get(&name.parent).copied();
        if next.is_none() {
            components.push(b"[unknown]");
        }
    }
    components.reverse();
    components.join(&b'/')
}
