use std::fmt::Write;

use zerocopy::FromBytes;

use super::Sid;
use super::layout::{
    ACE_INHERITED_OBJECT_TYPE_PRESENT, ACE_OBJECT_TYPE_PRESENT, OBJECT_ACE_TYPES, RawAce, RawAcl,
    RawSecurityDescriptor, SE_DACL_AUTO_INHERIT_REQUIRED, SE_DACL_AUTO_INHERITED, SE_DACL_PRESENT,
    SE_DACL_PROTECTED, SE_SACL_AUTO_INHERIT_REQUIRED, SE_SACL_AUTO_INHERITED, SE_SACL_PRESENT,
    SE_SACL_PROTECTED, SYSTEM_MANDATORY_LABEL_ACE_TYPE,
};
use crate::{Guid, ReadError};

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
/// Masks that have a name as a whole. The language has `KX`, too: the same mask as `KR`, which Windows writes.
const FILE_MASKS: &[(u32, &str)] =
    &[(0x001f_01ff, "FA"), (0x0012_0089, "FR"), (0x0012_0116, "FW"), (0x0012_00a0, "FX")];
const KEY_MASKS: &[(u32, &str)] = &[(0x000f_003f, "KA"), (0x0002_0019, "KR"), (0x0002_0006, "KW")];
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
const LABEL_RIGHTS: &[(u32, &str)] = &[(1, "NW"), (2, "NR"), (4, "NX")];

/// What a descriptor belongs to, which decides what rights are called: of a file, `0x1f01ff` is `FA`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// A file or a directory: `FA`, `FR`, `FW`, `FX`.
    File,
    /// A key of the registry: `KA`, `KR`, `KW`.
    Key,
}

impl ObjectKind {
    const fn masks(self) -> &'static [(u32, &'static str)] {
        match self {
            Self::File => FILE_MASKS,
            Self::Key => KEY_MASKS,
        }
    }
}

/// A security descriptor ([MS-DTYP] 2.4.6): owner, group, and who may do what (DACL) and is audited for what
/// (SACL).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SecurityDescriptor {
    owner: Option<Sid>,
    group: Option<Sid>,
    dacl: Option<Acl>,
    sacl: Option<Acl>,
}

impl SecurityDescriptor {
    /// Parses a self-relative descriptor, with which `bytes` begin. `offset` is where it lies, for messages.
    ///
    /// # Errors
    /// When it is cut short, or of another revision than 1.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, ReadError> {
        Self::parse_parts(bytes)
            .map_err(|found| ReadError::corrupt("security descriptor").at(offset).found(found))
    }

    fn parse_parts(bytes: &[u8]) -> Result<Self, &'static str> {
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
        // A list that is present and has no place is one that lets everyone do everything.
        let acl = |bits: &AclBits, offset: u32| match offset {
            _ if control & bits.present == 0 => Ok(None),
            0 => Ok(Some(Acl { flags: bits.flags(control), entries: None })),
            _ => {
                let bytes = at(offset).ok_or("an access control list past the end of its descriptor")?;
                Ok(Some(Acl { flags: bits.flags(control), entries: Some(entries(bytes)?) }))
            }
        };
        let dacl = acl(&DACL_BITS, raw.dacl_offset.get())?;
        let sacl = acl(&SACL_BITS, raw.sacl_offset.get())?;
        Ok(Self { owner: sid(raw.owner_offset.get())?, group: sid(raw.group_offset.get())?, dacl, sacl })
    }

    /// Who owns the object, where it says so.
    #[must_use]
    pub fn owner(&self) -> Option<&Sid> {
        self.owner.as_ref()
    }

    /// The primary group of the owner, which only POSIX programs ask for.
    #[must_use]
    pub fn group(&self) -> Option<&Sid> {
        self.group.as_ref()
    }

    /// Who may do what, as text: `D:AI(A;ID;FA;;;SY)`. Without a list, and where that is
    /// `D:NO_ACCESS_CONTROL`, **everyone may do everything**; where it is empty, no one anything.
    #[must_use]
    pub fn dacl_to_sddl(&self, kind: ObjectKind) -> Option<String> {
        self.dacl.as_ref().map(|list| format!("D:{}", list.to_sddl(kind)))
    }

    /// What is audited, and the integrity level, as text: `S:(ML;;NW;;;LW)`.
    #[must_use]
    pub fn sacl_to_sddl(&self, kind: ObjectKind) -> Option<String> {
        self.sacl.as_ref().map(|list| format!("S:{}", list.to_sddl(kind)))
    }

    /// All of it as text: `O:BAG:SYD:AI(A;ID;KA;;;SY)`.
    #[must_use]
    pub fn to_sddl(&self, kind: ObjectKind) -> String {
        let owner = self.owner().map(|sid| format!("O:{}", sid.to_sddl()));
        let group = self.group().map(|sid| format!("G:{}", sid.to_sddl()));
        [owner, group, self.dacl_to_sddl(kind), self.sacl_to_sddl(kind)].into_iter().flatten().collect()
    }
}

