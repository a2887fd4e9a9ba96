//! What changed between registries.

use std::io::{self, Write};

use vminspect_analysis::finding::{FieldChange, GuestPath, Value};
use vminspect_analysis::registry::{
    ChangedValues, KeyChange, KeyFacts, RegistryComparison, ValueChange, ValueFacts,
};
use vminspect_bytes::Timestamp;
use vminspect_filesystem::NameEncoding;

use super::unique::Unique;
use super::{csv, data, table};
use crate::csv::Line;
use crate::jsonl::{last_line, line};
use crate::table::{Colour, Paint, Sections};
use crate::{Format, JsonWriter, Layout, coverage, escape, time, value};

const HEADER: &str = "finding,path,path_hex,time,name,name_hex,type,type_number,data,data_hex,\
original_name,original_name_hex,original_type,original_type_number,original_data,original_data_hex,\
field,before,after";

/// Prints what changed between two hives.
///
/// # Errors
/// Those of the output.
pub fn report<W: Write>(format: Format, mut out: W, found: &RegistryComparison) -> io::Result<()> {
    match format {
        Format::Json => {
            let mut out = JsonWriter::new(out, Layout::Indented);
            out.begin_object()?;
            members(&mut out, found)?;
            out.key("coverage")?;
            coverage::write_array(&mut out, &found.coverage)?;
            out.end_object()?;
            out.end_line()?;
            out.flush()
        }
        Format::JsonLines => {
            let mut out = JsonWriter::new(out, Layout::Line);
            json_lines(&mut out, found)?;
            last_line(&mut out, &found.coverage)
        }
        Format::Csv => {
            write!(out, "{HEADER}\r\n")?;
            csv_lines(&mut out, found)?;
            out.flush()
        }
        Format::Table { colour } => {
            let mut to = Sections::new(&mut out, Paint { on: colour });
            table_rows(&mut to, found)?;
            to.section("Could not be read", &found.coverage.sorted(), |to, each| {
                to.row("?", Colour::Red, &coverage::line(each))
            })?;
            to.end(&summary(found))?;
            out.flush()
        }
    }
}

/// Writes what changed as a member `registry` of an object.
///
/// # Errors
/// Those of the output.
pub fn write_member<W: Write>(out: &mut JsonWriter<W>, found: &RegistryComparison) -> io::Result<()> {
    out.key("registry")?;
    out.begin_object()?;
    members(out, found)?;
    out.end_object()
}

fn members<W: Write>(out: &mut JsonWriter<W>, found: &RegistryComparison) -> io::Result<()> {
    out.key("created_keys")?;
    object(
        out,
        &found.created_keys,
        |key| &key.path,
        |out, key| timed(out, key.time, &key.values, data::triple_of),
    )?;
    out.key("deleted_keys")?;
    out.begin_array()?;
    found.deleted_keys.iter().try_for_each(|key| out.string(&data::text(&key.path)))?;
    out.end_array()?;
    out.key("created_values")?;
    changed(out, found, |each| &each.created, data::triple_of)?;
    out.key("deleted_values")?;
    changed(out, found, |each| &each.deleted, data::triple_of)?;
    out.key("modified_values")?;
    changed(out, found, |each| &each.modified, |out, each| data::triple_of(out, &each.after))?;
    out.key("original_values")?;
    changed(out, found, |each| &each.modified, |out, each| data::triple_of(out, &each.before))?;
    out.key("changed_keys")?;
    object(out, &found.changed_keys, |key| &key.path, |out, key| fields(out, &key.changes))
}

/// Writes `{path: …}`, with paths that differ.
fn object<'f, W: Write, T: 'f>(
    out: &mut JsonWriter<W>,
    items: impl IntoIterator<Item = &'f T>,
    path: impl Fn(&T) -> &[u8],
    write: impl Fn(&mut JsonWriter<W>, &T) -> io::Result<()>,
) -> io::Result<()> {
    let mut paths = Unique::default();
    out.begin_object()?;
    for item in items {
        out.key(&paths.claim(&data::text(path(item))))?;
        write(out, item)?;
    }
    out.end_object()
}

/// Writes `{path: [time, […]]}` of those keys where a list of changes has something.
fn changed<W: Write, T>(
    out: &mut JsonWriter<W>,
    found: &RegistryComparison,
    list: impl Fn(&ChangedValues) -> &Vec<T>,
    write: impl Fn(&mut JsonWriter<W>, &T) -> io::Result<()>,
) -> io::Result<()> {
    let keys = found.changed_values.iter().filter(|key| !list(key).is_empty());
    object(out, keys, |key| &key.path, |out, key| timed(out, key.time, list(key), &write))
}

/// Writes `[time, […]]`.
fn timed<W: Write, T>(
    out: &mut JsonWriter<W>,
    at: Timestamp,
    items: &[T],
    write: impl Fn(&mut JsonWriter<W>, &T) -> io::Result<()>,
) -> io::Result<()> {
    out.begin_array()?;
    out.string_by(|out| time::push_spaced(out, at))?;
    out.begin_array()?;
    items.iter().try_for_each(|item| write(out, item))?;
    out.end_array()?;
    out.end_array()
}

