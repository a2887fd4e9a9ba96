use vminspect_bytes::{ReadAt, ReadAtExt, ReadError};

use super::JournalFacts;
use super::checksum::{self, Seed};
use super::layout::{
    JBD2_CRC32C_CHKSUM, JBD2_DEFAULT_FAST_COMMIT_BLOCKS, JBD2_FEATURE_COMPAT_CHECKSUM,
    JBD2_FEATURE_INCOMPAT_64BIT, JBD2_FEATURE_INCOMPAT_ASYNC_COMMIT, JBD2_FEATURE_INCOMPAT_CSUM_V2,
    JBD2_FEATURE_INCOMPAT_CSUM_V3, JBD2_FEATURE_INCOMPAT_FAST_COMMIT, JBD2_FEATURE_INCOMPAT_REVOKE,
    JBD2_MAGIC_NUMBER, JBD2_MIN_JOURNAL_BLOCKS, JBD2_SUPERBLOCK_V1, JBD2_SUPERBLOCK_V2, SUPERBLOCK_SIZE,
    Superblock,
};

const STRUCTURE: &str = "journal superblock";

const KNOWN_INCOMPAT: u32 = JBD2_FEATURE_INCOMPAT_REVOKE
    | JBD2_FEATURE_INCOMPAT_64BIT
    | JBD2_FEATURE_INCOMPAT_ASYNC_COMMIT
    | JBD2_FEATURE_INCOMPAT_CSUM_V2
    | JBD2_FEATURE_INCOMPAT_CSUM_V3
    | JBD2_FEATURE_INCOMPAT_FAST_COMMIT;

/// How blocks are protected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Checksums {
    /// Not at all.
    None,
    /// One CRC-32 a transaction, in its commit block.
    Transaction,
    /// Version 2: every block, data blocks with 16 bits.
    V2(Seed),
    /// Version 3: every block.
    V3(Seed),
}

impl Checksums {
    /// The seed of versions 2 and 3.
    pub(super) const fn seed(self) -> Option<Seed> {
        match self {
            Self::V2(seed) | Self::V3(seed) => Some(seed),
            Self::None | Self::Transaction => None,
        }
    }
}

/// What the journal says of itself, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct JournalSuperblock {
    /// Bytes a block, those of the filesystem.
    pub(super) block_size: u32,
    /// First block of the log.
    pub(super) first: u32,
    /// The block after the last of the log.
    pub(super) last: u32,
    /// Blocks of the journal.
    pub(super) blocks: u32,
    /// First transaction expected.
    pub(super) sequence: u32,
    /// Where it begins. `None`: nothing to replay.
    pub(super) start: Option<u32>,
    /// How blocks are protected.
    pub(super) checksums: Checksums,
    /// Whether block numbers have 64 bits.
    pub(super) wide: bool,
    /// Whether there is an area of fast commits.
    pub(super) fast_commit: bool,
}

impl JournalSuperblock {
    /// Reads and checks the first block of the journal.
    pub(super) fn read(journal: &dyn ReadAt, facts: &JournalFacts<'_>) -> Result<Self, ReadError> {
        let bytes: [u8; SUPERBLOCK_SIZE] = journal.read_array(0)?;
        let raw: Superblock = zerocopy::transmute!(bytes);
        if raw.header.magic.get() != JBD2_MAGIC_NUMBER {
            return Err(corrupt(
                "magic",
                format!("{JBD2_MAGIC_NUMBER:#010x}"),
                format!("{:#010x}", raw.header.magic),
            ));
        }
        let features = Features::of(&raw)?;
        let checksums = features.checksums(&raw)?;
        if checksums.seed().is_some() && checksum::superblock(&bytes) != Some(raw.checksum.get()) {
            let computed = checksum::superblock(&bytes).unwrap_or_default();
            return Err(corrupt("checksum", format!("{computed:#010x}"), format!("{:#010x}", raw.checksum)));
        }
        Self::from_raw(&raw, features, checksums, journal.len(), facts)
    }

