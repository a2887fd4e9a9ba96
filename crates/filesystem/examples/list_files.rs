//! Lists every file of a filesystem image: `list_files IMAGE [BYTE_OFFSET [LENGTH]]`.
//!
//! One line a file: path, kind, mode, owner, group, links, size, time of modification, SHA-1 of the content
//! or target of the link. What cannot be read goes to standard error.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use sha1::{Digest, Sha1};
use vminspect_bytes::{ByteRange, HostFile, ReadAt, Window};
use vminspect_filesystem::{FileId, FileKind, FileSystem, Stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: list_files IMAGE [BYTE_OFFSET [LENGTH]]")?;
    let file = HostFile::open(Path::new(&path))?;
    let offset = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let length = arguments.next().map_or(Ok(file.len()), |text| text.parse())?;
    let volume: Arc<dyn ReadAt> = Arc::new(Window::clamped(file, ByteRange::at(offset, length)));
    let fs = vminspect_filesystem::open(volume)?.ok_or("no filesystem that is known")?;
    eprintln!("{:?}", fs.identity());
    for problem in fs.problems() {
        eprintln!("{problem}");
    }
    walk(&*fs, fs.root(), b"", &mut std::io::BufWriter::new(std::io::stdout().lock()), 0)
}

fn walk(
    fs: &dyn FileSystem,
    directory: FileId,
    path: &[u8],
    out: &mut impl Write,
    depth: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    if depth > 200 {
        return Err("directories nested too deeply".into());
    }
    for entry in fs.entries(directory)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                eprintln!("{}: {error}", String::from_utf8_lossy(path));
                continue;
            }
        };
        let path = [path, b"/", &entry.name].concat();
        let record = match fs.record(entry.id) {
            Ok(record) => record,
            Err(error) => {
                eprintln!("{}: {error}", String::from_utf8_lossy(&path));
                continue;
            }
        };
        for problem in &record.problems {
            eprintln!("{}: {problem}", String::from_utf8_lossy(&path));
        }
        let metadata = record.metadata;
        out.write_all(&path)?;
        let time = metadata.times.modified;
        write!(
            out,
            "\t{}\t{:o}\t{}\t{}\t{}\t{}\t{}.{:09}\t",
            metadata.kind.as_str(),
            metadata.mode & 0o7777,
            metadata.uid,
            metadata.gid,
            metadata.links,
            metadata.size,
            time.map_or(0, vminspect_bytes::Timestamp::seconds),
            time.map_or(0, vminspect_bytes::Timestamp::nanoseconds),
        )?;
        match metadata.kind {
            FileKind::Regular => {
                match fs.open_record(&record, Stream::Data).map_err(Into::into).and_then(|data| hash(&*data))
                {
                    Ok(sum) => writeln!(out, "{sum}")?,
                    Err(error) => {
                        eprintln!("{}: {error}", String::from_utf8_lossy(&path));
                        writeln!(out, "-")?;
                    }
                }
            }
            FileKind::Symlink => {
                match fs.read_link(entry.id) {
                    Ok(target) => out.write_all(&target)?,
                    Err(error) => eprintln!("{}: {error}", String::from_utf8_lossy(&path)),
                }
                writeln!(out)?;
            }
            FileKind::Directory => {
                writeln!(out)?;
                walk(fs, entry.id, &path, out, depth.saturating_add(1))?;
            }
            _ => writeln!(out)?,
        }
    }
    Ok(())
}

fn hash(data: &dyn ReadAt) -> Result<String, Box<dyn std::error::Error>> {
    let mut buffer = vec![0; 1 << 16];
    let mut sum = Sha1::new();
    let mut position = 0;
    while position < data.len() {
        let length = usize::try_from(data.len().saturating_sub(position))?.min(buffer.len());
        let piece = buffer.get_mut(..length).ok_or("buffer")?;
        data.read_exact_at(position, piece)?;
        sum.update(piece);
        position = position.saturating_add(length as u64);
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
