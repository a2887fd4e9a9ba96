//! `$REPARSE_POINT`: what a file stands for instead of itself.
//!
//! Formats: [MS-FSCC] 2.1.2, and for application execution links and WSL files what Windows writes.

use vminspect_bytes::{ReadError, Reader, decode_utf16le, push_wtf8, utf16le_units};
use zerocopy::FromBytes;

use super::layout::RawReparsePoint;
use crate::FileKind;

const MOUNT_POINT: u32 = 0xa000_0003;
const SYMLINK: u32 = 0xa000_000c;
const LX_SYMLINK: u32 = 0xa000_001d;
const AF_UNIX: u32 = 0x8000_0023;
const LX_FIFO: u32 = 0x8000_0024;
const LX_CHARACTER_DEVICE: u32 = 0x8000_0025;
const LX_BLOCK_DEVICE: u32 = 0x8000_0026;
const APP_EXECUTION_LINK: u32 = 0x8000_001b;
/// Deduplicated: the content is put together from a store elsewhere on the volume.
pub(super) const DEDUPLICATED: u32 = 0x8000_0013;
/// Compressed by the Windows Overlay Filter.
pub(super) const WOF: u32 = 0x8000_0017;
/// Set in the tags that Microsoft defined.
const MICROSOFT: u32 = 0x8000_0000;
/// Tags without Microsoft's bit are followed by the GUID of who defined them.
const GUID_LENGTH: usize = 16;

/// Tags and their names in Microsoft's headers, without `IO_REPARSE_TAG_`.
const NAMES: &[(u32, &str)] = &[
    (MOUNT_POINT, "MOUNT_POINT"),
    (0xc000_0004, "HSM"),
    (0x8000_0005, "DRIVE_EXTENDER"),
    (0x8000_0006, "HSM2"),
    (0x8000_0007, "SIS"),
    (0x8000_0008, "WIM"),
    (0x8000_0009, "CSV"),
    (0x8000_000a, "DFS"),
    (0x8000_000b, "FILTER_MANAGER"),
    (SYMLINK, "SYMLINK"),
    (0xa000_0010, "IIS_CACHE"),
    (0x8000_0012, "DFSR"),
    (DEDUPLICATED, "DEDUP"),
    (0xc000_0014, "APPXSTRM"),
    (0x8000_0014, "NFS"),
    (0x8000_0015, "FILE_PLACEHOLDER"),
    (0x8000_0016, "DFM"),
    (WOF, "WOF"),
    (0x8000_0018, "WCI"),
    (0x9000_1018, "WCI_1"),
    (0xa000_0019, "GLOBAL_REPARSE"),
    (0x9000_001a, "CLOUD"),
    (APP_EXECUTION_LINK, "APPEXECLINK"),
    (0x9000_001c, "PROJFS"),
    (LX_SYMLINK, "LX_SYMLINK"),
    (0x8000_001e, "STORAGE_SYNC"),
    (0x8000_0020, "UNHANDLED"),
    (0x8000_0021, "ONEDRIVE"),
    (0xa000_001f, "WCI_TOMBSTONE"),
    (0xa000_0022, "PROJFS_TOMBSTONE"),
    (AF_UNIX, "AF_UNIX"),
    (LX_FIFO, "LX_FIFO"),
    (LX_CHARACTER_DEVICE, "LX_CHR"),
    (LX_BLOCK_DEVICE, "LX_BLK"),
    (0xa000_0027, "WCI_LINK"),
    (0xa000_1027, "WCI_LINK_1"),
];

/// Numbered variants of the tag of files in a cloud: 0x9000_x01a.
const CLOUD: u32 = 0x9000_001a;
const CLOUD_VARIANTS: u32 = 0x0000_f000;

/// Longest value: Microsoft's `MAXIMUM_REPARSE_DATA_BUFFER_SIZE`, and the header.
pub(super) const LONGEST: u64 = 16 << 10;

/// A reparse point.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReparsePoint<'a> {
    pub(super) tag: u32,
    pub(super) data: &'a [u8],
}

/// Where a link leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    /// As WTF-8: `\??\C:\Users`, `..\file`.
    pub(super) path: Vec<u8>,
    /// What Windows shows of it, where that is recorded apart.
    pub(super) shown: Option<String>,
}

