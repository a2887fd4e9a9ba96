//! The samples of Windows guests with a registry: where the hives are, and what paths of the registry lead to.

use vminspect_bytes::ReadAtExt;
use vminspect_guest::{Error, Guest, HiveFile, HiveKind, Registry};

use crate::{open, problems_of};

fn gpt() -> Guest {
    open("windows_registry/gpt.qcow2")
}

fn mbr() -> Guest {
    open("windows_registry/mbr.qcow2")
}

const BOB: &str = r"HKU\S-1-5-21-1111111111-2222222222-3333333333-1001";

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Hives of a kind: mounts and paths, and the names of logs.
fn found(guest: &Guest, kind: HiveKind) -> Vec<(String, String, Vec<String>)> {
    let hives = guest.hives().0.into_iter().filter(|hive| hive.kind == kind);
    let row = |hive: HiveFile| {
        let logs = hive.logs.into_iter().map(|(name, _)| name);
        (lossy(&hive.mount), lossy(&hive.path), logs.collect())
    };
    hives.map(row).collect()
}

fn expected(rows: &[(&str, &str, &[&str])]) -> Vec<(String, String, Vec<String>)> {
    let logs = |logs: &[&str]| logs.iter().map(|log| (*log).to_owned()).collect();
    rows.iter().map(|(mount, path, names)| ((*mount).to_owned(), (*path).to_owned(), logs(names))).collect()
}

/// The same, for hives that Windows does not show.
fn unshown(rows: &[(&str, &[&str])]) -> Vec<(String, String, Vec<String>)> {
    let rows: Vec<_> = rows.iter().map(|(path, logs)| (*path, *path, *logs)).collect();
    expected(&rows)
}

fn problems(guest: &Guest) -> Vec<(String, &'static str, String)> {
    problems_of(&guest.hives().1)
}

#[test]
fn live_hives_are_where_windows_shows_them() {
    let bob_classes = format!("{BOB}_Classes");
    let carol = BOB.replace("1001", "1002");
    let carol_classes = format!("{carol}_Classes");
    let kiosk = BOB.replace("1001", "1003");
    let rows: &[(&str, &str, &[&str])] = &[
        (r"HKLM\BCD00000000", r"vol1:\EFI\Microsoft\Boot\BCD", &[]),
        (r"HKLM\COMPONENTS", r"C:\Windows\System32\config\COMPONENTS", &[]),
        (r"HKLM\DRIVERS", r"C:\Windows\System32\config\DRIVERS", &[]),
        (r"HKLM\ELAM", r"C:\Windows\System32\config\ELAM", &[]),
        (r"HKLM\SAM", r"C:\Windows\System32\config\SAM", &[]),
        (r"HKLM\SECURITY", r"C:\Windows\System32\config\SECURITY", &[]),
        (r"HKLM\SOFTWARE", r"C:\Windows\System32\config\SOFTWARE", &["SOFTWARE.LOG1", "SOFTWARE.LOG2"]),
        (r"HKLM\SYSTEM", r"C:\Windows\System32\config\SYSTEM", &["SYSTEM.LOG1", "SYSTEM.LOG2"]),
        (r"HKU\.DEFAULT", r"C:\Windows\System32\config\DEFAULT", &[]),
        (r"HKU\S-1-5-19", r"C:\Windows\ServiceProfiles\LocalService\NTUSER.DAT", &[]),
        (BOB, r"C:\Users\bob\NTUSER.DAT", &["ntuser.dat.LOG1", "ntuser.dat.LOG2"]),
        (&bob_classes, r"C:\Users\bob\AppData\Local\Microsoft\Windows\UsrClass.dat", &[]),
        (&carol, r"D:\Profiles\carol\NTUSER.DAT", &[]),
        (&carol_classes, r"D:\Profiles\carol\AppData\Local\Microsoft\Windows\UsrClass.dat", &[]),
        // A mandatory profile without a hive of its own.
        (&kiosk, r"C:\Users\kiosk\NTUSER.MAN", &[]),
    ];
    assert_eq!(found(&gpt(), HiveKind::Live), expected(rows));
}

