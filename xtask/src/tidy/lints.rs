//! The lints that are the written policy stand where they should.

use std::fs;
use std::path::Path;

use crate::Result;

/// Crates that read evidence.
const PARSERS: &[&str] = &["image", "volume", "filesystem", "artefact", "guest"];

/// What their own code, tests apart, may not do to values from evidence.
const DENIED: &[&str] = &[
    "clippy::arithmetic_side_effects",
    "clippy::as_conversions",
    "clippy::indexing_slicing",
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = check_workspace(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    for entry in fs::read_dir(root.join("crates"))? {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.exists() && !inherits_lints(&fs::read_to_string(&manifest)?)? {
            findings.push(format!("{}: has no `[lints] workspace = true`", manifest.display()));
        }
    }
    for parser in PARSERS {
        let path = format!("crates/{parser}/src/lib.rs");
        let missing = missing_denials(&fs::read_to_string(root.join(&path))?);
        findings.extend(missing.iter().map(|lint| format!("{path}: does not deny {lint}")));
    }
    Ok(findings)
}

fn check_workspace(manifest: &str) -> Result<Vec<String>> {
    let table: toml::Table = manifest.parse()?;
    let lints = table.get("workspace").and_then(|workspace| workspace.get("lints"));
    let unsafe_code = lints.and_then(|lints| lints.get("rust")).and_then(|rust| rust.get("unsafe_code"));
    let forbids = unsafe_code.and_then(toml::Value::as_str) == Some("forbid");
    Ok(if forbids { Vec::new() } else { vec!["Cargo.toml: does not forbid unsafe_code".to_owned()] })
}

fn inherits_lints(manifest: &str) -> Result<bool> {
    let table: toml::Table = manifest.parse()?;
    let inherited = table.get("lints").and_then(|lints| lints.get("workspace"));
    Ok(inherited.and_then(toml::Value::as_bool) == Some(true))
}

/// The lints that no `deny(…)` attribute at the top of a crate names.
fn missing_denials(source: &str) -> Vec<&'static str> {
    let denied: String = source
        .split("#![")
        .skip(1)
        .filter_map(|attribute| attribute.split_once("deny(")?.1.split(")]").next())
        .collect();
    DENIED.iter().copied().filter(|lint| !denied.contains(lint)).collect()
}

#[cfg(test)]
mod tests {
    use super::{check_workspace, inherits_lints, missing_denials};

    #[test]
    fn unsafe_code_must_be_forbidden() {
        assert!(check_workspace("[workspace.lints.rust]\nunsafe_code = \"forbid\"").unwrap().is_empty());
        assert_eq!(check_workspace("[workspace.lints.rust]\nunsafe_code = \"warn\"").unwrap().len(), 1);
    }

    #[test]
    fn manifests_inherit_lints() {
        assert!(inherits_lints("[lints]\nworkspace = true").unwrap());
        assert!(!inherits_lints("[package]\nname = \"a\"").unwrap());
    }

    #[test]
    fn parsers_deny_what_panics() {
        let all = "#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions,
            clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]";
        assert!(missing_denials(all).is_empty());
        assert_eq!(missing_denials("//! Nothing.\nmod a;").len(), 6);
        assert_eq!(missing_denials(&all.replace("clippy::panic", "clippy::pedantic")), ["clippy::panic"]);
    }
}
