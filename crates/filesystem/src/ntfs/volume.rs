//! An opened volume, or a loose MFT: geometry, MFT, and the tables that are read when somebody asks.

use std::sync::{Arc, OnceLock};

use foldhash::{HashSet, HashSetExt};
use vminspect_bytes::{ReadAt, ReadError, decode_utf16le};
use zerocopy::FromBytes;

use super::address::{ClusterSize, FileKey, RecordNumber, Reference};
use super::boot_sector::{self, Geometry};
use super::compressed_unit::Decoded;
use super::directory::DirectoryEntries;
use super::file::{Extensions, File};
use super::file_record::FileRecord;
use super::layout::{
    EXTEND_RECORD, FIRST_USER_RECORD, LOG_FILE_RECORD, ROOT_RECORD, RawVolumeInformation, SECURE_RECORD,
    UPCASE_RECORD, VOLUME_FLAG_NAMES, VOLUME_RECORD, attribute_type,
};
use super::loose::Parents;
use super::mft::Mft;
use super::scan::not_found;
use super::security_store::SecurityStore;
use super::upcase::UpCase;
use super::value::Value;
use super::{log_file, loose};
use crate::{Error, FileId, Result};

/// Decoded bytes that are kept.
const DECODED_BUDGET: usize = 16 << 20;
/// Files below `$Extend` that are looked at.
const MOST_INTERNAL: usize = 4096;
/// Largest `$SDS` that is used: volumes have a few MiB.
const LARGEST_SECURITY_STREAM: u64 = 1 << 30;

/// An NTFS volume, or its MFT alone.
pub(super) struct Ntfs {
    pub(super) view: Arc<dyn ReadAt>,
    pub(super) geometry: Geometry,
    pub(super) mft: Mft,
    /// Whether records can be divided between runs of the MFT.
    pub(super) may_split: bool,
    pub(super) decoded: Arc<Decoded>,
    pub(super) problems: Vec<Error>,
    pub(super) label: Option<Vec<u8>>,
    pub(super) features: Vec<String>,
    /// The volume's own files below `$Extend`.
    internal: HashSet<RecordNumber>,
    /// Files that were deleted while they were open, and that Windows keeps in `$Extend\$Deleted`.
    orphans: HashSet<Reference>,
    upcase: OnceLock<UpCase>,
    security: OnceLock<Option<SecurityStore>>,
    pub(super) bitmap: OnceLock<Option<Arc<dyn ReadAt>>>,
    /// Of a loose MFT: which names stand in which directory.
    pub(super) parents: Option<OnceLock<Parents>>,
}

impl Ntfs {
    /// Opens a volume.
    ///
    /// # Errors
    /// When there is no usable boot sector or MFT.
    pub(super) fn open(view: Arc<dyn ReadAt>) -> Result<Self> {
        let mut problems = Vec::new();
        let geometry = boot_sector::read(&*view, &mut problems)?;
        let mft = Mft::of_volume(&view, &geometry, &mut problems)?;
        let mut fs = Self::new(view, geometry, mft, false);
        fs.problems.extend(problems.into_iter().map(Error::from));
        fs.read_volume();
        fs.find_internal();
        fs.check_length();
        fs.check_log();
        Ok(fs)
    }

    /// Opens an MFT that was copied from its volume.
    ///
    /// # Errors
    /// When it does not begin with the record of itself.
    pub(super) fn open_loose(view: Arc<dyn ReadAt>) -> Result<Self> {
        let record_size = loose::record_size(&*view)?
            .ok_or_else(|| ReadError::corrupt("$MFT").at(0).expected("its own record").found("none"))?;
        let geometry = Geometry {
            sector_size: 512,
            cluster: ClusterSize(4096),
            record_size,
            index_size: 4096,
            clusters: 0,
            mft: 0,
            mft_mirror: 0,
            serial_number: 0,
            size: view.len(),
        };
        let mft = Mft::loose(Arc::clone(&view), record_size);
        let mut fs = Self::new(view, geometry, mft, true);
        fs.read_volume();
        fs.find_internal();
        Ok(fs)
    }

    fn new(view: Arc<dyn ReadAt>, geometry: Geometry, mft: Mft, is_loose: bool) -> Self {
        let may_split = geometry.cluster.0 < geometry.record_size;
        Self {
            view,
            geometry,
            mft,
            may_split,
            decoded: Arc::new(Decoded::new(DECODED_BUDGET)),
            problems: Vec::new(),
            label: None,
            features: Vec::new(),
            internal: HashSet::new(),
            orphans: HashSet::new(),
            upcase: OnceLock::new(),
            security: OnceLock::new(),
            bitmap: OnceLock::new(),
            parents: is_loose.then(OnceLock::new),
        }
    }

    /// Whether this is an MFT without its volume.
    pub(super) fn is_loose(&self) -> bool {
        self.parents.is_some()
    }

    /// The end of what can be read of the volume.
    pub(super) fn limit(&self) -> u64 {
        self.view.len()
    }

