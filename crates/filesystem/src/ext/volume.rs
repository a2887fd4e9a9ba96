//! An opened filesystem: superblock, groups, orphans, and the volume with its journal replayed.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, Mapped, ReadAt, ReadError, Segment, Source};

use super::former::{Former, former};
use super::group::{Group, read_groups};
use super::inode::Inode;
use super::journal;
use super::layout::{EXT4_GOOD_OLD_FIRST_INO, INCOMPAT_ENCRYPT};
use super::orphan;
use super::record::Recorder;
use super::superblock::{InodeNumber, Superblock};
use super::widen;
use crate::{Allocation, Content, Error, FileKind, Metadata, Record, Result, Run, stored};

/// The bytes of one inode.
pub(crate) type InodeBytes = SmallVec<[u8; 256]>;

/// The journal's record, its runs, and its bytes.
type JournalFile = (Record, SmallVec<[Run; 2]>, Arc<dyn ReadAt>);

/// An ext2, ext3 or ext4 filesystem.
pub(crate) struct Ext {
    pub(crate) view: Arc<dyn ReadAt>,
    pub(crate) superblock: Superblock,
    pub(super) groups: Vec<Group>,
    /// Sorted, with the places that name them.
    orphans: Vec<(InodeNumber, ByteRange)>,
    pub(super) problems: Vec<Error>,
    /// What the journal's older copies tell, once somebody asked.
    former: OnceLock<(Option<Former>, Vec<Error>)>,
}

impl Ext {
    /// Opens the filesystem of `volume`, replaying its journal in memory where it needs that.
    ///
    /// # Errors
    /// When there is no usable superblock, or it asks for features that cannot be read.
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self> {
        let stored = Self::open_view(volume)?;
        let mut fs = stored.replayed()?;
        let (orphans, problems) = orphan::orphans(&fs);
        fs.orphans = orphans;
        fs.orphans.sort_unstable();
        fs.orphans.dedup_by_key(|(number, _)| *number);
        fs.problems.extend(problems);
        fs.add_notes();
        Ok(fs)
    }

    fn open_view(view: Arc<dyn ReadAt>) -> Result<Self> {
        let mut problems = Vec::new();
        let superblock = Superblock::read(&*view, &mut problems)?;
        let groups = read_groups(&*view, &superblock, &mut problems)?;
        Ok(Self { view, superblock, groups, orphans: Vec::new(), problems, former: OnceLock::new() })
    }

    /// The filesystem as it is once its journal is replayed.
    fn replayed(mut self) -> Result<Self> {
        if !self.superblock.needs_recovery() {
            return Ok(self);
        }
        if let Some(uuid) = self.superblock.external_journal {
            self.problems.push(journal::external(uuid));
            return Ok(self);
        }
        let replay = match self.journal() {
            Ok(replay) => replay,
            Err(error) => {
                self.problems.push(error);
                return Ok(self);
            }
        };
        if replay.segments.is_empty() {
            self.problems.extend(replay.problems);
            return Ok(self);
        }
        let view: Arc<dyn ReadAt> = Arc::new(Mapped::patched(Arc::clone(&self.view), replay.segments)?);
        let mut fs = Self::open_view(view)?;
        if self.superblock.is_backup() && !fs.superblock.is_backup() {
            // The journal has a sound copy of the primary one; the stored one is damaged all the same.
            fs.problems.extend(self.problems);
        }
        fs.problems.extend(replay.problems);
        Ok(fs)
    }

    /// What the journal adds to the volume.
    fn journal(&self) -> Result<journal::Replay> {
        let (record, runs, content) = self.journal_file()?;
        let mut replay = journal::replay(&self.view, &*content, &self.journal_facts(&runs));
        replay.problems.extend(record.problems);
        Ok(replay)
    }

    /// The journal's own file.
    fn journal_file(&self) -> Result<JournalFile> {
        let damaged = || ReadError::corrupt("journal inode");
        let number = self.superblock.journal_inode.ok_or_else(damaged)?;
        let record = self.record_of(number)?;
        let Content::Runs(runs) = &record.content else {
            return Err(damaged().at(record.place.start()).expected("runs of blocks").into());
        };
        let (runs, content) = (runs.clone(), self.content(&record)?);
        Ok((record, runs, content))
    }

