//! The boot sector: sizes, and where the MFT begins. A copy of it lies behind the volume's last cluster.

use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::address::ClusterSize;
use super::layout::{BOOT_SECTOR_SIZE, FILE_SIGNATURE, OEM_ID, RawBootSector};

/// Smallest and largest record of the MFT, and block of an index, that any version wrote, with room to spare.
const RECORD_SIZES: std::ops::RangeInclusive<u32> = 512..=(64 << 10);
/// Windows 10 made clusters of up to 2 MiB possible.
const LARGEST_CLUSTER: u32 = 2 << 20;

/// Sizes and places of a volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Geometry {
    pub(super) sector_size: u32,
    pub(super) cluster: ClusterSize,
    /// Bytes of an MFT record.
    pub(super) record_size: u32,
    /// Bytes of an index block, as the boot sector has it; each index has its own.
    pub(super) index_size: u32,
    /// Clusters of the volume.
    pub(super) clusters: u64,
    /// First cluster of the MFT and of its mirror.
    pub(super) mft: u64,
    pub(super) mft_mirror: u64,
    pub(super) serial_number: u64,
    /// Bytes of the volume as the boot sector has them.
    pub(super) size: u64,
}

impl Geometry {
    pub(super) fn record_bytes(&self) -> u64 {
        u64::from(self.record_size)
    }

    /// Whether some clusters lie on the volume.
    pub(super) fn contains(&self, first: u64, count: u64) -> bool {
        first.checked_add(count).is_some_and(|end| end <= self.clusters)
    }

    /// Parses a boot sector that lies at `offset`.
    ///
    /// # Errors
    /// When it is none of NTFS, or a size in it cannot be.
    pub(super) fn parse(sector: &[u8], offset: u64) -> Result<Self, ReadError> {
        let damaged = || ReadError::corrupt("NTFS boot sector").at(offset);
        let (raw, _) =
            RawBootSector::ref_from_prefix(sector).map_err(|_| damaged().found("an end within it"))?;
        if raw.oem_id != OEM_ID {
            return Err(damaged().expected("the name NTFS").found(format!("{:02x?}", raw.oem_id)));
        }
        let sector_size = u32::from(raw.bytes_per_sector.get());
        if !sector_size.is_power_of_two() || !(256..=4096).contains(&sector_size) {
            return Err(damaged()
                .expected("sectors of 256 to 4096 bytes")
                .found(format!("{sector_size} bytes")));
        }
        let cluster = cluster_size(raw.sectors_per_cluster, sector_size).ok_or_else(|| {
            damaged()
                .expected("clusters of 256 bytes to 2 MiB")
                .found(format!("a code of {:#04x} for their sectors", raw.sectors_per_cluster))
        })?;
        let size = |code: i8, structure: &str| {
            record_size(code, cluster).ok_or_else(|| {
                damaged()
                    .expected(format!("{structure} of 512 bytes to 64 KiB"))
                    .found(format!("code {code}"))
            })
        };
        let size_in_sectors = raw.number_of_sectors.get();
        let size_in_bytes = size_in_sectors
            .checked_mul(u64::from(sector_size))
            .filter(|size| *size >= cluster.bytes() && *size <= 1 << 62)
            .ok_or_else(|| damaged().found(format!("{size_in_sectors} sectors")))?;
        let geometry = Self {
            sector_size,
            cluster,
            record_size: size(raw.clusters_per_mft_record, "MFT records")?,
            index_size: size(raw.clusters_per_index_record, "index blocks")?,
            clusters: size_in_bytes.checked_div(cluster.bytes()).unwrap_or(0),
            mft: raw.mft_lcn.get(),
            mft_mirror: raw.mft_mirror_lcn.get(),
            serial_number: raw.volume_serial_number.get(),
            size: size_in_bytes,
        };
        if !geometry.contains(geometry.mft, 1) && !geometry.contains(geometry.mft_mirror, 1) {
            return Err(damaged()
                .expected(format!("an MFT below cluster {}", geometry.clusters))
                .found(format!("cluster {}", geometry.mft)));
        }
        Ok(geometry)
    }
}

/// Bytes of a cluster.
fn cluster_size(code: u8, sector_size: u32) -> Option<ClusterSize> {
    let sectors =
        if code > 0x80 { 1_u32.checked_shl(u32::from(code.wrapping_neg()))? } else { u32::from(code) };
    let bytes = sectors.checked_mul(sector_size)?;
    (bytes.is_power_of_two() && bytes <= LARGEST_CLUSTER).then_some(ClusterSize(bytes))
}

