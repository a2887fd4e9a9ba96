//! A file: its first record and those that extend it, as one list of attributes.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError};

use super::address::{RecordNumber, Reference};
use super::attribute::Attribute;
use super::attribute_list::AttributeList;
use super::file_record::{FileRecord, RecordHeader, damaged_record};
use super::layout::attribute_type;
use super::mft::RecordBytes;
use super::volume::Ntfs;

/// Problems of one file after which no more of its records are looked for.
pub(super) const MOST_PROBLEMS: usize = 16;

/// An attribute and the record that it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) attribute: Attribute<'a>,
    pub(super) record: RecordHeader,
}

/// The bytes of records that extend a file's first.
#[derive(Default)]
pub(super) struct Extensions {
    records: Vec<(RecordNumber, ByteRange, RecordBytes)>,
}

/// All of a file that records say.
pub(super) struct File<'a> {
    pub(super) header: RecordHeader,
    /// In the order of types, names and positions in their values.
    pub(super) parts: SmallVec<[Part<'a>; 8]>,
    /// What was read besides the first record.
    pub(super) depends: SmallVec<[ByteRange; 1]>,
    pub(super) problems: Vec<ReadError>,
}

impl<'a> File<'a> {
    /// A file without attributes. `problems` are those of its first record so far.
    pub(super) fn new(header: RecordHeader, problems: Vec<ReadError>) -> Self {
        Self { header, parts: SmallVec::new(), depends: SmallVec::new(), problems }
    }

    /// Gathers the attributes of the file from its first record and, into `extensions`, from those that extend it. In
    /// place, since a file is large to move.
    pub(super) fn gather(&mut self, fs: &Ntfs, record: FileRecord<'a>, extensions: &'a mut Extensions) {
        self.add(record);
        self.add_extensions(fs, extensions);
    }

    /// Adds the attributes of the records that its attribute list names, if it has one.
    fn add_extensions(&mut self, fs: &Ntfs, extensions: &'a mut Extensions) {
        let Some(list) = self.of_type(attribute_type::ATTRIBUTE_LIST).next().map(|part| part.attribute)
        else {
            return;
        };
        let place = self.header.place.start();
        if fs.is_loose() && list.value().is_none() {
            let error = ReadError::unsupported("attribute list outside the MFT");
            self.problems.push(error.at(place).found("a loose $MFT, without the volume that it is of"));
            return;
        }
        let list = match AttributeList::read(&*fs.view, &fs.geometry, &list, place) {
            Ok(list) => list,
            Err(error) => return self.problems.push(error),
        };
        self.depends.extend(list.stored.iter().copied());
        let others = self.others(&list);
        self.read_extensions(fs, &others, extensions);
        for (number, place, bytes) in &mut extensions.records {
            match FileRecord::parse(*number, bytes, *place, &mut self.problems) {
                Ok(record) if self.owns(&record.header, &others) => self.add(record),
                Ok(record) => self.problems.push(not_own(&self.header, &record.header)),
                Err(error) => self.problems.push(error),
            }
        }
        self.parts.sort_by(|x, y| order(&x.attribute).cmp(&order(&y.attribute)));
        self.check_list(&list);
    }

    fn add(&mut self, record: FileRecord<'a>) {
        for attribute in record.attributes() {
            match attribute {
                Ok(attribute) => self.parts.push(Part { attribute, record: record.header }),
                Err(error) => self.problems.push(error),
            }
        }
    }

    /// The records that a list names besides the first.
    fn others(&mut self, list: &AttributeList) -> Vec<Reference> {
        let mut others = Vec::new();
        for entry in list.entries() {
            match entry {
                Ok(entry) if entry.reference.record == self.header.number => {}
                Ok(entry) => others.push(entry.reference),
                Err(error) => self.problems.push(error),
            }
        }
        others.sort_unstable();
        others.dedup();
        others
    }

