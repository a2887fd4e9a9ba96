//! Linux: on which volume it is, and what it says of itself.

mod files;
mod init;
mod kernel;
mod release;

use vminspect_bytes::{Family, ReadError};

use self::files::Files;
use crate::volume::GuestVolume;
use crate::{Coverage, OperatingSystem};

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

/// The first volume that holds a system: by its release file, or else by the files of a system that names itself
/// nowhere. Others are reported.
pub(crate) fn find_volume(image: &str, volumes: &[GuestVolume], coverage: &mut Coverage) -> Option<usize> {
    let mut found = holding(volumes, |files| files.any(RELEASE_FILES));
    if found.is_empty() {
        found = holding(volumes, |files| {
            files.any(SYSTEM_FILES) && files.any(&["/sbin/init", "/bin/sh", "/init"])
        });
    }
    let mut found = found.into_iter();
    let first = found.next()?;
    for other in found {
        let Some(volume) = volumes.get(other) else { continue };
        let name = release::read(Files::of_volume(volumes, volume)).name;
        let error = ReadError::unsupported("second operating system")
            .found(name.unwrap_or_else(|| "a Linux system".to_owned()))
            .advice("its paths begin with the name of its volume");
        coverage.add_error(image, &volume.own_prefix(), Family::Unsupported, &error);
    }
    Some(first)
}

fn holding(volumes: &[GuestVolume], is_system: impl Fn(Files<'_>) -> bool) -> Vec<usize> {
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
    }
}

fn hostname(files: Files<'_>) -> Option<String> {
    let plain = ["/etc/hostname", "/etc/HOSTNAME"].into_iter().find_map(|path| files.first_line(path));
    let assigned = || files.value("/etc/sysconfig/network", "HOSTNAME");
    plain.or_else(assigned).or_else(|| files.value("/etc/conf.d/hostname", "hostname"))
}
