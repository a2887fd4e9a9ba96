//! Provenance saves work; it never changes an answer.

use vminspect_analysis::finding::{Comparison, Statistics};
use vminspect_analysis::{Options, Silent, compare};
use vminspect_guest::Coverage;

use crate::{compared, flatten, guest, options, sample};

/// A comparison without what names the images or counts the work.
fn answer(mut comparison: Comparison) -> Comparison {
    comparison.statistics = Statistics::default();
    comparison.coverage = Coverage::default();
    comparison
}

#[test]
fn an_overlay_and_flat_copies_give_one_answer() {
    let directory = tempfile::tempdir().unwrap();
    let (before, after) = (directory.path().join("before.raw"), directory.path().join("after.raw"));
    flatten(&sample("before.qcow2"), &before);
    flatten(&sample("after.qcow2"), &after);
    let overlay = compared(&sample("before.qcow2"), &sample("after.qcow2"));
    assert!(overlay.statistics.bytes_proven_equal > overlay.statistics.bytes_compared);
    let flat = compared(&before, &after);
    assert_eq!(flat.statistics.bytes_proven_equal, 0);
    let expected = answer(overlay);
    assert!(!expected.is_empty());
    assert_eq!(answer(flat), expected);
    assert_eq!(answer(compared(&sample("before.qcow2"), &after)), expected);
}

#[test]
fn threads_and_memory_do_not_change_the_answer() {
    let (before, after) = (guest(&sample("before.qcow2")), guest(&sample("after.qcow2")));
    let expected = answer(compare(&before, &after, &options(), &Silent));
    let small = Options { memory: 1, ..options() };
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| compare(&before, &after, &small, &Silent));
        assert_eq!(answer(found), expected, "{threads} threads");
    }
}

#[test]
fn a_disk_is_equal_to_itself_and_changes_turn_round() {
    let (before, after) = (sample("before.qcow2"), sample("after.qcow2"));
    assert!(compared(&after, &after).is_empty());
    let (there, back) = (compared(&before, &after), compared(&after, &before));
    assert_eq!(there.created, back.deleted);
    assert_eq!(there.deleted, back.created);
    assert_eq!(there.modified.len(), back.modified.len());
    assert_eq!(there.metadata_changed.len(), back.metadata_changed.len());
}
