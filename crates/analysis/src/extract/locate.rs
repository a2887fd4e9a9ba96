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

/// The file, or stream of one, at the path that a walk makes up for one that no directory names.
fn orphan(guest: &Guest, path: &[u8]) -> Option<Located> {
    guest.volumes().iter().enumerate().find_map(|(index, volume)| {
        let separator = volume.separator;
        let path: Vec<u8> = path.iter().map(|byte| if *byte == b'/' { separator } else { *byte }).collect();
        let middle = [&[separator], ORPHANS.0, &[separator], ORPHANS.1].concat();
        let rest = [&volume.prefix, &volume.own_prefix()].into_iter().find_map(|prefix| {
            let (start, rest) = path.split_at_checked(prefix.len())?;
            let same = start == prefix || (separator == b'\\' && start.eq_ignore_ascii_case(prefix));
            rest.strip_prefix(middle.as_slice()).filter(|_| same)
        })?;
        let id = rest.split(|byte| *byte == b':').next()?;
        let filesystem = volume.filesystem.as_ref()?;
        let file = filesystem.parse_id(std::str::from_utf8(id).ok()?)?;
        filesystem.metadata(file).ok()?;
        let file = Located { volume: index, file };
        match rest.get(id.len()..)? {
            [] => Some(file),
            [_, name @ ..] => guest.named_stream(file, name).ok(),
        }
    })
}
