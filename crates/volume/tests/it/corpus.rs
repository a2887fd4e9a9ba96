//! Public test images. They are not part of the repository: the tests do nothing where `VMINSPECT_CORPUS` does
//! not name a directory that has them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use vminspect_bytes::{Family, Memory, ReadAt};
use vminspect_volume::{ContentKind, VolumeTable, identify};

fn image(name: &str) -> Option<Arc<dyn ReadAt>> {
    let path = PathBuf::from(std::env::var_os("VMINSPECT_CORPUS")?).join("images").join(name);
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => filter("xz", &["-dc"], &path),
        Some("gz") => filter("gzip", &["-dc"], &path),
        Some("zip") => filter("unzip", &["-p"], &path),
        _ => std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    Some(Arc::new(Memory::new(bytes)))
}

fn filter(program: &str, arguments: &[&str], path: &Path) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(arguments).arg(path).stderr(Stdio::null());
    if program == "unzip" {
        command.arg("*.dd");
    }
    let output = command.output().expect("the program");
    assert!(!output.stdout.is_empty(), "{program} printed nothing of {}", path.display());
    output.stdout
}

/// Number, first sector, sectors and type of a volume.
type Row<'a> = (u32, u64, u64, &'a str);

fn rows(table: &VolumeTable) -> Vec<Row<'_>> {
    let unit = table.sector_size;
    let row = |volume: &vminspect_volume::Volume| {
        (volume.number, volume.range.start() / unit, volume.range.len() / unit)
    };
    table
        .volumes
        .iter()
        .map(|volume| (row(volume).0, row(volume).1, row(volume).2, volume.kind.as_str()))
        .collect()
}

#[test]
fn logical_partitions_in_a_chain() {
    let Some(disk) = image("dftt/1-extend-part.zip") else { return };
    let table = VolumeTable::read(disk).unwrap();
    assert_eq!((table.scheme, table.disk_id.as_deref()), ("mbr", Some("8a8ffef4")));
    let expected = [
        (1, 63, 52353, "04"),
        (2, 52416, 52416, "04"),
        (3, 104_832, 52416, "04"),
        (5, 157_311, 52353, "04"),
        (6, 209_727, 52353, "04"),
        (7, 262_143, 50337, "06"),
    ];
    assert_eq!(rows(&table), expected);
    assert!(table.problems.is_empty(), "{:?}", table.problems);
}

#[test]
fn an_extended_partition_beside_a_primary_one() {
    let Some(disk) = image("plaso/tsk_volume_system.raw") else { return };
    let table = VolumeTable::read(disk).unwrap();
    assert_eq!((table.scheme, table.disk_id.as_deref()), ("mbr", Some("53f5a6ee")));
    assert_eq!(rows(&table), [(1, 1, 350, "83"), (5, 352, 2528, "83")]);
    assert_eq!(table.volumes[1].uuid.as_deref(), Some("53f5a6ee-05"));
    assert!(table.problems.is_empty(), "{:?}", table.problems);
    assert_eq!(identify(&*table.volumes[1].bytes).unwrap().unwrap().name, "ext");
}

#[test]
fn partitions_from_the_second_sector_on() {
    let Some(disk) = image("u-root/1MB.ext4_vfat") else { return };
    let table = VolumeTable::read(disk).unwrap();
    let starts: Vec<u64> = rows(&table).iter().map(|row| row.1).collect();
    assert_eq!(starts, [1, 1025]);
    let names: Vec<_> = table
        .volumes
        .iter()
        .map(|volume| identify(&*volume.bytes).unwrap().map(|content| content.name))
        .collect();
    assert_eq!(names, [Some("ext"), Some("vfat")]);
}

#[test]
fn a_small_gpt() {
    let Some(disk) = image("u-root/gptdisk") else { return };
    let table = VolumeTable::read(disk).unwrap();
    assert_eq!(table.scheme, "gpt");
    assert_eq!(table.disk_id.as_deref(), Some("569f7b95-0f2e-45dc-97d3-a9e4add43b64"));
    let ranges: Vec<_> = rows(&table).iter().map(|row| (row.0, row.1, row.2)).collect();
    assert_eq!(ranges, [(1, 34, 167), (2, 201, 166)]);
    assert_eq!(table.volumes[0].kind_name, Some("EFI system"));
    assert_eq!(table.volumes[1].kind_name, Some("Linux filesystem"));
    assert!(table.problems.is_empty(), "{:?}", table.problems);
}

