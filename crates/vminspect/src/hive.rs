//! Registry hives that a command is given: files of the host, or files inside a disk.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vminspect::{
    Coverage, FileKind, Guest, Hive, HiveLog, HostFile, LogOutcome, ReadAt, Registry, Replay, Stream,
    for_terminal,
};

use crate::arguments::Evidence;
use crate::commands::cat;
use crate::failure::Failure;
use crate::session::Session;

/// What the names of a hive's logs end with, after that of the hive.
const LOGS: [&str; 3] = [".LOG", ".LOG1", ".LOG2"];

/// A hive that was opened, as far as it could be.
pub(crate) struct OpenedHive {
    /// The hive. Where there is none, the coverage says why.
    pub(crate) hive: Option<Hive>,
    /// The file that it is in, or the disk, as the user named it.
    pub(crate) image: String,
    /// Its path in the disk; empty for a file of the host.
    pub(crate) place: Vec<u8>,
    /// The name of its file.
    pub(crate) name: String,
    /// The key that the user asked for by its path in the registry: names below the root.
    pub(crate) key: Option<String>,
    /// What could not be read.
    pub(crate) coverage: Coverage,
    guest: Option<Guest>,
    /// Where the guest says that the hive is: finding out takes a search for all hives.
    mount: OnceCell<Option<Vec<u8>>>,
    files: Vec<HostFile>,
}

/// Where Windows shows hives, by the names of their files.
const MOUNTS: &[(&str, &str)] = &[
    ("SOFTWARE", r"HKLM\SOFTWARE"),
    ("SYSTEM", r"HKLM\SYSTEM"),
    ("SAM", r"HKLM\SAM"),
    ("SECURITY", r"HKLM\SECURITY"),
    ("COMPONENTS", r"HKLM\COMPONENTS"),
    ("DRIVERS", r"HKLM\DRIVERS"),
    ("ELAM", r"HKLM\ELAM"),
    ("BCD", r"HKLM\BCD00000000"),
    ("DEFAULT", r"HKU\.DEFAULT"),
    ("NTUSER.DAT", "HKCU"),
    ("USRCLASS.DAT", r"HKCU\Software\Classes"),
];

impl OpenedHive {
    /// Opens a file of the host, and the logs beside it.
    pub(crate) fn of_host(path: &Path, with_logs: bool) -> Result<Self, Failure> {
        let file = HostFile::open(path).map_err(|error| Failure::new(error.to_string()))?;
        let mut coverage = Coverage::default();
        let image = path.display().to_string();
        let mut logs = Vec::new();
        for beside in if with_logs { logs_beside(path) } else { Vec::new() } {
            match HostFile::open(&beside) {
                Ok(log) => logs.push(log),
                Err(error) => coverage.add_read_error(&image, b"", &error),
            }
        }
        let hive = Hive::open(&file, &logs.iter().map(host_log).collect::<Vec<_>>());
        let hive = hive.map_err(|error| coverage.add_read_error(&image, b"", &error)).ok();
        let files = std::iter::once(file).chain(logs).collect();
        let name = file_name(path);
        Ok(Self {
            hive,
            image,
            place: Vec::new(),
            name,
            key: None,
            coverage,
            guest: None,
            mount: OnceCell::new(),
            files,
        }
        .told())
    }

