//! Every fixture truncated and changed: whatever comes of it, it comes soon, and every volume can be read to its
//! end. A twentieth of the changes is made unless `VMINSPECT_DAMAGE` is `full`.

use std::sync::Arc;

use vminspect_bytes::{Memory, ReadAt, ReadError};
use vminspect_volume::{VolumeTable, identify};

use crate::sectors::{NAMES, disk};

/// Changes of each fixture, all together above 10,000 a format.
const CHANGES: u64 = 6_000;

/// A disk of which some bytes are changed, and that ends early.
struct Damaged {
    disk: Memory,
    length: u64,
    changes: Vec<(u64, u8)>,
}

impl ReadAt for Damaged {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.length) {
            return Err(ReadError::past_end("disk", offset, buf.len() as u64, self.length));
        }
        self.disk.read_exact_at(offset, buf)?;
        for (at, byte) in &self.changes {
            if let Some(index) = at.checked_sub(offset).filter(|index| *index < buf.len() as u64) {
                buf[usize::try_from(index).expect("an index")] = *byte;
            }
        }
        Ok(())
    }
}

/// Opens the disk and walks all that came of it. True when nothing was wrong.
fn walk(disk: Damaged) -> bool {
    let length = disk.length;
    let Ok(table) = VolumeTable::read(Arc::new(disk)) else { return false };
    assert!(table.volumes.len() <= 1 << 15 && table.problems.len() <= 201);
    for volume in &table.volumes {
        assert!(volume.bytes.len() <= length);
        assert!(volume.range.end() <= length || !table.problems.is_empty(), "a short volume is a problem");
        let _ = identify(&*volume.bytes);
        if let Some(last) = volume.bytes.len().checked_sub(1) {
            volume.bytes.read_exact_at(last, &mut [0]).expect("the last byte");
        }
    }
    table.problems.is_empty()
}

fn is_full() -> bool {
    std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full")
}

#[test]
fn truncated_at_every_sector() {
    let step = if is_full() { 512 } else { 512 * 20 };
    for name in NAMES {
        let bytes = disk(name);
        let whole = Memory::new(bytes);
        // The first sectors hold the tables: none of them is left out.
        let lengths = (0..=128).map(|sector| sector * 512).chain((0..whole.len()).step_by(step));
        for length in lengths.filter(|length| *length < whole.len()) {
            let is_sound = walk(Damaged { disk: whole.clone(), length, changes: Vec::new() });
            // What an enlarged disk lost at its end, its table does not know of.
            let is_missed = name.starts_with("gpt") && *name != "gpt-grown" && length >= 512;
            assert!(!is_sound || !is_missed, "{name} at {length}");
        }
    }
}

#[test]
fn changed_bytes() {
    for (seed, name) in NAMES.iter().enumerate() {
        let bytes = disk(name);
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let whole = Memory::new(bytes.clone());
        let mut random = Random(seed as u64 + 1);
        for change in 0..CHANGES {
            let changes = random.changes(&bytes, &used);
            if is_full() || change % 20 == 0 {
                walk(Damaged { disk: whole.clone(), length: bytes.len() as u64, changes });
            }
        }
    }
}

/// 0, 1, the largest value and the one before, in every field of four bytes of the tables.
#[test]
fn extreme_fields() {
    for name in NAMES {
        let bytes = disk(name);
        let whole = Memory::new(bytes.clone());
        let tables = (0..bytes.len())
            .step_by(4)
            .filter(|at| bytes[at / 512 * 512..][..512].iter().any(|byte| *byte != 0));
        for (count, at) in tables.enumerate() {
            if !is_full() && count % 20 != 0 {
                continue;
            }
            for value in [0_u32, 1, u32::MAX, u32::MAX - 1] {
                let changes =
                    value.to_le_bytes().iter().zip(at as u64..).map(|(byte, at)| (at, *byte)).collect();
                walk(Damaged { disk: whole.clone(), length: bytes.len() as u64, changes });
            }
        }
    }
}

/// A small generator, so that every run makes the same changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).expect("31 bits") % end
    }

    /// One to four changes, most of them near bytes that are used.
    fn changes(&mut self, bytes: &[u8], used: &[usize]) -> Vec<(u64, u8)> {
        (0..=self.below(4))
            .map(|_| {
                let near = used[self.below(used.len())] + self.below(4);
                let at = near.min(bytes.len() - 1);
                let byte = match self.below(4) {
                    0 => 0,
                    1 => 0xFF,
                    _ => bytes[at] ^ (1 << self.below(8)),
                };
                (at as u64, byte)
            })
            .collect()
    }
}
