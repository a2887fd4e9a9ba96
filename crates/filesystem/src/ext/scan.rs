//! Reading inode tables from one end to the other.

use vminspect_bytes::{ByteRange, RangeSet, ReadAt, ReadError};

use super::inode::Inode;
use super::record::Recorder;
use super::superblock::InodeNumber;
use super::volume::Ext;
use super::widen;
use crate::buffer_pool::BufferPool;
use crate::{Allocation, Error, Record, Result, Scan, ScanUnit};

/// Bytes of inode table that one unit reads: small enough for a processor's own cache.
const UNIT: u64 = 256 << 10;

/// A part of a group's inode table.
#[derive(Clone, Copy)]
struct Table {
    range: ByteRange,
    /// Number of its first inode.
    first: u32,
}

impl Ext {
    /// The inode tables of all groups, in storage order; the part that may have been used, or all of it.
    fn tables(&self, whole: bool) -> (Vec<Table>, Vec<Error>) {
        let superblock = &self.superblock;
        let inode_size = u64::from(superblock.inode_size.get());
        let per_group = superblock.inodes_per_group.get();
        let mut problems = Vec::new();
        let (mut lost, mut cut) = (0_u64, 0_u64);
        let view = ByteRange::at(0, self.view.len());
        let mut first = 1_u32;
        let mut tables = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let left = superblock.inodes.saturating_sub(first.saturating_sub(1));
            let count = if whole { per_group } else { group.used_inodes }.min(left);
            match group.inode_table {
                Some(table) if count > 0 => {
                    let start = superblock.block_size.offset_of(table);
                    let length = u64::from(count).saturating_mul(inode_size);
                    let range = ByteRange::at(start, length);
                    let inside = range.intersection(view);
                    cut = cut.saturating_add(range.len().saturating_sub(inside.len()));
                    if !inside.is_empty() {
                        tables.push(Table { range: inside, first });
                    }
                }
                Some(_) => {}
                None => lost = lost.saturating_add(1),
            }
            first = first.saturating_add(per_group);
        }
        if lost > 0 {
            problems.push(
                ReadError::corrupt("inode tables")
                    .expected("a place for each")
                    .found(format!("{lost} block groups whose descriptors are lost"))
                    .into(),
            );
        }
        if cut > 0 {
            problems.push(
                ReadError::corrupt("inode tables")
                    .expected("all of them on the volume")
                    .found(format!("{cut} bytes of them past its end at byte {}", view.end()))
                    .advice("the image may be truncated")
                    .into(),
            );
        }
        tables.sort_by_key(|table| table.range.start());
        (tables, problems)
    }

    /// Where inodes lie that may have been used.
    pub(super) fn areas(&self) -> RangeSet {
        self.tables(false).0.iter().map(|table| table.range).collect()
    }

    /// Plans reading the records of `areas`, or all.
    pub(super) fn plan(&self, areas: Option<&RangeSet>, deleted: bool) -> Scan<'_> {
        let (tables, problems) = self.tables(deleted);
        let inode_size = u64::from(self.superblock.inode_size.get());
        let areas = areas.map(|areas| areas.aligned_out(inode_size));
        let mut units = Vec::new();
        for table in tables {
            match &areas {
                None => push_units(&mut units, table, table.range, inode_size),
                Some(areas) => {
                    for part in areas.within(table.range) {
                        push_units(&mut units, table, part, inode_size);
                    }
                }
            }
        }
        let pool = BufferPool::default();
        let visit = move |unit: &ScanUnit, visitor: &mut dyn FnMut(Result<Record>)| {
            let mut buffer = pool.take();
            self.visit(unit, deleted, &mut buffer, visitor);
            pool.give(buffer);
        };
        Scan { units, problems, visit: Box::new(visit) }
    }

    fn visit(
        &self,
        unit: &ScanUnit,
        deleted: bool,
        buffer: &mut Vec<u8>,
        visitor: &mut dyn FnMut(Result<Record>),
    ) {
        let length = usize::try_from(unit.range.len()).unwrap_or(0);
        buffer.resize(length, 0);
        let mut walk = Walk { fs: self, recorder: Recorder::new(self), deleted };
        if self.view.read_exact_at(unit.range.start(), buffer).is_ok() {
            walk.inodes(buffer, unit.range.start(), unit.first, visitor);
            return;
        }
        self.visit_block_by_block(unit, &mut walk, buffer, visitor);
    }

    /// The same for a unit that cannot be read as a whole: what can be is kept.
    fn visit_block_by_block(
        &self,
        unit: &ScanUnit,
        walk: &mut Walk<'_>,
        buffer: &mut Vec<u8>,
        visitor: &mut dyn FnMut(Result<Record>),
    ) {
        let inode_size = u64::from(self.superblock.inode_size.get());
        let mut failing = false;
        let mut start = unit.range.start();
        while start < unit.range.end() {
            let piece = ByteRange::at(start, self.superblock.block_size.bytes()).intersection(unit.range);
            buffer.resize(usize::try_from(piece.len()).unwrap_or(0), 0);
            match self.view.read_exact_at(start, buffer) {
                Ok(()) => {
                    let skipped =
                        start.saturating_sub(unit.range.start()).checked_div(inode_size).unwrap_or(0);
                    walk.inodes(buffer, start, unit.first.saturating_add(skipped), visitor);
                    failing = false;
                }
                Err(error) => {
                    // One message for a stretch.
                    if !failing {
                        visitor(Err(ReadError::corrupt("inode table").at(start).caused_by(error).into()));
                    }
                    failing = true;
                }
            }
            start = piece.end();
        }
    }
}

