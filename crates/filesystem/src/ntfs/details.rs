//! What NTFS records of a file that other formats do not.

use vminspect_bytes::security::{ObjectKind, SecurityDescriptor};
use vminspect_bytes::{Guid, ReadAtExt, ReadError};

use super::file::File;
use super::file_name::FileName;
use super::layout::attribute_type;
use super::record::Facts;
use super::reparse::ReparsePoint;
use super::value::Value;
use super::volume::Ntfs;
use crate::{Detail, DetailValue, Result, Times};

/// Longest security descriptor of a file's own.
const LONGEST_DESCRIPTOR: u64 = 256 << 10;

impl Ntfs {
    /// The details of a file, sorted by field.
    ///
    /// # Errors
    /// When its security descriptor cannot be read.
    pub(super) fn details_of(&self, file: &mut File<'_>) -> Result<Vec<Detail>> {
        let facts = Facts::of(self, file);
        let mut details = Details(Vec::new());
        details.add_volatile("lsn", DetailValue::Number(file.header.lsn));
        if let Some(extension) = facts.information.and_then(|information| information.extension) {
            details.add_volatile("usn", DetailValue::Number(extension.usn));
            details.add_volatile("security_id", DetailValue::Number(extension.security_id.into()));
            details.add_unless_zero("owner_id", extension.owner_id.into());
            details.add_unless_zero("quota_charged", extension.quota_charged);
        }
        if let Some(class_id) = facts.information.map(|information| information.class_id) {
            details.add_unless_zero("class_id", class_id.into());
        }
        details.add_names(file);
        details.add_object_id(file);
        details.add_reparse(&facts);
        if let Some(descriptor) = self.descriptor(file, &facts)? {
            details.add_descriptor(&descriptor);
        }
        let Details(mut details) = details;
        details.sort_by_key(|detail| detail.field);
        Ok(details)
    }

    /// Who may do what with a file: as its record says, or the volume's store.
    fn descriptor(&self, file: &File<'_>, facts: &Facts) -> Result<Option<SecurityDescriptor>> {
        let parts = file.parts_of(attribute_type::SECURITY_DESCRIPTOR, "");
        if let Some(value) = Value::of(self, &parts, &mut Vec::new()) {
            let bytes = match value.resident() {
                Some(bytes) => bytes.to_vec(),
                None if self.is_loose() => return Ok(None),
                None => self.open_value(&value)?.read_all(LONGEST_DESCRIPTOR)?,
            };
            return SecurityDescriptor::parse(&bytes, file.header.place.start()).map(Some).map_err(|error| {
                error
                    .in_structure(format!("security descriptor of MFT record {}", file.header.number.0))
                    .into()
            });
        }
        let extension = facts.information.and_then(|information| information.extension);
        let id = extension.map(|extension| extension.security_id).filter(|id| *id != 0);
        match (id, self.security()) {
            (Some(id), Some(store)) => Ok(Some(store.descriptor(id)?)),
            (Some(id), None) if !self.is_loose() => Err(ReadError::corrupt("$Secure")
                .expected(format!("the security descriptor {id}"))
                .found("none")
                .into()),
            _ => Ok(None),
        }
    }
}

/// Details while they are gathered.
struct Details(Vec<Detail>);

impl Details {
    fn add(&mut self, field: &'static str, value: DetailValue) {
        self.0.push(Detail { field, value, volatile: false });
    }

    fn add_volatile(&mut self, field: &'static str, value: DetailValue) {
        self.0.push(Detail { field, value, volatile: true });
    }

    fn add_text(&mut self, field: &'static str, text: impl Into<String>) {
        self.add(field, DetailValue::Text(text.into()));
    }

    fn add_unless_zero(&mut self, field: &'static str, number: u64) {
        if number != 0 {
            self.add(field, DetailValue::Number(number));
        }
    }

    /// The times of every name, and the short names.
    fn add_names(&mut self, file: &File<'_>) {
        for part in file.of_type(attribute_type::FILE_NAME) {
            let Some(name) = part.attribute.value().and_then(FileName::parse) else { continue };
            if name.is_dos() {
                self.add_text("short_name", String::from_utf8_lossy(&name.name()).into_owned());
            } else {
                self.add_times(name.times());
            }
        }
    }

    fn add_times(&mut self, times: Times) {
        let fields = [
            ("file_name.accessed", times.accessed),
            ("file_name.changed", times.changed),
            ("file_name.created", times.created),
            ("file_name.modified", times.modified),
        ];
        for (field, time) in fields {
            if let Some(time) = time {
                self.add(field, DetailValue::Time(time));
            }
        }
    }

    /// The identifiers by which links are tracked.
    fn add_object_id(&mut self, file: &File<'_>) {
        let Some(value) = file.value(attribute_type::OBJECT_ID) else { return };
        let fields = ["object_id", "object_id.birth_volume", "object_id.birth_object", "object_id.domain"];
        for (field, guid) in fields.into_iter().zip(value.chunks_exact(16)) {
            if let Some(guid) =
                guid.first_chunk::<16>().map(|guid| Guid(*guid)).filter(|guid| *guid != Guid::ZERO)
            {
                self.add_text(field, guid.to_string());
            }
        }
    }

    fn add_reparse(&mut self, facts: &Facts) {
        let Some((value, _)) = &facts.reparse else { return };
        let Ok(point) = ReparsePoint::parse(value) else { return };
        self.add_text("reparse", point.name());
        match facts.target() {
            Ok(Some(target)) => {
                self.add_text("reparse.target", vminspect_bytes::decode_wtf8(&target.path).0);
                if let Some(shown) = target.shown {
                    self.add_text("reparse.shown", shown);
                }
            }
            _ => self.add("reparse.data", DetailValue::Bytes(point.data.to_vec())),
        }
    }

    fn add_descriptor(&mut self, descriptor: &SecurityDescriptor) {
        if let Some(owner) = descriptor.owner() {
            self.add_text("owner", owner.to_string());
        }
        if let Some(group) = descriptor.group() {
            self.add_text("group", group.to_string());
        }
        if let Some(dacl) = descriptor.dacl_to_sddl(ObjectKind::File) {
            self.add_text("dacl", dacl);
        }
        if let Some(sacl) = descriptor.sacl_to_sddl(ObjectKind::File) {
            self.add_text("sacl", sacl);
        }
    }
}
