//! Drive letters, as `MountedDevices` of the hive `SYSTEM` gives them.

use vminspect_artefact::registry::{Hive, Value};
use vminspect_bytes::Guid;
use vminspect_volume::VolumeTable;

use super::lookup;
use crate::volume::GuestVolume;

/// What stands before the paths of the volume that holds the system, where its registry does not say.
pub(super) const USUAL_DRIVE: &[u8] = b"C:";

const DEVICES: &str = "MountedDevices";

/// Values that are looked at. Real ones have one for each device that was ever there.
const MOST_DEVICES: usize = 100_000;

/// A volume as `MountedDevices` knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Device {
    /// By the disk's number and the first byte of its partition.
    Mbr { disk: u32, start: u64 },
    /// By the identifier of its partition.
    Gpt(Guid),
}

impl Device {
    /// What is neither is a removable device, or a volume of several disks.
    fn parse(data: &[u8]) -> Option<Self> {
        match data.strip_prefix(b"DMIO:ID:") {
            Some(guid) => Some(Self::Gpt(Guid(guid.try_into().ok()?))),
            None => {
                let (disk, start) = data.split_first_chunk()?;
                let start = start.try_into().ok()?;
                Some(Self::Mbr { disk: u32::from_le_bytes(*disk), start: u64::from_le_bytes(start) })
            }
        }
    }

    fn is(self, volume: &GuestVolume, table: &VolumeTable) -> bool {
        match self {
            Self::Gpt(guid) => {
                let own = volume.volume.uuid.as_deref().filter(|_| table.scheme == "gpt");
                own.is_some_and(|own| own.eq_ignore_ascii_case(&guid.to_string()))
            }
            Self::Mbr { disk, start } => {
                let own = table.disk_id.as_deref().filter(|_| table.scheme == "mbr");
                own.is_some_and(|own| own.eq_ignore_ascii_case(&format!("{disk:08x}")))
                    && volume.volume.range.start() == start
            }
        }
    }
}

/// Whether the hive tells letters at all.
pub(super) fn has_letters(system: &Hive) -> bool {
    lookup::key(system, DEVICES).is_some()
}

/// The letters that the hive gives, in their order: `A` and its device.
fn letters(system: &Hive) -> Vec<(u8, Device)> {
    let Some(devices) = lookup::key(system, DEVICES) else { return Vec::new() };
    let values = devices.values().take(MOST_DEVICES).flatten();
    let mut letters: Vec<(u8, Device)> = values.filter_map(|value| letter(&value)).collect();
    letters.sort_by_key(|(letter, _)| *letter);
    // Of two values with one name, Windows finds the first.
    letters.dedup_by_key(|(letter, _)| *letter);
    letters
}

fn letter(value: &Value<'_>) -> Option<(u8, Device)> {
    const START: &str = r"\DosDevices\";
    let name = value.name().to_text();
    let start = name.get(..START.len())?;
    let [letter, b':'] = name.as_bytes().get(START.len()..)? else { return None };
    let is_letter = start.eq_ignore_ascii_case(START) && letter.is_ascii_alphabetic();
    let device = Device::parse(&value.data().bytes)?;
    is_letter.then(|| (letter.to_ascii_uppercase(), device))
}

/// Gives volumes the letters that the hive has for them. The system's comes first: when the hive has none for it,
/// it is `C:`, and no other volume gets that.
pub(super) fn assign(volumes: &mut [GuestVolume], table: &VolumeTable, root: usize, system: &Hive) {
    let letters = letters(system);
    let own = volumes.get(root).and_then(|volume| {
        let mut own =
            letters.iter().filter(|(_, device)| device.is(volume, table)).map(|(letter, _)| *letter);
        let first = own.next()?;
        // One that is also C: is called so by the system's own paths.
        Some(if own.any(|letter| letter == b'C') { b'C' } else { first })
    });
    let own = own.unwrap_or(b'C');
    if let Some(volume) = volumes.get_mut(root) {
        volume.prefix = vec![own, b':'];
    }
    for (letter, device) in letters.into_iter().filter(|(letter, _)| *letter != own) {
        let is_free = |volume: &&mut GuestVolume| !volume.is_mounted() && device.is(volume, table);
        if let Some(volume) = volumes.iter_mut().find(is_free) {
            volume.prefix = vec![letter, b':'];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_three_forms() {
        let mbr = [0xCD, 0xAB, 0x34, 0x12, 0, 0, 0x10, 0, 0, 0, 0, 0];
        assert_eq!(Device::parse(&mbr), Some(Device::Mbr { disk: 0x1234_ABCD, start: 0x10_0000 }));
        let gpt = [b"DMIO:ID:".as_slice(), &[7; 16]].concat();
        assert_eq!(Device::parse(&gpt), Some(Device::Gpt(Guid([7; 16]))));
        for other in [&b""[..], b"DMIO:ID:", &gpt[..23], &mbr[..11], &[0; 13], b"_\0?\0?\0_\0U\0S\0B\0"] {
            assert_eq!(Device::parse(other), None);
        }
    }
}
