use crate::files::{Files, text};
use vminspect_artefact::os_release;

/// What a system calls itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Release {
    pub(super) name: Option<String>,
    pub(super) id: Option<String>,
    pub(super) version: Option<String>,
}

/// Files that came before os-release: one line, with the name or only with the version.
struct Legacy {
    path: &'static str,
    id: &'static str,
    /// What stands before a version alone; empty where the file has the name.
    name: &'static str,
}

const LEGACY: &[Legacy] = &[
    Legacy { path: "/etc/alpine-release", id: "alpine", name: "Alpine Linux " },
    Legacy { path: "/etc/centos-release", id: "centos", name: "" },
    Legacy { path: "/etc/fedora-release", id: "fedora", name: "" },
    Legacy { path: "/etc/redhat-release", id: "rhel", name: "" },
    Legacy { path: "/etc/SuSE-release", id: "suse", name: "" },
    Legacy { path: "/etc/gentoo-release", id: "gentoo", name: "" },
    Legacy { path: "/etc/slackware-version", id: "slackware", name: "" },
    Legacy { path: "/etc/system-release", id: "linux", name: "" },
    Legacy { path: "/etc/debian_version", id: "debian", name: "Debian GNU/Linux " },
];

/// Reads os-release, or what stood in its place before.
pub(super) fn read(files: Files<'_>) -> Release {
    let modern = ["/etc/os-release", "/usr/lib/os-release"].into_iter().filter_map(|path| files.read(path));
    let modern = modern.map(|file| os_release(&file)).find(|release| *release != Release::default());
    modern.or_else(|| lsb_release(files)).or_else(|| legacy(files)).unwrap_or_default()
}

fn os_release(file: &[u8]) -> Release {
    let value = |name| os_release::value(file, name).as_deref().and_then(text);
    let plain = || match (value("NAME"), value("VERSION")) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, _) => name,
    };
    Release { name: value("PRETTY_NAME").or_else(plain), id: value("ID"), version: value("VERSION_ID") }
}

fn lsb_release(files: Files<'_>) -> Option<Release> {
    let value = |name| files.value("/etc/lsb-release", name);
    let id = value("DISTRIB_ID")?;
    Some(Release {
        name: value("DISTRIB_DESCRIPTION").or_else(|| Some(id.clone())),
        id: Some(id.to_lowercase()),
        version: value("DISTRIB_RELEASE"),
    })
}

fn legacy(files: Files<'_>) -> Option<Release> {
    let found = LEGACY.iter().find_map(|legacy| files.first_line(legacy.path).map(|line| (legacy, line)));
    if let Some((legacy, line)) = found {
        return Some(legacy_release(legacy, &line));
    }
    let is_arch = files.any(&["/etc/arch-release"]);
    is_arch.then(|| Release {
        name: Some("Arch Linux".to_owned()),
        id: Some("arch".to_owned()),
        version: None,
    })
}

fn legacy_release(legacy: &Legacy, line: &str) -> Release {
    let starts_with_digit = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
    let id = match legacy.id {
        // CentOS and others write the file of the system that they are made from.
        "rhel" if line.starts_with("CentOS") => "centos",
        "rhel" if line.starts_with("Fedora") => "fedora",
        id => id,
    };
    Release {
        name: Some(format!("{}{line}", legacy.name)),
        id: Some(id.to_owned()),
        version: line.split_whitespace().find(starts_with_digit).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(name: &str, id: &str, version: Option<&str>) -> Release {
        Release { name: Some(name.to_owned()), id: Some(id.to_owned()), version: version.map(str::to_owned) }
    }

    #[test]
    fn os_release_names_the_system() {
        let file = b"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!(os_release(file), release("Debian GNU/Linux 12 (bookworm)", "debian", Some("12")));
        let file = b"NAME=Void\nVERSION=1\nID=void\n";
        assert_eq!(os_release(file), release("Void 1", "void", None));
    }

    #[test]
    fn older_files_name_the_system() {
        let read = |path: &str, line| {
            let legacy = LEGACY.iter().find(|legacy| legacy.path == path).expect("a known file");
            legacy_release(legacy, line)
        };
        assert_eq!(
            read("/etc/debian_version", "7.11"),
            release("Debian GNU/Linux 7.11", "debian", Some("7.11"))
        );
        assert_eq!(
            read("/etc/redhat-release", "CentOS release 6.10 (Final)"),
            release("CentOS release 6.10 (Final)", "centos", Some("6.10"))
        );
        assert_eq!(
            read("/etc/alpine-release", "3.2.0"),
            release("Alpine Linux 3.2.0", "alpine", Some("3.2.0"))
        );
        assert_eq!(
            read("/etc/debian_version", "trixie/sid"),
            release("Debian GNU/Linux trixie/sid", "debian", None)
        );
    }
}
