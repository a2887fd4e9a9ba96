//! Examples of [MS-XCA] 3, and streams made by hand after the specifications.

use super::{DecodeError, lznt1, lzx, xpress};

#[test]
fn lznt1_of_the_specification() {
    let input = hex::decode(
        concat!(
            "38b08846232000204720410010a24701a045204400084501507900c0452005241388",
            "05b4024a44ef0358028c09160148450 0be009e0004011890 00"
        )
        .replace(' ', ""),
    );
    let text = "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E \
                F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
    let mut output = [0xA5; 200];
    let input = input.expect("hexadecimal");
    assert_eq!(lznt1::decompress(&input, &mut output), Ok(142));
    assert_eq!(&output[..142], text.as_bytes());
    assert_eq!(output[142..], [0; 58]);
}

/// 256 bytes of code lengths, of which these are not zero.
fn xpress_input(lengths: &[(usize, u8)], rest: &str) -> Vec<u8> {
    let mut input = vec![0; 256];
    for (place, byte) in lengths {
        input[*place] = *byte;
    }
    input.extend(hex::decode(rest).expect("hexadecimal"));
    input
}

#[test]
fn xpress_of_the_specification() {
    let mut lengths: Vec<(usize, u8)> = (0x31..0x3B).map(|place| (place, 0x55)).collect();
    lengths.extend([(0x30, 0x50), (0x3B, 0x45), (0x3C, 0x44), (0x3D, 0x04), (0x80, 0x04)]);
    let input = xpress_input(&lengths, "d8523ed794115be9195ff9d67cdf8d0400000000");
    let mut output = [0; 26];
    assert_eq!(xpress::decompress(&input, &mut output), Ok(()));
    assert_eq!(&output, b"abcdefghijklmnopqrstuvwxyz");

    let input = xpress_input(&[(0x30, 0x30), (0x31, 0x23), (0x80, 0x02), (0x8F, 0x20)], "a8dc0000ff2601");
    let mut output = [0; 300];
    assert_eq!(xpress::decompress(&input, &mut output), Ok(()));
    assert_eq!(output.to_vec(), b"abc".repeat(100));
}

/// What Windows makes of 65537 zeros: one match, longer than a block.
#[test]
fn an_xpress_match_may_leave_its_block() {
    let input = xpress_input(&[(0, 0x02), (128, 0x02), (135, 0x10)], "00980000fffdff");
    let mut output = vec![1; 65537];
    assert_eq!(xpress::decompress(&input, &mut output), Ok(()));
    assert!(output.iter().all(|byte| *byte == 0));
}

/// More than a block, which libwim does not make. The other encoder puts the length in front.
#[test]
fn xpress_blocks_follow_each_other() {
    let plain = super::fixture("plain.bin.zst");
    for length in [65_535, 65_536, 65_537, 70_000, 131_072, 200_001, plain.len()] {
        let plain = &plain[plain.len() - length..];
        let framed = compcol::vec::compress_to_vec::<compcol::xpress_huffman::XpressHuffman>(plain).unwrap();
        let mut output = vec![0xA5; length];
        assert_eq!(xpress::decompress(&framed[4..], &mut output), Ok(()), "{length}");
        assert!(output == plain, "{length}");
    }
}

#[test]
fn lznt1_of_other_encoders() {
    let plain = super::fixture("plain.bin.zst");
    let mut first = Vec::new();
    ::lznt1::compress(&plain, &mut first);
    let second = compcol::vec::compress_to_vec::<compcol::lznt1::Lznt1>(&plain).unwrap();
    for stored in [first, second] {
        let mut output = vec![0xA5; plain.len() + 100];
        assert_eq!(lznt1::decompress(&stored, &mut output), Ok(plain.len()));
        assert!(output[..plain.len()] == plain);
    }
}