/// Writes `{field: {"before": …, "after": …}}`.
fn fields<W: Write>(out: &mut JsonWriter<W>, changes: &[FieldChange]) -> io::Result<()> {
    out.begin_object()?;
    for change in changes {
        out.key(&change.field)?;
        out.begin_object()?;
        out.key("before")?;
        value::write(out, &change.field, &change.before)?;
        out.key("after")?;
        value::write(out, &change.field, &change.after)?;
        out.end_object()?;
    }
    out.end_object()
}

/// One change of a registry, whatever the format.
enum Change<'f> {
    Key(&'static str, &'f KeyFacts),
    Value(&'static str, &'f ChangedValues, Option<&'f ValueFacts>, Option<&'f ValueFacts>),
    Fields(&'f KeyChange),
}

/// Visits all changes in the order of the JSON report's members.
fn visit<'f>(
    found: &'f RegistryComparison,
    mut each: impl FnMut(Change<'f>) -> io::Result<()>,
) -> io::Result<()> {
    found.created_keys.iter().try_for_each(|key| each(Change::Key("registry_created_key", key)))?;
    found.deleted_keys.iter().try_for_each(|key| each(Change::Key("registry_deleted_key", key)))?;
    for of in &found.changed_values {
        for after in &of.created {
            each(Change::Value("registry_created_value", of, None, Some(after)))?;
        }
    }
    for of in &found.changed_values {
        for before in &of.deleted {
            each(Change::Value("registry_deleted_value", of, Some(before), None))?;
        }
    }
    for of in &found.changed_values {
        for ValueChange { before, after } in &of.modified {
            each(Change::Value("registry_modified_value", of, Some(before), Some(after)))?;
        }
    }
    found.changed_keys.iter().try_for_each(|key| each(Change::Fields(key)))
}

/// Writes the changes as JSON Lines.
pub(crate) fn json_lines<W: Write>(out: &mut JsonWriter<W>, found: &RegistryComparison) -> io::Result<()> {
    visit(found, |change| match change {
        Change::Key(finding, key) => line(out, finding, |out| {
            data::name_field(out, "path", &key.path)?;
            out.text_field("time", &time::iso(key.time))?;
            if let Some(class) = &key.class {
                data::name_field(out, "class", class)?;
            }
            out.key("values")?;
            out.begin_array()?;
            for value in &key.values {
                out.begin_object()?;
                value_fields(out, value, "")?;
                out.end_object()?;
            }
            out.end_array()
        }),
        Change::Value(finding, of, before, after) => line(out, finding, |out| {
            data::name_field(out, "path", &of.path)?;
            out.text_field("time", &time::iso(of.time))?;
            if let Some(after) = after.or(before) {
                value_fields(out, after, "")?;
            }
            match (before, after) {
                (Some(before), Some(_)) => value_fields(out, before, "original_"),
                _ => Ok(()),
            }
        }),
        Change::Fields(key) => line(out, "registry_changed_key", |out| {
            data::name_field(out, "path", &key.path)?;
            out.key("changes")?;
            value::write_changes(out, &key.changes)
        }),
    })
}

fn value_fields<W: Write>(out: &mut JsonWriter<W>, value: &ValueFacts, before: &str) -> io::Result<()> {
    data::name_field(out, &format!("{before}name"), &value.name)?;
    data::Shown::of(value.kind, &value.data).write(out, value.kind, before)
}

/// Writes the changes as lines of CSV: one for each value of a key that was created or deleted, for each value that
/// changed, and for each other field that did.
fn csv_lines<W: Write>(out: &mut W, found: &RegistryComparison) -> io::Result<()> {
    visit(found, |change| match change {
        Change::Key(finding, key) => {
            let line = |out: &mut W, value: Option<&ValueFacts>| {
                csv_line(out, finding, &key.path, Some(key.time), [value, None], None)
            };
            if key.values.is_empty() {
                line(out, None)?;
            }
            key.values.iter().try_for_each(|value| line(out, Some(value)))
        }
        Change::Value(finding, of, before, after) => {
            let values = if after.is_some() { [after, before] } else { [before, None] };
            csv_line(out, finding, &of.path, Some(of.time), values, None)
        }
        Change::Fields(key) => key.changes.iter().try_for_each(|change| {
            csv_line(out, "registry_changed_key", &key.path, None, [None, None], Some(change))
        }),
    })
}

fn csv_line<W: Write>(
    out: &mut W,
    finding: &str,
    path: &[u8],
    at: Option<Timestamp>,
    values: [Option<&ValueFacts>; 2],
    change: Option<&FieldChange>,
) -> io::Result<()> {
    let mut line = Line::new(out);
    line.field(finding)?;
    csv::name(&mut line, path)?;
    line.field(&at.map_or_else(String::new, time::iso))?;
    for value in values {
        let Some(value) = value else {
            [""; 6].iter().try_for_each(|text| line.field(text))?;
            continue;
        };
        csv::name(&mut line, &value.name)?;
        line.field(value.kind.name().unwrap_or_default())?;
        line.field(&value.kind.0.to_string())?;
        csv::shown_fields(&mut line, &data::Shown::of(value.kind, &value.data))?;
    }
    match change {
        Some(change) => {
            line.field(&change.field)?;
            line.field(&value::one_line(&change.field, &change.before))?;
            line.field(&value::one_line(&change.field, &change.after))?;
        }
        None => [""; 3].iter().try_for_each(|text| line.field(text))?,
    }
    line.end()
}

