//! What libwim and ntfs-3g made.

use super::{DecodeError, FILES, chunks};

#[test]
fn every_chunk_decodes_to_what_it_was() {
    for (name, decode) in FILES {
        let chunks = chunks(name);
        assert!(chunks.len() >= 10, "{name}: {}", chunks.len());
        for (number, chunk) in chunks.iter().enumerate() {
            let mut output = vec![0xA5; chunk.plain.len()];
            let result = decode(&chunk.stored, &mut output);
            assert_eq!(result, Ok(()), "{name} {number} of {} bytes", output.len());
            assert!(output == chunk.plain, "{name} {number} of {} bytes", output.len());
        }
    }
}

#[test]
fn an_input_cut_anywhere_is_no_sound_one() {
    for (name, decode) in FILES.iter().filter(|(name, _)| *name != "lznt1") {
        for chunk in chunks(name).iter().step_by(9) {
            let mut output = vec![0; chunk.plain.len()];
            // Encoders write up to four bytes more than a decoder must see.
            for length in (0..chunk.stored.len().saturating_sub(6)).step_by(37) {
                let result = decode(&chunk.stored[..length], &mut output);
                assert_eq!(result, Err(DecodeError::InputEnds), "{name} cut at {length}");
            }
        }
    }
}

#[test]
fn an_output_that_is_too_short_is_never_left() {
    for (name, decode) in FILES {
        for chunk in chunks(name).iter().step_by(5) {
            let room = chunk.plain.len() / 2;
            let mut output = vec![0xA5; chunk.plain.len()];
            let _ = decode(&chunk.stored, &mut output[..room]);
            assert!(output[room..].iter().all(|byte| *byte == 0xA5), "{name}");
        }
    }
}
