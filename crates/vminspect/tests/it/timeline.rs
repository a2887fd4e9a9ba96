//! Timelines: against The Sleuth Kit's body files, and by the rules of those who import them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::tool::{AFTER, WINDOWS_AFTER, WINDOWS_REGISTRY, root, run};

/// Zero, as The Sleuth Kit has it on NTFS: the ticks of 1601, in 32 bits of seconds.
const NO_TIME: &str = "3373865674";

fn gunzip(name: &str) -> Vec<u8> {
    let packed = fs::read(root().join("fixtures/timeline").join(name)).unwrap();
    let mut bytes = vec![0; 8 << 20];
    let length = libdeflater::Decompressor::new().gzip_decompress(&packed, &mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

/// An image of `fixtures`, unpacked.
fn image(name: &str) -> PathBuf {
    let packed = fs::read(root().join("fixtures").join(name)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed.as_slice()).unwrap().read_to_end(&mut bytes).unwrap();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name.replace('/', "-"));
    fs::write(&path, bytes).unwrap();
    path
}

/// The name, un-escaped, and the other fields of a line of ours.
fn fields(line: &str) -> (String, Vec<String>) {
    let (mut name, mut rest) = (String::new(), line.strip_prefix("0|").unwrap().chars());
    while let Some(character) = rest.next() {
        match character {
            '|' => break,
            '\\' => match rest.next().unwrap() {
                'x' => {
                    let digits: String = rest.by_ref().take(2).collect();
                    let code = u8::from_str_radix(&digits, 16).unwrap();
                    // What is no UTF-8 is replaced when the other side is read, too.
                    name.push(if code < 0x80 { char::from(code) } else { char::REPLACEMENT_CHARACTER });
                }
                escaped @ ('\\' | '|') => name.push(escaped),
                other => panic!("an unknown escape {other} in {line}"),
            },
            other => name.push(other),
        }
    }
    let fields: Vec<String> = rest.as_str().split('|').map(str::to_owned).collect();
    assert_eq!(fields.len(), 9, "{line}");
    (name, fields)
}

/// Rows, counted: their names as `fls` has them and the other fields.
type Rows = BTreeMap<(String, Vec<String>), u32>;

fn ours(image: &Path, prefix: &str, separator: char) -> Rows {
    let body = run(["-q", "timeline", "--format", "bodyfile", image.to_str().unwrap()]).code(0);
    let mut rows = Rows::new();
    for line in body.text().lines() {
        let (name, fields) = fields(line);
        let Some(inside) = name.strip_prefix(prefix).filter(|name| name.starts_with(separator)) else {
            continue;
        };
        if inside.starts_with(&format!("{separator}$Recovered{separator}")) {
            continue;
        }
        let inside: String = inside
            .chars()
            .map(|each| match each {
                each if each == separator => '/',
                each if each < ' ' => '^',
                each => each,
            })
            .collect();
        *rows.entry((inside, fields)).or_default() += 1;
    }
    rows
}

/// What `fls` printed, but for files that are none.
fn theirs(name: &str) -> Rows {
    let mut rows = Rows::new();
    for line in String::from_utf8_lossy(&gunzip(name)).lines() {
        let mut fields: Vec<String> = line.rsplitn(10, '|').map(str::to_owned).collect();
        let name = fields.pop().unwrap().strip_prefix("0|").unwrap().to_owned();
        fields.reverse();
        let is_virtual =
            name.contains("$OrphanFiles") || fields[1].starts_with("V/") || fields[1].starts_with("v/");
        if !is_virtual {
            *rows.entry((name, fields)).or_default() += 1;
        }
    }
    rows
}

/// Asserts that both have the same rows after `change` was made to theirs, and `change_ours` to ours.
#[track_caller]
fn assert_same(
    ours: Rows,
    theirs: Rows,
    change_ours: impl Fn(&mut String, &mut [String]),
    change: impl Fn(&mut String, &mut [String]),
) {
    assert!(!theirs.is_empty());
    let changed = |rows: Rows, change: &dyn Fn(&mut String, &mut [String])| -> Rows {
        let mut changed = Rows::new();
        for ((mut name, mut fields), count) in rows {
            change(&mut name, &mut fields);
            *changed.entry((name, fields)).or_default() += count;
        }
        changed
    };
    let (ours, theirs) = (changed(ours, &change_ours), changed(theirs, &change));
    let only_ours: Vec<_> = ours.iter().filter(|(row, count)| theirs.get(*row) != Some(count)).collect();
    let only_theirs: Vec<_> = theirs.iter().filter(|(row, count)| ours.get(*row) != Some(count)).collect();
    let some = |rows: Vec<(&(String, Vec<String>), &u32)>| {
        rows.into_iter()
            .take(4)
            .map(|((name, fields), count)| format!("{count} {name:?} {}", fields.join("|")))
            .collect::<Vec<_>>()
    };
    let (only_ours, only_theirs) = (some(only_ours), some(only_theirs));
    assert!(only_ours.is_empty() && only_theirs.is_empty(), "ours: {only_ours:#?}\ntheirs: {only_theirs:#?}");
}

fn unchanged(_: &mut String, _: &mut [String]) {}

/// What The Sleuth Kit reads of a `$STANDARD_INFORMATION` of 48 bytes behind its end, and of times of 0.
fn without_faults_of_ntfs(_: &mut String, fields: &mut [String]) {
    if matches!(&*fields[2], "32" | "48") {
        fields[2] = "0".to_owned();
    }
    for time in &mut fields[5..] {
        if time == NO_TIME {
            *time = "0".to_owned();
        }
    }
}

#[test]
fn rows_of_ntfs_are_those_of_fls() {
    let theirs = theirs("mft-list.body.gz");
    assert_same(ours(&image("ntfs/mft-list.img.zst"), "", '/'), theirs, unchanged, without_faults_of_ntfs);
}

#[test]
fn rows_of_ext_are_those_of_fls() {
    let cut = |name: &mut String, fields: &mut [String]| {
        // Long targets have blocks of their own, which `fls` does not read.
        if let Some((link, target)) = name.split_once(" -> ")
            && fields[1].starts_with("l/")
            && target.len() >= 60
        {
            *name = link.to_owned();
        }
        *name = name.replace('\u{7f}', "");
    };
    let without_del = |name: &mut String, _: &mut [String]| *name = name.replace('\u{7f}', "");
    let ours = ours(&image("ext/ext4-casefold.img.zst"), "", '/');
    assert_same(ours, theirs("ext4-casefold.body.gz"), cut, without_del);
}

/// FAT and exFAT number files by places: by entries of the volume here, of the clusters and from 3 on there.
fn shifted(fields: &mut [String], by: u64) {
    let number: u64 = fields[0].parse().unwrap();
    fields[0] = (number - by).to_string();
}

/// What is no file but has an entry in a directory.
fn without_entries(rows: Rows) -> Rows {
    let no_file = |name: &str| {
        name.contains("(Volume Label Entry)")
            || name.starts_with("/$ALLOC_BITMAP")
            || name.starts_with("/$UPCASE_TABLE")
    };
    rows.into_iter().filter(|((name, _), _)| !no_file(name)).collect()
}

/// The difference of the numbers of files, by the first name that both have.
fn shift(ours: &Rows, theirs: &Rows) -> u64 {
    let number = |rows: &Rows, name: &str| {
        rows.keys().find(|(each, _)| each == name).map(|(_, fields)| fields[0].parse::<u64>().unwrap())
    };
    let (name, _) = ours.keys().next().unwrap();
    number(ours, name).unwrap() - number(theirs, name).unwrap()
}

#[test]
fn rows_of_fat_are_those_of_fls() {
    let (ours, theirs) =
        (ours(&image("fat/fat16-many.img.zst"), "", '/'), without_entries(theirs("fat16-many.body.gz")));
    let by = shift(&ours, &theirs);
    assert_same(ours, theirs, |_, fields| shifted(fields, by), unchanged);
}

#[test]
fn rows_of_exfat_are_those_of_fls() {
    let ours = ours(&image("exfat/large-directory.img.zst"), "", '/');
    let theirs = without_entries(theirs("large-directory.body.gz"));
    let by = shift(&ours, &theirs);
    let change = |_: &mut String, fields: &mut [String]| {
        shifted(fields, by);
        // Tens of milliseconds that make a second are left out there.
        for time in [6, 8] {
            let seconds: i64 = fields[time].parse().unwrap();
            fields[time] = (seconds & !1).to_string();
        }
    };
    assert_same(ours, theirs, change, unchanged);
}

#[test]
fn rows_of_several_volumes_are_those_of_fls() {
    let image = root().join("fixtures/guest/two.qcow2");
    for (prefix, body) in [("vol2:", "two-2.body.gz"), ("/home", "two-3.body.gz")] {
        assert_same(ours(&image, prefix, '/'), theirs(body), unchanged, unchanged);
    }
    let windows = root().join(WINDOWS_AFTER);
    let ours = ours(&windows, "C:", '\\');
    // A stream of a directory is told a second time there, of its `.`.
    let of_dot = |name: &str| name.rfind("/.:").is_some_and(|at| at > 0);
    let theirs = theirs("windows-2.body.gz").into_iter().filter(|((name, _), _)| !of_dot(name)).collect();
    // Names that come from records alone have no kind there.
    let kind = |fields: &mut [String]| fields[1].replace_range(..1, "-");
    let change = |name: &mut String, fields: &mut [String]| {
        without_faults_of_ntfs(name, fields);
        kind(fields);
    };
    assert_same(ours, theirs, |_, fields| kind(fields), change);
}

/// The rows of a CSV, without its header. Fields may be quoted.
fn csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, quoted) {
            ('"', true) if rest.peek() == Some(&'"') => field.extend(rest.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut field)),
            ('\r', false) => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (other, _) => field.push(other),
        }
    }
    let rest = rows.split_off(1);
    (rows.remove(0), rest)
}

