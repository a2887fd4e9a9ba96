//! What the registry says of the system.

use vminspect_artefact::registry::{Decoded, Hive, Key};
use vminspect_bytes::{Resolution, Timestamp, decode_wtf8};

use super::lookup::{descend, key as key_at, number, text, value};
use super::profiles::{self, Variables};
use super::registry::current_control_set;
use crate::system::{OperatingSystem, TimeZone, WindowsFacts, WindowsUser};

const VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";

/// Accounts of one machine that are read.
const MOST_ACCOUNTS: usize = 10_000;

/// Services that have a profile, but are no users.
const SERVICES: &[&str] = &["S-1-5-18", "S-1-5-19", "S-1-5-20"];

/// The first build of Windows 11, whose product is called Windows 10.
const FIRST_WINDOWS_11: u32 = 22000;

/// What the hive `SYSTEM` says.
pub(super) fn read_system(hive: &Hive, system: &mut OperatingSystem) {
    let Some(set) = current_control_set(hive).and_then(|name| key_at(hive, &name)) else { return };
    let of = |path: &str, name: &str| text(&descend(&set, path)?, name);
    system.hostname = of(r"Control\ComputerName\ComputerName", "ComputerName")
        .or_else(|| of(r"Services\Tcpip\Parameters", "Hostname"));
    let facts = system.windows.get_or_insert_default();
    facts.architecture = of(r"Control\Session Manager\Environment", "PROCESSOR_ARCHITECTURE");
    facts.time_zone = descend(&set, r"Control\TimeZoneInformation").and_then(|key| time_zone(&key));
}

fn time_zone(key: &Key<'_>) -> Option<TimeZone> {
    let bias = number(key, "Bias").map(u32::cast_signed);
    let name = text(key, "TimeZoneKeyName").or_else(|| text(key, "StandardName"));
    (bias.is_some() || name.is_some()).then_some(TimeZone { name, bias })
}

/// What the hive `SOFTWARE` says.
pub(super) fn read_software(hive: &Hive, variables: &Variables, system: &mut OperatingSystem) {
    if let Some(key) = key_at(hive, VERSION) {
        read_version(&key, system);
    }
    let facts = system.windows.get_or_insert_default();
    let listed = profiles::read(hive, variables).profiles.into_iter();
    let users = listed.map(|profile| WindowsUser {
        sid: Some(decode_wtf8(&profile.sid).0),
        name: None,
        profile: Some(decode_wtf8(&profile.path).0),
    });
    facts.users = users.filter(|user| !is_service(user)).collect();
}

fn is_service(user: &WindowsUser) -> bool {
    user.sid.as_deref().is_some_and(|sid| SERVICES.contains(&sid))
}

fn read_version(key: &Key<'_>, system: &mut OperatingSystem) {
    let build = text(key, "CurrentBuildNumber").or_else(|| text(key, "CurrentBuild"));
    let named = text(key, "ProductName").map(|name| product(name, build.as_deref()));
    system.name = named.or(system.name.take());
    system.version = version(key, build);
    let facts = system.windows.get_or_insert_default();
    facts.edition = text(key, "EditionID");
    let release = ["DisplayVersion", "ReleaseId", "CSDVersion"];
    facts.release = release.into_iter().find_map(|name| text(key, name));
    facts.installed = installed(key);
    facts.registered_owner = text(key, "RegisteredOwner");
    facts.registered_organization = text(key, "RegisteredOrganization");
}

fn product(name: String, build: Option<&str>) -> String {
    let is_newer =
        build.and_then(|build| build.parse().ok()).is_some_and(|build: u32| build >= FIRST_WINDOWS_11);
    match name.strip_prefix("Windows 10") {
        Some(rest) if is_newer => format!("Windows 11{rest}"),
        _ => name,
    }
}

/// `10.0.19041.1234`: since Windows 10 the numbers stand by themselves, and `CurrentVersion` stays 6.3.
fn version(key: &Key<'_>, build: Option<String>) -> Option<String> {
    let major = number(key, "CurrentMajorVersionNumber");
    let version = match (major, number(key, "CurrentMinorVersionNumber")) {
        (Some(major), Some(minor)) => Some(format!("{major}.{minor}")),
        _ => text(key, "CurrentVersion"),
    };
    let revision = number(key, "UBR").map(|revision| revision.to_string());
    Some([version?, build?].into_iter().chain(revision).collect::<Vec<_>>().join("."))
}

fn installed(key: &Key<'_>) -> Option<Timestamp> {
    let exact =
        value(key, "InstallTime").and_then(|value| match Decoded::of(value.kind(), &value.data().bytes) {
            Decoded::Qword(ticks) => Some(Timestamp::from_filetime(ticks)),
            _ => None,
        });
    let in_seconds = || Some(Timestamp::from_unix(number(key, "InstallDate")?.into(), 0, Resolution::Second));
    exact.or_else(in_seconds)
}

/// Adds what the hive `SAM` says: the names of the accounts of this machine.
pub(super) fn read_accounts(hive: &Hive, facts: &mut WindowsFacts) {
    let Some(domain) = key_at(hive, r"SAM\Domains\Account") else { return };
    let machine = machine_sid(&domain);
    let names = descend(&domain, r"Users\Names");
    let accounts = names.iter().flat_map(Key::subkeys).take(MOST_ACCOUNTS).flatten();
    for account in accounts {
        let name = Some(account.name().to_text());
        // Windows keeps the number of an account as the type of this value.
        let number = value(&account, "").map(|value| value.kind().0);
        let sid = machine.as_ref().zip(number).map(|(machine, number)| format!("{machine}-{number}"));
        match facts.users.iter_mut().find(|user| sid.is_some() && user.sid == sid) {
            Some(user) => user.name = name,
            None => facts.users.push(WindowsUser { sid, name, profile: None }),
        }
    }
    facts.users.sort();
}

/// The identifier that those of local accounts begin with: its last three numbers end the value `V`.
fn machine_sid(domain: &Key<'_>) -> Option<String> {
    let value = value(domain, "V")?;
    let data = value.data();
    let (numbers, _) = data.bytes.last_chunk::<12>()?.as_chunks::<4>();
    let numbers = numbers.iter().map(|number| format!("-{}", u32::from_le_bytes(*number)));
    Some(std::iter::once("S-1-5-21".to_owned()).chain(numbers).collect())
}

#[cfg(test)]
mod tests {
    use super::product;

    #[test]
    fn windows_11_is_called_so() {
        for (name, build, expected) in [
            ("Windows 10 Pro", Some("22000"), "Windows 11 Pro"),
            ("Windows 10 Pro", Some("19045"), "Windows 10 Pro"),
            ("Windows 10 Pro", Some("x"), "Windows 10 Pro"),
            ("Windows 10 Pro", None, "Windows 10 Pro"),
            ("Windows Server 2025", Some("26100"), "Windows Server 2025"),
        ] {
            assert_eq!(product(name.to_owned(), build), expected);
        }
    }
}
