//! Security descriptors: owner, group, and who may do what, in the security descriptor definition language.
//!
//! Format: [MS-DTYP] 2.4.6 and 2.5.1.

use std::fmt::Write;

use vminspect_bytes::Guid;
use zerocopy::FromBytes;

use super::layout::RawSecurityDescriptor;
use super::sid::Sid;

const SE_DACL_PRESENT: u16 = 0x0004;
const SE_SACL_PRESENT: u16 = 0x0010;
const SE_DACL_AUTO_INHERIT_REQUIRED: u16 = 0x0100;
const SE_SACL_AUTO_INHERIT_REQUIRED: u16 = 0x0200;
const SE_DACL_AUTO_INHERITED: u16 = 0x0400;
const SE_SACL_AUTO_INHERITED: u16 = 0x0800;
const SE_DACL_PROTECTED: u16 = 0x1000;
const SE_SACL_PROTECTED: u16 = 0x2000;

/// Names of entries, by their types.
const TYPES: &[(u8, &str)] = &[
    (0x00, "A"),
    (0x01, "D"),
    (0x02, "AU"),
    (0x03, "AL"),
    (0x05, "OA"),
    (0x06, "OD"),
    (0x07, "OU"),
    (0x08, "OL"),
    (0x09, "XA"),
    (0x0a, "XD"),
    (0x0b, "ZA"),
    (0x0d, "XU"),
    (0x11, "ML"),
    (0x12, "RA"),
    (0x13, "SP"),
    (0x14, "TL"),
];
const OBJECT_TYPES: &[u8] = &[0x05, 0x06, 0x07, 0x08, 0x0b];
const FLAGS: &[(u8, &str)] = &[
    (0x01, "OI"),
    (0x02, "CI"),
    (0x04, "NP"),
    (0x08, "IO"),
    (0x10, "ID"),
    (0x20, "CR"),
    (0x40, "SA"),
    (0x80, "FA"),
];
/// Masks that have a name as a whole.
const MASKS: &[(u32, &str)] = &[
    (0x001f_01ff, "FA"),
    (0x0012_0089, "FR"),
    (0x0012_0116, "FW"),
    (0x0012_00a0, "FX"),
    (0x000f_003f, "KA"),
    (0x0002_0019, "KR"),
    (0x0002_0006, "KW"),
];
/// In the order in which Windows writes them.
const RIGHTS: &[(u32, &str)] = &[
    (0x0000_0001, "CC"),
    (0x0000_0002, "DC"),
    (0x0000_0004, "LC"),
    (0x0000_0008, "SW"),
    (0x0000_0010, "RP"),
    (0x0000_0020, "WP"),
    (0x0000_0040, "DT"),
    (0x0000_0080, "LO"),
    (0x0000_0100, "CR"),
    (0x0001_0000, "SD"),
    (0x0002_0000, "RC"),
    (0x0004_0000, "WD"),
    (0x0008_0000, "WO"),
    (0x1000_0000, "GA"),
    (0x2000_0000, "GX"),
    (0x4000_0000, "GW"),
    (0x8000_0000, "GR"),
];
/// Rights of a mandatory label.
const LABEL_TYPE: u8 = 0x11;
const LABEL_RIGHTS: &[(u32, &str)] = &[(1, "NW"), (2, "NR"), (4, "NX")];

/// A security descriptor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct SecurityDescriptor {
    pub(super) owner: Option<Sid>,
    pub(super) group: Option<Sid>,
    /// `D:` and the list as text; `None` when there is none.
    pub(super) dacl: Option<String>,
    /// `S:` likewise.
    pub(super) sacl: Option<String>,
}

impl SecurityDescriptor {
    /// Parses a self-relative descriptor.
    ///
    /// # Errors
    /// In words, when it is cut short.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (raw, _) =
            RawSecurityDescriptor::ref_from_prefix(bytes).map_err(|_| "a security descriptor cut short")?;
        if raw.revision != 1 {
            return Err("a security descriptor of another revision than 1");
        }
        let control = raw.control.get();
        let at = |offset: u32| (offset != 0).then(|| bytes.get(usize::try_from(offset).ok()?..)).flatten();
        let sid = |offset: u32| match offset {
            0 => Ok(None),
            _ => at(offset).and_then(Sid::parse).map(Some).ok_or("a security identifier cut short"),
        };
        let dacl = acl(
            'D',
            control & SE_DACL_PRESENT != 0,
            [
                control & SE_DACL_PROTECTED != 0,
                control & SE_DACL_AUTO_INHERIT_REQUIRED != 0,
                control & SE_DACL_AUTO_INHERITED != 0,
            ],
            raw.dacl_offset.get(),
            at(raw.dacl_offset.get()),
        )?;
        let sacl = acl(
            'S',
            control & SE_SACL_PRESENT != 0,
            [
                control & SE_SACL_PROTECTED != 0,
                control & SE_SACL_AUTO_INHERIT_REQUIRED != 0,
                control & SE_SACL_AUTO_INHERITED != 0,
            ],
            raw.sacl_offset.get(),
            at(raw.sacl_offset.get()),
        )?;
        Ok(Self { owner: sid(raw.owner_offset.get())?, group: sid(raw.group_offset.get())?, dacl, sacl })
    }
}

