use vminspect_bytes::ReadAt;

use crate::Result;
use crate::sector::read_within;

/// What kind of thing a volume holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ContentKind {
    /// A filesystem.
    FileSystem,
    /// Swap space: no files.
    Swap,
    /// Something that holds volumes itself: LVM, RAID.
    Container,
    /// Encrypted; a key is needed.
    Encrypted,
}

/// What a volume seems to hold, by its signature alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Content {
    /// Name as `blkid` spells it, where it knows the format: `vfat`, `xfs`, `LVM2_member`.
    pub name: &'static str,
    /// What kind of thing that is.
    pub kind: ContentKind,
}

/// A signature: bytes at a place.
struct Magic {
    offset: u64,
    bytes: &'static [u8],
    content: Content,
}

const fn magic(offset: u64, bytes: &'static [u8], name: &'static str, kind: ContentKind) -> Magic {
    Magic { offset, bytes, content: Content { name, kind } }
}

const FILE_SYSTEM: ContentKind = ContentKind::FileSystem;
const SWAP: ContentKind = ContentKind::Swap;
const CONTAINER: ContentKind = ContentKind::Container;
const ENCRYPTED: ContentKind = ContentKind::Encrypted;

/// Longest signature in [`MAGICS`].
const LONGEST: usize = 16;

/// Containers first, since what they contain may show through them.
static MAGICS: &[Magic] = &[
    magic(0, b"LUKS\xBA\xBE", "crypto_LUKS", ENCRYPTED),
    magic(3, b"-FVE-FS-", "BitLocker", ENCRYPTED),
    magic(0, b"LABELONE", "LVM2_member", CONTAINER),
    magic(512, b"LABELONE", "LVM2_member", CONTAINER),
    magic(1024, b"LABELONE", "LVM2_member", CONTAINER),
    magic(1536, b"LABELONE", "LVM2_member", CONTAINER),
    magic(0, b"\xFC\x4E\x2B\xA9", "linux_raid_member", CONTAINER),
    magic(4096, b"\xFC\x4E\x2B\xA9", "linux_raid_member", CONTAINER),
    magic(3, b"NTFS    ", "ntfs", FILE_SYSTEM),
    magic(3, b"EXFAT   ", "exfat", FILE_SYSTEM),
    magic(3, b"ReFS\0\0\0\0", "ReFS", FILE_SYSTEM),
    magic(0, b"XFSB", "xfs", FILE_SYSTEM),
    magic(0, b"hsqs", "squashfs", FILE_SYSTEM),
    magic(0, b"sqsh", "squashfs", FILE_SYSTEM),
    magic(0, b"\x45\x3D\xCD\x28", "cramfs", FILE_SYSTEM),
    magic(0, b"-rom1fs-", "romfs", FILE_SYSTEM),
    magic(0x20, b"NXSB", "apfs", FILE_SYSTEM),
    magic(1024, b"\x10\x20\xF5\xF2", "f2fs", FILE_SYSTEM),
    magic(1024, b"\xE2\xE1\xF5\xE0", "erofs", FILE_SYSTEM),
    magic(1024, b"H+\x00\x04", "hfsplus", FILE_SYSTEM),
    magic(1024, b"HX\x00\x05", "hfsplus", FILE_SYSTEM),
    magic(1024, b"BD", "hfs", FILE_SYSTEM),
    magic(1030, b"\x34\x34", "nilfs2", FILE_SYSTEM),
    magic(1080, b"\x53\xEF", "ext", FILE_SYSTEM),
    magic(0x1018, b"\xC6\x85\x73\xF6\x4E\x1A\x45\xCA\x82\x65\xF5\x7F\x48\xBA\x6D\x81", "bcache", CONTAINER),
    magic(
        0x1018,
        b"\xC6\x85\x73\xF6\x66\xCE\x90\xA9\xD9\x6A\x60\xCF\x80\x3D\xF7\xEF",
        "bcachefs",
        FILE_SYSTEM,
    ),
    magic(4086, b"SWAPSPACE2", "swap", SWAP),
    magic(4086, b"SWAP-SPACE", "swap", SWAP),
    magic(8182, b"SWAPSPACE2", "swap", SWAP),
    magic(16374, b"SWAPSPACE2", "swap", SWAP),
    magic(65526, b"SWAPSPACE2", "swap", SWAP),
    magic(4086, b"S1SUSPEND", "swsuspend", SWAP),
    magic(9564, b"\x54\x19\x01\x00", "ufs", FILE_SYSTEM),
    magic(66908, b"\x19\x01\x54\x19", "ufs", FILE_SYSTEM),
    magic(32768, b"JFS1", "jfs", FILE_SYSTEM),
    // A disc may carry both UDF and ISO 9660; UDF's descriptors come in one of the sectors behind.
    magic(34817, b"NSR0", "udf", FILE_SYSTEM),
    magic(36865, b"NSR0", "udf", FILE_SYSTEM),
    magic(38913, b"NSR0", "udf", FILE_SYSTEM),
    magic(40961, b"NSR0", "udf", FILE_SYSTEM),
    magic(32769, b"CD001", "iso9660", FILE_SYSTEM),
    magic(32769, b"BEA01", "udf", FILE_SYSTEM),
    magic(65588, b"ReIsEr", "reiserfs", FILE_SYSTEM),
    magic(65536, b"\x01\x16\x19\x70", "gfs2", FILE_SYSTEM),
    magic(65600, b"_BHRfS_M", "btrfs", FILE_SYSTEM),
    magic(131_072, b"\x0C\xB1\xBA\x00\x00\x00\x00\x00", "zfs_member", CONTAINER),
    magic(0x10_0000, b"\x0D\xD0\x01\xC0", "VMFS_volume_member", CONTAINER),
    magic(0x20_0000, b"\x5E\xF1\xAB\x2F", "VMFS", FILE_SYSTEM),
];