/// Cuts a part of a table into units.
fn push_units(units: &mut Vec<ScanUnit>, table: Table, part: ByteRange, inode_size: u64) {
    let mut start = part.start();
    while start < part.end() {
        let range = ByteRange::at(start, UNIT).intersection(part);
        let index = start.saturating_sub(table.range.start()).checked_div(inode_size).unwrap_or(0);
        units.push(ScanUnit {
            range,
            first: u64::from(table.first).saturating_add(index),
            count: range.len().checked_div(inode_size).unwrap_or(0),
        });
        start = range.end();
    }
}

/// A walk over the inodes of a unit.
struct Walk<'a> {
    fs: &'a Ext,
    recorder: Recorder<'a>,
    deleted: bool,
}

impl Walk<'_> {
    fn inodes(&mut self, bytes: &[u8], start: u64, first: u64, visitor: &mut dyn FnMut(Result<Record>)) {
        let size = usize::from(self.fs.superblock.inode_size.get());
        let mut place = start;
        let mut number = u32::try_from(first).unwrap_or(0);
        for piece in bytes.chunks_exact(size) {
            let range = ByteRange::at(place, widen(size));
            if let Some(number) = InodeNumber::new(number)
                && let Some(inode) = Inode::new(number, piece, range)
                && !inode.is_blank()
                && let Some(allocation) = self.allocation(&inode)
            {
                visitor(Ok(self.recorder.record(&inode, allocation)));
            }
            place = range.end();
            number = number.saturating_add(1);
        }
    }

    /// What an inode is yielded as, if it is.
    fn allocation(&self, inode: &Inode<'_>) -> Option<Allocation> {
        let allocation = self.fs.allocation(inode);
        if !self.deleted {
            return (allocation != Allocation::Deleted).then_some(allocation);
        }
        if self.fs.was_used(inode.number) {
            return Some(allocation);
        }
        // Beyond the part that was ever used lies what another filesystem may have left.
        inode.problem(&self.fs.superblock).is_none().then_some(Allocation::Deleted)
    }
}

impl Ext {
    /// Whether the group's descriptor says that the inode may have been used.
    fn was_used(&self, number: InodeNumber) -> bool {
        let index = number.get().saturating_sub(1);
        let per_group = self.superblock.inodes_per_group;
        let group = usize::try_from(index / per_group).ok().and_then(|group| self.groups.get(group));
        group.is_some_and(|group| index % per_group < group.used_inodes)
    }
}