/// A timeline of the sample of Windows with everything.
fn everything(format: &str) -> String {
    let arguments =
        ["-q", "timeline", WINDOWS_REGISTRY, "--filename-times", "--with", "registry", "--format", format];
    String::from_utf8(run(arguments).out).unwrap()
}

fn looks_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, kind)| match kind {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

#[test]
fn timesketch_would_import_it() {
    let (header, rows) = csv(&everything("timesketch"));
    let column = |name: &str| header.iter().position(|each| each == name).unwrap();
    let [message, datetime, description, timestamp] =
        ["message", "datetime", "timestamp_desc", "timestamp"].map(column);
    let mut before = i64::MIN;
    assert!(rows.len() > 100);
    for row in &rows {
        assert_eq!(row.len(), header.len(), "{row:?}");
        let time = &row[datetime];
        assert!(
            looks_like(time, "0000-00-00T00:00:00+00:00")
                || looks_like(time, "0000-00-00T00:00:00.000000+00:00"),
            "{row:?}"
        );
        let microseconds: i64 = row[timestamp].parse().unwrap();
        assert!(before <= microseconds);
        before = microseconds;
        assert!(!row[message].is_empty() && row[description].ends_with("Time"), "{row:?}");
    }
    let lines = everything("timesketch-jsonl");
    assert_eq!(lines.lines().count(), rows.len());
    for (line, row) in lines.lines().zip(&rows) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["datetime"], row[datetime].as_str());
        assert_eq!(event["message"], row[message].as_str());
        assert_eq!(event["timestamp"].as_i64().unwrap().to_string(), row[timestamp]);
        assert_eq!(event["timestamp_desc"], row[description].as_str());
    }
}

