use std::fs;
use std::os::unix::fs::symlink;

use vminspect_bytes::Family;
use vminspect_image::{Disk, Error, OpenOptions};

use crate::fixtures;

/// The error of opening a fixture that must not open.
fn error(name: &str) -> Error {
    fixtures::open(name).err().unwrap_or_else(|| panic!("{name} was opened"))
}

#[test]
fn what_this_version_cannot_read_is_named() {
    for (name, parts) in [
        ("luks.qcow2", ["encryption", "LUKS"]),
        ("aes.qcow2", ["encryption", "AES"]),
        ("unknown-feature.qcow2", ["bit 7 (\"spectral clusters\")", "bit 40"]),
        ("protocol-nbd.qcow2", ["protocol", "nbd://localhost/disk"]),
        ("protocol-json.qcow2", ["protocol", "json:"]),
        ("unknown-format.qcow2", ["format of the parent", "\"xyz\""]),
    ] {
        let error = error(name);
        assert_eq!(error.family(), Family::Unsupported, "{name}");
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
        assert!(message.contains(name), "{message} does not name the file");
    }
}

#[test]
fn a_missing_parent_is_named() {
    let Error::MissingParent { image, named } = error("missing-parent.qcow2") else { panic!() };
    assert!(image.ends_with("missing-parent.qcow2") && named.ends_with("missing.raw"));
}

#[test]
fn loops_end() {
    for name in ["loop-a.qcow2", "loop-b.qcow2", "self.qcow2"] {
        assert!(matches!(error(name), Error::Loop(path) if path.ends_with(name)));
    }
}

#[test]
fn a_parent_outside_needs_permission() {
    let top = tempfile::tempdir().unwrap();
    let inside = top.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let image = inside.join("outside.qcow2");
    fs::copy(fixtures::directory().join("outside.qcow2"), &image).unwrap();
    let parent = top.path().join("outside.raw");
    fs::write(&parent, [9; 65536]).unwrap();
    let open = |options: &OpenOptions| Disk::open(&image, options);
    let Error::NotAllowed { named, .. } = open(&OpenOptions::default()).err().unwrap() else { panic!() };
    assert_eq!(named, parent.canonicalize().unwrap());

    let mut options = OpenOptions::default();
    options.policy.allow(top.path());
    assert!(open(&options).is_ok());
}

#[test]
fn a_link_to_the_outside_needs_permission_too() {
    let top = tempfile::tempdir().unwrap();
    let inside = top.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let image = inside.join("image.qcow2");
    fs::copy(fixtures::directory().join("missing-parent.qcow2"), &image).unwrap();
    fs::write(top.path().join("secret"), [9; 65536]).unwrap();
    symlink("../secret", inside.join("missing.raw")).unwrap();
    let open = |options: &OpenOptions| Disk::open(&image, options);
    assert!(matches!(open(&OpenOptions::default()).err().unwrap(), Error::NotAllowed { .. }));
    let mut options = OpenOptions::default();
    options.policy.allow(top.path());
    assert_eq!(
        open(&options).unwrap().host_files()[1].path(),
        top.path().join("secret").canonicalize().unwrap()
    );
}

#[test]
fn an_image_behind_a_link_finds_its_parent_beside_the_link_and_not_elsewhere() {
    let top = tempfile::tempdir().unwrap();
    let (real, link) = (top.path().join("real"), top.path().join("link"));
    fs::create_dir(&real).unwrap();
    fs::create_dir(&link).unwrap();
    fs::copy(fixtures::directory().join("missing-parent.qcow2"), real.join("image.qcow2")).unwrap();
    symlink("../real/image.qcow2", link.join("image.qcow2")).unwrap();
    fs::write(link.join("missing.raw"), [9; 65536]).unwrap();
    assert!(Disk::open(&link.join("image.qcow2"), &OpenOptions::default()).is_ok());
    assert!(Disk::open(&real.join("image.qcow2"), &OpenOptions::default()).is_err());
}

#[test]
fn a_relative_path_after_file_is_sought_from_the_working_directory() {
    // As QEMU does. The working directory of tests is the crate's, where there is no such file.
    let Error::MissingParent { named, .. } = error("protocol-file.qcow2") else { panic!() };
    assert_eq!(named, std::env::current_dir().unwrap().join("content.raw"));
}
