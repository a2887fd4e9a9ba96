//! The committed event logs, and what is read of them.

use std::path::PathBuf;

use libdeflater::Decompressor;
use serde_json::Value as Json;
use vminspect_artefact::evtx::{Chunk, Decoder, Form, Log, Record};
use vminspect_bytes::{ReadError, Slice};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/evtx").join(name)
}

/// A log of the fixtures.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let packed = std::fs::read(path(&format!("{name}.evtx.gz"))).expect(name);
    let length = packed.last_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    let mut bytes = vec![0; usize::try_from(length).expect("fixtures are small")];
    Decompressor::new().gzip_decompress(&packed, &mut bytes).expect(name);
    bytes
}

/// A document of the fixtures.
pub(crate) fn json(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(path(&format!("{name}.json"))).expect(name)).expect(name)
}

/// A record with where it lies in the file, and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Read {
    pub(crate) record: Record,
    pub(crate) offset: u64,
    pub(crate) text: String,
}

/// What is read of a log: records in the order of the file, and problems.
pub(crate) fn read(bytes: &[u8], form: Form, recover: bool) -> (Vec<Read>, Vec<ReadError>) {
    let log = Log::open(Slice(bytes)).expect("a log");
    let (mut records, mut problems) = (Vec::new(), log.problems().to_vec());
    let mut buffer = Vec::new();
    let mut chunk_number = 0;
    while chunk_number < log.chunk_count() {
        // One decoder for all chunks, as long as it lasts.
        Decoder::with(form, |decoder| {
            while chunk_number < log.chunk_count() {
                log.read_chunk(chunk_number, &mut buffer).expect("bytes in memory");
                let chunk = Chunk::scan(&buffer, log.chunk_offset(chunk_number), recover);
                problems.extend(chunk.problems.iter().cloned());
                chunk_number += 1;
                let is_sound = decoder.decode(
                    &buffer,
                    &chunk,
                    |_| true,
                    |record, text| match text {
                        Ok(text) => records.push(Read {
                            record: *record,
                            offset: chunk.file_offset(record),
                            text: String::from_utf8(text.to_vec()).expect("text"),
                        }),
                        Err(error) => problems.push(error),
                    },
                );
                if !is_sound {
                    break;
                }
            }
        })
        .expect("a decoder");
    }
    (records, problems)
}
