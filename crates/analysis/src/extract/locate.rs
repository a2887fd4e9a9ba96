use vminspect_filesystem::FileId;
use vminspect_guest::{Error, Guest, Located};

use crate::walk::ORPHANS;

/// The file at `path`, also at the made-up path of an orphan. A symbolic link at its end is not followed.
///
/// # Errors
/// As [`Guest::locate`].
pub fn locate(guest: &Guest, path: &[u8]) -> Result<Located, Error> {
    guest.locate(path).or_else(|error| orphan(guest, path).ok_or(error))
}

/// The file at `path`, also at the made-up path of an orphan. A symbolic link at its end is followed.
///
/// # Errors
/// As [`Guest::resolve_following`].
pub fn locate_followed(guest: &Guest, path: &[u8]) -> Result<Located, Error> {
    guest.resolve_following(path).or_else(|error| orphan(guest, path).ok_or(error))
}

/// The file at the path that a walk makes up for one that no directory names.
fn orphan(guest: &Guest, path: &[u8]) -> Option<Located> {
    guest.volumes().iter().enumerate().find_map(|(index, volume)| {
        let middle = [&[volume.separator], ORPHANS.0, &[volume.separator], ORPHANS.1].concat();
        let own_prefix = volume.own_prefix();
        let number = [&volume.prefix, &own_prefix]
            .into_iter()
            .find_map(|prefix| path.strip_prefix(prefix.as_slice())?.strip_prefix(middle.as_slice()))?;
        let file = FileId(std::str::from_utf8(number).ok()?.parse().ok()?);
        volume.filesystem.as_ref()?.metadata(file).ok()?;
        Some(Located { volume: index, file })
    })
}