#[test]
fn other_hives_have_the_paths_of_their_files() {
    let package = r"C:\Users\bob\AppData\Local\Packages\Sample_1";
    let (settings, user) =
        (format!(r"{package}\Settings\settings.dat"), format!(r"{package}\SystemAppData\Helium\User.dat"));
    let applications: &[(&str, &[&str])] = &[
        (r"C:\System Volume Information\Syscache.hve", &[]),
        (&settings, &[]),
        (&user, &[]),
        (r"C:\Windows\System32\config\BBI", &[]),
        (r"C:\Windows\System32\config\BCD-Template", &[]),
        (r"C:\Windows\appcompat\Programs\Amcache.hve", &["Amcache.hve.LOG1"]),
    ];
    let copies: &[(&str, &[&str])] = &[
        (r"C:\Users\Default\NTUSER.DAT", &[]),
        (r"C:\Users\bob\NTUSER.MAN", &[]),
        (r"C:\Users\eve\AppData\Local\Microsoft\Windows\UsrClass.dat", &[]),
        (r"C:\Users\eve\NTUSER.DAT", &[]),
        (r"C:\Windows.old\Users\bob\AppData\Local\Microsoft\Windows\UsrClass.dat", &[]),
        (r"C:\Windows.old\Users\bob\NTUSER.DAT", &[]),
        (r"C:\Windows.old\Windows\System32\config\SOFTWARE", &[]),
        (r"C:\Windows.old\Windows\System32\config\SYSTEM", &[]),
        (r"C:\Windows\ServiceProfiles\NetworkService\NTUSER.DAT", &[]),
        (r"C:\Windows\System32\config\RegBack\SYSTEM", &[]),
        (r"C:\Windows\System32\config\SYSTEM.sav", &[]),
        (r"C:\Windows\System32\config\systemprofile\ntuser.dat", &[]),
        (r"D:\Boot\BCD", &[]),
    ];
    let guest = gpt();
    assert_eq!(found(&guest, HiveKind::Application), unshown(applications));
    assert_eq!(found(&guest, HiveKind::Copy), unshown(copies));
}

#[test]
fn the_places_of_windows_xp_are_searched() {
    let guest = mbr();
    let bob_classes = format!("{BOB}_Classes");
    let live: &[(&str, &str, &[&str])] = &[
        (r"HKLM\BCD00000000", r"vol1:\Boot\BCD", &["BCD.LOG"]),
        (r"HKLM\SAM", r"D:\WINDOWS\system32\config\SAM", &[]),
        (r"HKLM\SECURITY", r"D:\WINDOWS\system32\config\SECURITY", &[]),
        (r"HKLM\SOFTWARE", r"D:\WINDOWS\system32\config\software", &[]),
        (r"HKLM\SYSTEM", r"D:\WINDOWS\system32\config\system", &["system.LOG"]),
        (r"HKU\.DEFAULT", r"D:\WINDOWS\system32\config\default", &[]),
        (BOB, r"D:\Documents and Settings\bob\ntuser.dat", &[]),
        (
            &bob_classes,
            r"D:\Documents and Settings\bob\Local Settings\Application Data\Microsoft\Windows\UsrClass.dat",
            &[],
        ),
    ];
    assert_eq!(found(&guest, HiveKind::Live), expected(live));
    let application = r"D:\WINDOWS\system32\config\userdiff";
    assert_eq!(found(&guest, HiveKind::Application), unshown(&[(application, &[])]));
    let restore = r"D:\System Volume Information\_restore{6F1E}\RP1\snapshot\_REGISTRY_MACHINE_SAM";
    let copies: &[(&str, &[&str])] = &[(restore, &[]), (r"D:\WINDOWS\repair\system", &[])];
    assert_eq!(found(&guest, HiveKind::Copy), unshown(copies));
    assert_eq!(problems(&guest), []);
}

#[test]
fn what_is_not_read_is_told() {
    let expected = [
        (
            r"C:\Users\bob\NTUSER.DAT",
            "unsupported",
            "unsupported transactions of the registry at byte 144: bit 0 of the hive's flags says that some are \
             pending, and there are records of them; transactions in CLFS logs are not replayed",
        ),
        (r"C:\Users\hollow\NTUSER.DAT", "corrupt", "damaged registry hive at byte 0: an empty file"),
        (
            r"C:\Windows\System32\config\TxR\{6f1e2d3c-0000-4000-8000-0000000000aa}.TxR.1.regtrans-ms",
            "unsupported",
            "unsupported transactions of the registry: records in this log; transactions in CLFS logs are not \
             replayed",
        ),
        (
            r"Z:\Users\elsewhere",
            "unsupported",
            "unsupported profile of a user: expected a path on a volume of this disk, found that of \
             S-1-5-21-1111111111-2222222222-3333333333-1006",
        ),
    ];
    let expected = expected.map(|(place, family, message)| (place.to_owned(), family, message.to_owned()));
    assert_eq!(problems(&gpt()), expected);
}

