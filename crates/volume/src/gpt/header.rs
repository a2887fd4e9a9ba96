use vminspect_bytes::{Guid, ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::crc32::{crc32, crc32_of};
use super::layout::{
    GptHeader, HEADER_CRC32_OFFSET, LEAST_ENTRY_SIZE, LEAST_HEADER_SIZE, MAJOR_REVISION, SIGNATURE,
};
use crate::Result;
use crate::sector::{Lba, SectorSize, read_within};

/// Largest entry that is read. The specification allows 128·2ⁿ without a bound; nothing writes more than 128.
const MOST_ENTRY_SIZE: u32 = 4096;

/// Largest array of entries that is read: 32,768 entries of the usual size. Nothing makes more than 1,024.
const MOST_ARRAY_SIZE: u64 = 4 << 20;

/// How sure a header has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trust {
    /// Every checksum holds.
    Verified,
    /// The fields make sense: for a disk of which both copies are damaged.
    Plausible,
}

/// A place where a header may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    pub(crate) size: SectorSize,
    pub(crate) lba: Lba,
}

/// A header whose fields make sense.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) site: Site,
    pub(crate) alternate: Lba,
    pub(crate) first_usable: Lba,
    pub(crate) last_usable: Lba,
    pub(crate) disk_guid: Guid,
    pub(crate) entry_size: usize,
    /// Byte of the array on the disk.
    pub(crate) array_offset: u64,
    /// Bytes in the array.
    array_size: usize,
    array_crc32: u32,
}

impl Site {
    /// First byte, where the disk has the whole sector.
    pub(crate) fn offset(self, disk: &dyn ReadAt) -> Option<u64> {
        let end = self.lba.forward(1)?.offset(self.size)?;
        if end <= disk.len() { self.lba.offset(self.size) } else { None }
    }

    /// Whether a header's signature stands here. What cannot be read has none.
    pub(crate) fn has_signature(self, disk: &dyn ReadAt) -> bool {
        let Some(offset) = self.offset(disk) else { return false };
        matches!(read_within::<8>(disk, offset), Ok(Some(SIGNATURE)))
    }
}

impl Header {
    /// Reads the header at `site`.
    pub(crate) fn read(disk: &dyn ReadAt, site: Site, trust: Trust) -> Result<Self> {
        let Some(offset) = site.offset(disk) else {
            return Err(ReadError::corrupt("GPT header")
                .expected(format!("a disk that holds sector {}", site.lba.0))
                .found(format!("an end at byte {}", disk.len())));
        };
        let sector = disk.read_vec(offset, usize::try_from(site.size.bytes()).unwrap_or(0))?;
        let (header, _) = GptHeader::ref_from_prefix(&sector)
            .map_err(|_| ReadError::past_end("GPT header", offset, 92, disk.len()))?;
        if header.signature != SIGNATURE {
            return Err(ReadError::corrupt("GPT header").at(offset).expected("the signature EFI PART"));
        }
        check_revision(header, offset)?;
        if trust == Trust::Verified {
            check_sums(header, &sector, offset)?;
            check_field(header.my_lba.get(), site.lba.0, "own address", offset)?;
        }
        Self::from_layout(disk, header, site, offset)
    }

    fn from_layout(disk: &dyn ReadAt, header: &GptHeader, site: Site, offset: u64) -> Result<Self> {
        let corrupt = || ReadError::corrupt("GPT header").at(offset);
        let entry_size = header.size_of_partition_entry.get();
        if entry_size < LEAST_ENTRY_SIZE || !entry_size.is_multiple_of(8) {
            return Err(corrupt().expected("entries of 128·2ⁿ bytes").found(format!("{entry_size} bytes")));
        }
        let array_size =
            u64::from(entry_size).saturating_mul(u64::from(header.number_of_partition_entries.get()));
        let entries_lba = Lba(header.partition_entry_lba.get());
        let array_offset = entries_lba.offset(site.size);
        let array_end = array_offset.and_then(|start| start.checked_add(array_size));
        let (Some(array_offset), Some(_)) = (array_offset, array_end.filter(|end| *end <= disk.len())) else {
            return Err(corrupt()
                .expected(format!("an entry array within the {} bytes of the disk", disk.len()))
                .found(format!("{array_size} bytes from sector {}", entries_lba.0)));
        };
        if entry_size > MOST_ENTRY_SIZE || array_size > MOST_ARRAY_SIZE {
            return Err(ReadError::unsupported("GPT header")
                .at(offset)
                .expected(format!("entries up to {MOST_ENTRY_SIZE} bytes, {MOST_ARRAY_SIZE} bytes together"))
                .found(format!("{entry_size} bytes, {array_size} bytes together")));
        }
        Ok(Self {
            site,
            alternate: Lba(header.alternate_lba.get()),
            first_usable: Lba(header.first_usable_lba.get()),
            last_usable: Lba(header.last_usable_lba.get()),
            disk_guid: Guid(header.disk_guid),
            entry_size: usize::try_from(entry_size).unwrap_or(usize::MAX),
            array_offset,
            array_size: usize::try_from(array_size).unwrap_or(0),
            array_crc32: header.partition_entry_array_crc32.get(),
        })
    }

    /// The array of entries, and whether its checksum holds.
    pub(crate) fn array(&self, disk: &dyn ReadAt) -> Result<(Vec<u8>, bool)> {
        let bytes = disk.read_vec(self.array_offset, self.array_size)?;
        let is_sound = crc32(&bytes) == self.array_crc32;
        Ok((bytes, is_sound))
    }

    /// The error of an array whose checksum does not hold.
    pub(crate) fn array_error(&self) -> ReadError {
        ReadError::corrupt("GPT entry array")
            .at(self.array_offset)
            .expected(format!("the checksum {:08x}", self.array_crc32))
    }

    /// Whether two headers describe the same partitions.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let facts = |header: &Self| {
            (
                header.disk_guid,
                header.first_usable,
                header.last_usable,
                header.entry_size,
                header.array_size,
                header.array_crc32,
            )
        };
        facts(self) == facts(other)
    }
}

fn check_revision(header: &GptHeader, offset: u64) -> Result<()> {
    let revision = header.revision.get();
    if revision >> 16 == MAJOR_REVISION {
        return Ok(());
    }
    Err(ReadError::unsupported("GPT header")
        .at(offset)
        .expected("revision 1.0")
        .found(format!("revision {revision:08x}")))
}

fn check_sums(header: &GptHeader, sector: &[u8], offset: u64) -> Result<()> {
    let size = header.header_size.get();
    let covered = usize::try_from(size).ok().and_then(|size| sector.get(..size));
    let Some(covered) = covered.filter(|_| size >= LEAST_HEADER_SIZE) else {
        return Err(ReadError::corrupt("GPT header")
            .at(offset)
            .expected(format!("a size from {LEAST_HEADER_SIZE} to {}", sector.len()))
            .found(format!("{size} bytes")));
    };
    let (before, from) = covered.split_at_checked(HEADER_CRC32_OFFSET).unwrap_or((covered, &[]));
    let after = from.get(4..).unwrap_or_default();
    let sum = crc32_of([before, &[0; 4], after]);
    check_field(u64::from(sum), u64::from(header.header_crc32.get()), "checksum", offset)
}

fn check_field(found: u64, expected: u64, field: &str, offset: u64) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(ReadError::corrupt("GPT header")
        .at(offset)
        .expected(format!("{field} {expected:x}"))
        .found(format!("{found:x}")))
}
