//! `$LogFile`: whether the volume was left with changes that are in the log alone.
//!
//! Two restart pages tell; the newer one counts. The log is not replayed.

use vminspect_bytes::{ReadAt, ReadAtExt, ReadError, Reader};

const RESTART_SIGNATURE: &[u8] = b"RSTR";
const CHECKED_SIGNATURE: &[u8] = b"CHKD";
/// Restart pages lie at these positions.
const PAGES: [u64; 2] = [0, 4096];
/// No client of the log has it open.
const NO_CLIENT: u16 = 0xffff;
/// The volume was unmounted.
const VOLUME_IS_CLEAN: u16 = 0x0002;

/// What a restart page says.
struct Restart {
    lsn: u64,
    clean: bool,
}

/// What a person should know of the log, if anything. `offset` is where it lies, for messages.
pub(super) fn problem(log: &dyn ReadAt) -> Option<ReadError> {
    let mut pages = Vec::new();
    let mut empty = true;
    for position in PAGES {
        let Ok(page) = log.read_vec(position, 512) else { continue };
        empty &= page.iter().all(|byte| *byte == 0xff) || page.iter().all(|byte| *byte == 0);
        if page.starts_with(CHECKED_SIGNATURE) {
            return None;
        }
        if page.starts_with(RESTART_SIGNATURE)
            && let Ok(restart) = restart(&page, position)
        {
            pages.push(restart);
        }
    }
    match pages.iter().max_by_key(|page| page.lsn) {
        Some(page) if page.clean => None,
        Some(_) => Some(
            ReadError::unsupported("$LogFile")
                .expected("a volume that was unmounted")
                .found("one that was in use")
                .advice(
                    "the log is not replayed: metadata may lag behind what the system saw by some seconds",
                ),
        ),
        None if empty => None,
        None => Some(
            ReadError::corrupt("$LogFile")
                .expected("a restart page")
                .found("none")
                .advice("metadata may be stale"),
        ),
    }
}

fn restart(page: &[u8], position: u64) -> Result<Restart, ReadError> {
    let mut header = Reader::new(page, "restart page", position);
    header.skip(24)?;
    let area = usize::from(header.u16_le()?);
    let mut reader = Reader::new(page, "restart area", position);
    reader.skip(area)?;
    let lsn = reader.u64_le()?;
    reader.skip(4)?;
    let clients_in_use = reader.u16_le()?;
    let flags = reader.u16_le()?;
    Ok(Restart { lsn, clean: clients_in_use == NO_CLIENT || flags & VOLUME_IS_CLEAN != 0 })
}

#[cfg(test)]
mod tests {
    use vminspect_bytes::{Family, Memory};

    use super::*;

    fn page(lsn: u64, client: u16, flags: u16) -> Vec<u8> {
        let mut page = vec![0; 4096];
        page[..4].copy_from_slice(RESTART_SIGNATURE);
        page[24] = 0x30;
        page[0x30..0x38].copy_from_slice(&lsn.to_le_bytes());
        page[0x3c..0x3e].copy_from_slice(&client.to_le_bytes());
        page[0x3e..0x40].copy_from_slice(&flags.to_le_bytes());
        page
    }

    fn told(pages: &[Vec<u8>; 2]) -> Option<Family> {
        problem(&Memory::new(pages.concat())).map(|error| error.family())
    }

    #[test]
    fn the_newer_page_counts() {
        assert_eq!(told(&[page(1, 0, 0), page(2, 0xffff, 0)]), None);
        assert_eq!(told(&[page(1, 0, 0), page(2, 0, 2)]), None);
        assert_eq!(told(&[page(3, 0, 0), page(2, 0xffff, 2)]), Some(Family::Unsupported));
        assert_eq!(told(&[vec![0xff; 4096], vec![0xff; 4096]]), None);
        assert_eq!(told(&[vec![1; 4096], vec![1; 4096]]), Some(Family::Corrupt));
        assert_eq!(problem(&Memory::new(Vec::new())).map(|error| error.family()), None);
    }
}
