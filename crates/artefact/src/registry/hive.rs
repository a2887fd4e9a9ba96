use vminspect_bytes::{LargeBuffer, ReadAt, ReadAtExt, ReadError};

use super::base_block::{BaseBlock, FileType};
use super::bins::{check_bins, check_cells};
use super::cell::{CellOffset, Cells, wide};
use super::key::Key;
use super::layout::{
    BASE_BLOCK_LENGTH, BASE_BLOCK_SIZE, BIN_SIGNATURE, DIRTY_VECTOR_SIGNATURE, LOG_ENTRY_SIGNATURE, SECTOR,
};
use super::log::{self, Log, Replay};
use super::value::Value;

/// Offsets of cells have 31 bits.
const LARGEST_BINS: u64 = 1 << 31;

/// A registry hive, in memory, with its logs replayed.
#[derive(Debug)]
pub struct Hive {
    base: BaseBlock,
    image: HiveImage,
    replay: Replay,
    problems: Vec<ReadError>,
}

/// A hive's file in memory: the base block, which is not looked at again, and the bins. They stay together, as
/// hives are large enough for a copy to count.
#[derive(Debug)]
pub(super) struct HiveImage {
    bytes: LargeBuffer,
    /// Where the bins end.
    end: usize,
}

impl HiveImage {
    fn new(bytes: LargeBuffer) -> Self {
        Self { end: bytes.len(), bytes }
    }

    pub(super) fn bins(&self) -> &[u8] {
        self.bytes.get(BASE_BLOCK_SIZE..self.end).unwrap_or_default()
    }

    pub(super) fn bins_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(BASE_BLOCK_SIZE..self.end).unwrap_or_default()
    }

    /// Makes the bins `length` bytes long; what is new is zero.
    pub(super) fn resize(&mut self, length: usize) {
        self.end = BASE_BLOCK_SIZE.saturating_add(length);
        if self.end > self.bytes.len() {
            let bytes = std::mem::replace(&mut self.bytes, LargeBuffer::zeroed(0));
            self.bytes = bytes.resized(self.end);
        }
    }
}

impl Hive {
    /// Reads a hive and, where it is dirty, replays those of `logs` that belong to it, in the order of their
    /// entries. `logs` are the files beside it: `.LOG`, `.LOG1`, `.LOG2`. Nothing is written.
    ///
    /// A hive that is damaged is opened if any of its bins is there; [`Hive::problems`] tells.
    ///
    /// # Errors
    /// When `primary` is no hive, is empty, or cannot be read.
    pub fn open(primary: &dyn ReadAt, logs: &[Log<'_>]) -> Result<Self, ReadError> {
        if primary.is_empty() {
            return Err(ReadError::corrupt("registry hive").at(0).found("an empty file"));
        }
        let (bytes, mut problems) = read_readable(primary)?;
        let base = BaseBlock::from_bytes(&bytes).and_then(|base| match base.file_type {
            FileType::OldLog | FileType::NewLog if is_log(&bytes) => Err(ReadError::corrupt("registry hive")
                .found("the log of a hive")
                .advice("open the hive that it belongs to, with the log beside it")),
            _ => Ok(base),
        });
        let mut image = HiveImage::new(bytes);
        let (base, replay) = match base {
            Ok(base) => log::replay(base, &mut image, logs, &mut problems),
            // Without its base block it is still a hive if a bin follows.
            Err(error) if image.bins().starts_with(&BIN_SIGNATURE) => {
                problems.push(error);
                log::replay_without_base(&mut image, logs, &mut problems)
            }
            Err(error) => return Err(error),
        };
        let mut hive = Self { base, image, replay, problems };
        hive.check_type();
        hive.cut_to_size();
        hive.check_version();
        check_bins(hive.image.bins(), &mut hive.problems);
        Ok(hive)
    }

    /// Leaves out what follows the hive bins, and tells when some of them are missing.
    fn cut_to_size(&mut self) {
        let stated = usize::try_from(self.base.bins_size).unwrap_or(usize::MAX);
        let is_plausible = stated > 0 && self.base.checksum_fits;
        let held = self.image.bins().len();
        if stated > held {
            let end = wide(held).saturating_add(BASE_BLOCK_LENGTH);
            self.problems.push(
                ReadError::corrupt("registry hive")
                    .at(end)
                    .expected(format!("{stated} bytes of hive bins"))
                    .found(format!("an end after {held}")),
            );
        } else if stated == 0 {
            self.problems.push(ReadError::corrupt("base block").at(40).found("hive bins of 0 bytes"));
        } else if is_plausible {
            self.image.resize(stated);
        }
    }

    fn check_type(&mut self) {
        if self.base.file_type != FileType::Primary {
            let found = format!("{:?}", self.base.file_type);
            self.problems
                .push(ReadError::corrupt("base block").at(28).expected("the type of a hive").found(found));
        }
    }

    fn check_version(&mut self) {
        let (major, minor) = self.base.version;
        if major != 1 || !(1..=6).contains(&minor) {
            let read_as = if minor == 0 { "1.1" } else { "1.5" };
            self.problems.push(
                ReadError::unsupported("version of a hive")
                    .at(20)
                    .expected("1.1 to 1.6")
                    .found(format!("{major}.{minor}"))
                    .advice(format!("it is read as {read_as}")),
            );
        }
    }

    /// The base block, as it is after the logs were replayed.
    #[must_use]
    pub fn base(&self) -> &BaseBlock {
        &self.base
    }

    /// Which logs were replayed, and which were not and why.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// What is wrong with the hive as a whole.
    #[must_use]
    pub fn problems(&self) -> &[ReadError] {
        &self.problems
    }

    /// What is wrong with the chains of its cells, all of which are looked at. A cell that is referred to is read and
    /// checked by itself; this tells of damage to others, in which something may have been lost.
    #[must_use]
    pub fn check_cells(&self) -> Vec<ReadError> {
        let mut problems = Vec::new();
        check_cells(self.bins(), &mut problems);
        problems
    }

    /// The hive bins after the logs were replayed: all cells are in them.
    #[must_use]
    pub fn bins(&self) -> &[u8] {
        self.image.bins()
    }

    /// The root key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn root(&self) -> Result<Key<'_>, ReadError> {
        match CellOffset::new(self.base.root_cell) {
            Some(offset) => self.key_at(offset),
            None => Err(ReadError::corrupt("base block").at(36).found("a root cell that is nowhere")),
        }
    }

