//! Disks of which one side cannot be read: what is not known is told, and nothing is made up.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::{compared, flatten, guest, sample};

#[test]
fn files_of_a_volume_that_one_side_cannot_read_are_not_said_to_be_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (sound, damaged) = (directory.path().join("sound.raw"), directory.path().join("damaged.raw"));
    flatten(&sample("before.qcow2"), &sound);
    flatten(&sample("before.qcow2"), &damaged);
    let start = guest(&sound).volumes().first().unwrap().volume.range.start();
    // A block size that no ext filesystem has: its magic is there, it cannot be opened.
    File::options().write(true).open(&damaged).unwrap().write_all_at(&[0xff; 4], start + 1024 + 24).unwrap();
    for (before, after) in [(&sound, &damaged), (&damaged, &sound)] {
        let found = compared(before, after);
        assert!(found.deleted.is_empty() && found.created.is_empty());
        assert!(found.deleted_other.is_empty() && found.created_other.is_empty());
        assert!(!found.coverage.is_complete());
        let told = found.coverage.sorted().into_iter().any(|problem| {
            problem.image == damaged.display().to_string() && problem.message.contains("cannot be compared")
        });
        assert!(told, "{:?}", found.coverage);
        // That the bytes are not the same is known.
        assert!(!found.areas_changed.is_empty());
    }
}

#[test]
fn what_a_truncated_image_lacks_is_no_difference_and_is_blamed_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let truncated = directory.path().join("before.qcow2");
    let bytes = fs::read(sample("before.qcow2")).unwrap();
    fs::write(&truncated, bytes.get(..400_000).unwrap()).unwrap();
    let same = compared(&truncated, &truncated);
    assert!(same.areas_changed.is_empty(), "{:?}", same.areas_changed);
    let whole = sample("before.qcow2");
    for (before, after) in [(&truncated, &whole), (&whole, &truncated)] {
        let found = compared(before, after);
        assert!(found.areas_changed.is_empty() && found.modified.is_empty());
        assert!(found.coverage.has_failures());
        for problem in found.coverage.sorted() {
            assert_eq!(problem.image, truncated.display().to_string(), "{}", problem.message);
        }
    }
}
