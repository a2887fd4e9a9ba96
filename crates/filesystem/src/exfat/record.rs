//! A set of directory entries, and everything it refers to, as one record.

use smallvec::SmallVec;
use vminspect_bytes::{ReadError, Timestamp};

use super::directory::{Item, is_remnant};
use super::entry_set::{Ended, EntrySet, StreamExtension};
use super::fat::{Allocated, Mapping};
use super::layout::MOST_DIRECTORY_SIZE;
use super::timestamp::RawTimestamp;
use super::tree::{Directory, Tree};
use super::volume::Exfat;
use crate::{Allocation, Content, Error, FileId, FileKind, Metadata, Record, Result, Times, Whereabouts};

/// The root directory, which no entry describes. Entries lie behind the boot sector, so no file has its id.
pub(super) const ROOT: FileId = FileId(1);

/// Bytes that hold most sets.
const MOST_SETS: u64 = 640;

/// A set of entries, with the directory that it is in.
pub(super) struct Found<'a> {
    pub(super) set: EntrySet,
    pub(super) stream: StreamExtension,
    pub(super) directory: &'a Directory,
    pub(super) allocation: Allocation,
}

impl Found<'_> {
    fn is_live(&self) -> bool {
        self.allocation == Allocation::Allocated
    }
}

impl Exfat {
    /// A set as a file: `None` where it is none, or too little is left of it.
    pub(super) fn found<'a>(&self, set: EntrySet, directory: &'a Directory) -> Option<Found<'a>> {
        let live = set.live && directory.live;
        let stream = set.stream()?;
        if !live && !set.live && !is_remnant(&set) {
            return None;
        }
        let allocation = if live { Allocation::Allocated } else { Allocation::Deleted };
        Some(Found { set, stream, directory, allocation })
    }

    /// The set of a file.
    ///
    /// # Errors
    /// When no set begins there.
    pub(super) fn find(&self, file: FileId) -> Result<Found<'_>> {
        let missing = || Error::NotFound(format!("a file with entries at unit {} of 32 bytes", file.0));
        let place = file.0.checked_mul(32).ok_or_else(missing)?;
        let found = |tree: &'_ Tree| tree.locate(place);
        let tree = if found(self.tree()).is_some() { self.tree() } else { self.whole_tree() };
        let stretch = found(tree).ok_or_else(missing)?;
        let directory = tree.directory(stretch.directory).ok_or_else(missing)?;
        match directory.items(&*self.view, (stretch.index, place), MOST_SETS, true).next() {
            Some(Item::Set(set)) if set.start() == place => self.found(set, directory).ok_or_else(missing),
            Some(Item::Failed(error)) => Err(error.into()),
            _ => Err(missing()),
        }
    }

    /// Where the content of a set lies.
    pub(super) fn mapping(&self, set: &EntrySet, stream: &StreamExtension, live: bool) -> Mapping {
        let most = self.most_size(set);
        let length = stream.data_length.min(most);
        let allocated = Allocated {
            first: stream.first_cluster,
            length: Some(length),
            // All of a directory counts.
            valid: if set.is_directory() { length } else { stream.valid_data_length },
            contiguous: stream.no_fat_chain,
            guess: !set.is_directory(),
        };
        let mapper = self.mapper("file", set.start());
        if live { mapper.map(allocated, most) } else { mapper.map_deleted(allocated, &self.bitmap) }
    }

    /// Longest content that a set can have.
    fn most_size(&self, set: &EntrySet) -> u64 {
        let heap = self.geometry.heap_size();
        if set.is_directory() { heap.min(MOST_DIRECTORY_SIZE) } else { heap }
    }

    pub(super) fn metadata_of(&self, found: &Found<'_>) -> Metadata {
        let Found { set, stream, allocation, .. } = found;
        let point =
            |time: Option<RawTimestamp>| time.and_then(|time| time.point().unwrap_or_else(|part| part));
        let kind = if set.is_directory() { FileKind::Directory } else { FileKind::Regular };
        Metadata {
            allocation: *allocation,
            size: stream.data_length.min(self.most_size(set)),
            links: u32::from(found.is_live()),
            generation: set.generation(),
            flags: u64::from(set.attributes()),
            times: Times {
                modified: point(set.modified()),
                changed: None,
                accessed: point(set.accessed()),
                created: point(set.created()),
                deleted: None,
            },
            ..Metadata::new(set.id(), kind)
        }
    }

    pub(super) fn record_of(&self, found: &Found<'_>) -> Record {
        let Found { set, stream, directory, .. } = found;
        let mut mapping = self.mapping(set, stream, found.is_live());
        let mut problems = set.problems(self.own_upcase());
        problems.extend(time_problems(set));
        problems.extend(stream_problems(set, stream, self.most_size(set)));
        problems.append(&mut mapping.problems);
        let mut record = Record {
            content: Content::Runs(mapping.runs),
            whereabouts: if mapping.guessed { Whereabouts::Guessed } else { Whereabouts::Recorded },
            problems: problems.into_iter().map(Error::from).collect(),
            ..Record::new(self.metadata_of(found), set.place())
        };
        self.depend_on_directory(set, directory, &mut record);
        record.depends.append(&mut mapping.depends);
        record
    }

    /// Where the set goes on in another cluster, it depends on what says which cluster that is.
    fn depend_on_directory(&self, set: &EntrySet, directory: &Directory, record: &mut Record) {
        record.depends.extend(set.pieces().into_iter().skip(1));
        let geometry = &self.geometry;
        let mut crosses = set.ended == Ended::Lost;
        let mut places: SmallVec<[u64; 5]> = set.slots.iter().map(|slot| slot.place).collect();
        if let Ended::At(other) = set.ended {
            record.depends.push(other);
            places.push(other.start());
        }
        let next = places.iter().copied().skip(1).map(Some).chain([None]);
        for (place, next) in places.iter().copied().zip(next) {
            let cluster = geometry.cluster_at(place);
            let stays = match next {
                Some(next) => geometry.cluster_at(next) == cluster,
                None => set.ended != Ended::Lost,
            };
            if !stays {
                crosses = true;
                record.depends.extend(geometry.fat_entry(cluster));
            }
        }
        if crosses {
            record.depends.extend(directory.named_at.iter().copied());
        }
    }

    /// The record of the root directory.
    pub(super) fn root_record(&self) -> Record {
        let mapping = self.root_mapping();
        let metadata = Metadata { size: mapping.found, ..Metadata::new(ROOT, FileKind::Directory) };
        Record {
            depends: mapping.depends,
            content: Content::Runs(mapping.runs),
            problems: mapping.problems.into_iter().map(Error::from).collect(),
            ..Record::new(metadata, self.geometry.root_field())
        }
    }
}

