//! Logs of a hive, replayed in memory.
//!
//! Windows writes changed pages to a log first and to the hive later. A hive that was in use is therefore behind
//! its logs. Up to Windows 8 a log holds one set of pages (`DIRT`); since 8.1 it holds numbered entries (`HvLE`),
//! and two logs are filled in turns, so that either of `.LOG1` and `.LOG2` may hold the earlier ones: they are
//! replayed in the order of their numbers, not of their names.

mod marvin32;
mod new;
mod old;

use std::fmt;

use vminspect_bytes::{ReadAt, ReadAtExt, ReadError, Timestamp};
use zerocopy::FromBytes;

use super::base_block::{BaseBlock, FileType};
use super::cell::wide;
use super::hive::HiveImage;
use super::layout::{BASE_BLOCK_LENGTH, RawBin, SECTOR, SECTOR_LENGTH};

/// Most bytes of a log that are read at once: those of one entry, or of all pages of an old log. Real ones have some
/// megabytes; a sparse file may claim any number.
const LARGEST_PART: usize = 512 << 20;

/// A file beside a hive that may be its log.
#[derive(Clone)]
pub struct Log<'a> {
    /// What it is called in messages.
    pub name: String,
    /// Its bytes.
    pub bytes: &'a dyn ReadAt,
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({}, {} bytes)", self.name, self.bytes.len())
    }
}

/// What was done about the logs of a hive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// Why the hive as stored is not whole: its sequence numbers differ, or its base block is damaged.
    pub dirty: Option<String>,
    /// Each log and what became of it, in the order in which they were replayed; those not replayed at the end.
    pub logs: Vec<(String, Outcome)>,
}

impl Replay {
    /// Whether anything was taken from a log.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.logs.iter().any(|(_, outcome)| matches!(outcome, Outcome::Applied { .. }))
    }
}

/// What became of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It has no bytes.
    Empty,
    /// It was not replayed, and why.
    Unused(String),
    /// It was replayed.
    Applied {
        /// Sequence numbers of the first and last entry; of an old log, its own twice.
        sequences: (u32, u32),
        /// Entries that were replayed; one of an old log.
        entries: u32,
        /// Pages that were replayed.
        pages: u32,
        /// Why later entries were not, where there are some.
        stopped: Option<String>,
    },
}

impl Outcome {
    /// Pages that were replayed.
    #[must_use]
    pub fn pages(&self) -> u32 {
        match self {
            Self::Applied { pages, .. } => *pages,
            Self::Empty | Self::Unused(_) => 0,
        }
    }
}

/// A log whose base block is sound.
struct Candidate<'a> {
    name: &'a str,
    bytes: &'a dyn ReadAt,
    base: BaseBlock,
}

impl Candidate<'_> {
    /// Bytes of the disk's sectors; structures of old logs begin at multiples of it.
    fn sector(&self) -> u64 {
        match self.base.clustering_factor {
            factor @ 1..=8 => u64::from(factor).saturating_mul(SECTOR_LENGTH),
            _ => SECTOR_LENGTH,
        }
    }
}

/// Brings the bins up to date, when the hive is dirty.
pub(super) fn replay(
    base: BaseBlock,
    image: &mut HiveImage,
    logs: &[Log<'_>],
    problems: &mut Vec<ReadError>,
) -> (BaseBlock, Replay) {
    if !base.checksum_fits {
        let error = ReadError::corrupt("base block").at(508).found("a checksum that does not fit");
        problems.push(error);
        let (recovered, replay) = recover(true, image, logs, problems);
        return (recovered.unwrap_or(base), replay);
    }
    if !base.is_dirty() {
        let unused = |log: &Log<'_>| {
            let outcome = match log.bytes.is_empty() {
                true => Outcome::Empty,
                false => Outcome::Unused("the hive is not dirty".to_owned()),
            };
            (log.name.clone(), outcome)
        };
        return (base, Replay { dirty: None, logs: logs.iter().map(unused).collect() });
    }
    let mut replay = Replay { dirty: Some(sequences(&base)), logs: Vec::new() };
    let candidates = candidates(logs, Some(&base), &mut replay);
    let (new, old): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|log| log.base.file_type == FileType::NewLog);
    let mut base = base;
    new::apply(new, &mut base, image, &mut replay, problems);
    old::apply(old, &mut base, image, &mut replay, problems);
    tell_unused(&replay, problems);
    (base, replay)
}

