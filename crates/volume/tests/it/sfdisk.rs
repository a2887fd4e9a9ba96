//! What `sfdisk -J` prints, beside what we read.

use serde_json::Value;
use vminspect_volume::VolumeTable;

/// A partition as both sides can say it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    number: u64,
    start: u64,
    sectors: u64,
    kind: String,
    uuid: Option<String>,
    name: Option<String>,
    active: bool,
}

/// Scheme, identity of the disk, bytes in a sector, partitions by number.
pub(crate) type Facts = (String, Option<String>, u64, Vec<Row>);

pub(crate) fn ours(table: &VolumeTable) -> Facts {
    let mut rows: Vec<Row> = table
        .volumes
        .iter()
        .map(|volume| Row {
            number: volume.number.into(),
            start: volume.range.start() / table.sector_size,
            sectors: volume.range.len() / table.sector_size,
            kind: volume.kind.clone(),
            uuid: volume.uuid.clone().filter(|_| table.scheme == "gpt"),
            name: volume.name.clone(),
            active: volume.flags.iter().any(|flag| flag == "active"),
        })
        .collect();
    rows.sort();
    (table.scheme.to_owned(), table.disk_id.clone(), table.sector_size, rows)
}

pub(crate) fn theirs(json: &str) -> Facts {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let table = &value["partitiontable"];
    let scheme = if table["label"] == "dos" { "mbr" } else { "gpt" };
    let id = table["id"].as_str().map(|id| id.trim_start_matches("0x").to_lowercase());
    let empty = Vec::new();
    let partitions = table["partitions"].as_array().unwrap_or(&empty);
    let mut rows: Vec<Row> =
        partitions.iter().map(|partition| row(partition, scheme)).filter(|row| !is_extended(row)).collect();
    rows.sort();
    (scheme.to_owned(), id.filter(|id| id != "00000000"), table["sectorsize"].as_u64().expect("a size"), rows)
}

fn row(partition: &Value, scheme: &str) -> Row {
    let text = |key: &str| partition[key].as_str().map(str::to_owned);
    let kind = text("type").expect("a type").to_lowercase();
    Row {
        number: partition["number"]
            .as_u64()
            .unwrap_or_else(|| number_of_node(&text("node").expect("a node"))),
        start: partition["start"].as_u64().expect("a start"),
        sectors: partition["size"].as_u64().expect("a size"),
        kind: if scheme == "mbr" { format!("{kind:0>2}") } else { kind },
        uuid: text("uuid").map(|uuid| uuid.to_lowercase()),
        name: text("name"),
        active: partition["bootable"].as_bool().unwrap_or(false),
    }
}

fn number_of_node(node: &str) -> u64 {
    let stem = node.trim_end_matches(|letter: char| letter.is_ascii_digit());
    node[stem.len()..].parse().expect("a number at the end")
}

/// An extended partition is no volume.
fn is_extended(row: &Row) -> bool {
    matches!(row.kind.as_str(), "05" | "0f" | "85")
}
