use proptest::prelude::*;
use vminspect_bytes::{ByteRange, RangeSet, ReadAtExt, differ, refine};

use crate::{Piece, Pieces};

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        (0..2_u8, 0..4_u8).prop_map(|(store, at)| Piece::Stored(store, at)),
        Just(Piece::Zero),
        (0..2_u8).prop_map(Piece::Unknown),
    ]
}

fn pieces() -> impl Strategy<Value = Pieces> {
    (proptest::collection::vec(piece(), 1..20), 0..Pieces::PIECE)
        .prop_map(|(table, short)| Pieces { length: table.len() as u64 * Pieces::PIECE - short, table })
}

proptest! {
    /// Whatever `differ` leaves out holds equal bytes.
    #[test]
    fn what_is_left_out_is_equal(a in pieces(), b in pieces()) {
        let set = differ(&a, &b).unwrap();
        let (left, right) = (a.read_all(1 << 20).unwrap(), b.read_all(1 << 20).unwrap());
        for (position, (x, y)) in left.iter().zip(&right).enumerate() {
            let at = ByteRange::at(position as u64, 1);
            prop_assert!(set.intersects(at) || x == y, "byte {position}");
        }
        let longer = left.len().max(right.len()) as u64;
        let shorter = left.len().min(right.len()) as u64;
        prop_assert!(set.covers(ByteRange::new(shorter, longer)));
    }

    /// `refine` keeps exactly the units in which a byte differs.
    #[test]
    fn refine_is_exact(a in pieces(), b in pieces(), unit in 1..40_u64) {
        let shared = a.length.min(b.length);
        let all = RangeSet::of(ByteRange::at(0, shared));
        let kept = refine(&a, &b, &all, unit);
        let (left, right) = (a.read_all(1 << 20).unwrap(), b.read_all(1 << 20).unwrap());
        let mut expected = RangeSet::new();
        let mut start = 0;
        while start < shared {
            let end = (start + unit).min(shared);
            let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
            if left[range.clone()] != right[range] {
                expected.insert(ByteRange::new(start, end));
            }
            start = end;
        }
        prop_assert_eq!(kept, expected);
    }
}

#[test]
fn equal_tables_differ_nowhere_but_in_unknown_pieces() {
    let table = vec![Piece::Stored(1, 1), Piece::Unknown(3), Piece::Zero];
    let disk = Pieces { length: 48, table };
    assert_eq!(differ(&disk, &disk).unwrap().ranges(), [ByteRange::new(16, 32)]);
}