    /// Does something with a file's attributes.
    ///
    /// # Errors
    /// When its record cannot be read, and those of `use_file`.
    pub(super) fn with_file<T>(
        &self,
        reference: Reference,
        use_file: impl FnOnce(&mut File<'_>) -> Result<T>,
    ) -> Result<T> {
        let (mut bytes, place) = self.read_record(reference)?;
        let mut problems = Vec::new();
        let record = FileRecord::parse(reference.record, &mut bytes, place, &mut problems)?;
        if !record.header.is_meant_by(reference) || record.header.base.is_some() {
            return Err(not_found(reference));
        }
        let mut extensions = Extensions::default();
        let mut file = File::new(record.header, problems);
        file.gather(self, record, &mut extensions);
        use_file(&mut file)
    }

    /// The content of an attribute of one of the volume's own files.
    pub(super) fn own_content(&self, record: u32, name: &str) -> Result<Arc<dyn ReadAt>> {
        let reference = Reference { record: RecordNumber(record), sequence: 0 };
        self.with_file(reference, |file| {
            let parts = file.parts_of(attribute_type::DATA, name);
            let mut problems = Vec::new();
            let value = Value::of(self, &parts, &mut problems);
            let value =
                value.ok_or_else(|| Error::NotFound(format!("the content of MFT record {record}")))?;
            Ok(self.open_value(&value)?)
        })
    }

    /// Reads label, version and flags.
    fn read_volume(&mut self) {
        let reference = Reference { record: RecordNumber(VOLUME_RECORD), sequence: 0 };
        let read = self.with_file(reference, |file| {
            let label = file.value(attribute_type::VOLUME_NAME).map(<[u8]>::to_vec);
            let information = file
                .value(attribute_type::VOLUME_INFORMATION)
                .and_then(|value| RawVolumeInformation::read_from_prefix(value).ok().map(|(raw, _)| raw));
            Ok((label, information))
        });
        match read {
            Ok((label, information)) => {
                let label = label.map(|label| decode_utf16le(&label).0.into_bytes());
                self.label = label.filter(|label| !label.is_empty());
                if let Some(raw) = information {
                    self.features.push(format!("version {}.{}", raw.major_version, raw.minor_version));
                    let flags = raw.flags.get();
                    let names = VOLUME_FLAG_NAMES.iter().filter(|(bit, _)| flags & bit != 0);
                    self.features.extend(names.map(|(_, name)| (*name).to_owned()));
                }
            }
            Err(error) if self.is_loose() => drop(error),
            Err(error) => self.problems.push(error),
        }
    }

    /// Finds the volume's own files below `$Extend`.
    fn find_internal(&mut self) {
        let extend = RecordNumber(EXTEND_RECORD);
        let mut open = vec![(extend, false)];
        while let Some((directory, deleted)) = open.pop() {
            let reference = Reference { record: directory, sequence: 0 };
            let entries = self.with_file(reference, |file| {
                let entries = DirectoryEntries::new(self, file)?;
                Ok(entries.take(MOST_INTERNAL).filter_map(Result::ok).collect::<Vec<_>>())
            });
            for entry in entries.unwrap_or_default() {
                let reference = FileKey::new(entry.id).reference;
                if deleted {
                    self.orphans.insert(reference);
                    continue;
                }
                let known = self.internal.len() >= MOST_INTERNAL || !self.internal.insert(reference.record);
                if !known && entry.kind.is_some() {
                    let is_deleted = directory == extend && entry.name == b"$Deleted";
                    open.push((reference.record, is_deleted));
                }
            }
        }
        self.internal.remove(&RecordNumber(ROOT_RECORD));
    }

    fn check_length(&mut self) {
        if self.geometry.size > self.view.len() {
            self.problems.push(
                ReadError::corrupt("volume")
                    .expected(format!("the {} bytes of the filesystem", self.geometry.size))
                    .found(format!("{} bytes", self.view.len()))
                    .advice("the image may be truncated")
                    .into(),
            );
        }
    }

    fn check_log(&mut self) {
        let problem = match self.own_content(LOG_FILE_RECORD, "") {
            Ok(log) => log_file::problem(&*log).map(Error::from),
            Err(error) => Some(error),
        };
        self.problems.extend(problem);
    }

    /// Whether a record is one of the volume's own files.
    pub(super) fn is_internal(&self, file: FileId) -> bool {
        let number = FileKey::new(file).reference.record;
        number.0 != ROOT_RECORD && (number.0 < FIRST_USER_RECORD || self.internal.contains(&number))
    }

    /// Whether every file with this number has standard information.
    pub(super) fn is_user_file(&self, number: RecordNumber) -> bool {
        number.0 >= FIRST_USER_RECORD && !self.internal.contains(&number)
    }

    pub(super) fn is_orphan(&self, reference: Reference) -> bool {
        !self.orphans.is_empty() && self.orphans.contains(&reference)
    }

    /// What records depend on besides the places of the MFT.
    pub(super) fn push_state(&self, key: &mut Vec<u8>) {
        for part in [self.geometry.cluster.bytes(), self.geometry.clusters, u64::from(self.is_loose())] {
            key.extend_from_slice(&part.to_le_bytes());
        }
        let mut numbers: Vec<u64> = self.internal.iter().map(|number| u64::from(number.0)).collect();
        numbers.extend(self.orphans.iter().map(|reference| reference.file().0));
        numbers.sort_unstable();
        key.extend_from_slice(&super::widen(numbers.len()).to_le_bytes());
        for number in numbers {
            key.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// The table of upper-case letters; that of Unicode where the volume's own cannot be used.
    pub(super) fn upcase(&self) -> &UpCase {
        self.upcase.get_or_init(|| {
            let own = self.own_content(UPCASE_RECORD, "").ok();
            own.and_then(|content| UpCase::read(&*content).ok()).unwrap_or_else(UpCase::unicode)
        })
    }

    /// The security descriptors, where the volume keeps them together.
    pub(super) fn security(&self) -> Option<&SecurityStore> {
        self.security
            .get_or_init(|| {
                let stream = self.own_content(SECURE_RECORD, "$SDS").ok()?;
                (stream.len() <= LARGEST_SECURITY_STREAM).then(|| SecurityStore::read(stream))
            })
            .as_ref()
    }
}
