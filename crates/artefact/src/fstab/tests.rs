use super::*;

fn device(text: &str) -> Device {
    Device::parse(text.as_bytes())
}

fn partition(disk: &str, number: u32) -> Device {
    Device::Partition { disk: disk.as_bytes().to_vec(), number }
}

#[test]
fn devices() {
    assert_eq!(device("UUID=ab-CD"), Device::Uuid(b"ab-CD".to_vec()));
    assert_eq!(device("LABEL=\"my disk\""), Device::Label(b"my disk".to_vec()));
    assert_eq!(device("PARTUUID=0123"), Device::PartitionUuid(b"0123".to_vec()));
    assert_eq!(device("PARTLABEL=root"), Device::PartitionLabel(b"root".to_vec()));
    assert_eq!(device("/dev/disk/by-uuid/ab"), Device::Uuid(b"ab".to_vec()));
    assert_eq!(device("/dev/disk/by-label/my\\x20disk"), Device::Label(b"my disk".to_vec()));
    assert_eq!(device("/dev/disk/by-partlabel/x\\xZZ"), Device::PartitionLabel(b"x\\xZZ".to_vec()));
    assert_eq!(device("/dev/disk/by-id/ata-QEMU_1-part2"), partition("ata-QEMU_1", 2));
    assert_eq!(device("/dev/sda1"), partition("sda", 1));
    assert_eq!(device("/dev/vdb12"), partition("vdb", 12));
    assert_eq!(device("/dev/xvda"), partition("xvda", 0));
    assert_eq!(device("/dev/nvme0n1p3"), partition("nvme0n1", 3));
    assert_eq!(device("/dev/nvme0n1"), partition("nvme0n1", 0));
    assert_eq!(device("/dev/mmcblk0p2"), partition("mmcblk0", 2));
    for other in
        ["/dev/mapper/vg-lv", "tmpfs", "host:/export", "//host/share", "/dev/sr0", "/swapfile", "/dev/"]
    {
        assert_eq!(device(other), Device::Other(other.as_bytes().to_vec()));
    }
}

#[test]
fn fields() {
    let file =
        b"# /etc/fstab\n\n  /dev/sda1\t/mnt/a\\040b\\134c  ext4,ext3 ro,noatime 0 1\r\nUUID=1 none swap\n";
    let entries: Vec<Entry> = entries(file).map(|entry| entry.expect("an entry")).collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].mount_point, b"/mnt/a b\\c");
    assert_eq!(entries[0].kind, b"ext4,ext3");
    assert_eq!(entries[0].options, [b"ro".to_vec(), b"noatime".to_vec()]);
    assert!(entries[0].has_option("ro") && !entries[0].has_option("rw"));
    assert_eq!(entries[0].offset, 14);
    assert_eq!((entries[1].kind.as_slice(), entries[1].options.len()), (&b"swap"[..], 0));
}

#[test]
fn a_short_line_is_an_error_and_the_next_follows() {
    let results: Vec<_> = entries(b"UUID=1\nUUID=2 / ext4\n/dev/sda1 /x").collect();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0].as_ref().expect_err("too short").offset(), Some(0));
    assert_eq!(results[1].as_ref().expect("an entry").mount_point, b"/");
    assert_eq!(results[2].as_ref().expect_err("too short").offset(), Some(21));
}

#[test]
fn escapes_that_are_none_stay() {
    let text = b"a\\04 \\999 \\777\\040";
    assert_eq!(unescape(text), b"a\\04 \\999 \\777 ");
}

#[test]
fn binary_input_ends() {
    let noise: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
    assert!(entries(&noise).count() > 0);
}
