use std::sync::Arc;

use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use crate::{DRIVERS, Result};

/// A volume on a disk.
#[derive(Clone)]
pub struct Volume {
    /// Number as Linux counts partitions: 1 to 4 are MBR primaries, logical ones begin at 5; GPT slots from 1.
    /// 0 for a disk without partitions.
    pub number: u32,
    /// Type: a GUID in GPT, two hexadecimal digits in MBR; empty for a disk without partitions.
    pub kind: String,
    /// What the type means, where it is known: `Linux filesystem`.
    pub kind_name: Option<&'static str>,
    /// Name of a GPT partition.
    pub name: Option<String>,
    /// PARTUUID as Linux spells it: a GUID in GPT, disk id and number in MBR.
    pub uuid: Option<String>,
    /// Flags in the scheme's words: `active`, `hidden`.
    pub flags: Vec<String>,
    /// The range on the disk in bytes, as recorded; it may pass the end of a truncated disk.
    pub range: ByteRange,
    /// The bytes, as far as the disk has them.
    pub bytes: Arc<dyn ReadAt>,
}

/// The volumes of a disk.
#[derive(Clone)]
pub struct VolumeTable {
    /// `gpt`, `mbr`, or `none` for a filesystem straight on the disk.
    pub scheme: &'static str,
    /// Bytes in a sector, as the scheme's addresses count.
    pub sector_size: u64,
    /// Identity of the disk: GPT's disk GUID, MBR's disk id in hexadecimal.
    pub disk_id: Option<String>,
    /// The volumes, by position on the disk.
    pub volumes: Vec<Volume>,
    /// What is wrong with the table, though volumes could be read.
    pub problems: Vec<ReadError>,
}

impl VolumeTable {
    /// Reads the volumes of `disk`. A disk without a partition table is one volume.
    ///
    /// # Errors
    /// When the disk cannot be read, both copies of its GPT are destroyed, or it has the partition table of a
    /// machine that is not supported. [`VolumeTable::whole`] is what is left then.
    pub fn read(disk: Arc<dyn ReadAt>) -> Result<Self> {
        for driver in DRIVERS {
            if (driver.probe)(&*disk)? {
                return (driver.open)(&disk);
            }
        }
        Ok(Self::whole(disk))
    }

    /// The disk as one volume.
    #[must_use]
    pub fn whole(disk: Arc<dyn ReadAt>) -> Self {
        let volume = Volume {
            number: 0,
            kind: String::new(),
            kind_name: None,
            name: None,
            uuid: None,
            flags: Vec::new(),
            range: ByteRange::at(0, disk.len()),
            bytes: disk,
        };
        Self { scheme: "none", sector_size: 512, disk_id: None, volumes: vec![volume], problems: Vec::new() }
    }
}
