use vminspect_analysis::event_log::{EventBrief, EventComparison, LogChange, LogFate};
use vminspect_analysis::finding::{
    Comparison, Evidence, FieldChange, FileFacts, GuestPath, MetadataChange, Modified, Renamed, TypeChange,
    Value,
};
use vminspect_analysis::registry::{
    ChangedValues, KeyChange, KeyFacts, RegistryComparison, ValueChange, ValueFacts,
};
use vminspect_analysis::{Algorithm, Hasher};
use vminspect_artefact::registry::ValueType;
use vminspect_bytes::{Resolution, Timestamp, wtf8_units};
use vminspect_filesystem::NameEncoding;
use vminspect_filesystem::{DeviceNumber, FileKind};
use vminspect_guest::{Coverage, Problem};

use crate::{Changes, ExtractionSummary, Fields, Format, comparison, listing};

const FORMATS: [Format; 4] = [Format::Json, Format::JsonLines, Format::Csv, Format::Table { colour: false }];

fn facts(path: &[u8], kind: FileKind) -> FileFacts {
    let mut hasher = Hasher::new(&Algorithm::ALL);
    hasher.update(path);
    FileFacts {
        path: GuestPath { bytes: path.to_vec(), encoding: NameEncoding::Bytes },
        kind,
        size: path.len() as u64,
        digests: (kind == FileKind::Regular).then(|| hasher.finish()),
        file_type: Some("ASCII text".to_owned()),
        target: (kind == FileKind::Symlink).then(|| b"/else\xffwhere\x1b[2J".to_vec()),
        orphan: false,
        stream: false,
        deleted: None,
        remains: None,
        problem: None,
        zone: None,
    }
}

/// Names that terminals, spreadsheets, JSON readers or people could be hurt by.
fn hostile() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![b'/', b'x', byte, b'y']).collect();
    for name in [
        "/=cmd|' /C calc'!A0",
        "/a\",\"b",
        "/line\r\nbreak",
        "/\u{1b}]0;title\u{7}",
        "/\u{202e}gpj.exe",
        "/<script>",
        "/\u{9b}31m",
        "/日本語",
        "/e\u{301}",
        "/\\u{1b}",
        "/$(reboot)",
        "/ ",
        "/\u{feff}",
        "/\u{1f600}",
    ] {
        names.push(name.as_bytes().to_vec());
    }
    names.push([b"/".as_slice(), &[b'n'; 255]].concat());
    names.push(b"/\xff\xfe\x80".to_vec());
    names.push(b"/\xed\xa0\x80".to_vec());
    names
}

fn change(field: &str, before: Value, after: Value) -> FieldChange {
    FieldChange { field: field.to_owned(), before, after }
}

fn everything() -> Comparison {
    let time = |seconds| Value::Time(Timestamp::from_unix(seconds, 1, Resolution::Nanosecond));
    let mut all = Comparison::default();
    for name in hostile() {
        all.created.push(facts(&name, FileKind::Regular));
        all.deleted.push(facts(&name, FileKind::Regular));
        all.created_other.push(facts(&name, FileKind::Symlink));
        all.deleted_other.push(facts(&name, FileKind::Directory));
        let (before, after) = (facts(&name, FileKind::Regular), facts(&name, FileKind::Regular));
        all.renamed.push(Renamed {
            before: before.clone(),
            after: after.clone(),
            evidence: Evidence::SameContent,
            metadata: vec![change("mode", Value::Mode(0o644), Value::Mode(0o4755))],
        });
        all.type_changed.push(TypeChange { before: before.clone(), after: facts(&name, FileKind::Symlink) });
        all.modified.push(Modified { before, after, metadata: Vec::new() });
        all.metadata_changed.push(MetadataChange {
            path: GuestPath { bytes: name.clone(), encoding: NameEncoding::Bytes },
            kind: FileKind::Regular,
            changes: vec![
                change("changed", time(-5), time(i64::MAX)),
                change("device", Value::Absent, Value::Device(DeviceNumber { major: 8, minor: 1 })),
                change("flags", Value::Flags(Vec::new()), Value::Flags(vec!["immutable"])),
                change("target", Value::Bytes(name.clone()), Value::Absent),
                change("uid", Value::Number(0), Value::Number(u64::MAX)),
                change("xattr:user.x", Value::Bytes(name.clone()), Value::Bytes(b"\0".to_vec())),
            ],
        });
        all.coverage.add(Problem {
            image: "disk".into(),
            place: name,
            family: "corrupt",
            message: "bad \u{1b}".into(),
        });
    }
    all
}

