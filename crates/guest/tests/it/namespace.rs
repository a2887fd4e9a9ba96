use vminspect_guest::{Error, Guest};

use crate::{open, text};

fn missing(guest: &Guest, path: &str) -> Error {
    guest.locate(path.as_bytes()).expect_err(path)
}

#[test]
fn paths_lead_through_mounts() {
    let guest = open("guest/mounted.qcow2");
    for (path, content) in [
        ("/var/file", "root\n"),
        ("//var/./file", "root\n"),
        ("/../var/file", "root\n"),
        ("/srv/file", "srv\n"),
        ("/srv/data/deep/file", "data\n"),
        ("/srv/data/../file", "srv\n"),
        ("/srv/data/../../var/file", "root\n"),
        ("/usr/home/user/file", "home\n"),
        ("/home/user/file", "home\n"),
        ("/boot/vmlinuz-6.1.0-9-amd64", "kernel\n"),
    ] {
        assert_eq!(text(&guest, path), content, "{path}");
    }
    for path in
        ["/srv/hidden/file", "/nothing", "/var/file/below", "relative", "", "vol9:/x", "vol3", "/boot/efi/x"]
    {
        missing(&guest, path);
    }
}

#[test]
fn a_volume_is_always_reachable_by_its_own_prefix() {
    let guest = open("guest/mounted.qcow2");
    for (path, content) in [
        ("vol8:/file", "spare\n"),
        ("vol3:/srv/hidden/file", "under the mount\n"),
        ("vol5:/user/file", "home\n"),
        ("vol7:/deep/file", "data\n"),
        ("vol7:/../../deep/file", "data\n"),
    ] {
        assert_eq!(text(&guest, path), content, "{path}");
    }
    for path in ["vol3:/srv/data/deep/file", "vol1:/x", "vol4:/", "vol8:file", "vol88:/file"] {
        missing(&guest, path);
    }
    assert_eq!(guest.locate(b"vol8:").expect("the root").volume, 7);
    assert_eq!(guest.locate(b"vol8:/").expect("the root"), guest.locate(b"vol8:").expect("the root"));
}

#[test]
fn links_stay_in_the_guest() {
    let guest = open("guest/mounted.qcow2");
    for (path, content) in [
        ("/absolute/file", "root\n"),
        ("/climbing/file", "root\n"),
        ("/var/link", "root\n"),
        ("/forth", "root\n"),
        ("/home/back", "root\n"),
        // The volume is mounted, so its absolute links lead to the guest's root.
        ("vol5:/back", "root\n"),
        // This one is not, and has only itself.
        ("vol8:/own", "spare\n"),
    ] {
        assert_eq!(text(&guest, path), content, "{path}");
    }
}

#[test]
fn the_last_link_is_followed_only_when_asked() {
    let guest = open("guest/mounted.qcow2");
    let link = guest.locate(b"/var/link").expect("the link");
    let file = guest.locate(b"/var/file").expect("the file");
    assert_ne!(link, file);
    assert_eq!(guest.resolve_following(b"/var/link").expect("the file"), file);
    let directory = guest.locate(b"/var").expect("the directory");
    assert_ne!(guest.locate(b"/absolute").expect("the link"), directory);
    assert_eq!(guest.locate(b"/absolute/").expect("the directory"), directory);
}

#[test]
fn circles_of_links_end() {
    let guest = open("guest/mounted.qcow2");
    guest.locate(b"/loop-a").expect("the link itself");
    for path in ["/loop-a", "/loop-a/x"] {
        let error = guest.resolve_following(path.as_bytes()).expect_err(path);
        assert!(matches!(error, Error::TooManyLinks(_)), "{error}");
    }
}

#[test]
fn files_are_read_up_to_a_limit() {
    let guest = open("guest/mounted.qcow2");
    assert_eq!(guest.read_file(b"/var/file", 5).expect("five bytes"), b"root\n");
    guest.read_file(b"/var/file", 4).expect_err("one byte too many");
    guest.read_file(b"/var", 1 << 20).expect_err("a directory");
}
