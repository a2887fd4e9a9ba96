use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vminspect_bytes::{ByteRange, RangeSet, ReadAtExt, ReadError, differ, host_bytes_read, refine};
use vminspect_guest::{Coverage, Guest, GuestVolume, Problem};

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
    let relettered = relettered(before.volumes(), after.volumes());
    for volume in before.volumes() {
        let volume = relettered.iter().find(|other| other.position == volume.position).unwrap_or(volume);
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
            (Some(left), None) => match unreadable_counterpart(left.volume, after) {
                Some(problem) => found.coverage.add(problem),
                None => add_one_sided(&context, left, false, &mut found),
            },
            (None, Some(right)) => match unreadable_counterpart(right.volume, before) {
                Some(problem) => found.coverage.add(problem),
                None => add_one_sided(&context, right, true, &mut found),
            },
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

/// Volumes of a Windows to which it gave another drive letter meanwhile, or none: those that only one side calls
/// so, at the same position and with the serial number of the same filesystem. They are compared under the second
/// side's name; that the letter changed, the registry tells.
fn relettered(before: &[GuestVolume], after: &[GuestVolume]) -> Vec<GuestVolume> {
    let is_called = |volumes: &[GuestVolume], prefix: &[u8]| volumes.iter().any(|each| each.prefix == prefix);
    let serial = |volume: &GuestVolume| volume.filesystem.as_ref().and_then(|each| each.identity().uuid);
    let of = |old: &GuestVolume| {
        let new = after.iter().find(|new| new.position == old.position)?;
        let is_other = old.separator == b'\\'
            && new.separator == b'\\'
            && !is_called(after, &old.prefix)
            && !is_called(before, &new.prefix)
            && serial(old).is_some()
            && serial(old) == serial(new);
        is_other.then(|| GuestVolume { prefix: new.prefix.clone(), ..old.clone() })
    };
    before.iter().filter_map(of).collect()
}

fn side<'a>(guest: &'a Guest, volume: &'a GuestVolume) -> Option<VolumeSide<'a>> {
    volume.filesystem.as_ref().map(|filesystem| VolumeSide { image: guest.image(), volume, filesystem })
}

/// Why the files of `volume` cannot be said to be missing in `other`: it has the volume, too, by its place in
/// the guest or by its position, but could not read it.
fn unreadable_counterpart(volume: &GuestVolume, other: &Guest) -> Option<Problem> {
    let mut counterparts = other.volumes().iter().filter(|each| {
        each.filesystem.is_none() && (each.prefix == volume.prefix || each.position == volume.position)
    });
    let family = |each: &GuestVolume| {
        let problems = other.coverage().sorted();
        problems.iter().find(|problem| problem.place == each.own_prefix()).map(|problem| problem.family)
    };
    counterparts.find_map(|each| {
        Some(Problem {
            image: other.image().to_owned(),
            place: each.own_prefix(),
            family: family(each)?,
            message: "the files of this volume cannot be compared, since only the other disk's can be read; \
                      list that disk to see them"
                .to_owned(),
        })
    })
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
    let mut readable: Vec<ByteRange> = covered_by_filesystems(before, after);
    readable.extend(covered_by_filesystems(after, before));
    readable.sort_unstable();
    let readable: RangeSet = readable.into_iter().collect();
    let mut doubtful = RangeSet::new();
    let mut start = 0;
    for range in readable.ranges().iter().copied().chain([ByteRange::at(everything.end(), 0)]) {
        for part in differing.within(ByteRange::new(start, range.start())) {
            doubtful.insert(part);
        }
        start = range.end();
    }
    let differing = refine(a, b, &doubtful, SECTOR);
    for range in without_unreadable((before, after), &differing, &mut found.coverage).ranges() {
        found.areas_changed.push(AreaChange {
            place: place_of(after, range.start()),
            offset: range.start(),
            length: range.len(),
        });
    }
}

/// Bytes that are read at once to tell what differs from what cannot be read.
const STEP: u64 = 256 << 10;

/// What of `ranges`, which differ or cannot be read, does differ. The rest goes to the coverage.
fn without_unreadable(guests: (&Guest, &Guest), ranges: &RangeSet, coverage: &mut Coverage) -> RangeSet {
    let mut known = RangeSet::new();
    for range in ranges.ranges() {
        for step in cut(*range, STEP) {
            if read_error(guests, step).is_none() {
                known.insert(step);
                continue;
            }
            let mut told = false;
            for sector in cut(step, SECTOR) {
                match read_error(guests, sector) {
                    None => known.insert(sector),
                    Some((guest, error)) if !told => {
                        told = true;
                        coverage.add_read_error(
                            guest.image(),
                            place_of(guest, sector.start()).as_bytes(),
                            &error,
                        );
                    }
                    Some(_) => {}
                }
            }
        }
    }
    known
}

/// Why a range cannot be read, and on which disk. Behind its end a disk has nothing to read.
fn read_error<'a>(guests: (&'a Guest, &'a Guest), range: ByteRange) -> Option<(&'a Guest, ReadError)> {
    [guests.0, guests.1].into_iter().find_map(|guest| {
        let bytes = guest.disk().bytes();
        let range = ByteRange::new(range.start().min(bytes.len()), range.end().min(bytes.len()));
        let length = usize::try_from(range.len()).unwrap_or(0);
        bytes.read_vec(range.start(), length).err().map(|error| (guest, error))
    })
}

fn cut(range: ByteRange, length: u64) -> impl Iterator<Item = ByteRange> {
    let mut rest = range;
    std::iter::from_fn(move || {
        let step = rest.truncate(length);
        rest = ByteRange::new(step.end(), rest.end());
        (!step.is_empty()).then_some(step)
    })
}

/// Where the volumes of `guest` lie whose files are compared, or told as created or deleted.
fn covered_by_filesystems(guest: &Guest, other: &Guest) -> Vec<ByteRange> {
    guest
        .volumes()
        .iter()
        .filter(|volume| volume.filesystem.is_some() && unreadable_counterpart(volume, other).is_none())
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use vminspect_image::OpenOptions;

    use super::*;

    #[test]
    fn a_volume_with_another_letter_is_the_same() {
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/windows_registry/gpt.qcow2");
        let guest = Guest::open(&image, &OpenOptions::default()).expect("a guest");
        let after = guest.volumes();
        assert!(relettered(after, after).is_empty());
        let mut before = after.to_vec();
        let at = before.iter().position(|volume| volume.filesystem.is_some()).expect("a filesystem");
        let (letter, position) = (before[at].prefix.clone(), before[at].position);
        before[at].prefix = b"Q:".to_vec();
        let found = relettered(&before, after);
        let found: Vec<_> = found.iter().map(|volume| (volume.prefix.clone(), volume.position)).collect();
        assert_eq!(found, [(letter, position)]);
        // One that is called so on both sides is compared with that.
        before[at].prefix.clone_from(&after[after.len() - 1].prefix);
        assert!(at == after.len() - 1 || relettered(&before, after).is_empty());
    }
}
