//! When it happened: the times of all files of a guest, and of what else it keeps, in one order.
//!
//! [`file_rows`] reads the records of every filesystem in the order in which they are stored, on all threads, and joins
//! each with its paths: formats that need no order (`bodyfile`) are written straight from there. [`timeline`] makes
//! [`Event`]s of the rows and of other [`EventSource`]s, and sorts them by way of [`Sorter`], which needs no more
//! memory than it is given.

mod event;
mod event_logs;
mod files;
mod histogram;
mod paths;
mod registry;
mod row;
mod run;
mod sort;
mod usn;
mod volume;

pub use event::{Event, Reason, Source};
pub use event_logs::EventLogSource;
pub use files::FileEvents;
pub use histogram::{Counts, Histogram};
pub use registry::RegistrySource;
pub use row::{FileRow, Signs, State};
pub use run::{EventSource, TimelineOptions, TimelineSummary, Told, timeline};
pub use sort::{Sorted, Sorter};
pub use usn::UsnSource;
pub use volume::{RowSink, RowWriter, file_rows};
