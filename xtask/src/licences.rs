//! Licences of all dependencies, against the lists in `deny.toml` that cargo-deny reads too.

use std::collections::BTreeMap;

use cargo_metadata::{CargoOpt, MetadataCommand};
use spdx::{Expression, LicenseReq, ParseMode};

use crate::Result;
use crate::process::root;

/// What may be linked: for every crate, and for single ones besides.
struct Policy {
    allowed: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
}

/// Fails when a dependency, on any platform and with any feature, has no licence that we accept.
pub(crate) fn run() -> Result<()> {
    let policy = Policy::from_deny_toml(&std::fs::read_to_string(root().join("deny.toml"))?)?;
    let metadata = MetadataCommand::new().current_dir(root()).features(CargoOpt::AllFeatures).exec()?;
    let mut refused = Vec::new();
    for package in &metadata.packages {
        if let Err(reason) = policy.judge(&package.name, package.license.as_deref()) {
            refused.push(format!("{} {}: {reason}", package.name, package.version));
        }
    }
    if !refused.is_empty() {
        return Err(refused.join("\n").into());
    }
    println!("licences: {} packages, all accepted", metadata.packages.len());
    Ok(())
}

impl Policy {
    fn from_deny_toml(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse()?;
        let licences = table.get("licenses").ok_or("deny.toml has no [licenses]")?;
        let exceptions = licences.get("exceptions").and_then(toml::Value::as_array);
        let exceptions = exceptions.into_iter().flatten().filter_map(|exception| {
            Some((exception.get("crate")?.as_str()?.to_owned(), strings(exception.get("allow"))))
        });
        Ok(Self { allowed: strings(licences.get("allow")), exceptions: exceptions.collect() })
    }

    fn judge(&self, package: &str, licence: Option<&str>) -> Result<(), String> {
        let text = licence.ok_or("it names no licence")?;
        let expression = Expression::parse_mode(text, ParseMode::LAX).map_err(|error| error.to_string())?;
        let special = self.exceptions.get(package);
        let accepts = |requirement: &LicenseReq| {
            let name = requirement.to_string();
            self.allowed.contains(&name) || special.is_some_and(|special| special.contains(&name))
        };
        if expression.evaluate(accepts) { Ok(()) } else { Err(format!("{text} is not accepted")) }
    }
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let array = value.and_then(toml::Value::as_array);
    array.into_iter().flatten().filter_map(|each| each.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::Policy;

    const DENY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        exceptions = [{ crate = "libfuzzer-sys", allow = ["NCSA"] }]
    "#;

    fn accepts(package: &str, licence: Option<&str>) -> bool {
        Policy::from_deny_toml(DENY).unwrap().judge(package, licence).is_ok()
    }

    #[test]
    fn permissive_licences_are_accepted() {
        assert!(accepts("a", Some("MIT")));
        assert!(accepts("a", Some("MIT/Apache-2.0")));
        assert!(accepts("a", Some("Unlicense OR MIT")));
        assert!(accepts("a", Some("Apache-2.0 WITH LLVM-exception")));
    }

    #[test]
    fn copyleft_is_refused() {
        assert!(!accepts("a", Some("GPL-3.0-only")));
        assert!(!accepts("a", Some("MIT AND LGPL-2.1-or-later")));
        assert!(!accepts("a", Some("MPL-2.0")));
        assert!(!accepts("a", Some("Apache-2.0 WITH Classpath-exception-2.0")));
        assert!(!accepts("a", None));
    }

    #[test]
    fn an_exception_holds_for_its_crate_alone() {
        assert!(accepts("libfuzzer-sys", Some("(MIT OR Apache-2.0) AND NCSA")));
        assert!(!accepts("a", Some("(MIT OR Apache-2.0) AND NCSA")));
    }
}
