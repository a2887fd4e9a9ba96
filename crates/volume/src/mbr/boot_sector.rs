use zerocopy::FromBytes;

use super::layout::{
    BOOT_ACTIVE, BOOT_INACTIVE, ENTRIES_OFFSET, ENTRY_SIZE, MasterBootRecord, SIGNATURE, TYPE_EMPTY,
    TYPE_GPT_PROTECTIVE, TYPES_EXTENDED,
};
use crate::sector::Lba;

/// A sector that ends in the boot signature, read as a partition table: the master boot record, or an
/// extended boot record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BootSector {
    /// Disk id; 0 when there is none.
    pub(crate) disk_id: u32,
    /// The four entries, used or not.
    pub(crate) entries: [Entry; 4],
}

/// An entry of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// From 1.
    pub(crate) slot: u32,
    /// Byte on the disk.
    pub(crate) offset: u64,
    /// `BootIndicator`, as stored.
    pub(crate) boot_indicator: u8,
    /// `OSType`.
    pub(crate) kind: u8,
    /// First sector, relative to what the kind of sector and entry says.
    pub(crate) start: u64,
    /// Sectors.
    pub(crate) length: u64,
}

impl BootSector {
    /// Reads the sector that stands at byte `offset`; `None` when it has no boot signature.
    pub(crate) fn parse(sector: &[u8; 512], offset: u64) -> Option<Self> {
        let record = MasterBootRecord::ref_from_bytes(sector).ok()?;
        if record.signature != SIGNATURE {
            return None;
        }
        let mut slots = 1_u32..;
        let entries = record.partition_record.each_ref().map(|entry| {
            let slot = slots.next().unwrap_or(0);
            let before = u64::from(slot).saturating_sub(1).saturating_mul(ENTRY_SIZE);
            Entry {
                slot,
                offset: offset.saturating_add(ENTRIES_OFFSET).saturating_add(before),
                boot_indicator: entry.boot_indicator,
                kind: entry.os_type,
                start: u64::from(entry.starting_lba.get()),
                length: u64::from(entry.size_in_lba.get()),
            }
        });
        Some(Self { disk_id: record.unique_mbr_disk_signature.get(), entries })
    }

    /// Whether one of the entries protects a GPT.
    pub(crate) fn is_protective(&self) -> bool {
        self.entries.iter().any(|entry| entry.kind == TYPE_GPT_PROTECTIVE)
    }

    /// Entries that are used, other than those that protect a GPT.
    pub(crate) fn used(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_used() && entry.kind != TYPE_GPT_PROTECTIVE)
    }
}

impl Entry {
    /// Whether it names sectors or has a type. Linux takes an entry of type 0 that names sectors for a
    /// partition, too.
    pub(crate) fn is_used(&self) -> bool {
        self.kind != TYPE_EMPTY || self.length != 0
    }

    /// Whether it contains logical partitions.
    pub(crate) fn is_extended(&self) -> bool {
        TYPES_EXTENDED.contains(&self.kind)
    }

    /// Whether it is marked active.
    pub(crate) fn is_active(&self) -> bool {
        self.boot_indicator == BOOT_ACTIVE
    }

    /// Whether the boot indicator is one of the two that the format has.
    pub(crate) fn has_sound_indicator(&self) -> bool {
        matches!(self.boot_indicator, BOOT_INACTIVE | BOOT_ACTIVE)
    }

    /// Whether it reads as a partition that begins on a disk of so many sectors, after the boot sector.
    pub(crate) fn is_plausible(&self, disk: u64) -> bool {
        self.has_sound_indicator()
            && self.kind != TYPE_EMPTY
            && self.length != 0
            && self.start != 0
            && self.start < disk
    }

    /// First sector, relative to the start of the disk.
    pub(crate) fn first(&self) -> Lba {
        Lba(self.start)
    }
}