#[test]
fn plaso_s_formats_have_their_columns() {
    let (header, rows) = csv(&everything("plaso"));
    assert_eq!(
        header.join(","),
        "datetime,timestamp_desc,source,source_long,message,parser,display_name,tag"
    );
    for row in &rows {
        assert!(looks_like(&row[0], "0000-00-00T00:00:00.000000+00:00"), "{row:?}");
        assert!(row.len() == 8 && row.iter().all(|field| !field.is_empty()), "{row:?}");
        assert!(matches!(&*row[2], "FILE" | "REG"));
    }
    let (header, lines) = csv(&everything("l2tcsv"));
    assert_eq!(
        header.join(","),
        "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,notes,format,extra"
    );
    assert_eq!(lines.len(), rows.len());
    for line in &lines {
        assert!(looks_like(&line[0], "00/00/0000") && looks_like(&line[1], "00:00:00"), "{line:?}");
        assert!(matches!(&*line[3], "M..." | ".A.." | "..C." | "...B"), "{line:?}");
        assert!(line.len() == 17 && line[2] == "UTC" && line[11] == "2", "{line:?}");
        line[13].parse::<u64>().unwrap();
    }
}

#[test]
fn mftecmd_s_columns_say_what_the_records_say() {
    let out = run(["-q", "timeline", WINDOWS_AFTER, "--format", "mftecmd"]).code(0);
    let (header, rows) = csv(out.text());
    assert_eq!(header.len(), 34);
    let column =
        |row: &[String], name: &str| row[header.iter().position(|each| each == name).unwrap()].clone();
    let mft = rows.iter().find(|row| column(row, "FileName") == "$MFT").unwrap();
    assert_eq!(column(mft, "EntryNumber"), "0");
    assert_eq!(column(mft, "ParentEntryNumber"), "5");
    assert_eq!(column(mft, "ParentPath"), ".");
    assert_eq!(column(mft, "SiFlags"), "Hidden|System");
    let streams = rows.iter().filter(|row| column(row, "IsAds") == "True").collect::<Vec<_>>();
    assert!(!streams.is_empty());
    for row in &rows {
        assert_eq!(row.len(), 34, "{row:?}");
        for name in ["Created0x10", "LastModified0x10", "Created0x30"] {
            let time = column(row, name);
            assert!(time.is_empty() || looks_like(&time, "0000-00-00 00:00:00.0000000"), "{row:?}");
        }
        for name in ["InUse", "IsDirectory", "HasAds", "IsAds", "SI<FN", "uSecZeros", "Copied"] {
            assert!(matches!(&*column(row, name), "True" | "False"), "{row:?}");
        }
        assert_ne!(column(row, "Created0x10"), column(row, "Created0x30"), "equal times stand once");
        assert!(column(row, "ParentPath").starts_with('.'));
    }
    let zone = streams.iter().find(|row| column(row, "FileName").ends_with(":Zone.Identifier")).unwrap();
    assert!(column(zone, "ZoneIdContents").contains("[ZoneTransfer]"), "{zone:?}");
}

