//! Opens a volume of any filesystem, walks its directories and makes every record, checksums verified.
//!
//! `VMINSPECT_BENCH_VOLUME` names a disk image, `VMINSPECT_BENCH_OFFSET` the byte at which the filesystem
//! begins in it. Without them there is nothing to measure.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rayon::prelude::*;
use vminspect_bytes::{ByteRange, HostFile, ReadAt, Window};
use vminspect_filesystem::{FileKind, FileSystem, Record};

fn volume() -> Option<Arc<dyn ReadAt>> {
    let path = std::env::var_os("VMINSPECT_BENCH_VOLUME")?;
    let offset = std::env::var("VMINSPECT_BENCH_OFFSET").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let file = HostFile::open(Path::new(&path)).ok()?;
    let range = ByteRange::new(offset, file.len());
    Some(Arc::new(Window::clamped(file, range)))
}

/// Records and directories of all units.
fn scan(fs: &dyn FileSystem) -> (usize, Vec<Record>) {
    let scan = fs.scan(None, false);
    scan.units
        .par_iter()
        .map(|unit| {
            let (mut count, mut directories) = (0, Vec::new());
            (scan.visit)(unit, &mut |record| {
                count += 1;
                if let Ok(record) = record
                    && record.metadata.kind == FileKind::Directory
                {
                    directories.push(record);
                }
            });
            (count, directories)
        })
        .reduce(
            || (0, Vec::new()),
            |(a, mut left), (b, right)| {
                left.extend(right);
                (a + b, left)
            },
        )
}

fn entries(fs: &dyn FileSystem, directories: &[Record]) -> usize {
    directories
        .par_iter()
        .map(|directory| fs.entries_of(directory).map_or(0, |entries| entries.filter(Result::is_ok).count()))
        .sum()
}

/// Opens the volume, since the tree of directories is walked once, and reads all of it.
fn whole(volume: &Arc<dyn ReadAt>) -> usize {
    let fs = vminspect_filesystem::open(Arc::clone(volume)).ok().flatten().expect("a filesystem");
    let (_, directories) = scan(&*fs);
    entries(&*fs, &directories)
}

fn walk(criterion: &mut Criterion) {
    let Some(volume) = volume() else {
        eprintln!("VMINSPECT_BENCH_VOLUME is not set: nothing to measure");
        return;
    };
    let fs = vminspect_filesystem::open(Arc::clone(&volume)).ok().flatten().expect("a filesystem");
    let (count, directories) = scan(&*fs);
    eprintln!("{count} records, {} directories, {} entries", directories.len(), entries(&*fs, &directories));
    if let Some(rounds) =
        std::env::var("VMINSPECT_BENCH_ROUNDS").ok().and_then(|text| text.parse::<u32>().ok())
    {
        // For `time` and `perf stat`: processor time does not suffer from other load as wall time does.
        for _ in 0..rounds {
            std::hint::black_box(whole(&volume));
        }
        return;
    }
    let format = fs.identity().format;
    criterion.bench_function(&format!("{format} open"), |bencher| {
        bencher.iter(|| vminspect_filesystem::open(Arc::clone(&volume)).map(|fs| fs.map(|fs| fs.root())));
    });
    // With the tree of directories known.
    criterion.bench_function(&format!("{format} scan"), |bencher| bencher.iter(|| scan(&*fs).0));
    criterion
        .bench_function(&format!("{format} entries"), |bencher| bencher.iter(|| entries(&*fs, &directories)));
    criterion.bench_function(&format!("{format} walk"), |bencher| bencher.iter(|| whole(&volume)));
}

criterion_group!(benches, walk);
criterion_main!(benches);
