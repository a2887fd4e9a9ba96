//! What the registry of the samples says of their systems.

use vminspect_bytes::Timestamp;
use vminspect_guest::{Guest, OperatingSystem, TimeZone, WindowsFacts, WindowsUser};

use crate::{open, problems_of};

const MACHINE: &str = "S-1-5-21-1111111111-2222222222-3333333333";

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn user(number: &str, name: Option<&str>, profile: Option<&str>) -> WindowsUser {
    WindowsUser {
        sid: Some(format!("{MACHINE}-{number}")),
        name: name.map(str::to_owned),
        profile: profile.map(str::to_owned),
    }
}

fn described(guest: &Guest) -> OperatingSystem {
    let (system, coverage) = guest.describe_system();
    assert_eq!(problems_of(&coverage), []);
    system.expect("a system")
}

#[test]
fn a_windows_is_described_by_its_registry() {
    let guest = open("windows_registry/gpt.qcow2");
    let mut users = vec![
        user("500", Some("Administrator"), None),
        user("501", Some("Guest"), None),
        user("1001", Some("bob"), Some(r"C:\Users\bob")),
        user("1001.bak", None, Some(r"C:\Users\bob")),
        user("1002", None, Some(r"D:\Profiles\carol")),
        user("1003", None, Some(r"C:\Users\kiosk")),
        user("1004", None, Some(r"C:\Users\hollow")),
        user("1005", None, Some(r"C:\Users\gone")),
        user("1006", None, Some(r"Z:\Users\elsewhere")),
        user("1007", Some("größe"), None),
        WindowsUser { sid: some("S-1-5-82-1"), name: None, profile: some(r"C:\users\BOB") },
    ];
    users.sort();
    let facts = WindowsFacts {
        edition: some("Professional"),
        release: some("23H2"),
        architecture: some("AMD64"),
        time_zone: Some(TimeZone { name: some("W. Europe Standard Time"), bias: Some(-60) }),
        installed: Some(Timestamp::from_filetime(133_344_736_001_234_567)),
        registered_owner: some("anna"),
        registered_organization: some("Example\r\nLtd"),
        users,
    };
    let expected = OperatingSystem {
        family: "windows",
        name: some("Windows 11 Pro"),
        version: some("10.0.22631.2715"),
        hostname: some("SAMPLE-PC"),
        volume: 2,
        directory: some(r"C:\Windows"),
        boot_volume: Some(1),
        windows: Some(facts),
        ..OperatingSystem::default()
    };
    assert_eq!(described(&guest), expected);
}

/// Without more than `SYSTEM`, which is open for the letters of drives.
#[test]
fn an_opened_windows_knows_what_one_hive_says() {
    let guest = open("windows_registry/gpt.qcow2");
    let system = guest.system().expect("a system");
    assert_eq!((system.name.as_deref(), system.hostname.as_deref()), (Some("Windows"), Some("SAMPLE-PC")));
    let facts = system.windows.as_ref().expect("facts");
    assert_eq!(facts.architecture.as_deref(), Some("AMD64"));
    assert!(facts.users.is_empty() && facts.edition.is_none());
}

#[test]
fn a_linux_is_described_as_it_was_opened() {
    let guest = open("guest/mounted.qcow2");
    assert_eq!(Some(&described(&guest)), guest.system());
}
