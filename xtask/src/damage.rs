//! Damaged evidence: the damage tests of every crate, with as many mutations as they have.

use crate::Result;
use crate::process::{self, cargo};

/// Runs the tests whose name has `damage` in it. They read `VMINSPECT_DAMAGE`: `full` asks for every
/// truncation and mutation, anything else for the fixed part that the plain tests run too.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let extent = match arguments {
        [] => "part",
        [only] if only == "--full" => "full",
        _ => return Err("usage: cargo xtask damage [--full]".into()),
    };
    // Overflow checks stay on: an unchecked sum is just what these tests look for.
    process::run(
        cargo()
            .args(["test", "--workspace", "--release", "--config", "profile.release.overflow-checks=true"])
            .args(["--", "damage"])
            .env("VMINSPECT_DAMAGE", extent),
    )
}
