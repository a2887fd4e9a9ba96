//! Inspects virtual machine disks and compares them, without booting or mounting them.
//!
//! A [`Guest`] is an opened disk. [`list`] hashes its files, [`compare`] tells what changed between two. What
//! could not be read stands in the [`Coverage`] of every result.
//!
//! ```no_run
//! use std::path::Path;
//! use vminspect::{Guest, OpenOptions, Options, Silent};
//!
//! # fn main() -> Result<(), vminspect::GuestError> {
//! let open = OpenOptions::default();
//! let before = Guest::open(Path::new("before.qcow2"), &open)?;
//! let after = Guest::open(Path::new("after.qcow2"), &open)?;
//! let comparison = vminspect::compare(&before, &after, &Options::default(), &Silent);
//! for change in &comparison.modified {
//!     println!("{}", change.after.path.to_text().0);
//! }
//! for problem in comparison.coverage.sorted() {
//!     eprintln!("{}", problem.message);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The rooms below can be used by themselves: any bytes that implement [`ReadAt`] can be read as a volume, a
//! filesystem or a file.

// Bytes, and where they come from.
pub use vminspect_bytes::{
    ByteRange, Extent, Family, HostFile, Memory, Origin, ReadAt, ReadAtExt, ReadError, Resolution, Timestamp,
};

// Images.
pub use vminspect_image::{Disk, Error as ImageError, ImageInfo, OpenOptions, OpenPolicy, SnapshotInfo};

// Volumes.
pub use vminspect_volume::{Volume, VolumeTable};

// Filesystems.
pub use vminspect_filesystem::{
    Entry, Error as FileSystemError, ExtendedAttribute, FileId, FileKind, FileSystem, Identity, Metadata,
    NameEncoding, Stream, Times, open as open_filesystem,
};

// Registry hives.
pub use vminspect_artefact::registry::{
    Confidence, DeletedKey, DeletedValue, Hive, Key as HiveKey, Log as HiveLog, Outcome as LogOutcome,
    Place as DeletedPlace, Remains, Replay, Value as HiveValue, ValueType,
};

// Change journals.
pub use vminspect_artefact::usn::{
    Change as UsnChange, FileReference, FlagField, Journal, Max as JournalMax, Record as UsnRecord, carve,
};
// Event logs.
pub use vminspect_analysis::event_log::{
    EventBrief, EventComparison, EventFilter, EventLog, EventRow, EventSink, EventSummary, FilterError, Gap,
    GapKind, GapOptions, ListOptions as EventListOptions, LogChange, LogFate, compare_event_logs, each_event,
    find_gaps, list_events,
};
pub use vminspect_report::event_log::{EventFormat as EventLogFormat, gaps as gaps_report};

// Guests.
pub use vminspect_guest::{
    Coverage, Error as GuestError, Guest, GuestVolume, HiveFile, HiveKind, Located, OperatingSystem, Problem,
    Registry, RegistryPlace, TimeZone, WindowsFacts, WindowsUser,
};

// Analyses and their findings.
pub use vminspect_analysis::extract::{
    Copied, Destination, Extracted, copy, extract_by_digest, extract_tree, host_name, locate,
    locate_followed, recover_deleted,
};
pub use vminspect_analysis::finding::{
    Comparison, Deletion, Evidence, FieldChange, FileFacts, GuestPath, ListSummary, MetadataChange, Modified,
    Renamed, Statistics, TypeChange, Value, ZoneIdentifier,
};
pub use vminspect_analysis::registry::{
    ChangedValues, DeletedRow, FoundKey, HiveSide, KeyChange, KeyFacts, KeyRow, KeySink, Listing,
    ListingOptions, MissingKey, RegistryComparison, RegistryOptions, ValueChange, ValueFacts, ValueRow,
    compare_hives, compare_registries, find_key,
};
pub use vminspect_analysis::status::{
    FileStatus, HostPlace, NameInRecord, PieceStatus, StreamStatus, status,
};
pub use vminspect_analysis::timeline::{
    Event, EventLogSource, EventSource, FileRow, Histogram, Reason, RegistrySource, Signs, Sorted, Sorter,
    Source as EventOrigin, State as RowState, TimelineOptions, TimelineSummary, Told, UsnSource, file_rows,
    timeline,
};
pub use vminspect_analysis::usn::{
    JournalErrors, JournalFile, JournalSource, PathProblem, Paths, ResolvedPath, UsnRow, UsnTimelineOptions,
    carve_volume, change_journals, open_journal, usn_timeline,
};
pub use vminspect_analysis::{
    Algorithm, Digest, Digests, Hasher, Identifier, Options, PathFilter, Period, Progress, Silent, Stage,
    compare, list,
};

// Reports.
pub use vminspect_report::coverage::{document as coverage_document, line as problem_line};
pub use vminspect_report::escape::terminal as for_terminal;
pub use vminspect_report::info::{json as info_json, text as info_text};
pub use vminspect_report::manifest::write as write_manifest_line;
pub use vminspect_report::registry::{
    HiveFormat, HiveReport, TimelineFormat, comparison as registry_comparison_report, hive as hive_report,
    timeline as hive_timeline, write_registry_member,
};
pub use vminspect_report::status::{json as status_json, text as status_text};
pub use vminspect_report::table::size as human_size;
pub use vminspect_report::time::iso as iso_time;
pub use vminspect_report::timeline::{
    EventFields, EventFormat, EventReport, MFTECMD_HEADER, bodyfile_row, chart as write_chart,
    histogram as write_histogram, mftecmd_row, report as event_report,
};
pub use vminspect_report::usn::{
    UsnFields, UsnFormat, UsnPlace, UsnReport, UsnTimelineReport, records as usn_report,
    timeline as usn_timeline_report,
};
pub use vminspect_report::{
    Changes, ExtractionSummary, Fields, Format, JsonWriter, Layout, ListingReport,
    comparison as comparison_report, listing as listing_report,
};
