//! The boot sector with its BIOS parameter block, and the backup of it that FAT32 has.

use vminspect_bytes::{ByteRange, ReadAt, ReadError};
use zerocopy::FromBytes;

use super::geometry::{Geometry, Kind, Root};
use super::layout::{
    BOOT_SECTOR_SIZE, EXTENDED, EXTENDED_SHORT, LEAD_SIGNATURE, MIRRORING_OFF, RawBpb, RawExtended, RawFat32,
    SIGNATURE, SIGNATURE_OFFSET, SLOT, STATE_DIRTY, STATE_ERROR, STRUCTURE_SIGNATURE,
    STRUCTURE_SIGNATURE_OFFSET,
};
use super::widen;
use crate::{Error, Result};

/// Sector sizes that exist.
const SECTOR_SIZES: [u16; 4] = [512, 1024, 2048, 4096];
/// Sector in which every tool puts the backup.
const BACKUP_SECTOR: u16 = 6;
/// The parameters that a system does not change.
const PARAMETERS: std::ops::Range<usize> = 0x0B..0x40;

type Sector = [u8; BOOT_SECTOR_SIZE];

/// What a boot sector says.
#[derive(Clone, Debug)]
pub(super) struct BootSector {
    /// Where it stands.
    pub(super) offset: u64,
    pub(super) geometry: Geometry,
    pub(super) media: u8,
    pub(super) serial: Option<u32>,
    pub(super) label: Option<[u8; 11]>,
    pub(super) is_dirty: bool,
    pub(super) needs_test: bool,
    /// FSInfo and the backup, where FAT32 has them.
    fs_info: Option<u64>,
    backup: Option<u64>,
    /// The 32 bytes that say where the root directory is.
    pub(super) root_place: ByteRange,
    /// What is odd about it though it can be used.
    oddities: Vec<ReadError>,
}

fn damaged(offset: u64) -> ReadError {
    ReadError::corrupt("FAT boot sector").at(offset)
}

/// Whether the volume is FAT.
pub(super) fn probe(volume: &dyn ReadAt) -> Result<bool, ReadError> {
    if volume.len() < widen(BOOT_SECTOR_SIZE) {
        return Ok(false);
    }
    match read_sector(volume, 0) {
        Ok(sector) if BootSector::from_bytes(&sector, 0).is_ok() => Ok(true),
        Ok(sector) => Ok(find_backup(volume, Some(&sector)).is_some()),
        Err(error) => find_backup(volume, None).map(|_| true).ok_or(error),
    }
}

fn read_sector(volume: &dyn ReadAt, offset: u64) -> Result<Sector, ReadError> {
    let mut sector = [0; BOOT_SECTOR_SIZE];
    volume.read_exact_at(offset, &mut sector)?;
    Ok(sector)
}

/// A FAT32 backup for a primary boot sector that cannot be used. Filesystems that were made over an old FAT32
/// may leave its backup where it was; so the primary must look lost rather than replaced, and what
/// surrounds both must be FAT32's.
fn find_backup(volume: &dyn ReadAt, primary: Option<&Sector>) -> Option<BootSector> {
    SECTOR_SIZES.into_iter().find_map(|size| {
        let offset = u64::from(size).saturating_mul(u64::from(BACKUP_SECTOR));
        let sector = read_sector(volume, offset).ok()?;
        let backup = BootSector::from_bytes(&sector, offset).ok()?;
        let geometry = &backup.geometry;
        let fits = geometry.kind == Kind::Fat32
            && geometry.sector_size == u32::from(size)
            && backup.backup == Some(offset)
            && primary.is_none_or(|primary| is_lost(primary, &sector))
            && has_fs_info(volume, u64::from(size))
            && begins_with_media(volume, &backup);
        fits.then_some(backup)
    })
}

