//! Names that directories held once.

use std::collections::HashSet;

use super::directory::Facts;
use super::directory_blocks::DirectoryBlocks;
use super::layout::{DIR_ENTRY_HEADER, RawDirEntry};
use super::volume::Ext;
use crate::{Content, Entry, Error, FileId, FileKind, Record, Result};

/// The names in the gaps between the entries of a directory, and those whose entry lost its inode number
/// (their id is 0). Copies that index splits left of names that are still there are left out.
pub(super) fn deleted_entries(fs: &Ext, record: &Record) -> Result<Vec<Result<Entry>>> {
    if record.metadata.kind != FileKind::Directory {
        return Err(Error::WrongKind("a directory"));
    }
    let facts = Facts::new(&fs.superblock, record);
    let Content::Runs(runs) = &record.content else { return Ok(Vec::new()) };
    let mut found = Found { facts, live: HashSet::new(), gone: Vec::new() };
    let mut problems = Vec::new();
    let mut blocks = DirectoryBlocks::new(fs, facts, runs, record);
    while let Some(block) = blocks.next_block() {
        match block {
            Ok(block) if facts.index_count_offset(block.bytes, block.logical).is_none() => {
                found.block(block.bytes);
            }
            Ok(_) => {}
            Err(error) => problems.push(Err(error)),
        }
    }
    let Found { live, gone, .. } = found;
    let gone = gone.into_iter().filter(|entry| !live.contains(&entry.name)).map(Ok);
    Ok(gone.chain(problems).collect())
}

struct Found {
    facts: Facts,
    live: HashSet<Vec<u8>>,
    gone: Vec<Entry>,
}

impl Found {
    fn block(&mut self, bytes: &[u8]) {
        let mut position = 0_usize;
        while position < bytes.len() {
            let Ok((raw, name, length)) = self.facts.entry(bytes, position, 0) else { return };
            let mut used = DIR_ENTRY_HEADER.saturating_add(name.len()).saturating_add(3) & !3;
            if raw.inode.get() == 0 {
                // Only the number was cleared; the name is what it was.
                if is_plausible_name(name) {
                    self.push(raw, name);
                } else {
                    used = DIR_ENTRY_HEADER;
                }
            } else {
                self.live.insert(name.to_vec());
            }
            let end = position.saturating_add(length);
            let gap = bytes.get(position.saturating_add(used)..end).unwrap_or_default();
            self.gap(gap);
            position = end;
        }
    }

    /// Looks for entries at every fourth byte.
    fn gap(&mut self, gap: &[u8]) {
        let mut position = 0_usize;
        while position.saturating_add(DIR_ENTRY_HEADER) < gap.len() {
            let step = match self.facts.entry(gap, position, 0) {
                Ok((raw, name, _)) if self.is_plausible(raw, name) => {
                    self.push(raw, name);
                    DIR_ENTRY_HEADER.saturating_add(name.len()).saturating_add(3) & !3
                }
                _ => 4,
            };
            position = position.saturating_add(step);
        }
    }

    fn is_plausible(&self, raw: &RawDirEntry, name: &[u8]) -> bool {
        let kind = !self.facts.has_file_types || (1..=7).contains(&raw.file_type);
        let inode = raw.inode.get();
        kind && inode != 0 && inode <= self.facts.inodes && (is_plausible_name(name) || self.facts.encrypted)
    }

    fn push(&mut self, raw: &RawDirEntry, name: &[u8]) {
        let id = FileId(u64::from(raw.inode.get()));
        self.gone.push(Entry { name: name.to_vec(), id, kind: self.facts.kind(raw) });
    }
}

fn is_plausible_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}
