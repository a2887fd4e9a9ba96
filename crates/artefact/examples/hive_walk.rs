//! Walks over every key and value of a hive and counts them, for measuring.
//!
//! `cargo run --release -p vminspect-artefact --example hive_walk -- HIVE`

use std::io::Write;
use std::path::Path;

use vminspect_artefact::registry::{Hive, Walk};
use vminspect_bytes::HostFile;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: hive_walk HIVE")?;
    let hive = Hive::open(&HostFile::open(Path::new(&path))?, &[])?;
    let (mut keys, mut values, mut data) = (0_usize, 0_usize, 0_usize);
    let mut walk = Walk::new(&hive);
    while let Some(step) = walk.step() {
        keys += 1;
        values += step.values.len();
        data += step.values.iter().map(|value| value.data().bytes.len()).sum::<usize>();
    }
    Ok(writeln!(std::io::stdout(), "{keys} keys, {values} values, {data} bytes")?)
}
