use std::sync::Arc;

use vminspect_bytes::{Family, ReadAt, ReadAtExt, ReadError};
use vminspect_filesystem::FileSystem;
use vminspect_volume::{Content, ContentKind, Volume, VolumeTable, content_identity, identify};

use crate::Coverage;

/// A volume and its place in the namespace.
#[derive(Clone)]
pub struct GuestVolume {
    /// Position among the volumes of the disk, from 1. `vol2:` is the second.
    pub position: usize,
    /// The volume.
    pub volume: Volume,
    /// Its filesystem, when a driver could open it.
    pub filesystem: Option<Arc<dyn FileSystem>>,
    /// What it seems to hold by its signature, when no filesystem could be opened.
    pub content: Option<Content>,
    /// What stands before the paths of this volume, without a separator at its end: empty for `/`, `/boot` for a
    /// volume mounted there, `C:` for that of a Windows, `vol2:` for one that no mount names.
    pub prefix: Vec<u8>,
    /// What stands between the names of a path: `/`, or `\\` in every volume of a Windows guest.
    pub separator: u8,
    /// Paths inside this volume at which another volume is mounted, without a slash at their end. What this
    /// volume itself holds below them is hidden in the running guest; its paths begin with `vol1:`.
    pub covered: Vec<Vec<u8>>,
}

impl GuestVolume {
    /// The prefix that always leads to this volume: `vol2:`.
    #[must_use]
    pub fn own_prefix(&self) -> Vec<u8> {
        format!("vol{}:", self.position).into_bytes()
    }

    /// Whether it has a place in the guest's tree, besides its own prefix.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        self.prefix != self.own_prefix()
    }

    /// UUID and label of its filesystem, as mount tables name them.
    pub(crate) fn names(&self) -> (Option<String>, Option<Vec<u8>>) {
        if let Some(filesystem) = &self.filesystem {
            let identity = filesystem.identity();
            return (identity.uuid, identity.label);
        }
        let Some(content) = self.content else { return (None, None) };
        let identity = content_identity(&*self.volume.bytes, content);
        (identity.uuid, identity.label)
    }

    /// Whether files may be in it: not in swap space, and not in areas that only firmware and boot loaders use.
    pub(crate) fn may_hold_files(&self) -> bool {
        !self.content.is_some_and(|content| content.kind == ContentKind::Swap)
            && !RESERVED_KINDS.contains(&self.volume.kind.as_str())
    }
}

/// Types of partitions that hold no filesystem: boot loaders' areas, Microsoft's reserved partition, Linux swap.
const RESERVED_KINDS: &[&str] = &[
    "21686148-6449-6e6f-744e-656564454649",
    "9e1a2d38-c612-4316-aa26-8b49521e5a8b",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
    "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
    "41",
];

/// Opens the filesystem of every volume, or tells what it holds instead. One that is damaged does not hide others.
pub(crate) fn open_volumes(image: &str, table: &VolumeTable, coverage: &mut Coverage) -> Vec<GuestVolume> {
    let volumes = table.volumes.iter().zip(1_usize..);
    volumes.map(|(volume, position)| open_volume(image, volume, position, coverage)).collect()
}

fn open_volume(image: &str, volume: &Volume, position: usize, coverage: &mut Coverage) -> GuestVolume {
    let mut opened = GuestVolume {
        position,
        volume: volume.clone(),
        filesystem: None,
        content: None,
        prefix: Vec::new(),
        separator: b'/',
        covered: Vec::new(),
    };
    opened.prefix = opened.own_prefix();
    match vminspect_filesystem::open(Arc::clone(&volume.bytes)) {
        Ok(filesystem) => opened.filesystem = filesystem,
        Err(problem) => coverage.add_error(image, &opened.prefix, problem.family(), &problem),
    }
    match &opened.filesystem {
        Some(filesystem) => {
            for problem in filesystem.problems() {
                coverage.add_error(image, &opened.prefix, problem.family(), &problem);
            }
        }
        None => match identify(&*volume.bytes) {
            Ok(content) => opened.content = content,
            Err(problem) => coverage.add_read_error(image, &opened.prefix, &problem),
        },
    }
    opened
}

/// Reports volumes whose files, if any, are not read since no driver knows their format.
pub(crate) fn report_unknown(image: &str, volumes: &[GuestVolume], coverage: &mut Coverage) {
    for volume in volumes.iter().filter(|volume| volume.filesystem.is_none() && volume.may_hold_files()) {
        // Where a driver knows the format, or the volume cannot be read, opening it has told so.
        let is_unknown = matches!(vminspect_filesystem::probe(&*volume.volume.bytes), Ok(None));
        if is_unknown && !is_blank(&*volume.volume.bytes) {
            coverage.add_error(image, &volume.own_prefix(), Family::Unsupported, &unreadable(volume));
        }
    }
}

/// Says what a volume holds that no driver can open.
fn unreadable(volume: &GuestVolume) -> ReadError {
    let structure = match volume.content.map(|content| content.kind) {
        Some(ContentKind::Container) => "container of volumes",
        Some(ContentKind::Encrypted) => "encrypted volume",
        _ => "filesystem",
    };
    let kind = || volume.volume.kind_name.map(|kind| format!("unknown, in a partition of type {kind}"));
    let known = volume.content.map(|content| content.name.to_owned()).or_else(kind);
    let known = known.unwrap_or_else(|| "unknown".to_owned());
    let mounted = volume.prefix.starts_with(b"/");
    let place = mounted.then(|| format!(", mounted at {}", String::from_utf8_lossy(&volume.prefix)));
    let error = ReadError::unsupported(structure).found(format!("{known}{}", place.unwrap_or_default()));
    if structure == "filesystem" { error.expected(known_filesystems()) } else { error }
}

/// The filesystems that can be read: `ext, ntfs or fat`.
fn known_filesystems() -> String {
    let names: Vec<&str> = vminspect_filesystem::DRIVERS.iter().map(|driver| driver.name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Bytes at the start of a volume that are all zero when nothing was ever put on it.
const BLANK_LENGTH: u64 = 128 << 10;

/// Whether a volume never held anything, as far as its start tells.
fn is_blank(volume: &dyn ReadAt) -> bool {
    let length = usize::try_from(volume.len().min(BLANK_LENGTH)).unwrap_or(0);
    volume.read_vec(0, length).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
pub(crate) mod tests {
    use vminspect_bytes::{ByteRange, Memory};

    use super::*;

    /// A volume without a filesystem.
    pub(crate) fn unreadable(position: usize, prefix: &str) -> GuestVolume {
        let volume = Volume {
            number: u32::try_from(position).expect("a small number"),
            kind: "83".to_owned(),
            kind_name: None,
            name: None,
            uuid: None,
            flags: Vec::new(),
            range: ByteRange::at(0, 0),
            bytes: Arc::new(Memory::new(Vec::new())),
        };
        GuestVolume {
            position,
            volume,
            filesystem: None,
            content: None,
            prefix: prefix.as_bytes().to_vec(),
            separator: b'/',
            covered: Vec::new(),
        }
    }
}
