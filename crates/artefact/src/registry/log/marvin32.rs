//! The hash of Marvin32, which guards entries of new logs.

/// The seed of registry logs as its two words, the low one first. The specification prints it as the bytes 82 EF 4D
/// 88 7A 4E 55 C5; it is the number 0x82EF4D887A4E55C5.
const SEED: (u32, u32) = (0x7a4e_55c5, 0x82ef_4d88);

/// Hash of `bytes` with the seed that registry logs use.
pub(super) fn marvin32(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let state = words.iter().fold(SEED, |state, word| mix(state, u32::from_le_bytes(*word)));
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest.iter().chain(&[0x80])) {
        *to = *from;
    }
    let (low, high) = mix(mix(state, u32::from_le_bytes(last)), 0);
    u64::from(high) << 32 | u64::from(low)
}

fn mix((low, high): (u32, u32), word: u32) -> (u32, u32) {
    let low = low.wrapping_add(word);
    let high = high ^ low;
    let low = low.rotate_left(20).wrapping_add(high);
    let high = high.rotate_left(9) ^ low;
    let low = low.rotate_left(27).wrapping_add(high);
    (low, high.rotate_left(19))
}