/// The bits of `control` that speak of one of the two lists.
struct AclBits {
    present: u16,
    protected: u16,
    inherit_required: u16,
    inherited: u16,
}

const DACL_BITS: AclBits = AclBits {
    present: SE_DACL_PRESENT,
    protected: SE_DACL_PROTECTED,
    inherit_required: SE_DACL_AUTO_INHERIT_REQUIRED,
    inherited: SE_DACL_AUTO_INHERITED,
};
const SACL_BITS: AclBits = AclBits {
    present: SE_SACL_PRESENT,
    protected: SE_SACL_PROTECTED,
    inherit_required: SE_SACL_AUTO_INHERIT_REQUIRED,
    inherited: SE_SACL_AUTO_INHERITED,
};

impl AclBits {
    fn flags(&self, control: u16) -> String {
        let named = [(self.protected, "P"), (self.inherit_required, "AR"), (self.inherited, "AI")];
        names(&named, |bit| control & bit != 0)
    }
}

/// An access control list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Acl {
    /// What the descriptor says of the list: `PAI`.
    flags: String,
    /// `None` is a list that forbids nothing, an empty one allows nothing.
    entries: Option<Vec<Ace>>,
}

impl Acl {
    fn to_sddl(&self, kind: ObjectKind) -> String {
        let mut text = self.flags.clone();
        match &self.entries {
            Some(entries) => entries.iter().for_each(|entry| entry.push_sddl(kind, &mut text)),
            None => text.push_str("NO_ACCESS_CONTROL"),
        }
        text
    }
}

/// The entries of the list that `bytes` begin with.
fn entries(bytes: &[u8]) -> Result<Vec<Ace>, &'static str> {
    let (header, _) = RawAcl::ref_from_prefix(bytes).map_err(|_| "an access control list cut short")?;
    let mut rest = bytes
        .get(size_of::<RawAcl>()..usize::from(header.size.get()))
        .ok_or("an access control list cut short")?;
    let mut entries = Vec::new();
    for _ in 0..header.entry_count.get() {
        let cut_short = "an entry of an access control list cut short";
        let (raw, _) = RawAce::ref_from_prefix(rest).map_err(|_| cut_short)?;
        let (entry, after) = rest.split_at_checked(usize::from(raw.size.get())).ok_or(cut_short)?;
        entries.push(Ace::parse(raw, entry.get(size_of::<RawAce>()..).ok_or(cut_short)?)?);
        rest = after;
    }
    Ok(entries)
}

/// An access control entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Ace {
    ace_type: u8,
    flags: u8,
    mask: u32,
    object: Option<Guid>,
    inherited_object: Option<Guid>,
    sid: Sid,
}

impl Ace {
    /// `rest`: what follows the mask.
    fn parse(raw: &RawAce, mut rest: &[u8]) -> Result<Self, &'static str> {
        let (mut object, mut inherited_object) = (None, None);
        if OBJECT_ACE_TYPES.contains(&raw.ace_type) {
            let (present, after) = rest.split_first_chunk::<4>().ok_or("an entry cut short")?;
            let present = u32::from_le_bytes(*present);
            rest = after;
            for (bit, target) in [
                (ACE_OBJECT_TYPE_PRESENT, &mut object),
                (ACE_INHERITED_OBJECT_TYPE_PRESENT, &mut inherited_object),
            ] {
                if present & bit != 0 {
                    let (guid, after) = rest.split_first_chunk::<16>().ok_or("an entry cut short")?;
                    *target = Some(Guid(*guid));
                    rest = after;
                }
            }
        }
        let sid = Sid::parse(rest).ok_or("a security identifier cut short")?;
        let (ace_type, flags, mask) = (raw.ace_type, raw.flags, raw.mask.get());
        Ok(Self { ace_type, flags, mask, object, inherited_object, sid })
    }

    /// Appends type, flags, rights, object, inherited object and identifier.
    fn push_sddl(&self, kind: ObjectKind, text: &mut String) {
        let name =
            TYPES.iter().find(|(known, _)| *known == self.ace_type).map(|(_, name)| (*name).to_owned());
        let name = name.unwrap_or_else(|| format!("{:#04x}", self.ace_type));
        let flags = names(FLAGS, |bit| self.flags & bit != 0);
        let [object, inherited] = [self.object, self.inherited_object]
            .map(|guid| guid.map_or_else(String::new, |guid| guid.to_string()));
        let (rights, sid) = (self.rights(kind), self.sid.to_sddl());
        let _ = write!(text, "({name};{flags};{rights};{object};{inherited};{sid})");
    }

    /// The mask: a name for it all, names of its bits, or where one has none, its number.
    fn rights(&self, kind: ObjectKind) -> String {
        let (masks, bits) = match self.ace_type {
            SYSTEM_MANDATORY_LABEL_ACE_TYPE => (&[] as &[_], LABEL_RIGHTS),
            _ => (kind.masks(), RIGHTS),
        };
        if let Some((_, name)) = masks.iter().find(|(known, _)| *known == self.mask) {
            return (*name).to_owned();
        }
        let known = bits.iter().fold(0, |known, (bit, _)| known | bit);
        if self.mask & !known == 0 {
            names(bits, |bit| self.mask & bit != 0)
        } else {
            format!("{:#x}", self.mask)
        }
    }
}

