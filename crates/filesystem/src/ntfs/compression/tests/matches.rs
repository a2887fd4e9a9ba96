//! Matches of every shape, against one byte at a time.

use super::super::copy::repeat;
use super::DecodeError;

fn plainly(output: &mut [u8], position: usize, offset: usize, length: usize) {
    for at in position..position + length {
        output[at] = output[at - offset];
    }
}

#[test]
fn every_offset_length_and_room() {
    let content: Vec<u8> = (0..200_u16).map(|number| (number * 37 % 251) as u8).collect();
    let position = 80;
    for offset in 1..=position {
        for length in 1..=70 {
            for room in [length, length + 1, length + 7, length + 16, length + 47, 120] {
                let mut expected = content[..position + room].to_vec();
                let mut output = expected.clone();
                plainly(&mut expected, position, offset, length);
                assert_eq!(repeat(&mut output, position, offset, length), Ok(()));
                let end = position + length;
                assert_eq!(output[..end], expected[..end], "offset {offset}, length {length}, room {room}");
            }
        }
    }
}

#[test]
fn matches_that_leave_the_output() {
    let mut output = [0; 100];
    for (position, offset, length) in [(50, 51, 3), (0, 1, 3), (5, 0, 3), (20, usize::MAX, 3), (3, 20, 16)] {
        let refused = Err(DecodeError::Offset { position, offset });
        assert_eq!(repeat(&mut output, position, offset, length), refused);
    }
    for (position, offset, length) in
        [(50, 20, 51), (95, 1, 6), (90, 40, 11), (100, 1, 1), (50, 1, usize::MAX)]
    {
        let refused = Err(DecodeError::Length { position, length, room: 100 - position });
        assert_eq!(repeat(&mut output, position, offset, length), refused);
    }
}
