use vminspect_bytes::{HostFile, ReadAtExt, ReadError};
use zerocopy::{BigEndian, FromBytes, U64};

use super::header::{Header, structure_at, text};
use super::l1_table::L1Place;
use super::layout::{self, SnapshotHead};
use super::number::as_u64;
use crate::{Error, SnapshotInfo};

/// An internal snapshot.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) info: SnapshotInfo,
    pub(super) l1: L1Place,
}

/// Reads the snapshot table. After a bad entry the next one cannot be found; the error stands beside what
/// was read before it.
pub(super) fn read_table(file: &HostFile, header: &Header) -> (Vec<Snapshot>, Option<ReadError>) {
    let mut snapshots = Vec::new();
    let mut offset = header.snapshots_offset;
    if header.snapshot_count > layout::MOST_SNAPSHOTS {
        let error = ReadError::corrupt("qcow2 header field nb_snapshots").at(60);
        let most = format!("at most {}", layout::MOST_SNAPSHOTS);
        return (snapshots, Some(error.expected(most).found(header.snapshot_count.to_string())));
    }
    for number in 0..header.snapshot_count {
        let used = offset.saturating_sub(header.snapshots_offset);
        let entry = if used > layout::MOST_SNAPSHOT_BYTES {
            Err(ReadError::unsupported("size").found(format!("more than {used} bytes")))
        } else {
            read_entry(file, header, offset)
        };
        match entry {
            Ok((snapshot, next)) => {
                snapshots.push(snapshot);
                offset = next;
            }
            Err(cause) => {
                let error = ReadError::corrupt(format!("qcow2 snapshot table entry {number}"))
                    .at(offset)
                    .expected(format!("{} snapshots", header.snapshot_count))
                    .found(format!("{number} before this entry"))
                    .caused_by(cause);
                return (snapshots, Some(error));
            }
        }
    }
    (snapshots, None)
}

/// The entry at `offset`, and where the next one is.
fn read_entry(file: &HostFile, header: &Header, offset: u64) -> Result<(Snapshot, u64), ReadError> {
    let short = || ReadError::corrupt("qcow2 snapshot table entry").at(offset);
    let bytes = file.read_array::<40>(offset)?;
    let head = SnapshotHead::read_from_bytes(&bytes).map_err(|_| short())?;
    // Extra data that this version does not know is passed over unread.
    let extra_at = offset.saturating_add(as_u64(size_of::<SnapshotHead>()));
    let extra_size = u64::from(head.extra_data_size.get());
    let extra = file.read_vec(extra_at, super::number::as_usize(extra_size.min(24)))?;
    let extra_word =
        |index: usize| structure_at::<U64<BigEndian>>(&extra, index.saturating_mul(8)).map(U64::get);
    let id_at = extra_at.saturating_add(extra_size);
    let id_size = usize::from(head.id_str_size.get());
    let strings = file.read_vec(id_at, id_size.saturating_add(usize::from(head.name_size.get())))?;
    let (id, name) = strings.split_at_checked(id_size).ok_or_else(short)?;
    let end = id_at.saturating_add(as_u64(strings.len()));
    let info = SnapshotInfo {
        id: text(id),
        name: text(name),
        seconds: head.date_sec.get(),
        nanoseconds: head.date_nsec.get(),
        guest_clock: head.vm_clock_nsec.get(),
        disk_size: extra_word(1).unwrap_or(header.virtual_size),
        vm_state_size: extra_word(0).unwrap_or_else(|| u64::from(head.vm_state_size.get())),
    };
    let l1 = L1Place { offset: head.l1_table_offset.get(), entries: head.l1_size.get() };
    let next = end.checked_next_multiple_of(8).ok_or_else(short)?;
    Ok((Snapshot { info, l1 }, next))
}

/// The snapshot with the id `wanted`, or else the one with that name.
pub(super) fn choose<'a>(snapshots: &'a [Snapshot], wanted: &str) -> Result<&'a Snapshot, Error> {
    let ids: Vec<&Snapshot> = snapshots.iter().filter(|snapshot| snapshot.info.id == wanted).collect();
    let names: Vec<&Snapshot> = snapshots.iter().filter(|snapshot| snapshot.info.name == wanted).collect();
    match (ids.as_slice(), names.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one),
        ([], []) => Err(Error::Snapshot(format!(
            "there is no snapshot with the id or name {wanted:?}; the image has {}",
            list(snapshots.iter())
        ))),
        ([], several) => Err(Error::Snapshot(format!(
            "the name {wanted:?} fits several snapshots; use the id of one of {}",
            list(several.iter().copied())
        ))),
        (several, _) => Err(Error::Snapshot(format!(
            "the id {wanted:?} fits several snapshots of a damaged table: {}",
            list(several.iter().copied())
        ))),
    }
}

/// Snapshots in a message, at most twenty of them.
fn list<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> String {
    let mut shown: Vec<String> =
        snapshots.take(21).map(|Snapshot { info, .. }| format!("{} ({:?})", info.id, info.name)).collect();
    if shown.is_empty() {
        return "none".into();
    }
    if shown.len() > 20 {
        shown.truncate(20);
        shown.push("others".into());
    }
    shown.join(", ")
}
