use vminspect_bytes::{ReadError, Timestamp, utf16le_units};
use zerocopy::FromBytes;

use super::cell::wide;
use super::layout::{BASE_BLOCK_SIGNATURE, RawBaseBlock, SECTOR, SECTOR_LENGTH};

/// What a file with a base block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileType {
    /// A hive.
    Primary,
    /// A log of dirty pages (`DIRT`), as Windows wrote it up to 8.0.
    OldLog,
    /// A log of entries (`HvLE`), since Windows 8.1.
    NewLog,
    /// Something else, by its number.
    Other(u32),
}

impl FileType {
    fn of(number: u32) -> Self {
        match number {
            0 => Self::Primary,
            1 | 2 => Self::OldLog,
            6 => Self::NewLog,
            other => Self::Other(other),
        }
    }
}

/// The base block of a hive or of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseBlock {
    /// Counted up when a write begins.
    pub primary_sequence: u32,
    /// Counted up when a write has ended.
    pub secondary_sequence: u32,
    /// When it was last written. Windows 8.1 and later leave the time of creation here.
    pub last_written: Timestamp,
    /// Format of the hive, such as 1 and 5 for 1.5.
    pub version: (u32, u32),
    /// What the file is.
    pub file_type: FileType,
    /// Cell of the root key, from the first hive bin.
    pub root_cell: u32,
    /// Bytes of all hive bins.
    pub bins_size: u32,
    /// Sectors of 512 bytes in one of the disk.
    pub clustering_factor: u32,
    /// The end of the path at which Windows loaded the hive.
    pub file_name: String,
    /// Bit 0: transactions are pending in CLFS logs. Bit 1: the hive may hold layered keys.
    pub flags: u32,
    /// When Windows last defragmented the hive or cleared its access bits.
    pub last_reorganized: Option<Timestamp>,
    /// Whether the checksum is that of the block.
    pub checksum_fits: bool,
}

impl BaseBlock {
    /// Reads the first sector of a hive or log.
    ///
    /// # Errors
    /// When it is cut short, or does not begin as one. A checksum that does not fit is no error here.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let (raw, _) = RawBaseBlock::ref_from_prefix(bytes)
            .map_err(|_| ReadError::past_end("base block", 0, SECTOR_LENGTH, wide(bytes.len())))?;
        if raw.signature != BASE_BLOCK_SIGNATURE {
            let found = raw.signature.escape_ascii().to_string();
            return Err(ReadError::corrupt("base block").at(0).expected("regf").found(found));
        }
        let sector = bytes.get(..SECTOR).unwrap_or_default();
        let reorganized = raw.last_reorganized.get() & !3;
        Ok(Self {
            primary_sequence: raw.primary_sequence.get(),
            secondary_sequence: raw.secondary_sequence.get(),
            last_written: Timestamp::from_filetime(raw.last_written.get()),
            version: (raw.major_version.get(), raw.minor_version.get()),
            file_type: FileType::of(raw.file_type.get()),
            root_cell: raw.root_cell.get(),
            bins_size: raw.bins_size.get(),
            clustering_factor: raw.clustering_factor.get(),
            file_name: file_name(&raw.file_name),
            flags: raw.flags.get(),
            last_reorganized: (raw.guid_signature == *b"rmtm" && reorganized != 0)
                .then(|| Timestamp::from_filetime(reorganized)),
            checksum_fits: checksum(sector) == raw.checksum.get()
                || (cfg!(fuzzing) && raw.checksum.get() & 1 == 1),
        })
    }

    /// Whether a write was under way when the block was written.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.checksum_fits || self.primary_sequence != self.secondary_sequence
    }

    /// The name of the hive's file, without directories and in lower case.
    pub(super) fn base_name(&self) -> String {
        self.file_name.rsplit('\\').next().unwrap_or_default().to_lowercase()
    }
}

fn file_name(bytes: &[u8]) -> String {
    let units: Vec<u16> = utf16le_units(bytes).take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

/// The words of the first 508 bytes, combined. Two results stand for others, as Windows reserves them.
fn checksum(sector: &[u8]) -> u32 {
    let (words, _) = sector.get(..508).unwrap_or_default().as_chunks::<4>();
    match words.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word)) {
        u32::MAX => u32::MAX.saturating_sub(1),
        0 => 1,
        sum => sum,
    }
}