/// Whether a sector was wiped, or is the other but for some damage.
fn is_lost(primary: &Sector, backup: &Sector) -> bool {
    let (first, rest) = primary.split_first().unwrap_or((&0, &[]));
    let equal = primary.iter().zip(backup).filter(|(a, b)| a == b).count();
    rest.iter().all(|byte| byte == first) || equal >= BOOT_SECTOR_SIZE / 4 * 3
}

/// Whether FSInfo stands in sector 1, or was wiped with the boot sector.
fn has_fs_info(volume: &dyn ReadAt, offset: u64) -> bool {
    read_sector(volume, offset)
        .is_ok_and(|sector| is_fs_info(&sector) || sector.iter().all(|byte| Some(byte) == sector.first()))
}

fn is_fs_info(sector: &Sector) -> bool {
    let word =
        |at: usize| sector.get(at..).and_then(|rest| rest.first_chunk()).copied().map(u32::from_le_bytes);
    word(0) == Some(LEAD_SIGNATURE) && word(STRUCTURE_SIGNATURE_OFFSET) == Some(STRUCTURE_SIGNATURE)
}

/// Whether the first table begins as one does.
fn begins_with_media(volume: &dyn ReadAt, boot: &BootSector) -> bool {
    let mut entry = [0; 4];
    let first = [boot.media, 0xFF, 0xFF];
    volume.read_exact_at(boot.geometry.fat_start, &mut entry).is_ok() && entry.starts_with(&first)
}

impl BootSector {
    /// Reads the boot sector of a volume, or its backup; tells what is wrong.
    ///
    /// # Errors
    /// When neither can be used.
    pub(super) fn read(volume: &dyn ReadAt, problems: &mut Vec<Error>) -> Result<Self> {
        let sector = read_sector(volume, 0);
        let primary = sector.clone().and_then(|sector| Self::from_bytes(&sector, 0));
        let boot = match primary {
            Ok(boot) => boot,
            Err(error) => {
                let Some(boot) = find_backup(volume, sector.as_ref().ok()) else { return Err(error.into()) };
                let advice = format!("the backup at byte {} is used", boot.offset);
                problems.push(error.advice(advice).into());
                boot
            }
        };
        problems.extend(boot.oddities.iter().cloned().map(Error::from));
        if let Ok(sector) = sector
            && boot.offset == 0
        {
            boot.compare_backup(volume, &sector, problems);
        }
        boot.check_fs_info(volume, problems);
        Ok(boot)
    }

    fn compare_backup(&self, volume: &dyn ReadAt, sector: &Sector, problems: &mut Vec<Error>) {
        let Some(offset) = self.backup else { return };
        let error = match read_sector(volume, offset) {
            Ok(backup) if backup.get(PARAMETERS) == sector.get(PARAMETERS) => return,
            Ok(_) => ReadError::corrupt("FAT32 backup boot sector")
                .at(offset)
                .expected("the parameters of the boot sector")
                .found("others"),
            Err(error) => ReadError::corrupt("FAT32 backup boot sector").at(offset).caused_by(error),
        };
        problems.push(error.into());
    }

    fn check_fs_info(&self, volume: &dyn ReadAt, problems: &mut Vec<Error>) {
        let Some(offset) = self.fs_info else { return };
        let damaged = || ReadError::corrupt("FSInfo sector").at(offset);
        let error = match read_sector(volume, offset) {
            Ok(sector) if is_fs_info(&sector) => return,
            Ok(_) => damaged().expected("its signatures").found("others"),
            Err(error) => damaged().caused_by(error),
        };
        problems.push(error.into());
    }