/// A registry in which everything has a hostile name.
pub(crate) fn changed_registry() -> RegistryComparison {
    let (mut all, time) = (RegistryComparison::default(), Timestamp::from_filetime(133_444_736_000_000_005));
    for (name, number) in hostile().into_iter().zip(0..) {
        let units: Vec<u8> = wtf8_units(&name).into_iter().flat_map(u16::to_le_bytes).collect();
        let value = |data: &[u8], number| ValueFacts {
            name: name.clone(),
            kind: ValueType(number),
            data: data.to_vec(),
        };
        let values: Vec<ValueFacts> = (0..14)
            .map(|kind| value(&units, kind))
            .chain([value(&[], 1), value(&name, 0xffff_0012)])
            .collect();
        let path = name.clone();
        let key = KeyFacts { path: path.clone(), time, class: None, values: values.clone() };
        all.created_keys.extend([key.clone(), key.clone()]);
        all.deleted_keys.push(key);
        let modified =
            values.iter().map(|value| ValueChange { before: value.clone(), after: value.clone() }).collect();
        let (created, deleted) = (values.clone(), values);
        all.changed_values.push(ChangedValues { path: path.clone(), time, created, deleted, modified });
        let changes = vec![
            change("class", Value::Absent, Value::Text(String::from_utf8_lossy(&name).into_owned())),
            change("flags", Value::Flags(vec!["root"]), Value::Flags(Vec::new())),
            change("last_written", Value::Time(time), Value::Number(number)),
            change("security", Value::Bytes(name.clone()), Value::Absent),
        ];
        all.changed_keys.push(KeyChange { path, changes });
    }
    all
}

/// Events of which everything is hostile.
fn logged_events() -> EventComparison {
    let mut all = EventComparison::default();
    for (name, number) in hostile().into_iter().zip(0..) {
        let log = GuestPath::new(name.clone(), NameEncoding::Wtf8);
        let text = String::from_utf8_lossy(&name).into_owned();
        all.created.push(EventBrief {
            time: Timestamp::from_filetime(133_444_736_000_000_005),
            record_id: number,
            provider: text.clone(),
            event_id: None,
            level: Some(4),
            channel: text.clone(),
            computer: text.clone(),
            log: log.clone(),
            offset: 5120,
            recovered: false,
            message: text,
        });
        all.logs.push(LogChange { log, fate: LogFate::Cleared, gone: number, gone_ids: Some((1, number)) });
    }
    all
}

fn printed(format: Format) -> String {
    let fields = Fields { algorithms: Algorithm::ALL.to_vec(), size: true, file_type: true };
    let extraction = ExtractionSummary { extracted: vec!["aa".to_owned()], errors: vec!["bb".to_owned()] };
    let (registry, events) = (changed_registry(), logged_events());
    let changes = Changes { registry: Some(&registry), events: Some(&events) };
    let mut out = Vec::new();
    comparison(format, &mut out, &everything(), Some(&extraction), changes, &fields).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn no_format_lets_a_control_through() {
    for format in FORMATS {
        let allowed: &[char] = if format == Format::Csv { &['\r', '\n'] } else { &['\n'] };
        let text = printed(format);
        // CSV is data: what is quoted stays as it is.
        if format != Format::Csv {
            let bad = text
                .chars()
                .find(|c| (c.is_control() && !allowed.contains(c)) || ('\u{202a}'..='\u{202e}').contains(c));
            assert_eq!(bad, None, "{format:?}");
        }
    }
}

#[test]
fn json_keeps_every_name() {
    let json: serde_json::Value = serde_json::from_str(&printed(Format::Json)).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 14, "{keys:?}");
    for (file, name) in json["created_files"].as_array().unwrap().iter().zip(hostile()) {
        match std::str::from_utf8(&name) {
            Ok(text) => {
                assert_eq!(file["path"], text);
                assert!(file.get("path_hex").is_none());
            }
            Err(_) => assert_eq!(file["path_hex"], crate::escape::to_hex(&name)),
        }
        assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    }
    let change = &json["metadata_changed"][0]["changes"];
    assert_eq!(change["changed"][0], "1969-12-31T23:59:55.000000001Z");
    assert_eq!(change["xattr:user.x"][1]["hex"], "00");
    assert_eq!(change["uid"][1], u64::MAX);
}

