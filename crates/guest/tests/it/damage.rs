use std::path::PathBuf;

use tempfile::TempDir;
use vminspect_bytes::ReadAtExt;
use vminspect_guest::Guest;

use crate::{open, open_path, prefixes, problems, text};

/// A raw copy of a guest's disk that can be damaged.
pub(crate) struct DiskCopy {
    directory: TempDir,
    pub(crate) bytes: Vec<u8>,
}

const START: usize = 2048 * 512;

impl DiskCopy {
    pub(crate) fn of(guest: &Guest) -> Self {
        let bytes = guest.disk().bytes().read_all(1 << 30).expect("a small disk");
        Self { directory: TempDir::new().expect("a directory"), bytes }
    }

    pub(crate) fn open(&self) -> Guest {
        let path: PathBuf = self.directory.path().join("disk.raw");
        std::fs::write(&path, &self.bytes).expect("written");
        open_path(&path)
    }

    /// Overwrites the start of the volume in this place of the table, superblock and descriptors.
    fn wipe_volume(&mut self, position: usize, byte: u8) {
        let start = START * position;
        self.bytes[start..start + START].fill(byte);
    }
}

#[test]
fn damage_in_one_volume_hides_no_other() {
    let mut copy = DiskCopy::of(&open("guest/mounted.qcow2"));
    copy.wipe_volume(6, 0x5A);
    let guest = copy.open();
    assert_eq!(text(&guest, "/var/file"), "root\n");
    assert_eq!(text(&guest, "/home/user/file"), "home\n");
    guest.locate(b"/srv/data/deep/file").expect("mounted inside a volume that is gone");
    let places: Vec<String> = problems(&guest).into_iter().map(|problem| problem.0).collect();
    assert!(places.contains(&"vol6:".to_owned()), "{places:?}");
}

#[test]
fn a_damaged_root_leaves_the_others() {
    let mut copy = DiskCopy::of(&open("guest/mounted.qcow2"));
    copy.wipe_volume(3, 0x5A);
    let guest = copy.open();
    assert!(guest.system().is_none());
    assert!(prefixes(&guest).iter().all(|prefix| prefix.starts_with("vol")));
    assert_eq!(text(&guest, "vol8:/file"), "spare\n");
}

#[test]
fn a_truncated_disk_has_what_is_left() {
    let mut copy = DiskCopy::of(&open("guest/mounted.qcow2"));
    copy.bytes.truncate(START * 5 + 4096);
    let guest = copy.open();
    assert_eq!(text(&guest, "/var/file"), "root\n");
    assert!(guest.coverage().has_failures());
    let mut copy = DiskCopy::of(&open("guest/mounted.qcow2"));
    copy.bytes.truncate(700);
    assert!(copy.open().coverage().has_failures());
}

#[test]
fn a_wiped_table_leaves_the_backup() {
    let mut copy = DiskCopy::of(&open("guest/mounted.qcow2"));
    copy.bytes[512..1024].fill(0);
    let guest = copy.open();
    assert_eq!(text(&guest, "/var/file"), "root\n");
    assert!(guest.coverage().has_failures());
}

/// A disk whose table belongs to another machine may have a filesystem behind it all the same.
#[test]
fn a_foreign_table_is_told() {
    let mut copy = DiskCopy::of(&open("guest/plain.qcow2"));
    copy.bytes[512..516].copy_from_slice(&0x8256_4557_u32.to_le_bytes());
    copy.bytes[644..648].copy_from_slice(&0x8256_4557_u32.to_le_bytes());
    let guest = copy.open();
    assert_eq!(text(&guest, "/directory/file"), "plain\n");
    let problems = problems(&guest);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].2.contains("BSD disklabel"));
}

/// The mount table of the root volume, made of noise of the same length.
#[test]
fn a_hostile_mount_table_costs_only_itself() {
    let mut copy = DiskCopy::of(&open("guest/mounted.qcow2"));
    let table = b"# device  mount point";
    let at = copy.bytes.windows(table.len()).position(|bytes| bytes == table).expect("the table");
    for (index, byte) in copy.bytes[at..at + 512].iter_mut().enumerate() {
        *byte = u8::try_from(index % 256).expect("a byte") | 0x80;
    }
    let guest = copy.open();
    assert_eq!(text(&guest, "/var/file"), "root\n");
    assert_eq!(text(&guest, "vol5:/user/file"), "home\n");
}

/// Bytes all over the metadata of a small guest, changed one after another: no panic, and the guest opens.
#[test]
fn changed_bytes_never_stop_it() {
    let original = DiskCopy::of(&open("guest/two.qcow2"));
    let mut copy =
        DiskCopy { directory: TempDir::new().expect("a directory"), bytes: original.bytes.clone() };
    let runs =
        if std::env::var_os("VMINSPECT_DAMAGE").is_some_and(|value| value == "full") { 10_000 } else { 500 };
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let used: Vec<usize> = (0..original.bytes.len()).filter(|at| original.bytes[*at] != 0).collect();
    for _ in 0..runs {
        let mut changed = Vec::new();
        for _ in 0..4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = used[usize::try_from(state % used.len() as u64).expect("an index")];
            copy.bytes[at] = match state >> 62 {
                0 => 0,
                1 => 0xFF,
                _ => copy.bytes[at] ^ (1 << ((state >> 32) & 7)),
            };
            changed.push(at);
        }
        let guest = copy.open();
        for path in ["/home/file", "vol2:/etc/os-release", "/etc/fstab", "/sbin/init"] {
            let _ = guest.read_file(path.as_bytes(), 1 << 20);
        }
        changed.iter().for_each(|at| copy.bytes[*at] = original.bytes[*at]);
    }
    assert_eq!(text(&copy.open(), "/home/file"), "home\n");
}
