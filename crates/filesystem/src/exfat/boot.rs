//! The boot regions: where everything lies, and checksums over it.

use vminspect_bytes::{ByteRange, ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::checksum::boot_checksum;
use super::layout::{
    BOOT_REGION_SECTORS, BOOT_SECTOR_SIZE, BOOT_SIGNATURE, CHECKSUM_SECTOR, FAT_ENTRY_SIZE, FILE_SYSTEM_NAME,
    FIRST_CLUSTER, FIRST_FAT_OFFSET, MOST_CLUSTER_SHIFT, ROOT_FIELD_OFFSET, RawBootSector,
    VOLUME_FLAG_ACTIVE_FAT,
};
use super::widen;
use crate::Error;

/// Smallest and largest `BytesPerSectorShift`.
const SECTOR_SHIFTS: std::ops::RangeInclusive<u8> = 9..=12;

/// The number of a cluster, from 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Cluster(pub(super) u32);

impl Cluster {
    /// The cluster `count` further on.
    pub(super) fn plus(self, count: u32) -> Self {
        Self(self.0.saturating_add(count))
    }
}

/// What a boot sector says, validated.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    /// Byte offset of the boot sector that this was read from.
    pub(super) offset: u64,
    sector_shift: u8,
    cluster_shift: u8,
    /// In bytes.
    pub(super) size: u64,
    /// Byte offset of the first FAT.
    first_fat: u64,
    /// Bytes of one FAT.
    fat_length: u64,
    heap_offset: u64,
    pub(super) cluster_count: u32,
    pub(super) root: Cluster,
    pub(super) serial_number: u32,
    /// High byte major, low byte minor.
    pub(super) revision: u16,
    pub(super) volume_flags: u16,
    pub(super) fats: u8,
}

impl Geometry {
    pub(super) fn sector_size(&self) -> u64 {
        1 << self.sector_shift
    }

    pub(super) fn cluster_size(&self) -> u64 {
        1 << self.cluster_shift
    }

    /// Whole clusters that hold this many bytes.
    pub(super) fn clusters_of(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_size())
    }

    /// Bytes of this many clusters.
    pub(super) fn bytes_of(&self, clusters: u64) -> u64 {
        clusters.saturating_mul(self.cluster_size())
    }

    /// Bytes of the cluster heap: no file is longer.
    pub(super) fn heap_size(&self) -> u64 {
        self.bytes_of(u64::from(self.cluster_count))
    }

    pub(super) fn contains(&self, cluster: Cluster) -> bool {
        cluster.0.checked_sub(FIRST_CLUSTER).is_some_and(|index| index < self.cluster_count)
    }

    /// Byte offset of a cluster on the volume.
    pub(super) fn offset_of(&self, cluster: Cluster) -> u64 {
        let index = u64::from(cluster.0.saturating_sub(FIRST_CLUSTER));
        self.heap_offset.saturating_add(self.bytes_of(index))
    }

    /// The cluster that a byte of the volume lies in.
    pub(super) fn cluster_at(&self, offset: u64) -> Cluster {
        let index = offset.saturating_sub(self.heap_offset) >> self.cluster_shift;
        Cluster(u32::try_from(index).unwrap_or(u32::MAX).saturating_add(FIRST_CLUSTER))
    }

    /// Where the FAT entry of a cluster lies, unless the FAT is too short for it.
    pub(super) fn fat_entry(&self, cluster: Cluster) -> Option<ByteRange> {
        let inside = u64::from(cluster.0).saturating_mul(FAT_ENTRY_SIZE);
        let end = inside.saturating_add(FAT_ENTRY_SIZE);
        (end <= self.fat_length)
            .then(|| ByteRange::at(self.fat().start().saturating_add(inside), FAT_ENTRY_SIZE))
    }

    /// The FAT that is in use, on the volume.
    pub(super) fn fat(&self) -> ByteRange {
        let before = if self.active_fat() == 1 { self.fat_length } else { 0 };
        ByteRange::at(self.first_fat.saturating_add(before), self.fat_length)
    }

    /// 0 for the first FAT and allocation bitmap, 1 for the second.
    pub(super) fn active_fat(&self) -> u8 {
        u8::from(self.fats == 2 && self.volume_flags & VOLUME_FLAG_ACTIVE_FAT != 0)
    }

    /// Where the first cluster of the root directory is named.
    pub(super) fn root_field(&self) -> ByteRange {
        ByteRange::at(self.offset.saturating_add(ROOT_FIELD_OFFSET), 4)
    }

    /// All of it, in order, for the layout key. What changes with every mount is left out.
    pub(super) fn words(&self) -> [u64; 9] {
        [
            self.offset,
            u64::from(self.sector_shift),
            u64::from(self.cluster_shift),
            self.first_fat,
            self.fat_length,
            self.heap_offset,
            u64::from(self.cluster_count),
            u64::from(self.root.0),
            u64::from(self.active_fat()),
        ]
    }
}

