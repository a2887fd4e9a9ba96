//! Text files of a guest, by themselves.

use vminspect_artefact::{fstab, os_release};

/// `/etc/os-release` and `/etc/fstab`.
pub fn guest_text(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').count();
    assert!(os_release::assignments(input).count() <= lines);
    for name in ["ID", "PRETTY_NAME", ""] {
        let _ = os_release::value(input, name);
    }
    let mut count = 0;
    for entry in fstab::entries(input) {
        count += 1;
        if let Ok(entry) = entry {
            let _ = entry.has_option("noauto");
            let _ = entry.device.to_text();
        }
    }
    assert!(count <= lines, "more entries than lines");
}
