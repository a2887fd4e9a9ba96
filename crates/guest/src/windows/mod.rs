//! Windows: on which volume it is, what can be told of it, and where its registry is.

mod directories;
mod drives;
mod hive_file;
mod hives;
mod installation;
mod lookup;
mod profiles;
mod registry;
mod transactions;

pub use hive_file::{HiveFile, HiveKind};
pub(crate) use hives::find_hives;
pub use registry::{Registry, RegistryPlace};

use vminspect_artefact::registry::Hive;
use vminspect_volume::VolumeTable;

use self::directories::Directories;
use self::installation::{DIRECTORIES, Installation, SYSTEM_FILES, logs_of};
use crate::files::{Files, text};
use crate::volume::GuestVolume;
use crate::{Coverage, OperatingSystem};

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

/// Gives the volumes their places: the letters that the registry has for them, and `C:` to the system's where it
/// has none. Names are separated by backslashes everywhere.
pub(crate) fn mount(
    image: &str,
    volumes: &mut [GuestVolume],
    table: &VolumeTable,
    root: usize,
    coverage: &mut Coverage,
) {
    for volume in volumes.iter_mut() {
        volume.separator = b'\\';
    }
    if let Some(volume) = volumes.get_mut(root) {
        volume.prefix = drives::USUAL_DRIVE.to_vec();
    }
    if let Some(system) = system_hive(image, volumes, root, coverage) {
        drives::assign(volumes, table, root, &system);
    }
}

/// The hive `SYSTEM`, when it is there and can be read.
fn system_hive(image: &str, volumes: &[GuestVolume], root: usize, coverage: &mut Coverage) -> Option<Hive> {
    let mut directories = Directories::new(image, volumes);
    let place = directories.root(root)?;
    let place = Installation::find(&mut directories, place)?.config_file(&mut directories, "SYSTEM")?;
    let logs = logs_of(&mut directories, &place);
    // What else is wrong with directories, the search for hives tells.
    match installation::open(volumes, place.at, &logs) {
        Ok(hive) => Some(hive),
        Err(error) => {
            coverage.add_error(image, &place.path, error.family(), &error);
            None
        }
    }
}

/// What can be told of the system on volume `root`.
pub(crate) fn describe(volumes: &[GuestVolume], root: usize) -> OperatingSystem {
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
        ..OperatingSystem::default()
    }
}
