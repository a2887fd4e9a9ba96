//! Windows: on which volume it is, what can be told of it, and where its registry is.

mod directories;
mod drives;
mod event_logs;
mod hive_file;
mod hives;
mod information;
mod installation;
mod lookup;
mod profiles;
mod registry;
mod transactions;

pub use event_logs::EventLogFile;
pub(crate) use event_logs::find_event_logs;
pub use hive_file::{HiveFile, HiveKind};
pub(crate) use hives::find_hives;
pub use registry::{Registry, RegistryPlace};

use vminspect_artefact::registry::Hive;
use vminspect_volume::VolumeTable;

use self::directories::Directories;
use self::installation::{DIRECTORIES, Installation, SYSTEM_FILES, logs_of};
use self::profiles::Variables;
use crate::files::{Files, text};
use crate::volume::GuestVolume;
use crate::{Coverage, Guest, OperatingSystem};

/// What the system's boot loader is found by, and the first volume that has it boots the system. Newer ones first.
const BOOT_FILES: &[&str] = &["/EFI/Microsoft/Boot/bootmgfw.efi", "/bootmgr", "/ntldr"];

/// The volumes that hold a system, in their order.
pub(crate) fn holding(volumes: &[GuestVolume]) -> Vec<usize> {
    let holds = |volume: &GuestVolume| directory(Files::of_volume(volumes, volume)).is_some();
    let found = volumes.iter().enumerate().filter(|(_, volume)| volume.filesystem.is_some() && holds(volume));
    found.map(|(index, _)| index).collect()
}

/// The directory of the system, as its volume spells it.
fn directory(files: Files<'_>) -> Option<String> {
    let found = DIRECTORIES.iter().find(|directory| {
        SYSTEM_FILES.iter().any(|file| files.any(&[&format!("/{directory}/System32/{file}")]))
    })?;
    let names = files.names("/").into_iter();
    names.filter(|name| name.eq_ignore_ascii_case(found.as_bytes())).find_map(|name| text(&name))
}

/// Gives the volumes their places, and tells what is known of the system on volume `root`.
///
/// Volumes have the letters that the registry has for them; the system's is `C:` where it has none. Names are
/// separated by backslashes everywhere.
pub(crate) fn open(
    image: &str,
    volumes: &mut [GuestVolume],
    table: &VolumeTable,
    root: usize,
    coverage: &mut Coverage,
) -> Opened {
    for volume in volumes.iter_mut() {
        volume.separator = b'\\';
    }
    if let Some(volume) = volumes.get_mut(root) {
        volume.prefix = drives::USUAL_DRIVE.to_vec();
    }
    let mut system = OperatingSystem::default();
    let mut notices = Coverage::default();
    if let Some((path, hive)) = system_hive(image, volumes, root, coverage) {
        drives::assign(volumes, table, root, &hive);
        let prefix = volumes.get(root).map(|volume| volume.prefix.clone()).unwrap_or_default();
        let path = [prefix, path].concat();
        information::read_system(&hive, &mut system);
        for problem in hive.problems() {
            notices.add_read_error(image, &path, problem);
        }
        if !drives::has_letters(&hive) && notices.has_failures() {
            coverage.extend(notices.clone());
        }
    }
    Opened { system: describe(volumes, root, system), notices }
}

/// A system that was opened.
pub(crate) struct Opened {
    pub(crate) system: OperatingSystem,
    /// What is wrong with the registry, though it could be read.
    pub(crate) notices: Coverage,
}

/// The hive `SYSTEM` and its path inside its volume, when it is there and can be read.
fn system_hive(
    image: &str,
    volumes: &[GuestVolume],
    root: usize,
    coverage: &mut Coverage,
) -> Option<(Vec<u8>, Hive)> {
    // What is wrong with directories, the search for hives tells.
    let mut directories = Directories::new(image, volumes);
    let place = directories.root(root)?;
    let place = Installation::find(&mut directories, place)?.config_file(&mut directories, "SYSTEM")?;
    let logs = logs_of(&mut directories, &place);
    match installation::open(volumes, place.at, &logs) {
        Ok(hive) => {
            let path = place.path.strip_prefix(drives::USUAL_DRIVE)?;
            Some((path.to_vec(), hive))
        }
        Err(error) => {
            coverage.add_error(image, &place.path, error.family(), &error);
            None
        }
    }
}

/// Adds what can be told without the registry.
fn describe(volumes: &[GuestVolume], root: usize, known: OperatingSystem) -> OperatingSystem {
    let directory = volumes.get(root).and_then(|volume| directory(Files::of_volume(volumes, volume)));
    let drive = volumes.get(root).map(|volume| String::from_utf8_lossy(&volume.prefix)).unwrap_or_default();
    let boots = |volume: &GuestVolume, file: &&str| {
        volume.filesystem.is_some() && Files::of_volume(volumes, volume).any(&[file])
    };
    let boot = BOOT_FILES.iter().find_map(|file| volumes.iter().position(|volume| boots(volume, file)));
    OperatingSystem {
        family: "windows",
        name: Some("Windows".to_owned()),
        volume: root.saturating_add(1),
        directory: directory.map(|name| format!("{drive}\\{name}")),
        boot_volume: boot.map(|index| index.saturating_add(1)),
        ..known
    }
}

/// All that is known of a guest's Windows: what [`open`] told, and what the hives `SOFTWARE` and `SAM` say. What
/// is wrong with these is added to `coverage`.
pub(crate) fn describe_fully(
    guest: &Guest,
    system: &OperatingSystem,
    coverage: &mut Coverage,
) -> OperatingSystem {
    let mut system = system.clone();
    let mut directories = Directories::new(guest.image(), guest.volumes());
    let root = hives::system_volume(guest).and_then(|root| directories.root(root));
    let Some(installed) = root.and_then(|root| Installation::find(&mut directories, root)) else {
        return system;
    };
    let mut open = |name: &str| {
        let place = installed.config_file(&mut directories, name)?;
        let logs = logs_of(&mut directories, &place);
        let opened = installation::open(guest.volumes(), place.at, &logs);
        match &opened {
            Ok(hive) => hive
                .problems()
                .iter()
                .for_each(|problem| coverage.add_read_error(guest.image(), &place.path, problem)),
            Err(error) => coverage.add_error(guest.image(), &place.path, error.family(), error),
        }
        opened.ok()
    };
    if let Some(software) = open("SOFTWARE") {
        information::read_software(&software, &Variables::of(&installed), &mut system);
    }
    if let Some(accounts) = open("SAM") {
        information::read_accounts(&accounts, system.windows.get_or_insert_default());
    }
    system
}
