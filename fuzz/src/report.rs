//! Reports of hostile names.

use vminspect_analysis::finding::{FileFacts, GuestPath};
use vminspect_filesystem::{FileKind, NameEncoding};
use vminspect_guest::Coverage;
use vminspect_report::{Fields, Format, listing};

/// A listing of files with any names, in every format. The names are the input, cut at bytes of 0xFF; the
/// first byte chooses their encoding.
pub fn report(input: &[u8]) {
    let (encoding, names) = match input.split_first() {
        Some((first, names)) if first & 1 == 1 => (NameEncoding::Wtf8, names),
        Some((_, names)) => (NameEncoding::Bytes, names),
        None => return,
    };
    let files: Vec<FileFacts> = names.split(|byte| *byte == 0xFF).map(|name| facts(name, encoding)).collect();
    let written = |format| {
        let mut out = Vec::new();
        let fields = Fields { file_type: true, size: true, ..Fields::default() };
        let mut report = listing(format, &mut out, &fields).expect("memory can be written");
        files.iter().for_each(|file| report.row(file).expect("memory can be written"));
        report.finish(&Coverage::default()).expect("memory can be written");
        drop(report);
        String::from_utf8(out).expect("reports are UTF-8")
    };
    check_json(&written(Format::Json), &files);
    for line in written(Format::JsonLines).lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON");
    }
    assert_eq!(records(&written(Format::Csv)), files.len() + 1);
    let table = written(Format::Table { colour: false });
    let steers = |character: char| character.is_control() && character != '\n';
    assert!(!table.contains(steers), "a name reached the terminal");
}

fn facts(name: &[u8], encoding: NameEncoding) -> FileFacts {
    let path = GuestPath::new(name.to_vec(), encoding);
    let file_type = Some(path.to_text().0);
    FileFacts {
        remains: None,
        path,
        kind: FileKind::Regular,
        size: 0,
        digests: None,
        file_type,
        target: Some(name.to_vec()),
        orphan: false,
        stream: false,
        deleted: None,
        problem: Some(String::from_utf8_lossy(name).into_owned()),
        zone: None,
    }
}

fn check_json(report: &str, files: &[FileFacts]) {
    let report: serde_json::Value = serde_json::from_str(report).expect("a JSON document");
    let rows = report.as_array().expect("an array of files");
    assert_eq!(rows.len(), files.len());
    for (row, file) in rows.iter().zip(files) {
        let (text, whole) = file.path.to_text();
        assert_eq!(row["path"], text);
        assert_eq!(row.get("path_hex").is_none(), whole);
    }
}

/// Records of a CSV text: lines that end outside quotes.
fn records(text: &str) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => count += 1,
            _ => {}
        }
    }
    assert!(!quoted, "a quote that is not closed");
    count
}
