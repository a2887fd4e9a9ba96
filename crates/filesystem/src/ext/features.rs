//! Names of the feature bits, as `e2fsprogs` prints them.

use super::layout::{
    INCOMPAT_64BIT, INCOMPAT_CASEFOLD, INCOMPAT_CSUM_SEED, INCOMPAT_EA_INODE, INCOMPAT_ENCRYPT,
    INCOMPAT_EXTENTS, INCOMPAT_FILETYPE, INCOMPAT_FLEX_BG, INCOMPAT_INLINE_DATA, INCOMPAT_LARGEDIR,
    INCOMPAT_META_BG, INCOMPAT_MMP, INCOMPAT_RECOVER, RO_COMPAT_BTREE_DIR, RO_COMPAT_LARGE_FILE,
    RO_COMPAT_SPARSE_SUPER,
};

/// The three feature words of a superblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Features {
    pub compat: u32,
    pub incompat: u32,
    pub ro_compat: u32,
}

const COMPAT: &[(u32, &str)] = &[
    (0x1, "dir_prealloc"),
    (0x2, "imagic_inodes"),
    (0x4, "has_journal"),
    (0x8, "ext_attr"),
    (0x10, "resize_inode"),
    (0x20, "dir_index"),
    (0x40, "lazy_bg"),
    (0x80, "snapshot_exclude_inode"),
    (0x100, "snapshot_exclude_bitmap"),
    (0x200, "sparse_super2"),
    (0x400, "fast_commit"),
    (0x800, "stable_inodes"),
    (0x1000, "orphan_file"),
];

const INCOMPAT: &[(u32, &str)] = &[
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extent"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];

const RO_COMPAT: &[(u32, &str)] = &[
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x4, "btree_dir"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x80, "snapshot"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x800, "replica"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x4000, "shared_blocks"),
    (0x8000, "verity"),
    (0x1_0000, "orphan_present"),
];

/// Incompatible features that this reader handles.
const READABLE: u32 = INCOMPAT_FILETYPE
    | INCOMPAT_RECOVER
    | INCOMPAT_META_BG
    | INCOMPAT_EXTENTS
    | INCOMPAT_64BIT
    | INCOMPAT_MMP
    | INCOMPAT_FLEX_BG
    | INCOMPAT_EA_INODE
    | INCOMPAT_CSUM_SEED
    | INCOMPAT_LARGEDIR
    | INCOMPAT_INLINE_DATA
    | INCOMPAT_ENCRYPT
    | INCOMPAT_CASEFOLD;

impl Features {
    /// The names of all that are set, unknown ones as `FEATURE_I20` and the like.
    pub(super) fn names(self) -> Vec<String> {
        let mut names = Vec::new();
        push_names(&mut names, self.compat, COMPAT, 'C');
        push_names(&mut names, self.incompat, INCOMPAT, 'I');
        push_names(&mut names, self.ro_compat, RO_COMPAT, 'R');
        names
    }

    /// The names of those without which the filesystem must not be read, and which are not handled here.
    pub(super) fn unreadable(self) -> Vec<String> {
        let mut names = Vec::new();
        push_names(&mut names, self.incompat & !READABLE, INCOMPAT, 'I');
        names
    }

    /// The names of read-only compatible ones that are not known here.
    pub(super) fn unknown_ro_compat(self) -> Vec<String> {
        let known = RO_COMPAT.iter().fold(0, |mask, (bit, _)| mask | bit);
        let mut names = Vec::new();
        push_names(&mut names, self.ro_compat & !known, RO_COMPAT, 'R');
        names
    }

    /// `ext2`, `ext3` or `ext4`, told apart as `blkid` does: by the features that the older ones know.
    pub(super) fn format(self) -> &'static str {
        let old_ro = RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_BTREE_DIR;
        let old_incompat = INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG;
        if self.ro_compat & !old_ro != 0 || self.incompat & !old_incompat != 0 {
            "ext4"
        } else if self.compat & super::layout::COMPAT_HAS_JOURNAL != 0 {
            "ext3"
        } else {
            "ext2"
        }
    }
}

fn push_names(names: &mut Vec<String>, word: u32, table: &[(u32, &str)], kind: char) {
    for shift in 0..u32::BITS {
        let bit = word & 1_u32.wrapping_shl(shift);
        if bit != 0 {
            let known = table.iter().find(|(mask, _)| *mask == bit);
            names
                .push(known.map_or_else(|| format!("FEATURE_{kind}{shift}"), |(_, name)| (*name).to_owned()));
        }
    }
}
