//! Guests from `fixtures/guest.sh` and the scripts of Windows samples: systems, mounts, paths, and what damage leaves of them.

mod damage;
mod drives;
mod hives;
mod information;
mod namespace;
mod system;
mod windows;

use std::path::{Path, PathBuf};

use vminspect_guest::{Coverage, Guest};
use vminspect_image::OpenOptions;

/// The path of a fixture.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn open(name: &str) -> Guest {
    open_path(&fixture(name))
}

fn open_path(path: &Path) -> Guest {
    Guest::open(path, &OpenOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn prefixes(guest: &Guest) -> Vec<String> {
    guest.volumes().iter().map(|volume| String::from_utf8_lossy(&volume.prefix).into_owned()).collect()
}

/// Place and message of everything in coverage.
fn problems(guest: &Guest) -> Vec<(String, &'static str, String)> {
    problems_of(guest.coverage())
}

fn problems_of(coverage: &Coverage) -> Vec<(String, &'static str, String)> {
    let problems = coverage.sorted().into_iter();
    problems
        .map(|problem| {
            (String::from_utf8_lossy(&problem.place).into_owned(), problem.family, problem.message.clone())
        })
        .collect()
}

/// The text of a small file.
fn text(guest: &Guest, path: &str) -> String {
    let bytes = guest.read_file(path.as_bytes(), 1 << 16).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8(bytes).expect("text")
}
