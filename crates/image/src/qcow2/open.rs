use std::sync::Arc;

use vminspect_bytes::{ByteRange, HostFile, ReadAt, ReadError, Window};

use super::descriptor::EntryRules;
use super::header::{Encryption, Header, text};
use super::info;
use super::l1_table::{L1Place, L1Table};
use super::layout;
use super::mapping::Mapping;
use super::snapshot::{self, Snapshot};
use super::survey::{Survey, corrupt_flag};
use super::virtual_disk::VirtualDisk;
use crate::driver::{Opened, Opening};
use crate::named_file;
use crate::{Error, ImageInfo, Result};

/// Opens a qcow2 image, or a snapshot in it.
#[expect(clippy::needless_pass_by_value, reason = "the signature of every driver")]
pub(super) fn open(opening: Opening<'_>) -> Result<Opened> {
    let file = Arc::clone(&opening.file);
    let in_file = |error: ReadError| Error::from(error.in_file(file.path()));
    let header = Header::read(&file).map_err(in_file)?;
    refuse_encryption(&header).map_err(in_file)?;
    let mut problems = Vec::new();
    let (snapshots, error) = snapshot::read_table(&file, &header);
    problems.extend(error.map(|error| error.in_file(file.path())));
    let chosen = opening.snapshot.map(|wanted| snapshot::choose(&snapshots, wanted)).transpose()?;

    let data = open_data_file(&opening, &header)?;
    let parent = open_parent(&opening, &header)?;
    let image = Image {
        opening: &opening,
        header: &header,
        data: data.clone().unwrap_or_else(|| Arc::clone(&file)),
        parent: parent.as_ref().map(|parent| Arc::clone(&parent.disk)),
    };
    let (place, length) =
        chosen.map_or((header.l1, header.virtual_size), |chosen| (chosen.l1, chosen.info.disk_size));
    let disk = image.disk(place, length, &mut problems).map_err(in_file)?;
    let vm_state = match chosen {
        Some(chosen) => image.vm_state(chosen, &mut problems),
        None => None,
    };

    if header.has(layout::CORRUPT) {
        problems.push(corrupt_flag(&file));
    }
    let mut info = image_info(&file, &header, &snapshots, length);
    info.snapshot = chosen.map(|chosen| chosen.info.id.clone());
    info.data_file = data.as_ref().map(|data| data.path().to_owned());
    match info::bitmap_lines(&file, &header) {
        Ok(lines) => info.details.extend(lines),
        Err(error) => problems.push(error.in_file(file.path())),
    }
    let mut host_files = vec![Arc::clone(&file)];
    host_files.extend(data);
    if let Some(parent) = parent {
        info.details.push(("backing_file_format", info::parent_format(&header, &parent)));
        host_files.extend(parent.host_files);
        problems.extend(parent.problems);
        info.parent = Some(Box::new(parent.info));
    }
    Ok(Opened { disk: Arc::new(disk), info, host_files, problems, vm_state })
}

fn refuse_encryption(header: &Header) -> Result<(), ReadError> {
    let found = match header.encryption {
        Encryption::None => return Ok(()),
        Encryption::Aes => "AES (crypt_method 1)".to_owned(),
        Encryption::Luks => match header.extensions.encryption {
            Some((offset, length)) => {
                format!("LUKS (crypt_method 2), its header of {length} bytes at {offset}")
            }
            None => "LUKS (crypt_method 2)".to_owned(),
        },
    };
    Err(ReadError::unsupported("qcow2 encryption")
        .at(32)
        .found(found)
        .advice("decrypt the image with qemu-img convert and its secret, and run again"))
}

/// Opens the external data file, where the image has one. Its bytes are plain, whatever they look like.
fn open_data_file(opening: &Opening<'_>, header: &Header) -> Result<Option<Arc<HostFile>>> {
    if !header.has(layout::EXTERNAL_DATA) {
        return Ok(None);
    }
    let Some(name) = header.extensions.data_file.as_deref().filter(|name| !name.is_empty()) else {
        return Err(ReadError::unsupported("qcow2 external data file")
            .in_file(opening.file.path())
            .expected("its name in the image")
            .found("no name")
            .into());
    };
    named_file::open(opening, name).map(|named| Some(named.file))
}

