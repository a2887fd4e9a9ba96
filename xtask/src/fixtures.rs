//! Makes the committed fixtures anew, by the scripts in `fixtures/`.

use std::process::Command;

use crate::Result;
use crate::process::{self, root};

/// Runs the named scripts, or all, in the order of their names.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(root().join("fixtures"))? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "sh") {
            scripts.push((stem, path));
        }
    }
    scripts.sort();
    if let Some(name) = names.iter().find(|name| scripts.iter().all(|(stem, _)| stem != *name)) {
        return Err(format!("there is no fixtures/{name}.sh").into());
    }
    for (stem, path) in scripts {
        if names.is_empty() || names.contains(&stem) {
            process::run(Command::new("bash").arg(path).current_dir(root()))?;
        }
    }
    Ok(())
}
