use std::collections::BTreeSet;

use proptest::prelude::*;
use vminspect_bytes::{ByteRange, RangeSet};

fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0..60_u64, 0..12_u64), 0..12)
}

fn set_of(ranges: &[(u64, u64)]) -> (RangeSet, BTreeSet<u64>) {
    let set = ranges.iter().map(|(start, length)| ByteRange::at(*start, *length)).collect();
    let model = ranges.iter().flat_map(|(start, length)| *start..start + length).collect();
    (set, model)
}

fn positions(set: &RangeSet) -> BTreeSet<u64> {
    set.ranges().iter().flat_map(|range| range.start()..range.end()).collect()
}

proptest! {
    #[test]
    fn behaves_as_a_set(left in ranges(), right in ranges(), start in 0..70_u64, length in 0..20_u64) {
        let ((a, x), (b, y)) = (set_of(&left), set_of(&right));
        prop_assert_eq!(positions(&a), x.clone());
        prop_assert!(a.ranges().windows(2).all(|pair| pair[0].end() < pair[1].start()));
        prop_assert_eq!(a.total(), x.len() as u64);
        prop_assert_eq!(positions(&a.intersection(&b)), x.intersection(&y).copied().collect());
        let range = ByteRange::at(start, length);
        let inside: BTreeSet<u64> = x.range(start..start + length).copied().collect();
        prop_assert_eq!(a.intersects(range), !inside.is_empty());
        prop_assert_eq!(a.covers(range), inside.len() as u64 == length);
        prop_assert_eq!(positions(&a.within(range).collect()), inside);
    }
}

#[test]
fn widens_to_whole_units() {
    let set: RangeSet = [ByteRange::new(5, 6), ByteRange::new(9, 17)].into_iter().collect();
    assert_eq!(set.aligned_out(8).ranges(), [ByteRange::new(0, 24)]);
}

#[test]
fn sets_are_joined_and_taken_apart() {
    let set = |ranges: &[(u64, u64)]| -> RangeSet {
        ranges.iter().map(|(start, end)| ByteRange::new(*start, *end)).collect()
    };
    let (a, b) = (set(&[(0, 10), (20, 30), (40, 50)]), set(&[(5, 8), (25, 45), (60, 70)]));
    assert_eq!(a.without(&b), set(&[(0, 5), (8, 10), (20, 25), (45, 50)]));
    assert_eq!(b.without(&a), set(&[(30, 40), (60, 70)]));
    assert_eq!(a.union(&b), set(&[(0, 10), (20, 50), (60, 70)]));
    assert_eq!(a.without(&a), RangeSet::new());
    assert_eq!(a.without(&RangeSet::new()), a);
}
