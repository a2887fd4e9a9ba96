use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vminspect_bytes::{ByteRange, RangeSet, differ, host_bytes_read, refine};
use vminspect_guest::{Guest, GuestVolume};

use crate::compare_volume::{Context, VolumeSide, add_one_sided, add_table_failure, compare_volumes};
use crate::content::Counters;
use crate::finding::{AreaChange, Comparison};
use crate::part::TableMemory;
use crate::{Options, Progress};

/// Granularity at which areas outside filesystems are compared: a sector.
const SECTOR: u64 = 512;

/// Compares two guests, completely: every byte of every file is proven equal, or read on both sides.
///
/// Volumes pair up by where they appear in the guest: `/`, `/boot`, `vol2:`. Work runs on the threads of the
/// current rayon pool.
#[must_use]
pub fn compare(before: &Guest, after: &Guest, options: &Options, progress: &dyn Progress) -> Comparison {
    let mut found = Comparison::default();
    found.coverage.extend(before.coverage().clone());
    found.coverage.extend(after.coverage().clone());
    let context = Context {
        options,
        progress,
        counters: Counters::default(),
        memory: Arc::new(TableMemory::within(options.memory)),
    };
    let mut volumes: BTreeMap<&[u8], (Option<&GuestVolume>, Option<&GuestVolume>)> = BTreeMap::new();
    for volume in before.volumes() {
        volumes.entry(&volume.prefix).or_default().0 = Some(volume);
    }
    for volume in after.volumes() {
        volumes.entry(&volume.prefix).or_default().1 = Some(volume);
    }
    for pair in volumes.into_values() {
        let left = pair.0.and_then(|volume| side(before, volume));
        let right = pair.1.and_then(|volume| side(after, volume));
        match (left, right) {
            (Some(left), Some(right)) => compare_volumes(&context, left, right, &mut found),
            (Some(left), None) => add_one_sided(&context, left, false, &mut found),
            (None, Some(right)) => add_one_sided(&context, right, true, &mut found),
            (None, None) => {}
        }
    }
    add_areas(before, after, &mut found);
    add_table_failure(after.image(), &context.memory, &mut found.coverage);
    found.coverage.extend(before.check_unchanged());
    found.coverage.extend(after.check_unchanged());
    sort(&mut found);
    found.statistics.bytes_proven_equal = context.counters.proven.load(Ordering::Relaxed);
    found.statistics.bytes_compared = context.counters.compared.load(Ordering::Relaxed);
    found.statistics.bytes_hashed = context.counters.hashed.load(Ordering::Relaxed);
    found.statistics.host_bytes_read = host_bytes_read();
    found
}

fn side<'a>(guest: &'a Guest, volume: &'a GuestVolume) -> Option<VolumeSide<'a>> {
    volume.filesystem.as_ref().map(|filesystem| VolumeSide { image: guest.image(), volume, filesystem })
}

fn sort(found: &mut Comparison) {
    found.created.sort_by(|x, y| x.path.cmp(&y.path));
    found.deleted.sort_by(|x, y| x.path.cmp(&y.path));
    found.modified.sort_by(|x, y| x.after.path.cmp(&y.after.path));
    found.created_other.sort_by(|x, y| x.path.cmp(&y.path));
    found.deleted_other.sort_by(|x, y| x.path.cmp(&y.path));
    found.renamed.sort_by(|x, y| (&x.before.path, &x.after.path).cmp(&(&y.before.path, &y.after.path)));
    found.metadata_changed.sort_by(|x, y| x.path.cmp(&y.path));
    found.type_changed.sort_by(|x, y| x.after.path.cmp(&y.after.path));
    found.areas_changed.sort_by_key(|area| area.offset);
}

/// Compares what no readable filesystem accounts for: boot code, gaps between volumes, unknown volumes.
fn add_areas(before: &Guest, after: &Guest, found: &mut Comparison) {
    let (a, b) = (&**before.disk().bytes(), &**after.disk().bytes());
    let everything = ByteRange::at(0, a.len().max(b.len()));
    let differing = differ(a, b).unwrap_or_else(|error| {
        found.coverage.add_read_error(after.image(), b"", &error);
        RangeSet::of(everything)
    });
    let readable: RangeSet = covered_by_filesystems(before)
        .ranges()
        .iter()
        .chain(covered_by_filesystems(after).ranges())
        .copied()
        .collect();
    let mut doubtful = RangeSet::new();
    let mut start = 0;
    for range in readable.ranges().iter().copied().chain([ByteRange::at(everything.end(), 0)]) {
        for part in differing.within(ByteRange::new(start, range.start())) {
            doubtful.insert(part);
        }
        start = range.end();
    }
    for range in refine(a, b, &doubtful, SECTOR).ranges() {
        found.areas_changed.push(AreaChange {
            place: place_of(after, range.start()),
            offset: range.start(),
            length: range.len(),
        });
    }
}

/// Where the volumes lie whose filesystems can be read.
fn covered_by_filesystems(guest: &Guest) -> RangeSet {
    guest
        .volumes()
        .iter()
        .filter(|volume| volume.filesystem.is_some())
        .map(|volume| volume.volume.range)
        .collect()
}

fn place_of(guest: &Guest, offset: u64) -> String {
    let volume = guest.volumes().iter().find(|volume| volume.volume.range.contains(offset));
    match volume {
        Some(volume) => String::from_utf8_lossy(&volume.own_prefix()).into_owned(),
        None => "outside volumes".to_owned(),
    }
}
