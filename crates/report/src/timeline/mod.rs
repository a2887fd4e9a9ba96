//! Reports of timelines.
//!
//! Formats of events ([`report`]) are written as the events come, sorted. [`bodyfile_row`] and [`mftecmd_row`] write rows of
//! files, which need no order.

mod bodyfile;
mod chart;
mod csv;
mod events;
mod histogram;
mod json;
mod log2timeline;
mod mftecmd;
mod scale;
mod series;
mod table;
#[cfg(test)]
mod tests;
mod timesketch;
mod words;

use std::io::{self, Write};
use std::sync::Arc;

use vminspect_analysis::timeline::{Event, Told};
use vminspect_filesystem::FileSystem;
use vminspect_guest::{Coverage, Guest};

use crate::Fields;

pub(crate) use bodyfile::push_name as push_bodyfile_name;
pub use bodyfile::row as bodyfile_row;
pub use chart::write as chart;
pub use histogram::write as histogram;
pub use mftecmd::{HEADER as MFTECMD_HEADER, row as mftecmd_row};

/// A format of a timeline of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventFormat {
    /// One JSON array.
    Json,
    /// A JSON object a line.
    JsonLines,
    /// Comma-separated values.
    Csv,
    /// CSV that Timesketch imports.
    Timesketch,
    /// JSON Lines that Timesketch imports.
    TimesketchJsonl,
    /// The CSV of log2timeline.
    L2tCsv,
    /// The `dynamic` CSV of Plaso.
    Plaso,
    /// For people.
    Table {
        /// Whether to colour.
        colour: bool,
    },
}

/// What reports say besides events.
#[derive(Clone)]
pub struct EventFields {
    /// Hashes, when they were asked for, and whether types were.
    pub fields: Fields,
    /// Whether hashes were asked for.
    pub hash: bool,
    /// The disk, as the user named it.
    pub image: String,
    /// The name of the computer, where it is known.
    pub host: Option<String>,
    /// The filesystems, by the positions of their volumes.
    filesystems: Vec<(usize, Arc<dyn FileSystem>)>,
}

impl EventFields {
    /// What is said of the events of `guest`.
    #[must_use]
    pub fn new(guest: &Guest, fields: Fields, hash: bool, host: Option<String>) -> Self {
        let volumes = guest.volumes().iter();
        let filesystems =
            volumes.filter_map(|volume| Some((volume.position, Arc::clone(volume.filesystem.as_ref()?))));
        Self { fields, hash, image: guest.image().to_owned(), host, filesystems: filesystems.collect() }
    }

    /// The filesystem that an event is of.
    fn filesystem(&self, event: &Event<'_>) -> Option<&dyn FileSystem> {
        let mut all = self.filesystems.iter();
        all.find(|(position, _)| *position == usize::from(event.volume)).map(|(_, filesystem)| &**filesystem)
    }
}

/// Prints events as they come.
pub trait EventReport {
    /// Prints one.
    ///
    /// # Errors
    /// Those of the output.
    fn event(&mut self, event: &Event<'_>, told: &Told) -> io::Result<()>;

    /// Ends the report. Only JSON Lines prints the coverage.
    ///
    /// # Errors
    /// Those of the output.
    fn finish(&mut self, coverage: &Coverage) -> io::Result<()>;

    /// Events whose years the format cannot hold. They are not in the report.
    fn left_out(&self) -> u64 {
        0
    }
}

/// Begins a report of events, which have to come sorted.
///
/// # Errors
/// Those of the output.
pub fn report<'a, W: Write + 'a>(
    format: EventFormat,
    out: W,
    fields: EventFields,
) -> io::Result<Box<dyn EventReport + 'a>> {
    Ok(match format {
        EventFormat::Json => Box::new(json::Json::new(out, fields)?),
        EventFormat::JsonLines => Box::new(json::JsonLines::new(out, fields)),
        EventFormat::Csv => Box::new(csv::Csv::new(out, fields)?),
        EventFormat::Timesketch => Box::new(timesketch::Csv::new(out, fields)?),
        EventFormat::TimesketchJsonl => Box::new(timesketch::JsonLines::new(out, fields)),
        EventFormat::L2tCsv => Box::new(log2timeline::L2tCsv::new(out, fields)?),
        EventFormat::Plaso => Box::new(log2timeline::Plaso::new(out, fields)?),
        EventFormat::Table { colour } => Box::new(table::Table::new(out, fields, colour)),
    })
}
