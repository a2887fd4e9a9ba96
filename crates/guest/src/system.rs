use vminspect_bytes::Timestamp;

/// The operating system that was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OperatingSystem {
    /// `linux` or `windows`.
    pub family: &'static str,
    /// `PRETTY_NAME`, or the best there is; `ProductName` of a Windows, where version 11 is not called 10.
    pub name: Option<String>,
    /// `ID` of os-release: `debian`.
    pub id: Option<String>,
    /// `VERSION_ID` of os-release; version, build and revision of a Windows: `10.0.19041.1234`.
    pub version: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// Kernels under /boot and /lib/modules, newest last.
    pub kernels: Vec<String>,
    /// Init system: `systemd`, `sysvinit`, `openrc`, `busybox`, `runit` …
    pub init: Option<String>,
    /// Position of the volume that holds it, from 1.
    pub volume: usize,
    /// The directory of a Windows: `C:\\Windows`.
    pub directory: Option<String>,
    /// Position of the volume with the boot loader of a Windows, from 1.
    pub boot_volume: Option<usize>,
    /// What the registry of a Windows says.
    pub windows: Option<WindowsFacts>,
}

/// What the registry of a Windows says of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WindowsFacts {
    /// `EditionID`: `Professional`.
    pub edition: Option<String>,
    /// `DisplayVersion` (`23H2`), or else `ReleaseId` (`1909`) or `CSDVersion` (`Service Pack 1`).
    pub release: Option<String>,
    /// `PROCESSOR_ARCHITECTURE`: `AMD64`.
    pub architecture: Option<String>,
    /// Its time zone.
    pub time_zone: Option<TimeZone>,
    /// When it was installed, in UTC. **Updates to a new version set it anew.**
    pub installed: Option<Timestamp>,
    /// `RegisteredOwner`.
    pub registered_owner: Option<String>,
    /// `RegisteredOrganization`.
    pub registered_organization: Option<String>,
    /// Accounts of this machine and users with a profile, sorted. The services that every Windows has (`S-1-5-18` to
    /// `S-1-5-20`) are left out.
    pub users: Vec<WindowsUser>,
}

/// A time zone of a Windows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeZone {
    /// `TimeZoneKeyName`: `W. Europe Standard Time`. Of Windows XP, the name in its own language.
    pub name: Option<String>,
    /// Minutes to add to local standard time to get UTC: −60 in Berlin.
    pub bias: Option<i32>,
}

/// A user of a Windows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WindowsUser {
    /// Security identifier. `None` for an account of a `SAM` that does not tell the machine's.
    pub sid: Option<String>,
    /// Name of the account, when it is one of this machine.
    pub name: Option<String>,
    /// Directory of the profile, when `ProfileList` has one.
    pub profile: Option<String>,
}
