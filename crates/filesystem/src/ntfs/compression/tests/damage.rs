//! Damaged chunks: any end but a panic will do, and nothing may be written outside of the output.

use super::{Chunk, FILES, chunks};

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// One to eight bytes changed, mostly near the start, where headers and code lengths are; sometimes cut.
fn damaged(chunk: &Chunk, random: &mut Random) -> Vec<u8> {
    let mut stored = chunk.stored.clone();
    for _ in 0..=random.below(8) {
        let reach = [8, 300, stored.len(), stored.len()][random.below(4)].min(stored.len());
        let place = random.below(reach);
        stored[place] = match random.below(4) {
            0 => 0,
            1 => 0xFF,
            2 => stored[place] ^ 1 << random.below(8),
            _ => random.below(256) as u8,
        };
    }
    if random.below(8) == 0 {
        stored.truncate(random.below(stored.len()));
    }
    stored
}

#[test]
fn damaged_chunks_end_without_a_panic() {
    let full = std::env::var("VMINSPECT_DAMAGE").is_ok_and(|extent| extent == "full");
    let rounds = if full { 20_000 } else { 1_000 };
    for (name, decode) in FILES {
        let chunks = chunks(name);
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let mut refused = 0;
        for round in 0..rounds {
            let chunk = &chunks[round % chunks.len()];
            let stored = damaged(chunk, &mut random);
            // Sometimes more or less than there was.
            let room = [chunk.plain.len(), chunk.plain.len(), random.below(70_000)][random.below(3)];
            let mut output = vec![0xA5; room + 64];
            let mut other = vec![0; room];
            let result = decode(&stored, &mut output[..room]);
            assert_eq!(result, decode(&stored, &mut other), "{name} {round}");
            refused += usize::from(result.is_err());
            // A sound stream says all of the output, whatever was there before.
            assert!(result.is_err() || output[..room] == other, "{name} {round}");
            assert!(output[room..].iter().all(|byte| *byte == 0xA5), "{name} {round}");
        }
        assert!(refused > rounds / 10, "{name}: only {refused} of {rounds} were refused");
    }
}
