//! What a hive holds, in a form that can be compared.

use serde_json::Value as Json;
use vminspect_artefact::registry::{Hive, Name, Value, Walk};

use crate::evidence;

/// A key with all that is its own. Names are UTF-16 in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct KeyRow {
    pub(crate) path: Vec<String>,
    pub(crate) time: u64,
    pub(crate) class: Option<String>,
    pub(crate) flags: u16,
    pub(crate) security: Option<String>,
    pub(crate) values: Vec<ValueRow>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ValueRow {
    pub(crate) name: String,
    pub(crate) kind: u32,
    pub(crate) data: String,
}

/// A tree, and what was found wrong on the way.
pub(crate) struct Tree {
    pub(crate) keys: Vec<KeyRow>,
    pub(crate) problems: Vec<String>,
}

pub(crate) fn hex_name(name: Name<'_>) -> String {
    hex::encode(name.units().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}

/// The tree of an opened hive, sorted.
pub(crate) fn of_hive(hive: &Hive) -> Tree {
    let mut keys = Vec::new();
    let mut problems: Vec<String> =
        hive.problems().iter().chain(&hive.check_cells()).map(ToString::to_string).collect();
    let mut walk = Walk::new(hive);
    let mut path: Vec<String> = Vec::new();
    while let Some(step) = walk.step() {
        path.truncate(step.depth);
        path.push(hex_name(step.key.name()));
        let mut told = |error: vminspect_bytes::ReadError| problems.push(error.to_string());
        let class = step.key.class().unwrap_or_else(|error| {
            told(error);
            None
        });
        let security = step.key.security_descriptor().unwrap_or_else(|error| {
            told(error);
            None
        });
        let value = |value: &Value<'_>| {
            let data = value.data();
            data.problem.into_iter().for_each(&mut told);
            ValueRow { name: hex_name(value.name()), kind: value.kind().0, data: hex::encode(data.bytes) }
        };
        let wide = |bytes: Vec<u8>| {
            let units = vminspect_bytes::wtf8_units(&bytes);
            hex::encode(units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
        };
        keys.push(KeyRow {
            path: path[1..].to_vec(),
            time: step.key.last_written_ticks(),
            class: class.map(wide),
            flags: step.key.flags(),
            security: security.map(hex::encode),
            values: step.values.iter().map(value).collect(),
        });
    }
    problems.extend(walk.take_problems().iter().map(ToString::to_string));
    keys.sort();
    Tree { keys, problems }
}

/// The tree that a fixture's maker wrote down.
pub(crate) fn expected(name: &str) -> Vec<KeyRow> {
    let text = String::from_utf8(evidence::bytes(name)).expect("UTF-8");
    let mut keys: Vec<KeyRow> = text
        .lines()
        .map(|line| {
            let line: Json = serde_json::from_str(line).expect("JSON");
            row(&line)
        })
        .collect();
    keys.sort();
    keys
}

pub(crate) fn strings(json: &Json) -> Vec<String> {
    json.as_array().expect("array").iter().map(string).collect()
}

pub(crate) fn string(json: &Json) -> String {
    json.as_str().expect("string").to_owned()
}

fn row(line: &Json) -> KeyRow {
    let names = strings(&line["name_hex"]);
    let values = line["values"].as_array().expect("values").iter().zip(names);
    KeyRow {
        path: strings(&line["path_hex"]),
        time: line["time"].as_u64().expect("time"),
        // A last odd byte is no unit.
        class: line["class_hex"].as_str().map(|hex| hex[..hex.len() / 4 * 4].to_owned()),
        flags: u16::try_from(line["flags"].as_u64().expect("flags")).expect("flags"),
        security: line["security"].as_str().map(str::to_owned),
        values: values
            .map(|(value, name)| ValueRow {
                name,
                kind: u32::try_from(value[1].as_u64().expect("type")).expect("type"),
                data: string(&value[2]),
            })
            .collect(),
    }
}
