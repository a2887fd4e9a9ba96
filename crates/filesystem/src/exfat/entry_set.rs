//! A file's directory entries: one File entry and the secondary entries that follow it.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError, push_wtf8, utf16le_units};
use zerocopy::FromBytes;

use super::boot::Cluster;
use super::checksum::{name_hash, set_checksum};
use super::layout::{
    ALLOCATION_POSSIBLE, ATTRIBUTE_DIRECTORY, ENTRY_SIZE, FILE_NAME, NO_FAT_CHAIN, RawFile, RawFileName,
    RawStreamExtension, RawVendorExtension, STREAM_EXTENSION, TYPE_BENIGN, TYPE_IN_USE, VENDOR_ALLOCATION,
    VENDOR_EXTENSION,
};
use super::timestamp::RawTimestamp;
use super::upcase::UpcaseTable;
use super::widen;
use crate::FileId;

/// A directory entry and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) place: u64,
    pub(super) bytes: [u8; ENTRY_SIZE],
}

impl Slot {
    /// `EntryType`.
    pub(super) fn entry_type(&self) -> u8 {
        let [entry_type, ..] = self.bytes;
        entry_type
    }

    /// `EntryType`, in use.
    pub(super) fn used_type(&self) -> u8 {
        self.entry_type() | TYPE_IN_USE
    }

    pub(super) fn range(&self) -> ByteRange {
        ByteRange::at(self.place, widen(ENTRY_SIZE))
    }
}

/// How a set ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// With its last entry.
    Complete,
    /// Early, at an entry that is not one of its own.
    At(ByteRange),
    /// Early, where the directory ends or cannot be read.
    Lost,
}

/// The entries of a file as they were gathered from a directory.
#[derive(Clone, Debug)]
pub(super) struct EntrySet {
    /// The File entry first.
    pub(super) slots: SmallVec<[Slot; 4]>,
    pub(super) ended: Ended,
    /// Whether it is in use, and before the end of the directory.
    pub(super) live: bool,
    /// Whether it lies behind the entry that marks the end of the directory.
    pub(super) past_end: bool,
}

/// What a Stream Extension entry says.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamExtension {
    pub(super) first_cluster: Cluster,
    pub(super) data_length: u64,
    pub(super) valid_data_length: u64,
    pub(super) allocation_possible: bool,
    pub(super) no_fat_chain: bool,
    name_length: u8,
    name_hash: u16,
}

impl EntrySet {
    /// Where it begins.
    pub(super) fn start(&self) -> u64 {
        self.slots.first().map_or(0, |slot| slot.place)
    }

    /// The file: its first entry's place on the volume, in entries.
    pub(super) fn id(&self) -> FileId {
        file_id(self.start())
    }

    /// Contiguous pieces, in order. There is at least one.
    pub(super) fn pieces(&self) -> SmallVec<[ByteRange; 2]> {
        let mut pieces: SmallVec<[ByteRange; 2]> = SmallVec::new();
        for slot in &self.slots {
            match pieces.last_mut() {
                Some(last) if last.end() == slot.place => {
                    *last = ByteRange::new(last.start(), slot.range().end());
                }
                _ => pieces.push(slot.range()),
            }
        }
        pieces
    }

    /// The first piece.
    pub(super) fn place(&self) -> ByteRange {
        self.pieces().first().copied().unwrap_or_else(|| ByteRange::at(0, 0))
    }

    pub(super) fn damaged(&self) -> ReadError {
        ReadError::corrupt("directory entry set").at(self.start())
    }

    /// The File entry.
    pub(super) fn file(&self) -> Option<&RawFile> {
        self.slots.first().and_then(|slot| RawFile::ref_from_bytes(&slot.bytes).ok())
    }

    pub(super) fn attributes(&self) -> u16 {
        self.file().map_or(0, |file| file.file_attributes.get())
    }

    pub(super) fn is_directory(&self) -> bool {
        self.attributes() & ATTRIBUTE_DIRECTORY != 0
    }

    /// Secondary entries of a type.
    fn secondaries(&self, entry_type: u8) -> impl Iterator<Item = &Slot> {
        self.slots.iter().skip(1).filter(move |slot| slot.used_type() == entry_type)
    }

    pub(super) fn stream(&self) -> Option<StreamExtension> {
        let slot = self.secondaries(STREAM_EXTENSION).next()?;
        let raw = RawStreamExtension::ref_from_bytes(&slot.bytes).ok()?;
        Some(StreamExtension {
            first_cluster: Cluster(raw.first_cluster.get()),
            data_length: raw.data_length.get(),
            valid_data_length: raw.valid_data_length.get(),
            allocation_possible: raw.general_secondary_flags & ALLOCATION_POSSIBLE != 0,
            no_fat_chain: raw.general_secondary_flags & NO_FAT_CHAIN != 0,
            name_length: raw.name_length,
            name_hash: raw.name_hash.get(),
        })
    }

    /// The name in units of 16 bits. Where its length is 0, as one driver writes of a name of 256, it ends with
    /// the first unit of 0.
    fn units(&self) -> SmallVec<[u16; 32]> {
        let length = self.stream().map_or(0, |stream| stream.name_length);
        let units = self
            .secondaries(FILE_NAME)
            .filter_map(|slot| RawFileName::ref_from_bytes(&slot.bytes).ok())
            .flat_map(|raw| utf16le_units(&raw.file_name));
        if length == 0 {
            units.take_while(|unit| *unit != 0).collect()
        } else {
            units.take(usize::from(length)).collect()
        }
    }

