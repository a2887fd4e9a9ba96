//! Windows event logs: their records, what is missing between them, and what was logged between two disks.

mod clearing;
mod collect;
mod compare;
mod created;
mod events;
mod fate;
mod filter;
mod finding;
mod gaps;
mod listing;
mod message;
mod open;
mod order;
mod payload;
mod pipeline;

pub use compare::compare_event_logs;
pub use events::{EventBrief, each_event};
pub use filter::{EventFilter, FilterError};
pub use finding::{EventComparison, EventFacts, LogChange, LogFate};
pub use gaps::{Gap, GapKind, GapOptions, find_gaps};
pub use listing::{EventRow, EventSink, EventSummary, ListOptions, list_events};
pub use message::message;
pub use open::EventLog;
pub use payload::payload;
