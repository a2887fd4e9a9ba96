use std::collections::HashSet;

use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::boot_sector::{BootSector, Entry};
use crate::partition::{self, Problems};
use crate::sector::{Lba, SectorSize, read_within};

/// Extended boot records that are followed on one disk. Linux stops after 100 that hold no partition; real
/// disks have a few dozen.
const MOST_RECORDS: usize = 4096;

/// A logical partition: its entry, and its first sector on the disk.
pub(crate) struct Logical {
    pub(crate) entry: Entry,
    pub(crate) first: Lba,
}

/// A boot record that is to be read.
struct Link {
    /// Where it stands.
    record: Lba,
    /// Sectors that the link claims for the record and its partition.
    length: u64,
    /// The byte of the entry that leads there.
    from: u64,
}

/// Follows the extended partition of a primary entry.
///
/// Addresses have two bases: a partition's start counts from the boot record that holds its entry, a link's
/// from the first sector of the whole extended partition.
pub(crate) struct Chain<'a> {
    disk: &'a dyn ReadAt,
    size: SectorSize,
    /// First sector of the extended partition.
    base: Lba,
    /// Sectors in it.
    length: u64,
    /// Every boot record met so far, on any chain of the disk.
    seen: &'a mut HashSet<u64>,
    problems: &'a mut Problems,
}

impl<'a> Chain<'a> {
    pub(crate) fn new(
        disk: &'a dyn ReadAt,
        size: SectorSize,
        container: &Entry,
        seen: &'a mut HashSet<u64>,
        problems: &'a mut Problems,
    ) -> Self {
        Self { disk, size, base: container.first(), length: container.length, seen, problems }
    }

    /// The logical partitions, in the order in which Linux numbers them: along the chain of first links, then
    /// along links that stand beside a first one (Linux does not follow those).
    pub(crate) fn partitions(mut self, container: &Entry) -> Vec<Logical> {
        let mut found = Vec::new();
        let mut links = vec![Link { record: self.base, length: self.length, from: container.offset }];
        while let Some(link) = links.pop() {
            let Some(table) = self.read(&link) else { continue };
            self.data_entries(&table, &link, &mut found);
            links.extend(self.links(&table).into_iter().rev());
        }
        found
    }

    fn read(&mut self, link: &Link) -> Option<BootSector> {
        match self.try_read(link) {
            Ok(table) => Some(table),
            Err(problem) => {
                self.problems.add(problem);
                None
            }
        }
    }

    fn try_read(&mut self, link: &Link) -> Result<BootSector, ReadError> {
        let corrupt = || ReadError::corrupt("extended boot record");
        if self.seen.len() >= MOST_RECORDS {
            return Err(ReadError::unsupported("extended partition")
                .at(link.from)
                .found(format!("more than {MOST_RECORDS} boot records")));
        }
        let offset = link.record.offset(self.size).filter(|offset| *offset < self.disk.len());
        let Some(offset) = offset else {
            return Err(corrupt()
                .at(link.from)
                .expected(format!("a sector of the disk of {} bytes", self.disk.len()))
                .found(format!("sector {}", link.record.0)));
        };
        if !self.seen.insert(link.record.0) {
            return Err(corrupt().at(link.from).found(format!("a link back to sector {}", link.record.0)));
        }
        read_within(self.disk, offset)?
            .and_then(|sector| BootSector::parse(&sector, offset))
            .ok_or_else(|| corrupt().at(offset).expected("the signature 55 AA"))
    }

    /// Entries 3 and 4 are no part of the format and hold garbage on some disks. Like Linux, they count only
    /// when they name a range inside what the link claims and inside the extended partition.
    fn data_entries(&mut self, table: &BootSector, link: &Link, found: &mut Vec<Logical>) {
        for entry in table.entries.iter().filter(|entry| entry.is_used() && !entry.is_extended()) {
            if entry.length == 0 {
                self.problems.add(super::zero_length(entry));
                continue;
            }
            let Some(first) = link.record.forward(entry.start) else { continue };
            if entry.slot > 2 && !self.is_inside(entry, link, first) {
                continue;
            }
            found.push(Logical { entry: *entry, first });
        }
    }

    fn is_inside(&self, entry: &Entry, link: &Link, first: Lba) -> bool {
        let end_in_link = entry.start.saturating_add(entry.length);
        let inner = partition::sectors(first, entry.length, self.size).unwrap_or_default();
        end_in_link <= link.length && self.range().intersection(inner) == inner
    }

    fn range(&self) -> ByteRange {
        partition::sectors(self.base, self.length, self.size).unwrap_or_default()
    }

    fn links(&mut self, table: &BootSector) -> Vec<Link> {
        let mut links = Vec::new();
        for entry in table.entries.iter().filter(|entry| entry.is_extended() && entry.length != 0) {
            if entry.start >= self.length {
                self.problems.add(
                    ReadError::corrupt("link of an extended boot record")
                        .at(entry.offset)
                        .expected(format!("a sector below {} of the extended partition", self.length))
                        .found(format!("sector {}", entry.start)),
                );
            }
            if !links.is_empty() {
                self.problems
                    .add(ReadError::corrupt("extended boot record").at(entry.offset).found("a second link"));
            }
            let Some(record) = self.base.forward(entry.start) else { continue };
            links.push(Link { record, length: entry.length, from: entry.offset });
        }
        links
    }
}