/// Opens the backing file, where the image has one.
fn open_parent(opening: &Opening<'_>, header: &Header) -> Result<Option<Opened>> {
    let Some(name) = &header.backing_file else { return Ok(None) };
    let format = header.extensions.backing_format.as_deref().filter(|format| !format.is_empty()).map(text);
    named_file::open_parent(opening, name, format.as_deref()).map(Some)
}

fn image_info(file: &HostFile, header: &Header, snapshots: &[Snapshot], length: u64) -> ImageInfo {
    ImageInfo {
        path: file.path().to_owned(),
        format: super::DRIVER.name,
        virtual_size: length,
        file_size: file.len(),
        cluster_size: Some(header.geometry.cluster_size()),
        details: info::details(header),
        snapshots: snapshots.iter().map(|snapshot| snapshot.info.clone()).collect(),
        ..ImageInfo::default()
    }
}

/// What the active state and the snapshots of an image share.
struct Image<'a> {
    opening: &'a Opening<'a>,
    header: &'a Header,
    data: Arc<HostFile>,
    parent: Option<Arc<dyn ReadAt>>,
}

impl Image<'_> {
    /// The disk that an L1 table maps.
    fn disk(
        &self,
        place: L1Place,
        length: u64,
        problems: &mut Vec<ReadError>,
    ) -> Result<VirtualDisk, ReadError> {
        self.map(place, length, self.parent.clone(), problems)
    }

    fn map(
        &self,
        place: L1Place,
        length: u64,
        parent: Option<Arc<dyn ReadAt>>,
        problems: &mut Vec<ReadError>,
    ) -> Result<VirtualDisk, ReadError> {
        let header = self.header;
        let file = &self.opening.file;
        let needed = header.geometry.l1_entries(length);
        if i64::try_from(length).is_err() || u64::from(place.entries) < needed {
            return Err(ReadError::corrupt("qcow2 L1 table")
                .at(place.offset)
                .expected(format!("{needed} entries for {length} bytes"))
                .found(place.entries.to_string()));
        }
        let mapping = Mapping {
            l1: L1Table::read(file, place, header.geometry, length)?,
            file: Arc::clone(file),
            rules: EntryRules {
                geometry: header.geometry,
                zero_flag: header.version >= 3 && !header.geometry.extended(),
                data_file: header.has(layout::EXTERNAL_DATA),
            },
            data_length: self.data.len(),
            has_parent: parent.is_some(),
        };
        problems.extend(Survey::of(&mapping, length).problem(file));
        if mapping.l1.len() < needed {
            problems.push(
                ReadError::corrupt("qcow2 L1 table")
                    .at(place.offset)
                    .in_file(file.path())
                    .expected(format!("{needed} entries"))
                    .found(format!("an end of the file after {}", mapping.l1.len()))
                    .advice("the image is truncated"),
            );
        }
        Ok(VirtualDisk {
            mapping,
            length,
            data: Arc::clone(&self.data),
            parent,
            compression: header.compression,
            codec: header.compression.codec(header.geometry.cluster_size()),
            cache: Arc::clone(self.opening.cache),
        })
    }

    /// The guest's memory that a snapshot saved. It lies as if it were guest data from the first position on
    /// that is mapped by an L1 entry which maps nothing of the disk.
    fn vm_state(&self, snapshot: &Snapshot, problems: &mut Vec<ReadError>) -> Option<Arc<dyn ReadAt>> {
        let size = snapshot.info.vm_state_size;
        if size == 0 {
            return None;
        }
        let geometry = self.header.geometry;
        let start = geometry.l1_entries(snapshot.info.disk_size).saturating_mul(geometry.table_span());
        let area = ByteRange::at(start, size);
        let opened =
            self.map(snapshot.l1, area.end(), None, problems).and_then(|disk| Window::new(disk, area));
        match opened {
            Ok(window) => Some(Arc::new(window)),
            Err(error) => {
                problems.push(
                    ReadError::corrupt(format!("qcow2 VM state of snapshot {}", snapshot.info.id))
                        .in_file(self.opening.file.path())
                        .caused_by(error),
                );
                None
            }
        }
    }
}