    /// The boot sector that these bytes at `offset` are.
    ///
    /// # Errors
    /// When they are none of FAT's.
    pub(super) fn from_bytes(bytes: &Sector, offset: u64) -> Result<Self, ReadError> {
        let short = |_| damaged(offset).expected("512 bytes");
        let (bpb, rest) = RawBpb::ref_from_prefix(bytes).map_err(|_| short(()))?;
        let fat32 = bpb.bpb_fatsz16.get() == 0;
        let (raw32, after) = RawFat32::ref_from_prefix(rest).map_err(|_| short(()))?;
        let (extended, _) =
            RawExtended::ref_from_prefix(if fat32 { after } else { rest }).map_err(|_| short(()))?;
        check_text(bpb, extended, offset)?;
        check_counts(bpb, offset)?;
        let has_signature = bytes.get(SIGNATURE_OFFSET..) == Some(&SIGNATURE);
        let has_type = [&b"FAT12   "[..], b"FAT16   ", b"FAT     ", b"FAT32   "]
            .contains(&&extended.bs_fil_sys_type[..]);
        if !has_signature && !has_type {
            return Err(damaged(offset).expected("the signature 0x55aa at its end, or the name of a type"));
        }
        let geometry = geometry(bpb, fat32.then_some(raw32), offset)?;
        let mut oddities = Vec::new();
        if !has_signature {
            oddities.push(damaged(offset).expected("the signature 0x55aa at its end").found("none"));
        }
        let sector = |number: u16| {
            let known = fat32 && number != 0 && number != u16::MAX && number < bpb.bpb_rsvd_sec_cnt.get();
            known.then(|| u64::from(number).saturating_mul(u64::from(geometry.sector_size)))
        };
        let (fs_info, backup) = (sector(raw32.bpb_fsinfo.get()), sector(raw32.bpb_bk_boot_sec.get()));
        if fat32 && raw32.bpb_fsver.get() != 0 {
            let version = raw32.bpb_fsver.get();
            let found = format!("version {}.{}, which is read like 0.0", version >> 8, version & 0xFF);
            oddities.push(ReadError::unsupported("FAT32 version").at(offset).found(found));
        }
        let root_place = offset.saturating_add(if fat32 { widen(SLOT) } else { 0 });
        let signature = extended.bs_boot_sig;
        Ok(Self {
            offset,
            media: bpb.bpb_media,
            serial: matches!(signature, EXTENDED | EXTENDED_SHORT).then(|| extended.bs_vol_id.get()),
            label: (signature == EXTENDED).then_some(extended.bs_vol_lab),
            is_dirty: extended.bs_reserved1 & STATE_DIRTY != 0,
            needs_test: extended.bs_reserved1 & STATE_ERROR != 0,
            fs_info,
            backup,
            root_place: ByteRange::at(root_place, widen(SLOT)),
            oddities,
            geometry,
        })
    }
}

/// Boot sectors of others begin like this one; some even have sane parameters.
fn check_text(bpb: &RawBpb, extended: &RawExtended, offset: u64) -> Result<(), ReadError> {
    let others: [&[u8; 8]; 4] = [b"NTFS    ", b"EXFAT   ", b"-FVE-FS-", b"ReFS\0\0\0\0"];
    // OS/2 puts such a sector in front of its own filesystems.
    let types: [&[u8; 8]; 2] = [b"JFS     ", b"HPFS    "];
    let other = others.into_iter().find(|name| **name == bpb.bs_oem_name);
    match other.or_else(|| types.into_iter().find(|name| **name == extended.bs_fil_sys_type)) {
        Some(name) => Err(damaged(offset).found(format!("that of {}", String::from_utf8_lossy(name).trim()))),
        None => Ok(()),
    }
}

fn check_counts(bpb: &RawBpb, offset: u64) -> Result<(), ReadError> {
    let check = |sound: bool, expected: &'static str, found: u32| {
        if sound { Ok(()) } else { Err(damaged(offset).expected(expected).found(found.to_string())) }
    };
    let sector_size = bpb.bpb_byts_per_sec.get();
    let media = bpb.bpb_media;
    check(SECTOR_SIZES.contains(&sector_size), "sectors of 512 to 4096 bytes", sector_size.into())?;
    check(
        bpb.bpb_sec_per_clus.is_power_of_two(),
        "a power of two as sectors in a cluster",
        bpb.bpb_sec_per_clus.into(),
    )?;
    check(bpb.bpb_rsvd_sec_cnt.get() != 0, "reserved sectors", 0)?;
    check(matches!(bpb.bpb_num_fats, 1..=4), "one to four tables", bpb.bpb_num_fats.into())?;
    check(media == 0xF0 || media >= 0xF8, "the medium 0xf0 or 0xf8 to 0xff", media.into())
}