#[test]
fn neither_threads_nor_memory_change_a_byte() {
    for format in ["json", "bodyfile", "mftecmd"] {
        let with = |threads: &str, memory: &str| {
            let arguments = ["timeline", "-q", WINDOWS_AFTER, "--format", format, "--threads", threads];
            run(arguments.iter().chain(&["--memory", memory])).code(0).out
        };
        let one = with("1", "1G");
        assert!(one.len() > 10_000);
        assert_eq!(with("2", "64M"), one);
        assert_eq!(with("8", "64M"), one);
    }
}

#[test]
fn events_are_in_order_and_in_their_period() {
    let all = run(["timeline", AFTER]).code(0).json();
    let all = all.as_array().unwrap();
    let time = |event: &serde_json::Value| event["timestamp"].as_f64().unwrap();
    assert!(all.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])));
    assert!(all.iter().all(|event| time(event) > 0.0));
    let keys: BTreeSet<&str> = all[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(
        ["inode", "path", "size", "allocated", "timestamp", "reason"].iter().all(|key| keys.contains(key))
    );
    let reasons: BTreeSet<&str> = all.iter().map(|event| event["reason"].as_str().unwrap()).collect();
    assert!(
        ["access", "change", "attribute_change", "creation"].iter().all(|reason| reasons.contains(reason))
    );
    let reversed = run(["timeline", AFTER, "--reverse"]).code(0).json();
    assert!(reversed.as_array().unwrap().iter().rev().eq(all));
    // From the middle on, and up to it: an end is part of both.
    let middle = run(["timeline", AFTER, "--format", "jsonl"]).code(0);
    let lines: Vec<&str> = middle.text().lines().collect();
    let event: serde_json::Value = serde_json::from_str(lines[lines.len() / 2]).unwrap();
    let middle = event["time"].as_str().unwrap();
    let count =
        |option: &str| run(["timeline", AFTER, option, middle]).code(0).json().as_array().unwrap().len();
    let at =
        run(["timeline", AFTER, "--from", middle, "--to", middle]).code(0).json().as_array().unwrap().len();
    assert!(at > 0);
    assert_eq!(count("--from") + count("--to"), all.len() + at);
}

