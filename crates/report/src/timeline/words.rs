//! Words that timelines use, and times as they print them.

use std::fmt;
use std::fmt::Write as _;

use vminspect_analysis::finding::GuestPath;
use vminspect_analysis::timeline::{Event, Reason, Source};
use vminspect_bytes::{Resolution, Timestamp};

/// What a time means, as Plaso says it.
pub(super) fn description(event: &Event<'_>) -> &'static str {
    match (event.source, event.reason) {
        (_, Reason::Access) => "Last Access Time",
        (_, Reason::Change) => "Content Modification Time",
        (_, Reason::AttributeChange) => "Metadata Modification Time",
        (_, Reason::Creation) => "Creation Time",
        (_, Reason::Deletion) => "Content Deletion Time",
        (_, Reason::KeyWritten) => "Content Modification Time",
        (_, Reason::Journal) => "Metadata Modification Time",
        (_, Reason::Logged) => "Content Modification Time",
    }
}

/// The letters of log2timeline: modified, accessed, changed, born.
pub(super) fn macb(reason: Reason) -> &'static str {
    match reason {
        Reason::Access => ".A..",
        Reason::Change | Reason::KeyWritten | Reason::Logged => "M...",
        Reason::AttributeChange | Reason::Deletion | Reason::Journal => "..C.",
        Reason::Creation => "...B",
    }
}

/// A short and a long name of a source.
pub(super) fn source(event: &Event<'_>, filesystem: &str) -> (&'static str, String) {
    match event.source {
        Source::File => ("FILE", format!("{filesystem} file record")),
        Source::FileName => ("FILE", "NTFS $FILE_NAME".to_owned()),
        Source::Registry => ("REG", "Registry key".to_owned()),
        Source::Usn => ("FILE", "NTFS change journal".to_owned()),
        Source::EventLog => ("EVT", "Windows event log".to_owned()),
    }
}

/// The name of the parser that says this in Plaso, or ours where there is none.
pub(super) const fn parser(source: Source) -> &'static str {
    match source {
        Source::File => "filestat",
        Source::FileName => "mft",
        Source::Registry => "winreg/winreg_default",
        Source::Usn => "usnjrnl",
        Source::EventLog => "winevtx",
    }
}

/// The path as text, and the rest of what there is to tell behind it.
pub(super) fn message(event: &Event<'_>) -> String {
    let mut text = path(event).0;
    if !event.detail.is_empty() {
        let _ = write!(text, " {}", event.detail);
    }
    if event.source == Source::FileName {
        text.push_str(" ($FILE_NAME)");
    }
    if !event.allocated && event.source != Source::Usn && event.source != Source::EventLog {
        text.push_str(" (deleted)");
    }
    text
}

/// The path as text, and in hexadecimal digits where that is not all of it.
pub(super) fn path(event: &Event<'_>) -> (String, Option<Vec<u8>>) {
    let path = GuestPath::new(event.path.to_vec(), event.encoding);
    let (text, exact) = path.to_text();
    (text, (!exact).then(|| path.to_stored()))
}

/// Unix seconds as a decimal number with as many digits as the clock has.
pub(super) struct UnixSeconds(pub(super) Timestamp);

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = i128::from(self.0.seconds()) * 1_000_000_000 + i128::from(self.0.nanoseconds());
        let (sign, nanoseconds) = (if nanoseconds < 0 { "-" } else { "" }, nanoseconds.unsigned_abs());
        let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        match self.0.resolution() {
            Resolution::Nanosecond => write!(f, "{sign}{whole}.{rest:09}"),
            Resolution::HundredNanoseconds => write!(f, "{sign}{whole}.{:07}", rest / 100),
            Resolution::TenMilliseconds => write!(f, "{sign}{whole}.{:02}", rest / 10_000_000),
            Resolution::Second | Resolution::TwoSeconds | Resolution::Day => write!(f, "{sign}{whole}"),
        }
    }
}

/// Unix microseconds, cut off.
pub(super) fn microseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds()) * 1_000_000 + i128::from(time.nanoseconds() / 1000)
}

/// Year, month, day, hour, minute, second, where the year has four digits.
pub(super) fn civil(time: Timestamp) -> Option<(i64, i64, i64, i64, i64, i64)> {
    let (days, second) = (time.seconds().div_euclid(86_400), time.seconds().rem_euclid(86_400));
    let (year, month, day) = crate::time::civil(days)?;
    Some((year, month, day, second / 3600, second / 60 % 60, second % 60))
}

/// `2015-07-24T19:01:01.123456+00:00`: a fraction of six digits where there is one, or always. What programs cannot
/// read, years that have not four digits, has no such form.
pub(super) fn iso_offset(time: Timestamp, always: bool) -> Option<String> {
    let (year, month, day, hour, minute, second) = civil(time)?;
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let microseconds = time.nanoseconds() / 1000;
    if always || microseconds > 0 {
        let _ = write!(text, ".{microseconds:06}");
    }
    text.push_str("+00:00");
    Some(text)
}