    /// The key whose node is in the cell at `offset`.
    ///
    /// # Errors
    /// When there is none.
    pub fn key_at(&self, offset: CellOffset) -> Result<Key<'_>, ReadError> {
        Key::of_cell(self, self.cells().at(offset, "key node")?)
    }

    /// The value in the cell at `offset`.
    ///
    /// # Errors
    /// When there is none.
    pub fn value_at(&self, offset: CellOffset) -> Result<Value<'_>, ReadError> {
        Value::of_cell(self, self.cells().at(offset, "value")?)
    }

    /// The key at a path below the root. Case does not count; links are not followed.
    #[must_use]
    pub fn key(&self, path: &str) -> Option<Key<'_>> {
        self.root().ok()?.descend(path)
    }

    pub(super) fn cells(&self) -> Cells<'_> {
        Cells { bins: self.image.bins(), header: if self.is_version_1_1() { 8 } else { 4 } }
    }

    /// Cells of Windows NT 3.1 also name the one before them, and names are always UTF-16.
    pub(super) fn is_version_1_1(&self) -> bool {
        self.base.version.1 <= 1
    }

    pub(super) fn divides_big_data(&self) -> bool {
        self.base.version.1 > 3
    }

    /// Whether the hive is one in which containers keep their changes.
    pub(super) fn may_have_layers(&self) -> bool {
        self.base.version.1 >= 6 || self.base.flags & 2 != 0
    }
}

/// Whether the second sector is that of a log, of either kind.
fn is_log(bytes: &[u8]) -> bool {
    let second: [u8; 4] = bytes.get(SECTOR..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    second == LOG_ENTRY_SIGNATURE || second == DIRTY_VECTOR_SIGNATURE
}

/// Reads all of a file that can be read: up to the first error, which is told.
fn read_readable(primary: &dyn ReadAt) -> Result<(LargeBuffer, Vec<ReadError>), ReadError> {
    let most = LARGEST_BINS.saturating_add(BASE_BLOCK_LENGTH);
    let first_length = usize::try_from(primary.len()).unwrap_or(usize::MAX).min(BASE_BLOCK_SIZE);
    let first = primary.read_vec(0, first_length)?;
    let base = BaseBlock::from_bytes(&first);
    // What is no hive at all is not read for that.
    if let Err(error) = &base
        && primary.read_array(BASE_BLOCK_LENGTH).ok() != Some(BIN_SIGNATURE)
    {
        return Err(error.clone());
    }
    // What follows the bins is not read: a file may be much longer than its hive.
    let stated = base.ok().filter(|base| base.checksum_fits && base.bins_size > 0);
    let wanted = stated.map_or(most, |base| u64::from(base.bins_size).saturating_add(BASE_BLOCK_LENGTH));
    let wanted = wanted.min(primary.len()).min(most);
    let length = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut bytes = LargeBuffer::zeroed(length);
    match primary.read_exact_at(0, &mut bytes) {
        Ok(()) => Ok((bytes, Vec::new())),
        Err(error) => read_pages(primary, bytes, error),
    }
}

/// Bytes that are read at once where something cannot be read.
const STEP: usize = 4096;

/// Reads a file page by page; what cannot be read is zero, and the first such page is told.
fn read_pages(
    primary: &dyn ReadAt,
    mut bytes: LargeBuffer,
    error: ReadError,
) -> Result<(LargeBuffer, Vec<ReadError>), ReadError> {
    let mut any = false;
    for (page, offset) in bytes.chunks_mut(STEP).zip((0_u64..).step_by(STEP)) {
        match primary.read_exact_at(offset, page) {
            Ok(()) => any = true,
            Err(_) => page.fill(0),
        }
    }
    if any { Ok((bytes, vec![error])) } else { Err(error) }
}
