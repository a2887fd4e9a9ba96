use vminspect_guest::{Guest, OperatingSystem};

use crate::{open, prefixes, problems};

fn system(guest: &Guest) -> OperatingSystem {
    guest.system().expect("a system").clone()
}

#[test]
fn a_system_with_mounts() {
    let guest = open("guest/mounted.qcow2");
    assert_eq!(guest.table().scheme, "gpt");
    let expected = OperatingSystem {
        family: "linux",
        name: Some("Test Linux".to_owned()),
        id: Some("debian".to_owned()),
        version: Some("12".to_owned()),
        hostname: Some("host-test-linux".to_owned()),
        kernels: vec!["6.1.0-9-amd64".to_owned(), "6.1.0-10-amd64".to_owned()],
        init: Some("systemd".to_owned()),
        volume: 3,
        ..OperatingSystem::default()
    };
    assert_eq!(system(&guest), expected);
    assert_eq!(
        prefixes(&guest),
        ["/boot/efi", "/boot", "", "vol4:", "/usr/home", "/srv", "/srv/data", "vol8:"]
    );
    let covered: Vec<Vec<&[u8]>> =
        guest.volumes().iter().map(|volume| volume.covered.iter().map(Vec::as_slice).collect()).collect();
    assert_eq!(covered[1], [b"/efi"]);
    assert_eq!(covered[2], [&b"/boot"[..], b"/usr/home", b"/srv"]);
    assert_eq!(covered[5], [b"/data"]);
    let content: Vec<_> =
        guest.volumes().iter().map(|volume| volume.content.map(|content| content.name)).collect();
    assert_eq!((content[0], content[3], content[7]), (None, Some("swap"), None));
}

#[test]
fn what_is_not_read_is_told() {
    let problems = problems(&open("guest/mounted.qcow2"));
    let of = |place: &str| problems.iter().filter(|problem| problem.0 == place).collect::<Vec<_>>();
    assert_eq!(of("/etc/fstab").len(), 1, "the broken line: {problems:?}");
    assert_eq!(of("/etc/fstab")[0].1, "corrupt");
    assert_eq!(of("/lost").len(), 1);
    assert_eq!(of("/lost")[0].1, "unsupported");
    assert!(of("/lost")[0].2.contains("/dev/mapper/vg-lost"), "{problems:?}");
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn the_first_of_two_systems_is_the_root() {
    let guest = open("guest/two.qcow2");
    let system = system(&guest);
    assert_eq!((system.name.as_deref(), system.volume), (Some("First Linux"), 1));
    assert_eq!(system.init.as_deref(), Some("sysvinit"));
    assert_eq!(prefixes(&guest), ["", "vol2:", "/home"]);
    let problems = problems(&guest);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((problems[0].0.as_str(), problems[0].1), ("vol2:", "unsupported"));
    assert!(problems[0].2.contains("Second Linux"));
}

#[test]
fn disks_without_a_system() {
    let data = open("guest/data.qcow2");
    assert!(data.system().is_none());
    assert_eq!(prefixes(&data), ["vol1:", "vol2:"]);
    let plain = open("guest/plain.qcow2");
    assert!(plain.system().is_none());
    assert_eq!((plain.table().scheme, prefixes(&plain)), ("none", vec![String::new()]));
    assert_eq!(problems(&plain), []);
}

#[test]
fn an_old_system_without_os_release() {
    let system = system(&open("guest/bare.qcow2"));
    assert_eq!(system.name.as_deref(), Some("Alpine Linux 3.2.0"));
    assert_eq!((system.id.as_deref(), system.version.as_deref()), (Some("alpine"), Some("3.2.0")));
    assert_eq!(system.hostname.as_deref(), Some("old.example"));
    assert_eq!(system.init.as_deref(), Some("busybox"));
    assert_eq!(system.kernels, ["3.4.1"]);
}

#[test]
fn volumes_of_two_guests_pair_by_prefix() {
    let (before, after) = (open("guest/two.qcow2"), open("guest/data.qcow2"));
    let expected = [(Some(0), None), (Some(2), None), (None, Some(0)), (Some(1), Some(1))];
    assert_eq!(Guest::volume_pairs(&before, &after), expected);
}

#[test]
fn the_sample_guest() {
    for name in ["samples/before.qcow2", "samples/after.qcow2"] {
        let guest = open(name);
        let system = system(&guest);
        assert_eq!((system.family, system.volume), ("linux", 1));
        assert!(system.name.is_some());
        assert_eq!(prefixes(&guest), [""]);
        assert_eq!(problems(&guest), [], "{name}");
    }
}
