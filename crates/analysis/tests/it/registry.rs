//! Two hives that differ in everything that a key can, against what their maker changed.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use vminspect_analysis::finding::{FieldChange, Value};
use vminspect_analysis::registry::{
    ChangedValues, HiveSide, RegistryComparison, RegistryOptions, ValueChange, ValueFacts, compare_hives,
    one_sided_hive,
};
use vminspect_artefact::registry::Hive;
use vminspect_bytes::{Memory, Timestamp, push_wtf8};

use crate::fixture;

fn hive(name: &str) -> Hive {
    let packed = std::fs::read(fixture(&format!("registry/{name}.hive.gz"))).unwrap();
    let mut bytes = vec![0; 4 << 20];
    let length = libdeflater::Decompressor::new().gzip_decompress(&packed, &mut bytes).unwrap();
    bytes.truncate(length);
    Hive::open(&Memory::new(bytes), &[]).unwrap()
}

fn side(hive: &Hive) -> HiveSide<'_> {
    HiveSide { hive, image: "image", place: b"hive" }
}

fn truth() -> Json {
    serde_json::from_slice(&std::fs::read(fixture("registry/pair.json")).unwrap()).unwrap()
}

/// UTF-16 in hexadecimal digits as WTF-8.
fn name(hex: &Json) -> Vec<u8> {
    let bytes = hex::decode(hex.as_str().unwrap()).unwrap();
    let mut name = Vec::new();
    push_wtf8(bytes.chunks(2).map(|pair| u16::from_le_bytes(pair.try_into().unwrap())), &mut name);
    name
}

fn path(row: &Json) -> Vec<u8> {
    let names = row["path_hex"].as_array().unwrap().iter().map(name);
    names.fold(b"ROOT".to_vec(), |mut path, name| {
        path.push(b'\\');
        path.extend(name);
        path
    })
}

fn is_data(wanted: &Json, data: &[u8]) -> bool {
    match wanted {
        Json::String(hex) => hex::encode(data) == *hex,
        digest => {
            digest["size"].as_u64() == Some(data.len() as u64)
                && digest["sha256"].as_str() == Some(&hex::encode(Sha256::digest(data)))
        }
    }
}

fn is_value(found: &ValueFacts, name_hex: &Json, value: &Json) -> bool {
    found.name == name(name_hex)
        && u64::from(found.kind.0) == value["type"].as_u64().unwrap()
        && is_data(&value["data"], &found.data)
}

fn compared(options: RegistryOptions) -> RegistryComparison {
    let (before, after) = (hive("before"), hive("after"));
    compare_hives(side(&before), side(&after), b"ROOT", options)
}

fn rows<'j>(truth: &'j Json, kind: &str) -> &'j [Json] {
    truth[kind].as_array().unwrap()
}

#[test]
fn keys_that_one_side_has_are_found_with_their_values() {
    let (truth, found) = (truth(), compared(RegistryOptions::default()));
    for (kind, found) in [("created_keys", &found.created_keys), ("deleted_keys", &found.deleted_keys)] {
        let wanted = rows(&truth, kind);
        assert_eq!(found.len(), wanted.len(), "{kind}");
        for wanted in wanted {
            let key = found.iter().find(|key| key.path == path(wanted)).expect("a key");
            assert_eq!(key.time, Timestamp::from_filetime(wanted["time"].as_u64().unwrap()), "{wanted}");
            let class = wanted["classname"].as_str().map(|class| class.as_bytes().to_vec());
            assert_eq!(key.class, class, "{wanted}");
            let values = wanted["values"].as_array().unwrap();
            assert_eq!(key.values.len(), values.len(), "{wanted}");
            for value in values {
                assert!(key.values.iter().any(|found| is_value(found, &value["name_hex"], value)), "{value}");
            }
        }
    }
}