    fn from_raw(
        raw: &Superblock,
        features: Features,
        checksums: Checksums,
        length: u64,
        facts: &JournalFacts<'_>,
    ) -> Result<Self, ReadError> {
        let block_size = raw.blocksize.get();
        if block_size != facts.block_size {
            return Err(corrupt("block size", format!("{}", facts.block_size), format!("{block_size}")));
        }
        let blocks = raw.maxlen.get();
        if u64::from(blocks).saturating_mul(u64::from(block_size)) > length {
            let available = length.checked_div(u64::from(block_size)).unwrap_or(0);
            return Err(corrupt("length", format!("at most {available} blocks"), format!("{blocks} blocks")));
        }
        let first = raw.first.get();
        if first == 0 || first >= blocks {
            return Err(corrupt(
                "first block",
                format!("1 to {}", blocks.saturating_sub(1)),
                format!("{first}"),
            ));
        }
        let last = features.last_block(raw, blocks);
        let start = match raw.start.get() {
            0 => None,
            start if (first..last).contains(&start) => Some(start),
            start => {
                let expected = format!("0, or {first} to {}", last.saturating_sub(1));
                return Err(corrupt("start of the log", expected, format!("{start}")));
            }
        };
        Ok(Self {
            block_size,
            first,
            last,
            blocks,
            sequence: raw.sequence.get(),
            start,
            checksums,
            wide: features.has(JBD2_FEATURE_INCOMPAT_64BIT),
            fast_commit: features.has(JBD2_FEATURE_INCOMPAT_FAST_COMMIT),
        })
    }

    /// Blocks that the log goes through before it comes back to where it was.
    pub(super) fn log_length(&self) -> u32 {
        self.last.saturating_sub(self.first)
    }

    /// Where fast commits begin. One block between them and the log stays unused.
    pub(super) fn fast_commit_start(&self) -> Option<u32> {
        self.fast_commit.then(|| self.last.saturating_add(1)).filter(|start| *start < self.blocks)
    }
}

/// Feature fields, all 0 in a superblock of version 1.
#[derive(Clone, Copy, Debug)]
struct Features {
    compat: u32,
    incompat: u32,
}

impl Features {
    fn of(raw: &Superblock) -> Result<Self, ReadError> {
        let features = match raw.header.blocktype.get() {
            JBD2_SUPERBLOCK_V1 => Self { compat: 0, incompat: 0 },
            JBD2_SUPERBLOCK_V2 => {
                Self { compat: raw.feature_compat.get(), incompat: raw.feature_incompat.get() }
            }
            other => return Err(corrupt("block type", "3 or 4", format!("{other}"))),
        };
        let unknown = features.incompat & !KNOWN_INCOMPAT;
        if unknown != 0 {
            return Err(ReadError::unsupported("journal feature")
                .at(0)
                .expected(format!("incompatible features within {KNOWN_INCOMPAT:#x}"))
                .found(format!("{unknown:#x}")));
        }
        Ok(features)
    }

    const fn has(self, incompat: u32) -> bool {
        self.incompat & incompat != 0
    }

    fn checksums(self, raw: &Superblock) -> Result<Checksums, ReadError> {
        let v1 = self.compat & JBD2_FEATURE_COMPAT_CHECKSUM != 0;
        let v2 = self.has(JBD2_FEATURE_INCOMPAT_CSUM_V2);
        let v3 = self.has(JBD2_FEATURE_INCOMPAT_CSUM_V3);
        if u8::from(v1).saturating_add(u8::from(v2)).saturating_add(u8::from(v3)) > 1 {
            let found = format!("compatible {:#x}, incompatible {:#x}", self.compat, self.incompat);
            return Err(corrupt("checksum features", "one version of checksums", found));
        }
        if (v2 || v3) && raw.checksum_type != JBD2_CRC32C_CHKSUM {
            return Err(ReadError::unsupported("journal checksum type")
                .at(0)
                .expected(format!("{JBD2_CRC32C_CHKSUM}"))
                .found(format!("{}", raw.checksum_type)));
        }
        Ok(match (v1, v2, v3) {
            (_, true, _) => Checksums::V2(Seed::new(&raw.uuid)),
            (_, _, true) => Checksums::V3(Seed::new(&raw.uuid)),
            (true, ..) => Checksums::Transaction,
            _ => Checksums::None,
        })
    }

    /// The block after the last of the log: fast commits take their share of the end, as long as that
    /// leaves the log its least length.
    fn last_block(self, raw: &Superblock, blocks: u32) -> u32 {
        if !self.has(JBD2_FEATURE_INCOMPAT_FAST_COMMIT) {
            return blocks;
        }
        let fast = match raw.num_fc_blks.get() {
            0 => JBD2_DEFAULT_FAST_COMMIT_BLOCKS,
            count => count,
        };
        match blocks.checked_sub(fast) {
            Some(rest) if rest >= JBD2_MIN_JOURNAL_BLOCKS => rest,
            _ => blocks,
        }
    }
}

fn corrupt(field: &str, expected: impl Into<String>, found: impl Into<String>) -> ReadError {
    ReadError::corrupt(STRUCTURE).at(0).expected(format!("{field} {}", expected.into())).found(found.into())
}
