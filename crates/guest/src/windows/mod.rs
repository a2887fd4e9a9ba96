//! Windows: on which volume it is, and what can be told of it without its registry.

use crate::OperatingSystem;
use crate::files::{Files, text};
use crate::volume::GuestVolume;

/// Directories that a system is installed to, by default.
const DIRECTORIES: &[&str] = &["Windows", "WinNT"];

/// What one of these holds when it is a system's, in `System32`.
const SYSTEM_FILES: &[&str] = &["config", "ntoskrnl.exe", "kernel32.dll"];

/// What the system's boot loader is found by, and the first volume that has it boots the system. Newer ones first.
const BOOT_FILES: &[&str] = &["/EFI/Microsoft/Boot/bootmgfw.efi", "/bootmgr", "/ntldr"];

/// What stands before the paths of the volume that holds the system. Which letter it gives to itself, only its
/// registry says; this is nearly always it.
const DRIVE: &[u8] = b"C:";

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

/// Gives the volumes their places: the system's is `C:`, and names are separated by backslashes everywhere.
pub(crate) fn mount(volumes: &mut [GuestVolume], root: usize) {
    for volume in volumes.iter_mut() {
        volume.separator = b'\\';
    }
    if let Some(volume) = volumes.get_mut(root) {
        volume.prefix = DRIVE.to_vec();
    }
}

/// What can be told of the system on volume `root`.
pub(crate) fn describe(volumes: &[GuestVolume], root: usize) -> OperatingSystem {
    let directory = volumes.get(root).and_then(|volume| directory(Files::of_volume(volumes, volume)));
    let boots = |volume: &GuestVolume, file: &&str| {
        volume.filesystem.is_some() && Files::of_volume(volumes, volume).any(&[file])
    };
    let boot = BOOT_FILES.iter().find_map(|file| volumes.iter().position(|volume| boots(volume, file)));
    OperatingSystem {
        family: "windows",
        name: Some("Windows".to_owned()),
        volume: root.saturating_add(1),
        directory: directory.map(|name| format!("{}\\{name}", String::from_utf8_lossy(DRIVE))),
        boot_volume: boot.map(|index| index.saturating_add(1)),
        ..OperatingSystem::default()
    }
}