/// The measures that the parameters give.
fn geometry(bpb: &RawBpb, raw32: Option<&RawFat32>, offset: u64) -> Result<Geometry, ReadError> {
    let sector_size = u32::from(bpb.bpb_byts_per_sec.get());
    let sectors = match bpb.bpb_tot_sec16.get() {
        0 => u64::from(bpb.bpb_tot_sec32.get()),
        sectors => u64::from(sectors),
    };
    let fat_sectors = match raw32 {
        Some(raw32) => u64::from(raw32.bpb_fatsz32.get()),
        None => u64::from(bpb.bpb_fatsz16.get()),
    };
    if fat_sectors == 0 {
        return Err(damaged(offset).expected("a length of the tables").found("none"));
    }
    let bytes = |sectors: u64| sectors.saturating_mul(u64::from(sector_size));
    let fat_start = bytes(bpb.bpb_rsvd_sec_cnt.get().into());
    let fat_size = bytes(fat_sectors);
    let root_start = fat_start.saturating_add(fat_size.saturating_mul(u64::from(bpb.bpb_num_fats)));
    let root_size = u64::from(bpb.bpb_root_ent_cnt.get()).saturating_mul(widen(SLOT));
    let data_start = root_start
        .saturating_add(root_size)
        .checked_next_multiple_of(u64::from(sector_size))
        .ok_or_else(|| damaged(offset).found("lengths past any volume"))?;
    let size = bytes(sectors);
    let cluster_size = sector_size.saturating_mul(u32::from(bpb.bpb_sec_per_clus));
    let data = size.saturating_sub(data_start);
    let counted = data.checked_div(u64::from(cluster_size)).unwrap_or(0);
    if counted == 0 {
        let expected = format!("more than the {data_start} bytes in front of the first cluster");
        return Err(damaged(offset).expected(expected).found(format!("a volume of {size} bytes")));
    }
    let kind = kind(raw32.is_some(), counted);
    let covered = kind.entries_in(fat_size).saturating_sub(2);
    let clusters = counted.min(covered).min(u64::from(kind.most_clusters()));
    let flags = raw32.map_or(0, |raw32| raw32.bpb_ext_flags.get());
    let mirrored = flags & MIRRORING_OFF == 0;
    let active = if mirrored { 0 } else { u8::try_from(flags & 0xF).unwrap_or(0) };
    if active >= bpb.bpb_num_fats {
        let expected = format!("one of {} tables as the active one", bpb.bpb_num_fats);
        return Err(damaged(offset).expected(expected).found(format!("number {active}")));
    }
    Ok(Geometry {
        kind,
        sector_size,
        cluster_size,
        clusters: u32::try_from(clusters).unwrap_or(u32::MAX),
        fat_start,
        fat_size,
        fat_count: bpb.bpb_num_fats,
        active_fat: active,
        mirrored,
        root: match raw32 {
            Some(raw32) => Root::Chain(raw32.bpb_root_clus.get()),
            None => Root::Area(ByteRange::at(root_start, root_size)),
        },
        data_start,
        size,
    })
}

/// The type, as Linux tells it.
fn kind(fat32: bool, clusters: u64) -> Kind {
    if fat32 {
        Kind::Fat32
    } else if clusters > u64::from(Kind::Fat12.most_clusters()) {
        Kind::Fat16
    } else {
        Kind::Fat12
    }
}
