//! Linux: on which volume it is, and what it says of itself.

mod init;
mod kernel;
mod release;

use crate::OperatingSystem;
use crate::files::Files;
use crate::volume::GuestVolume;

/// Files of which a root directory has one, when it is a Linux system's.
const RELEASE_FILES: &[&str] = &[
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/debian_version",
    "/etc/redhat-release",
    "/etc/alpine-release",
    "/etc/SuSE-release",
    "/etc/gentoo-release",
    "/etc/arch-release",
    "/etc/slackware-version",
    "/etc/system-release",
    "/etc/lsb-release",
];

/// Files that a system without any of those has all the same.
const SYSTEM_FILES: &[&str] = &["/etc/fstab", "/etc/passwd", "/etc/inittab"];

/// The volumes that hold a system, in their order: by its release file, or else by the files of a system that
/// names itself nowhere.
pub(crate) fn holding(volumes: &[GuestVolume]) -> Vec<usize> {
    let found = volumes_where(volumes, |files| files.any(RELEASE_FILES));
    if !found.is_empty() {
        return found;
    }
    volumes_where(volumes, |files| files.any(SYSTEM_FILES) && files.any(&["/sbin/init", "/bin/sh", "/init"]))
}

/// What the system on a volume calls itself.
pub(crate) fn name(volumes: &[GuestVolume], volume: &GuestVolume) -> Option<String> {
    release::read(Files::of_volume(volumes, volume)).name
}

fn volumes_where(volumes: &[GuestVolume], is_system: impl Fn(Files<'_>) -> bool) -> Vec<usize> {
    let holds = |volume: &GuestVolume| is_system(Files::of_volume(volumes, volume));
    let found = volumes.iter().enumerate().filter(|(_, volume)| volume.filesystem.is_some() && holds(volume));
    found.map(|(index, _)| index).collect()
}

/// What the system on volume `root` says of itself, read through its mounts.
pub(crate) fn describe(volumes: &[GuestVolume], root: usize) -> OperatingSystem {
    let files = Files::of_guest(volumes);
    let release = release::read(files);
    OperatingSystem {
        family: "linux",
        name: release.name,
        id: release.id,
        version: release.version,
        hostname: hostname(files),
        kernels: kernel::installed(files),
        init: init::find(files).map(str::to_owned),
        volume: root.saturating_add(1),
        ..OperatingSystem::default()
    }
}

fn hostname(files: Files<'_>) -> Option<String> {
    let plain = ["/etc/hostname", "/etc/HOSTNAME"].into_iter().find_map(|path| files.first_line(path));
    let assigned = || files.value("/etc/sysconfig/network", "HOSTNAME");
    plain.or_else(assigned).or_else(|| files.value("/etc/conf.d/hostname", "hostname"))
}
