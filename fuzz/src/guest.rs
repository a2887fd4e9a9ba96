//! The text files that tell what a guest is.

use std::fs;
use std::sync::LazyLock;

use vminspect_guest::Guest;
use vminspect_image::OpenOptions;

use crate::image;
use crate::seed;

static SEED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let seeds = seed::decompress(&[include_bytes!("../seeds/guest.gz")]);
    seed::damaged(&seeds, &[])
});

/// Bytes of each text file in the seed, which fills them with one letter.
const LENGTH: usize = 1024;

/// A sound guest with any `/etc/os-release`, `/etc/fstab` and `/etc/hostname`: the input, cut at bytes of
/// 0xFF.
pub fn guest(input: &[u8]) {
    let mut disk = SEED.clone();
    for (letter, text) in b"OFH".iter().zip(input.split(|byte| *byte == 0xFF)) {
        let place = SEED.windows(LENGTH).position(|window| window.iter().all(|byte| byte == letter));
        let place = &mut disk[place.expect("a file of one letter")..][..LENGTH];
        place.fill(b'\n');
        for (byte, new) in place.iter_mut().zip(text) {
            *byte = *new;
        }
    }
    let path = image::write(&disk);
    let guest = Guest::open(&path, &OpenOptions::default()).expect("an image that is sound");
    for path in [&b"/etc/fstab"[..], b"vol1:/etc/os-release", b"/etc/../../etc", b"\0", b"", input] {
        let _ = guest.locate(path);
    }
    for problem in guest.coverage().sorted() {
        assert!(!problem.message.is_empty());
    }
    fs::remove_file(&path).expect("a file of ours");
}
