use vminspect_bytes::{HostFile, ReadAt, ReadAtExt, ReadError};
use zerocopy::FromBytes;

use super::compression::Compression;
use super::extension::Extensions;
use super::geometry::Geometry;
use super::l1_table::L1Place;
use super::layout::{self, HeaderV3};
use super::number::{as_u64, as_usize};

/// How the payload is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encryption {
    None,
    Aes,
    Luks,
}

/// A header whose fields make sense together.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) geometry: Geometry,
    pub(super) virtual_size: u64,
    pub(super) l1: L1Place,
    pub(super) snapshots_offset: u64,
    pub(super) snapshot_count: u32,
    pub(super) encryption: Encryption,
    pub(super) compression: Compression,
    pub(super) incompatible: u64,
    pub(super) compatible: u64,
    pub(super) autoclear: u64,
    pub(super) refcount_order: u32,
    pub(super) header_length: u32,
    pub(super) backing_file: Option<Vec<u8>>,
    pub(super) extensions: Extensions,
}

/// Whether the file begins with the magic bytes and a version of the format.
pub(super) fn probe(file: &HostFile) -> Result<bool, ReadError> {
    if file.len() < 8 {
        return Ok(false);
    }
    Ok(file.read_array::<4>(0)? == layout::MAGIC.to_be_bytes())
}

impl Header {
    /// Reads the header and its extensions.
    pub(super) fn read(file: &HostFile) -> Result<Self, ReadError> {
        let bytes = file.read_array::<72>(0)?;
        let base =
            layout::Header::read_from_bytes(&bytes).map_err(|_| ReadError::corrupt("qcow2 header").at(0))?;
        if base.magic.get() != layout::MAGIC {
            return Err(field("magic", 0).found(format!("{:#x}", base.magic.get())));
        }
        let version = base.version.get();
        if version != 2 && version != 3 {
            let error = ReadError::unsupported("qcow2 version").at(4);
            return Err(error.expected("2 or 3").found(version.to_string()));
        }
        let (v3, header_length) = read_v3(file, version)?;
        let extended = v3.incompatible_features.get() & layout::EXTENDED_L2 != 0;
        let geometry = geometry(base.cluster_bits.get(), extended)?;
        let area_end = match base.backing_file_offset.get() {
            0 => geometry.cluster_size(),
            offset => geometry.cluster_size().min(offset),
        };
        let extensions = Extensions::read(file, u64::from(header_length), area_end)?;
        extensions.check_incompatible(v3.incompatible_features.get())?;
        let header = Self {
            version,
            geometry,
            virtual_size: virtual_size(base.size.get())?,
            l1: L1Place { offset: base.l1_table_offset.get(), entries: base.l1_size.get() },
            snapshots_offset: base.snapshots_offset.get(),
            snapshot_count: base.nb_snapshots.get(),
            encryption: encryption(base.crypt_method.get())?,
            compression: compression(file, header_length, v3.incompatible_features.get())?,
            incompatible: v3.incompatible_features.get(),
            compatible: v3.compatible_features.get(),
            autoclear: v3.autoclear_features.get(),
            refcount_order: if version == 2 { 4 } else { v3.refcount_order.get() },
            header_length,
            backing_file: backing_file(file, &base)?,
            extensions,
        };
        header.check_l1()?;
        Ok(header)
    }

    pub(super) fn has(&self, incompatible: u64) -> bool {
        self.incompatible & incompatible != 0
    }

    /// Whether the data file is a raw image in its own right.
    pub(super) fn data_file_raw(&self) -> bool {
        self.autoclear & layout::RAW_EXTERNAL_DATA != 0
    }

    /// An L1 table that is too small for the disk leaves most of it without meaning.
    fn check_l1(&self) -> Result<(), ReadError> {
        let needed = self.geometry.l1_entries(self.virtual_size);
        if u64::from(self.l1.entries) >= needed {
            return Ok(());
        }
        Err(field("l1_size", 36)
            .expected(format!("at least {needed} entries for {} bytes", self.virtual_size))
            .found(self.l1.entries.to_string()))
    }
}

/// An error in a field of the header.
fn field(name: &str, offset: u64) -> ReadError {
    ReadError::corrupt(format!("qcow2 header field {name}")).at(offset)
}

