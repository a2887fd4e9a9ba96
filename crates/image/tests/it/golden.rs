use vminspect_bytes::ReadAtExt;
use vminspect_image::{Disk, OpenOptions};

use crate::fixtures;

#[test]
fn every_disk_equals_what_qemu_img_converts() {
    let expected = fixtures::expected();
    assert!(expected.len() >= 40);
    for case in expected {
        let disk = Disk::open(&case.location, &OpenOptions::default()).unwrap();
        assert_eq!(disk.bytes().len(), case.size, "{}", case.location.display());
        assert_eq!(disk.info().virtual_size, case.size, "{}", case.location.display());
        assert_eq!(fixtures::sha256(disk.bytes()), case.sha256, "{}", case.location.display());
        assert!(disk.problems().is_empty(), "{}: {:?}", case.location.display(), disk.problems());
    }
}

#[test]
fn header_facts() {
    let details = |name: &str| fixtures::open(name).unwrap().info().details.clone();
    let fact = |name: &str, key: &str| {
        details(name).into_iter().find(|(at, _)| *at == key).map(|(_, value)| value).unwrap_or_default()
    };
    assert_eq!(fact("plain-v2-64k.qcow2", "version"), "2");
    assert_eq!(fact("plain-v2-64k.qcow2", "header_length"), "72");
    assert_eq!(fact("plain-v3-64k.qcow2", "version"), "3");
    assert_eq!(fact("zstd-64k.qcow2", "compression_type"), "zstd");
    assert_eq!(fact("zlib-v2-512.qcow2", "compression_type"), "zlib");
    assert_eq!(fact("subclusters-16k.qcow2", "extended_l2"), "true");
    assert_eq!(fact("dirty.qcow2", "dirty"), "true");
    assert_eq!(fact("dirty.qcow2", "lazy_refcounts"), "true");
    assert_eq!(fact("plain-v3-64k.qcow2", "dirty"), "false");
    assert_eq!(fact("external-raw.qcow2", "data_file_raw"), "true");
    assert_eq!(fact("external.qcow2", "data_file"), "external.data");
    assert_eq!(fact("chain-3.qcow2", "backing_file"), "chain-2.qcow2");
    assert_eq!(fact("chain-3.qcow2", "backing_file_format"), "qcow2");
    assert!(
        fact("unrecorded-format.qcow2", "backing_file_format")
            .starts_with("not recorded; it looks like qcow2")
    );
    let bitmaps: Vec<String> = details("bitmaps.qcow2")
        .into_iter()
        .filter(|(key, _)| *key == "bitmap")
        .map(|(_, line)| line)
        .collect();
    assert_eq!(
        bitmaps,
        ["since-monday: granularity 2^16 bytes, auto", "since-friday: granularity 2^17 bytes"]
    );
}

#[test]
fn chain_in_info_and_host_files() {
    let disk = fixtures::open("chain-3.qcow2").unwrap();
    let mut names = Vec::new();
    let mut info = Some(disk.info());
    while let Some(image) = info {
        names.push(format!("{} {}", image.path.file_name().unwrap().display(), image.format));
        info = image.parent.as_deref();
    }
    assert_eq!(
        names,
        ["chain-3.qcow2 qcow2", "chain-2.qcow2 qcow2", "chain-1.qcow2 qcow2", "content.raw raw"]
    );
    assert_eq!(disk.host_files().len(), 4);
    let external = fixtures::open("external-over.qcow2").unwrap();
    assert!(external.info().data_file.as_ref().unwrap().ends_with("external-over.data"));
    assert_eq!(external.host_files().len(), 3);
}

#[test]
fn snapshots_are_listed_with_their_own_sizes() {
    let disk = fixtures::open("snapshots-v3.qcow2").unwrap();
    let list: Vec<_> = disk
        .info()
        .snapshots
        .iter()
        .map(|snapshot| {
            (snapshot.id.as_str(), snapshot.name.as_str(), snapshot.disk_size, snapshot.vm_state_size)
        })
        .collect();
    let half = 512 << 10;
    assert_eq!(list, [("1", "first", half, 102_400), ("2", "twice", half, 0), ("3", "twice", 800 << 10, 0)]);
    assert!(disk.info().snapshots.iter().all(|snapshot| snapshot.seconds > 1_600_000_000));
    assert_eq!(disk.info().virtual_size, 800 << 10);
    assert!(disk.info().snapshot.is_none() && disk.vm_state().is_none());
}

#[test]
fn vm_state_of_a_snapshot() {
    for image in ["snapshots-v2.qcow2", "snapshots-v3.qcow2"] {
        let disk = fixtures::open(&format!("{image}#first")).unwrap();
        assert_eq!(disk.info().snapshot.as_deref(), Some("1"));
        let state = disk.vm_state().unwrap();
        assert_eq!(state.len(), 102_400);
        assert!(state.read_vec(0, 102_400).unwrap().iter().all(|byte| *byte == 77));
        assert!(state.read_vec(102_399, 2).is_err());
        assert!(fixtures::open(&format!("{image}#2")).unwrap().vm_state().is_none());
    }
}

#[test]
fn corrupt_flag_is_a_problem_and_not_an_error() {
    let disk = fixtures::open("corrupt-flag.qcow2").unwrap();
    assert_eq!(disk.problems().len(), 1);
    assert!(disk.problems()[0].to_string().contains("corrupt flag"), "{}", disk.problems()[0]);
    assert!(disk.bytes().read_vec(0, 65536).unwrap().iter().all(|byte| *byte == 0));
}
