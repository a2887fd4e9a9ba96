use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use vminspect_bytes::{ByteRange, Extent, Origin, ReadAt, ReadAtExt, ReadError};

use crate::digest::{Algorithm, Digests, Hasher};

/// Bytes that are read at once.
const STEP: usize = 1 << 20;
/// Bytes that are read at once where reading fails.
const SMALL_STEP: usize = 4096;
/// After so many failed small steps in a row, the rest of a step is given up.
const MOST_FAILURES: u32 = 16;

/// What a copy came to.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// Hashes of the content, if all of it could be read.
    pub digests: Option<Digests>,
    /// The first thing that could not be read. The file is as long as the content, with zeros there.
    pub problem: Option<ReadError>,
}

/// Writes all bytes of `source` to an empty file. What is known to be zeros becomes a hole.
///
/// # Errors
/// When the host cannot write.
pub fn copy(source: &dyn ReadAt, file: &File, algorithms: &[Algorithm]) -> io::Result<Copied> {
    file.set_len(source.len())?;
    let mut copier =
        Copier { source, file, hasher: Hasher::new(algorithms), buffer: vec![0; STEP], problem: None };
    let mut rest = ByteRange::at(0, source.len());
    while !rest.is_empty() {
        let next = source.extents(rest).next();
        // Where the layers cannot say where bytes come from, reading them tells what is wrong.
        let extent = match next {
            Some(Ok(extent)) => extent,
            _ => Extent { range: rest, origin: Origin::Unknown },
        };
        match extent.origin {
            Origin::Zero => copier.hash_zeros(extent.range.len()),
            _ => copier.copy_range(extent.range)?,
        }
        rest = ByteRange::new(extent.range.end(), rest.end());
    }
    let complete = copier.problem.is_none();
    Ok(Copied { digests: complete.then(|| copier.hasher.finish()), problem: copier.problem })
}

struct Copier<'a> {
    source: &'a dyn ReadAt,
    file: &'a File,
    hasher: Hasher,
    buffer: Vec<u8>,
    problem: Option<ReadError>,
}

impl Copier<'_> {
    fn hash_zeros(&mut self, length: u64) {
        if self.problem.is_some() {
            return;
        }
        if self.hasher.is_empty() {
            return;
        }
        self.buffer.fill(0);
        for step in steps(ByteRange::at(0, length), STEP) {
            self.hasher.update(&self.buffer[..step.1]);
        }
    }

    fn copy_range(&mut self, range: ByteRange) -> io::Result<()> {
        for (offset, length) in steps(range, STEP) {
            match self.source.read_exact_at(offset, &mut self.buffer[..length]) {
                Ok(()) => {
                    let bytes = &self.buffer[..length];
                    if self.problem.is_none() {
                        self.hasher.update(bytes);
                    }
                    self.file.write_all_at(bytes, offset)?;
                }
                Err(error) => {
                    self.problem.get_or_insert(error);
                    self.copy_what_can_be_read(ByteRange::at(offset, length as u64))?;
                }
            }
        }
        Ok(())
    }

    fn copy_what_can_be_read(&mut self, range: ByteRange) -> io::Result<()> {
        let mut failures = 0;
        for (offset, length) in steps(range, SMALL_STEP) {
            let bytes = &mut self.buffer[..length];
            match self.source.read_exact_at(offset, bytes) {
                Ok(()) => {
                    failures = 0;
                    self.file.write_all_at(bytes, offset)?;
                }
                Err(_) if failures == MOST_FAILURES => break,
                Err(_) => failures += 1,
            }
        }
        Ok(())
    }
}

/// A range in pieces of at most `step` bytes, as offsets and lengths.
fn steps(range: ByteRange, step: usize) -> impl Iterator<Item = (u64, usize)> {
    let mut rest = range;
    std::iter::from_fn(move || {
        let piece = rest.truncate(step as u64);
        rest = ByteRange::new(piece.end(), rest.end());
        (!piece.is_empty()).then(|| (piece.start(), usize::try_from(piece.len()).unwrap_or(step)))
    })
}