/// An access control list as text. `flags`: protected, inheritance required, inherited.
fn acl(
    letter: char,
    present: bool,
    flags: [bool; 3],
    offset: u32,
    bytes: Option<&[u8]>,
) -> Result<Option<String>, &'static str> {
    if !present {
        return Ok(None);
    }
    let mut text = format!("{letter}:");
    for (set, name) in flags.into_iter().zip(["P", "AR", "AI"]) {
        if set {
            text.push_str(name);
        }
    }
    if offset == 0 {
        // A list that is present and yet not there lets everyone do everything.
        text.push_str("NO_ACCESS_CONTROL");
        return Ok(Some(text));
    }
    let bytes = bytes.ok_or("an access control list past the end of its descriptor")?;
    let (header, _) = bytes.split_first_chunk::<8>().ok_or("an access control list cut short")?;
    let [_, _, size_low, size_high, count_low, count_high, ..] = *header;
    let size = usize::from(u16::from_le_bytes([size_low, size_high]));
    let count = u16::from_le_bytes([count_low, count_high]);
    let mut rest = bytes.get(8..size).ok_or("an access control list cut short")?;
    for _ in 0..count {
        let length = rest.get(2..4).and_then(|length| length.first_chunk::<2>());
        let length = length.map_or(0, |length| usize::from(u16::from_le_bytes(*length)));
        let entry = rest.get(..length).filter(|entry| entry.len() >= 8);
        let entry = entry.ok_or("an entry of an access control list cut short")?;
        push_entry(&mut text, entry)?;
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(Some(text))
}

/// Appends an entry: type, flags, rights, object, inherited object, identifier, and what follows.
fn push_entry(text: &mut String, entry: &[u8]) -> Result<(), &'static str> {
    let (head, mut rest) = entry.split_first_chunk::<8>().ok_or("an entry cut short")?;
    let [kind, flags, _, _, mask @ ..] = *head;
    let mask = u32::from_le_bytes(mask);
    let name = TYPES.iter().find(|(known, _)| *known == kind).map(|(_, name)| (*name).to_owned());
    let name = name.unwrap_or_else(|| format!("{kind:#04x}"));
    let flag_names: String = names(FLAGS, |bit| flags & bit != 0);
    let (mut object, mut inherited) = (String::new(), String::new());
    if OBJECT_TYPES.contains(&kind) {
        let (present, after) = rest.split_first_chunk::<4>().ok_or("an entry cut short")?;
        let present = u32::from_le_bytes(*present);
        rest = after;
        for (bit, target) in [(1, &mut object), (2, &mut inherited)] {
            if present & bit != 0 {
                let (guid, after) = rest.split_first_chunk::<16>().ok_or("an entry cut short")?;
                *target = Guid(*guid).to_string();
                rest = after;
            }
        }
    }
    let sid = Sid::parse(rest).ok_or("a security identifier cut short")?;
    let rights = rights(kind, mask);
    let _ = write!(text, "({name};{flag_names};{rights};{object};{inherited};{})", sid.to_sddl());
    Ok(())
}

/// Names of the bits that `is_set` says are set.
fn names<T: Copy>(table: &[(T, &str)], is_set: impl Fn(T) -> bool) -> String {
    table.iter().filter(|(bit, _)| is_set(*bit)).map(|(_, name)| *name).collect()
}

/// An access mask: a name for it all, names of its bits, or where one has none, its number.
fn rights(kind: u8, mask: u32) -> String {
    let table = if kind == LABEL_TYPE { LABEL_RIGHTS } else { RIGHTS };
    if kind != LABEL_TYPE
        && let Some((_, name)) = MASKS.iter().find(|(known, _)| *known == mask)
    {
        return (*name).to_owned();
    }
    let known = table.iter().fold(0, |bits, (bit, _)| bits | bit);
    if mask & !known == 0 { names(table, |bit| mask & bit != 0) } else { format!("{mask:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: u8, flags: u8, mask: u32, sid: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + sid.len()).unwrap();
        let mut entry = vec![kind, flags];
        entry.extend_from_slice(&length.to_le_bytes());
        entry.extend_from_slice(&mask.to_le_bytes());
        entry.extend_from_slice(sid);
        entry
    }

    const SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    const USERS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0];

    fn descriptor(control: u16, entries: &[Vec<u8>]) -> Vec<u8> {
        let entries_bytes = entries.concat();
        let size = u16::try_from(8 + entries_bytes.len()).unwrap();
        let mut bytes = vec![1, 0];
        bytes.extend_from_slice(&control.to_le_bytes());
        for offset in [20_u32, 32, 0, 48] {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend_from_slice(SYSTEM);
        bytes.extend_from_slice(USERS);
        bytes.extend_from_slice(&[2, 0]);
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(entries.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&entries_bytes);
        bytes
    }

    #[test]
    fn lists_are_text() {
        let entries = [
            entry(0, 3, 0x1f_01ff, SYSTEM),
            entry(0, 0x10, 0x12_00a9, USERS),
            entry(1, 0xb, 0xe001_0000, USERS),
        ];
        let parsed = SecurityDescriptor::parse(&descriptor(0x9404, &entries)).unwrap();
        let expected = "D:PAI(A;OICI;FA;;;SY)(A;ID;0x1200a9;;;BU)(D;OICIIO;SDGXGWGR;;;BU)";
        assert_eq!(parsed.dacl.as_deref(), Some(expected));
        assert_eq!(parsed.owner.unwrap().to_string(), "S-1-5-18");
        assert_eq!(parsed.group.unwrap().to_string(), "S-1-5-32-545");
        assert_eq!(parsed.sacl, None);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let whole = descriptor(0x8004, &[entry(0, 3, 0x1f_01ff, SYSTEM)]);
        for length in 0..whole.len() {
            assert!(SecurityDescriptor::parse(&whole[..length]).is_err(), "{length}");
        }
        assert!(SecurityDescriptor::parse(&whole).is_ok());
    }
}
