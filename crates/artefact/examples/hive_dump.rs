//! Prints every key of a hive as a line of JSON, for comparison with other readers.
//!
//! `cargo run --release -p vminspect-artefact --example hive_dump -- HIVE [LOG…]`

#![expect(clippy::print_stderr, reason = "a program that tells what was wrong")]

use std::io::{self, BufWriter, Write};
use std::path::Path;

use vminspect_artefact::registry::{Hive, Log, Name, Walk};
use vminspect_bytes::HostFile;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args_os().skip(1);
    let primary = paths.next().ok_or("usage: hive_dump HIVE [LOG…]")?;
    let primary = HostFile::open(Path::new(&primary))?;
    let paths: Vec<_> = paths.collect();
    let files = paths.iter().map(|path| HostFile::open(Path::new(path))).collect::<Result<Vec<_>, _>>()?;
    let logs: Vec<Log<'_>> = paths
        .iter()
        .zip(&files)
        .map(|(path, file)| Log { name: path.to_string_lossy().into_owned(), bytes: file })
        .collect();
    let hive = Hive::open(&primary, &logs)?;
    hive.problems().iter().for_each(|problem| eprintln!("{problem}"));
    eprintln!("{:?}", hive.replay());
    let mut out = BufWriter::new(io::stdout().lock());
    let mut walk = Walk::new(&hive);
    let mut path: Vec<Name<'_>> = Vec::new();
    while let Some(step) = walk.step() {
        path.truncate(step.depth);
        path.push(step.key.name());
        let below_root = path.get(1..).unwrap_or_default();
        let names: Vec<String> = below_root.iter().map(|name| json(&name.to_text())).collect();
        let wide: Vec<String> = below_root.iter().map(|name| format!("\"{}\"", hex(*name))).collect();
        let class = step.key.class_text().unwrap_or_else(|problem| {
            eprintln!("{problem}");
            None
        });
        let class = class.map_or("null".to_owned(), |class| json(&class));
        write!(out, "{{\"path\":[{}],\"path_hex\":[{}],", names.join(","), wide.join(","))?;
        write!(out, "\"time\":{},\"class\":{class},\"values\":[", step.key.last_written_ticks())?;
        for (at, value) in step.values.iter().enumerate() {
            let data: String = value.data().bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let comma = if at == 0 { "" } else { "," };
            write!(out, "{comma}[{},{},\"{data}\"]", json(&value.name().to_text()), value.kind().0)?;
        }
        let names: Vec<String> =
            step.values.iter().map(|value| format!("\"{}\"", hex(value.name()))).collect();
        writeln!(out, "],\"name_hex\":[{}]}}", names.join(","))?;
    }
    walk.take_problems().iter().for_each(|problem| eprintln!("{problem}"));
    Ok(out.flush()?)
}

/// The units of a name, little-endian, as hexadecimal digits.
fn hex(name: Name<'_>) -> String {
    name.units().flat_map(u16::to_le_bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// A string of JSON, all but printable ASCII escaped.
fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(c @ (' '..='~')) if c != '"' && c != '\\' => out.push(c),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
    out
}