fn read_v3(file: &HostFile, version: u32) -> Result<(HeaderV3, u32), ReadError> {
    if version == 2 {
        return Ok((HeaderV3::default(), layout::HEADER_LENGTH_V2));
    }
    let bytes = file.read_array::<32>(72)?;
    let v3 = HeaderV3::read_from_bytes(&bytes).map_err(|_| field("incompatible_features", 72))?;
    let length = v3.header_length.get();
    if length < layout::HEADER_LENGTH_V3 || !length.is_multiple_of(8) {
        return Err(field("header_length", 100)
            .expected("a multiple of 8 from 104 on")
            .found(length.to_string()));
    }
    Ok((v3, length))
}

fn geometry(cluster_bits: u32, extended: bool) -> Result<Geometry, ReadError> {
    Geometry::new(cluster_bits, extended).ok_or_else(|| {
        let least = if extended { layout::LEAST_CLUSTER_BITS_EXTENDED } else { layout::LEAST_CLUSTER_BITS };
        field("cluster_bits", 20)
            .expected(format!("{least} to {}", layout::MOST_CLUSTER_BITS))
            .found(cluster_bits.to_string())
    })
}

fn virtual_size(size: u64) -> Result<u64, ReadError> {
    if i64::try_from(size).is_ok() {
        return Ok(size);
    }
    Err(field("size", 24).expected("fewer than 2^63 bytes").found(size.to_string()))
}

fn encryption(method: u32) -> Result<Encryption, ReadError> {
    match method {
        0 => Ok(Encryption::None),
        1 => Ok(Encryption::Aes),
        2 => Ok(Encryption::Luks),
        other => Err(ReadError::unsupported("qcow2 crypt_method")
            .at(32)
            .expected("0, 1 or 2")
            .found(other.to_string())),
    }
}

fn compression(file: &HostFile, header_length: u32, incompatible: u64) -> Result<Compression, ReadError> {
    let kind = if header_length > layout::COMPRESSION_TYPE {
        let [kind] = file.read_array::<1>(u64::from(layout::COMPRESSION_TYPE))?;
        kind
    } else {
        0
    };
    let flagged = incompatible & layout::COMPRESSION != 0;
    match (kind, flagged) {
        (0, false) => Ok(Compression::Deflate),
        (1, true) => Ok(Compression::Zstd),
        (0, true) | (1.., false) => Err(field("compression_type", u64::from(layout::COMPRESSION_TYPE))
            .expected("0 without, another with the incompatible feature bit 3")
            .found(format!("{kind}, the bit being {}", u8::from(flagged)))),
        (other, true) => Err(ReadError::unsupported("qcow2 compression_type")
            .at(u64::from(layout::COMPRESSION_TYPE))
            .expected("0 (deflate) or 1 (zstd)")
            .found(other.to_string())),
    }
}

fn backing_file(file: &HostFile, header: &layout::Header) -> Result<Option<Vec<u8>>, ReadError> {
    let (offset, length) = (header.backing_file_offset.get(), header.backing_file_size.get());
    if offset == 0 || length == 0 {
        return Ok(None);
    }
    if length > layout::MOST_BACKING_FILE_SIZE {
        return Err(field("backing_file_size", 16)
            .expected(format!("at most {}", layout::MOST_BACKING_FILE_SIZE))
            .found(length.to_string()));
    }
    let end = offset.saturating_add(u64::from(length));
    if end > file.len() {
        return Err(field("backing_file_offset", 8)
            .expected(format!("a name within the file's {} bytes", file.len()))
            .found(format!("{length} bytes at {offset}")));
    }
    file.read_vec(offset, as_usize(u64::from(length))).map(Some)
}

/// The structure that begins at `position` of `bytes`.
pub(super) fn structure_at<T: FromBytes>(bytes: &[u8], position: usize) -> Option<T> {
    let end = position.checked_add(size_of::<T>())?;
    T::read_from_bytes(bytes.get(position..end)?).ok()
}

/// Text of evidence for people; what is not UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads `length` bytes, or those that the file has.
pub(super) fn read_available(file: &HostFile, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
    let available = file.len().saturating_sub(offset).min(length);
    file.read_vec(offset, as_usize(available)).inspect(|bytes| debug_assert!(as_u64(bytes.len()) <= length))
}
