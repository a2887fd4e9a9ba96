use vminspect_bytes::{HostFile, ReadError};
use zerocopy::FromBytes;

use super::header::{read_available, structure_at, text};
use super::layout::{self, BitmapsExtension, ExtensionHead, FeatureName};
use super::number::{as_u64, as_usize};

/// Bytes of the header extensions: the largest cluster holds no more.
const MOST_BYTES: u64 = 1 << layout::MOST_CLUSTER_BITS;

/// Features whose names are kept.
const MOST_FEATURE_NAMES: usize = 256;

/// The header extensions of an image.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) backing_format: Option<Vec<u8>>,
    pub(super) data_file: Option<Vec<u8>>,
    /// Feature kind (0 is incompatible), bit and name.
    pub(super) feature_names: Vec<(u8, u8, String)>,
    pub(super) bitmaps: Option<BitmapDirectory>,
    /// Where the encryption header is, and how long.
    pub(super) encryption: Option<(u64, u64)>,
    /// Types of extensions that this version does not know.
    pub(super) unknown: Vec<u32>,
}

/// Where the bitmap directory is.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitmapDirectory {
    pub(super) count: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Extensions {
    /// Reads the extensions between `start` and `end` of the image file.
    pub(super) fn read(file: &HostFile, start: u64, end: u64) -> Result<Self, ReadError> {
        let length = end.saturating_sub(start).min(MOST_BYTES);
        let bytes = read_available(file, start, length)?;
        let mut extensions = Self::default();
        let mut position: usize = 0;
        while let Some(head) = structure_at::<ExtensionHead>(&bytes, position) {
            if head.kind.get() == layout::EXTENSION_END {
                break;
            }
            let from = position.saturating_add(size_of::<ExtensionHead>());
            let length = as_usize(u64::from(head.length.get()));
            let to = from.saturating_add(length);
            let Some(data) = bytes.get(from..to) else {
                return Err(ReadError::corrupt("qcow2 header extension")
                    .at(start.saturating_add(as_u64(position)))
                    .expected(format!("an end before byte {end}"))
                    .found(format!("type {:#x} of {length} bytes", head.kind.get())));
            };
            extensions.take(head.kind.get(), data);
            position = to.next_multiple_of(8);
        }
        Ok(extensions)
    }

    fn take(&mut self, kind: u32, data: &[u8]) {
        match kind {
            layout::EXTENSION_BACKING_FORMAT => self.backing_format = Some(data.to_vec()),
            layout::EXTENSION_DATA_FILE => self.data_file = Some(data.to_vec()),
            layout::EXTENSION_FEATURE_NAMES => self.feature_names = feature_names(data),
            layout::EXTENSION_BITMAPS => {
                self.bitmaps = structure_at::<BitmapsExtension>(data, 0).map(|bitmaps| BitmapDirectory {
                    count: bitmaps.nb_bitmaps.get(),
                    offset: bitmaps.bitmap_directory_offset.get(),
                    size: bitmaps.bitmap_directory_size.get(),
                });
            }
            layout::EXTENSION_ENCRYPTION => {
                self.encryption = structure_at::<[zerocopy::U64<zerocopy::BigEndian>; 2]>(data, 0)
                    .map(|[offset, length]| (offset.get(), length.get()));
            }
            other if self.unknown.len() < MOST_FEATURE_NAMES => self.unknown.push(other),
            _ => {}
        }
    }

    /// Refuses incompatible features that the specification did not define, by their names in the image.
    pub(super) fn check_incompatible(&self, features: u64) -> Result<(), ReadError> {
        let unknown = features & !layout::KNOWN_INCOMPATIBLE;
        if unknown == 0 {
            return Ok(());
        }
        let names: Vec<String> = (0u8..64)
            .filter(|bit| unknown & 1u64.wrapping_shl(u32::from(*bit)) != 0)
            .map(|bit| {
                let name = self.feature_names.iter().find(|(kind, of, _)| *kind == 0 && *of == bit);
                name.map_or_else(|| format!("bit {bit}"), |(_, _, name)| format!("bit {bit} ({name:?})"))
            })
            .collect();
        Err(ReadError::unsupported("qcow2 incompatible features")
            .at(72)
            .found(names.join(", "))
            .advice("convert the image with the software that wrote it"))
    }
}

fn feature_names(data: &[u8]) -> Vec<(u8, u8, String)> {
    data.chunks_exact(size_of::<FeatureName>())
        .take(MOST_FEATURE_NAMES)
        .filter_map(|entry| FeatureName::read_from_bytes(entry).ok())
        .map(|entry| {
            let name = entry.name.split(|byte| *byte == 0).next().unwrap_or_default();
            (entry.kind, entry.bit, text(name))
        })
        .collect()
}