    /// Reports attributes that the list names and that are not where it says.
    fn check_list(&mut self, list: &AttributeList) {
        for entry in list.entries().filter_map(Result::ok) {
            let key = (entry.type_code, entry.name, entry.lowest_vcn);
            let first = self.parts.partition_point(|part| order(&part.attribute) < key);
            let mut same = self
                .parts
                .get(first..)
                .unwrap_or_default()
                .iter()
                .take_while(|part| order(&part.attribute) == key);
            if same.any(|part| part.record.number == entry.reference.record) {
                continue;
            }
            let error = damaged_record(self.header.number, self.header.place);
            self.problems.push(
                error
                    .expected(format!(
                        "an attribute of type {:#x} in MFT record {}",
                        key.0, entry.reference.record.0
                    ))
                    .found("none there, though the attribute list names it"),
            );
            if self.problems.len() > MOST_PROBLEMS {
                return;
            }
        }
    }

    fn read_extensions(&mut self, fs: &Ntfs, others: &[Reference], extensions: &mut Extensions) {
        let mut failed = 0_usize;
        for reference in others {
            if failed > MOST_PROBLEMS {
                return;
            }
            match fs.mft.read(reference.record) {
                Ok((bytes, place)) => {
                    self.depends.push(place);
                    if let Some((_, elsewhere)) = fs.mft.place(reference.record) {
                        self.depends.extend(elsewhere);
                    }
                    // That it is not this file's is told when it is parsed; a hostile list may name any number of those.
                    let foreign = !base_is(&bytes, self.header.number);
                    failed = failed.saturating_add(usize::from(foreign));
                    extensions.records.push((reference.record, place, bytes));
                }
                Err(error) => {
                    failed = failed.saturating_add(1);
                    self.problems.push(error);
                }
            }
        }
    }

    /// Whether a record extends this file. Deleting a file counts up the sequence numbers of all of its records.
    fn owns(&self, other: &RecordHeader, listed: &[Reference]) -> bool {
        let deleted = !self.header.in_use;
        let fits = |reference: Reference, sequence: u16| {
            reference.fits(sequence) || (deleted && reference.fits(sequence.wrapping_sub(1)))
        };
        let is_listed = listed.iter().any(|each| each.record == other.number && fits(*each, other.sequence));
        let base = other.base.filter(|base| base.record == self.header.number);
        is_listed
            && other.in_use == self.header.in_use
            && base.is_some_and(|base| fits(base, self.header.sequence))
    }

    /// The attributes of a type.
    pub(super) fn of_type(&self, type_code: u32) -> impl Iterator<Item = &Part<'a>> {
        self.parts.iter().filter(move |part| part.attribute.type_code == type_code)
    }

    /// The resident value of the first attribute of a type.
    pub(super) fn value(&self, type_code: u32) -> Option<&'a [u8]> {
        self.of_type(type_code).find_map(|part| part.attribute.value())
    }

    /// The parts of the value of one attribute, by type and ASCII name.
    pub(super) fn parts_of(&self, type_code: u32, name: &str) -> SmallVec<[Part<'a>; 2]> {
        self.of_type(type_code).filter(|part| part.attribute.has_name(name)).copied().collect()
    }
}

fn order<'a>(attribute: &Attribute<'a>) -> (u32, &'a [u8], u64) {
    (attribute.type_code, attribute.name, attribute.lowest_vcn())
}

/// Whether the bytes of a record say that it extends this one.
fn base_is(bytes: &[u8], number: RecordNumber) -> bool {
    let base = bytes.get(32..).and_then(|rest| rest.first_chunk::<4>());
    base.is_some_and(|base| u32::from_le_bytes(*base) == number.0)
}

fn not_own(file: &RecordHeader, other: &RecordHeader) -> ReadError {
    let found = match other.base {
        Some(base) => format!("one of record {}", base.record.0),
        None => "a record of its own".to_owned(),
    };
    damaged_record(other.number, other.place)
        .expected(format!("a record that extends record {}", file.number.0))
        .found(if other.in_use || !file.in_use { found } else { "a free record".to_owned() })
}
