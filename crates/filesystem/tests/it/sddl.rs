//! Lists of access control in one spelling: rights as numbers, identifiers in full.

/// Rights of files and their names ([MS-DTYP] 2.5.1.1).
const RIGHTS: &[(&str, u32)] = &[
    ("FA", 0x001F_01FF),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00A0),
    ("KA", 0x000F_003F),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("GR", 0x8000_0000),
    ("GW", 0x4000_0000),
    ("GX", 0x2000_0000),
    ("GA", 0x1000_0000),
    ("WO", 0x0008_0000),
    ("WD", 0x0004_0000),
    ("RC", 0x0002_0000),
    ("SD", 0x0001_0000),
    ("CR", 0x100),
    ("LO", 0x80),
    ("DT", 0x40),
    ("WP", 0x20),
    ("RP", 0x10),
    ("SW", 0x8),
    ("LC", 0x4),
    ("DC", 0x2),
    ("CC", 0x1),
    ("NW", 0x1),
    ("NR", 0x2),
    ("NX", 0x4),
];

/// Identifiers that the images have, with their letters.
const IDENTIFIERS: &[(&str, &str)] = &[
    ("SY", "S-1-5-18"),
    ("LS", "S-1-5-19"),
    ("NS", "S-1-5-20"),
    ("WD", "S-1-1-0"),
    ("AU", "S-1-5-11"),
    ("CO", "S-1-3-0"),
    ("BA", "S-1-5-32-544"),
    ("BU", "S-1-5-32-545"),
    ("LW", "S-1-16-4096"),
    ("ME", "S-1-16-8192"),
    ("HI", "S-1-16-12288"),
];

/// The same list with rights as hexadecimal numbers and identifiers in full.
pub(crate) fn spelt_out(list: &str) -> String {
    let mut parts = list.split('(');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for entry in parts {
        let mut fields: Vec<String> = entry.trim_end_matches(')').splitn(6, ';').map(str::to_owned).collect();
        if let [_, _, rights, _, _, identifier] = &mut fields[..] {
            *rights = mask(rights).map_or_else(|| rights.clone(), |mask| format!("{mask:#x}"));
            if let Some((_, full)) = IDENTIFIERS.iter().find(|(letters, _)| letters == identifier) {
                (*full).clone_into(identifier);
            }
        }
        text.push_str(&format!("({})", fields.join(";")));
    }
    text
}

fn mask(rights: &str) -> Option<u32> {
    let mut mask = 0;
    let mut rest = rights;
    while !rest.is_empty() {
        let (letters, after) = rest.split_at_checked(2)?;
        mask |= RIGHTS.iter().find(|(name, _)| *name == letters)?.1;
        rest = after;
    }
    Some(mask)
}

#[test]
fn spellings_are_made_one() {
    assert_eq!(spelt_out("P(A;OICI;FA;;;SY)"), "P(A;OICI;0x1f01ff;;;S-1-5-18)");
    assert_eq!(spelt_out("(D;;CCDC;;;S-1-5-7)(A;;0x3;;;WD)"), "(D;;0x3;;;S-1-5-7)(A;;0x3;;;S-1-1-0)");
}
