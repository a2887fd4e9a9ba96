//! The sample of a Windows guest.

use vminspect_guest::{Error, Guest, OperatingSystem, WindowsFacts};

use crate::{open, prefixes, problems, text};

fn guest() -> Guest {
    open("windows/after.qcow2")
}

#[test]
fn a_windows_is_found_with_its_boot_volume() {
    let guest = guest();
    let expected = OperatingSystem {
        family: "windows",
        name: Some("Windows".to_owned()),
        hostname: Some("SAMPLE".to_owned()),
        volume: 2,
        directory: Some(r"C:\Windows".to_owned()),
        boot_volume: Some(1),
        windows: Some(WindowsFacts::default()),
        ..OperatingSystem::default()
    };
    assert_eq!(guest.system(), Some(&expected));
    assert_eq!(prefixes(&guest), ["vol1:", "C:"]);
    assert!(guest.volumes().iter().all(|volume| volume.separator == b'\\'));
    assert_eq!(problems(&guest), []);
}

#[test]
fn paths_take_either_separator_and_any_case() {
    let guest = guest();
    for path in [
        r"C:\Users\anna\Documents\NOTES.TXT",
        r"c:/users/ANNA\documents/notes.txt",
        r"\Users\anna\Documents\notes.txt",
        "/Users/anna/Documents/notes.txt",
        r"vol2:\Users\..\Users\.\anna\Documents\NOTES.TXT",
        "VOL2:/Users/anna/Documents/NOTES.TXT::$data",
        // Through a junction.
        r"C:\Documents and Settings\anna\Documents\NOTES.TXT",
    ] {
        assert_eq!(text(&guest, path), "call back on Monday\r\n", "{path}");
    }
    assert!(guest.locate(br"vol1:\efi\MICROSOFT\boot\bcd").is_ok());
    for path in [r"D:\Users", r"C:Users", r"Users\anna", r"C:\Users\anna\x", r"vol3:\", ""] {
        assert!(matches!(guest.locate(path.as_bytes()), Err(Error::NotFound(_))), "{path}");
    }
}

#[test]
fn streams_are_found_by_the_path_of_their_file() {
    let guest = guest();
    for (path, content) in [
        (r"C:\Users:department", "a stream of a directory"),
        (r"c:/users/anna/documents/REPORT.txt:SUMMARY:$DATA", "another stream"),
        (r"C:\Documents and Settings\anna\Documents\report.txt:summary", "another stream"),
    ] {
        assert_eq!(text(&guest, path), content, "{path}");
    }
    for path in [r"C:\Users:none", r"C:\none:department", r"C:\:department", r"C:\Users\:x"] {
        assert!(guest.locate(path.as_bytes()).is_err(), "{path}");
    }
}