/// Names of the bits that `is_set` says are set.
fn names<T: Copy>(table: &[(T, &str)], is_set: impl Fn(T) -> bool) -> String {
    table.iter().filter(|(bit, _)| is_set(*bit)).map(|(_, name)| *name).collect()
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
        let parsed = SecurityDescriptor::parse(&descriptor(0x9404, &entries), 0).unwrap();
        let expected = "D:PAI(A;OICI;FA;;;SY)(A;ID;0x1200a9;;;BU)(D;OICIIO;SDGXGWGR;;;BU)";
        assert_eq!(parsed.dacl_to_sddl(ObjectKind::File).as_deref(), Some(expected));
        assert_eq!(parsed.owner().unwrap().to_string(), "S-1-5-18");
        assert_eq!(parsed.group().unwrap().to_string(), "S-1-5-32-545");
        assert_eq!(parsed.sacl_to_sddl(ObjectKind::File), None);
        assert_eq!(parsed.to_sddl(ObjectKind::File), format!("O:SYG:BU{expected}"));
    }

    #[test]
    fn rights_are_called_after_the_kind_of_object() {
        let masks = [0xf_003f, 0x2_0019, 0x2_0006, 0x1f_01ff, 0x12_0089, 0x12_0116, 0x12_00a0, 0x8000_0000];
        let entries = masks.map(|mask| entry(0, 2, mask, SYSTEM));
        let parsed = SecurityDescriptor::parse(&descriptor(0x8004, &entries), 0).unwrap();
        let rights = |kind| {
            let list = parsed.dacl_to_sddl(kind).unwrap();
            list.split("A;CI;")
                .skip(1)
                .map(|entry| entry.split(';').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let key = ["KA", "KR", "KW", "0x1f01ff", "0x120089", "0x120116", "0x1200a0", "GR"];
        assert_eq!(rights(ObjectKind::Key), key);
        let file = ["CCDCLCSWRPWPSDRCWDWO", "CCSWRPRC", "DCLCRC", "FA", "FR", "FW", "FX", "GR"];
        assert_eq!(rights(ObjectKind::File), file);
    }

    #[test]
    fn objects_labels_and_lists_that_forbid_nothing() {
        let mut named = 3_u32.to_le_bytes().to_vec();
        named.extend_from_slice(&[0x11; 16]);
        named.extend_from_slice(&[0x22; 16]);
        named.extend_from_slice(USERS);
        let entries = [entry(5, 0, 0x100, &named), entry(0x11, 0, 1, SYSTEM), entry(0x42, 0, 1, SYSTEM)];
        let expected = "D:(OA;;CR;11111111-1111-1111-1111-111111111111;\
            22222222-2222-2222-2222-222222222222;BU)(ML;;NW;;;SY)(0x42;;CC;;;SY)";
        let mut bytes = descriptor(0x8a14, &entries);
        let parsed = SecurityDescriptor::parse(&bytes, 0).unwrap();
        assert_eq!(parsed.dacl_to_sddl(ObjectKind::Key).as_deref(), Some(expected));
        assert_eq!(parsed.sacl_to_sddl(ObjectKind::Key).as_deref(), Some("S:ARAINO_ACCESS_CONTROL"));
        bytes[16..20].fill(0);
        let parsed = SecurityDescriptor::parse(&bytes, 0).unwrap();
        assert_eq!(parsed.dacl_to_sddl(ObjectKind::Key).as_deref(), Some("D:NO_ACCESS_CONTROL"));
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let whole = descriptor(0x8004, &[entry(0, 3, 0x1f_01ff, SYSTEM)]);
        for length in 0..whole.len() {
            let error = SecurityDescriptor::parse(&whole[..length], 7).unwrap_err();
            assert_eq!((error.structure(), error.offset()), ("security descriptor", Some(7)), "{length}");
        }
        assert!(SecurityDescriptor::parse(&whole, 7).is_ok());
    }
}
