//! Reads the partition tables of the committed fixtures.
#![allow(missing_docs, clippy::expect_used)]

#[path = "../tests/it/sectors.rs"]
mod sectors;

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use vminspect_bytes::{Memory, ReadAt};
use vminspect_volume::VolumeTable;

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("volumes");
    for name in sectors::NAMES {
        let disk: Arc<dyn ReadAt> = Arc::new(Memory::new(sectors::disk(name)));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| VolumeTable::read(Arc::clone(&disk)).map(|table| table.volumes.len()));
        });
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
