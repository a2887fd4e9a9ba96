//! What changed in the metadata of a file, field by field.

use std::collections::BTreeMap;

use vminspect_filesystem::{
    Detail, DetailValue, DeviceNumber, Error, ExtendedAttribute, FileId, FileKind, FileSystem, Metadata,
};

use crate::content::Unreadable;
use crate::finding::{FieldChange, Value};

/// Compares the metadata of a file on two disks. What cannot be read on either side goes to `problems`; the
/// rest is compared all the same.
pub(crate) fn metadata_changes(
    before: (&dyn FileSystem, FileId),
    after: (&dyn FileSystem, FileId),
    access_times: bool,
    problems: &mut Vec<Unreadable>,
) -> Vec<FieldChange> {
    let records = both(before.0.record(before.1), after.0.record(after.1), problems);
    let Some((x, y)) = records else { return Vec::new() };
    let mut changes = field_changes(&x.metadata, &y.metadata, access_times);
    let flags = Value::Flags(before.0.flag_names(x.metadata.flags));
    let new_flags = Value::Flags(after.0.flag_names(y.metadata.flags));
    if flags != new_flags {
        push(&mut changes, "flags", flags, new_flags);
    }
    if let Some((x, y)) = both(before.0.details(&x), after.0.details(&y), problems) {
        detail_changes(x, y, &mut changes);
    }
    if (x.has_attributes || y.has_attributes)
        && let Some((x, y)) = both(before.0.attributes(before.1), after.0.attributes(after.1), problems)
    {
        attribute_changes(&x, &y, &mut changes);
    }
    if x.metadata.kind == FileKind::Symlink
        && y.metadata.kind == FileKind::Symlink
        && let Some((x, y)) = both(before.0.read_link(before.1), after.0.read_link(after.1), problems)
        && x != y
    {
        push(&mut changes, "target", Value::Bytes(x), Value::Bytes(y));
    }
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    changes
}

/// What was read on both sides.
fn both<T>(
    before: Result<T, Error>,
    after: Result<T, Error>,
    problems: &mut Vec<Unreadable>,
) -> Option<(T, T)> {
    match (before, after) {
        (Ok(x), Ok(y)) => Some((x, y)),
        (x, y) => {
            problems.extend(x.err().map(Unreadable::before));
            problems.extend(y.err().map(Unreadable::after));
            None
        }
    }
}

fn push(changes: &mut Vec<FieldChange>, field: impl Into<String>, before: Value, after: Value) {
    changes.push(FieldChange { field: field.into(), before, after });
}

fn field_changes(x: &Metadata, y: &Metadata, access_times: bool) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let mut compare = |field: &str, before: Value, after: Value| {
        if before != after {
            push(&mut changes, field, before, after);
        }
    };
    let number = |value: u32| Value::Number(value.into());
    compare("mode", Value::Mode(x.mode & 0o7777), Value::Mode(y.mode & 0o7777));
    compare("uid", number(x.uid), number(y.uid));
    compare("gid", number(x.gid), number(y.gid));
    compare("project", project(x.project), project(y.project));
    if x.kind != FileKind::Directory {
        compare("links", number(x.links), number(y.links));
    }
    compare("device", device(x.device), device(y.device));
    let time = |time: Option<_>| time.map_or(Value::Absent, Value::Time);
    compare("modified", time(x.times.modified), time(y.times.modified));
    compare("changed", time(x.times.changed), time(y.times.changed));
    compare("created", time(x.times.created), time(y.times.created));
    if (access_times || !changes.is_empty()) && x.times.accessed != y.times.accessed {
        push(&mut changes, "accessed", time(x.times.accessed), time(y.times.accessed));
    }
    changes
}

/// Merges two lists of details that are sorted by field.
fn detail_changes(x: Vec<Detail>, y: Vec<Detail>, changes: &mut Vec<FieldChange>) {
    let mut fields: BTreeMap<&'static str, [Vec<Value>; 2]> = BTreeMap::new();
    for (side, list) in [x, y].into_iter().enumerate() {
        for detail in list.into_iter().filter(|detail| !detail.volatile) {
            if let Some(values) = fields.entry(detail.field).or_default().get_mut(side) {
                values.push(detail_value(detail.value));
            }
        }
    }
    for (field, [old, new]) in fields {
        let count = old.len().max(new.len());
        let padded =
            |values: Vec<Value>| values.into_iter().chain(std::iter::repeat(Value::Absent)).take(count);
        for (old, new) in padded(old).zip(padded(new)).filter(|(old, new)| old != new) {
            push(changes, field, old, new);
        }
    }
}

fn detail_value(value: DetailValue) -> Value {
    match value {
        DetailValue::Number(number) => Value::Number(number),
        DetailValue::Text(text) => Value::Text(text),
        DetailValue::Time(time) => Value::Time(time),
        DetailValue::Bytes(bytes) => Value::Bytes(bytes),
    }
}

fn project(project: Option<u32>) -> Value {
    // A filesystem without projects, and project 0, say the same.
    project.filter(|id| *id != 0).map_or(Value::Absent, |id| Value::Number(id.into()))
}

fn device(device: Option<DeviceNumber>) -> Value {
    device.map_or(Value::Absent, Value::Device)
}

/// Merges two sorted lists of attributes.
fn attribute_changes(x: &[ExtendedAttribute], y: &[ExtendedAttribute], changes: &mut Vec<FieldChange>) {
    let value = |list: &[ExtendedAttribute], name: &[u8]| {
        list.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.clone())
    };
    let mut names: Vec<&[u8]> = x.iter().chain(y).map(|attribute| attribute.name.as_slice()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (old, new) = (value(x, name), value(y, name));
        if old != new {
            let field = format!("xattr:{}", distinct_text(name));
            push(
                changes,
                field,
                old.map_or(Value::Absent, Value::Bytes),
                new.map_or(Value::Absent, Value::Bytes),
            );
        }
    }
}

/// A name as text, with bytes that are no Unicode as `\xff`: two names never become one.
fn distinct_text(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        // A backslash is doubled only where it could be taken for such a byte.
        text.push_str(&chunk.valid().replace("\\x", "\\\\x"));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_whose_names_are_no_unicode_stay_apart() {
        let attribute =
            |name: &[u8], value: &[u8]| ExtendedAttribute { name: name.to_vec(), value: value.to_vec() };
        let old = [attribute(b"user.a\xfe", b"1"), attribute(b"user.a\xff", b"1")];
        let new = [attribute(b"user.a\xfe", b"2"), attribute(b"user.a\xff", b"2")];
        let mut changes = Vec::new();
        attribute_changes(&old, &new, &mut changes);
        let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, [r"xattr:user.a\xfe", r"xattr:user.a\xff"]);
        assert_eq!(distinct_text(br"user.\xff"), r"user.\\xff");
        assert_eq!(distinct_text(b"user.plain"), "user.plain");
    }
}