/// A boot region that was looked at.
struct Region {
    geometry: Geometry,
    /// What does not fit, though it can be read.
    doubts: Vec<ReadError>,
}

impl Region {
    /// Reads the region that begins at `offset`.
    fn read(volume: &dyn ReadAt, offset: u64) -> Result<Self, ReadError> {
        let bytes: [u8; BOOT_SECTOR_SIZE] =
            volume.read_array(offset).map_err(|error| damaged(offset).caused_by(error))?;
        let raw = RawBootSector::ref_from_bytes(&bytes)
            .map_err(|_| damaged(offset).found("fewer than 512 bytes"))?;
        let mut doubts = Vec::new();
        let geometry = parse(raw, offset, &mut doubts)?;
        doubts.extend(checksum_problem(volume, &geometry));
        Ok(Self { geometry, doubts })
    }
}

/// Reads the geometry from the main boot region, or from the backup where the main one is damaged.
///
/// # Errors
/// When neither can be used.
pub(super) fn read(volume: &dyn ReadAt, problems: &mut Vec<Error>) -> Result<Geometry, ReadError> {
    let main = Region::read(volume, 0);
    if let Ok(Region { geometry, doubts }) = &main
        && doubts.is_empty()
    {
        check_backup(volume, geometry, problems);
        return Ok(geometry.clone());
    }
    if let Some(mut backup) = sound_backup(volume) {
        // The backup's flags are those of the day it was written.
        if let Ok(main) = &main {
            backup.volume_flags = main.geometry.volume_flags;
        }
        let error = main.map_or_else(
            |error| error,
            |region| region.doubts.into_iter().next().unwrap_or_else(|| damaged(0)),
        );
        problems.push(error.advice("the backup boot region is used").into());
        return Ok(backup);
    }
    match main {
        Ok(Region { geometry, doubts }) => {
            problems.extend(doubts.into_iter().map(Error::from));
            problems.push(damaged_backup(geometry.sector_size()).found("no sound one either").into());
            Ok(geometry)
        }
        Err(error) => {
            let Some(Region { geometry, doubts }) = any_backup(volume) else { return Err(error) };
            problems.push(error.advice("the backup boot region is used").into());
            problems.extend(doubts.into_iter().map(Error::from));
            Ok(geometry)
        }
    }
}

/// Whether the volume looks like exFAT.
pub(super) fn probe(volume: &dyn ReadAt) -> Result<bool, ReadError> {
    if volume.len() < widen(BOOT_SECTOR_SIZE) {
        return Ok(false);
    }
    let bytes: [u8; BOOT_SECTOR_SIZE] = volume.read_array(0)?;
    if bytes.get(3..11) == Some(&FILE_SYSTEM_NAME[..]) {
        return Ok(true);
    }
    if is_another(&bytes) {
        return Ok(false);
    }
    // A backup outlives another format made over it, so it must fit the volume.
    Ok(sound_backup(volume).is_some_and(|backup| {
        backup.size <= volume.len() && volume.len().saturating_sub(backup.size) < MOST_BEYOND
    }))
}

/// Bytes by which a volume may be longer than the filesystem in it, for a backup alone to prove it.
const MOST_BEYOND: u64 = 32 << 20;

