//! What the records of a file say of its names and attributes.

use super::attribute::{Attribute, Form};
use super::file::File;
use super::file_name::FileName;
use super::layout::attribute_type;
use super::standard_information::StandardInformation;
use crate::{Content, FileKind, Record, RecordFacts, RecordName, StoredAttribute};

/// Names and attributes of one file that are told. Attribute lists are bounded, but what they name is many.
const MOST: usize = 65_535;

/// The facts of a file whose record was made.
pub(super) fn record_facts(file: &File<'_>, record: &Record) -> RecordFacts {
    let mut facts = RecordFacts {
        log_sequence: file.header.lsn,
        counted_links: file.header.links,
        ..RecordFacts::default()
    };
    for part in &file.parts {
        add(&mut facts, &part.attribute);
    }
    if let (FileKind::Symlink, Content::Inline(target)) = (record.metadata.kind, &record.content) {
        facts.reparse_target = Some(target.clone());
    }
    facts
}

fn add(facts: &mut RecordFacts, attribute: &Attribute<'_>) {
    match attribute.type_code {
        attribute_type::STANDARD_INFORMATION => {
            let information = attribute.value().and_then(StandardInformation::parse);
            if let Some(extension) = information.and_then(|information| information.extension) {
                facts.usn = Some(extension.usn);
                facts.security_id = Some(extension.security_id);
                facts.owner_id = Some(extension.owner_id);
            }
        }
        attribute_type::OBJECT_ID => {
            facts.object_id = attribute.value().and_then(|id| id.first_chunk::<16>().copied());
        }
        attribute_type::LOGGED_UTILITY_STREAM => {
            facts.logged_stream = Some(attribute.name_wtf8().into());
        }
        attribute_type::FILE_NAME if facts.names.len() < MOST => {
            let value = attribute.value();
            facts.names.extend(value.and_then(FileName::parse).map(|name| RecordName {
                parent: name.parent().map(super::address::Reference::file),
                name: name.name(),
                namespace: name.namespace(),
                times: name.times(),
                attribute: attribute.id,
                size: value.map_or(0, |value| super::widen(value.len())),
            }));
        }
        attribute_type::DATA | attribute_type::INDEX_ROOT
            if attribute.lowest_vcn() == 0 && facts.attributes.len() < MOST =>
        {
            facts.attributes.push(StoredAttribute {
                kind: attribute.type_code,
                id: attribute.id,
                name: if attribute.name.is_empty() { Vec::new() } else { attribute.name_wtf8() },
                size: match attribute.form {
                    Form::Resident { value, .. } => super::widen(value.len()),
                    Form::NonResident(part) => part.data_size,
                },
            });
        }
        _ => {}
    }
}
