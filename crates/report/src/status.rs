//! Everything that is known of one file.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use vminspect_analysis::status::{FileStatus, HostPlace, PieceStatus};
use vminspect_bytes::Timestamp;
use vminspect_filesystem::{Allocation, DetailValue, FileId, Metadata};

use crate::attribute;
use crate::table::{Colour, Paint, pad, shown, size};
use crate::{JsonWriter, Layout, escape, path, remains, time};

/// Pieces of content that the text tells; the JSON has more.
const MOST_PIECES: usize = 40;

const fn allocation(allocation: Allocation) -> &'static str {
    match allocation {
        Allocation::Allocated => "allocated",
        Allocation::Orphan => "orphan",
        Allocation::Deleted => "deleted",
    }
}

fn times(metadata: &Metadata) -> [(&'static str, Option<Timestamp>); 5] {
    let times = &metadata.times;
    [
        ("modified", times.modified),
        ("changed", times.changed),
        ("accessed", times.accessed),
        ("created", times.created),
        ("deleted", times.deleted),
    ]
}

fn detail_text(value: &DetailValue) -> String {
    match value {
        DetailValue::Number(number) => number.to_string(),
        DetailValue::Text(text) => text.clone(),
        DetailValue::Time(at) => time::iso(*at),
        DetailValue::Bytes(bytes) => format!("hex:{}", escape::to_hex(bytes)),
    }
}

/// Prints one JSON document.
///
/// # Errors
/// Those of the output.
pub fn json<W: Write>(out: W, status: &FileStatus) -> io::Result<()> {
    let out = &mut JsonWriter::new(out, Layout::Indented);
    out.begin_object()?;
    path::write(out, "path", &status.path)?;
    out.text_field("volume", &format!("vol{}", status.volume))?;
    out.text_field("filesystem", status.format)?;
    metadata(out, status)?;
    details(out, status)?;
    names(out, status)?;
    storage(out, status)?;
    if let Some(remains) = &status.remains {
        remains::json(out, remains)?;
    }
    out.key("problems")?;
    out.begin_array()?;
    status.problems.iter().try_for_each(|problem| out.string(problem))?;
    out.end_array()?;
    out.end_object()?;
    out.end_line()?;
    out.flush()
}

fn metadata<W: Write>(out: &mut JsonWriter<W>, status: &FileStatus) -> io::Result<()> {
    let metadata = &status.metadata;
    out.number_field("id", metadata.id.0)?;
    out.text_field("kind", metadata.kind.as_str())?;
    out.text_field("allocation", allocation(metadata.allocation))?;
    out.number_field("size", metadata.size)?;
    out.optional_number_field("allocated", status.allocated)?;
    out.number_field("links", metadata.links.into())?;
    out.text_field("mode", &format!("{:04o}", metadata.mode & 0o7777))?;
    out.number_field("uid", metadata.uid.into())?;
    out.number_field("gid", metadata.gid.into())?;
    out.number_field("generation", metadata.generation)?;
    for (key, at) in times(metadata) {
        out.optional_text_field(key, at.map(time::iso).as_deref())?;
    }
    out.key("flags")?;
    out.begin_array()?;
    status.flags.iter().try_for_each(|name| out.string(name))?;
    out.end_array()?;
    if let Some(device) = metadata.device {
        out.text_field("device", &format!("{}:{}", device.major, device.minor))?;
    }
    status.target.as_ref().map_or(Ok(()), |target| path::write_bytes(out, "target", target))
}

fn details<W: Write>(out: &mut JsonWriter<W>, status: &FileStatus) -> io::Result<()> {
    // A field may come more than once: one for each name of a file.
    out.key("details")?;
    out.begin_array()?;
    for detail in &status.details {
        out.begin_object()?;
        out.text_field("field", detail.field)?;
        match &detail.value {
            DetailValue::Number(number) => out.number_field("value", *number)?,
            DetailValue::Bytes(bytes) => {
                out.key("hex")?;
                out.hex(bytes)?;
            }
            value => out.text_field("value", &detail_text(value))?,
        }
        out.end_object()?;
    }
    out.end_array()?;
    out.key("attributes")?;
    out.begin_array()?;
    for attribute in &status.attributes {
        out.begin_object()?;
        path::write_bytes(out, "name", &attribute.name)?;
        let name = String::from_utf8_lossy(&attribute.name);
        match attribute::show(&name, &attribute.value) {
            attribute::Shown::Text(text) => out.text_field("value", &text)?,
            attribute::Shown::Decoded(text) => {
                out.text_field("text", &text)?;
                out.key("hex")?;
                out.hex(&attribute.value)?;
            }
            attribute::Shown::Binary => {
                out.key("hex")?;
                out.hex(&attribute.value)?;
            }
        }
        out.end_object()?;
    }
    out.end_array()
}

fn names<W: Write>(out: &mut JsonWriter<W>, status: &FileStatus) -> io::Result<()> {
    out.key("names")?;
    out.begin_array()?;
    for name in &status.names {
        out.begin_object()?;
        path::write(out, "name", &name.name)?;
        out.number_field("parent", name.parent.0)?;
        out.end_object()?;
    }
    out.end_array()?;
    out.key("streams")?;
    out.begin_array()?;
    for stream in &status.streams {
        out.begin_object()?;
        path::write(out, "name", &stream.name)?;
        out.number_field("id", stream.id.0)?;
        out.number_field("size", stream.size)?;
        out.text_field("storage", stream.storage)?;
        out.end_object()?;
    }
    out.end_array()
}

fn storage<W: Write>(out: &mut JsonWriter<W>, status: &FileStatus) -> io::Result<()> {
    out.key("record")?;
    out.begin_object()?;
    out.number_field("offset", status.record.start())?;
    out.number_field("length", status.record.len())?;
    out.end_object()?;
    out.text_field("storage", status.storage)?;
    out.key("pieces")?;
    out.begin_array()?;
    status.pieces.iter().try_for_each(|each| piece(out, each))?;
    out.end_array()?;
    if status.more_pieces {
        out.key("more_pieces")?;
        out.boolean(true)?;
    }
    Ok(())
}

fn piece<W: Write>(out: &mut JsonWriter<W>, piece: &PieceStatus) -> io::Result<()> {
    out.begin_object()?;
    out.number_field("start", piece.range.start())?;
    out.number_field("length", piece.range.len())?;
    out.optional_number_field("disk_offset", piece.disk)?;
    let host = |out: &mut JsonWriter<W>, file: &Path, offset: u64| {
        path::write_bytes(out, "host_file", file.as_os_str().as_bytes())?;
        out.number_field("host_offset", offset)
    };
    match &piece.host {
        HostPlace::Stored { file, offset } => host(out, file, *offset)?,
        HostPlace::Encoded { file, offset, length } => {
            host(out, file, *offset)?;
            out.number_field("encoded_length", *length)?;
        }
        HostPlace::Zero => out.text_field("host", "zero")?,
        HostPlace::Unknown => out.text_field("host", "unknown")?,
    }
    out.end_object()
}

/// Prints text for a person.
///
/// # Errors
/// Those of the output.
pub fn text<W: Write>(mut out: W, status: &FileStatus, colour: bool) -> io::Result<()> {
    let paint = Paint { on: colour };
    writeln!(out, "{}", paint.paint(Colour::Bold, &shown(&status.path)))?;
    for (name, value) in lines(status) {
        writeln!(out, "  {} {}", pad(&name, 26), escape::terminal(&value))?;
    }
    let heading = |out: &mut W, text: &str| writeln!(out, "{}", paint.paint(Colour::Bold, text));
    if !status.streams.is_empty() {
        heading(&mut out, "Named streams")?;
        for stream in &status.streams {
            writeln!(out, "  {:>10}  {}  ({})", size(stream.size), shown(&stream.name), stream.storage)?;
        }
    }
    if !status.pieces.is_empty() {
        heading(&mut out, "Content")?;
        for piece in status.pieces.iter().take(MOST_PIECES) {
            writeln!(out, "  {}", escape::terminal(&piece_text(piece)))?;
        }
        if status.more_pieces || status.pieces.len() > MOST_PIECES {
            writeln!(out, "  and more; --format json tells them")?;
        }
    }
    if !status.problems.is_empty() {
        heading(&mut out, "Problems")?;
        status.problems.iter().try_for_each(|each| writeln!(out, "  {}", escape::terminal(each)))?;
    }
    out.flush()
}

/// An id as its format says it, and the number that other reports have where that is another.
fn id(text: &str, id: FileId) -> String {
    let number = id.0.to_string();
    if text == number { number } else { format!("{text} ({number})") }
}

/// Names and values, one a line.
fn lines(status: &FileStatus) -> Vec<(String, String)> {
    let metadata = &status.metadata;
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut line = |name: &str, value: String| lines.push((name.to_owned(), value));
    line("volume", format!("vol{}, {}", status.volume, status.format));
    line("id", id(&status.id_text, metadata.id));
    line("kind", metadata.kind.as_str().replace('_', " "));
    if metadata.allocation != Allocation::Allocated {
        line("allocation", allocation(metadata.allocation).to_owned());
    }
    line("size", format!("{} bytes", metadata.size));
    if let Some(bytes) = status.allocated {
        line("allocated", format!("{bytes} bytes"));
    }
    if let Some(found) = &status.remains {
        let more = remains::text(found).map_or_else(String::new, |text| format!(": {text}"));
        line("recoverable", format!("{}{more}", found.verdict()));
    }
    line("stored as", status.storage.to_owned());
    line("links", metadata.links.to_string());
    if metadata.mode != 0 {
        line("mode", format!("{:04o}", metadata.mode & 0o7777));
        line("uid, gid", format!("{}, {}", metadata.uid, metadata.gid));
    }
    for (name, at) in times(metadata) {
        at.into_iter().for_each(|at| line(name, time::iso(at)));
    }
    if !status.flags.is_empty() {
        line("flags", status.flags.join(", "));
    }
    if let Some(device) = metadata.device {
        line("device", format!("{}:{}", device.major, device.minor));
    }
    if let Some(target) = &status.target {
        line("target", String::from_utf8_lossy(target).into_owned());
    }
    line("generation", metadata.generation.to_string());
    line("record at", format!("byte {} of the volume, {} bytes", status.record.start(), status.record.len()));
    for name in &status.names {
        let parent = id(&name.parent_text, name.parent);
        line("name", format!("{} in directory {parent}", name.name.to_text().0));
    }
    for detail in &status.details {
        line(detail.field, detail_text(&detail.value));
    }
    for attribute in &status.attributes {
        let name = String::from_utf8_lossy(&attribute.name);
        line(&escape::terminal(&name), attribute::one_line(&name, &attribute.value));
    }
    lines
}

fn piece_text(piece: &PieceStatus) -> String {
    let range = format!("{:>12} +{:<12}", piece.range.start(), piece.range.len());
    let disk = piece.disk.map_or_else(String::new, |offset| format!(" disk byte {offset}"));
    let host = match &piece.host {
        HostPlace::Stored { file, offset } => format!(" {} byte {offset}", file.display()),
        HostPlace::Encoded { file, offset, length } => {
            format!(" {} byte {offset}, {length} bytes decoded", file.display())
        }
        HostPlace::Zero => " zeros".to_owned(),
        HostPlace::Unknown => " place on the host not known".to_owned(),
    };
    format!("{range}{disk}{host}")
}