/// Bytes of a record: clusters, or where negative a power of two.
fn record_size(code: i8, cluster: ClusterSize) -> Option<u32> {
    let bytes = match u32::try_from(code) {
        Ok(clusters) => clusters.checked_mul(cluster.0)?,
        Err(_) => 1_u32.checked_shl(u32::from(code.unsigned_abs()))?,
    };
    (bytes.is_power_of_two() && RECORD_SIZES.contains(&bytes)).then_some(bytes)
}

/// The geometry of a volume, from its boot sector or, where that is damaged, from the copy. What is wrong with
/// the first is added to `problems`.
///
/// # Errors
/// When neither can be used.
pub(super) fn read(volume: &dyn ReadAt, problems: &mut Vec<ReadError>) -> Result<Geometry, ReadError> {
    let primary = volume.read_array::<BOOT_SECTOR_SIZE>(0).and_then(|sector| Geometry::parse(&sector, 0));
    let error = match primary {
        Ok(geometry) => return Ok(geometry),
        Err(error) => error,
    };
    let Some((geometry, offset)) = backup(volume) else {
        return Err(error.advice("there is no usable copy of it at the end of the volume either"));
    };
    problems.push(error.advice(format!("its copy at byte {offset} is used")));
    Ok(geometry)
}

/// The copy of the boot sector, and where it is: in the last sector, whose size is not known yet.
fn backup(volume: &dyn ReadAt) -> Option<(Geometry, u64)> {
    [512, 1024, 2048, 4096, 256].into_iter().find_map(|sector_size: u64| {
        let offset = volume.len().checked_sub(sector_size)?;
        let length = usize::try_from(sector_size).ok()?.min(BOOT_SECTOR_SIZE);
        let sector = volume.read_vec(offset, length.max(BOOT_SECTOR_SIZE)).ok()?;
        let geometry = Geometry::parse(&sector, offset).ok()?;
        (u64::from(geometry.sector_size) == sector_size && geometry.size <= volume.len())
            .then_some((geometry, offset))
    })
}

/// Signatures of what may have been put over an NTFS volume, whose copy of the boot sector is still there then.
const OTHERS: &[(usize, &[u8])] = &[
    (0, b"LUKS"),
    (0, b"XFSB"),
    (3, b"-FVE-FS-"),
    (3, b"EXFAT   "),
    (4086, b"SWAPSPACE2"),
    (536, b"LVM2 001"),
];

/// Whether a volume is NTFS: by its boot sector, or by the copy and a record where that says the MFT is.
pub(super) fn probe(volume: &dyn ReadAt) -> Result<bool, ReadError> {
    if volume.len() < 4096 {
        return Ok(false);
    }
    let start = volume.read_array::<4096>(0)?;
    if start.get(3..11) == Some(&OEM_ID) {
        return Ok(true);
    }
    if OTHERS.iter().any(|(at, signature)| start.get(*at..).is_some_and(|rest| rest.starts_with(signature))) {
        return Ok(false);
    }
    let Some((geometry, _)) = backup(volume) else { return Ok(false) };
    let has_record = |lcn: u64| {
        let offset = geometry.cluster.of(lcn);
        volume.read_array::<4>(offset).is_ok_and(|signature| signature == FILE_SIGNATURE)
    };
    Ok(has_record(geometry.mft) || has_record(geometry.mft_mirror))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_codes() {
        assert_eq!(cluster_size(8, 512), Some(ClusterSize(4096)));
        assert_eq!(cluster_size(0x80, 512), Some(ClusterSize(65536)));
        assert_eq!(cluster_size(0xf8, 512), Some(ClusterSize(128 << 10)));
        assert_eq!(cluster_size(0xf4, 512), Some(ClusterSize(2 << 20)));
        assert_eq!(cluster_size(0xf3, 512), None);
        assert_eq!(cluster_size(0xf4, 4096), None);
        assert_eq!(cluster_size(0x81, 512), None);
        assert_eq!(cluster_size(3, 512), None);
        assert_eq!(cluster_size(0, 512), None);
        let cluster = ClusterSize(4096);
        assert_eq!(record_size(-10, cluster), Some(1024));
        assert_eq!(record_size(1, cluster), Some(4096));
        assert_eq!(record_size(-12, ClusterSize(2 << 20)), Some(4096));
        assert_eq!(record_size(-8, cluster), None);
        assert_eq!(record_size(-128, cluster), None);
        assert_eq!(record_size(0, cluster), None);
        assert_eq!(record_size(127, ClusterSize(2 << 20)), None);
    }
}
