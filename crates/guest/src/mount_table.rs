//! The guest's mount table: what `/etc/fstab` mounts, found among the volumes of the disk.

use vminspect_artefact::fstab::{self, Device, Entry};
use vminspect_bytes::{Family, ReadError};

use crate::guest::read_file;
use crate::namespace::{FollowLast, Namespace};
use crate::volume::GuestVolume;
use crate::{Coverage, Error};

/// Largest mount table that is read.
const LARGEST_TABLE: u64 = 1 << 20;

/// Mounts that are made of one table. Each costs a walk, and real tables have a few dozen.
const MOST_MOUNTS: usize = 4096;

const TABLE: &[u8] = b"/etc/fstab";

/// Types that are no filesystem on a disk of this guest.
const OTHER_KINDS: &[&str] = &[
    "swap",
    "tmpfs",
    "ramfs",
    "proc",
    "sysfs",
    "devtmpfs",
    "devpts",
    "debugfs",
    "tracefs",
    "securityfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "efivarfs",
    "hugetlbfs",
    "mqueue",
    "pstore",
    "bpf",
    "binfmt_misc",
    "usbfs",
    "selinuxfs",
    "overlay",
    "aufs",
    "autofs",
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "afs",
    "9p",
    "virtiofs",
    "vboxsf",
    "ceph",
    "glusterfs",
    "davfs",
    "lustre",
    "ocfs2_dlmfs",
    "none",
];

/// Removable media, which are no part of a disk.
const REMOVABLE: &[&str] = &["/dev/cdrom", "/dev/dvd", "/dev/sr", "/dev/scd", "/dev/fd", "/dev/floppy"];

const FIRST_DISKS: &[&str] = &["sda", "vda", "xvda", "hda", "ubda", "nvme0n1", "mmcblk0"];

/// Gives the volume of the operating system, and those that its table mounts, their places in the tree.
pub(crate) fn mount(image: &str, volumes: &mut [GuestVolume], root: usize, coverage: &mut Coverage) {
    if let Some(volume) = volumes.get_mut(root) {
        volume.prefix.clear();
    }
    let table = match read_file(volumes, TABLE, LARGEST_TABLE) {
        Ok(table) => table,
        Err(Error::NotFound(_)) => return,
        Err(error) => return coverage.add_error(image, TABLE, error.family(), &error),
    };
    for mount in wanted(image, &table, coverage) {
        match device_volume(volumes, &mount.entry.device) {
            // A volume has one place: what else mounts it (a second name, a subvolume) changes nothing.
            Some(index) if volumes.get(index).is_some_and(GuestVolume::is_mounted) => {}
            Some(index) => place(volumes, index, &mount.path),
            None if mount.entry.has_option("noauto") => {}
            None => coverage.add_error(image, &mount.path, Family::Unsupported, &missing(&mount.entry)),
        }
    }
}

fn missing(entry: &Entry) -> ReadError {
    ReadError::unsupported("mount")
        .expected(format!("a volume of this disk that is {}", entry.device.to_text()))
        .found("none")
}

/// An entry that mounts a volume, and where: without `.`, empty components and a slash at the end.
struct Mount {
    entry: Entry,
    path: Vec<u8>,
}

/// The mounts of volumes, outer ones before those inside them, otherwise in the order of the table.
fn wanted(image: &str, table: &[u8], coverage: &mut Coverage) -> Vec<Mount> {
    let mut mounts = Vec::new();
    for entry in fstab::entries(table) {
        match entry {
            Ok(entry) if is_of_disk(&entry) => mounts.extend(mount_of(entry)),
            Ok(_) => {}
            Err(error) => coverage.add_read_error(image, TABLE, &error),
        }
        if mounts.len() > MOST_MOUNTS {
            let error =
                ReadError::unsupported("mount table").found(format!("more than {MOST_MOUNTS} mounts"));
            coverage.add_read_error(image, TABLE, &error);
            break;
        }
    }
    mounts.sort_by_key(|mount| mount.path.iter().filter(|byte| **byte == b'/').count());
    mounts
}

/// Whether an entry mounts a filesystem that a disk of this guest holds.
fn is_of_disk(entry: &Entry) -> bool {
    let is_kind = |kind: &&str| entry.kind == kind.as_bytes();
    let is_network = entry.kind.starts_with(b"fuse") || entry.has_option("_netdev");
    let is_bind = entry.has_option("bind") || entry.has_option("rbind");
    let is_device = match &entry.device {
        Device::Other(name) => {
            name.starts_with(b"/dev/") && !REMOVABLE.iter().any(|device| name.starts_with(device.as_bytes()))
        }
        _ => true,
    };
    is_device && !is_bind && !is_network && !OTHER_KINDS.iter().any(is_kind)
}

/// `None` for the root, which is mounted already, and for what is no absolute path.
fn mount_of(entry: Entry) -> Option<Mount> {
    if !entry.mount_point.starts_with(b"/") {
        return None;
    }
    let names = entry.mount_point.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let path: Vec<u8> = names.flat_map(|name| std::iter::once(b'/').chain(name.iter().copied())).collect();
    let climbs = path.split(|byte| *byte == b'/').any(|name| name == b"..");
    (!path.is_empty() && !climbs).then_some(Mount { entry, path })
}

/// Mounts a volume at `path`, or where links lead from there. What it covers belongs to the volume that has the
/// directory. A mount point that does not exist changes nothing for others.
fn place(volumes: &mut [GuestVolume], index: usize, path: &[u8]) {
    let namespace = Namespace::new(volumes);
    let path =
        namespace.resolve(path, FollowLast::Yes).map_or_else(|_| path.to_vec(), |resolved| resolved.path);
    let taken = volumes.iter().any(|volume| volume.is_mounted() && volume.prefix == path);
    if taken {
        return;
    }
    let parents = volumes.iter_mut().filter(|volume| volume.is_mounted());
    let parents = parents.filter(|volume| is_below(&path, &volume.prefix));
    if let Some(parent) = parents.max_by_key(|volume| volume.prefix.len()) {
        let inside = path.strip_prefix(parent.prefix.as_slice()).unwrap_or_default().to_vec();
        parent.covered.push(inside);
    }
    if let Some(volume) = volumes.get_mut(index) {
        volume.prefix = path;
    }
}