#[test]
fn a_gpt_without_partitions() {
    let Some(disk) = image("dfir_ntfs/gpt-512-0p.raw.gz") else { return };
    let table = VolumeTable::read(disk).unwrap();
    assert_eq!((table.scheme, table.volumes.len()), ("gpt", 0));
    assert_eq!(table.disk_id.as_deref(), Some("1156c30a-f330-47f5-bec9-c85b0f186736"));
    assert!(table.problems.is_empty(), "{:?}", table.problems);
}

/// These files hold only the first two sectors of their disks.
#[test]
fn master_boot_records_of_truncated_disks() {
    let expected: [(&str, &str, &[Row<'_>]); 3] = [
        ("dfir_ntfs/mbr-512-p0.bin", "dd23224b", &[]),
        ("dfir_ntfs/mbr-512-p1.bin", "f22af19f", &[(1, 1, 2047, "83")]),
        (
            "dfir_ntfs/mbr-512-p4.bin",
            "4f781bc6",
            &[(1, 1, 2, "83"), (2, 3, 2, "83"), (3, 5, 2, "83"), (4, 7, 2041, "8e")],
        ),
    ];
    for (name, id, partitions) in expected {
        let Some(disk) = image(name) else { return };
        let table = VolumeTable::read(disk).unwrap();
        assert_eq!((table.scheme, table.disk_id.as_deref()), ("mbr", Some(id)), "{name}");
        assert_eq!(rows(&table), partitions, "{name}");
        assert_eq!(table.problems.len(), partitions.len(), "{name}: each partition passes the end");
    }
}

#[test]
fn tables_of_other_machines_are_refused_by_name() {
    for (name, words) in
        [("bsd", "a BSD disklabel"), ("sun", "a Sun disk label"), ("sgi", "an SGI disk label")]
    {
        let Some(disk) = image(&format!("util-linux/{name}.img.xz")) else { return };
        let Err(error) = VolumeTable::read(disk) else { panic!("{name} was read") };
        assert_eq!((error.family(), error.actual()), (Family::Unsupported, Some(words)));
    }
}

#[test]
fn filesystems_straight_on_the_disk() {
    let expected = [
        ("util-linux/ext2.img.xz", "ext"),
        ("util-linux/ext3.img.xz", "ext"),
        ("util-linux/ext4.img.xz", "ext"),
        ("util-linux/fat.img.xz", "vfat"),
        ("util-linux/fat32_label_64MB.img.xz", "vfat"),
        ("util-linux/fat32_mkdosfs_label1.img.xz", "vfat"),
        ("util-linux/fat32_mkdosfs_none.img.xz", "vfat"),
        ("util-linux/fat32_xp_label1.img.xz", "vfat"),
        ("util-linux/small-fat32.img.xz", "vfat"),
        ("util-linux/xfs.img.xz", "xfs"),
        ("util-linux/btrfs.img.xz", "btrfs"),
        ("util-linux/erofs.img.xz", "erofs"),
        ("util-linux/f2fs.img.xz", "f2fs"),
        ("util-linux/hfs.img.xz", "hfs"),
        ("util-linux/iso.img.xz", "iso9660"),
        ("util-linux/udf.img.xz", "udf"),
        ("util-linux/luks1.img.xz", "crypto_LUKS"),
        ("util-linux/mdraid.img.xz", "linux_raid_member"),
        ("util-linux/mdraid-1.img.xz", "linux_raid_member"),
        ("util-linux/swap0.img.xz", "swap"),
        ("util-linux/swap1.img.xz", "swap"),
        ("util-linux/squashfs3.img.xz", "squashfs"),
        ("util-linux/vmfs_volume.img.xz", "VMFS_volume_member"),
        ("rust-fatfs/fat12.img", "vfat"),
        ("rust-fatfs/fat16.img", "vfat"),
        ("dfir_ntfs/fat32_small.raw.gz", "vfat"),
        ("ntfs/testfs1", "ntfs"),
        ("go-exfat/test.exfat", "exfat"),
        ("dfvfs/apfs.raw", "apfs"),
        ("dfvfs/hfsplus.raw", "hfsplus"),
        ("plaso/syslog_image.dd", "ext"),
    ];
    for (name, content) in expected {
        let Some(disk) = image(name) else { return };
        let found = identify(&*disk).unwrap().unwrap_or_else(|| panic!("{name} holds nothing known"));
        assert_eq!(found.name, content, "{name}");
        assert_eq!(found.kind == ContentKind::Swap, content == "swap");
        let table = VolumeTable::read(disk).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((table.scheme, table.volumes.len()), ("none", 1), "{name}");
    }
}