#[test]
fn values_are_found_with_what_they_were() {
    let (truth, found) = (truth(), compared(RegistryOptions::default()));
    let of = |row: &Json| found.changed_values.iter().filter(|key| key.path == path(row)).collect::<Vec<_>>();
    for row in rows(&truth, "created_values") {
        assert!(
            of(row).iter().any(|key| key.created.iter().any(|value| is_value(value, &row["name_hex"], row))),
            "{row}"
        );
    }
    for row in rows(&truth, "deleted_values") {
        assert!(
            of(row).iter().any(|key| key.deleted.iter().any(|value| is_value(value, &row["name_hex"], row))),
            "{row}"
        );
    }
    for row in rows(&truth, "modified_values") {
        let is_change = |change: &ValueChange| {
            is_value(&change.before, &row["name_hex"], &row["old"])
                && is_value(&change.after, &row["name_hex"], &row["new"])
        };
        assert!(of(row).iter().any(|key| key.modified.iter().any(is_change)), "{row}");
    }
    for row in rows(&truth, "recased_values") {
        let (old, new) = (row["old"].as_str().unwrap(), row["new"].as_str().unwrap());
        let is_change = |change: &ValueChange| {
            change.before.name == old.as_bytes() && change.after.name == new.as_bytes()
        };
        assert!(of(row).iter().any(|key| key.modified.iter().any(is_change)), "{row}");
    }
    let count = |of: fn(&ChangedValues) -> usize| found.changed_values.iter().map(of).sum::<usize>();
    assert_eq!(count(|key| key.created.len()), rows(&truth, "created_values").len());
    assert_eq!(count(|key| key.deleted.len()), rows(&truth, "deleted_values").len());
    let modified = rows(&truth, "modified_values").len() + rows(&truth, "recased_values").len();
    assert_eq!(count(|key| key.modified.len()), modified);
}

/// The change of a field of the key that a row names.
fn change<'f>(found: &'f RegistryComparison, row: &Json, field: &str) -> &'f FieldChange {
    let key = found.changed_keys.iter().find(|key| key.path == path(row));
    let change = key.and_then(|key| key.changes.iter().find(|change| change.field == field));
    change.unwrap_or_else(|| panic!("{field} of {row}"))
}

#[test]
fn what_else_keys_say_is_compared() {
    let truth = truth();
    let found = compared(RegistryOptions { security: true, times: true, no_logs: false });
    let text = |json: &Json| json.as_str().map_or(Value::Absent, |text| Value::Text(text.to_owned()));
    let mut count = 0;
    for (kind, field) in [("changed_classes", "class"), ("recased_keys", "name")] {
        for row in rows(&truth, kind) {
            let change = change(&found, row, field);
            assert_eq!((&change.before, &change.after), (&text(&row["old"]), &text(&row["new"])), "{row}");
            count += 1;
        }
    }
    for row in rows(&truth, "changed_security") {
        let change = change(&found, row, "security");
        let sddl = |value: &Value| matches!(value, Value::Text(text) if text.starts_with("O:BAG:SYD:"));
        assert!(sddl(&change.before) && sddl(&change.after) && change.before != change.after, "{change:?}");
        count += 1;
    }
    for row in rows(&truth, "changed_times") {
        let time = |json: &Json| Value::Time(Timestamp::from_filetime(json.as_u64().unwrap()));
        let change = change(&found, row, "last_written");
        assert_eq!((&change.before, &change.after), (&time(&row["old"]), &time(&row["new"])));
        count += 1;
    }
    let all: usize = found.changed_keys.iter().map(|key| key.changes.len()).sum();
    assert_eq!(all, count, "{:?}", found.changed_keys);
}

/// Without being asked for, times and descriptors are not compared; and what is only stored otherwise is equal.
#[test]
fn options_decide_and_storage_does_not_count() {
    let (truth, found) = (truth(), compared(RegistryOptions::default()));
    let expected = rows(&truth, "changed_classes").len() + rows(&truth, "recased_keys").len();
    assert_eq!(found.changed_keys.len(), expected, "{:?}", found.changed_keys);
    assert!(found.coverage.is_complete(), "{:?}", found.coverage);
    let before = hive("before");
    assert!(
        compare_hives(
            side(&before),
            side(&before),
            b"",
            RegistryOptions { security: true, times: true, no_logs: false }
        )
        .is_empty()
    );
}

/// A hive that only one disk has is told key by key.
#[test]
fn a_hive_of_one_side_is_listed_whole() {
    let after = hive("after");
    let found = one_sided_hive(side(&after), b"ROOT", true);
    assert_eq!(found.created_keys.first().map(|key| key.path.clone()), Some(b"ROOT".to_vec()));
    assert!(found.created_keys.len() > 50 && found.deleted_keys.is_empty());
}
