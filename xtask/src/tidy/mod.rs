//! The rules of this workspace that the compiler does not check.

mod arrows;
mod files;
mod lints;
mod sources;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::Result;
use crate::process::root;

/// Prints what breaks a rule, and fails when anything does.
pub(crate) fn run() -> Result<()> {
    let findings = check()?;
    if findings.is_empty() {
        println!("tidy: nothing found");
        return Ok(());
    }
    Err(format!("{} findings\n{}", findings.len(), findings.join("\n")).into())
}

/// Everything that breaks a rule, one line each.
fn check() -> Result<Vec<String>> {
    let metadata = workspace()?;
    let mut findings = arrows::check(&metadata);
    findings.extend(lints::check(root())?);
    for file in files::all(root())? {
        findings.extend(sources::check(&file));
    }
    Ok(findings)
}

/// The packages of the workspace. Reads manifests alone, so that it needs no network.
fn workspace() -> Result<Metadata> {
    Ok(MetadataCommand::new().current_dir(root()).no_deps().exec()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_is_tidy() {
        let findings = super::check().unwrap();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
