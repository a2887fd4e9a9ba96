//! What could not be read, in reports.

use std::io::{self, Write};

use vminspect_guest::{Coverage, Problem};

use crate::{JsonWriter, Layout, escape, path};

/// Writes the problems as an array.
///
/// # Errors
/// Those of the output.
pub fn write_array<W: Write>(out: &mut JsonWriter<W>, coverage: &Coverage) -> io::Result<()> {
    out.begin_array()?;
    for problem in coverage.sorted() {
        out.begin_object()?;
        out.text_field("image", &problem.image)?;
        path::write_bytes(out, "place", &problem.place)?;
        out.text_field("kind", problem.family)?;
        out.text_field("message", &problem.message)?;
        out.end_object()?;
    }
    out.end_array()
}

/// Writes a document of its own: whether all was read, and the problems.
///
/// # Errors
/// Those of the output.
pub fn document<W: Write>(out: W, coverage: &Coverage) -> io::Result<()> {
    let mut out = JsonWriter::new(out, Layout::Indented);
    out.begin_object()?;
    out.key("complete")?;
    out.boolean(coverage.is_complete())?;
    out.key("coverage")?;
    write_array(&mut out, coverage)?;
    out.end_object()?;
    out.end_line()?;
    out.flush()
}

/// A problem as a line for a person, harmless on a terminal.
#[must_use]
pub fn line(problem: &Problem) -> String {
    let place = String::from_utf8_lossy(&problem.place);
    let text = match (problem.image.is_empty(), place.is_empty()) {
        // A message that begins with the image names it already.
        (false, _) if problem.message.starts_with(&problem.image) => problem.message.clone(),
        (_, true) => format!("{}: {}", problem.image, problem.message),
        (_, false) => format!("{}: {}: {}", problem.image, place.trim_end_matches(':'), problem.message),
    };
    escape::terminal(&text).into_owned()
}