    /// Opens a file of a guest, and the logs beside it. `path` may also be one of the registry, such as
    /// `HKLM\SYSTEM\CurrentControlSet`: the hive is then the one that holds it.
    pub(crate) fn of_guest(
        session: &Session,
        disk: &Path,
        path: &Path,
        evidence: &Evidence,
        with_logs: bool,
    ) -> Result<Self, Failure> {
        let guest = session.open(disk, evidence)?;
        let (mut coverage, mount) = (Coverage::default(), OnceCell::new());
        let (place, key) = match path.to_str().filter(|path| is_registry_path(path)) {
            Some(path) => {
                // What is wrong with other hives is not asked for.
                let (registry, _) = Registry::of(&guest, with_logs);
                let found = registry.resolve(path)?;
                let hive = registry.hives().get(found.hive);
                mount.get_or_init(|| hive.map(|hive| hive.mount.clone()));
                (hive.map(|hive| hive.path.clone()).unwrap_or_default(), Some(found.path))
            }
            None => (path.as_os_str().as_encoded_bytes().to_vec(), None),
        };
        let file = cat::open(&guest, &place, Stream::Data)?;
        let image = guest.image().to_owned();
        let logs = if with_logs { logs_in_guest(&guest, &place, &mut coverage) } else { Vec::new() };
        let hive = Hive::open(&*file, &logs.iter().map(guest_log).collect::<Vec<_>>());
        let hive = hive.map_err(|error| coverage.add_read_error(&image, &place, &error)).ok();
        let name = String::from_utf8_lossy(split_name(&place).1).into_owned();
        Ok(Self { hive, image, place, name, key, coverage, guest: Some(guest), mount, files: Vec::new() }
            .told())
    }

    /// The files of the host that are read.
    pub(crate) fn files(&self) -> Vec<&HostFile> {
        let images = self.guest.iter().flat_map(|guest| guest.disk().host_files()).map(|file| &**file);
        self.files.iter().chain(images).collect()
    }

    /// What changed while it was read.
    pub(crate) fn check_unchanged(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for file in self.files() {
            if let Err(error) = file.check_unchanged() {
                coverage.add_read_error(&self.image, b"", &error);
            }
        }
        coverage
    }

    /// What the hive is called in reports.
    pub(crate) fn title(&self) -> String {
        match self.place.is_empty() {
            true => self.image.clone(),
            false => String::from_utf8_lossy(&self.place).into_owned(),
        }
    }

    /// Where Windows shows the hive: what the guest says that it is in, or else the name of its file.
    pub(crate) fn windows_mount(&self) -> Option<Vec<u8>> {
        self.mount_in_guest().or_else(|| {
            let known = |(name, _): &&(&str, &str)| self.name.eq_ignore_ascii_case(name);
            MOUNTS.iter().find(known).map(|(_, mount)| mount.as_bytes().to_vec())
        })
    }

    fn mount_in_guest(&self) -> Option<Vec<u8>> {
        let search = || {
            let guest = self.guest.as_ref()?;
            let located = vminspect::locate_followed(guest, &self.place).ok()?;
            let (hives, _) = guest.hives();
            hives.into_iter().find(|hive| hive.located == located).map(|hive| hive.mount)
        };
        self.mount.get_or_init(search).clone()
    }

    /// What the Python program put before the paths of the hive.
    pub(crate) fn legacy_mount(&self) -> &'static str {
        match &*self.name {
            "SAM" | "SYSTEM" | "SOFTWARE" | "SECURITY" => "HKLM",
            "NTUSER.DAT" | "UsrClass.dat" => "HKCU",
            "DEFAULT" => "HKU",
            _ => "",
        }
    }

    /// Tells what became of the logs, to those who want to know.
    fn told(self) -> Self {
        if let Some(hive) = &self.hive {
            tell_replay(&self.title(), hive.replay());
        }
        self
    }
}

fn tell_replay(title: &str, replay: &Replay) {
    let title = for_terminal(title);
    match &replay.dirty {
        Some(why) => tracing::info!("{title}: the hive is dirty: {}", for_terminal(why)),
        None => tracing::info!("{title}: the hive is not dirty"),
    }
    for (name, outcome) in &replay.logs {
        let name = for_terminal(name);
        match outcome {
            LogOutcome::Empty => tracing::info!("{name}: empty"),
            LogOutcome::Unused(why) => tracing::info!("{name}: not replayed: {}", for_terminal(why)),
            LogOutcome::Applied { sequences: (first, last), entries, pages, stopped } => {
                tracing::info!("{name}: replayed {entries} entries ({first} to {last}), {pages} pages");
                if let Some(why) = stopped {
                    tracing::info!("{name}: later entries were not replayed: {}", for_terminal(why));
                }
            }
        }
    }
}

