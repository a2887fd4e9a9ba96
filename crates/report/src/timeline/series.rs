//! Which events are shown together, under which name and colour.

use vminspect_analysis::timeline::{Counts, Reason, Source};

/// Events that are shown together.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// A colour that stands out from white, and from the others for those who see red and green as one.
    pub(super) colour: &'static str,
    source: Source,
    /// `None`: whatever the reason.
    reason: Option<Reason>,
}

const fn file(name: &'static str, colour: &'static str, reason: Reason) -> Series {
    Series { name, colour, source: Source::File, reason: Some(reason) }
}

const fn other(name: &'static str, colour: &'static str, source: Source) -> Series {
    Series { name, colour, source, reason: None }
}

/// All of them.
pub(super) const SERIES: [Series; 9] = [
    file("files: created", "#0072b2", Reason::Creation),
    file("files: content changed", "#d55e00", Reason::Change),
    file("files: record changed", "#b8860b", Reason::AttributeChange),
    file("files: accessed", "#56a0c8", Reason::Access),
    file("files: deleted", "#222222", Reason::Deletion),
    other("$FILE_NAME times", "#8a6fb0", Source::FileName),
    other("registry keys written", "#007a5e", Source::Registry),
    other("change journal", "#b0457e", Source::Usn),
    other("event logs", "#5c5c2e", Source::EventLog),
];

impl Series {
    /// How many of its events are among these.
    pub(super) fn count(&self, counts: &Counts<'_>) -> u64 {
        match self.reason {
            Some(reason) => counts.of(self.source, reason),
            None => Reason::ALL.iter().map(|reason| counts.of(self.source, *reason)).sum(),
        }
    }
}
