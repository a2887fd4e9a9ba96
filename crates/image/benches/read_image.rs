//! Reads every byte of an image, in steps of a MiB, on one thread.
//!
//! `VMINSPECT_BENCH_IMAGE` names the image; without it the committed sample is read, which is compressed.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vminspect_bytes::{ByteRange, ReadAt, differ};
use vminspect_image::{Disk, OpenOptions};

fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/samples").join(name)
}

fn open(path: &Path) -> Option<Disk> {
    Disk::open(path, &OpenOptions::default()).ok()
}

fn read(disk: &Disk, buffer: &mut [u8]) -> u64 {
    let bytes = disk.bytes();
    let mut rest = ByteRange::at(0, bytes.len());
    let mut failed = 0;
    while !rest.is_empty() {
        let step = rest.truncate(1 << 20);
        let length = usize::try_from(step.len()).unwrap_or(0);
        failed += u64::from(bytes.read_exact_at(step.start(), &mut buffer[..length]).is_err());
        rest = ByteRange::new(step.end(), rest.end());
    }
    failed
}

fn benchmark(criterion: &mut Criterion) {
    let image =
        std::env::var_os("VMINSPECT_BENCH_IMAGE").map_or_else(|| sample("before.qcow2"), PathBuf::from);
    let Some(disk) = open(&image) else { return };
    let mut group = criterion.benchmark_group("image");
    group.throughput(Throughput::Bytes(disk.bytes().len()));
    let mut buffer = vec![0; 1 << 20];
    group.bench_function("read", |bencher| bencher.iter(|| read(&disk, &mut buffer)));
    if let (Some(before), Some(after)) = (open(&sample("before.qcow2")), open(&sample("after.qcow2"))) {
        group.bench_function("differ", |bencher| {
            bencher.iter(|| differ(before.bytes(), after.bytes()).map(|set| set.total()));
        });
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