/// Whether the first sector is that of another format: a FAT or NTFS, a boot loader's, or any text.
fn is_another(sector: &[u8; BOOT_SECTOR_SIZE]) -> bool {
    let name = sector.get(3..11).unwrap_or_default();
    let bpb = sector.get(11..25).unwrap_or_default();
    let named = [&b"NTFS    "[..], b"-FVE-FS-", b"ReFS\0\0\0\0"].contains(&name);
    let magic = [&b"XFSB"[..], b"hsqs", b"LUKS"].iter().any(|magic| sector.starts_with(magic));
    // Bytes in a sector, sectors in a cluster, and the number of FATs.
    let fat = match bpb {
        [low, high, per_cluster, _, _, 1 | 2, ..] => {
            let bytes = u16::from_le_bytes([*low, *high]);
            bytes.is_power_of_two() && (512..=4096).contains(&bytes) && per_cluster.is_power_of_two()
        }
        _ => false,
    };
    named || magic || fat
}

/// The backup that lies where sectors of its size put it, if all of it fits its checksum.
fn sound_backup(volume: &dyn ReadAt) -> Option<Geometry> {
    backups(volume).find(|region| region.doubts.is_empty()).map(|region| region.geometry)
}

fn any_backup(volume: &dyn ReadAt) -> Option<Region> {
    backups(volume).next()
}

fn backups(volume: &dyn ReadAt) -> impl Iterator<Item = Region> + '_ {
    SECTOR_SHIFTS.filter_map(move |shift| {
        let region = Region::read(volume, BOOT_REGION_SECTORS << shift).ok()?;
        (region.geometry.sector_shift == shift).then_some(region)
    })
}

/// Tells of a backup that could not replace the main region.
fn check_backup(volume: &dyn ReadAt, main: &Geometry, problems: &mut Vec<Error>) {
    let offset = BOOT_REGION_SECTORS << main.sector_shift;
    match Region::read(volume, offset) {
        Err(error) => problems.push(error.into()),
        Ok(Region { geometry, doubts }) => {
            // Where it lies itself, and the flags, may differ.
            let differs = geometry.words().get(1..8) != main.words().get(1..8);
            problems.extend(doubts.into_iter().map(Error::from));
            if differs {
                let error =
                    damaged(offset).expected("what the main boot sector says").found("another layout");
                problems.push(error.into());
            }
        }
    }
}

fn damaged(offset: u64) -> ReadError {
    let structure = if offset == 0 { "main boot region" } else { "backup boot region" };
    ReadError::corrupt(structure).at(offset)
}

fn damaged_backup(sector_size: u64) -> ReadError {
    damaged(sector_size.saturating_mul(BOOT_REGION_SECTORS)).expected("a backup of the main boot region")
}

fn parse(raw: &RawBootSector, offset: u64, doubts: &mut Vec<ReadError>) -> Result<Geometry, ReadError> {
    if raw.file_system_name != FILE_SYSTEM_NAME {
        return Err(damaged(offset)
            .expected("the name EXFAT")
            .found(format!("{:?}", String::from_utf8_lossy(&raw.file_system_name))));
    }
    let revision = raw.file_system_revision.get();
    if revision >> 8 != 1 {
        return Err(ReadError::unsupported("exFAT revision").at(offset).expected("1.x").found(format!(
            "{}.{:02}",
            revision >> 8,
            revision & 0xFF
        )));
    }
    let (sector_shift, cluster_shift) = shifts(raw, offset)?;
    let sectors = |count: u32| u64::from(count) << sector_shift;
    let fats = raw.number_of_fats;
    if !matches!(fats, 1 | 2) {
        return Err(damaged(offset).expected("1 or 2 FATs").found(fats.to_string()));
    }
    let (fat_offset, fat_length) = (sectors(raw.fat_offset.get()), sectors(raw.fat_length.get()));
    let heap_offset = sectors(raw.cluster_heap_offset.get());
    let fats_end = fat_offset.saturating_add(fat_length.saturating_mul(u64::from(fats)));
    if raw.fat_offset.get() < FIRST_FAT_OFFSET || fats_end > heap_offset {
        return Err(damaged(offset)
            .expected(format!(
                "FATs from sector {FIRST_FAT_OFFSET} to the cluster heap at byte {heap_offset}"
            ))
            .found(format!("bytes {fat_offset} to {fats_end}")));
    }
    let geometry = Geometry {
        offset,
        sector_shift,
        cluster_shift,
        size: raw.volume_length.get().saturating_mul(1 << sector_shift),
        first_fat: fat_offset,
        fat_length,
        heap_offset,
        cluster_count: raw.cluster_count.get().min(u32::MAX.saturating_sub(10)),
        root: Cluster(raw.first_cluster_of_root_directory.get()),
        serial_number: raw.volume_serial_number.get(),
        revision,
        volume_flags: raw.volume_flags.get(),
        fats,
    };
    if !geometry.contains(geometry.root) {
        return Err(damaged(offset)
            .expected(format!("a root directory in one of {} clusters", geometry.cluster_count))
            .found(format!("cluster {}", geometry.root.0)));
    }
    doubt(raw, &geometry, doubts);
    Ok(geometry)
}

