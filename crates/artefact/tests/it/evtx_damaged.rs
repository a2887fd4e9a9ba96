//! Damaged logs: what is damaged is told and lost, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use vminspect_artefact::evtx::{Form, Log, exercise};
use vminspect_bytes::{ByteRange, Extent, Origin, ReadAt, ReadError, Slice};

use crate::evtx_evidence::{Read, bytes, json, read};

fn ids(records: &[Read], recovered: bool) -> BTreeSet<u64> {
    records.iter().filter(|read| read.record.recovered == recovered).map(|read| read.record.id).collect()
}

fn numbers(list: &Json) -> BTreeSet<u64> {
    list.as_array().expect("a list").iter().map(|number| number.as_u64().expect("a number")).collect()
}

#[test]
fn only_what_is_damaged_is_lost() {
    let truth = json("damaged");
    let (gone, recoverable) = (numbers(&truth["gone"]), numbers(&truth["recovered"]));
    let all: BTreeSet<u64> = (1..=50).collect();
    let (records, problems) = read(&bytes("damaged"), Form::Xml, false);
    let expected: BTreeSet<u64> = &(&all - &gone) - &recoverable;
    assert_eq!(ids(&records, false), expected, "{problems:?}");
    // What was recovered is marked, and nothing more is.
    let (recovered, _) = read(&bytes("damaged"), Form::Xml, true);
    assert_eq!(ids(&recovered, false), expected);
    assert_eq!(ids(&recovered, true), recoverable);
    for read in &recovered {
        let written =
            truth["records"].as_array().expect("records").iter().find(|each| each["id"] == read.record.id);
        assert_eq!(Some(&*read.text), written.expect("a record")["xml"].as_str());
        assert_eq!(Some(read.offset), written.expect("a record")["offset"].as_u64());
    }
}

/// Every damage is told with the byte of the file at which it is.
#[test]
fn damage_is_told_with_its_place() {
    let truth = json("damaged");
    let place = |id: u64| {
        let records = truth["records"].as_array().expect("records");
        records.iter().find(|record| record["id"] == id).expect("a record")["offset"]
            .as_u64()
            .expect("a place")
    };
    let (_, problems) = read(&bytes("damaged"), Form::Xml, false);
    let told: Vec<(Option<u64>, String)> =
        problems.iter().map(|problem| (problem.offset(), problem.to_string())).collect();
    let is_told =
        |at: u64, what: &str| told.iter().any(|(place, text)| *place == Some(at) && text.contains(what));
    assert!(is_told(place(4), "2147483648"), "{told:?}");
    assert!(is_told(place(7), "event record 7"), "{told:?}");
    assert!(is_told(4096 + 65_536, "ElfChnk"), "{told:?}");
    assert!(is_told(place(46), "a size"), "{told:?}");
}

/// Chunks can lie in any order: each is read where it is.
#[test]
fn shuffled_chunks_are_read() {
    let sound = bytes("wrapped");
    let (expected, _) = read(&sound, Form::Json, false);
    let mut shuffled = sound[..4096].to_vec();
    for chunk in [2, 0, 1] {
        shuffled.extend_from_slice(&sound[4096 + chunk * 65_536..][..65_536]);
    }
    let (records, problems) = read(&shuffled, Form::Json, false);
    assert!(problems.is_empty(), "{problems:?}");
    let texts = |records: &[Read]| records.iter().map(|read| read.text.clone()).collect::<BTreeSet<_>>();
    assert_eq!(texts(&records), texts(&expected));
}

/// A file header that is gone costs nothing but itself.
#[test]
fn a_log_without_a_header_is_read() {
    let mut log = bytes("wrapped");
    let (expected, _) = read(&log, Form::Xml, false);
    log[..4096].fill(0);
    let (records, problems) = read(&log, Form::Xml, false);
    assert_eq!(records, expected);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(Log::open(Slice(&log)).expect("a log").header().is_none());
}

/// Records of the year 30828, and ids that are as large as can be, are records like others.
#[test]
fn times_and_ids_at_their_ends() {
    let mut log = bytes("dirty");
    let (expected, _) = read(&log, Form::Xml, false);
    let at = usize::try_from(expected[1].offset).expect("small");
    log[at + 8..at + 24].fill(0xFF);
    let (records, _) = read(&log, Form::Xml, false);
    assert_eq!(records.len(), expected.len());
    assert_eq!((records[1].record.id, records[1].record.written), (u64::MAX, u64::MAX));
    assert_eq!(records[1].text, expected[1].text);
}

/// Logs that are made to cost memory, time or the stack.
#[test]
fn hostile_logs_are_told() {
    for name in ["hostile-deep", "hostile-self", "hostile-values", "hostile-doubling"] {
        let met = exercise(&Slice(&bytes(name))).expect(name);
        assert!(met.problems > 0 && met.panics == 0 && met.text < 64 << 20, "{name}: {met:?}");
    }
}

/// A log with chunk 7 and a part of chunk 2^40; all else are holes.
struct Sparse(Vec<u8>);

impl Sparse {
    const LAST: u64 = 1 << 40;
    const STORED: [(u64, u64); 3] =
        [(0, 4096), (4096 + 7 * 65_536, 65_536), (4096 + Self::LAST * 65_536 + 512, 512)];
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        1 << 60
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        buf.fill(0);
        if offset < 4096 {
            let start = usize::try_from(offset).expect("small");
            buf.copy_from_slice(&self.0[start..start + buf.len()]);
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        let mut end = range.end();
        for (start, length) in Self::STORED {
            if (start..start + length).contains(&range.start()) {
                let range = ByteRange::new(range.start(), range.end().min(start + length));
                return Ok(Extent { range, origin: Origin::Unknown });
            }
            if start > range.start() {
                end = end.min(start);
            }
        }
        Ok(Extent { range: ByteRange::new(range.start(), end), origin: Origin::Zero })
    }
}

#[test]
fn chunks_in_holes_are_passed_over() {
    let log = Log::open(Sparse(bytes("wrapped"))).expect("a log");
    assert_eq!(log.chunk_count(), 1 << 44, "whatever is stored of them");
    assert_eq!(log.stored_chunks().collect::<Vec<_>>(), [7, Sparse::LAST]);
    let all = bytes("wrapped");
    assert_eq!(Log::open(Slice(&all)).expect("a log").stored_chunks().collect::<Vec<_>>(), [0, 1, 2]);
}

/// A header that counts fewer records than lie before the free space hides none.
#[test]
fn records_behind_the_last_one_of_the_header_are_read() {
    let mut log = bytes("wrapped");
    let (expected, _) = read(&log, Form::Xml, false);
    let chunk = &mut log[4096..4096 + 65_536];
    let first = u64::from_le_bytes(chunk[24..32].try_into().expect("8 bytes"));
    chunk[32..40].copy_from_slice(&(first + 1).to_le_bytes());
    let (records, problems) = read(&log, Form::Xml, false);
    assert_eq!(records, expected);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(matches!(&told[..], [told] if told.contains("more before the free space")), "{told:?}");
}
