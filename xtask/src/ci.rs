//! Every check, in the order in which they fail fastest.

use std::time::Instant;

use crate::process::{self, cargo};
use crate::{Result, fuzz, licences, tidy};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("fmt", || process::run(cargo().args(["fmt", "--all", "--check"]))),
    ("licences", licences::run),
    ("tidy", tidy::run),
    ("clippy", || {
        process::run(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]))
    }),
    ("test", || process::run(cargo().args(["test", "--workspace", "--locked"]))),
    ("docs", || {
        process::run(
            cargo()
                .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    }),
    ("fuzz", || fuzz::run(&["--seconds".to_owned(), "5".to_owned()])),
];

/// Runs the named steps, or all.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(name) = names.iter().find(|name| STEPS.iter().all(|(step, _)| step != name)) {
        return Err(format!("no such step: {name}").into());
    }
    for (name, step) in STEPS {
        if names.is_empty() || names.iter().any(|each| each == name) {
            let start = Instant::now();
            step().map_err(|error| format!("{name}: {error}"))?;
            eprintln!("{name}: passed in {:.1} s", start.elapsed().as_secs_f64());
        }
    }
    Ok(())
}
