use std::sync::Arc;

use proptest::prelude::*;
use vminspect_bytes::{ByteRange, Mapped, Memory, Origin, ReadAt, ReadAtExt, Segment, Source, Window};

use crate::{Piece, Pieces};

fn below() -> Pieces {
    Pieces { length: 160, table: (0..10).map(|at| Piece::Stored(1, at)).collect() }
}

/// Gap before, length, where from (0: a hole, 1: memory, else a place below).
fn plan() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
    proptest::collection::vec((0..10_u64, 1..30_u64, 0..130_u64), 0..8)
}

fn segments(plan: &[(u64, u64, u64)]) -> Vec<Segment> {
    let text: Arc<[u8]> = (100..200).collect::<Vec<u8>>().into();
    let mut start = 0;
    let mut list = Vec::new();
    for (gap, length, from) in plan {
        start += gap;
        let source = match from {
            0 => Source::Zero,
            1 => Source::Bytes(Arc::clone(&text), 7),
            at => Source::Below(*at),
        };
        list.push(Segment { start, length: *length, source });
        start += length;
    }
    list
}

fn model(below: &[u8], segments: &[Segment], length: usize, same: bool) -> Vec<u8> {
    let mut bytes = if same { below.to_vec() } else { vec![0; length] };
    for segment in segments {
        for i in 0..segment.length {
            let byte = match &segment.source {
                Source::Zero => 0,
                Source::Bytes(bytes, from) => bytes[from + usize::try_from(i).unwrap()],
                Source::Below(at) => below[usize::try_from(at + i).unwrap()],
            };
            if let Some(slot) = bytes.get_mut(usize::try_from(segment.start + i).unwrap()) {
                *slot = byte;
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn reads_as_its_segments_say(plan in plan(), patched: bool, start in 0..160_u64, length in 0..160_u64) {
        let source = below();
        let plain = source.read_all(1 << 20).unwrap();
        let list = segments(&plan);
        let mapped = if patched { Mapped::patched(&source, list.clone()) } else { Mapped::sparse(&source, list.clone(), 160) }
            .unwrap();
        let expected = model(&plain, &list, 160, patched);
        let range = ByteRange::new(start, (start + length).min(160));
        let bytes = mapped.read_vec(range.start(), usize::try_from(range.len()).unwrap()).unwrap();
        let slice = usize::try_from(range.start()).unwrap()..usize::try_from(range.end()).unwrap();
        prop_assert_eq!(&bytes, &expected[slice]);
        // What the extents name is what is read.
        for extent in mapped.extents(range) {
            let extent = extent.unwrap();
            let got = mapped.read_vec(extent.range.start(), usize::try_from(extent.range.len()).unwrap()).unwrap();
            match extent.origin {
                Origin::Stored { offset, .. } => {
                    prop_assert_eq!(source.read_vec(offset, got.len()).unwrap(), got);
                }
                Origin::Zero => prop_assert!(got.iter().all(|byte| *byte == 0)),
                _ => {}
            }
        }
    }
}

#[test]
fn refuses_overlaps_and_segments_past_the_end_below() {
    let memory = Memory::new(vec![1; 10]);
    let segment = |start, length, at| Segment { start, length, source: Source::Below(at) };
    assert!(Mapped::sparse(&memory, vec![segment(0, 4, 0), segment(3, 4, 0)], 10).is_err());
    assert!(Mapped::sparse(&memory, vec![segment(0, 4, 8)], 10).is_err());
    assert!(Mapped::sparse(&memory, vec![segment(u64::MAX, 4, 0)], 10).is_err());
}

#[test]
fn reads_past_the_end_are_errors() {
    let window = Window::new(Memory::new(vec![1; 10]), ByteRange::new(2, 8)).unwrap();
    assert_eq!(window.len(), 6);
    assert!(window.read_vec(0, 6).is_ok());
    assert!(window.read_vec(0, 7).is_err());
    assert!(window.read_vec(7, 0).is_err());
    assert!(window.read_vec(u64::MAX, 1).is_err());
    assert!(Window::new(Memory::new(vec![1; 10]), ByteRange::new(2, 11)).is_err());
}