    fn journal_facts<'a>(&self, runs: &'a [Run]) -> journal::JournalFacts<'a> {
        journal::JournalFacts {
            block_size: self.superblock.block_size.bytes_u32(),
            blocks: self.superblock.blocks,
            runs,
        }
    }

    /// What older copies in the journal tell. `None` where there is no journal that can be read. The journal is gone
    /// through when this is asked for the first time.
    pub(super) fn former(&self) -> Option<&Former> {
        self.former_and_problems().0.as_ref()
    }

    /// The same, with what could not be read of them.
    pub(super) fn former_and_problems(&self) -> &(Option<Former>, Vec<Error>) {
        self.former.get_or_init(|| {
            if self.superblock.journal_inode.is_none() || self.superblock.external_journal.is_some() {
                return (None, Vec::new());
            }
            self.read_former().unwrap_or_else(|error| (None, vec![error]))
        })
    }

    fn read_former(&self) -> Result<(Option<Former>, Vec<Error>)> {
        let (_, runs, content) = self.journal_file()?;
        let history = journal::history(&*content, &self.journal_facts(&runs))?;
        let former = former(self, history);
        let mut problems = former.history.problems.clone();
        if former.untold > 0 {
            let found = format!("{} copies of inodes more than are kept track of", former.untold);
            problems.push(ReadError::corrupt("older transactions in the journal").found(found).into());
        }
        Ok((Some(former), problems))
    }

    /// Adds what is noteworthy of the filesystem as a whole.
    fn add_notes(&mut self) {
        let superblock = &self.superblock;
        let mut notes = Vec::new();
        if superblock.size() > self.view.len() {
            notes.push(
                ReadError::corrupt("volume")
                    .expected(format!("the {} bytes of the filesystem", superblock.size()))
                    .found(format!("{} bytes", self.view.len()))
                    .advice("the image may be truncated"),
            );
        }
        if superblock.first_inode != EXT4_GOOD_OLD_FIRST_INO {
            notes.push(
                ReadError::corrupt("ext superblock")
                    .at(superblock.offset)
                    .expected(format!("s_first_ino {EXT4_GOOD_OLD_FIRST_INO}, which all tools write"))
                    .found(superblock.first_inode.to_string())
                    .advice("files with lower inode numbers are taken for the filesystem's own"),
            );
        }
        let unknown = superblock.features.unknown_ro_compat();
        if !unknown.is_empty() {
            notes.push(
                ReadError::unsupported("ext features")
                    .at(superblock.offset)
                    .found(format!("{}, which may add things that are not read", unknown.join(", "))),
            );
        }
        if superblock.has_incompat(INCOMPAT_ENCRYPT) {
            notes.push(
                ReadError::unsupported("encryption").at(superblock.offset).found(
                    "the encrypt feature: names in encrypted directories are listed as they are stored",
                ),
            );
        }
        self.problems.extend(notes.into_iter().map(Error::from));
    }

    /// Byte offset of an inode on the view.
    ///
    /// # Errors
    /// When there is no such inode, or its group's descriptor is lost.
    pub(crate) fn inode_offset(&self, number: InodeNumber) -> Result<u64> {
        let superblock = &self.superblock;
        if number.get() > superblock.inodes {
            return Err(Error::NotFound(format!("inode {}", number.get())));
        }
        let index = number.get().saturating_sub(1);
        let per_group = superblock.inodes_per_group;
        let (group, index) = (index / per_group, index % per_group);
        let table = usize::try_from(group)
            .ok()
            .and_then(|group| self.groups.get(group))
            .and_then(|group| group.inode_table)
            .ok_or_else(|| {
                ReadError::corrupt(format!("inode {}", number.get()))
                    .expected(format!("an inode table of group {group}"))
                    .found("a damaged group descriptor")
            })?;
        let inside = u64::from(index).saturating_mul(u64::from(superblock.inode_size.get()));
        Ok(superblock.block_size.offset_of(table).saturating_add(inside))
    }

    /// The bytes of an inode.
    ///
    /// # Errors
    /// When there is no such inode or it cannot be read.
    pub(crate) fn inode_bytes(&self, number: InodeNumber) -> Result<InodeBytes> {
        let offset = self.inode_offset(number)?;
        let mut bytes = SmallVec::from_elem(0, usize::from(self.superblock.inode_size.get()));
        self.view.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// The inode of these bytes, which [`Ext::inode_bytes`] read.
    ///
    /// # Errors
    /// When there is no such inode.
    pub(crate) fn inode<'a>(&self, number: InodeNumber, bytes: &'a [u8]) -> Result<Inode<'a>> {
        let place = ByteRange::at(self.inode_offset(number)?, widen(bytes.len()));
        Inode::new(number, bytes, place)
            .ok_or_else(|| ReadError::corrupt(format!("inode {}", number.get())).at(place.start()).into())
    }

    /// Whether the file of an inode is part of the tree. The inode itself decides, as it does for the
    /// kernel; the bitmaps of inodes, which only steer allocation, are not read.
    pub(super) fn allocation(&self, inode: &Inode<'_>) -> Allocation {
        if inode.links() > 0 {
            Allocation::Allocated
        } else if self.orphan_place(inode.number).is_some() {
            Allocation::Orphan
        } else {
            Allocation::Deleted
        }
    }

    /// Where an inode is named as an orphan, if it is one.
    pub(super) fn orphan_place(&self, number: InodeNumber) -> Option<ByteRange> {
        let index = self.orphans.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.orphans.get(index).map(|(_, place)| *place)
    }

    /// What an inode that is or was in use says.
    ///
    /// # Errors
    /// When there is no such file or it cannot be read.
    pub(super) fn inode_metadata(&self, number: InodeNumber) -> Result<Metadata> {
        let bytes = self.inode_bytes(number)?;
        let inode = self.inode(number, &bytes)?;
        if inode.is_blank() {
            return Err(Error::NotFound(format!("a file with inode {}", number.get())));
        }
        Ok(inode.metadata(&self.superblock, self.allocation(&inode)))
    }

    /// The record of an inode that is or was in use.
    ///
    /// # Errors
    /// When there is no such file or it cannot be read.
    pub(crate) fn record_of(&self, number: InodeNumber) -> Result<Record> {
        let bytes = self.inode_bytes(number)?;
        let inode = self.inode(number, &bytes)?;
        if inode.is_blank() {
            return Err(Error::NotFound(format!("a file with inode {}", number.get())));
        }
        Ok(Recorder::new(self).record(&inode, self.allocation(&inode)))
    }

    /// The bytes of a file or directory.
    ///
    /// # Errors
    /// When it is encrypted, or has no content.
    pub(crate) fn content(&self, record: &Record) -> Result<Arc<dyn ReadAt>> {
        let size = record.metadata.size;
        match &record.content {
            Content::Runs(runs) => self.mapped(stored::segments(runs, size), size),
            Content::Inline(bytes) => {
                let length = widen(bytes.len()).min(size);
                let source = Source::Bytes(Arc::from(&**bytes), 0);
                let mut segments = vec![Segment { start: 0, length, source }];
                if length < size {
                    // A sound file ends in a hole; of a damaged one the rest is lost.
                    let lost = !record.problems.is_empty();
                    let source = if lost { Source::Below(stored::LOST) } else { Source::Zero };
                    segments.push(Segment { start: length, length: size.saturating_sub(length), source });
                }
                self.mapped(segments, size)
            }
            Content::Opaque => Err(ReadError::unsupported("encrypted file")
                .at(record.place.start())
                .found(format!("inode {} with the encrypt flag", record.metadata.id.0))
                .into()),
            Content::Encoded(_) | Content::None => Err(Error::WrongKind("a file with content")),
        }
    }

    fn mapped(&self, segments: Vec<Segment>, size: u64) -> Result<Arc<dyn ReadAt>> {
        Ok(stored::mapped(&self.view, self.superblock.size(), segments, size)?)
    }

    /// Whether records of this kind have content.
    pub(super) fn has_content(kind: FileKind) -> bool {
        matches!(kind, FileKind::Regular | FileKind::Symlink)
    }
}

/// A UUID as it is customarily spelt.
pub(super) fn spell_uuid(uuid: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (position, byte) in uuid.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