#[test]
fn xpress_lengths_that_are_no_code_are_refused() {
    let refused = Err(DecodeError::CodeLengths { code: "symbol" });
    for lengths in [&[][..], &[(0, 0x01)], &[(0, 0x11), (1, 0x01)], &[(0, 0x21)]] {
        assert_eq!(xpress::decompress(&xpress_input(lengths, "0000000000000000"), &mut [0; 4]), refused);
    }
}

#[test]
fn a_short_lznt1_chunk_is_padded_to_4_kib() {
    let mut output = [0xA5; 9000];
    // A plain chunk of two bytes, a compressed one of three literals.
    let input = [0x01, 0x30, b'a', b'b', 0x03, 0xB0, 0x00, b'c', b'd', b'e', 0, 0];
    assert_eq!(lznt1::decompress(&input, &mut output), Ok(4099));
    assert_eq!((&output[..3], &output[4095..4100]), (&b"ab\0"[..], &b"\0cde\0"[..]));
    assert!(output[4099..].iter().all(|byte| *byte == 0));
    // Nothing at all is a unit of zeros.
    assert_eq!((lznt1::decompress(&[], &mut output), output[0]), (Ok(0), 0));
}

#[test]
fn damage_to_lznt1_is_named() {
    let decode = |input: &[u8]| lznt1::decompress(input, &mut [0; 8192]);
    assert_eq!(
        decode(&[3, 0x90, 0]),
        Err(DecodeError::Value { structure: "chunk signature", found: 0x9003 })
    );
    assert_eq!(decode(&[3, 0xB0, 0]), Err(DecodeError::InputEnds));
    assert_eq!(decode(&[2, 0xB0, 1, 0, 0]), Err(DecodeError::Offset { position: 0, offset: 1 }));
    assert_eq!(decode(&[2, 0xB0, 2, b'a', 0]), Err(DecodeError::InputEnds));
    assert_eq!(decode(&[3, 0xB0, 2, b'a', 0, 0x10]), Err(DecodeError::Offset { position: 1, offset: 2 }));
    // One literal, then matches of 4098 bytes: more than the chunk can hold, but not more than a short output.
    let long = [3, 0xB0, 2, b'a', 0xFF, 0x0F];
    assert_eq!(decode(&long), Err(DecodeError::Length { position: 1, length: 4098, room: 4095 }));
    let mut output = [0; 100];
    assert_eq!((lznt1::decompress(&long, &mut output), output), (Ok(100), [b'a'; 100]));
}

#[test]
fn damage_to_lzx_is_named() {
    let decode = |input: &str, room: usize| lzx::decompress(&hex::decode(input).unwrap(), &mut vec![0; room]);
    assert_eq!(decode("0000", 1), Err(DecodeError::Value { structure: "block type", found: 0 }));
    assert_eq!(decode("", 1), Err(DecodeError::InputEnds));
    assert_eq!(decode("", 0), Ok(()));
    // Blocks: of no bytes, of more than the chunk, with an offset of 0, and a sound one.
    let stored = |size: &str, rest: &str| decode(&format!("{size}{rest}"), 2);
    let rest = "0100000001000000010000006162";
    assert_eq!(stored("00600000", rest), Err(DecodeError::Length { position: 0, length: 0, room: 2 }));
    assert_eq!(stored("00600030", rest), Err(DecodeError::Length { position: 0, length: 3, room: 2 }));
    assert_eq!(stored("00600020", rest), Ok(()));
    let zero = Err(DecodeError::Value { structure: "recent offset", found: 0 });
    assert_eq!(stored("00600020", "0100000000000000010000006162"), zero);
    assert_eq!(stored("00600020", "010000000100000001000000"), Err(DecodeError::InputEnds));
    assert!(decode("", lzx::MAX_CHUNK + 1).is_err());
}

#[test]
fn an_error_says_what_and_where() {
    let error = DecodeError::Offset { position: 5, offset: 9 };
    assert_eq!(error.to_string(), "expected an offset of 1 to 5, found 9");
    let error = error.within("compression unit").at(4096);
    assert_eq!(
        error.to_string(),
        "damaged compression unit at byte 4096: expected an offset of 1 to 5, found 9"
    );
}
