use std::fmt;

/// A security identifier ([MS-DTYP] 2.4.2), shown as `S-1-5-18`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sid {
    revision: u8,
    authority: u64,
    sub_authorities: Vec<u32>,
}

impl Sid {
    /// The identifier that `bytes` begin with; `None` when they are cut short.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let [revision, count, authority @ ..] = *head;
        let authority = authority.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        let rest = rest.get(..usize::from(count).checked_mul(4)?)?;
        let sub_authorities = rest
            .chunks_exact(4)
            .filter_map(|part| part.first_chunk::<4>().map(|part| u32::from_le_bytes(*part)))
            .collect();
        Some(Self { revision, authority, sub_authorities })
    }

    /// The identifier as security descriptors spell it: two letters where it has some (`SY`).
    #[must_use]
    pub fn to_sddl(&self) -> String {
        let parts = self.sub_authorities.as_slice();
        let found = WELL_KNOWN
            .iter()
            .find(|(authority, known, _)| *authority == self.authority && *known == parts)
            .map(|(_, _, letters)| *letters);
        let in_domain = || match parts {
            [21, _, _, _, relative] if self.authority == 5 => {
                IN_DOMAIN.iter().find(|(known, _)| known == relative).map(|(_, letters)| *letters)
            }
            _ => None,
        };
        found.or_else(in_domain).map_or_else(|| self.to_string(), str::to_owned)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-{}-", self.revision)?;
        if self.authority >> 32 == 0 {
            write!(f, "{}", self.authority)?;
        } else {
            write!(f, "{:#014x}", self.authority)?;
        }
        self.sub_authorities.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

/// Identifiers that have two letters in the security descriptor definition language ([MS-DTYP] 2.5.1.1):
/// authority, sub-authorities, letters.
const WELL_KNOWN: &[(u64, &[u32], &str)] = &[
    (1, &[0], "WD"),
    (3, &[0], "CO"),
    (3, &[1], "CG"),
    (3, &[4], "OW"),
    (5, &[2], "NU"),
    (5, &[4], "IU"),
    (5, &[6], "SU"),
    (5, &[7], "AN"),
    (5, &[9], "ED"),
    (5, &[10], "PS"),
    (5, &[11], "AU"),
    (5, &[12], "RC"),
    (5, &[18], "SY"),
    (5, &[19], "LS"),
    (5, &[20], "NS"),
    (5, &[33], "WR"),
    (5, &[32, 544], "BA"),
    (5, &[32, 545], "BU"),
    (5, &[32, 546], "BG"),
    (5, &[32, 547], "PU"),
    (5, &[32, 548], "AO"),
    (5, &[32, 549], "SO"),
    (5, &[32, 550], "PO"),
    (5, &[32, 551], "BO"),
    (5, &[32, 552], "RE"),
    (5, &[32, 554], "RU"),
    (5, &[32, 555], "RD"),
    (5, &[32, 556], "NO"),
    (5, &[32, 558], "MU"),
    (5, &[32, 559], "LU"),
    (5, &[32, 568], "IS"),
    (5, &[32, 569], "CY"),
    (5, &[32, 573], "ER"),
    (5, &[32, 574], "CD"),
    (5, &[32, 575], "RA"),
    (5, &[32, 576], "ES"),
    (5, &[32, 577], "MS"),
    (5, &[32, 578], "HA"),
    (5, &[32, 579], "AA"),
    (5, &[32, 580], "RM"),
    (15, &[2, 1], "AC"),
    (16, &[4096], "LW"),
    (16, &[8192], "ME"),
    (16, &[8448], "MP"),
    (16, &[12288], "HI"),
    (16, &[16384], "SI"),
];

/// The last sub-authority of identifiers of a domain that have two letters.
const IN_DOMAIN: &[(u32, &str)] = &[
    (498, "RO"),
    (500, "LA"),
    (501, "LG"),
    (512, "DA"),
    (513, "DU"),
    (514, "DG"),
    (515, "DC"),
    (516, "DD"),
    (517, "CA"),
    (518, "SA"),
    (519, "EA"),
    (520, "PA"),
    (553, "RS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_spelt_as_windows_does() {
        let system = Sid::parse(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0, 99]).unwrap();
        assert_eq!((system.to_string().as_str(), system.to_sddl().as_str()), ("S-1-5-18", "SY"));
        let mut user = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21_u32, 1, 2, 3, 1001] {
            user.extend_from_slice(&part.to_le_bytes());
        }
        assert_eq!(Sid::parse(&user).unwrap().to_sddl(), "S-1-5-21-1-2-3-1001");
        user[24..28].copy_from_slice(&500_u32.to_le_bytes());
        assert_eq!(Sid::parse(&user).unwrap().to_sddl(), "LA");
        let large = Sid::parse(&[1, 0, 1, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(large.to_string(), "S-1-0x010000000000");
        for length in 0..28 {
            assert_eq!(Sid::parse(&user[..length]), None);
        }
    }
}
