//! The file allocation table: for each cluster, the one that follows it in its file.

use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::geometry::{Cluster, Geometry, Kind};
use super::widen;

/// Bytes of a table that are read at a time.
const WINDOW: u64 = 4096;

/// What an entry of the table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Free,
    Next(Cluster),
    End,
    Bad,
    /// A number that no cluster has.
    Invalid(u32),
}

impl Link {
    /// How a message spells it.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Free => "the mark of a free cluster".to_owned(),
            Self::Next(cluster) => format!("cluster {}", cluster.get()),
            Self::End => "the end of the chain".to_owned(),
            Self::Bad => "the mark of a bad cluster".to_owned(),
            Self::Invalid(number) => format!("cluster {number}, which the volume does not have"),
        }
    }
}

/// Reads entries of the tables; keeps the part of each that was read last.
pub(super) struct FatTable<'a> {
    pub(super) view: &'a dyn ReadAt,
    pub(super) geometry: &'a Geometry,
    windows: Vec<Window>,
}

#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> FatTable<'a> {
    pub(super) fn new(view: &'a dyn ReadAt, geometry: &'a Geometry) -> Self {
        Self { view, geometry, windows: Vec::new() }
    }

    /// What a table says of a cluster.
    ///
    /// # Errors
    /// When the table cannot be read there.
    pub(super) fn link(&mut self, copy: u8, cluster: Cluster) -> Result<Link, ReadError> {
        let number = self.entry(copy, cluster.get())?;
        let mark = self.geometry.kind.mask();
        Ok(match number {
            0 => Link::Free,
            _ if number >= mark & !7 => Link::End,
            _ if number == mark & !8 => Link::Bad,
            _ => self.geometry.cluster(number).map_or(Link::Invalid(number), Link::Next),
        })
    }

    /// The entry with a number, also one of the two that belong to no cluster.
    ///
    /// # Errors
    /// When the table cannot be read there.
    pub(super) fn entry(&mut self, copy: u8, number: u32) -> Result<u32, ReadError> {
        let kind = self.geometry.kind;
        let offset = kind.entry_offset(number);
        let mut bytes = [0; 4];
        let width = kind.entry_width();
        let target = bytes.get_mut(..width).unwrap_or_default();
        self.read(copy, offset, target)?;
        let value = u32::from_le_bytes(bytes);
        Ok(match kind {
            Kind::Fat12 if number & 1 == 1 => value >> 4,
            _ => value & kind.mask(),
        })
    }

    fn read(&mut self, copy: u8, offset: u64, target: &mut [u8]) -> Result<(), ReadError> {
        let index = usize::from(copy);
        if self.windows.len() <= index {
            self.windows.resize_with(index.saturating_add(1), Window::default);
        }
        let table = self.geometry.fat_offset(copy);
        let Some(window) = self.windows.get_mut(index) else { return Ok(()) };
        if !window.holds(offset, target.len()) {
            window.fill(self.view, table, self.geometry.fat_size, offset);
        }
        if window.copy(offset, target) {
            return Ok(());
        }
        // The part around it cannot be read, or the table ends within the entry.
        self.view.read_exact_at(table.saturating_add(offset), target)
    }
}

impl Window {
    fn holds(&self, offset: u64, length: usize) -> bool {
        let end = self.start.saturating_add(widen(self.bytes.len()));
        self.start <= offset && offset.saturating_add(widen(length)) <= end
    }

    fn fill(&mut self, view: &dyn ReadAt, table: u64, size: u64, offset: u64) {
        // Two bytes more, as entries of FAT12 can straddle.
        let start = offset & !WINDOW.saturating_sub(1);
        let range = ByteRange::at(start, WINDOW.saturating_add(2)).intersection(ByteRange::at(0, size));
        self.start = start;
        self.bytes.resize(usize::try_from(range.len()).unwrap_or(0), 0);
        if view.read_exact_at(table.saturating_add(start), &mut self.bytes).is_err() {
            self.bytes.clear();
        }
    }

    fn copy(&self, offset: u64, target: &mut [u8]) -> bool {
        let Some(inside) = offset.checked_sub(self.start).and_then(|inside| usize::try_from(inside).ok())
        else {
            return false;
        };
        let bytes = self.bytes.get(inside..).and_then(|rest| rest.get(..target.len()));
        bytes.is_some_and(|bytes| {
            target.copy_from_slice(bytes);
            true
        })
    }
}
