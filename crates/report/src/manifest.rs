//! The manifest of extracted files: one JSON object a line, so that it is sound up to the last whole line
//! whatever happens.

use std::io::{self, Write};

use vminspect_analysis::extract::Extracted;

use crate::{JsonWriter, Layout, path, remains, time};

/// Prints what one extracted file was in the guest.
///
/// # Errors
/// Those of the output.
pub fn write<W: Write>(out: W, file: &Extracted) -> io::Result<()> {
    let out = &mut JsonWriter::new(out, Layout::Line);
    out.begin_object()?;
    path::write(out, "path", &file.path)?;
    out.text_field("kind", file.kind.as_str())?;
    out.optional_text_field("file", file.file.as_deref())?;
    out.number_field("size", file.size)?;
    if let Some(metadata) = &file.metadata {
        out.text_field("mode", &format!("{:04o}", metadata.mode & 0o7777))?;
        out.number_field("uid", metadata.uid.into())?;
        out.number_field("gid", metadata.gid.into())?;
        let times = &metadata.times;
        for (key, at) in [
            ("modified", times.modified),
            ("changed", times.changed),
            ("accessed", times.accessed),
            ("created", times.created),
        ] {
            out.optional_text_field(key, at.map(time::iso).as_deref())?;
        }
        if let Some(device) = metadata.device {
            out.text_field("device", &format!("{}:{}", device.major, device.minor))?;
        }
    }
    if let Some(digests) = &file.digests {
        for (algorithm, digest) in digests.iter() {
            out.key(algorithm.as_str())?;
            out.hex(digest.as_bytes())?;
        }
    }
    if let Some(target) = &file.target {
        path::write_bytes(out, "target", target)?;
    }
    if let Some(deletion) = file.deleted {
        out.text_field("deleted_file", deletion.as_str())?;
    }
    if let Some(remains) = &file.remains {
        remains::json(out, remains)?;
    }
    if let Some(problem) = &file.problem {
        out.text_field("error", problem)?;
    }
    out.end_object()?;
    out.end_line()?;
    out.flush()
}
