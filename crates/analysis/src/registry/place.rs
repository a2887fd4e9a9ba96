use vminspect_artefact::registry::{Hive, Key};

/// A key, and how it is reached.
#[derive(Clone, Debug)]
pub struct FoundKey<'h> {
    /// The key.
    pub key: Key<'h>,
    /// Names below the root with `\` between them, as WTF-8 and as the hive spells them.
    pub path: Vec<u8>,
}

/// A path that no key has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingKey {
    /// The part of it that exists, as the hive spells it, below the root; empty for the root.
    pub nearest: Vec<u8>,
    /// The first name of it that does not exist.
    pub missing: String,
}

/// The key at `path`, whose case does not count: names below the root, or what a report prints, which has one of
/// `mounts` before them.
///
/// # Errors
/// With the nearest key above it that exists. `None` where the root cannot be read.
pub fn find_key<'h>(hive: &'h Hive, path: &str, mounts: &[&str]) -> Result<FoundKey<'h>, Option<MissingKey>> {
    let mut nearest: Option<MissingKey> = None;
    let below = mounts.iter().filter_map(|mount| strip(path, mount));
    for path in std::iter::once(path).chain(below) {
        match descend(hive, path)? {
            Ok(found) => return Ok(found),
            Err(missing) => {
                let is_nearer =
                    nearest.as_ref().is_none_or(|known| known.nearest.len() < missing.nearest.len());
                if is_nearer {
                    nearest = Some(missing);
                }
            }
        }
    }
    Err(nearest)
}

/// What follows `mount` in `path`.
fn strip<'p>(path: &'p str, mount: &str) -> Option<&'p str> {
    let (start, rest) = path.trim_start_matches('\\').split_at_checked(mount.len())?;
    let same = !mount.is_empty() && start.to_lowercase() == mount.to_lowercase();
    (same && (rest.is_empty() || rest.starts_with('\\'))).then_some(rest)
}

fn descend<'h>(hive: &'h Hive, path: &str) -> Result<Result<FoundKey<'h>, MissingKey>, Option<MissingKey>> {
    let mut found = FoundKey { key: hive.root().map_err(|_| None)?, path: Vec::new() };
    for name in path.split('\\').filter(|name| !name.is_empty()) {
        let Some(key) = found.key.subkey(name) else {
            return Ok(Err(MissingKey { nearest: found.path, missing: name.to_owned() }));
        };
        found.key = key;
        join(&mut found.path, |path| key.name().push_to(path));
    }
    Ok(Ok(found))
}

/// Appends a name to a path. What is at its beginning has nothing before it.
pub(super) fn join(path: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    if !path.is_empty() {
        path.push(b'\\');
    }
    push(path);
}

/// Bytes of the paths of all keys that are listed of a hive. Sound hives need less than one for each byte that they
/// have, small ones with many levels more; hostile ones with long names on many levels would fill any disk.
pub(super) fn path_budget(hive: &Hive) -> usize {
    hive.bins().len().saturating_mul(64).max(256 << 20)
}