    /// The name in WTF-8.
    pub(super) fn name(&self) -> Vec<u8> {
        let units = self.units();
        let mut name = Vec::with_capacity(units.len());
        push_wtf8(units, &mut name);
        name
    }

    /// GUIDs of vendor extensions and allocations.
    pub(super) fn vendors(&self) -> impl Iterator<Item = [u8; 16]> {
        self.secondaries(VENDOR_EXTENSION)
            .chain(self.secondaries(VENDOR_ALLOCATION))
            .filter_map(|slot| RawVendorExtension::ref_from_bytes(&slot.bytes).ok())
            .map(|raw| raw.vendor_guid)
    }

    pub(super) fn created(&self) -> Option<RawTimestamp> {
        self.file().map(|file| RawTimestamp {
            date_and_time: file.create_timestamp.get(),
            ten_milliseconds: Some(file.create_10ms_increment),
            utc_offset: file.create_utc_offset,
        })
    }

    pub(super) fn modified(&self) -> Option<RawTimestamp> {
        self.file().map(|file| RawTimestamp {
            date_and_time: file.last_modified_timestamp.get(),
            ten_milliseconds: Some(file.last_modified_10ms_increment),
            utc_offset: file.last_modified_utc_offset,
        })
    }

    pub(super) fn accessed(&self) -> Option<RawTimestamp> {
        self.file().map(|file| RawTimestamp {
            date_and_time: file.last_accessed_timestamp.get(),
            ten_milliseconds: None,
            utc_offset: file.last_accessed_utc_offset,
        })
    }

    /// First cluster and creation time: two files that had one place one after the other share both but rarely.
    /// A file keeps its first cluster until it is emptied.
    pub(super) fn generation(&self) -> u64 {
        let created = self.file().map_or(0, |file| file.create_timestamp.get());
        let first = self.stream().map_or(0, |stream| stream.first_cluster.0);
        u64::from(first) << 32 | u64::from(created)
    }

    /// What `SetChecksum` should be. Deletion clears bits that it was made with.
    fn checksum(&self) -> u16 {
        let mut sum = 0;
        for (position, slot) in self.slots.iter().enumerate() {
            let mut bytes = slot.bytes;
            if let Some(entry_type) = bytes.first_mut() {
                *entry_type |= TYPE_IN_USE;
            }
            sum = set_checksum(sum, &bytes, position == 0);
        }
        sum
    }

    pub(super) fn checksum_fits(&self) -> bool {
        self.ended == Ended::Complete
            && self.file().is_some_and(|file| file.set_checksum.get() == self.checksum())
    }

    /// What is wrong with the entries themselves. Without a `table` of the volume, the hash of the name is not
    /// looked at.
    pub(super) fn problems(&self, table: Option<&UpcaseTable>) -> Vec<ReadError> {
        let mut problems = Vec::new();
        let Some(file) = self.file() else { return problems };
        let stored = file.set_checksum.get();
        if self.ended != Ended::Complete {
            let found = self.slots.len().saturating_sub(1);
            let expected = format!("{} secondary entries", file.secondary_count);
            problems.push(self.damaged().expected(expected).found(found.to_string()));
        } else if self.checksum() != stored {
            let expected = format!("checksum {:#06x}", self.checksum());
            problems.push(self.damaged().expected(expected).found(format!("{stored:#06x}")));
        }
        problems.extend(self.order_problem());
        problems.extend(self.unknown_problem());
        problems.extend(self.name_problem(table));
        problems
    }

    /// The Stream Extension comes first, the name after it.
    fn order_problem(&self) -> Option<ReadError> {
        let second = self.slots.get(1).map(Slot::used_type);
        let count = self.secondaries(STREAM_EXTENSION).count();
        (count > 0 && (second != Some(STREAM_EXTENSION) || count > 1)).then(|| {
            self.damaged()
                .expected("one stream extension, first of the secondary entries")
                .found(format!("{count}, after an entry of type {:#04x}", second.unwrap_or(0)))
        })
    }

    fn unknown_problem(&self) -> Option<ReadError> {
        let unknown = self.slots.iter().skip(1).find(|slot| {
            let known = [STREAM_EXTENSION, FILE_NAME].contains(&slot.used_type());
            !known && slot.entry_type() & TYPE_BENIGN == 0
        })?;
        Some(
            ReadError::unsupported("directory entry")
                .at(unknown.place)
                .expected("a known type of critical secondary entry")
                .found(format!("type {:#04x}", unknown.used_type())),
        )
    }

    fn name_problem(&self, table: Option<&UpcaseTable>) -> Option<ReadError> {
        let stream = self.stream()?;
        let units = self.units();
        if stream.name_length == 0 || units.len() < usize::from(stream.name_length) {
            return Some(
                self.damaged().expected("a name of the length that is recorded, at least 1").found(format!(
                    "{} units, {} recorded",
                    units.len(),
                    stream.name_length
                )),
            );
        }
        let hash = name_hash(units.iter().map(|unit| table.map_or(*unit, |table| table.upper(*unit))));
        (table.is_some() && hash != stream.name_hash).then(|| {
            self.damaged()
                .expected(format!("name hash {hash:#06x}"))
                .found(format!("{:#06x}", stream.name_hash))
        })
    }
}

/// The file whose File entry lies at `place`.
pub(super) fn file_id(place: u64) -> FileId {
    FileId(place >> 5)
}
