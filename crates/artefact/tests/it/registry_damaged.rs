//! Damaged hives: what is whole is read, what is not is told.

use serde_json::Value as Json;

use crate::tree::{KeyRow, Tree};
use crate::{evidence, tree};

/// What of a key must still be there: all but the values and descriptors that were damaged.
fn must(case: &Json, name: &str, keys: &mut [KeyRow]) {
    let of = |key: &KeyRow| -> Vec<String> {
        key.path.iter().map(|name| String::from_utf16_lossy(&units(name))).collect()
    };
    for bad in case["bad_values"].as_array().into_iter().flatten() {
        let path = tree::strings(&bad["path"]);
        let value: String = bad["name"]
            .as_str()
            .expect(name)
            .encode_utf16()
            .fold(String::new(), |text, unit| text + &hex::encode(unit.to_le_bytes()));
        for key in keys.iter_mut().filter(|key| of(key) == path) {
            key.values.retain(|each| each.name != value);
        }
    }
    for key in keys {
        let is_bad = match &case["bad_security"] {
            Json::Array(paths) => paths.iter().any(|path| tree::strings(path) == of(key)),
            Json::String(all) => all == "all",
            _ => false,
        };
        if is_bad {
            key.security = None;
        }
    }
}

fn units(name: &str) -> Vec<u16> {
    let bytes = hex::decode(name).expect("hex");
    bytes.chunks(2).map(|pair| u16::from_le_bytes(pair.try_into().expect("pair"))).collect()
}

/// Whether `found` has all that `wanted` has.
fn holds(found: &KeyRow, wanted: &KeyRow) -> bool {
    found.path == wanted.path
        && found.time == wanted.time
        && (wanted.security.is_none() || found.security == wanted.security)
        && wanted.values.iter().all(|value| found.values.contains(value))
}

#[test]
fn what_is_whole_is_read_and_the_rest_is_told() {
    let cases = evidence::json("damaged.json");
    let cases = cases.as_object().expect("cases");
    assert!(cases.len() >= 70);
    let mut wrong = Vec::new();
    for (name, case) in cases {
        let found = match evidence::open(name) {
            Ok(hive) => tree::of_hive(&hive),
            Err(error) => Tree { keys: Vec::new(), problems: vec![error.to_string()] },
        };
        let why = case["why"].as_str().unwrap_or_default();
        if let Some(tree) = case["must"].as_str() {
            let mut wanted = tree::expected(tree.trim_end_matches(".gz"));
            must(case, name, &mut wanted);
            for wanted in &wanted {
                let held = found.keys.iter().any(|found| holds(found, wanted));
                assert!(held, "{name} ({why}): {wanted:?} is not read; told {:?}", found.problems);
            }
        }
        let silent = SILENT.contains(&name.as_str());
        if found.problems.is_empty() != silent {
            wrong.push(format!("{name} ({why}): {:?}", found.problems));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Damage that Windows itself does not look at, or that makes another sound hive.
const SILENT: &[&str] = &[
    "damaged-big-segment-again",
    "damaged-big-too-many",
    "damaged-count-0",
    "damaged-format",
    "damaged-list-hash",
    "damaged-orphan",
    "damaged-parent-wrong",
    "damaged-trailing",
];