fn time_problems(set: &EntrySet) -> impl Iterator<Item = ReadError> {
    let times = [("created", set.created()), ("modified", set.modified()), ("accessed", set.accessed())];
    times.into_iter().filter_map(move |(which, time)| {
        let time = time?;
        let read: Option<Timestamp> = time.point().err()?;
        let fine = time.ten_milliseconds.unwrap_or(0);
        let found = format!("{which} {:#010x} and {fine} times 10 ms", time.date_and_time);
        let error = set.damaged().expected("a point in time").found(found);
        Some(if read.is_some() { error.advice("the increment is left out") } else { error })
    })
}

fn stream_problems(set: &EntrySet, stream: &StreamExtension, most: u64) -> Vec<ReadError> {
    let mut problems = Vec::new();
    let (length, valid) = (stream.data_length, stream.valid_data_length);
    if length > most {
        problems.push(set.damaged().expected(format!("at most {most} bytes")).found(length.to_string()));
    }
    if valid > length {
        problems.push(
            set.damaged()
                .expected(format!("a valid data length of at most {length}"))
                .found(valid.to_string()),
        );
    } else if set.is_directory() && valid != length {
        problems.push(
            set.damaged()
                .expected(format!("a directory whose {length} bytes are all valid"))
                .found(valid.to_string()),
        );
    }
    if !stream.allocation_possible && length > 0 {
        problems.push(set.damaged().expected("AllocationPossible").found("a stream without it"));
    }
    problems
}
