use vminspect_filesystem::FileId;
use vminspect_guest::{Error, Guest, Located};

/// What stands between a volume's prefix and the number of a file that no directory names.
const ORPHANS: &[u8] = b"/$OrphanFiles/inode-";

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

fn orphan(guest: &Guest, path: &[u8]) -> Option<Located> {
    let at = path.windows(ORPHANS.len()).position(|part| part == ORPHANS)?;
    let (prefix, number) = (path.get(..at)?, path.get(at.checked_add(ORPHANS.len())?..)?);
    let file = FileId(std::str::from_utf8(number).ok()?.parse().ok()?);
    let mut volumes = guest.volumes().iter();
    let volume = volumes.position(|volume| volume.prefix == prefix || volume.own_prefix() == prefix)?;
    let filesystem = guest.volumes().get(volume)?.filesystem.as_ref()?;
    filesystem.metadata(file).ok()?;
    Some(Located { volume, file })
}