#[test]
fn hives_open_with_their_logs_and_without() {
    let guest = gpt();
    let (hives, _) = guest.hives();
    assert!(hives.is_sorted_by(|a, b| a.mount < b.mount));
    for hive in &hives {
        let opened = hive.open(&guest, true).unwrap_or_else(|error| panic!("{}: {error}", lossy(&hive.path)));
        assert!(opened.problems().is_empty(), "{:?}", opened.problems());
        assert_eq!(opened.replay().logs.len(), hive.logs.len());
        assert!(hive.open(&guest, false).expect("a hive").replay().logs.is_empty());
        assert_eq!(hive.bytes(&guest).expect("bytes").read_vec(0, 4).expect("bytes"), b"regf");
        assert_eq!(hive.log_bytes(&guest).expect("bytes").len(), hive.logs.len());
    }
}

#[test]
fn a_guest_without_windows_has_no_hives() {
    let guest = open("guest/mounted.qcow2");
    assert_eq!(guest.hives(), (Vec::new(), vminspect_guest::Coverage::default()));
}

/// The hive that a path leads to, and the path in it.
fn resolve(registry: &Registry<'_>, path: &str) -> (String, String) {
    let place = registry.resolve(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    (lossy(&registry.hives()[place.hive].mount), place.path)
}

#[test]
fn paths_of_the_registry_lead_to_hives() {
    let guest = gpt();
    let (registry, _) = Registry::of(&guest, true);
    let services = (r"HKLM\SYSTEM", r"ControlSet002\Services");
    let fonts = (r"HKLM\SYSTEM", r"ControlSet002\Hardware Profiles\0001\Software");
    let bob = format!(r"{BOB}\Sample");
    let bob_classes = format!("{BOB}_Classes");
    for (path, expected) in [
        (r"HKLM\SYSTEM\CurrentControlSet\Services", services),
        (r"hkey_local_machine\system\currentcontrolset\services", services),
        (r"\REGISTRY\MACHINE\SYSTEM\ControlSet002\Services", services),
        (r"HKLM\SYSTEM\ControlSet001", (r"HKLM\SYSTEM", "ControlSet001")),
        (r"HKLM\SYSTEM\CurrentControlSet\None\Such", (r"HKLM\SYSTEM", r"ControlSet002\None\Such")),
        (r"HKLM\SYSTEM\Select\CurrentControlSet", (r"HKLM\SYSTEM", r"Select\CurrentControlSet")),
        ("HKLM\\system\\", (r"HKLM\SYSTEM", "")),
        (r"HKEY_CLASSES_ROOT\.TXT", (r"HKLM\SOFTWARE", r"Classes\.txt")),
        (r"HKLM\SOFTWARE\CurrentControlSet", (r"HKLM\SOFTWARE", "CurrentControlSet")),
        // Through links.
        (r"HKLM\SYSTEM\CurrentControlSet\Hardware Profiles\Current\software", fonts),
        (r"HKCC\Software", fonts),
        (r"HKLM\SYSTEM\ControlSet002\Users\.default\sample", (r"HKU\.DEFAULT", "Sample")),
        // Users.
        (r"HKEY_USERS\S-1-5-18\Sample", (r"HKU\.DEFAULT", "Sample")),
        (&bob, (BOB, "Sample")),
        (&format!(r"{BOB}\Software\Classes\.txt"), (&bob_classes, ".txt")),
        (&format!(r"{BOB}_Classes\.txt"), (&bob_classes, ".txt")),
        (r"c:\users\eve\ntuser.dat\sample", (r"C:\Users\eve\NTUSER.DAT", "Sample")),
    ] {
        let (hive, inner) = resolve(&registry, path);
        assert_eq!((hive.as_str(), inner.as_str()), expected, "{path}");
    }
    let key = registry.key(r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters").expect("a path");
    let host = key.expect("a key").value("hostname").expect("a value").data();
    assert_eq!(host.bytes.len(), "host-2\0".len() * 2);
    assert!(registry.key(r"HKLM\SYSTEM\None").expect("a path").is_none());
}

#[test]
fn paths_outside_all_hives_and_circles_are_errors() {
    let guest = gpt();
    let (registry, _) = Registry::of(&guest, true);
    for path in ["HKLM", r"HKLM\HARDWARE\x", r"HKCU\Software", r"HKLM\SYSTEM2", "", r"\", r"C:\Users"] {
        assert!(matches!(registry.resolve(path), Err(Error::NoHive(_))), "{path}");
    }
    for path in [r"HKLM\SYSTEM\CurrentControlSet\Round", r"HKLM\SYSTEM\ControlSet002\About\x"] {
        assert!(matches!(registry.resolve(path), Err(Error::TooManyLinks(_))), "{path}");
    }
    assert!(matches!(registry.hive(1000), Err(Error::NoHive(_))));
}
