//! Crates depend downwards alone, and heavy dependencies stay where they belong.

use cargo_metadata::{Metadata, Package};

/// The crates by floor, from the ground up. A crate may depend on lower floors, never on its own or a higher.
const FLOORS: &[&[&str]] = &[
    &["vminspect-bytes"],
    &["vminspect-image", "vminspect-volume", "vminspect-filesystem", "vminspect-artefact"],
    &["vminspect-guest"],
    &["vminspect-analysis"],
    &["vminspect-report"],
    &["vminspect"],
];

/// Dependencies that one crate alone may name: the command line's.
const RESERVED: &[(&str, &str)] = &[
    ("clap", "vminspect"),
    ("clap_complete", "vminspect"),
    ("clap_mangen", "vminspect"),
    ("indicatif", "vminspect"),
    ("anstream", "vminspect"),
    ("console", "vminspect"),
];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    metadata.packages.iter().filter(|package| is_product(package)).flat_map(check_package).collect()
}

/// Whether a package is part of the product: tools such as this one stand beside the house.
fn is_product(package: &Package) -> bool {
    package.manifest_path.components().any(|part| part.as_str() == "crates")
}

fn check_package(package: &Package) -> Vec<String> {
    let dependencies = package.dependencies.iter();
    dependencies.filter_map(|dependency| judge(&package.name, &dependency.name)).collect()
}

fn judge(package: &str, dependency: &str) -> Option<String> {
    let reserved = RESERVED.iter().find(|(name, _)| *name == dependency);
    if let Some((_, owner)) = reserved.filter(|(_, owner)| *owner != package) {
        return Some(format!("{package}: depends on {dependency}, which only {owner} may know"));
    }
    if !dependency.starts_with("vminspect") {
        return None;
    }
    match (floor(package), floor(dependency)) {
        (Some(above), Some(below)) if below < above => None,
        (Some(_), Some(_)) => Some(format!("{package}: depends on {dependency}, which is not below it")),
        (None, _) => Some(format!("{package}: has no floor in xtask/src/tidy/arrows.rs")),
        (_, None) => Some(format!("{package}: depends on {dependency}, which is no part of the product")),
    }
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn arrows_point_down() {
        assert_eq!(judge("vminspect-guest", "vminspect-image"), None);
        assert_eq!(judge("vminspect-report", "vminspect-bytes"), None);
        assert_eq!(judge("vminspect-image", "zerocopy"), None);
    }

    #[test]
    fn an_arrow_up_or_across_is_found() {
        assert!(judge("vminspect-bytes", "vminspect-image").is_some());
        assert!(judge("vminspect-filesystem", "vminspect-image").is_some());
        assert!(judge("vminspect-analysis", "vminspect-report").is_some());
        assert!(judge("vminspect-guest", "vminspect-fuzz").is_some());
        assert!(judge("vminspect-news", "vminspect-bytes").is_some());
    }

    #[test]
    fn only_the_command_line_knows_clap() {
        assert_eq!(judge("vminspect", "clap"), None);
        assert!(judge("vminspect-report", "clap").is_some());
    }
}
