//! Opens a registry hive, walks over all its keys and values, and looks for deleted ones.
//!
//! `VMINSPECT_BENCH_HIVE` names a hive. Without it there is nothing to measure.
#![allow(missing_docs, clippy::print_stderr)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use vminspect_artefact::registry::{Hive, Remains, Walk};
use vminspect_bytes::HostFile;

/// Keys, values and bytes of data.
fn walk(hive: &Hive) -> (usize, usize, usize) {
    let mut met = (0, 0, 0);
    let mut walk = Walk::new(hive);
    while let Some(step) = walk.step() {
        met.0 += 1;
        met.1 += step.values.len();
        met.2 += step.values.iter().map(|value| value.data().bytes.len()).sum::<usize>();
    }
    met
}

fn benchmark(criterion: &mut Criterion) {
    let Some(path) = std::env::var_os("VMINSPECT_BENCH_HIVE") else {
        eprintln!("VMINSPECT_BENCH_HIVE names no hive: nothing is measured");
        return;
    };
    let file = HostFile::open(Path::new(&path)).expect("a file");
    let open = || Hive::open(&file, &[]).expect("a hive");
    let hive = open();
    criterion.bench_function("open", |bencher| bencher.iter(|| black_box(open()).bins().len()));
    criterion.bench_function("walk", |bencher| bencher.iter(|| walk(&hive)));
    criterion.bench_function("remains", |bencher| bencher.iter(|| Remains::of(&hive).keys.len()));
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
