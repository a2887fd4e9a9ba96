//! Finds the records of an event log, and decodes them.
//!
//! `VMINSPECT_BENCH_EVTX` names a log. Without it there is nothing to measure.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use vminspect_artefact::evtx::{Chunk, Decoder, Form, Log};
use vminspect_bytes::HostFile;

/// Records of all chunks, by their headers.
fn scan(log: &Log<HostFile>) -> usize {
    let mut buffer = Vec::new();
    let chunks = (0..log.chunk_count()).map(|index| {
        log.read_chunk(index, &mut buffer).expect("a chunk");
        Chunk::scan(&buffer, log.chunk_offset(index), false).records.len()
    });
    chunks.sum()
}

/// Bytes of the text of all records.
fn decode(log: &Log<HostFile>, form: Form) -> usize {
    let mut buffer = Vec::new();
    let mut length = 0;
    Decoder::with(form, |decoder| {
        for index in 0..log.chunk_count() {
            log.read_chunk(index, &mut buffer).expect("a chunk");
            let chunk = Chunk::scan(&buffer, log.chunk_offset(index), false);
            decoder.decode(&buffer, &chunk, |_| true, |_, text| length += text.map_or(0, <[u8]>::len));
        }
    })
    .expect("a decoder");
    length
}

fn benchmark(criterion: &mut Criterion) {
    let Some(path) = std::env::var_os("VMINSPECT_BENCH_EVTX") else {
        eprintln!("VMINSPECT_BENCH_EVTX names no log: nothing is measured");
        return;
    };
    let log = Log::open(HostFile::open(Path::new(&path)).expect("a file")).expect("a log");
    criterion.bench_function("scan", |bencher| bencher.iter(|| scan(&log)));
    criterion.bench_function("xml", |bencher| bencher.iter(|| decode(&log, Form::Xml)));
    criterion.bench_function("json", |bencher| bencher.iter(|| decode(&log, Form::Json)));
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
