//! Reads a change journal, and looks for records in its bytes.
//!
//! `VMINSPECT_BENCH_JOURNAL` names a file with the bytes of a stream `$J`. Without it there is nothing to measure.
#![allow(missing_docs, clippy::print_stderr)]

use std::ops::ControlFlow;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use vminspect_artefact::usn::{Journal, carve};
use vminspect_bytes::{HostFile, ReadAtExt};

/// Bytes that are looked through for records.
const CARVED: u64 = 64 << 20;

fn benchmark(criterion: &mut Criterion) {
    let Some(path) = std::env::var_os("VMINSPECT_BENCH_JOURNAL") else {
        eprintln!("VMINSPECT_BENCH_JOURNAL names no journal: nothing is measured");
        return;
    };
    let file = HostFile::open(Path::new(&path)).expect("a file");
    criterion.bench_function("visit", |bencher| {
        bencher.iter(|| {
            let mut records = 0_usize;
            Journal::new(&file).visit(|record| {
                records += usize::from(record.is_ok());
                ControlFlow::Continue(())
            });
            records
        });
    });
    let bytes = file.read_all(CARVED).unwrap_or_default();
    criterion.bench_function("carve", |bencher| {
        bencher.iter(|| {
            let mut found = 0_usize;
            carve(&bytes, 0, |_| found += 1);
            found
        });
    });
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