/// Opens a hive that has no base block: with that of a log, or else by what is usual.
pub(super) fn replay_without_base(
    image: &mut HiveImage,
    logs: &[Log<'_>],
    problems: &mut Vec<ReadError>,
) -> (BaseBlock, Replay) {
    let (base, replay) = recover(false, image, logs, problems);
    if let Some(base) = base {
        return (base, replay);
    }
    // Windows puts the root key into the first cell.
    let usual = BaseBlock {
        primary_sequence: 0,
        secondary_sequence: 0,
        last_written: bin_time(image.bins()).unwrap_or(Timestamp::from_filetime(0)),
        version: (1, 5),
        file_type: FileType::Primary,
        root_cell: 32,
        bins_size: u32::try_from(image.bins().len()).unwrap_or(u32::MAX),
        clustering_factor: 1,
        file_name: String::new(),
        flags: 0,
        last_reorganized: None,
        checksum_fits: false,
    };
    (usual, replay)
}

/// Takes the base block from the log with the latest entries, which alone is replayed.
fn recover(
    has_base: bool,
    image: &mut HiveImage,
    logs: &[Log<'_>],
    problems: &mut Vec<ReadError>,
) -> (Option<BaseBlock>, Replay) {
    let mut replay = Replay { dirty: Some("its base block is damaged".to_owned()), logs: Vec::new() };
    let candidates = candidates(logs, None, &mut replay);
    let (new, old): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|log| log.base.file_type == FileType::NewLog);
    let mut base = new::apply_latest(new, image, &mut replay, problems);
    if base.is_none() {
        let written = bin_time(image.bins());
        base = old::apply_to_time(old, written, image, &mut replay, problems);
    } else {
        old.into_iter().for_each(|log| unused(&mut replay, log.name, "a newer log was replayed"));
    }
    if base.is_none() && has_base {
        tell_unused(&replay, problems);
    }
    (base, replay)
}

/// The time in the first hive bin: a copy of the base block's.
fn bin_time(bins: &[u8]) -> Option<Timestamp> {
    let (bin, _) = RawBin::ref_from_prefix(bins).ok()?;
    Some(Timestamp::from_filetime(bin.timestamp.get()))
}

fn sequences(base: &BaseBlock) -> String {
    format!("its sequence numbers are {} and {}", base.primary_sequence, base.secondary_sequence)
}

fn unused(replay: &mut Replay, name: &str, why: impl Into<String>) {
    replay.logs.push((name.to_owned(), Outcome::Unused(why.into())));
}

/// The logs whose base block is sound and of this hive. The others are told in `replay`.
fn candidates<'a>(logs: &'a [Log<'_>], hive: Option<&BaseBlock>, replay: &mut Replay) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for log in logs {
        if log.bytes.is_empty() {
            replay.logs.push((log.name.clone(), Outcome::Empty));
            continue;
        }
        match candidate(log, hive) {
            Ok(candidate) => found.push(candidate),
            Err(why) => unused(replay, &log.name, why),
        }
    }
    found
}

fn candidate<'a>(log: &'a Log<'_>, hive: Option<&BaseBlock>) -> Result<Candidate<'a>, String> {
    let length = usize::try_from(log.bytes.len()).unwrap_or(usize::MAX).min(SECTOR);
    let sector = log.bytes.read_vec(0, length).map_err(|error| error.to_string())?;
    let base = BaseBlock::from_bytes(&sector).map_err(|error| error.to_string())?;
    if !base.checksum_fits {
        return Err("the checksum of its base block at byte 508 does not fit".to_owned());
    }
    if !matches!(base.file_type, FileType::NewLog | FileType::OldLog) {
        return Err(format!("its base block is not that of a log ({:?} at byte 28)", base.file_type));
    }
    if let Some(hive) = hive {
        belongs(&base, hive)?;
    }
    Ok(Candidate { name: &log.name, bytes: log.bytes, base })
}

/// Whether a log is of this hive. Windows trusts the names of the files; evidence may have been mixed up.
fn belongs(log: &BaseBlock, hive: &BaseBlock) -> Result<(), String> {
    let (theirs, ours) = (log.base_name(), hive.base_name());
    if !theirs.is_empty() && !ours.is_empty() && theirs != ours {
        return Err(format!(
            "it is the log of another hive: {} at byte 48, where the hive is {}",
            log.file_name, hive.file_name
        ));
    }
    if log.root_cell != hive.root_cell {
        return Err(format!(
            "it is the log of another hive: its root cell at byte 36 is {:#x}, the hive's {:#x}",
            log.root_cell, hive.root_cell
        ));
    }
    Ok(())
}

/// Where nothing could be replayed although the hive is dirty, what it shows may be behind. Logs that were there
/// and could not be used make that a loss.
fn tell_unused(replay: &Replay, problems: &mut Vec<ReadError>) {
    if replay.is_applied() {
        return;
    }
    let dirty = replay.dirty.as_deref().unwrap_or_default();
    let mut any = false;
    for (name, outcome) in &replay.logs {
        if let Outcome::Unused(why) = outcome {
            any = true;
            problems.push(
                ReadError::corrupt(format!("log {name}")).at(0).found(format!("not replayed, since {why}")),
            );
        }
    }
    if !any {
        problems.push(
            ReadError::unsupported("state of the hive")
                .at(4)
                .found(format!("{dirty}, and there is no log to replay"))
                .advice("its latest changes may be missing"),
        );
    }
}

/// Makes the bins at least `size` bytes long.
fn grow(image: &mut HiveImage, size: usize) {
    if image.bins().len() < size {
        image.resize(size);
    }
}

/// Puts a page in its place.
fn put(image: &mut HiveImage, offset: usize, page: &[u8]) -> Option<()> {
    let end = offset.checked_add(page.len())?;
    image.bins_mut().get_mut(offset..end)?.copy_from_slice(page);
    Some(())
}

/// Position of a page in the hive's file, for messages.
fn in_file(offset: usize) -> u64 {
    wide(offset).saturating_add(BASE_BLOCK_LENGTH)
}
