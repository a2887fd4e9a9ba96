//! Damaged logs: what is damaged is told and lost, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use vminspect_artefact::evtx::{Form, Log, exercise};
use vminspect_bytes::Slice;

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