#[test]
fn hashes_and_types_stand_in_their_keys() {
    let out = run(["timeline", AFTER, "-i", "-s", "--match", "/etc/passwd"]).code(0).json();
    let listed = run(["list", AFTER, "-i", "--match", "/etc/passwd"]).code(0).json();
    let events = out.as_array().unwrap();
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event["hash"], listed[0]["sha1"]);
        assert_eq!(event["type"], listed[0]["type"]);
    }
    let plain = run(["timeline", AFTER, "--match", "/etc/passwd"]).code(0).json();
    assert!(plain[0].get("hash").is_none() && plain[0].get("type").is_none());
}

#[test]
fn local_times_are_told_as_such() {
    let out = run(["timeline", WINDOWS_AFTER]).code(0).json();
    let events = out.as_array().unwrap();
    let (fat, ntfs): (Vec<_>, Vec<_>) =
        events.iter().partition(|event| event["path"].as_str().unwrap().starts_with("vol1:"));
    assert!(!fat.is_empty() && fat.iter().all(|event| event["local_time"] == true));
    assert!(!ntfs.is_empty() && ntfs.iter().all(|event| event.get("local_time").is_none()));
}

#[test]
fn names_of_the_guest_steer_no_terminal() {
    let image = image("ext/ext4-casefold.img.zst");
    for format in ["table", "csv", "timesketch", "l2tcsv", "plaso", "bodyfile", "jsonl"] {
        let out =
            run(["-q", "timeline", image.to_str().unwrap(), "--format", format, "--match", "tab*"]).code(0);
        assert!(out.text().contains("control"), "{format}");
        if format != "csv" && !format.starts_with("t") && format != "l2tcsv" && format != "plaso"
            || format == "table"
        {
            let bad = out.text().chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r'));
            assert_eq!(bad, None, "{format}");
        }
    }
}

#[test]
fn registry_keys_stand_among_the_files() {
    let text = everything("jsonl");
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sources: BTreeSet<&str> = events.iter().filter_map(|event| event["source"].as_str()).collect();
    assert_eq!(sources.into_iter().collect::<Vec<_>>(), ["file", "file_name", "registry"]);
    let key =
        events.iter().find(|event| event["source"] == "registry" && event["allocated"] == true).unwrap();
    assert!(key["path"].as_str().unwrap().starts_with("HK"), "{key}");
    assert_eq!(key["reason"], "key_written");
}

#[test]
fn pictures_and_histograms_count_all_events() {
    let chart = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("activity.svg");
    let out = run(["timeline", WINDOWS_AFTER, "--histogram", "--chart", chart.to_str().unwrap()]).code(0);
    let events = run(["timeline", WINDOWS_AFTER]).code(0).json().as_array().unwrap().len();
    assert!(out.text().starts_with(&format!("{events} events; ")), "{}", out.text());
    let svg = fs::read_to_string(&chart).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("files: created") && svg.contains("time (UTC)"));
    assert!(svg.len() < 400_000);
}

#[test]
fn what_formats_of_files_cannot_do_is_refused() {
    for option in
        [&["--reverse"][..], &["--from", "2026-01-01"], &["--with", "registry"], &["-s"], &["--histogram"]]
    {
        let refused = run(["timeline", AFTER, "--format", "bodyfile"].iter().chain(option)).code(2);
        assert!(refused.err.contains("bodyfile"), "{}", refused.err);
    }
    let twice = run(["timeline", AFTER, "--chart", "x.svg", "-o", "x.svg"]).code(2);
    assert!(twice.err.contains("two files"), "{}", twice.err);
    let wrong = run(["timeline", AFTER, "--from", "yesterday"]).code(2);
    assert!(wrong.err.contains("2024-05-01"), "{}", wrong.err);
}
