//! The first reading of a journal: what the second has to know.

use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::HashMap;
use vminspect_artefact::usn::{FileReference, Journal, Record, reason};
use vminspect_bytes::{ReadAt, ReadError};
use vminspect_filesystem::Error;
use vminspect_guest::Guest;

use super::JournalFile;
use super::directories::MftState;
use super::history::History;
use super::path::Paths;

/// Problems of the MFT that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// `USN_PAGE_SIZE`.
const PAGE: i64 = 4096;

const CREATED: u8 = 1;
const DELETED: u8 = 2;

/// What a journal holds, before it is read for its rows.
#[derive(Default)]
struct Survey {
    history: History,
    /// Records of the MFT that are named, and the last sequence number of each.
    mentioned: HashMap<u32, u16>,
    lives: HashMap<FileReference, u8>,
    /// Where the last record ended.
    end: Option<End>,
    /// Where damage begins behind it.
    damage: Option<u64>,
    lowest_valid: Option<i64>,
}

/// Files by what the journal saw of their lives.
pub(super) struct Lives(HashMap<FileReference, u8>);

impl Lives {
    /// Whether a file was both created and deleted while the journal was kept.
    pub(super) fn is_transient(&self, file: FileReference) -> bool {
        self.0.get(&file).is_some_and(|life| *life == CREATED | DELETED)
    }
}

/// Where a record ended.
struct End {
    usn: i64,
    position: u64,
}

impl End {
    fn of(record: &Record<'_>) -> Self {
        let length = record.length;
        Self {
            usn: record.usn.saturating_add(length.into()),
            position: record.offset.saturating_add(length.into()),
        }
    }

    /// Bytes of records that are missing before the next record. That follows at once, or, if it does not fit into what
    /// is left of the page, begins the next page; be the bytes damaged, overwritten with zeros, or cut out.
    fn missing(&self, next: &Record<'_>) -> u64 {
        let Ok(skipped) = u64::try_from(next.usn.saturating_sub(self.usn)) else { return u64::MAX };
        let is_padding = next.usn.rem_euclid(PAGE) == 0 && skipped < u64::from(next.length);
        if is_padding { 0 } else { skipped }
    }
}

impl Survey {
    fn look_for_gap(&mut self, record: &Record<'_>) {
        let missing = self.end.as_ref().map_or(0, |end| end.missing(record));
        let damaged = self.damage.take().map_or(0, |damage| record.offset.saturating_sub(damage));
        self.history.add_gap(record.offset, missing.max(damaged));
        self.end = Some(End::of(record));
    }

    /// No records are missing at the end if it is where the last one ended, or in the same page.
    fn look_for_gap_at_end(&mut self, length: u64) {
        let end = self.end.as_ref().map_or(0, |end| end.position);
        let damaged = self.damage.map_or(0, |damage| length.saturating_sub(damage));
        let zeros = if length > end.saturating_add(PAGE.unsigned_abs()) { u64::MAX } else { 0 };
        self.history.add_gap(length.max(end), damaged.max(zeros));
    }

    /// Records are missing at the end, too, where a file has changed after the last one.
    fn look_for_newer_changes(&mut self, newest: u64) {
        if let Some(end) = &self.end
            && i64::try_from(newest).is_ok_and(|newest| newest >= end.usn)
        {
            self.history.add_gap(end.position.saturating_add(1), u64::MAX);
        }
    }

    fn add(&mut self, record: &Record<'_>) {
        self.look_for_gap(record);
        let Some(change) = record.change() else { return };
        if record.usn >= self.lowest_valid.unwrap_or(i64::MAX) {
            // What came before belongs to an earlier journal, and nothing tells what happened until this one.
            self.lowest_valid = None;
            self.history.add_gap(record.offset, u64::MAX);
        }
        self.history.add(record, change);
        let parts = record.file.parts();
        self.mentioned
            .extend(parts.and_then(|(number, sequence)| Some((u32::try_from(number).ok()?, sequence))));
        let created = if record.reasons & reason::FILE_CREATE != 0 { CREATED } else { 0 };
        let deleted = if record.reasons & reason::FILE_DELETE != 0 { DELETED } else { 0 };
        if created | deleted != 0 {
            *self.lives.entry(record.file).or_default() |= created | deleted;
        }
    }
}