/// One line of the CSV of a comparison of disks, whose columns are those of files: the name of a value stands as a
/// field of its key.
pub(crate) struct DiskRow {
    pub(crate) finding: &'static str,
    pub(crate) path: GuestPath,
    pub(crate) kind: &'static str,
    pub(crate) original_kind: &'static str,
    pub(crate) change: FieldChange,
}

/// The changes as lines of the CSV of a comparison of disks.
pub(crate) fn csv_rows(
    found: &RegistryComparison,
    mut write: impl FnMut(&DiskRow) -> io::Result<()>,
) -> io::Result<()> {
    visit(found, |change| match change {
        Change::Key(finding, key) => {
            write(&disk_row(finding, &key.path, None, None))?;
            for value in &key.values {
                let (before, after) =
                    if finding == "registry_created_key" { (None, Some(value)) } else { (Some(value), None) };
                write(&disk_row(finding, &key.path, before, after))?;
            }
            Ok(())
        }
        Change::Value(finding, of, before, after) => write(&disk_row(finding, &of.path, before, after)),
        Change::Fields(key) => key.changes.iter().try_for_each(|change| {
            let row = disk_row("registry_changed_key", &key.path, None, None);
            write(&DiskRow { change: change.clone(), ..row })
        }),
    })
}

fn disk_row(
    finding: &'static str,
    path: &[u8],
    before: Option<&ValueFacts>,
    after: Option<&ValueFacts>,
) -> DiskRow {
    let kind = |value: Option<&ValueFacts>| value.map_or("", |value| data::kind_name(value.kind));
    let shown = |value: Option<&ValueFacts>| {
        value.map_or(Value::Absent, |value| {
            let shown = data::Shown::of(value.kind, &value.data);
            Value::Text(match shown.field_is_exact() {
                true => shown.field().into_owned(),
                false => format!("hex:{}", escape::to_hex(&value.data)),
            })
        })
    };
    let name = after.or(before).map(|value| data::text(&value.name).into_owned());
    DiskRow {
        finding,
        path: GuestPath { bytes: path.to_vec(), encoding: NameEncoding::Wtf8 },
        kind: kind(after),
        original_kind: kind(before),
        change: FieldChange { field: name.unwrap_or_default(), before: shown(before), after: shown(after) },
    }
}

/// Writes the changes under headings, for people.
pub(crate) fn table_rows<W: Write>(to: &mut Sections<'_, W>, found: &RegistryComparison) -> io::Result<()> {
    to.section("Registry keys created", &found.created_keys, |to, key| one_sided(to, '+', key))?;
    to.section("Registry keys deleted", &found.deleted_keys, |to, key| one_sided(to, '-', key))?;
    to.section("Registry values changed", &found.changed_values, |to, key| {
        to.row("~", Colour::Yellow, &path(&key.path))?;
        key.created.iter().try_for_each(|value| row(to, '+', value))?;
        key.deleted.iter().try_for_each(|value| row(to, '-', value))?;
        for ValueChange { before, after } in &key.modified {
            row(to, '-', before)?;
            row(to, '+', after)?;
        }
        Ok(())
    })?;
    to.section("Registry keys changed", &found.changed_keys, |to, key| {
        to.row("*", Colour::Cyan, &path(&key.path))?;
        to.changes(&key.changes)
    })
}

fn path(path: &[u8]) -> String {
    escape::terminal(&data::text(path)).into_owned()
}

fn one_sided<W: Write>(to: &mut Sections<'_, W>, mark: char, key: &KeyFacts) -> io::Result<()> {
    let colour = if mark == '+' { Colour::Green } else { Colour::Red };
    to.row(&mark.to_string(), colour, &path(&key.path))?;
    key.values.iter().try_for_each(|value| row(to, mark, value))
}

fn row<W: Write>(to: &mut Sections<'_, W>, mark: char, value: &ValueFacts) -> io::Result<()> {
    let colour = if mark == '+' { Colour::Green } else { Colour::Red };
    let line = table::value_line(&value.name, value.kind, Some(&value.data));
    to.inner_row(&mark.to_string(), colour, &line)
}

/// How much changed.
pub(crate) fn summary(found: &RegistryComparison) -> String {
    let values = |list: fn(&ChangedValues) -> usize| found.changed_values.iter().map(list).sum::<usize>();
    let counts = [
        (found.created_keys.len(), "registry keys created"),
        (found.deleted_keys.len(), "registry keys deleted"),
        (values(|key| key.created.len()), "values created"),
        (values(|key| key.deleted.len()), "values deleted"),
        (values(|key| key.modified.len()), "values modified"),
        (found.changed_keys.len(), "registry keys changed otherwise"),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "No differences".to_owned() } else { parts.join(", ") }
}
