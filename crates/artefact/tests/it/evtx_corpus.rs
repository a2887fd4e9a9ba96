//! Published event logs, with as many records as other readers find. Skipped where the corpus is not.

use std::path::{Path, PathBuf};

use vminspect_artefact::evtx::Form;

use crate::evtx_evidence::read;

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = std::env::var_os("VMINSPECT_CORPUS").map_or(beside, PathBuf::from);
    path.is_dir().then_some(path)
}

/// `N` of `libevtx: records=N`.
fn libevtx(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once("libevtx: records=")?;
    rest.split(' ').next()?.parse().ok()
}

/// Logs of which libevtx counts other records as the log's own, and ours: it counts what it could not place in the
/// order of ids among those it recovers.
const OTHERWISE: &[(&str, usize)] = &[("TerminalServices-RemoteConnectionManager%4Operational.evtx", 1795)];

#[test]
fn logs_have_the_records_that_libevtx_finds() {
    let Some(corpus) = corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("MANIFEST.tsv")).expect("a manifest");
    let (mut count, mut differing) = (0, Vec::new());
    for line in manifest.lines().filter(|line| line.starts_with("evtx/")) {
        let name = line.split('\t').next().expect("a name");
        let Some(expected) = libevtx(line) else { continue };
        let other = OTHERWISE.iter().find(|(end, _)| name.ends_with(end));
        let expected = other.map_or(expected, |(_, count)| *count);
        let (records, problems) = read(&std::fs::read(corpus.join(name)).expect(name), Form::Xml, false);
        if records.len() != expected {
            differing.push(format!("{name}: {} instead of {expected}: {problems:?}", records.len()));
        }
        count += 1;
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(count >= 100, "{count}");
}
