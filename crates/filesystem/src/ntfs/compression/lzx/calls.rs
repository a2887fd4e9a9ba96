//! Targets of x86 `call` instructions, which encoders make absolute so that calls of one function look alike.

/// The opcode of `call`.
const CALL: u8 = 0xE8;
/// The size of the file that targets are translated for, whatever its real size is.
const FILE_SIZE: i32 = 12_000_000;
/// The last bytes of a chunk, where no `call` that is translated begins.
const UNTOUCHED: usize = 10;

/// Makes the targets relative again.
pub(super) fn restore(chunk: &mut [u8]) {
    let end = chunk.len().saturating_sub(UNTOUCHED);
    let mut position = 0_usize;
    while let Some(found) = chunk.get(position..end).and_then(|rest| memchr::memchr(CALL, rest)) {
        let call = position.wrapping_add(found);
        let target = chunk.get_mut(call.wrapping_add(1)..).and_then(|rest| rest.first_chunk_mut());
        if let (Some(target), Ok(place)) = (target, i32::try_from(call)) {
            *target = relative(i32::from_le_bytes(*target), place).to_le_bytes();
        }
        position = call.wrapping_add(5);
    }
}

/// The target that the `call` at `place` had before translation; most values that are none were left alone.
fn relative(absolute: i32, place: i32) -> i32 {
    if (0..FILE_SIZE).contains(&absolute) {
        absolute.wrapping_sub(place)
    } else if (place.wrapping_neg()..0).contains(&absolute) {
        absolute.wrapping_add(FILE_SIZE)
    } else {
        absolute
    }
}