#[test]
fn json_lines_are_one_object_each() {
    let text = printed(Format::JsonLines);
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["finding"].is_string());
    }
    assert!(text.lines().last().unwrap().starts_with("{\"finding\":\"coverage\",\"complete\":false"));
}

/// RFC 4180, read strictly.
pub(crate) fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('"', true) if characters.peek() == Some(&'"') => field.extend(characters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => record.push(std::mem::take(&mut field)),
            ('\r', false) => {
                assert_eq!(characters.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (other, _) => field.push(other),
        }
    }
    assert!(!quoted && field.is_empty() && record.is_empty());
    records
}

#[test]
fn csv_keeps_every_name_and_starts_no_formula() {
    let records = records(&printed(Format::Csv));
    assert!(records.iter().all(|record| record.len() == records[0].len()));
    for (record, name) in records[1..].iter().zip(hostile()) {
        assert_eq!(record[0], "created");
        match String::from_utf8(name) {
            Ok(text) => assert_eq!(record[1], text),
            Err(error) => assert_eq!(record[2], crate::escape::to_hex(error.as_bytes())),
        }
    }
    starts_no_formula(&records);
}

pub(crate) fn starts_no_formula(records: &[Vec<String>]) {
    for field in records.iter().flatten() {
        assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{field:?}");
    }
}

#[test]
fn what_could_not_be_read_has_a_null_hash() {
    let mut unreadable = facts(b"/bad", FileKind::Regular);
    unreadable.digests = None;
    let mut out = Vec::new();
    let mut report = listing(Format::Json, &mut out, &Fields::default()).unwrap();
    report.row(&unreadable).unwrap();
    report.finish(&Coverage::default()).unwrap();
    drop(report);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "[\n  {\n    \"path\": \"/bad\",\n    \"sha1\": null\n  }\n]\n"
    );
}

#[test]
fn names_that_are_no_unicode_stay_two_names() {
    let utf16 = GuestPath { bytes: b"/\xed\xa0\x80".to_vec(), encoding: NameEncoding::Wtf8 };
    let mut out = Vec::new();
    for path in [utf16, GuestPath { bytes: b"/\xff".to_vec(), encoding: NameEncoding::Bytes }] {
        let mut json = crate::JsonWriter::new(&mut out, crate::Layout::Line);
        json.begin_object().unwrap();
        crate::path::write(&mut json, "path", &path).unwrap();
        json.end_object().unwrap();
        json.flush().unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text,
        "{\"path\":\"/\u{fffd}\",\"path_hex\":\"2f0000d8\"}{\"path\":\"/\u{fffd}\",\"path_hex\":\"2fff\"}"
    );
}

#[test]
#[ignore = "a measurement: run it with --release --nocapture"]
fn a_hundred_thousand_rows() {
    let rows: Vec<FileFacts> = (0..100_000)
        .map(|n| facts(format!("/usr/share/doc/package-{n}/copyright").as_bytes(), FileKind::Regular))
        .collect();
    for format in FORMATS {
        let start = std::time::Instant::now();
        let out = std::io::BufWriter::with_capacity(256 << 10, std::io::sink());
        let mut report = listing(format, out, &Fields { size: true, ..Fields::default() }).unwrap();
        rows.iter().for_each(|row| report.row(row).unwrap());
        report.finish(&Coverage::default()).unwrap();
        println!("{format:?}: {:?}", start.elapsed());
    }
}
