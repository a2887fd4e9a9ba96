//! What all formats say of an event in the same words.

use vminspect_analysis::Digest;
use vminspect_analysis::timeline::{Event, Source, Told};

use super::EventFields;
use crate::escape;

impl EventFields {
    /// The number of what the event happened to: a record's of a file, a place of a key.
    pub(super) fn number(&self, event: &Event<'_>) -> u64 {
        match event.source {
            Source::File | Source::FileName | Source::Usn => {
                self.filesystem(event).map_or(event.file.0, |filesystem| filesystem.record_number(event.file))
            }
            Source::Registry | Source::EventLog => event.file.0,
        }
    }

    /// The same as those who know the format would say it.
    pub(super) fn id(&self, event: &Event<'_>) -> String {
        match event.source {
            Source::File | Source::FileName | Source::Usn => self
                .filesystem(event)
                .map_or_else(|| event.file.0.to_string(), |filesystem| filesystem.id_text(event.file)),
            Source::Registry | Source::EventLog => event.file.0.to_string(),
        }
    }

    /// The format of the filesystem.
    pub(super) fn format(&self, event: &Event<'_>) -> &'static str {
        self.filesystem(event).map_or("unknown", |filesystem| filesystem.identity().format)
    }

    /// The first hash, in hexadecimal digits.
    pub(super) fn hash(&self, told: &Told) -> Option<String> {
        let algorithm = self.fields.algorithms.first().filter(|_| self.hash)?;
        let digest = told.digests.as_ref()?.get(*algorithm)?;
        Some(escape::to_hex(Digest::as_bytes(digest)))
    }
}

/// The signs of an event in one field.
pub(super) fn signs(event: &Event<'_>) -> String {
    event.signs.names().collect::<Vec<_>>().join(" ")
}
