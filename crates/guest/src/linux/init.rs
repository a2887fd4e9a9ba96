use crate::files::Files;

/// Init systems by what /sbin/init leads to: a part of its path.
const TARGETS: &[(&str, &str)] = &[
    ("systemd", "systemd"),
    ("openrc-init", "openrc"),
    ("runit", "runit"),
    ("upstart", "upstart"),
    ("dinit", "dinit"),
    ("s6", "s6"),
    ("sysvinit", "sysvinit"),
];

/// Init systems by files that only they have, the most particular first. OpenRC runs under the init of BusyBox
/// or System V and is the one that starts services, so it is named.
const FILES: &[(&[&str], &str)] = &[
    (&["/sbin/openrc", "/usr/sbin/openrc", "/usr/bin/openrc"], "openrc"),
    (&["/sbin/initctl", "/etc/init/rcS.conf", "/etc/init/rc-sysinit.conf"], "upstart"),
    (&["/sbin/runit-init", "/etc/runit/1", "/usr/bin/runit-init"], "runit"),
    (&["/etc/inittab", "/etc/rc.d/rc.sysinit", "/lib/sysvinit/init"], "sysvinit"),
    (&["/lib/systemd/systemd", "/usr/lib/systemd/systemd"], "systemd"),
];

/// The init system: by where /sbin/init leads, or else by files.
pub(super) fn find(files: Files<'_>) -> Option<&'static str> {
    let target = files.link("/sbin/init").unwrap_or_default();
    let target = String::from_utf8_lossy(&target).into_owned();
    let named = TARGETS.iter().find(|(part, _)| target.contains(part)).map(|(_, name)| *name);
    let is_busybox = target.ends_with("busybox");
    let by_file = || FILES.iter().find(|(paths, _)| files.any(paths)).map(|(_, name)| *name);
    match named {
        Some(name) => Some(name),
        None if is_busybox => by_file().filter(|name| *name == "openrc").or(Some("busybox")),
        None => by_file().or_else(|| files.any(&["/sbin/init"]).then_some("sysvinit")),
    }
}