/// A journal, and what its paths are made of.
#[derive(Clone)]
pub struct JournalSource {
    /// The stream `$J`.
    pub bytes: Arc<dyn ReadAt>,
    /// Records below belong to an earlier journal.
    pub lowest_valid_usn: Option<i64>,
    /// The volume, or a loose MFT, where there is one.
    pub mft: Option<Arc<dyn ReadAt>>,
    /// What stands before the paths of the volume.
    pub root: Vec<u8>,
    /// What stands between names.
    pub separator: u8,
}

impl JournalSource {
    /// The journal of a volume.
    #[must_use]
    pub fn of(guest: &Guest, journal: &JournalFile) -> Self {
        let volume = guest.volumes().get(journal.volume);
        let filesystem = volume.and_then(|volume| volume.filesystem.as_ref());
        Self {
            bytes: Arc::clone(&journal.bytes),
            lowest_valid_usn: journal.max.map(|max| max.lowest_valid_usn),
            mft: filesystem.map(|filesystem| Arc::clone(filesystem.view())),
            root: volume.map(|volume| volume.prefix.clone()).unwrap_or_default(),
            separator: volume.map_or(b'\\', |volume| volume.separator),
        }
    }

    /// Where the directories were, at each position of the journal. What could not be read of the MFT is told.
    #[must_use]
    pub fn paths(&self) -> (Paths, Vec<Error>) {
        let (paths, _, problems) = self.survey();
        (paths, problems)
    }

    /// Reads the journal and the MFT for what rows depend on.
    pub(super) fn survey(&self) -> (Paths, Lives, Vec<Error>) {
        let mut survey = Survey::default();
        let mut is_first = true;
        Journal::new(&*self.bytes).visit(|record| {
            match record {
                Ok(record) => {
                    if std::mem::take(&mut is_first) {
                        survey.lowest_valid = self.lowest_valid_usn.filter(|lowest| record.usn < *lowest);
                    }
                    survey.add(&record);
                }
                Err(error) => survey.damage = survey.damage.or(error.offset()),
            }
            ControlFlow::Continue(())
        });
        survey.look_for_gap_at_end(self.bytes.len());
        let state = self.mft.as_ref().map(|mft| MftState::read(mft, &survey.mentioned));
        let (mut state, mut problems) = match state {
            Some(Ok(state)) => (state, Vec::new()),
            Some(Err(error)) => (MftState::default(), vec![error]),
            None => Default::default(),
        };
        survey.look_for_newer_changes(state.newest_usn);
        survey.history.finish();
        let told = std::mem::take(&mut state.problems);
        let more = told.len().saturating_sub(MOST_PROBLEMS);
        problems.extend(told.into_iter().take(MOST_PROBLEMS));
        if more > 0 {
            problems.push(
                ReadError::corrupt("MFT").found(format!("{more} more records that are damaged")).into(),
            );
        }
        let paths = Paths::new(survey.history, state, &self.root, self.separator);
        (paths, Lives(survey.lives), problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_missing_where_files_have_changed_since() {
        for (newest, is_missing) in
            [(0, false), (4095, false), (4096, true), (1 << 40, true), (u64::MAX, false)]
        {
            let mut survey = Survey { end: Some(End { usn: 4096, position: 512 }), ..Survey::default() };
            survey.look_for_newer_changes(newest);
            survey.history.finish();
            assert_eq!(survey.history.has_gap(511, u64::MAX), is_missing, "{newest}");
            assert!(!survey.history.has_gap(0, 512), "{newest}");
        }
    }
}
