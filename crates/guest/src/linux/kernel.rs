use std::cmp::Ordering;

use crate::files::{Files, text};

/// Names of kernels in /boot begin so; the version follows.
const PREFIXES: &[&str] = &["vmlinuz-", "vmlinux-", "kernel-", "bzImage-", "Image-"];

/// Ends of names that belong to another file about a kernel.
const OTHER_FILES: &[&str] = &[".old", ".bak", ".hmac", ".sig", ".img", ".sha256"];

/// Versions of the kernels that are installed, by an image or by modules, the newest last.
pub(super) fn installed(files: Files<'_>) -> Vec<String> {
    let boot = files.names("/boot");
    let images = boot.iter().filter_map(|name| image_version(name));
    let modules = files.names("/lib/modules");
    let mut versions: Vec<String> = images.chain(modules.iter().filter_map(|name| version(name))).collect();
    versions.sort_by(|a, b| compare(a, b));
    versions.dedup();
    versions
}

fn image_version(name: &[u8]) -> Option<String> {
    let stem = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix.as_bytes()))?;
    // Fedora's rescue kernel has the machine's id in place of a version.
    let is_other =
        OTHER_FILES.iter().any(|end| stem.ends_with(end.as_bytes())) || stem.starts_with(b"0-rescue");
    if is_other { None } else { version(stem) }
}

/// A version begins with a digit: `vmlinuz-lts` and `vmlinuz-linux` name a flavour.
fn version(name: &[u8]) -> Option<String> {
    name.first().filter(|first| first.is_ascii_digit())?;
    text(name)
}

/// Numbers compare as numbers, and a release candidate comes before its release. Versions that differ only in
/// leading zeros are ordered by their text, so that the order is total.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let ((x, x_rest), (y, y_rest)) = (split_part(left), split_part(right));
        let order = match (number(x), number(y)) {
            (Some(x), Some(y)) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
            _ => is_candidate(left).cmp(&is_candidate(right)).reverse().then_with(|| x.cmp(y)),
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (x_rest, y_rest);
    }
    let rest = match (left.is_empty(), right.is_empty()) {
        (true, false) if is_candidate(right) => Ordering::Greater,
        (false, true) if is_candidate(left) => Ordering::Less,
        _ => left.len().cmp(&right.len()),
    };
    rest.then_with(|| a.cmp(b))
}

fn is_candidate(rest: &str) -> bool {
    rest.starts_with("-rc") || rest.starts_with("~rc")
}

/// The digits, or the other characters, that `text` begins with, and what follows them.
fn split_part(text: &str) -> (&str, &str) {
    let starts_with_digit = text.starts_with(|letter: char| letter.is_ascii_digit());
    let end = text.find(|letter: char| letter.is_ascii_digit() != starts_with_digit).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The digits of a number without leading zeros: the longer is the larger.
fn number(part: &str) -> Option<&str> {
    part.starts_with(|letter: char| letter.is_ascii_digit()).then(|| part.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_by_number() {
        let sorted = [
            "2.6.32-754.el6.x86_64",
            "5.4.0-99-generic",
            "5.4.0-100-generic",
            "6.1.0-rc1",
            "6.1.0",
            "6.1.0-9-amd64",
            "6.1.0-27-amd64",
            "6.1.0-27-cloud-amd64",
            "6.10.1",
            "6.10.01",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                let expected = if index == 9 || other == 9 { continue } else { index.cmp(&other) };
                assert_eq!(compare(a, b), expected, "{a} {b}");
            }
        }
        assert_eq!(compare("6.10.1", "6.10.01"), compare("6.10.01", "6.10.1").reverse());
        assert_eq!(compare("18446744073709551616.1", "18446744073709551615.1"), Ordering::Greater);
    }

    #[test]
    fn images_have_versions() {
        assert_eq!(image_version(b"vmlinuz-6.1.0-27-amd64").as_deref(), Some("6.1.0-27-amd64"));
        for name in ["vmlinuz-lts", "vmlinuz", "initrd.img-6.1.0", "vmlinuz-6.1.old", "vmlinuz-0-rescue-0123"]
        {
            assert_eq!(image_version(name.as_bytes()), None, "{name}");
        }
    }
}
