use std::sync::Arc;

use vminspect_bytes::{ByteRange, ReadAt, ReadError, Window};

use crate::Volume;
use crate::sector::{Lba, SectorSize};

/// Problems of one table that are told one by one; above, only how many more there were.
const MOST_PROBLEMS: usize = 200;

/// What is wrong with a table. A hostile table can be wrong in a hundred thousand places; the list is bounded.
#[derive(Default)]
pub(crate) struct Problems {
    listed: Vec<ReadError>,
    more: u64,
}

impl Problems {
    pub(crate) fn add(&mut self, problem: ReadError) {
        if self.listed.len() < MOST_PROBLEMS {
            self.listed.push(problem);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    pub(crate) fn into_list(self) -> Vec<ReadError> {
        let mut listed = self.listed;
        if self.more > 0 {
            listed.push(ReadError::corrupt("partition table").found(format!("{} more problems", self.more)));
        }
        listed
    }
}

/// A partition as its table records it.
pub(crate) struct Partition {
    pub(crate) number: u32,
    pub(crate) kind: String,
    pub(crate) kind_name: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) flags: Vec<String>,
    pub(crate) range: ByteRange,
    /// Where on the disk the entry stands that says all this.
    pub(crate) entry: u64,
}

/// The bytes of `count` sectors from `start`, or `None` where the product passes what a disk can have.
pub(crate) fn sectors(start: Lba, count: u64, size: SectorSize) -> Option<ByteRange> {
    let first = start.offset(size)?;
    let end = start.forward(count)?.offset(size)?;
    Some(ByteRange::new(first, end))
}

/// Makes volumes of partitions, by position on the disk, and reports those that overlap or pass its end.
pub(crate) fn volumes(
    disk: &Arc<dyn ReadAt>,
    mut partitions: Vec<Partition>,
    problems: &mut Problems,
) -> Vec<Volume> {
    partitions.sort_by_key(|partition| (partition.range.start(), partition.number));
    report_past_end(disk.len(), &partitions, problems);
    report_overlaps(&partitions, problems);
    partitions
        .into_iter()
        .map(|partition| Volume {
            number: partition.number,
            kind: partition.kind,
            kind_name: partition.kind_name,
            name: partition.name,
            uuid: partition.uuid,
            flags: partition.flags,
            range: partition.range,
            bytes: Arc::new(Window::clamped(Arc::clone(disk), partition.range)),
        })
        .collect()
}

fn report_past_end(disk: u64, partitions: &[Partition], problems: &mut Problems) {
    for partition in partitions.iter().filter(|partition| partition.range.end() > disk) {
        problems.add(
            ReadError::corrupt(format!("partition {}", partition.number))
                .at(partition.entry)
                .expected(format!("an end within the {disk} bytes of the disk"))
                .found(format!("bytes {} to {}", partition.range.start(), partition.range.end())),
        );
    }
}

/// Each partition is compared with the one before it that reaches furthest: that names every partition which
/// overlaps an earlier one, in one pass.
fn report_overlaps(partitions: &[Partition], problems: &mut Problems) {
    let mut furthest: Option<&Partition> = None;
    for partition in partitions {
        if let Some(before) = furthest.filter(|before| before.range.intersects(partition.range)) {
            problems.add(
                ReadError::corrupt(format!("partition {}", partition.number))
                    .at(partition.entry)
                    .expected(format!("a start at or after byte {}", before.range.end()))
                    .found(format!(
                        "a start at byte {}, inside partition {}",
                        partition.range.start(),
                        before.number
                    )),
            );
        }
        if furthest.is_none_or(|before| partition.range.end() > before.range.end()) {
            furthest = Some(partition);
        }
    }
}
