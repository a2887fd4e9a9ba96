//! Deleted keys and values.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use vminspect_artefact::registry::{DeletedKey, DeletedValue, Remains};
use vminspect_bytes::wtf8_units;

use crate::{evidence, tree};

fn hex_path(path: &[Vec<u8>]) -> Vec<String> {
    let wide = |name: &Vec<u8>| wtf8_units(name).into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    path.iter().map(|name| hex::encode(wide(name))).collect()
}

fn is_value(found: &DeletedValue<'_>, wanted: &Json) -> bool {
    let data = found.data();
    let same_data = match &wanted["data"] {
        Json::Null => data.is_none(),
        Json::String(hex) => data.is_some_and(|data| hex::encode(data) == *hex),
        other => {
            let size = other["size"].as_u64();
            data.is_some_and(|data| {
                u64::try_from(data.len()).ok() == size
                    && other["sha256"].as_str() == Some(&hex::encode(Sha256::digest(&data)))
            })
        }
    };
    same_data
        && u64::from(found.value.offset().get()) == wanted["at"].as_u64().expect("at")
        && tree::hex_name(found.value.name()) == tree::string(&wanted["name_hex"])
        && u64::from(found.value.kind().0) == wanted["type"].as_u64().expect("type")
}

/// All that can be recovered is, at its place and with its data, and nothing else is made up.
#[test]
fn deleted_keys_and_values_are_found() {
    let hive = evidence::open("deleted").expect("hive");
    let remains = Remains::of(&hive);
    let truth = evidence::json("deleted.json");
    let keys = truth["keys"].as_array().expect("keys");
    for wanted in keys {
        let at = wanted["at"].as_u64().expect("at");
        let found = remains.keys.iter().find(|found| u64::from(found.key.offset().get()) == at);
        let found = found.unwrap_or_else(|| panic!("not found: {wanted}"));
        assert_eq!(found.key.last_written_ticks(), wanted["time"].as_u64().expect("time"), "{wanted}");
        let path = hex_path(&found.path);
        let expected = tree::strings(&wanted["path_hex"]);
        match wanted["partial_path"].as_bool() {
            Some(true) => assert_eq!(path, [vec!["3f00".to_owned()], expected].concat(), "{wanted}"),
            _ => assert_eq!(path, expected, "{wanted}"),
        }
        let values = wanted["values"].as_array().expect("values");
        for value in values {
            assert!(
                found.values.iter().any(|found| is_value(found, value)),
                "{value} of {wanted}: {found:?}"
            );
        }
        assert_eq!(found.values.len(), values.len(), "{wanted}");
    }
    assert_eq!(
        remains.keys.len(),
        keys.len(),
        "{:?}",
        remains.keys.iter().map(|key| key.key.name().to_text()).collect::<Vec<_>>()
    );
    let values = truth["values"].as_array().expect("values");
    let mut count = 0;
    for wanted in values {
        let expected = wanted["path_hex"].as_array().map(|_| tree::strings(&wanted["path_hex"]));
        let expected = expected.unwrap_or_else(|| vec!["3f00".to_owned()]);
        let found = remains.values.iter().any(|lost| {
            hex_path(&lost.path) == expected && lost.values.iter().any(|found| is_value(found, wanted))
        });
        assert!(found, "not found: {wanted}; {:?}", remains.values);
        count += 1;
    }
    let all: usize = remains.values.iter().map(|lost| lost.values.len()).sum();
    assert_eq!(all, count, "{:?}", remains.values);
}

/// Keys that are in use, but that no list names, are found as well.
#[test]
fn orphans_are_found() {
    let cases = evidence::json("damaged.json");
    let mut count = 0;
    for (name, case) in cases.as_object().expect("cases") {
        for orphan in case["orphans"].as_array().into_iter().flatten() {
            let hive = evidence::open(name).expect(name);
            let remains = Remains::of(&hive);
            let wanted = tree::strings(&orphan["path"]);
            let path = |found: &DeletedKey<'_>| -> Vec<String> {
                found.path.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
            };
            let found = remains.keys.iter().any(|found| path(found) == wanted);
            assert!(found, "{name}: {orphan}");
            count += 1;
        }
    }
    assert!(count > 0);
}
