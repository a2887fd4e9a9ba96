//! Whole listings and comparisons.
//!
//! `VMINSPECT_BENCH_BEFORE` and `VMINSPECT_BENCH_AFTER` name two images; without them the committed samples
//! are compared.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use vminspect_analysis::{Options, Silent, compare, list};
use vminspect_guest::Guest;
use vminspect_image::OpenOptions;

fn image(variable: &str, sample: &str) -> PathBuf {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/samples");
    std::env::var_os(variable).map_or_else(|| samples.join(sample), PathBuf::from)
}

fn open(path: &Path) -> Option<Guest> {
    Guest::open(path, &OpenOptions::default()).ok()
}

fn benchmark(criterion: &mut Criterion) {
    let before = image("VMINSPECT_BENCH_BEFORE", "before.qcow2");
    let after = image("VMINSPECT_BENCH_AFTER", "after.qcow2");
    let options = Options::default();
    let mut group = criterion.benchmark_group("analysis");
    group.sample_size(10);
    group.bench_function("compare", |bencher| {
        bencher.iter(|| {
            let guests = (open(&before)?, open(&after)?);
            Some(compare(&guests.0, &guests.1, &options, &Silent))
        });
    });
    group.bench_function("list", |bencher| {
        bencher.iter(|| list(&open(&before)?, &options, &Silent, &mut |_| Ok(())).ok());
    });
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
