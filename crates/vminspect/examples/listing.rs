//! Prints all that a disk's filesystems record of their files, one line a path, tab-separated: the columns
//! of `fixtures/kernel_listing.py`, so that both can be compared. `cargo xtask oracle` does.
//!
//! usage: listing IMAGE
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use vminspect::{Algorithm, Hasher, ReadAt, Timestamp};
use vminspect::{FileId, FileKind, FileSystem, Guest, Metadata, OpenOptions, Stream};

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args_os().nth(1).ok_or("usage: listing IMAGE")?;
    let guest = Guest::open(Path::new(&image), &OpenOptions::default())?;
    for problem in guest.coverage().sorted() {
        eprintln!("{}: {}", String::from_utf8_lossy(&problem.place), problem.message);
    }
    for volume in guest.volumes() {
        let range = volume.volume.range;
        let Some(filesystem) = &volume.filesystem else { continue };
        println!("volume\t{}\t{}\t{}", range.start(), range.len(), filesystem.identity().format);
        walk(&**filesystem)?;
    }
    Ok(())
}

fn walk(filesystem: &dyn FileSystem) -> Result<(), Box<dyn Error>> {
    println!("{}", row(filesystem, filesystem.root(), b".")?);
    let mut directories = vec![(filesystem.root(), Vec::new())];
    while let Some((directory, prefix)) = directories.pop() {
        for entry in filesystem.entries(directory)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    eprintln!("{}: {error}", String::from_utf8_lossy(&prefix));
                    continue;
                }
            };
            let path = [&prefix[..], &entry.name].concat();
            println!("{}", row(filesystem, entry.id, &path)?);
            if filesystem.metadata(entry.id)?.kind == FileKind::Directory {
                directories.push((entry.id, [&path[..], b"/"].concat()));
            }
        }
    }
    Ok(())
}

fn row(filesystem: &dyn FileSystem, id: FileId, path: &[u8]) -> Result<String, Box<dyn Error>> {
    let file = filesystem.metadata(id)?;
    let has_flags = matches!(file.kind, FileKind::Regular | FileKind::Directory);
    let if_flags = |text: String| if has_flags { text } else { "-".to_owned() };
    let device = file.device.map(|device| format!("{}:{}", device.major, device.minor));
    let target = match file.kind {
        FileKind::Symlink => hex(&filesystem.read_link(id)?),
        _ => "-".to_owned(),
    };
    let content = match file.kind {
        FileKind::Regular => digest(filesystem, &file).unwrap_or_else(|_| "!".to_owned()),
        _ => "-".to_owned(),
    };
    let columns = [
        hex(path),
        file.kind.as_str().to_owned(),
        format!("{:o}", file.mode),
        file.uid.to_string(),
        file.gid.to_string(),
        file.size.to_string(),
        file.links.to_string(),
        id.0.to_string(),
        device.unwrap_or_else(|| "-".to_owned()),
        time(file.times.modified),
        time(file.times.changed),
        time(file.times.created),
        if_flags(format!("{:x}", file.flags)),
        if_flags(file.project.unwrap_or(0).to_string()),
        if_flags(file.generation.to_string()),
        target,
        attributes(filesystem, id)?,
        content,
    ];
    Ok(columns.join("\t"))
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{}.{:09}", time.seconds(), time.nanoseconds()))
}

fn attributes(filesystem: &dyn FileSystem, id: FileId) -> Result<String, Box<dyn Error>> {
    let attributes = filesystem.attributes(id)?;
    let pairs = attributes.iter().map(|each| format!("{}={}", hex(&each.name), hex(&each.value)));
    Ok(pairs.collect::<Vec<_>>().join(";"))
}

fn digest(filesystem: &dyn FileSystem, file: &Metadata) -> Result<String, Box<dyn Error>> {
    let content = filesystem.open(file.id, Stream::Data)?;
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    let mut buffer = vec![0; PIECE];
    let mut offset = 0;
    while offset < content.len() {
        let count = usize::try_from(content.len() - offset).unwrap_or(PIECE).min(PIECE);
        content.read_exact_at(offset, &mut buffer[..count])?;
        hasher.update(&buffer[..count]);
        offset += u64::try_from(count)?;
    }
    Ok(hasher.finish().first().map(vminspect::Digest::to_hex).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