/// What `volume` seems to hold, or `None` when no signature is known. A signature is no proof: it may be left
/// over from what the volume held before.
///
/// # Errors
/// When the volume cannot be read.
pub fn identify(volume: &dyn ReadAt) -> Result<Option<Content>> {
    for magic in MAGICS {
        if stands_at(volume, magic.offset, magic.bytes)? {
            return Ok(Some(magic.content));
        }
    }
    if let Some(content) = read_within::<512>(volume, 0)?.as_ref().and_then(boot_sector_content) {
        return Ok(Some(content));
    }
    Ok(has_md_superblock_at_end(volume)?.then_some(Content { name: "linux_raid_member", kind: CONTAINER }))
}

/// The filesystem whose boot sector this is, for those whose boot sectors end in the signature that a master
/// boot record has, too.
pub(crate) fn boot_sector_content(sector: &[u8; 512]) -> Option<Content> {
    let known = MAGICS.iter().filter(|magic| magic.offset == 3);
    let named =
        known.into_iter().find(|magic| sector.get(3..).is_some_and(|rest| rest.starts_with(magic.bytes)));
    let named = named.map(|magic| magic.content);
    named.or_else(|| is_fat(sector).then_some(Content { name: "vfat", kind: FILE_SYSTEM }))
}

/// Whether the BIOS parameter block of FAT makes sense. FAT has no signature of its own: the texts
/// `FAT12` and `FAT32` in it are decoration, and the jump in front is not always there.
fn is_fat(sector: &[u8; 512]) -> bool {
    let Some([size0, size1, cluster, reserved0, reserved1, fats]) = sector.get(11..17) else { return false };
    let media = sector.get(21).copied().unwrap_or(0);
    let sector_size = u16::from_le_bytes([*size0, *size1]);
    let reserved = u16::from_le_bytes([*reserved0, *reserved1]);
    matches!(sector_size, 512 | 1024 | 2048 | 4096)
        && cluster.is_power_of_two()
        && reserved != 0
        && matches!(fats, 1..=2)
        && (media == 0xF0 || media >= 0xF8)
}

/// Linux software RAID keeps superblocks of version 0.90 and 1.0 near the end.
fn has_md_superblock_at_end(volume: &dyn ReadAt) -> Result<bool> {
    const BLOCK: u64 = 64 << 10;
    const MAGIC: &[u8] = b"\xFC\x4E\x2B\xA9";
    let old = (volume.len() & !BLOCK.saturating_sub(1)).checked_sub(BLOCK);
    let new = volume.len().checked_sub(8 << 10).map(|offset| offset & !4095);
    for offset in [old, new].into_iter().flatten() {
        if stands_at(volume, offset, MAGIC)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stands_at(volume: &dyn ReadAt, offset: u64, bytes: &[u8]) -> Result<bool> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let end = offset.checked_add(length);
    if end.is_none_or(|end| end > volume.len()) {
        return Ok(false);
    }
    let mut buffer = [0; LONGEST];
    let Some(buffer) = buffer.get_mut(..bytes.len()) else { return Ok(false) };
    volume.read_exact_at(offset, buffer)?;
    Ok(buffer == bytes)
}
