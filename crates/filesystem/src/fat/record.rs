//! A slot of a directory and the chain it refers to, as one record.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError, Resolution, Timestamp};

use super::chain::{Length, follow};
use super::content::runs;
use super::deleted::guess;
use super::fat_table::FatTable;
use super::geometry::{Kind, Root};
use super::layout::{RawShortEntry, SLOT};
use super::volume::{Fat, ROOT, file_id};
use super::widen;
use crate::{Allocation, Content, FileKind, Metadata, Place, Record, Run, Times, Whereabouts};

/// Makes records of slots; keeps the part of the table that neighbours share.
pub(super) struct Recorder<'a> {
    fs: &'a Fat,
    table: FatTable<'a>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(fs: &'a Fat) -> Self {
        Self { fs, table: fs.table() }
    }

    /// The record of the slot at `place`.
    pub(super) fn record(&mut self, raw: &RawShortEntry, place: u64, deleted: bool) -> Record {
        let id = file_id(place);
        let allocation = if deleted { Allocation::Deleted } else { Allocation::Allocated };
        let mut record = Record::new(Metadata::new(id, raw.file_kind()), ByteRange::at(place, widen(SLOT)));
        record.metadata.allocation = allocation;
        record.metadata.flags = raw.dir_attr.into();
        record.metadata.size = raw.dir_file_size.get().into();
        record.metadata.times = times(raw);
        record.metadata.generation = generation(raw);
        match (raw.file_kind(), deleted) {
            (FileKind::Directory, false) => self.directory(self.fs.first_cluster(raw), &mut record),
            (FileKind::Directory, true) => self.deleted_directory(raw, &mut record),
            (_, false) => self.file(raw, &mut record),
            (_, true) => self.deleted_file(raw, &mut record),
        }
        record
    }

    /// The record of the root directory. It has no slot; the parameters of the boot sector say where it is.
    pub(super) fn root(&mut self) -> Record {
        let mut record = Record::new(Metadata::new(ROOT, FileKind::Directory), self.fs.boot.root_place);
        match self.fs.boot.geometry.root {
            Root::Chain(first) => self.directory(first, &mut record),
            Root::Area(area) => {
                let run = Run { start: 0, length: area.len(), place: Place::Volume(area.start()) };
                record.metadata.size = area.len();
                record.content = Content::Runs(SmallVec::from_iter([run]));
            }
        }
        record
    }

    fn directory(&mut self, first: u32, record: &mut Record) {
        let chain = follow(&mut self.table, first, Length::Open, record.metadata.id);
        let geometry = self.table.geometry;
        record.metadata.size = geometry.bytes_of(chain.clusters);
        record.content = Content::Runs(runs(geometry, &chain.runs, 0));
        record.depends = chain.depends;
        record.problems.extend(chain.problems.into_iter().map(Into::into));
    }

    fn file(&mut self, raw: &RawShortEntry, record: &mut Record) {
        let size = record.metadata.size;
        let geometry = self.table.geometry;
        let length = Length::Exactly(geometry.clusters_of(size));
        let chain = follow(&mut self.table, self.fs.first_cluster(raw), length, record.metadata.id);
        record.content = Content::Runs(runs(geometry, &chain.runs, size));
        record.depends = chain.depends;
        record.problems.extend(chain.problems.into_iter().map(Into::into));
    }

    fn deleted_file(&mut self, raw: &RawShortEntry, record: &mut Record) {
        let size = record.metadata.size;
        let guess = guess(&mut self.table, self.fs.first_cluster(raw), size, record.metadata.id);
        record.content = Content::Runs(guess.runs);
        record.depends = guess.depends;
        record.whereabouts = if guess.is_guess { Whereabouts::Guessed } else { Whereabouts::Recorded };
        record.problems.extend(guess.problem.map(Into::into));
        let many =
            self.fs.boot.geometry.kind == Kind::Fat32 && self.fs.boot.geometry.clusters > u32::from(u16::MAX);
        if size > 0 && many && raw.dir_fst_clus_hi.get() == 0 {
            let error = ReadError::corrupt(format!("content of deleted file {}", record.metadata.id.0));
            let found = "no high half of the first cluster's number, which Windows clears on deletion";
            record.problems.push(error.at(record.place.start()).found(found).into());
        }
    }

    fn deleted_directory(&mut self, raw: &RawShortEntry, record: &mut Record) {
        let id = record.metadata.id;
        if let Some(directory) = self.fs.gone().get(id) {
            record.metadata.size = directory.size();
            record.content = Content::Runs(directory.runs.clone());
            return;
        }
        record.metadata.size = 0;
        record.content = Content::Runs(SmallVec::new());
        let found = format!("cluster {}, which holds it no more", self.fs.first_cluster(raw));
        let error = ReadError::corrupt(format!("content of deleted file {}", id.0));
        record.problems.push(error.at(record.place.start()).expected("its slots").found(found).into());
    }
}

/// What tells the files apart that use one slot in turn: the time of creation, to 10 ms. 0 where the system
/// that made them, such as DOS, records none.
fn generation(raw: &RawShortEntry) -> u64 {
    let (date, time) = (u64::from(raw.dir_crt_date.get()), u64::from(raw.dir_crt_time.get()));
    date << 24 | time << 8 | u64::from(raw.dir_crt_time_tenth)
}

fn times(raw: &RawShortEntry) -> Times {
    let (date, time) = (raw.dir_crt_date.get(), raw.dir_crt_time.get());
    // Units of 10 ms that are none are left out rather than the whole time.
    let created = Timestamp::from_dos(date, time, Some(raw.dir_crt_time_tenth))
        .or_else(|| Timestamp::from_dos(date, time, None));
    let accessed = Timestamp::from_dos(raw.dir_lst_acc_date.get(), 0, None);
    Times {
        modified: Timestamp::from_dos(raw.dir_wrt_date.get(), raw.dir_wrt_time.get(), None),
        changed: None,
        accessed: accessed.map(|day| Timestamp::from_unix(day.seconds(), 0, Resolution::Day)),
        created,
        deleted: None,
    }
}
