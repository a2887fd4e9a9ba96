use vminspect_bytes::ReadAt;

use crate::Content;
use crate::sector::read_within;

/// The names by which mount tables find a filesystem that nothing here reads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContentIdentity {
    /// UUID or serial number as `blkid` spells it.
    pub uuid: Option<String>,
    /// Label.
    pub label: Option<Vec<u8>>,
}

/// Where a format keeps its identity.
struct Place {
    format: &'static str,
    uuid: (u64, Spelling),
    /// Byte and longest length of the label.
    label: Option<(u64, usize)>,
}

#[derive(Clone, Copy)]
enum Spelling {
    /// 16 bytes, as a UUID in the order of its bytes.
    Uuid,
    /// 4 bytes, little-endian, as two hexadecimal halves.
    Serial32,
    /// 8 bytes, little-endian, in hexadecimal.
    Serial64,
}

/// Longest label in [`PLACES`].
const LONGEST_LABEL: usize = 64;

static PLACES: &[Place] = &[
    Place { format: "ntfs", uuid: (0x48, Spelling::Serial64), label: None },
    Place { format: "exfat", uuid: (0x64, Spelling::Serial32), label: None },
    Place { format: "xfs", uuid: (32, Spelling::Uuid), label: Some((108, 12)) },
    Place { format: "btrfs", uuid: (0x1_0020, Spelling::Uuid), label: Some((0x1_012B, LONGEST_LABEL)) },
    Place { format: "swap", uuid: (1036, Spelling::Uuid), label: Some((1052, 16)) },
    Place { format: "f2fs", uuid: (1132, Spelling::Uuid), label: None },
    Place { format: "erofs", uuid: (1072, Spelling::Uuid), label: Some((1088, 16)) },
    Place { format: "jfs", uuid: (32904, Spelling::Uuid), label: Some((32920, 16)) },
    Place { format: "reiserfs", uuid: (65620, Spelling::Uuid), label: Some((65636, 16)) },
];

const FAT16: Place = Place { format: "vfat", uuid: (0x27, Spelling::Serial32), label: Some((0x2B, 11)) };
const FAT32: Place = Place { format: "vfat", uuid: (0x43, Spelling::Serial32), label: Some((0x47, 11)) };

/// The identity of `content`, as far as it stands in a fixed place. What cannot be read is left out.
#[must_use]
pub fn content_identity(volume: &dyn ReadAt, content: Content) -> ContentIdentity {
    let place = match content.name {
        "vfat" if has_large_fats(volume) => Some(&FAT32),
        "vfat" => Some(&FAT16),
        name => PLACES.iter().find(|place| place.format == name),
    };
    let Some(place) = place else { return ContentIdentity::default() };
    let (offset, spelling) = place.uuid;
    ContentIdentity {
        uuid: spell(volume, offset, spelling),
        label: place.label.and_then(|(offset, length)| label(volume, content, offset, length)),
    }
}

/// FAT32 has no 16-bit size of its tables.
fn has_large_fats(volume: &dyn ReadAt) -> bool {
    matches!(read_within::<2>(volume, 22), Ok(Some([0, 0])))
}

fn spell(volume: &dyn ReadAt, offset: u64, spelling: Spelling) -> Option<String> {
    match spelling {
        Spelling::Uuid => {
            let value = u128::from_be_bytes(read_within(volume, offset).ok()??);
            let digits = format!("{value:032x}");
            let part = |range| digits.get(range).unwrap_or_default();
            let parts = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)];
            (value != 0).then(|| parts.join("-"))
        }
        Spelling::Serial32 => {
            let [a, b, c, d]: [u8; 4] = read_within(volume, offset).ok()??;
            Some(format!("{d:02X}{c:02X}-{b:02X}{a:02X}"))
        }
        Spelling::Serial64 => {
            let value = u64::from_le_bytes(read_within(volume, offset).ok()??);
            (value != 0).then(|| format!("{value:016X}"))
        }
    }
}

fn label(volume: &dyn ReadAt, content: Content, offset: u64, length: usize) -> Option<Vec<u8>> {
    let bytes: [u8; LONGEST_LABEL] = read_within(volume, offset).ok()??;
    let bytes = bytes.get(..length)?;
    let label = bytes.split(|byte| *byte == 0).next()?.trim_ascii_end();
    let is_none = label.is_empty() || (content.name == "vfat" && label == b"NO NAME");
    (!is_none).then(|| label.to_vec())
}