fn is_below(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(b"/"))
}

/// The volume that a device names, the first where several fit.
fn device_volume(volumes: &[GuestVolume], device: &Device) -> Option<usize> {
    volumes.iter().position(|volume| match device {
        Device::Uuid(uuid) => volume.names().0.is_some_and(|own| own.as_bytes().eq_ignore_ascii_case(uuid)),
        Device::Label(label) => volume.names().1.is_some_and(|own| own == *label),
        Device::PartitionUuid(uuid) => {
            volume.volume.uuid.as_ref().is_some_and(|own| own.as_bytes().eq_ignore_ascii_case(uuid))
        }
        Device::PartitionLabel(name) => volume.volume.name.as_ref().is_some_and(|own| own.as_bytes() == name),
        Device::Partition { disk, number } => is_first_disk(disk) && volume.volume.number == *number,
        Device::Other(_) => false,
    })
}

/// Whether the kernel's name is that of a first disk. Which of a guest's disks this one is, an image does not
/// say; the first is the likeliest, and the only one whose partitions may be here. Names under `by-id` and
/// `by-path` say even less: their partition numbers count.
fn is_first_disk(name: &[u8]) -> bool {
    let is_kernel_name = name.iter().all(u8::is_ascii_alphanumeric);
    !is_kernel_name || FIRST_DISKS.iter().any(|first| name == first.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::tests::unreadable;

    fn mounts(table: &str) -> (Vec<(String, String)>, Coverage) {
        let mut coverage = Coverage::default();
        let mounts = wanted("image", table.as_bytes(), &mut coverage);
        let text = |mount: &Mount| {
            (mount.entry.device.to_text(), String::from_utf8(mount.path.clone()).expect("a path of text"))
        };
        (mounts.iter().map(text).collect(), coverage)
    }

    #[test]
    fn only_volumes_are_mounted_and_outer_ones_first() {
        let (found, coverage) = mounts(
            "UUID=1 /srv/data/ ext4 defaults 0 0\n\
             /dev/sda1 / ext4\n\
             /dev/sda2 none swap sw\n\
             tmpfs /tmp tmpfs\n\
             server:/export /mnt nfs\n\
             //server/share /mnt cifs\n\
             /srv/data /home none bind\n\
             /home /export auto rbind\n\
             /dev/sr0 /media/cdrom udf,iso9660 user,noauto\n\
             LABEL=x /srv//./ ext4\n\
             LABEL=y relative ext4\n\
             LABEL=z /a/../b ext4\n\
             sshfs#host: /mnt/ssh fuse\n",
        );
        let expected = [("LABEL=x", "/srv"), ("UUID=1", "/srv/data")];
        assert_eq!(found, expected.map(|(device, path)| (device.to_owned(), path.to_owned())));
        assert!(coverage.is_complete());
    }

    #[test]
    fn a_bad_line_is_reported() {
        let (found, coverage) = mounts("nonsense\nLABEL=x /srv ext4\n");
        assert_eq!(found.len(), 1);
        assert_eq!(coverage.sorted().len(), 1);
        assert_eq!(coverage.sorted()[0].place, TABLE);
    }

    #[test]
    fn a_huge_table_is_bounded() {
        let (found, coverage) = mounts(&"LABEL=x /srv ext4\n".repeat(10_000));
        assert!(found.len() <= MOST_MOUNTS + 1);
        assert_eq!(coverage.sorted().len(), 1);
    }

    #[test]
    fn devices_find_volumes() {
        let mut volumes = [unreadable(1, ""), unreadable(2, "vol2:")];
        volumes[0].volume.uuid = Some("0ABC-01".to_owned());
        volumes[1].volume.name = Some("data".to_owned());
        let find = |text: &str| device_volume(&volumes, &Device::parse(text.as_bytes()));
        assert_eq!(find("PARTUUID=0abc-01"), Some(0));
        assert_eq!(find("PARTLABEL=data"), Some(1));
        assert_eq!(find("PARTLABEL=DATA"), None);
        for name in ["/dev/sda2", "/dev/vda2", "/dev/xvda2", "/dev/hda2", "/dev/nvme0n1p2", "/dev/mmcblk0p2"]
        {
            assert_eq!(find(name), Some(1), "{name}");
        }
        for name in
            ["/dev/sdb2", "/dev/nvme1n1p2", "/dev/mmcblk1p2", "/dev/sdaa2", "/dev/mapper/x", "/dev/sda3"]
        {
            assert_eq!(find(name), None, "{name}");
        }
    }

    #[test]
    fn mounts_cover_the_volume_below() {
        let mut volumes =
            [unreadable(1, ""), unreadable(2, "vol2:"), unreadable(3, "vol3:"), unreadable(4, "vol4:")];
        place(&mut volumes, 2, b"/srv");
        place(&mut volumes, 1, b"/srv/data");
        place(&mut volumes, 3, b"/srv");
        let prefixes: Vec<_> = volumes.iter().map(|volume| volume.prefix.as_slice()).collect();
        assert_eq!(prefixes, [&b""[..], b"/srv/data", b"/srv", b"vol4:"]);
        assert_eq!(volumes[0].covered, [b"/srv".to_vec()]);
        assert_eq!(volumes[2].covered, [b"/data".to_vec()]);
    }
}
