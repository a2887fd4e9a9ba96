//! The bytes of files and directories, by their runs.

use std::sync::Arc;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadAt, ReadError};

use super::geometry::{ClusterRun, Geometry};
use crate::stored::LOST;
use crate::{Place, Result, Run, stored};

/// Most bytes of a directory that are read at a time.
const PIECE: u64 = 64 << 10;
/// Bytes that are tried alone where a piece cannot be read.
const SECTOR: u64 = 512;

/// The runs of clusters that follow one another in a file of `size` bytes. What no cluster covers is lost.
pub(super) fn runs(geometry: &Geometry, clusters: &[ClusterRun], size: u64) -> SmallVec<[Run; 2]> {
    let mut runs = SmallVec::new();
    let mut start = 0_u64;
    for run in clusters {
        let length = geometry.bytes_of(run.count.into());
        runs.push(Run { start, length, place: Place::Volume(geometry.offset(run.first)) });
        start = start.saturating_add(length);
    }
    push_lost(&mut runs, start, size);
    runs
}

/// Adds what is lost of a file from `start` on.
pub(super) fn push_lost(runs: &mut SmallVec<[Run; 2]>, start: u64, size: u64) {
    if start < size {
        let place = Place::Volume(LOST.saturating_add(start));
        runs.push(Run { start, length: size.saturating_sub(start), place });
    }
}

/// The content of a file of `size` bytes in these runs.
pub(super) fn content(view: &Arc<dyn ReadAt>, runs: &[Run], size: u64) -> Result<Arc<dyn ReadAt>> {
    Ok(stored::mapped(view, view.len(), stored::segments(runs, size), size)?)
}

/// Reads runs piece by piece; where a piece cannot be read, sector by sector.
pub(super) struct Pieces<'a> {
    view: &'a dyn ReadAt,
    runs: smallvec::IntoIter<[Run; 2]>,
    current: ByteRange,
    /// Up to where sectors are tried alone.
    careful: u64,
    failing: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(view: &'a dyn ReadAt, runs: SmallVec<[Run; 2]>) -> Self {
        Self { view, runs: runs.into_iter(), current: ByteRange::default(), careful: 0, failing: false }
    }

    /// Reads the next piece; its place on the volume. One error for a stretch.
    pub(super) fn next(&mut self, bytes: &mut Vec<u8>) -> Option<Result<u64, ReadError>> {
        loop {
            if self.current.is_empty() {
                let run = self.runs.next()?;
                let Place::Volume(place) = run.place else { continue };
                self.current = ByteRange::at(place, run.length);
                self.careful = 0;
            }
            let start = self.current.start();
            let length = if start < self.careful { SECTOR } else { PIECE };
            let piece = ByteRange::at(start, length).intersection(self.current);
            bytes.resize(usize::try_from(piece.len()).unwrap_or(0), 0);
            match self.view.read_exact_at(start, bytes) {
                Ok(()) => {
                    self.current = ByteRange::new(piece.end(), self.current.end());
                    self.failing = false;
                    return Some(Ok(start));
                }
                Err(_) if length == PIECE => self.careful = piece.end(),
                Err(error) => {
                    self.current = ByteRange::new(piece.end(), self.current.end());
                    if !std::mem::replace(&mut self.failing, true) {
                        return Some(Err(ReadError::corrupt("directory").at(start).caused_by(error)));
                    }
                }
            }
        }
    }
}