fn host_log(file: &HostFile) -> HiveLog<'_> {
    HiveLog { name: file_name(file.path()), bytes: file }
}

fn guest_log((name, bytes): &(String, Arc<dyn ReadAt>)) -> HiveLog<'_> {
    HiveLog { name: name.clone(), bytes: &**bytes }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a path begins with a root of the registry. Paths of files begin with a volume.
fn is_registry_path(path: &str) -> bool {
    let path = path.to_ascii_uppercase();
    ["HK", r"\REGISTRY\", r"COMPUTER\"].iter().any(|root| path.starts_with(root))
}

/// Whether a name is that of a log of the hive `hive`. Case does not count.
fn is_log(name: &str, hive: &str) -> bool {
    let (name, hive) = (name.to_lowercase(), hive.to_lowercase());
    name.strip_prefix(&hive).is_some_and(|end| LOGS.iter().any(|log| end.eq_ignore_ascii_case(log)))
}

/// The logs beside a hive of the host: regular files alone, in the order of their names.
fn logs_beside(path: &Path) -> Vec<PathBuf> {
    let hive = file_name(path);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // A directory that cannot be listed has no logs to offer; if the hive is dirty, that is told.
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let entries = entries.flatten().filter(|entry| {
        entry.file_type().is_ok_and(|kind| kind.is_file())
            && is_log(&entry.file_name().to_string_lossy(), &hive)
    });
    let mut logs: Vec<PathBuf> = entries.map(|entry| path.with_file_name(entry.file_name())).collect();
    logs.sort();
    logs
}

/// The directory and the name of a path inside a guest. The directory keeps the separator at its end.
fn split_name(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at + 1);
    path.split_at(start)
}

/// The logs beside a hive of a guest, in the order of their names. Those that cannot be read are told.
fn logs_in_guest(guest: &Guest, path: &[u8], coverage: &mut Coverage) -> Vec<(String, Arc<dyn ReadAt>)> {
    let (directory, hive) = split_name(path);
    let hive = String::from_utf8_lossy(hive);
    let Ok(located) = guest.resolve_following(directory) else { return Vec::new() };
    let volume = guest.volumes().get(located.volume);
    let Some(filesystem) = volume.and_then(|volume| volume.filesystem.as_ref()) else { return Vec::new() };
    let Ok(entries) = filesystem.entries(located.file) else { return Vec::new() };
    let mut logs: Vec<(String, Arc<dyn ReadAt>)> = Vec::new();
    for entry in entries.flatten().filter(|entry| is_log(&String::from_utf8_lossy(&entry.name), &hive)) {
        if filesystem.metadata(entry.id).is_ok_and(|file| file.kind != FileKind::Regular) {
            continue;
        }
        match filesystem.open(entry.id, Stream::Data) {
            Ok(log) => logs.push((String::from_utf8_lossy(&entry.name).into_owned(), log)),
            Err(error) => {
                let place = [directory, &entry.name].concat();
                coverage.add_error(guest.image(), &place, error.family(), &error);
            }
        }
    }
    logs.sort_by(|(a, _), (b, _)| a.cmp(b));
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_have_the_hive_s_name() {
        assert!(is_log("SYSTEM.LOG1", "SYSTEM"));
        assert!(is_log("ntuser.dat.log2", "NTUSER.DAT"));
        assert!(is_log("sam.Log", "SAM"));
        for name in ["SYSTEM", "SYSTEM.LOG3", "SYSTEM.LOG1.bak", "XSYSTEM.LOG", "SYSTEM_LOG"] {
            assert!(!is_log(name, "SYSTEM"), "{name}");
        }
    }

    #[test]
    fn names_follow_the_last_separator() {
        assert_eq!(split_name(br"C:\Windows\SAM"), (&br"C:\Windows\"[..], &b"SAM"[..]));
        assert_eq!(split_name(b"/evidence/SAM"), (&b"/evidence/"[..], &b"SAM"[..]));
        assert_eq!(split_name(b"SAM"), (&b""[..], &b"SAM"[..]));
    }
}
