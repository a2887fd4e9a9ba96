//! Compressed data from Windows, where the corpus of published files is.

use vminspect_filesystem::ntfs::compression::lznt1;

use crate::fixtures::corpus;

/// A registry value that Windows compressed, from the tests of notatin. Its two lengths stand in front.
#[test]
fn lznt1_of_windows() {
    let Some(corpus) = corpus() else { return };
    let Ok(stored) = std::fs::read(corpus.join("registry/notatin/lznt1_buffer")) else { return };
    let plain = std::fs::read(corpus.join("registry/notatin/lznt1_decoded_buffer")).expect("its content");
    let mut output = vec![0xA5; 2 * plain.len()];
    assert_eq!(lznt1::decompress(&stored[8..], &mut output), Ok(plain.len()));
    assert!(output[..plain.len()] == plain);
}
