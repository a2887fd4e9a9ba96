use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::tool::{Run, root, run};

/// A sample of `fixtures/evtx`, unpacked.
fn sample(directory: &tempfile::TempDir, name: &str) -> String {
    let packed = fs::read(root().join("fixtures/evtx").join(format!("{name}.gz"))).unwrap();
    let mut bytes = vec![0; 2 << 20];
    let length = libdeflater::Decompressor::new().gzip_decompress(&packed, &mut bytes).unwrap();
    let path = directory.path().join(name);
    fs::write(&path, &bytes[..length]).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs `eventlog` on a sample.
fn eventlog(name: &str, arguments: &[&str]) -> Run {
    let directory = scratch();
    run(["eventlog", &sample(&directory, name)].iter().chain(arguments))
}

fn rows(run: &Run) -> Vec<Value> {
    let rows = run.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["finding"] != "coverage").collect()
}

fn ids(run: &Run) -> Vec<u64> {
    rows(run).iter().map(|row| row["event_record_id"].as_u64().unwrap()).collect()
}

const JSONL: &[&str] = &["--format", "jsonl"];

#[test]
fn xml_is_one_event_a_line_without_a_declaration() {
    let out = eventlog("types.evtx", &[]).code(0);
    assert_eq!(out.err, "");
    let truth = fs::read(root().join("fixtures/evtx/types.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let expected: Vec<&str> =
        truth.as_array().unwrap().iter().map(|row| row["xml"].as_str().unwrap()).collect();
    assert_eq!(out.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn json_is_one_array_of_what_json_lines_hold() {
    let lines = eventlog("wrapped.evtx", JSONL).code(0);
    let array = eventlog("wrapped.evtx", &["--format", "json"]).code(0).json();
    let without_log = |row: &Value| {
        let mut row = row.clone();
        assert!(
            row.as_object_mut().unwrap().remove("log").unwrap().as_str().unwrap().ends_with("wrapped.evtx")
        );
        row
    };
    let lines: Vec<Value> = rows(&lines).iter().map(without_log).collect();
    let array: Vec<Value> = array.as_array().unwrap().iter().map(without_log).collect();
    assert_eq!(lines, array);
    assert_eq!(lines.len(), 36);
    assert_eq!(
        lines[0]["timestamp"],
        lines[0]["data"]["Event"]["System"]["TimeCreated"]["#attributes"]["SystemTime"]
    );
    let empty = eventlog("wrapped.evtx", &["--format", "json", "--id", "1"]).code(0).json();
    assert_eq!(empty, Value::Array(Vec::new()));
}

#[test]
fn events_are_chosen() {
    let chosen = |arguments: &[&str]| {
        let all: Vec<&str> = arguments.iter().chain(JSONL).copied().collect();
        ids(&eventlog("wrapped.evtx", &all).code(0))
    };
    assert_eq!(chosen(&["--id", "1100-1200,7"]), [133]);
    assert_eq!(chosen(&["--id", "7"]), Vec::<u64>::new());
    assert_eq!(chosen(&["--provider", "microsoft-windows-event*"]), [133]);
    assert_eq!(chosen(&["--channel", "SECURITY"]).len(), 36);
    assert_eq!(chosen(&["--channel", "System"]).len(), 0);
    assert_eq!(chosen(&["--level", "critical"]), [129, 134, 139, 102, 107, 115, 117, 122, 127]);
    assert_eq!(chosen(&["--level", "1,2", "--id", "4624"]).len(), 15);
    assert_eq!(chosen(&["--grep", "user10[1-3]<"]), [101, 102, 103]);
    assert_eq!(chosen(&["--grep", "user10", "--grep", "103"]), [103]);
    assert_eq!(
        chosen(&["--from", "2024-05-01T12:13", "--to", "2024-05-01T12:15:00Z"]),
        [128, 116, 117, 126, 127]
    );
    // What is chosen by content is the same in every format.
    let csv = eventlog("wrapped.evtx", &["--format", "csv", "--id", "1102"]).code(0);
    assert_eq!(csv.text().lines().count(), 2);
    let xml = eventlog("wrapped.evtx", &["--id", "1102"]).code(0);
    assert!(xml.text().contains("<SubjectUserName>mallory</SubjectUserName>"));
}

#[test]
fn filters_that_make_no_sense_are_refused() {
    for (arguments, what) in [
        (&["--id", "x"][..], "no event id"),
        (&["--id", "9-1"], "no event id"),
        (&["--level", "loud"], "no level"),
        (&["--grep", "("], "no regular expression"),
        (&["--provider", "[a"], "no pattern"),
        (&["--from", "yesterday"], "expected a time"),
        (&["--gaps", "--format", "xml"], "table, json, jsonl or csv"),
        (&["--format", "table"], "xml, json, jsonl, csv or evtxecmd"),
        (&["--all"], "--all is for a disk"),
    ] {
        let run = eventlog("types.evtx", arguments).code(2);
        assert!(run.err.contains(what), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn sorting_is_by_time_over_all_logs() {
    let directory = scratch();
    let (wrapped, dirty) = (sample(&directory, "wrapped.evtx"), sample(&directory, "dirty.evtx"));
    let arguments = ["eventlog", &wrapped, &dirty, "--sort", "--format", "jsonl"];
    let sorted = run(arguments).code(0);
    let times: Vec<String> =
        rows(&sorted).iter().map(|row| row["timestamp"].as_str().unwrap().to_owned()).collect();
    assert_eq!(times.len(), 36 + 13);
    assert!(times.is_sorted());
    // Equal evidence gives equal output, whatever the number of threads.
    for threads in ["1", "7"] {
        assert_eq!(run(arguments.iter().chain(&["--threads", threads])).code(0).out, sorted.out);
    }
    let array = run(["eventlog", &wrapped, "-s", "--format", "json"]).code(0).json();
    assert_eq!(array.as_array().unwrap().len(), 36);
}

#[test]
fn evtxecmd_columns() {
    let out = eventlog("types.evtx", &["--format", "evtxecmd"]).code(0);
    let mut lines = out.text().lines();
    assert_eq!(
        lines.next().unwrap(),
        "RecordNumber,EventRecordId,TimeCreated,EventId,Level,Provider,Channel,ProcessId,ThreadId,Computer,UserId,\
         MapDescription,UserName,RemoteHost,PayloadData1,PayloadData2,PayloadData3,PayloadData4,PayloadData5,\
         PayloadData6,ExecutableInfo,HiddenRecord,SourceFile,Keywords,Payload"
    );
    let first = lines.next().unwrap();
    assert!(first.starts_with(
        "1,1,2024-05-01 12:00:00.0000000,1,Info,Microsoft-Windows-Security-Auditing,Security,1234,5678,FIXTURE,\
         S-1-5-18,,,,,,,,,,,False,"
    ));
    let payload = |line: &str| {
        let (_, payload) = line.split_once(",Audit success,\"").unwrap();
        serde_json::from_str::<Value>(&payload.strip_suffix('"').unwrap().replace("\"\"", "\"")).unwrap()
    };
    let data = payload(first);
    let data = data["EventData"]["Data"].as_array().unwrap();
    assert_eq!(data[0], serde_json::json!({"@Name": "string", "#text": "Grüße & <tags> \u{1f600}"}));
    let second = payload(lines.next().unwrap());
    assert_eq!(second["UserData"]["EventXML"], serde_json::json!({"@xmlns": "Event_NS", "Count": "2"}));
}

#[test]
fn damage_is_told_and_recovered_records_are_marked() {
    let run = eventlog("damaged.evtx", JSONL).code(3);
    assert_eq!(rows(&run).len(), 27);
    assert!(rows(&run).iter().all(|row| row["recovered"] == false));
    let coverage: Value = serde_json::from_str(run.text().lines().last().unwrap()).unwrap();
    assert_eq!((&coverage["finding"], &coverage["complete"]), (&"coverage".into(), &false.into()));
    let recovered = eventlog("damaged.evtx", &["--recover", "--format", "jsonl"]).code(3);
    let marked = rows(&recovered).iter().filter(|row| row["recovered"] == true).count();
    assert_eq!((rows(&recovered).len(), marked), (43, 16));
    let csv = eventlog("damaged.evtx", &["--recover", "--format", "evtxecmd", "-q"]).code(3);
    assert_eq!(csv.text().lines().filter(|line| line.contains(",True,")).count(), 16);
}

/// Logs of which a part was exported have no time in the header of their last record.
#[test]
fn a_record_without_a_time_has_that_of_its_content() {
    let directory = scratch();
    let log = PathBuf::from(sample(&directory, "dirty.evtx"));
    let path = log.to_str().unwrap();
    let before = run(["eventlog", path, "--format", "jsonl"]).code(0);
    let last = rows(&before).pop().unwrap();
    let at = usize::try_from(last["offset"].as_u64().unwrap()).unwrap();
    let mut bytes = fs::read(&log).unwrap();
    bytes[at + 16..at + 24].fill(0);
    fs::write(&log, bytes).unwrap();
    assert_eq!(run(["eventlog", path, "--format", "jsonl"]).code(0).out, before.out);
    let time = last["timestamp"].as_str().unwrap();
    for more in [&["--id", "4624"][..], &[]] {
        let chosen = run(["eventlog", path, "--format", "jsonl", "--from", time].iter().chain(more)).code(0);
        assert_eq!(rows(&chosen), std::slice::from_ref(&last));
        // Both ends belong to the period.
        for (to, is_in) in [(time, true), ("2024-01-01", false)] {
            let chosen = run(["eventlog", path, "--format", "jsonl", "--to", to].iter().chain(more)).code(0);
            assert_eq!(ids(&chosen).contains(&13), is_in, "{to}");
        }
    }
    let gaps = run(["eventlog", path, "--gaps", "--format", "json"]).code(0).json();
    assert!(gaps.as_array().unwrap().iter().all(|gap| gap["gap"] != "time_backwards"));
}

#[test]
fn logs_of_windows_xp_are_refused() {
    let directory = scratch();
    let path = directory.path().join("AppEvent.Evt");
    fs::write(&path, b"\x30\0\0\0LfLe").unwrap();
    let refused = run(["eventlog", path.to_str().unwrap()]).code(0);
    assert!(refused.err.contains("unsupported event log"), "{}", refused.err);
    assert_eq!(run(["eventlog", "--strict", path.to_str().unwrap()]).code, 3);
}

#[test]
fn gaps_are_listed() {
    let run = eventlog("wrapped.evtx", &["--gaps", "--silence", "1d", "--format", "json"]).code(0).json();
    let kinds: Vec<(&str, Option<u64>)> = run
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| (gap["gap"].as_str().unwrap(), gap["event_record_id"].as_u64()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("first_record", Some(101)),
            ("id_jump", Some(112)),
            ("time_backwards", Some(118)),
            ("silence", Some(130)),
            ("cleared", Some(133)),
            ("next_record_id", None),
        ]
    );
    assert_eq!((&run[1]["before"], &run[4]["user"]), (&108.into(), &r"FIXTURE\mallory".into()));
    assert_eq!((&run[5]["header"], &run[5]["expected"]), (&144.into(), &140.into()));
    let quiet = eventlog("types.evtx", &["--gaps"]).code(0);
    assert_eq!(quiet.text(), "No gaps\n");
    let dirty = eventlog("dirty.evtx", &["--gaps", "--format", "json"]).code(0).json();
    assert_eq!(dirty[0]["gap"], "checksum");
    assert_eq!((&dirty[1]["gap"], &dirty[1]["dirty"]), (&"next_record_id".into(), &true.into()));
}

/// A full log begins anew once; chunks in any other order are told.
#[test]
fn chunks_out_of_order_are_told() {
    let directory = scratch();
    let log = PathBuf::from(sample(&directory, "wrapped.evtx"));
    let bytes = fs::read(&log).unwrap();
    let chunk = |index: usize| &bytes[4096 + index * 65_536..][..65_536];
    let order = |order: [usize; 3]| {
        let parts: Vec<&[u8]> = order.iter().map(|index| chunk(*index)).collect();
        fs::write(&log, [&bytes[..4096], &parts.concat()].concat()).unwrap();
        let gaps = run(["eventlog", log.to_str().unwrap(), "--gaps", "--format", "json"]).code(0).json();
        gaps.as_array().unwrap().iter().filter(|gap| gap["gap"] == "chunk_order").count()
    };
    assert_eq!([order([0, 1, 2]), order([1, 2, 0]), order([2, 0, 1])], [0, 0, 0]);
    assert_eq!([order([1, 0, 2]), order([0, 2, 1])], [1, 1]);
}

const SECURITY: &str = r"c:\windows\SYSTEM32\winevt\logs\security.evtx";

#[test]
fn logs_in_a_guest() {
    let directory = scratch();
    let disk = sample(&directory, "guest-before.raw");
    let one = run(["eventlog", &disk, SECURITY, "--format", "jsonl"]).code(0);
    assert_eq!(ids(&one), (1..=20).collect::<Vec<u64>>());
    let all = run(["eventlog", &disk, "--all", "--format", "jsonl"]).code(0);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows(&all) {
        *counts.entry(row["log"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let logs = [("Application", 5), ("Gone", 2), ("Security", 20), ("Setup", 3), ("System", 36)];
    let path = |name: &str| format!(r"C:\Windows\System32\winevt\Logs\{name}.evtx");
    assert_eq!(counts, logs.map(|(name, count)| (path(name), count)).into());
    assert!(all.text().contains("AppEvent.Evt"), "what is not read is told");
    let nothing = run(["eventlog", &disk]).code(2);
    assert!(nothing.err.contains("--all"), "{}", nothing.err);
    assert!(run(["eventlog", &disk, r"C:\nowhere.evtx"]).code(2).err.contains("nowhere"));
}

fn compared(format: &str) -> (tempfile::TempDir, Run) {
    let directory = scratch();
    let (before, after) = (sample(&directory, "guest-before.raw"), sample(&directory, "guest-after.raw"));
    let run = run(["compare", "--events", &before, &after, "--format", format]).code(0);
    (directory, run)
}

#[test]
fn compare_tells_what_was_logged_in_between() {
    let (_directory, run) = compared("json");
    let events = &run.json()["events"];
    let created: Vec<(&str, u64)> = events["created"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let name = event["log"].as_str().unwrap().rsplit('\\').next().unwrap();
            (name, event["event_record_id"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("Application.evtx", 6..9),
        ("New.evtx", 1..3),
        ("Security.evtx", 21..24),
        ("System.evtx", 140..145),
    ];
    let expected: Vec<(&str, u64)> =
        expected.into_iter().flat_map(|(log, ids)| ids.map(move |id| (log, id))).collect();
    assert_eq!(created, expected);
    let logs: Vec<(&str, u64)> = events["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["change"].as_str().unwrap(), log["gone"].as_u64().unwrap()))
        .collect();
    assert_eq!(logs, [("deleted", 2), ("created", 0), ("cleared", 20), ("overwritten", 12)]);
}

#[test]
fn every_format_tells_of_events() {
    for (format, lines) in
        [("jsonl", "\"finding\":\"event_created\""), ("csv", "event_created,"), ("table", "  + 2024-05-")]
    {
        let (_directory, run) = compared(format);
        assert_eq!(run.text().lines().filter(|line| line.contains(lines)).count(), 13, "{format}");
    }
    let directory = scratch();
    let disk = sample(&directory, "guest-before.raw");
    let same = run(["compare", "--events", "--exit-code", &disk, &disk]).code(0).json();
    assert_eq!(same["events"]["created"], Value::Array(Vec::new()));
    let without = run(["compare", &disk, &disk]).code(0).json();
    assert!(without.get("events").is_none());
    assert!(Path::new(&disk).exists());
}

fn crc32(parts: &[&[u8]]) -> [u8; 4] {
    let mut crc = libdeflater::Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum().to_le_bytes()
}

/// What became of the log `Security`, of which the second disk has records 21 to 23, when its chunk there is changed.
fn fate_of_security(change: impl Fn(&mut [u8])) -> String {
    let directory = scratch();
    let (before, after) = (sample(&directory, "guest-before.raw"), sample(&directory, "guest-after.raw"));
    let mut disk = fs::read(&after).unwrap();
    let ids: Vec<u8> = [21_u64, 23].iter().flat_map(|id| id.to_le_bytes()).collect();
    let is_it = |chunk: &[u8]| chunk.starts_with(b"ElfChnk\0") && chunk[24..40] == *ids;
    let at = (0..disk.len() - 65_536).step_by(512).find(|at| is_it(&disk[*at..])).unwrap();
    change(&mut disk[at..at + 65_536]);
    fs::write(&after, disk).unwrap();
    let found = run(["compare", "--events", &before, &after, "--format", "json"]).json();
    let logs = found["events"]["logs"].as_array().unwrap();
    let log = logs.iter().find(|log| log["log"].as_str().unwrap().ends_with("Security.evtx")).unwrap();
    assert_eq!(log["gone"], 20);
    log["change"].as_str().unwrap().to_owned()
}

/// That a log was cleared takes an event that says so, or ids that begin anew: a log that is full looks alike otherwise.
#[test]
fn a_log_that_wrapped_around_was_not_cleared() {
    let other_provider = |chunk: &mut [u8]| {
        let name: Vec<u8> = "Windows-Eventlog".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found: Vec<usize> = (0..chunk.len()).filter(|at| chunk[*at..].starts_with(&name)).collect();
        assert!(!found.is_empty());
        found.into_iter().for_each(|at| chunk[at] = b'V');
    };
    let checksums = |chunk: &mut [u8]| {
        let end = u32::from_le_bytes(chunk[48..52].try_into().unwrap());
        let records = crc32(&[&chunk[512..usize::try_from(end).unwrap()]]);
        chunk[52..56].copy_from_slice(&records);
        let header = crc32(&[&chunk[..120], &chunk[128..512]]);
        chunk[124..128].copy_from_slice(&header);
    };
    assert_eq!(fate_of_security(|_| {}), "cleared");
    let wrapped = fate_of_security(|chunk| {
        other_provider(chunk);
        checksums(chunk);
    });
    assert_eq!(wrapped, "overwritten");
    assert_eq!(fate_of_security(other_provider), "damaged", "the checksum of its records is wrong");
}

/// A sparse file can claim to be as large as no disk: its holes are not read.
#[test]
fn holes_of_a_log_are_passed_over() {
    let directory = scratch();
    let log = PathBuf::from(sample(&directory, "wrapped.evtx"));
    let sound = run(["eventlog", log.to_str().unwrap(), "--format", "jsonl"]).code(0);
    fs::File::options().write(true).open(&log).unwrap().set_len(1 << 42).unwrap();
    let sparse = run(["eventlog", log.to_str().unwrap(), "--format", "jsonl"]).code(0);
    assert_eq!(sparse.out, sound.out);
    let gaps = run(["eventlog", log.to_str().unwrap(), "--gaps", "--format", "json"]).code(0).json();
    assert_eq!(gaps.as_array().unwrap().len(), 5);
}
