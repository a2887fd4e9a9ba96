/// The operating system that was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OperatingSystem {
    /// `linux` or `windows`.
    pub family: &'static str,
    /// `PRETTY_NAME`, or the best there is.
    pub name: Option<String>,
    /// `ID` of os-release: `debian`.
    pub id: Option<String>,
    /// `VERSION_ID` of os-release.
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
}