/// Shifts of the sizes of sectors and clusters, in bytes.
fn shifts(raw: &RawBootSector, offset: u64) -> Result<(u8, u8), ReadError> {
    let sector = raw.bytes_per_sector_shift;
    let cluster = sector.saturating_add(raw.sectors_per_cluster_shift);
    if !SECTOR_SHIFTS.contains(&sector) || cluster > MOST_CLUSTER_SHIFT {
        return Err(damaged(offset)
            .expected("sectors of 2^9 to 2^12 bytes, clusters of at most 2^25")
            .found(format!("2^{sector} and 2^{cluster}")));
    }
    Ok((sector, cluster))
}

/// What no sound boot sector says, though everything can be found by it.
fn doubt(raw: &RawBootSector, geometry: &Geometry, doubts: &mut Vec<ReadError>) {
    let damaged = || damaged(geometry.offset);
    if raw.boot_signature.get() != BOOT_SIGNATURE {
        let found = format!("{:#06x}", raw.boot_signature.get());
        doubts.push(damaged().expected(format!("the signature {BOOT_SIGNATURE:#06x}")).found(found));
    }
    if raw.must_be_zero.iter().any(|byte| *byte != 0) {
        doubts.push(damaged().expected("zeros in MustBeZero").found("something else"));
    }
    let heap_end = geometry.heap_offset.saturating_add(geometry.heap_size());
    if heap_end > geometry.size {
        doubts.push(
            damaged()
                .expected(format!("clusters within {} bytes", geometry.size))
                .found(format!("{heap_end} bytes")),
        );
    }
    let last = Cluster(FIRST_CLUSTER).plus(geometry.cluster_count.saturating_sub(1));
    if geometry.fat_entry(last).is_none() {
        doubts.push(
            damaged()
                .expected(format!("a FAT of {} clusters", geometry.cluster_count))
                .found(format!("{} bytes", geometry.fat_length)),
        );
    }
    if geometry.fats == 1 && geometry.volume_flags & VOLUME_FLAG_ACTIVE_FAT != 0 {
        doubts.push(damaged().expected("ActiveFat 0 where there is one FAT").found("1"));
    }
}

/// What is wrong with the checksum sector of a region, if anything.
fn checksum_problem(volume: &dyn ReadAt, geometry: &Geometry) -> Option<ReadError> {
    let length = usize::try_from(CHECKSUM_SECTOR << geometry.sector_shift).ok()?;
    let at = geometry.offset.saturating_add(widen(length));
    let sector = usize::try_from(geometry.sector_size()).ok()?;
    let read = |offset, length| volume.read_vec(offset, length);
    let (sectors, sums) = match (read(geometry.offset, length), read(at, sector)) {
        (Ok(sectors), Ok(sums)) => (sectors, sums),
        (Err(error), _) | (_, Err(error)) => return Some(damaged(geometry.offset).caused_by(error)),
    };
    let sum = boot_checksum(&sectors);
    let wrong = sums.chunks_exact(4).find(|stored| *stored != sum.to_le_bytes())?;
    let stored = wrong.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    Some(damaged(at).expected(format!("checksum {sum:#010x}")).found(format!("{stored:#010x}")))
}
