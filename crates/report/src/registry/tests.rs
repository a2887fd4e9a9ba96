use vminspect_artefact::registry::ValueType;

use super::{comparison, data};
use crate::tests::{changed_registry, records, starts_no_formula};
use crate::{Format, JsonWriter, Layout};

fn printed(format: Format) -> String {
    let mut out = Vec::new();
    comparison(format, &mut out, &changed_registry()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn two_keys_of_one_name_stay_two() {
    let json: serde_json::Value = serde_json::from_str(&printed(Format::Json)).unwrap();
    let found = changed_registry();
    assert_eq!(json["created_keys"].as_object().unwrap().len(), found.created_keys.len());
    let name = found.created_keys[65].path.clone();
    let name = String::from_utf8(name).unwrap();
    assert_eq!(json["created_keys"][&name], json["created_keys"][format!(r"{name}\\(2)")]);
    assert_eq!(json["changed_keys"].as_object().unwrap().len(), found.changed_keys.len());
    // Names that are no Unicode are printed alike, too.
    assert!(json["changed_keys"].as_object().unwrap().keys().any(|key| key.ends_with(r"\\(2)")));
    assert_eq!(json["modified_values"], json["original_values"]);
    assert_eq!(json["created_keys"][&name][0], "2023-11-14 22:13:20");
}

#[test]
fn names_that_are_no_unicode_have_their_units_in_json_lines() {
    let text = printed(Format::JsonLines);
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lone = rows.iter().find(|row| row["path_hex"] == "2f0000d8").unwrap();
    assert_eq!(lone["path"], "/\u{fffd}");
    assert_eq!(lone["values"][0]["name_hex"], "2f0000d8");
    assert_eq!(rows.last().unwrap()["finding"], "coverage");
}

#[test]
fn csv_has_one_width_and_starts_no_formula() {
    let records = records(&printed(Format::Csv));
    assert!(records.iter().all(|record| record.len() == records[0].len()));
    starts_no_formula(&records);
}

#[test]
fn tables_let_no_control_through() {
    let text = printed(Format::Table { colour: false });
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

/// Data as the Python program printed them.
fn plain(kind: u32, bytes: &[u8]) -> serde_json::Value {
    let mut out = Vec::new();
    let mut json = JsonWriter::new(&mut out, Layout::Line);
    data::triple(&mut json, b"", ValueType(kind), Some(bytes)).unwrap();
    json.flush().unwrap();
    let triple: serde_json::Value = serde_json::from_slice(&out).unwrap();
    triple[2].clone()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn data_are_printed_by_their_types() {
    assert_eq!(plain(4, &[0xff; 4]), -1);
    assert_eq!(plain(4, &[1, 2, 3]), "AQID\n");
    assert_eq!(plain(5, &[0, 0, 1, 0]), 256);
    assert_eq!(plain(11, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), -2);
    assert_eq!(plain(11, &[1; 4]), "AQEBAQ==\n");
    assert_eq!(plain(1, &utf16("text\0")), "text");
    assert_eq!(plain(2, &utf16("%a%")), "%a%");
    assert_eq!(plain(6, &utf16("a\"\\\u{1b}\u{202e}é\0more")), "a\"\\\u{1b}\u{202e}é");
    assert_eq!(plain(1, b"odd"), "b2Rk\n");
    assert_eq!(plain(1, &[0, 0xd8, 0, 0]), "ANgAAA==\n");
    // What is wrong behind the NUL does not matter.
    assert_eq!(plain(1, &[b'a', 0, 0, 0, 0, 0xd8]), "a");
    assert_eq!(plain(7, &utf16("one\0two\0\0")), serde_json::json!(["one", "two"]));
    assert_eq!(plain(7, &utf16("one\0\0three\0\0")), serde_json::json!(["one", "", "three"]));
    assert_eq!(plain(7, &[]), serde_json::json!([]));
    assert_eq!(plain(7, b"odd"), "b2Rk\n");
    assert_eq!(plain(0, b""), "");
    assert_eq!(plain(12, &[0; 60]), format!("{}\nAAAA\n", "A".repeat(76)));
}

#[test]
fn what_says_all_of_the_data() {
    let exact = |kind, bytes: &[u8]| {
        let shown = data::Shown::of(ValueType(kind), bytes);
        (shown.is_exact, shown.field_is_exact())
    };
    assert_eq!(exact(1, &utf16("text\0")), (true, true));
    assert_eq!(exact(1, &utf16("text")), (false, false));
    assert_eq!(exact(1, &utf16("text\0\0")), (false, false));
    assert_eq!(exact(1, &utf16("text\0more\0")), (false, false));
    assert_eq!(exact(1, &[]), (false, false));
    assert_eq!(exact(7, &utf16("one\0two\0\0")), (true, true));
    assert_eq!(exact(7, &utf16("one\0two\0")), (false, false));
    assert_eq!(exact(7, &utf16("one\ntwo\0\0")), (true, false));
    assert_eq!(exact(7, &utf16("\0")), (true, true));
    assert_eq!(exact(7, &utf16("\0\0")), (false, false));
    assert_eq!(exact(4, &[0; 4]), (true, true));
    assert_eq!(exact(3, &[0; 4]), (false, false));
}
