use std::collections::HashSet;

use vminspect_bytes::{Guid, ReadError, utf16le_units};
use zerocopy::FromBytes;

use super::header::Header;
use super::layout::{ATTRIBUTES, GptPartitionEntry};
use super::types;
use crate::partition::{self, Partition, Problems};
use crate::sector::Lba;

/// The partitions of an entry array. An entry that makes no sense is reported, and the next one read.
pub(crate) fn partitions(header: &Header, array: &[u8], problems: &mut Problems) -> Vec<Partition> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut offset = header.array_offset;
    for (bytes, number) in array.chunks_exact(header.entry_size).zip(1_u32..) {
        let here = offset;
        offset = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        let Ok((entry, _)) = GptPartitionEntry::ref_from_prefix(bytes) else { continue };
        if Guid(entry.partition_type_guid) == Guid::ZERO {
            continue;
        }
        match partition_of(header, entry, number, here) {
            Ok(partition) => {
                check_place(header, entry, number, here, problems);
                if !seen.insert(entry.unique_partition_guid) {
                    let guid = Guid(entry.unique_partition_guid);
                    problems.add(
                        error(number, here).found(format!("the GUID {guid}, which an earlier partition has")),
                    );
                }
                found.push(partition);
            }
            Err(problem) => problems.add(problem),
        }
    }
    found
}

fn error(number: u32, offset: u64) -> ReadError {
    ReadError::corrupt(format!("GPT entry {number}")).at(offset)
}

fn partition_of(
    header: &Header,
    entry: &GptPartitionEntry,
    number: u32,
    offset: u64,
) -> Result<Partition, ReadError> {
    let (first, last) = (entry.starting_lba.get(), entry.ending_lba.get());
    let count = last.checked_sub(first).and_then(|count| count.checked_add(1));
    let range = count.and_then(|count| partition::sectors(Lba(first), count, header.site.size));
    let range = range.ok_or_else(|| {
        error(number, offset)
            .expected("a first sector and a last one not before it")
            .found(format!("sectors {first} to {last}"))
    })?;
    let kind = Guid(entry.partition_type_guid).to_string();
    Ok(Partition {
        number,
        kind_name: types::name(&kind),
        kind,
        name: name(&entry.partition_name),
        uuid: Some(Guid(entry.unique_partition_guid).to_string()),
        flags: flags(entry.attributes.get()),
        range,
        entry: offset,
    })
}

fn check_place(
    header: &Header,
    entry: &GptPartitionEntry,
    number: u32,
    offset: u64,
    problems: &mut Problems,
) {
    let (first, last) = (entry.starting_lba.get(), entry.ending_lba.get());
    if Lba(first) < header.first_usable || Lba(last) > header.last_usable {
        problems.add(
            error(number, offset)
                .expected(format!("sectors {} to {}", header.first_usable.0, header.last_usable.0))
                .found(format!("sectors {first} to {last}")),
        );
    }
}

/// The name up to its first zero unit, or `None` when it is empty.
fn name(bytes: &[u8]) -> Option<String> {
    let units = utf16le_units(bytes).take_while(|unit| *unit != 0);
    let name: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!name.is_empty()).then_some(name)
}

fn flags(attributes: u64) -> Vec<String> {
    let set = (0..u64::BITS).filter(|bit| attributes.checked_shr(*bit).unwrap_or(0) & 1 == 1);
    set.map(|bit| match ATTRIBUTES.iter().find(|(known, _)| *known == bit) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("attribute_{bit}"),
    })
    .collect()
}