impl<'a> ReparsePoint<'a> {
    /// Parses a value.
    ///
    /// # Errors
    /// In words, when it is cut short.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, &'static str> {
        let (raw, rest) = RawReparsePoint::ref_from_prefix(value).map_err(|_| "a header cut short")?;
        let tag = raw.tag.get();
        let skip = if tag & MICROSOFT == 0 { GUID_LENGTH } else { 0 };
        let rest = rest.get(skip..).ok_or("a GUID cut short")?;
        let data = rest.get(..usize::from(raw.data_length.get())).ok_or("data cut short")?;
        Ok(Self { tag, data })
    }

    /// Name of the tag, or its number.
    pub(super) fn name(&self) -> String {
        let known = NAMES.iter().find(|(tag, _)| *tag == self.tag).map(|(_, name)| (*name).to_owned());
        let variant = || {
            let number = (self.tag & CLOUD_VARIANTS) >> 12;
            (self.tag & !CLOUD_VARIANTS == CLOUD).then(|| format!("CLOUD_{number:X}"))
        };
        known.or_else(variant).unwrap_or_else(|| format!("{:#010x}", self.tag))
    }

    /// Whether the content of the file may be elsewhere, in a cloud.
    pub(super) fn is_cloud(&self) -> bool {
        self.tag & !CLOUD_VARIANTS == CLOUD
    }

    /// What a file with this tag is, where the tag says so.
    pub(super) fn kind(&self) -> Option<FileKind> {
        match self.tag {
            MOUNT_POINT | SYMLINK | LX_SYMLINK => Some(FileKind::Symlink),
            LX_FIFO => Some(FileKind::Fifo),
            LX_CHARACTER_DEVICE => Some(FileKind::CharacterDevice),
            LX_BLOCK_DEVICE => Some(FileKind::BlockDevice),
            AF_UNIX => Some(FileKind::Socket),
            _ => None,
        }
    }

    /// Where it leads, if it is a link of any kind. `place` is where the value lies.
    ///
    /// # Errors
    /// When it is cut short.
    pub(super) fn target(&self, place: u64) -> Result<Option<Target>, ReadError> {
        let mut reader = Reader::new(self.data, "reparse point", place);
        Ok(match self.tag {
            SYMLINK | MOUNT_POINT => Some(self.names(&mut reader)?),
            LX_SYMLINK => {
                reader.skip(4)?;
                Some(Target { path: reader.rest().to_vec(), shown: None })
            }
            APP_EXECUTION_LINK => {
                reader.skip(4)?;
                let strings = strings(reader.rest());
                // Package, entry point, executable, type.
                strings.get(2).map(|executable| Target {
                    path: executable.clone().into_bytes(),
                    shown: strings.first().cloned(),
                })
            }
            _ => None,
        })
    }

    fn names(&self, reader: &mut Reader<'_>) -> Result<Target, ReadError> {
        let field = |reader: &mut Reader<'_>| reader.u16_le().map(usize::from);
        let (path_offset, path_length) = (field(reader)?, field(reader)?);
        let (shown_offset, shown_length) = (field(reader)?, field(reader)?);
        if self.tag == SYMLINK {
            // Whether the target is relative, which it tells by itself.
            reader.skip(4)?;
        }
        let place = reader.offset();
        let buffer = reader.rest();
        let name = |offset: usize, length: usize| {
            buffer.get(offset..).and_then(|rest| rest.get(..length)).ok_or_else(|| {
                ReadError::corrupt("reparse point")
                    .at(place)
                    .expected(format!("a name of {length} bytes at byte {offset} of its names"))
                    .found(format!("{} bytes of them", buffer.len()))
            })
        };
        let mut path = Vec::new();
        push_wtf8(utf16le_units(name(path_offset, path_length)?), &mut path);
        let shown = name(shown_offset, shown_length).ok().map(|name| decode_utf16le(name).0);
        let shown = shown.filter(|shown| !shown.is_empty() && shown.as_bytes() != path);
        Ok(Target { path, shown })
    }
}

/// Strings of UTF-16 that each end in a zero.
fn strings(bytes: &[u8]) -> Vec<String> {
    let units: Vec<u16> = utf16le_units(bytes).collect();
    units.split(|unit| *unit == 0).take(16).map(String::from_utf16_lossy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(tag: u32, data: &[u8]) -> Vec<u8> {
        let mut value = tag.to_le_bytes().to_vec();
        value.extend_from_slice(&u16::try_from(data.len()).unwrap().to_le_bytes());
        value.extend_from_slice(&[0, 0]);
        value.extend_from_slice(data);
        value
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn names(path: &str, shown: &str, flags: Option<u32>) -> Vec<u8> {
        let (path, shown) = (utf16(path), utf16(shown));
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut data = [[0, 0], length(&path), length(&path), length(&shown)].concat();
        data.extend(flags.map(u32::to_le_bytes).into_iter().flatten());
        data.extend_from_slice(&path);
        data.extend_from_slice(&shown);
        data
    }

    fn target(value: &[u8]) -> Option<Target> {
        ReparsePoint::parse(value).unwrap().target(0).unwrap()
    }

    #[test]
    fn links_have_targets() {
        let junction = point(MOUNT_POINT, &names(r"\??\C:\Users", r"C:\Users", None));
        let expected = Target { path: br"\??\C:\Users".to_vec(), shown: Some(r"C:\Users".to_owned()) };
        assert_eq!(target(&junction), Some(expected));
        let link = point(SYMLINK, &names(r"..\file", r"..\file", Some(1)));
        assert_eq!(target(&link), Some(Target { path: br"..\file".to_vec(), shown: None }));
        let unix = point(LX_SYMLINK, b"\x02\0\0\0/etc/passwd");
        assert_eq!(target(&unix).unwrap().path, b"/etc/passwd");
        let data = [b"\x03\0\0\0".to_vec(), utf16("Package\0Entry\0C:\\app.exe\x000\0")].concat();
        let app = target(&point(APP_EXECUTION_LINK, &data)).unwrap();
        assert_eq!((app.path.as_slice(), app.shown.as_deref()), (&b"C:\\app.exe"[..], Some("Package")));
        assert_eq!(target(&point(WOF, &[0; 24])), None);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let whole = point(SYMLINK, &names(r"\??\C:\Users", "C:", Some(0)));
        for length in 0..whole.len() {
            assert!(ReparsePoint::parse(&whole[..length]).is_err());
        }
        let mut long = whole.clone();
        long[10] = 200;
        assert!(ReparsePoint::parse(&long).unwrap().target(0).is_err());
    }

    #[test]
    fn tags_have_names() {
        let name = |tag| ReparsePoint { tag, data: &[] }.name();
        assert_eq!(name(0xa000_0003), "MOUNT_POINT");
        assert_eq!(name(0x9000_701a), "CLOUD_7");
        assert_eq!(name(0x9000_001a), "CLOUD");
        assert_eq!(name(0x1234), "0x00001234");
    }
}
